//! The book in numbers, however much of it there is.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use topup::store::views::book;
use topup::wire::Topic;

use crate::advices::money;
use crate::harness::Direct;

/// All values of a reading, by name and labels.
async fn read(direct: &Direct, bound: i64) -> BTreeMap<String, i64> {
    let rows = book::read(direct.pipeline.pool(), TimeDelta::seconds(30), bound).await;
    let name = |row: &book::BookRow| format!("{} {} {}", row.metric, row.label, row.further);
    rows.expect("read").into_iter().map(|row| (name(&row).trim().to_owned(), row.value)).collect()
}

/// Of each kind a bounded number of rows is read, and where there are more, that is said. Many
/// dead letters of one kind do not hide another.
#[tokio::test]
async fn what_is_counted_in_part_is_said_to_be() {
    let mut direct = Direct::new("o_book").await;
    let mut items: Vec<_> = (0..5).map(|n| money(&mut direct, &format!("T{n}"), "10.00")).collect();
    items.extend((0..3).map(|_| direct.item(Topic::Commands, None, b"no JSON at all")));
    items.push(direct.item(Topic::Usage, None, b"no JSON at all"));
    direct.run(&items).await;
    let sum = |found: &BTreeMap<String, i64>, name: &str| {
        found.iter().filter(|(key, _)| key.starts_with(name)).map(|(_, value)| value).sum::<i64>()
    };
    let settings = direct.pipeline.settings();
    let (commands, usage) = (&settings.topics.commands, &settings.topics.usage);
    let letters = |topic: &str| format!("dead_letters_open not_json {topic}");
    let all = read(&direct, 1_000).await;
    assert_eq!(sum(&all, "parked_payments "), 5, "{all:#?}");
    assert_eq!(sum(&all, "parked_amount_micros "), 50_000_000, "{all:#?}");
    assert_eq!((all[&letters(commands)], all[&letters(usage)]), (3, 1), "{all:#?}");
    assert_eq!(sum(&all, "book_at_least "), 0, "{all:#?}");
    let unpublished = all["outbox_unpublished"];
    assert!(unpublished > 4, "{all:#?}");
    let part = read(&direct, 2).await;
    assert_eq!(sum(&part, "parked_payments "), 2, "{part:#?}");
    assert_eq!(sum(&part, "parked_amount_micros "), 20_000_000, "{part:#?}");
    assert_eq!((part[&letters(commands)], part[&letters(usage)]), (2, 1), "{part:#?}");
    assert!(part["outbox_unpublished"] < unpublished, "{part:#?}");
    let more: Vec<&str> = part
        .iter()
        .filter(|(_, value)| **value == 1)
        .filter_map(|(name, _)| name.strip_prefix("book_at_least "))
        .collect();
    assert_eq!(more, ["dead_letters_open", "outbox_unpublished", "parked_payments"]);
    direct.finish().await;
}
