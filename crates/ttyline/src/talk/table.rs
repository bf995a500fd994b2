//! `--explain`: a dialogue as a table.

/// One step: its number, when it began, where it stands, what it is, how long it took, what came of it.
pub type Row = [String; 6];

/// Lays rows out below their heads; the last column is as long as it likes, the others up to 48 characters.
#[must_use]
pub fn table(rows: Vec<Row>) -> String {
    let mut all = vec![["step", "at", "where", "what", "took", "result"].map(String::from)];
    all.extend(rows);
    let mut widths = [0; 5];
    for row in &all {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count()).min(48);
        }
    }
    let mut text = String::new();
    for [step, at, place, what, took, result] in &all {
        let [a, b, c, d, e] = widths;
        let line = format!("{step:>a$}  {at:>b$}  {place:<c$}  {what:<d$}  {took:>e$}  {result}");
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let text = table(vec![["1", "0.5", "f:1", "send", "0.1", ""].map(String::from)]);
        assert_eq!(text, "step   at  where  what  took  result\n   1  0.5  f:1    send   0.1\n");
    }
}
