//! `audit`: every invariant; exit 3 when one does not hold.

use super::error::{Exit, Result};
use super::output::{Output, Printer, write};
use super::table::table;
use crate::store::PgPool;
use crate::store::audit::{self, FINDINGS_MAX, Finding, INVARIANTS};

pub(super) async fn run(pool: &PgPool, printer: Printer) -> Result<Exit> {
    let findings = audit::run(pool).await?;
    let violated = findings.iter().filter(|finding| !finding.info).count();
    let table = printer.output == Output::Table;
    if !(table && findings.is_empty()) {
        printer.rows(&findings)?;
    }
    if table {
        write(&format!("{}\n", summary(violated, &findings)))?;
    }
    Ok(if violated == 0 { Exit::Ok } else { Exit::Findings })
}

fn summary(violated: usize, findings: &[Finding]) -> String {
    let checked = INVARIANTS.len();
    if violated == 0 {
        return format!("{checked} invariants checked: all of them hold.");
    }
    let mut codes: Vec<&str> = findings.iter().filter(|f| !f.info).map(|f| f.code).collect();
    codes.dedup();
    format!(
        "{checked} invariants checked: {violated} findings for {}; at most {FINDINGS_MAX} of each \
         are shown.",
        codes.join(", ")
    )
}

table!(Finding:
    code sentence subject detail info;
    row => {
        let code = if row.info { format!("{} (info)", row.code) } else { row.code.to_owned() };
    }
    "code": code, "what must hold": row.sentence, "subject": row.subject, "detail": row.detail);
