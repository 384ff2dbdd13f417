//! Brings what others changed to the sockets that it concerns: one thread for all of them.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        Weak,
        mpsc::{self, Sender},
    },
    thread,
};

use super::session::Session;

/// The way to the thread. It ends with the last clone.
#[derive(Clone, Debug)]
pub(crate) struct Courier(Sender<Weak<Session>>);

impl Courier {
    pub(crate) fn start() -> Courier {
        let (sender, called) = mpsc::channel::<Weak<Session>>();
        let deliver = move || {
            for session in called {
                if let Some(session) = session.upgrade() {
                    // What fails for one must not silence the others; it has been reported.
                    drop(catch_unwind(AssertUnwindSafe(|| session.deliver())));
                }
            }
        };
        // Without the thread the sockets are told what they ask for themselves.
        drop(thread::Builder::new().name("ws-courier".to_owned()).spawn(deliver));
        Courier(sender)
    }

    /// Has the thread look what there is for a session. Never waits.
    pub(super) fn call(&self, session: Weak<Session>) {
        // The thread lives as long as this sender.
        let _ = self.0.send(session);
    }
}
