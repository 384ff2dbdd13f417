//! The key under which the keys of models are sealed at rest.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
};

use kafka_core::{Error, ErrorKind, Random, Result, Secret};

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

/// The configured key or, without one, that of `<data-dir>/secret`. The file is made with 32 random
/// bytes, readable by its owner only, when it does not exist; of several processes that start at once
/// one makes it and all use it. A missing data directory is made too.
///
/// # Errors
/// [`ErrorKind::Invalid`] `secret_file_invalid`: the file holds no key, a known one, or others may
/// read it. [`ErrorKind::Storage`] `secret_file_failed`: it cannot be read or made.
pub fn load_secret(settings: &Settings, random: &dyn Random) -> Result<Secret<[u8; 32]>> {
    if let Some(key) = &settings.secret_key {
        return Ok(key.clone());
    }
    let file = settings.secret_file();
    let failed = |error: io::Error| {
        Error::new(
            ErrorKind::Storage,
            "secret_file_failed",
            format!(
                "The secret file {} cannot be read or made ({error}); make its directory writable, or set \
                 KAFKA_SECRET_KEY.",
                file.display()
            ),
        )
    };
    match read(&file).map_err(failed)? {
        Some(text) => key_of_file(&file, &text),
        None => {
            create(&file, random).map_err(failed)?;
            // Read back rather than returned, because another process may have been first.
            let text = read(&file).map_err(failed)?.unwrap_or_default();
            key_of_file(&file, &text)
        }
    }
}

/// Reads 64 hex digits, or answers with a clause that says what is accepted.
pub(super) fn parse_key(text: &str) -> Result<Secret<[u8; 32]>, String> {
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

fn key_of_file(file: &Path, text: &str) -> Result<Secret<[u8; 32]>> {
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
    parse_key(text.trim_end()).map_err(|reason| invalid(&reason))
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
    let mut bytes = [0_u8; 32 + 8];
    random.fill(&mut bytes);
    let (key, suffix) = bytes.split_at(32);
    let draft = directory.join(format!("secret.{}", hex(suffix)));
    let written = write_draft(&draft, &hex(key)).and_then(|()| match fs::hard_link(&draft, file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    let removed = fs::remove_file(&draft);
    written.and(removed)?;
    sync_directory(directory)
}

fn write_draft(draft: &Path, key: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(draft)?;
    writeln!(file, "{key}")?;
    file.sync_all()
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
        settings.secret_key = Some(parse_key(KEY).unwrap());
        assert_eq!(load_secret(&settings, &SystemRandom).unwrap(), parse_key(KEY).unwrap());
        assert!(!settings.secret_file().exists());
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
