//! What was copied from a masked view is never written back: it would destroy what it stands for.

use serde_json::Value;

use crate::domain::mask::is_mask;

/// The code of a refusal, in `docs/ERRORS.md`.
pub(crate) const CODE: &str = "masked_value";

/// Fields of records that hold a payer's name, account number or text, at any depth.
const PRIVATE: [&str; 10] = [
    "name",
    "account",
    "debtor",
    "payer_account",
    "payer_accounts",
    "virtual_account",
    "virtual_accounts",
    "unstructured",
    "creditor_reference",
    "end_to_end_id",
];

/// Whether what stands under this name is a payer's.
pub(crate) fn is_private(field: &str) -> bool {
    PRIVATE.contains(&field)
}

/// Where a record holds our mask, as a JSON pointer; what `before` has at the same place is no
/// mask: it came so. What is no JSON was never masked.
pub(crate) fn held(value: &[u8], before: Option<&[u8]>) -> Option<String> {
    let now: Value = serde_json::from_slice(value).ok()?;
    let before = before.and_then(|before| serde_json::from_slice::<Value>(before).ok());
    let mut found = Vec::new();
    collect(&now, String::new(), &mut found);
    let new = |place: &&String| {
        let same = before.as_ref().and_then(|before| before.pointer(place));
        same.is_none() || same != now.pointer(place)
    };
    found.iter().find(new).cloned()
}

fn collect(value: &Value, place: String, found: &mut Vec<String>) {
    match value {
        Value::String(text) if is_mask(text) => found.push(place),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                collect(item, format!("{place}/{index}"), found);
            }
        }
        Value::Object(fields) => {
            for (name, field) in fields {
                let name = name.replace('~', "~0").replace('/', "~1");
                collect(field, format!("{place}/{name}"), found);
            }
        }
        Value::String(_) | Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

/// The sentence of a refusal; it names the place, never the text.
pub(crate) fn refusal(place: &str) -> String {
    format!(
        "{CODE}: {place} holds our mask, not the text that it stands for; take it from \
         `--unmasked`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_found_at_any_depth_and_what_came_so_is_none() {
        let masked =
            r#"{"data":{"debtor":{"name":"…eng"},"remittance":{"unstructured":["a","…"]}}}"#;
        let place = held(masked.as_bytes(), None);
        assert_eq!(place.as_deref(), Some("/data/debtor/name"));
        let before = r#"{"data":{"debtor":{"name":"…eng"}}}"#;
        let place = held(masked.as_bytes(), Some(before.as_bytes()));
        assert_eq!(place.as_deref(), Some("/data/remittance/unstructured/1"));
        assert_eq!(held(masked.as_bytes(), Some(masked.as_bytes())), None);
        assert_eq!(held(b"name=...", None), None);
    }
}
