//! What a connection has in force, asked of the server: something in between, such as a pooler,
//! may have dropped what it was begun with.

use sqlx::Row;

use super::{ConnectOptions, Connection, PgPool};

/// A setting that is another than it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub name: String,
    pub wanted: String,
    /// Empty where the server knows no such setting.
    pub found: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} is {} and not {}", self.name, self.found, self.wanted)
    }
}

/// What is not in force of these options, within a transaction by them.
pub(super) async fn missing(
    connection: &mut Connection,
    options: &ConnectOptions,
) -> Result<Vec<Difference>, sqlx::Error> {
    let role = options.role.iter().map(|role| ("role", role.clone()));
    let wanted: Vec<(&str, String)> = options.settings().into_iter().chain(role).collect();
    let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
    let rows = query!("settings_in_force": names).fetch_all(connection).await?;
    let mut missing = Vec::new();
    for (name, wanted) in wanted {
        let mut found = String::new();
        for row in &rows {
            if row.try_get::<&str, _>("name")? == name {
                found = row.try_get("setting")?;
            }
        }
        if found != wanted {
            missing.push(Difference { name: name.to_owned(), wanted, found });
        }
    }
    Ok(missing)
}

/// The same, asked on a connection that is made as those of a worker are.
///
/// # Errors
/// When there is no such connection.
pub async fn differences(options: &ConnectOptions) -> Result<Vec<Difference>, sqlx::Error> {
    let options = ConnectOptions { pool_size: 1, writes: false, ..options.clone() };
    let pool = super::pool::open(&options).await?;
    let missing = asked(&pool, &options).await;
    pool.close().await;
    missing
}

async fn asked(pool: &PgPool, options: &ConnectOptions) -> Result<Vec<Difference>, sqlx::Error> {
    missing(&mut *pool.begin().await?, options).await
}

/// Refuses to work without what must be in force.
pub(super) async fn insist(pool: &PgPool, options: &ConnectOptions) -> Result<(), sqlx::Error> {
    let missing = asked(pool, options).await?;
    if missing.is_empty() {
        return Ok(());
    }
    let why = format!("database_settings_dropped: {}", told(&missing));
    Err(sqlx::Error::Configuration(why.into()))
}

/// All of them in one sentence.
pub fn told(missing: &[Difference]) -> String {
    let each: Vec<String> = missing.iter().map(ToString::to_string).collect();
    format!("what a session is begun with is not in force: {}", each.join(", "))
}
