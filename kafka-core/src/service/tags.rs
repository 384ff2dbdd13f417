//! Tags: what chats are found by.

use super::{
    auth,
    chats::{Chats, READ},
    input,
};
use crate::{
    base::{
        error::{Error, Result},
        limits::Limits,
        shares::Whose,
    },
    entity::chat::{ChatFilter, TagCount, folded_tag},
    repo::chat_lists,
};

/// Most tags that are listed.
const MOST_LISTED: u32 = 1000;

impl Chats<'_> {
    /// The tags of all chats that the actor may see, by their letters, with how many chats have each; of more than
    /// 1,000 the first. It reads each of them and waits for its turn as a search does.
    ///
    /// # Errors
    /// `Unauthenticated` (`account_required`) for callers without a credential; `Busy` and `RateLimited` as
    /// [`list`](Chats::list).
    pub fn tags(&self) -> Result<Vec<TagCount>> {
        let scope = self.actor.scope(READ)?;
        auth::refuse_anonymous(&self.actor)?;
        let _search = self.installation.searches().begin(Whose::actor(&self.actor))?;
        self.installation.storage().read_one_anywhere(|conn| chat_lists::tags(conn, scope, MOST_LISTED))
    }
}

/// Tags as they are stored: without blanks around them, and of those that mean the same the first.
pub(super) fn tidied(limits: &Limits, given: Vec<String>) -> Result<Vec<String>> {
    let mut tags: Vec<String> = Vec::new();
    let mut folded: Vec<String> = Vec::new();
    for tag in &given {
        let tag = checked(limits, "tags", tag)?;
        let compared = folded_tag(tag);
        if !folded.contains(&compared) {
            folded.push(compared);
            tags.push(tag.to_owned());
        }
        if tags.len() > limits.tags {
            let message = format!("a chat has at most {} tags", limits.tags);
            return Err(Error::invalid("too_many_tags", "tags", message));
        }
    }
    Ok(tags)
}

/// The filter with its tag as it is compared.
pub(super) fn folded(limits: &Limits, filter: &ChatFilter) -> Result<ChatFilter> {
    let tag = filter.tag.as_ref().map(|tag| checked(limits, "tag", tag).map(folded_tag)).transpose()?;
    Ok(ChatFilter { tag, ..filter.clone() })
}

fn checked<'t>(limits: &Limits, field: &str, tag: &'t str) -> Result<&'t str> {
    let tag = tag.trim();
    if tag.is_empty() {
        return Err(Error::invalid("tag_empty", field, "a tag has at least one character that is no blank"));
    }
    input::characters(field, tag, limits.tag_chars)?;
    Ok(tag)
}
