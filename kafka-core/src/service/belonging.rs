//! Whether a node fits the database that it opened: what those who run it are to be told, because it serves all the
//! same.

use super::{installation::Installation, keyring::Keyring};
use crate::{
    base::{error::Result, warning::OnWarning},
    repo::models,
};

/// So many stored keys are looked at.
const KEYS: u32 = 500;

/// Tells a sentence for each thing that does not fit.
pub(super) fn check(installation: &Installation, on_warning: &OnWarning) -> Result<()> {
    let keyring = installation.keyring().ok();
    let mut warnings = Vec::new();
    #[cfg(feature = "postgres")]
    warnings.extend(differences(installation, keyring)?);
    if let Some(keyring) = keyring
        && warnings.is_empty()
    {
        warnings.extend(unreadable_keys(installation, keyring)?);
    }
    warnings.iter().for_each(|warning| on_warning.tell(warning));
    Ok(())
}

/// In what this node differs from the others that live.
#[cfg(feature = "postgres")]
fn differences(installation: &Installation, keyring: Option<&Keyring>) -> Result<Vec<String>> {
    let secrets = keyring.map(Keyring::ids).unwrap_or_default();
    let storage = installation.storage();
    let Some((own, theirs)) = storage.share(secrets.first().cloned(), installation.new_id())? else {
        return Ok(Vec::new());
    };
    let mut warnings = Vec::new();
    // While a secret is replaced, nodes have the one before it, too.
    if theirs.secret.is_some_and(|secret| !secrets.contains(&secret)) {
        warnings.push(
            "This node's secret is not that of the other nodes of its database, so the model keys that they seal \
             are unreadable here (503 key_unreadable) and their tickets are refused; give all nodes the same \
             secret (KAFKA_SECRET_KEY) and start it again."
                .to_owned(),
        );
    }
    if theirs.blobs.is_some() && theirs.blobs != own.blobs {
        warnings.push(
            "This node's directory for the bytes of files is not that of the other nodes of its database, so files \
             that come in through them cannot be read here, and theirs through this one there; have all nodes \
             share one directory (--data-dir) and start it again."
                .to_owned(),
        );
    }
    Ok(warnings)
}

fn unreadable_keys(installation: &Installation, keyring: &Keyring) -> Result<Option<String>> {
    let stored = installation.storage().read_one(|conn| models::sealed(conn, 0, KEYS))?;
    let unreadable = stored.iter().filter(|row| !keyring.has_sealed(&row.ak_sealed)).count();
    Ok((unreadable > 0).then(|| {
        format!(
            "{unreadable} stored keys of models were sealed with another secret and are unreadable (503 \
             key_unreadable); start with the secret that sealed them (KAFKA_SECRET_KEY), or give them again \
             (`kafka secret show` names their models)."
        )
    }))
}
