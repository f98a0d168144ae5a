//! What stands right behind a bare number decides as much as the word before it: behind INVOICE a
//! stranger writes prices, units, streets and towns as well.

use super::context::{filled, stranger};
use crate::bank::BankTransaction;
use crate::input::Command;
use crate::matching::policy::Policy;
use crate::testkit::*;

/// Money, as banks and people write it behind a number.
#[rustfmt::skip]
const MONEY: &[&str] = &[
    "发票{}元", "发票{}块", "請求書{}円", "請求書 {}円", "請求書 {} 円", "发票{}人民币", "发票 {} 人民币", "invoice {}元",
    "invoice {} 元", "invoice {}人民币", "invoice {}港币", "invoice {}美元", "请求书{}日元", "發票{}新台幣",
    "청구서 {}원", "invoice {}원", "invoice {}달러", "ใบแจ้งหนี้{}บาท", "invoice {}บาท", "invoice {} บาท",
    "счет {} руб", "счет {} руб.", "счет {} р.", "счёт № {} рублей", "счет {} р", "рахунок {} грн",
    "счет {} тенге", "счет {} долл.", "invoice {} zl", "invoice {} zł", "faktura {} zlotych",
    "invoice {} Ft", "számla {} forint", "invoice {} lei", "factura {} lei", "invoice {} TL",
    "fatura {} lira", "invoice {} bucks", "invoice {} quid", "invoice {} euro", "Rechnung {} Euro",
    "invoice {} euros", "invoice {} dollars", "invoice {} pounds", "invoice {} Rp", "invoice {} Rs",
    "invoice {} rupees", "invoice {} rupiah", "invoice {} ringgit", "invoice {} RM", "invoice {} ₹",
    "invoice {}₹", "invoice {} ₫", "invoice {}₫", "hóa đơn {} đồng", "faktur {} rupiah",
    "invoice {} kr", "faktura {} kronor", "faktura {} Kč", "faktura {} korun", "račun {} kn",
    "račun {} din", "фактура {} лв", "facture {} francs", "facture {} FCFA", "Rechnung {} Fr.",
    "Rechnung {}.-", "Rechnung {},-", "Rechnung {},--", "facture {}.—", "faktura {}:-", "bill {}/-",
    "invoice {} ₸", "invoice {}₴", "invoice {} ₦", "invoice {}₪", "invoice {} ₡", "invoice {} ₿",
    "فاتورة {} ريال", "فاتورة {} درهم", "חשבונית {} שקל", "חשבונית {} ₪", "fatura {} reais",
    "factura {} pesos", "factura {} soles", "invoice {} shillings", "invoice {} KSh",
    "bill {} taka",
    "invoice {} lakh", "invoice {} (元)", "invoice {} cents", "invoice {} SGD", "invoice {} JPY",
    "発票{}ドル", "invoice {} thousand", "τιμολόγιο {} ευρώ", "invoice {} yen", "invoice {} won",
];
/// How much of something it is.
#[rustfmt::skip]
const UNITS: &[&str] = &[
    "invoice {} calls", "invoice {} texts", "invoice {} months", "invoice {} minutes",
    "invoice {} sms", "invoice {} credits", "invoice {} GB", "发票{}分钟", "发票{}条", "发票{}日", "发票{}年",
    "发票 {} 条", "请求书{}个月", "請求書{}時間", "請求書{}通", "invoice {} users", "invoice {} seats",
    "invoice {} pax", "invoice {} points", "invoice {} x 3", "invoice {} @ 0.05", "invoice {} hrs",
    "invoice {} years", "Rechnung {} Anrufe", "Rechnung {} Stück", "Rechnung {} Tage",
    "facture {} appels", "facture {} jours", "facture {} mois", "factura {} llamadas",
    "factura {} días", "fattura {} giorni", "factuur {} stuks", "faktura {} szt",
    "faktura {} samtal",
    "счет {} минут", "счет {} шт.", "счет {} звонков", "청구서 {}건", "청구서 {}분", "ใบแจ้งหนี้{}นาที",
    "invoice {} kWh", "invoice {} litres", "invoice {} messages", "invoice {} units",
    "invoice {} m²",
    "invoice {}%", "invoice {} °C", "tagihan {} menit", "fatura {} dakika", "فاتورة {} دقيقة",
    "invoice {} licences", "invoice {} boxes", "invoice {} widgets", "invoice {} tickets",
];
/// Where somebody lives.
#[rustfmt::skip]
const PLACES: &[&str] = &[
    "invoice {} Main St", "invoice {} St", "invoice {} Main st.", "invoice {} Marina Way",
    "invoice {} Way", "invoice {} Orchard Link", "invoice {} Link", "invoice {} Raffles Place",
    "invoice {} Place", "invoice {} Hyde Park", "invoice {} Park", "invoice {} Lor 5",
    "invoice {} Lor", "invoice {} Close", "invoice {} May Way", "invoice {} The Link",
    "invoice {} East Coast Rd", "invoice {} Main Street", "invoice {} Bukit Timah",
    "Rechnung {} Berlin", "RECHNUNG {} BERLIN", "Rechnung {} Bad Homburg", "facture {} Paris",
    "facture {} Paris CEDEX", "factura {} Madrid", "fattura {} Roma", "factuur {} Amsterdam",
    "factuur {} XK Utrecht", "faktura {} Warszawa", "faktura {} Praha", "lasku {} Helsinki",
    "faktura {} Stockholm", "faktura {} Oslo", "счет {} Москва", "invoice {} SG", "invoice {} UK",
    "invoice {} Singapore", "invoice {} NY", "发票{}北京", "請求書{}東京", "청구서 {} 서울",
    "Rechnung {} Am Weg", "Rechnung {} An der Allee", "factura {} Calle Mayor",
];
/// What says nothing of the number before it.
#[rustfmt::skip]
const HARMLESS: &[&str] = &[
    "invoice {} thanks", "invoice {} thank you", "invoice {}, thanks", "invoice {}. Thanks",
    "invoice {} paid", "invoice {} please", "invoice {} payment", "invoice {} from ACME",
    "invoice {} for topup", "invoice {} and more", "invoice {} topup", "invoice {} top up",
    "invoice {} Nov", "invoice {} November 2026", "invoice {} dated 28/11/2026",
    "invoice {} dd 28.11",
    "invoice {} 28/11/2026", "invoice {} SGD 100.00", "invoice {} S$100.00", "invoice {} (ACME)",
    "invoice {} - ACME Trading", "invoice {} / ACME", "invoice {}; customer 55", "invoice {}!",
    "invoice {} customer no. 55", "Rechnung {} Kd.-Nr. 55", "Rechnung {} vom 28.11.2026",
    "Rechnung {} danke", "Rechnung {} und Dank", "Rechnung {} Kundennr. 55", "Rechnung {} MfG",
    "facture {} merci", "facture {} du 28/11/2026", "facture {} novembre", "factura {} gracias",
    "factura {} de noviembre", "factura {} y gracias", "fattura {} del 28/11/2026",
    "fattura {} grazie",
    "factuur {} bedankt", "faktura {} z dnia 28.11.2026", "faktura {} takk", "lasku {} kiitos",
    "счет {} от 28.11.2026", "счет № {} оплата", "счет {} спасибо", "счет {} НДС не облагается",
    "рахунок {} від 28.11.2026", "τιμολόγιο {} ευχαριστώ", "发票{}已付", "发票{}谢谢", "发票{}，谢谢",
    "请求书{} 日期2026年11月28日", "请求书{}付款", "請求書{}ありがとう", "請求書{}の支払", "청구서 {} 감사합니다",
    "청구서 {} 입금", "ใบแจ้งหนี้{}ค่ะ", "ใบแจ้งหนี้{}ขอบคุณ", "فاتورة {} شكرا", "חשבונית {} תודה",
    "fatura {} teşekkürler", "faktur {} terima kasih", "invoice {} tel 91234567",
    "invoice {} ref 7", "invoice {} in full", "SVWZ+RECHNUNG {} EREF+X1", "bill {} tq",
];
/// As long as a house, a postal code, a price.
const NUMBERS: [&str; 4] = ["4711", "81577", "048272", "365512"];

fn texts() -> impl Iterator<Item = &'static &'static str> {
    MONEY.iter().chain(UNITS).chain(PLACES)
}

#[test]
fn no_stranger_pays_a_price_a_unit_or_a_town_behind_the_word_invoice() {
    let mut wrong = Vec::new();
    for form in texts() {
        for number in NUMBERS {
            for text in [filled(form, number), filled(form, number).to_uppercase()] {
                let (paid, _) = stranger(number, &text, "SGD");
                wrong.extend((!paid.is_empty()).then_some(text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}

/// The letters of the id stand before it, and yet it is a price.
#[test]
fn a_price_behind_inv_is_no_number_with_its_letters() {
    let mut wrong = Vec::new();
    for form in MONEY.iter().chain(UNITS).filter(|form| form.starts_with("invoice {}")) {
        // A word that nobody knows may be a name, and the number has its letters.
        if form.contains("widgets") {
            continue;
        }
        for (id, number) in [("INV-81577", "81577"), ("INV-4711", "4711")] {
            for before in ["INV", "inv no."] {
                let text = filled(form, number).replace("invoice", before);
                let (paid, _) = stranger(id, &text, "SGD");
                wrong.extend((!paid.is_empty()).then_some(text));
            }
        }
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}

#[test]
fn what_says_nothing_of_the_number_keeps_it_paid() {
    let mut missed = Vec::new();
    for form in HARMLESS {
        for number in ["81577", "4711"] {
            for text in [filled(form, number), filled(form, number).to_uppercase()] {
                missed.extend(stranger(number, &text, "SGD").0.is_empty().then_some(text));
            }
        }
    }
    assert!(missed.is_empty(), "{}: {missed:#?}", missed.len());
}

/// A stranger's number is still shown to a person; who is known pays it, whatever is behind it.
#[test]
fn a_town_behind_it_leaves_a_suggestion_and_a_known_payer_pays() {
    for text in ["Rechnung 21641 Berlin", "invoice 21641 widgets", "invoice 21641 ACME Trading"] {
        assert_eq!(stranger("21641", text, "SGD"), (Vec::new(), true), "{text}");
        for payer in [None, Some("PAYERA")] {
            let mut desk = Desk::with_customers(Policy::default());
            desk.invoice("21641", "A", "100");
            desk.invoice("XK-900001", "B", "100");
            let mut named = upsert("A");
            named.name = "Acme Trading".to_owned();
            desk.apply(Command::UpsertAccount(named));
            let bank = BankTransaction {
                debtor_account: payer.map(str::to_owned),
                debtor_name: payer.is_none().then(|| "ACME TRADING PTE LTD".to_owned()),
                ..credit_saying("1", "100", &[text])
            };
            desk.receive(bank);
            assert_eq!(desk.pays("1"), ["21641 100.00 SGD"], "{text}");
        }
    }
}

/// A bank cut the text behind the number: the next line has the word.
#[test]
fn a_word_on_the_next_line_of_a_cut_text_counts() {
    for (next, paid) in [("Berlin", false), ("calls", false), ("元", false), ("thanks", true)] {
        let mut desk = Desk::with_customers(Policy::default());
        desk.invoice("21641", "A", "100");
        desk.receive(credit_saying("1", "100", &["payment for services Rechnung 21641", next]));
        assert_eq!(!desk.pays("1").is_empty(), paid, "{next}");
    }
}

/// The note says what is missing, not what is there.
#[test]
fn the_note_says_why_a_number_needs_a_witness() {
    for (id, text, note) in [
        ("INV-14801", "Invoice No: 14801", "leaves out letters"),
        ("14801", "Rechnung 14801 Berlin", "nothing right behind it"),
        ("14801", "topup 14801", "a word such as INVOICE"),
        ("INV-014801", "INV-14801", "other zeros"),
        ("FT-14801", "FT 14801", "not written as"),
    ] {
        let mut desk = Desk::with_customers(Policy::default());
        desk.invoice(id, "A", "100");
        desk.invoice("XK-900001", "B", "100");
        desk.receive(credit_saying("1", "100", &[text]));
        let notes = desk.decision("1").explanation.notes.join("; ");
        assert!(notes.contains(note), "{text}: {notes}");
    }
}
