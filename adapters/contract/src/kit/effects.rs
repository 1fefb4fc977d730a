//! Effects that are stored with their Idempotency-Key happen once.

use tokio::time::Instant;

use super::ask::{Ended, Failure, Seen, told};
use super::bench::{Bench, Good};
use super::check::{Check, Judged, absent, broken, demand};
use super::judge::{is_same, must_refuse, must_survive};
use crate::AdapterError;
use crate::probe::{Probe, ProbeBody};

/// How many callers use one key at once.
const TOGETHER: usize = 16;
/// How many other keys are used between two calls with one key.
const BETWEEN: usize = 20;

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "effects.same-key",
        [
            "the same key with the same content gives the same answer, byte by byte",
            "A repeated payment is the first one's answer, or it is a second payment.",
        ],
        |bench| Box::pin(same_key(bench)),
    ),
    Check::call(
        "effects.kept-among-others",
        [
            "the answer is kept when many other keys were used since",
            "A repetition comes late: after a time-out, a restart, a weekend.",
        ],
        |bench| Box::pin(kept_among_others(bench)),
    ),
    Check::call(
        "effects.other-content",
        [
            "the same key with other content is refused as key-reused",
            "The first answer would confirm a payment that was never made.",
        ],
        |bench| Box::pin(other_content(bench)),
    ),
    Check::call(
        "effects.together",
        [
            "16 calls with one key at once have one answer",
            "Between looking for the key and writing it lies room for a second payment.",
        ],
        |bench| Box::pin(together(bench)),
    ),
    Check::call(
        "effects.other-caller",
        [
            "another caller's equal key is another key",
            "Two agencies that count from 1 would get each other's answers.",
        ],
        |bench| Box::pin(other_caller(bench)),
    ),
    Check::call(
        "effects.long-keys",
        [
            "long keys that differ at their end are different",
            "A column of fixed width cuts both to the same.",
        ],
        |bench| {
            Box::pin(two_keys(bench, |key| {
                let long = format!("{key}-{}", "k".repeat(150));
                [format!("{long}1"), format!("{long}2")]
            }))
        },
    ),
    Check::call(
        "effects.key-case",
        [
            "keys that differ in letter case are different",
            "Databases that compare without it join two payments.",
        ],
        |bench| {
            Box::pin(two_keys(bench, |key| {
                [format!("{key}-abc"), format!("{key}-ABC")]
            }))
        },
    ),
    Check::call(
        "effects.key-injection",
        [
            "quotes and code in a key are survived",
            "The key is written to a table with every effect.",
        ],
        |bench| Box::pin(key_injection(bench)),
    ),
    Check::call(
        "effects.refused-keeps-nothing",
        [
            "a request refused by an error leaves its key free; a refusal that is an answer is given again",
            "An error promises that nothing was done, and the caller sends the right request; an answer is what the key has.",
        ],
        |bench| Box::pin(refused_keeps_nothing(bench)),
    ),
    Check::call(
        "effects.abandoned",
        [
            "after a call that was dropped half-way, the same key soon has an answer, and one only",
            "That is what keys are for: nobody knows whether the first call was worked on.",
        ],
        |bench| Box::pin(abandoned(bench)),
    ),
    Check::call(
        "effects.no-key",
        [
            "a call without a key is survived",
            "Contracts may leave the key to the caller.",
        ],
        |bench| Box::pin(no_key(bench)),
    ),
];

async fn same_key(bench: &Bench) -> Judged {
    let probe = keyed(bench, bench.stored()?, "same");
    let first = answered(bench.ask(&probe).await)?;
    for _ in 0..3 {
        must_be(&bench.ask(&probe).await, &first)?;
    }
    Ok(())
}

async fn kept_among_others(bench: &Bench) -> Judged {
    let good = bench.stored()?;
    let probe = keyed(bench, good, "kept");
    let first = answered(bench.ask(&probe).await)?;
    for number in 0..BETWEEN {
        drop(
            bench
                .ask(&keyed(bench, good, &format!("between-{number}")))
                .await,
        );
    }
    must_be(&bench.ask(&probe).await, &first)
}

async fn other_content(bench: &Bench) -> Judged {
    let good = bench.stored()?;
    let mut probe = keyed(bench, good, "content");
    let first = answered(bench.ask(&probe).await)?;
    if !first.status.is_success() {
        // The effect can be had once only. A key is kept with an effect: the scenario's own was.
        if good.probe.key.is_none() {
            return Err(absent(
                "the step's effect can be had once only, and the step has no idempotency_key",
            ));
        }
        probe = good.probe.clone();
    }
    let ended = bench.ask(&otherwise(&probe)?).await;
    let reused = matches!(ended, Err(Failure::Call(AdapterError::KeyReused)));
    demand(reused, || format!("ended with {}", told(&ended)))
}

async fn together(bench: &Bench) -> Judged {
    let probe = keyed(bench, bench.stored()?, "together");
    let asked: Vec<_> = (0..TOGETHER)
        .map(|_| bench.start(bench.call(&probe)))
        .collect();
    let mut first: Option<Seen> = None;
    for one in asked {
        let ended = one.await.unwrap_or(Err(Failure::Panicked));
        match (&ended, &first) {
            (Err(Failure::Call(AdapterError::KeyInFlight | AdapterError::Busy)), _) => {}
            (Ok(seen), None) => first = Some(seen.clone()),
            (_, Some(first)) => must_be(&ended, first)?,
            (_, None) => return broken(format!("one of them ended with {}", told(&ended))),
        }
    }
    match first {
        Some(first) => must_be(&bench.ask(&probe).await, &first),
        None => broken("none of them was answered"),
    }
}

async fn other_caller(bench: &Bench) -> Judged {
    let probe = keyed(bench, bench.stored()?, "caller");
    answered(bench.ask(&probe).await)?;
    let stranger = probe.client.member().subsystem("KIT-STRANGER");
    let client =
        stranger.map_err(|_none| absent("the caller of the scenario has no other subsystem"))?;
    must_not_be_reused(
        &bench
            .ask(&Probe {
                client,
                ..otherwise(&probe)?
            })
            .await,
    )
}

/// Two keys, each with its own content: neither may be taken for the other.
async fn two_keys(bench: &Bench, make: fn(&str) -> [String; 2]) -> Judged {
    let good = bench.stored()?;
    let [one, two] = make(&bench.fresh_key("two"));
    answered(bench.ask(&good.probe.clone().keyed(&one)).await)?;
    must_not_be_reused(&bench.ask(&otherwise(good.probe)?.keyed(&two)).await)
}

async fn key_injection(bench: &Bench) -> Judged {
    let good = bench.stored()?;
    for code in ["'; DROP TABLE keys; --", "\"x\"", "%", "\\"] {
        let key = format!("{}{code}", bench.fresh_key("code"));
        must_survive(&bench.ask(&good.probe.clone().keyed(&key)).await)?;
    }
    Ok(())
}

async fn refused_keeps_nothing(bench: &Bench) -> Judged {
    let probe = keyed(bench, bench.stored()?, "refused");
    let wrong = Probe {
        body: ProbeBody::Whole("[]".into()),
        ..probe.clone()
    };
    if bench.allows(&wrong).is_ok() {
        return Err(absent("the document allows any body"));
    }
    let refused = bench.ask(&wrong).await;
    must_refuse(&refused)?;
    match refused {
        Ok(answer) => must_be(&bench.ask(&wrong).await, &answer),
        Err(_) => must_not_be_reused(&bench.ask(&probe).await),
    }
}

async fn abandoned(bench: &Bench) -> Judged {
    let probe = keyed(bench, bench.stored()?, "abandoned");
    bench.abandon(bench.call(&probe)).await;
    let until = Instant::now().checked_add(bench.pace.grace);
    let mut ended = bench.ask(&probe).await;
    while is_in_flight(&ended) && until.is_some_and(|until| Instant::now() < until) {
        tokio::time::sleep(bench.pace.short).await;
        ended = bench.ask(&probe).await;
    }
    let first = answered(ended)?;
    must_be(&bench.ask(&probe).await, &first)
}

async fn no_key(bench: &Bench) -> Judged {
    let good = bench.stored()?;
    must_survive(
        &bench
            .ask(&Probe {
                key: None,
                ..good.probe.clone()
            })
            .await,
    )
}

fn keyed(bench: &Bench, good: Good<'_>, name: &str) -> Probe {
    good.probe.clone().keyed(&bench.fresh_key(name))
}

/// The same request with one space more behind its body: for the digest, other content.
fn otherwise(probe: &Probe) -> Result<Probe, super::check::Finding> {
    let ProbeBody::Whole(bytes) = &probe.body else {
        return Err(absent(
            "the step has no body whose content could be another",
        ));
    };
    Ok(Probe {
        body: ProbeBody::Whole([bytes.as_ref(), b" "].concat().into()),
        ..probe.clone()
    })
}

fn answered(ended: Ended) -> Result<Seen, super::check::Finding> {
    match ended {
        Ok(seen) => Ok(seen),
        ended => broken(format!(
            "the first call with a key ended with {}",
            told(&ended)
        )),
    }
}

fn must_be(ended: &Ended, first: &Seen) -> Judged {
    match ended {
        Ok(seen) if is_same(seen, first) && seen.bytes == first.bytes => Ok(()),
        Ok(seen) => broken(format!(
            "the same key had another answer, status {}",
            seen.status.as_u16()
        )),
        Err(_) => broken(format!("the same key ended with {}", told(ended))),
    }
}

fn must_not_be_reused(ended: &Ended) -> Judged {
    let mixed = matches!(
        ended,
        Err(Failure::Call(
            AdapterError::KeyReused | AdapterError::KeyInFlight
        ))
    );
    demand(!mixed, || format!("ended with {}", told(ended)))?;
    must_survive(ended)
}

fn is_in_flight(ended: &Ended) -> bool {
    matches!(ended, Err(Failure::Call(AdapterError::KeyInFlight)))
}
