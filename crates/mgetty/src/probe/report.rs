//! What `--probe` found, for people and for programs. All text of the modem's is printable and bounded already
//! ([`ttyline::at::inquiry`]).

use std::fmt::Write as _;
use ttyline::at::inquiry::{Answer, End};
use ttyline::at::profile::{self, Profile};

/// What is told.
pub struct Report<'a> {
    /// The line's device.
    pub device: &'a str,
    /// The speed at which it answered, bit/s.
    pub speed: u32,
    /// All it said.
    pub answers: &'a [Answer],
}

impl Report<'_> {
    /// The whole answer to the first of these that the modem knows.
    fn said(&self, commands: &[&str]) -> Option<String> {
        commands.iter().find_map(|command| {
            let known = |answer: &&Answer| answer.command == *command && answer.end == End::Ok;
            let lines = &self.answers.iter().find(known)?.lines;
            (!lines.is_empty()).then(|| lines.join("; "))
        })
    }

    fn knows(&self, command: &str) -> bool {
        self.answers.iter().any(|answer| answer.command == command && answer.end == End::Ok)
    }

    /// The commands that make it tell who calls.
    fn caller_id(&self, profile: Option<&Profile>) -> Vec<&'static str> {
        let tested = [
            ("AT+VCID=?", "AT+VCID=1"),
            ("AT#CID=?", "AT#CID=1"),
            ("AT%CCID=?", "AT%CCID=1"),
            ("AT+CLIP=?", "AT+CLIP=1"),
        ];
        let mut found: Vec<&str> =
            tested.iter().filter(|(test, _)| self.knows(test)).map(|(_, set)| *set).collect();
        // There is no test form of a register's bit.
        found.extend(profile.iter().flat_map(|p| p.caller_id).filter(|command| command.starts_with("ATS")));
        found
    }

    /// A register that is a number.
    fn register(&self, command: &str) -> Option<String> {
        let value: u16 = self.said(&[command])?.trim().parse().ok()?;
        Some(value.to_string())
    }

    /// What it does when DTR falls, as its active profile has it: the digit behind `&D`.
    fn dtr(&self) -> Option<char> {
        let text = self.said(&["AT&V"])?;
        text.split([' ', ';', ',']).find_map(|word| {
            let mut rest = word.strip_prefix("&D")?.trim_start_matches([':', '=']).chars();
            rest.next().filter(|digit| ('0'..='3').contains(digit) && rest.next().is_none())
        })
    }

    /// Name and value of what was found, in order; unknown ones are left out.
    fn facts(&self) -> Vec<(&'static str, String)> {
        let profile = profile::recognise(self.answers);
        let mut facts = vec![
            ("line", self.device.to_string()),
            ("speed", self.speed.to_string()),
            ("profile", profile.map_or("unknown", |p| p.name).to_string()),
        ];
        let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
        add("family", profile.map(|p| p.about.to_string()));
        add("info", self.said(&["ATI"]));
        add("product", self.said(&["ATI3"]));
        add("maker", self.said(&["AT+GMI", "AT+FMI?", "AT+CGMI"]));
        add("model", self.said(&["AT+GMM", "AT+FMM?", "AT+CGMM"]));
        add("revision", self.said(&["AT+GMR", "AT+FMR?", "AT+CGMR"]));
        add("capabilities", self.said(&["AT+GCAP"]));
        add("classes", self.said(&["AT+FCLASS=?"]));
        add("modulations", self.said(&["AT+MS=?"]));
        add("error_control", self.said(&["AT+ES=?"]));
        add("compression", self.said(&["AT+DS=?"]));
        add("connect_reports", self.said(&["AT+MR=?"]));
        add("port_speeds", self.said(&["AT+IPR=?"]));
        add("flow_control", self.said(&["AT+IFC=?"]));
        add("distinctive_ring", self.said(&["AT+VDR=?"]));
        let callers = self.caller_id(profile).join(" ");
        let asked = self.answers.iter().any(|answer| answer.command == "AT+VCID=?");
        add("caller_id", (asked || !callers.is_empty()).then_some(callers));
        add("caller_id_set", self.said(&["AT+VCID?"]));
        add("dtr", self.dtr().map(|digit| format!("&D{digit}")));
        add("escape_character", self.register("ATS2?"));
        add("escape_guard", self.register("ATS12?"));
        let quirks = quirks(profile);
        add("quirks", (!quirks.is_empty()).then(|| quirks.join(" ")));
        facts
    }

    /// A table, then every question with its answer.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for (name, value) in self.facts() {
            let value = match name {
                "caller_id" if value.is_empty() => "no command for it found".to_string(),
                "speed" => format!("{value} bit/s"),
                _ => value,
            };
            let _ = writeln!(out, "{:<17} {value}", name.replace('_', " "));
        }
        out.push_str("\nasked and answered:\n");
        for answer in self.answers {
            let mut said = answer.lines.clone();
            said.push(answer.end.word().into());
            let _ = writeln!(out, "  {:<12} {}", answer.command, said.join("; "));
        }
        out
    }

    /// One object on one line; a number for `speed`, text for the other facts, a list of answers.
    pub fn json(&self) -> String {
        let mut out = String::from("{\"v\":1");
        for (name, value) in self.facts() {
            let value = if name == "speed" { value } else { quote(&value) };
            let _ = write!(out, ",{}:{value}", quote(name));
        }
        out.push_str(",\"answers\":[");
        for (place, answer) in self.answers.iter().enumerate() {
            let lines: Vec<String> = answer.lines.iter().map(|line| quote(line)).collect();
            let comma = if place == 0 { "" } else { "," };
            let _ = write!(
                out,
                "{comma}{{\"command\":{},\"end\":{},\"lines\":[{}]}}",
                quote(answer.command),
                quote(answer.end.word()),
                lines.join(",")
            );
        }
        out.push_str("]}\n");
        out
    }
}

fn quirks(profile: Option<&Profile>) -> Vec<&'static str> {
    let Some(profile) = profile else { return Vec::new() };
    let quirks = profile.quirks;
    [
        (quirks.no_guard_time, "no-guard-time"),
        (quirks.no_dtr, "no-dtr"),
        (quirks.blind_dial, "blind-dial"),
        (quirks.plain, "plain"),
        (quirks.speed_cap.is_some(), "speed-cap"),
    ]
    .into_iter()
    .filter_map(|(has, name)| has.then_some(name))
    .collect()
}

/// A JSON string of printable ASCII.
fn quote(text: &str) -> String {
    let text: String = text.chars().filter(|c| (' '..='~').contains(c)).collect();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Vec<Answer> {
        let answer = |(command, lines, end): (&'static str, &[&str], End)| Answer {
            command,
            lines: lines.iter().map(ToString::to_string).collect(),
            end,
        };
        [
            ("ATI", &["5607"][..], End::Ok),
            ("AT+GMI", &[], End::Error),
            ("ATI3", &["U.S. Robotics \"56K\" \\", "two"], End::Ok),
            ("AT#CID=?", &["#CID: (0-2)"], End::Ok),
            ("AT+VCID=?", &[], End::Error),
            ("AT+MS=?", &[], End::Silent),
            ("ATS2?", &["043"], End::Ok),
            ("ATS12?", &["x"], End::Ok),
            ("AT&V", &["ACTIVE PROFILE:", "E1 &C1 &D2 &DX X4"], End::Ok),
        ]
        .map(answer)
        .to_vec()
    }

    #[test]
    fn for_people() {
        let answers = answers();
        let text = Report { device: "/dev/ttyS1", speed: 115_200, answers: &answers }.text();
        for line in [
            "line              /dev/ttyS1",
            "speed             115200 bit/s",
            "profile           usr",
            "product           U.S. Robotics \"56K\" \\; two",
            "caller id         AT#CID=1",
            "dtr               &D2",
            "escape character  43",
            "  ATI          5607; OK",
            "  AT+MS=?      no answer",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
        assert!(!text.contains("maker") && !text.contains("guard"), "{text}");
        let text = Report { device: "x", speed: 1, answers: &answers[4..6] }.text();
        assert!(text.contains("profile           unknown") && text.contains("no command for it"), "{text}");
    }

    #[test]
    fn for_programs() {
        let answers = answers();
        let json = Report { device: "/dev/ttyS1", speed: 115_200, answers: &answers[..3] }.json();
        assert_eq!(
            json,
            "{\"v\":1,\"line\":\"/dev/ttyS1\",\"speed\":115200,\"profile\":\"usr\",\
             \"family\":\"US Robotics, 3Com\",\"info\":\"5607\",\
             \"product\":\"U.S. Robotics \\\"56K\\\" \\\\; two\",\"answers\":[\
             {\"command\":\"ATI\",\"end\":\"OK\",\"lines\":[\"5607\"]},\
             {\"command\":\"AT+GMI\",\"end\":\"ERROR\",\"lines\":[]},\
             {\"command\":\"ATI3\",\"end\":\"OK\",\"lines\":[\"U.S. Robotics \\\"56K\\\" \\\\\",\"two\"]}]}\n"
        );
    }
}
