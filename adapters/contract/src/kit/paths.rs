//! Paths: what a service does not have, and what letters a path can hold.

use super::ask::Ended;
use super::bench::{Bench, Good};
use super::check::{Check, Judged, absent, demand};
use super::judge::{is_same, must_miss, must_refuse};
use super::odd;
use crate::probe::Probe;

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "paths.unknown",
        [
            "a path that the service does not have is not found",
            "An answer to a mistyped path is taken for the answer to the right one.",
        ],
        |bench| Box::pin(unknown(bench)),
    ),
    Check::call(
        "paths.unknown-service",
        [
            "a service that the package does not have is not found",
            "Routing by path alone serves one service under the name, and the contract, of another.",
        ],
        |bench| Box::pin(unknown_service(bench)),
    ),
    Check::call(
        "paths.other-service",
        [
            "a path of one service is not served under another one's code",
            "The contract for the address would read the person.",
        ],
        |bench| Box::pin(other_service(bench)),
    ),
    Check::call(
        "paths.deeper",
        [
            "a known path with one more segment is not found",
            "Matching by prefix serves paths that no contract names.",
        ],
        |bench| Box::pin(deeper(bench)),
    ),
    Check::call(
        "paths.trailing-slash",
        [
            "a known path with a slash at its end is another path",
            "The node decides on the path as it stands; an adapter that trims it answers another one.",
        ],
        |bench| Box::pin(trailing_slash(bench)),
    ),
    Check::call(
        "paths.empty-segment",
        [
            "an empty segment in place of an identifier finds nobody",
            "\"Everything\" is the classic answer to an empty key.",
        ],
        |bench| Box::pin(empty_segment(bench)),
    ),
    Check::call(
        "paths.bare-service",
        [
            "the service code alone is not found, unless it is an endpoint",
            "It must not answer with the first, the last or all entries.",
        ],
        |bench| Box::pin(bare_service(bench)),
    ),
    Check::call(
        "paths.literal-case",
        [
            "fixed segments of a path are compared with their letter case",
            "CHECK and check are two endpoints for the contract.",
        ],
        |bench| Box::pin(literal_case(bench)),
    ),
    Check::call(
        "paths.decoded-once",
        [
            "what stands behind an escape is decoded once and not again",
            "%254D is the text %4D; decoding it twice asks for somebody whom the node did not decide on.",
        ],
        |bench| Box::pin(decoded_once(bench)),
    ),
    Check::call(
        "paths.azerbaijani-letters",
        [
            "ə ğ ı İ ö ş ü ç in a path are survived",
            "Cutting a text at bytes instead of letters fails on the first name.",
        ],
        |bench| {
            Box::pin(segment_values(
                bench,
                &[odd::LETTERS, "İbrahimova", "ŞAMAXI"],
            ))
        },
    ),
    Check::call(
        "paths.astral-letters",
        [
            "characters of four bytes in a path are survived",
            "Old databases take three at most, and fail.",
        ],
        |bench| Box::pin(segment_values(bench, &[odd::ASTRAL])),
    ),
    Check::call(
        "paths.long-segment",
        [
            "a segment of 4,000 characters is survived",
            "Fixed buffers and file names overflow.",
        ],
        |bench| Box::pin(long_segment(bench)),
    ),
    Check::call(
        "paths.many-segments",
        [
            "a path of 300 segments is survived",
            "Routing that calls itself for each segment runs out of stack.",
        ],
        |bench| Box::pin(many_segments(bench)),
    ),
    Check::call(
        "paths.injection",
        [
            "SQL, LDAP, shell and template code in place of an identifier is refused or finds nobody",
            "Where it does anything else, it runs.",
        ],
        |bench| Box::pin(injection(bench)),
    ),
    Check::call(
        "paths.dot-names",
        [
            "names such as ..\\ and .env in place of an identifier find nobody",
            "A registry of files must not leave its folder.",
        ],
        |bench| {
            Box::pin(segment_values(
                bench,
                &["..\\..\\etc\\passwd", ".env", "...", "~root", "CON"],
            ))
        },
    ),
];

async fn unknown(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let probe = Probe {
        path: "/no/service/has/this/path".to_owned(),
        query: Vec::new(),
        ..plain.probe.clone()
    };
    must_miss(&bench.ask(&probe).await)
}

async fn unknown_service(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let service = bench.subject.scenario.provider.service("kit-unknown");
    let service = service.map_err(|_| absent("no further service can be named"))?;
    must_miss(
        &bench
            .ask(&Probe {
                service,
                ..plain.probe.clone()
            })
            .await,
    )
}

async fn other_service(bench: &Bench) -> Judged {
    let mut tried = false;
    for good in bench.reading() {
        for other in bench
            .subject
            .services
            .iter()
            .filter(|own| own.code != good.probe.service.code())
        {
            let Ok(service) = bench.subject.scenario.provider.service(other.code.as_str()) else {
                continue;
            };
            let probe = Probe {
                service,
                ..good.probe.clone()
            };
            if bench.allows(&probe).is_ok() {
                continue;
            }
            tried = true;
            must_refuse(&bench.ask(&probe).await)?;
        }
    }
    if tried {
        Ok(())
    } else {
        Err(absent(
            "all services take the same paths, or there is one only",
        ))
    }
}

async fn deeper(bench: &Bench) -> Judged {
    beside(bench, "one more segment", |segments| {
        segments.push("kit".to_owned())
    })
    .await
}

async fn trailing_slash(bench: &Bench) -> Judged {
    beside(bench, "a slash at its end", |segments| {
        segments.push(String::new())
    })
    .await
}

/// Every reading call, with its path changed: none may be served where no endpoint has that path.
async fn beside(bench: &Bench, what: &str, change: fn(&mut Vec<String>)) -> Judged {
    let mut tried = false;
    for good in bench.reading() {
        let mut segments = good.probe.segments();
        change(&mut segments);
        let probe = Probe {
            path: odd::path(&segments),
            ..good.probe.clone()
        };
        if bench.endpoint(&probe).is_some() {
            continue;
        }
        tried = true;
        must_refuse(&bench.ask(&probe).await)?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent(format!("every path with {what} is an endpoint too")))
    }
}

async fn empty_segment(bench: &Bench) -> Judged {
    let (good, at) = bench.with_parameter()?;
    let last = good.probe.segments().len().checked_sub(1);
    if Some(at) != last {
        return Err(absent(
            "the node lets an empty segment through at the end only, and no parameter stands there",
        ));
    }
    let probe = odd::with_segment(good.probe, at, "");
    if bench.endpoint(&probe).is_some() {
        return Err(absent("the empty segment is an endpoint"));
    }
    must_refuse(&bench.ask(&probe).await)
}

async fn bare_service(bench: &Bench) -> Judged {
    let mut tried = false;
    for good in bench.reading() {
        let probe = Probe {
            path: String::new(),
            ..good.probe.clone()
        };
        if bench.endpoint(&probe).is_some() {
            continue;
        }
        tried = true;
        must_refuse(&bench.ask(&probe).await)?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent(
            "the service code alone is an endpoint of every service",
        ))
    }
}

async fn literal_case(bench: &Bench) -> Judged {
    let mut tried = false;
    for good in bench.reading() {
        let Some(template) = bench.endpoint(good.probe) else {
            continue;
        };
        let own = good.probe.segments();
        let fixed = template.as_str().trim_start_matches('/').split('/');
        let changed = own.iter().zip(fixed).map(|(segment, fixed)| {
            if fixed.starts_with('{') {
                segment.clone()
            } else {
                segment.to_uppercase()
            }
        });
        let probe = Probe {
            path: odd::path(&changed.collect::<Vec<_>>()),
            ..good.probe.clone()
        };
        if probe.segments() == own || bench.allows(&probe).is_ok() {
            continue;
        }
        tried = true;
        must_refuse(&bench.ask(&probe).await)?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent("no reading step has a fixed segment in its path"))
    }
}

async fn decoded_once(bench: &Bench) -> Judged {
    let (good, at) = bench.with_parameter()?;
    let own = good.probe.segments().get(at).cloned().unwrap_or_default();
    let escaped: String = own.bytes().map(|byte| format!("%{byte:02X}")).collect();
    let ended = bench
        .ask(&odd::with_segment(good.probe, at, &escaped))
        .await;
    must_find_nobody(bench, &ended, good)
}

async fn segment_values(bench: &Bench, values: &[&str]) -> Judged {
    let (good, at) = bench.with_parameter()?;
    for value in values {
        bench
            .must_fit(&odd::with_segment(good.probe, at, value))
            .await?;
    }
    bench.must_still_answer().await
}

async fn long_segment(bench: &Bench) -> Judged {
    let (good, at) = bench.with_parameter()?;
    let long = "A".repeat(4000);
    bench
        .must_fit(&odd::with_segment(good.probe, at, &long))
        .await?;
    bench.must_still_answer().await
}

async fn many_segments(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let segments: Vec<String> = (0..300).map(|number| number.to_string()).collect();
    must_refuse(
        &bench
            .ask(&Probe {
                path: odd::path(&segments),
                ..plain.probe.clone()
            })
            .await,
    )?;
    bench.must_still_answer().await
}

async fn injection(bench: &Bench) -> Judged {
    let (good, at) = bench.with_parameter()?;
    for value in odd::INJECTIONS {
        let ended = bench.ask(&odd::with_segment(good.probe, at, value)).await;
        must_refuse(&ended)?;
    }
    bench.must_still_answer().await
}

/// Neither the person nor anybody else: what was asked for is nobody's identifier.
fn must_find_nobody(bench: &Bench, ended: &Ended, good: Good<'_>) -> Judged {
    let somebody = bench
        .reading()
        .any(|known| matches!(ended, Ok(seen) if is_same(seen, known.seen)));
    demand(!somebody, || {
        format!("was answered with the data of {:?}", good.title)
    })?;
    must_refuse(ended)
}
