//! Request lines and fields.

use bridge_core::accept::{ErrorForm, Language, error_form, language};
use bridge_core::envelope::{link, open};
use bridge_core::fields::{
    check_edge_fields, check_secrets, forwardable_answer, forwardable_request, read_caller_fields,
    registry_request, request_hash,
};
use bridge_core::identity::{CertificateName, MemberId, NodeId, ServiceId, SubsystemId};
use bridge_core::target::{Target, TargetLimits, parse_target};
use bridge_signature::{
    AnswerView, Message, RequestView, content_digest_field, parse_content_digest, parse_signature,
};
use http::{HeaderMap, HeaderName, HeaderValue};

/// What is written anew means the same, and holds nothing that a server behind could read as a step elsewhere.
pub(super) fn target(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let limits = TargetLimits::default();
    let Ok(read) = parse_target(text, &limits) else {
        return false;
    };
    let Target::Service(service) = &read else {
        return false;
    };
    for segment in service.path.segments() {
        assert!(segment != "." && segment != "..", "{segment}");
        assert!(!segment.contains(['/', '\\', '\0']), "{segment}");
        assert!(!segment.chars().any(char::is_control), "{segment}");
    }
    let anew = service.request_target();
    assert!(anew.bytes().all(|byte| byte.is_ascii_graphic()), "{anew}");
    assert_eq!(parse_target(&anew, &limits).as_ref(), Ok(&read), "{anew}");
    true
}

/// What is read is written as it was read.
pub(super) fn identity(data: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(data) else {
        return false;
    };
    let read = [
        anew::<MemberId>(text),
        anew::<SubsystemId>(text),
        anew::<ServiceId>(text),
        anew::<NodeId>(text),
        // A name of a certificate is one or the other; nothing else is claimed of it.
        text.parse::<CertificateName>().is_ok(),
    ];
    read.contains(&true)
}

fn anew<T: std::str::FromStr + std::fmt::Display + PartialEq>(text: &str) -> bool {
    text.parse::<T>().is_ok_and(|id| {
        let written = id.to_string();
        assert!(
            written.parse::<T>().is_ok_and(|again| again == id),
            "{written}"
        );
        true
    })
}

/// What passes the edge has no field that a program behind could take for another, and nothing of ours is passed on.
pub(super) fn fields(data: &[u8]) -> bool {
    let fields = lines(data);
    let caller = read_caller_fields(&fields);
    drop(check_secrets(&fields));
    let passes = check_edge_fields(&fields).is_ok() && caller.is_ok();
    if check_edge_fields(&fields).is_ok() {
        for (name, value) in &fields {
            assert!(!name.as_str().contains('_'), "{name}");
            let visible = |byte: &u8| matches!(byte, b'\t' | b' '..=b'~');
            assert!(value.as_bytes().iter().all(visible), "{name}");
        }
    }
    if let Ok(caller) = caller {
        let id: SubsystemId = caller.client.to_string().parse().unwrap();
        assert_eq!(id, caller.client);
    }
    for passed in [forwardable_request(&fields), registry_request(&fields)] {
        for name in [
            "signature",
            "signature-input",
            "connection",
            "host",
            "x-road-error",
        ] {
            assert!(!passed.contains_key(name), "{name}");
        }
    }
    let own = forwardable_answer(&fields);
    for name in ["signature", "signature-input", "connection"] {
        assert!(!own.contains_key(name), "{name}");
    }
    let ours = |name: &HeaderName| name.as_str().starts_with("x-road-");
    assert!(!own.keys().any(ours), "a registry speaks for the node");
    let _hash = request_hash("GET", "/", &fields, None);
    preferences(&fields);
    passes
}

/// Nobody is answered in another form or language than the usual one unless the fields name it.
fn preferences(fields: &HeaderMap) {
    let names = |field: &str, what: &str| {
        let mut lines = fields.get_all(field).iter();
        lines.any(|line| {
            let line = String::from_utf8_lossy(line.as_bytes()).to_lowercase();
            line.contains(what) || line.contains('*')
        })
    };
    let form = error_form(fields);
    assert!(
        form == ErrorForm::Json || names("accept", "xml"),
        "{form:?}"
    );
    for default in Language::ALL {
        let told = language(fields, default);
        assert!(
            told == default || names("accept-language", told.tag()),
            "{told:?}"
        );
    }
    let [one, other] = Language::ALL.map(|default| language(fields, default));
    assert!(
        one == other || [one, other] == Language::ALL,
        "the default turns it round"
    );
}

/// A digest that is read is written as one that is read the same.
pub(super) fn digest(data: &[u8]) -> bool {
    let Ok(digest) = parse_content_digest(&lines(data)) else {
        return false;
    };
    let mut again = HeaderMap::new();
    again.insert("content-digest", content_digest_field(&digest));
    assert!(parse_content_digest(&again).is_ok_and(|read| read == digest));
    true
}

/// A signature has one spelling, and a base only of what the message has.
pub(super) fn signature(data: &[u8]) -> bool {
    let fields = lines(data);
    let Ok(received) = parse_signature(&fields, "bridge") else {
        return false;
    };
    let input = fields.get("signature-input").unwrap().to_str().unwrap();
    assert!(input.ends_with(received.input()), "{input}");
    for message in messages(&fields) {
        if let Ok(base) = received.base(&message) {
            assert!(base.bytes().is_ascii());
            let lines = base.bytes().split(|byte| *byte == b'\n').count();
            assert_eq!(lines, received.covered.len() + 1);
        }
    }
    true
}

/// An envelope that opens covers every field that the message has, but those of the signature itself.
pub(super) fn envelope(data: &[u8]) -> bool {
    let fields = lines(data);
    let mut opened = false;
    for message in messages(&fields) {
        let Ok(envelope) = open(&message) else {
            continue;
        };
        opened = true;
        assert_eq!(link(&envelope.signature).len(), 32);
        let received = parse_signature(&fields, "bridge").unwrap();
        let covered = |name: &HeaderName| {
            let mut own = received.covered.iter().filter(|part| !part.is_of_request());
            own.any(|part| part.name() == name.as_str())
        };
        for name in fields.keys() {
            let free = [
                "signature",
                "signature-input",
                "connection",
                "host",
                "content-length",
                "transfer-encoding",
                "authorization",
                "cookie",
                "set-cookie",
                "bridge-user-token",
            ];
            assert!(
                covered(name) || free.contains(&name.as_str()),
                "{name} is not covered"
            );
        }
    }
    opened
}

/// `name: value` lines; what no HTTP library would hand over is left out.
fn lines(data: &[u8]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(128) {
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let (Some(name), Some(value)) = (parts.next(), parts.next()) else {
            continue;
        };
        if let (Ok(name), Ok(value)) = (
            HeaderName::from_bytes(name),
            HeaderValue::from_bytes(value.trim_ascii()),
        ) {
            fields.append(name, value);
        }
    }
    fields
}

fn messages(fields: &HeaderMap) -> [Message<'_>; 2] {
    let request = RequestView {
        method: "GET",
        target: "/r1/AZ/GOV/1001/POPULATION/person",
        authority: "node1.gov-1001.example",
        scheme: "https",
        fields,
    };
    let answer = AnswerView {
        status: 200,
        fields,
        request,
    };
    [Message::Request(request), Message::Answer(answer)]
}
