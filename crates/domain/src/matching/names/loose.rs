//! What else a person takes for the same name: `O BRIEN` for O'Brien, `AAGE` for Åge, a department
//! beside the name. It suggests; nothing here is a witness of a number.

/// Letters that are written as others: Danish `AA`, Serbian `DJ`, Dutch `IJ`.
const LETTERS: [(&str, &str); 3] = [("AA", "A"), ("DJ", "D"), ("IJ", "Y")];
/// What stands before an apostrophe.
const BEFORE: [&str; 8] = ["O", "D", "L", "N", "DELL", "DALL", "ALL", "SANT"];
/// Words that are written short, and how.
#[rustfmt::skip]
const SHORT: [(&str, &str); 26] = [
    ("GEBRUDER", "GEBR"), ("GEBRODERS", "GEBR"), ("GEBROEDERS", "GEBR"), ("BROTHERS", "BROS"),
    ("SAINT", "ST"), ("SAINTE", "ST"), ("SANKT", "ST"), ("SINT", "ST"), ("HERMANOS", "HNOS"),
    ("FRATELLI", "FLLI"), ("FRERES", "FRS"), ("SANAYI", "SAN"), ("TICARET", "TIC"),
    ("INTERNATIONAL", "INTL"), ("MANUFACTURING", "MFG"), ("ENGINEERING", "ENGRG"),
    ("ENGG", "ENGRG"), ("TRADING", "TRDG"), ("TECHNOLOGIES", "TECH"), ("TECHNOLOGY", "TECH"),
    ("SERVICES", "SVCS"), ("SERVICE", "SVCS"), ("INDUSTRIES", "IND"), ("ENTERPRISES", "ENT"),
    ("ENTERPRISE", "ENT"), ("ASSOCIATES", "ASSOC"),
];
/// Words, and several of them, that say what kind of company it is.
#[rustfmt::skip]
const FORMS: [&str; 51] = [
    // Vietnam.
    "CONG TY", "CTY", "TNHH", "TRACH NHIEM HUU HAN", "MOT THANH VIEN", "MTV", "CO PHAN", "CP",
    "DNTN",
    // Turkey.
    "ANONIM SIRKETI", "LIMITED SIRKETI", "SIRKETI", "VE",
    // France, Belgium, Switzerland.
    "SOCIETE PAR ACTIONS SIMPLIFIEE", "ENTREPRISE UNIPERSONNELLE", "SARLU", "SELARL", "SCOP",
    "EIRL", "EI", "GIE", "CIE", "ETABLISSEMENTS", "BTE", "SPRL", "SCRL", "ASBL",
    // Germany, Austria, Switzerland.
    "EINGETRAGENER KAUFMANN", "EINGETRAGENE KAUFFRAU", "EG", "EGMBH", "GGMBH", "PARTG", "PARTMBB",
    "HAFTUNGSBESCHRANKT",
    // Central Europe and the Balkans.
    "SP J", "SP K", "SP P", "SKA", "JDOO", "SPOL", "VOS", "NYRT",
    // Portugal, Spain, Italy.
    "S COOP", "CB", "COOP", "ARL", "UNIPESSOAL",
    // Israel.
    "חברה", "עמותה", "ער",
];
/// Kinds of companies, and departments, in one word with the name, or with one bracket.
#[rustfmt::skip]
const GLUED: [&str; 28] = [
    "株式會社", "有限會社", "合資會社", "有限責任事業組合", "特定非営利活動法人", "社会福祉法人",
    "宗教法人", "公益財団法人", "公益社団法人", "集团有限公司", "集團有限公司", "股份公司", "集团",
    "集團", "财务部", "財務部", "経理部", "経理課", "分公司", "个体工商户", "個人独资", "工作室", "商行", "株)", "(株", "有)", "(有",
    "同)",
];
/// What a payer writes of who in the company pays.
#[rustfmt::skip]
const DEPARTMENTS: [&str; 80] = [
    "ACCOUNTS PAYABLE", "ACCOUNT PAYABLE", "ACCTS PAYABLE", "A P DEPT", "AP DEPT", "AP DEPARTMENT",
    "ACCOUNTS DEPARTMENT", "ACCOUNTS DEPT", "ACCOUNTING DEPARTMENT", "ACCOUNTING DEPT",
    "ACCOUNTING", "ACCOUNTS OFFICE", "FINANCE DEPARTMENT", "FINANCE DEPT", "FINANCE TEAM",
    "FINANCE OFFICE", "PURCHASING DEPT", "PURCHASING DEPARTMENT", "PURCHASING", "PROCUREMENT",
    "PAYMENTS DEPT", "TREASURY DEPT", "TREASURY", "HEAD OFFICE", "SHARED SERVICE CENTER",
    "SHARED SERVICES",
    "ABT EINKAUF", "ABTEILUNG EINKAUF", "EINKAUF", "ABT BUCHHALTUNG", "ABTEILUNG BUCHHALTUNG",
    "ABT RECHNUNGSWESEN", "KREDITORENBUCHHALTUNG", "FINANZBUCHHALTUNG", "BUCHHALTUNG", "FIBU",
    "RECHNUNGSWESEN", "ZENTRALEINKAUF", "ZAHLSTELLE", "HAUPTKASSE", "ZENTRALE",
    "SERVICE COMPTABILITE", "SERVICE COMPTABLE", "SERVICE ACHATS", "DEPT COMPTABILITE",
    "DIRECTION FINANCIERE", "COMPTABILITE FOURNISSEURS", "COMPTABILITE", "TRESORERIE",
    "CUENTAS POR PAGAR", "DPTO CONTABILIDAD", "DEPTO CONTABILIDAD", "DEPARTAMENTO DE CONTABILIDAD",
    "CONTABILIDAD", "TESORERIA", "CONTAS A PAGAR", "CONTABILIDADE", "TESOURARIA", "FINANCEIRO",
    "UFFICIO CONTABILITA", "UFFICIO ACQUISTI", "UFFICIO AMMINISTRAZIONE", "AMMINISTRAZIONE",
    "CONTABILITA", "CREDITEURENADMINISTRATIE", "AFD CREDITEUREN", "AFD INKOOP", "AFDELING INKOOP",
    "AFD FINANCIEN", "BOEKHOUDING", "EKONOMIAVDELNINGEN", "EKONOMIAFDELINGEN", "REGNSKAB",
    "REGNSKAP", "OKONOMIAVDELING", "TALOUSHALLINTO", "DZIAL KSIEGOWOSCI", "KSIEGOWOSC",
    "MUHASEBE", "БУХГАЛТЕРИЯ",
];

/// A name (folded) as loosely as it may be read, before its words are taken apart.
pub(super) fn unglued(name: &str) -> String {
    GLUED.iter().fold(name.to_owned(), |name, form| name.replace(form, " "))
}

/// Without a department at one of the ends, and without kinds of companies; a name that is nothing
/// else stays. Words have single spaces between them.
pub(super) fn without_forms(words: &str) -> String {
    let mut words = format!(" {words} ");
    for form in DEPARTMENTS {
        words = without_at_the_ends(words, form);
    }
    for form in FORMS {
        let without = words.replace(&format!(" {form} "), " ");
        if !without.trim().is_empty() {
            words = without;
        }
    }
    words.trim().to_owned()
}

/// Without a department before or behind the name.
fn without_at_the_ends(words: String, department: &str) -> String {
    let department = format!(" {department} ");
    let inner = words.strip_prefix(&department).or_else(|| words.strip_suffix(&department));
    match inner.map(str::trim) {
        Some(rest) if !rest.is_empty() => format!(" {rest} "),
        _ => words,
    }
}

/// `O BRIEN`, `L OREAL`, `DELL AQUILA`: an apostrophe that was made a space.
pub(super) fn elided(words: &str) -> String {
    let mut read = String::with_capacity(words.len());
    let mut before = "";
    for word in words.split(' ').filter(|word| !word.is_empty()) {
        let glued = BEFORE.contains(&before) && word.chars().nth(1).is_some();
        read.push_str(if glued || read.is_empty() { "" } else { " " });
        read.push_str(word);
        before = word;
    }
    read
}

/// A word as it is written short, with the letters that others are written for.
pub(super) fn short(word: &str) -> String {
    let known = SHORT.iter().find(|(long, _)| *long == word);
    let word = known.map_or(word, |(_, short)| short).to_owned();
    LETTERS.iter().fold(word, |word, (written, read)| word.replace(written, read))
}
