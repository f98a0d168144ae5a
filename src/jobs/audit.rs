//! `audit`: every invariant, as `topup audit` checks them.

use super::work::{JobReport, Work};
use crate::store::StoreError;
use crate::store::audit;

pub(super) async fn run(work: &Work<'_>) -> Result<JobReport, StoreError> {
    let findings = audit::run(work.pool()).await?;
    let violated: Vec<_> = findings.iter().filter(|finding| !finding.info).collect();
    for finding in &violated {
        tracing::error!(
            code = finding.code,
            subject = finding.subject,
            "an invariant does not hold: {}",
            finding.sentence
        );
    }
    let mut codes: Vec<&str> = violated.iter().map(|finding| finding.code).collect();
    codes.dedup();
    let checked = audit::INVARIANTS.len();
    let summary = match violated.len() {
        0 => format!("{checked} invariants checked: all of them hold"),
        count => format!("{checked} invariants checked: {count} findings for {}", codes.join(", ")),
    };
    Ok(JobReport { findings: violated.len() as u64, summary })
}
