//! Which rule set decides. A worker keeps the active one in memory: it is read before the first
//! batch and asked for once a second after that, never for a payment. All decisions of a batch go
//! by one rule set, and each stores its version.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use super::Pipeline;
use crate::domain::matching::RuleSet;
use crate::rules;
use crate::store::{StoreError, Tx, rule_sets};

/// How often a worker asks which rule set is active.
const EVERY: Duration = Duration::from_secs(1);

/// The rules of a pipeline and of its copies; none before they are first asked for.
pub(super) type Kept = watch::Sender<Option<Arc<RuleSet>>>;

impl Pipeline {
    /// The rules for a batch.
    ///
    /// # Errors
    /// When they have to be read first and the database fails.
    pub(super) async fn rules_in_tx(&self, tx: &mut Tx<'_>) -> Result<Arc<RuleSet>, StoreError> {
        let kept = self.rules.borrow().clone();
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let read = Arc::new(rules::active(tx, &self.settings.policy).await?);
        self.rules.send_replace(Some(Arc::clone(&read)));
        Ok(read)
    }

    /// Takes on the rule set that is active now; returns its version if that was another one.
    ///
    /// # Errors
    /// When the database fails, or holds rules of a later version of this program; what was
    /// taken on before goes on deciding then.
    pub async fn refresh_rules(&self) -> Result<Option<i32>, StoreError> {
        let mut connection = self.pool.reading().await?;
        let version = rule_sets::active(&mut connection).await?;
        let same = self.rules.borrow().as_ref().is_some_and(|kept| kept.version() == version);
        if same {
            return Ok(None);
        }
        let read = rules::stored(&mut connection, version, &self.settings.policy).await?;
        let read = read.ok_or(StoreError::Corrupt("an active rule set that is not stored"))?;
        self.rules.send_replace(Some(Arc::new(read)));
        Ok(Some(version))
    }

    /// Follows the activations until it is told to stop.
    pub async fn follow_rules(self, mut stop: watch::Receiver<bool>) {
        let mut failing = false;
        while !*stop.borrow() {
            match self.refresh_rules().await {
                Ok(changed) => {
                    failing = false;
                    if let Some(version) = changed {
                        tracing::info!(version, "rule set");
                    }
                }
                Err(error) if self.outage().has("the rule set", &error) => {}
                Err(error) if !failing => {
                    failing = true;
                    let error = crate::telemetry::chain(&error);
                    tracing::warn!(error, "the active rule set is not known; the last one decides");
                }
                Err(_) => {}
            }
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = stop.changed() => {}
            }
        }
    }
}
