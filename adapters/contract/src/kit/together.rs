//! Many callers at once: each gets the answer to its own question.

use std::collections::BTreeSet;

use tokio::task::JoinHandle;

use super::ask::{Ended, Failure, told};
use super::bench::{Bench, Good, Told};
use super::bodies::fresh;
use super::check::{Check, Judged, absent, demand};
use super::judge::{must_refuse, must_repeat};
use super::{odd, streams};

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "together.one-question",
        [
            "64 callers with one question at once get its answer",
            "A queue that overflows at the first rush is the outage of every Monday.",
        ],
        |bench| Box::pin(one_question(bench)),
    ),
    Check::call(
        "together.persons-by-path",
        [
            "64 callers who ask for different persons by path at once get each their own",
            "Anything shared between calls, a buffer, a statement, a variable, mixes them up.",
        ],
        |bench| Box::pin(pairs(bench, Told::Path)),
    ),
    Check::call(
        "together.persons-by-body",
        [
            "64 callers who ask for different persons by body at once get each their own",
            "Bodies arrive in pieces; a shared buffer joins pieces of two.",
        ],
        |bench| Box::pin(pairs(bench, Told::Body)),
    ),
    Check::call(
        "together.services",
        [
            "64 callers of different services at once get each their own answer",
            "A shared current service answers the address to who asked for the person.",
        ],
        |bench| Box::pin(services(bench)),
    ),
    Check::call(
        "together.with-mistakes",
        [
            "good calls among 32 mistaken ones are answered, and the mistaken ones refused",
            "A transaction or a last error that is shared makes one caller's mistake everyone's.",
        ],
        |bench| Box::pin(with_mistakes(bench)),
    ),
    Check::call(
        "together.with-a-slow-one",
        [
            "a caller whose body does not come holds nobody up",
            "One slow line must not be everyone's outage.",
        ],
        |bench| Box::pin(with_a_slow_one(bench)),
    ),
    Check::call(
        "together.waves",
        [
            "five waves of 64 callers are answered, one after the other",
            "A place lost in each rush is noticed at the fifth.",
        ],
        |bench| Box::pin(waves(bench)),
    ),
];

async fn one_question(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    each_own(bench, &[plain]).await
}

async fn pairs(bench: &Bench, told: Told) -> Judged {
    let pair = bench.pair(told)?;
    each_own(bench, &pair).await
}

async fn services(bench: &Bench) -> Judged {
    let mut seen = BTreeSet::new();
    let one_each: Vec<Good<'_>> = bench
        .reading()
        .filter(|good| seen.insert(good.probe.service.code().to_owned()))
        .collect();
    if one_each.len() < 2 {
        return Err(absent("the scenario reads one service only"));
    }
    each_own(bench, &one_each).await
}

async fn with_mistakes(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    let (good, at) = bench.with_parameter()?;
    let mistaken = odd::with_segment(good.probe, at, "~");
    if bench.allows(&mistaken).is_ok() {
        return Err(absent("the document allows any identifier"));
    }
    let rounds = bench.pace.together / 2;
    let asked: Vec<_> = (0..rounds)
        .map(|_| {
            (
                bench.start(bench.call(plain.probe)),
                bench.start(bench.call(&mistaken)),
            )
        })
        .collect();
    for (right, wrong) in asked {
        must_repeat(&ended(right).await, plain)?;
        must_refuse(&ended(wrong).await)?;
    }
    Ok(())
}

async fn with_a_slow_one(bench: &Bench) -> Judged {
    let (slow, bytes) = bench.any_body()?;
    let plain = bench.plain()?;
    let mut call = bench.call(&fresh(bench, slow));
    let (body, gate) = streams::gated(bytes.slice(..1), bytes.slice(1..));
    call.body = body;
    call.body_length = None;
    let waiting = bench.start(call);
    tokio::time::sleep(bench.pace.short).await;
    let others = tokio::time::timeout(bench.pace.grace, each_own(bench, &[plain])).await;
    let held_up = others.is_err();
    gate.open();
    drop(ended(waiting).await);
    demand(!held_up, || {
        "the others had no answer while it waited".to_owned()
    })?;
    others.unwrap_or(Ok(()))
}

async fn waves(bench: &Bench) -> Judged {
    let plain = bench.plain()?;
    for _ in 0..5 {
        each_own(bench, &[plain]).await?;
    }
    Ok(())
}

/// Makes all calls in turn, at once, and holds each to its own answer.
async fn each_own(bench: &Bench, goods: &[Good<'_>]) -> Judged {
    let turns = goods.iter().cycle().take(bench.pace.together);
    let asked: Vec<(Good<'_>, JoinHandle<Ended>)> = turns
        .map(|good| (*good, bench.start(bench.call(good.probe))))
        .collect();
    let mut wrong = Vec::new();
    for (good, asked) in asked {
        let ended = ended(asked).await;
        if must_repeat(&ended, good).is_err() {
            wrong.push(told(&ended));
        }
    }
    demand(wrong.is_empty(), || {
        let first = wrong.first().map(String::as_str).unwrap_or_default();
        format!(
            "{} of {} did not get their own answer; the first got {first}",
            wrong.len(),
            bench.pace.together
        )
    })
}

async fn ended(asked: JoinHandle<Ended>) -> Ended {
    asked.await.unwrap_or(Err(Failure::Panicked))
}
