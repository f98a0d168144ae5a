//! R12: the invoice that is named is in another currency. A rate is never invented and money never
//! crosses currencies here; what the bank itself states of the amount is shown to a person.

use super::verdict::Verdict;
use crate::allocation::Rule;
use crate::invoice::Invoice;
use crate::matching::decision::{MatchOutcome, NamedBy};
use crate::matching::step::{Matching, RuleOutcome, entry_of};
use crate::payment::ParkReason;
use crate::working_set::miss::Stop;

impl Matching<'_> {
    /// Suggests the invoice if a checked reference alone names it, the bank states the amount in
    /// its currency, and that is no more than is due. `rule` is how the invoice was named.
    pub(super) fn other_currency(
        &mut self,
        rule: Rule,
        by: NamedBy,
        invoice: &Invoice,
    ) -> Result<RuleOutcome, Stop> {
        let parked = (Rule::OtherCurrency, MatchOutcome::Park(ParkReason::CurrencyMismatch));
        let bank = self.subject.bank;
        let certain = matches!(rule, Rule::CheckedReference | Rule::EndToEndId);
        // The bank states it of the whole payment, not of what is left of it.
        let whole = self.subject.free == bank.amount;
        let stated = bank.instructed.filter(|stated| stated.currency() == invoice.currency());
        let Some(stated) = stated.filter(|_| certain && whole) else {
            self.note(invoice, by, ParkReason::CurrencyMismatch);
            return Ok(parked);
        };
        self.explanation.stated = Some(stated);
        let fits = stated.compare(invoice.due()?)?.is_le();
        if fits && !self.is_closed(&invoice.account_id) {
            self.note(invoice, by, Verdict::StatedByTheBank);
            self.suggestions.push(entry_of(invoice));
        } else {
            self.note(invoice, by, ParkReason::CurrencyMismatch);
        }
        Ok(parked)
    }
}
