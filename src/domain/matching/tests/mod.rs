//! The tables of `docs/MATCHING.md`, row by row.

mod hints;
mod identity;
mod named;
mod policies;
mod several;
mod watched;
