//! Who acts, and which rows that lets them touch.

use super::{
    error::{Error, ErrorKind, Result},
    id::{ChatId, TokenId, UserId},
    permission::{Area, Permission, Permissions},
    time::Timestamp,
};

/// Whoever makes a call. Only authentication makes one; services take it by reference and turn it
/// into the scope that stands in every SQL statement on user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    scope: Scope,
    is_admin: bool,
    permissions: Permissions,
    /// What it was authenticated by, so that this can be asked again while something is followed.
    credential: Option<Credential>,
}

/// The token behind an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Credential {
    pub(crate) id: TokenId,
    pub(crate) is_api_key: bool,
    pub(crate) expires_at: Option<Timestamp>,
}

/// Which rows a statement may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything: the person who runs the installation.
    Operator,
    /// What the user owns, and what the workspaces they are a member of hold.
    User(UserId),
    /// The same, and what belongs to nobody.
    Admin(UserId),
    /// What callers without a credential made. They reach it by its id alone, which only whoever was told
    /// it knows.
    Anonymous,
    /// One chat, to be read: whoever has a link to it.
    Share(ChatId),
}

impl Actor {
    pub(crate) fn operator() -> Actor {
        Actor { scope: Scope::Operator, is_admin: true, permissions: Permissions::ALL, credential: None }
    }

    pub(crate) fn anonymous() -> Actor {
        let permissions = [Permission::write(Area::Chats), Permission::read(Area::Models)];
        Actor {
            scope: Scope::Anonymous,
            is_admin: false,
            permissions: permissions.into_iter().collect(),
            credential: None,
        }
    }

    /// Whoever has a link to this chat. It has no permission at all, so that every call refuses it but those made
    /// for links.
    pub(crate) fn share(chat: ChatId) -> Actor {
        Actor {
            scope: Scope::Share(chat),
            is_admin: false,
            permissions: Permissions::from_iter([]),
            credential: None,
        }
    }

    pub(crate) fn bearer(
        scope: Scope,
        is_admin: bool,
        permissions: Permissions,
        credential: Credential,
    ) -> Actor {
        Actor { scope, is_admin, permissions, credential: Some(credential) }
    }

    /// The account that acts, or none for the operator of the installation and for callers without a
    /// credential.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        match self.scope {
            Scope::User(id) | Scope::Admin(id) => Some(id),
            Scope::Operator | Scope::Anonymous | Scope::Share(_) => None,
        }
    }

    /// Whether this is the person who runs the installation.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.scope == Scope::Operator
    }

    /// Whether this is a caller without a credential, whom the installation lets chat.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.scope == Scope::Anonymous
    }

    /// Whether administrative calls are allowed: an administrator, and no API key without the scope.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.is_admin && self.permissions.allow(Permission::read(Area::Admin))
    }

    /// What the credential may be used for: everything, but for API keys with scopes.
    #[must_use]
    pub fn permissions(&self) -> Permissions {
        self.permissions
    }

    /// Refuses what the credential may not be used for. Every call of the library asks this itself.
    ///
    /// # Errors
    /// `Forbidden` (`scope_missing`), naming the scope; `Unauthenticated` (`credential_missing`) for a
    /// caller without a credential.
    pub fn require(&self, permission: Permission) -> Result<()> {
        if self.permissions.allow(permission) {
            return Ok(());
        }
        if self.is_anonymous() {
            return Err(credential_missing());
        }
        if let Scope::Share(_) = self.scope {
            return Err(Error::new(
                ErrorKind::Forbidden,
                "scope_missing",
                "A link to a chat lets its bearer read that chat, and nothing else.",
            ));
        }
        Err(Error::new(
            ErrorKind::Forbidden,
            "scope_missing",
            format!("This API key has not the scope {permission}; use one that has, or log in."),
        ))
    }

    /// Refuses API keys, whatever their scopes: what takes an account away from whoever owns it takes a
    /// login.
    pub(crate) fn require_session(&self) -> Result<()> {
        if self.api_key().is_none() {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Forbidden,
            "session_required",
            "No API key may do this; log in and send the token of the session.",
        ))
    }

    /// The rows that it may touch to read or change what is in an area. Every service gets its scope here.
    pub(crate) fn scope(&self, permission: Permission) -> Result<Scope> {
        self.require(permission)?;
        Ok(self.scope)
    }

    /// The scope of whoever has a link to a chat, and the chat.
    ///
    /// # Errors
    /// `Forbidden` (`share_link_required`) for everyone else: what they may read they read by other calls.
    pub(crate) fn shared(&self) -> Result<(Scope, ChatId)> {
        match self.scope {
            Scope::Share(chat) => Ok((self.scope, chat)),
            _ => Err(Error::new(
                ErrorKind::Forbidden,
                "share_link_required",
                "This takes the token of a link to a chat; with another credential read the chat itself.",
            )),
        }
    }

    pub(crate) fn credential(&self) -> Option<Credential> {
        self.credential
    }

    /// The credential, if it is an API key.
    pub(crate) fn api_key(&self) -> Option<Credential> {
        self.credential.filter(|credential| credential.is_api_key)
    }
}

/// The refusal of a call that nobody signed.
pub(crate) fn credential_missing() -> Error {
    Error::new(
        ErrorKind::Unauthenticated,
        "credential_missing",
        "This needs a credential; log in and send its token as `Authorization: Bearer`. Whoever runs this \
         installation lets others chat without one with --anonymous on.",
    )
}
