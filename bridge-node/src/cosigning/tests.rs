//! When exchanges may go on without cosignatures, and when not.

use std::time::Duration;

use bridge_core::leaf::UnixMillis;
use bridge_core::refusal::{NodeFault, Refusal};

use super::{AskError, Cosigning};

const HOUR: Duration = Duration::from_hours(1);

fn at(seconds: u64) -> UnixMillis {
    UnixMillis(seconds * 1000)
}

#[test]
fn exchanges_go_on_for_the_tolerated_time_and_again_when_enough_is_cosigned() {
    let cosigning = Cosigning::new(HOUR);
    cosigning.advance(0, 5, at(10_000));
    // More leaves change nothing about how long the first ones wait.
    cosigning.advance(0, 9, at(12_000));
    assert_eq!(cosigning.waiting_since(), Some(at(10_000)));
    assert_eq!(cosigning.check(at(13_600)), Ok(()));
    let since_s = 10_000;
    let refused = Err(Refusal::Node(NodeFault::Unwitnessed { since_s }));
    assert_eq!(cosigning.check(at(13_601)), refused);
    // What waited first is cosigned; what came later waits from now on.
    cosigning.advance(5, 9, at(13_700));
    assert_eq!(cosigning.waiting_since(), Some(at(13_700)));
    assert_eq!(cosigning.check(at(13_700)), Ok(()));
    cosigning.advance(9, 9, at(13_800));
    assert_eq!(cosigning.waiting_since(), None);
}

#[test]
fn a_witness_is_seen_as_it_answered_last_and_forgotten_when_it_is_no_longer_assigned() {
    let cosigning = Cosigning::new(HOUR);
    cosigning.see("a", 100, &Ok(("line".to_owned(), 7)));
    cosigning.see("b", 100, &Err(AskError::TimedOut));
    cosigning.see("c", 100, &Err(AskError::Inconsistent));
    assert_eq!(cosigning.size_at("a"), 7);
    assert_eq!(cosigning.contradicting(), ["c"]);
    let seen = cosigning.witnesses();
    let faults: Vec<bool> = seen.iter().map(|(_, seen)| seen.fault.is_some()).collect();
    assert_eq!(faults, [false, true, true]);
    // Silence and a status that says nothing take no word back.
    for error in [AskError::TimedOut, AskError::Status(429)] {
        cosigning.see("c", 150, &Err(error));
        assert_eq!(cosigning.contradicting(), ["c"]);
    }
    cosigning.see("c", 200, &Ok(("line".to_owned(), 8)));
    assert!(cosigning.contradicting().is_empty());
    cosigning.advance(0, 5, at(1));
    cosigning.keep_only(&["b".to_owned()]);
    assert_eq!(cosigning.witnesses().len(), 1);
    assert_eq!(cosigning.waiting_since(), Some(at(1)));
    cosigning.keep_only(&[]);
    assert_eq!(cosigning.waiting_since(), None);
}
