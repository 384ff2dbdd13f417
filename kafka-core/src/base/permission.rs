//! What a credential may be used for.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A part of what can be done here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// Chats, their messages and answers, also over WebSocket.
    Chats,
    /// Workspaces, and the files in them.
    Files,
    /// Configured models.
    Models,
    /// Documents.
    Documents,
    /// What was spent.
    Usage,
    /// The account itself, and its API keys.
    Account,
    /// Other people's accounts. Only an administrator's key can use it.
    Admin,
}

/// Reading or changing what is in one area. As text `chats:read` or `chats:write`; writing includes
/// reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permission {
    area: Area,
    writes: bool,
}

/// A set of permissions: the scopes of an API key.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(value_type = Vec<String>))]
pub struct Permissions(u16);

const AREAS: [(Area, &str); 7] = [
    (Area::Chats, "chats"),
    (Area::Files, "files"),
    (Area::Models, "models"),
    (Area::Documents, "documents"),
    (Area::Usage, "usage"),
    (Area::Account, "account"),
    (Area::Admin, "admin"),
];

impl Permission {
    /// To read what is in an area.
    #[must_use]
    pub const fn read(area: Area) -> Permission {
        Permission { area, writes: false }
    }

    /// To read and change what is in an area.
    #[must_use]
    pub const fn write(area: Area) -> Permission {
        Permission { area, writes: true }
    }

    /// Two bits an area, reading below writing.
    fn bits(self) -> u16 {
        let bits = if self.writes { 0b11 } else { 0b01 };
        bits << (2 * self.area as u16)
    }

    fn all() -> impl Iterator<Item = Permission> {
        AREAS.into_iter().flat_map(|(area, _)| [Permission::read(area), Permission::write(area)])
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (_, name) = AREAS[self.area as usize];
        write!(f, "{name}:{}", if self.writes { "write" } else { "read" })
    }
}

impl FromStr for Permission {
    type Err = String;

    fn from_str(text: &str) -> Result<Permission, String> {
        Permission::all().find(|permission| permission.to_string() == text).ok_or_else(|| {
            let names: Vec<&str> = AREAS.iter().map(|(_, name)| *name).collect();
            format!("{text:?} is no scope: take one of {} with :read or :write", names.join(", "))
        })
    }
}

impl Permissions {
    /// Everything.
    pub const ALL: Permissions = Permissions((1 << (2 * AREAS.len())) - 1);

    /// Whether this is among them.
    #[must_use]
    pub fn allow(self, permission: Permission) -> bool {
        self.0 & permission.bits() == permission.bits()
    }

    /// Those that are not among `others`.
    pub(crate) fn beyond(self, others: Permissions) -> impl Iterator<Item = Permission> {
        self.iter().filter(move |permission| !others.allow(*permission))
    }

    /// The strongest of each area.
    fn iter(self) -> impl Iterator<Item = Permission> {
        AREAS.into_iter().filter_map(move |(area, _)| {
            [Permission::write(area), Permission::read(area)].into_iter().find(|each| self.allow(*each))
        })
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Permissions {
        Permissions(permissions.into_iter().fold(0, |bits, permission| bits | permission.bits()))
    }
}

impl fmt::Debug for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|permission| permission.to_string())).finish()
    }
}

/// As in `chats:write, models:read`.
impl fmt::Display for Permissions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.iter().map(|permission| permission.to_string()).collect();
        f.write_str(&texts.join(", "))
    }
}

/// A list such as `["chats:write","models:read"]`.
impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter().map(|permission| permission.to_string()))
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Permissions, D::Error> {
        let texts = Vec::<String>::deserialize(deserializer)?;
        texts.iter().map(|text| text.parse::<Permission>().map_err(D::Error::custom)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(text: &str) -> Permissions {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn writing_includes_reading_and_one_area_nothing_of_another() {
        let only = set(r#"["chats:write", "models:read"]"#);
        let allowed: Vec<String> =
            Permission::all().filter(|each| only.allow(*each)).map(|each| each.to_string()).collect();
        assert_eq!(allowed, ["chats:read", "chats:write", "models:read"]);
        assert!(Permission::all().all(|each| Permissions::ALL.allow(each)));
        assert!(!Permission::all().any(|each| set("[]").allow(each)));
    }

    #[test]
    fn every_set_survives_its_text() {
        for bits in 0..=Permissions::ALL.0 {
            let read_back = set(&serde_json::to_string(&Permissions(bits)).unwrap());
            // A right to write without the one to read has no text, and is none.
            assert!(Permission::all().all(|each| read_back.allow(each) == Permissions(bits).allow(each)));
        }
        assert_eq!(
            serde_json::to_string(&set(r#"["chats:read","chats:write"]"#)).unwrap(),
            r#"["chats:write"]"#
        );
    }

    #[test]
    fn what_is_beyond_others_is_named() {
        let few = set(r#"["chats:read"]"#);
        let more: Vec<String> =
            set(r#"["chats:write","usage:read"]"#).beyond(few).map(|each| each.to_string()).collect();
        assert_eq!(more, ["chats:write", "usage:read"]);
        assert_eq!(few.beyond(Permissions::ALL).count(), 0);
    }

    #[test]
    fn other_words_are_refused_with_the_right_ones() {
        for text in [r#"["chats"]"#, r#"["chats:delete"]"#, r#"["*"]"#, r#"[""]"#, r#""chats:read""#] {
            assert!(serde_json::from_str::<Permissions>(text).is_err(), "{text}");
        }
        assert!("mail:read".parse::<Permission>().unwrap_err().contains("chats, files, models"));
    }
}
