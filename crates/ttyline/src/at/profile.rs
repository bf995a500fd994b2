//! Modem families as one table of data: how each is recognised, what it is told, what it lacks.
//!
//! Sources: `ATI` codes and `+GMI` names as modems give them (V.250 6.1.3 to 6.1.6), the makers' manuals for the
//! commands. Nothing here changes what a modem remembers: no `&F`, no `Z`, no `&W`. One command per line, below 40
//! characters; a modem that says ERROR to one is used without it.

use super::inquiry::{Answer, End};

/// What tells a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// `ATI` or `ATI3` has this text (any case).
    Info(&'static str),
    /// `ATI` is this number, or one up to the second; a letter may follow (`5607A`).
    Code(u32, u32),
    /// `+GMI`, `+FMI?` or `+CGMI` has this text (any case).
    Maker(&'static str),
    /// `+GMM`, `+FMM?`, `+CGMM` or `ATI3` has this text (any case).
    Model(&'static str),
}

/// What a family does otherwise than others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// `+++` needs no silence around it: the sequence itself ends the call (TIES).
    pub no_guard_time: bool,
    /// DTR says nothing to it: a call is ended by `+++` and `ATH`.
    pub no_dtr: bool,
    /// It never hears a dial tone (behind a PBX or a telephone adapter): it dials blindly.
    pub blind_dial: bool,
    /// It knows few commands, and extended ones (`AT+…`, `AT#…`) may do anything: it is not asked any.
    pub plain: bool,
    /// What keeps it at speeds its line can carry.
    pub speed_cap: Option<&'static str>,
}

/// A family of modems.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// Its name in mgetty.config.
    pub name: &'static str,
    /// For people.
    pub about: &'static str,
    /// How it is recognised; none: by its name in mgetty.config only.
    pub signs: &'static [Sign],
    /// Sent after the init chat, each on a line of its own.
    pub init: &'static [&'static str],
    /// What makes it tell who calls: tried in this order until one is OK.
    pub caller_id: &'static [&'static str],
    /// What it does otherwise.
    pub quirks: Quirks,
}

const NO_QUIRKS: Quirks =
    Quirks { no_guard_time: false, no_dtr: false, blind_dial: false, plain: false, speed_cap: None };

/// V.253's and Rockwell's commands for caller ID, and the older ones.
const USUAL_CALLER_ID: &[&str] = &["AT+VCID=1", "AT#CID=1", "AT%CCID=1", "AT#CC1", "AT*ID1"];

/// The families. Words (names of makers and models) are looked for in all rows before codes are.
pub const PROFILES: &[Profile] = &[
    Profile {
        name: "wifi",
        about: "WiFi and software modems (Zimodem, WiModem232, tcpser)",
        signs: &[
            Sign::Info("zimodem"),
            Sign::Info("wimodem"),
            Sign::Info("tcpser"),
            Sign::Info("wifi"),
            Sign::Info("esp8266"),
        ],
        init: &["ATS0=0"],
        caller_id: &[],
        quirks: Quirks { no_dtr: true, plain: true, blind_dial: true, ..NO_QUIRKS },
    },
    Profile {
        name: "iridium",
        about: "Iridium satellite telephones",
        signs: &[Sign::Maker("iridium")],
        init: &["ATX4", "ATS0=0", "AT&C1", "AT&D2", "AT+CBST=6,0,1", "AT+CR=1"],
        caller_id: &["AT+CLIP=1"],
        quirks: NO_QUIRKS,
    },
    Profile {
        name: "ties",
        about: "modems with time independent escape (no guard time around +++)",
        signs: &[Sign::Model("ties")],
        init: &["ATX4", "ATS0=0", "AT&C1", "AT&D2", "AT&K3", "ATW2"],
        caller_id: USUAL_CALLER_ID,
        quirks: Quirks { no_guard_time: true, ..NO_QUIRKS },
    },
    Profile {
        name: "usr",
        about: "US Robotics, 3Com",
        signs: &[
            Sign::Info("u.s. robotics"),
            Sign::Maker("robotics"),
            Sign::Maker("3com"),
            Sign::Code(1444, 1445),
            Sign::Code(2886, 2886),
            Sign::Code(3361, 3362),
            Sign::Code(3366, 3367),
            Sign::Code(5601, 5607),
        ],
        // &H1&R2: RTS/CTS; &B1: one port speed; &A3: error control and compression in the CONNECT text.
        init: &["ATX4", "ATS0=0", "AT&C1&D2", "AT&H1&R2", "AT&B1", "AT&A3"],
        caller_id: &["AT#CID=1", "AT+VCID=1"],
        quirks: NO_QUIRKS,
    },
    Profile {
        name: "multitech",
        about: "MultiTech",
        signs: &[
            Sign::Maker("multi-tech"),
            Sign::Maker("multitech"),
            Sign::Info("mt5600"),
            Sign::Code(247, 247),
        ],
        init: &["ATX4", "ATS0=0", "AT&C1&D2", "AT+IFC=2,2", "ATW2"],
        caller_id: &["AT+VCID=1", "AT#CID=1"],
        quirks: NO_QUIRKS,
    },
    Profile {
        name: "zyxel",
        about: "ZyXEL",
        signs: &[
            Sign::Maker("zyxel"),
            Sign::Info("zyxel"),
            Sign::Code(1281, 1281),
            Sign::Code(1291, 1293),
            Sign::Code(1496, 1496),
            Sign::Code(1500, 1507),
            Sign::Code(2864, 2864),
            Sign::Code(28641, 28642),
            Sign::Code(33604, 33604),
        ],
        init: &["ATX4", "ATS0=0", "AT&C1&D2", "AT&H3"],
        caller_id: &["ATS40.2=1"],
        quirks: NO_QUIRKS,
    },
    Profile {
        name: "elsa",
        about: "ELSA MicroLink",
        signs: &[
            Sign::Maker("elsa"),
            Sign::Info("microlink"),
            Sign::Code(140, 140),
            Sign::Code(282, 282),
            Sign::Code(641, 641),
            Sign::Code(643, 643),
            Sign::Code(645, 645),
        ],
        init: &["ATX4", "ATS0=0", "AT&C1&D2", "AT\\Q3"],
        // It tells callers unasked: RING;caller;called.
        caller_id: &[],
        quirks: NO_QUIRKS,
    },
    Profile {
        name: "acm",
        about: "USB modems (Silicon Laboratories, Agere, Lucent)",
        signs: &[
            Sign::Maker("silicon lab"),
            Sign::Maker("agere"),
            Sign::Maker("lucent"),
            Sign::Maker("lsi"),
            Sign::Model("usb"),
        ],
        init: &["ATX4", "ATS0=0", "AT&C1&D2", "AT+IFC=2,2"],
        caller_id: &["AT+VCID=1", "AT#CID=1"],
        quirks: NO_QUIRKS,
    },
    Profile {
        name: "isdn",
        about: "ISDN terminal adapters",
        signs: &[Sign::Info("isdn"), Sign::Info("elink"), Sign::Maker("eicon"), Sign::Model("isdn")],
        init: &["ATS0=0", "AT&C1&D2"],
        caller_id: &["AT#CID=10"],
        quirks: Quirks { blind_dial: true, ..NO_QUIRKS },
    },
    Profile {
        name: "rockwell",
        about: "Rockwell, Conexant, Zoom and most others with a number for ATI",
        signs: &[
            Sign::Maker("rockwell"),
            Sign::Maker("conexant"),
            Sign::Maker("zoom"),
            Sign::Code(14400, 14400),
            Sign::Code(28800, 28800),
            Sign::Code(33600, 33600),
            Sign::Code(56000, 56000),
            Sign::Code(249, 249),
            Sign::Code(932, 932),
            Sign::Code(961, 961),
        ],
        // W2: the line's speed in the CONNECT text.
        init: &["ATX4", "ATS0=0", "AT&C1&D2", "AT&K3", "ATW2"],
        caller_id: USUAL_CALLER_ID,
        quirks: NO_QUIRKS,
    },
    Profile {
        name: "v250",
        about: "any modem that answers +GMI or +GMM (V.250)",
        signs: &[],
        init: &["ATX4", "ATS0=0", "AT&C1&D2", "AT+IFC=2,2"],
        caller_id: USUAL_CALLER_ID,
        quirks: NO_QUIRKS,
    },
    Profile {
        name: "ata",
        about: "an analogue modem behind a telephone adapter (VoIP): slow, blind, without V.8bis and V.92",
        signs: &[],
        init: &["ATX3", "ATS0=0", "AT&C1&D2", "AT&K3", "AT+PQC=3", "AT+PCW=2"],
        caller_id: USUAL_CALLER_ID,
        quirks: Quirks { blind_dial: true, speed_cap: Some("AT+MS=V34,0,2400,14400"), ..NO_QUIRKS },
    },
];

/// The family that is taken for a V.250 modem of an unknown maker.
const GENERIC: &str = "v250";

/// The family of that name.
#[must_use]
pub fn named(name: &str) -> Option<&'static Profile> {
    PROFILES.iter().find(|profile| profile.name == name)
}

/// What mgetty.config's `modem-profile` asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// Nothing: the init chat alone.
    #[default]
    Plain,
    /// Find out.
    Auto,
    /// This one.
    Named(&'static Profile),
}

impl Choice {
    /// Reads the keyword's value; `None` if no family has that name.
    #[must_use]
    pub fn of(text: &str) -> Option<Choice> {
        match text {
            "" | "none" => Some(Choice::Plain),
            "auto" => Some(Choice::Auto),
            name => named(name).map(Choice::Named),
        }
    }
}

/// What finds out about a modem, in a safe order; [`recognise`] reads the answers.
pub const QUESTIONS: &[&str] = &["ATI", "AT+GMI", "AT+GMM", "AT+FMI?", "ATI3"];

/// Whether a question may be asked, after the answers so far: a modem with a plain command set is asked nothing
/// that begins with `+` or `#`.
#[must_use]
pub fn may_ask(question: &str, answers: &[Answer]) -> bool {
    let plain = recognise(answers).is_some_and(|profile| profile.quirks.plain);
    !(plain && question.get(2..).is_some_and(|rest| rest.starts_with(['+', '#', '%', '*'])))
}

/// The family that gave these answers.
#[must_use]
pub fn recognise(answers: &[Answer]) -> Option<&'static Profile> {
    let facts = Facts::of(answers);
    let by = |wanted: fn(&Sign) -> bool| {
        PROFILES.iter().find(|profile| profile.signs.iter().any(|sign| wanted(sign) && facts.show(*sign)))
    };
    by(|sign| !matches!(sign, Sign::Code(..)))
        .or_else(|| by(|sign| matches!(sign, Sign::Code(..))))
        .or_else(|| if facts.maker.is_empty() && facts.model.is_empty() { None } else { named(GENERIC) })
}

/// What the answers say, in lower case.
#[derive(Default)]
struct Facts {
    info: String,
    maker: String,
    model: String,
}

impl Facts {
    fn of(answers: &[Answer]) -> Facts {
        let mut facts = Facts::default();
        for answer in answers.iter().filter(|answer| answer.end == End::Ok) {
            let text = answer.lines.join("\n").to_ascii_lowercase();
            let places: &mut [&mut String] = match answer.command {
                "ATI" | "ATI0" => &mut [&mut facts.info],
                "ATI3" => &mut [&mut facts.info, &mut facts.model],
                "AT+GMI" | "AT+FMI?" | "AT+CGMI" => &mut [&mut facts.maker],
                "AT+GMM" | "AT+FMM?" | "AT+CGMM" => &mut [&mut facts.model],
                _ => &mut [],
            };
            for place in places {
                place.push_str(&text);
                place.push('\n');
            }
        }
        facts.maker = facts.maker.trim().to_string();
        facts.model = facts.model.trim().to_string();
        facts
    }

    fn show(&self, sign: Sign) -> bool {
        match sign {
            Sign::Info(text) => self.info.contains(text),
            Sign::Maker(text) => self.maker.contains(text),
            Sign::Model(text) => has_word(&self.model, text),
            Sign::Code(from, to) => {
                let first = self.info.lines().next().unwrap_or("").trim();
                let digits = first.trim_end_matches(|c: char| c.is_ascii_lowercase());
                first.len() - digits.len() < 2
                    && digits.bytes().all(|b| b.is_ascii_digit())
                    && digits.parse().is_ok_and(|code: u32| (from..=to).contains(&code))
            }
        }
    }
}

/// Whether `word` stands there with no letter beside it (`ties`, not `facilities`).
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, found)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|tail| tail.chars().next());
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn said(answers: &[(&'static str, &str)]) -> Vec<Answer> {
        let answer = |(command, text): &(&'static str, &str)| {
            let lines: Vec<String> = text.lines().map(String::from).collect();
            let end = if *text == "ERROR" { End::Error } else { End::Ok };
            Answer { command, lines: if end == End::Ok { lines } else { Vec::new() }, end }
        };
        answers.iter().map(answer).collect()
    }

    /// Commands with their answers, the family.
    type Row<'a> = (&'a [(&'static str, &'a str)], Option<&'a str>);

    #[test]
    fn each_family_by_what_it_says() {
        let rows: &[Row<'_>] = &[
            (&[("ATI", "33600"), ("AT+GMI", "ERROR")], Some("rockwell")),
            (&[("ATI", "56000"), ("AT+GMI", "Ringback"), ("AT+GMM", "RB336 V.34 modem")], Some("rockwell")),
            (&[("ATI", "249")], Some("rockwell")),
            (&[("ATI", "932")], Some("rockwell")),
            (&[("ATI", "5607")], Some("usr")),
            (&[("ATI", "5607A")], Some("usr")),
            (&[("ATI", "5607AB")], None),
            (&[("ATI", "1496"), ("AT+FMI?", "ERROR")], Some("zyxel")),
            (&[("ATI", "28642")], Some("zyxel")),
            (&[("ATI", "1502")], Some("zyxel")),
            (&[("ATI", "247")], Some("multitech")),
            (&[("ATI", "56000"), ("AT+GMI", "Multi-Tech Systems, Inc.")], Some("multitech")),
            (&[("ATI", "641")], Some("elsa")),
            (&[("ATI", ""), ("AT+GMI", "Silicon Laboratories")], Some("acm")),
            (&[("ATI", ""), ("AT+GMI", "Nobody's Modems")], Some("v250")),
            (&[("ATI", "Zimodem Firmware v3.6.2\nsdk=v2.2")], Some("wifi")),
            (&[("ATI", "tcpser 1.1.2")], Some("wifi")),
            (&[("ATI", "2400"), ("AT+GMI", "Iridium")], Some("iridium")),
            (&[("ATI", "2400")], None),
            (&[("ATI", "14400"), ("AT+GMM", "TIES 144")], Some("ties")),
            (&[("ATI", "14400"), ("AT+GMM", "Facilities")], Some("rockwell")),
            (&[("ATI", "Linux ISDN")], Some("isdn")),
            (&[("ATI", "")], None),
            (&[], None),
        ];
        for (answers, wanted) in rows {
            assert_eq!(recognise(&said(answers)).map(|p| p.name), *wanted, "{answers:?}");
        }
    }

    #[test]
    fn the_table_is_safe_to_send() {
        for profile in PROFILES {
            let cap = profile.quirks.speed_cap.iter();
            for command in profile.init.iter().chain(profile.caller_id).chain(cap).chain(QUESTIONS) {
                let body = command.strip_prefix("AT").expect("a command");
                assert!(
                    command.len() < 40 && command.bytes().all(|b| (0x21..0x7f).contains(&b)),
                    "{command}"
                );
                for forbidden in ["&F", "&W", "Z", "&Z", "+CFUN", "D"] {
                    let at_head = body.starts_with(forbidden);
                    let dials = forbidden == "D";
                    assert!(!(at_head || !dials && body.contains(forbidden)), "{command}");
                }
            }
            assert_eq!(PROFILES.iter().filter(|other| other.name == profile.name).count(), 1);
            assert!(!["auto", "none"].contains(&profile.name));
        }
        assert!(named(GENERIC).is_some());
    }

    #[test]
    fn the_manual_shows_the_table() {
        let page = include_str!("../../../../man/mgetty.config.5").replace("\\e", "\\");
        for profile in PROFILES {
            let (_, part) = page.split_once(&format!(".It Li {}\n", profile.name)).expect(profile.name);
            let part = part.split(".It Li").next().unwrap_or("");
            for command in profile.init.iter().chain(profile.caller_id).chain(profile.quirks.speed_cap.iter())
            {
                assert!(part.contains(command), "{} of {}", command, profile.name);
            }
        }
    }

    #[test]
    fn what_the_keyword_means() {
        assert_eq!(Choice::of("none"), Some(Choice::Plain));
        assert_eq!(Choice::of("auto"), Some(Choice::Auto));
        assert!(matches!(Choice::of("usr"), Some(Choice::Named(profile)) if profile.name == "usr"));
        assert_eq!(Choice::of("USR"), None);
    }

    #[test]
    fn a_plain_modem_is_asked_nothing_extended() {
        let wifi = said(&[("ATI", "Zimodem Firmware v3.6.2")]);
        assert!(!may_ask("AT+GMI", &wifi) && may_ask("ATI3", &wifi));
        assert!(may_ask("AT+GMI", &said(&[("ATI", "33600")])));
    }

    proptest! {
        #[test]
        fn any_answers_are_some_family_or_none(texts in proptest::collection::vec(".{0,60}", 5)) {
            let all: Vec<_> = QUESTIONS.iter().copied().zip(texts.iter().map(String::as_str)).collect();
            let _ = recognise(&said(&all));
        }
    }
}
