//! What is shipped beside the program: settings that it knows, and time enough to stop in.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use topup::config::{Config, Environment, Flags, Loaded, Needs};

use crate::{Finding, Source, none, sources};

const UNIT: &str = "dev/debian/topup.service";
const EXAMPLE: &str = "dev/debian/topup.toml";
const SETTINGS: &str = "dev/kubernetes/settings.yaml";
const WORKER: &str = "dev/kubernetes/worker.yaml";
const COMPOSE: &str = "docker-compose.yml";
/// What a worker takes at most beyond `worker.shutdown_seconds`.
const BEYOND: u64 = 8;

fn file<'a>(files: &'a [Source], path: &str) -> &'a Source {
    files.iter().find(|file| file.path == path).unwrap_or_else(|| panic!("{path} is missing"))
}

/// Tests run beside each other: each file has a name of its own.
static SCRATCHES: AtomicUsize = AtomicUsize::new(0);

/// A file that is there while a test looks.
struct Scratch(PathBuf);

impl Scratch {
    fn of(name: &str, text: &str) -> Self {
        let number = SCRATCHES.fetch_add(1, Ordering::Relaxed);
        let name = format!("topup-tidy-{}-{number}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("written");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn read(name: &str, toml: &str, environment: &Environment) -> Config {
    let settings = Scratch::of(name, toml);
    let flags = Flags { file: Some(settings.0.clone()), ..Flags::default() };
    match Loaded::read(&flags, environment, Needs::ALL) {
        Ok(loaded) => loaded.config,
        Err(error) => panic!("{name}: {error}"),
    }
}

/// The text under `topup.toml: |`.
fn of_map(map: &Source) -> String {
    let (_, text) = map.text.split_once("  topup.toml: |\n").expect("the settings");
    let inside = text.lines().take_while(|line| line.is_empty() || line.starts_with("    "));
    inside.map(|line| format!("{}\n", line.trim_start_matches(' '))).collect()
}

/// Each `- name: TOPUP…` of a manifest with its value; what a file holds is in one of ours.
fn variables(manifest: &Source, secret: &Scratch) -> Environment {
    let mut found = Environment::new();
    let mut lines = manifest.text.lines().map(str::trim);
    while let Some(line) = lines.next() {
        let Some(name) = line.strip_prefix("- name: ").filter(|name| name.starts_with("TOPUP"))
        else {
            continue;
        };
        let value = lines.next().and_then(|line| line.strip_prefix("value: "));
        let value = value.unwrap_or_else(|| panic!("{name} has no value")).to_owned();
        let in_file = name.ends_with("_FILE");
        let value = if in_file { secret.0.display().to_string() } else { value };
        found.insert(name.to_owned(), value);
    }
    found
}

/// As the manifests have it: the settings of the map and the variables of the Deployment.
fn on_kubernetes(files: &[Source]) -> Config {
    let secret = Scratch::of("secret", "postgres://worker@host/topup");
    let mut environment = variables(file(files, WORKER), &secret);
    assert_eq!(environment.remove("TOPUP_CONFIG").as_deref(), Some("/etc/topup/topup.toml"));
    assert!(environment.len() > 1, "{environment:?}");
    read("kubernetes.toml", &of_map(file(files, SETTINGS)), &environment)
}

#[test]
fn the_program_knows_each_setting_of_the_manifests() {
    let files = sources();
    let config = on_kubernetes(&files);
    let listen = config.listen().expect("it is served");
    assert!(listen.ip().is_unspecified(), "probes come from outside the container: {listen}");
    let port = format!("containerPort: {}", listen.port());
    assert!(file(&files, WORKER).text.contains(&port), "{port}");
    let secret = Scratch::of("owner", "postgres://owner@host/topup");
    let job = variables(file(&files, "dev/kubernetes/migrate.yaml"), &secret);
    assert!(Loaded::read(&Flags::default(), &job, Needs::DATABASE).is_ok());
}

/// Also where a line is put in by taking away its `#`.
#[test]
fn the_program_knows_each_setting_of_the_example() {
    let files = sources();
    let example = &file(&files, EXAMPLE).text;
    let lines = example.lines().map(|line| {
        let rest = line.strip_prefix('#').filter(|rest| !rest.starts_with(' '));
        format!("{}\n", rest.unwrap_or(line))
    });
    let all: String = lines.collect();
    assert!(all.len() + 10 < example.len(), "no line is put in");
    let all = all.replace("sasl_password = \"\"", "sasl_password = \"secret\"");
    read("example.toml", &all, &Environment::new());
    let served = Loaded::read(&Flags::default(), &Environment::new(), Needs::NOTHING);
    let defaults = served.expect("defaults").shown;
    for setting in ["pool_size", "writers", "shutdown_seconds", "listen", "level", "time_zone"] {
        let known = defaults.iter().find(|shown| shown.key.ends_with(&format!(".{setting}")));
        let value = known.and_then(|shown| shown.value.clone()).expect("a default");
        let line = |quote: &str| format!("#{setting} = {quote}{value}{quote}\n");
        let told = example.contains(&line("")) || example.contains(&line("\""));
        assert!(told, "{setting}: the example says another default than {value}");
    }
}

/// Whoever stops a worker waits longer than a worker may take.
#[test]
fn nobody_kills_a_worker_that_stops() {
    let files = sources();
    let default = Loaded::read(&Flags::default(), &Environment::new(), Needs::NOTHING);
    let usual = default.expect("defaults").config.worker.shutdown_seconds;
    let there = on_kubernetes(&files).worker.shutdown_seconds;
    let patience = [
        (UNIT, "TimeoutStopSec=", usual),
        (COMPOSE, "stop_grace_period: ", usual),
        (WORKER, "terminationGracePeriodSeconds: ", there),
    ];
    let mut findings: Vec<Finding> = Vec::new();
    for (path, name, shutdown) in patience {
        let source = file(&files, path);
        let mut lines = source.text.lines().enumerate();
        let found = lines.find_map(|(at, line)| Some((at, line.trim().strip_prefix(name)?)));
        let (at, value) = found.unwrap_or_else(|| panic!("{path} has no {name}"));
        let seconds: u64 = value.trim_end_matches('s').parse().expect("seconds");
        if seconds <= shutdown + BEYOND {
            let what = format!("{seconds} s; a worker may take {shutdown} + {BEYOND} s");
            findings.push(source.finding(at + 1, what));
        }
    }
    none(findings);
}
