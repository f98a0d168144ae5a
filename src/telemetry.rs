//! Logs: on standard error, JSON unless it is a terminal. `RUST_LOG` overrides the level.

use std::error::Error;
use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::{LogFormat, LoggingConfig};

/// The longest chain that is printed; one that is longer has a cycle.
const CHAIN_MAX: usize = 16;

/// Starts logging for the worker. A second call changes nothing: tests start it more than once.
pub(crate) fn init(config: &LoggingConfig) {
    start(config, filter(&config.level));
}

/// For commands that a person runs: they tell their errors themselves, so nothing is logged
/// unless `RUST_LOG` asks for it.
pub(crate) fn init_quiet(config: &LoggingConfig) {
    start(config, EnvFilter::new("off"));
}

fn start(config: &LoggingConfig, default: EnvFilter) {
    let filter = EnvFilter::try_from_default_env().unwrap_or(default);
    let terminal = stderr().is_terminal();
    let json = match config.format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !terminal,
    };
    let builder = fmt().with_env_filter(filter).with_writer(stderr);
    let started = if json {
        builder.json().flatten_event(true).with_span_list(false).try_init()
    } else {
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        builder.with_ansi(colour).try_init()
    };
    drop(started);
}

/// Our own level, which begins the names of all our packages; what is below in the stack speaks
/// only when it is worried.
fn filter(level: &str) -> EnvFilter {
    EnvFilter::new(format!("warn,topup={level}"))
}

/// An error and its causes on one line: `outer: middle: inner`. A cause that its parent repeats
/// word for word is printed once.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    for _ in 0..CHAIN_MAX {
        let Some(next) = cause else {
            break;
        };
        let words = next.to_string();
        if !text.ends_with(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the batch failed")]
    struct Outer(#[source] std::num::ParseIntError);

    #[test]
    fn a_chain_names_each_layer_once() {
        let inner = "x".parse::<i32>().expect_err("no number");
        assert_eq!(chain(&Outer(inner)), "the batch failed: invalid digit found in string");
    }
}
