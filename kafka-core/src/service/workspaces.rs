//! What can be done with workspaces.

use super::{
    chats::Parting,
    input,
    listing::{self, ByCreation, TimeKey},
    once::{IdempotencyKey, Once, once},
    removal,
};
use crate::{
    base::{
        actor::Actor,
        error::{Error, Result},
        id::{UserId, WorkspaceId},
        page::{Page, PageRequest},
        permission::{Area, Permission},
    },
    entity::workspace::{MemberRole, NewWorkspace, Workspace, WorkspacePatch},
    repo::{chats, workspaces},
    service::installation::Installation,
};

/// What a credential needs for reading here.
const READ: Permission = Permission::read(Area::Files);
/// What it needs for changing something.
const WRITE: Permission = Permission::write(Area::Files);

/// Workspaces, as one actor may use them. Made by [`Kafka::workspaces`](crate::Kafka::workspaces).
#[derive(Debug)]
pub struct Workspaces<'k> {
    installation: &'k Installation,
    actor: Actor,
    once: Option<Once>,
}

pub(crate) fn not_found(id: WorkspaceId) -> Error {
    Error::not_found("workspace_not_found", "workspace", id)
}

impl<'k> Workspaces<'k> {
    pub(crate) fn new(installation: &'k Installation, actor: &Actor) -> Workspaces<'k> {
        Workspaces { installation, actor: *actor, once: None }
    }

    /// Makes [`create`](Workspaces::create) take effect once for this key, if there is one.
    #[must_use]
    pub fn idempotent(mut self, key: impl Into<Option<IdempotencyKey>>) -> Workspaces<'k> {
        self.once = key.into().map(|key| Once::new(self.installation, &self.actor, key));
        self
    }

    /// Makes a workspace.
    ///
    /// # Errors
    /// `Invalid` for a name that is too long; `Forbidden` when someone else is named as its owner.
    pub fn create(&self, new: NewWorkspace) -> Result<Workspace> {
        self.actor.require(WRITE)?;
        input::name(self.installation.limits(), "name", &new.name)?;
        let now = self.installation.now();
        let workspace = Workspace {
            id: self.installation.new_id(),
            name: new.name,
            owner_id: super::users::owner(&self.actor, "owner_id", new.owner_id)?,
            created_at: now,
            updated_at: now,
        };
        let (key, feed) = (self.once.clone(), self.installation.feed().clone());
        self.installation.storage().write(move |tx| {
            once(tx, key.as_ref(), || {
                super::users::must_exist(tx, workspace.owner_id)?;
                workspaces::insert(tx, &workspace)?;
                feed.workspace(tx, workspace.id);
                Ok(workspace.clone())
            })
        })
    }

    /// Makes a workspace of this name for an account that has none. False when it has one.
    ///
    /// # Errors
    /// Those of [`create`](Workspaces::create).
    pub fn ensure(&self, owner: UserId, name: &str) -> Result<bool> {
        self.actor.require(WRITE)?;
        input::name(self.installation.limits(), "name", name)?;
        let (scope, now) = (self.actor.scope(WRITE)?, self.installation.now());
        let has_one = self
            .installation
            .storage()
            .read(|conn| Ok(!workspaces::of_owner(conn, scope, owner)?.is_empty()))?;
        if has_one {
            return Ok(false);
        }
        let workspace = Workspace {
            id: self.installation.new_id(),
            name: name.to_owned(),
            owner_id: super::users::owner(&self.actor, "owner_id", Some(owner))?,
            created_at: now,
            updated_at: now,
        };
        let feed = self.installation.feed().clone();
        self.installation.storage().write(move |tx| {
            // Two who come at once are to make one.
            if !workspaces::of_owner(tx, scope, owner)?.is_empty() {
                return Ok(false);
            }
            super::users::must_exist(tx, workspace.owner_id)?;
            workspaces::insert(tx, &workspace)?;
            feed.workspace(tx, workspace.id);
            Ok(true)
        })
    }

    /// One workspace.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn get(&self, id: WorkspaceId) -> Result<Workspace> {
        let found = self
            .installation
            .storage()
            .read_one_anywhere(|conn| workspaces::find(conn, self.actor.scope(READ)?, id))?;
        found.ok_or_else(|| not_found(id))
    }

    /// Workspaces that the actor owns or is a member of, oldest first.
    ///
    /// # Errors
    /// `Invalid` for a page out of range or a cursor that no page gave.
    pub fn list(&self, request: &PageRequest) -> Result<Page<Workspace>> {
        let scope = self.actor.scope(READ)?;
        listing::read(self.installation.storage(), request, |conn| {
            let list = ByCreation {
                after: &|key, room| workspaces::list(conn, scope, key, room),
                before: &|key, room| workspaces::list_back(conn, scope, key, room),
                numbered: &|room, offset| {
                    let items = workspaces::list_numbered(conn, scope, room, offset)?;
                    Ok((items, workspaces::count(conn, scope)?))
                },
                cursor: &|workspace: &Workspace| TimeKey::cursor(workspace.created_at, workspace.id),
            };
            list.page(self.installation.limits(), request)
        })
    }

    /// Renames a workspace.
    ///
    /// # Errors
    /// `NotFound`, also for members, who may not rename; `Invalid` for a name that is too long.
    pub fn update(&self, id: WorkspaceId, patch: WorkspacePatch) -> Result<Workspace> {
        input::optional_name(self.installation.limits(), "name", patch.name.as_ref())?;
        let (scope, now) = (self.actor.scope(WRITE)?, self.installation.now());
        let feed = self.installation.feed().clone();
        self.installation.storage().write(move |tx| {
            let mut workspace = workspaces::find(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            if let Some(name) = &patch.name {
                workspace.name.clone_from(name);
                workspace.updated_at = now;
            }
            if !workspaces::update(tx, scope, &workspace)? {
                return Err(not_found(id));
            }
            feed.workspace(tx, id);
            Ok(workspace)
        })
    }

    /// Lets an account into a workspace, changes what it may do there, or (`None`) shows it out. What someone
    /// follows there and may not any more ends within a second.
    ///
    /// # Errors
    /// `NotFound` for the workspace, also for members, who may not share it, and for the account.
    pub fn share(&self, id: WorkspaceId, user: UserId, role: Option<MemberRole>) -> Result<()> {
        let (scope, now) = (self.actor.scope(WRITE)?, self.installation.now());
        let (doorman, feed) = (self.installation.doorman().clone(), self.installation.feed().clone());
        self.installation.storage().write(move |tx| {
            if !workspaces::is_writable(tx, scope, id)? {
                return Err(not_found(id));
            }
            super::users::must_exist(tx, Some(user))?;
            doorman.announce(tx);
            feed.workspace(tx, id);
            match role {
                Some(role) => workspaces::add_member(tx, id, user, role, now),
                None => workspaces::remove_member(tx, id, user),
            }
        })
    }

    /// Deletes a workspace with its chats and files. Running answers in it end.
    ///
    /// # Errors
    /// `NotFound`, also for members, who may not delete it.
    pub fn delete(&self, id: WorkspaceId) -> Result<()> {
        let (scope, parting) = (self.actor.scope(WRITE)?, Parting::new(self.installation));
        let feed = self.installation.feed().clone();
        self.installation.storage().write(move |tx| {
            let workspace = workspaces::find(tx, scope, id)?.ok_or_else(|| not_found(id))?;
            parting.announce(tx, &chats::of_workspace(tx, scope, id)?)?;
            feed.workspace_deleted(tx, id, workspace.owner_id)?;
            if workspaces::delete(tx, scope, id)? { Ok(()) } else { Err(not_found(id)) }
        })?;
        removal::after_deletion(self.installation)
    }
}
