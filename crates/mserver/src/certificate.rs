//! Whom a certificate names: its subject's common name (X.509, RFC 5280 4.1).
//!
//! Only certificates that TLS has accepted are read here; the name is for records and the log.

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT: u8 = 0x06;
/// id-at-commonName, 2.5.4.3.
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// The longest that is shown, bytes (RFC 5280's upper bound for one).
const LONGEST: usize = 64;

/// One element of DER off the front: tag and content.
fn element<'a>(rest: &mut &'a [u8]) -> Option<(u8, &'a [u8])> {
    let (&tag, after) = rest.split_first()?;
    let (&first, mut after) = after.split_first()?;
    let length = if first < 0x80 {
        usize::from(first)
    } else {
        let count = usize::from(first & 0x7f);
        let (bytes, behind) = after.split_at_checked(count).filter(|_| count <= 3)?;
        after = behind;
        bytes.iter().fold(0, |n, b| n << 8 | usize::from(*b))
    };
    let (content, behind) = after.split_at_checked(length)?;
    *rest = behind;
    Some((tag, content))
}

fn inside<'a>(rest: &mut &'a [u8], tag: u8) -> Option<&'a [u8]> {
    element(rest).filter(|(found, _)| *found == tag).map(|(_, content)| content)
}

/// The last common name of the subject, made safe to show.
#[must_use]
pub fn common_name(der: &[u8]) -> Option<String> {
    let mut certificate = inside(&mut { der }, SEQUENCE)?;
    let mut signed = inside(&mut certificate, SEQUENCE)?;
    if signed.first() == Some(&0xa0) {
        element(&mut signed)?;
    }
    // Serial number, algorithm, issuer, validity.
    for _ in 0..4 {
        element(&mut signed)?;
    }
    let mut subject = inside(&mut signed, SEQUENCE)?;
    let mut name = None;
    while let Some(mut set) = inside(&mut subject, SET) {
        while let Some(mut pair) = inside(&mut set, SEQUENCE) {
            if inside(&mut pair, OBJECT) == Some(COMMON_NAME) {
                name = element(&mut pair).map(|(_, text)| text);
            }
        }
    }
    let name = name.filter(|name| !name.is_empty())?;
    Some(ttyline::visible::field(name.get(..LONGEST).unwrap_or(name)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn der(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
        let content = parts.concat();
        let mut out = vec![tag, 0x82];
        out.extend_from_slice(&u16::try_from(content.len()).unwrap().to_be_bytes());
        [out, content].concat()
    }

    fn certificate(version: bool, names: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut subject = Vec::new();
        for (kind, text) in names {
            let pair = der(SEQUENCE, &[&der(OBJECT, &[kind]), &der(0x0c, &[text])]);
            subject.extend(der(SET, &[&pair]));
        }
        let any = der(SEQUENCE, &[]);
        let serial = [2, 1, 7];
        let version: &[u8] = if version { &[0xa0, 3, 2, 1, 2] } else { &[] };
        let signed = der(SEQUENCE, &[version, &serial, &any, &any, &any, &der(SEQUENCE, &[&subject]), &any]);
        der(SEQUENCE, &[&signed, &any])
    }

    #[test]
    fn the_common_name_of_the_subject() {
        let organisation = &[0x55, 4, 10][..];
        for version in [true, false] {
            let certificate = certificate(version, &[(organisation, b"Foo"), (COMMON_NAME, b"laptop 7")]);
            assert_eq!(common_name(&certificate).as_deref(), Some("laptop 7"));
        }
        assert_eq!(common_name(&certificate(true, &[(organisation, b"Foo")])), None);
        let long = certificate(true, &[(COMMON_NAME, &[b'x'; 300])]);
        assert_eq!(common_name(&long).map(|n| n.len()), Some(LONGEST));
        let hostile = common_name(&certificate(true, &[(COMMON_NAME, b"\x1b[2J\n")])).unwrap();
        assert!(!hostile.chars().any(char::is_control), "{hostile:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>, at in 0usize..60, byte: u8) {
            let _ = common_name(&bytes);
            let mut nearly = certificate(true, &[(COMMON_NAME, b"x")]);
            let at = at % nearly.len();
            nearly[at] = byte;
            let _ = common_name(&nearly);
        }
    }
}
