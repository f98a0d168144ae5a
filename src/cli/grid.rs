//! Draws a table in columns. Cells are measured as terminals do, character by character: one that
//! is wide counts twice, one that stands on another does not count.

use unicode_width::UnicodeWidthChar;

/// Between two columns.
const GAP: &str = "  ";
/// The narrowest terminal that anything is fitted to.
pub(super) const NARROWEST: usize = 20;

/// Columns that a text takes on a terminal.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

/// What is drawn: the header, the rows, and which columns stand at the right.
pub(super) struct Grid<'a> {
    pub headers: &'a [&'a str],
    pub rows: &'a [Vec<String>],
    pub right: &'a [bool],
}

impl Grid<'_> {
    fn widths(&self) -> Vec<usize> {
        let natural = |column: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(column));
            let lines = cells.flat_map(|cell| cell.lines());
            lines.map(width).chain([width(self.headers.get(column).unwrap_or(&""))]).max()
        };
        (0..self.headers.len()).map(|column| natural(column).unwrap_or(0)).collect()
    }

    /// Columns of a line.
    pub(super) fn width(&self) -> usize {
        let widths = self.widths();
        let gaps = GAP.len().saturating_mul(widths.len().saturating_sub(1));
        widths.iter().sum::<usize>().saturating_add(gaps)
    }

    /// The header comes first, as one line.
    pub(super) fn lines(&self) -> Vec<String> {
        let widths = self.widths();
        let header: Vec<&str> = self.headers.to_vec();
        let mut lines = vec![self.line(&header, &widths)];
        for row in self.rows {
            let cells: Vec<Vec<&str>> = row.iter().map(|cell| cell.lines().collect()).collect();
            let height = cells.iter().map(Vec::len).max().unwrap_or(0).max(1);
            for at in 0..height {
                let part: Vec<&str> =
                    cells.iter().map(|cell| cell.get(at).copied().unwrap_or("")).collect();
                lines.push(self.line(&part, &widths));
            }
        }
        lines
    }

    fn line(&self, cells: &[&str], widths: &[usize]) -> String {
        let mut line = String::new();
        for (at, (cell, wide)) in cells.iter().zip(widths).enumerate() {
            if at > 0 {
                line.push_str(GAP);
            }
            let blank = " ".repeat(wide.saturating_sub(width(cell)));
            if self.right.get(at).copied().unwrap_or(false) {
                line.push_str(&blank);
                line.push_str(cell);
            } else {
                line.push_str(cell);
                line.push_str(&blank);
            }
        }
        line.trim_end().to_owned()
    }

    /// One row below the other, a line for each cell: for what is too wide for columns.
    pub(super) fn records(&self, columns: usize) -> Vec<String> {
        let name = self.headers.iter().map(|header| width(header)).max().unwrap_or(0);
        let indent = name.saturating_add(GAP.len());
        let mut lines = Vec::new();
        for (number, row) in self.rows.iter().enumerate() {
            if number > 0 {
                lines.push(String::new());
            }
            for (header, cell) in self.headers.iter().zip(row) {
                lines.extend(pair(header, &cell.replace('\n', " "), indent, columns));
            }
        }
        lines
    }
}

/// A name, and what it stands for from `indent` on, in lines of so many columns. A word that does
/// not fit there has a line of its own and begins as far to the left as it must.
pub(super) fn pair(name: &str, text: &str, indent: usize, columns: usize) -> Vec<String> {
    let room = columns.saturating_sub(indent).max(NARROWEST);
    let mut lines = Vec::new();
    let mut left = name.to_owned();
    for part in wrap(text, room) {
        let start = indent.min(columns.saturating_sub(width(&part)));
        // The name needs a gap behind it.
        if start < width(left.trim_end()).saturating_add(GAP.len()) && !left.trim().is_empty() {
            lines.push(std::mem::take(&mut left).trim_end().to_owned());
        }
        let blank = " ".repeat(start.saturating_sub(width(&left)));
        lines.push(format!("{left}{blank}{part}").trim_end().to_owned());
        left.clear();
    }
    lines
}

/// The text in lines of so many columns, broken between words only: a word that is longer has a
/// line of its own. Always at least one line.
pub(super) fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0_usize;
    for (at, word) in text.split(' ').enumerate() {
        let wide = width(word);
        if used > 0 && used.saturating_add(1).saturating_add(wide) > columns {
            lines.push(std::mem::take(&mut line));
            used = 0;
        } else if at > 0 {
            line.push(' ');
            used = used.saturating_add(1);
        }
        line.push_str(word);
        used = used.saturating_add(wide);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(rows: &[[&str; 3]]) -> Vec<Vec<String>> {
        rows.iter().map(|row| row.iter().map(|cell| (*cell).to_owned()).collect()).collect()
    }

    const HEADERS: [&str; 3] = ["customer", "name", "amount"];

    /// How far to the right a text begins.
    fn start(line: &str, of: &str) -> usize {
        width(line.split_once(of).expect("it is there").0)
    }

    #[test]
    fn columns_stand_below_each_other_in_every_script() {
        let rows = grid(&[
            ["A", "Acme", "1.00"],
            ["B", "شركة الاتصالات لا غير", "22.00"],
            ["C", "株式会社アクメ", "333.00"],
            ["D", "Zoe\u{301} Mu\u{308}ller", "4.00"],
            ["E", "บริษัท น้ำดื่ม", "5.00"],
        ]);
        let drawn = Grid { headers: &HEADERS, rows: &rows, right: &[false, false, true] };
        let lines = drawn.lines();
        let ends: Vec<usize> = lines.iter().map(|line| width(line)).collect();
        assert!(ends.iter().all(|end| *end == ends[0]), "{lines:#?}");
        let names: Vec<usize> = ["Acme", "شركة", "株式", "Zoe"]
            .iter()
            .zip(&lines[1..])
            .map(|(of, line)| start(line, of))
            .collect();
        assert_eq!(names, [10, 10, 10, 10]);
    }

    #[test]
    fn what_is_too_wide_is_one_line_for_each_cell_and_no_word_is_broken() {
        let text = "the payer quoted an invoice that was allocated before and is settled";
        let rows = grid(&[["ACC-1001", text, "1.00"], ["ACC-1002", "-", "2.00"]]);
        let drawn = Grid { headers: &HEADERS, rows: &rows, right: &[false, false, true] };
        assert!(drawn.width() > 40);
        let lines = drawn.records(40);
        assert!(lines.iter().all(|line| width(line) <= 40), "{lines:#?}");
        let shown: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
        for word in text.split(' ') {
            assert!(shown.contains(&word), "{word}: {lines:#?}");
        }
        assert_eq!(lines[0], "customer  ACC-1001");
    }

    #[test]
    fn a_word_that_does_not_fit_beside_its_name_has_a_line_of_its_own() {
        let id = "x".repeat(36);
        assert_eq!(pair("customer", &id, 12, 40), ["customer".to_owned(), format!("    {id}")]);
        assert_eq!(pair("  code", "a b", 10, 40), ["  code    a b"]);
        let beside = pair("payment", &format!("see {id} now"), 10, 40);
        assert_eq!(beside, ["payment   see", &format!("    {id}"), "          now"]);
    }

    #[test]
    fn a_long_word_is_left_whole() {
        assert_eq!(wrap("see BANK:SG-DBS-001:TX-1 now", 8), ["see", "BANK:SG-DBS-001:TX-1", "now"]);
        assert_eq!(wrap("", 8), [""]);
        assert_eq!(wrap("  indented", 20), ["  indented"]);
    }
}
