//! Whether the database answers at all, told in under a second; then what it says of itself.

use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::store::ConnectOptions;
use crate::store::reach::{self, Unreachable};

/// The system of another machine answers within this, however busy it is.
const ANSWER_MAX: Duration = Duration::from_millis(800);
/// A server that took the connection and is busy gets longer to say who it is.
const GREETING_MAX: Duration = Duration::from_secs(5);

/// Looks whether the database is there, lets us in and, with `tables`, has our tables.
///
/// # Errors
/// The first thing that is in the way.
pub(crate) async fn reach(options: &ConnectOptions, tables: bool) -> Result<(), Unreachable> {
    let place = reach::place(options)?;
    if let Some((host, port)) = &place.address {
        let why = match timeout(ANSWER_MAX, answers(host, *port)).await {
            Ok(Ok(())) => None,
            Ok(Err(why)) => Some(why),
            Err(_) => Some(format!("no answer within {ANSWER_MAX:?}")),
        };
        if let Some(why) = why {
            return Err(Unreachable::Away { place: place.name, why });
        }
    }
    match timeout(GREETING_MAX, reach::ask(&place, options, tables)).await {
        Ok(asked) => asked,
        Err(_) => {
            let why = format!("it took the connection and said nothing for {GREETING_MAX:?}");
            Err(Unreachable::Away { place: place.name, why })
        }
    }
}

/// Whether anything listens there.
async fn answers(host: &str, port: u16) -> Result<(), String> {
    let mut why = "the name has no address".to_owned();
    let addresses = lookup_host((host, port)).await;
    for address in addresses.map_err(|error| error.to_string())? {
        match TcpStream::connect(address).await {
            Ok(_) => return Ok(()),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}
