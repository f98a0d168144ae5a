//! What the service manager is told that started the process (systemd's `Type=notify`); nothing
//! where none listens. Whether the worker has started and lives is judged as for `/startupz` and
//! `/livez`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;

use super::board::Board;

/// The consumer thread turns ten times a second.
const TURN: Duration = Duration::from_millis(100);

/// Tells that the worker has started once it polls, and from then on that it lives, as often as
/// the manager wants to hear it. It goes on while the worker stops.
pub(crate) async fn attend(board: Arc<Board>) {
    let began = Instant::now();
    while !board.polls_since(began) {
        tokio::time::sleep(TURN).await;
    }
    tell(NotifyState::Ready);
    let patience = sd_notify::watchdog_enabled().filter(|patience| !patience.is_zero());
    let Some(patience) = patience else { return };
    let mut lived = true;
    loop {
        let reasons = board.lives();
        if reasons.is_empty() {
            tell(NotifyState::Watchdog);
        } else if lived {
            let reasons = reasons.join("; ");
            tracing::error!(reasons, "the service manager is not told any more that we live");
        }
        lived = reasons.is_empty();
        tokio::time::sleep(patience / 2).await;
    }
}

/// The worker stops, as it was told to or because it must.
pub(crate) fn stops() {
    tell(NotifyState::Stopping);
}

fn tell(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!(%error, "the service manager cannot be told how the worker stands");
    }
}
