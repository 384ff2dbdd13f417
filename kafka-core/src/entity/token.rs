//! Credentials.

use serde::{Deserialize, Serialize};

use super::user::User;
use crate::base::{
    id::{InvitationId, TokenId},
    permission::Permissions,
    secret::Secret,
    time::Timestamp,
};

/// An API key of an account, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Token {
    /// Its id, which is not the secret.
    pub id: TokenId,
    /// What it is for, as its maker called it.
    pub name: String,
    /// What it may be used for; none is everything that its account may do.
    pub scopes: Option<Permissions>,
    /// When it stops working; none is never.
    pub expires_at: Option<Timestamp>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// What a new API key is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewToken {
    /// What it is for: 1 to 255 characters.
    pub name: String,
    /// What it may be used for, no more than its maker may do; none is all that its maker may do.
    #[serde(default)]
    pub scopes: Option<Permissions>,
    /// When it stops working, in the future; none is never, or when the API key that makes it does.
    #[serde(default)]
    pub expires_at: Option<Timestamp>,
}

/// An API key that was made just now.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedToken {
    /// The key as it is listed.
    #[serde(flatten)]
    pub key: Token,
    /// The bearer token. Only its hash is stored, so it cannot be shown again.
    #[serde(serialize_with = "written_out")]
    pub token: Secret<String>,
}

/// The one place where a secret that was made just now is written out.
fn written_out<S: serde::Serializer>(token: &Secret<String>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose())
}

/// The outcome of registering or logging in.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Login {
    /// The account.
    pub user: User,
    /// The bearer token. Only its hash is stored, so it cannot be shown again.
    pub token: Secret<String>,
    /// When the token stops working.
    pub expires_at: Timestamp,
}

/// An invitation to make an account.
#[derive(Clone, Debug, Serialize)]
pub struct Invitation {
    /// Its id, which is not the code.
    pub id: InvitationId,
    /// The code to register with, once. Only its hash is stored, so it cannot be shown again.
    #[serde(serialize_with = "written_out")]
    pub code: Secret<String>,
    /// The only address that may register with it; none is any.
    pub email: Option<String>,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// An invitation that nobody has used yet, without its code.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenInvitation {
    /// Its id, which is not the code.
    pub id: InvitationId,
    /// The only address that may register with it; none is any.
    pub email: Option<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops working.
    pub expires_at: Timestamp,
}

/// A credential for the events of one response.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
