//! What an account has, read at once: for clients that show everything when someone comes.

use crate::{
    base::{
        actor::Actor,
        error::Result,
        id::UserId,
        permission::{Area, Permission},
    },
    entity::{
        overview::{ChatOverview, Overview, WorkspaceOverview},
        workspace::Workspace,
    },
    repo::{chats, files, models, users, workspaces},
    service::{self, installation::Installation},
};

/// The account, its workspaces with their files and chats, and its models: five statements, however much
/// there is.
pub(crate) fn read(installation: &Installation, actor: &Actor, id: UserId) -> Result<Overview> {
    for area in [Area::Files, Area::Chats, Area::Models] {
        actor.require(Permission::read(area))?;
    }
    let scope = actor.scope(Permission::read(Area::Account))?;
    installation.storage().read_anywhere(|conn| {
        let user = users::find(conn, scope, id)?.ok_or_else(|| service::users::not_found(id))?;
        let mut files = files::of_owner(conn, scope, id)?.into_iter().peekable();
        let mut chats = chats::of_owner(conn, scope, id)?.into_iter().peekable();
        // Files and chats come in the order of the ids of their workspaces.
        let mut workspaces = workspaces::of_owner(conn, scope, id)?;
        workspaces.sort_by_key(|workspace| workspace.id);
        let mut overviews: Vec<_> = workspaces
            .into_iter()
            .map(|workspace: Workspace| {
                let here = Some(workspace.id);
                let files = std::iter::from_fn(|| files.next_if(|file| file.workspace_id == here)).collect();
                let chats = std::iter::from_fn(|| chats.next_if(|(chat, _)| chat.workspace_id == here));
                let chats = chats.map(|(chat, versions)| ChatOverview { chat, versions }).collect();
                WorkspaceOverview { workspace, files, chats }
            })
            .collect();
        overviews.sort_by_key(|overview| (overview.workspace.created_at, overview.workspace.id));
        Ok(Overview { user, workspaces: overviews, models: models::of_owner(conn, scope, id)? })
    })
}
