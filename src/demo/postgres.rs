//! A temporary PostgreSQL: local binaries, a folder of its own, gone when dropped.

use std::io;
use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use thiserror::Error;

/// initdb and start take about a second; a slow disk may take ten times that.
const START_LIMIT: Duration = Duration::from_secs(30);
const DATABASE: &str = "postgres";

#[derive(Debug, Error)]
pub enum PostgresError {
    #[error(
        "PostgreSQL's programs were not found: install them with `apt-get install -y postgresql`"
    )]
    Missing,
    #[error("{what}")]
    Io {
        what: &'static str,
        #[source]
        source: io::Error,
    },
    #[error("{program} failed: {output}")]
    Failed { program: &'static str, output: String },
    #[error("it did not answer in time")]
    Late,
}

fn io_error(what: &'static str) -> impl FnOnce(io::Error) -> PostgresError {
    move |source| PostgresError::Io { what, source }
}

/// A running server and its folder.
#[derive(Debug)]
pub(super) struct Temporary {
    folder: PathBuf,
    server: Child,
    url: String,
}

impl Temporary {
    /// Makes a data folder and starts a server on a free port of the loopback address.
    ///
    /// # Errors
    /// [`PostgresError::Missing`] names the command that installs what is needed.
    pub(super) fn start() -> Result<Self, PostgresError> {
        let programs = find_programs().ok_or(PostgresError::Missing)?;
        let user = server_user()?;
        let folder = std::env::temp_dir().join(format!("topup-demo-{}", std::process::id()));
        std::fs::create_dir_all(&folder).map_err(io_error("no temporary folder"))?;
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).map_err(io_error("no folder for PostgreSQL"))?;
        }
        let port = free_port()?;
        let result = init(&programs, &folder, user).and_then(|()| {
            let server = serve(&programs, &folder, port, user)?;
            let url = format!("postgres://topup@127.0.0.1:{port}/{DATABASE}");
            let mut started = Self { folder: folder.clone(), server, url };
            started.wait(&programs, port)?;
            Ok(started)
        });
        if result.is_err() {
            // The folder is ours and of no use; what cannot be removed stays in the temp folder.
            let _ = std::fs::remove_dir_all(&folder);
        }
        result
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    fn wait(&mut self, programs: &Path, port: u16) -> Result<(), PostgresError> {
        let started = Instant::now();
        while started.elapsed() < START_LIMIT {
            let ready = Command::new(programs.join("pg_isready"))
                .args(["-q", "-h", "127.0.0.1", "-p", &port.to_string(), "-U", "topup"])
                .status()
                .map_err(io_error("pg_isready did not run"))?;
            if ready.success() {
                return Ok(());
            }
            if self.server.try_wait().map_err(io_error("the server was lost"))?.is_some() {
                let output = std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
                return Err(PostgresError::Failed { program: "postgres", output });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(PostgresError::Late)
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // The data is thrown away, so there is nothing to shut down cleanly; the postmaster's
        // children see that it is gone and leave.
        let _ = self.server.kill();
        let _ = self.server.wait();
        for _ in 0..50 {
            if std::fs::remove_dir_all(&self.folder).is_ok() || !self.folder.exists() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The newest installation that has what is needed.
fn find_programs() -> Option<PathBuf> {
    let has_all = |folder: &PathBuf| {
        ["initdb", "postgres", "pg_isready"].iter().all(|name| folder.join(name).exists())
    };
    let mut debian: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version = entry.file_name().to_str()?.parse().ok()?;
            Some((version, entry.path().join("bin")))
        })
        .collect();
    debian.sort();
    let newest = debian.into_iter().rev().map(|(_, folder)| folder).find(has_all);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    newest.or_else(|| std::env::split_paths(&paths).find(has_all))
}

/// PostgreSQL refuses to run as root: then it runs as `postgres`, or as nobody.
fn server_user() -> Result<Option<(u32, u32)>, PostgresError> {
    let accounts = std::fs::read_to_string("/etc/passwd").map_err(io_error("no user list"))?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let root = status
        .lines()
        .find_map(|line| line.strip_prefix("Uid:"))
        .is_some_and(|ids| ids.split_whitespace().nth(1) == Some("0"));
    if !root {
        return Ok(None);
    }
    let ids_of = |name: &str| {
        accounts.lines().find_map(|line| {
            let mut fields = line.split(':');
            if fields.next() != Some(name) {
                return None;
            }
            let uid = fields.nth(1)?.parse().ok()?;
            Some((uid, fields.next()?.parse().ok()?))
        })
    };
    Ok(Some(ids_of("postgres").or_else(|| ids_of("nobody")).unwrap_or((65_534, 65_534))))
}

fn free_port() -> Result<u16, PostgresError> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(io_error("no free port"))?;
    Ok(listener.local_addr().map_err(io_error("no free port"))?.port())
}

fn command(program: PathBuf, folder: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).stdin(Stdio::null());
    // Ctrl-C belongs to the demo, which then stops the server itself.
    command.process_group(0);
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn init(programs: &Path, folder: &Path, user: Option<(u32, u32)>) -> Result<(), PostgresError> {
    let output = command(programs.join("initdb"), folder, user)
        .args(["-D", "data", "-U", "topup", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"])
        .output()
        .map_err(io_error("initdb did not run"))?;
    if output.status.success() {
        return Ok(());
    }
    let output = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(PostgresError::Failed { program: "initdb", output })
}

fn serve(
    programs: &Path,
    folder: &Path,
    port: u16,
    user: Option<(u32, u32)>,
) -> Result<Child, PostgresError> {
    let log = std::fs::File::create(folder.join("log")).map_err(io_error("no log file"))?;
    let errors = log.try_clone().map_err(io_error("no log file"))?;
    command(programs.join("postgres"), folder, user)
        .args(["-D", "data", "-h", "127.0.0.1", "-p", &port.to_string()])
        // The data does not outlive the demo, so it need not reach the disk.
        .args(["-c", "unix_socket_directories=", "-c", "fsync=off"])
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(io_error("postgres did not run"))
}
