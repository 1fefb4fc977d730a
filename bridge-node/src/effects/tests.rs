use bridge_adapter::{Content, Idempotency};
use bridge_core::identity::ServiceId;
use http::Method;

use super::*;

const DAY_MS: u64 = 86_400_000;
const START: UnixMillis = UnixMillis(1_800_000_000_000);
const BOUNDS: Bounds = Bounds {
    age: Duration::from_hours(30 * 24),
    keys: 4,
    of_client: 3,
};

fn effects() -> Arc<Effects> {
    Arc::new(Effects::new(Marker::new(&[7; 32]), BOUNDS, false))
}

fn client(code: &str) -> SubsystemId {
    format!("AZ/GOV/2001/{code}").parse().unwrap()
}

fn marks(key: &str, body: u8) -> Marks {
    marks_of(&client("TAX"), key, body)
}

fn marks_of(client: &SubsystemId, key: &str, body: u8) -> Marks {
    let service: ServiceId = "AZ/GOV/1001/PAY/charge".parse().unwrap();
    let asked = Idempotency::new((client, &service), key, content(&[body; 32]));
    Marker::new(&[7; 32]).marks(&asked)
}

fn content(body: &[u8; 32]) -> Content<'_> {
    Content {
        method: &Method::POST,
        target: "/r1/AZ/GOV/1001/PAY/charge",
        media_type: Some("application/json"),
        represented_party: None,
        body,
    }
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

fn begin(effects: &Arc<Effects>, marks: Marks, number: u128) -> Result<Admission, NotBegun> {
    begin_at(effects, marks, number, START)
}

fn begin_at(
    effects: &Arc<Effects>,
    marks: Marks,
    number: u128,
    now: UnixMillis,
) -> Result<Admission, NotBegun> {
    effects.begin(marks, (id(number), &client("TAX")), Effect::Unknown, now)
}

#[track_caller]
fn begun(admission: Result<Admission, NotBegun>) -> Arc<Begun> {
    match admission {
        Ok(Admission::Begin(begun)) => begun,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn refused(admission: Result<Admission, NotBegun>) -> NotBegun {
    admission.expect_err("it must not be begun")
}

#[test]
fn what_is_under_way_is_not_begun_again_and_another_content_is_a_mistake() {
    let effects = effects();
    let first = begun(begin(&effects, marks("k", 1), 1));
    assert_eq!(
        refused(begin(&effects, marks("k", 1), 2)),
        NotBegun::InFlight
    );
    assert_eq!(refused(begin(&effects, marks("k", 2), 3)), NotBegun::Reused);
    let other = begun(begin(&effects, marks("K", 1), 4));
    drop((first, other));
}

#[test]
fn a_request_that_touched_nothing_gives_its_key_back() {
    let effects = effects();
    drop(begun(begin(&effects, marks("k", 1), 1)));
    assert!(effects.is_empty());
    let second = begun(begin(&effects, marks("k", 2), 2));
    second.asked();
    // The adapter says that the registry was never reached.
    second.without_effect();
    drop(second);
    drop(begun(begin(&effects, marks("k", 3), 3)));
    for number in 10..1000 {
        drop(begun(begin(&effects, marks("k", 1), number)));
    }
    assert!(effects.table().order.is_empty(), "nothing of it is left");
}

#[test]
fn an_unknown_end_stays_unknown_and_a_known_one_leads_to_its_exchange() {
    let effects = effects();
    let first = begun(begin(&effects, marks("lost", 1), 1));
    first.asked();
    drop(first);
    assert_eq!(
        refused(begin(&effects, marks("lost", 1), 2)),
        NotBegun::Unknown
    );
    assert_eq!(
        refused(begin(&effects, marks("lost", 2), 3)),
        NotBegun::Reused
    );
    let first = begun(begin(&effects, marks("done", 1), 4));
    first.asked();
    first.answered();
    drop(first);
    for again in 5..8 {
        match begin(&effects, marks("done", 1), again) {
            Ok(Admission::Answered(exchange)) => assert_eq!(exchange, id(4)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(
        refused(begin(&effects, marks("done", 2), 9)),
        NotBegun::Reused
    );
}

#[test]
fn what_the_registry_keeps_is_remembered_only_while_it_is_under_way() {
    let effects = effects();
    let stored = |number| {
        let whose = (id(number), &client("TAX"));
        effects.begin(marks("k", 1), whose, Effect::Stored, START)
    };
    let first = begun(stored(1));
    assert!(first.is_stored());
    first.asked();
    assert_eq!(refused(stored(2)), NotBegun::InFlight);
    drop(first);
    assert!(effects.is_empty());
    begun(stored(3)).answered();
    assert!(effects.is_empty());
}

#[test]
fn an_effect_that_was_once_unknown_stays_so_when_the_registry_begins_to_keep_keys() {
    let effects = effects();
    begun(begin(&effects, marks("k", 1), 1)).asked();
    let whose = (id(2), &client("TAX"));
    let again = effects.begin(marks("k", 1), whose, Effect::Stored, START);
    assert_eq!(refused(again), NotBegun::Unknown);
}

#[test]
fn a_key_counts_for_its_time_and_one_under_way_for_ever() {
    let effects = effects();
    begun(begin(&effects, marks("old", 1), 1)).asked();
    let endless = begun(begin(&effects, marks("endless", 1), 2));
    let last = UnixMillis(START.0 + 30 * DAY_MS);
    assert_eq!(
        refused(begin_at(&effects, marks("old", 1), 3, last)),
        NotBegun::Unknown
    );
    let after = UnixMillis(last.0 + 1);
    drop(begun(begin_at(&effects, marks("old", 2), 4, after)));
    assert_eq!(
        refused(begin_at(&effects, marks("endless", 1), 5, after)),
        NotBegun::InFlight
    );
    drop(endless);
    assert!(effects.is_empty());
}

#[test]
fn memory_is_bounded_and_one_client_leaves_room_for_others() {
    let effects = effects();
    for number in 0..3 {
        begun(begin(&effects, marks(&format!("k{number}"), 1), number)).asked();
    }
    assert_eq!(
        refused(begin(&effects, marks("one more", 1), 9)),
        NotBegun::Full
    );
    let other = client("DUTY");
    let others = |key: &str, number| {
        let marks = marks_of(&other, key, 1);
        effects.begin(marks, (id(number), &other), Effect::Unknown, START)
    };
    begun(others("k0", 10)).asked();
    assert_eq!(refused(others("k1", 11)), NotBegun::Full);
    // What is known is still known, and what the registry keeps needs no room.
    assert_eq!(refused(others("k0", 12)), NotBegun::Unknown);
    let stored = marks_of(&other, "stored", 1);
    drop(begun(effects.begin(
        stored,
        (id(13), &other),
        Effect::Stored,
        START,
    )));
    assert_eq!(effects.len(), 4);
}

#[test]
fn what_an_earlier_run_began_is_looked_up_before_anything_is_decided() {
    for (ended, expected) in [
        (Ended::Unknown, Err(NotBegun::Unknown)),
        (Ended::Answered, Ok(Some(id(1)))),
        (Ended::WithoutEffect, Ok(None)),
    ] {
        let effects = effects();
        effects.remember(marks("k", 1), (id(1), client("TAX")), START);
        // Also with another content: nobody knows yet whether the key was given back.
        match begin(&effects, marks("k", 2), 2) {
            Ok(Admission::Look(exchange, START)) => assert_eq!(exchange, id(1)),
            other => panic!("{other:?}"),
        }
        effects.learn(marks("k", 1), id(1), ended);
        let again = begin(&effects, marks("k", 1), 3);
        let again = again.map(|admission| match admission {
            Admission::Answered(exchange) => Some(exchange),
            Admission::Begin(_) => None,
            Admission::Look(..) => panic!("it was learned"),
        });
        assert_eq!(again, expected, "{ended:?}");
    }
}

#[test]
fn what_is_learned_late_changes_nothing_that_was_begun_since() {
    let effects = effects();
    effects.remember(marks("k", 1), (id(1), client("TAX")), START);
    effects.learn(marks("k", 1), id(1), Ended::WithoutEffect);
    let second = begun(begin(&effects, marks("k", 1), 2));
    effects.learn(marks("k", 1), id(1), Ended::WithoutEffect);
    assert_eq!(
        refused(begin(&effects, marks("k", 1), 3)),
        NotBegun::InFlight
    );
    drop(second);
}

#[test]
fn a_node_that_cannot_read_its_past_begins_only_what_the_registry_keeps() {
    let effects = Arc::new(Effects::new(Marker::new(&[7; 32]), BOUNDS, true));
    assert_eq!(
        refused(begin(&effects, marks("k", 1), 1)),
        NotBegun::Forgotten
    );
    let whose = (id(2), &client("TAX"));
    begun(effects.begin(marks("k", 1), whose, Effect::Stored, START)).asked();
}

#[test]
fn marks_are_of_this_node_this_key_and_this_content() {
    let one = marks("5ABCDE7", 1);
    assert_eq!(one, marks("5ABCDE7", 1));
    assert_ne!(one.key, marks("5ABCDE8", 1).key);
    assert_ne!(one.content, marks("5ABCDE7", 2).content);
    assert_ne!(
        one.content,
        marks("5ABCDE8", 1).content,
        "contents of two keys cannot be compared"
    );
    let service: ServiceId = "AZ/GOV/1001/PAY/charge".parse().unwrap();
    let same = Idempotency::new((&client("TAX"), &service), "5ABCDE7", content(&[1; 32]));
    let elsewhere = Marker::new(&[8; 32]).marks(&same);
    assert_ne!(one.key, elsewhere.key);
    let mut leaf = bridge_core::leaf::Leaf::new(bridge_core::leaf::Kind::RequestReceived, START);
    one.note(&mut leaf, false);
    assert_eq!(Marks::of(&leaf), Some(one));
    assert!(!format!("{leaf:?}").contains("5ABCDE7"));
}

#[test]
fn a_key_of_a_clock_that_ran_ahead_keeps_no_other_beyond_its_time() {
    let effects = effects();
    let ahead = UnixMillis(START.0 + 90 * DAY_MS);
    effects.remember(marks("ahead", 1), (id(1), client("TAX")), ahead);
    begun(begin(&effects, marks("k", 1), 2)).asked();
    let after = UnixMillis(START.0 + 30 * DAY_MS + 1);
    // Given back at once: it only has the others looked at.
    drop(begun(begin_at(&effects, marks("c", 1), 3, after)));
    assert_eq!(effects.len(), 1);
    assert!(matches!(
        begin_at(&effects, marks("ahead", 1), 4, after),
        Ok(Admission::Look(..))
    ));
}

#[test]
fn leaves_are_read_newest_first_and_run_out_oldest_first() {
    let effects = effects();
    let whose = |number| (id(number), client("TAX"));
    let at = |day: u64| UnixMillis(START.0 + day * DAY_MS);
    effects.remember(marks("b", 1), whose(3), at(3));
    effects.remember(marks("a", 1), whose(2), at(2));
    // The key was given back and begun anew on the third day.
    effects.remember(marks("b", 2), whose(1), at(1));
    assert_eq!(effects.len(), 2);
    assert!(matches!(
        begin_at(&effects, marks("b", 1), 9, at(4)),
        Ok(Admission::Look(exchange, _)) if exchange == id(3)
    ));
    drop(begun(begin_at(&effects, marks("c", 1), 10, at(32))));
    assert_eq!(effects.len(), 2);
    drop(begun(begin_at(
        &effects,
        marks("c", 1),
        11,
        UnixMillis(at(32).0 + 1),
    )));
    assert_eq!(effects.len(), 1);
    drop(begun(begin_at(&effects, marks("b", 1), 12, at(34))));
    assert!(effects.is_empty());
}
