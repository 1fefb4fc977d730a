//! A call for one person never answers with another.

use super::ask::{Ended, told};
use super::bench::{Bench, Good, Told};
use super::check::{Check, Judged, absent, demand};
use super::judge::{is_refused, is_same, must_refuse, must_repeat};
use super::odd;
use crate::probe::Probe;

/// How often two persons are asked for in turn.
const TURNS: usize = 8;

pub(super) const CHECKS: &[Check] = &[
    Check::call(
        "identity.in-turn-by-path",
        [
            "two persons named in the path, asked for in turn, each get their own answer",
            "A reused statement, buffer or cache entry hands out the other person's data.",
        ],
        |bench| Box::pin(in_turn(bench, Told::Path)),
    ),
    Check::call(
        "identity.in-turn-by-query",
        [
            "two questions that differ in the query, asked in turn, each get their own answer",
            "A cache that forgets the query answers for another day or person.",
        ],
        |bench| Box::pin(in_turn(bench, Told::Query)),
    ),
    Check::call(
        "identity.in-turn-by-body",
        [
            "two questions that differ in the body, asked in turn, each get their own answer",
            "A cache that knows the path only cannot tell two bodies apart.",
        ],
        |bench| Box::pin(in_turn(bench, Told::Body)),
    ),
    Check::call(
        "identity.other-caller",
        [
            "a caller whom the registry has not seen gets the answer to his own question",
            "A session or cache per caller that is filled with a default answers for the wrong person.",
        ],
        |bench| Box::pin(other_caller(bench)),
    ),
    Check::call(
        "identity.after-abandoned",
        [
            "after a call that was dropped half-way the next call gets its own answer",
            "What is left on a connection is taken for the answer to the next question.",
        ],
        |bench| Box::pin(after_abandoned(bench)),
    ),
    Check::call(
        "identity.letter-case",
        [
            "an identifier in other letter case is not taken for the person",
            "Case folding differs between systems, above all for i and ı: one system's match is another's stranger.",
        ],
        |bench| Box::pin(near_miss(bench, NearMiss::LetterCase)),
    ),
    Check::call(
        "identity.prefix",
        [
            "the beginning of an identifier is not taken for the person",
            "LIKE 'x%' finds somebody; that it is the right one is luck.",
        ],
        |bench| Box::pin(near_miss(bench, NearMiss::Prefix)),
    ),
    Check::call(
        "identity.more-behind",
        [
            "an identifier with more behind it is not taken for the person",
            "Columns and buffers of fixed width cut the rest off.",
        ],
        |bench| Box::pin(near_miss(bench, NearMiss::MoreBehind)),
    ),
    Check::call(
        "identity.padding",
        [
            "an identifier with spaces around it is not taken for the person",
            "Contracts and logs compare exactly; a registry that trims answers what they did not see.",
        ],
        |bench| Box::pin(near_miss(bench, NearMiss::Padding)),
    ),
    Check::call(
        "identity.lookalike",
        [
            "an identifier in full-width or Cyrillic lookalikes is not taken for the person",
            "Normalising to ASCII joins identifiers that the node holds apart.",
        ],
        |bench| Box::pin(near_miss(bench, NearMiss::Lookalike)),
    ),
    Check::call(
        "identity.wildcard",
        [
            "wildcards in place of an identifier find nobody",
            "One character that means \"anyone\" reads out the register.",
        ],
        |bench| Box::pin(wildcard(bench)),
    ),
    Check::call(
        "identity.list",
        [
            "several identifiers with commas between them are not taken for the person",
            "IN (…) made from text answers for more people than were asked for.",
        ],
        |bench| Box::pin(near_miss(bench, NearMiss::List)),
    ),
    Check::call(
        "identity.same-key",
        [
            "one Idempotency-Key on reading calls for two persons gives each their own answer",
            "A store of answers by key alone hands the first person's data to whoever reuses the key.",
        ],
        |bench| Box::pin(same_key(bench)),
    ),
];

async fn in_turn(bench: &Bench, told: Told) -> Judged {
    let pair = bench.pair(told)?;
    for _ in 0..TURNS {
        for good in pair {
            must_repeat(&bench.ask(good.probe).await, good)?;
        }
    }
    Ok(())
}

async fn other_caller(bench: &Bench) -> Judged {
    let [one, other] = some_pair(bench)?;
    let member = one.probe.client.member();
    let stranger = member.subsystem("KIT-STRANGER");
    let stranger =
        stranger.map_err(|_| absent("the caller of the scenario has no other subsystem"))?;
    drop(bench.ask(one.probe).await);
    let probe = Probe {
        client: stranger,
        ..other.probe.clone()
    };
    let ended = bench.ask(&probe).await;
    must_not_be(&ended, one)?;
    let own = is_refused(&ended) || matches!(&ended, Ok(seen) if is_same(seen, other.seen));
    demand(own, || {
        format!("the stranger's call ended with {}", told_of(&ended))
    })
}

async fn after_abandoned(bench: &Bench) -> Judged {
    let [one, other] = some_pair(bench)?;
    for _ in 0..TURNS {
        bench.abandon(bench.call(one.probe)).await;
        must_repeat(&bench.ask(other.probe).await, other)?;
    }
    Ok(())
}

/// A way in which a text is nearly an identifier.
#[derive(Debug, Clone, Copy)]
enum NearMiss {
    LetterCase,
    Prefix,
    MoreBehind,
    Padding,
    Lookalike,
    List,
}

async fn near_miss(bench: &Bench, kind: NearMiss) -> Judged {
    let (good, at) = bench.with_parameter()?;
    let own = good.probe.segments().get(at).cloned().unwrap_or_default();
    let mut tried = false;
    for value in kind.values(&own) {
        // One that the document allows may be a right spelling, or another person.
        let probe = odd::with_segment(good.probe, at, &value);
        if value == own || bench.allows(&probe).is_ok() {
            continue;
        }
        tried = true;
        let ended = bench.ask(&probe).await;
        must_not_be(&ended, good)?;
        must_refuse(&ended)?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent("the document allows such an identifier"))
    }
}

impl NearMiss {
    fn values(self, own: &str) -> Vec<String> {
        let half: String = own.chars().take(own.chars().count().div_ceil(2)).collect();
        match self {
            Self::LetterCase => vec![
                own.to_lowercase(),
                own.to_uppercase(),
                own.replace('I', "ı").replace('i', "İ"),
            ],
            Self::Prefix => vec![half],
            Self::MoreBehind => vec![format!("{own}0"), format!("{own}{own}")],
            Self::Padding => vec![format!(" {own}"), format!("{own} "), format!("{own}\u{a0}")],
            Self::Lookalike => vec![full_width(own), cyrillic(own)],
            Self::List => vec![
                format!("{own},{own}"),
                format!("{own};{own}"),
                format!("{own}|{own}"),
            ],
        }
    }
}

/// The visible ASCII of a text in its full-width forms, U+FF01 to U+FF5E.
fn full_width(text: &str) -> String {
    let wide = |c: char| {
        let shifted = u32::from(c).checked_add(0xfee0).and_then(char::from_u32);
        if c.is_ascii_graphic() {
            shifted.unwrap_or(c)
        } else {
            c
        }
    };
    text.chars().map(wide).collect()
}

/// A text with the Cyrillic letters that look like its Latin ones.
fn cyrillic(text: &str) -> String {
    const PAIRS: [(char, char); 10] = [
        ('A', 'А'),
        ('B', 'В'),
        ('C', 'С'),
        ('E', 'Е'),
        ('H', 'Н'),
        ('K', 'К'),
        ('M', 'М'),
        ('P', 'Р'),
        ('T', 'Т'),
        ('X', 'Х'),
    ];
    let like = |c: char| {
        PAIRS
            .iter()
            .find(|(latin, _)| *latin == c)
            .map_or(c, |(_, like)| *like)
    };
    text.chars().map(like).collect()
}

async fn wildcard(bench: &Bench) -> Judged {
    let (good, at) = bench.with_parameter()?;
    let mut tried = false;
    for value in odd::WILDCARDS {
        let probe = odd::with_segment(good.probe, at, value);
        if bench.allows(&probe).is_ok() {
            continue;
        }
        tried = true;
        must_refuse(&bench.ask(&probe).await)?;
    }
    if tried {
        Ok(())
    } else {
        Err(absent("the document allows wildcards as identifiers"))
    }
}

async fn same_key(bench: &Bench) -> Judged {
    let [one, other] = some_pair(bench)?;
    let key = bench.fresh_key("reading");
    for good in [one, other, one] {
        let ended = bench.ask(&good.probe.clone().keyed(&key)).await;
        must_repeat(&ended, good)?;
    }
    Ok(())
}

/// Two reading calls about two persons, wherever the person stands.
fn some_pair(bench: &Bench) -> Result<[Good<'_>; 2], super::check::Finding> {
    let by = |told| bench.pair(told);
    by(Told::Path)
        .or_else(|_| by(Told::Body))
        .or_else(|_| by(Told::Query))
        .map_err(|_| absent("no two reading steps of one endpoint ask about two persons"))
}

fn must_not_be(ended: &Ended, good: Good<'_>) -> Judged {
    let same = matches!(ended, Ok(seen) if is_same(seen, good.seen));
    demand(!same, || "was answered with that person's data".to_owned())
}

fn told_of(ended: &Ended) -> String {
    match ended {
        Ok(seen) => format!("another answer, status {}", seen.status.as_u16()),
        Err(_) => told(ended),
    }
}
