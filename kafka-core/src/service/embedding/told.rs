//! What is said of vectors that are not made.

/// Of an endpoint whose vectors differ in their length.
pub(super) const LENGTHS: &str = "It gives vectors of different lengths.";

/// Begins what is said of passages that get none, so that it can be said anew.
const OF_REFUSALS: &str = "By meaning, ";

/// What is said of a document, with how many of all its passages get no vector. The endpoint's own words are for the operator.
pub(super) fn with_refusals(said: Option<&str>, refused: u64, all: u64) -> Option<String> {
    let before = said.and_then(|said| said.split(OF_REFUSALS).next()).unwrap_or_default().trim_end();
    let now = match refused {
        0 => String::new(),
        _ if refused == all => format!(
            "{OF_REFUSALS}it is not found, but by its words alone: the service that makes vectors gives none for what it says."
        ),
        _ => format!(
            "{OF_REFUSALS}{refused} of its {all} passages are not found, but by their words alone: the service that makes \
             vectors gives none for what they say."
        ),
    };
    Some([before, &now].join(" ").trim().to_owned()).filter(|said| !said.is_empty())
}

/// What is said of a document whose vectors would cost its owner more than is left of the day.
pub(super) fn without_room(said: Option<&str>, cost: u64, left: u64) -> String {
    let now = format!(
        "It is found by its words alone: what is found by meaning would take about {cost} of the day's tokens, of which \
         {left} were left; delete it and upload it again on a day that has as many, or with another plan."
    );
    said.map_or_else(|| now.clone(), |said| format!("{said} {now}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_of_refusals_takes_the_place_of_what_was_said_before() {
        let cut = "Of its text this is the beginning, 9 bytes.";
        let of = |said: Option<&str>, refused| with_refusals(said, refused, 3);
        let one = of(Some(cut), 1).unwrap();
        assert!(one.starts_with(cut) && one.contains("1 of its 3 passages"), "{one}");
        let all = of(Some(&one), 3).unwrap();
        assert!(all.starts_with(cut) && all.contains("it is not found") && !all.contains("1 of"), "{all}");
        assert_eq!(of(Some(&all), 0).as_deref(), Some(cut));
        assert_eq!(of(of(None, 2).as_deref(), 0), None);
    }
}
