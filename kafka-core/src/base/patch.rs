//! Reading "absent", "null" and "a value" apart in a PATCH.

use serde::{Deserialize, Deserializer};

/// For a nullable field of a patch: absent keeps it (`None`), `null` clears it (`Some(None)`).
/// Use with `#[serde(default, deserialize_with = "nullable")]`.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}
