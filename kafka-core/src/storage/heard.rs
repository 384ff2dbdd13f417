//! What is heard of other processes that write to the same database.

/// One thing that is heard.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Heard<'a> {
    /// What one of them told with a commit ([`Tx::tell`](super::Tx::tell)), a line each.
    Told(&'a str),
    /// More may have been told than was heard.
    Gap,
}

/// Who hears it. It is called on the thread that keeps this process a node: it must be quick, and not call
/// the storage.
pub(crate) type Ear = Box<dyn Fn(Heard<'_>) + Send + Sync>;
