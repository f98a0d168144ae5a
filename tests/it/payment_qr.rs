//! The QR code of an invoice as it is published.

use serde_json::Value;

use crate::harness::World;
use crate::harness::records::{draft, invoice, with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invoice_that_is_sent_has_the_code_of_its_currency() {
    let mut world = World::with_partitions("payment_qr", 1).await;
    world.set("PAYMENT_QR__EUR_NAME", "Acme Telecom GmbH");
    world.set("PAYMENT_QR__EUR_IBAN", "DE89 3704 0044 0532 0130 00");
    world.set("PAYMENT_QR__SGD_NAME", "ACME TELECOM");
    world.set("PAYMENT_QR__SGD_UEN", "201912345K");
    let worker = world.start().await;
    let currency = |code: &str| serde_json::json!({ "currency": code });
    world.applied("c-1", "invoice.create", "A", invoice("I1", "A", "10.50")).await;
    let euro = with(draft("I2", "A", "20.00"), &currency("EUR"));
    world.applied("c-2", "invoice.create", "A", euro).await;
    let sent = crate::harness::records::about_invoice("I2", "A");
    world.applied("c-3", "invoice.mark-sent", "A", sent).await;
    let yen = with(invoice("I3", "A", "2900"), &currency("JPY"));
    world.applied("c-4", "invoice.create", "A", yen).await;
    let events = world.events().await;
    worker.shutdown().await;
    let kind = "topup.invoice.sent.v1";
    let sent: Vec<&Value> =
        events.iter().map(|event| &event.json).filter(|json| json["type"] == kind).collect();
    assert_eq!(sent.len(), 3);
    for json in sent {
        let data = &json["data"];
        let reference = data["payment_reference"].as_str().expect("a reference");
        let text = data["payment_qr"]["text"].as_str().unwrap_or_default();
        match data["currency"].as_str() {
            Some("SGD") => {
                assert_eq!(data["payment_qr"]["kind"], "sgqr-paynow");
                assert!(text.contains("540510.50"), "{text}");
                assert!(text.contains(&format!("0117{reference}")), "{text}");
            }
            Some("EUR") => {
                assert_eq!(data["payment_qr"]["kind"], "epc069-12");
                let lines: Vec<&str> = text.split('\n').collect();
                assert_eq!(
                    lines[5..8],
                    ["Acme Telecom GmbH", "DE89370400440532013000", "EUR20.00"]
                );
                assert_eq!(lines.last(), Some(&reference));
            }
            _ => assert!(data.get("payment_qr").is_none(), "{data}"),
        }
    }
    world.finish().await;
}
