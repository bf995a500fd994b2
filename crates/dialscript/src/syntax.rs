//! A script as a tree, and the tree written down as a script again.

use crate::lexer::Place;
use std::fmt;

/// A name with its place.
#[derive(Clone, Debug)]
pub struct Name {
    /// As written.
    pub text: String,
    /// Where.
    pub place: Place,
}

impl Name {
    /// Names are the same whatever their case.
    #[must_use]
    pub fn key(&self) -> String {
        self.text.to_ascii_lowercase()
    }
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The types themselves.
pub enum Type {
    Integer,
    String,
    Boolean,
}

impl Type {
    /// As scripts name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Type::Integer => "integer",
            Type::String => "string",
            Type::Boolean => "boolean",
        }
    }
}

/// A variable of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The variables themselves.
pub enum System {
    UserId,
    Password,
    Success,
    Failure,
}

impl System {
    /// All of them.
    pub const ALL: [System; 4] = [System::UserId, System::Password, System::Success, System::Failure];

    /// Without the dollar.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            System::UserId => "USERID",
            System::Password => "PASSWORD",
            System::Success => "SUCCESS",
            System::Failure => "FAILURE",
        }
    }

    /// Its type.
    #[must_use]
    pub fn kind(self) -> Type {
        match self {
            System::UserId | System::Password => Type::String,
            System::Success | System::Failure => Type::Boolean,
        }
    }
}

/// An operator with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// `-`
    Minus,
    /// `!`: not of a boolean, one's complement of an integer.
    Not,
}

/// An operator with two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The operators themselves.
pub enum Binary {
    Multiply,
    Divide,
    Add,
    Subtract,
    Less,
    Greater,
    LessEqual,
    GreaterEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

impl Binary {
    /// As written.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Binary::Multiply => "*",
            Binary::Divide => "/",
            Binary::Add => "+",
            Binary::Subtract => "-",
            Binary::Less => "<",
            Binary::Greater => ">",
            Binary::LessEqual => "<=",
            Binary::GreaterEqual => ">=",
            Binary::Equal => "==",
            Binary::NotEqual => "!=",
            Binary::And => "and",
            Binary::Or => "or",
        }
    }

    /// How strongly it binds: 6 the strongest (SCRIPT.DOC section 5, the order of the table).
    #[must_use]
    pub fn strength(self) -> u8 {
        match self {
            Binary::Multiply | Binary::Divide => 6,
            Binary::Add | Binary::Subtract => 5,
            Binary::Less | Binary::Greater | Binary::LessEqual | Binary::GreaterEqual => 4,
            Binary::Equal | Binary::NotEqual => 3,
            Binary::And => 2,
            Binary::Or => 1,
        }
    }
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub kind: ExprKind,
    /// Where it begins; for two operands, where the operator stands.
    pub place: Place,
}

/// What an expression is.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// A number.
    Number(i32),
    /// A string, escapes as written.
    Text(Vec<u8>),
    /// TRUE or FALSE.
    Truth(bool),
    /// A variable of the script.
    Variable(String),
    /// A variable of the system.
    System(System),
    /// `getip`, with the number of the address that is wanted.
    GetIp(Option<Box<Expr>>),
    /// One operand.
    Unary(Unary, Box<Expr>),
    /// Two operands.
    Binary(Binary, Box<Expr>, Box<Expr>),
}

/// Parity, as `set port parity` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // The words themselves.
pub enum Parity {
    None,
    Odd,
    Even,
    Mark,
    Space,
}

impl Parity {
    /// All of them.
    pub const ALL: [Parity; 5] = [Parity::None, Parity::Odd, Parity::Even, Parity::Mark, Parity::Space];

    /// As written.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Parity::None => "none",
            Parity::Odd => "odd",
            Parity::Even => "even",
            Parity::Mark => "mark",
            Parity::Space => "space",
        }
    }
}

/// A setting of the line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// 5 to 8.
    DataBits(u8),
    /// Parity.
    Parity(Parity),
    /// 1 or 2.
    StopBits(u8),
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Port::DataBits(n) => write!(f, "databits {n}"),
            Port::Parity(parity) => write!(f, "parity {}", parity.name()),
            Port::StopBits(n) => write!(f, "stopbits {n}"),
        }
    }
}

/// One string that `waitfor` awaits.
#[derive(Clone, Debug)]
pub struct Case {
    /// The string.
    pub text: Expr,
    /// Upper and lower case matter.
    pub matchcase: bool,
    /// Where to go on when it has come.
    pub then: Option<Name>,
}

/// One command, declaration or label.
#[derive(Clone, Debug)]
pub struct Statement {
    /// What it is.
    pub kind: StatementKind,
    /// Where it begins.
    pub place: Place,
}

/// What a statement is.
#[derive(Clone, Debug)]
pub enum StatementKind {
    /// `integer x`, `string s = "…"`.
    Declare(Type, Name, Option<Expr>),
    /// `x = …`.
    Assign(Name, Expr),
    /// `transmit … [, raw]`.
    Transmit(Expr, bool),
    /// `waitfor … [until …]`.
    WaitFor(Vec<Case>, Option<Expr>),
    /// `delay …`.
    Delay(Expr),
    /// `set port …`.
    SetPort(Port),
    /// `set screen keyboard on|off`.
    SetKeyboard(bool),
    /// `set ipaddr …`.
    SetAddress(Expr),
    /// `getip` for itself: the address is thrown away.
    GetIp(Option<Expr>),
    /// `goto label`.
    Goto(Name),
    /// `label:`.
    Label(Name),
    /// `halt`.
    Halt,
    /// `if … then … endif`.
    If(Expr, Vec<Statement>),
    /// `while … do … endwhile`.
    While(Expr, Vec<Statement>),
}

/// A procedure.
#[derive(Clone, Debug)]
pub struct Procedure {
    /// Its name.
    pub name: Name,
    /// What it does.
    pub body: Vec<Statement>,
    /// Where `endproc` stands.
    pub end: Place,
}

/// A whole script.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// In the order of the file.
    pub procedures: Vec<Procedure>,
}

impl Script {
    /// The procedure that is run.
    #[must_use]
    pub fn main(&self) -> Option<&Procedure> {
        self.procedures.iter().find(|p| p.name.key() == "main")
    }
}

/// The words that cannot be names (SCRIPT.DOC section 9).
pub const RESERVED: [&str; 39] = [
    "and",
    "boolean",
    "databits",
    "delay",
    "do",
    "endif",
    "endproc",
    "endwhile",
    "even",
    "false",
    "getip",
    "goto",
    "halt",
    "if",
    "integer",
    "ipaddr",
    "keyboard",
    "mark",
    "matchcase",
    "none",
    "odd",
    "off",
    "on",
    "or",
    "parity",
    "port",
    "proc",
    "raw",
    "screen",
    "set",
    "space",
    "stopbits",
    "string",
    "then",
    "transmit",
    "true",
    "until",
    "waitfor",
    "while",
];

/// Whether a word, in any case, cannot be a name.
#[must_use]
pub fn reserved(word: &str) -> bool {
    RESERVED.iter().any(|r| r.eq_ignore_ascii_case(word))
}

/// A string literal as bytes of a script; [`Script::write`] joins them.
fn text(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    out.extend_from_slice(text);
    out.push(b'"');
}

impl Expr {
    fn write(&self, out: &mut Vec<u8>) {
        match &self.kind {
            ExprKind::Number(n) => out.extend_from_slice(n.to_string().as_bytes()),
            ExprKind::Text(bytes) => text(out, bytes),
            ExprKind::Truth(truth) => out.extend_from_slice(if *truth { b"TRUE" } else { b"FALSE" }),
            ExprKind::Variable(name) => out.extend_from_slice(name.as_bytes()),
            ExprKind::System(system) => {
                out.push(b'$');
                out.extend_from_slice(system.name().as_bytes());
            }
            ExprKind::GetIp(which) => {
                out.extend_from_slice(b"getip");
                if let Some(which) = which {
                    out.push(b' ');
                    number(which, out);
                }
            }
            ExprKind::Unary(op, inner) => {
                out.push(if *op == Unary::Minus { b'-' } else { b'!' });
                inner.write_within(TIGHTEST, out);
            }
            ExprKind::Binary(op, left, right) => {
                // Operators of one strength join from the left.
                left.write_within(op.strength(), out);
                out.push(b' ');
                out.extend_from_slice(op.text().as_bytes());
                out.push(b' ');
                right.write_within(op.strength() + 1, out);
            }
        }
    }

    /// As an operand where only operators of at least this strength may stand without parentheses.
    fn write_within(&self, strength: u8, out: &mut Vec<u8>) {
        match &self.kind {
            ExprKind::Binary(op, ..) if op.strength() < strength => parenthesised(self, out),
            _ => self.write(out),
        }
    }
}

/// Stronger than every operator with two operands.
const TIGHTEST: u8 = 7;

fn parenthesised(expr: &Expr, out: &mut Vec<u8>) {
    out.push(b'(');
    expr.write(out);
    out.push(b')');
}

/// What stands behind `getip`.
fn number(expr: &Expr, out: &mut Vec<u8>) {
    match expr.kind {
        ExprKind::Number(_) | ExprKind::Variable(_) => expr.write(out),
        _ => parenthesised(expr, out),
    }
}

impl Script {
    /// The script as text, one command a line, no parentheses but those that are needed. Read again it gives
    /// the same tree.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for procedure in &self.procedures {
            out.extend_from_slice(format!("proc {}\n", procedure.name.text).as_bytes());
            block(&procedure.body, 1, &mut out);
            out.extend_from_slice(b"endproc\n");
        }
        out
    }
}

fn block(body: &[Statement], depth: usize, out: &mut Vec<u8>) {
    for statement in body {
        out.extend(std::iter::repeat_n(b' ', depth * 2));
        statement.write(depth, out);
        out.push(b'\n');
    }
}

impl Statement {
    fn write(&self, depth: usize, out: &mut Vec<u8>) {
        let word = |out: &mut Vec<u8>, text: &str| out.extend_from_slice(text.as_bytes());
        match &self.kind {
            StatementKind::Declare(kind, name, value) => {
                word(out, &format!("{} {}", kind.name(), name.text));
                if let Some(value) = value {
                    word(out, " = ");
                    value.write(out);
                }
            }
            StatementKind::Assign(name, value) => {
                word(out, &format!("{} = ", name.text));
                value.write(out);
            }
            StatementKind::Transmit(value, raw) => {
                word(out, "transmit ");
                value.write(out);
                word(out, if *raw { ", raw" } else { "" });
            }
            StatementKind::WaitFor(cases, until) => {
                word(out, "waitfor ");
                for (at, case) in cases.iter().enumerate() {
                    word(out, if at > 0 { ", " } else { "" });
                    case.text.write(out);
                    word(out, if case.matchcase { ", matchcase" } else { "" });
                    if let Some(label) = &case.then {
                        word(out, &format!(" then {}", label.text));
                    }
                }
                if let Some(until) = until {
                    word(out, " until ");
                    until.write(out);
                }
            }
            StatementKind::Delay(value) => {
                word(out, "delay ");
                value.write(out);
            }
            StatementKind::SetPort(port) => word(out, &format!("set port {port}")),
            StatementKind::SetKeyboard(on) => {
                word(out, if *on { "set screen keyboard on" } else { "set screen keyboard off" });
            }
            StatementKind::SetAddress(value) => {
                word(out, "set ipaddr ");
                value.write(out);
            }
            StatementKind::GetIp(which) => {
                word(out, "getip");
                if let Some(which) = which {
                    word(out, " ");
                    number(which, out);
                }
            }
            StatementKind::Goto(label) => word(out, &format!("goto {}", label.text)),
            StatementKind::Label(label) => word(out, &format!("{}:", label.text)),
            StatementKind::Halt => word(out, "halt"),
            StatementKind::If(condition, body) => {
                word(out, "if ");
                condition.write(out);
                word(out, " then\n");
                block(body, depth + 1, out);
                out.extend(std::iter::repeat_n(b' ', depth * 2));
                word(out, "endif");
            }
            StatementKind::While(condition, body) => {
                word(out, "while ");
                condition.write(out);
                word(out, " do\n");
                block(body, depth + 1, out);
                out.extend(std::iter::repeat_n(b' ', depth * 2));
                word(out, "endwhile");
            }
        }
    }
}
