use bridge_signature::{
    AnswerView, Component, FileSigner, RequestView, Signer, VerifyError, content_digest_field,
    content_digest_of, sign_batch, signature_base, signature_fields,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use proptest::prelude::*;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair};

use super::*;

mod strangers;

const CREATED: u64 = 1_760_000_000;

/// A request or, with a status, an answer to it, as one end has it in hand.
#[derive(Clone)]
struct Exchange {
    method: String,
    target: String,
    authority: String,
    request: HeaderMap,
    answer: Option<(u16, HeaderMap)>,
}

impl Exchange {
    fn message(&self) -> Message<'_> {
        let request = RequestView {
            method: &self.method,
            target: &self.target,
            authority: &self.authority,
            scheme: "https",
            fields: &self.request,
        };
        match &self.answer {
            None => Message::Request(request),
            Some((status, fields)) => Message::Answer(AnswerView {
                status: *status,
                fields,
                request,
            }),
        }
    }

    fn fields(&mut self) -> &mut HeaderMap {
        self.answer
            .as_mut()
            .map_or(&mut self.request, |(_, fields)| fields)
    }

    fn covered(&self) -> Vec<Component<'static>> {
        let covered = match &self.answer {
            None => request_components(&self.request),
            Some((_, fields)) => answer_components(fields),
        };
        covered.into_iter().map(Component::into_owned).collect()
    }

    fn open(&self) -> Result<Envelope, EnvelopeError> {
        open(&self.message())
    }
}

fn signer() -> FileSigner {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).expect("a key");
    let key_id = URL_SAFE_NO_PAD.encode([7; 32]);
    FileSigner::from_pkcs8(Algorithm::Ed25519, pkcs8.as_ref(), key_id).expect("a signer")
}

fn key(signer: &FileSigner) -> VerifyingKey {
    VerifyingKey::new(signer.algorithm(), signer.public_key()).expect("a key")
}

fn set(fields: &mut HeaderMap, name: &'static str, value: &str) {
    fields.insert(name, HeaderValue::from_str(value).expect("a value"));
}

fn sign_with(
    exchange: &mut Exchange,
    signer: &FileSigner,
    covered: &[Component<'_>],
    params: &Params,
) {
    let base = signature_base(&exchange.message(), covered, params).expect("a base");
    let signature = signer.sign(base.bytes()).expect("a signature");
    let (input, signature) = signature_fields(LABEL, &base, &signature);
    exchange.fields().insert("signature-input", input);
    exchange.fields().insert("signature", signature);
}

fn sign(exchange: &mut Exchange, signer: &FileSigner, tag: Tag) {
    let params = params(tag, signer.key_id(), signer.algorithm(), CREATED, &[9; 16]);
    let covered = exchange.covered();
    sign_with(exchange, signer, &covered, &params);
}

fn unsigned_request() -> Exchange {
    let mut request = HeaderMap::new();
    set(&mut request, "bridge-contract", "c-1@digest");
    set(&mut request, "bridge-version", "1");
    set(&mut request, "x-road-client", "AZ/GOV/1001/PENSIONS");
    set(
        &mut request,
        "x-road-request-id",
        "5c0a9a4e-3b0e-4d3f-9d0e-6a4f3f0c1b2d",
    );
    set(&mut request, "accept", "application/json");
    set(&mut request, "bridge-secrets", "authorization=:AAEC:");
    request.insert(
        "content-digest",
        content_digest_field(&content_digest_of(b"")),
    );
    Exchange {
        method: "GET".to_owned(),
        target: "/r1/AZ/GOV/1002/POPULATION/person/7?at=2025".to_owned(),
        authority: "node1.population.example".to_owned(),
        request,
        answer: None,
    }
}

fn request(signer: &FileSigner) -> Exchange {
    let mut exchange = unsigned_request();
    sign(&mut exchange, signer, Tag::Request);
    exchange
}

fn answer(signer: &FileSigner, tag: Tag) -> Exchange {
    let mut exchange = request(signer);
    let mut fields = HeaderMap::new();
    set(&mut fields, "bridge-version", "1");
    set(&mut fields, "content-type", "application/json");
    fields.insert(
        "content-digest",
        content_digest_field(&content_digest_of(b"{}")),
    );
    exchange.answer = Some((200, fields));
    sign(&mut exchange, signer, tag);
    exchange
}

fn names(covered: &[Component<'_>]) -> Vec<String> {
    covered.iter().map(ToString::to_string).collect()
}

#[test]
fn a_request_covers_what_the_protocol_says() {
    let exchange = request(&signer());
    let expected = [
        r#""@method""#,
        r#""@request-target""#,
        r#""@authority""#,
        r#""accept""#,
        r#""bridge-contract""#,
        r#""bridge-secrets""#,
        r#""bridge-version""#,
        r#""content-digest""#,
        r#""x-road-client""#,
        r#""x-road-request-id""#,
    ];
    assert_eq!(names(&request_components(&exchange.request)), expected);
}

#[test]
fn an_answer_covers_what_the_protocol_says() {
    let exchange = answer(&signer(), Tag::Answer);
    let expected = [
        r#""@status""#,
        r#""bridge-version""#,
        r#""content-digest""#,
        r#""content-type""#,
        r#""@method";req"#,
        r#""@request-target";req"#,
        r#""@authority";req"#,
        r#""content-digest";req"#,
        r#""x-road-client";req"#,
        r#""x-road-request-id";req"#,
        r#""bridge-contract";req"#,
        r#""signature-input";req;key="bridge""#,
        r#""signature";req;key="bridge""#,
    ];
    assert_eq!(names(&exchange.covered()), expected);
}

#[test]
fn a_signed_message_opens_and_verifies() {
    let signer = signer();
    for (exchange, tag) in [
        (request(&signer), Tag::Request),
        (answer(&signer, Tag::Answer), Tag::Answer),
        (answer(&signer, Tag::Refusal), Tag::Refusal),
    ] {
        let envelope = exchange.open().expect("an envelope");
        assert_eq!((envelope.tag, envelope.nonce), (tag, [9; 16]));
        assert_eq!(
            (envelope.created, envelope.expires),
            (CREATED, CREATED + 60)
        );
        assert_eq!(envelope.key_id, signer.key_id());
        assert!(envelope.verify(&key(&signer)).is_ok());
        let another = key(&self::signer());
        assert!(matches!(
            envelope.verify(&another),
            Err(EnvelopeError::NotGenuine(_))
        ));
    }
}

#[test]
fn fields_of_the_connection_and_secrets_are_not_covered() {
    let signer = signer();
    for mut exchange in [request(&signer), answer(&signer, Tag::Answer)] {
        for name in SECRET_FIELDS.into_iter().chain(TRANSPORT_FIELDS) {
            if !name.starts_with("signature") {
                set(exchange.fields(), name, "x");
            }
        }
        let envelope = exchange.open().expect("an envelope");
        assert!(envelope.verify(&key(&signer)).is_ok());
    }
}

#[test]
fn any_other_field_added_is_refused() {
    let signer = signer();
    for name in [
        "date",
        "x-other",
        "forwarded",
        "trailer",
        "upgrade",
        "proxy-authorization",
        "via",
    ] {
        for mut exchange in [request(&signer), answer(&signer, Tag::Answer)] {
            set(exchange.fields(), name, "x");
            let refused = exchange.open();
            let text = format!("{name:?}");
            assert!(
                matches!(refused, Err(EnvelopeError::NotCovered(part)) if part == text),
                "{name}"
            );
        }
    }
}

#[test]
fn any_covered_field_removed_is_refused() {
    let signer = signer();
    for exchange in [request(&signer), answer(&signer, Tag::Answer)] {
        let removable = |name: &&HeaderName| !name.as_str().starts_with("signature");
        let present: Vec<_> = exchange
            .message()
            .fields()
            .keys()
            .filter(removable)
            .cloned()
            .collect();
        for name in present {
            let mut spoilt = exchange.clone();
            spoilt.fields().remove(&name);
            let refused = spoilt.open();
            assert!(
                matches!(
                    refused,
                    Err(EnvelopeError::CoversOther(_) | EnvelopeError::Base(_))
                ),
                "{name}"
            );
        }
    }
}

#[test]
fn a_request_lacking_what_every_request_has_can_not_be_signed() {
    for name in REQUEST_FIELDS {
        let mut exchange = unsigned_request();
        exchange.request.remove(name);
        let params = params(Tag::Request, "k", Algorithm::Ed25519, CREATED, &[9; 16]);
        let covered = exchange.covered();
        assert!(
            signature_base(&exchange.message(), &covered, &params).is_err(),
            "{name}"
        );
    }
}

#[test]
fn covering_less_or_more_is_refused() {
    let signer = signer();
    for exchange in [request(&signer), answer(&signer, Tag::Answer)] {
        let tag = if exchange.answer.is_some() {
            Tag::Answer
        } else {
            Tag::Request
        };
        let params = params(tag, signer.key_id(), signer.algorithm(), CREATED, &[9; 16]);
        let all = exchange.covered();
        for left_out in 0..all.len() {
            let mut spoilt = exchange.clone();
            let mut covered = all.clone();
            let missing = covered.remove(left_out).to_string();
            sign_with(&mut spoilt, &signer, &covered, &params);
            assert!(
                matches!(spoilt.open(), Err(EnvelopeError::NotCovered(part)) if part == missing)
            );
        }
        let mut spoilt = exchange.clone();
        set(spoilt.fields(), "cookie", "a=1");
        let more = [all.clone(), vec![Component::new("cookie")]].concat();
        sign_with(&mut spoilt, &signer, &more, &params);
        assert!(
            matches!(spoilt.open(), Err(EnvelopeError::CoversOther(part)) if part == "\"cookie\"")
        );

        let mut turned = exchange.clone();
        let reversed: Vec<Component<'_>> = all.into_iter().rev().collect();
        sign_with(&mut turned, &signer, &reversed, &params);
        assert!(turned.open().is_ok(), "order is the signer's choice");
    }
}

/// A request and an answer, signed as one batch of requests and one of answers.
fn batched(signer: &FileSigner) -> [Exchange; 2] {
    let mut exchanges = [unsigned_request(), answer(signer, Tag::Answer)];
    for (exchange, tag) in exchanges.iter_mut().zip([Tag::Request, Tag::Answer]) {
        let plain = params(tag, signer.key_id(), signer.algorithm(), CREATED, &[9; 16]);
        let params = batch_params(tag, &plain).expect("a batch form");
        let covered = exchange.covered();
        let base = signature_base(&exchange.message(), &covered, &params).expect("a base");
        let values = sign_batch(signer, &[b"another", base.bytes(), b"a third"]).expect("signed");
        let (input, value) = signature_fields(LABEL, &base, &values[1]);
        exchange.fields().insert("signature-input", input);
        exchange.fields().insert("signature", value);
    }
    exchanges
}

#[test]
fn a_message_of_a_batch_opens_and_verifies() {
    let signer = signer();
    for (exchange, tag) in batched(&signer).iter().zip([Tag::Request, Tag::Answer]) {
        let envelope = exchange.open().expect("an envelope");
        assert_eq!((envelope.tag, envelope.form), (tag, Form::Batch));
        assert_eq!(envelope.algorithm, None);
        assert!(envelope.verify(&key(&signer)).is_ok());
        let another = envelope.verify(&key(&self::signer()));
        assert!(matches!(another, Err(EnvelopeError::NotGenuine(_))));
    }
    let plain = params(Tag::Refusal, "k", Algorithm::Ed25519, CREATED, &[9; 16]);
    assert_eq!(batch_params(Tag::Refusal, &plain), None);
}

#[test]
fn neither_form_passes_for_the_other() {
    let signer = signer();
    let [mut request, _] = batched(&signer);
    let batch = request.request.clone();
    let mut plain = self::request(&signer);
    // The value of the one under the parameters of the other.
    request
        .request
        .insert("signature", plain.request["signature"].clone());
    assert!(matches!(request.open(), Err(EnvelopeError::BatchValue(_))));
    plain
        .request
        .insert("signature", batch["signature"].clone());
    let envelope = plain.open().expect("of the right form");
    let refused = envelope.verify(&key(&signer));
    assert!(matches!(
        refused,
        Err(EnvelopeError::NotGenuine(VerifyError::Length { .. }))
    ));
    // A batch value of this very message under a plain tag: the tag stands in the base.
    let mut relabelled = batch["signature-input"].to_str().expect("text").to_owned();
    relabelled = relabelled.replace("request-batch-v1", "request-v1");
    let input = relabelled.replace(";tag=", ";alg=\"ed25519\";tag=");
    set(&mut request.request, "signature-input", &input);
    request
        .request
        .insert("signature", batch["signature"].clone());
    let refused = request
        .open()
        .expect("of the right form")
        .verify(&key(&signer));
    assert!(matches!(refused, Err(EnvelopeError::NotGenuine(_))));
}

#[test]
fn an_answer_belongs_to_one_request() {
    let signer = signer();
    let genuine = answer(&signer, Tag::Answer);
    let mut others = vec![genuine.clone(); 4];
    others[0].method = "POST".to_owned();
    others[1].target.push('0');
    set(&mut others[2].request, "x-road-client", "AZ/GOV/1001/TAXES");
    // The same request signed once more, a second later: another nonce and another signature.
    let later = params(
        Tag::Request,
        signer.key_id(),
        signer.algorithm(),
        CREATED + 1,
        &[8; 16],
    );
    let mut again = unsigned_request();
    let covered = again.covered();
    sign_with(&mut again, &signer, &covered, &later);
    others[3].request = again.request;
    for other in others {
        let envelope = other.open().expect("of the right form");
        assert!(matches!(
            envelope.verify(&key(&signer)),
            Err(EnvelopeError::NotGenuine(_))
        ));
    }
}

/// Signs a request with parameters changed in one way, and gives the reason why it is refused.
fn refused_with(change: impl FnOnce(&mut Params)) -> EnvelopeError {
    let signer = signer();
    let mut params = params(
        Tag::Request,
        signer.key_id(),
        signer.algorithm(),
        CREATED,
        &[9; 16],
    );
    change(&mut params);
    let mut exchange = unsigned_request();
    let covered = exchange.covered();
    sign_with(&mut exchange, &signer, &covered, &params);
    exchange.open().expect_err("refused")
}

#[test]
fn every_parameter_is_demanded() {
    type Change = fn(&mut Params);
    let changes: [(&str, Change); 6] = [
        ("created", |params| params.created = None),
        ("expires", |params| params.expires = None),
        ("nonce", |params| params.nonce = None),
        ("alg", |params| params.alg = None),
        ("keyid", |params| params.keyid = None),
        ("tag", |params| params.tag = None),
    ];
    for (name, change) in changes {
        let refused = refused_with(change);
        assert!(matches!(refused, EnvelopeError::MissingParameter(found) if found == name));
    }
}

#[test]
fn parameters_of_another_form_are_refused() {
    let nonces = [
        "",
        "AAAA",
        "CQkJCQkJCQkJCQkJCQkJCR",
        "CQkJCQkJCQkJCQkJCQkJCQ==",
        "not base64 at all!!!!!",
    ];
    for nonce in nonces {
        let refused = refused_with(|params| params.nonce = Some(nonce.to_owned()));
        assert!(matches!(
            refused,
            EnvelopeError::ParameterForm {
                name: "nonce",
                bytes: 16
            }
        ));
    }
    let refused = refused_with(|params| params.keyid = Some("key-1".to_owned()));
    assert!(matches!(
        refused,
        EnvelopeError::ParameterForm {
            name: "keyid",
            bytes: 32
        }
    ));
    for expires in [CREATED, CREATED + 59, CREATED + 61, 0] {
        let refused = refused_with(|params| params.expires = Some(expires));
        assert!(matches!(refused, EnvelopeError::Lifetime { .. }));
    }
    let batch = Tag::Request.batch_str().map(str::to_owned);
    let refused = refused_with(|params| params.tag.clone_from(&batch));
    assert!(matches!(refused, EnvelopeError::BatchAlgorithm));
    let refused = refused_with(|params| (params.tag, params.alg) = (batch, None));
    assert!(
        matches!(refused, EnvelopeError::BatchValue(_)),
        "a plain value"
    );
    for tag in ["bridge-request-v2", ""] {
        let refused = refused_with(|params| params.tag = Some(tag.to_owned()));
        assert!(matches!(refused, EnvelopeError::UnknownTag(found) if found == tag));
    }
    let refused = refused_with(|params| params.alg = Some("hmac-sha256".to_owned()));
    assert!(matches!(refused, EnvelopeError::UnknownAlgorithm(_)));
}

#[test]
fn a_tag_belongs_to_one_kind_of_message() {
    let signer = signer();
    for tag in [Tag::Answer, Tag::Refusal] {
        let mut exchange = unsigned_request();
        sign(&mut exchange, &signer, tag);
        assert!(
            matches!(exchange.open(), Err(EnvelopeError::TagOfOtherMessage(found)) if found == tag)
        );
    }
    let refused = answer(&signer, Tag::Request).open();
    assert!(matches!(
        refused,
        Err(EnvelopeError::TagOfOtherMessage(Tag::Request))
    ));
}

#[test]
fn the_algorithm_is_that_of_the_keys_record() {
    let random = SystemRandom::new();
    let pkcs8 =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).expect("a key");
    let key_id = URL_SAFE_NO_PAD.encode([7; 32]);
    let p256 = FileSigner::from_pkcs8(Algorithm::EcdsaP256Sha256, pkcs8.as_ref(), key_id);
    let p256 = p256.expect("a signer");
    let envelope = request(&p256).open().expect("an envelope");
    assert!(envelope.verify(&key(&p256)).is_ok());
    let refused = envelope.verify(&key(&signer()));
    assert!(matches!(
        refused,
        Err(EnvelopeError::AlgorithmOfOtherKey { .. })
    ));
}

#[test]
fn our_own_fields_stand_on_one_line() {
    let signer = signer();
    for name in [
        "x-road-client",
        "bridge-contract",
        "bridge-anything",
        "content-digest",
    ] {
        let mut exchange = unsigned_request();
        exchange.request.append(name, HeaderValue::from_static("1"));
        exchange.request.append(name, HeaderValue::from_static("2"));
        sign(&mut exchange, &signer, Tag::Request);
        assert!(matches!(exchange.open(), Err(EnvelopeError::Repeated(found)) if found == name));
    }
    let mut exchange = unsigned_request();
    exchange
        .request
        .append("accept", HeaderValue::from_static("text/html"));
    sign(&mut exchange, &signer, Tag::Request);
    assert!(exchange.open().is_ok());
}

#[test]
fn an_unsigned_message_is_refused() {
    assert!(matches!(
        unsigned_request().open(),
        Err(EnvelopeError::Form(_))
    ));
}

#[test]
fn freshness_has_exact_bounds_and_names_both_clocks() {
    let expires = CREATED + LIFETIME_S;
    for now in [CREATED - 30, CREATED, expires] {
        assert!(check_fresh(CREATED, expires, now).is_ok());
    }
    let early = check_fresh(CREATED, expires, CREATED - 31)
        .expect_err("early")
        .to_string();
    assert!(
        early.contains("1760000000") && early.contains("1759999969"),
        "{early}"
    );
    let late = check_fresh(CREATED, expires, expires + 1)
        .expect_err("late")
        .to_string();
    assert!(
        late.contains("1760000000") && late.contains("1760000061"),
        "{late}"
    );
    assert!(check_fresh(u64::MAX, u64::MAX, 0).is_err());
    assert!(check_fresh(0, 60, u64::MAX).is_err());
    assert!(check_fresh(0, 60, 0).is_ok());
}

#[test]
fn a_link_is_a_digest_with_its_own_prefix() {
    let expected = ring::digest::digest(&SHA256, b"bridge-link-v1\x00\x01\x02");
    assert_eq!(link(&[0, 1, 2]), expected.as_ref());
    assert_ne!(link(&[0, 1, 2]), link(&[0, 1, 3]));
}

proptest! {
    #[test]
    fn no_signature_makes_the_reader_panic(
        covered in r#"("(@method|@path|date|bridge-[a-z]{1,3})"(;req)? ?){0,4}"#,
        params in r#"(;(created|expires)=-?[0-9]{1,15}|;(nonce|keyid|alg|tag)="[A-Za-z0-9_=-]{0,44}"){0,7}"#,
    ) {
        let mut exchange = unsigned_request();
        set(&mut exchange.request, "signature-input", &format!("bridge=({}){params}", covered.trim()));
        set(&mut exchange.request, "signature", "bridge=:AAEC:");
        prop_assert!(exchange.open().is_err());
    }
}
