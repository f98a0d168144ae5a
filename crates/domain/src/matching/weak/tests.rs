//! Who and what names nobody.

use super::*;

/// What looks for two glued words passes over what has more digits.
#[test]
fn words_of_the_lists_have_hardly_a_digit() {
    for word in NOTHING.iter().chain(&GENERAL).chain(&MONTHS).chain(&MONTH_NAMES) {
        let digits = word.bytes().filter(u8::is_ascii_digit).count();
        assert!(digits <= WORD_DIGITS_MAX, "{word}");
    }
    assert!(is_placeholder_payer("E2ENOTPROVIDED"));
}

#[test]
fn placeholders_and_masked_accounts_are_nobody() {
    for nobody in [
        "",
        " ",
        "-",
        "N/A",
        "n.a.",
        "NA",
        "UNKNOWN",
        "unknown",
        "NONE",
        "None",
        "null",
        "NIL",
        "NOTPROVIDED",
        "Not provided",
        "NOT_PROVIDED",
        "not available",
        "ACCOUNT UNKNOWN",
        "UNKNOWNACCOUNT",
        "Keine Angabe",
        "KEINEANGABEN",
        "nicht verfügbar",
        "NO DISPONIBLE",
        "non renseigné",
        "onbekend",
        "不明",
        "НЕИЗВЕСТНО",
        "no account",
        "XXXXXX1234",
        "xxxx-xxxx-1234",
        "XX1234",
        "x4321",
        "****",
        "****1234",
        "**** **** 9876",
        "•••• 1234",
        "DE89XXXXXXXXXXXXXX3000",
        "DE89**************3000",
        "....1234",
        "????????",
        "####5678",
        "0",
        "000000",
        "00-00-00 00000000",
        "1111111111",
        "99999999",
        "123456789",
        "1234567890",
        "0123456789",
        "12345678",
        "987654321",
        "1234",
        "DE00000000000000000000",
        "GB99999999999999999999",
        "ending 1234",
        "ノ",
        "XXXXXXXXXX",
        "＊＊＊＊１２３４",
        "Ｎ／Ａ",
        "IBAN",
        "cash",
    ] {
        assert!(is_placeholder_payer(nobody), "{nobody}");
    }
}

#[test]
fn what_a_cashier_writes_and_patterns_are_nobody() {
    for nobody in [
        "CASHDEPOSIT",
        "Cash Deposit",
        "KASSE",
        "VERSCHIEDENE",
        "00001234",
        "000000001",
        "11112222",
        "1212121212",
        "ABCABCABC",
    ] {
        assert!(is_placeholder_payer(nobody), "{nobody}");
    }
}

#[test]
fn account_numbers_are_somebody() {
    for somebody in [
        "DE89370400440532013000",
        "072-000-1234",
        "0720001234",
        "SG60ELSE",
        "P18PAYER",
        "PAYERA",
        "PAYER1",
        "sg99ours0001",
        "AGENT0001",
        "DE02 1203 0000 0000 2020 51",
        "XX00c0ffee00c0ffee",
        "123-456-001",
        "A",
        "alice@upi",
        "user.name@okaxis",
        "GB29 NWBK 6016 1331 9268 19",
        "MT84MALT011000012345MTLCAST001S",
        "55123",
        "100200300",
        "00012345",
        "CASHFLOWLTD1",
        "11122333",
    ] {
        assert!(!is_placeholder_payer(somebody), "{somebody}");
    }
}

#[test]
fn words_that_everybody_uses_name_no_payment() {
    for weak in [
        "",
        "TOPUP",
        "Top up",
        "top-up",
        "N/A",
        "NOTPROVIDED",
        "NONREF",
        "none",
        "TOPUP 2026",
        "TOPUP NOV 2026",
        "topup 28/11/2028",
        "2026-11-28",
        "20261128",
        "1500",
        "TOPUP 1",
        "NOV",
        "INVOICE",
        "PAYMENT",
        "REF",
        "123456789",
        "000000",
        "111111",
        "SALARY",
        "ALICE",
        "TOPUP2026",
        "TopUpNov26",
        "112026",
        "INV 1",
        "100 EUR",
        "EUR 319.00",
        "EUR319.00",
        "SGD 1,250",
        "topup 1.250,00 EUR",
        "2nd half",
        "1st payment",
        "2 of 2",
        "KW48",
        "2026W48",
        "Q4-2026",
        "4G data",
        "B2B",
        "part 2",
        "018956",
        "Not Provided",
        "E2E",
        "payment for invoice",
        "Zahlung",
    ] {
        assert!(is_weak_reference(weak), "{weak}");
    }
    for strong in [
        "INV-1001",
        "RF18539007547034",
        "E2E-7F3A",
        "P62-E2E-1",
        "20261128-000451-7781",
        "7000000012345",
        "TOPUP-ACC17-0003",
        "MSG20261128A77",
        "INV 71523",
        "E2E-1-A99",
        "0f8fad5b-d9cb-469f-a165-70867728950e",
    ] {
        assert!(!is_weak_reference(strong), "{strong}");
    }
}

#[test]
fn names_that_say_nothing() {
    for nobody in ["", "UNKNOWN", "N/A", "Not provided", "CUSTOMER", "cash", "***", "12345"] {
        assert!(is_placeholder_name(nobody), "{nobody}");
    }
    for somebody in ["Acme Pte Ltd", "陳大文", "Tan Ah Seng", "Customer P20", "Ünal"] {
        assert!(!is_placeholder_name(somebody), "{somebody}");
    }
}

#[test]
fn a_part_of_a_year_is_no_number() {
    for part in
        ["Q4-2026", "Q4", "2026Q4", "Q42026", "KW48", "KW 48/26", "2026W48", "FY26", "FY2026"]
    {
        assert!(is_period(part), "{part}");
    }
    for number in ["Q5-2026", "W54", "Q4-2026-1", "INV-4", "KW4711", "P18-1", "4-2026", "Q", "QX4"]
    {
        assert!(!is_period(number), "{number}");
    }
}
