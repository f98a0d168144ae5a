//! Logs: on standard error, JSON unless it is a terminal. `RUST_LOG` overrides the level, and
//! SIGHUP has a worker read it again.

use std::error::Error;
use std::io::{self, IsTerminal, stderr};

use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

use crate::config::{ConfigError, LogFormat, LoggingConfig};

/// The longest chain that is printed; one that is longer has a cycle.
const CHAIN_MAX: usize = 16;

/// What a running process logs, to be changed.
pub(crate) struct Log(Box<dyn Fn(EnvFilter) + Send>);

/// Starts logging for the worker. A second call changes nothing: tests start it more than once.
pub(crate) fn init(config: &LoggingConfig) -> Log {
    start(config, filter(&config.level))
}

/// For commands that a person runs: they tell their errors themselves, so nothing is logged
/// unless `RUST_LOG` asks for it.
pub(crate) fn init_quiet(config: &LoggingConfig) {
    start(config, EnvFilter::new("off"));
}

fn start(config: &LoggingConfig, default: EnvFilter) -> Log {
    let filter = from_environment().unwrap_or(default);
    let terminal = stderr().is_terminal();
    let json = match config.format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !terminal,
    };
    let builder = fmt().with_env_filter(filter).with_writer(stderr);
    if json {
        let builder =
            builder.json().flatten_event(true).with_span_list(false).with_filter_reloading();
        let handle = builder.reload_handle();
        drop(builder.try_init());
        Log(Box::new(move |filter| drop(handle.reload(filter))))
    } else {
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|set| set.is_empty());
        let builder = builder.with_ansi(colour).with_filter_reloading();
        let handle = builder.reload_handle();
        drop(builder.try_init());
        Log(Box::new(move |filter| drop(handle.reload(filter))))
    }
}

/// What `RUST_LOG` asks for.
fn from_environment() -> Option<EnvFilter> {
    EnvFilter::try_from_default_env().ok()
}

impl Log {
    /// Reads the level again at each SIGHUP. On a terminal the signal means that the terminal is
    /// gone: there it ends the process, as it does by default.
    ///
    /// # Errors
    /// When the signal cannot be waited for.
    pub(crate) fn follow(
        self,
        read: impl Fn() -> Result<LoggingConfig, ConfigError> + Send + 'static,
    ) -> io::Result<()> {
        if stderr().is_terminal() {
            return Ok(());
        }
        let mut told = signal(SignalKind::hangup())?;
        tokio::spawn(async move {
            while told.recv().await.is_some() {
                self.renew(read());
            }
        });
        Ok(())
    }

    fn renew(&self, read: Result<LoggingConfig, ConfigError>) {
        match read {
            Ok(_) if from_environment().is_some() => {
                tracing::info!("the log level stays: RUST_LOG overrides the settings");
            }
            Ok(config) => {
                // Said at info even where neither the old level nor the new one shows that.
                (self.0)(filter("info"));
                tracing::info!(log_level = config.level, "log level read again");
                (self.0)(filter(&config.level));
            }
            Err(error) => {
                tracing::error!(error = %chain(&error), "the log level stays as it was");
            }
        }
    }
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
