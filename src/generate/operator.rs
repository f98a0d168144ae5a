//! What happens to a payment between the invoice and us.

use super::kinds;

kinds! {
    /// One way in which a payment differs from the plain one.
    #[derive(clap::ValueEnum)]
    Operator:
    Reference: "reference, as issued",
    Number: "invoice number, as issued",
    WrongDigit: "reference, one digit wrong",
    SwappedDigits: "reference, two characters swapped",
    NumberWrongDigit: "number, one digit wrong",
    NumberSwappedDigits: "number, two digits swapped",
    ZerosDropped: "number, leading zeros dropped",
    OForZero: "reference, O for 0",
    CutAt35: "reference, cut at 35 characters",
    Glued: "reference, glued to words",
    FullWidth: "reference, full-width",
    TwoReferences: "two references in one payment",
    LastMonths: "last month's reference",
    ShortByCharges: "short by the bank's charge",
    OverpaidByCent: "overpaid by a cent",
    PayerUnknown: "payer unknown, no text",
    Agent: "agent paying for many, reference",
    Twins: "same-day twins without bank id",
    SecondFeed: "delivered again by a second feed",
    PendingThenBooked: "pending, then booked",
    Reversed: "reversed later",
    BeforeSend: "paid before the invoice is sent",
    OtherCurrency: "other currency",
    EqualAcross: "known payer, equal amounts elsewhere",
    EqualWithin: "known payer, equal amounts of theirs",
    NumberSpaced: "number, a space for the hyphen",
    NumberSlashes: "number, slashes",
    NumberGlued: "number, no hyphen",
    NumberDash: "number, an en dash",
    NumberInside: "number inside Chinese text",
    NumberSign: "number behind №, in Cyrillic text",
    NumberDigits: "number in Arabic digits",
    NumberMissing: "number, one digit missing",
    NumberExtra: "number, one digit too many",
    NumberPrefix: "number, one letter wrong",
    NumberPadded: "number, zeros added",
    NumberEndToEnd: "number in the end-to-end id only",
    NumberList: "two numbers, the letters once",
    ReferenceBare: "reference without RF",
    LongRemittance: "number in sixty addenda",
    ManyNumbers: "25 numbers in one payment",
    NameOtherwise: "payer unknown, name written otherwise",
    NearWithin: "known payer, equal amounts, a near number",
    RestOfAnother: "overpaid, the next is of another amount",
    AdviceBefore: "no text, two invoices, an advice before the money",
    AdviceAfter: "no text, two invoices, an advice after the money",
    AdvicesAlike: "no text, two advices alike, one for another customer",
    AdviceOfAnother: "known payer, an advice for another customer's invoice",
    AdviceWrongSum: "reference, an advice with a wrong sum",
    AdviceOfMatched: "reference, an advice after it was matched",
    Halves: "known payer, two halves of an invoice",
    UpstreamReference: "upstream's reference, as issued",
    UpstreamWrongDigit: "upstream's reference, one digit wrong",
    NumberRange: "a range of three numbers",
    NumberShortList: "three numbers, the last digits only",
    NumberOfYear: "number of a year, without its letters",
    NumbersInARow: "two numbers with nothing between",
}

impl Operator {
    /// As it is written on the command line and in the ground truth.
    pub fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map(|value| value.get_name().to_owned()).unwrap_or_default()
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
