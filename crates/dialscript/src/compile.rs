//! From the tree to a flat list of instructions, with names and types checked on the way.

use crate::lexer::{Fault, Place};
use crate::syntax::{
    Binary, Expr, ExprKind, Name, Port, Procedure, Script, Statement, StatementKind, System, Type, Unary,
};
use std::collections::HashMap;

/// What an instruction does. Operands stand on a stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// Puts a number on the stack.
    Number(i32),
    /// Puts a string on the stack.
    Text(Vec<u8>),
    /// Puts TRUE or FALSE on the stack.
    Truth(bool),
    /// Puts a variable on the stack.
    Load(usize),
    /// Takes a value into a variable.
    Store(usize),
    /// Puts a variable of the system on the stack.
    System(System),
    /// Replaces the operand by the result.
    Unary(Unary),
    /// Replaces two operands by the result.
    Binary(Binary),
    /// Throws a value away.
    Drop,
    /// Goes on elsewhere.
    Jump(usize),
    /// Takes a boolean; goes on elsewhere if it is FALSE.
    JumpUnless(usize),
    /// Takes a string and sends it.
    Transmit {
        /// Escapes are sent as written.
        raw: bool,
    },
    /// Takes the limit, if there is one, and the strings (the last is on top); waits.
    WaitFor {
        /// For each string: whether case matters, and where to go on.
        cases: Vec<(bool, Option<usize>)>,
        /// A limit stands on the stack, below the strings.
        until: bool,
    },
    /// Takes a number of seconds and waits.
    Delay,
    /// Sets the line.
    Port(Port),
    /// Lets the user type, or not.
    Keyboard(bool),
    /// Takes an address in a string.
    Address,
    /// Takes the number of the address, if `true`; waits for it and puts it on the stack.
    GetIp(bool),
    /// Ends without success.
    Halt,
    /// The end of `main`.
    End,
}

/// A program that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// The instructions of `main`.
    pub code: Vec<Instruction>,
    /// Where the command stands to which each instruction belongs.
    pub places: Vec<Place>,
    /// The types of the variables.
    pub variables: Vec<Type>,
    /// Where $USERID is used first.
    pub userid: Option<Place>,
    /// Where $PASSWORD is used first.
    pub password: Option<Place>,
}

/// Checks names and types of every procedure; makes a program of `main`.
///
/// # Errors
/// Everything that is wrong, in the order of the file.
pub fn compile(script: &Script) -> Result<Program, Vec<Fault>> {
    let mut faults = Vec::new();
    let mut main = None;
    for procedure in &script.procedures {
        let compiler = Compiler::new(procedure, &mut faults);
        let program = compiler.procedure(procedure);
        if procedure.name.key() == "main" {
            main = Some(program);
        }
    }
    if main.is_none() {
        let place = script.procedures.first().map_or(Place { line: 1, column: 1 }, |p| p.name.place);
        faults.push(Fault { place, text: "there is no procedure `main`".into() });
    }
    faults.sort_by_key(|fault| fault.place);
    match main {
        Some(program) if faults.is_empty() => Ok(program),
        _ => Err(faults),
    }
}

struct Variable {
    number: usize,
    kind: Type,
}

struct Compiler<'a> {
    program: Program,
    variables: HashMap<String, Variable>,
    /// Where each label leads; `usize::MAX` until it has been reached.
    labels: HashMap<String, usize>,
    /// Jumps to labels that are not reached yet.
    open: Vec<(usize, String)>,
    faults: &'a mut Vec<Fault>,
    /// The command that is being compiled.
    place: Place,
}

impl Compiler<'_> {
    fn new<'a>(procedure: &Procedure, faults: &'a mut Vec<Fault>) -> Compiler<'a> {
        let mut labels = HashMap::new();
        find_labels(&procedure.body, &mut labels, faults);
        Compiler {
            program: Program {
                code: Vec::new(),
                places: Vec::new(),
                variables: Vec::new(),
                userid: None,
                password: None,
            },
            variables: HashMap::new(),
            labels,
            open: Vec::new(),
            faults,
            place: procedure.name.place,
        }
    }

    fn procedure(mut self, procedure: &Procedure) -> Program {
        self.block(&procedure.body);
        self.place = procedure.end;
        self.emit(Instruction::End);
        for (at, label) in std::mem::take(&mut self.open) {
            let target = self.labels.get(&label).copied().unwrap_or(usize::MAX);
            match self.program.code.get_mut(at) {
                Some(Instruction::Jump(to)) => *to = target,
                Some(Instruction::WaitFor { cases, .. }) => {
                    // Unresolved targets are numbered from the top; each `open` entry resolves the next one.
                    if let Some((_, to)) = cases.iter_mut().find(|(_, to)| *to == Some(usize::MAX)) {
                        *to = Some(target);
                    }
                }
                _ => {}
            }
        }
        self.program
    }

    fn fault(&mut self, place: Place, text: String) {
        self.faults.push(Fault { place, text });
    }

    fn emit(&mut self, instruction: Instruction) -> usize {
        self.program.code.push(instruction);
        self.program.places.push(self.place);
        self.program.code.len() - 1
    }

    fn here(&self) -> usize {
        self.program.code.len()
    }

    fn block(&mut self, body: &[Statement]) {
        for statement in body {
            self.statement(statement);
        }
    }

    fn statement(&mut self, statement: &Statement) {
        self.place = statement.place;
        match &statement.kind {
            StatementKind::Declare(kind, name, value) => self.declare(*kind, name, value.as_ref()),
            StatementKind::Assign(name, value) => {
                let found = self.expression(value);
                match self.variables.get(&name.key()).map(|v| (v.number, v.kind)) {
                    Some((number, kind)) => {
                        self.same(value.place, found, kind, &format!("`{}` is", name.text));
                        self.emit(Instruction::Store(number));
                    }
                    None => self.fault(name.place, undeclared(&name.text)),
                }
            }
            StatementKind::Transmit(value, raw) => {
                self.wanted(value, Type::String, "transmit sends");
                self.emit(Instruction::Transmit { raw: *raw });
            }
            StatementKind::WaitFor(cases, until) => {
                if let Some(until) = until {
                    self.wanted(until, Type::Integer, "until takes");
                }
                let mut targets = Vec::new();
                for case in cases {
                    self.wanted(&case.text, Type::String, "waitfor awaits");
                    targets.push((case.matchcase, case.then.as_ref().map(|_| usize::MAX)));
                }
                let at = self.emit(Instruction::WaitFor { cases: targets, until: until.is_some() });
                for label in cases.iter().filter_map(|c| c.then.as_ref()) {
                    self.target(at, label);
                }
            }
            StatementKind::Delay(value) => {
                self.wanted(value, Type::Integer, "delay takes");
                self.emit(Instruction::Delay);
            }
            StatementKind::SetPort(port) => drop(self.emit(Instruction::Port(*port))),
            StatementKind::SetKeyboard(on) => drop(self.emit(Instruction::Keyboard(*on))),
            StatementKind::SetAddress(value) => {
                self.wanted(value, Type::String, "set ipaddr takes");
                self.emit(Instruction::Address);
            }
            StatementKind::GetIp(which) => {
                self.getip(which.as_ref());
                self.emit(Instruction::Drop);
            }
            StatementKind::Goto(label) => {
                let at = self.emit(Instruction::Jump(usize::MAX));
                self.target(at, label);
            }
            StatementKind::Label(label) => {
                let here = self.here();
                self.labels.insert(label.key(), here);
            }
            StatementKind::Halt => drop(self.emit(Instruction::Halt)),
            StatementKind::If(condition, body) => {
                self.wanted(condition, Type::Boolean, "if needs");
                let skip = self.emit(Instruction::JumpUnless(usize::MAX));
                self.block(body);
                self.land(skip);
            }
            StatementKind::While(condition, body) => {
                let again = self.here();
                self.wanted(condition, Type::Boolean, "while needs");
                let out = self.emit(Instruction::JumpUnless(usize::MAX));
                self.block(body);
                self.place = statement.place;
                self.emit(Instruction::Jump(again));
                self.land(out);
            }
        }
    }

    /// The jump at `from` leads here.
    fn land(&mut self, from: usize) {
        let here = self.here();
        if let Some(Instruction::JumpUnless(to)) = self.program.code.get_mut(from) {
            *to = here;
        }
    }

    fn target(&mut self, at: usize, label: &Name) {
        if self.labels.contains_key(&label.key()) {
            self.open.push((at, label.key()));
        } else {
            self.fault(label.place, format!("there is no label `{}:` in this procedure", label.text));
        }
    }

    fn declare(&mut self, kind: Type, name: &Name, value: Option<&Expr>) {
        match value {
            Some(value) => {
                let found = self.expression(value);
                self.same(value.place, found, kind, &format!("`{}` is", name.text));
            }
            // A declaration that is passed again sets the variable again.
            None => drop(self.emit(match kind {
                Type::Integer => Instruction::Number(0),
                Type::String => Instruction::Text(Vec::new()),
                Type::Boolean => Instruction::Truth(false),
            })),
        }
        let number = self.program.variables.len();
        if self.variables.contains_key(&name.key()) {
            self.fault(name.place, format!("`{}` is declared twice", name.text));
        }
        self.program.variables.push(kind);
        self.variables.insert(name.key(), Variable { number, kind });
        self.emit(Instruction::Store(number));
    }

    fn wanted(&mut self, value: &Expr, kind: Type, who: &str) {
        let found = self.expression(value);
        self.same(value.place, found, kind, who);
    }

    fn same(&mut self, place: Place, found: Option<Type>, wanted: Type, who: &str) {
        if let Some(found) = found.filter(|f| *f != wanted) {
            self.fault(place, format!("{who} {}, this is {}", with_article(wanted), with_article(found)));
        }
    }

    fn getip(&mut self, which: Option<&Expr>) {
        if let Some(which) = which {
            self.wanted(which, Type::Integer, "getip takes");
        }
        self.emit(Instruction::GetIp(which.is_some()));
    }

    /// Gives the type; `None` after a fault that has been told.
    fn expression(&mut self, expr: &Expr) -> Option<Type> {
        match &expr.kind {
            ExprKind::Number(n) => {
                self.emit(Instruction::Number(*n));
                Some(Type::Integer)
            }
            ExprKind::Text(text) => {
                self.emit(Instruction::Text(text.clone()));
                Some(Type::String)
            }
            ExprKind::Truth(truth) => {
                self.emit(Instruction::Truth(*truth));
                Some(Type::Boolean)
            }
            ExprKind::Variable(name) => {
                match self.variables.get(&name.to_ascii_lowercase()).map(|v| (v.number, v.kind)) {
                    Some((number, kind)) => {
                        self.emit(Instruction::Load(number));
                        Some(kind)
                    }
                    None => {
                        self.fault(expr.place, undeclared(name));
                        None
                    }
                }
            }
            ExprKind::System(system) => {
                let used = match system {
                    System::UserId => Some(&mut self.program.userid),
                    System::Password => Some(&mut self.program.password),
                    _ => None,
                };
                if let Some(used) = used {
                    used.get_or_insert(expr.place);
                }
                self.emit(Instruction::System(*system));
                Some(system.kind())
            }
            ExprKind::GetIp(which) => {
                self.getip(which.as_deref());
                Some(Type::String)
            }
            ExprKind::Unary(op, inner) => {
                let kind = self.expression(inner)?;
                self.emit(Instruction::Unary(*op));
                match (op, kind) {
                    (Unary::Minus | Unary::Not, Type::Integer) | (Unary::Not, Type::Boolean) => Some(kind),
                    (Unary::Minus, _) => {
                        self.fault(
                            expr.place,
                            format!("`-` needs an integer, this is {}", with_article(kind)),
                        );
                        None
                    }
                    (Unary::Not, _) => {
                        self.fault(expr.place, "`!` needs a boolean or an integer, this is a string".into());
                        None
                    }
                }
            }
            ExprKind::Binary(op, left, right) => {
                let left = self.expression(left);
                let right = self.expression(right);
                self.emit(Instruction::Binary(*op));
                self.binary(*op, left?, right?, expr.place)
            }
        }
    }

    fn binary(&mut self, op: Binary, left: Type, right: Type, place: Place) -> Option<Type> {
        let (fits, result) = match op {
            Binary::Multiply | Binary::Divide | Binary::Subtract => (left == Type::Integer, Type::Integer),
            Binary::Add => (left != Type::Boolean, left),
            Binary::Less | Binary::Greater | Binary::LessEqual | Binary::GreaterEqual => {
                (left == Type::Integer, Type::Boolean)
            }
            Binary::Equal | Binary::NotEqual => (true, Type::Boolean),
            Binary::And | Binary::Or => (left == Type::Boolean, Type::Boolean),
        };
        if fits && left == right {
            return Some(result);
        }
        self.fault(
            place,
            format!("`{}` cannot join {} and {}", op.text(), with_article(left), with_article(right)),
        );
        None
    }
}

fn find_labels(body: &[Statement], labels: &mut HashMap<String, usize>, faults: &mut Vec<Fault>) {
    for statement in body {
        match &statement.kind {
            StatementKind::Label(label) if labels.insert(label.key(), usize::MAX).is_some() => {
                let text = format!("the label `{}:` stands twice in this procedure", label.text);
                faults.push(Fault { place: label.place, text });
            }
            StatementKind::If(_, body) | StatementKind::While(_, body) => find_labels(body, labels, faults),
            _ => {}
        }
    }
}

fn with_article(kind: Type) -> &'static str {
    match kind {
        Type::Integer => "an integer",
        Type::String => "a string",
        Type::Boolean => "a boolean",
    }
}

fn undeclared(name: &str) -> String {
    format!("`{name}` is not declared: integer, string or boolean {name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(body: &str) -> Vec<String> {
        let script = crate::parser::parse(format!("proc main\n{body}\nendproc").as_bytes()).unwrap();
        compile(&script).err().unwrap_or_default().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn types_and_names_are_checked() {
        for (body, fault) in [
            ("x = 1", "2:1: `x` is not declared"),
            ("integer x = \"a\"", "2:13: `x` is an integer, this is a string"),
            ("transmit 5", "2:10: transmit sends a string, this is an integer"),
            ("transmit \"a\" + 5", "2:14: `+` cannot join a string and an integer"),
            ("delay \"1\"", "2:7: delay takes an integer"),
            ("if 1 then endif", "2:4: if needs a boolean"),
            ("while $USERID do endwhile", "2:7: while needs a boolean"),
            ("waitfor $SUCCESS", "2:9: waitfor awaits a string"),
            ("waitfor \"a\" until \"b\"", "2:19: until takes an integer"),
            ("goto Away", "2:6: there is no label `Away:`"),
            ("waitfor \"a\" then Away", "2:18: there is no label `Away:`"),
            ("a:\nA:", "3:1: the label `A:` stands twice"),
            ("integer a\nstring A", "3:8: `A` is declared twice"),
            ("boolean b = -TRUE", "2:13: `-` needs an integer"),
            ("boolean b = \"a\" < \"b\"", "2:17: `<` cannot join"),
            ("boolean b = 1 and 2", "2:15: `and` cannot join"),
            ("getip (\"a\")", "2:7: getip takes an integer"),
        ] {
            assert!(faults(body).iter().any(|f| f.starts_with(fault)), "{body}: {:?}", faults(body));
        }
        assert_eq!(faults("boolean b = (\"a\" == getip) and !FALSE or 1 <= !2"), Vec::<String>::new());
    }

    #[test]
    fn main_must_be_there_and_other_procedures_are_checked_too() {
        let script = crate::parser::parse(b"proc a\nx = 1\nendproc").unwrap();
        let faults = compile(&script).unwrap_err();
        assert_eq!(faults.len(), 2);
        assert!(faults.iter().any(|f| f.text.contains("no procedure `main`")));
    }

    #[test]
    fn labels_of_one_waitfor_keep_their_order() {
        let text = b"proc main\nb:\nwaitfor \"x\" then a, \"y\", \"z\" then b\na:\nendproc";
        let program = compile(&crate::parser::parse(text).unwrap()).unwrap();
        let Some(Instruction::WaitFor { cases, .. }) = program.code.get(3) else { panic!("{program:?}") };
        assert_eq!(cases, &[(false, Some(4)), (false, None), (false, Some(0))]);
    }
}
