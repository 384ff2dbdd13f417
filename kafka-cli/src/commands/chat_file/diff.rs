//! `kafka chat-file diff`.

use kafka_core::{ChatFileId, ChatFiles, Result};
use serde_json::json;

use super::super::ids;
use crate::{
    context::Context,
    output::{Style, printable_lines},
};

/// Print what makes one version of a text of another
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    kafka chat-file diff ID        what the newest version changed\n  \
    kafka chat-file diff ID 1      what was changed since version 1\n  \
    kafka chat-file diff ID 1 3    what makes version 3 of version 1")]
pub(super) struct Args {
    /// The file
    #[arg(value_parser = ids::parse::<ChatFileId>)]
    id: ChatFileId,
    /// The number of the older text; the one before the newest when not given
    from: Option<u64>,
    /// The number of the newer text; the newest when not given
    to: Option<u64>,
}

pub(super) fn run(files: &ChatFiles<'_>, args: &Args, context: &Context) -> Result<()> {
    let to = match args.to {
        Some(to) => to,
        None => files.newest_version(args.id)?.number,
    };
    // A first version has none before it, and is compared with itself.
    let from = args.from.unwrap_or_else(|| to.saturating_sub(1).max(1));
    let diff = files.diff(args.id, from, to)?;
    if !context.output.is_for_people() {
        return context.output.done(&json!({ "from": from, "to": to, "diff": diff }), &[], "");
    }
    if diff.is_empty() {
        context.output.note(&match from == to {
            true => format!("Version {to} is compared with itself."),
            false => format!("Versions {from} and {to} have the same text."),
        });
    }
    print(&diff, context)
}

/// Prints a difference: as it is for a program, else in colours.
pub(in crate::commands) fn print(diff: &str, context: &Context) -> Result<()> {
    let output = &context.output;
    match output.is_terminal() {
        true => output.text(&coloured(diff, |style, line| output.styled(style, line))),
        false => output.text(diff),
    }
}

/// Each line in the colour of what it says; those before the first hunk are its title.
fn coloured(diff: &str, styled: impl Fn(Style, &str) -> String) -> String {
    let mut in_title = true;
    let mut line = |line: &str| {
        in_title &= !line.starts_with('@');
        match line.chars().next() {
            Some(_) if in_title => styled(Style::Bold, line),
            Some('+') => styled(Style::Green, line),
            Some('-') => styled(Style::Red, line),
            Some('@') => styled(Style::Blue, line),
            _ => line.to_owned(),
        }
    };
    printable_lines(diff).lines().map(|text| line(text) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_the_colour_of_what_they_say() {
        let diff = "--- version 1\n+++ version 2\n@@ -1,2 +1,2 @@\n same\n-old\u{1b}[2J\n+new\n\\ No newline at end of file\n";
        let text = coloured(diff, |style, line| style.on(line, true));
        let bold = "\u{1b}[1m--- version 1\u{1b}[0m\n\u{1b}[1m+++ version 2\u{1b}[0m\n";
        let blue = "\u{1b}[1;34m@@ -1,2 +1,2 @@\u{1b}[0m\n same\n";
        let red = "\u{1b}[1;31m-old\u{FFFD}[2J\u{1b}[0m\n";
        let green = "\u{1b}[1;32m+new\u{1b}[0m\n\\ No newline at end of file\n";
        assert_eq!(text, format!("{bold}{blue}{red}{green}"));
        assert_eq!(coloured("", |style, line| style.on(line, true)), "");
    }
}
