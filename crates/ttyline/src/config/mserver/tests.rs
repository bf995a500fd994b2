use super::hosts::same_net;
use super::*;
use crate::share::wish::Protocol;
use proptest::prelude::*;
use std::net::IpAddr;
use std::time::Duration;

fn parse(text: &str) -> Result<Config, Vec<Remark>> {
    Config::parse(text, &|name| service_port("modem\t2006/tcp\tmodemd # x\nother 1/udp\n", name))
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn the_document_s_line() {
    let config = parse("5800 /dev/ttyS1\t\t115200,8,N,1   *.foo.org,192.168.2.1\n").unwrap();
    let [line] = &config.lines[..] else { panic!("{config:?}") };
    assert_eq!((line.port, line.device.to_str(), line.line), (5800, Some("/dev/ttyS1"), 1));
    assert_eq!(line.wish, Wish::default());
    let hosts = line.hosts.as_ref().unwrap();
    assert!(hosts.admit(ip("192.168.2.1"), None));
    assert!(hosts.admit(ip("::ffff:192.168.2.1"), None));
    assert!(hosts.admit(ip("10.0.0.1"), Some("Box.FOO.org")));
    for (address, name) in
        [("192.168.2.10", None), ("10.0.0.1", Some("foo.org")), ("10.0.0.1", Some("foo.org.evil"))]
    {
        assert!(!hosts.admit(ip(address), name), "{address} {name:?}");
    }
    assert!(hosts.need_name(ip("10.0.0.1")) && !hosts.need_name(ip("192.168.2.1")));
    assert_eq!(config.warnings, []);
    assert_eq!(*line.options, Options::default());
}

#[test]
fn an_absent_host_list_is_warned_of() {
    let config =
        parse("\n# c\n5800 /dev/ttyS1 115200,8,N,1\nmodem /dev/ttyS2 9600,8,N,1 idle=5 # no hosts").unwrap();
    assert_eq!(config.lines.iter().map(|l| l.port).collect::<Vec<_>>(), [5800, 2006]);
    assert!(config.lines.iter().all(|l| l.hosts.is_none()));
    assert_eq!(config.warnings.iter().map(|w| w.at.line).collect::<Vec<_>>(), [3, 4]);
}

#[test]
fn keys_and_defaults() {
    let text = r#"
defaults busy=wait:30 init="ATZ\rATS0=0" settle=2s
1 /dev/a 9600,8,N,1,rfc2217,crtscts * idle=10m busy-text="all modems \"busy\"\r\n"
2 /dev/b 9600,8,N,1 10.0.0.0/8,[2001:db8::]/32,::1,192.168.*.7 busy=takeover takeover-hosts=10.0.0.1 watch=*.x hangup=none
defaults busy=refuse hangup=ATH0
3 /dev/c 9600,8,N,1 *
"#;
    let config = parse(text).unwrap();
    let [a, b, c] = &config.lines[..] else { panic!("{config:?}") };
    assert_eq!(a.wish.protocol, Protocol::ComPort);
    assert_eq!(a.options.busy, Busy::Wait(Duration::from_secs(30)));
    assert_eq!(a.options.idle, Some(Duration::from_secs(600)));
    assert_eq!(a.options.busy_text, b"all modems \"busy\"\r\n");
    assert_eq!(a.options.clean.init, ["ATZ", "ATS0=0"]);
    assert_eq!(a.options.settle, Duration::from_secs(2));
    assert_eq!(b.options.busy, Busy::TakeOver);
    assert!(
        b.options.takeover_hosts.admit(ip("10.0.0.1"), None)
            && !b.options.takeover_hosts.admit(ip("10.0.0.2"), None)
    );
    assert!(b.options.watch.admit(ip("1.1.1.1"), Some("a.x")));
    assert!(b.options.clean.dtr_down.is_zero());
    let hosts = b.hosts.as_ref().unwrap();
    for (address, admitted) in [
        ("10.200.3.4", true),
        ("11.0.0.1", false),
        ("2001:db8:5::1", true),
        ("2001:db9::1", false),
        ("::1", true),
        ("192.168.44.7", true),
        ("192.168.44.77", false),
    ] {
        assert_eq!(hosts.admit(ip(address), Some("192.168.1.7.evil.org")), admitted, "{address}");
    }
    assert!(c.options.clean.escape_always && c.options.busy == Busy::Refuse);
    assert_eq!(c.options.clean.hang_up_command, "ATH0");
}

#[test]
fn certificates_and_unplugged_devices() {
    let text = "defaults tls=/c,/k,/a unplugged=wait:2m\n1 /dev/a 9600,8,N,1 *\n1 /dev/b 9600,8,N,1 * tls=/c,/k,/a\n\
                2 /dev/c 9600,8,N,1 * tls=none unplugged=end\n3 /dev/c 9600,8,N,1 * tls=/c,/k\n";
    let config = parse(text).unwrap();
    let [a, b, c, d] = &config.lines[..] else { panic!("{config:?}") };
    let tls = a.options.tls.clone().unwrap();
    assert_eq!((tls.certificate, tls.key, tls.client_ca), ("/c".into(), "/k".into(), Some("/a".into())));
    assert_eq!((tls.at.line, tls.at.column), (1, 14));
    assert!(Tls::same(&a.options.tls, &b.options.tls));
    assert_eq!(a.options.unplugged, Unplugged::Wait(Duration::from_secs(120)));
    assert_eq!((&c.options.tls, c.options.unplugged), (&None, Unplugged::End));
    assert_eq!(d.options.tls.as_ref().map(|t| t.client_ca.is_none()), Some(true));
    assert_eq!(config.warnings.iter().map(|w| w.at.line).collect::<Vec<_>>(), [5], "no client CA");
}

#[test]
fn numbers_that_may_be_dialled() {
    let text = "defaults dial-allow=030,100$ dial-deny=0900\n1 /dev/a 9600,8,N,1 *\n2 /dev/b 9600,8,N,1 * dial-allow=all\n";
    let config = parse(text).unwrap();
    let words = |n: usize| -> Vec<String> {
        let policy = config.lines[n].options.dial.as_ref().unwrap();
        policy.rules.iter().map(|r| format!("{}{}", if r.allow { '+' } else { '-' }, r.word)).collect()
    };
    assert_eq!(words(0), ["+030", "+100$", "-0900"]);
    assert_eq!(words(1), ["-0900", "+all"]);
    assert_eq!(Options::default().dial, None);
}

#[test]
fn mistakes_have_a_line_and_a_column() {
    for (text, line, column) in [
        ("5800", 1, 5),
        ("\n5800 /dev/x", 2, 12),
        ("0 /dev/x 9600,8,N,1 *", 1, 1),
        ("70000 /dev/x 9600,8,N,1 *", 1, 1),
        ("nosuch /dev/x 9600,8,N,1 *", 1, 1),
        ("1 dev/x 9600,8,N,1 *", 1, 3),
        ("1 /dev/x 9600,8,Q,1 *", 1, 17),
        ("1 /dev/x 9600,8,N,1 10.0.0.1,10.0.0.0/33", 1, 30),
        ("1 /dev/x 9600,8,N,1 a,,b", 1, 23),
        ("1 /dev/x 9600,8,N,1 * bussy=refuse", 1, 23),
        ("1 /dev/x 9600,8,N,1 * busy=maybe", 1, 28),
        ("1 /dev/x 9600,8,N,1 * idle", 1, 23),
        ("1 /dev/x 9600,8,N,1 * idle=soon", 1, 28),
        ("1 /dev/x 9600,8,N,1 * init=\"ATZ", 1, 28),
        ("1 /dev/x 9600,8,N,1 * busy-text=\\q", 1, 33),
        ("1 /dev/x 9600,8,N,1 * takeover-hosts=a,b/c", 1, 40),
        ("defaults what=ever", 1, 10),
        ("1 /dev/x 9600,8,N,1 * dial-deny=0900,x", 1, 38),
        ("1 /dev/x 9600,8,N,1 *\u{1}", 1, 22),
        ("1 /dev/x 9600,8,N,1 * unplugged=wait", 1, 33),
        ("1 /dev/x 9600,8,N,1 * keepalive=x", 1, 33),
        ("1 /dev/x 9600,8,N,1 * tls=/c", 1, 27),
        ("1 /dev/x 9600,8,N,1 * tls=/c,k", 1, 27),
        ("1 /dev/x 9600,8,N,1 * tls=/c,/k,/a,/b", 1, 27),
        ("1 /dev/x 9600,8,N,1 * tls=/c,/k\n1 /dev/y 9600,8,N,1 *", 2, 1),
    ] {
        let mistakes = parse(text).expect_err(text);
        assert_eq!((mistakes[0].at.line, mistakes[0].at.column), (line, column), "{text:?}: {mistakes:?}");
    }
    assert_eq!(parse("a\nb\n1 /dev/x 9600,8,N,1 *").expect_err("two").len(), 2, "all of them are told");
}

proptest! {
    #[test]
    fn any_file_is_read_without_harm(text in "[ -~\\n\\t\u{e9}\"]{0,200}") {
        if let Err(mistakes) = parse(&text) {
            for mistake in mistakes {
                prop_assert!(mistake.at.line >= 1 && mistake.at.column >= 1);
            }
        }
    }

    #[test]
    fn nets_agree_with_bits(net: u32, address: u32, bits in 0u8..=32) {
        let mask = if bits == 0 { 0 } else { u32::MAX << (32 - bits) };
        let (n, a) = (IpAddr::V4(net.into()), IpAddr::V4(address.into()));
        prop_assert_eq!(same_net(n, a, bits), net & mask == address & mask);
    }
}
