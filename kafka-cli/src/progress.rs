//! How far something long has come, for a person who waits at a terminal.

use std::{
    io::{self, IsTerminal as _, Read, Write as _},
    time::{Duration, Instant},
};

use crate::output::printable;

/// A shorter file is done before anyone has read that it is not.
const LONG: u64 = 1 << 20;
/// How often the line is written anew.
const PERIOD: Duration = Duration::from_millis(100);
/// Signs of a full bar.
const BAR: u64 = 24;
/// Signs of the name that are shown: the line must fit, or it cannot be taken back.
pub(crate) const NAME: usize = 32;

/// A line on stderr that shows how far something has come. It goes when this does.
pub(crate) struct Bar {
    is_watched: bool,
    /// When it was written.
    shown: Option<Instant>,
}

impl Bar {
    pub(crate) fn new(for_people: bool) -> Bar {
        Bar { is_watched: for_people && io::stderr().is_terminal(), shown: None }
    }

    /// Shows how much there is of so much. The name is as it may be shown.
    pub(crate) fn show(&mut self, name: &str, done: u64, total: u64) {
        self.write(|| line(name, done, total));
    }

    /// Shows which of several documents is read. How much of one has been read nobody knows before its end.
    pub(crate) fn reading(&mut self, name: &str, number: usize, of: usize) {
        self.write(|| reading_line(name, number, of));
    }

    /// Writes it anew, unless that was done just now.
    fn write(&mut self, line: impl FnOnce() -> String) {
        if self.is_watched && self.shown.is_none_or(|shown| shown.elapsed() >= PERIOD) {
            // What cannot be shown is not missed.
            let _ = write!(io::stderr(), "\r{}\u{1b}[K", line());
            self.shown = Some(Instant::now());
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\u{1b}[K");
        }
    }
}

/// Reads from something, and shows how much of it has been read.
pub(crate) struct Progress<R> {
    from: R,
    name: String,
    read: u64,
    total: u64,
    bar: Bar,
}

impl<R: Read> Progress<R> {
    /// `total` bytes are to come; of what is short, or of unknown length, nothing is shown.
    pub(crate) fn new(from: R, name: &str, total: u64, for_people: bool) -> Progress<R> {
        let name = printable(name).chars().take(NAME).collect();
        Progress { from, name, read: 0, total, bar: Bar::new(for_people && total >= LONG) }
    }
}

impl<R: Read> Read for Progress<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.from.read(buffer)?;
        self.read += count as u64;
        self.bar.show(&self.name, self.read, self.total);
        Ok(count)
    }
}

fn reading_line(name: &str, number: usize, of: usize) -> String {
    format!("reading {number} of {of}  {name}")
}

fn line(name: &str, read: u64, total: u64) -> String {
    // A file may grow while it is read.
    let read = u128::from(read.min(total));
    let part = |of: u64| usize::try_from(read * u128::from(of) / u128::from(total.max(1))).unwrap_or(0);
    let filled = part(BAR);
    let rest = usize::try_from(BAR).unwrap_or(0).saturating_sub(filled);
    format!("{}{} {:3} %  {name}", "█".repeat(filled), "░".repeat(rest), part(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_fills_and_never_overflows() {
        assert_eq!(line("a", 0, 10), format!("{}   0 %  a", "░".repeat(24)));
        assert_eq!(line("a", 5, 10), format!("{}{}  50 %  a", "█".repeat(12), "░".repeat(12)));
        assert_eq!(line("a", 11, 10), format!("{} 100 %  a", "█".repeat(24)));
        assert_eq!(line("a", u64::MAX, u64::MAX), format!("{} 100 %  a", "█".repeat(24)));
    }

    #[test]
    fn of_several_documents_the_first_is_one_and_the_last_all() {
        assert_eq!(
            [1, 2].map(|number| reading_line("a", number, 2)),
            ["reading 1 of 2  a", "reading 2 of 2  a"]
        );
    }

    #[test]
    fn what_is_read_is_what_was_there() {
        let mut all = Vec::new();
        Progress::new(&b"castle"[..], "a", 6, false).read_to_end(&mut all).unwrap();
        assert_eq!(all, b"castle");
    }
}
