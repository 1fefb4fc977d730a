use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;

use super::*;
use crate::identity::IdentityError;

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in lines {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        fields.append(name.parse::<HeaderName>().unwrap(), value);
    }
    fields
}

fn names(fields: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}

#[test]
fn honest_fields_enter() {
    for lines in [
        &[][..],
        &[
            ("X-Road-Client", "AZ/GOV/1/P"),
            ("Accept", "a"),
            ("Accept", "b"),
        ],
        &[
            ("Connection", "Keep-Alive, TE"),
            ("Connection", "close"),
            ("TE", "trailers"),
        ],
        &[("Transfer-Encoding", "Chunked")],
        &[
            ("Content-Length", "17"),
            ("Content-Type", "application/json"),
        ],
        &[("X-Issue", "tab\there"), ("X-Empty", "")],
        &[("Cookie", "a=1"), ("Cookie", "b=2")],
    ] {
        assert_eq!(check_edge_fields(&map(lines)), Ok(()), "{lines:?}");
    }
}

#[test]
fn fields_that_could_be_read_in_two_ways_are_refused() {
    let repeated = |name: &str| FieldError::Repeated {
        name: name.to_owned(),
    };
    let not_visible = |name: &str| FieldError::NotVisible {
        name: name.to_owned(),
    };
    let table: &[(&[(&str, &str)], FieldError)] = &[
        (
            &[("Transfer-Encoding", "chunked"), ("Content-Length", "1")],
            FieldError::BothFramings,
        ),
        (
            &[("Transfer-Encoding", "gzip, chunked")],
            FieldError::Framing,
        ),
        (
            &[("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "x")],
            FieldError::Framing,
        ),
        (&[("Transfer-Encoding", "xchunked")], FieldError::Framing),
        (
            &[("Content-Length", "1"), ("Content-Length", "1")],
            FieldError::Framing,
        ),
        (&[("Content-Length", "+1")], FieldError::Framing),
        (&[("Content-Length", "")], FieldError::Framing),
        (&[("Content-Length", "1, 1")], FieldError::Framing),
        (&[("Connection", "X-Road-Client")], FieldError::Connection),
        (
            &[("Connection", "close, Authorization")],
            FieldError::Connection,
        ),
        (
            &[("Connection", "keep-alive"), ("Connection", "upgrade")],
            FieldError::Connection,
        ),
        (&[("Upgrade", "h2c")], FieldError::Upgrade),
        (&[("X_Road_Client", "AZ/GOV/1/P")], FieldError::Underscore),
        (&[("a_b", "")], FieldError::Underscore),
        (
            &[("X-Road-Client", "a"), ("x-road-client", "b")],
            repeated("x-road-client"),
        ),
        (
            &[("X-Road-Other", "a"), ("X-Road-Other", "a")],
            repeated("x-road-other"),
        ),
        (
            &[("Bridge-Purpose", "a"), ("Bridge-Purpose", "a")],
            repeated("bridge-purpose"),
        ),
        (
            &[("Content-Type", "a/b"), ("Content-Type", "a/c")],
            repeated("content-type"),
        ),
        (
            &[("Idempotency-Key", "1"), ("Idempotency-Key", "2")],
            repeated("idempotency-key"),
        ),
        (&[("Host", "a"), ("Host", "b")], repeated("host")),
        (&[("X-Road-Issue", "ə")], not_visible("x-road-issue")),
        (&[("Accept", "a\u{80}")], not_visible("accept")),
    ];
    for (lines, error) in table {
        assert_eq!(
            check_edge_fields(&map(lines)).as_ref(),
            Err(error),
            "{lines:?}"
        );
    }
}

#[test]
fn fields_are_limited_in_number_and_size() {
    let name = |index: usize| HeaderName::try_from(format!("x-{index}")).unwrap();
    let mut fields = HeaderMap::new();
    for index in 0..MAX_FIELDS {
        fields.insert(name(index), HeaderValue::from_static("1"));
    }
    assert_eq!(check_edge_fields(&fields), Ok(()));
    fields.insert(name(MAX_FIELDS), HeaderValue::from_static("1"));
    assert_eq!(
        check_edge_fields(&fields),
        Err(FieldError::TooMany { limit: MAX_FIELDS })
    );

    let long = "a".repeat(MAX_FIELDS_BYTES - 1);
    assert_eq!(check_edge_fields(&map(&[("a", &long)])), Ok(()));
    let longer = map(&[("aa", &long)]);
    let error = FieldError::TooLong {
        limit_bytes: MAX_FIELDS_BYTES,
    };
    assert_eq!(check_edge_fields(&longer), Err(error));
    // An error does not repeat a long name.
    let long_name = "a".repeat(500);
    match check_edge_fields(&map(&[(&long_name, "ə")])) {
        Err(FieldError::NotVisible { name }) => assert_eq!(name.len(), MAX_SHOWN_NAME),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_callers_fields_are_read() {
    let digest = "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:";
    let fields = map(&[
        ("X-Road-Client", "AZ/GOV/1001/P%C9%99"),
        ("X-Road-Id", "m-1"),
        ("X-Road-UserId", "AZ1234567"),
        ("X-Road-Issue", "case 7"),
        ("X-Road-Security-Server", "AZ/GOV/1002/N1"),
        ("X-Road-Represented-Party", "COM/77"),
        ("Bridge-Purpose", "BENEFITS"),
        ("Bridge-Legal-Basis", "LAW-12"),
        ("Bridge-Consent", "c"),
        ("Bridge-User-Token", "secret"),
        ("Idempotency-Key", "k"),
        ("Content-Digest", digest),
    ]);
    let read = read_caller_fields(&fields).unwrap();
    assert_eq!(read.client.to_string(), "AZ/GOV/1001/P%C9%99");
    assert_eq!(read.id.as_deref(), Some("m-1"));
    assert_eq!(read.user_id.as_deref(), Some("AZ1234567"));
    assert_eq!(read.issue.as_deref(), Some("case 7"));
    assert_eq!(read.security_server.unwrap().to_string(), "AZ/GOV/1002/N1");
    assert_eq!(read.represented_party.as_deref(), Some("COM/77"));
    assert_eq!(read.purpose.as_deref(), Some("BENEFITS"));
    assert_eq!(read.legal_basis.as_deref(), Some("LAW-12"));
    assert_eq!(read.consent.as_deref(), Some("c"));
    assert!(read.user_token);
    assert_eq!(read.idempotency_key.as_deref(), Some("k"));
    assert_eq!(
        read.content_digest.map(|digest| digest[..2].to_vec()),
        Some(vec![0x5f, 0x8f])
    );

    let least = read_caller_fields(&map(&[
        ("X-Road-Client", "AZ/GOV/1001/P"),
        ("X-Road-Id", ""),
        ("X-Road-Security-Server", " "),
    ]))
    .unwrap();
    assert_eq!(
        (least.id, least.security_server, least.user_token),
        (None, None, false)
    );
    assert_eq!(least.content_digest, None);
}

#[test]
fn callers_fields_that_mean_nothing_are_refused() {
    let parts = |name, expected| FieldError::Identity {
        name,
        fault: IdentityError::Parts { expected },
    };
    let long = "a".repeat(MAX_TEXT_BYTES + 1);
    let table: &[(&str, &str, FieldError)] = &[
        (
            "X-Road-Security-Server",
            "AZ/GOV/1",
            parts("X-Road-Security-Server", 4),
        ),
        (
            "X-Road-Id",
            &long,
            FieldError::ValueTooLong {
                name: "X-Road-Id",
                limit_bytes: 255,
            },
        ),
        (
            "X-Road-Issue",
            "ə",
            FieldError::NotVisible {
                name: "X-Road-Issue".to_owned(),
            },
        ),
        (
            "Content-Digest",
            "sha-256=:AAAA:",
            FieldError::ContentDigest,
        ),
        ("Content-Digest", "", FieldError::ContentDigest),
        (
            "Content-Digest",
            "sha-512=:AAAA:",
            FieldError::ContentDigest,
        ),
    ];
    for (name, value, error) in table {
        let fields = map(&[("X-Road-Client", "AZ/GOV/1/P"), (name, value)]);
        assert_eq!(
            read_caller_fields(&fields).as_ref(),
            Err(error),
            "{name}: {value}"
        );
    }
}

#[test]
fn identifier_fields_that_are_none_are_refused() {
    let parts = |name, expected| FieldError::Identity {
        name,
        fault: IdentityError::Parts { expected },
    };
    for party in ["COM/", "/77", "A/B/C", "..", "%"] {
        let fields = map(&[
            ("X-Road-Client", "AZ/GOV/1/P"),
            ("X-Road-Represented-Party", party),
        ]);
        let result = read_caller_fields(&fields);
        assert!(
            matches!(result, Err(FieldError::Identity { .. })),
            "{party}: {result:?}"
        );
    }
    let client = |lines: &[(&str, &str)]| read_caller_fields(&map(lines)).unwrap_err();
    assert_eq!(
        client(&[]),
        FieldError::Missing {
            name: "X-Road-Client"
        }
    );
    // A member alone can't ask: rights are given to subsystems.
    assert_eq!(
        client(&[("X-Road-Client", "AZ/GOV/1")]),
        parts("X-Road-Client", 4)
    );
    assert_eq!(client(&[("X-Road-Client", "")]), parts("X-Road-Client", 4));
    let twice = client(&[
        ("X-Road-Client", "AZ/GOV/1/P"),
        ("X-Road-Client", "AZ/GOV/1/P"),
    ]);
    assert_eq!(
        twice,
        FieldError::Repeated {
            name: "X-Road-Client".to_owned()
        }
    );
}

/// All that a caller, a peer or a registry might send.
fn everything() -> HeaderMap {
    map(&[
        ("Accept", "application/json"),
        ("Accept", "text/plain"),
        ("Accept-Encoding", "gzip"),
        ("Authorization", "Basic x"),
        ("Bridge-Api-Key", "k"),
        ("Bridge-Consent", "c"),
        ("Bridge-Contract", "c@d"),
        ("Bridge-Legal-Basis", "l"),
        ("Bridge-Peer-Receipt", "r"),
        ("Bridge-Purpose", "p"),
        ("Bridge-Receipt", "r"),
        ("Bridge-Secrets", "s"),
        ("Bridge-User-Token", "t"),
        ("Bridge-Version", "1"),
        ("Connection", "close"),
        ("Content-Digest", "sha-256=:x:"),
        ("Content-Length", "1"),
        ("Content-Type", "application/json"),
        ("Cookie", "a=1"),
        ("Date", "one"),
        ("Date", "two"),
        ("Expect", "100-continue"),
        ("Host", "h"),
        ("Idempotency-Key", "k"),
        ("If-Range", "x"),
        ("Keep-Alive", "1"),
        ("Proxy-Authenticate", "x"),
        ("Proxy-Authorization", "x"),
        ("Range", "bytes=0-1"),
        ("Server", "s"),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("Signature", "x"),
        ("Signature-Input", "x"),
        ("TE", "trailers"),
        ("Trailer", "x"),
        ("Transfer-Encoding", "chunked"),
        ("Upgrade", "x"),
        ("User-Agent", "u"),
        ("X-Other", "o"),
        ("X-Road-Client", "AZ/GOV/1/P"),
        ("X-Road-Error", "e"),
        ("X-Road-Id", "i"),
        ("X-Road-Request-Hash", "h"),
        ("X-Road-Request-Id", "r"),
        ("X-Road-Service", "s"),
        ("X-Road-UserId", "u"),
    ])
}

#[test]
fn only_what_is_the_callers_to_say_travels_to_the_peer() {
    assert_eq!(
        names(&forwardable_request(&everything())),
        [
            "accept",
            "accept",
            "authorization",
            "bridge-consent",
            "bridge-legal-basis",
            "bridge-purpose",
            "bridge-user-token",
            "content-type",
            "cookie",
            "date",
            "date",
            "idempotency-key",
            "set-cookie",
            "set-cookie",
            "x-other",
            "x-road-client",
            "x-road-id",
            "x-road-userid",
        ]
    );
    assert_eq!(
        forwardable_request(&everything())
            .get_all("accept")
            .iter()
            .count(),
        2
    );
}

#[test]
fn the_registry_also_learns_the_request_id() {
    let kept = registry_request(&everything());
    let sent = forwardable_request(&everything());
    let more: Vec<&str> = names(&kept)
        .into_iter()
        .filter(|name| !sent.contains_key(*name))
        .collect();
    assert_eq!(more, ["content-digest", "x-road-request-id"]);
    assert!(names(&sent).into_iter().all(|name| kept.contains_key(name)));
}

#[test]
fn a_registry_speaks_neither_for_a_node_nor_for_the_protocol() {
    let kept = forwardable_answer(&everything());
    assert_eq!(
        names(&kept),
        [
            "accept",
            "accept",
            "accept-encoding",
            "authorization",
            "content-type",
            "cookie",
            "date",
            "idempotency-key",
            "if-range",
            "range",
            "set-cookie",
            "set-cookie",
            "x-other",
        ]
    );
    assert_eq!(kept.get("date").unwrap(), "one");
    assert!(!forwardable_answer(&HeaderMap::new()).contains_key("date"));
}

#[test]
fn secrets_are_spoken_for_exactly() {
    assert_eq!(secrets_field(&map(&[("Accept", "a")])), None);
    assert_eq!(check_secrets(&map(&[("Accept", "a")])), Ok(()));

    let mut fields = map(&[("Cookie", "a"), ("Authorization", "abc")]);
    assert_eq!(check_secrets(&fields), Err(FieldError::Secrets));
    let value = secrets_field(&fields).unwrap();
    // SHA-256 of "abc" (FIPS 180-4) and of "a".
    assert_eq!(
        value,
        "authorization=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:, \
         cookie=:ypeBEsobvcr6wjGzmiPcTaeG7/gUfE5yuYB3ha/uSLs=:"
    );
    fields.insert(SECRETS, value.clone());
    assert_eq!(check_secrets(&fields), Ok(()));

    let mut changed = fields.clone();
    changed.insert("authorization", HeaderValue::from_static("abd"));
    assert_eq!(check_secrets(&changed), Err(FieldError::Secrets));
    let mut added = fields.clone();
    added.append("set-cookie", HeaderValue::from_static("x"));
    assert_eq!(check_secrets(&added), Err(FieldError::Secrets));
    let mut removed = fields.clone();
    removed.remove("cookie");
    assert_eq!(check_secrets(&removed), Err(FieldError::Secrets));
    let mut twice = fields.clone();
    twice.append(SECRETS, value);
    assert_eq!(check_secrets(&twice), Err(FieldError::Secrets));
    // Two lines are not one line of the same bytes.
    let two = secrets_field(&map(&[("Set-Cookie", "a"), ("Set-Cookie", "b")]));
    assert_ne!(two, secrets_field(&map(&[("Set-Cookie", "ab")])));
    assert_ne!(
        two,
        secrets_field(&map(&[("Set-Cookie", "b"), ("Set-Cookie", "a")]))
    );
}

#[test]
fn the_request_hash_is_over_what_both_ends_see() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use ring::digest::{SHA512, digest};

    let fields = map(&[("X-Road-Client", "AZ/GOV/1/P"), ("Accept", "a")]);
    let head = digest(
        &SHA512,
        b"GET\r\n/r1/x?y\r\naccept:a\r\nx-road-client:AZ/GOV/1/P\r\n",
    );
    let hash = request_hash("GET", "/r1/x?y", &fields, None);
    assert_eq!(hash, STANDARD.encode(head));

    let body = digest(&SHA512, b"{}");
    let body: [u8; 64] = body.as_ref().try_into().unwrap();
    let whole = [head.as_ref(), &body].concat();
    let with_body = request_hash("GET", "/r1/x?y", &fields, Some(&body));
    assert_eq!(with_body, STANDARD.encode(digest(&SHA512, &whole)));

    // What nodes add, and secrets, do not change it; anything else does.
    let mut added = fields.clone();
    for (name, value) in &map(&[
        ("Bridge-Contract", "c"),
        ("Content-Digest", "d"),
        ("X-Road-Request-Id", "r"),
        ("Signature", "s"),
        ("Authorization", "a"),
        ("Host", "h"),
    ]) {
        added.append(name.clone(), value.clone());
    }
    assert_eq!(request_hash("GET", "/r1/x?y", &added, None), hash);
    for (name, value) in [("bridge-purpose", "p"), ("x-other", "o"), ("accept", "b")] {
        let mut other = fields.clone();
        other.append(name, HeaderValue::from_static(value));
        assert_ne!(request_hash("GET", "/r1/x?y", &other, None), hash, "{name}");
    }
    assert_ne!(request_hash("POST", "/r1/x?y", &fields, None), hash);
    assert_ne!(request_hash("GET", "/r1/x", &fields, None), hash);
}

proptest! {
    #[test]
    fn any_fields_are_read_without_a_panic(
        lines in proptest::collection::vec(("[a-zA-Z_-]{1,20}", proptest::collection::vec(32u8..=255, 0..40)), 0..8)
    ) {
        let mut fields = HeaderMap::new();
        for (name, value) in lines {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(&value)) {
                fields.append(name, value);
            }
        }
        if check_edge_fields(&fields).is_ok() {
            let printable = |value: &HeaderValue| value.to_str().is_ok();
            prop_assert!(fields.values().all(printable));
        }
        let _read = read_caller_fields(&fields);
        let mut sent = forwardable_request(&fields);
        if let Some(value) = secrets_field(&sent) {
            sent.insert(SECRETS, value);
        }
        prop_assert_eq!(check_secrets(&sent), Ok(()));
    }
}
