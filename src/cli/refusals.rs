//! What helps beside the sentence of a refusal: whose the things are that it is about.

use sqlx::PgPool;

use super::error::CliError;
use super::payments::words;
use crate::store::views::standing::About;
use crate::store::views::{Privacy, invoices, payments};

/// Things of one kind that are named at most.
const NAMED_MAX: usize = 10;

/// Sentences for a person whose command was refused with this code.
///
/// # Errors
/// What the database says.
pub(super) async fn helps(
    pool: &PgPool,
    code: Option<&str>,
    about: &About,
) -> Result<Vec<String>, CliError> {
    let mut told = Vec::new();
    match code {
        Some("account_mismatch") => {
            told.extend(payments_of(pool, about).await?);
            told.extend(invoices_of(pool, about).await?);
            told.push(
                "What was given to the wrong customer is moved by `topup payments split PAYMENT \
                 --part CUSTOMER=AMOUNT`. While it lies on an invoice, take it off first: `topup \
                 payments deallocate PAYMENT --invoice INVOICE`."
                    .to_owned(),
            );
        }
        Some(
            "invoice_exists"
            | "invoice_already_provisioned"
            | "invoice_already_voided"
            | "invoice_voided"
            | "invoice_not_sent"
            | "invoice_has_allocations"
            | "amount_exceeds_due",
        ) => told.extend(invoices_of(pool, about).await?),
        Some(
            "payment_exists"
            | "payment_removed"
            | "payment_already_assigned"
            | "payment_split"
            | "nothing_unallocated"
            | "amount_exceeds_unallocated",
        ) => told.extend(payments_of(pool, about).await?),
        Some("currency_mismatch") => {
            told.extend(payments_of(pool, about).await?);
            told.extend(invoices_of(pool, about).await?);
        }
        _ => {}
    }
    Ok(told)
}

async fn invoices_of(pool: &PgPool, about: &About) -> Result<Vec<String>, CliError> {
    let mut told = Vec::new();
    for id in about.invoices.iter().take(NAMED_MAX) {
        let Some(view) = invoices::show(pool, id).await? else { continue };
        let row = view.row;
        told.push(format!(
            "Invoice {id} is {}'s: {} {}, {} due, {}.",
            row.account_id,
            row.amount,
            row.currency,
            row.amount_due,
            row.status.replace('_', " ")
        ));
    }
    Ok(told)
}

async fn payments_of(pool: &PgPool, about: &About) -> Result<Vec<String>, CliError> {
    let mut told = Vec::new();
    for id in about.payments.iter().take(NAMED_MAX) {
        let Some(view) = payments::show(pool, id, Privacy::Masked).await? else { continue };
        let row = view.row;
        let whose = match &row.account_id {
            Some(owner) => format!("{owner}'s"),
            None => "nobody's yet".to_owned(),
        };
        told.push(format!(
            "Payment {id} is {whose}: {} {}, {} unallocated, {}, received on {}.",
            row.amount,
            row.currency,
            row.unallocated,
            words(&row.state),
            row.received_on
        ));
    }
    Ok(told)
}
