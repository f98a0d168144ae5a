//! Why an invoice was taken or refused.

use crate::payment::ParkReason;

/// What became of an invoice that was considered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Verdict {
    Taken,
    NotEnoughLeft,
    SameAmountButLater,
    OneMistakeAway,
    OneOfTheGroup,
    OneOfEqualAmounts,
    OtherAmount,
    TakenOffByAPerson,
    WouldBePaid,
    WouldBePaidInPart,
    StatedByTheBank,
    AmountOfSeveral,
    AddsUpWithOthers,
    NextForTheRest,
    HasItsDigits,
    /// Of an advice.
    RestIsForIt,
    /// What the payment is parked for.
    Parked(ParkReason),
}

impl From<ParkReason> for Verdict {
    fn from(reason: ParkReason) -> Self {
        Self::Parked(reason)
    }
}

impl Verdict {
    /// Those that are no reason to park.
    pub const OWN: [Self; 16] = [
        Self::Taken,
        Self::NotEnoughLeft,
        Self::SameAmountButLater,
        Self::OneMistakeAway,
        Self::OneOfTheGroup,
        Self::OneOfEqualAmounts,
        Self::OtherAmount,
        Self::TakenOffByAPerson,
        Self::WouldBePaid,
        Self::WouldBePaidInPart,
        Self::StatedByTheBank,
        Self::AmountOfSeveral,
        Self::AddsUpWithOthers,
        Self::NextForTheRest,
        Self::HasItsDigits,
        Self::RestIsForIt,
    ];

    /// As it is stored.
    pub fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::NotEnoughLeft => "not_enough_left",
            Self::SameAmountButLater => "same_amount_but_later",
            Self::OneMistakeAway => "one_mistake_away",
            Self::OneOfTheGroup => "one_of_the_group",
            Self::OneOfEqualAmounts => "one_of_equal_amounts",
            Self::OtherAmount => "other_amount",
            Self::TakenOffByAPerson => "taken_off_by_a_person",
            Self::WouldBePaid => "would_be_paid",
            Self::WouldBePaidInPart => "would_be_paid_in_part",
            Self::StatedByTheBank => "stated_by_the_bank",
            Self::AmountOfSeveral => "amount_of_several",
            Self::AddsUpWithOthers => "adds_up_with_others",
            Self::NextForTheRest => "next_for_the_rest",
            Self::HasItsDigits => "has_its_digits",
            Self::RestIsForIt => "rest_is_for_it",
            Self::Parked(reason) => reason.code(),
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        let own = Self::OWN.into_iter().find(|verdict| verdict.word() == word);
        own.or_else(|| ParkReason::from_code(word).map(Self::Parked))
    }

    pub fn sentence(self) -> &'static str {
        match self {
            Self::Taken => "Taken.",
            Self::NotEnoughLeft => "Refused: what was left did not cover it.",
            Self::SameAmountButLater => "Refused: an older invoice has the same amount.",
            Self::OneMistakeAway => "Suggested: one typing mistake away, which is no proof.",
            Self::OneOfTheGroup => "Suggested: the group adds up to the amount.",
            Self::OneOfEqualAmounts => "Suggested: several invoices have this amount.",
            Self::OtherAmount => "Refused: it has another amount.",
            Self::TakenOffByAPerson => "Held: a person took the payment off it.",
            Self::WouldBePaid => "Suggested: it would be paid in full.",
            Self::WouldBePaidInPart => "Suggested: what is left would pay a part of it.",
            Self::StatedByTheBank => {
                "Suggested: the bank states an amount in its currency that fits."
            }
            Self::AmountOfSeveral => "Refused: invoices of several customers have this amount.",
            Self::AddsUpWithOthers => "Suggested: with other payments that are held it adds up.",
            Self::HasItsDigits => "Suggested: the text has its digits, which is no proof.",
            Self::NextForTheRest => "Suggested: what is left may be for it, in part or in full.",
            Self::RestIsForIt => "Suggested: the customer's advice names it for the rest.",
            Self::Parked(reason) => reason.sentence(),
        }
    }
}
