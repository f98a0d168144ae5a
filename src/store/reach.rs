//! Whether the database lets us in and has our tables: asked on one connection of its own before
//! a pool is opened, because a pool tries again and again until its patience ends.

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, Executor, Row};
use thiserror::Error;

use super::doors::{self, DoorError};
use super::{ConnectOptions, Pooler, in_force, pool, sql};

/// Why nothing can be asked of the database.
#[derive(Debug, Error)]
pub enum Unreachable {
    #[error("database_away: the database at {place} does not answer: {why}")]
    Away { place: String, why: String },
    #[error("database_refused: the database at {place} refuses: {why}")]
    Refused { place: String, why: String },
    #[error("database_pin_not_alone: {0}")]
    NotAlone(DoorError),
    #[error("database_untrusted: the database at {place} is not trusted: {why}")]
    Untrusted { place: String, why: String },
    #[error("database_read_only: the database at {place} takes no writes: {READ_ONLY}")]
    ReadOnly { place: String },
    #[error(
        "database_settings_dropped: {what}: a pooler stands between us and the database at \
         {place}; set database.pooler to what it is"
    )]
    Dropped { place: String, what: String },
    #[error(
        "database_pooler_migrates_not: migrations hold a lock of their session, which a pooler of \
         transactions does not keep: let database.url name PostgreSQL itself"
    )]
    Pooled,
    #[error(
        "not_migrated: the database at {place} has no tables of topup yet: run `topup migrate`"
    )]
    NotMigrated { place: String },
    #[error(
        "not_migrated: the database at {place} lacks {missing} migrations of this program: run \
         `topup migrate`"
    )]
    Behind { place: String, missing: usize },
}

pub(super) const READ_ONLY: &str =
    "it is a standby, or its transactions are read-only by default: connect to the primary";

/// Where the database is.
#[derive(Debug)]
pub struct Place {
    connect: PgConnectOptions,
    /// Host and port, or the socket.
    pub name: String,
    /// None where it is a socket.
    pub address: Option<(String, u16)>,
}

/// Where these options lead to.
///
/// # Errors
/// When the URL is none.
pub fn place(options: &ConnectOptions) -> Result<Place, Unreachable> {
    let connect = doors::options(&options.url).map_err(|error| match error {
        DoorError::Url(error) => Unreachable::Refused {
            place: "the URL of database.url".to_owned(),
            why: error.to_string(),
        },
        alone @ DoorError::NotAlone { .. } => Unreachable::NotAlone(alone),
    })?;
    let (host, port) = (connect.get_host().to_owned(), connect.get_port());
    let (name, address) = match connect.get_socket() {
        Some(socket) => (socket.display().to_string(), None),
        None if host.starts_with('/') => (host, None),
        None => (format!("{host}:{port}"), Some((host, port))),
    };
    Ok(Place { connect, name, address })
}

/// Connects once, takes on the role and looks at the schema. It writes nothing: whoever gives it up
/// loses nothing.
///
/// # Errors
/// The first thing that is in the way.
pub async fn ask(place: &Place, options: &ConnectOptions, tables: bool) -> Result<(), Unreachable> {
    let connect = pool::begun_with(options, place.connect.clone());
    let greeted = PgConnection::connect_with(&connect).await;
    let mut connection = greeted.map_err(|error| match &error {
        // It was answered above: what is missing is a certificate of ours.
        sqlx::Error::Io(why) if place.address.is_some() && is_of_file(why) => {
            let why = format!("a file of sslrootcert, sslcert or sslkey cannot be read: {why}");
            Unreachable::Refused { place: place.name.clone(), why }
        }
        _ => refusal(&place.name, &error),
    })?;
    let looked = look(&mut connection, options, tables, &place.name).await;
    // What was asked is known: how the connection ends changes nothing.
    let _ = connection.close().await;
    looked
}

async fn look(
    connection: &mut PgConnection,
    options: &ConnectOptions,
    tables: bool,
    place: &str,
) -> Result<(), Unreachable> {
    let refused = |error: sqlx::Error| refusal(place, &error);
    // The role comes when there may be one.
    let nobody = ConnectOptions { role: None, ..options.clone() };
    if options.pooler == Pooler::Session {
        let begun = connection.execute(sqlx::AssertSqlSafe(nobody.statements())).await;
        begun.map_err(refused)?;
    }
    let mut asked = pool::begin_on(connection, &nobody).await.map_err(refused)?;
    if options.writes {
        let writes = sqlx::query_scalar(sql!("server_writes")).fetch_one(&mut *asked).await;
        if !writes.map_err(refused)? {
            return Err(Unreachable::ReadOnly { place: place.to_owned() });
        }
    }
    if tables {
        let present = sqlx::query(sql!("views_health_has_migrations"));
        let present = present.fetch_one(&mut *asked).await;
        let present = present.and_then(|row| row.try_get("present"));
        if !present.map_err(refused)? {
            return Err(Unreachable::NotMigrated { place: place.to_owned() });
        }
    }
    if let Some(role) = &options.role {
        let query = sqlx::query("SELECT set_config('role', $1, true)").bind(role);
        asked.execute(query).await.map_err(refused)?;
    }
    if options.writes {
        let missing = in_force::missing(&mut asked, options).await.map_err(refused)?;
        if !missing.is_empty() {
            let what = in_force::told(&missing);
            return Err(Unreachable::Dropped { place: place.to_owned(), what });
        }
    }
    if !tables {
        return Ok(());
    }
    // A role of one's own choice may not see them: then the statements themselves will tell.
    let ran = sqlx::query(sql!("views_health_migrations")).fetch_all(&mut *asked).await;
    let Ok(ran) = ran else {
        return Ok(());
    };
    let ran: Vec<i64> = ran.iter().filter_map(|row| row.try_get("version").ok()).collect();
    let known = sqlx::migrate!("./migrations");
    let missing = known.iter().filter(|migration| !ran.contains(&migration.version)).count();
    if missing > 0 {
        return Err(Unreachable::Behind { place: place.to_owned(), missing });
    }
    Ok(())
}

/// A pooler in between is known by what it does not carry.
fn with_hint(why: &str) -> String {
    let of_pooler = ["unsupported startup parameter", "prepared statement"];
    if of_pooler.iter().any(|words| why.contains(words)) {
        format!("{why}. This is what a pooler says: set database.pooler to what it is")
    } else {
        why.to_owned()
    }
}

fn is_of_file(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::PermissionDenied)
}

fn refusal(place: &str, error: &sqlx::Error) -> Unreachable {
    let place = place.to_owned();
    if let Some(why) = doors::untrusted(error) {
        return Unreachable::Untrusted { place, why };
    }
    match error {
        sqlx::Error::Io(error) => Unreachable::Away { place, why: error.to_string() },
        sqlx::Error::Database(error) => {
            Unreachable::Refused { place, why: with_hint(error.message()) }
        }
        other => Unreachable::Refused { place, why: other.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_pooler_says_is_told_as_such() {
        for said in [
            "unsupported startup parameter: extra_float_digits",
            "prepared statement \"sqlx_s_1\" already exists",
        ] {
            assert!(with_hint(said).ends_with("set database.pooler to what it is"), "{said}");
        }
        let plain = "database \"x\" does not exist";
        assert_eq!(with_hint(plain), plain);
    }
}
