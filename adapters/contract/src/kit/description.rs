//! What an adapter says of itself.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::bench::Bench;
use super::check::{Check, Judged, absent, broken, demand};
use crate::openapi::Checker;
use crate::{Description, Effect, Endpoint, ServiceDescription};

/// How often a description is asked for to see whether it is cheap. The fastest time counts: a busy machine slows some of
/// them, and an adapter that works for its description slows all.
const OFTEN: u32 = 200;
/// What a description may take.
const CHEAP: Duration = Duration::from_millis(10);

pub(super) const CHECKS: &[Check] = &[
    Check::look(
        "description.services",
        [
            "each service of the package is described once",
            "A service that is not described cannot be found, asked or allowed by a contract.",
        ],
        services,
    ),
    Check::look(
        "description.no-strangers",
        [
            "no service is described that the package does not have",
            "A service that nobody agreed on would be offered to all agencies.",
        ],
        no_strangers,
    ),
    Check::look(
        "description.codes",
        [
            "every service code can stand in a service identifier",
            "A node refuses to start with a code that no caller could write.",
        ],
        codes,
    ),
    Check::look(
        "description.order",
        [
            "the services stand in the order of the package",
            "Lists that change their order look like a change of the offer.",
        ],
        order,
    ),
    Check::look(
        "description.titles",
        [
            "every service has a title of one line",
            "Officers who approve contracts read the title, not the code.",
        ],
        titles,
    ),
    Check::look(
        "description.kind",
        [
            "the kind of adapter is a word of lower-case letters, digits and -",
            "It becomes a label of metrics and logs.",
        ],
        kind,
    ),
    Check::look(
        "description.endpoints",
        [
            "the endpoints of each service are those of the OpenAPI document",
            "Contracts allow endpoints by name; one that is not described cannot be allowed, a described one that is not there is allowed in vain.",
        ],
        endpoints,
    ),
    Check::look(
        "description.openapi",
        [
            "every service comes with an OpenAPI document that can be read",
            "Without it calls and answers cannot be checked and nobody knows what to ask.",
        ],
        openapi,
    ),
    Check::look(
        "description.openapi-own-paths",
        [
            "the document of a service speaks of that service alone",
            "A caller may be allowed to see one service and not the others.",
        ],
        own_paths,
    ),
    Check::look(
        "description.openapi-servers",
        [
            "the document names no servers",
            "Their addresses are inside the registry's own network.",
        ],
        servers,
    ),
    Check::look(
        "description.openapi-rules",
        [
            "the document has the rules of the package's document",
            "A looser copy lets through what the package forbids.",
        ],
        rules,
    ),
    Check::look(
        "description.safe-methods-read",
        [
            "GET, HEAD, OPTIONS and TRACE are said to read",
            "Nodes and proxies repeat safe methods; one with an effect would do it twice.",
        ],
        safe_methods,
    ),
    Check::look(
        "description.stable",
        [
            "asked twice in a row, it says the same",
            "A description that changes by itself makes contracts and caches wrong at random.",
        ],
        stable,
    ),
    Check::look(
        "description.cheap",
        [
            "describing is cheap: the fastest of 200 takes 10 ms at most",
            "It is asked for metadata at any time, also under load.",
        ],
        cheap,
    ),
    Check::call(
        "description.lasting",
        [
            "after calls were served it says the same as before them",
            "What an adapter offers is fixed at its start; a drift escapes the officers.",
        ],
        |bench| Box::pin(lasting(bench)),
    ),
];

fn services(bench: &Bench) -> Judged {
    for service in &bench.subject.services {
        let own = bench
            .description
            .services
            .iter()
            .filter(|own| own.code == service.code);
        let count = own.count();
        demand(count == 1, || {
            format!("{} is described {count} times", service.code)
        })?;
    }
    Ok(())
}

fn no_strangers(bench: &Bench) -> Judged {
    for described in valid(bench) {
        let known = bench
            .subject
            .services
            .iter()
            .any(|own| own.code == described.code);
        demand(known, || {
            format!("{} is no service of the package", described.code)
        })?;
    }
    Ok(())
}

fn codes(bench: &Bench) -> Judged {
    for described in &bench.description.services {
        let id = bench
            .subject
            .scenario
            .provider
            .service(described.code.as_str());
        demand(id.is_ok(), || {
            format!("{:?} is no service code", described.code)
        })?;
    }
    Ok(())
}

fn order(bench: &Bench) -> Judged {
    let place = |code: &str| {
        bench
            .subject
            .services
            .iter()
            .position(|own| own.code == code)
    };
    let places: Vec<usize> = valid(bench).filter_map(|own| place(&own.code)).collect();
    demand(places.is_sorted(), || {
        "the order is another than the package's".to_owned()
    })
}

fn titles(bench: &Bench) -> Judged {
    for described in &bench.description.services {
        let title = described.title.trim();
        let fits = !title.is_empty() && !title.chars().any(char::is_control);
        demand(fits, || {
            format!(
                "the title of {} is empty or of several lines",
                described.code
            )
        })?;
    }
    Ok(())
}

fn kind(bench: &Bench) -> Judged {
    let kind = bench.description.adapter;
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    demand(!kind.is_empty() && kind.chars().all(fits), || {
        format!("{kind:?} is no such word")
    })
}

fn endpoints(bench: &Bench) -> Judged {
    for described in packaged(bench) {
        let named = |list: &[Endpoint]| -> BTreeSet<String> {
            list.iter()
                .map(|own| format!("{} {:?}", own.method, own.path.as_str()))
                .collect()
        };
        let expected = named(&bench.subject.openapi.endpoints(&described.code));
        let own = named(&described.endpoints);
        let differing: Vec<&str> = own
            .symmetric_difference(&expected)
            .map(String::as_str)
            .collect();
        demand(differing.is_empty(), || {
            format!(
                "{}: {} stands in one of the two only",
                described.code,
                differing.join(", ")
            )
        })?;
    }
    Ok(())
}

fn openapi(bench: &Bench) -> Judged {
    for described in packaged(bench) {
        let Some(document) = &described.openapi else {
            return broken(format!("{} comes without a document", described.code));
        };
        if let Err(faults) = Checker::from_value(document.as_ref().clone()) {
            let first = faults.first().map(ToString::to_string).unwrap_or_default();
            return broken(format!("the document of {}: {first}", described.code));
        }
    }
    Ok(())
}

fn own_paths(bench: &Bench) -> Judged {
    for (described, document) in documents(bench)? {
        let paths = document.get("paths").and_then(Value::as_object);
        let own = |path: &str| path.split('/').nth(1) == Some(described.code.as_str());
        let mut strangers = paths.into_iter().flatten().filter(|(path, _)| !own(path));
        if let Some((path, _)) = strangers.next() {
            return broken(format!(
                "the document of {} speaks of {path}",
                described.code
            ));
        }
    }
    Ok(())
}

fn servers(bench: &Bench) -> Judged {
    for (described, document) in documents(bench)? {
        let silent = document.get("servers").is_none();
        demand(silent, || {
            format!("the document of {} names servers", described.code)
        })?;
    }
    Ok(())
}

fn rules(bench: &Bench) -> Judged {
    for (described, document) in documents(bench)? {
        let own = bench.subject.openapi.service_document(&described.code);
        let paths = own.get("paths").and_then(Value::as_object);
        for (path, rule) in paths.into_iter().flatten() {
            let place = document.get("paths").and_then(|paths| paths.get(path));
            // A path that is absent is told by `description.endpoints` of its service.
            let same = place.is_none_or(|place| place == rule);
            demand(same, || {
                format!("{path} has other rules than the package's")
            })?;
        }
        let same = document.get("components") == own.get("components");
        demand(same, || {
            format!("the schemas of {} are other ones", described.code)
        })?;
    }
    Ok(())
}

fn safe_methods(bench: &Bench) -> Judged {
    for described in &bench.description.services {
        let safe = described
            .endpoints
            .iter()
            .filter(|own| own.method.is_safe());
        for endpoint in safe {
            demand(endpoint.effect == Effect::Reads, || {
                format!(
                    "{} {} is said to have an effect",
                    endpoint.method,
                    endpoint.path.as_str()
                )
            })?;
        }
    }
    Ok(())
}

fn stable(bench: &Bench) -> Judged {
    let (first, second) = (bench.adapter.describe(), bench.adapter.describe());
    must_say_the_same(&first, &second)
}

fn cheap(bench: &Bench) -> Judged {
    let mut fastest = Duration::MAX;
    for _ in 0..OFTEN {
        let started = Instant::now();
        let said = bench.adapter.describe();
        fastest = fastest.min(started.elapsed());
        demand(
            !said.services.is_empty() || bench.description.services.is_empty(),
            || "the services went away while it was asked".to_owned(),
        )?;
    }
    demand(fastest <= CHEAP, || {
        format!("the fastest of {OFTEN} took {fastest:?}")
    })
}

async fn lasting(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    for _ in 0..10 {
        drop(bench.ask(plain.probe).await);
    }
    must_say_the_same(&bench.description, &bench.adapter.describe())
}

fn must_say_the_same(first: &Description, second: &Description) -> Judged {
    let facts = |said: &Description| -> Vec<_> {
        let own = |s: &ServiceDescription| {
            (
                s.code.clone(),
                s.title.clone(),
                s.endpoints.clone(),
                s.openapi.clone(),
            )
        };
        said.services.iter().map(own).collect()
    };
    let same = first.adapter == second.adapter && facts(first) == facts(second);
    demand(same, || "it said something else".to_owned())
}

/// The described services with a code that can be one.
fn valid(bench: &Bench) -> impl Iterator<Item = &ServiceDescription> {
    let provider = &bench.subject.scenario.provider;
    let all = bench.description.services.iter();
    all.filter(|own| provider.service(own.code.as_str()).is_ok())
}

/// The described services that the package has.
fn packaged(bench: &Bench) -> impl Iterator<Item = &ServiceDescription> {
    let known = |code: &str| bench.subject.services.iter().any(|own| own.code == code);
    bench
        .description
        .services
        .iter()
        .filter(move |own| known(&own.code))
}

type Documents<'a> = Vec<(&'a ServiceDescription, &'a Value)>;

fn documents(bench: &Bench) -> Result<Documents<'_>, super::check::Finding> {
    let with = packaged(bench).filter_map(|own| own.openapi.as_deref().map(|text| (own, text)));
    let list: Documents<'_> = with.collect();
    if list.is_empty() {
        Err(absent("no service comes with a document"))
    } else {
        Ok(list)
    }
}
