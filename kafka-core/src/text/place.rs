//! Finding where a hunk belongs: where the lines that it keeps and removes stand in the text.

use std::collections::HashMap;

use super::{
    hunk::{Hunk, HunkLine, Sort},
    line::Line,
    patch_error::PatchError,
};

/// Finds the places of hunks in a text.
pub(super) struct Places<'t, 'a> {
    text: &'t [Line<'a>],
    /// Made when the first hunk does not fit at its stated line.
    index: Option<Index<'a>>,
    /// How many more lines may be compared to find hunks.
    work_left: usize,
}

/// Where each line stands.
struct Index<'a> {
    numbers: HashMap<&'a str, usize>,
    /// The text as such numbers.
    lines: Vec<usize>,
    /// The lines by their number, then by place.
    places: Vec<usize>,
}

impl<'a> Index<'a> {
    fn new(text: &[Line<'a>]) -> Index<'a> {
        let mut numbers = HashMap::new();
        let number = |line: &Line<'a>| {
            let next = numbers.len();
            *numbers.entry(line.text).or_insert(next)
        };
        let lines: Vec<usize> = text.iter().map(number).collect();
        let mut places: Vec<usize> = (0..lines.len()).collect();
        places.sort_by_key(|place| lines[*place]);
        Index { numbers, lines, places }
    }

    fn wanted(&self, line: &HunkLine) -> Wanted {
        let number = |text: &str| self.numbers.get(text).copied();
        [number(line.line().text), line.with_space().and_then(number)]
    }

    fn places_of(&self, number: usize) -> &[usize] {
        let start = self.places.partition_point(|place| self.lines[*place] < number);
        let end = self.places.partition_point(|place| self.lines[*place] <= number);
        &self.places[start..end]
    }

    fn places(&self, wanted: &Wanted) -> impl Iterator<Item = usize> {
        wanted.iter().flatten().flat_map(|number| self.places_of(*number)).copied()
    }

    fn count(&self, wanted: &Wanted) -> usize {
        wanted.iter().flatten().map(|number| self.places_of(*number).len()).sum()
    }
}

/// What a line of the text may be to fit a line of a hunk: one of these numbers.
type Wanted = [Option<usize>; 2];

impl<'t, 'a> Places<'t, 'a> {
    pub(super) fn new(text: &'t [Line<'a>], hunks: &[Hunk]) -> Places<'t, 'a> {
        let lines: usize = hunks.iter().map(|hunk| hunk.lines.len() + 1).sum();
        Places { text, index: None, work_left: most_work(text.len() + lines) }
    }

    /// The line that the hunk begins at, from 0.
    pub(super) fn of(&mut self, hunk: &Hunk) -> Result<usize, PatchError> {
        let old = old_lines(hunk);
        let stated = hunk.stated.map(|stated| stated.start.saturating_sub(1));
        if old.is_empty() {
            return self.place_to_add(hunk);
        }
        match stated {
            Some(place) if self.fits(&old, place) => Ok(place),
            _ => self.search(hunk, &old, stated.unwrap_or_default()),
        }
    }

    fn place_to_add(&self, hunk: &Hunk) -> Result<usize, PatchError> {
        let Hunk { number, line, .. } = *hunk;
        let stated = hunk.stated.ok_or(PatchError::NoPlace { hunk: number, line })?;
        match stated.start.saturating_sub(usize::from(stated.old > 0)) {
            // Whatever is stated, an empty text has one place.
            _ if self.text.is_empty() => Ok(0),
            place if place <= self.text.len() => Ok(place),
            _ => Err(PatchError::BeyondEnd { hunk: number, line, lines: self.text.len() }),
        }
    }

    fn fits(&self, old: &[&HunkLine], place: usize) -> bool {
        let there = self.text.get(place..).unwrap_or_default();
        there.len() >= old.len()
            && old
                .iter()
                .zip(there)
                .all(|(old, line)| line.text == old.line().text || old.with_space() == Some(line.text))
    }

    /// The only place where the lines stand.
    fn search(&mut self, hunk: &Hunk, old: &[&HunkLine], stated: usize) -> Result<usize, PatchError> {
        let index = self.index.get_or_insert_with(|| Index::new(self.text));
        let wanted: Vec<Wanted> = old.iter().map(|line| index.wanted(line)).collect();
        let rarest = (0..wanted.len()).min_by_key(|at| index.count(&wanted[*at])).unwrap_or_default();
        let mut found = None;
        for place in index.places(&wanted[rarest]).filter_map(|place| place.checked_sub(rarest)) {
            let there = index.lines[place..].iter().map(Some).chain(std::iter::repeat(None));
            let compared =
                wanted.iter().zip(there).take_while(|(wanted, line)| is_wanted(wanted, *line)).count();
            let Some(left) = self.work_left.checked_sub(compared + 1) else {
                return Err(PatchError::TooRepetitive { hunk: hunk.number, line: hunk.line });
            };
            self.work_left = left;
            if compared < wanted.len() {
                continue;
            }
            if let Some(other) = found.replace(place) {
                let places = [place.min(other) + 1, place.max(other) + 1];
                return Err(PatchError::Ambiguous { hunk: hunk.number, line: hunk.line, places });
            }
        }
        found.ok_or_else(|| self.mismatch(hunk, old, &wanted, stated))
    }

    /// Why a hunk fits nowhere: what is wrong where its rarest line stands, nearest to the stated line.
    fn mismatch(&self, hunk: &Hunk, old: &[&HunkLine], wanted: &[Wanted], stated: usize) -> PatchError {
        let place = self.index.as_ref().and_then(|index| {
            let known = (0..wanted.len()).filter(|at| index.count(&wanted[*at]) > 0);
            let rarest = known.min_by_key(|at| index.count(&wanted[*at]))?;
            let places = index.places(&wanted[rarest]).filter_map(|place| place.checked_sub(rarest));
            places.min_by_key(|place| place.abs_diff(stated))
        });
        let place = place.unwrap_or(stated);
        let wrong = (0..old.len()).find(|at| !self.fits(&old[*at..=*at], place.saturating_add(*at)));
        let wrong = wrong.unwrap_or_default();
        let at = place.saturating_add(wrong);
        PatchError::Mismatch {
            hunk: hunk.number,
            line: old[wrong].number,
            expected: excerpt(old[wrong].line().text),
            found: self.text.get(at).map(|line| (at + 1, excerpt(line.text))),
        }
    }
}

/// The lines that a hunk keeps or removes, which have to stand in the text.
pub(super) fn old_lines<'h, 'a>(hunk: &'h Hunk<'a>) -> Vec<&'h HunkLine<'a>> {
    hunk.lines.iter().filter(|line| line.sort != Sort::Added).collect()
}

fn is_wanted(wanted: &Wanted, line: Option<&usize>) -> bool {
    line.is_some() && wanted.iter().any(|number| number.as_ref() == line)
}

/// Most comparisons of lines with which hunks that are not where they say are looked for.
fn most_work(lines: usize) -> usize {
    100_000 + 16 * lines
}

/// Enough of a line to know it.
fn excerpt(line: &str) -> String {
    match line.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{super::hunk, *};

    /// What comes of looking for all hunks, with how many lines were compared at other places than stated.
    fn search(base: &str, patch: &str) -> (Result<(), PatchError>, usize) {
        let text = Line::all_of(base);
        let hunks = hunk::read(patch).unwrap().hunks;
        let mut places = Places::new(&text, &hunks);
        let most = places.work_left;
        assert!(most <= 100_000 + 16 * (base.lines().count() + patch.lines().count()));
        let outcome = hunks.iter().try_for_each(|hunk| places.of(hunk).map(drop));
        (outcome, most - places.work_left)
    }

    #[test]
    fn looking_for_hunks_costs_at_most_some_comparisons_for_each_line() {
        // Half a million lines in which each hunk nearly fits a thousand times, and fits once at the end.
        let near = format!("{}b\n", "a\n".repeat(499)).repeat(1000);
        let base = format!("{near}{}b\nc\n", "a\n".repeat(499));
        let hunk = format!("@@ -7 +7 @@\n{} b\n-c\n", " a\n".repeat(400));
        let (outcome, work) = search(&base, &hunk.repeat(100));
        assert_eq!(outcome, Ok(()));
        // The line c stands in one place, so only that one is compared.
        assert_eq!(work, 100 * 403);

        // Where all its lines stand in many places, it is found as long as the bound allows.
        let base =
            format!("{}{}{}b\nc\nd\n", "d\n".repeat(2000), near.replace('b', "b\nc"), "a\n".repeat(499));
        let hunk = format!("@@ -7 +7 @@\n{} b\n c\n-d\n", " a\n".repeat(400));
        assert_eq!(search(&base, &hunk), (Ok(()), 1001 * 403 + 1));
        let (outcome, _) = search(&base, &hunk.repeat(1000));
        assert!(matches!(outcome, Err(PatchError::TooRepetitive { hunk: 20..100, .. })), "{outcome:?}");
    }

    #[test]
    fn as_many_hunks_as_lines_are_looked_for_once_each() {
        let repeated = "a\n".repeat(500_000);
        let outcome = |hunk: &str| search(&repeated, &hunk.repeat(100_000));
        assert_eq!(outcome("@@ -1 +1 @@\n-a\n+b\n"), (Ok(()), 0));
        assert_eq!(outcome("@@ -1,0 +1 @@\n+b\n"), (Ok(()), 0));
        let (ambiguous, work) = outcome("@@ -900000 +1 @@\n-a\n");
        assert!(
            matches!(ambiguous, Err(PatchError::Ambiguous { hunk: 1, places: [1, 2], .. })),
            "{ambiguous:?}"
        );
        assert!(work < 10);

        let different: String = (0..100_000).map(|line| format!("{line}\n")).collect();
        let moved: String = (0..100_000).map(|line| format!("@@ -7 +7 @@\n {line}\n")).collect();
        assert_eq!(search(&different, &moved), (Ok(()), 2 * 99_999));
    }
}
