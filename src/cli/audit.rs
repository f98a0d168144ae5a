//! `audit`: every invariant; exit 3 when one does not hold.

use sqlx::PgPool;

use super::error::{CliError, Exit};
use super::output::{Output, Printer, Tabular, write};
use crate::store::audit::{self, FINDINGS_MAX, Finding, INVARIANTS};

/// # Errors
/// What the database says.
pub async fn run(pool: &PgPool, printer: Printer) -> Result<Exit, CliError> {
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

impl Tabular for Finding {
    const HEADERS: &'static [&'static str] = &["code", "what must hold", "subject", "detail"];
    const FIELDS: &'static [&'static str] = &["code", "sentence", "subject", "detail", "info"];

    fn cells(&self) -> Vec<String> {
        let code = if self.info { format!("{} (info)", self.code) } else { self.code.to_owned() };
        vec![code, self.sentence.to_owned(), self.subject.clone(), self.detail.clone()]
    }
}
