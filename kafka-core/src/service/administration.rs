//! What those who run the installation do with other people's accounts, and what they ask of it.

use super::users::{self as accounts, not_found};
use crate::{
    base::{
        actor::{Actor, Scope},
        error::{Error, ErrorKind, Result},
        id::{InvitationId, UserId},
        page::{Page, PageRequest},
        permission::{Area, Permission},
        secret::Secret,
    },
    crypto::{bearer, digest},
    entity::{
        stats::Stats,
        token::{Invitation, OpenInvitation},
        user::{NewUser, StandingPatch, User},
    },
    repo::{access_tokens, invitations, stats, users},
    service::{embedding::question, input, installation::Installation},
};

/// What a credential needs for reading here.
const READ: Permission = Permission::read(Area::Admin);
/// What it needs for changing something.
const WRITE: Permission = Permission::write(Area::Admin);
/// The longest that an invitation waits, in days.
const MOST_DAYS: u32 = 365;
const DAY_MS: i64 = 24 * 3_600_000;

/// Administration, by the operator or an administrator. Made by
/// [`Kafka::administration`](crate::Kafka::administration).
///
/// Every call fails as `Forbidden` (`admin_required`) for others.
#[derive(Debug)]
pub struct Administration<'k> {
    installation: &'k Installation,
    actor: Actor,
}

/// The refusal of whoever does not administer.
pub(super) fn required() -> Error {
    Error::new(ErrorKind::Forbidden, "admin_required", "Only an administrator may do this; ask one.")
}

impl<'k> Administration<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Administration<'k> {
        Administration { installation, actor: *actor }
    }

    /// Who administers, sees every account.
    fn scope(&self, permission: Permission) -> Result<Scope> {
        self.actor.require(permission)?;
        match self.actor.is_admin() {
            true => Ok(Scope::Operator),
            false => Err(required()),
        }
    }

    /// All accounts, oldest first.
    ///
    /// # Errors
    /// `Invalid` for a page out of range or a cursor that no page gave.
    pub fn users(&self, request: &PageRequest) -> Result<Page<User>> {
        accounts::page(self.installation, self.scope(READ)?, request)
    }

    /// Asks the endpoint of [`Config::embedding`](crate::Config::embedding) for the vector of one word, which is counted for
    /// nobody.
    ///
    /// # Errors
    /// What is wrong with it, in a sentence for whoever runs the installation; `Invalid` (`vectors_missing`) when there
    /// is none.
    pub fn probe_embedding(&self) -> Result<()> {
        self.scope(READ)?;
        question::probe(self.installation)
    }

    /// The account with this e-mail address or username, written in any case.
    ///
    /// # Errors
    /// Those of reading.
    pub fn find_user(&self, name: &str) -> Result<Option<User>> {
        self.scope(READ)?;
        let found = self.installation.storage().read(|conn| match name.contains('@') {
            true => users::find_by_email(conn, name),
            false => users::find_by_username(conn, name),
        })?;
        Ok(found.map(|account| account.user))
    }

    /// Makes an account with the plan `free`. Without a password nobody can log in with it.
    ///
    /// # Errors
    /// `Invalid` for an address or name of the wrong form, and for a password under 8 characters or over 72
    /// bytes; `Conflict` when the address (`email_taken`) or username (`username_taken`) is in use.
    pub fn create(
        &self,
        new: NewUser,
        password: impl Into<Option<Secret<String>>>,
        is_admin: bool,
    ) -> Result<User> {
        self.scope(WRITE)?;
        let user = User { is_admin, ..accounts::new_user(self.installation, new)? };
        let hash = password
            .into()
            .map(|password| self.installation.passwords().hash(&password, None))
            .transpose()?;
        let feed = self.installation.feed().clone();
        self.installation.storage().write(move |tx| {
            accounts::insert(tx, &feed, &user, hash.as_ref())?;
            Ok(user.clone())
        })
    }

    /// Disables or enables an account, makes it an administrator's or not, or changes its plan. What the
    /// account follows ends within a second when it must not any more.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` (`plan_unknown`); `Conflict` (`last_admin`) when nobody could administer
    /// afterwards.
    pub fn update(&self, id: UserId, patch: StandingPatch) -> Result<User> {
        let scope = self.scope(WRITE)?;
        let (doorman, now) = (self.installation.doorman().clone(), self.installation.now());
        let feed = self.installation.feed().clone();
        self.installation.storage().write(move |tx| {
            let before = users::find(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            let after = User {
                is_active: patch.is_active.unwrap_or(before.is_active),
                is_admin: patch.is_admin.unwrap_or(before.is_admin),
                plan: patch.plan.clone().unwrap_or_else(|| before.plan.clone()),
                updated_at: now,
                ..before.clone()
            };
            if !after.is_active || !after.is_admin {
                accounts::must_not_be_last_admin(tx, &before)?;
            }
            if !users::any_plan(tx, &after.plan)? {
                let message = format!("there is no plan {:?}", after.plan);
                return Err(Error::invalid("plan_unknown", "plan", message));
            }
            users::update_standing(tx, scope, &after)?;
            doorman.announce(tx);
            feed.user(tx, id);
            Ok(after)
        })
    }

    /// Gives an account a new password and revokes its sessions and API keys.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for a password under 8 characters or over 72 bytes.
    pub fn set_password(&self, id: UserId, password: Secret<String>) -> Result<()> {
        let scope = self.scope(WRITE)?;
        let hash = self.installation.passwords().hash(&password, None)?;
        let (doorman, now) = (self.installation.doorman().clone(), self.installation.now());
        self.installation.storage().write(move |tx| {
            users::find(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            users::set_password(tx, scope, id, &hash, now)?;
            access_tokens::delete_of_user(tx, id)?;
            doorman.announce(tx);
            Ok(())
        })
    }

    /// Gives an account a random password, which is returned, and revokes its sessions and API keys.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn reset_password(&self, id: UserId) -> Result<Secret<String>> {
        let password = bearer::password(self.installation.random());
        self.set_password(id, password.clone())?;
        Ok(password)
    }

    /// Deletes an account with all it owns.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` (`last_admin`) for the only administrator, unless the operator deletes one without
    /// a password.
    pub fn delete(&self, id: UserId) -> Result<()> {
        accounts::delete(self.installation, &self.actor, self.scope(WRITE)?, id)
    }

    /// Makes an invitation that lets one person register while registration is by
    /// [invitation](crate::Registration::Invite): whoever has the code, or only one address.
    ///
    /// # Errors
    /// `Invalid` for an address of the wrong form, and for other than 1 to 365 days.
    pub fn invite(&self, email: Option<String>, days: u32) -> Result<Invitation> {
        self.scope(WRITE)?;
        email.as_ref().map_or(Ok(()), |email| input::email(self.installation.limits(), email))?;
        if !(1..=MOST_DAYS).contains(&days) {
            return Err(Error::invalid("days_out_of_range", "days", format!("give 1 to {MOST_DAYS}")));
        }
        let now = self.installation.now();
        let invitation = Invitation {
            id: self.installation.new_id(),
            code: bearer::invitation(self.installation.random()),
            email,
            expires_at: now.plus_ms(i64::from(days) * DAY_MS),
        };
        let (made, invited_by) = (invitation.clone(), self.actor.user_id());
        let hash = digest::sha256_hex(made.code.expose().as_bytes());
        self.installation.storage().write(move |tx| {
            invitations::purge(tx, now)?;
            let row = invitations::NewRow {
                id: made.id,
                hash: &hash,
                email: &made.email,
                invited_by,
                expires_at: made.expires_at,
                created_at: now,
            };
            invitations::insert(tx, &row)
        })?;
        Ok(invitation)
    }

    /// The invitations that can still be used, oldest first. Their codes are not known any more.
    ///
    /// # Errors
    /// Those of reading.
    pub fn invitations(&self) -> Result<Vec<OpenInvitation>> {
        self.scope(READ)?;
        let now = self.installation.now();
        self.installation.storage().read(|conn| invitations::list(conn, now))
    }

    /// Withdraws an invitation: nobody can register with its code any more.
    ///
    /// # Errors
    /// `NotFound`, also for one that was used.
    pub fn withdraw(&self, id: InvitationId) -> Result<()> {
        self.scope(WRITE)?;
        match self.installation.storage().write(move |tx| invitations::delete(tx, id))? {
            true => Ok(()),
            false => Err(Error::not_found("invitation_not_found", "invitation", id)),
        }
    }

    /// How much there is. The cost grows with the number of accounts and chats.
    ///
    /// # Errors
    /// Those of reading.
    pub fn stats(&self) -> Result<Stats> {
        self.scope(READ)?;
        self.installation.storage().read_anywhere(stats::read)
    }
}
