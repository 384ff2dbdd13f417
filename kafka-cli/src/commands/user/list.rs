//! `kafka user list`.

use kafka_core::{Actor, Kafka, Result, User};

use super::super::pages;
use crate::{context::Context, output::Row};

/// Someone as a line of the list.
struct Line(User, String);

impl Row for Line {
    const HEADERS: &'static [&'static str] = &["email", "username", "plan", "marks", "id"];

    fn id(&self) -> &str {
        &self.1
    }

    fn cells(&self) -> Vec<String> {
        let Line(user, id) = self;
        let marks = [(user.is_admin, "admin"), (!user.is_active, "disabled")];
        let marks: Vec<&str> = marks.into_iter().filter(|(set, _)| *set).map(|(_, mark)| mark).collect();
        let username = user.username.clone().unwrap_or_else(|| "-".to_owned());
        vec![user.email.clone(), username, user.plan.clone(), marks.join(", "), id.clone()]
    }
}

pub(super) fn run(kafka: &Kafka, actor: &Actor, context: &Context) -> Result<()> {
    let users = pages::all(kafka, |request| kafka.administration(actor).users(request))?;
    let whole = pages::whole(&users);
    let lines: Vec<Line> = users
        .into_iter()
        .map(|user| {
            let id = user.id.to_string();
            Line(user, id)
        })
        .collect();
    context.output.list(&whole, &lines)
}
