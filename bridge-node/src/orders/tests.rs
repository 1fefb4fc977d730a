use bridge_core::refusal::Notice;

use super::*;

fn given(number: u64, change: Change) -> Given {
    Given {
        number,
        id: Uuid::from_u128(number.into()),
        time: UnixMillis(number * 1000),
        officer: "officer-1".to_owned(),
        change,
    }
}

fn window(service: Option<&str>, from: &str, until: &str) -> Window {
    Window {
        service: service.map(|id| id.parse().unwrap()),
        from: parse_moment(from).unwrap(),
        until: parse_moment(until).unwrap(),
        notice: Notice::default(),
    }
}

fn at(text: &str) -> UnixMillis {
    window(None, text, text).from_ms()
}

const PERSON: &str = "AZ/GOV/1001/POPULATION/person";
const STATUS: &str = "AZ/GOV/1001/POPULATION/status";

#[test]
fn an_order_is_read_as_it_was_written() {
    let member = Target::Member("AZ/GOV/2001".parse().unwrap());
    let service = Target::Service(PERSON.parse().unwrap());
    let contract: Target = "contract population-person-tax".parse().unwrap();
    let mut announced = window(
        Some(PERSON),
        "2026-11-28T22:00:00+04:00",
        "2026-11-29T02:00:00+04:00",
    );
    announced.notice.az = "Reyestr köçürülür.".to_owned();
    for change in [
        Change::Stop(member.clone()),
        Change::Lift(service),
        Change::Stop(contract),
        Change::Announce(announced),
        Change::End(Uuid::from_u128(7)),
    ] {
        let order = Order {
            id: Uuid::from_u128(1),
            change,
            reason: Some("why".to_owned()),
        };
        assert_eq!(Order::parse(&order.to_json()), Ok(order));
    }
    for target in [
        "member",
        "member AZ/GOV",
        "contract a b",
        "contract ",
        "contract a@b",
        "node AZ/GOV/1001/N",
    ] {
        assert!(target.parse::<Target>().is_err(), "{target}");
    }
    assert!(Order::parse(b"{\"id\":\"x\",\"action\":\"stop\"}").is_err());
    assert!(
        Order::parse(
            br#"{"id":"00000000-0000-0000-0000-000000000001","action":"stop","target":"member AZ/GOV/2001","more":1}"#
        )
        .is_err()
    );
}

#[test]
fn texts_are_bounded_and_windows_make_sense() {
    let now = at("2026-11-28T00:00:00Z");
    let order = |change, reason: &str| Order {
        id: Uuid::from_u128(1),
        change,
        reason: Some(reason.to_owned()),
    };
    let stop = || Change::Stop(Target::Member("AZ/GOV/2001".parse().unwrap()));
    assert_eq!(order(stop(), &"ə".repeat(500)).check(now), Ok(()));
    for reason in [&*"ə".repeat(501), "two\nlines", "\u{7}"] {
        assert_eq!(order(stop(), reason).check(now), Err(OrderFault::Text));
    }
    let announce = |from, until| order(Change::Announce(window(None, from, until)), "").check(now);
    assert_eq!(
        announce("2026-11-27T00:00:00Z", "2026-11-28T00:00:01Z"),
        Ok(())
    );
    for (from, until) in [
        ("2026-11-27T00:00:00Z", "2026-11-28T00:00:00Z"),
        ("2026-11-29T00:00:00Z", "2026-11-29T00:00:00Z"),
        ("2026-11-30T00:00:00Z", "2026-11-29T00:00:00Z"),
    ] {
        assert_eq!(announce(from, until), Err(OrderFault::Window));
    }
}

#[test]
fn stops_stand_until_they_are_lifted_and_repetitions_change_nothing() {
    let target = Target::Contract("tax".to_owned());
    let mut standing = Standing::default();
    let changes = |standing: &Standing, change: Change| standing.changes(&change).unwrap();
    assert!(!changes(&standing, Change::Lift(target.clone())));
    assert!(changes(&standing, Change::Stop(target.clone())));
    standing.apply(given(1, Change::Stop(target.clone())));
    assert!(!changes(&standing, Change::Stop(target.clone())));
    assert_eq!(standing.stop(&target).unwrap().since, UnixMillis(1000));
    assert!(
        standing
            .stop(&Target::Contract("taxi".to_owned()))
            .is_none()
    );
    assert!(changes(&standing, Change::Lift(target.clone())));
    standing.apply(given(2, Change::Lift(target.clone())));
    assert!(standing.stop(&target).is_none());
    assert!(matches!(
        standing.changes(&Change::End(Uuid::nil())),
        Err(OrderError::Unknown)
    ));
}

#[test]
fn maintenance_is_told_before_met_within_and_forgotten_after() {
    let mut standing = Standing::default();
    let (from, until) = ("2026-11-28T22:00:00+04:00", "2026-11-29T02:00:00+04:00");
    standing.apply(given(
        1,
        Change::Announce(window(Some(PERSON), from, until)),
    ));
    let (person, status) = (PERSON.parse().unwrap(), STATUS.parse().unwrap());
    let before = UnixMillis(at(from).0 - 1);
    let own = "AZ/GOV/1001/NODE1".parse().unwrap();
    let told = standing.told(&own, Some(&person), before);
    assert_eq!(
        told.as_deref(),
        Some("\"AZ/GOV/1001/POPULATION/person\";from=@1795888800;until=@1795903200")
    );
    assert_eq!(standing.told(&own, Some(&status), before), None);
    assert_eq!(standing.told(&own, None, before), None);
    assert!(standing.maintenance(Some(&person), before).is_none());
    assert!(standing.maintenance(Some(&person), at(from)).is_some());
    assert!(standing.maintenance(Some(&status), at(from)).is_none());
    assert!(standing.maintenance(None, at(from)).is_none());
    assert!(standing.maintenance(Some(&person), at(until)).is_none());
    standing.apply(given(2, Change::Announce(window(None, from, until))));
    assert!(standing.maintenance(Some(&status), at(from)).is_some());
    assert!(standing.maintenance(None, at(from)).is_some());
    let read =
        read_told("\"AZ/GOV/1001/NODE1\";from=@1;until=@2, other;from=@1, \"x\";from=@3;until=@4");
    let own = |name: &str, from, until| (name.to_owned(), from, until);
    assert_eq!(read, [own("AZ/GOV/1001/NODE1", 1, 2), own("x", 3, 4)]);
    let words = standing.announced(before).next().unwrap().words("NODE");
    assert_eq!(
        words,
        "AZ/GOV/1001/POPULATION/person from 2026-11-28T18:00:00Z (2026-11-28T22:00:00+04:00) \
         until 2026-11-28T22:00:00Z (2026-11-29T02:00:00+04:00)"
    );
    standing.forget_past(at(until));
    assert_eq!(standing.announced(before).count(), 0);
}
