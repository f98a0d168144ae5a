//! A server that speaks TLS, and what is said of one that is not trusted, or takes no writes.

use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

use super::certificates::{self, Folder, run};
use crate::harness::{PATIENCE, env};

pub struct Server {
    folder: Folder,
    programs: PathBuf,
    user: Option<(u32, u32)>,
    postgres: Option<Child>,
    port: u16,
}

impl Server {
    pub fn start() -> Self {
        let folder = Folder::new("server");
        certificates::make(&folder);
        let programs = programs();
        let user = user();
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = free.local_addr().expect("an address").port();
        drop(free);
        let mut server = Self { folder, programs, user, postgres: None, port };
        for name in ["", "localhost.key", "localhost.crt", "ca.crt"] {
            let path = server.folder.path().join(name);
            if let Some((uid, gid)) = server.user {
                chown(path, Some(uid), Some(gid)).expect("given to the server");
            }
        }
        let data = server.data();
        let mut init = server.program("initdb");
        run(init.args(["-D", &data, "-U", "topup", "-A", "trust", "-E", "UTF8", "-N"]));
        let rules = "hostssl proven all 127.0.0.1/32 cert map=all\n\
                     hostssl proven all ::1/128 cert map=all\nlocal all all trust\n\
                     host all all 127.0.0.1/32 trust\nhost all all ::1/128 trust\n";
        std::fs::write(format!("{data}/pg_hba.conf"), rules).expect("written");
        std::fs::write(format!("{data}/pg_ident.conf"), "all worker topup\n").expect("written");
        let settings = format!(
            "listen_addresses = 'localhost'\nport = {port}\nunix_socket_directories = ''\n\
             fsync = off\nssl = on\nssl_cert_file = '{}'\nssl_key_file = '{}'\n\
             ssl_ca_file = '{}'\n",
            server.folder.file("localhost.crt"),
            server.folder.file("localhost.key"),
            server.folder.file("ca.crt"),
        );
        let conf = format!("{data}/postgresql.conf");
        let usual = std::fs::read_to_string(&conf).expect("the settings");
        std::fs::write(conf, usual + &settings).expect("written");
        server.run();
        for name in ["open", "proven"] {
            let create = format!("CREATE DATABASE {name}");
            let mut psql = server.program("psql");
            let port = server.port.to_string();
            psql.args(["-X", "-q", "-h", "localhost", "-p", &port, "-U", "topup"]);
            run(psql.args(["-d", "postgres", "-c", &create]));
        }
        server
    }

    fn data(&self) -> String {
        self.folder.file("data")
    }

    /// As a user that PostgreSQL runs as.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.current_dir("/");
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }

    fn run(&mut self) {
        let log = std::fs::File::create(self.folder.file("log")).expect("a file");
        let mut postgres = self.program("postgres");
        postgres.args(["-D", &self.data()]).stdout(Stdio::null()).stderr(log);
        self.postgres = Some(postgres.spawn().expect("a server"));
        let began = Instant::now();
        let port = self.port.to_string();
        let ready = ["-q", "-h", "localhost", "-p", &port, "-U", "topup", "-d", "postgres"];
        while !self.program("pg_isready").args(ready).status().expect("it runs").success() {
            let log = || std::fs::read_to_string(self.folder.file("log")).unwrap_or_default();
            assert!(began.elapsed() < PATIENCE, "no server: {}", log());
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// Starts it anew as a server that follows another one.
    fn stand_by(&mut self) {
        run(self.program("pg_ctl").args(["-D", &self.data(), "-m", "fast", "-w", "stop"]));
        if let Some(mut postgres) = self.postgres.take() {
            postgres.wait().expect("it ended");
        }
        std::fs::write(format!("{}/standby.signal", self.data()), "").expect("written");
        self.run();
    }

    pub fn url(&self, host: &str, database: &str, more: &str) -> String {
        format!("postgres://topup@{host}:{}/{database}?{more}", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(postgres) = &mut self.postgres {
            // Its data go with it.
            let _ = postgres.kill();
            let _ = postgres.wait();
        }
    }
}

/// The newest server that is installed, as `dev/postgres.sh` finds it.
fn programs() -> PathBuf {
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = installed
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    versions.sort();
    versions.pop().map_or_else(PathBuf::new, |(_, path)| path)
}

/// PostgreSQL does not run as root.
pub fn user() -> Option<(u32, u32)> {
    let own = std::fs::metadata("/proc/self").expect("a process");
    if std::os::unix::fs::MetadataExt::uid(&own) != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("the users");
    let known = |name: &str| {
        let row = users.lines().find(|row| row.split(':').next() == Some(name))?;
        let mut numbers = row.split(':').skip(2).map(|number| number.parse().ok());
        Some((numbers.next()??, numbers.next()??))
    };
    known("postgres").or_else(|| known("nobody"))
}

pub fn topup(url: &str, authority: Option<&str>, words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_topup"));
    command.args(words).env("DATABASE_URL", url).env("KAFKA_BROKERS", env("KAFKA_BROKERS"));
    command.env_remove("SSL_CERT_DIR").env_remove("SSL_CERT_FILE");
    if let Some(file) = authority {
        command.env("SSL_CERT_FILE", file);
    }
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    (status.code(), String::from_utf8([stdout, stderr].concat()).expect("text"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_proves_itself_is_used_and_another_is_refused_in_a_sentence() {
    let mut server = tokio::task::spawn_blocking(Server::start).await.expect("a server");
    let (ca, other) = (server.folder.file("ca.crt"), server.folder.file("other.crt"));
    let (ca, other) = (Some(ca.as_str()), Some(other.as_str()));
    let full = server.url("localhost", "open", "sslmode=verify-full");
    let (exit, text) = topup(&full, ca, &["migrate"]);
    assert_eq!(exit, Some(0), "{text}");
    let (_, text) = topup(&full, ca, &["doctor", "--output", "json"]);
    assert!(text.contains("TLSv1.3, proven by the authorities of"), "{text}");
    assert_eq!(topup(&full, ca, &["payments", "list"]).0, Some(0));

    let by_number = server.url("127.0.0.1", "open", "sslmode=verify-full");
    let any_name = server.url("127.0.0.1", "open", "sslmode=verify-ca");
    assert_eq!(topup(&any_name, ca, &["payments", "list"]).0, Some(0));
    let no_tls = format!("{}?sslmode=verify-full", env("DATABASE_URL"));
    let proven = server.url("localhost", "proven", "sslmode=verify-full");
    let own = |name: &str| server.folder.file(name);
    let shown = format!("{proven}&sslcert={}&sslkey={}", own("worker.crt"), own("worker.key"));
    let pinned = format!("{full}&sslrootcert={}", own("ca.crt"));
    let also = format!("{full}&sslrootcert={}", own("other.crt"));
    let missing = format!("{full}&sslcert=/no/such/file&sslkey=/no/such/key");
    for (url, authority, code, sentence) in [
        (&full, other, "database_untrusted", "not signed by an authority that is trusted"),
        (&full, None, "database_untrusted", "not signed by an authority that is trusted"),
        (&any_name, other, "database_untrusted", "not signed by an authority that is trusted"),
        (&by_number, ca, "database_untrusted", "another host name"),
        (&no_tls, ca, "database_untrusted", "does not speak TLS"),
        (&proven, ca, "database_refused", "certificate"),
        (&pinned, None, "database_pin_not_alone", "SSL_CERT_FILE"),
        (&also, ca, "database_pin_not_alone", "SSL_CERT_FILE"),
        (&missing, ca, "database_refused", "cannot be read"),
    ] {
        for words in [&["payments", "list"][..], &["doctor", "--output", "json"], &["worker"]] {
            let (exit, text) = topup(url, authority, words);
            assert_eq!(exit, Some(1), "{words:?}: {text}");
            assert!(text.contains(code) && text.contains(sentence), "{words:?}: {text}");
        }
    }
    assert_eq!(topup(&pinned, ca, &["payments", "list"]).0, Some(0));
    let (exit, text) = topup(&shown, ca, &["migrate"]);
    assert_eq!(exit, Some(0), "{text}");
    read_only(&mut server, &full, ca);
}

/// What takes no writes is told so, whatever the reason.
fn read_only(server: &mut Server, url: &str, ca: Option<&str>) {
    let told = |url: &str, ca: Option<&str>| {
        for words in [&["migrate"][..], &["worker"]] {
            let (exit, text) = topup(url, ca, words);
            assert_eq!(exit, Some(1), "{words:?}: {text}");
            assert!(text.contains("database_read_only"), "{words:?}: {text}");
        }
        // What only looks may look at a replica.
        assert_eq!(topup(url, ca, &["payments", "list"]).0, Some(0));
    };
    let by_default = format!("{url}&options=-cdefault_transaction_read_only%3Don");
    told(&by_default, ca);
    server.stand_by();
    told(url, ca);
    let (exit, text) = topup(url, ca, &["doctor", "--output", "json"]);
    assert!(exit == Some(1) && text.contains("this is a standby"), "{text}");
}
