//! Exact subsets of an account's invoices, searched within a fixed number of steps.

/// Steps that the search for a rival of a single fit may take (R7): it only records an
/// ambiguity, so it is given a tenth of what a suggestion is worth.
pub const RIVAL_NODES_MAX: u32 = 2_000;
/// Steps that the search for a group to suggest may take (R9).
pub const GROUP_NODES_MAX: u32 = 20_000;
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

/// The only group, or why there is none to suggest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Group {
    None,
    /// Indexes into what was given, in that order.
    Only(Vec<usize>),
    Several,
    /// The steps ran out: "not unique" is assumed.
    Unknown,
}

/// Whether two to five of `dues` (micros, all positive) add up to exactly `target`.
pub fn rival_subset(dues: &[i64], target: i64) -> Rival {
    let mut search = Search::of(dues, target, RIVAL_NODES_MAX, 1);
    search.find(0, target, SUBSET_SIZE_MAX);
    match (search.found.len(), search.spent()) {
        (1.., _) => Rival::Found,
        (0, true) => Rival::Unknown,
        (0, false) => Rival::None,
    }
}

/// The group of two to five of `dues` that adds up to exactly `target`, if there is only one.
pub fn only_group(dues: &[i64], target: i64) -> Group {
    searched(dues, target).0
}

/// As [`only_group`], with the steps that it took.
pub fn searched(dues: &[i64], target: i64) -> (Group, u32) {
    let mut search = Search::of(dues, target, GROUP_NODES_MAX, 2);
    search.find(0, target, SUBSET_SIZE_MAX);
    let (spent, nodes) = (search.spent(), search.nodes);
    let mut found = search.found.into_iter();
    let group = match (found.next(), found.next()) {
        (Some(_), Some(_)) => Group::Several,
        (_, None) if spent => Group::Unknown,
        (Some(mut only), None) => {
            only.sort_unstable();
            Group::Only(only)
        }
        (None, _) => Group::None,
    };
    (group, nodes)
}

struct Search {
    /// Largest first, so that a sum that is too small is seen early; with where each was.
    dues: Vec<(i64, usize)>,
    nodes: u32,
    nodes_max: u32,
    taken: Vec<usize>,
    found: Vec<Vec<usize>>,
    enough: usize,
}

impl Search {
    fn of(dues: &[i64], target: i64, nodes_max: u32, enough: usize) -> Self {
        let places = dues.iter().copied().zip(0..);
        let mut dues: Vec<_> = places.filter(|(due, _)| *due > 0 && *due < target).collect();
        dues.sort_unstable_by(|left, right| right.cmp(left));
        Self { dues, nodes: 0, nodes_max, taken: Vec::new(), found: Vec::new(), enough }
    }

    fn spent(&self) -> bool {
        self.nodes > self.nodes_max
    }

    /// Looks for up to `left` of the dues from `from` on that add up to `target`.
    fn find(&mut self, from: usize, target: i64, left: usize) {
        if target == 0 {
            self.found.push(self.taken.clone());
            return;
        }
        let reach = i64::try_from(left).unwrap_or(i64::MAX);
        for index in from..self.dues.len() {
            let Some((due, place)) = self.dues.get(index).copied() else { return };
            self.nodes = self.nodes.saturating_add(1);
            let hopeless = left == 0 || due.saturating_mul(reach) < target;
            if hopeless || self.spent() || self.found.len() >= self.enough {
                return;
            }
            if due <= target {
                self.taken.push(place);
                self.find(index.saturating_add(1), target.saturating_sub(due), left - 1);
                self.taken.pop();
            }
        }
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

    #[test]
    fn a_group_is_suggested_only_if_it_is_the_only_one() {
        assert_eq!(only_group(&[500, 100, 70, 30], 170), Group::Only(vec![1, 2]));
        assert_eq!(only_group(&[100, 70, 70], 170), Group::Several);
        assert_eq!(only_group(&[100, 70], 60), Group::None);
    }

    #[test]
    fn sixty_invoices_with_odd_cents_stay_within_the_steps() {
        let dues: Vec<i64> = (1..=60).map(|n| 1_000_000 * n + n * n * 10_007).collect();
        for target in [150_000_003, 200_013_370, 90_000_001] {
            let mut search = Search::of(&dues, target, GROUP_NODES_MAX, 2);
            search.find(0, target, SUBSET_SIZE_MAX);
            // One more for each level that notices that the steps are spent.
            assert!(search.nodes <= GROUP_NODES_MAX + 6, "{}", search.nodes);
            assert!(matches!(only_group(&dues, target), Group::Unknown | Group::Several));
        }
    }
}
