//! Every number that bounds something, in one place.

use serde::Serialize;

/// Sizes, counts and times that bound what callers may ask for. `Default` gives the documented values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Limits {
    /// Longest title, name or model name, in characters. Default 255.
    pub name_chars: usize,
    /// Longest e-mail address, in characters. Default 254.
    pub email_chars: usize,
    /// Longest chat description, in bytes. Default 64 KiB.
    pub description_bytes: usize,
    /// Most notebooks of a chat. Default 100.
    pub notebooks: usize,
    /// Most tags of a chat. Default 32.
    pub tags: usize,
    /// Longest tag, in characters. Default 64.
    pub tag_chars: usize,
    /// Links by which one chat can be read at the same time. Default 20.
    pub share_links: usize,
    /// Longest text of one message, in bytes. Default 1 MiB.
    pub message_bytes: usize,
    /// Longest file, in bytes. Default 20 MiB.
    pub file_bytes: u64,
    /// How long reading the text of a document may take, in milliseconds; whoever asks for it waits so long at most.
    /// Default 20 000.
    pub extraction_ms: u32,
    /// Documents that are read at the same time, each by a process of its own; of one owner a quarter, and one at least.
    /// Default 2.
    pub extractions: usize,
    /// Longest text kept of a document, in bytes; of a longer one the beginning is. Default 4 MiB.
    pub extracted_bytes: usize,
    /// Longest text of one version of a chat's file, in bytes. Default 1 MiB.
    pub version_bytes: usize,
    /// Files of one chat. Default 1000.
    pub files_per_chat: u32,
    /// Documents of one chat, or that the chats of one workspace share. Default 1000.
    pub documents_per_chat: u32,
    /// Vectors of passages that are kept in memory, in bytes; others are read for each search by vectors. Default 256 MiB.
    pub vector_bytes: usize,
    /// How long an endpoint may take for the vectors of a batch of passages, in milliseconds; a document that it
    /// gives none for in time is found by its words, and gets them later. Default 120 000.
    pub embedding_ms: u32,
    /// Longest answer kept of a model, in bytes, with 64 for each piece it came in; beyond it the answer ends as interrupted. Default 8 MiB.
    pub answer_bytes: usize,
    /// Entries of a page when none is asked for. Default 50.
    pub page_default: u32,
    /// Most entries of a page. Default 200.
    pub page_max: u32,
    /// Texts of a page, in bytes: with what goes beyond them a next page begins, but every page has an entry.
    /// Default 1 MiB.
    pub page_bytes: usize,
    /// Lists of chats that are searched by title, or for archived ones, searches for beginnings of words, and those for
    /// which vectors are read that are not in memory, at the same time; each may read very much.
    /// A quarter of them, but at least one, for one caller, of whom one more may wait. Default 1.
    pub searches: usize,
    /// How long such a list may wait for others to end before the call fails as busy, in milliseconds.
    /// Default 1000.
    pub search_wait_ms: u32,
    /// Longest query of a search, in characters. Default 1000.
    pub search_query_chars: usize,
    /// Hits of a page when none is asked for. Default 20.
    pub search_default: u32,
    /// Most hits of a page. Default 100.
    pub search_max: u32,
    /// Answers of one chat that may wait behind the running one. Default 16.
    pub waiting_answers_per_chat: usize,
    /// Answers that may run or wait at the same time in this process; a quarter of them, but at least one, in
    /// the chats of one owner, unless the operator asks. Default 512.
    pub concurrent_answers: usize,
    /// How long an idempotency key is remembered, in hours. Default 24.
    pub idempotency_hours: u32,
    /// Tokens of history sent to a model whose row states no `context_tokens`. Default 8192.
    pub context_tokens: u32,
    /// Tokens of its owner's plan that are kept free for an answer whose question and model state no
    /// `max_tokens`, if so many are left and the model's context has room for them; the endpoint is told them
    /// as `max_tokens`, and an answer that goes far beyond ends as interrupted. Only where plans are enforced.
    /// Default 4096.
    pub reserved_answer_tokens: u32,
    /// Changes that may wait to be read by one subscriber; what comes on top of them is lost, and the
    /// loss told. Default 1024.
    pub pending_changes: usize,
    /// API keys that one account may have. Default 100.
    pub api_keys: usize,
    /// Failed logins with one name from one address, within the minutes below, after which more are
    /// refused; twice as many for an account, which has two names. As often an account may want an address or
    /// username that is taken. Default 10.
    pub failed_logins_of_account: usize,
    /// Failed logins from one address, for whatever account; and, counted apart, registrations from one,
    /// whatever came of them. Default 100.
    pub failed_logins_of_address: usize,
    /// How long a failed login counts, in minutes. Default 5.
    pub failed_login_minutes: u32,
    /// Passwords that are hashed or checked at the same time. Default 4.
    pub password_hashes: usize,
    /// Passwords that may wait to be hashed or checked before a call fails as busy; a quarter of them from
    /// one address. Default 64.
    pub waiting_password_hashes: usize,
    /// Write jobs that may wait for the writer before a call fails as busy. Default 4096.
    pub queued_writes: usize,
    /// Write jobs that share one commit. Default 256.
    pub writes_per_commit: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            name_chars: 255,
            email_chars: 254,
            description_bytes: 64 << 10,
            notebooks: 100,
            tags: 32,
            tag_chars: 64,
            share_links: 20,
            message_bytes: 1 << 20,
            file_bytes: 20 << 20,
            extraction_ms: 20_000,
            extractions: 2,
            extracted_bytes: 4 << 20,
            version_bytes: 1 << 20,
            files_per_chat: 1000,
            documents_per_chat: 1000,
            vector_bytes: 256 << 20,
            embedding_ms: 120_000,
            answer_bytes: 8 << 20,
            page_default: 50,
            page_max: 200,
            page_bytes: 1 << 20,
            searches: 1,
            search_wait_ms: 1000,
            search_query_chars: 1000,
            search_default: 20,
            search_max: 100,
            waiting_answers_per_chat: 16,
            concurrent_answers: 512,
            idempotency_hours: 24,
            context_tokens: 8192,
            reserved_answer_tokens: 4096,
            pending_changes: 1024,
            api_keys: 100,
            failed_logins_of_account: 10,
            failed_logins_of_address: 100,
            failed_login_minutes: 5,
            password_hashes: 4,
            waiting_password_hashes: 64,
            queued_writes: 4096,
            writes_per_commit: 256,
        }
    }
}
