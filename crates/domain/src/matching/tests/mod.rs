//! The tables of `docs/MATCHING.md`, row by row.

mod alike;
mod bare;
mod behind;
mod context;
mod hints;
mod identity;
mod learned;
mod loose;
mod named;
mod named_payer;
mod policies;
mod practice;
mod reading;
mod references;
mod rest;
mod several;
mod typos;
mod watched;
mod written;
mod years;
