//! Methods: those that a path takes, and no others.

use http::Method;

use super::ask::{Failure, told};
use super::bench::Bench;
use super::check::{Check, Judged, absent, broken, demand};
use super::judge::must_refuse;
use crate::AdapterError;
use crate::probe::{Probe, ProbeBody};

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "methods.not-taken",
        [
            "a method that the path does not take is refused",
            "A DELETE that is carried out as a GET, or the other way, is the worst of surprises.",
        ],
        |bench| Box::pin(method(bench)),
    ),
    Check::call(
        "methods.named",
        [
            "the refusal of a method names the methods that the path takes",
            "The caller learns what to write instead; 405 demands it.",
        ],
        |bench| Box::pin(methods_named(bench)),
    ),
    Check::call(
        "methods.head",
        [
            "HEAD has no body, or is refused",
            "A body behind HEAD is read as the beginning of the next answer.",
        ],
        |bench| Box::pin(head(bench)),
    ),
    Check::call(
        "methods.letter-case",
        [
            "a method in lower-case letters is another method",
            "Methods are compared exactly by everyone before the adapter.",
        ],
        |bench| Box::pin(method_case(bench)),
    ),
];

/// Methods in the order in which they are tried.
const METHODS: [Method; 5] = [
    Method::DELETE,
    Method::PUT,
    Method::PATCH,
    Method::POST,
    Method::GET,
];

/// The plain call by a method that its path does not take.
fn by_other_method(bench: &Bench) -> Result<(Probe, Vec<String>), super::check::Finding> {
    let plain = bench.plain()?;
    let own = bench.endpoint(plain.probe);
    let endpoints = bench.subject.openapi.endpoints(plain.probe.service.code());
    let taken: Vec<Method> = endpoints
        .into_iter()
        .filter(|e| Some(&e.path) == own.as_ref())
        .map(|e| e.method)
        .collect();
    let free = METHODS.into_iter().find(|method| !taken.contains(method));
    let method = free.ok_or_else(|| absent("the path takes every method"))?;
    let probe = Probe {
        method,
        body: ProbeBody::Empty,
        content_type: None,
        ..plain.probe.clone()
    };
    Ok((probe, taken.iter().map(ToString::to_string).collect()))
}

async fn method(bench: &Bench) -> Judged {
    let (probe, _) = by_other_method(bench)?;
    must_refuse(&bench.ask(&probe).await)
}

async fn methods_named(bench: &Bench) -> Judged {
    let (probe, taken) = by_other_method(bench)?;
    match bench.ask(&probe).await {
        Err(Failure::Call(AdapterError::MethodNotAllowed { allowed })) => {
            let known = !allowed.is_empty()
                && allowed
                    .iter()
                    .all(|own| taken.contains(own) || own == "HEAD" || own == "OPTIONS");
            demand(known, || {
                format!("named {:?} instead of {}", allowed, taken.join(", "))
            })
        }
        Ok(seen) if seen.status.as_u16() == 405 => {
            let named = seen.fields.contains_key(http::header::ALLOW);
            demand(named, || "405 without Allow".to_owned())
        }
        _ => Err(absent(
            "the refusal is another one than \"method not allowed\"",
        )),
    }
}

async fn head(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let probe = Probe {
        method: Method::HEAD,
        ..plain.probe.clone()
    };
    match bench.ask(&probe).await {
        Ok(seen) if seen.bytes.is_empty() => Ok(()),
        Ok(seen) if seen.status.is_client_error() => Ok(()),
        Ok(seen) => broken(format!("had a body of {} bytes", seen.bytes.len())),
        ended => must_refuse(&ended),
    }
}

async fn method_case(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let lower = plain.probe.method.as_str().to_ascii_lowercase();
    let method = Method::from_bytes(lower.as_bytes());
    let method = method.map_err(|_| absent("the method cannot be written otherwise"))?;
    let ended = bench
        .ask(&Probe {
            method,
            ..plain.probe.clone()
        })
        .await;
    let answered = matches!(&ended, Ok(seen) if seen.status.is_success());
    demand(!answered, || format!("ended with {}", told(&ended)))?;
    must_refuse(&ended)
}
