//! The list of numbers no caller may have dialled (`forbidden.txt`).

use super::{BadNumber, Plan, Policy, Reason, Typed};

/// Every entry: class, country, the bytes typed.
fn entries() -> Vec<(String, Option<String>, Vec<u8>)> {
    let (mut found, mut class, mut country) = (Vec::new(), String::new(), None);
    for line in include_str!("forbidden.txt").lines().filter(|l| !l.starts_with("# ") && !l.is_empty()) {
        if let Some((name, code)) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')?.split_once(' '))
        {
            class = name.to_string();
            country = Some(code.to_string()).filter(|c| c != "-");
        } else {
            found.push((class.clone(), country.clone(), unescaped(line)));
        }
    }
    found
}

fn unescaped(line: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), line.as_bytes());
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let (&kind, tail) = rest.split_first().unwrap();
        rest = tail;
        bytes.push(match kind {
            b'r' => b'\r',
            b'n' => b'\n',
            b'x' => {
                let (hex, tail) = rest.split_at(2);
                rest = tail;
                u8::from_str_radix(std::str::from_utf8(hex).unwrap(), 16).unwrap()
            }
            other => panic!("unknown escape {other}"),
        });
    }
    bytes
}

#[test]
fn two_hundred_forbidden_numbers_are_refused_for_the_reason_given() {
    let entries = entries();
    assert!(entries.len() >= 200, "{} only", entries.len());
    let mut wrong = Vec::new();
    for (class, country, text) in entries {
        let shown = format!("{class} {country:?} {}", crate::visible::terminal(&text));
        let number = match Typed::parse(&text) {
            Ok(number) => number,
            Err(BadNumber::Empty) if class == "empty" => continue,
            Err(BadNumber::Character(_)) if class == "injection" => continue,
            Err(BadNumber::Plus | BadNumber::Empty) if class == "injection" => continue,
            Err(BadNumber::Character(b'*' | b'#')) if class == "diversion" => continue,
            Err(other) => {
                wrong.push(format!("{shown}: {other}"));
                continue;
            }
        };
        let policy = Policy { plan: Plan::new(country.as_deref(), None, None), ..Policy::default() };
        let verdict = policy.typed(&number);
        let right = match &verdict.reason {
            Reason::Class(is, _) => is.name() == class,
            Reason::Length(..) => true,
            _ => false,
        };
        if verdict.allowed || !right {
            wrong.push(format!("{shown}: {verdict:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
