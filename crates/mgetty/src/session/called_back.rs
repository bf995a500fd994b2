//! A call that a callback program has dialled on our line: it tells us (by socket or SIGUSR1), we take the
//! line over from it and go on as after CONNECT.

use super::{Action, Session, State};
use std::time::Duration;
use ttyline::at::caller_data::CallerData;
use ttyline::log::Level;

impl Session {
    /// It has locked the line and is going to dial.
    pub(super) fn callback_dials(&mut self) {
        self.push(Action::ReopenLog);
        self.log(Level::Mesg, "callback dials on this line");
        self.push(Action::WaitForLock);
        self.state = State::Dialout;
    }

    /// It is connected.
    pub(super) fn take_over(&mut self) {
        self.virtual_ring = false;
        self.push(Action::TakeOver);
        self.state = State::TakingOver;
    }

    /// The line is ours, or is not. The original's callback needs a moment before it can hear our answer.
    pub(super) fn taken_over(&mut self, pause: Option<Duration>) {
        let Some(pause) = pause else {
            self.push(Action::WaitForLock);
            self.state = State::Dialout;
            return;
        };
        self.active = true;
        self.called_back = true;
        self.caller = CallerData::default();
        self.log(Level::Mesg, "callback: taking the call over");
        self.push(Action::ControllingTty);
        self.push(Action::Send(b"...ok\r\n".to_vec()));
        self.state = State::Acknowledging { until: self.now + pause };
    }

    pub(super) fn acknowledge(&mut self) {
        self.push(Action::Acknowledge);
        self.connected(self.now);
    }
}
