//! Cases: signed messages as JSON files, which strangers' programs write and read too.
//!
//! A case is one object. Of a request: `method`, `target` (origin form), `authority`, `scheme`, `fields` (array of
//! `[name, value]`, one entry a line), `body` (base64). Of an answer: `status`, `fields`, `body`, and `request`, the request
//! that it answers, of the same shape. Around it: `case` (a name), `expect` (`valid`, `invalid`), `label`, `algorithm`,
//! `public_key` (base64 of the raw key: 32 bytes of Ed25519, 65 of an uncompressed P-256 point), and `base`, the signature
//! base for comparison, where it is known.

use std::error::Error;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_signature::{
    AnswerView, Message, RequestView, VerifyingKey, content_digest_of, parse_content_digest,
    parse_signature,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

/// Something went wrong, in words.
pub(crate) type Fault = Box<dyn Error>;

/// Holds one case.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) expect: String,
    pub(crate) label: String,
    pub(crate) algorithm: String,
    pub(crate) public_key: Vec<u8>,
    pub(crate) base: Option<String>,
    pub(crate) request: Request,
    pub(crate) answer: Option<Answer>,
}

/// Holds a request.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) authority: String,
    pub(crate) scheme: String,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// Holds an answer.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Case {
    /// Reads every case of a folder, sorted by file name.
    pub(crate) fn read_all(folder: &Path) -> Result<Vec<Self>, Fault> {
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(folder)? {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                paths.push(path);
            }
        }
        paths.sort();
        paths
            .iter()
            .map(|path| Self::from_json(&serde_json::from_slice(&std::fs::read(path)?)?))
            .collect()
    }

    /// Writes the case as `{name}.json`.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), Fault> {
        let text = serde_json::to_string_pretty(&self.to_json()?)?;
        Ok(std::fs::write(
            folder.join(format!("{}.json", self.name)),
            text + "\n",
        )?)
    }

    /// Shows the message as its verifier sees it.
    pub(crate) fn message(&self) -> Message<'_> {
        let request = self.request.view();
        match &self.answer {
            None => Message::Request(request),
            Some(answer) => Message::Answer(AnswerView {
                status: answer.status,
                fields: &answer.fields,
                request,
            }),
        }
    }

    /// Returns the fields of the signed message itself.
    pub(crate) fn fields_mut(&mut self) -> &mut HeaderMap {
        match &mut self.answer {
            None => &mut self.request.fields,
            Some(answer) => &mut answer.fields,
        }
    }

    /// Judges signature and, where there is one, the sha-256 of the content.
    pub(crate) fn verify(&self) -> Result<(), Fault> {
        let message = self.message();
        let received = parse_signature(message.fields(), &self.label)?;
        let base = received.base(&message)?;
        VerifyingKey::new(self.algorithm.parse()?, &self.public_key)?
            .verify(base.bytes(), &received.signature)?;
        let body = self
            .answer
            .as_ref()
            .map_or(&self.request.body, |answer| &answer.body);
        match parse_content_digest(message.fields()) {
            Ok(digest) if digest != content_digest_of(body) => Err("the content is another".into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn from_json(value: &Value) -> Result<Self, Fault> {
        let (request, answer) = match value.get("status") {
            None => (Request::from_json(value)?, None),
            Some(status) => {
                let status = status
                    .as_u64()
                    .and_then(|status| u16::try_from(status).ok());
                let answer = Answer {
                    status: status.ok_or("status is not a number of three digits")?,
                    fields: fields(value)?,
                    body: bytes(value, "body")?,
                };
                (
                    Request::from_json(value.get("request").ok_or("no request")?)?,
                    Some(answer),
                )
            }
        };
        Ok(Self {
            name: text(value, "case")?,
            expect: text(value, "expect")?,
            label: text(value, "label")?,
            algorithm: text(value, "algorithm").unwrap_or_default(),
            public_key: bytes(value, "public_key").unwrap_or_default(),
            base: text(value, "base").ok(),
            request,
            answer,
        })
    }

    fn to_json(&self) -> Result<Value, Fault> {
        let request = self.request.to_json()?;
        let mut case = match &self.answer {
            None => request,
            Some(answer) => json!({
                "status": answer.status,
                "fields": lines(&answer.fields)?,
                "body": STANDARD.encode(&answer.body),
                "request": request,
            }),
        };
        let around = json!({
            "case": self.name,
            "expect": self.expect,
            "label": self.label,
            "algorithm": self.algorithm,
            "public_key": STANDARD.encode(&self.public_key),
            "base": self.base,
        });
        if let (Some(case), Value::Object(around)) = (case.as_object_mut(), around) {
            case.extend(around);
        }
        Ok(case)
    }
}

impl Request {
    /// Shows the request as its verifier sees it.
    pub(crate) fn view(&self) -> RequestView<'_> {
        RequestView {
            method: &self.method,
            target: &self.target,
            authority: &self.authority,
            scheme: &self.scheme,
            fields: &self.fields,
        }
    }

    fn from_json(value: &Value) -> Result<Self, Fault> {
        Ok(Self {
            method: text(value, "method")?,
            target: text(value, "target")?,
            authority: text(value, "authority")?,
            scheme: text(value, "scheme")?,
            fields: fields(value)?,
            body: bytes(value, "body")?,
        })
    }

    fn to_json(&self) -> Result<Value, Fault> {
        Ok(json!({
            "method": self.method,
            "target": self.target,
            "authority": self.authority,
            "scheme": self.scheme,
            "fields": lines(&self.fields)?,
            "body": STANDARD.encode(&self.body),
        }))
    }
}

fn text(value: &Value, name: &str) -> Result<String, Fault> {
    let text = value.get(name).and_then(Value::as_str);
    Ok(text.ok_or_else(|| format!("no text {name}"))?.to_owned())
}

fn bytes(value: &Value, name: &str) -> Result<Vec<u8>, Fault> {
    Ok(STANDARD.decode(text(value, name)?)?)
}

fn fields(value: &Value) -> Result<HeaderMap, Fault> {
    let mut fields = HeaderMap::new();
    for line in value
        .get("fields")
        .and_then(Value::as_array)
        .ok_or("no fields")?
    {
        let part = |at| {
            line.get(at)
                .and_then(Value::as_str)
                .ok_or("a field is [name, value]")
        };
        fields.append(
            HeaderName::try_from(part(0)?)?,
            HeaderValue::from_str(part(1)?)?,
        );
    }
    Ok(fields)
}

fn lines(fields: &HeaderMap) -> Result<Vec<[String; 2]>, Fault> {
    fields
        .iter()
        .map(|(name, value)| Ok([name.as_str().to_owned(), value.to_str()?.to_owned()]))
        .collect()
}
