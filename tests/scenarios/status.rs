//! Revoked certificates: lists and answers that OpenSSL signs, and what happens while none is to be had.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bridge_node::status::{Statuses, read_all};
use bridge_tests::agency::Agency;
use bridge_tests::claims::{facts, metric, reached};
use bridge_tests::status_authority::StatusAuthority;
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, Setup, World, usual};

pub(crate) const NOT_KNOWN: &str = "server.clientproxy.ocsp_failed";

/// A world whose nodes ask about certificates, by list or by responder.
pub(crate) async fn world(
    lines: &str,
    consumer: &[&str],
    provider: &[&str],
) -> (World, StatusAuthority) {
    running(World::with(), lines, consumer, provider).await
}

/// A world that nobody has started, and who says which of its certificates are revoked.
pub(crate) async fn made(setup: Setup) -> (World, StatusAuthority) {
    // An idle connection is not closed for its age in a scenario about something else.
    let setup = setup.contract(usual()).limit("head_seconds = 120");
    let world = setup.make().await;
    let agencies = [&*world.consumer, &*world.provider, &*world.stranger];
    let authority = StatusAuthority::start(world.folder.path(), &world.authority, &agencies).await;
    (world, authority)
}

/// As [`world`], of more than the usual.
pub(crate) async fn running(
    setup: Setup,
    lines: &str,
    consumer: &[&str],
    provider: &[&str],
) -> (World, StatusAuthority) {
    let (mut world, authority) = made(setup).await;
    for (agency, by) in [
        (&mut world.consumer, consumer),
        (&mut world.provider, provider),
    ] {
        if !by.is_empty() {
            agency.add_settings(&authority.settings(lines, by));
        }
    }
    let world = world.run().await;
    for (agency, by) in [(&world.consumer, consumer), (&world.provider, provider)] {
        if !by.is_empty() {
            wait_until("the node is ready", async || ready(agency).await.0 == 200).await;
        }
    }
    (world, authority)
}

pub(crate) fn statuses(agency: &Agency) -> &Statuses {
    agency.live().node.status.as_deref().unwrap()
}

pub(crate) async fn ready(agency: &Agency) -> (u16, String) {
    let ready = agency.health("/ready").await.unwrap();
    (ready.status, ready.json()["reasons"].to_string())
}

pub(crate) async fn revoked(agency: &Agency, count: usize) {
    wait_until("revocations are known", async || {
        statuses(agency).revoked_in_use() == count
    })
    .await;
}

/// Waits until the journal tells of a revoked certificate, and of no other: what is known is in force before it is told.
pub(crate) async fn told_revoked(agency: &Agency, whose: &str) {
    let told = || facts(agency, "certificate_revoked");
    wait_until("the journal tells of it", async || !told().is_empty()).await;
    assert_eq!(told(), [whose]);
}

#[tokio::test]
async fn s42_a_peer_whose_tls_certificate_is_revoked_is_cut_off_and_refused() {
    let (world, authority) = world("", &[], &["crl"]).await;
    world.consumer.get(PATH).send().await.answered(200);
    let tasks = &world.provider.live().node.house.tasks;
    assert!(
        !tasks.is_empty(),
        "the connection of the exchange stays open"
    );
    authority.revoke(&world.consumer, "tls");
    revoked(&world.provider, 1).await;
    wait_until("the open connection is closed", async || tasks.is_empty()).await;
    // The node says no before anything of the message counts, so without a signature.
    let told = world.consumer.get(PATH).send().await;
    told.refused(502, "server.clientproxy.service_failed");
    assert!(told.message().contains("status 403"), "{}", told.message());
    let consumer = world.consumer.node();
    told_revoked(&world.provider, &format!("tls of {consumer}")).await;
    assert_eq!(metric(&world.provider, "bridge_status_revoked").await, 1);
    assert_eq!(metric(&world.provider, "bridge_status_listed").await, 1);
}

#[tokio::test]
async fn s42_a_provider_whose_tls_certificate_is_revoked_is_not_asked() {
    let (world, authority) = world("", &["crl"], &[]).await;
    world.consumer.get(PATH).send().await.answered(200);
    let asked = world.registry.seen().len();
    authority.revoke(&world.provider, "tls");
    revoked(&world.consumer, 1).await;
    let told = world.consumer.get(PATH).send().await;
    told.refused(502, "server.clientproxy.ssl_authentication_failed");
    assert!(
        told.message().contains("was revoked at 2026-01-01"),
        "{}",
        told.message()
    );
    assert_eq!(world.registry.seen().len(), asked, "nothing was asked");
}

#[tokio::test]
async fn s42_a_revoked_exchange_key_signs_neither_requests_nor_answers() {
    let (world, authority) = world("", &["crl"], &["crl"]).await;
    world.consumer.get(PATH).send().await.answered(200);
    authority.revoke(&world.provider, "exchange");
    revoked(&world.consumer, 1).await;
    revoked(&world.provider, 1).await;
    // The provider's own node says so itself, and serves nobody.
    let (status, reasons) = ready(&world.provider).await;
    assert_eq!(status, 503);
    assert!(reasons.contains("exchange key"), "{reasons}");
    let told = world.consumer.get(PATH).send().await;
    told.refused(502, "server.clientproxy.service_failed");
    assert!(told.message().contains("status 503"), "{}", told.message());
}

#[tokio::test]
async fn s42_a_peer_whose_exchange_key_is_revoked_is_refused() {
    let (world, authority) = world("", &[], &["crl"]).await;
    world.consumer.get(PATH).send().await.answered(200);
    authority.revoke(&world.consumer, "exchange");
    revoked(&world.provider, 1).await;
    let told = world.consumer.get(PATH).send().await;
    told.refused(502, "server.clientproxy.service_failed");
    assert!(told.message().contains("status 403"), "{}", told.message());
}

#[tokio::test]
async fn s42_an_answer_of_a_revoked_exchange_key_is_not_delivered() {
    let (world, authority) = world("", &["crl"], &[]).await;
    world.consumer.get(PATH).send().await.answered(200);
    authority.revoke(&world.provider, "exchange");
    revoked(&world.consumer, 1).await;
    let told = world.consumer.get(PATH).send().await;
    told.refused(502, "server.clientproxy.cert_validation");
    assert!(
        told.message().contains("was revoked at 2026-01-01"),
        "{}",
        told.message()
    );
}

#[tokio::test]
async fn s42_a_responder_is_asked_about_each_certificate_before_the_first_exchange() {
    let (world, authority) = world("", &["ocsp"], &["ocsp"]).await;
    world.consumer.get(PATH).send().await.answered(200);
    world.consumer.get(PATH).send().await.answered(200);
    authority.revoke(&world.consumer, "tls");
    revoked(&world.provider, 1).await;
    revoked(&world.consumer, 1).await;
    let told = world.consumer.get(PATH).send().await;
    told.refused(503, "server.clientproxy.ssl_authentication_failed");
    assert!(ready(&world.consumer).await.1.contains("TLS certificate"));
}

#[tokio::test]
async fn s42_a_certificate_that_the_responder_does_not_know_is_not_good() {
    let (world, authority) = world("", &["ocsp"], &[]).await;
    authority.forget(&world.provider, "tls");
    let told = world.consumer.get(PATH).send().await;
    told.refused(503, NOT_KNOWN);
    assert!(
        told.message().contains("is not known"),
        "{}",
        told.message()
    );
}

#[tokio::test]
async fn s42_without_a_list_nothing_is_exchanged_after_the_tolerated_age_and_all_goes_on_by_itself()
{
    let (world, authority) = world("tolerated_age_seconds = 3", &["crl"], &[]).await;
    authority.silence(true);
    wait_until("what is known is too old", async || {
        ready(&world.consumer).await.0 == 503
    })
    .await;
    let told = world.consumer.get(PATH).send().await;
    told.refused(503, NOT_KNOWN);
    assert_eq!(told.field("retry-after"), Some("30"));
    let message = told.message();
    assert!(
        message.contains("was known until 20") && message.contains("CN="),
        "{message}"
    );
    let (_, reasons) = ready(&world.consumer).await;
    assert!(
        reasons.contains("status 503"),
        "the source's fault is told: {reasons}"
    );
    let asked = authority.asked();
    wait_until("it is asked again and again", async || {
        authority.asked() > asked + 1
    })
    .await;
    authority.silence(false);
    wait_until("the node is ready again", async || {
        ready(&world.consumer).await.0 == 200
    })
    .await;
    wait_until("the journal says so", async || {
        !facts(&world.consumer, "without_certificate_status_seconds").is_empty()
    })
    .await;
    let tally = statuses(&world.consumer).tally();
    assert!(tally.unanswered.load(Ordering::Relaxed) >= 2);
    assert!(tally.taken.load(Ordering::Relaxed) >= 2);
}

#[tokio::test]
async fn s42_what_was_known_is_known_after_a_restart_and_an_older_list_is_never_taken() {
    let (mut world, authority) = world("", &["crl"], &[]).await;
    let before = authority.list();
    authority.revoke(&world.provider, "tls");
    wait_until("the new list is taken", async || {
        metric(&world.consumer, "bridge_status_listed").await == 1
    })
    .await;
    authority.silence(true);
    world.consumer.stop().await;
    world.consumer.start().await;
    assert_eq!(metric(&world.consumer, "bridge_status_listed").await, 1);
    let told = world.consumer.get(PATH).send().await;
    told.refused(502, "server.clientproxy.ssl_authentication_failed");
    // Somebody between the node and the authority gives it the list from before the revocation.
    authority.publish(Some(before));
    authority.silence(false);
    wait_until("the older list is refused", async || {
        statuses(&world.consumer)
            .tally()
            .refused
            .load(Ordering::Relaxed)
            >= 1
    })
    .await;
    assert_eq!(metric(&world.consumer, "bridge_status_listed").await, 1);
    world
        .consumer
        .get(PATH)
        .send()
        .await
        .refused(502, "server.clientproxy.ssl_authentication_failed");
}

#[tokio::test]
async fn s42_two_days_of_a_silent_authority_are_a_day_of_exchanges_and_a_day_of_none() {
    let (world, authority) = world("", &["crl"], &[]).await;
    world.consumer.get(PATH).send().await.answered(200);
    authority.silence(true);
    let node = Arc::clone(&world.consumer.live().node);
    let start_s = now_s();
    let mut known = Vec::new();
    // The list itself would count for these two days.
    for hour in 0..48 {
        world.consumer.set_clock(start_s + hour * 3600 + 1800);
        read_all(&node).await;
        known.push(node.check_own_status().is_ok());
        let (_, reasons) = ready(&world.consumer).await;
        assert_eq!(
            reasons.contains("revocations counted until"),
            hour >= 24,
            "{hour}: {reasons}"
        );
    }
    let good = known.iter().position(|known| !known).unwrap();
    assert_eq!(good, 24, "hours in which the list counts");
    assert!(
        known[24..].iter().all(|known| !known),
        "and then it does not"
    );
    authority.silence(false);
    world.consumer.set_clock(0);
    wait_until("a new list is taken", async || {
        node.check_own_status().is_ok()
    })
    .await;
    world.consumer.get(PATH).send().await.answered(200);
}

#[tokio::test]
async fn s42_hostile_lists_change_nothing() {
    let (world, authority) = world("", &["crl"], &[]).await;
    let good = authority.list();
    let mut bent = good.to_vec();
    *bent.last_mut().unwrap() ^= 1;
    let refused = || {
        statuses(&world.consumer)
            .tally()
            .refused
            .load(Ordering::Relaxed)
    };
    for hostile in [
        bytes::Bytes::from(bent),
        bytes::Bytes::from_static(b"-----BEGIN"),
        good.slice(..40),
    ] {
        let count = refused();
        authority.publish(Some(hostile));
        wait_until("it is refused", async || refused() > count).await;
        world.consumer.get(PATH).send().await.answered(200);
    }
    authority.publish(Some(vec![0; 5 * 1024 * 1024].into()));
    wait_until("what is too long is left", async || {
        reached(&world.consumer, "status_bytes").await > 0
    })
    .await;
    world.consumer.get(PATH).send().await.answered(200);
}

#[tokio::test]
async fn certificates_that_end_soon_are_alarms_in_ready_and_stop_nothing() {
    let world = World::usual().await;
    let alarms = async || {
        let ready = world.consumer.health("/ready").await.unwrap().json();
        ready["alarms"].to_string()
    };
    assert_eq!(alarms().await, "null", "they are valid for 300 days");
    for (left, days) in [(29, 30), (13, 14), (6, 7)] {
        world.consumer.set_clock(now_s() + (300 - left) * 86_400);
        let told = alarms().await;
        for usage in ["tls", "exchange"] {
            let begin = format!("the {usage} certificate of this node ends at ");
            assert!(told.contains(&begin), "{told}");
        }
        assert!(told.contains(&format!("within {days} days")), "{told}");
    }
    world.consumer.set_clock(0);
    world.consumer.get(PATH).send().await.answered(200);
}
