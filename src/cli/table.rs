//! What is printed of a row: the fields of its JSON, and its columns for people.

use serde::Serialize;

use crate::store::views::time::{At, Day};

/// A row of a table.
pub trait Tabular {
    const HEADERS: &'static [&'static str];
    fn cells(&self) -> Vec<String>;
}

/// A row of a list, which programs read too.
pub trait Listable: Tabular + Serialize {
    /// The fields of its JSON, for the header of a CSV without rows.
    const FIELDS: &'static [&'static str];
    /// Whether the sums of its amounts over a list mean something.
    const SUMS: bool = true;
}

/// `table!(Row: fields of its JSON; row => "header": what stands below it, …)`. Before the
/// headers a block may prepare what they show; `Row, no sums` for rows that are not to be added up.
/// Without fields where the rows are only part of what is shown of one thing.
macro_rules! table {
    ($row:ty $(, no $sums:ident)?: $($field:ident)+; $($shown:tt)+) => {
        impl $crate::cli::table::Listable for $row {
            const FIELDS: &'static [&'static str] = &[$(stringify!($field)),+];
            $(const SUMS: bool = { stringify!($sums); false };)?
        }
        $crate::cli::table::table!($row; $($shown)+);
    };
    ($row:ty; $it:ident => $({ $($before:tt)* })? $($header:literal: $cell:expr),+ $(,)?) => {
        impl $crate::cli::table::Tabular for $row {
            const HEADERS: &'static [&'static str] = &[$($header),+];

            fn cells(&self) -> Vec<String> {
                let $it = self;
                $($($before)*)?
                vec![$($crate::cli::table::Cell::cell(&$cell)),+]
            }
        }
    };
}
pub(super) use table;

/// What stands in a cell; `-` where there is nothing.
pub(super) trait Cell {
    fn cell(&self) -> String;
}

impl<T: Cell + ?Sized> Cell for &T {
    fn cell(&self) -> String {
        (**self).cell()
    }
}

impl<T: Cell> Cell for Option<T> {
    fn cell(&self) -> String {
        self.as_ref().map_or_else(|| "-".to_owned(), Cell::cell)
    }
}

macro_rules! shown {
    ($($shown:ty),+) => {
        $(impl Cell for $shown {
            fn cell(&self) -> String {
                self.to_string()
            }
        })+
    };
}
shown!(String, str, bool, i16, i32, i64, i128, u16, u32, u64, usize, At, Day);
