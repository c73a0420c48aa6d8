//! Answers that belong to no lease: they wait here until the control publication takes them.

use super::files::FileError;
use super::lease::LeaseEntry;
use super::messages::Holder;
use super::table::Slot;
use crate::ids::{CorrelationId, LeaseId};
use crate::wire::driver::Refusal;

/// Storage for one answer.
#[derive(Clone, Copy, Debug, Default)]
pub struct AnswerEntry(Option<Answer>);

impl AnswerEntry {
    /// An unused entry.
    pub const fn new() -> Self {
        Self(None)
    }
}

/// Something to be published once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    /// An attach was refused.
    AttachRefused { asker: Asker, why: Why },
    /// An attach was repeated: its OK again, if the lease still lives.
    AttachedAgain {
        lease: Slot<LeaseEntry>,
        id: LeaseId,
    },
    /// A detach was done.
    Detached { correlation: CorrelationId },
    /// A detach was refused.
    DetachRefused {
        correlation: CorrelationId,
        refusal: Refusal<'static>,
    },
    /// A lease of another driver is void (D-154).
    Stranger(Holder),
}

/// Whose attach is answered, as it stood in the request; for logs, except the correlation id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    pub(super) correlation: CorrelationId,
    pub(super) client: u32,
    pub(super) stream: u32,
}

/// Why an attach was refused.
#[derive(Clone, Copy, Debug)]
pub(super) enum Why {
    /// A check failed (driver 4, rows 2 to 13).
    Check(Refusal<'static>),
    /// The files could not be had (row 14).
    Files(FileError),
}

/// First in, first out, in memory the caller lends.
#[derive(Debug)]
pub(super) struct Answers<'a> {
    entries: &'a mut [AnswerEntry],
    first: usize,
    len: usize,
}

impl<'a> Answers<'a> {
    pub(super) const fn new(entries: &'a mut [AnswerEntry]) -> Self {
        Self {
            entries,
            first: 0,
            len: 0,
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn first(&self) -> Option<Answer> {
        if self.is_empty() {
            return None;
        }
        self.entries.get(self.first)?.0
    }

    pub(super) fn pop(&mut self) {
        if !self.is_empty() {
            self.first = self.place(1);
            self.len = self.len.saturating_sub(1);
        }
    }

    /// Adds an answer; `false` if there is no room for it.
    #[must_use]
    pub(super) fn push(&mut self, answer: Answer) -> bool {
        if self.len >= self.entries.len() {
            return false;
        }
        let place = self.place(self.len);
        if let Some(entry) = self.entries.get_mut(place) {
            entry.0 = Some(answer);
            self.len = self.len.saturating_add(1);
        }
        true
    }

    /// The entry so many places behind the first.
    const fn place(&self, behind: usize) -> usize {
        let Some(place) = self
            .first
            .wrapping_add(behind)
            .checked_rem(self.entries.len())
        else {
            return 0;
        };
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(answer: Option<Answer>) -> Option<i64> {
        match answer? {
            Answer::Detached { correlation } => Some(correlation.0),
            _ => None,
        }
    }

    #[test]
    fn answers_go_round_and_stop_when_full() {
        let mut entries = [AnswerEntry::new(); 2];
        let mut answers = Answers::new(&mut entries);
        let answer = |n| Answer::Detached {
            correlation: CorrelationId(n),
        };
        for n in 0..5 {
            assert!(answers.push(answer(n)));
            assert!(answers.push(answer(n + 100)));
            assert!(!answers.push(answer(-1)));
            assert_eq!(number(answers.first()), Some(n));
            answers.pop();
            assert_eq!(number(answers.first()), Some(n + 100));
            answers.pop();
            assert!(answers.is_empty());
        }
        assert!(!Answers::new(&mut []).push(answer(1)));
    }
}
