//! Writes Markdown: what pages and office files consist of, in one form that people, models and chunks understand.

/// What stands between two words, the weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Gap {
    None,
    Blank,
    Line,
    Paragraph,
}

/// Markdown while it is written. Blanks between words are one, whatever they were.
pub(super) struct Markup {
    text: String,
    gap: Gap,
    /// What begins the next line, such as `## `.
    prefix: &'static str,
    /// The cells of the row that is written.
    row: Option<Vec<String>>,
    /// Rows of the table that is written.
    rows: usize,
    /// Code that is written; its blanks stay.
    code: Option<String>,
}

const HEADINGS: [&str; 6] = ["# ", "## ", "### ", "#### ", "##### ", "###### "];
/// Most cells of a row; more are left out.
const MOST_CELLS: usize = 1000;

impl Markup {
    pub(super) fn new() -> Markup {
        Markup { text: String::new(), gap: Gap::None, prefix: "", row: None, rows: 0, code: None }
    }

    /// How long it is so far, in bytes.
    pub(super) fn len(&self) -> usize {
        let cells = self.row.iter().flatten().map(String::len).sum::<usize>();
        self.text.len() + cells + self.code.as_ref().map_or(0, String::len)
    }

    /// Adds what was said, in words.
    pub(super) fn say(&mut self, said: &str) {
        if let Some(code) = &mut self.code {
            code.extend(said.chars().filter(|sign| !['\0', '\r'].contains(sign)));
            return;
        }
        for piece in said.split_inclusive(char::is_whitespace) {
            let word = piece.trim_end();
            if !word.is_empty() {
                self.word(word);
            }
            if word.len() < piece.len() {
                self.gap(Gap::Blank);
            }
        }
    }

    fn word(&mut self, word: &str) {
        if let Some(cells) = &mut self.row {
            if let Some(cell) = cells.last_mut() {
                if self.gap > Gap::None && !cell.is_empty() {
                    cell.push(' ');
                }
                cell.extend(word.chars().filter(|sign| *sign != '\0').flat_map(|sign| {
                    let escape = (sign == '|').then_some('\\');
                    escape.into_iter().chain([sign])
                }));
                self.gap = Gap::None;
            }
            return;
        }
        let begins = self.text.is_empty() || self.gap >= Gap::Line;
        if !self.text.is_empty() {
            self.text.push_str(match self.gap {
                Gap::None => "",
                Gap::Blank => " ",
                Gap::Line => "\n",
                Gap::Paragraph => "\n\n",
            });
        }
        self.gap = Gap::None;
        let prefix = std::mem::take(&mut self.prefix);
        self.text.push_str(prefix);
        // What would mean something at the beginning of a line is only a word.
        if begins && prefix.is_empty() && word.starts_with(['#', '|', '`', '~', '=']) {
            self.text.push('\\');
        }
        self.text.extend(word.chars().filter(|sign| *sign != '\0'));
    }

    /// Keeps what follows apart from what is there.
    pub(super) fn gap(&mut self, gap: Gap) {
        self.gap = self.gap.max(gap);
    }

    /// Ends a heading or an item, also one that nothing was said in.
    pub(super) fn end(&mut self, gap: Gap) {
        self.prefix = "";
        self.gap(gap);
    }

    /// What is said next is a heading, of level 1 to 6.
    pub(super) fn heading(&mut self, level: usize) {
        self.gap(Gap::Paragraph);
        if self.row.is_none() {
            self.prefix = HEADINGS[level.clamp(1, 6) - 1];
        }
    }

    /// What is said next is an item of a list.
    pub(super) fn item(&mut self) {
        self.gap(Gap::Line);
        if self.row.is_none() {
            self.prefix = "- ";
        }
    }

    pub(super) fn begin_row(&mut self) {
        self.end_row();
        self.row = Some(Vec::new());
    }

    pub(super) fn begin_cell(&mut self) {
        if let Some(cells) = self.row.as_mut().filter(|cells| cells.len() < MOST_CELLS) {
            cells.push(String::new());
        }
        self.gap = Gap::None;
    }

    /// Writes the row, unless nothing is in it. The first of a table is its head.
    pub(super) fn end_row(&mut self) {
        let Some(mut cells) = self.row.take() else { return };
        while cells.pop_if(|cell| cell.is_empty()).is_some() {}
        self.gap = Gap::None;
        if cells.is_empty() {
            return;
        }
        if !self.text.is_empty() {
            self.text.push_str(if self.rows == 0 { "\n\n" } else { "\n" });
        }
        self.text.push_str("| ");
        self.text.push_str(&cells.join(" | "));
        self.text.push_str(" |");
        if self.rows == 0 {
            self.text.push_str("\n|");
            self.text.push_str(&"---|".repeat(cells.len()));
        }
        self.rows += 1;
        self.gap = Gap::Line;
    }

    pub(super) fn end_table(&mut self) {
        self.end_row();
        if self.rows > 0 {
            self.rows = 0;
            self.gap(Gap::Paragraph);
        }
    }

    pub(super) fn begin_code(&mut self) {
        if self.row.is_none() {
            self.end_code();
            self.code = Some(String::new());
        }
    }

    pub(super) fn end_code(&mut self) {
        let Some(code) = self.code.take() else { return };
        let code = code.trim_matches('\n').trim_end();
        if code.is_empty() {
            return;
        }
        let runs = code.split(|sign| sign != '`').map(str::len).max().unwrap_or_default();
        let fence = "`".repeat(runs.max(2) + 1);
        if !self.text.is_empty() {
            self.text.push_str("\n\n");
        }
        self.text.push_str(&format!("{fence}\n{code}\n{fence}"));
        self.gap = Gap::Paragraph;
    }

    pub(super) fn finish(mut self) -> String {
        self.end_code();
        self.end_table();
        self.text
    }
}
