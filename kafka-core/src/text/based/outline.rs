//! Blocks: which line belongs to which, and the rules about loops.

use std::cmp::Ordering;

use super::{
    flaw::{self, Flaw},
    indent::Indent,
    line::{Head, Line, Piece},
    report::Report,
};

/// The blocks around the line that comes next.
pub(super) struct Outline {
    /// From the top level to the innermost; never empty.
    blocks: Vec<Block>,
    /// The line before began a block, whose first line comes next.
    pending: Option<Pending>,
    /// An indentation that was told to be wrong; those who keep to it are not told again.
    told_indent: Option<Indent>,
    is_mixing_told: bool,
    /// Whether there is a loop at the top level, or what was meant as one.
    has_loop: bool,
}

struct Block {
    indent: Indent,
    of: Head,
    /// Where the line begins that has the block.
    of_line: usize,
    /// The last line in it, and where that begins.
    last: Head,
    last_line: usize,
    body: LoopBody,
}

struct Pending {
    head: Head,
    line: usize,
}

/// How the body of a loop looks so far.
#[derive(Default)]
struct LoopBody {
    has_talk: bool,
    is_told: bool,
}

impl Outline {
    pub(super) fn new() -> Outline {
        let top = Block {
            indent: Indent::default(),
            of: Head::None,
            of_line: 0,
            last: Head::None,
            last_line: 0,
            body: LoopBody::default(),
        };
        Outline {
            blocks: vec![top],
            pending: None,
            told_indent: None,
            is_mixing_told: false,
            has_loop: false,
        }
    }

    pub(super) fn add(&mut self, line: &Line, report: &mut Report) {
        self.find_block(line, report);
        self.check_order(line, report);
        let is_top = self.blocks.len() == 1;
        self.has_loop |= is_top && matches!(line.head, Head::Loop | Head::Until | Head::While);
        let Some(block) = self.blocks.last_mut() else { return };
        block.last = line.head;
        block.last_line = line.start;
        line.calls.iter().for_each(|call| report.add(*call, Flaw::StrayTalk));
        if line.head == Head::None {
            for piece in &line.pieces {
                check_piece(piece, block.of, &mut block.body, report);
            }
            return;
        }
        if block.of == Head::Loop && line.head != Head::Until {
            block.body.refuse(line.start, report);
        }
        let mut body = LoopBody::default();
        for piece in &line.pieces {
            check_piece(piece, line.head, &mut body, report);
        }
        if line.pieces.is_empty() {
            self.pending = Some(Pending { head: line.head, line: line.start });
        }
    }

    pub(super) fn finish(mut self, report: &mut Report) {
        if let Some(pending) = self.pending.take() {
            report.add(pending.line, pending.empty());
        }
        for block in &self.blocks {
            block.close(report);
        }
        if !self.has_loop {
            report.add(0, Flaw::NoLoop);
        }
    }

    /// Ends the blocks that the line is not in, and begins the one that it is the first line of.
    fn find_block(&mut self, line: &Line, report: &mut Report) {
        let pending = self.pending.take();
        let mut order = self.compare(line, report);
        match pending {
            Some(Pending { head, line: of_line }) if order == Ordering::Greater => {
                let (last, last_line, body) = (Head::None, of_line, LoopBody::default());
                self.blocks.push(Block { indent: line.indent, of: head, of_line, last, last_line, body });
                return;
            }
            Some(pending) => report.add(pending.line, pending.empty()),
            None => {}
        }
        let mut left = None;
        while order == Ordering::Less
            && let Some(block) = self.blocks.pop()
        {
            block.close(report);
            left = Some(block.last_line);
            order = self.compare(line, report);
        }
        if order == Ordering::Greater && self.told_indent != Some(line.indent) {
            self.told_indent = Some(line.indent);
            let around = self.blocks.last().map_or(0, |block| block.last_line);
            let flaw = left.map_or(Flaw::Deeper, |left| Flaw::Between(around, left));
            report.add(line.start, flaw);
        }
    }

    /// How the indentation of the line compares with that of the innermost block.
    fn compare(&mut self, line: &Line, report: &mut Report) -> Ordering {
        let indent = self.blocks.last().map_or(Indent::default(), |block| block.indent);
        line.indent.compare(indent).unwrap_or_else(|| {
            if !std::mem::replace(&mut self.is_mixing_told, true) {
                report.add(line.start, Flaw::Mixed);
            }
            self.told_indent = Some(line.indent);
            line.indent.columns().cmp(&indent.columns())
        })
    }

    /// Whether the line may come after the one before it in its block.
    fn check_order(&mut self, line: &Line, report: &mut Report) {
        let Some((block, around)) = self.blocks.split_last_mut() else { return };
        let last = block.last;
        let follows = |heads: &[Head]| last == Head::Other || heads.contains(&last);
        let is_in_order = match line.head {
            Head::Until => {
                if matches!(last, Head::Loop | Head::Until | Head::While) {
                } else if let (Head::Loop, Some(around)) = (block.of, around.last_mut()) {
                    report.add(line.start, Flaw::UntilInBody(block.of_line));
                    // It is meant to be the one that the loop needs.
                    around.last = Head::Until;
                } else {
                    report.add(line.start, Flaw::StrayUntil);
                }
                return;
            }
            Head::Elif => follows(&[Head::If, Head::Elif]),
            Head::Else => follows(&[Head::If, Head::Elif, Head::For, Head::While, Head::Except]),
            Head::Except => follows(&[Head::Try, Head::Except]),
            Head::Finally => follows(&[Head::Try, Head::Except, Head::Else]),
            _ => true,
        };
        if !is_in_order {
            report.add(line.start, Flaw::StrayPart);
        }
        if last == Head::Loop {
            report.add(block.last_line, Flaw::NoUntil);
        }
    }
}

impl Block {
    fn close(&self, report: &mut Report) {
        if self.last == Head::Loop {
            report.add(self.last_line, Flaw::NoUntil);
        }
    }
}

impl Pending {
    /// What is wrong when its block is missing.
    fn empty(&self) -> Flaw {
        Flaw::EmptyBlock(match self.head {
            Head::Loop => flaw::Block::Loop,
            Head::Until => flaw::Block::Until,
            _ => flaw::Block::Other,
        })
    }
}

impl LoopBody {
    /// Tells once that something in the body does not belong there.
    fn refuse(&mut self, at: usize, report: &mut Report) {
        if !std::mem::replace(&mut self.is_told, true) {
            report.add(at, if self.has_talk { Flaw::SecondInBody } else { Flaw::BodyIsNotTalk });
        }
    }
}

/// Checks the calls of `talk` in a statement, which stands in the block of `head`.
fn check_piece(piece: &Piece, head: Head, body: &mut LoopBody, report: &mut Report) {
    let is_body = match head {
        // Once it is corrected, it may be what it should be.
        Head::Loop | Head::While if piece.is_broken => {
            body.has_talk = true;
            return;
        }
        Head::Loop if !piece.is_talk || body.has_talk => {
            body.refuse(piece.start, report);
            return;
        }
        Head::Loop | Head::While => piece.is_talk,
        _ => false,
    };
    let mut calls = piece.calls.iter().copied();
    if is_body && let Some(call) = calls.next() {
        body.has_talk = true;
        if piece.is_empty_call {
            report.add(call, Flaw::TalkWithoutPrompt);
        }
    }
    calls.for_each(|call| report.add(call, Flaw::StrayTalk));
}
