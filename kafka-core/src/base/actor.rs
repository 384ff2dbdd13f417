//! Who acts, and which rows that lets them touch.

use super::id::UserId;

/// Whoever makes a call. Only authentication makes one; services take it by reference and turn it
/// into the scope that stands in every SQL statement on user data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Actor {
    scope: Scope,
    is_admin: bool,
}

/// Which rows a statement may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Everything: the person who runs the installation.
    Operator,
    /// What the user owns, and what the workspaces they are a member of hold.
    User(UserId),
}

impl Actor {
    pub(crate) fn operator() -> Actor {
        Actor { scope: Scope::Operator, is_admin: true }
    }

    pub(crate) fn user(id: UserId, is_admin: bool) -> Actor {
        Actor { scope: Scope::User(id), is_admin }
    }

    /// The account that acts, or none for the operator of the installation.
    #[must_use]
    pub fn user_id(&self) -> Option<UserId> {
        match self.scope {
            Scope::User(id) => Some(id),
            Scope::Operator => None,
        }
    }

    /// Whether this is the person who runs the installation.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        self.scope == Scope::Operator
    }

    /// Whether administrative calls are allowed.
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.is_admin
    }

    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }
}
