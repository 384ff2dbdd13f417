//! The blocks of Markdown: paragraphs, fenced code, rows of tables, each below its headings.

use std::rc::Rc;

use super::{
    block::{Block, Blocks, heading, title, with_head},
    line::{Line, lines},
};

pub(super) fn blocks(text: &str) -> Vec<Block> {
    let mut reader = Reader {
        blocks: Blocks::of(text),
        headings: Vec::new(),
        above: heading([]),
        open: None,
        fence: None,
        table: None,
    };
    for line in lines(text) {
        reader.read(line);
    }
    reader.close(text.len());
    reader.blocks.all()
}

struct Reader<'t> {
    blocks: Blocks<'t>,
    /// The headings that hold here, with their levels, which only grow.
    headings: Vec<(usize, &'t str)>,
    /// The same as one text.
    above: Rc<str>,
    open: Option<Open<'t>>,
    /// The sign and length of what opened the code that stands here.
    fence: Option<(char, usize)>,
    /// The heading of rows in the table that is read, and how many of its lines were.
    table: Option<(Rc<str>, usize)>,
}

/// A block that has begun.
struct Open<'t> {
    start: usize,
    above: Rc<str>,
    begins_section: bool,
    /// Its only line besides headings, which the next one may make a heading.
    alone: Option<Line<'t>>,
    /// Whether there is more than headings in it.
    has_text: bool,
}

impl<'t> Reader<'t> {
    fn read(&mut self, line: Line<'t>) {
        let trimmed = line.text.trim();
        if let Some((sign, length)) = self.fence {
            if line.rules(sign, length) {
                self.fence = None;
            }
            return;
        }
        if trimmed.is_empty() {
            // A heading goes with what it is the heading of.
            if self.open.as_ref().is_some_and(|open| open.has_text) {
                self.close(line.start);
            }
        } else if let Some(fence) = fence(&line) {
            self.end_table(line.start);
            self.fence = Some(fence);
            self.go_on(line, false);
        } else if let Some((level, name)) = marked(&line) {
            self.head(line.start, level, name);
        } else if let Some(name) = self.underlined(&line) {
            let level = if trimmed.starts_with('=') { 1 } else { 2 };
            let open = self.open.take();
            self.head(open.as_ref().map_or(line.start, |open| open.start), level, name);
            // It may have stood below other headings, which then begin the section.
            if let (Some(now), Some(before)) = (&mut self.open, open.filter(|open| open.begins_section)) {
                now.above = before.above;
            }
        } else if trimmed.starts_with('|') {
            self.row(line);
        } else {
            self.end_table(line.start);
            self.go_on(line, true);
        }
    }

    /// Adds a line to the open block, or opens one.
    fn go_on(&mut self, line: Line<'t>, is_words: bool) {
        let above = Rc::clone(&self.above);
        let open = self.open.get_or_insert(Open {
            start: line.start,
            above,
            begins_section: false,
            alone: None,
            has_text: false,
        });
        open.alone = (is_words && !open.has_text).then_some(line);
        open.has_text = true;
    }

    fn head(&mut self, start: usize, level: usize, name: &'t str) {
        if self.open.as_ref().is_some_and(|open| open.has_text) {
            self.close(start);
        }
        while self.headings.last().is_some_and(|(other, _)| *other >= level) {
            self.headings.pop();
        }
        let above = heading(self.headings.iter().map(|(_, name)| *name));
        self.open.get_or_insert(Open { start, above, begins_section: true, alone: None, has_text: false });
        self.headings.push((level, title(name)));
        self.above = heading(self.headings.iter().map(|(_, name)| *name));
    }

    /// The only line of a block, if this one below it makes it a heading.
    fn underlined(&self, line: &Line<'t>) -> Option<&'t str> {
        let open = self.open.as_ref()?;
        (line.rules('=', 2) || line.rules('-', 2)).then_some(open.alone?.text)
    }

    /// A row is a block, the first one with the head of the table and the line below it.
    fn row(&mut self, line: Line<'t>) {
        match &mut self.table {
            None => {
                self.table = Some((with_head(&self.above, line.text), 1));
                self.go_on(line, false);
            }
            Some((_, read)) if *read < 3 => *read += 1,
            Some((above, _)) => {
                let above = Rc::clone(above);
                self.end(line.start);
                self.open = Some(Open {
                    start: line.start,
                    above,
                    begins_section: false,
                    alone: None,
                    has_text: true,
                });
            }
        }
    }

    fn end_table(&mut self, at: usize) {
        if self.table.is_some() {
            self.close(at);
        }
    }

    /// Ends the open block, and the table that it stands in.
    fn close(&mut self, at: usize) {
        self.end(at);
        self.table = None;
    }

    fn end(&mut self, at: usize) {
        if let Some(open) = self.open.take() {
            self.blocks.add(open.start, at, &open.above, open.begins_section);
        }
    }
}

/// The level and name of a heading that is marked by `#`.
fn marked<'t>(line: &Line<'t>) -> Option<(usize, &'t str)> {
    let trimmed = line.text.trim();
    let name = trimmed.trim_start_matches('#');
    let level = trimmed.len() - name.len();
    let is_heading = (1..=6).contains(&level) && (name.is_empty() || name.starts_with([' ', '\t']));
    (is_heading && line.indent() < 4).then(|| (level, name.trim().trim_end_matches('#').trim_end()))
}

/// The sign and length of a fence that opens code.
fn fence(line: &Line<'_>) -> Option<(char, usize)> {
    let trimmed = line.text.trim_start();
    let sign = trimmed.chars().next().filter(|sign| ['`', '~'].contains(sign))?;
    let info = trimmed.trim_start_matches(sign);
    let length = trimmed.len() - info.len();
    (length >= 3 && !(sign == '`' && info.contains('`'))).then_some((sign, length))
}
