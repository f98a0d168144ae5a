//! `forget`: names, account numbers and texts of a customer or a payer go; money stays.

use clap::Args;
use serde::Serialize;

use super::args::{self, Acting, Because};
use super::error::{CliError, Exit, Result};
use super::table::table;
use super::verbs::NOT_YET;
use super::{Place, near};
use crate::clock::Clock;
use crate::domain::mask::is_mask;
use crate::masked;
use crate::operator::forget::{Forgotten, forget};
use crate::store::forget::Whom;
use crate::store::views::near::Kind;

/// A shorter number is in too many records by chance.
const NUMBER_MIN: usize = 6;

#[derive(Debug, Clone, Args)]
pub(super) struct ForgetArgs {
    /// The customer, as `topup accounts list` names it
    #[arg(value_name = "ACCOUNT", required_unless_present = "payer")]
    account: Option<String>,
    /// A payer, by the whole number of the payer's account
    #[arg(long, value_name = "NUMBER", conflicts_with = "account")]
    payer: Option<String>,
    #[command(flatten)]
    because: Because,
    #[command(flatten)]
    operator: Acting,
}

/// What lost its texts, or would.
#[derive(Debug, Clone, Serialize)]
struct Lost {
    whose: String,
    what: &'static str,
    rows: i64,
    dry_run: bool,
}

table!(Lost, no sums:
    whose what rows dry_run;
    row => "whose": row.whose, "what": row.what, "rows": row.rows);

pub(super) async fn run(args: &ForgetArgs, place: Place<'_>) -> Result<Exit> {
    let operator = args.operator.checked()?;
    let reason = args::why(Some(args.because.reason.as_str()), true)?.unwrap_or_default();
    let dry_run = args.operator.dry_run();
    let whom = match (&args.account, &args.payer) {
        (_, Some(number)) => payer(number)?,
        (Some(id), None) => Whom::Account(near::resolve(place.pool, Kind::Account, id).await?),
        (None, None) => return Err(CliError::Usage("say whom: ACCOUNT or --payer".to_owned())),
    };
    let said = (operator.as_str(), reason);
    let at = Clock::System.now();
    match forget(place.pool, &whom, said, at, dry_run).await? {
        Forgotten::Unsettled(open) => Err(CliError::Failed(unsettled(&whom, &open))),
        Forgotten::Done(done) => {
            let whose = whom.subject();
            let of = |(what, rows)| Lost { whose: whose.clone(), what, rows, dry_run };
            let lost: Vec<Lost> = done.into_iter().map(of).collect();
            place.printer.rows(&lost)?;
            if dry_run {
                eprintln!("{NOT_YET}");
            }
            Ok(Exit::Ok)
        }
    }
}

/// The number as payers are compared by it.
fn payer(number: &str) -> Result<Whom> {
    if is_mask(number) {
        return Err(CliError::Failed(masked::refusal("--payer")));
    }
    let known = number.chars().filter(char::is_ascii_alphanumeric);
    let key: String = known.map(|c| c.to_ascii_uppercase()).collect();
    if key.len() < NUMBER_MIN {
        let problem =
            format!("--payer: a whole account number, of {NUMBER_MIN} or more characters");
        return Err(CliError::Usage(problem));
    }
    Ok(Whom::Payer(key))
}

fn unsettled(whom: &Whom, open: &[(String, i64)]) -> String {
    let what: Vec<String> = open.iter().map(|(what, rows)| format!("{what}: {rows}")).collect();
    format!(
        "forget_unsettled: something of {} {} still needs its names and texts ({}); settle it \
         first, nothing was forgotten",
        whom.kind(),
        whom.subject(),
        what.join(", ")
    )
}
