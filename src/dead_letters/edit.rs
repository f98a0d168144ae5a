//! An edit of a dead letter: a new revision beside the original, which stays as it came.

use sqlx::PgPool;

use crate::clock::Clock;
use crate::store::StoreError;
use crate::store::dead_letters::{self, Act, Who};

/// What became of an edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edited {
    /// The revision it is, or would be, and what it replaces.
    Revision {
        number: i32,
        before: Vec<u8>,
    },
    /// The latest revision has these very bytes.
    Unchanged,
    /// Replayed or discarded before.
    AlreadyResolved,
    Unknown,
}

/// Makes `value` the latest revision of an open letter, or with `dry_run` only compares.
///
/// # Errors
/// When the database fails.
pub async fn edit(
    pool: &PgPool,
    id: i64,
    value: &[u8],
    operator: &str,
    reason: &str,
    dry_run: bool,
) -> Result<Edited, StoreError> {
    let at = Clock::System.now();
    let mut tx = pool.begin().await?;
    let locked = dead_letters::lock_in_tx(&mut tx, &[id]).await?;
    let found = match locked.into_iter().next() {
        None => Err(Edited::Unknown),
        Some(letter) if letter.status != "open" => Err(Edited::AlreadyResolved),
        Some(letter) if letter.raw.value.as_deref() == Some(value) => Err(Edited::Unchanged),
        Some(letter) => Ok(letter),
    };
    let letter = match found {
        Ok(letter) => letter,
        Err(edited) => {
            tx.rollback().await?;
            return Ok(edited);
        }
    };
    let number = letter.revision.saturating_add(1);
    let before = letter.raw.value.clone().unwrap_or_default();
    if dry_run {
        tx.rollback().await?;
        return Ok(Edited::Revision { number, before });
    }
    let mut raw = letter.raw;
    raw.value = Some(value.to_vec());
    let who = Who { operator, reason: Some(reason), run: None };
    let act = Act {
        dead_letter_id: id,
        outcome: "edited",
        code: None,
        status: "open",
        revision_before: letter.revision,
        revision: number,
    };
    dead_letters::act_in_tx(&mut tx, "edit", who, &[act], at).await?;
    dead_letters::revise_in_tx(&mut tx, id, number, &raw, who, at).await?;
    tx.commit().await?;
    Ok(Edited::Revision { number, before })
}
