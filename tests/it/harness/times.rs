//! How long tests take, for `dev/slowest`: each test of this binary that makes a database notes its
//! time when it ends, also when it fails.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

struct Note {
    file: PathBuf,
    test: String,
    since: Instant,
}

thread_local! {
    // A test has a thread of its own, which has its name and ends with it.
    static NOTE: Option<Note> = of_this_thread();
}

/// The test's time begins, if it has not begun.
pub fn begin() {
    NOTE.with(|_| ());
}

fn of_this_thread() -> Option<Note> {
    let file = std::env::var_os("TOPUP_TEST_TIMES")?.into();
    let test = std::thread::current().name().filter(|name| name.contains("::"))?.to_owned();
    Some(Note { file, test, since: Instant::now() })
}

impl Drop for Note {
    fn drop(&mut self) {
        let tenths = self.since.elapsed().as_millis() / 100;
        let line = format!("{:>5}.{} {}\n", tenths / 10, tenths % 10, self.test);
        let file = OpenOptions::new().append(true).create(true).open(&self.file);
        // A time that cannot be written fails no test.
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
}

#[test]
fn the_slowest_come_first_and_the_exit_code_is_that_of_the_tests() {
    let noted = std::env::temp_dir().join(format!("times_{}", std::process::id()));
    let test = "one::that_ended".to_owned();
    drop(Note { file: noted.clone(), test, since: Instant::now() });
    let run = |tests: &str| {
        let mut script = std::process::Command::new("dev/slowest");
        let output = script.args(["bash", "-c", tests]).arg(&noted).output().expect("it starts");
        let said = String::from_utf8(output.stdout).expect("text");
        let listed = said.lines().filter(|line| line.contains("::"));
        (output.status.code(), listed.map(|line| line.trim().to_owned()).collect::<Vec<_>>())
    };
    let (code, listed) = run(r#"cat "$0" >"$TOPUP_TEST_TIMES""#);
    assert_eq!((code, listed), (Some(0), vec!["0.0 one::that_ended".to_owned()]));
    let (code, listed) = run(r#"cat "$0" >"$TOPUP_TEST_TIMES"
        for n in $(seq 1 11); do echo "   $n.5 test::$n"; done >>"$TOPUP_TEST_TIMES"
        exit 101"#);
    assert_eq!((code, listed.len()), (Some(101), 10));
    assert_eq!((listed[0].as_str(), listed[9].as_str()), ("11.5 test::11", "2.5 test::2"));
    assert_eq!(run("exit 3"), (Some(3), Vec::new()));
    std::fs::remove_file(&noted).expect("removed");
}
