//! The port. It takes requests and nothing else: no body is read, nothing can be changed.
//!
//! Who only holds a connection keeps nobody out: each takes one request and has a few seconds for
//! all of it, and where there are too many, the oldest goes.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use axum::middleware::map_response;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::Listener;
use prometheus_client::encoding::prometheus_text;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::Sleep;

use super::board::{Board, Reasons};

/// Connections at a time.
const CALLERS_MAX: usize = 64;
/// From a connection to the end of its answer.
const CALL_MAX: Duration = Duration::from_secs(10);

struct Door {
    listener: TcpListener,
    /// Of the callers that are there, the oldest first.
    places: VecDeque<oneshot::Sender<()>>,
}

impl Listener for Door {
    type Io = Caller;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Caller, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        self.places.retain(|place| !place.is_closed());
        if self.places.len() >= CALLERS_MAX {
            self.places.pop_front();
        }
        let (place, held) = oneshot::channel();
        self.places.push_back(place);
        let end = Box::pin(tokio::time::sleep(CALL_MAX));
        (Caller { stream, end, place: held, over: false }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection while its time is not over and its place is not given to another.
struct Caller {
    stream: TcpStream,
    end: Pin<Box<Sleep>>,
    place: oneshot::Receiver<()>,
    over: bool,
}

impl Caller {
    /// The connection, unless it is over.
    fn stream(&mut self, cx: &mut Context<'_>) -> io::Result<Pin<&mut TcpStream>> {
        self.over = self.over
            || self.end.as_mut().poll(cx).is_ready()
            || Pin::new(&mut self.place).poll(cx).is_ready();
        if self.over {
            return Err(io::ErrorKind::TimedOut.into());
        }
        Ok(Pin::new(&mut self.stream))
    }
}

impl AsyncRead for Caller {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.stream(cx)?.poll_read(cx, buffer)
    }
}

impl AsyncWrite for Caller {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.stream(cx)?.poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(cx)?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream(cx)?.poll_shutdown(cx)
    }
}

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
        .layer(map_response(last))
        .with_state(board);
    let door = Door { listener, places: VecDeque::new() };
    // It never ends by itself; errors of connections are theirs.
    tokio::spawn(async move { axum::serve(door, router).await });
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

/// Nothing more is answered on this connection.
async fn last(mut response: Response) -> Response {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    response
}

fn said(reasons: &Reasons) -> Response {
    if reasons.is_empty() {
        return "ok\n".into_response();
    }
    let lines: String = reasons.iter().map(|reason| format!("{reason}\n")).collect();
    (StatusCode::SERVICE_UNAVAILABLE, lines).into_response()
}
