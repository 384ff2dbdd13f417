//! What a workbook says (ECMA-376, SpreadsheetML), as a Markdown table for each sheet.

use std::collections::BTreeMap;

use chrono::{DateTime, Duration, NaiveDate};

use super::{
    error::ExtractError,
    markup::Markup,
    office::Parts,
    xml::{self, Piece},
};

/// The part that lists the sheets.
pub(super) const MAIN: &str = "xl/workbook.xml";
const RELATIONS: &str = "xl/_rels/workbook.xml.rels";
const STRINGS: &str = "xl/sharedStrings.xml";
const STYLES: &str = "xl/styles.xml";

/// Most columns of a row; what stands to the right of them is left out.
const MOST_COLUMNS: usize = 256;

/// Each sheet below its name, until there is enough. Cells have the values that were there when it was saved, dates in the
/// form of ISO 8601; other numbers are as they are stored, not as they are shown.
pub(super) fn text(parts: &mut Parts<'_>, enough_bytes: usize) -> Result<String, ExtractError> {
    let sheets = sheets(&parts.part(MAIN)?)?;
    let places = parts.optional(RELATIONS)?.map_or(Ok(BTreeMap::new()), |relations| targets(&relations))?;
    let strings = parts.optional(STRINGS)?.map_or(Ok(Vec::new()), |strings| shared(&strings))?;
    let dates = parts.optional(STYLES)?.map_or(Ok(Vec::new()), |styles| dates(&styles))?;
    let (mut markup, mut has_cells) = (Markup::new(), false);
    for (name, relation) in sheets {
        let Some(place) = places.get(&relation) else { continue };
        let place = place.strip_prefix('/').map_or_else(|| format!("xl/{place}"), str::to_owned);
        // Charts are sheets, too, and have another form.
        let Some(part) = parts.optional(&place)? else { continue };
        markup.heading(1);
        markup.say(&name);
        let before = markup.len();
        Sheet { strings: &strings, dates: &dates, markup: &mut markup }.read(&part, enough_bytes)?;
        markup.end_table();
        has_cells |= markup.len() > before;
    }
    // The names of sheets alone say nothing.
    Ok(if has_cells { markup.finish() } else { String::new() })
}

/// The names of sheets, and what they are called in the archive.
fn sheets(workbook: &str) -> Result<Vec<(String, String)>, ExtractError> {
    let mut sheets = Vec::new();
    xml::read(workbook, &mut |piece| {
        if let Piece::Open("sheet", tag) = piece {
            let [name, id] = ["name", "id"].map(|name| xml::attribute(tag, name).unwrap_or_default());
            sheets.push((name, id));
        }
        true
    })?;
    Ok(sheets)
}

fn targets(relations: &str) -> Result<BTreeMap<String, String>, ExtractError> {
    let mut targets = BTreeMap::new();
    xml::read(relations, &mut |piece| {
        if let Piece::Open("Relationship", tag) = piece {
            let [id, target] = ["Id", "Target"].map(|name| xml::attribute(tag, name).unwrap_or_default());
            targets.insert(id, target);
        }
        true
    })?;
    Ok(targets)
}

/// Texts that cells name by their numbers, without what tells how they sound.
fn shared(strings: &str) -> Result<Vec<String>, ExtractError> {
    let (mut shared, mut is_text, mut is_sound) = (Vec::new(), false, false);
    xml::read(strings, &mut |piece| {
        match piece {
            Piece::Open("si", _) => shared.push(String::new()),
            Piece::Open("rPh", _) => is_sound = true,
            Piece::Close("rPh") => is_sound = false,
            Piece::Open("t", _) => is_text = true,
            Piece::Close("t") => is_text = false,
            Piece::Said(said) if is_text && !is_sound => {
                shared.last_mut().into_iter().for_each(|string: &mut String| string.push_str(&said));
            }
            _ => {}
        }
        true
    })?;
    Ok(shared)
}

/// Which styles of cells show a number as a date.
fn dates(styles: &str) -> Result<Vec<bool>, ExtractError> {
    let (mut own, mut dates, mut is_inside) = (BTreeMap::new(), Vec::new(), false);
    xml::read(styles, &mut |piece| {
        match piece {
            Piece::Open("numFmt", tag) => {
                let [id, code] =
                    ["numFmtId", "formatCode"].map(|name| xml::attribute(tag, name).unwrap_or_default());
                own.insert(id, shows_date(&code));
            }
            Piece::Open("cellXfs", _) => is_inside = true,
            Piece::Close("cellXfs") => is_inside = false,
            Piece::Open("xf", tag) if is_inside => {
                let id = xml::attribute(tag, "numFmtId").unwrap_or_default();
                let is_known = id.parse().is_ok_and(|id: u32| (14..=17).contains(&id) || id == 22);
                dates.push(own.get(&id).copied().unwrap_or(is_known));
            }
            _ => {}
        }
        true
    })?;
    Ok(dates)
}

/// Whether a form of numbers has years or days in it, outside of what stands there literally.
fn shows_date(code: &str) -> bool {
    let (mut is_quoted, mut is_bracketed, mut is_escaped) = (false, false, false);
    code.chars().any(|sign| {
        if std::mem::take(&mut is_escaped) {
            return false;
        }
        match sign {
            '\\' => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            '[' if !is_quoted => is_bracketed = true,
            ']' => is_bracketed = false,
            _ => {}
        }
        !is_quoted && !is_bracketed && ['y', 'Y', 'd', 'D'].contains(&sign)
    })
}

struct Sheet<'s> {
    strings: &'s [String],
    dates: &'s [bool],
    markup: &'s mut Markup,
}

/// What is known of a cell while it is read.
#[derive(Default)]
struct Cell {
    kind: String,
    is_date: bool,
    is_value: bool,
    value: String,
}

impl Sheet<'_> {
    fn read(&mut self, part: &str, enough_bytes: usize) -> Result<(), ExtractError> {
        let (mut cell, mut column) = (Cell::default(), 0);
        xml::read(part, &mut |piece| {
            match piece {
                Piece::Open("row", _) => {
                    self.markup.begin_row();
                    column = 0;
                }
                Piece::Open("c", tag) => {
                    let place = xml::attribute(tag, "r").and_then(|place| column_of(&place));
                    let place = place.unwrap_or(column);
                    // Cells that are empty are not there.
                    while column <= place && column < MOST_COLUMNS {
                        self.markup.begin_cell();
                        column += 1;
                    }
                    let style = xml::attribute(tag, "s").and_then(|style| style.parse::<usize>().ok());
                    let is_date = style.is_some_and(|style| self.dates.get(style) == Some(&true));
                    let kind = xml::attribute(tag, "t").unwrap_or_default();
                    cell = Cell { kind, is_date, ..Cell::default() };
                }
                Piece::Open("v" | "t", _) => cell.is_value = true,
                Piece::Close("v" | "t") => cell.is_value = false,
                Piece::Said(said) if cell.is_value => cell.value.push_str(&said),
                Piece::Close("c") if column < MOST_COLUMNS => self.say(&cell),
                Piece::Close("row") => self.markup.end_row(),
                Piece::Close("sheetData") => return false,
                _ => {}
            }
            self.markup.len() < enough_bytes
        })
    }

    fn say(&mut self, cell: &Cell) {
        let value = cell.value.trim();
        match cell.kind.as_str() {
            "s" => {
                let string = value.parse().ok().and_then(|at: usize| self.strings.get(at));
                self.markup.say(string.map_or("", String::as_str));
            }
            "b" => self.markup.say(if value == "1" { "TRUE" } else { "FALSE" }),
            "" | "n" if cell.is_date => self.markup.say(date(value).as_deref().unwrap_or(value)),
            _ => self.markup.say(value),
        }
    }
}

/// The column of a cell such as `AB12`, counted from 0.
fn column_of(place: &str) -> Option<usize> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic).take(4);
    let number =
        letters.fold(0, |sum, letter| sum * 26 + usize::from(letter.to_ascii_uppercase() - b'A') + 1);
    number.checked_sub(1)
}

/// The day that is so many days after the last one of 1899, less one since Excel takes 1900 for a leap year; with its time
/// where it has one.
fn date(days: &str) -> Option<String> {
    let days: f64 = days.parse().ok().filter(|days| (0.0..3_000_000.0).contains(days))?;
    let first: DateTime<chrono::Utc> = NaiveDate::from_ymd_opt(1899, 12, 30)?.and_hms_opt(0, 0, 0)?.and_utc();
    let moment = first + Duration::seconds((days * 86_400.0).round() as i64);
    let form = if days.fract() == 0.0 { "%Y-%m-%d" } else { "%Y-%m-%dT%H:%M:%S" };
    Some(moment.format(form).to_string())
}
