//! More texts from practice: what banks' formats, programs for remittance and clerks of many
//! countries make of a number. Each is at least suggested, whoever pays; none pays a stranger's.

use Meant::{One, Other, Three, Two, Year};

use super::written::{Meant, Read, desk, lines, read};
use crate::bank::BankTransaction;
use crate::matching::policy::Policy;
use crate::payment::ParkReason;
use crate::testkit::*;

#[rustfmt::skip]
const TEXTS: &[(Meant, &str)] = &[
    // Lists and ranges.
    (Two, "inv#s 71014 & 71015"), (Two, "inv#s 71014 & 15"), (Three, "inv#s 71014,15 & 16"),
    (Three, "Inv#s: 71014, 71015, 71016"), (Three, "invs 71014/5/6"), (Three, "INV 71014-71016"),
    (Three, "INV-71014-71016"), (Three, "INV-71014..71016"), (Three, "INV-71014...71016"),
    (Three, "INV 71014 ~ 71016"), (Three, "INV71014-INV71016"), (Three, "INV 71014 to 016"),
    (Three, "INV-71014 through INV-71016"), (Three, "INV-71014 ถึง INV-71016"),
    (Three, "INV-71014 à INV-71016"), (Three, "factures 71014 à 71016"),
    (Three, "facturas 71014 a 71016"), (Three, "facturas de la 71014 a la 71016"),
    (Three, "fatture dal 71014 al 71016"), (Three, "Rechnungen 71014 - 71016"),
    (Three, "RG 71014 bis 71016"), (Three, "facturen 71014 t/m 71016"),
    (Three, "facturen 71014 tm 16"), (Three, "fakturor 71014-71016"),
    (Three, "faktury nr 71014 do 71016"), (Three, "счета с 71014 по 71016"),
    (Three, "рахунки 71014-71016"), (Three, "请款单 71014至71016"), (Three, "发票71014到71016"),
    (Three, "請求書71014〜71016"), (Three, "請求書71014から71016まで"), (Three, "청구서 71014~71016"),
    (Two, "INV 71014 + 15"), (Two, "INV 71014 plus 71015"), (Two, "INV-71014 e 71015"),
    (Two, "Facturas 71014 y 71015"), (Two, "fatture 71014 e 71015"),
    (Two, "factures 71014 et 71015"),
    (Two, "facturen 71014 en 71015"), (Two, "fakturor 71014 och 71015"),
    (Two, "faktury 71014 i 71015"), (Two, "счета 71014 и 71015"), (Two, "рахунки 71014 та 71015"),
    (Two, "发票71014和71015"), (Two, "請求書71014と71015"), (Two, "faktur 71014 dan 71015"),
    (Two, "hóa đơn 71014 và 71015"), (Two, "fatura 71014 ve 71015"), (Two, "laskut 71014 ja 71015"),
    (Two, "1) 71014 2) 71015"), (Two, "INV 71014 (57.66), 71015 (20.11)"),
    (Two, "71014=77.77;71015=20.11"), (Two, "INV71014 77.77 INV71015 20.11"),
    (Two, "INV-71014|71015"), (Two, "INV-71014;71015"), (Two, "#71014 #71015"),
    // Years and their order.
    (Year, "2026-00013"), (Year, "2026/13"), (Year, "26-13"), (Year, "13/2026"), (Year, "13-2026"),
    (Year, "00013/2026"), (Year, "Rechnung 13/2026"), (Year, "Invoice 13 of 2026"),
    (Year, "invoice 0013 of 2026"), (Year, "invoice 00013/26"), (Year, "Rechnung 13 aus 2026"),
    (Year, "facture 13 de 2026"), (Year, "factura 13 del 2026"), (Year, "fattura 13/26"),
    (Year, "fattura n. 13 del 2026"), (Year, "faktura 13/2026"), (Year, "счет 13 за 2026"),
    (Year, "FV 13/2026"), (Year, "RE2026/00013"), (Year, "RE-2026-00013"), (Year, "INV2026_13"),
    (Year, "2026.00013"), (Year, "2026 00013"), (Year, "202600013"),
    // Letters spaced, drawn from other alphabets, or beside them.
    (One, "I N V - 7 1 0 1 4"), (One, "I N V - 71014"), (One, "I.N.V.-71014"),
    (One, "ІNV-71014"), (One, "INѴ-71014"), (One, "ІΝV-71014"), (One, "INV-7１０14"),
    (One, "ИНВ-71014"), (One, "ИНВ 71014"), (One, "счетINV-71014"), (One, "счет71014"),
    (One, "№71014от28.11.2026"), (One, "СЧЕТ-71014"), (One, "счёт71014оплата"),
    (One, "ｲﾝﾎﾞｲｽ71014"), (One, "インボイス71014"), (One, "インボイス番号71014ノブン"),
    (One, "請求書No.71014"), (One, "請求書№71014"), (One, "请求书（71014）"), (One, "付款71014"),
    (One, "货款INV71014已付"), (One, "인보이스번호71014"), (One, "ใบแจ้งหนี้เลขที่71014ค่ะ"),
    (One, "फैक्टुरा INV-71014"), (One, "τιμολόγιο71014"), (One, "İNV-71014"), (One, "ınv-71014"),
    // Banks' formats.
    (One, ":86:166?00GUTSCHRIFT?20SVWZ+RECHNUNG 71014?32ACME"), (One, "/REMI/INV-71014/"),
    (One, "/TRTP/SEPA OVERBOEKING/REMI/FACTUUR 71014"), (One, "/RFB/71014"), (One, "/INV/71014"),
    (One, "/CINV/71014/"), (One, "/REMI//USTD//71014/"), (One, "//CINV/71014"),
    (One, "REMI: INV 71014 ACC: 12345678"), (One, "OBI=INV 71014"), (One, "BNF:INV 71014/77.77"),
    (One, "TRN*1*71014*1512345678~"), (One, "RMR*IV*71014*PO*77.77*77.77*0~"),
    (One, "NTE*INV*INVOICE 71014"), (One, "DOC+380+71014'"), (One, "RFF+IV:71014'"),
    (One, "<RfrdDocInf><Nb>71014</Nb></RfrdDocInf>"), (One, "CINV 71014 28.11.2026 SGD77.77"),
    (One, "FPS REF INV71014"), (One, "FT26333XYZ INV 71014"),
    (One, "UPI/633312345678/INV71014/acme"),
    (One, "NEFT-N123456789-ACME-INV71014"), (One, "MB TRF ACME INV 71014 OTHR"),
    (One, "PAYNOW OTHR INV-71014 ACME"), (One, "IB: INV-71014|ref 12345678901"),
    (One, "Ustrd: INV-71014 EndToEnd: NOTPROVIDED"), (One, "ZAHLUNG RE-NR.71014 VOM 28.11.26"),
    (One, "REF:71014 VALUTA 28.11"), (One, "ABR 71014 KD 4711"), (One, "Kd 4711 Rg 71014"),
    (One, "Kundennr. 4711, Rechnung 71014"), (One, "KdNr.4711/ReNr.71014"),
    // Programs and clerks.
    (One, "SAP 5100000123 INV 71014"), (One, "Doc.No. 5100000123 / Ref 71014"),
    (One, "Xero: INV-71014"), (One, "QBO Inv #71014 - Thank you!"), (One, "Payment - Inv: 71014"),
    (One, "SI-71014"), (One, "invoice_71014.pdf"), (One, "INV-71014.pdf"), (One, "Invoice71014"),
    (One, "Rechnung71014"), (One, "Facture71014"), (One, "InvNo71014"), (One, "INVNO:71014"),
    (One, "inv.nr.71014"), (One, "inv-no-71014"), (One, "Tax Inv 71014"), (One, "T.INV 71014"),
    (One, "my invoice is 71014"), (One, "invoice no is 71014 pls"), (One, "pls apply to 71014"),
    (One, "for invoice dated 28/11 no 71014"), (One, "INV 71014 dtd 28-Nov-2026"),
    (One, "INV-71014 (Nov)"), (One, "INV-71014*"), (One, "**INV-71014**"), (One, "INV-71014!!"),
    (One, "inv: #71014, thx"), (One, "INV-71014 less charges"), (One, "INV-71014 w/ bank fee"),
    (One, "Rech.Nr. 71014"), (One, "R-Nr. 71014"), (One, "RgNr71014"), (One, "Re 71014 v. 28.11."),
    (One, "fra. 71014"), (One, "Fra nº 71014"), (One, "fact nº71014"), (One, "FACT.71014"),
    (One, "fatt. 71014"), (One, "ft 71014"), (One, "NF 71014"), (One, "NF-e 71014"),
    (One, "fak. nr. 71014"), (One, "faktnr 71014"), (One, "fakt.nr 71014"),
    (One, "lasku nro 71014"),
    (One, "FV 71014"), (One, "f-ra 71014"), (One, "сч. 71014"), (One, "сч.№71014"),
    (One, "по сч 71014 от 28.11"), (One, "рах. № 71014"), (One, "szla 71014"),
    (One, "számla sorszáma 71014"),
    (One, "fatura no: 71014"), (One, "ftr 71014"), (One, "no. invois 71014"), (One, "HD 71014"),
    (One, "so hoa don 71014"), (Other, "SO#4411"), (Other, "SO/4411"), (Other, "S O 4411"),
    (Other, "sales order SO4411"), (Other, "SO No. 4411"), (Other, "order 4411"),
];

#[test]
fn texts_from_practice_are_read() {
    let mut missed = Vec::new();
    for (meant, text) in TEXTS {
        let (invoices, amount) = meant.invoices();
        for payer in [None, Some("PAYERA")] {
            let bank = BankTransaction {
                debtor_account: payer.map(str::to_owned),
                ..credit_saying("1", amount, &lines(text))
            };
            let got = read(bank, invoices);
            let good = got == Read::Paid || got == Read::Suggested;
            missed.extend((!good).then_some((got, text, payer.is_some())));
        }
    }
    assert!(missed.is_empty(), "{} of {}: {missed:#?}", missed.len(), TEXTS.len() * 2);
}

/// Whatever the amount, and whoever pays: nothing of B's is paid by a text of A's numbers.
#[test]
fn no_text_from_practice_pays_an_invoice_that_it_does_not_name() {
    for (_, text) in TEXTS {
        for amount in ["77.77", "20.11", "31.12", "88.88", "66.66", "97.88", "129.00", "5.00"] {
            let mut desk = desk();
            desk.receive(credit_saying("1", amount, &lines(text)));
            let foreign = desk.pays("1").into_iter().find(|part| part.starts_with("XK"));
            assert_eq!(foreign, None, "{text} over {amount}");
        }
    }
}

/// Numbers in a row name both, whatever their letters.
#[test]
fn numbers_in_a_row_are_both_named() {
    for text in
        ["XE-0002YT-0001", "XE-0002YT0001", "XE0002YT-0001", "ABC-20026XYZ-7001", "SO-4411SO-4412"]
    {
        let ids = match text.get(..2) {
            Some("AB") => ["ABC-20026", "XYZ-7001"],
            Some("SO") => ["SO-4411", "SO-4412"],
            _ => ["XE-0002", "YT-0001"],
        };
        let mut both = Desk::with_customers(Policy::default());
        both.invoice(ids[0], "A", "40.00");
        both.invoice(ids[1], "A", "60.53");
        both.receive(credit_saying("1", "100.53", &[text]));
        let mut paid = both.pays("1");
        paid.sort();
        assert_eq!(paid, [format!("{} 40.00 SGD", ids[0]), format!("{} 60.53 SGD", ids[1])]);
        let mut two = Desk::with_customers(Policy::default());
        two.invoice(ids[0], "A", "40.00");
        two.invoice(ids[1], "B", "60.53");
        for (id, amount) in [("1", "100.53"), ("2", "40.00"), ("3", "60.53")] {
            let (_, state) = two.receive(credit_saying(id, amount, &[text]));
            assert_eq!(state, parked(ParkReason::SeveralAccounts), "{text} {amount}");
        }
    }
}

/// The year is said once, and the letters not at all.
#[test]
fn numbers_of_a_year_are_one_choice() {
    for text in [
        "invoices 0001 and 0002 of 2026",
        "Rechnungen 1, 2 aus 2026",
        "factures 0001 et 0002 de 2026",
        "2026-0001 and 2026-0002",
        "2026/0001 + 2026/0002",
        "0001/2026 & 0002/2026",
        "0001/26, 0002/26",
        "счета 0001 и 0002 за 2026",
    ] {
        for payer in [None, Some("PAYERA")] {
            let mut desk = Desk::with_customers(Policy::default());
            desk.invoice("INV-2026-00001", "A", "40.00");
            desk.invoice("INV-2026-00002", "A", "60.53");
            desk.invoice("INV-2026-00003", "A", "100.53");
            let bank = BankTransaction {
                debtor_account: payer.map(str::to_owned),
                ..credit_saying("1", "100.53", &[text])
            };
            desk.receive(bank);
            let (paid, suggested) = (desk.pays("1"), desk.suggested("1"));
            let both = ["INV-2026-00001", "INV-2026-00002"];
            let found = both.iter().all(|id| suggested.contains(id));
            assert!(found || paid.len() == 2, "{text} {payer:?}: {paid:?} {suggested:?}");
        }
    }
}

/// Titles of invoices and receipts, the number of a month or of a short year, and what is glued to
/// a day: each is at least suggested, whoever pays.
#[test]
fn titles_of_many_countries_are_read() {
    let mut missed = Vec::new();
    for (id, text) in [
        ("30097", "Faktura VAT nr 30097"),
        ("INV-30097", "Faktura VAT nr 30097"),
        ("74366", "faktura vat 74366"),
        ("53745", "F-VAT 53745"),
        ("53745", "F. VAT nr 53745"),
        ("51116", "račun št. 51116"),
        ("51116", "račun DDV št. 51116"),
        ("51116", "faktura číslo 51116"),
        ("51116", "faktura DPH č. 51116"),
        ("INV-2026-04996", "invoice no 4996 / 2026"),
        ("INV-2026-04996", "invoice no 4996 /2026"),
        ("INV-2026-09007", "FV 9007/11/2026"),
        ("INV-2026-09007", "FV 9007/2026"),
        ("INV-2026-07330", "Inv2607330"),
        ("INV-2026-07330", "Inv 2607330"),
        ("78612", "quittance 78612"),
        ("63589", "ricevuta 63589"),
        ("63589", "recibo nº 63589"),
        ("67364", "накладная 67364"),
        ("65697", "bon 65697"),
        ("INV-76906", "INV-7690612NOV"),
        ("INV-76906", "INV-769062NOV2026"),
    ] {
        let mut desk = Desk::with_customers(Policy::default());
        desk.invoice(id, "A", "100");
        desk.invoice("XK-900001", "B", "100");
        desk.receive(credit_saying("1", "100", &[text]));
        let foreign = desk.pays("1").iter().any(|part| part.starts_with("XK"));
        let good = desk.suggested("1").first() == Some(&id) || !desk.pays("1").is_empty();
        missed.extend((!good || foreign).then_some((id, text)));
    }
    assert!(missed.is_empty(), "{}: {missed:#?}", missed.len());
}

/// A few digits alone are a number in the end-to-end id as well.
#[test]
fn few_digits_in_the_end_to_end_id_are_suggested() {
    for digits in ["76232", "4711", "00076232"] {
        let mut desk = Desk::with_customers(Policy::default());
        let id = digits.trim_start_matches('0');
        desk.invoice(id, "A", "100");
        desk.invoice("XK-900001", "B", "100");
        let bank = BankTransaction {
            end_to_end_id: Some(digits.to_owned()),
            ..credit_saying("1", "100", &["topup"])
        };
        desk.receive(bank);
        assert_eq!((desk.pays("1").len(), desk.suggested("1")), (0, vec![id]), "{digits}");
    }
}
