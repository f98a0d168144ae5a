//! A row as the fields that its JSON has, in their order: what CSV, and the sums of a list, are
//! made of.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::error::Result;

/// The fields of one row.
pub(super) type Fields = Vec<(String, Value)>;

struct Ordered(Fields);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Ordered;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Ordered(fields))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

pub(super) fn fields<T: Serialize>(row: &T) -> Result<Fields> {
    let text = serde_json::to_string(row)?;
    let ordered: Ordered = serde_json::from_str(&text)?;
    Ok(ordered.0)
}

/// The names that all rows have together, each once.
pub(super) fn names(rows: &[Fields]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}

/// What stands in a cell. The parts of a list are joined by a plus.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(all) if all.iter().all(|one| !one.is_array() && !one.is_object()) => {
            all.iter().map(text).collect::<Vec<_>>().join(" + ")
        }
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    struct Row {
        payment_id: &'static str,
        amount: &'static str,
        invoices: [&'static str; 2],
        #[serde(skip_serializing_if = "Option::is_none")]
        looks_like: Option<&'static str>,
    }

    #[test]
    fn the_order_is_that_of_the_json() {
        let row =
            |looks_like| Row { payment_id: "P", amount: "1.00", invoices: ["I", "J"], looks_like };
        let rows: Vec<Fields> =
            [None, Some("Q")].map(|like| fields(&row(like)).expect("an object")).to_vec();
        assert_eq!(names(&rows), ["payment_id", "amount", "invoices", "looks_like"]);
        assert_eq!(text(&rows[0][2].1), "I + J");
        assert_eq!(text(&json!({ "a": 1 })), "{\"a\":1}");
        assert_eq!(text(&Value::Null), "");
    }
}
