//! Stopping work that runs on another thread.

use std::{
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

type Hook = Box<dyn FnOnce() + Send>;

/// A flag that is raised once and never lowered. Clones share it. What must end at once when it is
/// raised (a blocked socket, a waiting thread) registers a hook.
#[derive(Clone, Default)]
pub struct CancelToken(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    cancelled: bool,
    next: u64,
    hooks: Vec<(u64, Hook)>,
}

impl CancelToken {
    /// A token that has not been raised.
    #[must_use]
    pub fn new() -> CancelToken {
        CancelToken::default()
    }

    /// Raises the flag and runs the hooks on this thread; a hook that panics stops none of the others.
    /// Raising it again does nothing.
    pub fn cancel(&self) {
        let hooks = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.cancelled = true;
            std::mem::take(&mut state.hooks)
        };
        for (_, hook) in hooks {
            // Providers bring hooks, and this thread may be one that every answer needs.
            let _ = catch_unwind(AssertUnwindSafe(hook));
        }
    }

    /// Whether the flag is raised.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).cancelled
    }

    /// Runs `hook` when the flag is raised: on the raising thread, or at once on this one if that has
    /// happened already. Dropping the returned guard forgets the hook.
    #[must_use]
    pub fn on_cancel(&self, hook: impl FnOnce() + Send + 'static) -> CancelGuard {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let id = state.next;
        state.next += 1;
        if state.cancelled {
            drop(state);
            hook();
        } else {
            state.hooks.push((id, Box::new(hook)));
        }
        CancelGuard { token: self.clone(), id }
    }
}

impl fmt::Debug for CancelToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelToken({})", self.is_cancelled())
    }
}

/// Forgets a hook of a [`CancelToken`] when dropped.
#[derive(Debug)]
pub struct CancelGuard {
    token: CancelToken,
    id: u64,
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        let mut state = self.token.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.hooks.retain(|(id, _)| *id != self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn a_hook_that_panics_keeps_nobody_from_being_stopped() {
        let (token, reached) = (CancelToken::new(), Arc::new(AtomicBool::new(false)));
        let _panicking = token.on_cancel(|| panic!("wanted"));
        let seen = reached.clone();
        let _other = token.on_cancel(move || seen.store(true, Ordering::Relaxed));
        token.cancel();
        assert!(token.is_cancelled() && reached.load(Ordering::Relaxed));
    }
}
