//! The files of a chat, as the frames of the Kafka system show them: the lists of both of its generations.

use kafka_core::{
    Actor, Chat, ChatFileContent, ChatFileKind, ErrorKind, File, FileKind, Kafka, PageRequest, Place, Result,
    Timestamp, WorkspaceId,
};
use serde::Serialize;

use crate::download;

#[derive(Debug, Serialize)]
pub(super) struct FileLists {
    pub(super) chat_files_based: Vec<BasedFile>,
    chat_files: Vec<ShownFile>,
    chat_files_text: Vec<TextFile>,
    workspace_files: Vec<NearbyFile>,
}

/// A `.based` file. Clients look at the first, so the one changed last comes first.
#[derive(Debug, Serialize)]
pub(super) struct BasedFile {
    file_id: String,
    name: String,
    latest_content: String,
    r#type: &'static str,
    versions: Vec<BasedVersion>,
    #[serde(skip)]
    updated_at: Timestamp,
}

/// From the oldest to the newest. The diff makes the newest of it.
#[derive(Debug, Serialize)]
struct BasedVersion {
    version_id: String,
    timestamp: Timestamp,
    diff: String,
}

/// Any file, as the second generation shows it.
#[derive(Debug, Serialize)]
struct ShownFile {
    id: String,
    name: String,
    content: Option<String>,
    language: Option<&'static str>,
    r#type: &'static str,
    url: String,
}

/// Any other file, as the first generation shows it: with the newest text, without versions.
#[derive(Debug, Serialize)]
struct TextFile {
    file_id: String,
    name: String,
    content: String,
    r#type: &'static str,
}

/// A file of the workspace that the chat does not have.
#[derive(Debug, Serialize)]
struct NearbyFile {
    file_id: String,
    name: String,
}

/// All of them.
pub(super) fn read(kafka: &Kafka, actor: &Actor, chat: &Chat) -> Result<FileLists> {
    let contents = kafka.chat_files(actor).contents(chat.id)?;
    let here: Vec<_> = contents.iter().filter_map(|content| content.file.file_id).collect();
    let nearby = match chat.workspace_id {
        Some(workspace) => files_of(kafka, actor, workspace)?,
        None => Vec::new(),
    };
    let nearby = nearby.into_iter().filter(|file| !here.contains(&file.id) && !is_based(&file.filename));
    let workspace_files =
        nearby.map(|file| NearbyFile { file_id: file.id.to_string(), name: file.filename }).collect();
    let chat_files = contents.iter().map(ShownFile::of).collect();
    let others = contents.iter().filter(|content| content.file.kind != ChatFileKind::Based);
    let chat_files_text = others.map(TextFile::of).collect();
    Ok(FileLists { chat_files_based: based(contents), chat_files, chat_files_text, workspace_files })
}

/// The `.based` files, the one changed last first. Another text with versions stands among the files without: clients
/// take the first file here for the one that the next edit is of, and the whole list for what they have composed.
pub(super) fn based(contents: Vec<ChatFileContent>) -> Vec<BasedFile> {
    let written = contents.into_iter().filter(|content| content.file.kind == ChatFileKind::Based);
    let mut files: Vec<_> = written.map(BasedFile::of).collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.updated_at));
    files
}

/// The name by which this system's clients know a file: that of the workspace's file, if it is one.
pub(super) fn shown_id(file: &kafka_core::ChatFile) -> String {
    file.file_id.map_or_else(|| file.id.to_string(), |id| id.to_string())
}

fn is_based(filename: &str) -> bool {
    filename.ends_with(".based")
}

/// A workspace's files, for whoever may see them: a key for chats only may not.
fn files_of(kafka: &Kafka, actor: &Actor, workspace: WorkspaceId) -> Result<Vec<File>> {
    let mut files = Vec::new();
    let mut place = Place::Start;
    loop {
        let request = PageRequest::Cursor { limit: Some(kafka.limits().page_max), place };
        let page = match kafka.files(actor).list(workspace, &request) {
            Err(error) if matches!(error.kind(), ErrorKind::Forbidden | ErrorKind::NotFound) => {
                return Ok(Vec::new());
            }
            page => page?,
        };
        files.extend(page.items);
        match page.next_cursor {
            Some(after) => place = Place::After(after),
            None => return Ok(files),
        }
    }
}

impl BasedFile {
    fn of(content: ChatFileContent) -> BasedFile {
        let ChatFileContent { file, text, updated_at, versions, .. } = content;
        let versions = versions.into_iter().map(|version| BasedVersion {
            version_id: version.id.to_string(),
            timestamp: version.timestamp,
            diff: version.diff,
        });
        BasedFile {
            file_id: shown_id(&file),
            name: file.filename,
            latest_content: text.unwrap_or_default(),
            r#type: "based",
            versions: versions.collect(),
            updated_at,
        }
    }
}

impl ShownFile {
    fn of(content: &ChatFileContent) -> ShownFile {
        let file = &content.file;
        let (id, kind) = (shown_id(file), FileKind::of(&file.filename));
        let url = content.source_url.clone().unwrap_or_else(|| download::address(&file.path));
        let (name, text) = (file.filename.clone(), content.text.clone());
        ShownFile { id, name, content: text, language: kind.language, r#type: kind.kind, url }
    }
}

impl TextFile {
    fn of(content: &ChatFileContent) -> TextFile {
        let file = &content.file;
        let is_image = FileKind::of(&file.filename).kind == "image";
        let text = if is_image { Some(&file.path) } else { content.text.as_ref() };
        TextFile {
            file_id: shown_id(file),
            name: file.filename.clone(),
            content: text.cloned().unwrap_or_default(),
            r#type: if is_image { "image" } else { "text" },
        }
    }
}
