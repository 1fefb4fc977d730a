//! What lies beside a leaf: signed requests, signed refusals, questions; and a journal of all of it.

use std::path::Path;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_core::envelope::{LABEL, Tag, answer_components, params, request_components};
use bridge_core::leaf::{EvidenceMode, UnixMillis};
use bridge_journal::{Entry, Journal, JournalConfig, JournalKeys};
use bridge_signature::{
    Algorithm, AnswerView, Component, FileSigner, Message, RequestView, Signer as _,
    content_digest_field, content_digest_of, signature_base, signature_fields,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use zeroize::Zeroizing;

use super::made::{Logged, Question, START_MS};

/// Entries under way at a time.
const TOGETHER: usize = 500;
/// The evidence key of these journals.
const EVIDENCE: [u8; 32] = [7; 32];

/// What is kept of a decision's request.
#[derive(Clone)]
pub(crate) enum Kept {
    Nothing,
    /// Signature base and signature.
    Message(Vec<u8>, Vec<u8>),
    Question(Vec<u8>),
}

/// A message as it was signed.
pub(crate) struct Signed {
    pub(crate) base: Vec<u8>,
    pub(crate) signature: Vec<u8>,
    method: String,
    target: String,
    fields: HeaderMap,
}

/// One key for everybody: whose it is, is nobody's question here.
pub(crate) struct Keys {
    pkcs8: Vec<u8>,
    signer: FileSigner,
}

impl Keys {
    pub(crate) fn new() -> Self {
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pkcs8 = pkcs8.as_ref().to_vec();
        let signer = FileSigner::from_pkcs8(Algorithm::Ed25519, &pkcs8, "key".to_owned());
        Self {
            signer: signer.unwrap(),
            pkcs8,
        }
    }

    pub(crate) fn id(&self) -> &str {
        self.signer.key_id()
    }

    /// The request as the consumer's node signs it.
    pub(crate) fn request(&self, question: &Question, now: UnixMillis) -> Signed {
        let mut fields = HeaderMap::new();
        for (name, value) in [
            ("x-road-client", question.client.as_str()),
            ("x-road-request-id", &question.id.to_string()),
            ("bridge-contract", &question.version),
            ("bridge-version", "1"),
        ] {
            set(&mut fields, name, value);
        }
        code(&mut fields, question);
        let target = question.target.request_target();
        let view = RequestView {
            method: question.method,
            target: &target,
            authority: "node1.example",
            scheme: "https",
            fields: &fields,
        };
        let covered = request_components(&fields);
        let (base, input, signature) =
            self.signed(&Message::Request(view), &covered, (Tag::Request, now));
        let (input, value) = input_fields(&input, &signature);
        let mut sent = fields.clone();
        sent.insert("signature-input", input);
        sent.insert("signature", value);
        Signed {
            base,
            signature,
            method: question.method.to_owned(),
            target,
            fields: sent,
        }
    }

    /// The refusal as the provider's node signs it: it repeats the codes by which the contract was asked.
    pub(crate) fn refusal(
        &self,
        question: &Question,
        request: &Signed,
        (status, code_said): (u16, &str),
        now: UnixMillis,
    ) -> Signed {
        let mut fields = HeaderMap::new();
        set(&mut fields, "x-road-error", code_said);
        set(&mut fields, "bridge-version", "1");
        code(&mut fields, question);
        let view = AnswerView {
            status,
            fields: &fields,
            request: RequestView {
                method: &request.method,
                target: &request.target,
                authority: "node1.example",
                scheme: "https",
                fields: &request.fields,
            },
        };
        let covered = answer_components(&fields);
        let (base, _, signature) =
            self.signed(&Message::Answer(view), &covered, (Tag::Refusal, now));
        Signed {
            base,
            signature,
            method: request.method.clone(),
            target: request.target.clone(),
            fields: HeaderMap::new(),
        }
    }

    fn signed(
        &self,
        message: &Message<'_>,
        covered: &[Component<'_>],
        (tag, now): (Tag, UnixMillis),
    ) -> (Vec<u8>, bridge_signature::Base, Vec<u8>) {
        let params = params(tag, self.id(), Algorithm::Ed25519, now.seconds(), &[1; 16]);
        let base = signature_base(message, covered, &params).unwrap();
        let signature = self.signer.sign(base.bytes()).unwrap();
        (base.bytes().to_vec(), base, signature)
    }

    /// Writes a journal of these decisions, and its evidence key beside it.
    pub(crate) async fn write(&self, folder: &Path, logged: Vec<Logged>) {
        let keys = JournalKeys {
            checkpoint_pkcs8: Zeroizing::new(self.pkcs8.clone()),
            evidence: Zeroizing::new(EVIDENCE),
        };
        let config = JournalConfig::new(
            folder.join("journal"),
            "exchange.example/AZ/GOV/1001/NODE1/1",
        );
        let signer =
            FileSigner::from_pkcs8(Algorithm::Ed25519, &self.pkcs8, "key".to_owned()).unwrap();
        let failed = Box::new(|error: &bridge_journal::JournalError| panic!("{error}"));
        let (journal, _opened) =
            Journal::open(config, keys, Arc::new(signer), UnixMillis(START_MS), failed).unwrap();
        let mut entries = logged.into_iter().map(entry).peekable();
        while entries.peek().is_some() {
            let mut writing = tokio::task::JoinSet::new();
            for entry in entries.by_ref().take(TOGETHER) {
                let journal = journal.clone();
                writing.spawn(async move { journal.record(entry).await });
            }
            while let Some(written) = writing.join_next().await {
                written.unwrap().unwrap();
            }
        }
        journal.close().await.unwrap();
        bridge_certs::write_secret_file(&folder.join("evidence.key"), &EVIDENCE).unwrap();
    }
}

fn entry(logged: Logged) -> Entry {
    let entry = Entry::of(logged.leaf);
    let (base, signature, body) = match logged.kept {
        Kept::Nothing => return entry,
        Kept::Message(base, signature) => (base, signature, Vec::new()),
        Kept::Question(body) => (Vec::new(), Vec::new(), body),
    };
    Entry {
        base: Some(base),
        signature: Some(signature),
        body: Some(Bytes::from(body)),
        mode: EvidenceMode::Full,
        ..entry
    }
}

fn input_fields(base: &bridge_signature::Base, signature: &[u8]) -> (HeaderValue, HeaderValue) {
    let (input, value) = signature_fields(LABEL, base, signature);
    assert!(
        value
            .to_str()
            .unwrap()
            .contains(&STANDARD.encode(signature))
    );
    (input, value)
}

/// What both messages say of the question, and the digest of their empty body.
fn code(fields: &mut HeaderMap, question: &Question) {
    if let Some(purpose) = question.purpose {
        set(fields, "bridge-purpose", purpose);
    }
    fields.insert(
        "content-digest",
        content_digest_field(&content_digest_of(b"")),
    );
}

fn set(fields: &mut HeaderMap, name: &'static str, value: &str) {
    let value = HeaderValue::try_from(value).unwrap();
    fields.insert(HeaderName::from_static(name), value);
}
