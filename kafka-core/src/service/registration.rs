//! Making one's own account: who may, and the invitations of those who could not otherwise.

use std::net::IpAddr;

use super::{login::Session, users as accounts};
use crate::{
    base::{
        error::{Error, ErrorKind, Result},
        secret::Secret,
        time::Timestamp,
    },
    crypto::digest,
    entity::{
        token::Login,
        user::{NewUser, User},
    },
    repo::{invitations, users},
    service::installation::Installation,
    storage::{Conn, Tx},
};

/// Who may make an account. Outside open mode the first one, which becomes the administrator's, may be
/// made in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Registration {
    /// Everyone.
    #[default]
    Open,
    /// Everyone until there is an administrator, then nobody.
    First,
    /// Whoever has an [invitation](crate::Administration::invite).
    Invite,
    /// Nobody.
    Closed,
}

/// What lets someone in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admission {
    /// They administer the installation from now on.
    First,
    /// They need nothing.
    Free,
    /// They need an invitation.
    Invited,
}

impl Registration {
    /// How the next account may be made.
    ///
    /// # Errors
    /// `Forbidden` (`registration_closed`) when there may be no next one.
    fn admit(self, conn: &Conn<'_>, is_open: bool) -> Result<Admission> {
        // In open mode nobody becomes an administrator, so looking for one would read every account.
        let matters = !is_open || self == Registration::First;
        let is_first = matters && !users::any_admin(conn)?;
        match self {
            _ if is_first && !is_open => Ok(Admission::First),
            Registration::First if is_first => Ok(Admission::Free),
            Registration::Open => Ok(Admission::Free),
            Registration::Invite => Ok(Admission::Invited),
            Registration::First | Registration::Closed => Err(Error::new(
                ErrorKind::Forbidden,
                "registration_closed",
                "Nobody may register here any more; ask whoever runs this installation for an account. They let \
                 everyone register with --registration open.",
            )),
        }
    }
}

/// See [`Kafka::register`](crate::Kafka::register) and [`Kafka::register_from`](crate::Kafka::register_from).
pub(crate) fn register(
    installation: &Installation,
    from: Option<IpAddr>,
    new: NewUser,
    password: &Secret<String>,
    invite: Option<&Secret<String>>,
) -> Result<Login> {
    let now = installation.clock().instant();
    let attempt = from.map(|from| installation.throttle().registration(from, now)).transpose()?;
    let outcome = make(installation, from, new, password, invite);
    // What is misspelt, and what the server has no time for, is free.
    let is_free = |error: &Error| !matches!(error.kind(), ErrorKind::Forbidden | ErrorKind::Conflict);
    if let Some(attempt) = attempt.filter(|_| outcome.as_ref().is_err_and(is_free)) {
        attempt.withdraw();
    }
    outcome
}

fn make(
    installation: &Installation,
    from: Option<IpAddr>,
    new: NewUser,
    password: &Secret<String>,
    invite: Option<&Secret<String>>,
) -> Result<Login> {
    let now = installation.now();
    let door = Door {
        registration: installation.registration(),
        is_open: installation.is_open(),
        code_hash: invite.map(|code| digest::sha256_hex(code.expose().as_bytes())),
        now,
    };
    let user = accounts::new_user(installation, new)?;
    // Asked before the password is hashed, which is meant to be slow, and again where it counts.
    installation.storage().read(|conn| {
        door.admit(conn, &user.email)?;
        accounts::must_be_free(conn, &user)
    })?;
    let hash = installation.passwords().hash(password, from)?;
    let (session, feed) = (Session::new(installation, user.id), installation.feed().clone());
    installation.storage().write(move |tx| {
        let is_admin = door.pass(tx, &user.email)?;
        let user = User { is_admin, ..user.clone() };
        accounts::insert(tx, &feed, &user, Some(&hash))?;
        session.store(tx)?;
        Ok(session.login(&user))
    })
}

/// What someone who wants an account stands before.
struct Door {
    registration: Registration,
    is_open: bool,
    code_hash: Option<String>,
    now: Timestamp,
}

impl Door {
    fn admit(&self, conn: &Conn<'_>, email: &str) -> Result<Admission> {
        let admission = self.registration.admit(conn, self.is_open)?;
        if admission == Admission::Invited {
            self.invitation(conn, email)?;
        }
        Ok(admission)
    }

    /// Lets one in, and takes the invitation that this took. True for the administrator.
    fn pass(&self, tx: &Tx<'_>, email: &str) -> Result<bool> {
        let admission = self.registration.admit(tx, self.is_open)?;
        if admission == Admission::Invited {
            invitations::delete(tx, self.invitation(tx, email)?)?;
        }
        Ok(admission == Admission::First)
    }

    fn invitation(&self, conn: &Conn<'_>, email: &str) -> Result<crate::base::id::InvitationId> {
        let Some(hash) = &self.code_hash else {
            return Err(Error::new(
                ErrorKind::Forbidden,
                "invite_required",
                "Only who was invited may register here; send the code of your invitation as `invite`.",
            ));
        };
        invitations::find(conn, hash, email, self.now)?.ok_or_else(|| {
            Error::new(
                ErrorKind::Forbidden,
                "invite_invalid",
                "The invitation is unknown, used, expired or for another address; ask for a new one.",
            )
        })
    }
}
