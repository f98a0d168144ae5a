//! Sums of what a list shows, for each currency: exact, however long the list is.

use std::collections::BTreeMap;

use serde::Serialize;

use super::columns::Fields;

/// Fields whose sum over a list means something.
const SUMMED: [&str; 5] = ["amount", "unallocated", "amount_due", "balance", "held"];

/// The sum of one field in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Total {
    pub currency: String,
    pub of: &'static str,
    pub total: String,
    /// How many rows of this currency there are.
    pub rows: u64,
}

/// Sums that grow with each page.
#[derive(Debug, Clone, Default)]
pub(super) struct Totals {
    /// In millionths, by currency and the field's place.
    sums: BTreeMap<(String, usize), i128>,
    /// Decimals that the currency's amounts have.
    decimals: BTreeMap<String, usize>,
    /// Rows of each currency.
    rows: BTreeMap<String, u64>,
}

impl Totals {
    pub(super) fn add(&mut self, rows: &[Fields]) {
        for row in rows {
            let value = |name: &str| {
                let found = row.iter().find(|(field, _)| field == name);
                found.and_then(|(_, value)| value.as_str())
            };
            let Some(currency) = value("currency") else { continue };
            let rows = self.rows.entry(currency.to_owned()).or_default();
            *rows = rows.saturating_add(1);
            for (place, name) in SUMMED.into_iter().enumerate() {
                let Some(text) = value(name) else { continue };
                let Some(micros) = micros(text) else { continue };
                let sum = self.sums.entry((currency.to_owned(), place)).or_default();
                *sum = sum.saturating_add(micros);
                let shown = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
                let most = self.decimals.entry(currency.to_owned()).or_default();
                *most = shown.max(*most);
            }
        }
    }

    pub(super) fn all(&self) -> Vec<Total> {
        let one = |((currency, place), sum): (&(String, usize), &i128)| {
            let decimals = self.decimals.get(currency).copied().unwrap_or(6);
            let of = SUMMED.get(*place)?;
            let rows = self.rows.get(currency).copied().unwrap_or_default();
            Some(Total { currency: currency.clone(), of, total: shown(*sum, decimals), rows })
        };
        self.sums.iter().filter_map(one).collect()
    }

    /// For a person: a line for each currency. `whole` when no more rows follow.
    pub(super) fn lines(&self, whole: bool) -> Vec<String> {
        let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for total in self.all() {
            let part = format!("{} {}", total.of, total.total);
            lines.entry(total.currency).or_default().push(part);
        }
        let rows = |currency: &str| {
            let count = self.rows.get(currency).copied().unwrap_or_default();
            let word = if count == 1 { "row" } else { "rows" };
            match (whole, count) {
                (true, _) => format!("{count} {word}"),
                (false, 1) => "this row, there are more".to_owned(),
                (false, _) => format!("these {count} rows, there are more"),
            }
        };
        let one = |(currency, parts): (String, Vec<String>)| {
            format!("Total {currency}: {} ({})", parts.join(", "), rows(&currency))
        };
        lines.into_iter().map(one).collect()
    }
}

/// An amount as it is shown, in millionths.
fn micros(text: &str) -> Option<i128> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || decimals.len() > 6 || !all_digits(whole) || !all_digits(decimals) {
        return None;
    }
    let whole: i128 = whole.parse().ok()?;
    let decimals: i128 = format!("{decimals:0<6}").parse().ok()?;
    whole.checked_mul(1_000_000)?.checked_add(decimals)?.checked_mul(sign)
}

/// The same back: with as many decimals as it has, at least so many.
pub(super) fn shown(micros: i128, decimals: usize) -> String {
    let sign = if micros < 0 { "-" } else { "" };
    let all = format!("{:07}", micros.unsigned_abs());
    let (whole, rest) = all.split_at(all.len().saturating_sub(6));
    // A charge may have more decimals than the currency.
    let kept = rest.trim_end_matches('0').len().max(decimals);
    let rest: String = rest.chars().take(kept).collect();
    if rest.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{rest}") }
}

/// The sums beside a list, as a program reads them.
#[derive(Debug, Serialize)]
pub(super) struct WithTotals<'a, T> {
    #[serde(flatten)]
    pub list: &'a T,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub totals: Vec<Total>,
}

/// Whether the rows have money at all.
pub(super) fn have_money(rows: &[Fields]) -> bool {
    let named = |name: &str| rows.first().is_some_and(|row| row.iter().any(|(f, _)| f == name));
    named("currency") && SUMMED.into_iter().any(named)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn row(currency: &str, amount: &str, due: &str) -> Fields {
        let field = |name: &str, text: &str| (name.to_owned(), Value::String(text.to_owned()));
        vec![field("currency", currency), field("amount", amount), field("amount_due", due)]
    }

    #[test]
    fn sums_are_exact_in_each_currency() {
        let mut totals = Totals::default();
        totals.add(&[row("SGD", "0.10", "0.20"), row("JPY", "100000", "0")]);
        totals.add(&[row("SGD", "0.20", "-0.30"), row("SGD", "9007199254740993.01", "0.00")]);
        let expected = [
            "Total JPY: amount 100000, amount_due 0 (1 row)",
            "Total SGD: amount 9007199254740993.31, amount_due -0.10 (3 rows)",
        ];
        assert_eq!(totals.lines(true), expected);
        assert_eq!(totals.all()[3].total, "-0.10");
        assert!(totals.lines(false)[1].ends_with("(these 3 rows, there are more)"));
    }

    #[test]
    fn what_is_no_amount_is_not_summed() {
        for text in ["", "-", "1,000.00", "1.2.3", "1e3", "1.0000001"] {
            assert_eq!(micros(text), None, "{text}");
        }
        assert_eq!(shown(-500_000, 2), "-0.50");
        assert_eq!(shown(1_234_567, 2), "1.234567");
        assert!(!have_money(&[]));
        assert!(have_money(&[row("SGD", "1.00", "1.00")]));
    }
}
