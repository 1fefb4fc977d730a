//! Adapters that take a path, a method or an identifier for another one.

use http::Method;
use percent_encoding::percent_decode_str;

use bridge_adapter::{AdapterError, Call};

use crate::fault::Hook::{Chokes, Errs, Panics, Reads};
use crate::fault::{Fault, become_segments};

pub(super) const KNOWN: &str = "MBXEHTV";

pub(super) const FAULTS: &[Fault] = &[
    Fault {
        check: "identity.letter-case",
        what: "compares identifiers without their letter case",
        hooks: &[Reads(|call| with_person(call, str::to_uppercase))],
    },
    Fault {
        check: "identity.prefix",
        what: "looks for whoever begins so",
        hooks: &[Reads(|call| {
            with_person(call, |own| {
                let known = own.len() > 1 && KNOWN.starts_with(own);
                if known {
                    KNOWN.to_owned()
                } else {
                    own.to_owned()
                }
            });
        })],
    },
    Fault {
        check: "identity.more-behind",
        what: "cuts identifiers to seven characters",
        hooks: &[Reads(|call| {
            with_person(call, |own| {
                let simple = own.chars().all(|c| c.is_ascii_alphanumeric());
                own.chars()
                    .take(if simple { 7 } else { usize::MAX })
                    .collect()
            });
        })],
    },
    Fault {
        check: "identity.padding",
        what: "trims identifiers",
        hooks: &[Reads(|call| with_person(call, |own| own.trim().to_owned()))],
    },
    Fault {
        check: "identity.lookalike",
        what: "normalises full-width letters",
        hooks: &[Reads(|call| {
            with_person(call, |own| {
                let narrow = |c: char| u32::from(c).checked_sub(0xfee0).and_then(char::from_u32);
                own.chars()
                    .map(|c| {
                        if ('\u{ff01}'..='\u{ff5e}').contains(&c) {
                            narrow(c).unwrap_or(c)
                        } else {
                            c
                        }
                    })
                    .collect()
            });
        })],
    },
    Fault {
        check: "identity.wildcard",
        what: "asks with LIKE",
        hooks: &[Reads(|call| {
            with_person(call, |own| {
                if own == "%" {
                    KNOWN.to_owned()
                } else {
                    own.to_owned()
                }
            });
        })],
    },
    Fault {
        check: "identity.list",
        what: "takes commas for a list",
        hooks: &[Reads(|call| {
            with_person(call, |own| {
                own.split(',').next().unwrap_or_default().to_owned()
            });
        })],
    },
    Fault {
        check: "paths.unknown",
        what: "answers a path that it does not know with what it has",
        hooks: &[Reads(|call| {
            if call.segments.len() == 5 {
                become_segments(call, &[KNOWN]);
            }
        })],
    },
    Fault {
        check: "paths.unknown-service",
        what: "routes by path alone",
        hooks: &[Reads(|call| {
            if call.service.code().starts_with("kit") {
                serve(call, "person");
            }
        })],
    },
    Fault {
        check: "paths.other-service",
        what: "serves the mark of a person under every service",
        hooks: &[Reads(|call| {
            if call.service.code() == "balance"
                && call.segments.get(1).is_some_and(|own| own == "mark")
            {
                serve(call, "person");
            }
        })],
    },
    Fault {
        check: "paths.deeper",
        what: "matches paths by prefix",
        hooks: &[Reads(|call| {
            if call.segments.len() == 2
                && call.segments[1] == "kit"
                && call.service.code() == "person"
            {
                call.segments.truncate(1);
            }
        })],
    },
    Fault {
        check: "paths.trailing-slash",
        what: "ignores a slash at the end",
        hooks: &[Reads(|call| {
            if call.segments.len() > 1 && call.segments.last().is_some_and(String::is_empty) {
                call.segments.pop();
            }
        })],
    },
    Fault {
        check: "paths.empty-segment",
        what: "takes an empty identifier for the first person",
        hooks: &[Reads(|call| {
            with_person(call, |own| {
                if own.is_empty() {
                    KNOWN.to_owned()
                } else {
                    own.to_owned()
                }
            })
        })],
    },
    Fault {
        check: "paths.bare-service",
        what: "shows the first person where nobody is named",
        hooks: &[Reads(|call| {
            if call.segments.is_empty()
                && call.service.code() == "person"
                && call.method == Method::GET
            {
                become_segments(call, &[KNOWN]);
            }
        })],
    },
    Fault {
        check: "paths.literal-case",
        what: "routes without letter case",
        hooks: &[Reads(|call| {
            if call.segments.first().is_some_and(|own| own == "CHECK") {
                become_segments(call, &["check"]);
            }
        })],
    },
    Fault {
        check: "paths.decoded-once",
        what: "decodes what was decoded",
        hooks: &[Reads(|call| {
            with_person(call, |own| {
                percent_decode_str(own).decode_utf8_lossy().into_owned()
            });
        })],
    },
    Fault {
        check: "paths.azerbaijani-letters",
        what: "cuts a text between the bytes of a letter",
        hooks: &[Panics(|asked| {
            asked.segments.iter().any(|own| own.contains('ə'))
        })],
    },
    Fault {
        check: "paths.astral-letters",
        what: "has a database of three-byte characters",
        hooks: &[Chokes(|asked, _| {
            asked
                .segments
                .iter()
                .any(|own| own.chars().any(|c| c > '\u{ffff}'))
        })],
    },
    Fault {
        check: "paths.long-segment",
        what: "has a buffer of 1,000 bytes",
        hooks: &[Chokes(|asked, _| {
            asked.segments.iter().any(|own| own.len() > 1000)
        })],
    },
    Fault {
        check: "paths.many-segments",
        what: "calls itself for each segment",
        hooks: &[Chokes(|asked, _| asked.segments.len() > 100)],
    },
    Fault {
        check: "paths.injection",
        what: "pastes identifiers into SQL",
        hooks: &[Chokes(|asked, _| asked.segment(0).contains('\''))],
    },
    Fault {
        check: "paths.dot-names",
        what: "takes identifiers for file names",
        hooks: &[Chokes(|asked, _| asked.segment(0) == ".env")],
    },
    Fault {
        check: "methods.not-taken",
        what: "does not look at the method",
        hooks: &[Reads(|call| {
            if call.method == Method::DELETE {
                call.method = Method::GET;
            }
        })],
    },
    Fault {
        check: "methods.named",
        what: "does not say which methods there are",
        hooks: &[Errs(|_, _, error| match error {
            AdapterError::MethodNotAllowed { .. } => AdapterError::MethodNotAllowed {
                allowed: Vec::new(),
            },
            other => other,
        })],
    },
    Fault {
        check: "methods.head",
        what: "answers HEAD as GET",
        hooks: &[Reads(|call| {
            if call.method == Method::HEAD {
                call.method = Method::GET;
            }
        })],
    },
    Fault {
        check: "methods.letter-case",
        what: "compares methods without their letter case",
        hooks: &[Reads(|call| {
            if call.method.as_str() == "get" {
                call.method = Method::GET;
            }
        })],
    },
];

/// Takes the identifier of a person for another one.
pub(super) fn with_person(call: &mut Call, change: fn(&str) -> String) {
    let is_person = call.service.code() == "person" && call.segments.len() == 1;
    if let (true, Some(own)) = (
        is_person && call.method == Method::GET,
        call.segments.first_mut(),
    ) {
        *own = change(own);
    }
}

fn serve(call: &mut Call, code: &str) {
    call.service = call
        .service
        .subsystem()
        .service(code)
        .expect("a service code");
}
