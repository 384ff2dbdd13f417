//! The key under which the keys of models are sealed at rest.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use kafka_core::{Error, ErrorKind, Random, Result, Secret, SecretSource};

use super::Settings;

/// Keys that stand in public documents, or that failed scripts produce, and that look random.
const PUBLISHED: [&str; 2] = [
    // SHA-256 of nothing: what `echo -n $UNSET | sha256sum` prints.
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    // The AES-256 key of the examples in NIST SP 800-38A.
    "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4",
];

/// Fewest different bytes of a key. Of 32 random bytes about 30 differ; 16 or fewer never happens.
const DIFFERENT_BYTES: usize = 17;

/// Most secrets at a time: the one that seals, and those that it replaces.
const SECRETS: usize = 4;

/// The configured secrets or, without one, those of `<data-dir>/secret`, which is read again whenever a key
/// is sealed or cannot be opened. The file is made with 32 random bytes, readable by its owner only, when
/// it does not exist; of several processes that start at once one makes it and all use it. A missing data
/// directory is made too.
///
/// # Errors
/// [`ErrorKind::Invalid`] `secret_file_invalid`: the file holds no key, a known one, or others may
/// read it. [`ErrorKind::Storage`] `secret_file_failed`: it cannot be read or made.
pub fn secret_source(settings: &Settings, random: &dyn Random) -> Result<Arc<dyn SecretSource>> {
    if !settings.secret_key.is_empty() {
        return Ok(Arc::new(settings.secret_key.clone()));
    }
    let source = SecretFile(settings.secret_file());
    if read(&source.0).map_err(|error| failed(&source.0, &error))?.is_none() {
        create(&source.0, random).map_err(|error| failed(&source.0, &error))?;
    }
    // Read rather than remembered, because another process may have been first.
    source.secrets()?;
    Ok(Arc::new(source))
}

/// A file of secrets, a line each, the one that seals first.
#[derive(Debug)]
struct SecretFile(PathBuf);

impl SecretSource for SecretFile {
    fn secrets(&self) -> Result<Vec<Secret<[u8; 32]>>> {
        let text = read(&self.0).map_err(|error| failed(&self.0, &error))?;
        keys_of_file(&self.0, &text.unwrap_or_default())
    }
}

fn failed(file: &Path, error: &io::Error) -> Error {
    Error::new(
        ErrorKind::Storage,
        "secret_file_failed",
        format!(
            "The secret file {} cannot be read or made ({error}); make its directory writable, or set \
             KAFKA_SECRET_KEY.",
            file.display()
        ),
    )
}

/// The right to replace the secret of a data directory, which one process has at a time.
#[derive(Debug)]
pub struct SecretRotation {
    file: PathBuf,
    _lock: File,
}

impl SecretRotation {
    /// Keeps other rotations away until it is dropped.
    ///
    /// # Errors
    /// `Invalid` (`secret_configured`) when the secret is not in a file; `Conflict` (`secret_in_rotation`)
    /// while another process replaces it; `Storage` (`secret_file_failed`).
    pub fn begin(settings: &Settings) -> Result<SecretRotation> {
        if !settings.secret_key.is_empty() {
            return Err(Error::new(
                ErrorKind::Invalid,
                "secret_configured",
                "The secret comes from KAFKA_SECRET_KEY or kafka.toml; put a new key, a comma and the old one \
                 there for every server, restart them, and run `kafka secret reseal`.",
            ));
        }
        let file = settings.secret_file();
        let lock_file = file.with_extension("lock");
        let lock = open_private(OpenOptions::new().create(true).truncate(false), &lock_file)
            .map_err(|error| failed(&lock_file, &error))?;
        match lock.try_lock() {
            Ok(()) => Ok(SecretRotation { file, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(Error::new(
                ErrorKind::Conflict,
                "secret_in_rotation",
                "Another process replaces the secret at this moment; wait until it is done.",
            )),
            Err(TryLockError::Error(error)) => Err(failed(&lock_file, &error)),
        }
    }

    /// Puts a new secret in front of the one that sealed so far, which goes on opening. Every stored key
    /// must be sealed with that one: older secrets are dropped here. The file changes at once and whole.
    ///
    /// # Errors
    /// `Storage` (`secret_file_failed`), and those of [`secret_source`]; then nothing has changed.
    pub fn replace(&self, random: &dyn Random) -> Result<()> {
        let text = read(&self.file).map_err(|error| failed(&self.file, &error))?.unwrap_or_default();
        keys_of_file(&self.file, &text)?;
        let newest = text.lines().next().unwrap_or_default();
        let directory = self.file.parent().unwrap_or(Path::new("."));
        let (draft, key) = draft(directory, random);
        write_draft(&draft, &format!("{key}\n{newest}"))
            .and_then(|()| fs::rename(&draft, &self.file))
            .and_then(|()| sync_directory(directory))
            .map_err(|error| failed(&self.file, &error))
    }
}

/// Reads one key or more, the one that seals first.
pub(super) fn parse_keys<'t>(texts: impl Iterator<Item = &'t str>) -> Result<Vec<Secret<[u8; 32]>>, String> {
    let keys: Vec<_> = texts.map(parse_key).collect::<Result<_, _>>()?;
    match keys.len() {
        1..=SECRETS => Ok(keys),
        count => {
            Err(format!("it takes one key, or up to {SECRETS} while it is replaced, and these are {count}"))
        }
    }
}

/// Reads 64 hex digits, or answers with a clause that says what is accepted.
fn parse_key(text: &str) -> Result<Secret<[u8; 32]>, String> {
    let mut key = [0_u8; 32];
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return Err(format!(
            "it takes 32 bytes as 64 hex digits, and these are {} characters",
            text.chars().count()
        ));
    }
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let value = |digit: u8| char::from(digit).to_digit(16);
        let [high, low] = pair else { continue };
        match (value(*high), value(*low)) {
            (Some(high), Some(low)) => *byte = (high * 16 + low) as u8,
            _ => return Err("it takes 32 bytes as 64 hex digits, and these are other characters".to_owned()),
        }
    }
    if is_guessable(&key) || PUBLISHED.contains(&text.to_ascii_lowercase().as_str()) {
        return Err("it is a pattern or a published example that anybody can guess; make one with \
                    `openssl rand -hex 32`"
            .to_owned());
    }
    Ok(Secret::new(key))
}

/// Whether the bytes repeat, count, or spell a text.
fn is_guessable(key: &[u8; 32]) -> bool {
    let mut sorted = *key;
    sorted.sort_unstable();
    let different = 1 + sorted.windows(2).filter(|pair| pair[0] != pair[1]).count();
    let mut steps = key.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    let first = steps.next();
    let counts = steps.all(|step| Some(step) == first);
    let spells = key.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ');
    different < DIFFERENT_BYTES || counts || spells
}

fn keys_of_file(file: &Path, text: &str) -> Result<Vec<Secret<[u8; 32]>>> {
    let invalid = |reason: &str| {
        Error::new(
            ErrorKind::Invalid,
            "secret_file_invalid",
            format!(
                "The secret file {} is not usable: {reason}. Put back the file that belongs to this data, or, if \
                 no key of a model was ever stored, delete it and start again.",
                file.display()
            ),
        )
    };
    if others_may_read(file) {
        return Err(Error::new(
            ErrorKind::Invalid,
            "secret_file_invalid",
            format!("Other users may read the secret file {0}; run `chmod 600 {0}`.", file.display()),
        ));
    }
    parse_keys(text.trim_end().split('\n').map(str::trim_end)).map_err(|reason| invalid(&reason))
}

#[cfg(unix)]
fn others_may_read(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(file).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn others_may_read(_file: &Path) -> bool {
    false
}

/// The text of the file, or none when there is no file.
fn read(file: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // Not text, so no hex digits: the check of the text says so.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Some("\u{FFFD}".to_owned())),
        Err(error) => Err(error),
    }
}

/// Makes the file with a new key, unless another process was first. It appears whole or not at all:
/// it is written under a name of its own and then linked, which never replaces a file.
fn create(file: &Path, random: &dyn Random) -> io::Result<()> {
    let directory = file.parent().unwrap_or(Path::new("."));
    super::create_directory(directory)?;
    let (draft, key) = draft(directory, random);
    let written = write_draft(&draft, &key).and_then(|()| match fs::hard_link(&draft, file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = fs::remove_file(&draft);
    written.and(removed)?;
    sync_directory(directory)
}

/// A name of its own for a file that is about to become the secret, and a new key for it.
fn draft(directory: &Path, random: &dyn Random) -> (PathBuf, String) {
    let mut bytes = [0_u8; 32 + 8];
    random.fill(&mut bytes);
    let (key, suffix) = bytes.split_at(32);
    (directory.join(format!("secret.{}", hex(suffix))), hex(key))
}

fn write_draft(draft: &Path, keys: &str) -> io::Result<()> {
    let mut file = open_private(OpenOptions::new().create_new(true), draft)?;
    writeln!(file, "{keys}")?;
    file.sync_all()
}

/// Opens a file for writing that nobody but its owner may read.
fn open_private(options: &mut OpenOptions, file: &Path) -> io::Result<File> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.write(true).open(file)
}

/// Makes the new name survive a loss of power, before anything is sealed with the key.
fn sync_directory(directory: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use std::thread;

    use kafka_core::SystemRandom;
    use tempfile::TempDir;

    use super::*;
    use crate::config::Database;

    const KEY: &str = "9f3c1a7be05d42866fd1b07c2e94a85331d6c8f27a0be5944c17f86e0b3d92ac";

    fn settings(data_dir: &Path) -> Settings {
        Settings { data_dir: data_dir.to_owned(), database: Database::Memory, ..Settings::defaults() }
    }

    /// The secret that seals.
    fn load_secret(settings: &Settings, random: &dyn Random) -> Result<Secret<[u8; 32]>> {
        Ok(secret_source(settings, random)?.secrets()?.remove(0))
    }

    fn write_private(file: &Path, text: &[u8]) {
        fs::write(file, text).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    #[test]
    fn the_first_start_makes_a_key_and_the_next_one_finds_it() {
        let directory = TempDir::new().unwrap();
        let settings = settings(&directory.path().join("not/yet"));
        let first = load_secret(&settings, &SystemRandom).unwrap();
        assert_eq!(load_secret(&settings, &SystemRandom).unwrap(), first);
        let text = fs::read_to_string(settings.secret_file()).unwrap();
        assert_eq!(parse_key(text.trim_end()).unwrap(), first);
        let names: Vec<_> =
            fs::read_dir(&settings.data_dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["secret"]);
    }

    #[test]
    fn two_installations_have_two_keys() {
        let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let key = |directory: &TempDir| load_secret(&settings(directory.path()), &SystemRandom).unwrap();
        assert_ne!(key(&one), key(&other));
    }

    #[test]
    fn all_who_start_at_once_use_the_same_key() {
        for _ in 0..20 {
            let directory = TempDir::new().unwrap();
            let settings = settings(directory.path());
            let start = std::sync::Barrier::new(8);
            let load = || {
                start.wait();
                load_secret(&settings, &SystemRandom).unwrap()
            };
            let keys: Vec<_> = thread::scope(|scope| {
                let starters: Vec<_> = (0..8).map(|_| scope.spawn(load)).collect();
                starters.into_iter().map(|starter| starter.join().unwrap()).collect()
            });
            assert!(keys.iter().all(|key| *key == keys[0]));
            assert_eq!(load_secret(&settings, &SystemRandom).unwrap(), keys[0]);
        }
    }

    #[test]
    fn a_configured_key_leaves_the_file_alone() {
        let directory = TempDir::new().unwrap();
        let mut settings = settings(directory.path());
        settings.secret_key = vec![parse_key(KEY).unwrap()];
        assert_eq!(load_secret(&settings, &SystemRandom).unwrap(), parse_key(KEY).unwrap());
        assert!(!settings.secret_file().exists());
    }

    #[test]
    fn a_new_secret_goes_in_front_and_the_one_before_it_stays() {
        let directory = TempDir::new().unwrap();
        let settings = settings(directory.path());
        let source = secret_source(&settings, &SystemRandom).unwrap();
        let first = source.secrets().unwrap();
        for _ in 0..3 {
            let before = source.secrets().unwrap();
            let rotation = SecretRotation::begin(&settings).unwrap();
            rotation.replace(&SystemRandom).unwrap();
            let refused = SecretRotation::begin(&settings).unwrap_err();
            assert_eq!((refused.kind(), refused.code()), (ErrorKind::Conflict, "secret_in_rotation"));
            let after = source.secrets().unwrap();
            assert_eq!(after.len(), 2);
            assert_ne!(after[0], before[0]);
            assert_eq!(after[1], before[0]);
            assert!(!others_may_read(&settings.secret_file()));
        }
        assert!(!source.secrets().unwrap().contains(&first[0]));
        let names = fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(names.filter(|name| name != "secret.lock").collect::<Vec<_>>(), ["secret"]);
    }

    #[test]
    fn a_configured_secret_is_replaced_where_it_was_configured() {
        let directory = TempDir::new().unwrap();
        let mut settings = settings(directory.path());
        let other = KEY.replace('9', "8");
        settings.secret_key = parse_keys([KEY, other.as_str()].into_iter()).unwrap();
        let secrets = secret_source(&settings, &SystemRandom).unwrap().secrets().unwrap();
        assert_eq!(secrets, [parse_key(KEY).unwrap(), parse_key(&other).unwrap()]);
        let refused = SecretRotation::begin(&settings).unwrap_err();
        assert_eq!((refused.kind(), refused.code()), (ErrorKind::Invalid, "secret_configured"));
        assert!(parse_keys([KEY; 5].into_iter()).unwrap_err().contains("up to 4"));
        assert!(parse_keys([KEY, ""].into_iter()).unwrap_err().contains("64 hex digits"));
    }

    #[test]
    fn keys_that_are_no_secret_are_refused() {
        let count: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
        let down: String = (0..32).map(|byte| format!("{:02x}", 255 - byte)).collect();
        let text: String =
            b"the quick brown fox jumps over a".iter().map(|byte| format!("{byte:02x}")).collect();
        let table = [
            (KEY.to_owned(), ""),
            (KEY.to_uppercase(), ""),
            (KEY[1..].to_owned(), "64 hex digits"),
            (format!("{KEY}0"), "64 hex digits"),
            (String::new(), "64 hex digits"),
            (format!("x{}", &KEY[1..]), "64 hex digits"),
            (format!("+{}", &KEY[1..]), "64 hex digits"),
            ("é".repeat(32), "64 hex digits"),
            ("00".repeat(32), "guess"),
            ("ab".repeat(32), "guess"),
            ("0123456789abcdef".repeat(4), "guess"),
            ("deadbeef".repeat(8), "guess"),
            (KEY[..32].repeat(2), "guess"),
            (count, "guess"),
            (down, "guess"),
            (text, "guess"),
            (PUBLISHED[0].to_owned(), "guess"),
            (PUBLISHED[1].to_uppercase(), "guess"),
        ];
        for (text, part) in table {
            match parse_key(&text) {
                Ok(_) => assert_eq!(part, "", "{text} was accepted"),
                Err(reason) => assert!(!part.is_empty() && reason.contains(part), "{text}: {reason}"),
            }
        }
    }

    #[test]
    fn a_file_that_holds_no_key_is_named_and_never_replaced() {
        for text in [&b""[..], b"short", &[0xFF; 64], &[b'0'; 64]] {
            let directory = TempDir::new().unwrap();
            let settings = settings(directory.path());
            write_private(&settings.secret_file(), text);
            let error = load_secret(&settings, &SystemRandom).unwrap_err();
            assert_eq!((error.kind(), error.code()), (ErrorKind::Invalid, "secret_file_invalid"));
            assert!(error.message().contains(&settings.secret_file().display().to_string()), "{error}");
            assert!(error.message().contains("delete it"), "{error}");
            assert_eq!(fs::read(settings.secret_file()).unwrap(), text);
        }
    }

    #[test]
    fn a_place_that_cannot_hold_the_file_is_named() {
        let directory = TempDir::new().unwrap();
        let blocked = directory.path().join("file");
        fs::write(&blocked, "").unwrap();
        let error = load_secret(&settings(&blocked), &SystemRandom).unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Storage, "secret_file_failed"));
        assert!(error.message().contains("KAFKA_SECRET_KEY"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_the_file() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = TempDir::new().unwrap();
        let settings = settings(&directory.path().join("data"));
        load_secret(&settings, &SystemRandom).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&settings.secret_file()), 0o600);
        assert_eq!(mode(&settings.data_dir), 0o700);

        fs::set_permissions(settings.secret_file(), fs::Permissions::from_mode(0o640)).unwrap();
        let error = load_secret(&settings, &SystemRandom).unwrap_err();
        assert!(error.message().contains("chmod 600"), "{error}");
    }
}
