//! Payments with ground truth: a seeded world of customers and invoices, and what payers, banks
//! and feeds do to a payment on its way. The same seed gives the same world; no clock, no chance.

mod advised;
pub mod hostile;
mod listed;
pub mod operator;
pub mod quality;
pub mod record;
pub mod stream;
mod text;
mod world;

/// An enum as one table: its kinds in their order, each with its words.
macro_rules! kinds {
    ($(#[$about:meta])* $name:ident: $($kind:ident: $words:literal,)+) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name {
            $($kind),+
        }

        impl $name {
            pub const ALL: [Self; [$(stringify!($kind)),+].len()] = [$(Self::$kind),+];

            pub fn words(self) -> &'static str {
                match self {
                    $(Self::$kind => $words),+
                }
            }
        }
    };
}
use kinds;

/// The second of November 2026, noon.
pub const NOW: i64 = 1_793_620_800;

/// splitmix64: small, fast, and the same everywhere.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Less than `sides`; zero for no sides.
    pub fn below(&mut self, sides: usize) -> usize {
        let sides = u64::try_from(sides).unwrap_or(1).max(1);
        usize::try_from(self.roll() % sides).unwrap_or(0)
    }

    pub fn pick<T: Copy>(&mut self, of: &[T], otherwise: T) -> T {
        let at = self.below(of.len());
        of.get(at).copied().unwrap_or(otherwise)
    }

    /// Entropy as a record's content hash has it.
    pub fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for chunk in bytes.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.roll().to_le_bytes());
        }
        bytes
    }
}
