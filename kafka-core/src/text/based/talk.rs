//! Calls of `talk`.

use super::token::{Kind, Token};

/// How far a statement looks like `x = talk(…)` or `talk(…)`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum TalkForm {
    #[default]
    Start,
    Target,
    Assigned,
    Callee,
    Opened,
    Arguments,
    Empty,
    Whole,
    Other,
}

impl TalkForm {
    pub(super) fn then(self, token: Token, text: &str) -> TalkForm {
        let is_outside = token.depth == 0;
        match (self, token.kind) {
            (TalkForm::Start | TalkForm::Assigned, Kind::Name) if text == "talk" => TalkForm::Callee,
            (TalkForm::Start, Kind::Name) => TalkForm::Target,
            (TalkForm::Target, Kind::Infix) if text == "=" => TalkForm::Assigned,
            (TalkForm::Callee, Kind::Open) if text == "(" => TalkForm::Opened,
            (TalkForm::Opened, Kind::Close) if is_outside => TalkForm::Empty,
            (TalkForm::Arguments, Kind::Close) if is_outside => TalkForm::Whole,
            (TalkForm::Opened | TalkForm::Arguments, _) => TalkForm::Arguments,
            _ => TalkForm::Other,
        }
    }
}

/// Finds where `talk` is called, as a function and not as something's method.
#[derive(Debug, Default)]
pub(super) struct CallFinder {
    callee: Option<usize>,
    is_part_of_name: bool,
}

impl CallFinder {
    /// Where the call begins whose bracket this is.
    pub(super) fn next(&mut self, token: Token, text: &str) -> Option<usize> {
        let callee = self.callee.take().filter(|_| text == "(");
        if token.kind == Kind::Name && text == "talk" && !self.is_part_of_name {
            self.callee = Some(token.start);
        }
        self.is_part_of_name = token.kind == Kind::Dot || text == "def";
        callee
    }
}
