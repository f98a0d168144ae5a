//! What an operator does with rule sets: reads and checks a file, makes one the active one.

mod activate;
mod file;

pub use activate::{Activated, Request, activate};
pub use file::{FileError, RuleFile, read};
