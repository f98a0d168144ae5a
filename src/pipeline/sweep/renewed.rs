//! What is suggested for an invoice that was paid or voided meanwhile is looked at again soon
//! after, so that what a person confirms is current. It costs a batch nothing but a few words kept
//! in memory, and a sweep a bounded number of payments; the job `rematch` looks at all others.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use crate::domain::effect::Effect;
use crate::domain::ids::{PaymentId, own_source};
use crate::domain::input::Input;
use crate::pipeline::Pipeline;
use crate::pipeline::in_hand::ByHalves;
use crate::pipeline::own::{self, Own, Wish};
use crate::store::failing::Kind;
use crate::store::{StoreError, in_hand, rematch};

/// Invoices that are kept in mind until the next sweep, and payments that it decides again.
const INVOICES_MAX: usize = 500;
const PAYMENTS_MAX: i64 = 50;

/// Invoices that were paid or voided since the last sweep.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct Touched(Mutex<BTreeSet<String>>);

impl Touched {
    /// Keeps them in mind, as far as there is room.
    pub(in crate::pipeline) fn note(&self, invoices: Vec<String>) {
        if invoices.is_empty() {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = INVOICES_MAX.saturating_sub(kept.len());
        kept.extend(invoices.into_iter().take(room));
    }

    fn take(&self) -> Vec<String> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *kept).into_iter().collect()
    }
}

/// The invoice that takes less from now on, or nothing any more.
pub(in crate::pipeline) fn touched(effect: &Effect) -> Option<String> {
    if let Effect::Allocate(allocation) = effect {
        Some(allocation.invoice_id.to_string())
    } else if let Effect::VoidInvoice { invoice_id, .. } = effect {
        Some(invoice_id.to_string())
    } else {
        None
    }
}

impl Pipeline {
    /// Decides again the payments for which an invoice is suggested that was paid or voided since
    /// the last time. Returns how many are not as they were.
    ///
    /// # Errors
    /// When the database cannot be reached. What one payment does to itself is noted, and the next
    /// one goes on.
    pub async fn renew_suggestions(&self) -> Result<usize, StoreError> {
        let invoices = self.touched.take();
        if invoices.is_empty() {
            return Ok(0);
        }
        let payments = rematch::suggested(self.pool(), &invoices, PAYMENTS_MAX).await?;
        if payments.is_empty() {
            return Ok(0);
        }
        let mut sweeping = self.sweeping.lock().await;
        let owner = match *sweeping {
            Some(owner) => owner,
            None => *sweeping.insert(in_hand::new_owner(self.pool()).await?),
        };
        let hand = self.take_in_hand(Kind::Rematch, owner, &payments).await?;
        let mut renewed = Renewed { pipeline: self, changed: 0 };
        hand.by_halves(&mut renewed).await?;
        Ok(renewed.changed)
    }
}

/// What is suggested is decided again.
struct Renewed<'a> {
    pipeline: &'a Pipeline,
    changed: usize,
}

impl ByHalves for Renewed<'_> {
    async fn act(&mut self, part: &[String]) -> Result<(), StoreError> {
        let at = self.pipeline.clock().now();
        let wish = |id: &String| Wish {
            named: format!("renew:{}:{id}", at.timestamp_micros()),
            letters: 48,
            input: Input::Rematch(PaymentId::trusted(id)),
            waited: None,
        };
        let wishes = Own::Wishes(part.iter().map(wish).collect());
        let mut tx = self.pipeline.pool().begin().await?;
        let named = (own_source::JOBS, "renew");
        let done = own::submit(self.pipeline, &mut tx, named, wishes, at).await?;
        tx.commit().await?;
        self.changed = self.changed.saturating_add(done.changed);
        Ok(())
    }
}
