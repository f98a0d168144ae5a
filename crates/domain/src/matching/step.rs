//! One payment on its way through the tiers: what is known so far.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};

use crate::account::Identity;
use crate::allocation::Rule;
use crate::ids::{AccountId, InvoiceId};
use crate::invoice::{BookEntry, Invoice};
use crate::keys::WatchKey;
use crate::matching::decision::{
    AdviceFound, Explanation, MatchOutcome, NamedBy, Subject, Together,
};
use crate::matching::payer::Payer;
use crate::matching::policy::RuleSet;
use crate::working_set::WorkingSet;

/// Which rule decided, and what.
pub(super) type RuleOutcome = (Rule, MatchOutcome);

pub(super) struct Matching<'a> {
    pub(super) set: &'a WorkingSet,
    pub(super) rules: &'a RuleSet,
    pub(super) subject: Subject<'a>,
    /// Who the virtual account or the payer account says it is.
    pub(super) known: Option<Identity>,
    pub(super) payer: Payer,
    pub(super) explanation: Explanation,
    pub(super) suggestions: Vec<BookEntry>,
    pub(super) together: Vec<Together>,
    /// Invoices of the known customer that a word nearly names, with the amount due.
    pub(super) meant: Vec<BookEntry>,
    /// Invoices that only a doubtful number names.
    pub(super) doubtful: BTreeSet<InvoiceId>,
    /// The account that the decision settled on, when it is not `known`.
    pub(super) account: Option<Identity>,
    pub(super) as_of: DateTime<Utc>,
    /// The remittance advices that the decision goes by, and what their lines wait for.
    pub(super) advice: Option<AdviceFound>,
    pub(super) awaited: BTreeSet<WatchKey>,
    /// Closed customers whose money it would be.
    pub(super) closed: BTreeSet<AccountId>,
}

pub(super) fn entry_of(invoice: &Invoice) -> BookEntry {
    BookEntry {
        invoice_id: invoice.invoice_id.clone(),
        account_id: invoice.account_id.clone(),
        amount_due: invoice.due().unwrap_or(invoice.amount),
    }
}

/// Invoices, each with the strongest way in which the text names it.
pub(super) type Named<'a> = BTreeMap<InvoiceId, (NamedBy, &'a Invoice)>;

/// What the text names.
#[derive(Default)]
pub(super) struct TextNames<'a> {
    pub named: Named<'a>,
    /// Those of them that only a doubtful number names.
    pub doubtful: BTreeSet<InvoiceId>,
    /// Invoices of which one is named, and the text does not say which.
    pub ambiguous: BTreeSet<InvoiceId>,
}
