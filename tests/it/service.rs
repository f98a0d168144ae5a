//! A worker under a service manager: what the manager is told on its socket, and SIGHUP.

use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Instant;

use crate::harness::{PATIENCE, World};
use crate::observe::Seen;
use crate::stopping::{Line, Way};

/// The manager's end of the socket.
struct Manager {
    socket: UnixDatagram,
    path: PathBuf,
}

impl Manager {
    fn listens(world: &World) -> Self {
        let path = std::env::temp_dir().join(format!("{}.sock", world.name));
        let socket = UnixDatagram::bind(&path).expect("a socket");
        socket.set_nonblocking(true).expect("it waits for nobody");
        Self { socket, path }
    }

    /// What has been said and not heard yet.
    fn hears(&self) -> Vec<String> {
        let mut said = Vec::new();
        let mut message = [0_u8; 512];
        while let Ok(length) = self.socket.recv(&mut message) {
            said.push(String::from_utf8_lossy(&message[..length]).trim_end().to_owned());
        }
        said
    }

    /// Everything up to that word.
    async fn until(&self, world: &World, word: &str) -> Vec<String> {
        let all = std::sync::Mutex::new(Vec::new());
        world
            .eventually(word, || async {
                let mut all = all.lock().expect("no panic");
                all.extend(self.hears());
                all.iter().any(|said| said == word).then_some(())
            })
            .await;
        all.into_inner().expect("no panic")
    }

    fn ends(self) {
        std::fs::remove_file(self.path).expect("removed");
    }
}

fn signal(process: &Child, name: &str) {
    let pid = process.id().to_string();
    let sent = Command::new("kill").args([name, &pid]).status().expect("kill");
    assert!(sent.success());
}

fn goes(process: &mut Child) {
    let began = Instant::now();
    while process.try_wait().expect("a child").is_none() {
        assert!(began.elapsed() < PATIENCE, "it does not stop");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// READY comes once, and only where the database is there; signs of life follow, and STOPPING
/// before the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_manager_is_told_how_a_worker_stands() {
    let world = World::with_partitions("sd_told", 1).await;
    let manager = Manager::listens(&world);
    let way = Way::to(&world.database.url).await;
    way.line.send_replace(Line::Down);
    let (url, socket) = (way.url(&world.database.url), manager.path.to_str().expect("UTF-8"));
    let more =
        [("DATABASE_URL", url.as_str()), ("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", "200000")];
    let mut none = Seen::start(&world, "none", &more);
    goes(&mut none.process);
    none.end();
    assert_eq!(manager.hears(), Vec::<String>::new(), "it had no database");
    way.line.send_replace(Line::Up);
    let mut seen = Seen::start(&world, "told", &more);
    let first = manager.until(&world, "READY=1").await;
    assert_eq!(first[0], "READY=1");
    manager.until(&world, "WATCHDOG=1").await;
    manager.until(&world, "WATCHDOG=1").await;
    signal(&seen.process, "-TERM");
    let mut last = manager.until(&world, "STOPPING=1").await;
    goes(&mut seen.process);
    last.extend(manager.hears());
    last.retain(|said| said != "WATCHDOG=1");
    assert_eq!(last, ["STOPPING=1"]);
    seen.end();
    manager.ends();
    world.finish().await;
}

/// The signs of life come from the worker itself: one that stands still gives none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_hangs_gives_no_sign_of_life() {
    let world = World::with_partitions("sd_hangs", 1).await;
    let manager = Manager::listens(&world);
    let socket = manager.path.to_str().expect("UTF-8");
    let more = [("NOTIFY_SOCKET", socket), ("WATCHDOG_USEC", "200000")];
    let seen = Seen::start(&world, "hangs", &more);
    manager.until(&world, "WATCHDOG=1").await;
    signal(&seen.process, "-STOP");
    // What was on its way when the signal came is heard, and then nothing.
    let state = format!("/proc/{}/stat", seen.process.id());
    let stopped = || async {
        let stat = std::fs::read_to_string(&state).expect("a process");
        stat.contains(") T ").then_some(())
    };
    world.eventually("a stopped process", stopped).await;
    manager.hears();
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    assert_eq!(manager.hears(), Vec::<String>::new());
    signal(&seen.process, "-CONT");
    manager.until(&world, "WATCHDOG=1").await;
    seen.end();
    manager.ends();
    world.finish().await;
}

/// The level follows the file, and a file that cannot be used leaves it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hangup_reads_the_log_level_again() {
    let world = World::with_partitions("sd_level", 1).await;
    let file = std::env::temp_dir().join(format!("{}.toml", world.name));
    let write = |text: &str| std::fs::write(&file, text).expect("written");
    write("[logging]\nlevel = \"error\"\n");
    let path = file.to_str().expect("UTF-8");
    let level = |seen: &Seen, level: &str| seen.lines(&format!("\"log_level\":\"{level}\"")).len();
    // At `error` a worker does not say where it answers.
    let manager = Manager::listens(&world);
    let socket = manager.path.to_str().expect("UTF-8");
    let mut seen =
        Seen::start(&world, "level", &[("TOPUP_CONFIG", path), ("NOTIFY_SOCKET", socket)]);
    manager.until(&world, "READY=1").await;
    assert_eq!(seen.lines("\"level\""), Vec::<String>::new());
    for word in ["warn", "info"] {
        write(&format!("[logging]\nlevel = \"{word}\"\n"));
        signal(&seen.process, "-HUP");
        let told = || async { (level(&seen, word) == 1).then_some(()) };
        world.eventually(word, told).await;
    }
    let kept = "the log level stays as it was";
    for wrong in ["[logging]\nlevel = \"loud\"\n", "[logging\n"] {
        let before = seen.lines(kept).len();
        write(wrong);
        signal(&seen.process, "-HUP");
        let told = || async { (seen.lines(kept).len() > before).then_some(()) };
        world.eventually("a complaint", told).await;
    }
    signal(&seen.process, "-TERM");
    goes(&mut seen.process);
    assert_eq!(seen.lines("worker stopping").len(), 1, "it is still at info");
    seen.end();
    manager.ends();
    std::fs::remove_file(file).expect("removed");
    world.finish().await;
}
