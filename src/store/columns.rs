//! Rows as arrays, each bound to the parameter of its name: what the statement calls another way
//! does not compile.

use super::StoreError;

/// One column of all rows.
pub(super) fn each<'a, R, T>(
    rows: &'a [R],
    of: impl Fn(&'a R) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    rows.iter().map(of).collect()
}

/// A statement of `sql/` with its arguments in the order of their numbers. Of each row in turn:
/// `column: value`, for the parameter that the statement unnests under that name; `name => value`
/// is the same for all rows. A statement of one row has but these.
macro_rules! bound {
    ($name:literal, $(for $row:pat_param in $rows:tt {
        $($column:ident $(: $value:expr)? $(=> $one:expr)?,)*
    })+) => {
        sqlx::query(bound!(@named $name, $($($column $([$value])?,)*)+))$($(
            $(.bind($crate::store::columns::each(
                &$rows,
                |#[allow(unused_variables, reason = "a column is of a part of the row")] $row| {
                    Ok($value)
                },
            )?))?
            $(.bind($one))?
        )*)+
    };
    ($name:literal, { $($column:ident => $one:expr,)* }) => {
        sqlx::query(bound!(@named $name, $($column,)*))$(.bind($one))*
    };
    (@named $name:literal, $($column:ident $([$value:expr])?,)*) => {{
        const STATEMENT: &str = $crate::store::sql!($name);
        const {
            let names = &[$($crate::store::columns::Bound {
                name: stringify!($column),
                each: false $(|| { let _ = stringify!($value); true })?,
            },)*];
            assert!(
                $crate::store::columns::agree(STATEMENT, names),
                "the statement has another parameter in the place of a column"
            );
        }
        STATEMENT
    }};
}

/// A statement of `sql/` with its arguments in the order of their numbers.
macro_rules! query {
    ($name:literal: $($value:expr),+) => {
        sqlx::query($crate::store::sql!($name))$(.bind($value))+
    };
}

/// The same of one that says one value.
macro_rules! scalar {
    ($name:literal: $($value:expr),+) => {
        sqlx::query_scalar($crate::store::sql!($name))$(.bind($value))+
    };
}

/// Writes the rows by one statement, where there are any; says how many it wrote or changed.
macro_rules! store {
    ($tx:ident, $name:literal, $(for $row:pat_param in $rows:tt $columns:tt)+) => {
        if $($rows.is_empty())&&+ {
            0
        } else {
            bound!($name, $(for $row in $rows $columns)+).execute(&mut **$tx).await?.rows_affected()
        }
    };
}

/// What is bound as the parameter of its place.
pub(super) struct Bound {
    pub name: &'static str,
    /// An array with a value of each row.
    pub each: bool,
}

/// Whether each array is what the statement unnests under its name. The name stands behind the
/// parameter (`unnest($1::text[]) AS kind`, `unnest($1::text[], …) AS n(kind, …)`), or it is that
/// of the column in the same place of the `INSERT INTO`.
pub(super) const fn agree(statement: &str, names: &[Bound]) -> bool {
    let text = statement.as_bytes();
    let (mut at, mut columns, mut seen) = (0, 0, 0);
    while at < text.len() {
        if starts(text, at, b"INSERT INTO") {
            columns = after(text, at, b'(');
        } else if starts(text, at, b"unnest($") {
            let Some((end, names_at, arrays)) = unnested(text, at, columns, names) else {
                return false;
            };
            (at, columns, seen) = (end, names_at, seen + arrays);
        } else if starts(text, at, b"VALUES (")
            && !valued(text, after(text, at, b'('), columns, names)
        {
            return false;
        }
        at += 1;
    }
    let (mut place, mut arrays) = (0, 0);
    while place < names.len() {
        arrays += names[place].each as usize;
        place += 1;
    }
    arrays == seen
}

/// Compares the parameters of one `unnest`: where it ends, where the columns of the `INSERT` go
/// on, and how many there were.
const fn unnested(
    text: &[u8],
    at: usize,
    columns: usize,
    names: &[Bound],
) -> Option<(usize, usize, usize)> {
    let close = after(text, at, b')');
    // Behind it there may be `WITH ORDINALITY`, `AS`, and a name with or without a list of names.
    let mut behind = blank(text, close);
    if starts(text, behind, b"WITH ORDINALITY") {
        behind = blank(text, behind + b"WITH ORDINALITY".len());
    }
    let named = starts(text, behind, b"AS ");
    if named {
        behind = blank(text, behind + 3);
    }
    let list = blank(text, word(text, behind));
    let several = comma(text, at, close);
    let listed = list < text.len() && text[list] == b'(' && list > behind;
    let own = !listed && (several || !named);
    let mut name = match (listed, own) {
        (true, _) => list + 1,
        (false, true) => columns,
        (false, false) => behind,
    };
    let (mut parameter, mut count) = (at, 0);
    while parameter < close {
        if text[parameter] == b'$' {
            if !is_named(text, number(text, parameter), name, names) {
                return None;
            }
            // Behind the comma.
            name = word(text, blank(text, name)) + 1;
            count += 1;
        }
        parameter += 1;
    }
    Some((close, if own { name } else { columns }, count))
}

/// Whether the values of one row have the names of the columns, where they are parameters. One that
/// stands there twice has the name of the first column.
const fn valued(text: &[u8], mut at: usize, mut column: usize, names: &[Bound]) -> bool {
    let (mut depth, mut begins, mut last) = (0, true, 0);
    while at < text.len() && depth >= 0 {
        if begins && text[at] == b'$' && number(text, at) > last {
            last = number(text, at);
            if !is_named(text, last, column, names) {
                return false;
            }
        }
        begins = begins && text[at].is_ascii_whitespace();
        match text[at] {
            b'(' => depth += 1,
            b')' => depth -= 1,
            b',' if depth == 0 => (column, begins) = (after(text, column, b','), true),
            _ => {}
        }
        at += 1;
    }
    true
}

/// The number of the parameter that stands there.
const fn number(text: &[u8], at: usize) -> usize {
    let (mut number, mut digit) = (0, at + 1);
    while digit < text.len() && text[digit].is_ascii_digit() {
        number = number * 10 + (text[digit] - b'0') as usize;
        digit += 1;
    }
    number
}

/// Whether that parameter is bound under the name that stands there.
const fn is_named(text: &[u8], number: usize, at: usize, names: &[Bound]) -> bool {
    if number == 0 || number > names.len() {
        return false;
    }
    let (at, wanted) = (blank(text, at), names[number - 1].name.as_bytes());
    wanted.len() == word(text, at) - at && starts(text, at, wanted)
}

const fn starts(text: &[u8], at: usize, with: &[u8]) -> bool {
    let mut place = 0;
    while place < with.len() {
        if at + place >= text.len() || text[at + place] != with[place] {
            return false;
        }
        place += 1;
    }
    true
}

/// Behind the next such byte.
const fn after(text: &[u8], mut at: usize, byte: u8) -> usize {
    while at < text.len() && text[at] != byte {
        at += 1;
    }
    at + 1
}

const fn blank(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && text[at].is_ascii_whitespace() {
        at += 1;
    }
    at
}

const fn word(text: &[u8], mut at: usize) -> usize {
    while at < text.len() && (text[at].is_ascii_alphanumeric() || text[at] == b'_') {
        at += 1;
    }
    at
}

const fn comma(text: &[u8], at: usize, end: usize) -> bool {
    after(text, at, b',') < end
}

#[cfg(test)]
mod tests {
    use super::*;

    fn agrees(statement: &str, names: &[&'static str]) -> bool {
        let bound = |name: &&'static str| match name.strip_prefix("=") {
            Some(name) => Bound { name, each: false },
            None => Bound { name, each: true },
        };
        agree(statement, &names.iter().map(bound).collect::<Vec<_>>())
    }

    #[test]
    fn an_array_is_bound_to_the_parameter_of_its_name() {
        let cases = [
            "INSERT INTO t (kind, code, at) SELECT n.*, $3 FROM (SELECT unnest($1::text[]) AS kind,
                 unnest($2::text[]) AS code) AS n",
            "INSERT INTO t (a, b) SELECT n.kind, n.code FROM unnest($1::text[], $2::text[])
                 AS n (kind, code) WHERE $3",
            "INSERT INTO t (kind, code) SELECT * FROM unnest($1::text[], $2::text[])",
            "INSERT INTO t (kind, code, at) SELECT n.*, $3 FROM (SELECT unnest($1::text[]),
                 unnest($2::text[])) AS n",
            "UPDATE t SET code = n.code FROM unnest($1::text[], $2::text[]) WITH ORDINALITY
                 AS n(kind, code, place) WHERE $3",
        ];
        for statement in cases {
            let bound: &[&str] =
                if statement.contains("$3") { &["kind", "code", "=at"] } else { &["kind", "code"] };
            assert!(agrees(statement, bound), "{statement}");
            assert!(!agrees(statement, &["code", "kind", "=at"]), "{statement}");
            assert!(!agrees(statement, &["kind", "=code", "=at"]), "{statement}");
            assert!(!agrees(statement, &["kind", "code", "at"]), "{statement}");
        }
    }

    #[test]
    fn the_values_of_one_row_have_the_names_of_their_columns() {
        let statement = "INSERT INTO t (kind, code, sort, at, behind) VALUES ($1, $2::text, $1,
             now(), (SELECT b FROM w WHERE b = $3 AND c = $4))";
        assert!(agrees(statement, &["=kind", "=code", "=x", "=y"]));
        assert!(!agrees(statement, &["=code", "=kind", "=x", "=y"]));
    }

    #[test]
    fn each_table_of_one_statement_has_its_own_columns() {
        let statement = "WITH made AS (INSERT INTO parts (part, amount) SELECT n.*, $3 FROM
             (SELECT unnest($1::text[]), unnest($2::bigint[])) AS n)
             INSERT INTO undone (part, reason) SELECT * FROM unnest($4::text[], $5::text[])";
        assert!(agrees(statement, &["part", "amount", "=at", "part", "reason"]));
        assert!(!agrees(statement, &["part", "amount", "=at", "reason", "part"]));
    }
}
