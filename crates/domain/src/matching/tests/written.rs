//! Texts as clerks, programs and banks write them, each with the invoice that a person reads in it.

use Meant::{One, Other, Three, Two, Year};

use crate::bank::BankTransaction;
use crate::matching::policy::Policy;
use crate::payment::PaymentState;
use crate::testkit::*;

const ONE: &str = "INV-71014";
const YEAR: &str = "INV-2026-00013";

/// Every amount of A's is one of B's too, so that only the text can tell.
pub(super) fn desk() -> Desk {
    let mut desk = Desk::with_customers(Policy::default());
    for (id, owner, amount) in [
        (ONE, "A", "77.77"),
        ("INV-71015", "A", "20.11"),
        ("INV-71016", "A", "31.12"),
        (YEAR, "A", "88.88"),
        ("SO-4411", "A", "66.66"),
        ("XK-9001", "B", "77.77"),
        ("XK-9002", "B", "88.88"),
        ("XK-9003", "B", "97.88"),
        ("XK-9004", "B", "129.00"),
        ("XK-9005", "B", "66.66"),
        ("XK-9006", "B", "51.23"),
    ] {
        desk.invoice(id, owner, amount);
    }
    desk
}

/// How the text was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Read {
    Not,
    Suggested,
    Paid,
    /// Something else was paid: never.
    Wrong,
}

pub(super) fn lines(text: &str) -> Vec<&str> {
    text.split('|').collect()
}

pub(super) fn read(bank: BankTransaction, meant: &[&str]) -> Read {
    let mut desk = desk();
    let (_, state) = desk.receive(bank);
    let mut paid: Vec<String> = desk.pays("1");
    paid.iter_mut().for_each(|part| *part = part.split(' ').next().unwrap_or("").to_owned());
    if !paid.is_empty() {
        let right = paid.iter().all(|id| meant.contains(&id.as_str()));
        return if right && paid.len() == meant.len() { Read::Paid } else { Read::Wrong };
    }
    assert!(!matches!(state, PaymentState::Allocated));
    let suggested = desk.suggested("1");
    if meant.iter().all(|id| suggested.contains(id)) { Read::Suggested } else { Read::Not }
}

/// What a text means.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meant {
    /// INV-71014, and with the next one or two of its customer.
    One,
    Two,
    Three,
    /// INV-2026-00013.
    Year,
    /// SO-4411.
    Other,
}

impl Meant {
    pub(super) fn invoices(self) -> (&'static [&'static str], &'static str) {
        match self {
            One => (&[ONE], "77.77"),
            Two => (&[ONE, "INV-71015"], "97.88"),
            Three => (&[ONE, "INV-71015", "INV-71016"], "129.00"),
            Year => (&[YEAR], "88.88"),
            Other => (&["SO-4411"], "66.66"),
        }
    }
}

/// Paid without a person, whoever pays. A bar is the end of a line.
#[rustfmt::skip]
const PAID: [(Meant, &str); 134] = [
    (One, "INV-71014"), (One, "inv 71014"), (One, "Inv.71014"), (One, "INV71014"),
    (One, "INV/71014"), (One, "INV_71014"), (One, "INV#71014"), (One, "INV # 71014"),
    (One, "INV:71014"), (One, "INV–71014"), (One, "INV\u{2010}71014"), (One, "INV—71014"),
    (One, "INV\u{2212}71014"), (One, "INV  71014"), (One, "INV\t71014"),
    (One, "INV-\u{200b}71014"), (One, "INV\u{ad}-71014"), (One, "\u{200f}INV-71014\u{200e}"),
    (One, "ＩＮＶ－７１０１４"), (One, "INV-٧١٠١٤"), (One, "INV-७१०१४"), (One, "INV-๗๑๐๑๔"),
    (One, "INV-۷۱۰۱۴"), (One, "Invoice INV-71014"), (One, "Invoice number INV-71014"),
    (One, "Invoice no. INV-71014"), (One, "invoice #INV-71014"),
    (One, "Payment for INV-71014 thank you"), (One, "INV-71014, INV-71014"),
    (One, "REF:INV-71014"), (One, "REF.INV-71014"), (One, "ref=INV-71014"),
    (One, "(INV-71014)"), (One, "\"INV-71014\""), (One, "'INV-71014'"), (One, "[INV-71014]"),
    (One, "<INV-71014>"), (One, "{INV-71014}"), (One, "INV-71014;"), (One, "INV-71014/77.77"),
    (One, "INV-71014 77.77"), (One, "INV-71014 SGD 77.77"), (One, "INV-71014 S$77.77"),
    (One, "INV-71014 28/11/2026"), (One, "28.11.2026 INV-71014"), (One, "INV-71014 28NOV26"),
    (One, "28NOV26 INV-71014"), (One, "INV-71014-NOV"), (One, "TOPUP-INV-71014"),
    (One, "INV-71014 TEL 91234567"), (One, "INV-71014 +65 9123 4567"),
    (One, "INV-71014 UEN 201912345K"), (One, "/INV/71014"), (One, "/INV/INV-71014"),
    (One, "/INV/INV-71014/20261128"), (One, "/RFB/INV-71014"), (One, "/ROC/INV-71014"),
    (One, "/ROC/INV-71014///URI/TOPUP"), (One, "/INV/71014//SGD77,77"), (One, "//INV-71014"),
    (One, "EREF+INV-71014"), (One, "SVWZ+INV-71014"),
    (One, "EREF+NOTPROVIDED SVWZ+INV-71014 KREF+12345"), (One, "?20EREF+X1?21SVWZ+INV-71014"),
    (One, "RMR*IV*INV-71014**77.77"), (One, "RMR*IV*INV-71014**77.77~REF*ZZ*1234"),
    (One, "ISA*00*~ST*820*0001~RMR*IV*INV-71014*PO*77.77\\"), (One, "Rechn.-Nr. INV-71014"),
    (One, "Оплата по счету INV-71014"), (One, "請求書番号INV-71014"), (One, "请付INV-71014谢谢"),
    (One, "支付发票INV-71014款项"), (One, "ชำระINV-71014ครับ"), (One, "ชำระ INV71014"),
    (One, "دفع INV-71014"), (One, "שולם INV-71014"), (One, "인보이스 INV-71014 입금"),
    (One, "インボイスINV-71014"), (One, "ｲﾝﾎﾞｲｽINV-71014"), (One, "INVー71014"),
    (One, "INV\u{a0}71014"), (One, "INV\u{2009}71014"), (One, "INV\u{3000}71014"),
    (One, "INV+71014"), (One, "INV*71014"), (One, "INV=71014"), (One, "INV\\71014"),
    (One, "INV~71014"), (One, "INV\u{2044}71014"), (One, "INV：71014"), (One, "INV．71014"),
    (Year, "INV/2026/00013"), (Year, "INV 2026 00013"), (Year, "INV 2026/00013"),
    (Year, "INV.2026.00013"), (Year, "INV_2026_00013"), (Year, "INV/2026-00013"),
    (Year, "inv2026-00013"), (Year, "INV–2026–00013"), (Year, "INV2026/00013"),
    (Year, "INV-٢٠٢٦-٠٠٠١٣"), (Year, "付INV-2026-00013款"), (Year, "INV-2026-00013/88.88"),
    (Two, "INV-71014 INV-71015"), (Two, "INV-71014,INV-71015"), (Two, "INV-71014/INV-71015"),
    (Two, "INV-71014+INV-71015"), (Two, "INV-71014&INV-71015"), (Two, "INV-71014;INV-71015"),
    (Two, "INV-71014-INV-71015"), (Two, "INV71014INV71015"), (Two, "INV-71014 and INV-71015"),
    (Two, "INV-71014 und 71015"), (Two, "INV-71014, 71015"), (Two, "INV-71014/15"),
    (Two, "INV-71014/71015"), (Two, "INV 71014 + 71015"), (Two, "INV 71014 & 71015"),
    (Two, "INV 71014 / 71015"), (Two, "INV-71014 y 71015"), (Two, "INV-71014 et 71015"),
    (Two, "INV-71014、INV-71015"), (Two, "INV-71014、71015"), (Two, "INV-71014，INV-71015"),
    (Two, "INV-71014|INV-71015"), (Two, "INV-71014 57.66 INV-71015 40.22"),
    (Two, "RMR*IV*INV-71014**77.77~RMR*IV*INV-71015**20.11"),
    (Three, "INV-71014, 71015, 71016"), (Three, "INV-71014, 15, 16"),
    (Three, "INV-71014/15/16"), (Three, "INV-71014/71015/71016"),
    (Three, "INV 71014, 71015 & 71016"), (Other, "SO-4411"), (Other, "so4411"),
];

/// At least suggested. What proves nothing by itself is never more.
#[rustfmt::skip]
const SUGGESTED: [(Meant, &str); 168] = [
    (One, "I\u{301}NV-71014"), (One, "INV-071014"), (One, "INV-00071014"),
    (One, "INV-000071014"), (One, "INV-7114"), (One, "INV-710114"), (One, "INV-71041"),
    (One, "INV-71024"), (One, "IMV-71014"), (One, "INW-71014"), (One, "1NV-71014"),
    (One, "lNV-71014"), (One, "INV-7IO14"), (One, "INV-71O14"), (One, "INV-7l014"),
    (One, "NV-71014"), (One, "IN-71014"), (One, "INVV-71014"), (One, "INV-7-1014"),
    (One, "INV-71 014"), (One, "INV-710-14"), (One, "INV 71.014"), (One, "INV 71,014"),
    (One, "INV-71.014"), (One, "INV-71014NOV"), (One, "NOVINV-71014"), (One, "TOPUPINV-71014"),
    (One, "SVWZ+INV-71014EREF+123456789"), (One, "?20INV-71014?21DANKE"),
    (One, "RMR*IV*71014**77.77"), (One, "Rechn.-Nr. 71014"), (One, "Rechnung 71014"),
    (One, "Rechnungs-Nr. 71014"), (One, "Rechnungsnummer: 71014"), (One, "RE-NR 71014"),
    (One, "RNr.71014"), (One, "Rg-Nr 71014"), (One, "facture n° 71014"),
    (One, "facture no 71014"), (One, "Fact. 71014"), (One, "facture nº71014"),
    (One, "factura núm. 71014"), (One, "fattura n. 71014"), (One, "Saldo fattura nr 71014"),
    (One, "ft. 71014"), (One, "faktura nr 71014"), (One, "Faktura: 71014"),
    (One, "fatura 71014"), (One, "счёт № 71014"), (One, "счет №71014"),
    (One, "Оплата по счету № 71014 от 28.11.2026"),
    (One, "Оплата по счёту №INV-71014 от 28.11.2026 г., НДС не облагается"),
    (One, "請求書番号71014"), (One, "請求書番号：71014"), (One, "請求書 71014"), (One, "发票号71014"),
    (One, "发票71014"), (One, "發票號碼：71014"), (One, "ใบแจ้งหนี้71014"),
    (One, "ใบแจ้งหนี้เลขที่ 71014"), (One, "فاتورة 71014"), (One, "فاتورة رقم ٧١٠١٤"),
    (One, "חשבונית 71014"), (One, "세금계산서 71014"), (One, "청구서번호 71014"),
    (One, "Τιμολόγιο 71014"), (One, "hóa đơn 71014"), (One, "hoa don so 71014"),
    (One, "nota fiscal 71014"), (One, "boleto 71014"), (One, "faktur no 71014"),
    (One, "invois 71014"), (One, "tagihan 71014"), (One, "invoice 71014"),
    (One, "Inv. No.: 71014"), (One, "INVOICE NO 71014"), (One, "Inv 71014"),
    (One, "bill 71014"), (One, "Bill No.71014"), (One, "inv#71014"), (One, "#71014"),
    (One, "No. 71014"), (One, "№ 71014"), (One, "n°71014"), (One, "Our ref 71014"),
    (One, "Your ref: 71014"), (One, "Doc 71014"), (One, "Doc. no. 71014"),
    (One, "document 71014"), (One, "Beleg 71014"), (One, "Belegnr. 71014"), (One, "Ref 71014"),
    (One, "RE 71014"), (One, "Re: 71014"), (One, "71014"), (One, "I.N.V.71014"),
    (One, "I N V 7 1 0 1 4"), (One, "INV 7 1 0 1 4"), (One, "INV-71014A"), (One, "AINV-71014"),
    (One, "INV-71|014"), (One, "PAYMENT FOR TOPUP SERVICES INV-71|014 NOVEMBER"),
    (One, "PAYMENT FOR TOPUP SERVICES INV-|71014"),
    (One, "PAYMENT FOR TOPUP SERVICES INV|71014"),
    (One, "PAYMENT FOR TOPUP SERVICES IN|V-71014"),
    (One, "PAYMENT FOR TOPUP SERVICES INV-71 |014"),
    (One, "PAYMENT FOR SERVICES IN|V-71014 AND MORE"),
    (One, "PAYMENT FOR TOPUP SERVICES INVOICE 71|014"), (One, "Acme=20INV-71014"),
    (One, "INV=2D71014"), (One, "INV&#45;71014"), (One, "INV&ndash;71014"),
    (One, "INV&nbsp;71014"), (One, "INV%2D71014"), (One, "INV|71014"), (One, "INV·71014"),
    (One, "INV•71014"), (One, "INV、71014"), (One, "INV»71014"), (Year, "INV-2026-13"),
    (Year, "INV202600013"), (Year, "INV-2026-0013"), (Year, "INV/26/00013"),
    (Year, "INV-26-13"), (Year, "2026/00013"), (Year, "2026-00013"),
    (Year, "Invoice 2026-00013"), (Year, "Rechnung 2026/13"), (Year, "Rechnung Nr. 2026-00013"),
    (Year, "facture 2026-00013"), (Year, "INV-2026-00O13"), (Year, "INV-2026-0013 NOV"),
    (Year, "INV-2026-|00013"), (Year, "PAYMENT OF INV-2026-000|13 THANKS"),
    (Year, "IVN-2026-00013"), (Year, "INV-2062-00013"), (Year, "INV-2026-00031"),
    (Year, "INV-2026-000133"), (Year, "INV-2025-00013"), (Two, "INV-71014INV-71015"),
    (Two, "INV-71014 u. 71015"), (Two, "inv#s 71014, 71015"), (Two, "Invoices 71014, 71015"),
    (Two, "Rechnungen 71014, 71015"), (Two, "Rechnungen 71014 und 71015"),
    (Two, "Invoices: 71014 & 71015"), (Two, "Inv nos. 71014/71015"), (Two, "Inv Nos 71014,15"),
    (Two, "счета №71014, 71015"), (Two, "счета № 71014 и 71015"), (Two, "71014, 71015"),
    (Two, "71014/71015"), (Two, "71014+71015"), (Three, "INV 71014,71015,71016"),
    (Three, "Invoices 71014, 71015 and 71016"), (Three, "Invoices 71014 71015 71016"),
    (Three, "INV-71014 to INV-71016"), (Three, "INV-71014 - INV-71016"),
    (Three, "INV 71014 - 71016"), (Three, "INV-71014 bis 71016"),
    (Three, "INV-71014 thru 71016"), (Three, "INV-71014～71016"),
    (Three, "INV-71014 till 71016"), (Other, "S0-4411"), (Other, "SO 4411"), (Other, "SO-44l1"),
    (Other, "5O-4411"), (Other, "50-4411"),
];

/// Numbers of something else: never paid.
#[rustfmt::skip]
const NOT_PAID: [(Meant, &str); 5] = [
    (One, "71014 Singapore"), (One, "Tel 71014"), (One, "account 71014"), (One, "SGD 71014"),
    (One, "71014 SGD"),
];

fn all() -> impl Iterator<Item = (Meant, &'static str)> {
    PAID.into_iter().chain(SUGGESTED).chain(NOT_PAID)
}

#[test]
fn texts_as_people_and_software_write_them_are_read() {
    let mut missed = Vec::new();
    for (meant, text) in PAID {
        let (invoices, amount) = meant.invoices();
        let got = read(credit_saying("1", amount, &lines(text)), invoices);
        missed.extend((got != Read::Paid).then_some((got, text)));
    }
    for (meant, text) in SUGGESTED {
        let (invoices, amount) = meant.invoices();
        let got = read(credit_saying("1", amount, &lines(text)), invoices);
        missed.extend((got != Read::Paid && got != Read::Suggested).then_some((got, text)));
    }
    for (meant, text) in NOT_PAID {
        let (invoices, amount) = meant.invoices();
        let got = read(credit_saying("1", amount, &lines(text)), invoices);
        missed.extend((got == Read::Paid || got == Read::Wrong).then_some((got, text)));
    }
    assert!(missed.is_empty(), "{} of {}: {missed:#?}", missed.len(), all().count());
}

/// Whoever pays, and whatever the amount: a text of A's numbers pays no invoice of B's.
#[test]
fn no_text_pays_an_invoice_that_it_does_not_name() {
    for (_, text) in all() {
        for amount in ["77.77", "20.11", "31.12", "88.88", "66.66", "97.88", "129.00", "5.00"] {
            let mut desk = desk();
            desk.receive(credit_saying("1", amount, &lines(text)));
            let foreign = desk.pays("1").into_iter().find(|part| part.starts_with("XK"));
            assert_eq!(foreign, None, "{text} over {amount}");
        }
    }
}

/// A bank cuts at 35 characters: what stands at the end of such a line may be the beginning of a
/// longer number, and the shorter one is another customer's.
#[test]
fn a_number_that_is_cut_at_the_end_of_a_line_pays_no_other_invoice() {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice(ONE, "A", "77.77");
    desk.invoice("INV-7101", "B", "77.77");
    let cut = ["PAYMENT FOR TOPUP SERVICES INV-7101", "4 NOVEMBER"];
    assert_eq!(cut[0].len(), 35);
    desk.receive(credit_saying("1", "77.77", &cut));
    assert!(desk.pays("1").is_empty(), "{:?}", desk.pays("1"));
    assert!(desk.suggested("1").contains(&ONE) || desk.suggested("1").contains(&"INV-7101"));
    // A line that is not full was not cut.
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice(ONE, "A", "77.77");
    desk.receive(credit_saying("1", "77.77", &["INV-71014", "28/11/2026"]));
    assert_eq!(desk.pays("1"), ["INV-71014 77.77 SGD"]);
}
