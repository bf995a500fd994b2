//! ser2net's connections, of `ser2net.yaml` (4.x) or `ser2net.conf` (before), as lines of mserver.conf.

use super::Source;
use crate::draft::{Draft, Readers};
use crate::places::MSERVER;
use anyhow::{Result, anyhow, bail};
use std::collections::BTreeMap;
use ttyline::config::mserver::Config;
use ttyline::config::mserver_edit;
use ttyline::visible;
use yaml_rust2::Event;
use yaml_rust2::parser::{EventReceiver, Parser};

/// A connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Shared {
    port: String,
    device: String,
    settings: String,
    idle: Option<u64>,
    local: bool,
}

pub(super) fn import(
    source: &Source<'_>,
    file: &str,
    hosts: Option<&str>,
    draft: &mut Draft<'_>,
) -> Result<()> {
    let text = source.text(file)?;
    let shown = source.root().shown(file);
    let mut notes = Vec::new();
    let all = if file.ends_with(".conf") { old(&text, &mut notes) } else { yaml(&text, &mut notes) }
        .map_err(|why| anyhow!("{shown}: {why}; nothing was changed"))?;
    if all.is_empty() {
        bail!("{shown}: no connection to a serial line is in it; nothing was changed");
    }
    let mut conf = String::from_utf8(draft.text(MSERVER)?)
        .map_err(|_| anyhow!("{}: is no UTF-8; mend that first", source.session.root.shown(MSERVER)))?;
    for shared in all {
        let there = mserver_edit::lines(&conf)
            .iter()
            .any(|line| line.words.first().is_some_and(|w| w.text == shared.port));
        if there {
            notes.push(format!("port {} is in mserver.conf already and stays as it is", shared.port));
            continue;
        }
        let mut line = format!("{} {} {}", shared.port, shared.device, shared.settings);
        match hosts {
            Some(hosts) if !shared.local => line.push_str(&format!(" {hosts}")),
            None if !shared.local => {
                notes.push(
                    "ser2net let everybody in; without --hosts only this machine may use the modems".into(),
                );
            }
            _ => {}
        }
        if let Some(idle) = shared.idle {
            line.push_str(&format!(" idle={idle}"));
        }
        let odd = line.contains(['\n', '\r', '#', '"', '\\']);
        if odd || Config::parse(&line, &|_| None).is_err() {
            notes.push(format!("left out, mserver would not take it: {}", visible::line(&line)));
            continue;
        }
        conf = mserver_edit::with_line(&conf, &line);
    }
    notes.iter().for_each(|note| draft.note(note.clone()));
    draft.write(MSERVER, conf.into_bytes(), Readers::All)
}

/// `9600n81`, `9600N81`, then words.
fn settings(words: &[&str]) -> Option<String> {
    let (mut speed, mut bits, mut parity, mut stop) = ("9600".to_string(), '8', 'N', '1');
    let mut extra = Vec::new();
    for word in words.iter().map(|word| word.to_ascii_lowercase()) {
        let digits = word.chars().take_while(char::is_ascii_digit).count();
        let rest = word.get(digits..).unwrap_or_default();
        match (digits > 0, rest) {
            (true, "databits") => bits = word.chars().next()?,
            (true, "stopbit" | "stopbits") => stop = word.chars().next()?,
            (true, frame) => {
                speed = word.get(..digits)?.to_string();
                let mut frame = frame.chars();
                parity = frame.next().map_or(parity, |c| c.to_ascii_uppercase());
                bits = frame.next().unwrap_or(bits);
                stop = frame.next().unwrap_or(stop);
            }
            (false, "none") => parity = 'N',
            (false, "even") => parity = 'E',
            (false, "odd") => parity = 'O',
            (false, "rtscts") => extra.push("crtscts"),
            (false, "xonxoff") => extra.push("xonxoff"),
            _ => {}
        }
    }
    let extra: String = extra.iter().map(|word| format!(",{word}")).collect();
    Some(format!("{speed},{bits},{parity},{stop}{extra}"))
}

/// `PORT:STATE:TIMEOUT:DEVICE:OPTIONS`.
fn old(text: &str, notes: &mut Vec<String>) -> Result<Vec<Shared>, String> {
    let mut all = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        let fields: Vec<&str> = line.splitn(5, ':').collect();
        let [port, state, timeout, device, options] = fields[..] else {
            if !line.is_empty()
                && !line.starts_with('#')
                && ![
                    "BANNER",
                    "CONTROLPORT",
                    "TRACEFILE",
                    "DEFAULT",
                    "OPENSTR",
                    "CLOSESTR",
                    "SIGNATURE",
                    "DEVICE",
                    "ROTATOR",
                    "LED",
                ]
                .iter()
                .any(|w| line.starts_with(w))
            {
                return Err(format!("line {number}: PORT:STATE:TIMEOUT:DEVICE:OPTIONS is expected"));
            }
            continue;
        };
        if line.starts_with('#') || !device.starts_with("/dev/") || state == "off" {
            continue;
        }
        let words: Vec<&str> = options.split_whitespace().collect();
        let speaks = match state {
            "telnet" if words.iter().any(|w| w.eq_ignore_ascii_case("remctl")) => ",rfc2217",
            "telnet" => ",telnet",
            _ => "",
        };
        let (local, port) = place(&port.split(',').collect::<Vec<_>>());
        let Some(settings) = settings(&words) else {
            notes.push(format!("line {number} is left out: its settings make no sense"));
            continue;
        };
        let idle = timeout.parse().ok().filter(|seconds| *seconds > 0);
        all.push(Shared { port, device: device.into(), settings: settings + speaks, idle, local });
    }
    Ok(all)
}

/// Host and port: the last word is the port, `localhost` before it means this machine.
fn place(words: &[&str]) -> (bool, String) {
    let port = words.last().copied().unwrap_or_default().trim().to_string();
    let local = words.iter().any(|word| ["localhost", "127.0.0.1", "::1"].contains(&word.trim()));
    (local, port)
}

/// A YAML value as far as ser2net uses them. Mappings may name a key twice.
#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Map(Vec<(String, Node)>),
    List(Vec<Node>),
}

impl Node {
    fn text(&self) -> &str {
        match self {
            Node::Text(text) => text,
            _ => "",
        }
    }

    fn get(&self, name: &str) -> Option<&Node> {
        match self {
            Node::Map(pairs) => pairs.iter().find(|(key, _)| key == name).map(|(_, node)| node),
            _ => None,
        }
    }
}

/// Most values of a file: aliases of aliases would grow without bound.
const MOST: usize = 100_000;

#[derive(Default)]
struct Builder {
    open: Vec<(Node, usize, Option<String>)>,
    known: BTreeMap<usize, Node>,
    top: Option<Node>,
    values: usize,
}

impl Builder {
    fn put(&mut self, node: Node, anchor: usize) {
        self.values += 1;
        if anchor > 0 && self.values < MOST {
            self.known.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            None => self.top = Some(node),
            Some((Node::List(items), ..)) => items.push(node),
            Some((Node::Map(pairs), _, key)) => match key.take() {
                None => *key = Some(node.text().to_string()),
                Some(name) => pairs.push((name, node)),
            },
            Some(_) => {}
        }
    }

    fn close(&mut self) {
        if let Some((node, anchor, _)) = self.open.pop() {
            self.put(node, anchor);
        }
    }
}

impl EventReceiver for Builder {
    fn on_event(&mut self, event: Event) {
        match event {
            Event::Scalar(text, _, anchor, _) => self.put(Node::Text(text), anchor),
            Event::Alias(anchor) => {
                // Texts only: ser2net's aliases are definitions, and copies of copies of trees would not end.
                let text = self.known.get(&anchor).map_or_else(String::new, |node| node.text().to_string());
                self.put(Node::Text(text), 0);
            }
            Event::MappingStart(anchor, _) if self.open.len() < 100 => {
                self.open.push((Node::Map(Vec::new()), anchor, None))
            }
            Event::SequenceStart(anchor, _) if self.open.len() < 100 => {
                self.open.push((Node::List(Vec::new()), anchor, None))
            }
            Event::MappingEnd | Event::SequenceEnd => self.close(),
            _ => {}
        }
    }
}

/// The words between commas; commas in parentheses divide nothing.
fn parts(text: &str) -> Vec<&str> {
    let mut depth = 0_u32;
    text.split(|c| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c == ',' && depth == 0
    })
    .map(str::trim)
    .collect()
}

fn yaml(text: &str, notes: &mut Vec<String>) -> Result<Vec<Shared>, String> {
    // ser2net's own files begin with a directive that yaml 1.1 parsers want; it means nothing here.
    let mut builder = Builder::default();
    Parser::new_from_str(text)
        .load(&mut builder, false)
        .map_err(|e| format!("line {}: {}", e.marker().line(), visible::line(e.info())))?;
    let mut all = Vec::new();
    let Some(Node::Map(pairs)) = builder.top else { return Ok(all) };
    // `default: {name: speed, value: 9600n81}` holds for those that say none.
    let named = |node: &Node| node.get("name").map(Node::text) == Some("speed");
    let default = pairs.iter().rev().find(|(key, node)| key == "default" && named(node));
    let speed = default.and_then(|(_, node)| node.get("value")).map(Node::text);
    for (key, node) in pairs.iter().filter(|(key, _)| key == "connection") {
        let part = |name: &str| node.get(name).map_or("", Node::text).to_string();
        let (accepter, connector) = (part("accepter"), part("connector"));
        let words = parts(&connector);
        // Filters (`keepopen(…),serialdev,…`) stand before it.
        let at = words.iter().position(|word| word.split('(').next() == Some("serialdev")).unwrap_or(0);
        let Some([kind, device, rest @ ..]) = words.get(at..) else { continue };
        if kind.split('(').next() != Some("serialdev") || !device.starts_with("/dev/") {
            notes.push(format!(
                "{key} to {} is left out: only serial lines are shared",
                visible::line(&connector)
            ));
            continue;
        }
        if ["off", "no", "false"].contains(&part("enable").to_ascii_lowercase().as_str()) {
            continue;
        }
        for word in words.iter().take(at).chain(kind.contains('(').then_some(kind)) {
            notes.push(format!("{device}: {} is not taken over", visible::line(word)));
        }
        let first = accepter.split(',').next().unwrap_or_default();
        let speaks = match first {
            telnet if telnet.starts_with("telnet") && telnet.contains("rfc2217") => ",rfc2217",
            telnet if telnet.starts_with("telnet") => ",telnet",
            _ => "",
        };
        if accepter.contains("ssl") || accepter.contains("certauth") {
            notes.push(format!(
                "{}: its TLS is not taken over; see tls= in mserver.conf(5)",
                visible::line(&accepter)
            ));
        }
        let (local, port) = place(&accepter.split(',').collect::<Vec<_>>());
        let Some(settings) = settings(&speed.iter().copied().chain(rest.iter().copied()).collect::<Vec<_>>())
        else {
            continue;
        };
        let idle = node
            .get("options")
            .and_then(|o| o.get("timeout"))
            .and_then(|t| t.text().parse().ok())
            .filter(|s| *s > 0);
        for option in ["kickolduser", "banner", "openstr", "max-connections"] {
            if node.get("options").is_some_and(|o| o.get(option).is_some()) {
                notes.push(format!("port {}: the option {option} is not taken over; mserver.conf(5) has busy=, init= and others", visible::line(&port)));
            }
        }
        all.push(Shared { port, device: (*device).into(), settings: settings + speaks, idle, local });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        let text = "%YAML 1.1\n---\ndefine: &banner hello\nconnection: &con00\n  accepter: telnet(rfc2217),tcp,2000\n  enable: on\n  options:\n    banner: *banner\n    timeout: 600\n  connector: serialdev,\n    /dev/ttyS0,\n    115200e71,local,rtscts\nconnection: &con01\n  accepter: tcp,localhost,2001\n  connector: serialdev,/dev/ttyS1\nconnection: &off\n  accepter: tcp,3\n  enable: off\n  connector: serialdev,/dev/ttyS2\n";
        let mut notes = Vec::new();
        let all = yaml(text, &mut notes).unwrap();
        let line = |port: &str, device: &str, settings: &str, idle, local| Shared {
            port: port.into(),
            device: device.into(),
            settings: settings.into(),
            idle,
            local,
        };
        assert_eq!(
            all,
            [
                line("2000", "/dev/ttyS0", "115200,7,E,1,crtscts,rfc2217", Some(600), false),
                line("2001", "/dev/ttyS1", "9600,8,N,1", None, true),
            ]
        );
        assert!(notes.iter().any(|note| note.contains("banner")), "{notes:?}");
        let conf = "# c\nBANNER:x:y\n2000:telnet:300:/dev/ttyS0:19200 EVEN 7DATABITS 1STOPBIT RTSCTS remctl\nlocalhost,2001:raw:0:/dev/ttyS1:9600\n2002:off:0:/dev/ttyS2:9600\n";
        assert_eq!(
            old(conf, &mut notes).unwrap(),
            [
                line("2000", "/dev/ttyS0", "19200,7,E,1,crtscts,rfc2217", Some(300), false),
                line("2001", "/dev/ttyS1", "9600,8,N,1", None, true),
            ]
        );
        assert!(old("nonsense\n", &mut notes).is_err());
        assert!(yaml("a: [b\n", &mut notes).is_err());
        assert!(yaml("", &mut notes).unwrap().is_empty());
    }
}
