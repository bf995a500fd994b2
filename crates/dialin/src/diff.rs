//! The difference of two texts, as `diff -u` shows it. Pure.

/// Lines of context around a change.
const CONTEXT: usize = 3;

/// The most steps that are searched for the shortest difference; beyond it the whole middle is shown as
/// taken away and put in.
const MOST_STEPS: usize = 2000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Keep(usize, usize),
    Take(usize),
    Put(usize),
}

/// The lines of a text; the last one may lack its line feed.
fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|b| *b == b'\n').collect()
}

/// The unified difference of `old` and `new`, without file names. What is compared is the texts; what is
/// shown is what `show_old` and `show_new` (masked copies with the same lines) say.
#[must_use]
pub fn unified(old: &[u8], new: &[u8], show_old: &[String], show_new: &[String]) -> String {
    let (old, new) = (lines(old), lines(new));
    let ops = operations(&old, &new);
    let mut out = String::new();
    let changed: Vec<usize> =
        (0..ops.len()).filter(|i| !matches!(ops.get(*i), Some(Op::Keep(..)) | None)).collect();
    let mut rest = changed.as_slice();
    while let Some(&first) = rest.first() {
        let mut last = first;
        let mut count = 0;
        for &at in rest {
            if at > last + 2 * CONTEXT + 1 {
                break;
            }
            last = at;
            count += 1;
        }
        rest = rest.get(count..).unwrap_or_default();
        let (from, to) = (first.saturating_sub(CONTEXT), (last + CONTEXT + 1).min(ops.len()));
        hunk(ops.get(from..to).unwrap_or_default(), (&old, &new), (show_old, show_new), &mut out);
    }
    out
}

fn hunk(ops: &[Op], (old, new): (&[&[u8]], &[&[u8]]), shown: (&[String], &[String]), out: &mut String) {
    use std::fmt::Write as _;
    let olds: Vec<usize> = ops
        .iter()
        .filter_map(|op| if let Op::Keep(o, _) | Op::Take(o) = op { Some(*o) } else { None })
        .collect();
    let news: Vec<usize> = ops
        .iter()
        .filter_map(|op| if let Op::Keep(_, n) | Op::Put(n) = op { Some(*n) } else { None })
        .collect();
    let range = |at: &[usize], before: usize| {
        let start = at.first().map_or(before, |first| first + 1);
        if at.len() == 1 { start.to_string() } else { format!("{start},{}", at.len()) }
    };
    let _ = writeln!(out, "@@ -{} +{} @@", range(&olds, 0), range(&news, 0));
    for op in ops {
        let (sign, text, raw) = match op {
            Op::Keep(o, _) => (' ', shown.0.get(*o), old.get(*o)),
            Op::Take(o) => ('-', shown.0.get(*o), old.get(*o)),
            Op::Put(n) => ('+', shown.1.get(*n), new.get(*n)),
        };
        let _ = writeln!(out, "{sign}{}", text.map_or("", String::as_str));
        if raw.is_some_and(|raw| !raw.ends_with(b"\n")) {
            out.push_str("\\ No newline at end of file\n");
        }
    }
}

/// The shortest way from `old` to `new` (Myers' algorithm, after what both begin and end with is set aside).
fn operations(old: &[&[u8]], new: &[&[u8]]) -> Vec<Op> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let (o, n) = (old.get(head..).unwrap_or_default(), new.get(head..).unwrap_or_default());
    let tail = o.iter().rev().zip(n.iter().rev()).take_while(|(a, b)| a == b).count();
    let o = o.get(..o.len() - tail).unwrap_or_default();
    let n = n.get(..n.len() - tail).unwrap_or_default();
    let mut ops: Vec<Op> = (0..head).map(|i| Op::Keep(i, i)).collect();
    ops.extend(middle(o, n).into_iter().map(|op| match op {
        Op::Keep(a, b) => Op::Keep(a + head, b + head),
        Op::Take(a) => Op::Take(a + head),
        Op::Put(b) => Op::Put(b + head),
    }));
    ops.extend((0..tail).map(|i| Op::Keep(head + o.len() + i, head + n.len() + i)));
    ops
}

fn middle(old: &[&[u8]], new: &[&[u8]]) -> Vec<Op> {
    let (n, m) = (old.len(), new.len());
    let coarse = || (0..n).map(Op::Take).chain((0..m).map(Op::Put)).collect::<Vec<_>>();
    let most = (n + m).min(MOST_STEPS);
    let width = 2 * most + 2;
    let slot = |k: isize| usize::try_from(k + most as isize + 1).unwrap_or(0).min(width);
    let mut reach = vec![0_usize; width + 1];
    let mut history: Vec<Vec<usize>> = Vec::new();
    for d in 0..=most as isize {
        history.push(reach.clone());
        let mut k = -d;
        while k <= d {
            let down = k == -d || (k != d && reach[slot(k - 1)] < reach[slot(k + 1)]);
            let mut x = if down { reach[slot(k + 1)] } else { reach[slot(k - 1)] + 1 };
            let mut y = usize::try_from(x as isize - k).unwrap_or(0);
            while x < n && y < m && old[x] == new[y] {
                x += 1;
                y += 1;
            }
            reach[slot(k)] = x;
            if x >= n && y >= m {
                return walk_back(&history, d, (n, m), &slot);
            }
            k += 2;
        }
    }
    coarse()
}

fn walk_back(
    history: &[Vec<usize>],
    steps: isize,
    (n, m): (usize, usize),
    slot: &dyn Fn(isize) -> usize,
) -> Vec<Op> {
    let (mut x, mut y) = (n, m);
    let mut ops = Vec::new();
    for d in (0..=steps).rev() {
        let reach = &history[usize::try_from(d).unwrap_or(0)];
        let k = x as isize - y as isize;
        let down = k == -d || (k != d && reach[slot(k - 1)] < reach[slot(k + 1)]);
        let before = if down { k + 1 } else { k - 1 };
        let from_x = if d == 0 { 0 } else { reach[slot(before)] };
        let from_y = usize::try_from(from_x as isize - before).unwrap_or(0);
        let (stop_x, stop_y) = if d == 0 {
            (0, 0)
        } else if down {
            (from_x, from_y + 1)
        } else {
            (from_x + 1, from_y)
        };
        while x > stop_x && y > stop_y {
            x -= 1;
            y -= 1;
            ops.push(Op::Keep(x, y));
        }
        if d > 0 {
            ops.push(if down { Op::Put(from_y) } else { Op::Take(from_x) });
            (x, y) = (from_x, from_y);
        }
    }
    ops.reverse();
    ops
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(text: &str) -> Vec<String> {
        text.lines().map(str::to_string).collect()
    }

    fn diff(old: &str, new: &str) -> String {
        unified(old.as_bytes(), new.as_bytes(), &plain(old), &plain(new))
    }

    #[test]
    fn as_diff_u_shows_it() {
        assert_eq!(diff("a\n", "a\n"), "");
        assert_eq!(diff("", "a\n"), "@@ -0,0 +1 @@\n+a\n");
        assert_eq!(diff("a\nb\nc\n", "a\nx\nc\n"), "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
        assert_eq!(diff("a", "a\n"), "@@ -1 +1 @@\n-a\n\\ No newline at end of file\n+a\n");
        let long: String = (0..30).map(|i| format!("{i}\n")).collect();
        let two = long.replace("\n5\n", "\n").replace("\n25\n", "\nx\n");
        let text = diff(&long, &two);
        assert_eq!(text.matches("@@ -").count(), 2, "{text}");
    }

    proptest! {
        #[test]
        fn the_operations_give_the_new_text(old in "[ab\n]{0,40}", new in "[ab\n]{0,40}") {
            let (o, n) = (lines(old.as_bytes()), lines(new.as_bytes()));
            let ops = operations(&o, &n);
            let mut made = Vec::new();
            let mut at = 0;
            for op in &ops {
                match op {
                    Op::Keep(a, b) => { prop_assert_eq!(o[*a], n[*b]); prop_assert_eq!(*a, at); at += 1; made.extend_from_slice(o[*a]); }
                    Op::Take(a) => { prop_assert_eq!(*a, at); at += 1; }
                    Op::Put(b) => made.extend_from_slice(n[*b]),
                }
            }
            prop_assert_eq!(at, o.len());
            prop_assert_eq!(made, new.as_bytes());
        }
    }
}
