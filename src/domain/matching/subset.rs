//! Exact subsets of an account's invoices, searched within a fixed number of steps.

/// Steps that the search for a rival of a single fit may take (R7): it only records an
/// ambiguity, so it is given a tenth of what a suggestion would be worth.
pub const RIVAL_NODES_MAX: u32 = 2_000;
/// Larger groups are not looked for: people do not pay six invoices by one plain amount.
pub const SUBSET_SIZE_MAX: usize = 5;

/// What the search found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rival {
    None,
    Found,
    /// The steps ran out: "not unique" is assumed.
    Unknown,
}

/// Whether two to five of `dues` (micros, all positive) add up to exactly `target`.
#[must_use]
pub fn rival_subset(dues: &[i64], target: i64) -> Rival {
    let mut usable: Vec<i64> =
        dues.iter().copied().filter(|due| *due > 0 && *due < target).collect();
    usable.sort_unstable_by(|left, right| right.cmp(left));
    let mut search = Search { dues: &usable, nodes: 0 };
    match search.find(0, target, SUBSET_SIZE_MAX) {
        Some(true) => Rival::Found,
        Some(false) => Rival::None,
        None => Rival::Unknown,
    }
}

struct Search<'a> {
    /// Largest first, so that a sum that is too small is seen early.
    dues: &'a [i64],
    nodes: u32,
}

impl Search<'_> {
    /// Whether up to `left` of the dues from `from` on add up to `target`; none when spent.
    fn find(&mut self, from: usize, target: i64, left: usize) -> Option<bool> {
        if target == 0 {
            return Some(true);
        }
        if left == 0 {
            return Some(false);
        }
        let reach = i64::try_from(left).unwrap_or(i64::MAX);
        for (index, due) in self.dues.iter().enumerate().skip(from) {
            self.nodes = self.nodes.saturating_add(1);
            if self.nodes > RIVAL_NODES_MAX {
                return None;
            }
            if due.saturating_mul(reach) < target {
                return Some(false);
            }
            if *due <= target
                && self.find(index.saturating_add(1), target.saturating_sub(*due), left - 1)?
            {
                return Some(true);
            }
        }
        Some(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_are_found_within_the_steps() {
        assert_eq!(rival_subset(&[300, 200, 100], 300), Rival::Found);
        assert_eq!(rival_subset(&[300, 200, 150], 300), Rival::None);
        assert_eq!(rival_subset(&[50, 50, 50, 50, 50, 50], 300), Rival::None);
        assert_eq!(rival_subset(&[], 300), Rival::None);
        let many: Vec<i64> = (1..=60).map(|n| 100_000 + n * 7).collect();
        assert_eq!(rival_subset(&many, 500_001), Rival::Unknown);
    }
}
