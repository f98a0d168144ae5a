//! Why an invoice was taken or refused. Where a park reason says it, its code is the verdict.

/// The words that tiers write beside the codes of park reasons.
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
}

impl Verdict {
    pub const ALL: [Self; 15] = [
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
    ];

    /// As it is stored.
    #[must_use]
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
        }
    }

    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verdict| verdict.word() == word)
    }

    #[must_use]
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
        }
    }
}
