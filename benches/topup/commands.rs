//! The book as commands: how a worker of any commit comes to know customers and invoices, whatever
//! its tables look like.

use topup::domain::matching::reference::mint;
use topup::wire::{RawRecord, Topic, decode};

use crate::data::{Book, CURRENCY, Invoice, decimal, payer_account};

/// A command and its key.
pub struct Command {
    pub account: String,
    pub value: String,
}

/// Every customer with the account that it pays from, then every invoice, sent.
pub fn all(book: &Book) -> impl Iterator<Item = Command> {
    let invoices = (0..book.invoices).map(|index| {
        let invoice = book.invoice(index);
        Command { value: create(&invoice), account: invoice.account }
    });
    book.account_ids().map(|account| Command { value: upsert(&account), account }).chain(invoices)
}

pub fn count(book: &Book) -> usize {
    book.account_ids().count() + book.invoices
}

/// The reference that the worker mints for an invoice: it follows from the command's content.
pub fn reference(invoice: &Invoice) -> String {
    let value = create(invoice);
    let key = Some(invoice.account.as_bytes());
    let value = Some(value.as_bytes());
    let record = RawRecord { topic: Topic::Commands, key, value, headers: &[] };
    mint(&decode(&record).expect("a command").content_hash)
}

fn upsert(account: &str) -> String {
    let data = format!(
        r#"{{"account_id":"{account}","name":"Customer {account}","payer_accounts":["{}"]}}"#,
        payer_account(account)
    );
    command(&format!("account-{account}"), "topup.account.upsert.v1", &data)
}

fn create(invoice: &Invoice) -> String {
    let data = format!(
        concat!(
            r#"{{"invoice_id":"{}","account_id":"{}","name":"Topup","amount":"{}","#,
            r#""currency":"{}","send":true}}"#
        ),
        invoice.id,
        invoice.account,
        decimal(invoice.cents),
        CURRENCY
    );
    command(&format!("create-{}", invoice.id), "topup.invoice.create.v1", &data)
}

fn command(id: &str, kind: &str, data: &str) -> String {
    format!(
        concat!(
            r#"{{"specversion":"1.0","id":"{}","source":"bench","type":"{}","#,
            r#""time":"2026-11-01T08:00:00Z","data":{}}}"#
        ),
        id, kind, data
    )
}
