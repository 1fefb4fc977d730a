//! An answer as a caller or a peer got it, with the checks that every answer must stand.

use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use uuid::Uuid;

/// What the body of an error says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// `type`
    pub kind: String,
    /// `message`
    pub message: String,
    /// `detail`
    pub detail: String,
}

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Fields.
    pub fields: HeaderMap,
    /// Body.
    pub body: Bytes,
}

// === impl Answer ===

impl Answer {
    /// Takes a whole answer and checks what must hold of every one: one `Date` at most; `X-Road-Error` equals the body's
    /// `type`; `detail` is a UUID.
    pub fn checked(status: u16, fields: HeaderMap, body: Bytes) -> Self {
        let answer = Self {
            status,
            fields,
            body,
        };
        assert!(
            answer.fields.get_all("date").iter().count() <= 1,
            "two Date fields: {answer:?}"
        );
        assert!(answer.fields.get_all("content-length").iter().count() <= 1);
        if let Some(code) = answer.field("x-road-error")
            && !answer.body.is_empty()
        {
            let told = answer.told();
            assert_eq!(told.kind, code, "X-Road-Error differs from the body's type");
            Uuid::parse_str(&told.detail).expect("detail is a UUID");
            assert!(!told.message.is_empty());
        }
        answer
    }

    /// The one value of a field.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self.fields.get_all(name).iter();
        let value = values.next()?;
        assert!(values.next().is_none(), "{name} occurs twice");
        Some(value.to_str().unwrap())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("not JSON ({error}): {} {:?}", self.status, self.body))
    }

    /// The body of an error, in the form that `Content-Type` names.
    #[track_caller]
    pub fn told(&self) -> Told {
        let names = ["type", "message", "detail"];
        let [kind, message, detail] = match self.field("content-type") {
            Some("application/json; charset=utf-8") => {
                let body = self.json();
                names.map(|name| body[name].as_str().unwrap().to_owned())
            }
            Some("application/xml; charset=utf-8" | "text/xml; charset=utf-8") => {
                let text = std::str::from_utf8(&self.body).unwrap();
                let document = roxmltree::Document::parse(text).unwrap();
                let root = document.root_element();
                assert!(root.has_tag_name("error"), "{text}");
                names.map(|name| {
                    let mut found = root.children().filter(|child| child.has_tag_name(name));
                    let text = found.next().unwrap().text().unwrap().to_owned();
                    assert!(found.next().is_none(), "{name} occurs twice");
                    text
                })
            }
            other => panic!("an error of type {other:?}"),
        };
        Told {
            kind,
            message,
            detail,
        }
    }

    /// `X-Road-Request-Id`.
    pub fn request_id(&self) -> Uuid {
        Uuid::parse_str(self.field("x-road-request-id").expect("X-Road-Request-Id")).unwrap()
    }

    /// Checks that it is a refusal with this status and type.
    #[track_caller]
    pub fn refused(&self, status: u16, code: &str) -> &Self {
        let got = self.field("x-road-error");
        assert_eq!((self.status, got), (status, Some(code)), "{:?}", self.body);
        self
    }

    /// Checks that it is the provider's own answer with this status.
    #[track_caller]
    pub fn answered(&self, status: u16) -> &Self {
        assert_eq!(
            (self.status, self.field("x-road-error")),
            (status, None),
            "{:?}",
            self.body
        );
        self
    }

    /// The message of a refusal.
    pub fn message(&self) -> String {
        self.told().message
    }
}
