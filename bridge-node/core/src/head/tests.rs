use super::*;

const RULES: HeadRules = HeadRules {
    bytes: 1000,
    fields: 4,
    http_10: false,
};

fn judge(head: &str) -> Result<Framing, Refusal> {
    judge_head(head.as_bytes(), &RULES)
}

fn with_fields(fields: &str) -> Result<Framing, Refusal> {
    judge(&format!("POST /x HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

#[test]
fn a_head_says_how_its_body_is_delimited() {
    assert_eq!(with_fields(""), Ok(Framing::Length(0)));
    assert_eq!(with_fields("Content-Length: 7\r\n"), Ok(Framing::Length(7)));
    assert_eq!(
        with_fields("content-length:\t 0007 \r\n"),
        Ok(Framing::Length(7))
    );
    assert_eq!(
        with_fields("Transfer-Encoding: Chunked\r\n"),
        Ok(Framing::Chunked)
    );
}

#[test]
fn what_a_library_would_mend_is_refused() {
    for (fields, refusal) in [
        ("A: b\r\n c\r\n", FieldError::Line),
        (" A: b\r\n", FieldError::Line),
        ("A : b\r\n", FieldError::Line),
        ("A\r\n", FieldError::Line),
        (": b\r\n", FieldError::Line),
        ("A\0: b\r\n", FieldError::Line),
        ("A: b\nC: d\r\n", not_visible("a")),
        ("A: b\rC: d\r\n", not_visible("a")),
        ("A: \0\r\n", not_visible("a")),
        ("A: \u{b}b\r\n", not_visible("a")),
        (
            "Transfer-Encoding: \u{b}chunked\r\n",
            not_visible("transfer-encoding"),
        ),
        ("Transfer-Encoding: xchunked\r\n", FieldError::Framing),
        ("Transfer-Encoding: gzip, chunked\r\n", FieldError::Framing),
        (
            "Transfer-Encoding: chunked, identity\r\n",
            FieldError::Framing,
        ),
        (
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            FieldError::Framing,
        ),
        (
            "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n",
            FieldError::BothFramings,
        ),
        (
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
            FieldError::BothFramings,
        ),
        (
            "Content-Length: 4\r\nContent-Length: 4\r\n",
            FieldError::Framing,
        ),
        ("Content-Length: 4, 4\r\n", FieldError::Framing),
        ("Content-Length: +4\r\n", FieldError::Framing),
        ("Content-Length: -4\r\n", FieldError::Framing),
        ("Content-Length: 0x4\r\n", FieldError::Framing),
        ("Content-Length: 4.0\r\n", FieldError::Framing),
        ("Content-Length:\r\n", FieldError::Framing),
        (
            "Content-Length: 1234567890123456789\r\n",
            FieldError::Framing,
        ),
    ] {
        assert_eq!(
            with_fields(fields),
            Err(Refusal::Field(refusal)),
            "{fields:?}"
        );
    }
}

fn not_visible(name: &str) -> FieldError {
    FieldError::NotVisible {
        name: name.to_owned(),
    }
}

#[test]
fn request_lines() {
    for (line, refusal) in [
        ("GET  / HTTP/1.1", TargetError::Line),
        ("GET / HTTP/1.1 ", TargetError::Line),
        ("GET /", TargetError::Line),
        ("GET\t/ HTTP/1.1", TargetError::Line),
        ("G(T / HTTP/1.1", TargetError::Line),
        ("GET / HTTP/1.0", TargetError::Version),
        ("GET / HTTP/2.0", TargetError::Version),
        ("GET / http/1.1", TargetError::Version),
        ("GET / HTTP/1.1\r", TargetError::Version),
        ("GET /a\u{e9} HTTP/1.1", TargetError::NotVisible),
        ("GET /a#b HTTP/1.1", TargetError::NotVisible),
        ("GET /<b HTTP/1.1", TargetError::NotVisible),
    ] {
        let head = format!("{line}\r\nHost: a\r\n\r\n");
        assert_eq!(judge(&head), Err(Refusal::Malformed(refusal)), "{line:?}");
    }
    for target in ["*", "/a?b", "http://a/b", "a:443"] {
        let head = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(judge(&head).is_ok(), "other rules are about {target}");
    }
}

#[test]
fn http_10_has_no_chunks_and_needs_no_host() {
    let rules = HeadRules {
        http_10: true,
        ..RULES
    };
    let judge = |head: &str| judge_head(head.as_bytes(), &rules);
    assert_eq!(judge("GET / HTTP/1.0\r\n\r\n"), Ok(Framing::Length(0)));
    assert_eq!(
        judge("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        Err(Refusal::Field(FieldError::Framing))
    );
    assert_eq!(
        judge("GET / HTTP/1.1\r\n\r\n"),
        Err(Refusal::Field(FieldError::Missing { name: "Host" }))
    );
}

#[test]
fn limits_of_a_head() {
    assert!(with_fields("A: b\r\nA: b\r\nA: b\r\n").is_ok());
    assert_eq!(
        with_fields("A: b\r\nA: b\r\nA: b\r\nA: b\r\n"),
        Err(Refusal::Field(FieldError::TooMany { limit: 4 }))
    );
    let long = format!("A: {}\r\n", "b".repeat(1000));
    assert_eq!(with_fields(&long), Err(too_large(&RULES)));
}

#[test]
fn sizes_of_chunks() {
    for (line, size) in [("0", 0), ("a", 10), ("00fF", 255)] {
        assert_eq!(chunk_size(line.as_bytes()), Some(size));
    }
    for line in [
        "",
        " 1",
        "1 ",
        "1;a=b",
        "0x1",
        "-1",
        "+1",
        "g",
        "1\r",
        "11111111111111111",
    ] {
        assert_eq!(chunk_size(line.as_bytes()), None, "{line:?}");
    }
}

proptest::proptest! {
    #[test]
    fn what_passes_has_no_second_reading(
        parts in proptest::collection::vec(proptest::sample::select(vec![
            "GET / HTTP/1.1\r\n", "Host: a\r\n", "Content-Length: 1\r\n", "Transfer-Encoding: chunked\r\n",
            "A: b\r\n", " ", "\n", "\r", "\r\n", "\0", ":", "Content-Length", "x",
        ]), 0..9),
    ) {
        let head = format!("{}\r\n", parts.concat());
        if judge(&head).is_ok() {
            // An independent reading: every line but the first and the last is a name of letters, a colon, a value.
            let lines: Vec<&str> = head.strip_suffix("\r\n\r\n").unwrap().split("\r\n").collect();
            let named = |name: &str| lines.iter().filter(|line| line.to_lowercase().starts_with(name)).count();
            proptest::prop_assert!(named("content-length:") + named("transfer-encoding:") <= 1);
            for line in &lines[1..] {
                let (name, value) = line.split_once(':').unwrap();
                proptest::prop_assert!(!name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
                proptest::prop_assert!(!value.contains(char::is_control));
            }
        }
    }
}
