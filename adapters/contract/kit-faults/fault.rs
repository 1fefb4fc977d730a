//! Broken adapters as data: the reference with one hook.

use async_trait::async_trait;
use bridge_adapter::{
    Adapter, AdapterError, Answer, Body, Call, CallerFacts, Description, Health, Until, body,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

use crate::reference::{Reference, bad, collected, failed};

/// More than any body of the battery but the endless one.
const LIMIT: u64 = 2 * 1024 * 1024;

/// One fault of an adapter, and the check that finds it.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) check: &'static str,
    /// The mistake, as its author would tell it.
    pub(crate) what: &'static str,
    pub(crate) hooks: &'static [Hook],
}

/// Where a fault takes hold.
#[derive(Clone, Copy)]
pub(crate) enum Hook {
    /// Says something else of itself.
    Describes(fn(&mut Description)),
    /// Takes the request's head for another one.
    Reads(fn(&mut Call)),
    /// Takes the request's body for another one.
    Rewrites(fn(&Asked, &[u8]) -> Option<Vec<u8>>),
    /// Fails on some requests.
    Chokes(fn(&Asked, &[u8]) -> bool),
    /// Refuses some sound requests.
    Refuses(fn(&Asked, &[u8]) -> bool),
    /// Panics on some requests.
    Panics(fn(&Asked) -> bool),
    /// Ends some calls otherwise.
    Ends(fn(&Asked) -> Option<Result<Answer, AdapterError>>),
    /// Gives another answer than the registry did.
    Answers(fn(&Asked, &mut Told)),
    /// Sends the body in another way.
    Streams(fn(&Asked, Bytes) -> Body),
    /// Says another error.
    Errs(fn(&Asked, &[u8], AdapterError) -> AdapterError),
}

/// What a call asks for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) service: String,
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) fields: HeaderMap,
    pub(crate) length: Option<u64>,
    pub(crate) key: Option<String>,
    pub(crate) far: bool,
    pub(crate) facts: CallerFacts,
}

/// An answer that can be changed.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) bytes: Vec<u8>,
}

/// The reference with a fault.
pub(crate) struct Broken {
    reference: Reference,
    hooks: &'static [Hook],
}

impl Fault {
    pub(crate) fn make(self) -> Broken {
        Broken {
            reference: Reference::default(),
            hooks: self.hooks,
        }
    }
}

#[async_trait]
impl Adapter for Broken {
    fn describe(&self) -> Description {
        let mut said = self.reference.describe();
        for hook in self.hooks {
            if let Hook::Describes(change) = hook {
                change(&mut said);
            }
        }
        said
    }

    async fn health(&self) -> Health {
        self.reference.health().await
    }

    async fn call(&self, mut call: Call) -> Result<Answer, AdapterError> {
        let asked = Asked::of(&call);
        let reads_body = |hook: &Hook| {
            matches!(
                hook,
                Hook::Rewrites(_) | Hook::Chokes(_) | Hook::Refuses(_) | Hook::Errs(_)
            )
        };
        let mut bytes = Bytes::new();
        if call.method == Method::POST && self.hooks.iter().any(reads_body) {
            let until = Until::of(&call);
            bytes = collected(&mut call, &until, LIMIT).await?;
            call.body = body::full(bytes.clone());
        }
        for hook in self.hooks {
            match hook {
                Hook::Reads(change) => change(&mut call),
                Hook::Rewrites(rewrite) => {
                    if let Some(bytes) = rewrite(&asked, &bytes) {
                        call.body = body::full(bytes);
                    }
                }
                Hook::Chokes(on) if on(&asked, &bytes) => return Err(failed()),
                Hook::Refuses(what) if what(&asked, &bytes) => {
                    return Err(bad("body", "another form"));
                }
                Hook::Panics(on) => assert!(!on(&asked), "the adapter meant to panic"),
                Hook::Ends(end) => {
                    if let Some(end) = end(&asked) {
                        return end;
                    }
                }
                _ => {}
            }
        }
        let answer = self.reference.call(call).await;
        self.changed(&asked, &bytes, answer).await
    }
}

impl Broken {
    async fn changed(
        &self,
        asked: &Asked,
        bytes: &[u8],
        answer: Result<Answer, AdapterError>,
    ) -> Result<Answer, AdapterError> {
        let mut answer = match answer {
            Ok(answer) => answer,
            Err(mut error) => {
                for hook in self.hooks {
                    if let Hook::Errs(change) = hook {
                        error = change(asked, bytes, error);
                    }
                }
                return Err(error);
            }
        };
        for hook in self.hooks {
            match hook {
                Hook::Answers(change) if asked.service != "day" => {
                    let bytes = body::collect(answer.body, LIMIT)
                        .await
                        .expect("it is at hand");
                    let mut told = Told {
                        status: answer.status,
                        fields: answer.fields,
                        bytes: bytes.to_vec(),
                    };
                    change(asked, &mut told);
                    let Told {
                        status,
                        fields,
                        bytes,
                    } = told;
                    answer = Answer {
                        status,
                        fields,
                        body: body::full(bytes),
                    };
                }
                Hook::Streams(stream) if asked.service != "day" => {
                    let bytes = body::collect(answer.body, LIMIT)
                        .await
                        .expect("it is at hand");
                    answer.body = stream(asked, bytes);
                }
                _ => {}
            }
        }
        Ok(answer)
    }
}

impl Asked {
    fn of(call: &Call) -> Self {
        let left = call
            .deadline
            .saturating_duration_since(tokio::time::Instant::now());
        Self {
            service: call.service.code().to_owned(),
            method: call.method.clone(),
            path: call.path.clone(),
            segments: call.segments.clone(),
            query: call.query.clone(),
            fields: call.fields.clone(),
            length: call.body_length,
            key: call.idempotency.as_ref().map(|own| own.key.clone()),
            far: left.as_secs() > 365 * 24 * 3600,
            facts: call.facts.clone(),
        }
    }

    /// Whether the call is about the person whom nobody knows.
    pub(crate) fn absent(&self) -> bool {
        self.service == "person" && self.path == "/0000000"
    }

    pub(crate) fn segment(&self, at: usize) -> &str {
        self.segments
            .get(at)
            .map(String::as_str)
            .unwrap_or_default()
    }

    pub(crate) fn media_type(&self) -> &str {
        let own = self.fields.get(header::CONTENT_TYPE);
        own.and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Whether some value of the query is so.
    pub(crate) fn any_value(&self, is: impl Fn(&str) -> bool) -> bool {
        self.query.iter().any(|(_, value)| is(value))
    }
}

impl Told {
    /// Says something else, with its length.
    pub(crate) fn say(&mut self, bytes: impl Into<Vec<u8>>) {
        self.bytes = bytes.into();
        self.fields
            .insert(header::CONTENT_LENGTH, HeaderValue::from(self.bytes.len()));
    }

    /// Replaces a piece of the text.
    pub(crate) fn replace(&mut self, piece: &str, by: &str) {
        let text = String::from_utf8(self.bytes.clone()).expect("the reference speaks UTF-8");
        self.say(text.replace(piece, by));
    }

    pub(crate) fn field(&mut self, name: &'static str, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.fields.insert(name, value);
        }
    }
}

/// Takes a call for one with other segments.
pub(crate) fn become_segments(call: &mut Call, segments: &[&str]) {
    call.segments = segments.iter().map(ToString::to_string).collect();
    call.path = format!("/{}", segments.join("/"));
}
