//! Keys on real tokens of SoftHSM: used, lost, found again; PINs that are wrong, and PINs that are locked.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that can't go on should stop where it stands"
)]

use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bridge_signature::{Algorithm, Signer as _, VerifyingKey};
use bridge_token::{Module, TokenError, TokenKey};
use cryptoki::context::Pkcs11;
use cryptoki::object::{Attribute, ObjectClass};
use zeroize::Zeroizing;

mod stage;

use stage::{PIN, alone, open, open_with, softhsm, until, uri};

const BOTH: [ObjectClass; 2] = [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY];
const MESSAGE: &[u8] = b"what is signed";
/// What is refused without asking the token takes no longer, on a machine that has other things to do.
const AT_ONCE: Duration = Duration::from_millis(500);

/// A key that is made on the first token.
fn new_key(module: &Module) -> TokenKey {
    let token = open(module, "agency-a").unwrap();
    token.make_key("exchange", Algorithm::Ed25519).unwrap();
    let key = token.key(&uri("pkcs11:token=agency-a;object=exchange"));
    key.unwrap()
}

fn holds(key: &TokenKey) {
    let signature = key.sign(MESSAGE).unwrap();
    let public = VerifyingKey::new(key.algorithm(), key.public_key()).unwrap();
    public.verify(MESSAGE, &signature).unwrap();
}

#[test]
fn keys_of_both_kinds_sign_on_two_tokens_of_one_module() {
    alone(
        "keys_of_both_kinds_sign_on_two_tokens_of_one_module",
        |_stage| {
            let module = softhsm();
            for label in ["agency-a", "agency-b"] {
                let token = open(&module, label).unwrap();
                token.make_key("exchange", Algorithm::Ed25519).unwrap();
                token.make_key("seal", Algorithm::EcdsaP256Sha256).unwrap();
                let again = token.make_key("seal", Algorithm::Ed25519);
                assert!(matches!(again, Err(TokenError::KeyExists { .. })));
                let mut listed = token.keys().unwrap();
                listed.sort_by(|a, b| a.name.cmp(&b.name));
                let kinds: Vec<_> = listed.iter().map(|one| one.algorithm).collect();
                assert_eq!(
                    kinds,
                    [Some(Algorithm::Ed25519), Some(Algorithm::EcdsaP256Sha256)]
                );
                for one in listed {
                    let by_all = uri(&format!("pkcs11:token={label}")).with_key(one.name);
                    let key = token.key(&by_all).unwrap();
                    assert_eq!(Some(key.algorithm()), one.algorithm);
                    holds(&key);
                    let by_id = by_all.to_string();
                    let (start, id) = by_id.split_once(";object=").unwrap();
                    let (_, id) = id.split_once(";id=").unwrap();
                    holds(&token.key(&uri(&format!("{start};id={id}"))).unwrap());
                }
            }
            // Each token has keys of its own under the same names.
            let key = |label: &str| {
                let seal = uri(&format!("pkcs11:token={label};object=seal"));
                open(&module, label).unwrap().key(&seal).unwrap()
            };
            assert_ne!(key("agency-a").public_key(), key("agency-b").public_key());
        },
    );
}

#[test]
fn what_is_not_there_is_told_by_name() {
    alone("what_is_not_there_is_told_by_name", |stage| {
        let module = softhsm();
        let pin = || Ok(Zeroizing::new(PIN.to_owned()));
        let none = module.token(&uri("pkcs11:token=agency-c"), &pin);
        let why = none.unwrap_err().to_string();
        assert_eq!(
            why,
            "no token token=agency-c; there are: agency-a, agency-b"
        );
        let no_pin = module.token(&uri("pkcs11:token=agency-a"), &|| Err("no file".to_owned()));
        assert_eq!(
            no_pin.unwrap_err().to_string(),
            "token agency-a: no PIN: no file"
        );
        let token = open(&module, "agency-a").unwrap();
        let key = token.key(&uri("pkcs11:token=agency-a;object=exchange"));
        let why = key.unwrap_err().to_string();
        assert_eq!(why, "token agency-a: no private key object=exchange");
        let unnamed = token.key(&uri("pkcs11:token=agency-a"));
        assert!(matches!(unnamed, Err(TokenError::KeyNotNamed { .. })));
        let module = Module::load("/nowhere/token.so".as_ref()).unwrap_err();
        assert!(module.remedy().contains("token.module"), "{module}");
        let text = stage.moody_path().with_extension("txt");
        fs::write(&text, "no library").unwrap();
        let module = Module::load(&text).unwrap_err();
        assert!(matches!(module, TokenError::Module { .. }), "{module}");
    });
}

#[test]
fn a_session_that_was_closed_costs_nobody_an_answer() {
    alone(
        "a_session_that_was_closed_costs_nobody_an_answer",
        |stage| {
            let key = new_key(&stage.moody());
            // Session closed, session handle invalid, device error, device removed, general error, not initialised, logged out.
            for code in ["b0", "b3", "30", "32", "5", "190", "101"] {
                stage.set("fail", code);
                holds(&key);
                assert_eq!(stage.count("fail"), 0, "{code} was not met");
                assert_eq!(key.fault(), None, "{code}");
            }
        },
    );
}

#[test]
fn a_token_that_is_away_is_refused_at_once_and_found_again() {
    alone(
        "a_token_that_is_away_is_refused_at_once_and_found_again",
        |stage| {
            let module = stage.moody();
            let keys = ["agency-a", "agency-b"].map(|label| {
                let token = open(&module, label).unwrap();
                token.make_key("exchange", Algorithm::Ed25519).unwrap();
                let exchange = uri(&format!("pkcs11:token={label};object=exchange"));
                token.key(&exchange).unwrap()
            });
            let [key, other] = &keys;
            for _ in 0..2 {
                let kept = stage.kept("agency-a");
                fs::rename(&kept, stage.away()).unwrap();
                key.sign(MESSAGE).unwrap_err();
                let began = Instant::now();
                let why = key.sign(MESSAGE).unwrap_err().to_string();
                assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
                assert!(why.contains("agency-a"), "{why}");
                let trouble = key.fault().unwrap();
                assert!(!trouble.remedy().is_empty(), "{trouble}");
                // The other token works on, although the module begins anew meanwhile.
                let before = stage.count("begun");
                until("the module has begun anew", || {
                    (0..20).for_each(|_| holds(other));
                    stage.count("begun") > before
                });
                holds(other);
                assert!(key.fault().is_some());
                fs::rename(stage.away(), &kept).unwrap();
                until("the token is found again", || key.fault().is_none());
                holds(key);
                holds(other);
            }
        },
    );
}

#[test]
fn a_token_that_is_not_present_is_found_again() {
    alone("a_token_that_is_not_present_is_found_again", |stage| {
        let key = new_key(&stage.moody());
        stage.set("absent", "");
        let why = key.sign(MESSAGE).unwrap_err().to_string();
        assert!(why.contains("agency-a"), "{why}");
        stage.clear("absent");
        until("the token is found again", || key.fault().is_none());
        holds(&key);
        // Once it was opened at first, and once more each time that it was lost.
        assert_eq!(stage.count("wrong"), 0);
    });
}

#[test]
fn a_token_that_hangs_holds_callers_for_one_wait() {
    alone("a_token_that_hangs_holds_callers_for_one_wait", |stage| {
        let key = new_key(&stage.moody());
        stage.set("hang", "");
        let why = key.sign(MESSAGE).unwrap_err().to_string();
        assert!(why.contains("has not answered for 5 s"), "{why}");
        let began = Instant::now();
        key.sign(MESSAGE).unwrap_err();
        assert!(began.elapsed() < AT_ONCE, "{:?}", began.elapsed());
        stage.clear("hang");
        until("the token answers again", || key.fault().is_none());
        holds(&key);
    });
}

#[test]
fn handshakes_neither_fill_the_line_of_messages_nor_stand_before_them() {
    alone(
        "handshakes_neither_fill_the_line_of_messages_nor_stand_before_them",
        |stage| {
            let (key, busy) = (new_key(&stage.moody()), AtomicUsize::new(0));
            let handshakes = key.clone().yielding();
            let shake = || {
                let Err(why) = handshakes.sign(MESSAGE) else {
                    return;
                };
                let why = why.to_string();
                assert!(why.contains("64 calls wait for it already"), "{why}");
                busy.fetch_add(1, Ordering::Relaxed);
            };
            stage.set("hang", "");
            std::thread::scope(|threads| {
                // One is being signed, as many wait as may, the others are refused.
                for _ in 0..1 + 64 + 5 {
                    threads.spawn(shake);
                }
                until("the line is full", || busy.load(Ordering::Relaxed) == 5);
                stage.set("slow", "");
                stage.clear("hang");
                holds(&key);
                assert!(stage.count("signed") < 32, "{}", stage.count("signed"));
            });
            assert_eq!(stage.count("signed"), 1 + 64 + 1);
        },
    );
}

#[test]
fn a_wrong_pin_is_tried_once_in_a_process() {
    alone("a_wrong_pin_is_tried_once_in_a_process", |stage| {
        let module = stage.moody();
        let pins = |label: &str| {
            let tokens = module.tokens().unwrap();
            tokens.iter().find(|one| one.label == label).unwrap().pin
        };
        assert_eq!(pins("agency-a"), "PIN good");
        let first = open_with(&module, "agency-a", "000000").unwrap_err();
        assert!(matches!(first, TokenError::PinRefused { .. }), "{first}");
        // As SoftHSM itself says.
        assert_eq!(pins("agency-a"), "a wrong PIN was tried");
        assert_eq!(pins("agency-b"), "PIN good");
        for pin in ["000000", PIN] {
            let again = open_with(&module, "agency-a", pin).unwrap_err();
            assert_eq!(again, first);
        }
        // By another URI it is the same token.
        let tokens = module.tokens().unwrap();
        let serial = &tokens.iter().find(|one| one.label == "agency-a");
        let serial = format!("pkcs11:serial={}", serial.unwrap().serial);
        let pin = || Ok(Zeroizing::new("000000".to_owned()));
        assert_eq!(module.token(&uri(&serial), &pin).unwrap_err(), first);
        assert_eq!((stage.count("logins"), stage.count("wrong")), (1, 1));
        assert!(first.remedy().contains("costs the token a try"));
        another_is_looked_for(stage);
        assert_eq!(stage.count("wrong"), 1);
    });
}

#[test]
fn a_pin_that_was_changed_meanwhile_is_tried_once() {
    alone("a_pin_that_was_changed_meanwhile_is_tried_once", |stage| {
        let module = stage.moody();
        let key = new_key(&module);
        let functions = Pkcs11::new(stage.moody_path()).unwrap();
        let slots = functions.get_slots_with_initialized_token().unwrap();
        let is_a = |slot: &&cryptoki::slot::Slot| {
            functions.get_token_info(**slot).unwrap().label() == "agency-a"
        };
        let slot = slots.iter().find(is_a).unwrap();
        let session = functions.open_rw_session(*slot).unwrap();
        let pin = |text: &str| cryptoki::types::AuthPin::new(text.into());
        session.set_pin(&pin(PIN), &pin("161803")).unwrap();
        session.logout().unwrap();
        let before = stage.count("logins");
        let why = key.sign(MESSAGE).unwrap_err().to_string();
        assert!(why.contains("refuses the PIN"), "{why}");
        key.sign(MESSAGE).unwrap_err();
        assert_eq!(stage.count("logins") - before, 1);
        another_is_looked_for(stage);
        assert_eq!(stage.count("wrong"), 1);
    });
}

#[test]
fn the_last_try_of_a_pin_is_left_to_a_person() {
    alone("the_last_try_of_a_pin_is_left_to_a_person", |stage| {
        let module = stage.moody();
        stage.set("wrong", "xx");
        let why = open(&module, "agency-a").unwrap_err();
        assert!(matches!(why, TokenError::LastTry { .. }), "{why}");
        assert!(why.remedy().contains("by hand"), "{}", why.remedy());
        assert_eq!(stage.count("logins"), 0);
        assert_eq!(module.tokens().unwrap()[0].pin, "one try of the PIN left");
    });
}

#[test]
fn a_locked_pin_is_told_and_not_tried() {
    alone("a_locked_pin_is_told_and_not_tried", |stage| {
        let module = stage.moody();
        stage.set("wrong", "xxx");
        let why = open(&module, "agency-a").unwrap_err();
        assert!(matches!(why, TokenError::PinLocked { .. }), "{why}");
        assert_eq!(why.to_string(), "token agency-a: its PIN is locked");
        assert!(why.remedy().contains("security officer"));
        assert_eq!(stage.count("logins"), 0);
        assert_eq!(module.tokens().unwrap()[0].pin, "PIN locked");
    });
}

#[test]
fn another_key_under_the_same_name_signs_nothing() {
    alone("another_key_under_the_same_name_signs_nothing", |stage| {
        let token = open(&stage.moody(), "agency-a").unwrap();
        token.make_key("exchange", Algorithm::Ed25519).unwrap();
        let exchange = uri("pkcs11:token=agency-a;object=exchange");
        let key = token.key(&exchange).unwrap();
        destroy(stage, "exchange", &BOTH);
        let module = stage.moody();
        // What another program does, this one can do no more: the key is gone.
        key.sign(MESSAGE).unwrap_err();
        let functions = Pkcs11::new(stage.moody_path()).unwrap();
        make(&functions, "exchange");
        until("the other key is noticed", || {
            matches!(key.fault(), Some(TokenError::OtherKey { .. }))
        });
        let why = key.sign(MESSAGE).unwrap_err().to_string();
        assert!(why.contains("another key than before"), "{why}");
        drop(module);
    });
}

#[test]
fn a_key_that_nobody_holds_any_more_is_not_missed() {
    alone("a_key_that_nobody_holds_any_more_is_not_missed", |stage| {
        let token = open(&stage.moody(), "agency-a").unwrap();
        let [before, now] = ["exchange", "exchange-2"].map(|label| {
            token.make_key(label, Algorithm::Ed25519).unwrap();
            let name = uri(&format!("pkcs11:token=agency-a;object={label}"));
            token.key(&name).unwrap()
        });
        // The node has gone over to the other, and the operator cleans up.
        drop(before);
        destroy(stage, "exchange", &BOTH);
        stage.set("fail", "b3");
        holds(&now);
        assert_eq!((stage.count("fail"), now.fault()), (0, None));
    });
}

#[test]
fn a_key_without_its_public_half_is_of_no_use() {
    alone("a_key_without_its_public_half_is_of_no_use", |stage| {
        let token = open(&stage.moody(), "agency-a").unwrap();
        token
            .make_key("exchange", Algorithm::EcdsaP256Sha256)
            .unwrap();
        destroy(stage, "exchange", &BOTH[1..]);
        let key = token.key(&uri("pkcs11:token=agency-a;object=exchange"));
        let why = key.unwrap_err();
        assert!(matches!(why, TokenError::KeyKind { .. }), "{why}");
        assert_eq!(token.trouble(), None);
    });
}

/// Loses the other token until its thread has looked for it: the thread of a token that was lost before has had its turn too.
fn another_is_looked_for(stage: &stage::Stage) {
    let token = open(&stage.moody(), "agency-b").unwrap();
    token.make_key("exchange", Algorithm::Ed25519).unwrap();
    let key = token.key(&uri("pkcs11:token=agency-b;object=exchange"));
    let key = key.unwrap();
    stage.set("absent", "");
    key.sign(MESSAGE).unwrap_err();
    stage.clear("absent");
    until("the other token is found again", || key.fault().is_none());
}

/// A session of another program, as far as the module can tell: the login is shared.
fn beside(functions: &Pkcs11) -> cryptoki::session::Session {
    let slots = functions.get_slots_with_initialized_token().unwrap();
    let is_a = |slot: &&cryptoki::slot::Slot| {
        let info = functions.get_token_info(**slot);
        info.is_ok_and(|info| info.label() == "agency-a")
    };
    functions
        .open_rw_session(*slots.iter().find(is_a).unwrap())
        .unwrap()
}

fn destroy(stage: &stage::Stage, label: &str, classes: &[ObjectClass]) {
    let functions = Pkcs11::new(stage.moody_path()).unwrap();
    let session = beside(&functions);
    for class in classes {
        let wanted = [Attribute::Class(*class), Attribute::Label(label.into())];
        for object in session.find_objects(&wanted).unwrap() {
            session.destroy_object(object).unwrap();
        }
    }
}

fn make(functions: &Pkcs11, label: &str) {
    let session = beside(functions);
    let pin = cryptoki::types::AuthPin::new(PIN.into());
    drop(session.login(cryptoki::session::UserType::User, Some(&pin)));
    let label = Attribute::Label(label.into());
    let curve = Attribute::EcParams(vec![0x06, 0x03, 0x2b, 0x65, 0x70]);
    let public = [
        Attribute::Token(true),
        label.clone(),
        Attribute::Verify(true),
        curve,
    ];
    let private = [
        Attribute::Token(true),
        label,
        Attribute::Private(true),
        Attribute::Sign(true),
    ];
    let mechanism = cryptoki::mechanism::Mechanism::EccEdwardsKeyPairGen;
    session
        .generate_key_pair(&mechanism, &public, &private)
        .unwrap();
}
