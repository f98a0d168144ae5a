//! What the machine is and what it spends: CPU time per process group from /proc, fsync.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::time::Instant;

use sqlx::PgPool;

/// Linux reports times to user space in hundredths of a second, whatever its own clock does.
const TICKS_PER_SECOND: f64 = 100.0;
const FSYNC_TIMES: usize = 200;

/// CPU seconds used so far.
#[derive(Debug, Clone, Copy)]
pub struct Cpu {
    at: Instant,
    own: f64,
    postgres: f64,
    kafka: f64,
    machine: f64,
}

/// CPU seconds between two moments.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    pub own: f64,
    pub postgres: f64,
    pub kafka: f64,
    /// What other processes took, as a part of all cores.
    pub others: f64,
}

impl Cpu {
    /// PostgreSQL and Kafka count as zero when they run on another machine.
    pub async fn now(pool: &PgPool) -> Self {
        Self::beside(pool, Some(std::process::id())).await
    }

    /// The same with `worker` in the place of this process; none has not been started yet.
    pub async fn beside(pool: &PgPool, worker: Option<u32>) -> Self {
        let backend: i32 = sqlx::query_scalar("SELECT pg_backend_pid()")
            .fetch_one(pool)
            .await
            .expect("a process id");
        Self::read(u32::try_from(backend).expect("a process id"), worker)
    }

    fn read(backend: u32, worker: Option<u32>) -> Self {
        let processes = processes();
        let own = worker.and_then(|pid| processes.get(&pid)).map_or(0.0, |own| own.used);
        // The server's main process reaps its children: their time is in its `waited`.
        let is_postgres =
            |pid: &u32| command(*pid).is_some_and(|name| name.starts_with("postgres"));
        let main = Some(backend).filter(is_postgres).and_then(|pid| processes.get(&pid));
        let postgres = main.map_or(0.0, |backend| {
            let children = processes.values().filter(|process| process.parent == backend.parent);
            let main = processes.get(&backend.parent);
            children.map(|child| child.used).sum::<f64>()
                + main.map_or(0.0, |main| main.used + main.waited)
        });
        let brokers = processes.iter().filter(|(pid, _)| is_kafka(**pid));
        let kafka = brokers.map(|(_, process)| process.used).sum();
        Self { at: Instant::now(), own, postgres, kafka, machine: machine_seconds() }
    }

    pub fn since(self, before: Self) -> Used {
        let own = self.own - before.own;
        let postgres = self.postgres - before.postgres;
        let kafka = self.kafka - before.kafka;
        let seconds = (self.at - before.at).as_secs_f64() * cores() as f64;
        let rest = self.machine - before.machine - own - postgres - kafka;
        Used { own, postgres, kafka, others: (rest / seconds).max(0.0) }
    }
}

struct Process {
    parent: u32,
    used: f64,
    waited: f64,
}

fn processes() -> BTreeMap<u32, Process> {
    let entries = fs::read_dir("/proc").expect("/proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter_map(|pid| Some((pid, process(pid)?))).collect()
}

fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name is in brackets and may hold anything; the fields come after it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let seconds = |index: usize| Some(fields.get(index)?.parse::<f64>().ok()? / TICKS_PER_SECOND);
    Some(Process {
        parent: fields.get(1)?.parse().ok()?,
        used: seconds(11)? + seconds(12)?,
        waited: seconds(13)? + seconds(14)?,
    })
}

fn command(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm")).ok()
}

fn is_kafka(pid: u32) -> bool {
    arguments(pid).iter().any(|argument| argument == "kafka.Kafka")
}

fn arguments(pid: u32) -> Vec<String> {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let parts = line.split(|byte| *byte == 0);
    parts.map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

/// The broker's protocol does not tell its release: it stands in the names of its jars.
pub fn kafka_version() -> Option<String> {
    let pid = processes().into_keys().find(|pid| is_kafka(*pid))?;
    let arguments = arguments(pid);
    let mut folders = arguments.iter().filter_map(|argument| argument.strip_suffix("/*"));
    let jars = fs::read_dir(folders.next()?).ok()?;
    let mut names = jars.filter_map(|jar| jar.ok()?.file_name().into_string().ok());
    let jar = names.find(|name| name.starts_with("kafka-clients-"))?;
    let version = jar.strip_prefix("kafka-clients-")?.strip_suffix(".jar")?;
    Some(version.to_owned())
}

/// Everything but idle and waiting for disks, of all cores.
fn machine_seconds() -> f64 {
    let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
    let first = stat.lines().next().unwrap_or_default();
    let ticks = first.split_whitespace().skip(1).take(8).map(|n| n.parse::<f64>().unwrap_or(0.0));
    let busy = ticks.enumerate().filter(|(index, _)| !matches!(index, 3 | 4));
    busy.map(|(_, ticks)| ticks).sum::<f64>() / TICKS_PER_SECOND
}

pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The value of `key` in a file of `key: value` lines.
pub fn field(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

pub fn kibibytes(file: &str, key: &str) -> Option<f64> {
    field(file, key)?.trim_end_matches("kB").trim().parse().ok()
}

pub fn cpu_model() -> String {
    field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned())
}

pub fn memory_mib() -> f64 {
    (kibibytes("/proc/meminfo", "MemTotal").unwrap_or(0.0) / 1024.0).round()
}

pub fn kernel() -> String {
    let text = fs::read_to_string("/proc/sys/kernel/osrelease");
    text.map_or_else(|_| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// The output of a command, when there is one.
pub fn says(command: &str, arguments: &[&str]) -> Option<String> {
    let output = std::process::Command::new(command).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}

/// The median of writing 8 KiB and fdatasync, in the folder that cargo builds in.
pub fn fsync_ms() -> f64 {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let path = std::path::Path::new(folder).join(format!("fsync-{}", std::process::id()));
    let mut file = fs::File::create(&path).expect("a file");
    let page = [7_u8; 8192];
    let mut times: Vec<f64> = (0..FSYNC_TIMES)
        .map(|_| {
            let started = Instant::now();
            file.seek(SeekFrom::Start(0)).expect("seek");
            file.write_all(&page).expect("write");
            file.sync_data().expect("fdatasync");
            started.elapsed().as_secs_f64() * 1_000.0
        })
        .collect();
    drop(file);
    let _ = fs::remove_file(&path);
    percentile(&mut times, 0.5)
}

/// The value below which `part` of the others lie.
pub fn percentile(values: &mut [f64], part: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let index = (last as f64 * part).round() as usize;
    values.get(index).copied().unwrap_or(f64::NAN)
}
