//! Whether a connection to the database is encrypted, and who proves that it is the database.
//!
//! Over a network nothing less than a certificate for the host name will do, unless the URL says
//! otherwise. `sslrootcert` means: nobody else is trusted. The driver would trust the system's
//! authorities beside it, so it is refused until the process was started without them.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::Path;
use std::str::FromStr;

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use thiserror::Error;

/// What the system's authorities are taken from, where they are set.
const ONLY_THESE: &str = "SSL_CERT_FILE";
const ALSO_THESE: &str = "SSL_CERT_DIR";

#[derive(Debug, Error)]
pub enum DoorError {
    #[error(transparent)]
    Url(#[from] sqlx::Error),
    #[error(
        "sslrootcert={file} would be trusted beside the authorities of this system, not alone: \
         start topup with {ONLY_THESE}={file} and without {ALSO_THESE}"
    )]
    NotAlone { file: String },
}

/// Who has to prove that it is the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trust {
    /// It is on this machine.
    pub here: bool,
    /// Whoever knows one of these authorities; None where no proof is asked for.
    pub by: Option<String>,
    /// The certificate has to be for the host name.
    pub for_name: bool,
}

/// How to connect by this URL.
///
/// # Errors
/// When the URL is none, or names an authority that would not be the only one.
pub fn options(url: &str) -> Result<PgConnectOptions, DoorError> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    with(url, variable)
}

fn with(
    url: &str,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<PgConnectOptions, DoorError> {
    let mut options = PgConnectOptions::from_str(url)?;
    let root = root_of(&options);
    let said = says_mode(url) || variable("PGSSLMODE").is_some();
    options = match options.get_ssl_mode() {
        PgSslMode::Prefer if !said && !is_near(&options) => options.ssl_mode(PgSslMode::VerifyFull),
        // As libpq has it: an authority is named to be asked.
        PgSslMode::Prefer | PgSslMode::Require if root.is_some() => {
            options.ssl_mode(PgSslMode::VerifyCa)
        }
        PgSslMode::Disable
        | PgSslMode::Allow
        | PgSslMode::Prefer
        | PgSslMode::Require
        | PgSslMode::VerifyCa
        | PgSslMode::VerifyFull => options,
    };
    if let Some(file) = root.filter(|_| trust(&options).by.is_some()) {
        let real = |path: &Path| std::fs::canonicalize(path).ok();
        let only = variable(ONLY_THESE).and_then(|only| real(Path::new(&only)));
        let alone = only.is_some() && only == real(Path::new(&file));
        if !alone || variable(ALSO_THESE).is_some() {
            return Err(DoorError::NotAlone { file });
        }
    }
    Ok(options)
}

/// Whether the URL itself says how safe it has to be. A question mark in a password of its
/// own makes it no URL.
fn says_mode(url: &str) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut names = query.split('&').filter_map(|pair| pair.split('=').next());
    names.any(|name| matches!(name, "sslmode" | "ssl-mode"))
}

fn root_of(options: &PgConnectOptions) -> Option<String> {
    let url = sqlx::ConnectOptions::to_url_lossy(options);
    let found = url.query_pairs().find(|(name, _)| name == "sslrootcert");
    // The driver writes a word before it.
    found.map(|(_, value)| value.strip_prefix("file: ").unwrap_or(&value).to_owned())
}

fn is_near(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    options.get_socket().is_some() || host.starts_with('/') || is_here(host)
}

/// Whether a host is this machine: what is said to it goes over no network.
pub(crate) fn is_here(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// What these options ask of the database.
pub fn trust(options: &PgConnectOptions) -> Trust {
    let (proof, for_name) = match options.get_ssl_mode() {
        PgSslMode::Disable | PgSslMode::Allow | PgSslMode::Prefer | PgSslMode::Require => {
            (false, false)
        }
        PgSslMode::VerifyCa => (true, false),
        PgSslMode::VerifyFull => (true, true),
    };
    let file = std::env::var(ONLY_THESE).ok().filter(|file| !file.is_empty());
    let by = file.map_or_else(
        || "the authorities of this system".to_owned(),
        |file| format!("the authorities of {file}"),
    );
    Trust { here: is_near(options), by: proof.then_some(by), for_name }
}

/// Why the database is not trusted, if that is what an error of the connection means.
pub(super) fn untrusted(error: &sqlx::Error) -> Option<String> {
    let said = match error {
        sqlx::Error::Tls(error) => error.to_string(),
        sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            error.to_string()
        }
        _ => return None,
    };
    let known = [
        ("does not support TLS", "it does not speak TLS, and nothing less will do over a network"),
        ("UnknownIssuer", "its certificate is not signed by an authority that is trusted"),
        ("not valid for name", "its certificate is for another host name"),
        ("Expired", "its certificate has expired"),
        ("received fatal alert", "it does not take our certificate (sslcert, sslkey)"),
    ];
    let why = known.iter().find(|(words, _)| said.contains(words)).map(|(_, why)| *why);
    Some(why.map_or_else(|| said.clone(), |why| format!("{why} ({said})")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> String {
        format!("{:?}", with(url, |_| None).expect("options").get_ssl_mode())
    }

    #[test]
    fn over_a_network_the_name_has_to_be_proven() {
        assert_eq!(mode("postgres://u@db.example/d"), "VerifyFull");
        assert_eq!(mode("postgres://u:sslmode=disable@db.example/d"), "VerifyFull");
        let odd = "postgres://u:p?sslmode=disable@db.example/d";
        assert!(with(odd, |_| None).is_err(), "a question mark in a password is written %3F");
        assert_eq!(mode("postgres://u@10.0.0.7/d?application_name=x"), "VerifyFull");
        for near in ["localhost", "127.0.0.1", "127.9.9.9", "[::1]", "%2Frun%2Fpostgresql"] {
            assert_eq!(mode(&format!("postgres://u@{near}/d")), "Prefer", "{near}");
        }
        assert_eq!(
            mode("postgres://u@db.example/d?application_name=a@b&sslmode=disable"),
            "Disable"
        );
        for said in ["disable", "prefer", "require", "verify-ca"] {
            let url = format!("postgres://u@db.example/d?sslmode={said}");
            assert_ne!(mode(&url), "VerifyFull", "what the URL says holds: {said}");
        }
    }

    #[test]
    fn an_authority_of_ones_own_is_the_only_one_or_is_refused() {
        let file = std::env::temp_dir().join(format!("topup-ca-{}", std::process::id()));
        std::fs::write(&file, "").expect("written");
        let url =
            |mode: &str| format!("postgres://u@db.example/d?{mode}sslrootcert={}", file.display());
        let alone = |name: &str| (name == ONLY_THESE).then(|| file.clone().into_os_string());
        for said in ["", "sslmode=require&", "sslmode=verify-ca&", "sslmode=verify-full&"] {
            let refused = with(&url(said), |_| None).expect_err("refused").to_string();
            assert!(refused.contains("SSL_CERT_FILE="), "{refused}");
            with(&url(said), alone).expect("the only one");
            let both = |name: &str| alone(name).or((name == ALSO_THESE).then(|| "/etc".into()));
            with(&url(said), both).expect_err("refused");
        }
        // Nobody asks for it there.
        with(&url("sslmode=disable&"), |_| None).expect("not asked");
        std::fs::remove_file(&file).expect("removed");
    }
}
