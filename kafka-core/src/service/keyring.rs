//! The secret of an installation: seals the keys of models, opens them, and is replaced.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use serde::Serialize;

use super::{
    installation::Installation,
    models::{origin_of, owner_text},
};
use crate::{
    base::{
        actor::Actor,
        error::{Error, ErrorKind, Result},
        permission::{Area, Permission},
        random::Random,
        secret::Secret,
    },
    crypto::seal::Sealer,
    repo::models::{self, SealedKey},
    storage::Storage,
};

/// Most rows that are sealed anew in one commit.
const ROWS_PER_COMMIT: u32 = 500;

/// Where the secret comes from. It is asked when an installation opens, whenever a key is to be sealed,
/// and when one was sealed with a secret that is not known yet: so the secret can be replaced under
/// running processes.
pub trait SecretSource: Send + Sync + fmt::Debug {
    /// 32 bytes each: first the secret that seals, then those that only open what they have sealed.
    ///
    /// # Errors
    /// Whatever keeps the secret from being read.
    fn secrets(&self) -> Result<Vec<Secret<[u8; 32]>>>;
}

/// These, for good.
impl SecretSource for Vec<Secret<[u8; 32]>> {
    fn secrets(&self) -> Result<Vec<Secret<[u8; 32]>>> {
        Ok(self.clone())
    }
}

/// One secret for good.
impl SecretSource for Secret<[u8; 32]> {
    fn secrets(&self) -> Result<Vec<Secret<[u8; 32]>>> {
        Ok(vec![self.clone()])
    }
}

/// Seals with the newest secret and opens with whichever was used.
pub(crate) struct Keyring {
    source: Arc<dyn SecretSource>,
    /// As the source had them last, newest first.
    known: Mutex<Arc<[Sealer]>>,
}

impl Keyring {
    pub(crate) fn new(source: Arc<dyn SecretSource>) -> Result<Keyring> {
        let keyring = Keyring { source, known: Mutex::new(Arc::new([])) };
        keyring.refresh()?;
        Ok(keyring)
    }

    fn known(&self) -> Arc<[Sealer]> {
        Arc::clone(&self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn refresh(&self) -> Result<Arc<[Sealer]>> {
        let sealers: Arc<[Sealer]> = self.source.secrets()?.iter().map(Sealer::new).collect();
        if sealers.is_empty() {
            return Err(missing());
        }
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&sealers);
        Ok(sealers)
    }

    /// Names the secrets that are known without telling them, newest first.
    #[cfg(feature = "postgres")]
    pub(crate) fn ids(&self) -> Vec<String> {
        self.known().iter().map(Sealer::id).collect()
    }

    /// Whether one of the known secrets has sealed this.
    pub(crate) fn has_sealed(&self, sealed: &str) -> bool {
        self.known().iter().any(|sealer| sealer.has_sealed(sealed))
    }

    /// Seals with what is the newest secret now, also when another process has just replaced it.
    pub(crate) fn seal(&self, plain: &str, owner: &str, origin: &str, random: &dyn Random) -> Result<String> {
        match self.refresh()?.first() {
            Some(newest) => newest.seal(plain, owner, origin, random),
            None => Err(missing()),
        }
    }

    /// The text that was sealed.
    ///
    /// # Errors
    /// Busy (`key_unreadable`) when no secret opens it for this owner and origin; those of the source.
    pub(crate) fn open(&self, sealed: &str, owner: &str, origin: &str) -> Result<Secret<String>> {
        let maker = |known: &[Sealer]| known.iter().position(|sealer| sealer.has_sealed(sealed));
        let mut known = self.known();
        if maker(&known).is_none() {
            known = self.refresh()?;
        }
        // Without a maker the newest says why not.
        match known.get(maker(&known).unwrap_or(0)) {
            Some(sealer) => sealer.open(sealed, owner, origin),
            None => Err(missing()),
        }
    }
}

pub(crate) fn missing() -> Error {
    Error::new(
        ErrorKind::Forbidden,
        "secret_missing",
        "This installation has no secret to seal keys with; open it with Config::secret set.",
    )
}

/// What the stored keys of models are sealed with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyringReport {
    /// Names the newest secret without telling it: 8 hex digits.
    pub secret_id: String,
    /// Keys that the newest secret seals.
    pub newest: u64,
    /// Keys that an older secret seals, and opens.
    pub older: u64,
    /// The models whose key no secret opens; it has to be given again.
    pub unreadable: Vec<String>,
}

/// The secret, as those who run the installation may use it. Made by
/// [`Kafka::secrets`](crate::Kafka::secrets).
#[derive(Debug)]
pub struct Secrets<'k> {
    installation: &'k Installation,
    actor: Actor,
}

impl<'k> Secrets<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Secrets<'k> {
        Secrets { installation, actor: *actor }
    }

    /// What the stored keys are sealed with. Reads every model that has a key.
    ///
    /// # Errors
    /// `Forbidden` (`admin_required`) unless the actor administers the installation, and (`secret_missing`) when it has no
    /// secret.
    pub fn report(&self) -> Result<KeyringReport> {
        let (keyring, mut report) = (self.keyring(Permission::read(Area::Admin))?, KeyringReport::default());
        let known = keyring.refresh()?;
        report.secret_id = known.first().map(Sealer::id).unwrap_or_default();
        self.each_page(|page| {
            for row in page {
                let is_newest = known.first().is_some_and(|newest| newest.has_sealed(&row.ak_sealed));
                match open(keyring, &row) {
                    Ok(_) if is_newest => report.newest += 1,
                    Ok(_) => report.older += 1,
                    Err(_) => report.unreadable.push(row.name),
                }
            }
            Ok(())
        })?;
        Ok(report)
    }

    /// Seals every key anew that an older secret seals, beside running servers too. The older secrets are
    /// needed no longer when all servers know the newest and [`report`](Secrets::report) counts none.
    ///
    /// # Errors
    /// As for [`report`](Secrets::report), also (`scope_missing`) for an API key without `admin:write`; those
    /// of writing. It may be called again after any failure.
    pub fn reseal(&self) -> Result<KeyringReport> {
        let keyring = self.keyring(Permission::write(Area::Admin))?;
        let known = keyring.refresh()?;
        self.each_page(|page| {
            let mut resealed = Vec::new();
            for row in page {
                if known.first().is_some_and(|newest| newest.has_sealed(&row.ak_sealed)) {
                    continue;
                }
                let Ok(key) = open(keyring, &row) else { continue };
                let (owner, origin) = (owner_text(row.user_id), origin_of(&row.base_url)?);
                let sealed = keyring.seal(key.expose(), &owner, &origin, self.installation.random())?;
                resealed.push((row, sealed));
            }
            if resealed.is_empty() {
                return Ok(());
            }
            self.installation.storage().write(move |tx| {
                resealed.iter().try_for_each(|(row, sealed)| models::reseal(tx, row, sealed))
            })
        })?;
        let report = self.report()?;
        #[cfg(feature = "postgres")]
        self.installation.storage().share_secret(report.secret_id.clone())?;
        Ok(report)
    }

    fn each_page(&self, visit: impl FnMut(Vec<SealedKey>) -> Result<()>) -> Result<()> {
        each_page(self.installation.storage(), visit)
    }

    fn keyring(&self, permission: Permission) -> Result<&'k Keyring> {
        if self.actor.is_admin() {
            self.actor.require(permission)?;
            return self.installation.keyring();
        }
        Err(Error::new(
            ErrorKind::Forbidden,
            "admin_required",
            "Only an administrator may look after the secret of the installation.",
        ))
    }
}

/// Calls `visit` with all sealed keys, a page at a time.
pub(super) fn each_page(
    storage: &Storage,
    mut visit: impl FnMut(Vec<SealedKey>) -> Result<()>,
) -> Result<()> {
    let mut after = 0;
    loop {
        let page = storage.read_one(|conn| models::sealed(conn, after, ROWS_PER_COMMIT))?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.number;
        visit(page)?;
    }
}

pub(super) fn open(keyring: &Keyring, row: &SealedKey) -> Result<Secret<String>> {
    keyring.open(&row.ak_sealed, &owner_text(row.user_id), &origin_of(&row.base_url)?)
}
