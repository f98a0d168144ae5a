//! Certificates of a test, made by openssl.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of a test's own, gone with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let (process, number) = (std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(format!("topup-{name}-{process}-{number}"));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What stays, stays in the folder for what is temporary.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Runs a program to its end.
pub fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [output.stdout.as_slice(), &output.stderr].concat();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&said));
}

const NEW_KEY: [&str; 5] = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

/// Two authorities, `ca` and `other`; signed by the first a server for `localhost` alone and a
/// client, `worker`.
pub fn make(folder: &Folder) {
    let openssl = |words: &[&str]| {
        run(Command::new("openssl").args(words).current_dir(folder.path()));
    };
    for name in ["ca", "other"] {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
        let subject = format!("/CN={name}");
        let own = ["req", "-x509", "-days", "2", "-subj", &subject, "-keyout", &key];
        openssl(&[&own[..], &["-out", &certificate], &NEW_KEY].concat());
    }
    for (name, extension) in
        [("localhost", "subjectAltName=DNS:localhost"), ("worker", "extendedKeyUsage=clientAuth")]
    {
        let (key, asked) = (format!("{name}.key"), format!("{name}.csr"));
        let (subject, extensions) = (format!("/CN={name}"), format!("{name}.ext"));
        std::fs::write(folder.file(&extensions), extension).expect("written");
        let own = ["req", "-subj", &subject, "-keyout", &key, "-out", &asked];
        openssl(&[&own[..], &NEW_KEY].concat());
        let signed = format!("{name}.crt");
        let by = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2"];
        let own = ["x509", "-req", "-in", &asked, "-extfile", &extensions, "-out", &signed];
        openssl(&[&own[..], &by].concat());
    }
}
