//! Two days of authorities that fail, step by step on a clock that the scenario sets: a node warns and refuses when the table of
//! what goes stale says so (`settings/staleness.rs`), in its words, and goes on by itself when they are back.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bridge_core::accept::Language;
use bridge_core::leaf::Side;
use bridge_core::refusal::{NodeFault, Refusal};
use bridge_node::node::Node;
use bridge_node::settings::staleness::{Span, rows};
use bridge_node::stamping::stamp;
use bridge_node::status::read_all;
use bridge_tests::ahead::Ahead;
use bridge_tests::claims::{self, facts, told};
use bridge_tests::registry::{Reaction, Registry};
use bridge_tests::status_authority::StatusAuthority;
use bridge_tests::time_authority::{Does, REPLY, TimeAuthority};
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, World, usual};
use bytes::Bytes;

const HOURS: u64 = 48;

/// Which authorities fail; the consumer's node rests on each that is named.
#[derive(Clone, Copy, Default)]
struct Failing {
    /// `crl`, `ocsp`.
    status: &'static [&'static str],
    directory: bool,
    stamps: bool,
}

/// A world whose consumer rests on authorities outside, and those authorities.
struct Days {
    world: World,
    ahead: Ahead,
    status: Option<StatusAuthority>,
    web: Registry,
    time: Option<TimeAuthority>,
    /// When all fails.
    start_s: u64,
    now_s: u64,
}

/// A thing that goes stale: its row, and what the metric told when it was heard of last.
struct Stale {
    thing: &'static str,
    span: Span,
    told_s: f64,
    message: Refusal,
}

// === impl Days ===

impl Days {
    /// A world whose nodes exchange; each authority speaks.
    async fn begin(failing: Failing) -> Self {
        let web = Registry::start().await;
        let mut setup = World::with().contract(usual()).refresh_every(1);
        if failing.directory {
            setup = setup.consumer_source(&format!("http://{}/mirror", web.address));
        }
        let mut world = setup.make().await;
        let ahead = Ahead::new(world.folder.path());
        let mut status = None;
        if !failing.status.is_empty() {
            let agencies = [&*world.consumer, &*world.provider];
            let folder = world.folder.path();
            let new = StatusAuthority::start(folder, &world.authority, &agencies).await;
            new.follow(&ahead);
            world
                .consumer
                .add_settings(&new.settings("", failing.status));
            status = Some(new);
        }
        let mut time = None;
        if failing.stamps {
            let folder = world.folder.path().join("time");
            let new = TimeAuthority::start(&folder, &world.authority, now_s()).await;
            new.follow(&ahead);
            let lines = "\n[time]\ntrust = \"../anchors.pem\"\nevery_seconds = 1\n";
            world
                .consumer
                .add_settings(&format!("{lines}{}", new.entry()));
            time = Some(new);
        }
        let mut days = Self {
            web,
            ahead,
            status,
            time,
            start_s: 0,
            now_s: 0,
            world,
        };
        days.serve();
        days.world = days.world.run().await;
        let consumer = &days.world.consumer;
        wait_until("all is known", async || {
            consumer.health("/ready").await.unwrap().status == 200
                && days
                    .stamping()
                    .is_none_or(|stamping| stamping.newest_ms().is_some())
        })
        .await;
        consumer.get(PATH).send().await.answered(200);
        days
    }

    fn node(&self) -> &Arc<Node> {
        &self.world.consumer.live().node
    }

    fn stamping(&self) -> Option<&bridge_node::stamping::Stamping> {
        self.node().stamping.as_deref()
    }

    /// The web server gives what is published.
    fn serve(&self) {
        let folder = self.world.folder.path().join("directory");
        self.web.does(move |seen| {
            let path = folder.join(seen.target.trim_start_matches("/mirror/"));
            match fs::read(path) {
                Ok(bytes) => Reaction::answer(200, &[], bytes),
                Err(_absent) => Reaction::answer(404, &[], ""),
            }
        });
    }

    /// It is this time for everybody. The directory's authority signs on; the provider's node reads it where it is published.
    async fn at(&mut self, now_s: u64) {
        self.now_s = now_s;
        self.ahead.set(now_s);
        for agency in [&self.world.provider, &self.world.consumer] {
            agency.set_clock(now_s);
        }
        self.world.publisher.refresh_timestamp(now_s).unwrap();
        self.world.provider.refresh().await;
    }

    /// Everything that the consumer's node rests on fails from now on, and it has met that. The clocks stand still from here on.
    async fn fail(&mut self) {
        self.world.publisher.refresh_timestamp(now_s()).unwrap();
        self.world.refresh().await;
        let unanswered = |node: &Node| {
            let status = node.status.as_ref().map(|status| status.tally());
            let asked = [
                status.map(|tally| &tally.unanswered),
                self.stamping().map(|one| &one.tally().unanswered),
            ];
            asked.map(|count| count.map(|count| count.load(Ordering::Relaxed)))
        };
        if let Some(status) = &self.status {
            status.silence(true);
        }
        if let Some(time) = &self.time {
            time.does(Does::Answers(503, REPLY, Bytes::new()));
        }
        self.web.always(Reaction::answer(503, &[], ""));
        let before = unanswered(self.node());
        // What was asked for before has been answered by then, and taken.
        wait_until("each source has failed more than once", async || {
            let now = unanswered(self.node());
            let has_failed = |(now, before): (&Option<u64>, &Option<u64>)| match (now, before) {
                (Some(now), Some(before)) => *now >= before + 3,
                _ => true,
            };
            let reads_web = matches!(
                self.node().settings.directory_source,
                bridge_node::settings::DirectorySource::Http(_)
            );
            now.iter().zip(&before).all(has_failed)
                && (!reads_web || self.node().watch.fault().is_some())
        })
        .await;
        self.start_s = now_s();
        self.at(self.start_s).await;
    }

    /// All of them answer again, at the time that it is now.
    fn back(&self) {
        if let Some(status) = &self.status {
            status.silence(false);
        }
        if let Some(time) = &self.time {
            time.does(Does::Stamps);
        }
        self.serve();
    }

    /// What the table says of a thing, and what the metric tells of it now. A span is the one of this source, if there are several.
    async fn stale(&self, thing: &str, source: &str) -> Stale {
        let row = rows().into_iter().find(|row| row.thing == thing).unwrap();
        let mut spans = row.spans.into_iter();
        let span = spans.find(|span| span.series.contains(source)).unwrap();
        let told_s: f64 = self.told(&span).await;
        // By default it counts as long as the table says; it was heard of last a moment before.
        let counted = span.counts_until_s(told_s) - seconds(self.start_s);
        let stops_s = seconds(span.stops_s);
        assert!(counted <= stops_s, "{thing}: {counted} of {stops_s} s");
        if source != "answer" {
            assert!(
                counted > stops_s - 60.0,
                "{thing}: {counted} of {stops_s} s"
            );
        }
        Stale {
            thing: row.thing,
            message: worded(row.message.unwrap(), &span, told_s),
            span,
            told_s,
        }
    }

    async fn told(&self, span: &Span) -> f64 {
        let text = told(&self.world.consumer, &span.series).await;
        text.parse().unwrap()
    }

    /// Whether an alert's expression holds by what `/metrics` tells now.
    async fn holds(&self, expression: &str) -> bool {
        if let Some((left, right)) = expression.split_once(" < ") {
            return self.value(left).await < self.value(right).await;
        }
        let (left, right) = expression.split_once(" > ").unwrap();
        self.value(left).await > self.value(right).await
    }

    async fn value(&self, side: &str) -> f64 {
        let words: Vec<&str> = side.split(' ').collect();
        let [one, sign, other] = words[..] else {
            return self.term(side).await;
        };
        let (one, other) = (self.term(one).await, self.term(other).await);
        match sign {
            "-" => one - other,
            "*" => one * other,
            "/" => one / other,
            _ => panic!("{side}"),
        }
    }

    async fn term(&self, word: &str) -> f64 {
        if word == "time()" {
            return seconds(self.now_s);
        }
        match word.parse() {
            Ok(number) => number,
            Err(_) => told(&self.world.consumer, word).await.parse().unwrap(),
        }
    }

    /// Goes through two days with all of it failing. At each step, exchanges end by the first of `stale` that counts no more, in
    /// its words; each alert stands from when the table says.
    async fn go_through(&mut self, stale: &[Stale]) -> Vec<bool> {
        let mut steps: Vec<u64> = (0..HOURS)
            .map(|hour| self.start_s + hour * 3600 + 1800)
            .collect();
        for one in stale {
            for edge in [
                one.span.warns_from_s(one.told_s),
                one.span.counts_until_s(one.told_s),
            ] {
                let edge = whole(edge);
                steps.extend([edge - 1, edge + 2]);
            }
        }
        steps.retain(|step| *step >= self.start_s);
        steps.sort_unstable();
        let mut exchanged = Vec::new();
        for step in steps {
            self.at(step).await;
            // The node itself tries each second; here it has tried at this time.
            read_all(self.node()).await;
            stamp(self.node()).await;
            self.world.consumer.refresh().await;
            exchanged.push(self.look(stale).await);
        }
        exchanged
    }

    /// Asks at the time that it is now, and holds everything that is told against the table; says whether it was answered.
    async fn look(&self, stale: &[Stale]) -> bool {
        let consumer = &self.world.consumer;
        let now_s = seconds(self.now_s);
        let after = (self.now_s - self.start_s) / 60;
        let ready = consumer.health("/ready").await.unwrap();
        let reasons = ready.json()["reasons"].to_string();
        let mut ended = Vec::new();
        for one in stale {
            let told_s = self.told(&one.span).await;
            assert!(
                (told_s - one.told_s).abs() < f64::EPSILON,
                "{}, {after} min",
                one.thing
            );
            let stands = self.holds(&one.span.expression).await;
            let expected = now_s > one.span.warns_from_s(one.told_s);
            assert_eq!(
                stands, expected,
                "{}: {} after {after} min",
                one.thing, one.span.alert
            );
            if now_s > one.span.counts_until_s(one.told_s) {
                ended.push(one);
            }
        }
        let answer = consumer.get(PATH).send().await;
        if ended.is_empty() {
            answer.answered(200);
            assert_eq!((ready.status, &*reasons), (200, "[]"), "{after} min");
            return true;
        }
        assert_eq!(ready.status, 503, "{after} min");
        assert!(answer.field("retry-after").is_some());
        let message = answer.message();
        let by = ended.iter().find(|one| {
            let (status, code) = (one.message.status(), one.message.code(Side::Consumer));
            let first = one.message.message(Language::English);
            let first = first.split_once(". ").map_or(&*first, |(first, _)| first);
            (answer.status, answer.field("x-road-error")) == (status, Some(code))
                && message.starts_with(first)
        });
        assert!(
            by.is_some(),
            "{after} min: {} {:?} {message}",
            answer.status,
            answer.field("x-road-error")
        );
        // Why is told of each, with what its source says.
        let causes = reasons.matches("status 503").count();
        assert!(causes >= ended.len(), "{after} min: {reasons}");
        // The provider's role, as far as it is asked before a message is read.
        let is_admitted = self.node().admit(Side::Provider).is_ok();
        let is_directory = ended.iter().all(|one| one.thing == "directory");
        assert_eq!(is_admitted, is_directory, "{after} min");
        assert!(!is_directory || self.node().watch.view(self.now_s).is_err());
        false
    }

    /// Hour 48: who fails is back, and the node that ran all the time goes on by itself.
    async fn recover(&mut self) {
        self.at(self.start_s + HOURS * 3600).await;
        let served = self.world.registry.seen().len();
        let refused = self.world.consumer.get(PATH).send().await;
        assert_eq!(refused.status, 503);
        self.back();
        let consumer = &self.world.consumer;
        wait_until("it exchanges again by itself", async || {
            consumer.get(PATH).send().await.status == 200
        })
        .await;
        wait_until("it is ready", async || {
            consumer.health("/ready").await.unwrap().status == 200
        })
        .await;
        assert!(self.world.registry.seen().len() > served);
    }

    /// The one `state` leaf that says for how many seconds something lacked.
    async fn lacked(&self, fact: &str) -> u64 {
        let consumer = &self.world.consumer;
        wait_until("a leaf says how long it was", async || {
            !facts(consumer, fact).is_empty()
        })
        .await;
        let facts = facts(consumer, fact);
        assert_eq!(facts.len(), 1, "{facts:?}");
        facts[0].parse().unwrap()
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds since 1970")]
fn seconds(whole: u64) -> f64 {
    whole as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "seconds since 1970"
)]
fn whole(seconds: f64) -> u64 {
    seconds as u64
}

/// The message of a row with the times of this world in the place of the page's example.
fn worded(message: Refusal, span: &Span, told_s: f64) -> Refusal {
    let until_s = whole(span.counts_until_s(told_s));
    if let Refusal::Node(NodeFault::DirectoryExpired { .. }) = message {
        let expired_s = until_s;
        return Refusal::Node(NodeFault::DirectoryExpired { expired_s });
    }
    if let Refusal::Node(NodeFault::CertificateStatus { .. }) = message {
        let authority = "CN=Scenario authority issuing".to_owned();
        let until_s = Some(until_s);
        return Refusal::Node(NodeFault::CertificateStatus { authority, until_s });
    }
    message
}

/// In how many of the first steps exchanges were answered; none is answered after one that was refused.
#[track_caller]
fn answered(exchanged: &[bool]) -> usize {
    let answered = exchanged.iter().take_while(|answered| **answered).count();
    let after = &exchanged[answered..];
    assert!(!after.is_empty() && after.iter().all(|answered| !answered));
    answered
}

#[tokio::test]
async fn two_days_without_lists_and_answers_are_a_day_of_exchanges_and_a_day_of_none() {
    let status = &["crl", "ocsp"];
    let mut days = Days::begin(Failing {
        status,
        ..Failing::default()
    })
    .await;
    days.fail().await;
    let stale = [days.stale("certificate status", "list").await];
    let exchanged = days.go_through(&stale).await;
    // 24 half hours, and three of the four edges.
    assert_eq!(answered(&exchanged), 24 + 3);
    days.recover().await;
    let lacked = days.lacked("without_certificate_status_seconds").await;
    assert!((23 * 3600..=24 * 3600).contains(&lacked), "{lacked}");
    claims::verifies(&days.world.consumer);
}

#[tokio::test]
async fn two_days_without_responders_stop_exchanges_from_the_end_of_their_last_answers() {
    let status = &["ocsp"];
    let mut days = Days::begin(Failing {
        status,
        ..Failing::default()
    })
    .await;
    days.fail().await;
    let stale = [days.stale("certificate status", "answer").await];
    // The responder says when its next answer is due: in five minutes.
    assert!(stale[0].told_s - seconds(days.start_s) <= 305.0);
    let exchanged = days.go_through(&stale).await;
    assert_eq!(answered(&exchanged), 3);
    days.recover().await;
    let lacked = days.lacked("without_certificate_status_seconds").await;
    assert!((47 * 3600..=48 * 3600).contains(&lacked), "{lacked}");
    claims::verifies(&days.world.consumer);
}

#[tokio::test]
async fn two_days_without_the_directorys_server_are_a_day_of_exchanges_and_a_day_of_none() {
    let mut days = Days::begin(Failing {
        directory: true,
        ..Failing::default()
    })
    .await;
    days.fail().await;
    let stale = [days.stale("directory", "").await];
    let exchanged = days.go_through(&stale).await;
    assert_eq!(answered(&exchanged), 24 + 3);
    days.recover().await;
    claims::verifies(&days.world.consumer);
}

#[tokio::test]
async fn two_days_without_time_stamps_are_four_hours_of_exchanges_and_the_rest_of_none() {
    let mut days = Days::begin(Failing {
        stamps: true,
        ..Failing::default()
    })
    .await;
    days.fail().await;
    let stale = [days.stale("time-stamps", "").await];
    let exchanged = days.go_through(&stale).await;
    assert_eq!(answered(&exchanged), 4 + 3);
    days.recover().await;
    let lacked = days.lacked("without_time_stamp_seconds").await;
    assert!(
        (HOURS * 3600 - 60..=HOURS * 3600 + 60).contains(&lacked),
        "{lacked}"
    );
    claims::verifies(&days.world.consumer);
}

#[tokio::test]
async fn two_days_without_any_authority_end_by_themselves_when_all_are_back() {
    let mut days = Days::begin(Failing {
        status: &["crl"],
        directory: true,
        stamps: true,
    })
    .await;
    days.fail().await;
    let stale = [
        days.stale("certificate status", "list").await,
        days.stale("directory", "").await,
        days.stale("time-stamps", "").await,
    ];
    let exchanged = days.go_through(&stale).await;
    // Time-stamps end first; no edge of the others is within their four hours.
    assert_eq!(answered(&exchanged), 4 + 3);
    days.recover().await;
    for (fact, hours) in [
        ("without_time_stamp_seconds", 48),
        ("without_certificate_status_seconds", 24),
    ] {
        let lacked = days.lacked(fact).await;
        assert!(
            (hours * 3600 - 1800..=hours * 3600 + 60).contains(&lacked),
            "{fact}: {lacked}"
        );
    }
    claims::verifies(&days.world.consumer);
}
