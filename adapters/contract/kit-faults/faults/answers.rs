//! Adapters whose answers are wrong: status, body, fields, values.

use std::pin::Pin;
use std::task::{Context, Poll};

use bridge_adapter::{AdapterError, Body, BodyError};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

use crate::fault::Hook::{Answers, Ends, Panics, Streams};
use crate::fault::{Asked, Fault, Told};
use crate::reference::failed;

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        check: "answers.no-crash",
        what: "panics where a registry has no body for it",
        hooks: &[Panics(|asked| asked.segment(1) == "mark")],
    },
    Fault {
        check: "answers.refusals",
        what: "says that a mistaken identifier is not there",
        hooks: &[Ends(|asked| {
            (asked.path == "/QQQ").then_some(Err(AdapterError::NotFound))
        })],
    },
    Fault {
        check: "answers.answered",
        what: "fails on one of its own examples",
        hooks: &[Ends(|asked| {
            (asked.segment(1) == "mark").then(|| Err(failed()))
        })],
    },
    Fault {
        check: "answers.status",
        what: "says that a person whom nobody knows is gone",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| told.status = StatusCode::GONE)
        })],
    },
    Fault {
        check: "answers.body",
        what: "gives a person another name",
        hooks: &[Answers(|asked, told| {
            if asked.path == "/CJ9L1VQ" {
                told.replace("Xədicə", "Hacıxanım");
            }
        })],
    },
    Fault {
        check: "answers.final-status",
        what: "passes an interim status on as the answer",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| told.status = StatusCode::EARLY_HINTS);
        })],
    },
    Fault {
        check: "answers.status-declared",
        what: "answers with a status that nobody was told of",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| told.status = StatusCode::IM_A_TEAPOT);
        })],
    },
    Fault {
        check: "answers.no-body-where-none",
        what: "puts a body behind 204",
        hooks: &[Answers(|asked, told| {
            if asked.segment(1) == "mark" {
                told.say("{}");
                told.field("content-type", "application/json");
            }
        })],
    },
    Fault {
        check: "answers.media-type",
        what: "says text/html where nothing is found",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| told.field("content-type", "text/html"));
        })],
    },
    Fault {
        check: "answers.json",
        what: "writes single quotes",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| told.replace("\"", "'"))
        })],
    },
    Fault {
        check: "answers.schema",
        what: "uses another word than the schema",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| told.replace("not-found", "none"))
        })],
    },
    Fault {
        check: "values.no-byte-order-mark",
        what: "begins with a byte order mark",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| {
                told.say([b"\xef\xbb\xbf", told.bytes.as_slice()].concat())
            });
        })],
    },
    Fault {
        check: "values.keys-once",
        what: "writes a key twice",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| {
                told.replace("{", "{\"error\":\"not-found\",")
            });
        })],
    },
    Fault {
        check: "values.whole-numbers",
        what: "writes money as a decimal",
        hooks: &[Answers(|asked, told| {
            balance(asked, told, "1500", "1500.0")
        })],
    },
    Fault {
        check: "values.numbers-kept",
        what: "writes a number that readers round",
        hooks: &[Answers(|asked, told| {
            balance(asked, told, "1500", "9007199254740993")
        })],
    },
    Fault {
        check: "values.letters-kept",
        what: "has lost letters on the way from its database",
        hooks: &[Answers(|asked, told| {
            balance(asked, told, "ödənilib", "\u{fffd}d\u{fffd}nilib")
        })],
    },
    Fault {
        check: "values.no-nul",
        what: "passes on the padding of a column",
        hooks: &[Answers(|asked, told| {
            balance(asked, told, "ödənilib", "ödənilib\\u0000")
        })],
    },
    Fault {
        check: "values.times-with-zone",
        what: "writes the local time",
        hooks: &[Answers(|asked, told| balance(asked, told, "+04:00", ""))],
    },
    Fault {
        check: "fields.no-connection",
        what: "passes Connection on",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| told.field("connection", "close"))
        })],
    },
    Fault {
        check: "fields.no-framing",
        what: "passes Transfer-Encoding on",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| {
                told.field("transfer-encoding", "chunked")
            });
        })],
    },
    Fault {
        check: "fields.no-upgrade",
        what: "passes Upgrade on",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| told.field("upgrade", "h2c"))
        })],
    },
    Fault {
        check: "fields.no-proxy-login",
        what: "passes the login of a proxy on",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| {
                told.field("proxy-authenticate", "Basic")
            });
        })],
    },
    Fault {
        check: "fields.no-bridge",
        what: "writes a receipt itself",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| told.field("bridge-receipt", "1"))
        })],
    },
    Fault {
        check: "fields.no-x-road",
        what: "writes an error of the bus itself",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| told.field("x-road-error", "none"))
        })],
    },
    Fault {
        check: "fields.no-signature",
        what: "signs its answers for somebody else",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| told.field("signature", "own=:AA==:"))
        })],
    },
    Fault {
        check: "fields.type-present",
        what: "says no type where nothing is found",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| {
                drop(told.fields.remove(header::CONTENT_TYPE))
            });
        })],
    },
    Fault {
        check: "fields.charset",
        what: "names the charset of its database",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| {
                told.field("content-type", "application/json; charset=windows-1254")
            });
        })],
    },
    Fault {
        check: "fields.no-coding",
        what: "says that it compressed its answer",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| told.field("content-encoding", "gzip"))
        })],
    },
    Fault {
        check: "fields.no-range",
        what: "says that its answer is a part",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| {
                told.field("content-range", "bytes 0-20/21")
            });
        })],
    },
    Fault {
        check: "fields.length",
        what: "counts letters instead of bytes",
        hooks: &[Answers(|asked, told| {
            if asked.service == "balance" {
                let letters = String::from_utf8_lossy(&told.bytes).chars().count();
                told.field("content-length", &letters.to_string());
            }
        })],
    },
    Fault {
        check: "fields.length-once",
        what: "says its length twice",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| {
                told.fields
                    .append(header::CONTENT_LENGTH, HeaderValue::from(told.bytes.len()));
            });
        })],
    },
    Fault {
        check: "fields.visible",
        what: "writes a name into a field",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| {
                let name = HeaderValue::from_bytes("Ömər".as_bytes())
                    .expect("bytes above 127 are allowed");
                told.fields.insert("x-registrar", name);
            });
        })],
    },
    Fault {
        check: "fields.bounded",
        what: "passes on every field of its own middleware",
        hooks: &[Answers(|asked, told| {
            absent(asked, told, |told| {
                for number in 0..100 {
                    told.fields.append("x-trace", HeaderValue::from(number));
                }
            });
        })],
    },
    Fault {
        check: "fields.announced-length",
        what: "announces a length that does not come",
        hooks: &[Streams(|asked, bytes| {
            strange(bytes, asked.absent(), false)
        })],
    },
    Fault {
        check: "fields.no-trailers",
        what: "sends trailers",
        hooks: &[Streams(|asked, bytes| {
            strange(bytes, false, asked.absent())
        })],
    },
];

pub(super) fn absent(asked: &Asked, told: &mut Told, change: impl FnOnce(&mut Told)) {
    if asked.absent() {
        change(told);
    }
}

pub(super) fn balance(asked: &Asked, told: &mut Told, piece: &str, by: &str) {
    if asked.service == "balance" {
        told.replace(piece, by);
    }
}

fn strange(bytes: Bytes, announces: bool, trails: bool) -> Body {
    Strange {
        bytes: Some(bytes),
        announces,
        trails,
    }
    .boxed_unsync()
}

/// A body that announces one byte more than comes, or ends with a trailer.
struct Strange {
    bytes: Option<Bytes>,
    announces: bool,
    trails: bool,
}

impl http_body::Body for Strange {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(bytes) = self.bytes.take() {
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        let trails = std::mem::take(&mut self.trails);
        Poll::Ready(trails.then(|| Ok(Frame::trailers(HeaderMap::new()))))
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.bytes.as_ref().map_or(0, Bytes::len) as u64;
        SizeHint::with_exact(length + u64::from(self.announces))
    }
}
