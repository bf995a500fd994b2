//! The form of a line's file.

use super::{CallBack, DialOut, LineState, State, Step};
use crate::record::{self, Record};
use serde_json::{Map, Value, json};
use std::time::SystemTime;

/// The longest text of a field, characters.
const TEXT: usize = 200;

impl LineState {
    /// One JSON object on one line.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut map = self.other.clone();
        let mut put = |name: &str, value: Value| drop(map.insert(name.into(), value));
        put("v", 1.into());
        put("line", self.line.clone().into());
        put("pid", self.pid.into());
        put("pid_started", self.pid_started.into());
        if let Some((pid, started)) = self.watcher {
            put("watcher", pid.into());
            put("watcher_started", started.into());
        }
        // What a use by another program hides.
        let doing = self.doing();
        if doing != self.state {
            put("line_state", self.state.word().into());
            if let Some(since) = self.since {
                put("line_since", record::stamp(since).into());
            }
        }
        put("state", doing.word().into());
        if let Some(since) = self.doing_since() {
            put("since", record::stamp(since).into());
        }
        for (name, number) in [("ring", self.ring), ("rings", self.rings)] {
            if let Some(number) = number {
                put(name, number.into());
            }
        }
        let hides = |state| doing == state && self.state != state;
        let dial_out = self.dial_out.as_ref().filter(|_| hides(State::DialOut));
        let call_back = self.call_back.as_ref().filter(|_| hides(State::CallBack));
        for (name, text, used) in [
            ("caller", &self.caller, None),
            ("called", &self.called, call_back.and_then(|c| c.called.clone())),
            ("connect", &self.connect, None),
            ("user", &self.user, call_back.and_then(|c| c.user.clone())),
            ("program", &self.program, None),
            ("peer", &self.peer, dial_out.map(|d| d.peer.clone())),
            ("why", &self.why, None),
        ] {
            if let Some(text) = used.as_ref().or(text.as_ref()) {
                put(name, shown(text));
            }
        }
        if let Some(dial_out) = &self.dial_out {
            put("dial_out", dial_out.to_value());
        }
        if let Some(call_back) = &self.call_back {
            put("call_back", call_back.to_value());
        }
        if let Some(call) = &self.call {
            if let Ok(value) = serde_json::from_str(&call.to_line()) {
                put("call", value);
            }
        }
        format!("{}\n", Value::Object(map))
    }

    /// Reads what [`LineState::to_json`] gives, of this version or a later one.
    #[must_use]
    pub fn from_json(text: &str) -> Option<LineState> {
        let Value::Object(mut map) = serde_json::from_str(text).ok()? else { return None };
        map.remove("v");
        let call = map.remove("call").as_ref().and_then(Record::from_value);
        let watcher = map.remove("watcher").and_then(|pid| i32::try_from(pid.as_i64()?).ok());
        let started = map.remove("watcher_started").and_then(|ticks| ticks.as_u64());
        let mut state = State::of(map.remove("state")?.as_str()?)?;
        let mut since = take_time(&mut map, "since");
        let (hidden, hidden_since) = (map.remove("line_state"), take_time(&mut map, "line_since"));
        if let Some(hidden) = hidden {
            (state, since) = (State::of(hidden.as_str()?)?, hidden_since);
            for name in ["called", "user", "peer"] {
                map.remove(name);
            }
        }
        let dial_out = map.remove("dial_out").as_ref().and_then(DialOut::of_value);
        let call_back = map.remove("call_back").as_ref().and_then(CallBack::of_value);
        let state = LineState {
            line: map.remove("line")?.as_str()?.to_string(),
            pid: i32::try_from(map.remove("pid")?.as_i64()?).ok()?,
            pid_started: map.remove("pid_started").and_then(|ticks| ticks.as_u64()).unwrap_or(0),
            watcher: watcher.zip(started),
            state,
            since,
            ring: take_number(&mut map, "ring"),
            rings: take_number(&mut map, "rings"),
            caller: take_text(&mut map, "caller"),
            called: take_text(&mut map, "called"),
            connect: take_text(&mut map, "connect"),
            user: take_text(&mut map, "user"),
            program: take_text(&mut map, "program"),
            peer: take_text(&mut map, "peer"),
            why: take_text(&mut map, "why"),
            call,
            dial_out,
            call_back,
            other: map,
        };
        Some(state)
    }
}

/// What a stranger may have chosen.
fn shown(text: &str) -> Value {
    crate::visible::field(text).chars().take(TEXT).collect::<String>().into()
}

impl DialOut {
    fn to_value(&self) -> Value {
        let mut value = use_of(self.process, self.since);
        value["peer"] = shown(&self.peer);
        if let Some(client) = &self.client {
            value["client"] = shown(client);
        }
        value
    }

    fn of_value(value: &Value) -> Option<DialOut> {
        let (process, since) = of_use(value)?;
        Some(DialOut { process, peer: text(value, "peer")?, client: text(value, "client"), since })
    }
}

impl CallBack {
    fn to_value(&self) -> Value {
        let mut value = use_of(self.process, self.since);
        value["step"] = if self.step == Step::Dialling { "dialling" } else { "pending" }.into();
        for (name, text) in [("user", &self.user), ("called", &self.called)] {
            if let Some(text) = text {
                value[name] = shown(text);
            }
        }
        value
    }

    fn of_value(value: &Value) -> Option<CallBack> {
        let (process, since) = of_use(value)?;
        let step = if text(value, "step")? == "dialling" { Step::Dialling } else { Step::Pending };
        Some(CallBack { process, step, user: text(value, "user"), called: text(value, "called"), since })
    }
}

fn use_of((pid, started): (i32, u64), since: Option<SystemTime>) -> Value {
    let mut value = json!({ "pid": pid, "pid_started": started });
    if let Some(since) = since {
        value["since"] = record::stamp(since).into();
    }
    value
}

fn of_use(value: &Value) -> Option<((i32, u64), Option<SystemTime>)> {
    let pid = i32::try_from(value.get("pid")?.as_i64()?).ok()?;
    let since = text(value, "since").and_then(|text| record::time_of(&text));
    Some(((pid, value.get("pid_started")?.as_u64()?), since))
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_string)
}

fn take_time(map: &mut Map<String, Value>, name: &str) -> Option<SystemTime> {
    take_text(map, name).and_then(|text| record::time_of(&text))
}

fn take_text(map: &mut Map<String, Value>, name: &str) -> Option<String> {
    map.remove(name).and_then(|value| value.as_str().map(str::to_string))
}

fn take_number(map: &mut Map<String, Value>, name: &str) -> Option<u32> {
    map.remove(name).and_then(|value| value.as_u64()).and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::line_name::LineName;
    use proptest::prelude::*;

    fn whole(seconds: std::time::SystemTime) -> std::time::SystemTime {
        record::time_of(&record::stamp(seconds)).unwrap()
    }

    #[test]
    fn every_field_comes_back_and_so_does_what_a_later_version_added() {
        let mut call = Record::begin("mgetty", "ttyS1");
        call.start = call.start.map(whole);
        call.caller = Some("5551234".into());
        call.rings = Some(2);
        let mut state = LineState::new(&LineName::new("ttyS1").unwrap(), State::Session);
        let text = |text: &str| Some(text.to_string());
        state.since = state.since.map(whole);
        (state.ring, state.rings) = (Some(2), Some(3));
        (state.caller, state.called, state.connect) = (text("1"), text("2"), text("33600/ARQ"));
        (state.user, state.program, state.peer) = (text("joe"), text("/bin/login"), text("cu"));
        state.why = text("\"quoted\\");
        state.call = Some(call);
        state.watcher = Some((5, 77));
        state.other.insert("colour".into(), "red".into());
        let process = (7, 8);
        state.dial_out =
            Some(DialOut { process, peer: "mserver".into(), client: text("pc"), since: state.since });
        let (user, called) = (text("max"), text("030"));
        state.call_back = Some(CallBack { process, step: Step::Dialling, user, called, since: state.since });
        assert_eq!(LineState::from_json(&state.to_json()), Some(state.clone()));
        // What a use hides comes back, too.
        (state.state, state.user, state.called, state.peer) = (State::Idle, None, None, None);
        let json: Value = serde_json::from_str(&state.to_json()).unwrap();
        assert_eq!((&json["state"], &json["peer"]), (&"dial-out".into(), &"mserver".into()));
        assert_eq!(LineState::from_json(&state.to_json()), Some(state.clone()));
        state.dial_out = None;
        let json: Value = serde_json::from_str(&state.to_json()).unwrap();
        assert_eq!((&json["state"], &json["called"]), (&"call-back".into(), &"030".into()));
        assert_eq!(LineState::from_json(&state.to_json()), Some(state));
    }

    #[test]
    fn what_is_no_state_is_none() {
        for text in
            ["", "{", "[]", "{}", r#"{"line":"x","pid":1}"#, r#"{"line":"x","pid":1,"state":"asleep"}"#]
        {
            assert_eq!(LineState::from_json(text), None, "{text}");
        }
        let least = LineState::from_json(r#"{"line":"x","pid":1,"state":"idle"}"#).unwrap();
        assert_eq!((least.pid, least.state, least.since), (1, State::Idle, None));
    }

    #[test]
    fn a_state_says_itself_in_words() {
        let of = |state: State| LineState { state, ..LineState::default() };
        let text = |text: &str| Some(text.to_string());
        assert_eq!(of(State::Idle).describe(), "idle");
        assert_eq!(LineState { user: text("joe"), ..of(State::Session) }.describe(), "session of joe");
        assert_eq!(LineState { peer: text("cu 5"), ..of(State::DialOut) }.describe(), "dial-out by cu 5");
        assert_eq!(LineState { why: text("silent"), ..of(State::Failed) }.describe(), "failed, silent");
        for (state, word) in super::super::STATES {
            assert_eq!((state.word(), State::of(word)), (word, Some(state)));
            assert!(!of(state).describe().is_empty());
        }
    }

    proptest! {
        #[test]
        fn nothing_a_caller_says_breaks_the_file(text in ".{0,400}") {
            let state = LineState {
                caller: Some(text.clone()), user: Some(text.clone()), why: Some(text), ..LineState::default()
            };
            let json = state.to_json();
            prop_assert_eq!(json.lines().count(), 1);
            prop_assert!(LineState::from_json(&json).is_some());
        }
    }
}
