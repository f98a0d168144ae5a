//! The port. It takes requests and nothing else: no body is read, nothing can be changed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::prometheus_text;
use tokio::net::TcpListener;

use super::board::{Board, Reasons};

/// Answers from now on, as long as the process lives. Returns where, for a port that the system
/// chose.
///
/// # Errors
/// When the address cannot be had.
pub(crate) async fn listen(address: SocketAddr, board: Arc<Board>) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(livez))
        .route("/readyz", get(readyz))
        .route("/startupz", get(startupz))
        .with_state(board);
    // It never ends by itself; errors of connections are theirs.
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(address)
}

type Held = State<Arc<Board>>;

async fn metrics(State(board): Held) -> Response {
    match board.metrics() {
        Ok(text) => ([(CONTENT_TYPE, prometheus_text::CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn livez(State(board): Held) -> Response {
    said(&board.lives())
}

async fn readyz(State(board): Held) -> Response {
    said(&board.is_ready())
}

async fn startupz(State(board): Held) -> Response {
    said(&board.has_started())
}

fn said(reasons: &Reasons) -> Response {
    if reasons.is_empty() {
        return "ok\n".into_response();
    }
    let lines: String = reasons.iter().map(|reason| format!("{reason}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines).into_response()
}
