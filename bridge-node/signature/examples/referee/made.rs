//! The cases that this crate signs for strangers to judge: each message once as signed, and once for each thing changed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_signature::{
    Algorithm, Component, FileSigner, Params, Signer, content_digest_field, content_digest_of,
    signature_base, signature_fields,
};
use http::{HeaderMap, HeaderValue};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};

use crate::cases::{Answer, Case, Fault, Request};

const LABEL: &str = "bridge";
const CREATED_S: u64 = 1_760_000_000;

/// Signs a request and its answer with a new key, and spoils copies of both.
pub(crate) fn cases(algorithm: Algorithm) -> Result<Vec<Case>, Fault> {
    let signer = new_signer(algorithm)?;
    let request = signed_request(&signer)?;
    let answer = signed_answer(&signer, &request)?;
    let mut cases = vec![request.clone(), answer.clone()];
    for (name, spoil) in SPOILT_REQUESTS {
        cases.push(spoilt(&request, name, *spoil));
    }
    for (name, spoil) in SPOILT_ANSWERS {
        cases.push(spoilt(&answer, name, *spoil));
    }
    Ok(cases)
}

type Spoil = fn(&mut Case);

const SPOILT_REQUESTS: &[(&str, Spoil)] = &[
    ("method", |case| "PUT".clone_into(&mut case.request.method)),
    ("target", |case| case.request.target.push('0')),
    ("authority", |case| {
        "node2.example".clone_into(&mut case.request.authority);
    }),
    ("client", change_client),
    ("date-removed", |case| {
        case.request.fields.remove("date");
    }),
    ("line-added", |case| {
        case.request
            .fields
            .append("accept", HeaderValue::from_static("text/html"));
    }),
    ("content", |case| case.request.body.push(b' ')),
    ("nonce", change_nonce),
    ("created", |case| {
        replace(
            &mut case.request.fields,
            "signature-input",
            "created=176",
            "created=177",
        );
    }),
    ("signature", flip_signature),
];

const SPOILT_ANSWERS: &[(&str, Spoil)] = &[
    ("status", |case| {
        if let Some(answer) = &mut case.answer {
            answer.status = 404;
        }
    }),
    ("content", |case| {
        if let Some(answer) = &mut case.answer {
            answer.body.push(b' ');
        }
    }),
    ("type", |case| {
        set(case.fields_mut(), "content-type", "text/plain");
    }),
    ("request-method", |case| {
        "POST".clone_into(&mut case.request.method);
    }),
    ("request-client", change_client),
    ("request-signature", |case| {
        replace(
            &mut case.request.fields,
            "signature",
            "bridge=:",
            "bridge=:AAAA",
        );
    }),
    ("request-nonce", change_nonce),
    ("signature", flip_signature),
];

fn change_client(case: &mut Case) {
    set(
        &mut case.request.fields,
        "x-road-client",
        "AZ/GOV/1001/TAXES",
    );
}

fn change_nonce(case: &mut Case) {
    replace(
        &mut case.request.fields,
        "signature-input",
        "nonce=\"A",
        "nonce=\"B",
    );
}

pub(crate) fn new_signer(algorithm: Algorithm) -> Result<FileSigner, Fault> {
    let random = SystemRandom::new();
    let pkcs8 = match algorithm {
        Algorithm::Ed25519 => Ed25519KeyPair::generate_pkcs8(&random),
        Algorithm::EcdsaP256Sha256 => {
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
        }
    };
    let pkcs8 = pkcs8.or(Err("no new key"))?;
    let key_id = URL_SAFE_NO_PAD.encode(content_digest_of(algorithm.as_str().as_bytes()));
    Ok(FileSigner::from_pkcs8(algorithm, pkcs8.as_ref(), key_id)?)
}

fn signed_request(signer: &FileSigner) -> Result<Case, Fault> {
    let body = br#"{"reason": "pension"}"#.to_vec();
    let mut fields = HeaderMap::new();
    set(
        &mut fields,
        "bridge-contract",
        "pensions-1@qUiQTy8PR5uPgZdpSzAYSw0u0cHNKh7A_4XSmaGSpEc",
    );
    set(&mut fields, "bridge-version", "1");
    set(&mut fields, "date", "Thu, 09 Oct 2025 08:53:20 GMT");
    set(&mut fields, "x-road-client", "AZ/GOV/1001/PENSIONS");
    set(
        &mut fields,
        "x-road-request-id",
        "5c0a9a4e-3b0e-4d3f-9d0e-6a4f3f0c1b2d",
    );
    set(
        &mut fields,
        "x-road-userid",
        "tab\there, \"quotes\" \\ and ; = ()",
    );
    set(&mut fields, "x-empty", "");
    fields.append("accept", HeaderValue::from_static("application/json"));
    fields.append("accept", HeaderValue::from_static("*/*;q=0.1"));
    fields.insert(
        "content-digest",
        content_digest_field(&content_digest_of(&body)),
    );
    let request = Request {
        method: "GET".to_owned(),
        target: "/r1/AZ/GOV/1002/POPULATION/person/a%2Fb?at=2025-01-01&x=%C9%99".to_owned(),
        authority: "node1.population.example".to_owned(),
        scheme: "https".to_owned(),
        fields,
        body,
    };
    let mut covered = ["@method", "@request-target", "@authority"]
        .map(Component::new)
        .to_vec();
    covered.extend(every_field(&request.fields));
    let case = case_of(signer, "request", request, None);
    sign(signer, case, &covered, "bridge-request-v1")
}

fn signed_answer(signer: &FileSigner, request: &Case) -> Result<Case, Fault> {
    let body = "{\"name\": \"Ə\"}".as_bytes().to_vec();
    let mut fields = HeaderMap::new();
    set(&mut fields, "bridge-version", "1");
    set(&mut fields, "content-type", "application/json");
    set(&mut fields, "date", "Thu, 09 Oct 2025 08:53:20 GMT");
    fields.insert(
        "content-digest",
        content_digest_field(&content_digest_of(&body)),
    );
    let mut covered = vec![Component::new("@status")];
    covered.extend(every_field(&fields));
    covered.extend(
        [
            "@method",
            "@request-target",
            "@authority",
            "content-digest",
            "x-road-client",
        ]
        .map(|name| Component::new(name).of_request()),
    );
    covered.extend(
        ["signature-input", "signature"]
            .map(|name| Component::new(name).of_request().with_key(LABEL)),
    );
    let answer = Answer {
        status: 200,
        fields,
        body,
    };
    let case = case_of(signer, "answer", request.request.clone(), Some(answer));
    sign(signer, case, &covered, "bridge-answer-v1")
}

fn case_of(signer: &FileSigner, kind: &str, request: Request, answer: Option<Answer>) -> Case {
    Case {
        name: format!("{}-{kind}", signer.algorithm()),
        expect: "valid".to_owned(),
        label: LABEL.to_owned(),
        algorithm: signer.algorithm().to_string(),
        public_key: signer.public_key().to_vec(),
        base: None,
        request,
        answer,
    }
}

fn sign(
    signer: &FileSigner,
    mut case: Case,
    covered: &[Component<'_>],
    tag: &str,
) -> Result<Case, Fault> {
    let params = Params {
        created: Some(CREATED_S),
        expires: Some(CREATED_S + 60),
        nonce: Some(URL_SAFE_NO_PAD.encode([0; 16])),
        alg: Some(signer.algorithm().to_string()),
        keyid: Some(signer.key_id().to_owned()),
        tag: Some(tag.to_owned()),
    };
    let base = signature_base(&case.message(), covered, &params)?;
    let (input, signature) = signature_fields(LABEL, &base, &signer.sign(base.bytes())?);
    case.fields_mut().insert("signature-input", input);
    case.fields_mut().insert("signature", signature);
    case.base = Some(String::from_utf8(base.into_bytes())?);
    Ok(case)
}

fn spoilt(case: &Case, name: &str, spoil: Spoil) -> Case {
    let mut spoilt = case.clone();
    spoil(&mut spoilt);
    spoilt.name = format!("{}-{name}", case.name);
    "invalid".clone_into(&mut spoilt.expect);
    spoilt.base = None;
    spoilt
}

fn every_field(fields: &HeaderMap) -> Vec<Component<'static>> {
    let mut names: Vec<&str> = fields.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    names
        .into_iter()
        .map(|name| Component::new(name.to_owned()))
        .collect()
}

fn set(fields: &mut HeaderMap, name: &'static str, value: &'static str) {
    fields.insert(name, HeaderValue::from_static(value));
}

fn replace(fields: &mut HeaderMap, name: &'static str, from: &str, to: &str) {
    let value = fields
        .get(name)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    if let Ok(value) = HeaderValue::from_str(&value.replacen(from, to, 1)) {
        fields.insert(name, value);
    }
}

/// Changes the first character of the signature's base64, and with it six bits.
fn flip_signature(case: &mut Case) {
    let fields = case.fields_mut();
    let value = fields
        .get("signature")
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let other = if value.starts_with("bridge=:A") {
        "bridge=:B"
    } else {
        "bridge=:A"
    };
    let rest: String = value.chars().skip(other.len()).collect();
    if let Ok(value) = HeaderValue::from_str(&format!("{other}{rest}")) {
        fields.insert("signature", value);
    }
}
