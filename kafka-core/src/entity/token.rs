//! Credentials.

use serde::Serialize;

use super::user::User;
use crate::base::{secret::Secret, time::Timestamp};

/// The outcome of registering or logging in.
#[derive(Clone, Debug)]
pub struct Login {
    /// The account.
    pub user: User,
    /// The bearer token. Only its hash is stored, so it cannot be shown again.
    pub token: Secret<String>,
    /// When the token stops working.
    pub expires_at: Timestamp,
}

/// A credential for the events of one response.
#[derive(Clone, Debug)]
pub struct Ticket {
    /// The credential. It is not kept, so it cannot be shown again.
    pub ticket: Secret<String>,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// `{"ticket","expires_at"}`: the one place where the ticket is written out.
impl Serialize for Ticket {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut shown = serializer.serialize_struct("Ticket", 2)?;
        shown.serialize_field("ticket", self.ticket.expose())?;
        shown.serialize_field("expires_at", &self.expires_at)?;
        shown.end()
    }
}

/// `{"user","token","expires_at"}`: the one place where the token is written out.
impl Serialize for Login {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut shown = serializer.serialize_struct("Login", 3)?;
        shown.serialize_field("user", &self.user)?;
        shown.serialize_field("token", self.token.expose())?;
        shown.serialize_field("expires_at", &self.expires_at)?;
        shown.end()
    }
}
