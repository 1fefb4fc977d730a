use std::sync::LazyLock;

use proptest::prelude::*;

use super::{Account, Begun, Counters, Usage, Window};
use crate::identity::{MemberId, SubsystemId};
use crate::leaf::{Kind, Leaf, Side, UnixMillis};

const HOUR: u64 = 3_600_000;
const DAY: u64 = 24 * HOUR;

fn client(code: &str) -> SubsystemId {
    format!("AZ/GOV/1002/{code}").parse().expect("identity")
}

static PROVIDER: LazyLock<MemberId> = LazyLock::new(|| "AZ/GOV/1001".parse().expect("identity"));

fn account<'a>(contract_id: &'a str, client: &'a SubsystemId) -> Account<'a> {
    Account {
        provider: &PROVIDER,
        contract_id,
        client,
    }
}

fn used(counters: &Counters, id: &str, code: &str, now: u64) -> (u64, u64) {
    let client = client(code);
    let used = |window| counters.used(&account(id, &client), window, UnixMillis(now));
    (used(Window::Hour), used(Window::Day))
}

#[test]
fn windows_are_calendar_hours_and_days() {
    let mut counters = Counters::new(Side::Provider);
    counters.count(&account("c", &client("A")), UnixMillis(HOUR - 1));
    assert_eq!(used(&counters, "c", "A", HOUR - 1), (1, 1));
    assert_eq!(used(&counters, "c", "A", HOUR), (0, 1));
    counters.count(&account("c", &client("A")), UnixMillis(HOUR));
    assert_eq!(used(&counters, "c", "A", HOUR), (1, 2));
    assert_eq!(used(&counters, "c", "A", DAY - 1), (0, 2));
    assert_eq!(used(&counters, "c", "A", DAY), (0, 0));
    assert_eq!(used(&counters, "c", "B", HOUR), (0, 0));
    assert_eq!(used(&counters, "d", "A", HOUR), (0, 0));
}

#[test]
fn a_clock_set_back_frees_no_quota() {
    let mut counters = Counters::new(Side::Provider);
    counters.count(&account("c", &client("A")), UnixMillis(DAY));
    assert_eq!(used(&counters, "c", "A", 5), (1, 1));
    counters.count(&account("c", &client("A")), UnixMillis(5));
    assert_eq!(used(&counters, "c", "A", DAY), (2, 2));
}

#[test]
fn what_did_not_begin_is_given_back_within_its_window() {
    let mut counters = Counters::new(Side::Consumer);
    counters.give_back(&account("c", &client("A")), UnixMillis(0));
    counters.count(&account("c", &client("A")), UnixMillis(0));
    counters.count(&account("c", &client("A")), UnixMillis(1));
    counters.give_back(&account("c", &client("A")), UnixMillis(1));
    assert_eq!(used(&counters, "c", "A", 1), (1, 1));
    counters.count(&account("c", &client("A")), UnixMillis(HOUR));
    counters.give_back(&account("c", &client("A")), UnixMillis(0));
    assert_eq!(used(&counters, "c", "A", HOUR), (1, 1));
}

#[test]
fn two_providers_may_use_the_same_id() {
    let mut counters = Counters::new(Side::Consumer);
    let client = client("A");
    counters.count(&account("c", &client), UnixMillis(0));
    let other = Account {
        provider: &"AZ/GOV/1003".parse().expect("identity"),
        ..account("c", &client)
    };
    assert_eq!(counters.used(&other, Window::Day, UnixMillis(0)), 0);
    counters.count(&other, UnixMillis(0));
    counters.give_back(&other, UnixMillis(0));
    assert_eq!(used(&counters, "c", "A", 0), (1, 1));
}

#[test]
fn waiting_ends_with_the_window() {
    assert_eq!(Window::Hour.retry_after_s(UnixMillis(0)), 3_600);
    assert_eq!(Window::Hour.retry_after_s(UnixMillis(1)), 3_600);
    assert_eq!(Window::Hour.retry_after_s(UnixMillis(HOUR - 1)), 1);
    assert_eq!(
        Window::Day.retry_after_s(UnixMillis(DAY + HOUR)),
        23 * 3_600
    );
}

fn leaf(kind: Kind, decision: Option<bool>, contract: Option<&str>) -> Leaf {
    let mut leaf = Leaf::new(kind, UnixMillis(7));
    leaf.decision = decision;
    leaf.contract = contract.map(str::to_owned);
    leaf.client = Some(client("A"));
    leaf.service = Some("AZ/GOV/1001/POPULATION/person".parse().expect("identity"));
    leaf
}

#[test]
fn leaves_of_the_own_side_are_counted() {
    let leaves = [
        leaf(Kind::RequestReceived, Some(true), Some("c@digest")),
        leaf(Kind::RequestSent, Some(true), Some("c@digest")),
        leaf(Kind::RequestReceived, Some(false), Some("c@digest")),
        leaf(Kind::RequestReceived, None, Some("c@digest")),
        leaf(Kind::RequestReceived, Some(true), Some("no digest")),
        leaf(Kind::RequestReceived, Some(true), None),
        leaf(Kind::ResponseSigned, Some(true), Some("c@digest")),
        leaf(Kind::RequestSent, Some(true), Some("c@digest")),
    ];
    for (side, expected) in [(Side::Provider, 1), (Side::Consumer, 2)] {
        let mut counters = Counters::new(side);
        for leaf in &leaves {
            if let Some(begun) = Begun::of(leaf) {
                counters.count_begun(&begun, leaf.time, 1);
            }
        }
        assert_eq!(
            used(&counters, "c", "A", 7),
            (expected, expected),
            "{side:?}"
        );
    }
}

proptest! {
    #[test]
    fn counts_are_those_of_the_window(times in proptest::collection::vec(0..3 * DAY, 0..60)) {
        let mut times = times;
        times.sort_unstable();
        let mut counters = Counters::new(Side::Provider);
        for time in &times {
            counters.count(&account("c", &client("A")), UnixMillis(*time));
        }
        let now = times.last().copied().unwrap_or(0);
        let within = |length: u64| {
            u64::try_from(times.iter().filter(|time| **time / length == now / length).count()).expect("count")
        };
        prop_assert_eq!(used(&counters, "c", "A", now), (within(HOUR), within(DAY)));
    }
}
