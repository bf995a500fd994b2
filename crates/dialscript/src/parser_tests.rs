//! What the parser takes, what it refuses, and that writing a tree and reading it again changes nothing.

use super::*;
use proptest::prelude::*;

fn main_of(body: &str) -> Vec<u8> {
    format!("proc main\n{body}\nendproc\n").into_bytes()
}

/// The script written down again, without the frame.
fn written(body: &str) -> String {
    let script = parse(&main_of(body)).unwrap_or_else(|faults| panic!("{body}: {faults:?}"));
    let text = String::from_utf8(script.write()).unwrap();
    text.trim_start_matches("proc main\n").trim_end_matches("endproc\n").trim().to_string()
}

/// The tree of `x = EXPRESSION`, every operation in parentheses.
fn grouped(expr: &Expr) -> String {
    match &expr.kind {
        ExprKind::Number(n) => n.to_string(),
        ExprKind::Variable(name) => name.clone(),
        ExprKind::Truth(truth) => if *truth { "TRUE" } else { "FALSE" }.into(),
        ExprKind::System(system) => format!("${}", system.name()),
        ExprKind::Unary(Unary::Minus, inner) => format!("-({})", grouped(inner)),
        ExprKind::Unary(Unary::Not, inner) => format!("!({})", grouped(inner)),
        ExprKind::Binary(op, a, b) => format!("({} {} {})", grouped(a), op.text(), grouped(b)),
        other => panic!("{other:?}"),
    }
}

fn fault(body: &str) -> String {
    let faults = parse(&main_of(body)).expect_err(body);
    faults[0].to_string()
}

#[test]
fn operators_bind_as_in_the_table() {
    for (source, tree) in [
        ("x = 3 + 5 * 40", "x = (3 + (5 * 40))"),
        ("x = 24 / (7 - 1)", "x = (24 / (7 - 1))"),
        ("x = 1 - 2 - 3", "x = ((1 - 2) - 3)"),
        ("x = a or b and c == d < e + f * g", "x = (a or (b and (c == (d < (e + (f * g))))))"),
        ("x = !a and -b * c < d", "x = (!(a) and ((-(b) * c) < d))"),
        ("x = !!a", "x = !(!(a))"),
        ("x = $success == TRUE", "x = ($SUCCESS == TRUE)"),
    ] {
        let script = parse(&main_of(source)).unwrap();
        match &script.procedures[0].body[0].kind {
            StatementKind::Assign(_, value) => assert_eq!(format!("x = {}", grouped(value)), tree),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn every_command_of_the_manual_is_read() {
    for (source, tree) in [
        ("integer count = 5", "integer count = 5"),
        ("boolean bDone = FALSE", "boolean bDone = FALSE"),
        ("string szIP = (getip 2)", "string szIP = getip 2"),
        ("delay x * 3", "delay x * 3"),
        ("set ipaddr getip 2", "set ipaddr getip 2"),
        ("szAddress = getip\nhalt", "szAddress = getip\n  halt"),
        ("szAddress = getip\nx = 1", "szAddress = getip\n  x = 1"),
        ("getip 3", "getip 3"),
        ("set port databits 7", "set port databits 7"),
        ("SET PORT Parity Even", "set port parity even"),
        ("set port stopbits 2", "set port stopbits 2"),
        ("set screen keyboard off", "set screen keyboard off"),
        ("transmit \"slip\" + \"^M\"", "transmit \"slip\" + \"^M\""),
        ("transmit $USERID, raw", "transmit $USERID, raw"),
        ("waitfor \"Login:\"", "waitfor \"Login:\""),
        ("waitfor \"Password?\", matchcase", "waitfor \"Password?\", matchcase"),
        ("waitfor \"prompt>\" until 10", "waitfor \"prompt>\" until 10"),
        (
            "waitfor\n \"Login:\" then DoLogin,\n \"BBS:\", matchcase then DoBBS\n until 10",
            "waitfor \"Login:\" then DoLogin, \"BBS:\", matchcase then DoBBS until 10",
        ),
        ("waitfor \"a\", \"b\", matchcase, \"c\"", "waitfor \"a\", \"b\", matchcase, \"c\""),
        ("BailOut:\n goto BailOut", "BailOut:\n  goto BailOut"),
        ("if a then\nhalt\nendif", "if a then\n    halt\n  endif"),
        ("while a do halt endwhile", "while a do\n    halt\n  endwhile"),
    ] {
        assert_eq!(written(source), tree);
    }
}

#[test]
fn faults_are_told_with_their_place() {
    assert_eq!(fault("transmit"), "3:1: expected a value, found `endproc`");
    assert!(fault("transmit \"geheim\" \"x\"").starts_with("2:19: expected a command, found a string"));
    assert!(fault("if a\nhalt\nendif").starts_with("3:1: expected `then`, found `halt`"));
    assert_eq!(fault("while a do\nhalt"), "4:1: expected `endwhile` for line 2, found `endproc`");
    assert!(fault("else").contains("no else"));
    assert!(fault("set port databits 9").contains("5, 6, 7 or 8"));
    assert!(fault("set port parity blue").contains("`none`, `odd`"));
    assert!(fault("integer delay").contains("reserved word"));
    assert!(fault("dial 5").contains("no command"));
    assert!(fault("transmit $USER").contains("there is no $USER;"));
    assert!(fault("x = (1 + 2").contains("for the `(` at 2:5"));
    assert!(fault("endwhile").contains("closes nothing"));
    assert!(parse(b"waitfor \"x\"\n").unwrap_err()[0].text.contains("expected `proc`"));
    assert!(parse(b"proc main\nhalt\n").unwrap_err()[0].text.contains("expected `endproc`"));
    assert!(parse(b"proc a\nendproc\nproc A\nendproc").unwrap_err()[0].text.contains("two procedures"));
}

#[test]
fn several_faults_are_told_at_once() {
    let faults = parse(&main_of("delay\ndial 1\nset x\nhalt")).unwrap_err();
    let lines: Vec<u32> = faults.iter().map(|f| f.place.line).collect();
    assert_eq!(lines, [3, 4]);
    let many = parse(&main_of(&"dial\n".repeat(1000))).unwrap_err();
    assert_eq!(many.len(), MOST_FAULTS);
}

#[test]
fn parentheses_are_written_where_they_are_needed() {
    for text in [
        "x = (1 + 2) * 3",
        "x = 1 - (2 - 3)",
        "x = -(1 + 2)",
        "x = --a",
        "x = !(a and b) or c",
        "x = getip (-1) + y",
    ] {
        assert_eq!(written(text), text);
    }
    // As deep and as long as the parser takes it.
    for text in [format!("x = {}1", "-".repeat(60)), format!("x = 1{}", " + 1".repeat(200))] {
        assert_eq!(written(&text), text);
    }
}

#[test]
fn nesting_is_bounded() {
    let deep = |n: usize| main_of(&format!("x = {}1{}", "(".repeat(n), ")".repeat(n)));
    assert!(parse(&deep(50)).is_ok());
    assert!(parse(&deep(100_000)).unwrap_err()[0].text.contains("nested"));
    assert!(parse(&main_of(&format!("x = {}1", "-".repeat(100_000)))).is_err());
    assert!(parse(&main_of(&"if a then\n".repeat(10_000))).is_err());
    assert!(parse(&main_of(&format!("x = 1{}", " + 1".repeat(100_000)))).is_err());
    assert!(parse(&main_of(&format!("x = {}", "getip (".repeat(10_000)))).is_err());
}

/// Scripts of the language's own words in any order: the parser must not mind.
fn soup() -> impl Strategy<Value = String> {
    let mut words: Vec<&str> = crate::syntax::RESERVED.to_vec();
    words.extend([
        "x",
        "\"a\"",
        "7",
        "=",
        "==",
        "(",
        ")",
        ",",
        ":",
        "!",
        "-",
        "$USERID",
        "\n",
        "proc main",
        "endproc",
    ]);
    prop::collection::vec(prop::sample::select(words), 0..60).prop_map(|w| w.join(" "))
}

fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        (0..i32::MAX).prop_map(|n| n.to_string()),
        "\"[a-z^<>]{0,5}\"",
        prop::sample::select(vec!["x", "TRUE", "$USERID", "getip", "getip 2"]).prop_map(String::from),
    ];
    leaf.prop_recursive(4, 20, 2, |inner| {
        prop_oneof![
            (
                inner.clone(),
                prop::sample::select(vec!["*", "/", "+", "-", "<", ">=", "==", "!=", "and", "or"]),
                inner.clone()
            )
                .prop_map(|(a, op, b)| format!("{a} {op} {b}")),
            inner.clone().prop_map(|a| format!("({a})")),
            inner.prop_map(|a| format!("!{a}")),
        ]
    })
}

fn statement() -> impl Strategy<Value = String> {
    prop_oneof![
        expression().prop_map(|e| format!("x = {e}")),
        expression().prop_map(|e| format!("transmit {e}, raw")),
        (expression(), expression()).prop_map(|(a, b)| format!("waitfor {a}, matchcase then l, {b} until 5")),
        expression().prop_map(|e| format!("while {e} do l: goto l endwhile")),
        expression().prop_map(|e| format!("if {e} then halt endif")),
        expression().prop_map(|e| format!("string s = {e}")),
        expression().prop_map(|e| format!("set ipaddr {e}")),
    ]
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn any_words_are_read_without_a_panic(text in soup()) {
        let _ = parse(text.as_bytes());
        let _ = parse(&main_of(&text));
    }

    #[test]
    fn what_is_written_reads_the_same(body in prop::collection::vec(statement(), 1..8)) {
        let script = parse(&main_of(&body.join("\n"))).map_err(|f| TestCaseError::fail(format!("{f:?}")))?;
        let once = script.write();
        let again = parse(&once).map_err(|f| TestCaseError::fail(format!("{f:?} in {}", String::from_utf8_lossy(&once))))?;
        prop_assert_eq!(again.write(), once);
    }
}
