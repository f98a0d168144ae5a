//! Where a statement stands: after the one before it, over those that it covers, or inside another.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use super::{COVERS_WITHIN, Chain, Count, Placed, Stated};

impl Chain {
    /// The place of a statement; `last` is the place of the one before it.
    pub(super) fn place(&self, at: usize, last: Option<usize>) -> Placed {
        let before = last.and_then(|last| self.placed.get(last));
        let closing = before.and_then(|before| self.stated.get(before.at)).map(|one| one.closing);
        let alone = self.alone(at, before);
        let Some(one) = self.stated.get(at) else { return alone };
        if closing.is_none_or(|closing| closing == one.opening) {
            let follows = before.map_or_else(|| alone.clone(), |before| self.after(&alone, before));
            if follows.agrees() {
                return follows;
            }
            // A balance that comes again, as one that is swept to nothing each day: it may cover
            // what opens so as well.
            return self.covering(at).find(Placed::agrees).unwrap_or(follows);
        }
        let covers = self.covering(at).find(Placed::agrees);
        if let Some(covers) = covers {
            return covers;
        }
        if alone.agrees() && self.lies_inside(at) {
            return Placed { inside: true, ..alone };
        }
        if let Some(covers) = self.covering(at).find(|placed| self.is_meant(placed)) {
            return covers;
        }
        Placed { gap_to: before.map(|before| before.at), ..alone }
    }

    /// With the entries that name it, and those that name none since the one before it.
    fn alone(&self, at: usize, before: Option<&Placed>) -> Placed {
        let since = before.and_then(|before| self.stated.get(before.at)).map(|one| one.end);
        self.held(at, vec![at], since, self.placed.len(), Count::default())
    }

    fn held(
        &self,
        at: usize,
        members: Vec<usize>,
        since: Option<NaiveDate>,
        from: usize,
        told: Count,
    ) -> Placed {
        let one = self.stated.get(at);
        let (opening, stated) = one.map_or((0, 0), |one| (one.opening, one.entries));
        let placed = Placed {
            at,
            members,
            since,
            opening,
            stated,
            found: Count::default(),
            told,
            gap_to: None,
            checked: true,
            inside: false,
            from,
            differs: Count::default(),
        };
        self.hold(placed)
    }

    /// Holds the entries against what the statement says.
    fn hold(&self, mut placed: Placed) -> Placed {
        let Some(one) = self.stated.get(placed.at) else { return placed };
        let named = self.count_named(&placed.members);
        placed.found = named.plus(self.count_days(placed.since, one.end));
        let moved = one.closing.saturating_sub(placed.opening);
        placed.differs = placed.found.minus(Count { entries: placed.stated, total: moved });
        placed
    }

    /// After another one of its day: what names no statement is of both.
    fn after(&self, alone: &Placed, before: &Placed) -> Placed {
        let end = |placed: &Placed| self.stated.get(placed.at).map(|one| one.end);
        let shared = end(alone) == end(before) && self.is_shared(end(alone));
        if !shared {
            return alone.clone();
        }
        let members = before.members.iter().chain(&alone.members).copied().collect();
        let stated = before.stated.saturating_add(alone.stated);
        let (opening, since) = (before.opening, before.since);
        self.hold(Placed { members, stated, opening, since, ..alone.clone() })
    }

    /// Whether entries of the day name no statement.
    fn is_shared(&self, day: Option<NaiveDate>) -> bool {
        day.is_some_and(|day| self.by_day.contains_key(&day))
    }

    /// The statement over what came before it, from each that opens where it opens; latest first.
    fn covering(&self, at: usize) -> impl Iterator<Item = Placed> + '_ {
        let one = self.stated.get(at);
        let begins = move |first: &usize| -> bool {
            let other = self.placed.get(*first).and_then(|placed| self.stated.get(placed.at));
            one.zip(other).is_some_and(|(one, other)| one.opening == other.opening)
        };
        let near = move |first: &usize| -> bool {
            let other = self.placed.get(*first).and_then(|placed| self.stated.get(placed.at));
            let since =
                |other: &Stated| one.map(|one| one.through.signed_duration_since(other.through));
            other.and_then(since).is_some_and(|apart| apart < COVERS_WITHIN)
        };
        // What opens there may begin earlier itself.
        let from = |place: usize| self.placed.get(place).map(|placed| placed.from);
        let firsts = (0..self.placed.len()).rev().take_while(near).filter(begins);
        firsts.filter_map(from).map(move |first| {
            let (mut members, mut told) = (Vec::new(), Count::default());
            for block in self.blocks(first) {
                members.extend(block.members.iter().copied());
                // What shares the entries of the day is held against them by this one.
                let end = self.stated.get(block.at).map(|one| one.end);
                let shares = end == one.map(|one| one.end) && self.is_shared(end);
                let checked = block.checked && !shares;
                told = told.plus(if checked { block.differs } else { block.told });
            }
            members.push(at);
            let since = self.placed.get(first).and_then(|placed| placed.since);
            self.held(at, members, since, first, told)
        })
    }

    /// What was placed from there on, without what is covered by another of these.
    fn blocks(&self, first: usize) -> Vec<&Placed> {
        let mut blocks = Vec::new();
        let mut next = self.placed.len().checked_sub(1);
        while let Some(place) = next.filter(|place| *place >= first) {
            let Some(placed) = self.placed.get(place) else { break };
            // What begins before is not within it as a whole.
            let whole = placed.from >= first;
            if whole {
                blocks.push(placed);
            }
            let to = if whole { placed.from } else { place };
            next = to.checked_sub(1);
        }
        blocks
    }

    /// Whether a statement that differs from what it would cover covers it all the same: it is of
    /// the same day, an entry names it and one of those, or it sums up what they say.
    fn is_meant(&self, placed: &Placed) -> bool {
        let Some(one) = self.stated.get(placed.at) else { return false };
        let blocks = self.blocks(placed.from);
        let covered = || blocks.iter().flat_map(|block| &block.members);
        let of_the_day = || {
            let first = self.placed.get(placed.from).and_then(|first| self.stated.get(first.at));
            first.is_some_and(|first| first.end == one.end)
        };
        let named_by = |at: usize| self.named.get(at).into_iter().flatten().copied();
        let shares = || {
            let theirs: BTreeSet<usize> = covered().flat_map(|at| named_by(*at)).collect();
            named_by(placed.at).any(|number| theirs.contains(&number))
        };
        let sums_up = || {
            let said = blocks.iter().filter_map(|block| self.stated.get(block.at));
            let sum = said.map(Stated::moved).fold(Count::default(), Count::plus);
            blocks.len() > 1 && sum == one.moved()
        };
        of_the_day() || shares() || sums_up()
    }

    /// Whether all entries that name it name another one of its day as well, which the next day
    /// does not contradict: a report of the day that was written after its statement.
    fn lies_inside(&self, at: usize) -> bool {
        let (Some(one), Some(own)) = (self.stated.get(at), self.named.get(at)) else {
            return false;
        };
        let next = self.stated.iter().map(|one| one.end).filter(|end| *end > one.end).min();
        let next = || self.stated.iter().filter(|one| Some(one.end) == next);
        let goes_on = |closing: i128| next().any(|next| next.opening == closing);
        let others =
            self.placed.iter().rev().filter_map(|placed| {
                Some((self.stated.get(placed.at)?, self.named.get(placed.at)?))
            });
        let mut of_the_day = others.take_while(|(other, _)| other.end == one.end);
        !own.is_empty()
            && of_the_day.any(|(other, named)| {
                let follows_this = goes_on(one.closing) && !goes_on(other.closing);
                own.is_subset(named) && !follows_this
            })
    }

    /// What shares entries of its day that name no statement with a later one is held against them
    /// by that one.
    pub(super) fn share_days(&mut self, placed: &Placed) {
        let day = self.stated.get(placed.at).map(|one| one.end);
        if placed.inside || !self.is_shared(day) {
            return;
        }
        for earlier in self.placed.iter_mut().rev() {
            if self.stated.get(earlier.at).map(|one| one.end) != day {
                break;
            }
            if placed.members.contains(&earlier.at) {
                earlier.checked = false;
            }
        }
    }
}
