//! The `.env` of the working directory: `NAME=value` lines.

use std::{
    io,
    path::{Path, PathBuf},
};

use kafka_core::{Error, ErrorKind, Result};

use super::sources::{Given, Source, unreadable};

/// The lines of the file that set something. Other programs share the file, so what this cannot read
/// matters only when it is one of our variables.
#[derive(Debug, Default)]
pub(super) struct DotEnv {
    path: PathBuf,
    lines: Vec<Line>,
}

#[derive(Debug, PartialEq, Eq)]
struct Line {
    number: usize,
    name: String,
    /// None when the line opens a quote and does not close it, or goes on after it.
    value: Option<String>,
}

impl DotEnv {
    /// No file is fine, and so is a directory of that name: virtual environments of Python have it.
    pub(super) fn read(directory: &Path) -> Result<DotEnv> {
        let path = directory.join(".env");
        if path.is_dir() {
            return Ok(DotEnv::default());
        }
        match std::fs::read(&path) {
            Ok(bytes) => Ok(DotEnv::of_text(path, &String::from_utf8_lossy(&bytes))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(DotEnv::default()),
            Err(error) => Err(unreadable(&path, &error)),
        }
    }

    pub(super) fn of_text(path: PathBuf, text: &str) -> DotEnv {
        DotEnv { path, lines: lines(text) }
    }

    /// The last line that sets the variable counts; one that is set to nothing counts as not set.
    pub(super) fn variable(&self, name: &str) -> Result<Option<Given>> {
        let Some(line) = self.lines.iter().rfind(|line| line.name == name) else { return Ok(None) };
        let source = Source::File(self.path.clone(), line.number);
        match &line.value {
            Some(text) if text.is_empty() => Ok(None),
            Some(text) => Ok(Some(Given { text: text.clone(), source })),
            None => Err(Error::new(
                ErrorKind::Invalid,
                "config_file_invalid",
                format!(
                    "{source} sets {name}, but its quotes do not enclose the value; write {name}=\"value\"."
                ),
            )),
        }
    }
}

fn lines(text: &str) -> Vec<Line> {
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    text.lines().enumerate().filter_map(|(index, line)| assignment(index + 1, line)).collect()
}

fn assignment(number: usize, line: &str) -> Option<Line> {
    let line = line.trim();
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=')?;
    let name = name.trim();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    if name.is_empty() || !name.bytes().all(fits) {
        return None;
    }
    Some(Line { number, name: name.to_owned(), value: value_of(value.trim()) })
}

/// Single quotes keep everything, double quotes know `\"` and `\\`, and without quotes the value ends
/// at a `#` after a space.
fn value_of(text: &str) -> Option<String> {
    if let Some(quoted) = text.strip_prefix('\'') {
        let (value, rest) = quoted.split_once('\'')?;
        return is_comment(rest).then(|| value.to_owned());
    }
    let Some(quoted) = text.strip_prefix('"') else {
        let end = if text.starts_with('#') { Some(0) } else { text.find(" #").or_else(|| text.find("\t#")) };
        return Some(text[..end.unwrap_or(text.len())].trim_end().to_owned());
    };
    let mut value = String::new();
    let mut characters = quoted.chars();
    loop {
        match characters.next()? {
            '"' => return is_comment(characters.as_str()).then_some(value),
            '\\' => match characters.next()? {
                plain @ ('"' | '\\') => value.push(plain),
                other => value.extend(['\\', other]),
            },
            plain => value.push(plain),
        }
    }
}

fn is_comment(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.is_empty() || rest.starts_with('#')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_sets_a_value_with_or_without_quotes() {
        let table = [
            ("A=b", Some("b")),
            ("  export A = b  ", Some("b")),
            ("A=b # why", Some("b")),
            ("A=b#c", Some("b#c")),
            ("A=", Some("")),
            ("A=# nothing", Some("")),
            ("A='b # c' # why", Some("b # c")),
            ("A=\"b \\\"c\\\" \\\\ \\n\"", Some("b \"c\" \\ \\n")),
            ("A=b=c", Some("b=c")),
            ("A=\"b", None),
            ("A='b", None),
            ("A='b'c", None),
            ("A=\"b\"c", None),
        ];
        for (line, value) in table {
            let expected = Line { number: 1, name: "A".to_owned(), value: value.map(str::to_owned) };
            assert_eq!(lines(line), [expected], "{line}");
        }
    }

    #[test]
    fn what_sets_nothing_is_passed_over() {
        assert_eq!(lines("\u{FEFF}# A=b\n\nA\nA B=c\n=c\n-----BEGIN KEY-----\n"), []);
        assert_eq!(lines("\u{FEFF}A=b\r\nC=d\r\n").len(), 2);
        assert_eq!(lines("\u{FEFF}A=b\r\nC=d\r\n")[1].value.as_deref(), Some("d"));
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[A-Z]{0,2}=?['\"\\\\ #=\\PC\n]*") {
            lines(&text);
        }

        #[test]
        fn a_quoted_value_is_read_back(value in "[^\n\r]*") {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            prop_assert_eq!(value_of(&format!("\"{quoted}\"")), Some(value));
        }
    }
}
