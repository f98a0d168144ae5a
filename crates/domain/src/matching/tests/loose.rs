//! Names that a person takes for one, and that are read so for suggestions only.

use proptest::prelude::*;

use crate::allocation::Rule;
use crate::bank::BankTransaction;
use crate::input::Command;
use crate::matching::names::{SAME, likeness, plain_likeness, proven_likeness};
use crate::matching::policy::Policy;
use crate::payment::ParkReason;
use crate::testkit::*;

/// One customer each, and how alike the names are for a witness: as before they were read loosely.
#[rustfmt::skip]
const LOOSELY: &[(&str, &str, usize)] = &[
    // An apostrophe made a space.
    ("O'Brien Ltd", "O BRIEN LTD", 66),
    ("O'Brien", "O BRIEN", 66),
    ("O’Neill & Sons", "O NEILL SONS", 80),
    ("Patrick O'Connor", "O CONNOR PATRICK", 85), ("D'Angelo S.r.l.", "D ANGELO SRL", 71),
    ("L'Oréal", "L OREAL", 100), ("Dell'Aquila", "DELL AQUILA", 27), ("Sant'Anna", "SANT ANNA", 37),
    ("Jean-Luc N'Diaye", "JEAN LUC N DIAYE", 31),
    // Letters that are written as others.
    ("Åge Hansen", "AAGE HANSEN", 90),
    ("Århus Byg ApS", "AARHUS BYG", 90),
    ("Kåre Moe", "KAARE MOE", 87),
    ("Đorđević d.o.o.", "DJORDJEVIC DOO", 80),
    ("Nijhof B.V.", "NYHOF BV", 66),
    ("Van Dijk", "VAN DYK", 75),
    // Words that are written short.
    ("Gebrüder Weiß OHG", "GEBR WEISS", 71), ("Gebr. Lang", "GEBRUEDER LANG OHG", 69),
    ("Gebroeders de Jong", "GEBR DE JONG", 64), ("Smith Brothers Ltd", "SMITH BROS", 71),
    ("Hermanos Ruiz S.L.", "HNOS RUIZ SL", 69), ("Fratelli Rossi", "F.LLI ROSSI", 71),
    ("Frères Dupont", "FRS DUPONT", 76), ("Sankt Georg Apotheke", "ST GEORG APOTHEKE", 85),
    ("Saint Gobain", "ST GOBAIN", 75), ("St. Moritz Bäder", "SANKT MORITZ BAEDER", 83),
    ("Sint Lucas", "ST LUCAS", 80), ("Acme International", "ACME INTL", 50),
    ("Yıldız Sanayi ve Ticaret A.Ş.", "YILDIZ SAN. VE TIC. AS", 70),
    ("Orchid Services Pte Ltd", "ORCHID SVCS", 73),
    // Kinds of companies.
    ("Công ty TNHH Ánh Dương", "CTY TNHH ANH DUONG", 72),
    ("Công ty Cổ phần Hoa Sen", "CTY CP HOA SEN", 40),
    ("Công ty TNHH MTV Minh Phát", "MINH PHAT", 38), ("Hoa Sen", "CONG TY CO PHAN HOA SEN", 37),
    ("Demir Limited Şirketi", "DEMIR LTD STI", 41), ("Demir Anonim Şirketi", "DEMIR A.S.", 27),
    ("Dupont & Cie", "DUPONT", 66),
    ("Établissements Petit", "PETIT", 26),
    ("Petit EIRL", "PETIT", 55),
    ("Garage Martin SPRL", "GARAGE MARTIN", 75),
    ("Dupont SAS", "DUPONT SOCIETE PAR ACTIONS SIMPLIFIEE", 23),
    ("Bte Moreau", "MOREAU", 66),
    ("Novák spol. s r.o.", "NOVAK", 55),
    ("Horvat j.d.o.o.", "HORVAT", 60),
    ("Kowalski Sp. j.", "KOWALSKI", 88), ("Weber UG (haftungsbeschränkt)", "WEBER UG", 21),
    ("株式會社山田", "山田", 33), ("株)山田商事", "山田商事", 80), ("华强集团有限公司", "华强", 50),
    ("אור חברה בע\"מ", "אור", 42),
    // Who in the company pays.
    ("Müller Bau GmbH", "ABT EINKAUF MUELLER BAU GMBH", 47),
    ("Müller Bau GmbH", "MUELLER BAU ABT. EINKAUF", 47),
    ("Müller Bau GmbH", "Müller Bau GmbH Buchhaltung", 45),
    ("Acme Foods", "ACME FOODS ACCOUNTS PAYABLE", 37),
    ("Acme Foods Pte Ltd", "ACCOUNTS PAYABLE - ACME FOODS PTE LTD", 37),
    ("Acme Foods", "ACME FOODS (ACCOUNTING DEPT)", 39), ("Acme Foods", "ACME FOODS A/P DEPT", 60),
    ("Dupont SARL", "SERVICE COMPTABILITE DUPONT", 24),
    ("Rossi S.p.A.", "ROSSI SPA UFFICIO ACQUISTI", 25),
    ("Ruiz S.L.", "RUIZ SL CONTABILIDAD", 25), ("De Vries B.V.", "DE VRIES BV AFD. INKOOP", 35),
    ("山田商事", "山田商事経理部", 57), ("ООО Ромашка", "РОМАШКА БУХГАЛТЕРИЯ", 38),
];

/// Others, as loosely as names are read.
#[rustfmt::skip]
const OTHERS: &[(&str, &str)] = &[
    ("O'Brien", "O'Brian"), ("Accounts Payable", "ACME FOODS ACCOUNTS PAYABLE"),
    ("Acme Foods", "ACME TOOLS ACCOUNTS PAYABLE"), ("Gebr. Lang", "GEBR WEISS"),
    ("St. Georg", "ST MORITZ"), ("Công ty TNHH", "CTY TNHH ANH DUONG"), ("Einkauf", "Buchhaltung"),
    ("Van Dijk", "VAN DAM"), ("Hoa Sen", "CTY CP HOA MAI"), ("Treasury", "Acme Treasury"),
    ("J P Morgan", "MORGAN"), ("Smith Brothers", "SMITH & SONS"), ("", "ACCOUNTS PAYABLE"),
];

#[test]
fn names_that_a_person_takes_for_one_are_suggested() {
    let mut missed = Vec::new();
    for (ours, theirs, _) in LOOSELY {
        let alike = likeness(ours, theirs);
        missed.extend((alike < SAME).then_some((ours, theirs, alike)));
    }
    assert!(missed.is_empty(), "{} of {}: {missed:#?}", missed.len(), LOOSELY.len());
    for (ours, theirs) in OTHERS {
        assert!(likeness(ours, theirs) < SAME, "{ours} {theirs}: {}", likeness(ours, theirs));
    }
}

/// A witness of a doubtful number is what it was before names were read more loosely.
#[test]
fn no_name_is_a_witness_because_it_is_read_more_loosely() {
    for (ours, theirs, before) in LOOSELY {
        assert_eq!(proven_likeness(ours, theirs), *before, "{ours} {theirs}");
        assert_eq!(proven_likeness(theirs, ours), *before, "{theirs} {ours}");
    }
    assert!(LOOSELY.iter().filter(|pair| pair.2 < SAME).count() > 50);
    for (ours, theirs, before) in LOOSELY {
        let mut desk = Desk::with_customers(Policy::default());
        let mut named = upsert("A");
        named.name = (*ours).to_owned();
        desk.apply(Command::UpsertAccount(named));
        desk.invoice("4711", "A", "100");
        desk.invoice("INV-55", "A", "70");
        desk.invoice("INV-56", "B", "70");
        let from = |bank: BankTransaction| BankTransaction {
            debtor_name: Some((*theirs).to_owned()),
            ..bank
        };
        desk.receive(from(credit_saying("1", "100", &["topup 4711"])));
        assert_eq!(!desk.pays("1").is_empty(), *before >= SAME, "{ours} {theirs}");
        let got = desk.receive(from(credit("2", "70")));
        assert_eq!(got, (Rule::PayerName, parked(ParkReason::NameOnly)), "{ours} {theirs}");
        assert_eq!(desk.suggested("2"), ["INV-55"], "{ours} {theirs}");
    }
}

/// A name that is the same as it is comes before one that is only read more loosely.
#[test]
fn who_is_alike_in_full_is_not_lost_to_who_is_alike_loosely() {
    let mut desk = Desk::with_customers(Policy::default());
    for (id, name) in [("A", "Acme Foods"), ("B", "Acme Foods Purchasing")] {
        let mut named = upsert(id);
        named.name = name.to_owned();
        desk.apply(Command::UpsertAccount(named));
        desk.invoice(&format!("INV-{id}1"), id, "70");
    }
    for (id, name, told) in
        [("1", "ACME FOODS", "INV-A1"), ("2", "ACME FOODS PURCHASING", "INV-B1")]
    {
        let bank = BankTransaction { debtor_name: Some(name.to_owned()), ..credit(id, "70") };
        assert_eq!(desk.receive(bank).0, Rule::PayerName, "{name}");
        assert_eq!(desk.suggested(id), [told], "{name}");
    }
}

fn words() -> impl Strategy<Value = String> {
    let all = LOOSELY.iter().flat_map(|(ours, theirs, _)| [*ours, *theirs]);
    let words: Vec<&str> = all.flat_map(|name| name.split(' ')).collect();
    prop::collection::vec(prop::sample::select(words), 0..5).prop_map(|words| words.join(" "))
}

proptest! {
    /// Whatever names are made of: reading them loosely only ever adds, whoever is first.
    #[test]
    fn reading_loosely_adds_to_what_is_alike(left in words(), right in words()) {
        let loose = likeness(&left, &right);
        prop_assert!(loose >= plain_likeness(&left, &right));
        prop_assert!(plain_likeness(&left, &right) >= proven_likeness(&left, &right));
        prop_assert_eq!(loose, likeness(&right, &left));
    }
}
