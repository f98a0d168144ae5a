//! Ids that are the same but for the case of their letters, found by the index of the exact ones:
//! from one id that exists to the next spelling that may exist, in the order of the index.

use super::Result;
use super::near::Kind;
use crate::store::PgPool;
use crate::store::sql;

const ACCOUNTS: &str = sql!("views_at_least_accounts");
const INVOICES: &str = sql!("views_at_least_invoices");
const PAYMENTS: &str = sql!("views_at_least_payments");

/// Look-ups at most; ids that begin alike in many spellings are rare.
const LOOKUPS_MAX: usize = 200;

/// The ids that are this one but for upper and lower case, at most `most`.
pub async fn of(pool: &PgPool, kind: Kind, id: &str, most: usize) -> Result<Vec<String>> {
    let sql = match kind {
        Kind::Account => ACCOUNTS,
        Kind::Invoice => INVOICES,
        Kind::Payment => PAYMENTS,
    };
    let mut found = Vec::new();
    // No id has other characters, and a NUL is no text for the database.
    let mut wanted = Some(id.to_ascii_uppercase()).filter(|id| is_id(id));
    for _ in 0..LOOKUPS_MAX {
        let Some(at_least) = wanted else { break };
        let query = sqlx::query_scalar(sql).bind(&at_least);
        let Some(seen): Option<String> = query.fetch_optional(pool).await? else { break };
        if seen.eq_ignore_ascii_case(id) {
            found.push(seen.clone());
            if found.len() >= most {
                break;
            }
        }
        wanted = after(id, &seen);
    }
    Ok(found)
}

fn is_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The first spelling of `id` that comes after `seen`, by bytes.
fn after(id: &str, seen: &str) -> Option<String> {
    let (id, seen) = (id.as_bytes(), seen.as_bytes());
    let spellings = |byte: u8| [byte.to_ascii_uppercase(), byte.to_ascii_lowercase()];
    // How far `seen` may be the beginning of a spelling.
    let alike =
        id.iter().zip(seen).take_while(|(one, other)| one.eq_ignore_ascii_case(other)).count();
    // The last place where a spelling can be greater than `seen`, and equal before it.
    for place in (0..=alike.min(id.len().saturating_sub(1))).rev() {
        let at = seen.get(place).copied();
        let byte = *id.get(place)?;
        let greater = spellings(byte).into_iter().find(|spelt| at.is_none_or(|at| *spelt > at));
        if let Some(greater) = greater {
            let mut next = seen.get(..place)?.to_vec();
            next.push(greater);
            next.extend(id.get(place.saturating_add(1)..)?.to_ascii_uppercase());
            return String::from_utf8(next).ok();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every spelling, from one to the next, over a world of ids.
    fn found(id: &str, world: &[&str]) -> (Vec<String>, usize) {
        let mut sorted: Vec<&str> = world.to_vec();
        sorted.sort_unstable();
        let (mut found, mut lookups) = (Vec::new(), 0);
        let mut wanted = Some(id.to_ascii_uppercase());
        while let Some(at_least) = wanted {
            lookups += 1;
            let Some(seen) = sorted.iter().find(|one| **one >= at_least.as_str()) else { break };
            if seen.eq_ignore_ascii_case(id) {
                found.push((*seen).to_owned());
            }
            wanted = after(id, seen);
        }
        (found, lookups)
    }

    #[test]
    fn all_spellings_are_found_and_others_passed_over() {
        let world = ["ACME", "AcMe", "acme", "acme-2", "Acne", "ACMD", "B", "ZZ", "a", "acm", "ab"];
        let (ids, lookups) = found("aCmE", &world);
        assert_eq!(ids, ["ACME", "AcMe", "acme"]);
        assert!(lookups < 12, "{lookups}");
        assert_eq!(found("INV-1", &["inv-1", "INV-10", "inv-2"]).0, ["inv-1"]);
        assert_eq!(found("x", &world).0, Vec::<String>::new());
        assert_eq!(found("acme", &[]).0, Vec::<String>::new());
    }

    #[test]
    fn look_ups_do_not_grow_with_what_is_stored() {
        let many: Vec<String> = (0..5_000).map(|n| format!("BANK:DBS-1:TX-{n}")).collect();
        let world: Vec<&str> = many.iter().map(String::as_str).collect();
        let (ids, lookups) = found("bank:dbs-1:tx-4711", &world);
        assert_eq!(ids, ["BANK:DBS-1:TX-4711"]);
        assert!(lookups <= 3, "{lookups}");
    }
}
