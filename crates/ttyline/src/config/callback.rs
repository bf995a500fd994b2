//! `callback.config` (spec section 13). A missing file is the normal case.

use super::keywords::keyword_file;
use super::value::{Chat, Text};

keyword_file! {
    /// The settings of callback.
    CallbackConfig {
        /// Lines to try, `:` between them; read in the global part only.
        "dialout-devices" dialout_devices: Text = Text::from("ttyS1");
        /// Least wait before dialling, s.
        "delay" delay: i64 = 20;
        /// Up to this much more, at random, s.
        "delay-randomize" delay_randomize: i64 = 10;
        /// Wait between tries, s.
        "retry-time" retry_time: i64 = 30;
        /// Tries end this long after the start, s.
        "max-time" max_time: i64 = 600;
        /// Initialises the modem.
        "modem-init" modem_init: Chat = Chat(Text::from(r#""" ATQ0V1H0 OK AT+FCLASS=0 OK"#));
        /// Port speed, bit/s.
        "speed" speed: i64 = 38400;
        /// Put before the number.
        "dial-prefix" dial_prefix: Text = Text::from("ATD");
        /// Not used.
        "autobauding" autobauding: bool = false;
        /// Wait after CONNECT, ms.
        "prompt-waittime" prompt_waittime: i64 = 300;
        /// Log level, 0 to 9.
        "debug" debug: i64 = 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Document;

    #[test]
    fn global_part_first_then_the_line() {
        let document = Document::parse(b"delay 5\nport ttyS0\ndelay 7\n".to_vec());
        let mut config = CallbackConfig::default();
        assert!(config.load(&document, None).is_empty());
        assert_eq!(config.delay.value, 5);
        assert!(config.load(&document, Some("ttyS0")).is_empty());
        assert_eq!(config.delay.value, 7);
    }
}
