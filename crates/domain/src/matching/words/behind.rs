//! What stands right behind a number: how much of something it is, a street, a town, or a word that
//! says nothing of it. A stranger's number with a word behind it that nobody knows proves nothing.

use std::sync::LazyLock;

use foldhash::HashSet;

use super::super::fold::is_beside_numbers;
use super::super::weak;
use crate::matching::words::{
    INVOICES, NUMBERS, OTHER_BESIDE_AFTER, OTHERS, STREETS, UNITS, is_money, plain, set,
};

type Set = LazyLock<HashSet<&'static str>>;

/// Names of money, as banks and people write them; the codes of currencies are known anyway.
const MONEY: &str = "EURO EUROS EUROA EUROJA EURA EUR EVRO EVRA CENT CENTS CENTIMES \
    CENTIMOS CENTESIMI DOLLAR DOLLARS DOLARES DOLAR DOLLARI DOLARA DOLARI DOLLARIT BUCK BUCKS \
    QUID QUIDS POUND POUNDS PFUND LIVRES LIBRAS STERLING PENCE PENNY PENNIES YEN YENS YUAN YUANS \
    RENMINBI RMB KUAI JIAO FEN WON BAHT BHAT SATANG RUPEE RUPEES RUPIEN RUPIAH RUPIA RP RS INRS \
    PAISA PAISE RINGGIT RM SEN PESO PESOS PISO PISOS CENTAVO CENTAVOS REAL REAIS FRANC FRANCS \
    FRANKEN FRANCHI FRANCOS FRANKS FR FRS SFR STUTZ RAPPEN KRONE KRONEN KRONER KRONA KRONOR KRON \
    KRONUR KR KRS ORE ØRE KORUNA KORUN KORUNY KC KCS ZLOTY ZLOTYS ZLOTYCH ZLOTE ZL ZŁ ZŁOTY \
    ZŁOTYCH ZŁOTE GROSZ GROSZY FORINT FORINTS FORINTOT FORINTTAL FT HUFS LEI LEU LEY BANI LEV \
    LEVA LV ЛЕВ ЛЕВА ЛЕВОВЕ ЛВ KUNA KUNE KUNAS DINAR DINARS DINARA DINARES DIN ДИН ДИНАРА ДИНАР \
    MARKA MARAKA DENAR DENARI ДЕН LEK LEKE LIRA LIRAS LIRASI LIRE TL KURUS ΕΥΡΩ ΛΕΠΤΑ РУБ РУБЛЬ \
    РУБЛЯ РУБЛЕИ РУБЛИ РУБЛЮ Р РУБЛЕ КОП КОПЕЕК КОПЕИКА КОПЕИКИ ГРН ГРИВНА ГРИВЕН ГРИВЕНЬ ГРИВНЯ \
    ГРИВНІ ГРИВНИ ТЕНГЕ ТГ СУМ СОМ СОМОНИ МАНАТ ДРАМ ЛАРИ ДОЛЛ ДОЛЛАР ДОЛЛАРОВ ДОЛЛАРА ДОЛАРІВ \
    ЕВРО ЄВРО ТЫС ТЫСЯЧ МЛН ТӨГРӨГ RUB RUBS RUBLE RUBLES ROUBLE ROUBLES RUBEL RUBLEI GRN UAH \
    HRYVNIA HRYVNIAS HRYVEN HRYVNYA TENGE SOM SOMS MANAT MANATS LARI DRAM TUGRIK TUGRIKS TOGROG \
    SHEKEL SHEKELS SHEKALIM NIS AGOROT DIRHAM DIRHAMS DHS DH DHM RIYAL RIYALS RIAL RIALS SR QR \
    FILS HALALA TOMAN TOMANS LE TAKA TK KYAT KYATS KS KIP KIPS RIEL RIELS DONG ĐONG Đ VNĐ RAND \
    RANDS NAIRA NAIRAS CEDI CEDIS SHILLING SHILLINGS SHS KSH KSHS TSH TSHS USH USHS BIRR KWACHA \
    PULA METICAL METICAIS KWANZA KWANZAS LEONE DALASI CFA FCFA COLON COLONES QUETZAL QUETZALES \
    LEMPIRA LEMPIRAS CORDOBA CORDOBAS BALBOA BALBOAS SOL SOLES BOLIVAR BOLIVARES BOLIVIANO \
    BOLIVIANOS BS GUARANI GUARANIES GS AFGHANI AFGHANIS VATU PAANGA TALA RUFIYAA NGULTRUM LOTI \
    MALOTI LILANGENI EMALANGENI NAKFA OUGUIYA ARIARY GOURDE GOURDES FLORIN FLORINS GULDEN \
    GUILDER GUILDERS PATACA PATACAS USDT USDC BITCOIN SATS GRAND MIO MLN MILLION MILLIONS \
    THOUSAND THOUSANDS TAUSEND HUNDRED LAKH LAKHS CRORE CRORES RIBU JUTA NGAN TRIEU MIL SINGDOLLAR \
    SINGDOLLARS SING SINGS DOLLARYDOOS LOONIES CASH";

/// How much of something it is, beside what is known wherever it stands.
const UNITS_BEHIND: &str = "CALL CALLS TEXT TEXTS MESSAGE MESSAGES MSG MSGS SMSES SMSS \
    MONTH MONTHS MTH MTHS YEAR YEARS YR YRS WEEK WEEKS WK WKS DAY HR HRS HOUR SEC SECS SECOND \
    SECONDS MINUTE USER USERS SEAT SEATS LICENSES LICENCES LICENSE LICENCE DEVICES DEVICE SIM SIMS \
    CARD CARDS ITEM ITEMS PAX PERSON PERSONS PEOPLE TICKET TICKETS COIN COINS TOKEN TOKENS CREDIT \
    CR PT POINT UNIT TIMES X KB TIB GIB MIB BYTE BYTES BIT BITS KBPS MBPS M CM MM FEET FOOT INCH \
    MILE YARDS YARD SQM SQFT SQ HA ACRE ACRES HECTARES LITRE L ML G GR GRAM GRAMS MG TON TONS \
    TONNE TONNES T LB LBS OZ KW KVA WATT VOLT A AMP HZ C F H S DOZEN DOZENS BOX BOXES BAG \
    BAGS PALLETS ROUNDS COPIES PAGES SHEETS PACKS PACK BUNDLES SETS QTY NOS STEUCK STUECK PC PCE \
    PIECE STAFF STUDENTS MEMBERS CUSTOMERS SHARES VOTES LIKES CLICKS VIEWS IMPRESSIONS LEADS \
    TAG TAGE TAGEN MONAT MONATE MONATEN JAHR JAHRE JAHREN WOCHE WOCHEN STUNDE STUNDEN STD SEKUNDEN \
    NACHRICHTEN ANRUFE GESPRACHE PUNKTE EINHEITEN EINHEIT KISTEN PERSONEN JOUR JOURS MOIS AN ANS \
    ANNEE ANNEES SEMAINE SEMAINES HEURE HEURES APPEL APPELS UNITE UNITES PIECES PERSONNES DIA DIAS \
    MES MESES ANO ANOS SEMANA SEMANAS HORA HORAS MINUTO MINUTOS LLAMADA LLAMADAS MENSAJE MENSAJES \
    PUNTO PUNTOS UNIDAD UNIDADES CREDITO CREDITOS CHAMADAS MENSAGENS PONTOS UNIDADE PECAS GIORNO \
    GIORNI MESE MESI ANNO ANNI MINUTI CHIAMATE MESSAGGI PUNTI UNITA PEZZI DAG DAGEN MAAND MAANDEN \
    JAAR JAREN WEKEN UUR UREN BERICHTEN STUKS STUK PUNTEN DAGAR DAGER DAGE MANADER MANEDER TIMER \
    TIMMAR SAMTAL STYK STK KPL KK VRK PAIVAA KUUKAUTTA VUOTTA SZTUK SZT DNI MIESIECY LAT GODZIN \
    MINUT PUNKTOW KS DARAB DB NAP HONAP ADET GUN AY YIL SAAT DAKIKA KONTOR PUAN HARI BULAN TAHUN \
    MINGGU MENIT PESAN BUAH LEMBAR ORANG POIN PULSA МИН МИНУТ МИНУТЫ ШТ ШТУК ДНЕИ ДЕНЬ ДНЯ МЕС \
    МЕСЯЦ МЕСЯЦЕВ МЕСЯЦА ЛЕТ ГОД ГОДА ЧАС ЧАСОВ ЧАСА СЕК ЗВОНКОВ ЗВОНКА СМС СООБЩЕНИИ БАЛЛОВ БАЛЛА \
    БАЛЛЫ ЕД КГ Г М МБ ГБ ЛИТРОВ Л ЧЕЛ ЧЕЛОВЕК ТОНН Т КВТ ДНІВ МІС МІСЯЦІВ РОКІВ ГОДИН ХВИЛИН \
    ΛΕΠΤΑ ΜΗΝΕΣ ΜΕΡΕΣ ΗΜΕΡΕΣ ΩΡΕΣ ΤΕΜΑΧΙΑ PHUT NGAY THANG NAM TIN LAN CAI";

/// What streets and places are called, beside what is known wherever it stands.
const STREETS_BEHIND: &str = "ST STR WAY LINK PLACE PL PARK LOR PATH RISE HILL HILLS \
    QUAY HEIGHTS LOOP RING PLAZA MALL ESTATE VILLAGE MEWS ROW ALLEY CT DR LN CIRCLE CIR BUKIT \
    TANJONG TANJUNG KAMPONG KAMPUNG TAMAN GARDEN VALLEY RIDGE ROUND RDS AVDA AVENIDA PLATZ WEG \
    ALLEE UFER CHEMIN IMPASSE QUAI COURS PASSAGE PLACETTE PIAZZA VIALE CORSO VICOLO LARGO PRACA \
    TRAVESSA CALLES PASEO CAMINO CARRETERA PLEIN KADE GRACHT VEI VEIEN VEJ KATU TIE UL ULICA UTCA \
    CADDE CAD SOK MAHALLESI MAH ПЛ ПЕР ПРОСПЕКТ ПР ПЛОЩАДЬ ПЕРЕУЛОК";

/// What people write behind the number of an invoice, and that says nothing of what it is.
const HARMLESS: &str = "THANKS THANK THX TKS TQ TY TKU CHEERS REGARDS RGDS BEST KIND \
    PLEASE PLS PLZ KINDLY PAID PAY PAYS PAYING PAYMENT PAYMENTS PYMT PMT PYMNT PMNT SETTLED SETTLE \
    SETTLING SETTLEMENT CLEARED FULL FULLY PART PARTIAL PARTLY FINAL BALANCE DEPOSIT AND OR FOR \
    FROM TO BY ON OF IN WITH W INCL INCLUDING EXCL LESS MINUS PLUS IS ARE WAS WERE HAS BEEN AS PER \
    DATED DTD DT DATE DUE ISSUED TODAY YESTERDAY NOW HERE THIS THAT THE MY OUR YOUR TOPUP TOP UP \
    RELOAD RECHARGE TRANSFER TRF TFR REMITTANCE GIRO FAST PAYNOW REF REFERENCE NOTE SEE ATTACHED \
    CONFIRMED DONE OK OKAY SENT MADE BANK CHARGES FEE FEES SHA BEN VALUE ENDING END SVWZ EREF KREF \
    MREF CRED DEBT ABWA ABWE OAMT COAM REMI USTD ROC URI OTHR NOTPROVIDED RE SERVICE SERVICES \
    DANKE VIELEN DANK MFG GRUSS GRUSSE BITTE BEZAHLT GEZAHLT ZAHLUNG UBERWEISUNG UEBERWEISUNG \
    BEGLICHEN VOM VON VOR FUR FUER UND U V AUS BEI MIT OHNE ABZUGLICH ABZUEGLICH ABZGL ABZ SKONTO \
    ZUR ZUM DATUM FALLIG FAELLIG IM INKL RESTBETRAG REST TEILZAHLUNG ANZAHLUNG SCHLUSSZAHLUNG WG \
    WEGEN BETR BETREFF LT LAUT GEM GEMASS AUFLADUNG MERCI CORDIALEMENT SVP PAYE PAYEE PAIEMENT \
    REGLEMENT REGLE REGLEE VIREMENT DU DE DES D LA LES AU AUX ET POUR PAR EN SOLDE ACOMPTE \
    ECHEANCE GRACIAS MUCHAS OBRIGADO OBRIGADA PAGO PAGADO PAGADA PAGA PAGAMENTO DEL DA DO DOS DAS \
    POR PARA Y E CON COM FECHA DATA FAVOR SALDO TRANSFERENCIA VENCIMIENTO VENCIMENTO REFERENTE \
    GRAZIE PAGATO PAGATA BONIFICO DI PER ACCONTO SCADENZA CORDIALI BEDANKT BETALING BETAALD VAN \
    VOOR MET GRAAG AUB DD TAKK TACK TAK KIITOS BETALT BETALNING MAKSU MAKSETTU OG OCH JA FRA FRAN \
    AV AF TIL TILL DATO PVM HILSEN MVH HALSNINGAR DZIEKUJE DZIEKUJEMY ZAPLATA ZAPŁATA OPLATA \
    OPŁATA PRZELEW Z ZA OD DNIA DN I ORAZ POZDRAWIAM DEKUJI DEKUJEME DAKUJEM DAKUJEME HVALA \
    PLATBA UHRADA UHRADENO ZE DNE PLACILO PLACANJE UPLATA KOSZONOM KOSZONJUK BEFIZETES KIFIZETVE \
    ES MULTUMESC MULTUMIM PLATA SI TESEKKURLER TESEKKUR ODEME ODEMESI ODENDI VE ICIN TARIHLI \
    TARIH ILE TERIMA KASIH TERIMAKASIH MAKASIH BAYAR PEMBAYARAN BAYARAN DIBAYAR LUNAS DAN DARI \
    UNTUK TGL TANGGAL TARIKH CAM CAMON THANH VA CHO СПАСИБО ОПЛАТА ОПЛАЧЕНО ПЛАТЕЖ ОТ ЗА И ДО ПО \
    НДС ДАТА БЕЗ В СОГЛАСНО ДЯКУЮ ВІД ТА СПЛАЧЕНО ПДВ ΕΥΧΑΡΙΣΤΩ ΕΥΧΑΡΙΣΤΟΥΜΕ ΠΛΗΡΩΜΗ ΑΠΟ ΓΙΑ ΚΑΙ \
    ΤΗΣ ΗΜΕΡΟΜΗΝΙΑ ΕΞΟΦΛΗΣΗ";

/// Months and days of the week that no English word is.
const MONTHS: &str = "JANUAR FEBRUAR MARZ MAERZ MAI JUNI JULI OKT OKTOBER DEZ DEZEMBER \
    JANVIER FEVRIER FEV MARS AVRIL AVR JUIN JUILLET AOUT SEPTEMBRE OCTOBRE NOVEMBRE DECEMBRE ENERO \
    FEBRERO MARZO ABRIL ABR MAYO JUNIO JULIO AGOSTO AGO SEPTIEMBRE OCTUBRE NOVIEMBRE DICIEMBRE DIC \
    GENNAIO GEN FEBBRAIO APRILE MAGGIO MAG GIUGNO GIU LUGLIO LUG SETTEMBRE SET OTTOBRE OTT \
    JANEIRO FEVEREIRO MARCO MAIO JUNHO JULHO SETEMBRO OUTUBRO OUT NOVEMBRO DEZEMBRO JANUARI \
    FEBRUARI MAART MRT MEI AUGUSTUS MAJ AUGUSTI DESEMBER DES STYCZEN STYCZNIA LUTY LUTEGO MARZEC \
    MARCA KWIECIEN KWIETNIA MAJA CZERWIEC CZERWCA LIPIEC LIPCA SIERPIEN SIERPNIA WRZESIEN WRZESNIA \
    PAZDZIERNIK PAZDZIERNIKA LISTOPAD LISTOPADA GRUDZIEN GRUDNIA ЯНВАРЬ ЯНВАРЯ ФЕВРАЛЬ ФЕВРАЛЯ \
    МАРТ МАРТА АПРЕЛЬ АПРЕЛЯ МАИ МАЯ ИЮНЬ ИЮНЯ ИЮЛЬ ИЮЛЯ АВГУСТ АВГУСТА СЕНТЯБРЬ СЕНТЯБРЯ ОКТЯБРЬ \
    ОКТЯБРЯ НОЯБРЬ НОЯБРЯ ДЕКАБРЬ ДЕКАБРЯ OCAK SUBAT MART NISAN MAYIS HAZIRAN TEMMUZ AGUSTOS EYLUL \
    EKIM KASIM ARALIK JANUARI FEBRUARI MARET OGOS AGUSTUS OGOS DISEMBER MON TUE WED THU FRI SAT \
    SUN MONDAY TUESDAY WEDNESDAY THURSDAY FRIDAY SATURDAY SUNDAY";

/// Money and units in scripts that have no spaces between words, or that nobody takes for Latin.
const MEASURES_BESIDE: &str = "元 圆 圓 块 塊 円 人民币 人民幣 美元 美金 港币 港幣 \
    港元 新币 新幣 新元 坡币 坡幣 日元 日圆 日圓 台币 台幣 臺幣 新台币 新台幣 欧元 歐元 英镑 英鎊 \
    韩元 韓元 韩币 令吉 马币 馬幣 卢布 盧布 泰铢 泰銖 卢比 盧比 角 分 毛 万 萬 千 百 亿 億 ドル ユーロ \
    ポンド ウォン 원 만원 천원 달러 엔 위안 유로 만 천 บาท สตางค์ ดอลลาร์ เหรียญ ริงกิต ยูโร เยน \
    หยวน กีบ ກີບ រៀល ကျပ် रुपये रुपए रुपया रुपयों টাকা ரூபாய் ريال ريالات درهم دراهم دينار جنيه \
    ليرة \
    دولار يورو تومان شقل שקל שקלים שח דולר דולרים יורו אגורות ლარი դրամ 分钟 分鐘 条 條 日 年 月 天 \
    个 個 件 次 秒 小时 小時 時間 時 周 週 通 回 点 點 积分 積分 張 张 份 人 名 位 台 辆 輛 箱 斤 公斤 \
    克 吨 噸 米 公里 度 兆 流量 包 本 枚 冊 杯 只 支 套 ポイント キロ メートル 개 건 분 시간 일 년 월 회 \
    명 통 점 장 포인트 นาที ข้อความ ครั้ง วัน เดือน ปี ชิ้น หน่วย คน แต้ม ชั่วโมง دقيقة دقائق يوم شهر سنة \
    رسالة رسائل مكالمة نقطة ساعة דקות ימים חודשים שנים הודעות שיחות נקודות मिनट दिन महीने संदेश";

/// What people write there behind the number of an invoice.
const HARMLESS_BESIDE: &str = "谢谢 謝謝 感谢 感謝 多谢 已付 已支付 付款 支付 付清 付 款 \
    货款 貨款 的 和 与 與 及 日期 于 於 从 從 至 到 转账 轉帳 轉賬 转帐 汇款 匯款 充值 结清 結清 全款 \
    余款 餘款 尾款 请 請 お ありがとう です を の に と から まで 支払 振込 入金 ご 代金 料金 より \
    입금 결제 감사 입니다 의 과 와 및 을 를 에 지급 납부 송금 완료 대금 ค่ะ ครับ ขอบคุณ ชำระ และ จาก \
    ถึง โอน จ่าย วันที่ นะ شكر دفع من بتاريخ تاريخ عن سداد مدفوع תודה שולם תשלום עבור מתאריך מיום \
    धन्यवाद भुगतान";

/// Characters between the number and a word that says how much of something it is.
const GAP_MAX: usize = 3;
/// Words in which a street may follow.
const STREET_MAX: usize = 3;

static MEASURES: Set = LazyLock::new(|| set(&[MONEY, UNITS, UNITS_BEHIND]));
static ROADS: Set = LazyLock::new(|| set(&[STREETS, STREETS_BEHIND]));
static HARMLESS_WORDS: Set = LazyLock::new(|| set(&[HARMLESS, MONTHS]));

/// What the word right behind a number says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::matching) enum Behind {
    /// Nothing is there, or a word that people write behind a number of anything.
    Harmless,
    /// Nobody knows: a town, a unit, a name.
    Unknown,
    /// It is money, how much of something, or a street.
    Other,
}

/// What stands right behind `to`.
pub(in crate::matching) fn behind(line: &str, to: usize) -> Behind {
    let tail = line.get(to..).unwrap_or_default();
    // `71014,-`, `71014/=`: a price without its cents.
    let price = tail.trim_start_matches(' ').starts_with([',', '.', ':', '/']);
    let mark = tail.trim_start_matches(' ').get(1..).and_then(|rest| rest.chars().next());
    if price && matches!(mark, Some('-' | '=')) {
        return Behind::Other;
    }
    let start = tail.find(is_telling).unwrap_or(tail.len());
    let (gap, rest) = tail.split_at(start);
    let Some(first) = rest.chars().next() else { return Behind::Harmless };
    let near = gap.chars().count() <= GAP_MAX && !gap.contains([',', ';', ':', '!', '?', '|']);
    if first.is_ascii_digit() || !near {
        return Behind::Harmless;
    }
    if !first.is_alphabetic() {
        return Behind::Other;
    }
    let beside = gap.chars().all(|c| c == ' ');
    let said = if is_beside_numbers(first) { of_beside(rest) } else { of_word(rest) };
    // Behind another mark than a space, only a word that is known says something.
    if said == Behind::Unknown && !beside { Behind::Harmless } else { said }
}

/// Letters, digits, and signs that say how much of what it is.
fn is_telling(character: char) -> bool {
    character.is_alphanumeric()
        || matches!(character, '@' | '%' | '°' | '×' | '¢' | '‰' | '¤')
        || is_currency_sign(character)
}

/// The signs of currencies in Unicode.
pub(in crate::matching) fn is_currency_sign(character: char) -> bool {
    matches!(character,
        '$' | '\u{a2}'..='\u{a5}' | '\u{58f}' | '\u{60b}' | '\u{9f2}' | '\u{9f3}' | '\u{9fb}'
        | '\u{af1}' | '\u{bf9}' | '\u{e3f}' | '\u{17db}' | '\u{20a0}'..='\u{20cf}' | '\u{a838}'
        | '\u{fdfc}')
}

/// In scripts that have no spaces between words, or that nobody takes for Latin.
fn of_beside(rest: &str) -> Behind {
    let longest = |table: &str| {
        let known = table.split_whitespace().filter(|word| rest.starts_with(word));
        known.map(str::len).max().unwrap_or(0)
    };
    let harmless = longest(HARMLESS_BESIDE);
    let other = longest(MEASURES_BESIDE).max(longest(OTHER_BESIDE_AFTER));
    match (harmless, other) {
        (0, 0) => Behind::Unknown,
        (harmless, other) if harmless > other => Behind::Harmless,
        _ => Behind::Other,
    }
}

fn of_word(rest: &str) -> Behind {
    let (word, after) = split_word(rest);
    let word = plain(word);
    let word = word.as_ref();
    // `71014 S$100.00`
    let signed = after.starts_with(is_currency_sign) && begins_number(after);
    if signed || is_top_up(rest) {
        return Behind::Harmless;
    }
    if MEASURES.contains(word) || is_money(word) {
        // `71014 SGD 100.00`: it is the currency of what follows.
        let follows = is_money(word) && begins_number(after);
        return if follows { Behind::Harmless } else { Behind::Other };
    }
    if ROADS.contains(word) {
        return Behind::Other;
    }
    // `71014 KD-NR. 4711`: it speaks of the next number.
    let of_next = OTHERS.contains(word) && begins_number(after);
    let said = weak::is_weak_word(word) || INVOICES.contains(word) || NUMBERS.contains(word);
    let known = HARMLESS_WORDS.contains(word) || said && !OTHERS.contains(word);
    if of_next {
        Behind::Harmless
    } else if !known {
        Behind::Unknown
    } else if leads_to_a_street(after) {
        Behind::Other
    } else {
        Behind::Harmless
    }
}

/// `TOP` is the money of Tonga as well.
pub(in crate::matching) fn is_top_up(text: &str) -> bool {
    text.starts_with("TOP UP") || text.starts_with("TOP-UP")
}

/// The letters that a text begins with, and what is behind them.
fn split_word(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len()))
}

/// A number follows, behind marks and words that say so.
fn begins_number(text: &str) -> bool {
    let mark = |c: char| matches!(c, ' ' | '.' | ':' | '#' | '-' | '/' | '$');
    let mut rest = text.trim_start_matches(mark);
    let (word, after) = split_word(rest);
    if NUMBERS.contains(plain(word).as_ref()) {
        rest = after.trim_start_matches(mark);
    }
    rest.starts_with(|c: char| c.is_ascii_digit())
}

/// `71014 THE LINK`, `71014 MAY WAY`.
fn leads_to_a_street(after: &str) -> bool {
    let mut rest = after;
    for _ in 1..STREET_MAX {
        let skipped = rest.trim_start_matches([' ', '.']);
        let (word, after) = split_word(skipped);
        if word.is_empty() {
            return false;
        }
        if ROADS.contains(plain(word).as_ref()) {
            return true;
        }
        rest = after;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_compared_as_they_are_plain() {
        for table in [MONEY, UNITS_BEHIND, STREETS_BEHIND, HARMLESS, MONTHS] {
            for word in table.split_whitespace() {
                assert_eq!(plain(word), word);
            }
        }
        let both: Vec<_> = HARMLESS_WORDS
            .iter()
            .filter(|word| MEASURES.contains(*word) || ROADS.contains(*word))
            .collect();
        assert!(both.is_empty(), "{both:?}");
    }

    #[test]
    fn what_stands_behind_a_number_is_known_or_not() {
        for (tail, said) in [
            ("", Behind::Harmless),
            (" THANKS", Behind::Harmless),
            (", BERLIN", Behind::Harmless),
            (" 71015", Behind::Harmless),
            (" SGD 77.77", Behind::Harmless),
            (" KD-NR. 4711", Behind::Harmless),
            ("、71015", Behind::Harmless),
            ("已付", Behind::Harmless),
            (" 日期", Behind::Harmless),
            (" BERLIN", Behind::Unknown),
            (" ACME TRADING", Behind::Unknown),
            ("個体", Behind::Other),
            ("日", Behind::Other),
            ("元", Behind::Other),
            (" (元)", Behind::Other),
            (" РУБ.", Behind::Other),
            (" BUCKS", Behind::Other),
            ("₸", Behind::Other),
            (" @ 0.05", Behind::Other),
            (",-", Behind::Other),
            ("/=", Behind::Other),
            (" MAY WAY", Behind::Other),
            (" SGD", Behind::Other),
        ] {
            assert_eq!(behind(&format!("71014{tail}"), 5), said, "{tail}");
        }
    }
}
