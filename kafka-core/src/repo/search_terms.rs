//! What the index of words holds of a row, and how it is asked: in the spelling of each engine.
//!
//! A row of the index holds the words of a text and, as further words that no text can hold, labels that say whose it
//! is, where it stands, who speaks and when it was made. So the index itself passes over what others own.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike as _};

use crate::{
    base::{
        id::{UserId, WorkspaceId},
        time::Timestamp,
    },
    crypto::digest::sha256_hex,
    entity::message::Role,
    text::search::{
        query::{Clause, Query},
        words::words,
    },
};

/// A text as the engine's index takes it: its words where they stand, and the labels. None without words.
pub(super) fn document(text: &str, labels: &[String], is_postgres: bool) -> Option<String> {
    let mut document = String::with_capacity(text.len() + 200);
    for (index, word) in words(text).enumerate() {
        if is_postgres {
            let _ = write!(document, "'{}':{} ", word.folded, index + 1);
        } else {
            document.push_str(&word.folded);
            document.push(' ');
        }
    }
    if document.is_empty() {
        return None;
    }
    for label in labels {
        if is_postgres {
            let _ = write!(document, "'{label}' ");
        } else {
            document.push_str(label);
            document.push(' ');
        }
    }
    Some(document)
}

// Labels begin with a sign that no word has.

pub(super) fn label_of_chat(number: i64) -> String {
    format!("=c{number}")
}

/// Of the account that owns it, or of nobody, and of its workspace.
pub(super) fn labels_of_owner(
    user: Option<UserId>,
    workspace: Option<WorkspaceId>,
) -> impl Iterator<Item = String> {
    let user = user.map_or_else(|| "=n".to_owned(), label_of_user);
    [Some(user), workspace.map(label_of_workspace)].into_iter().flatten()
}

pub(super) fn label_of_user(user: UserId) -> String {
    format!("=u{}", user.0.as_simple())
}

pub(super) fn label_of_workspace(workspace: WorkspaceId) -> String {
    format!("=w{}", workspace.0.as_simple())
}

/// Of what all chats of a workspace share, and none has for itself.
pub(super) fn label_of_shelf(workspace: WorkspaceId) -> String {
    format!("=s{}", workspace.0.as_simple())
}

pub(super) fn label_of_role(role: Role) -> String {
    format!("=r{role}")
}

/// Names of models hold any signs.
pub(super) fn label_of_model(model: &str) -> String {
    format!("=m{}", &sha256_hex(model.as_bytes())[..16])
}

/// Of the year and of the month.
pub(super) fn labels_of_time(at: Timestamp) -> [String; 2] {
    let (year, month) = year_and_month(at);
    [label_of_year(year), label_of_month(year * 12 + month)]
}

fn label_of_year(year: i32) -> String {
    format!("=y{}", year.clamp(0, 9999))
}

/// Months are counted from the beginning of our era.
fn label_of_month(months: i32) -> String {
    format!("=t{}", months.clamp(0, 120_000))
}

fn year_and_month(at: Timestamp) -> (i32, i32) {
    let date = DateTime::from_timestamp_millis(at.unix_ms());
    date.map_or((0, 0), |date| (date.year(), i32::try_from(date.month0()).unwrap_or_default()))
}

/// A longer time narrows the index by its years.
const MOST_MONTHS: i32 = 24;
const YEARS: i32 = 100;

/// The labels of the months, or years, that lie in a period; none where those would be too many.
pub(super) fn labels_of_period(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<Vec<String>> {
    let [from, to] = [from, to].map(|at| at.map(year_and_month));
    // Nothing is more than a hundred years older or younger than what is asked for.
    let ((year, month), (last_year, last_month)) = match (from, to) {
        (None, None) => return None,
        (Some(from), Some(to)) => (from, to),
        (Some(from), None) => (from, (from.0.saturating_add(YEARS - 1), 0)),
        (None, Some(to)) => ((to.0.saturating_sub(YEARS - 1), 0), to),
    };
    let [first, last] = [(year, month), (last_year, last_month)].map(|(year, month)| year * 12 + month);
    match last - first {
        0..MOST_MONTHS => Some((first..=last).map(label_of_month).collect()),
        _ if (0..YEARS).contains(&(last_year - year)) => {
            Some((year..=last_year).map(label_of_year).collect())
        }
        _ => None,
    }
}

/// Which words a row of the index has to hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wanted<'q> {
    /// All that the query wants.
    All(&'q Query),
    /// One part of it, without what it does not want.
    Part(&'q Query, &'q Clause),
}

/// The engine's spelling of what is searched for.
pub(super) fn expression(wanted: Wanted<'_>, labels: &[Vec<String>], is_postgres: bool) -> String {
    let [and, or] = if is_postgres { [" & ", " | "] } else { [" AND ", " OR "] };
    let (query, parts) = match wanted {
        Wanted::All(query) => {
            (query, query.wanted.iter().map(|clause| spelled(clause, is_postgres)).collect())
        }
        Wanted::Part(query, clause) => (query, vec![spelled(clause, is_postgres)]),
    };
    let mut groups: Vec<String> = parts;
    groups.extend(labels.iter().map(|group| any_label(group, is_postgres)));
    let mut text = groups.join(and);
    if !query.unwanted.is_empty() {
        let unwanted: Vec<String> =
            query.unwanted.iter().map(|clause| spelled(clause, is_postgres)).collect();
        let not = if is_postgres { "& !" } else { "NOT " };
        text = format!("({text}) {not}({})", unwanted.join(or));
    }
    text
}

/// One of these labels.
pub(super) fn any_label(labels: &[String], is_postgres: bool) -> String {
    let label = |label: &String| if is_postgres { format!("'{label}'") } else { format!("\"{label}\"") };
    let labels: Vec<String> = labels.iter().map(label).collect();
    format!("({})", labels.join(if is_postgres { " | " } else { " OR " }))
}

/// One of the parts that a query wants.
pub(super) fn any_part(query: &Query, is_postgres: bool) -> String {
    let parts: Vec<String> = query.wanted.iter().map(|clause| spelled(clause, is_postgres)).collect();
    format!("({})", parts.join(if is_postgres { " | " } else { " OR " }))
}

/// Words are letters and digits only, so nothing in them has to be escaped.
fn spelled(clause: &Clause, is_postgres: bool) -> String {
    match is_postgres {
        true => {
            let words: Vec<String> = clause.words.iter().map(|word| format!("'{word}'")).collect();
            format!("({}{})", words.join(" <-> "), if clause.is_prefix { ":*" } else { "" })
        }
        false => format!("\"{}\"{}", clause.words.join(" "), if clause.is_prefix { " *" } else { "" }),
    }
}
