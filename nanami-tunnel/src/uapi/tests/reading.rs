//! Requests in pieces, cut short, too long, and at size.

use super::*;

#[test]
fn a_request_that_is_cut_short_is_none() {
    let whole = format!("set=1\nlisten_port=51820\npublic_key={}\nallowed_ip=10.0.0.0/16\n\n", hex(key(1).as_bytes()));
    for end in 0..whole.len() {
        let mut reader = RequestReader::default();
        assert_eq!(reader.read(&mut &whole.as_bytes()[..end]), None, "{end}");
        assert_eq!(reader.is_within_request(), end > 0);
        // The rest completes it: in two pieces it says what it says in one.
        let rest = reader.read(&mut &whole.as_bytes()[end..]);
        assert_eq!(rest, RequestReader::default().read(&mut whole.as_bytes()), "{end}");
        assert!(matches!(rest, Some(Ok(Request::Set(_)))) && !reader.is_within_request());
    }
}

#[test]
fn what_follows_a_refused_request_is_read() {
    let device = InMemory::default();
    let answered = answers(&device, b"set=1\nlisten_port=x\nlisten_port=2\n\nset=1\nlisten_port=3\n\nget=1\n\n");
    assert_eq!(answered, b"errno=-22\n\nerrno=0\n\nlisten_port=3\nerrno=0\n\n");
}

#[test]
fn a_long_line_is_refused_without_being_kept_and_the_next_request_is_read() {
    for pieces in [1, 1000, 100_000] {
        let mut reader = RequestReader::default();
        let mut text = b"set=1\nendpoint=".to_vec();
        text.resize(text.len() + 300_000, b'1');
        text.extend_from_slice(b"\n\nget=1\n\n");
        let mut outcomes = Vec::new();
        for mut piece in text.chunks(pieces) {
            outcomes.extend(std::iter::from_fn(|| reader.read(&mut piece)));
        }
        let [Err(error), Ok(Request::Get)] = &outcomes[..] else { panic!("{outcomes:?}") };
        assert_eq!((error.errno(), error.ends_connection()), (Errno::TOO_LONG, false));
        assert_eq!(error.to_string(), "line 2 of the request: a line has at most 65536 bytes");
    }
}

#[test]
fn an_error_names_the_line_and_never_a_value() {
    let refused = |text: &str| RequestReader::default().read(&mut text.as_bytes()).unwrap().unwrap_err().to_string();
    let secret = "41".repeat(33);
    let error = refused(&format!("set=1\nfwmark=0\nprivate_key={secret}\n\n"));
    assert_eq!(error, "line 3 of the request: not a value of private_key");
    assert_eq!(refused(&format!("set=1\n{secret}=1\n\n")), "line 2 of the request: there is no such key here");
    let mut reader = RequestReader::default();
    assert_eq!(reader.read(&mut format!("set=1\nprivate_key={}\n", "41".repeat(32)).as_bytes()), None);
    let shown = format!("{reader:?}");
    assert!(!shown.contains("41") && !shown.contains("65"), "{shown}");
}

#[test]
fn a_partial_line_does_not_print() {
    let mut reader = RequestReader::default();
    assert_eq!(reader.read(&mut format!("set=1\nprivate_key={}", "41".repeat(32)).as_bytes()), None);
    // "4" is 52.
    assert!(!format!("{reader:?}").contains("52"));
}
