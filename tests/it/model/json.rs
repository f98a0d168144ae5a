//! Generated messages as the records that upstream systems would send, and decoded from those.

use std::collections::HashMap;

use chrono::SecondsFormat;
use serde_json::{Value, json};
use topup::domain::advice::{LineName, RemittanceAdvice};
use topup::domain::allocation::AllocationPart;
use topup::domain::bank::{BankTransaction, CreditDebit, EntryStatus};
use topup::domain::ids::PaymentId;
use topup::domain::input::{
    AllocatePayment, Command, Input, Message, ReleasePayment, ReleaseWord, ResolveReturn,
    ReturnWord, UpsertAccount,
};
use topup::domain::matching::reference;
use topup::domain::matching::upstream::{GivenReference, Scheme};
use topup::domain::money::{Amount, Currency, Money};
use topup::domain::split::{SplitPayment, part_id};
use topup::domain::threshold::Levels;
use topup::domain::usage::{HoldAmount, Usage};
use topup::pipeline::batch::{Item, type_of};

use super::topic_of;
use crate::harness::Direct;
use crate::harness::records::envelope_at;

/// The log as decoded records. The generator mints payment references from hashes of its own;
/// texts that quote one are made to quote what the service mints.
pub fn decoded(direct: &mut Direct, log: &[Message]) -> Vec<Item> {
    let mut minted: HashMap<String, String> = HashMap::new();
    let mut items = Vec::new();
    for message in log {
        let mut data = data_of(&message.input).to_string();
        for (generated, real) in &minted {
            data = data.replace(generated, real);
        }
        let (id, source) = (message.record.id.as_str(), message.record.source.as_str());
        let time = message.time.to_rfc3339_opts(SecondsFormat::Secs, true);
        let record = envelope_at(id, source, type_of(&message.input), &time, &data);
        let item = direct.item(topic_of(&message.input), None, record.as_bytes());
        let decoded = item.decoded.as_ref();
        let decoded = decoded.unwrap_or_else(|failure| panic!("{failure}: {record}"));
        if let Input::Command(Command::CreateInvoice(_)) = &message.input {
            let real = reference::mint(&decoded.content_hash);
            minted.insert(reference::mint(&message.content_hash), real);
        }
        if let Input::Command(Command::SplitPayment(_)) = &message.input {
            let ids = |hash| part_id(hash, 0).as_str().trim_end_matches('0').to_owned();
            minted.insert(ids(&message.content_hash), ids(&decoded.content_hash));
        }
        items.push(item);
    }
    items
}

fn data_of(input: &Input) -> Value {
    let data = match input {
        Input::Command(command) => command_data(command),
        Input::BankTransaction(bank) => bank_data(bank),
        Input::Usage(usage) => usage_data(usage),
        Input::Advice(advice) => advice_data(advice),
        Input::BankStatement(_) | Input::Rematch(_) | Input::RetryReturn(_) => {
            panic!("none of these is generated")
        }
    };
    without_nulls(data)
}

/// An optional field is absent, not null.
fn without_nulls(mut data: Value) -> Value {
    if let Some(fields) = data.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    data
}

fn usage_data(usage: &Usage) -> Value {
    let hold_data = |hold: &HoldAmount| {
        json!({
            "hold_id": hold.hold_id.as_str(),
            "account_id": hold.account_id.as_str(),
            "amount": hold.amount.number(),
            "currency": hold.amount.code(),
        })
    };
    match usage {
        Usage::Charge(charge) => json!({
            "usage_id": charge.usage_id.as_str(),
            "account_id": charge.account_id.as_str(),
            "amount": charge.amount.number(),
            "currency": charge.amount.code(),
            "occurred_at": charge.occurred_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "kind": charge.kind,
            "hold_id": charge.hold_id.as_ref().map(|id| id.as_str()),
        }),
        Usage::Refund(refund) => json!({
            "refund_id": refund.refund_id.as_str(),
            "usage_id": refund.usage_id.as_str(),
            "account_id": refund.account_id.as_str(),
            "amount": refund.amount.number(),
            "currency": refund.amount.code(),
        }),
        Usage::Hold(hold) | Usage::Release(hold) | Usage::ExpireHold(hold) => hold_data(hold),
        Usage::Watermark(complete_through) => json!({
            "complete_through": complete_through.to_rfc3339_opts(SecondsFormat::Secs, true),
        }),
    }
}

fn command_data(command: &Command) -> Value {
    match command {
        Command::UpsertAccount(upsert) => upsert_data(upsert),
        Command::CreateInvoice(create) => json!({
            "invoice_id": create.invoice_id.as_str(),
            "account_id": create.account_id.as_str(),
            "name": create.name,
            "amount": create.amount.number(),
            "currency": create.amount.currency().code(),
            "due_date": create.due_date.map(|date| date.to_string()),
            "send": create.send,
            "references": create.references.iter().map(reference_data).collect::<Vec<_>>(),
        }),
        Command::MarkInvoiceSent { invoice_id, account_id }
        | Command::VoidInvoice { invoice_id, account_id, .. }
        | Command::KeepInvoice { invoice_id, account_id, .. } => json!({
            "invoice_id": invoice_id.as_str(),
            "account_id": account_id.as_str(),
        }),
        Command::RecordPayment(record) => json!({
            "payment_id": record.payment_id.as_str(),
            "account_id": record.account_id.as_ref().map(|id| id.as_str()),
            "amount": record.amount.number(),
            "currency": record.amount.currency().code(),
            "received_on": record.received_on.to_string(),
            "method": record.method,
        }),
        Command::AssignPayment { payment_id, account_id }
        | Command::RemovePayment { payment_id, account_id, .. }
        | Command::UnsplitPayment { payment_id, account_id, .. } => json!({
            "payment_id": payment_id.as_str(),
            "account_id": account_id.as_str(),
        }),
        Command::AllocatePayment(allocate) => allocate_data(allocate),
        Command::SplitPayment(split) => split_data(split),
        Command::ResolveReturn(resolve) => resolve_data(resolve),
        Command::ReleasePayment(release) => release_data(release),
        Command::CloseAccount { account_id, .. } => json!({ "account_id": account_id.as_str() }),
        Command::CancelCommand(_) => unreachable!("the generator makes none"),
        Command::ConfirmMatch(word) | Command::RejectMatch(word) => json!({
            "payment_id": word.payment_id.as_str(),
            "suggestion_id": word.suggestion_id.as_str(),
            "account_id": word.account_id.as_str(),
            "reason": word.reason,
        }),
        Command::DeallocatePayment { payment_id, invoice_id, account_id, .. } => json!({
            "payment_id": payment_id.as_str(),
            "invoice_id": invoice_id.as_str(),
            "account_id": account_id.as_str(),
        }),
    }
}

fn resolve_data(resolve: &ResolveReturn) -> Value {
    let (action, payments, fee) = match &resolve.word {
        ReturnWord::End => ("end", None, None),
        ReturnWord::Take { payments, fee } => {
            let one = |(id, amount): &(PaymentId, Option<Amount>)| {
                without_nulls(json!({ "payment_id": id.as_str(), "amount": amount.map(number) }))
            };
            ("take", Some(payments.iter().map(one).collect::<Vec<_>>()), fee.map(number))
        }
    };
    json!({
        "account_id": resolve.account_id.as_str(),
        "bank_account": resolve.key.bank_account,
        "bank_key": resolve.key.key,
        "action": action,
        "payments": payments,
        "fee": fee,
    })
}

fn release_data(release: &ReleasePayment) -> Value {
    let amount = match release.word {
        ReleaseWord::Refund(amount) => amount.map(number),
        ReleaseWord::Dismiss => None,
    };
    json!({
        "payment_id": release.payment_id.as_str(),
        "account_id": release.account_id.as_ref().map(|id| id.as_str()),
        "amount": amount,
        "reason": release.reason,
    })
}

fn upsert_data(upsert: &UpsertAccount) -> Value {
    json!({
        "account_id": upsert.account_id.as_str(),
        "name": upsert.name,
        "payer_accounts": upsert.payer_accounts,
        "virtual_accounts": upsert.virtual_accounts,
        "balance_levels": upsert.balance_levels.as_ref().map(levels_data),
    })
}

fn levels_data(levels: &Levels) -> Value {
    let of = |(currency, list): (Currency, &[Money])| {
        let list: Vec<String> = list.iter().map(|level| level.number()).collect();
        (currency.code().to_owned(), json!(list))
    };
    Value::Object(levels.iter().map(of).collect())
}

fn reference_data(given: &GivenReference) -> Value {
    let scheme = given.scheme.map(Scheme::word);
    without_nulls(json!({ "reference": given.text, "scheme": scheme }))
}

fn advice_data(advice: &RemittanceAdvice) -> Value {
    let lines = advice.lines.iter().map(|line| {
        let (id, reference) = match &line.name {
            LineName::Invoice(id) => (Some(id.as_str()), None),
            LineName::Reference(text) => (None, Some(text)),
        };
        let amount = line.amount.number();
        without_nulls(json!({ "invoice_id": id, "reference": reference, "amount": amount }))
    });
    json!({
        "advice_id": advice.key.advice_id.as_str(),
        "bank_account": advice.key.bank_account.as_str(),
        "payer_account": advice.payer_account,
        "payment_reference": advice.payment_reference,
        "amount": advice.amount.number(),
        "currency": advice.amount.currency().code(),
        "invoices": lines.collect::<Vec<_>>(),
    })
}

fn allocate_data(allocate: &AllocatePayment) -> Value {
    json!({
        "payment_id": allocate.payment_id.as_str(),
        "account_id": allocate.account_id.as_str(),
        "allocations": allocations(&allocate.allocations),
    })
}

fn split_data(split: &SplitPayment) -> Value {
    let parts = split.parts.iter().map(|share| {
        json!({
            "account_id": share.account_id.as_str(),
            "amount": number(share.amount),
            "allocations": allocations(&share.allocations),
        })
    });
    json!({
        "payment_id": split.payment_id.as_str(),
        "account_id": split.account_id.as_str(),
        "parts": parts.collect::<Vec<_>>(),
    })
}

fn allocations(parts: &[AllocationPart]) -> Vec<Value> {
    let part = |part: &AllocationPart| {
        without_nulls(json!({
            "invoice_id": part.invoice_id.as_str(),
            "amount": part.amount.map(number),
        }))
    };
    parts.iter().map(part).collect()
}

fn number(amount: Amount) -> String {
    let currency = Currency::parse("SGD").expect("SGD");
    amount.in_currency(currency).expect("two decimals").number()
}

fn bank_data(bank: &BankTransaction) -> Value {
    let direction = match bank.credit_debit {
        CreditDebit::Credit => "CRDT",
        CreditDebit::Debit => "DBIT",
    };
    let status = match bank.status {
        EntryStatus::Booked => "BOOK",
        EntryStatus::Pending => "PDNG",
        EntryStatus::Information => "INFO",
    };
    json!({
        "bank_account": bank.bank_account.as_str(),
        "bank_transaction_id": bank.bank_transaction_id,
        "end_to_end_id": bank.end_to_end_id,
        "credit_debit": direction,
        "status": status,
        "reversal": bank.reversal,
        "amount": bank.amount.number(),
        "currency": bank.amount.currency().code(),
        "booking_date": bank.booking_date.to_string(),
        "value_date": bank.value_date.map(|date| date.to_string()),
        "debtor": bank.debtor_account.as_ref().map(|account| json!({ "account": account })),
        "virtual_account": bank.virtual_account,
        "remittance": { "unstructured": bank.unstructured },
        "return_of": bank.return_of.as_ref().map(|of| json!({
            "bank_transaction_id": of.bank_transaction_id, "reason": of.reason,
        })),
    })
}
