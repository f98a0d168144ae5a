//! What upstream says of its customers: levels of balances.

use super::{Generator, MICROS_PER_UNIT};
use crate::money::Money;
use crate::threshold::Levels;

impl Generator {
    /// Levels among the amounts that balances go through.
    pub(super) fn levels(&mut self) -> Option<Levels> {
        if !self.random.chance(40) {
            return None;
        }
        let level =
            |units: i64| Money::from_micros(units.saturating_mul(MICROS_PER_UNIT), self.currency);
        let own = [vec![], vec![level(0), level(100)], vec![level(60)]];
        let index = usize::try_from(self.random.below(3)).unwrap_or(0);
        let list = own.get(index).cloned().unwrap_or_default();
        Some(Levels::new([(self.currency, list)]))
    }
}
