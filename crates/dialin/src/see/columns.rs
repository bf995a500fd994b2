//! Text in columns.

use ttyline::visible;

/// Rows of equal length, blanks between the columns; the last column is not padded. A cell's bytes are made
/// safe for a terminal; empty cells are a `-`.
#[must_use]
pub fn columns(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| {
            row.iter().map(|cell| if cell.is_empty() { "-".into() } else { visible::line(cell) }).collect()
        })
        .collect();
    let most = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width =
        |column: usize| rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..most).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn columns_line_up_and_hostile_cells_are_harmless() {
        let row = |cells: [&str; 3]| cells.map(String::from).to_vec();
        let rows =
            [row(["LINE", "STATE", "CALLER"]), row(["ttyS0", "idle", ""]), row(["a", "\x1b[2Jx", "1"])];
        assert_eq!(
            super::columns(&rows),
            "LINE   STATE     CALLER\nttyS0  idle      -\na      \\x1b[2Jx  1\n"
        );
    }
}
