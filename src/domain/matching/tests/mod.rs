//! The tables of `docs/MATCHING.md`, row by row.

mod identity;
mod named;
mod several;
mod watched;
