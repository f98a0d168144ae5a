//! Rule sets as they are stored.

use super::from_content;
use crate::domain::matching::{Policy, RuleSet};
use crate::store::rule_sets as stored_sets;
use crate::store::{Connection, StoreError};

/// The rules of a stored version; `configured` is what version 0 stands for, and says which
/// accounts are our own in any version. None if there is no such version.
///
/// # Errors
/// [`StoreError::RulesTooNew`] for what a later version of this program wrote.
pub async fn stored(
    connection: &mut Connection,
    version: i32,
    configured: &Policy,
) -> Result<Option<RuleSet>, StoreError> {
    if version == 0 {
        return Ok(Some(RuleSet::from(configured.clone())));
    }
    let Some(content) = stored_sets::content(connection, version).await? else {
        return Ok(None);
    };
    let rules = from_content(&content).map_err(|_| StoreError::RulesTooNew)?;
    Ok(Some(rules.numbered(version, &configured.own_accounts)))
}

/// The rules that are active.
///
/// # Errors
/// As [`stored`].
pub async fn active(
    connection: &mut Connection,
    configured: &Policy,
) -> Result<RuleSet, StoreError> {
    let version = stored_sets::active(connection).await?;
    let rules = stored(connection, version, configured).await?;
    rules.ok_or(StoreError::Corrupt("an active rule set that is not stored"))
}
