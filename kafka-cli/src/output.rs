//! Results on stdout: tables for people, JSON for programs, bare ids for pipes.

use std::io::{self, IsTerminal as _, Read, Write as _};

use kafka_core::{Error, ErrorKind, Result};
use kafka_http::config::Environment;
use serde::Serialize;

/// Flags that choose the form of results; every verb takes them.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub(crate) struct OutputArgs {
    /// Print results as JSON with the field names of the HTTP API
    #[arg(long, global = true, conflicts_with = "quiet", help_heading = "Output")]
    json: bool,
    /// Print only the ids of results, one a line
    #[arg(short, long, global = true, help_heading = "Output")]
    quiet: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    People,
    Json,
    Ids,
}

/// Something that can be a line of a table.
pub(crate) trait Row {
    const HEADERS: &'static [&'static str];

    /// What `--quiet` prints.
    fn id(&self) -> &str;

    /// One text for each of the headers.
    fn cells(&self) -> Vec<String>;
}

/// How a piece of text stands out on a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
    Blue,
}

impl Style {
    pub(crate) fn on(self, text: &str, styled: bool) -> String {
        let code = match self {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Red => "1;31",
            Style::Green => "1;32",
            Style::Yellow => "1;33",
            Style::Blue => "1;34",
        };
        if styled { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Writes results to stdout. A reader that has gone away (`kafka chats list | head -1`) is no error.
pub(crate) struct Output {
    form: Form,
    is_terminal: bool,
    styled: bool,
    /// The same for stderr.
    notes_styled: bool,
    /// Columns of the terminal; none when stdout is no terminal, where nothing is cut off.
    width: Option<usize>,
}

impl Output {
    pub(crate) fn new(args: &OutputArgs, environment: &Environment) -> Output {
        let form = match args {
            OutputArgs { json: true, .. } => Form::Json,
            OutputArgs { quiet: true, .. } => Form::Ids,
            OutputArgs { .. } => Form::People,
        };
        let stdout = io::stdout();
        let size = terminal_size::terminal_size_of(&stdout);
        Output {
            form,
            is_terminal: stdout.is_terminal(),
            styled: is_styled(stdout.is_terminal(), environment),
            notes_styled: errors_are_styled(environment),
            width: size.map(|(width, _)| usize::from(width.0)),
        }
    }

    /// Prints `rows` as a table or by their ids, and `whole` as JSON.
    pub(crate) fn list<R: Row>(&self, whole: &impl Serialize, rows: &[R]) -> Result<()> {
        match self.form {
            Form::People => {
                let cells: Vec<Vec<String>> = rows.iter().map(Row::cells).collect();
                self.text(&table(R::HEADERS, &cells, self.width, self.styled))
            }
            Form::Json => self.json(whole),
            Form::Ids => self.ids(rows.iter().map(Row::id)),
        }
    }

    /// Prints one thing: its fields for people, the object as JSON, or its id.
    pub(crate) fn one(&self, object: &impl Serialize, id: &str, fields: &[(&str, String)]) -> Result<()> {
        match self.form {
            Form::People => self.text(&record(fields, self.styled)),
            Form::Json => self.json(object),
            Form::Ids => self.ids([id].into_iter()),
        }
    }

    /// Prints that something was done: a sentence for people, the object as JSON, or the ids concerned.
    pub(crate) fn done(&self, object: &impl Serialize, ids: &[&str], sentence: &str) -> Result<()> {
        match self.form {
            Form::People => self.text(&format!("{}\n", printable(sentence))),
            Form::Json => self.json(object),
            Form::Ids => self.ids(ids.iter().copied()),
        }
    }

    /// Prints what people have read while it came: the object as JSON, or its id.
    pub(crate) fn streamed(&self, object: &impl Serialize, id: &str) -> Result<()> {
        match self.form {
            Form::People => Ok(()),
            Form::Json => self.json(object),
            Form::Ids => self.ids([id].into_iter()),
        }
    }

    /// Whether results are read by people: only then there is more to see than the result itself.
    pub(crate) fn is_for_people(&self) -> bool {
        self.form == Form::People
    }

    /// Whether they are read on a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        self.is_terminal
    }

    /// The text in this style, where stdout shows styles.
    pub(crate) fn styled(&self, style: Style, text: &str) -> String {
        style.on(text, self.styled)
    }

    /// Text that is not ours: as it is for a file or a program, harmless for a terminal.
    pub(crate) fn foreign(&self, text: &str) -> Result<()> {
        if self.is_terminal { self.text(&printable_lines(text)) } else { self.text(text) }
    }

    /// Tells a person at the terminal something beside the result, on stderr.
    pub(crate) fn note(&self, text: &str) {
        if self.form == Form::People && io::stderr().is_terminal() {
            let text = Style::Dim.on(&printable_lines(text), self.notes_styled);
            // A note that cannot be shown is not missed.
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Prints text as it is.
    pub(crate) fn text(&self, text: &str) -> Result<()> {
        let mut stdout = io::stdout().lock();
        match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritten(&error)),
            _ => Ok(()),
        }
    }

    /// Passes on what it reads, to the end. For files and programs: a terminal would obey it.
    pub(crate) fn bytes(&self, from: &mut impl Read) -> Result<()> {
        let mut stdout = io::stdout().lock();
        match io::copy(from, &mut stdout).and_then(|_| stdout.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(unwritten(&error)),
            _ => Ok(()),
        }
    }

    fn ids<'i>(&self, ids: impl Iterator<Item = &'i str>) -> Result<()> {
        self.text(&ids.map(|id| printable(id) + "\n").collect::<String>())
    }

    fn json(&self, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value).map_err(|error| {
            Error::new(ErrorKind::Internal, "output_failed", "The result has no JSON form.")
                .with_source(error)
        })?;
        self.text(&(text + "\n"))
    }
}

fn unwritten(error: &io::Error) -> Error {
    let sentence = format!("The result cannot be written to standard output ({error}).");
    Error::new(ErrorKind::Storage, "output_failed", sentence)
}

/// Whether messages on stderr may be coloured.
pub(crate) fn errors_are_styled(environment: &Environment) -> bool {
    is_styled(io::stderr().is_terminal(), environment)
}

/// Colour is for terminals that show it and people who want it (<https://no-color.org>).
fn is_styled(is_terminal: bool, environment: &Environment) -> bool {
    let refused = environment.variable("NO_COLOR").is_ok_and(|value| value.is_some());
    let dumb = environment.variable("TERM").is_ok_and(|value| value == Some("dumb"));
    is_terminal && !refused && !dumb
}

/// The text with control characters replaced: titles and names come from anywhere, and a terminal
/// obeys what it is sent. Line breaks and tabs become spaces.
pub(crate) fn printable(text: &str) -> String {
    let replaced = |character: char| match character {
        '\n' | '\r' | '\t' => ' ',
        control if control.is_control() => char::REPLACEMENT_CHARACTER,
        plain => plain,
    };
    text.chars().map(replaced).collect()
}

/// The same for text of several lines, which stay lines.
pub(crate) fn printable_lines(text: &str) -> String {
    let replaced = |character: char| match character {
        '\n' | '\t' => character,
        control if control.is_control() => char::REPLACEMENT_CHARACTER,
        plain => plain,
    };
    text.replace("\r\n", "\n").chars().map(replaced).collect()
}

/// A line a field, with the values below each other.
fn record(fields: &[(&str, String)], styled: bool) -> String {
    let width = fields.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let line = |(name, value): &(&str, String)| {
        let label = Style::Bold.on(&format!("{name:width$}"), styled);
        let value = if value.is_empty() { "-".to_owned() } else { printable(value) };
        format!("{label}  {value}\n")
    };
    fields.iter().map(line).collect()
}

/// Cells are never made narrower than this to fit a terminal.
const NARROWEST: usize = 8;

/// Aligned columns, two spaces apart. Where `width` is known, the widest columns are cut to fit, but for
/// the first one, which people copy.
fn table(headers: &[&str], rows: &[Vec<String>], width: Option<usize>, styled: bool) -> String {
    let headers: Vec<String> = headers.iter().map(|header| header.to_uppercase()).collect();
    let rows: Vec<Vec<String>> =
        rows.iter().map(|cells| cells.iter().map(|cell| printable(cell)).collect()).collect();
    let widest = |column: usize| {
        rows.iter().chain([&headers]).filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max()
    };
    let mut widths: Vec<usize> = (0..headers.len()).map(|column| widest(column).unwrap_or(0)).collect();
    if let Some(width) = width {
        let width = width.saturating_sub(2 * headers.len().saturating_sub(1));
        if let Some((first, others)) = widths.split_first_mut() {
            fit(others, width.saturating_sub(*first));
        }
    }
    let mut text = String::new();
    for (index, row) in [&headers].into_iter().chain(&rows).enumerate() {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| column(cell, *width)).collect();
        let line = cells.join("  ");
        let line = line.trim_end();
        if index == 0 && styled {
            text += &format!("{}\n", Style::Bold.on(line, true));
        } else {
            text += &format!("{line}\n");
        }
    }
    text
}

/// Takes from the widest until all fit, or until nothing more can be taken.
fn fit(widths: &mut [usize], width: usize) {
    while widths.iter().sum::<usize>() > width {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => return,
        }
    }
}

/// The cell, cut or padded to `width` characters.
fn column(cell: &str, width: usize) -> String {
    if cell.chars().count() > width {
        let kept: String = cell.chars().take(width.saturating_sub(1)).collect();
        return kept + "…";
    }
    format!("{cell:width$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(rows: &[[&str; 2]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.map(str::to_owned).to_vec()).collect()
    }

    #[test]
    fn columns_are_aligned_by_characters() {
        let rows = rows(&[["1", "Größe"], ["222", ""]]);
        assert_eq!(table(&["id", "title"], &rows, None, false), "ID   TITLE\n1    Größe\n222\n");
        assert_eq!(table(&["id", "title"], &[], None, true), "\u{1b}[1mID  TITLE\u{1b}[0m\n");
    }

    #[test]
    fn a_terminal_gets_lines_that_fit_and_a_pipe_gets_everything() {
        let long = "x".repeat(100);
        let rows = rows(&[["0123456789", &long]]);
        let cut = table(&["id", "title"], &rows, Some(40), false);
        assert!(cut.lines().all(|line| line.chars().count() <= 40), "{cut}");
        assert!(cut.contains("0123456789  xxxx") && cut.contains("x…"), "{cut}");
        assert!(table(&["id", "title"], &rows, None, false).contains(&long));
        // Narrower than anything useful: readable columns go before fitting lines.
        assert!(table(&["id", "title"], &rows, Some(3), false).contains("0123456789  xxxxxxx…"));
    }

    #[test]
    fn what_a_terminal_would_obey_is_not_printed() {
        let rows = rows(&[["\u{1b}]0;owned\u{7}", "two\nlines\r\t\u{9b}31m"]]);
        let text = table(&["id", "title"], &rows, None, false);
        assert_eq!(text.lines().count(), 2);
        assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "{text:?}");
    }

    #[test]
    fn colour_needs_a_terminal_and_nobody_who_objects() {
        let environment = |name: &str, value: &str| Environment {
            variables: [(name.into(), value.into())].into(),
            ..Environment::default()
        };
        assert!(is_styled(true, &environment("TERM", "xterm")));
        assert!(is_styled(true, &environment("NO_COLOR", "")));
        assert!(!is_styled(true, &environment("NO_COLOR", "1")));
        assert!(!is_styled(true, &environment("TERM", "dumb")));
        assert!(!is_styled(false, &environment("TERM", "xterm")));
    }
}
