//! A progress bar of one line on standard error, drawn over itself. Only on a terminal.

use std::io::{Write, stderr};

const WIDTH: u64 = 30;

/// Draws it; at the end the line is left.
pub(super) fn draw(done: u64, total: u64) {
    let filled = done.min(total).saturating_mul(WIDTH).checked_div(total).unwrap_or(WIDTH);
    let bar: String = (0..WIDTH).map(|at| if at < filled { '#' } else { '.' }).collect();
    let end = if done >= total { "\n" } else { "" };
    // Nobody is harmed where it cannot be drawn.
    let _ = write!(stderr(), "\r[{bar}] {done}/{total}{end}");
    let _ = stderr().flush();
}
