//! What happens to a payment between the invoice and us.

/// One way in which a payment differs from the plain one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, clap::ValueEnum)]
pub enum Operator {
    Reference,
    Number,
    WrongDigit,
    SwappedDigits,
    NumberWrongDigit,
    NumberSwappedDigits,
    ZerosDropped,
    OForZero,
    CutAt35,
    Glued,
    FullWidth,
    TwoReferences,
    LastMonths,
    ShortByCharges,
    OverpaidByCent,
    PayerUnknown,
    Agent,
    Twins,
    SecondFeed,
    PendingThenBooked,
    Reversed,
    BeforeSend,
    OtherCurrency,
    EqualAcross,
    EqualWithin,
    NumberSpaced,
    NumberSlashes,
    NumberGlued,
    NumberDash,
    NumberInside,
    NumberSign,
    NumberDigits,
    NumberMissing,
    NumberExtra,
    NumberPrefix,
    NumberPadded,
    NumberEndToEnd,
    NumberList,
    ReferenceBare,
    LongRemittance,
    ManyNumbers,
    NameOtherwise,
    NearWithin,
    RestOfAnother,
    AdviceBefore,
    AdviceAfter,
    AdvicesAlike,
    AdviceOfAnother,
    AdviceWrongSum,
    AdviceOfMatched,
    Halves,
    UpstreamReference,
    UpstreamWrongDigit,
    NumberRange,
    NumberShortList,
    NumberOfYear,
    NumbersInARow,
}

impl Operator {
    pub const ALL: [Self; 57] = [
        Self::Reference,
        Self::Number,
        Self::WrongDigit,
        Self::SwappedDigits,
        Self::NumberWrongDigit,
        Self::NumberSwappedDigits,
        Self::ZerosDropped,
        Self::OForZero,
        Self::CutAt35,
        Self::Glued,
        Self::FullWidth,
        Self::TwoReferences,
        Self::LastMonths,
        Self::ShortByCharges,
        Self::OverpaidByCent,
        Self::PayerUnknown,
        Self::Agent,
        Self::Twins,
        Self::SecondFeed,
        Self::PendingThenBooked,
        Self::Reversed,
        Self::BeforeSend,
        Self::OtherCurrency,
        Self::EqualAcross,
        Self::EqualWithin,
        Self::NumberSpaced,
        Self::NumberSlashes,
        Self::NumberGlued,
        Self::NumberDash,
        Self::NumberInside,
        Self::NumberSign,
        Self::NumberDigits,
        Self::NumberMissing,
        Self::NumberExtra,
        Self::NumberPrefix,
        Self::NumberPadded,
        Self::NumberEndToEnd,
        Self::NumberList,
        Self::ReferenceBare,
        Self::LongRemittance,
        Self::ManyNumbers,
        Self::NameOtherwise,
        Self::NearWithin,
        Self::RestOfAnother,
        Self::AdviceBefore,
        Self::AdviceAfter,
        Self::AdvicesAlike,
        Self::AdviceOfAnother,
        Self::AdviceWrongSum,
        Self::AdviceOfMatched,
        Self::Halves,
        Self::UpstreamReference,
        Self::UpstreamWrongDigit,
        Self::NumberRange,
        Self::NumberShortList,
        Self::NumberOfYear,
        Self::NumbersInARow,
    ];

    /// As it is written on the command line and in the ground truth.
    pub fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Reference => "reference, as issued",
            Self::Number => "invoice number, as issued",
            Self::WrongDigit => "reference, one digit wrong",
            Self::SwappedDigits => "reference, two characters swapped",
            Self::NumberWrongDigit => "number, one digit wrong",
            Self::NumberSwappedDigits => "number, two digits swapped",
            Self::ZerosDropped => "number, leading zeros dropped",
            Self::OForZero => "reference, O for 0",
            Self::CutAt35 => "reference, cut at 35 characters",
            Self::Glued => "reference, glued to words",
            Self::FullWidth => "reference, full-width",
            Self::TwoReferences => "two references in one payment",
            Self::LastMonths => "last month's reference",
            Self::ShortByCharges => "short by the bank's charge",
            Self::OverpaidByCent => "overpaid by a cent",
            Self::PayerUnknown => "payer unknown, no text",
            Self::Agent => "agent paying for many, reference",
            Self::Twins => "same-day twins without bank id",
            Self::SecondFeed => "delivered again by a second feed",
            Self::PendingThenBooked => "pending, then booked",
            Self::Reversed => "reversed later",
            Self::BeforeSend => "paid before the invoice is sent",
            Self::OtherCurrency => "other currency",
            Self::EqualAcross => "known payer, equal amounts elsewhere",
            Self::EqualWithin => "known payer, equal amounts of theirs",
            Self::NumberSpaced => "number, a space for the hyphen",
            Self::NumberSlashes => "number, slashes",
            Self::NumberGlued => "number, no hyphen",
            Self::NumberDash => "number, an en dash",
            Self::NumberInside => "number inside Chinese text",
            Self::NumberSign => "number behind №, in Cyrillic text",
            Self::NumberDigits => "number in Arabic digits",
            Self::NumberMissing => "number, one digit missing",
            Self::NumberExtra => "number, one digit too many",
            Self::NumberPrefix => "number, one letter wrong",
            Self::NumberPadded => "number, zeros added",
            Self::NumberEndToEnd => "number in the end-to-end id only",
            Self::NumberList => "two numbers, the letters once",
            Self::ReferenceBare => "reference without RF",
            Self::LongRemittance => "number in sixty addenda",
            Self::ManyNumbers => "25 numbers in one payment",
            Self::NameOtherwise => "payer unknown, name written otherwise",
            Self::NearWithin => "known payer, equal amounts, a near number",
            Self::RestOfAnother => "overpaid, the next is of another amount",
            Self::AdviceBefore => "no text, two invoices, an advice before the money",
            Self::AdviceAfter => "no text, two invoices, an advice after the money",
            Self::AdvicesAlike => "no text, two advices alike, one for another customer",
            Self::AdviceOfAnother => "known payer, an advice for another customer's invoice",
            Self::AdviceWrongSum => "reference, an advice with a wrong sum",
            Self::AdviceOfMatched => "reference, an advice after it was matched",
            Self::Halves => "known payer, two halves of an invoice",
            Self::UpstreamReference => "upstream's reference, as issued",
            Self::UpstreamWrongDigit => "upstream's reference, one digit wrong",
            Self::NumberRange => "a range of three numbers",
            Self::NumberShortList => "three numbers, the last digits only",
            Self::NumberOfYear => "number of a year, without its letters",
            Self::NumbersInARow => "two numbers with nothing between",
        }
    }

    /// Quotes the reference exactly as it was issued, for exactly the amount due.
    pub fn is_clean(self) -> bool {
        matches!(self, Self::Reference)
    }

    /// Names the invoice's number in another way, without a mistake in it.
    pub fn is_other_writing(self) -> bool {
        matches!(
            self,
            Self::NumberSpaced
                | Self::NumberSlashes
                | Self::NumberGlued
                | Self::NumberDash
                | Self::NumberInside
                | Self::NumberSign
                | Self::NumberDigits
                | Self::NumberEndToEnd
                | Self::ReferenceBare
                | Self::LongRemittance
                | Self::UpstreamReference
                | Self::NumberRange
                | Self::NumberShortList
                | Self::NumberOfYear
                | Self::NumbersInARow
        )
    }

    /// One mistake in the number.
    pub fn is_mistyped_number(self) -> bool {
        matches!(
            self,
            Self::NumberWrongDigit
                | Self::NumberSwappedDigits
                | Self::NumberMissing
                | Self::NumberExtra
                | Self::NumberPrefix
                | Self::NearWithin
        )
    }

    pub fn is_single_typo(self) -> bool {
        matches!(
            self,
            Self::WrongDigit | Self::SwappedDigits | Self::OForZero | Self::UpstreamWrongDigit
        )
    }
}
