//! Who comes to the port and says nothing, or too little, or too slowly.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Seen, get};
use crate::harness::World;

/// Callers that hold a connection keep nobody out, and are not held for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_only_holds_connections_keeps_nobody_out() {
    let world = World::with_partitions("o_door", 1).await;
    let seen = Seen::start(&world, "door", &[]);
    let address = seen.address(&world).await;
    let mut idle = Vec::new();
    for number in 0..300 {
        let mut caller = TcpStream::connect(&address).await.expect("it listens");
        // Some begin a request. Who came long ago may have been sent away meanwhile.
        if number % 2 == 0 {
            drop(caller.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n").await);
        }
        idle.push(caller);
    }
    let (status, text) = get(&address, "/metrics").await;
    assert!(status == 200 && text.contains("topup_build_info"), "{status} {text}");
    assert_eq!(get(&address, "/livez").await, (200, "ok\n".to_owned()));
    // Who reads nothing is sent away as well.
    let mut deaf = TcpStream::connect(&address).await.expect("it listens");
    for _ in 0..2_000 {
        if deaf.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").await.is_err() {
            break;
        }
    }
    for mut caller in idle {
        let mut rest = Vec::new();
        // With an answer or without, it ends.
        let ended = tokio::time::timeout(crate::harness::PATIENCE, caller.read_to_end(&mut rest));
        drop(ended.await.expect("the connection ends"));
    }
    assert_eq!(get(&address, "/nothing").await.0, 404);
    seen.end();
    world.finish().await;
}
