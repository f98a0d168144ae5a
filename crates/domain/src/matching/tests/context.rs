//! What the words around a number say of it: a house, an account, a contract, a ticket are no
//! invoices, and a stranger who writes such a number pays nobody's.

use proptest::prelude::*;

use crate::bank::BankTransaction;
use crate::matching::policy::Policy;
use crate::money::Money;
use crate::testkit::*;

/// Texts with a number that is no invoice's: `{}` stands for it.
#[rustfmt::skip]
const OTHERS: &[&str] = &[
    // Where somebody lives.
    "No. {} Orchard Road", "No {}, Jalan Besar", "NO.{} ORCHARD RD", "# {} Main Street", "#{}",
    "No. {}", "Nr. {}", "{} Upper Bukit Timah Road", "{}, Orchard Road Singapore", "Blk {} #05-12",
    "Block {} Toa Payoh", "Apt {}", "Apt. #{}", "Unit {}", "Unit No. {}", "Unit #{}", "#05-{}",
    "Room {}", "Rm {}", "Suite {}", "Flat {}", "Floor {}", "Level {}", "Lot {}", "House {}",
    "House No. {}", "Lorong {} Geylang", "P.O. Box {}", "PO BOX {}", "POB {}", "Postfach {}",
    "Hausnr. {}", "Hausnummer {}", "Haus Nr. {}", "Hauptstr. {}", "Hauptstraße {}", "Am Weg {}",
    "Wohnung {}", "Whg. Nr. {}", "Zimmer {}", "{} Rue de la Paix", "{}, rue Lafayette",
    "{} bis rue Monge", "{} avenue Foch", "appartement {}", "Appt {}", "chambre {}", "BP {}",
    "boîte postale {}", "bâtiment {}", "Calle Mayor {}", "Calle Mayor nº {}", "Avda. Sol núm. {}",
    "piso {}", "apartado {}", "Via Roma {}", "Via Roma n. {}", "Viale Europa, {}", "casella {}",
    "Rua Augusta {}", "Rua Augusta, nº {}", "sala {}", "Kerkstraat {}", "Dorpsstraat nr {}",
    "huisnr {}", "huisnummer: {}", "kamer {}", "postbus {}", "Storgatan {}", "Karl Johans gate {}",
    "ul. Długa {}", "mieszkanie {}", "ул. Ленина {}", "дом {}", "д. {}", "кв. {}", "офис № {}",
    "вул. Садова {}", "{}号", "中山路{}号", "门牌{}号", "{}号楼", "{}室", "房号{}", "第{}号",
    "1丁目{}番地", "{}番地", "部屋{}", "{}호", "{}동", "{}번지", "Jalan Merdeka No. {}", "Sokak No: {}",
    "Daire {}", "บ้านเลขที่ {}", "ห้อง {}",
    // Who somebody is, and by which contract.
    "Customer no. {}", "Customer {}", "Customer number: {}", "Customer ID {}", "cust. no. {}",
    "Cust ref no {}", "Client {}", "client no. {}", "my customer number is {}", "Member No. {}",
    "Membership {}", "Subscriber {}", "Student ID: {}", "Staff no {}", "Patient {}", "user {}",
    "Account {}", "A/C {}", "A/C No. {}", "acct #{}", "Acc No: {}", "account number {}", "Card {}",
    "Kundennr. {}", "Kunden-Nr. {}", "Kundennummer: {}", "Kd.-Nr. {}", "KdNr {}", "Kunde {}",
    "Kontonr. {}", "Mitgliedsnr. {}", "Debitor {}", "Vertragsnr. {}", "Vertrags-Nr.: {}",
    "Versicherungsnr. {}", "Policen-Nr. {}", "n° client {}", "Client n° {}", "numéro de client {}",
    "N° de contrat : {}", "contrat n° {}", "police n° {}", "compte n° {}", "abonné {}",
    "cliente n. {}", "codice cliente {}", "contratto {}", "polizza n. {}", "cliente nº {}",
    "{}úm. de cliente {}", "número de cuenta {}", "contrato nº {}", "póliza {}",
    "n.º de cliente {}",
    "apólice {}", "klantnr {}", "klantnummer: {}", "Klant nr. {}", "contractnr. {}",
    "polisnummer {}",
    "kundnr {}", "kundenummer {}", "kundenr. {}", "medlem nr {}", "asiakasnro {}", "sopimus {}",
    "nr klienta {}", "umowa nr {}", "zákazník č. {}", "ügyfélszám {}", "müşteri no {}",
    "abone no: {}",
    "no. pelanggan {}", "no. rekening {}", "No Akaun {}", "клиент № {}", "договор № {}",
    "по договору №{}", "лицевой счет {}", "Лицевой счёт № {}", "л/с {}", "р/с {}", "на счет {}",
    "номер клиента {}", "абонент {}", "особовий рахунок {}", "договір № {}", "žiro račun {}",
    "客户号{}", "客户编号：{}", "会員番号{}", "お客様番号 {}", "顧客番号：{}", "口座番号{}", "账号{}", "合同号{}",
    "契約番号{}", "고객번호 {}", "계좌번호 {}", "계약번호: {}", "رقم العميل {}", "رقم الحساب {}", "عقد رقم {}",
    "מספר לקוח {}", "ลูกค้าเลขที่ {}", "mã khách hàng {}",
    // Papers, things and machines.
    "Tel. {}", "tel no {}", "Phone: {}", "HP {}", "Mobile no. {}", "Tlf {}", "電話{}", "电话：{}",
    "тел. {}",
    "VAT no. {}", "VAT Reg No {}", "UEN {}", "GST Reg. No. {}", "Tax ID {}", "Steuernr. {}",
    "St.-Nr. {}", "TVA n° {}", "SIRET {}", "P.IVA {}", "NIF {}", "CPF {}", "RG {}", "NIP {}",
    "ИНН {}",
    "税号{}", "Order no. {}", "PO no. {}", "Bestellnr. {}", "commande n° {}", "pedido nº {}",
    "заказ № {}", "订单号{}",
];
/// More of them: what machines and desks print.
#[rustfmt::skip]
const PAPERS: &[&str] = &[
    "Policy no. {}", "Contract No {}", "Meter no. {}", "Meter {}", "Zählernr. {}",
    "Zählernummer {}",
    "compteur n° {}", "contatore {}", "licznik nr {}", "счетчик № {}", "Vehicle no. {}", "plate {}",
    "Car {}", "Kennzeichen {}", "kenteken {}", "targa {}", "车牌{}", "Voucher {}", "voucher no. {}",
    "Coupon {}", "Gutschein {}", "Ticket {}", "ticket no. {}", "ticket #{}", "Terminal {}",
    "TID {}",
    "Batch {}", "batch no. {}", "Auth {}", "auth code {}", "Approval no {}", "Trace no. {}",
    "Receipt {}", "receipt no. {}", "Quittung Nr. {}", "reçu n° {}", "recibo {}", "ricevuta n. {}",
    "kvitto {}", "чек № {}", "领收书{}", "{} km", "{} kWh", "{} points",
];
/// What means an invoice.
#[rustfmt::skip]
const INVOICES: &[&str] = &[
    "Invoice {}", "INVOICE NO. {}", "invoice number {}", "Invoice number: {}", "Inv {}",
    "inv. no. {}",
    "Inv #{}", "invoice #{}", "Invoice ref. {}", "bill no. {}", "Tax invoice {}", "Rechnung {}",
    "Rechnung Nr. {}", "Rechnungsnr. {}", "Rechnungs-Nr. {}", "Rechnungsnummer: {}", "Rg-Nr. {}",
    "RNr. {}", "Re.-Nr. {}", "facture {}", "facture n° {}", "facture nº {}", "numéro de facture {}",
    "n° de facture : {}", "factura {}", "factura núm. {}", "factura nº {}", "n.º de factura {}",
    "fattura {}", "fattura n. {}", "numero fattura {}", "fatura {}", "fatura nº {}", "factuur {}",
    "factuurnummer {}", "factuurnr. {}", "factuur nr {}", "faktura nr {}", "fakturanr. {}",
    "fakturanummer {}", "faktura č. {}", "lasku {}", "laskun numero {}", "лист-фактура {}",
    "счет № {}", "Оплата по счету № {}", "рахунок № {}", "τιμολόγιο {}", "فاتورة رقم {}", "请求书{}",
    "请求书第{}号", "请求书号码：{}", "請求書番号{}", "請求書 No. {}", "发票号{}", "發票號碼：{}", "faktur no. {}",
];

/// What a stranger's payment of exactly the amount pays, and what it suggests.
pub(super) fn stranger(id: &str, text: &str, code: &str) -> (Vec<String>, bool) {
    let mut desk = Desk::with_customers(Policy::default());
    desk.invoice(id, "A", "100");
    // The amount alone says nothing.
    desk.invoice("XK-900001", "B", "100");
    let mut bank = BankTransaction {
        debtor_name: Some("Somebody Else Pte Ltd".to_owned()),
        debtor_account: Some("SG60ELSE".to_owned()),
        ..credit_saying("1", "100", &[text])
    };
    if code != "SGD" {
        bank.amount = Money::from_micros(100_000_000, currency(code));
    }
    desk.receive(bank);
    let suggested = desk.suggested("1").contains(&id);
    (desk.pays("1"), suggested)
}

const NUMBERS: [&str; 7] = ["4711", "71014", "1234567", "0123", "2026-00013", "71014-2", "1234A"];

pub(super) fn filled(form: &str, number: &str) -> String {
    form.replacen("{}", number, 1)
}

#[test]
fn numbers_of_other_things_pay_nothing_for_a_stranger() {
    let mut wrong = Vec::new();
    for form in OTHERS.iter().chain(PAPERS) {
        for number in NUMBERS {
            let text = filled(form, number);
            let (paid, _) = stranger(number, &text, "SGD");
            wrong.extend((!paid.is_empty()).then_some(text));
        }
    }
    assert!(wrong.is_empty(), "{}: {wrong:#?}", wrong.len());
}

/// A word that means an invoice pays in whatever language, and what else it stands beside.
#[test]
fn a_word_that_means_an_invoice_says_what_the_number_is() {
    let mut missed = Vec::new();
    for form in INVOICES.iter() {
        for number in ["4711", "71014", "1234567", "1234A"] {
            let text = filled(form, number);
            missed.extend(stranger(number, &text, "SGD").0.is_empty().then_some(text));
        }
    }
    assert!(missed.is_empty(), "{}: {missed:#?}", missed.len());
}

/// What no word speaks for is shown to a person; what a word says is something else is not.
#[test]
fn a_number_without_a_word_is_suggested_and_a_house_is_not() {
    for text in ["71014", "No. 71014", "#71014", "topup 71014", "ref 71014", "order 71014"] {
        assert_eq!(stranger("71014", text, "SGD"), (Vec::new(), true), "{text}");
    }
    for text in
        ["No. 71014 Orchard Road", "Kundennr. 71014", "P.O. Box 71014", "71014号", "电话71014"]
    {
        assert_eq!(stranger("71014", text, "SGD"), (Vec::new(), false), "{text}");
    }
}

fn forms() -> impl Strategy<Value = String> {
    let all: Vec<&str> = OTHERS.iter().chain(PAPERS).copied().collect();
    let glue = prop_oneof![Just(" "), Just(", "), Just(" / "), Just("; "), Just(" - ")];
    let form = proptest::sample::select(all);
    (form.clone(), glue, form, 0..3_u8).prop_map(|(left, glue, right, side)| match side {
        0 => left.to_owned(),
        1 => format!("{left}{glue}{}", right.replace("{}", "12")),
        _ => format!("{}{glue}{left}", right.replace("{}", "12")),
    })
}

proptest! {
    /// Whatever the number and the world of ids: a stranger's text of other things pays nothing.
    #[test]
    fn no_number_of_something_else_pays_for_a_stranger(
        form in forms(), number in "[0-9]{4,9}|[0-9]{4}-[0-9]{3,5}|0[0-9]{4,6}|[0-9]{4,5}[A-Z]",
        code in prop_oneof![Just("SGD"), Just("EUR"), Just("NOK"), Just("BRL")], upper: bool,
    ) {
        let text = filled(&form, &number);
        let text = if upper { text.to_uppercase() } else { text };
        prop_assert_eq!(stranger(&number, &text, code).0, Vec::<String>::new(), "{}", text);
    }
}
