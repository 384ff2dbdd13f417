//! Who calls, and with what credential.

use std::fmt;

/// Whoever may try a route. Things belong to the owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Caller {
    /// Without a credential.
    Nobody,
    /// With a token that nobody has issued.
    Unknown,
    /// With the owner's key, which has expired.
    Expired,
    /// With the owner's key, which was revoked.
    Revoked,
    /// With the key of an account that was disabled.
    Disabled,
    /// With a key of the owner that may do everything but what the route needs.
    WithoutScope,
    /// With a key of the owner that may only read.
    ReadOnly,
    /// Someone else.
    Other,
    /// Someone who may read what lies in the owner's workspace.
    Viewer,
    /// Someone who may change what lies in the owner's workspace.
    Editor,
    /// An administrator.
    Admin,
    /// The owner.
    Owner,
}

impl Caller {
    /// Everyone; whoever must be refused comes first, so that there is something to be refused.
    pub(super) const ALL: [Caller; 12] = [
        Caller::Nobody,
        Caller::Unknown,
        Caller::Expired,
        Caller::Revoked,
        Caller::Disabled,
        Caller::WithoutScope,
        Caller::ReadOnly,
        Caller::Other,
        Caller::Viewer,
        Caller::Editor,
        Caller::Admin,
        Caller::Owner,
    ];

    /// Whether what it presents is no valid credential.
    pub(super) fn is_stranger(self) -> bool {
        matches!(self, Caller::Unknown | Caller::Expired | Caller::Revoked | Caller::Disabled)
    }
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Caller::Nobody => "a caller without a credential",
            Caller::Unknown => "a caller with an unknown token",
            Caller::Expired => "a caller with an expired key",
            Caller::Revoked => "a caller with a revoked key",
            Caller::Disabled => "a disabled account",
            Caller::WithoutScope => "a key without the scope",
            Caller::ReadOnly => "a key that may only read",
            Caller::Other => "another user",
            Caller::Viewer => "a viewer of the workspace",
            Caller::Editor => "an editor of the workspace",
            Caller::Admin => "an administrator",
            Caller::Owner => "the owner",
        })
    }
}
