//! The connections of a process, and what each statement has in force on them: time limits, role
//! and plans.
//!
//! Without a pooler in between a connection begins with it. A pooler that hands out a connection
//! for one transaction keeps nothing for the next: so there each statement has a transaction, of
//! its own if need be, and each transaction begins with its settings, in the same message to the
//! server as its `BEGIN`. No setting is left to the next client, and nothing of his is met. (The
//! driver's statements may stay under their names, until a client drops them, as ours do.)

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{
    PgConnectOptions, PgConnection, PgPoolOptions, PgQueryResult, PgRow, PgStatement, PgTypeInfo,
};
use sqlx::{
    AssertSqlSafe, Connection as _, Describe, Either, Error, Execute, Executor, Postgres, SqlStr,
    Transaction,
};

use super::{ConnectOptions, OPERATOR, READER, WORKER, reach, sql};

/// What stands between us and PostgreSQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pooler {
    #[default]
    None,
    /// A connection is ours until we close it; what it begins with is dropped on the way.
    Session,
    /// A connection is ours for one transaction.
    Transaction,
}

/// The connections of a process. Those who ask know nothing of what is in between.
#[derive(Debug, Clone)]
pub struct PgPool {
    inner: sqlx::PgPool,
    /// With what each transaction begins; None where a connection keeps it.
    each: Option<Arc<str>>,
    /// Who decides is the worker, also where an operator asks.
    as_worker: bool,
}

/// A pool with nothing in between.
impl From<sqlx::PgPool> for PgPool {
    fn from(inner: sqlx::PgPool) -> Self {
        Self { inner, each: None, as_worker: false }
    }
}

impl ConnectOptions {
    /// The settings that must be in force, as the server writes them.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        let millis = |duration: Duration| duration.as_millis().to_string();
        let mut settings = vec![
            ("statement_timeout", millis(self.statement_timeout)),
            ("lock_timeout", millis(self.lock_timeout)),
            ("idle_in_transaction_session_timeout", millis(self.idle_in_transaction_timeout)),
            ("synchronous_commit", "on".to_owned()),
        ];
        if self.by_index {
            // A scan that has no other way costs ten billion on paper: too much not to be
            // compiled, which takes a tenth of a second even for an empty table.
            let off = ["enable_seqscan", "enable_hashjoin", "enable_mergejoin", "jit"];
            settings.extend(off.map(|setting| (setting, "off".to_owned())));
        }
        if self.role.as_deref() == Some(READER) {
            // What is masked stands before what is not.
            settings.push(("search_path", "masked,public".to_owned()));
        }
        settings
    }

    /// The same and the role, as statements.
    pub(super) fn statements(&self) -> String {
        let local = match self.pooler {
            Pooler::None | Pooler::Session => "",
            Pooler::Transaction => "LOCAL ",
        };
        let role = self.role.iter().map(|role| ("role", role.clone()));
        let each =
            self.settings().into_iter().chain(role).map(|(name, value)| {
                format!("SET {local}{name} = '{}'", value.replace('\'', "''"))
            });
        each.collect::<Vec<_>>().join("; ")
    }
}

/// Opens a pool. Connections are made when they are first needed.
pub(super) async fn open(options: &ConnectOptions) -> Result<PgPool, Error> {
    let connect = begun_with(options, super::doors::options(&options.url).map_err(Error::config)?);
    // A slow statement would be logged with its whole text, at each time: the server's own log
    // (`log_min_duration_statement`) is the place for that.
    let connect = sqlx::ConnectOptions::disable_statement_logging(connect);
    let connecting = options.clone();
    let mut pool = PgPoolOptions::new()
        .max_connections(options.pool_size)
        .acquire_timeout(Duration::from_secs(30))
        .after_connect(move |connection, _| {
            let options = connecting.clone();
            Box::pin(async move { greet(connection, &options).await })
        });
    let each = (options.pooler == Pooler::Transaction).then(|| Arc::from(options.statements()));
    if each.is_some() {
        // In the place of the driver's own question whether it lives: where a transaction could
        // not begin, for a role that is not there, this fails, and the connection is given up.
        pool = pool.test_before_acquire(false).before_acquire(|connection, _| {
            Box::pin(async move { Ok(connection.execute("SELECT 1").await.is_ok()) })
        });
    }
    let as_worker = options.role.as_deref() == Some(OPERATOR);
    Ok(PgPool { inner: pool.connect_with(connect).await?, each, as_worker })
}

/// With what a connection begins that nothing but the server sees; a pooler refuses it.
pub(super) fn begun_with(options: &ConnectOptions, connect: PgConnectOptions) -> PgConnectOptions {
    let connect = connect.application_name(&options.application_name);
    match options.pooler {
        Pooler::None => connect.options(options.settings()),
        Pooler::Session => connect.extra_float_digits(None),
        Pooler::Transaction => connect.extra_float_digits(None).statement_cache_capacity(0),
    }
}

/// What a new connection is told, and asked.
async fn greet(connection: &mut PgConnection, options: &ConnectOptions) -> Result<(), Error> {
    match options.pooler {
        Pooler::None => {
            if let Some(role) = &options.role {
                let query = sqlx::query("SELECT set_config('role', $1, false)").bind(role);
                connection.execute(query).await?;
            }
        }
        Pooler::Session => {
            connection.execute(AssertSqlSafe(options.statements())).await?;
        }
        Pooler::Transaction => {}
    }
    if !options.writes {
        return Ok(());
    }
    // After another server has taken over, the old one may still answer.
    let asked = sqlx::query_scalar(sql!("server_writes"));
    let writes: bool = match options.pooler {
        Pooler::None | Pooler::Session => asked.fetch_one(&mut *connection).await?,
        Pooler::Transaction => {
            let mut transaction = begin_on(connection, options).await?;
            asked.fetch_one(&mut *transaction).await?
        }
    };
    if writes { Ok(()) } else { Err(Error::Configuration(reach::READ_ONLY.into())) }
}

/// A transaction of a connection by these options.
pub(super) async fn begin_on<'c>(
    connection: &'c mut PgConnection,
    options: &ConnectOptions,
) -> Result<Transaction<'c, Postgres>, Error> {
    let each = options.statements();
    let each = (options.pooler == Pooler::Transaction).then_some(each.as_str());
    connection.begin_with(AssertSqlSafe(text_of("BEGIN", each))).await
}

/// One message for the begin and what goes with it. What clients before us prepared on the server
/// is dropped: the driver would give its statements the same names.
fn text_of(begin: &str, each: Option<&str>) -> String {
    each.map_or_else(|| begin.to_owned(), |each| format!("{begin}; DEALLOCATE ALL; {each}"))
}

/// One connection for some reading, and nothing else of it is to be kept.
#[derive(Debug)]
pub enum Reading {
    Plain(PoolConnection<Postgres>),
    /// Ended by whoever drops it.
    Within(Transaction<'static, Postgres>),
}

impl std::ops::Deref for Reading {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        match self {
            Self::Plain(connection) => connection,
            Self::Within(transaction) => transaction,
        }
    }
}

impl std::ops::DerefMut for Reading {
    fn deref_mut(&mut self) -> &mut PgConnection {
        match self {
            Self::Plain(connection) => connection,
            Self::Within(transaction) => transaction,
        }
    }
}

impl PgPool {
    /// # Errors
    /// When there is no connection, or a setting cannot be had.
    pub async fn begin(&self) -> Result<Transaction<'static, Postgres>, Error> {
        match &self.each {
            None => self.inner.begin().await,
            Some(each) => self.inner.begin_with(AssertSqlSafe(text_of("BEGIN", Some(each)))).await,
        }
    }

    /// For what is decided in it: an operator takes on the worker's role for that.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn begin_deciding(&self) -> Result<Transaction<'static, Postgres>, Error> {
        if !self.as_worker {
            return self.begin().await;
        }
        let begin = text_of("BEGIN", self.each.as_deref());
        let begin = format!("{begin}; SET LOCAL ROLE {WORKER}");
        self.inner.begin_with(AssertSqlSafe(begin)).await
    }

    /// # Errors
    /// As [`Self::begin`].
    pub async fn begin_with(
        &self,
        begin: &'static str,
    ) -> Result<Transaction<'static, Postgres>, Error> {
        self.inner.begin_with(AssertSqlSafe(text_of(begin, self.each.as_deref()))).await
    }

    /// The same on a connection of this pool that was taken out of it.
    pub(super) async fn begin_on<'c>(
        &self,
        connection: &'c mut PgConnection,
        begin: &'static str,
    ) -> Result<Transaction<'c, Postgres>, Error> {
        connection.begin_with(AssertSqlSafe(text_of(begin, self.each.as_deref()))).await
    }

    /// A connection for some reading.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub async fn reading(&self) -> Result<Reading, Error> {
        Ok(match &self.each {
            None => Reading::Plain(self.inner.acquire().await?),
            Some(_) => Reading::Within(self.begin().await?),
        })
    }

    /// A connection that does not come back.
    pub(super) async fn taken(&self) -> Result<PgConnection, Error> {
        Ok(self.inner.acquire().await?.detach())
    }

    /// The driver's own pool, for what a pooler must not see.
    pub fn driver(&self) -> &sqlx::PgPool {
        &self.inner
    }

    pub async fn close(&self) {
        self.inner.close().await;
    }

    /// All of a statement, in a transaction of its own.
    async fn whole<'q, E: Execute<'q, Postgres> + 'q>(
        &self,
        query: E,
    ) -> Result<Vec<Either<PgQueryResult, PgRow>>, Error> {
        let mut transaction = self.begin().await?;
        let said = transaction.fetch_many(query).try_collect().await?;
        transaction.commit().await?;
        Ok(said)
    }
}

/// A statement on its own.
impl<'p> Executor<'p> for &'p PgPool {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        if self.each.is_none() {
            return self.inner.fetch_many(query);
        }
        let said = async move { self.whole(query).await };
        let each = |said: Vec<_>| stream::iter(said.into_iter().map(Ok));
        stream::once(said).map_ok(each).try_flatten().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        if self.each.is_none() {
            return self.inner.fetch_optional(query);
        }
        Box::pin(async move {
            let mut transaction = self.begin().await?;
            let row = transaction.fetch_optional(query).await?;
            transaction.commit().await?;
            Ok(row)
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, Error>>
    where
        'p: 'e,
    {
        self.inner.prepare_with(sql, parameters)
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, Error>>
    where
        'p: 'e,
    {
        self.inner.describe(sql)
    }
}
