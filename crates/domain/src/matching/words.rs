//! What the words around a number say that it is: an invoice's, or a house, an account, a contract,
//! a telephone. Words are compared in upper case and without accents.

use std::borrow::Cow;
use std::sync::LazyLock;

use foldhash::HashSet;
use unicode_normalization::UnicodeNormalization as _;

use super::fold::{is_beside_numbers, last_letters};

pub(super) mod behind;

/// What says of a number that it is an invoice's.
const INVOICE: &str = "INV INVS INVOICE INVOICES BILL RECHNUNG RECHNUNGEN RECHNUNGS \
    RECHNR RECHN RNR FACTURE \
    FACTURES FACTURA FACTURAS FATTURA FATTURE FACTUUR FACTUREN FAKTURA KID VS VARSYMBOL VARSYM \
    VARIABILNI VARIABILNY FATURA FATURAS FAKTUR FAKTURY FACT FACTURANR FACTURENR FACTUURNR \
    FACTUURNUMMER FACTUURNUM FAKTURANR FAKTURANUMMER FAKTURNR RECHNUNGSNR RECHNUNGSNUMMER \
    REGNING REGNINGSNR LASKU LASKUN LASKUNRO LASKUNUMERO FAKTURU INVOIS TAGIHAN ΤΙΜΟΛΟΓΙΟ \
    ΤΙΜΟΛΟΓΙΟΥ ФАКТУРА ФАКТУРЫ ФАКТУРЕ فاتورة الفاتورة חשבונית";
/// Those that mean an account as well, behind some words.
const AMBIGUOUS: &str = "СЧЕТ СЧЕТУ СЧЕТА РАХУНОК РАХУНКУ RACUN RACUNU SZAMLA RG";
/// Those that mean an invoice only with a word for a number behind them: `RG` is a person in
/// Brazil, and `Re:` begins any letter; `var. symbol`.
const SHORT: &str = "RG RE VAR";
const SHORT_NUMBER: [&str; 4] = ["NR", "NUMMER", "NRN", "SYMBOL"];
/// Behind these they mean an account.
const ACCOUNT_SENSE: &str = "ЛИЦЕВОИ ЛИЦЕВОГО ЛИЦЕВОМУ ЛИЦ РАСЧЕТНЫИ РАСЧЕТНОГО \
    РАСЧЕТНОМУ РАСЧ БАНКОВСКИИ БАНКОВСКОГО ТЕКУЩИИ ТЕКУЩЕГО ЛИЧНЫИ НА СО С НОМЕР ОСОБОВИИ \
    ОСОБОВОГО ОСОБОВОМУ БАНКІВСЬКИИ ZIRO TEKUCI NA SA BANKOVNI BANK FOLYO";
/// The words for an invoice in scripts that have no spaces between words.
const INVOICE_BESIDE: &str = "請求書 請求書番号 请求书 發票 发票 発票 发票号 發票號 \
    ใบแจ้งหนี้ ใบกำกับภาษี 청구서 세금계산서 インボイス 帳單 账单";

/// What says that a number follows.
const NUMBER: &str = "NO NOS NR NRS NRO NUM NUMS NUMBER NUMBERS NUMMER NUMERO NUMER \
    NUMERI BROJ \
    CISLO STEVILKA \
     番号 رقم";
/// What stands between a number and the word that says what it is.
const FILLERS: &str = "N C ID IDS CODE CODIGO CODICE KOD KODE REF REFERENCE ENDING DE \
    DU \
    DES DEL DELLA DI DA DO OF THE LE LA LES EL IS REG REGISTRATION YOUR MY OUR VOTRE NOTRE IHRE \
    IHR UNSERE UNSER SU TU SYMBOL SYMB SYM NOMOR NOM NUMBE NUMARASI KENNUNG НОМЕР НОМЕРУ מספר מס";
const NUMBER_BESIDE: &str = "番号 番號 編號 编号 号码 號碼 号 號 第 번호 NO. NO เลขที่ หมายเลข رقم";

/// Behind these, words for a tax say what kind of invoice it is: `Faktura VAT nr 71014`; and `st.`
/// is a number.
const SLAVIC_INVOICE: &str =
    "FAKTURA FAKTURY FAKTURE FAKTURU FAKT F FV RACUN RACUNA RACUNU PREDRACUN RACHUNEK RACHUNKU";
const TAXES: [&str; 5] = ["VAT", "DPH", "DDV", "PDV", "ST"];
/// Symbols of Czech and Slovak payments that are no number of an invoice, beside a variable symbol.
const SYMBOLS: [&str; 2] = ["KS", "SS"];
/// Papers that some call a bill: the number is looked for, and proves nothing.
const PAPER: &str = "RECEIPT QUITTUNG QUITTUNGS QUITTUNGSNR RECU QUITTANCE RECIBO \
    RICEVUTA BON BONNR KASSABON KVITTO KVITTERING KUITTI PARAGON MAKBUZ FIS STRUK RESIT ЧЕК ЧЕКА \
    ЧЕКУ КВИТАНЦИЯ КВИТАНЦИИ НАКЛАДНАЯ НАКЛАДНОИ АКТ АКТУ АКТА";

/// What says of the number behind it that it is something else.
const OTHER: &[&str] = &[
    // Telephones, cards, accounts, banks' own numbers.
    "TEL TELEPHONE PHONE MOBILE MOB HP HANDPHONE CELL FAX WHATSAPP CALL CONTACT MSISDN SMS CARD \
     PAN VISA MASTERCARD AMEX ACC ACCT ACCOUNT ACCNO ACCTNO KONTO KTO IBAN BIC SWIFT BLZ BSB SORT \
     IFSC ROUTING ABA CLABE UTR RRN ARN UETR STAN TRACE TXN TXNID TRN TRX TRANSACTION AUTH \
     AUTHORISATION AUTHORIZATION APPROVAL APPR IMPS NEFT RTGS UPI EREF KREF MREF MANDATE MANDAT \
     MANDATSREFERENZ TERMINAL TERM TID MID POS BATCH MERCHANT CHEQUE CHQ CHECK",
    "TELEFON TELEFONO TELEFONE TELEFOON TELEFOONNR TELEFOONNUMMER TELEFONNR TELEFONNUMMER HANDY \
     HANDYNR MOBIL MOBILNR PORTABLE MOVIL CELULAR CELLULARE TELEMOVEL MOBIEL TLF TLFNR PUHELIN \
     PUH TELEPON GSM TELEFAX ТЕЛ ТЕЛЕФОН ТЕЛЕФОНА ТЕЛЕФОНУ МОБ ΤΗΛ ΤΗΛΕΦΩΝΟ هاتف الهاتف جوال \
     טלפון נייד SDT",
    "KONTONR KONTONUMMER KTONR COMPTE CUENTA CTA CONTA CONTO REKENING REKENINGNR REKENINGNUMMER \
     TILI TILINRO TILINUMERO KONTA RACHUNEK RACHUNKU UCET UCTU HESAP AKAUN NASABAH STK REK \
     BANKSZAMLA ΛΟΓΑΡΙΑΣΜΟΣ ΛΟΓΑΡΙΑΣΜΟΥ حساب الحساب חשבון КАРТА КАРТЫ КАРТЕ КАРТУ",
    // People and companies.
    "CUSTOMER CUST CUSTNO CUSTID CLIENT SUBSCRIBER MEMBER MEMBERSHIP PATIENT STUDENT EMPLOYEE \
     STAFF USER USERID LOGIN PASSPORT NRIC FIN UEN VAT GST TAX TIN EIN SSN ABN ACN CRN COMPANY \
     LICENCE LICENSE KONSTANTNI KONSTANTNY SPECIFICKY KONSTSYMBOL SPECSYMBOL",
    "KUNDE KUNDEN KUNDENNR KUNDENNUMMER KUNDENKONTO KDNR KD MITGLIED MITGLIEDS MITGLIEDSNR \
     MITGLIEDSNUMMER MITGLNR DEBITOR DEBITOREN DEBITORENNR DEBITORENNUMMER DEBITORNR TEILNEHMER \
     TEILNEHMERNR STEUER STEUERNR STEUERNUMMER STNR ST USTID USTIDNR UST HRB AUSWEIS AUSWEISNR \
     PERSONALNR PERSONALNUMMER MATRIKEL MATRIKELNR MATRIKELNUMMER GLAUBIGER",
    "CLIENTE CLIENTES ABONNE ABONNEMENT ADHERENT SIRET SIREN TVA SECU SOCIO ABONADO NIF CIF NIE \
     DNI RUC RUT RFC CUIT CURP NIT CONTRIBUINTE CPF CNPJ PIVA IVA TESSERA UTENZA UTENTE \
     KLANT KLANTNR KLANTNUMMER DEBITEUR DEBITEURNR DEBITEURENNR LIDNR LIDNUMMER LIDMAATSCHAP BSN \
     KVK BTW",
    "KUND KUNDNR KUNDNUMMER KUNDENUMMER KUNDENR MEDLEM MEDLEMS MEDLEMSNR MEDLEMSNUMMER PERSONNR \
     PERSONNUMMER ORGNR CVR CPR ASIAKAS ASIAKASNRO ASIAKASNUMERO JASEN JASENNRO YTUNNUS KLIENT \
     KLIENTA NIP PESEL REGON ZAKAZNIK ZAKAZNIKA ICO DIC UGYFEL UGYFELSZAM ADOSZAM MUSTERI ABONE \
     TESISAT TC TCKN VERGI VKN PELANGGAN NPWP NIK KTP PELAJAR HANG MST CMND CCCD",
    "КЛИЕНТ КЛИЕНТА КЛИЕНТУ АБОНЕНТ АБОНЕНТА ИНН КПП СНИЛС ОГРН БИК ПАСПОРТ КЛІЄНТ КЛІЄНТА \
     ЄДРПОУ ΠΕΛΑΤΗ ΠΕΛΑΤΗΣ ΑΦΜ عميل العميل לקוח",
    // Contracts, meters, papers.
    "CONTRACT POLICY AGREEMENT METER QUOTE QUOTATION DELIVERY VOUCHER COUPON TICKET \
     BOOKING RESERVATION CASE CLAIM VEHICLE PLATE CAR LORRY VEH SERIAL IMEI SIM ICCID PIN",
    "VERTRAG VERTRAGS VERTRAGSNR VERTRAGSNUMMER VERTRAGSKONTO VERSICHERUNG VERSICHERUNGS \
     VERSICHERUNGSNR VERSICHERUNGSNUMMER VERSICHERUNGSSCHEIN POLICE POLICEN POLICENNR VSNR \
     ZAHLER ZAHLERNR ZAHLERNUMMER ZAEHLER ZAEHLERNR ZAEHLERNUMMER LIEFERSCHEIN LIEFERSCHEINNR \
     ANGEBOT ANGEBOTSNR GUTSCHRIFT GUTSCHRIFTSNR GUTSCHEIN GUTSCHEINNR KENNZEICHEN \
     AKTENZEICHEN FAHRZEUG",
    "CONTRAT COMPTEUR LIVRAISON DEVIS AVOIR DOSSIER IMMATRICULATION PLAQUE BILLET \
     CONTRATO POLIZA CONTADOR MEDIDOR ALBARAN PRESUPUESTO MATRICULA PLACA TIQUE APOLICE \
     CONTRATTO POLIZZA CONTATORE DDT PREVENTIVO TARGA PRATICA BIGLIETTO \
     CONTRACTNR CONTRACTNUMMER POLIS POLISNR POLISNUMMER PAKBON OFFERTE KENTEKEN METERNR \
     METERSTAND DOSSIERNR ",
    "AVTAL AVTALS AVTALSNR AVTALE AVTALENR AFTALE AFTALENR FORSIKRING POLISENR MALER MALERNR \
     MATARE REGNR SOPIMUS SOPIMUSNRO MITTARI UMOWA UMOWY POLISA LICZNIK \
     LICZNIKA SMLOUVA SMLOUVY ELEKTROMER SZERZODES MERO SOZLESME PLAKA SAYAC \
     KONTRAK METERAN TIKET PLAT NOPOL KENDERAAN KENDARAAN DONG",
    "ДОГОВОР ДОГОВОРА ДОГОВОРУ ДОГ ПОЛИС ПОЛИСА \
     СЧЕТЧИК СЧЕТЧИКА ГОСНОМЕР ДОГОВІР ДОГОВОРОМ ЛІЧИЛЬНИК ΣΥΜΒΟΛΑΙΟ عقد \
     العقد חוזה",
    // Where somebody lives.
    "POSTAL POSTCODE ZIP PLZ BLK BLOCK UNIT APT APARTMENT ROOM RM SUITE STE FLAT FLOOR FLR LEVEL \
     LVL LOT HOUSE HSE BUILDING BLDG TOWER STOREY BOX POBOX POB STREET ROAD AVENUE LANE HDB DOOR",
    "POSTFACH HAUSNR HAUSNUMMER HAUS HNR WOHNUNG WOHNUNGSNR WHG ZIMMER STOCK ETAGE STR WEG PLATZ \
     ALLEE BP BOITE POSTALE APPARTEMENT APPT CHAMBRE BATIMENT BAT ESCALIER PORTE LOGEMENT CEDEX \
     RUE BOULEVARD CHEMIN CALLE AVENIDA AVDA PLAZA PISO PUERTA DPTO DEPARTAMENTO APARTADO CASILLA \
     RUA TRAVESSA ANDAR SALA LOJA CAIXA VIA VIALE PIAZZA CORSO VICOLO PIANO INTERNO SCALA CASELLA",
    "HUISNR HUISNUMMER LAAN KADE GRACHT PLEIN VERDIEPING KAMER POSTBUS GATA GATAN GATE VEI VEIEN \
     VEJ LEILIGHET LEJLIGHED LAGENHET LGH BOLIG BOKS ASUNTO KATU UL ULICA MIESZKANIE MIESZK LOKAL \
     ULICE BYT UTCA EMELET AJTO CADDE SOKAK DAIRE KAT JALAN JLN LORONG LRG LANTAI BILIK RUMAH \
     DUONG PHONG УЛ УЛИЦА ДОМ ДОМА Д КВ КВАРТИРА ОФИС ОФ КОМНАТА ЭТАЖ ИНДЕКС ВУЛ БУДИНОК ΟΔΟΣ \
     شارع شقة רחוב דירה",
];
/// The same in scripts that have no spaces between words.
const OTHER_BESIDE: &str = "客户 客戶 会员 會員 会員 用户 用戶 账号 帳號 帐号 账户 帳戶 \
    卡号 卡號 电话 電話 手机 手機 合同 保单 保單 房间 房 房号 房號 车牌 車牌 学号 學號 身份证 身份證 \
    税号 稅號 邮编 郵編 收据 收據 凭证 憑證 门牌 門牌 单元 電錶 电表 顧客 お客様 お客さま 口座 契約 \
    伝票 領収書 领收书 領収証 携帯 部屋 住所 郵便 車両 証券 고객 회원 계좌 전화 휴대폰 계약 영수증 \
    차량 우편 사업자 ลูกค้า บัญชี โทร โทรศัพท์ สัญญา ใบเสร็จ ห้อง บ้าน ถนน ซอย الحساب العميل";
/// What stands behind the number of a house.
const OTHER_BESIDE_AFTER: &str =
    "号 號 番地 番 丁目 室 楼 樓 弄 栋 棟 巷 路 层 階 호 동 층 번지 % км КМ";
/// Names of streets end with them, or begin.
const STREETS: &str = "ROAD RD STREET AVENUE AVE LANE DRIVE CRESCENT CRES CLOSE WALK \
    SQUARE BOULEVARD BLVD HIGHWAY HWY TERRACE COURT PARKWAY GROVE GARDENS RUE CALLE RUA VIA JALAN \
    JLN LORONG TOA STRASSE STR STRAAT GATAN CADDESI SOKAK УЛ УЛИЦА GEYLANG SINGAPORE";
const STREET_ENDS: &str =
    "STRASSE STRAßE STRASZE HAUPTSTR STRAAT GASSE GATAN VAGEN VEIEN VEGEN LAAN DREEF";
/// How much of something it is.
const UNITS: &str = "KM KG KWH MWH MB GB TB MIN MINS MINUTES MINUTEN SMS POINTS PTS \
    PCS PIECES STK STUCK LITRES LITERS LITER LTR UNITS DAYS HOURS PERCENT MILES CREDITS";

/// Words between a number and the one that says what it is.
const WORDS_MAX: usize = 6;
/// Bytes between two of them.
const GAP_MAX: usize = 3;
/// Words of a street's name, and letters of a short one.
const STREET_MAX: usize = 4;
/// Letters that a token may begin with, and still be a number of something else.
const LETTERS_MAX: usize = 1;

type Set = LazyLock<HashSet<&'static str>>;

fn set(tables: &[&'static str]) -> HashSet<&'static str> {
    tables.iter().flat_map(|table| table.split_whitespace()).collect()
}

static INVOICES: Set = LazyLock::new(|| set(&[INVOICE, AMBIGUOUS]));
static AMBIGUOUS_WORDS: Set = LazyLock::new(|| set(&[AMBIGUOUS]));
static NUMBERS: Set = LazyLock::new(|| set(&[NUMBER]));
static PASSED: Set = LazyLock::new(|| set(&[NUMBER, FILLERS]));
static OTHERS: Set = LazyLock::new(|| set(OTHER));
static PAPERS: Set = LazyLock::new(|| set(&[PAPER]));
static ACCOUNTS: Set = LazyLock::new(|| set(&[ACCOUNT_SENSE]));
static ROADS: Set = LazyLock::new(|| set(&[STREETS]));
static AMOUNTS_OF: Set = LazyLock::new(|| set(&[UNITS]));

/// What the words before a number say of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    Nothing,
    /// An invoice's.
    Invoice,
    /// Something else's.
    Other,
}

/// A word without the accents of Latin, Greek and Cyrillic letters.
fn plain(word: &str) -> Cow<'_, str> {
    if word.is_ascii() {
        return Cow::Borrowed(word);
    }
    let mark = |c: char| matches!(u32::from(c), 0x300..=0x36f);
    Cow::Owned(word.nfd().filter(|c| !mark(*c)).nfc().collect())
}

/// `INVOICE`, `请求书`; also right behind other letters where words have no spaces.
pub(super) fn is_invoice_word(word: &str) -> bool {
    INVOICES.contains(plain(word).as_ref()) || beside(word, INVOICE_BESIDE)
}

/// `NO`, `NR`: what follows is a number.
pub(super) fn is_number_word(word: &str) -> bool {
    NUMBERS.contains(plain(word).as_ref())
}

/// Whether it ends with one of the words, in a script that has no spaces between words.
fn beside(head: &str, table: &str) -> bool {
    let last = head.chars().next_back();
    last.is_some_and(is_beside_numbers) && table.split_whitespace().any(|w| head.ends_with(w))
}

/// What the words right before `from` say of the number there.
pub(super) fn said_before(line: &str, from: usize) -> Said {
    let head = line.get(..from).unwrap_or_default();
    if let Some(said) = said_beside(head) {
        return said;
    }
    let mut head = head;
    // The word behind the one that is looked at.
    let mut behind = String::new();
    for _ in 0..WORDS_MAX {
        let (before, word) = last_letters(head, GAP_MAX);
        let word = plain(word);
        let word = word.as_ref();
        if word.is_empty() {
            break;
        }
        // `INV#S`
        if word == "S" && before.ends_with('#') {
            head = before;
            continue;
        }
        // `A/C`, `Л/С`: one letter behind a slash.
        if matches!(word, "C" | "С") && before.ends_with('/') {
            return Said::Other;
        }
        // `VS 2026001 KS 0308 SS 1`: the other symbols of one payment.
        if SYMBOLS.contains(&word) && has_variable_symbol(line) {
            return Said::Other;
        }
        // `FAKTURA VAT NR`, `F-VAT`, `RACUN ST.`: the kind of the invoice, or a word for a number.
        if TAXES.contains(&word) && is_slavic_invoice(before) {
            return Said::Invoice;
        }
        if PAPERS.contains(word) {
            return Said::Nothing;
        }
        if OTHERS.contains(word) || STREET_ENDS.split_whitespace().any(|end| word.ends_with(end)) {
            return Said::Other;
        }
        if SHORT.split_whitespace().any(|short| short == word) {
            let numbered = SHORT_NUMBER.contains(&behind.as_str());
            return if numbered { Said::Invoice } else { Said::Nothing };
        }
        if INVOICES.contains(word) {
            return invoice_or_account(before, word);
        }
        if !PASSED.contains(word) {
            break;
        }
        if let Some(said) = said_beside(before) {
            return said;
        }
        word.clone_into(&mut behind);
        head = before;
    }
    Said::Nothing
}

/// Whether a line has a variable symbol in it, as Czech and Slovak banks write it: `VS2026001`.
fn has_variable_symbol(line: &str) -> bool {
    line.match_indices("VS").any(|(at, name)| {
        let (head, tail) = (line.get(..at), line.get(at.saturating_add(name.len())..));
        let begins = head.is_some_and(|head| !head.ends_with(|c: char| c.is_alphanumeric()));
        let tail = tail.unwrap_or_default().trim_start_matches([' ', ':', '.', '-', '/']);
        begins && tail.starts_with(|c: char| c.is_ascii_digit())
    })
}

/// `VS 2026001 KS 0308`: what is behind is another symbol, with its own number.
pub(super) fn is_symbol_behind(line: &str, at: (usize, usize)) -> bool {
    let tail = line.get(at.1..).unwrap_or_default().trim_start_matches([' ', '/', ',', ';']);
    let numbered = |rest: &str| {
        let rest = rest.trim_start_matches([' ', ':', '.', '-']);
        rest.starts_with(|c: char| c.is_ascii_digit())
    };
    has_variable_symbol(line)
        && SYMBOLS.iter().any(|name| tail.strip_prefix(name).is_some_and(numbered))
}

/// `FAKTURA` and its like stand right before.
fn is_slavic_invoice(before: &str) -> bool {
    let (earlier, word) = last_letters(before, GAP_MAX);
    // `RACUN DDV ST.`
    let word = plain(if TAXES.contains(&word) { last_letters(earlier, GAP_MAX).1 } else { word });
    SLAVIC_INVOICE.split_whitespace().any(|known| known == word.as_ref())
}

/// The words for an invoice that mean an account as well do so behind some others.
fn invoice_or_account(before: &str, word: &str) -> Said {
    if !AMBIGUOUS_WORDS.contains(word) {
        return Said::Invoice;
    }
    let earlier = plain(last_letters(before, GAP_MAX).1).into_owned();
    if ACCOUNTS.contains(earlier.as_str()) { Said::Other } else { Said::Invoice }
}

/// The same in scripts that have no spaces between words: `请求书第4711号`, `お客様番号 4711`.
fn said_beside(head: &str) -> Option<Said> {
    let mark = |c: char| matches!(c, ' ' | ':' | '.' | '#' | '(' | '-' | '、' | '・' | '「' | '第');
    let mut head = head.trim_end_matches(mark);
    if !head.chars().next_back().is_some_and(is_beside_numbers) {
        return None;
    }
    for number in NUMBER_BESIDE.split_whitespace().chain(NUMBER_BESIDE.split_whitespace()) {
        if let Some(shorter) = head.strip_suffix(number) {
            let shorter = shorter.trim_end_matches(mark);
            if !shorter.is_empty() && !beside(head, OTHER_BESIDE) && !beside(head, INVOICE_BESIDE) {
                head = shorter;
            }
        }
    }
    let ends = |table: &str| table.split_whitespace().any(|word| head.ends_with(word));
    if ends(INVOICE_BESIDE) {
        Some(Said::Invoice)
    } else {
        ends(OTHER_BESIDE).then_some(Said::Other)
    }
}

/// Whether what stands behind `to` says that the number is a house, or how much of something.
pub(super) fn is_other_after(line: &str, to: usize) -> bool {
    let tail = line.get(to..).unwrap_or_default();
    let beside = OTHER_BESIDE_AFTER.split_whitespace();
    if beside.into_iter().any(|word| tail.trim_start_matches(' ').starts_with(word)) {
        return true;
    }
    let mut rest = tail;
    for place in 0..STREET_MAX {
        let skipped = rest.trim_start_matches([' ', ',', '.']);
        let end = skipped.find(|c: char| !c.is_alphabetic()).unwrap_or(skipped.len());
        let (word, after) = skipped.split_at(end);
        if word.is_empty() || rest.len() == skipped.len() {
            return false;
        }
        let word = plain(word);
        let street = |end: &str| word.len() > end.len() && word.ends_with(end);
        let road = ROADS.contains(word.as_ref()) || STREET_ENDS.split_whitespace().any(street);
        if road || place == 0 && AMOUNTS_OF.contains(word.as_ref()) {
            return true;
        }
        if INVOICES.contains(word.as_ref()) || PASSED.contains(word.as_ref()) && word != "DE" {
            return false;
        }
        rest = after;
    }
    false
}

/// The letters, digits and marks without spaces that the run is part of, if they may be a number
/// of something else as a whole: `12A-34`, `A-123`; not `INV-71014`.
pub(super) fn token(line: &str, from: usize, to: usize) -> (usize, usize) {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '/' | '_' | '#');
    let head = line.get(..from).unwrap_or_default();
    let begins = head.trim_end_matches(part).len();
    let tail = line.get(to..).unwrap_or_default();
    let ends = to + (tail.len() - tail.trim_start_matches(part).len());
    let text = line.get(begins..from).unwrap_or_default();
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    if letters > LETTERS_MAX { (from, to) } else { (begins, ends) }
}

/// `1234A`, `1012AB`, `S1234567D`, `SGX1234A`: houses, postal codes, people and cars.
pub(super) fn is_like_a_house(text: &str) -> bool {
    let plain: Vec<u8> = text.bytes().filter(u8::is_ascii_alphanumeric).collect();
    let letter = u8::is_ascii_alphabetic;
    let head = plain.iter().take_while(|byte| letter(byte)).count();
    let tail = plain.iter().rev().take_while(|byte| letter(byte)).count();
    let inner = plain.get(head..plain.len().saturating_sub(tail)).unwrap_or_default();
    let digits = !inner.is_empty() && inner.iter().all(u8::is_ascii_digit);
    digits && (1..=2).contains(&tail) && head <= 3
}

/// What stands for an amount before or after digits, beside the codes of currencies.
const MONEY_WORDS: [&str; 12] =
    ["RM", "RP", "RS", "KR", "FR", "EURO", "EUROS", "DOLLAR", "DOLLARS", "AMT", "AMOUNT", "SUM"];

/// What stands for money beside digits, wherever it stands: codes of currencies, and a few words.
pub(super) fn is_money(word: &str) -> bool {
    MONEY_WORDS.contains(&word) || crate::money::Currency::parse(word).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_as_they_are_plain() {
        for table in [INVOICE, AMBIGUOUS, NUMBER, FILLERS, ACCOUNT_SENSE, STREETS, UNITS] {
            for word in table.split_whitespace().chain(OTHER.iter().flat_map(|t| t.split(' '))) {
                assert_eq!(plain(word), word);
            }
        }
        let both = INVOICES.iter().filter(|word| OTHERS.contains(*word));
        assert_eq!(both.count(), 0);
    }

    #[test]
    fn the_nearest_word_that_says_something_counts() {
        for (head, said) in [
            ("INVOICE ", Said::Invoice),
            ("INVOICE NO. ", Said::Invoice),
            ("N° DE FACTURE : ", Said::Invoice),
            ("INVOICE CUSTOMER NO. ", Said::Other),
            ("CUSTOMER INVOICE NO. ", Said::Invoice),
            ("MY CUSTOMER NUMBER IS ", Said::Other),
            ("NO. ", Said::Nothing),
            ("TOPUP NO. ", Said::Nothing),
            ("RG ", Said::Nothing),
            ("RG-NR. ", Said::Invoice),
            ("RE-NR. ", Said::Invoice),
            ("RE: NO. ", Said::Nothing),
            ("ЛИЦЕВОЙ СЧЁТ NO. ", Said::Other),
            ("СЧЁТ NO. ", Said::Invoice),
            ("A/C NO ", Said::Other),
            ("请求书第", Said::Invoice),
            ("お客様番号:", Said::Other),
            ("12 NO. ", Said::Nothing),
        ] {
            assert_eq!(said_before(&format!("{head}4711"), head.len()), said, "{head}");
        }
    }

    #[test]
    fn what_stands_behind_a_house_tells_of_it() {
        for (tail, house) in [
            (" ORCHARD ROAD", true),
            (", UPPER BUKIT TIMAH ROAD", true),
            (" RUE DE LA PAIX", true),
            ("号", true),
            (" KM", true),
            (" THANKS", false),
            (" INVOICE FOR ROAD WORK", false),
            ("", false),
        ] {
            assert_eq!(is_other_after(&format!("4711{tail}"), 4), house, "{tail}");
        }
    }

    #[test]
    fn houses_and_cars_have_letters_behind_their_digits() {
        for (text, like) in [
            ("1234A", true),
            ("1012AB", true),
            ("S1234567D", true),
            ("SGX1234A", true),
            ("201912345K", true),
            ("12-34A", true),
            ("INV-1001", false),
            ("A1B2C3", false),
            ("P18-1", false),
            ("ABCD1234A", false),
        ] {
            assert_eq!(is_like_a_house(text), like, "{text}");
        }
    }
}
