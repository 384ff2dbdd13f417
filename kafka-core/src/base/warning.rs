//! Whom to tell what does not end anything, but should be known to whoever runs the installation.

use std::{fmt, sync::Arc};

type Call = dyn Fn(&str) + Send + Sync;

/// Takes a sentence for whoever runs the installation. It is called from any thread, and must be quick.
#[derive(Clone, Default)]
pub struct OnWarning(Option<Arc<Call>>);

impl OnWarning {
    /// Calls this.
    #[must_use]
    pub fn new(call: impl Fn(&str) + Send + Sync + 'static) -> OnWarning {
        OnWarning(Some(Arc::new(call)))
    }

    pub(crate) fn tell(&self, sentence: &str) {
        if let Some(call) = &self.0 {
            call(sentence);
        }
    }
}

impl fmt::Debug for OnWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnWarning")
    }
}
