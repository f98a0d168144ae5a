//! Customers' names beside what banks and payers make of them.

use crate::matching::names::{SAME, likeness};

/// One customer each.
#[rustfmt::skip]
const SAME_NAMES: [(&str, &str); 116] = [
    // Accents, and what banks write for them.
    ("Müller Bau GmbH", "Mueller Bau GmbH"), ("Müller Bau GmbH", "MULLER BAU GMBH"),
    ("Jürgen Größer", "JUERGEN GROESSER"), ("Søren Ångström", "SOREN ANGSTROM"),
    ("Søren Ångström", "SOEREN AANGSTROEM"), ("Łukasz Żółć", "LUKASZ ZOLC"),
    ("Dvořák & Syn s.r.o.", "DVORAK & SYN SRO"), ("Çelik Ticaret A.Ş.", "CELIK TICARET AS"),
    ("Işık Gıda Ltd. Şti.", "ISIK GIDA LTD STI"), ("Nguyễn Văn Anh", "NGUYEN VAN ANH"),
    ("Đặng Thị Hoa", "DANG THI HOA"), ("José Peña", "JOSE PENA"), ("Peña S.L.", "PENA SL"),
    ("François Lefèvre", "FRANCOIS LEFEVRE"), ("Œuvre Dupont", "OEUVRE DUPONT"),
    ("Þór Jónsson ehf.", "THOR JONSSON EHF"), ("Ősi Kft.", "OSI KFT"),
    ("Conceição Ltda.", "CONCEICAO LTDA"), ("Bjørn Æsop AS", "BJORN AESOP AS"),
    ("Ärzte GbR", "AERZTE GBR"), ("Weiß & Co. KG", "WEISS UND CO KG"),
    // Cut at 35, 27 and 18 characters.
    ("International Telecommunication Services Pte Ltd", "INTERNATIONAL TELECOMMUNICATION SER"),
    ("Northern Hydroponics and Gardening Supplies Ltd", "NORTHERN HYDROPONICS AND GA"),
    ("Northern Hydroponics and Gardening Supplies Ltd", "NORTHERN HYDROPONI"),
    ("Gesellschaft für Wohnungsbau Nord mbH", "GESELLSCHAFT FUER WOHNUNGSBAU NORD"),
    ("Müller & Söhne Maschinenbau Süddeutschland GmbH", "MUELLER & SOEHNE MASCHINENBAU SUEDD"),
    ("Constructora Hermanos Rodriguez S.A. de C.V.", "CONSTRUCTORA HERMANOS RODRI"),
    // English, Singapore, Malaysia, Indonesia, India, Australia.
    ("Acme Trading Pte. Ltd.", "ACME TRADING PTE LTD"),
    ("Acme Trading", "ACME TRADING PRIVATE LIMITED"),
    ("Acme Trading Sdn Bhd", "ACME TRADING SDN. BHD."), ("PT Maju Jaya Tbk", "MAJU JAYA PT"),
    ("CV Sumber Rejeki", "SUMBER REJEKI"), ("Tata Foods Pvt Ltd", "M/S TATA FOODS PVT. LTD."),
    ("Harbour Foods Pty Ltd", "HARBOUR FOODS PTY LIMITED"), ("The Bread Company", "BREAD CO"),
    ("Smith & Jones LLP", "SMITH AND JONES"), ("Acme Inc.", "ACME INCORPORATED"),
    ("Acme, LLC", "ACME L.L.C."), ("Globex Corporation", "GLOBEX CORP."),
    ("Globex (Singapore) Pte Ltd", "GLOBEX SINGAPORE PTE LTD"),
    ("Globex (S) Pte Ltd", "GLOBEX PTE LTD"),
    // Order, titles, what is said of a payer.
    ("Tan Wei Ming", "WEI MING TAN"), ("Anna Maria Schmidt", "SCHMIDT, ANNA MARIA"),
    ("Anna Schmidt", "MS ANNA SCHMIDT"), ("Anna Schmidt", "Frau Anna Schmidt"),
    ("Anna Schmidt", "MRS. ANNA SCHMIDT"), ("Ahmad bin Ali", "MR AHMAD BIN ALI"),
    ("Dr. Anna Schmidt", "ANNA SCHMIDT"), ("Acme Foods", "ACME FOODS VIA PAYPAL"),
    ("Acme Foods", "PAYPAL *ACME FOODS"), ("Acme Foods", "ACME FOODS C/O GLOBEX HOLDING"),
    ("Acme Foods", "ACME FOODS D/B/A ACME KITCHEN"), ("Acme Foods", "\"ACME FOODS\""),
    ("Acme Foods", "«Acme Foods»"), ("Acme Foods", "“Acme Foods”"), ("Acme Foods", "1/ACME FOODS"),
    ("Acme Foods", "ACME  FOODS   "), ("Acme Foods", "Acme-Foods"), ("O'Brien Ltd", "OBRIEN LTD"),
    ("O’Brien Ltd", "O'BRIEN LIMITED"), ("Jean-Luc Petit", "JEAN LUC PETIT"),
    // Cyrillic.
    ("ООО «Ромашка»", "РОМАШКА"),
    ("ООО Ромашка", "Общество с ограниченной ответственностью Ромашка"),
    ("АО Заря", "Акционерное общество \"Заря\""),
    ("ИП Иванов Иван Иванович", "ИВАНОВ ИВАН ИВАНОВИЧ"),
    ("ИП Иванов И.И.", "Индивидуальный предприниматель Иванов И.И."), ("ПАО «Ёлка»", "ПАО ЕЛКА"),
    ("ООО «Ромашка»", "OOO ROMASHKA"), ("ТОВ «Зоря»", "ЗОРЯ ТОВ"), ("ЕООД Балкан", "БАЛКАН ЕООД"),
    ("АД Балкан", "БАЛКАН АД"), ("д.о.о. Сава", "САВА ДОО"),
    // Arabic and Hebrew.
    ("شركة النور للتجارة", "النور للتجارة ذ.م.م"), ("شركه النور", "شركة النور"),
    ("مؤسسة الأمل التجارية", "موسسه الامل التجاريه"), ("الأمل", "الامل"),
    ("مصنع الهدى", "مصنع الهدي"),
    ("شركة النور المحدودة", "النور"), ("אור בע\"מ", "אור"), ("אור בע״מ", "אור בעמ"),
    // Spanish, French, Italian, Portuguese, Dutch.
    ("Hermanos Ruiz S.A. de C.V.", "HERMANOS RUIZ SA DE CV"),
    ("Hermanos Ruiz", "HERMANOS RUIZ S.L.U."),
    ("Ruiz S. de R.L. de C.V.", "RUIZ S DE RL DE CV"), ("Comercial Ruiz S.A.S.", "COMERCIAL RUIZ"),
    ("SARL Dupont", "DUPONT S.A.R.L."), ("Dupont SAS", "STE DUPONT SAS"),
    ("Société Dupont", "DUPONT SA"),
    ("Rossi S.r.l.", "ROSSI SRL"), ("Fratelli Rossi S.n.c.", "FRATELLI ROSSI"),
    ("Rossi S.r.l. unipersonale", "ROSSI SRL"), ("Silva Lda.", "SILVA, LDA"),
    ("Silva ME", "SILVA - ME"),
    ("De Vries B.V.", "DE VRIES BV"), ("J. de Vries VOF", "J DE VRIES"), ("Stichting Zon", "ZON"),
    // Nordic and central Europe.
    ("Berg AS", "BERG A/S"), ("Berg ApS", "BERG"), ("Lindqvist AB (publ)", "LINDQVIST AB"),
    ("Virtanen Oy", "VIRTANEN OYJ"), ("Nowak Sp. z o.o.", "NOWAK SPOLKA Z OO"),
    ("Nowak Spółka z o.o.", "NOWAK SP. Z O.O."), ("Horvat d.o.o.", "HORVAT DOO"),
    ("Papadopoulos A.E.", "PAPADOPOULOS AE"), ("Παπαδόπουλος Α.Ε.", "ΠΑΠΑΔΟΠΟΥΛΟΣ"),
    // Japan, China, Korea, Thailand.
    ("株式会社山田商事", "（株）山田商事"), ("山田商事株式会社", "㈱山田商事"),
    ("ヤマダシヨウジ", "ｶ)ﾔﾏﾀﾞｼﾖｳｼﾞ"), ("ヤマダショウジ", "ﾔﾏﾀﾞｼﾖｳｼﾞ(ｶ"), ("ヤマダ", "ﾕ)ﾔﾏﾀﾞ"),
    ("医療法人さくら", "イ）サクラ"), ("深圳市华强有限公司", "深圳市华强"), ("台積股份有限公司", "台積"),
    ("삼성상사(주)", "삼성상사"), ("㈜삼성상사", "주식회사 삼성상사"), ("บริษัท ไทย จำกัด", "ไทย"),
    ("บริษัท ไทยฟู้ด จำกัด (มหาชน)", "บมจ. ไทยฟู้ด"),
];

/// Others, however near they are.
#[rustfmt::skip]
const OTHER_NAMES: [(&str, &str); 24] = [
    ("Acme Foods", "Acme Tools"), ("Acme Foods Pte Ltd", "Pte Ltd"),
    ("Anna Schmidt", "Hanna Schmitz"),
    ("Globex", "Initech"), ("ООО Ромашка", "ООО Лютик"), ("شركة النور", "شركة الأمل"),
    ("株式会社山田", "株式会社鈴木"), ("ｶ)ﾔﾏﾀﾞ", "ｶ)ｽｽﾞｷ"), ("有限公司", "深圳市华强有限公司"),
    ("Tan Wei Ming", "Tan Wei Liang"), ("Rossi S.r.l.", "Bianchi S.r.l."), ("", "Acme"),
    ("Müller", "Miller"), ("Berg AS", "Borg AS"), ("PayPal", "Acme Foods via PayPal"),
    ("Globex Holding", "ACME FOODS C/O GLOBEX HOLDING"), ("De Vries B.V.", "De Jong B.V."),
    ("Ahmad bin Ali", "Ahmad bin Abu"), ("Mr", "Mr Tan"), ("ไทย", "ลาว"), ("Dupont SAS", "SAS"),
    ("Acme 1", "Acme 2"), ("Northern Hydro", "NORTHERN HYDROPONI"), ("ИП Иванов", "ИП Петров"),
];

#[test]
fn names_that_are_one_customers_are_the_same() {
    let mut missed = Vec::new();
    for (ours, theirs) in SAME_NAMES {
        let alike = likeness(ours, theirs);
        missed.extend((alike < SAME).then_some((ours, theirs, alike)));
    }
    assert!(missed.is_empty(), "{} of {}: {missed:#?}", missed.len(), SAME_NAMES.len());
}

#[test]
fn names_of_others_are_not_the_same() {
    let mut wrong = Vec::new();
    for (ours, theirs) in OTHER_NAMES {
        let alike = likeness(ours, theirs);
        wrong.extend((alike >= SAME).then_some((ours, theirs, alike)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
