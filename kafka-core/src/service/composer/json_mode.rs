//! Which endpoints have no mode for answers in JSON.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
};

use crate::provider::endpoint::Endpoint;

/// How many are remembered; with one more it begins anew.
const MOST: usize = 1000;

/// The models at their endpoints that refused it since this process began. What is remembered wrongly, or not,
/// costs a call that is refused.
#[derive(Debug, Default)]
pub(crate) struct JsonModes(Mutex<HashSet<(String, String, String)>>);

/// Provider, base URL and model.
type Place<'a> = (&'a str, &'a str, &'a str);

impl JsonModes {
    pub(super) fn is_refused_by(&self, place: Place<'_>) -> bool {
        self.refused().contains(&key(place))
    }

    pub(super) fn remember_refusal_by(&self, place: Place<'_>) {
        let mut refused = self.refused();
        if refused.len() >= MOST {
            refused.clear();
        }
        refused.insert(key(place));
    }

    fn refused(&self) -> MutexGuard<'_, HashSet<(String, String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key((provider, base_url, model): Place<'_>) -> (String, String, String) {
    let origin = Endpoint::parse(base_url).map_or_else(|_| base_url.to_owned(), |endpoint| endpoint.origin());
    (provider.to_owned(), origin, model.to_owned())
}
