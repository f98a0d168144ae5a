//! Makes a table as narrow as the terminal. Only columns of free text give way: an identifier or
//! an amount that is cut is a wrong one.

use unicode_width::UnicodeWidthChar;

use super::grid::{self, width as measured};

/// Texts that end in an ellipsis where there is no room.
const CUT: [&str; 8] = ["name", "message", "reason", "value", "owner", "summary", "what", "payer"];
/// Sentences that a person has to read to the end: they go on in the next line.
const WRAPPED: [&str; 6] = ["what to do", "found", "detail", "what must hold", "why", "for"];
/// Of these also a word is cut: people typed them, and none is a code or an id.
pub(super) const TYPED: [&str; 3] = ["name", "value", "payer"];
/// A column of text is never made narrower.
const NARROWEST: usize = 12;
/// The blanks between two cells.
const PADDING: usize = 2;

/// Shortens the cells of the widest text columns until a row fits, or none can give way.
pub(super) fn shrink(headers: &[&str], rows: &mut [Vec<String>], width: usize) {
    let natural = |column: usize, header: &str| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| measured(cell)).max().unwrap_or(0).max(measured(header))
    };
    let mut widths: Vec<usize> =
        headers.iter().enumerate().map(|(column, header)| natural(column, header)).collect();
    let floors: Vec<usize> = headers
        .iter()
        .enumerate()
        .map(|(column, header)| floor(header, rows.iter().filter_map(|row| row.get(column))))
        .collect();
    loop {
        let used: usize = widths.iter().map(|width| width.saturating_add(PADDING)).sum();
        // The last column has no gap behind it.
        if used.saturating_sub(PADDING) <= width {
            break;
        }
        let columns = widths.iter_mut().zip(headers).zip(&floors);
        let texts = columns.filter(|((w, header), floor)| is_text(header) && **w > **floor);
        let Some(((widest, _), _)) = texts.max_by_key(|((width, _), _)| **width) else {
            break;
        };
        *widest = widest.saturating_sub(1);
    }
    for row in rows {
        for ((cell, header), width) in row.iter_mut().zip(headers).zip(&widths) {
            if measured(cell) > *width {
                *cell = if WRAPPED.contains(header) {
                    grid::wrap(cell, *width).join("\n")
                } else {
                    cut(cell, *width)
                };
            }
        }
    }
}

/// So wide a column of text stays: its first words are whole, with the ellipsis behind them. A code
/// or an id that is cut is a wrong one.
fn floor<'a>(header: &str, cells: impl Iterator<Item = &'a String>) -> usize {
    let least = NARROWEST.max(measured(header));
    if TYPED.contains(&header) {
        return least;
    }
    let first = |cell: &String| match cell.split_once(' ') {
        _ if WRAPPED.contains(&header) => cell.split(' ').map(measured).max().unwrap_or_default(),
        Some((word, _)) => measured(word).saturating_add(1),
        None => measured(cell),
    };
    cells.map(first).max().unwrap_or_default().max(least)
}

fn is_text(header: &str) -> bool {
    CUT.contains(&header) || WRAPPED.contains(&header)
}

/// The start of a text and an ellipsis, in `width` columns: whole words, unless the first one
/// alone is too long.
fn cut(text: &str, width: usize) -> String {
    let mut used = 1_usize;
    let fits = |c: &char| {
        used = used.saturating_add(c.width().unwrap_or(0));
        used <= width
    };
    let start: String = text.chars().take_while(fits).collect();
    let ends_a_word = text.chars().nth(start.chars().count()).is_none_or(char::is_whitespace);
    let whole = match start.rsplit_once(' ') {
        Some((whole, _)) if !ends_a_word && !whole.trim().is_empty() => whole,
        _ => start.as_str(),
    };
    format!("{}…", whole.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shrunk(headers: &[&str], row: &[&str], width: usize) -> Vec<String> {
        let mut rows = vec![row.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>()];
        shrink(headers, &mut rows, width);
        rows.remove(0)
    }

    #[test]
    fn only_text_gives_way() {
        let long = "x".repeat(60);
        let row = shrunk(&["invoice", "name", "amount"], &[&long, &long, "100.00"], 50);
        assert_eq!(row[0], long);
        assert_eq!((measured(&row[1]), row[1].ends_with('…')), (NARROWEST, true));
        assert_eq!(row[2], "100.00");
    }

    #[test]
    fn a_code_in_a_column_of_texts_is_whole() {
        let code = "invoice_already_provisioned";
        let row = shrunk(&["payment", "reason", "name"], &[&"x".repeat(40), code, code], 60);
        assert_eq!(row[1], code);
        assert!(row[2].ends_with('…'), "{row:?}");
        let said = shrunk(&["message"], &[&format!("{code} is what it says")], 20);
        assert_eq!(said[0], format!("{code}…"));
    }

    #[test]
    fn what_fits_stays() {
        assert_eq!(shrunk(&["name", "due"], &["Ünï 漢字", "1.00"], 30), ["Ünï 漢字", "1.00"]);
    }

    #[test]
    fn wide_characters_count_twice() {
        assert_eq!(cut("漢字漢字漢字", 7), "漢字漢…");
        assert_eq!(cut("漢字漢字漢字", 6), "漢字…");
    }

    #[test]
    fn a_text_is_cut_between_its_words() {
        assert_eq!(cut("the payer quoted an allocated invoice", 25), "the payer quoted an…");
        assert_eq!(cut("the payer quoted an allocated invoice", 21), "the payer quoted an…");
        assert_eq!(cut("unbreakable", 6), "unbre…");
    }

    #[test]
    fn sentences_are_wrapped_and_nothing_of_them_is_lost() {
        let sentence = "set DATABASE_URL or TOPUP__DATABASE__URL and try again";
        let row = shrunk(&["what to do"], &[sentence], 30);
        assert!(row[0].lines().all(|line| measured(line) <= 30), "{row:?}");
        assert_eq!(row[0].replace('\n', " "), sentence);
    }
}
