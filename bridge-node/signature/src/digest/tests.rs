use super::*;

const EMPTY: &str = "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:";

fn parse(value: &str) -> Result<[u8; 32], DigestError> {
    let mut fields = HeaderMap::new();
    fields.insert(
        CONTENT_DIGEST,
        HeaderValue::from_str(value).expect("a value"),
    );
    parse_content_digest(&fields)
}

#[test]
fn no_content_has_a_digest_too() {
    assert_eq!(content_digest_field(&content_digest_of(b"")), EMPTY);
    assert_eq!(BodyDigest::default().finish(), content_digest_of(b""));
}

#[test]
fn other_algorithms_beside_it_are_ignored() {
    for value in [
        EMPTY.to_owned(),
        format!("{EMPTY},sha-512=:AA==:"),
        format!("unixsum=:AA==:,  {EMPTY}"),
        format!("md5, {EMPTY};note=1"),
    ] {
        assert_eq!(
            parse(&value).expect("a digest"),
            content_digest_of(b""),
            "{value}"
        );
    }
}

#[test]
fn other_fields_are_refused() {
    assert!(matches!(
        parse_content_digest(&HeaderMap::new()),
        Err(DigestError::Missing)
    ));
    for value in ["", "sha-512=:AA==:", "SHA=1"] {
        assert!(matches!(
            parse(value),
            Err(DigestError::NoSha256 | DigestError::NotDictionary(_))
        ));
    }
    for value in [
        "sha-256",
        "sha-256=:AA==:",
        "sha-256=1",
        "sha-256=(:AA==:)",
        "sha-256=\"\"",
    ] {
        assert!(
            matches!(parse(value), Err(DigestError::NotDigest)),
            "{value}"
        );
    }
    for value in [
        "sha-256=",
        "sha-256=:",
        "sha-256=47DEQpj8:",
        "sha-256=:AA==:,",
    ] {
        assert!(
            matches!(parse(value), Err(DigestError::NotDictionary(_))),
            "{value}"
        );
    }
}

#[test]
fn doubled_digests_are_refused() {
    assert!(matches!(
        parse(&format!("{EMPTY}, {EMPTY}")),
        Err(DigestError::Duplicate)
    ));
    assert!(matches!(
        parse(&format!("a, {EMPTY}, a=1")),
        Err(DigestError::Duplicate)
    ));
    let mut fields = HeaderMap::new();
    fields.append(CONTENT_DIGEST, HeaderValue::from_static(EMPTY));
    fields.append(CONTENT_DIGEST, HeaderValue::from_static("sha-512=:AA==:"));
    assert!(matches!(
        parse_content_digest(&fields),
        Err(DigestError::Repeated)
    ));
}

#[test]
fn limits_hold() {
    let padded = |length| format!("{EMPTY}, a=\"{}\"", "x".repeat(length));
    let room = MAX_DIGEST_FIELD_BYTES - padded(0).len();
    assert!(parse(&padded(room)).is_ok());
    assert!(matches!(
        parse(&padded(room + 1)),
        Err(DigestError::TooLong)
    ));
}
