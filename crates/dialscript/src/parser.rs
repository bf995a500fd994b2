//! From tokens to a tree (SCRIPT.DOC sections 2, 5, 7 and 8).
//!
//! Ends of lines mean nothing, with one exception: the number after `getip` must stand on its line, because
//! without it the next command's first word would be taken for one.

use crate::lexer::{self, Fault, Kind, Place, Sign, Token};
use crate::syntax::{
    Binary, Case, Expr, ExprKind, Name, Parity, Port, Procedure, Script, Statement, StatementKind, System,
    Type, Unary, reserved,
};

/// How deep expressions and blocks may be nested.
pub const DEEPEST: usize = 64;
/// How many operators a command may have.
const MOST_OPERATORS: usize = 200;
/// How many faults are told of one script.
const MOST_FAULTS: usize = 20;

/// Reads a script.
///
/// # Errors
/// Everything that is wrong with its form, in the order of the file; at most twenty faults.
pub fn parse(script: &[u8]) -> Result<Script, Vec<Fault>> {
    let tokens = lexer::tokens(script).map_err(|fault| vec![fault])?;
    let mut parser = Parser { tokens, at: 0, depth: 0, operators: 0, faults: Vec::new() };
    let script = parser.script();
    if parser.faults.is_empty() { Ok(script) } else { Err(parser.faults) }
}

struct Parser {
    /// The last is always [`Kind::End`].
    tokens: Vec<Token>,
    at: usize,
    depth: usize,
    /// In the current command.
    operators: usize,
    faults: Vec<Fault>,
}

/// A fault that has been noted already or is passed up to be noted.
type Parsed<T> = Result<T, Fault>;

impl Parser {
    fn token(&self) -> &Token {
        // `at` never passes the end token.
        self.tokens.get(self.at).unwrap_or(&Token { kind: Kind::End, place: Place { line: 0, column: 0 } })
    }

    fn place(&self) -> Place {
        self.token().place
    }

    fn advance(&mut self) {
        if self.at + 1 < self.tokens.len() {
            self.at += 1;
        }
    }

    fn at_end(&self) -> bool {
        self.token().kind == Kind::End
    }

    /// The current word, lower case.
    fn word(&self) -> Option<String> {
        match &self.token().kind {
            Kind::Word(word) => Some(word.to_ascii_lowercase()),
            _ => None,
        }
    }

    fn is_word(&self, wanted: &str) -> bool {
        matches!(&self.token().kind, Kind::Word(word) if word.eq_ignore_ascii_case(wanted))
    }

    fn is_sign(&self, wanted: Sign) -> bool {
        self.token().kind == Kind::Sign(wanted)
    }

    fn take_word(&mut self, wanted: &str) -> bool {
        let found = self.is_word(wanted);
        if found {
            self.advance();
        }
        found
    }

    fn take_sign(&mut self, wanted: Sign) -> bool {
        let found = self.is_sign(wanted);
        if found {
            self.advance();
        }
        found
    }

    fn fault<T>(&self, text: impl Into<String>) -> Parsed<T> {
        Err(Fault { place: self.place(), text: text.into() })
    }

    /// What stands here, for messages. Strings may be passwords: their text is not shown.
    fn found(&self) -> String {
        match &self.token().kind {
            Kind::Word(word) => format!("`{}`", clip(word)),
            Kind::System(word) => format!("`${}`", clip(word)),
            Kind::Number(_) => "a number".into(),
            Kind::Text(_) => "a string".into(),
            Kind::Sign(sign) => format!("`{}`", sign.text()),
            Kind::End => "the end of the script".into(),
        }
    }

    fn wanted<T>(&self, what: &str) -> Parsed<T> {
        self.fault(format!("expected {what}, found {}", self.found()))
    }

    fn name(&mut self, what: &str) -> Parsed<Name> {
        match &self.token().kind {
            Kind::Word(word) if reserved(word) => {
                self.fault(format!("`{word}` is a reserved word and cannot be {what}"))
            }
            Kind::Word(word) => {
                let name = Name { text: word.clone(), place: self.place() };
                self.advance();
                Ok(name)
            }
            _ => self.wanted(what),
        }
    }

    fn note(&mut self, fault: Fault) {
        if self.faults.len() < MOST_FAULTS {
            self.faults.push(fault);
        }
    }

    /// After a fault: on with the next line.
    fn next_line(&mut self, from: usize) {
        if self.at == from {
            self.advance();
        }
        let line = self.tokens.get(self.at.saturating_sub(1)).map_or(0, |t| t.place.line);
        while !self.at_end() && self.place().line == line {
            self.advance();
        }
    }

    fn script(&mut self) -> Script {
        let mut script = Script::default();
        while !self.at_end() && self.faults.len() < MOST_FAULTS {
            let from = self.at;
            if !self.is_word("proc") {
                let fault = Fault {
                    place: self.place(),
                    text: format!(
                        "expected `proc`, found {}: commands stand between proc and endproc",
                        self.found()
                    ),
                };
                self.note(fault);
                while !self.at_end() && !self.is_word("proc") {
                    self.advance();
                }
                continue;
            }
            self.advance();
            let name = match self.name("the name of a procedure") {
                Ok(name) => name,
                Err(fault) => {
                    self.note(fault);
                    self.next_line(from);
                    Name { text: String::new(), place: self.place() }
                }
            };
            let body = self.block(&["endproc"], "endproc", name.place);
            let end = self.place();
            self.take_word("endproc");
            if script.procedures.iter().any(|p| p.name.key() == name.key()) {
                let text = format!("there are two procedures with the name `{}`", clip(&name.text));
                self.note(Fault { place: name.place, text });
            }
            script.procedures.push(Procedure { name, body, end });
        }
        script
    }

    /// Statements up to one of `ends`, which is not taken. Faults are noted, and reading goes on.
    fn block(&mut self, ends: &[&str], wanted: &str, opened: Place) -> Vec<Statement> {
        let mut body = Vec::new();
        loop {
            if ends.iter().any(|end| self.is_word(end)) {
                return body;
            }
            // `endproc` ends every block: an `endif` that was forgotten is told once.
            if self.at_end() || self.is_word("endproc") || self.is_word("proc") {
                let text = format!("expected `{wanted}` for line {}, found {}", opened.line, self.found());
                let place = self.place();
                self.note(Fault { place, text });
                return body;
            }
            if self.faults.len() >= MOST_FAULTS {
                return body;
            }
            let from = self.at;
            match self.statement() {
                Ok(statement) => body.push(statement),
                Err(fault) => {
                    self.note(fault);
                    self.next_line(from);
                }
            }
        }
    }

    fn statement(&mut self) -> Parsed<Statement> {
        self.operators = 0;
        let place = self.place();
        let Some(word) = self.word() else {
            return self.wanted("a command");
        };
        let kind = match word.as_str() {
            "integer" => self.declaration(Type::Integer)?,
            "string" => self.declaration(Type::String)?,
            "boolean" => self.declaration(Type::Boolean)?,
            "transmit" => self.transmit()?,
            "waitfor" => self.waitfor()?,
            "delay" => {
                self.advance();
                StatementKind::Delay(self.expression()?)
            }
            "set" => self.set()?,
            "getip" => {
                self.advance();
                StatementKind::GetIp(self.getip_number(place)?.map(|e| *e))
            }
            "goto" => {
                self.advance();
                StatementKind::Goto(self.name("a label")?)
            }
            "halt" => {
                self.advance();
                StatementKind::Halt
            }
            "if" => {
                let (condition, body) = self.conditional("then", "endif", place)?;
                StatementKind::If(condition, body)
            }
            "while" => {
                let (condition, body) = self.conditional("do", "endwhile", place)?;
                StatementKind::While(condition, body)
            }
            "endif" | "endwhile" => return self.fault(format!("this `{word}` closes nothing")),
            "else" | "elseif" => return self.fault("this language has no else: use a second if, or goto"),
            _ if reserved(&word) => return self.fault(format!("a command cannot begin with `{word}`")),
            _ => self.named()?,
        };
        Ok(Statement { kind, place })
    }

    /// `label:` or `variable = …`.
    fn named(&mut self) -> Parsed<StatementKind> {
        let name = self.name("a name")?;
        if self.take_sign(Sign::Colon) {
            return Ok(StatementKind::Label(name));
        }
        if self.take_sign(Sign::Assign) {
            return Ok(StatementKind::Assign(name, self.expression()?));
        }
        let text =
            format!("`{}` is no command; a label ends in `:`, an assignment needs `=`", clip(&name.text));
        Err(Fault { place: name.place, text })
    }

    fn declaration(&mut self, kind: Type) -> Parsed<StatementKind> {
        self.advance();
        let name = self.name("a variable")?;
        let value = if self.take_sign(Sign::Assign) { Some(self.expression()?) } else { None };
        Ok(StatementKind::Declare(kind, name, value))
    }

    fn transmit(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let value = self.expression()?;
        let raw = self.take_sign(Sign::Comma);
        if raw && !self.take_word("raw") {
            return self.wanted("`raw` after the comma");
        }
        Ok(StatementKind::Transmit(value, raw))
    }

    fn waitfor(&mut self) -> Parsed<StatementKind> {
        self.advance();
        let mut cases = Vec::new();
        loop {
            let text = self.expression()?;
            let mut case = Case { text, matchcase: false, then: None };
            // A comma is followed by `matchcase` or by the next string.
            let mut comma = self.take_sign(Sign::Comma);
            if comma && self.take_word("matchcase") {
                case.matchcase = true;
                comma = self.take_sign(Sign::Comma);
            }
            if !comma && self.take_word("then") {
                case.then = Some(self.name("a label")?);
                comma = self.take_sign(Sign::Comma);
            }
            cases.push(case);
            if !comma {
                break;
            }
        }
        let until = if self.take_word("until") { Some(self.expression()?) } else { None };
        Ok(StatementKind::WaitFor(cases, until))
    }

    fn set(&mut self) -> Parsed<StatementKind> {
        self.advance();
        match self.word().as_deref() {
            Some("port") => {
                self.advance();
                Ok(StatementKind::SetPort(self.port()?))
            }
            Some("screen") => {
                self.advance();
                if !self.take_word("keyboard") {
                    return self.wanted("`keyboard` after `set screen`");
                }
                if self.take_word("on") {
                    Ok(StatementKind::SetKeyboard(true))
                } else if self.take_word("off") {
                    Ok(StatementKind::SetKeyboard(false))
                } else {
                    self.wanted("`on` or `off`")
                }
            }
            Some("ipaddr") => {
                self.advance();
                Ok(StatementKind::SetAddress(self.expression()?))
            }
            _ => self.wanted("`port`, `screen` or `ipaddr` after `set`"),
        }
    }

    fn port(&mut self) -> Parsed<Port> {
        match self.word().as_deref() {
            Some("databits") => {
                self.advance();
                self.one_of(5..=8, "5, 6, 7 or 8 data bits").map(Port::DataBits)
            }
            Some("stopbits") => {
                self.advance();
                self.one_of(1..=2, "1 or 2 stop bits").map(Port::StopBits)
            }
            Some("parity") => {
                self.advance();
                let word = self.word().unwrap_or_default();
                match Parity::ALL.into_iter().find(|p| p.name() == word) {
                    Some(parity) => {
                        self.advance();
                        Ok(Port::Parity(parity))
                    }
                    None => self.wanted("`none`, `odd`, `even`, `mark` or `space`"),
                }
            }
            _ => self.wanted("`databits`, `parity` or `stopbits` after `set port`"),
        }
    }

    fn one_of(&mut self, range: std::ops::RangeInclusive<i32>, what: &str) -> Parsed<u8> {
        match self.token().kind {
            Kind::Number(n) if range.contains(&n) => {
                self.advance();
                Ok(u8::try_from(n).unwrap_or(0))
            }
            Kind::Number(n) => self.fault(format!("expected {what}, found {n}")),
            _ => self.wanted(what),
        }
    }

    fn conditional(&mut self, opening: &str, closing: &str, place: Place) -> Parsed<(Expr, Vec<Statement>)> {
        self.advance();
        let condition = self.expression()?;
        if !self.take_word(opening) {
            return self.wanted(&format!("`{opening}`"));
        }
        let body = self.deeper(|parser| Ok(parser.block(&[closing], closing, place)))?;
        self.take_word(closing);
        Ok((condition, body))
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Parser) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEEPEST {
            return self.fault(format!("nested more than {DEEPEST} deep"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn expression(&mut self) -> Parsed<Expr> {
        self.deeper(|parser| parser.operation(1))
    }

    /// Operators at least as strong as `weakest`; all of them join from the left.
    fn operation(&mut self, weakest: u8) -> Parsed<Expr> {
        let mut left = self.unary()?;
        while let Some(op) = self.operator().filter(|op| op.strength() >= weakest) {
            let place = self.place();
            // A chain of operators makes a tree as deep as the chain is long: it is bounded like the rest.
            self.operators += 1;
            if self.operators > MOST_OPERATORS {
                return self.fault(format!("more than {MOST_OPERATORS} operators in one command"));
            }
            self.advance();
            let right = self.deeper(|parser| parser.operation(op.strength() + 1))?;
            left = Expr { kind: ExprKind::Binary(op, Box::new(left), Box::new(right)), place };
        }
        Ok(left)
    }

    fn operator(&self) -> Option<Binary> {
        match &self.token().kind {
            Kind::Sign(sign) => Some(match sign {
                Sign::Star => Binary::Multiply,
                Sign::Slash => Binary::Divide,
                Sign::Plus => Binary::Add,
                Sign::Minus => Binary::Subtract,
                Sign::Less => Binary::Less,
                Sign::Greater => Binary::Greater,
                Sign::LessEqual => Binary::LessEqual,
                Sign::GreaterEqual => Binary::GreaterEqual,
                Sign::Equal => Binary::Equal,
                Sign::NotEqual => Binary::NotEqual,
                _ => return None,
            }),
            Kind::Word(word) if word.eq_ignore_ascii_case("and") => Some(Binary::And),
            Kind::Word(word) if word.eq_ignore_ascii_case("or") => Some(Binary::Or),
            _ => None,
        }
    }

    fn unary(&mut self) -> Parsed<Expr> {
        let place = self.place();
        let op = match self.token().kind {
            Kind::Sign(Sign::Minus) => Unary::Minus,
            Kind::Sign(Sign::Not) => Unary::Not,
            _ => return self.primary(),
        };
        self.advance();
        let inner = self.deeper(Parser::unary)?;
        Ok(Expr { kind: ExprKind::Unary(op, Box::new(inner)), place })
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let place = self.place();
        let kind = match self.token().kind.clone() {
            Kind::Number(n) => ExprKind::Number(n),
            Kind::Text(text) => ExprKind::Text(text),
            Kind::System(name) => {
                match System::ALL.into_iter().find(|s| s.name().eq_ignore_ascii_case(&name)) {
                    Some(system) => ExprKind::System(system),
                    None => {
                        return self.fault(format!(
                            "there is no ${}; there are $USERID, $PASSWORD, $SUCCESS and $FAILURE",
                            clip(&name)
                        ));
                    }
                }
            }
            Kind::Word(word) => match word.to_ascii_lowercase().as_str() {
                "true" => ExprKind::Truth(true),
                "false" => ExprKind::Truth(false),
                "getip" => {
                    self.advance();
                    let kind = ExprKind::GetIp(self.getip_number(place)?);
                    return Ok(Expr { kind, place });
                }
                _ if reserved(&word) => return self.wanted("a value"),
                _ => ExprKind::Variable(word),
            },
            Kind::Sign(Sign::Open) => {
                self.advance();
                let mut inner = self.expression()?;
                if !self.take_sign(Sign::Close) {
                    return self.wanted(&format!("`)` for the `(` at {place}"));
                }
                inner.place = place;
                return Ok(inner);
            }
            _ => return self.wanted("a value"),
        };
        self.advance();
        Ok(Expr { kind, place })
    }

    /// The number after `getip`, if one stands on its line.
    fn getip_number(&mut self, getip: Place) -> Parsed<Option<Box<Expr>>> {
        let begins = match &self.token().kind {
            Kind::Number(_) | Kind::Sign(Sign::Open) => true,
            Kind::Word(word) => !reserved(word),
            _ => false,
        };
        if !begins || self.place().line != getip.line {
            return Ok(None);
        }
        self.deeper(Parser::primary).map(|e| Some(Box::new(e)))
    }
}

/// A name of the script, short enough for a message.
fn clip(name: &str) -> String {
    if name.len() <= 40 { name.into() } else { format!("{}…", name.get(..40).unwrap_or_default()) }
}

#[cfg(test)]
#[path = "parser_tests.rs"]
mod tests;
