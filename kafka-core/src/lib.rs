#![doc = include_str!("../README.md")]
#![warn(missing_docs)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod base;
mod config;
mod crypto;
mod entity;
mod kafka;
mod provider;
mod repo;
mod schema;
mod service;
mod storage;
#[cfg(feature = "testing")]
pub mod testing;
mod text;

pub use base::{
    actor::Actor,
    cancel::{CancelGuard, CancelToken},
    day::Day,
    error::{Error, ErrorKind, FieldError, Result},
    id::*,
    limits::Limits,
    page::{Cursor, Page, PageNumbers, PageRequest, Place},
    permission::{Area, Permission, Permissions},
    random::{Random, SystemRandom},
    secret::Secret,
    time::{Clock, SystemClock, Timestamp},
    warning::OnWarning,
};
pub use config::{Config, Database};
pub use entity::{
    attempt::{Attempt, Outcome, Step},
    block::Piece,
    branch::{BranchPoint, NewFork},
    change::Change,
    chat::{Chat, ChatFilter, ChatPatch, LinearChat, NewChat, TagCount},
    chat_file::{ChatFile, ChatFileContent, ChatFileKind, NewChatFile, NewVersion, Version},
    document::{Document, DocumentPlace, Passage, ProcessingStatus, Source, SourceText},
    event::{Event, EventKind, TurnEvent},
    file::{File, FilePatch, FileText, NewFile, clean_filename},
    file_note::FileNote,
    message::{Message, MessagePatch, MessageStatus, NewMessage, Role},
    model::{Model, ModelPatch, NewModel},
    overview::{ChatOverview, Overview, WorkspaceOverview},
    params::{Params, TimeoutSeconds, Timeouts},
    plan::{NewPlan, Plan, PlanPatch},
    response::{Answer, AnswerRequest, ComposeRequest, Response, ResponseError, ResponseStatus},
    search::{Hit, HitKind, Hits, SearchArea, SearchMode, SearchRequest, SearchSort},
    share_link::{IssuedShareLink, NewShareLink, ShareLink, SharedChat, SharedMessage},
    stats::Stats,
    token::{Invitation, IssuedToken, Login, NewToken, OpenInvitation, Ticket, Token},
    tool_call::ToolCall,
    usage::{AccountUsage, DayUsage, ModelUsage, Period, UsageLimits, UsageSummary},
    user::{NewUser, StandingPatch, User, UserPatch},
    workspace::{MemberRole, NewWorkspace, Workspace, WorkspacePatch},
};
pub use kafka::Kafka;
pub use provider::{
    address::AddressPolicy,
    api::{
        CallOptions, Delta, DeltaStream, ModelHealth, Prompt, PromptMessage, Provider, ProviderError,
        TokenUsage,
    },
    echo::EchoProvider,
    endpoint::ModelHost,
    network::{Network, Resolver, SystemResolver},
    openai::OpenAiProvider,
};
pub use schema::{Diagnosis, Schema};
pub use service::{
    administration::Administration,
    blob_sweep::FilesReport,
    branches::Branches,
    catalogue::OfferedModels,
    chat_files::ChatFiles,
    chats::Chats,
    completion::{Completions, titles::Titles, turn::Turn},
    composer::Composer,
    documents::Documents,
    embedding::{EmbeddingEndpoint, failure::EmbeddingFailure},
    events::{Changes, Events},
    export::{Export, ExportFormat},
    extraction::Extractor,
    files::{FileContent, Files, StagedFile},
    keyring::{KeyringReport, SecretSource, Secrets},
    linear::{ChatWalk, Linear, MessageWalk, Walk},
    messages::Messages,
    models::Models,
    moving::MoveReport,
    once::IdempotencyKey,
    plans::Plans,
    registration::Registration,
    responses::{EventStream, Next, Responses},
    search::Search,
    share_links::ShareLinks,
    shared::Shared,
    tokens::Tokens,
    uploads::{Upload, Uploads},
    usage::Usage,
    users::Users,
    workspaces::Workspaces,
};
pub use storage::{
    AppliedMigration, DatabaseHealth, DownTarget, MigrateMode, MigrationName, MigrationReport,
    MigrationStatus, MoveProgress, MoveStep, Node, NodeKind, StoredContents, Synchronous,
};
#[cfg(feature = "postgres")]
pub use storage::{PostgresAddress, PostgresOptions};
#[cfg(feature = "extraction")]
pub use text::extract::extract_text;
pub use text::{
    based,
    chunk::{Chunk, Sizes, chunks},
    decode::decode_text,
    diff::{readable_diff, unified_diff},
    extract::{ExtractError, Extracted, TextKind, extract},
    file_kind::FileKind,
    patch::apply_patch,
    patch_error::PatchError,
};
