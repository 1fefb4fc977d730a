//! The protocol, with a well-behaved program in Python that runs without a cage; the cage and programs that mean harm are tried behind
//! real nodes.

use std::path::Path;
use std::time::Duration;

use bridge_adapter::probe::{Probe, ProbeBody};
use bridge_adapter::{
    Adapter, AdapterError, Answer, Content, Health, Idempotency, Limit, Package, body,
};
use http::{HeaderValue, Method};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::answers_for::{AnswersFor, Asked};
use crate::cage::Report;
use crate::{ProcessAdapter, ProcessConfig, describe};

fn config() -> ProcessConfig {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/tests/echo");
    let package = Package::load(&folder).unwrap();
    ProcessConfig::from_package(&package).unwrap()
}

fn probe(path: &str) -> Probe {
    let service = "AZ/GOV/1001/REG/echo".parse().unwrap();
    Probe::get(service, "AZ/GOV/2001/TAX".parse().unwrap(), path)
}

async fn read(answer: Answer) -> Value {
    let bytes = body::collect(answer.body, 1 << 20).await.unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

async fn get(adapter: &ProcessAdapter, path: &str) -> Result<Answer, AdapterError> {
    adapter
        .call(probe(path).call(CancellationToken::new()))
        .await
}

#[tokio::test]
async fn a_program_gets_the_facts_of_a_call_and_no_forged_ones() {
    let adapter = ProcessAdapter::new(config());
    let mut call = probe("/facts").call(CancellationToken::new());
    call.raw_query = Some("q=%C9%99".to_owned());
    call.fields
        .insert("bridge-call-purpose", HeaderValue::from_static("forged"));
    call.fields
        .insert("x-road-client", HeaderValue::from_static("forged"));
    call.fields
        .insert("accept", HeaderValue::from_static("application/json"));
    call.facts.user_id = Some("Əli 100%".to_owned());
    let said = read(adapter.call(call).await.unwrap()).await;
    assert_eq!(said["target"], "/call/echo/facts?q=%C9%99");
    let fields = &said["fields"];
    assert_eq!(fields["bridge-call-client"], "AZ/GOV/2001/TAX");
    assert_eq!(fields["bridge-call-service"], "AZ/GOV/1001/REG/echo");
    assert_eq!(fields["bridge-call-user-id"], "%C6%8Fli 100%25");
    assert_eq!(fields["accept"], "application/json");
    assert_eq!(
        (&fields["bridge-call-purpose"], &fields["x-road-client"]),
        (&Value::Null, &Value::Null)
    );
    assert!(
        fields["bridge-call-deadline-ms"]
            .as_str()
            .unwrap()
            .parse::<u64>()
            .unwrap()
            > 0
    );

    let mut call = probe("/keep")
        .posting(ProbeBody::Whole("{}".into()))
        .call(CancellationToken::new());
    let service = call.service.clone();
    let content = Content {
        method: &Method::POST,
        target: "/t",
        media_type: None,
        represented_party: None,
        body: &[7; 32],
    };
    let idempotency = Idempotency::new((&call.facts.client, &service), "k", content);
    call.idempotency = Some(idempotency.clone());
    let said = read(adapter.call(call).await.unwrap()).await;
    assert_eq!(
        said["bridge-call-idempotency-key"],
        idempotency.scoped.as_str()
    );
    assert_eq!(
        said["bridge-call-idempotency-content"],
        idempotency.content.as_str()
    );
    adapter.drain().await;
    assert!(matches!(
        get(&adapter, "/facts").await,
        Err(AdapterError::Unreachable { .. })
    ));
}

#[tokio::test]
async fn bodies_stream_both_ways_and_are_bounded() {
    let mut config = config();
    config.answer_limit_bytes = Some(4 << 20);
    let adapter = ProcessAdapter::new(config);
    let sent = vec![b'a'; 4 << 20];
    let post = |sent: Vec<u8>| {
        probe("/body")
            .posting(ProbeBody::Whole(sent.into()))
            .call(CancellationToken::new())
    };
    let answer = adapter.call(post(sent.clone())).await.unwrap();
    assert!(body::collect(answer.body, 5 << 20).await.unwrap() == sent);
    let answer = adapter.call(post(vec![b'a'; (4 << 20) + 1])).await.unwrap();
    let error = body::collect(answer.body, 5 << 20).await.unwrap_err();
    assert!(
        matches!(
            error,
            bridge_adapter::BodyError::TooLarge {
                limit_bytes: 4_194_304
            }
        ),
        "{error}"
    );
    adapter.drain().await;
}

#[tokio::test]
async fn the_head_the_length_and_the_time_of_an_answer_are_bounded() {
    let mut config = config();
    config.answer_limit_bytes = Some(1000);
    config.timeout = Duration::from_secs(1);
    let adapter = ProcessAdapter::new(config);
    let head = |query: &str| {
        let mut call = probe("/head").call(CancellationToken::new());
        call.raw_query = Some(query.to_owned());
        adapter.call(call)
    };
    // With Server, Date, Content-Length and the call's name.
    assert_eq!(read(head("124x10").await.unwrap()).await, "head");
    assert_eq!(read(head("6x10000").await.unwrap()).await, "head");
    for query in ["125x10", "7x10000", "1x70000"] {
        let error = head(query).await.unwrap_err();
        assert_eq!(error.code(), "not-understood", "{query}: {error}");
    }
    let mut call = probe("/facts").call(CancellationToken::new());
    call.raw_query = Some("a".repeat(1000));
    let announced = adapter.call(call).await;
    let limit = Limit::AnswerBytes(1000);
    assert!(
        matches!(announced, Err(AdapterError::TooLarge { limit: own }) if own == limit),
        "{announced:?}"
    );
    // Its own time, not the call's, which is longer.
    let late = get(&adapter, "/wait").await;
    assert!(matches!(late, Err(AdapterError::TimedOut)), "{late:?}");
    adapter.drain().await;
}

#[tokio::test]
async fn an_answer_whose_end_cannot_be_told_is_never_taken_for_whole() {
    let adapter = ProcessAdapter::new(config());
    for framing in ["gzip", "identity", "twice", "last", "first", "both"] {
        let mut call = probe("/coded").call(CancellationToken::new());
        call.raw_query = Some(framing.to_owned());
        let answered = adapter.call(call).await;
        assert!(
            matches!(answered, Err(AdapterError::NotUnderstood { .. })),
            "{framing}: {answered:?}"
        );
    }
    adapter.drain().await;
}

#[tokio::test]
async fn an_answer_that_is_not_to_the_call_at_hand_is_nobodys() {
    let adapter = ProcessAdapter::new(config());
    let named = |query: &str| {
        let mut call = probe("/named").call(CancellationToken::new());
        call.raw_query = Some(query.to_owned());
        adapter.call(call)
    };
    let answer = named("own").await.unwrap();
    assert!(!answer.fields.contains_key("bridge-call-request-id"));
    assert_eq!(read(answer).await, "named");
    for query in ["none", "other", "both", "twice", "other:failed"] {
        let error = named(query).await.unwrap_err();
        assert_eq!(error.code(), "not-understood", "{query}");
    }
    // A program may be too busy to read to which call it says so; nobody's data is in that.
    assert_eq!(named("none:busy").await.unwrap_err().code(), "busy");

    // What comes late, when the connection carries somebody else's call.
    assert_eq!(read(get(&adapter, "/late").await.unwrap()).await, "late");
    let next = get(&adapter, "/facts").await;
    assert!(
        matches!(next, Err(AdapterError::NotUnderstood { .. })),
        "{next:?}"
    );
    let said = read(get(&adapter, "/facts").await.unwrap()).await;
    assert_eq!(said["target"], "/call/echo/facts");
    adapter.drain().await;
}

#[tokio::test]
async fn interim_answers_are_dropped_and_a_flood_of_them_ends_the_call() {
    let adapter = ProcessAdapter::new(config());
    let interim = |count: usize| {
        let mut call = probe("/interim").call(CancellationToken::new());
        call.raw_query = Some(count.to_string());
        adapter.call(call)
    };
    assert_eq!(read(interim(16).await.unwrap()).await, 16);
    let answered = interim(100_000).await;
    assert!(
        matches!(answered, Err(AdapterError::NotUnderstood { .. })),
        "{answered:?}"
    );
    assert_eq!(read(interim(0).await.unwrap()).await, 0);
    adapter.drain().await;
}

#[tokio::test]
async fn a_program_that_answers_before_it_has_read_the_call_holds_no_connection() {
    let adapter = ProcessAdapter::new(config());
    for _ in 0..4 {
        // More than a socket holds.
        let mut call = probe("/body")
            .posting(ProbeBody::Whole(vec![b'a'; 8 << 20].into()))
            .call(CancellationToken::new());
        call.raw_query = Some("early".to_owned());
        assert_eq!(read(adapter.call(call).await.unwrap()).await, "early");
        // The program sees the end, and the next call does not wait behind the rest.
        assert_eq!(read(get(&adapter, "/early").await.unwrap()).await, true);
    }
    adapter.drain().await;
}

#[tokio::test]
async fn a_call_that_nobody_waits_for_is_given_up_at_the_program_too() {
    let adapter = ProcessAdapter::new(config());
    // The call's time is not the program's to start in.
    get(&adapter, "/facts").await.unwrap();
    let call = probe("/wait")
        .within(Duration::from_secs(1))
        .call(CancellationToken::new());
    let answered = adapter.call(call).await;
    assert!(
        matches!(answered, Err(AdapterError::TimedOut)),
        "{answered:?}"
    );
    assert_eq!(read(get(&adapter, "/left").await.unwrap()).await, true);
    adapter.drain().await;
}

#[tokio::test]
async fn an_error_of_a_program_has_its_code_and_words_that_may_be_logged() {
    let adapter = ProcessAdapter::new(config());
    for code in [
        "bad-request",
        "not-found",
        "method-not-allowed",
        "key-reused",
        "unreachable",
        "timed-out",
        "busy",
        "cut",
        "not-understood",
        "failed",
        "too-large",
    ] {
        let mut call = probe("/error").call(CancellationToken::new());
        call.raw_query = Some(code.to_owned());
        let error = adapter.call(call).await.unwrap_err();
        assert_eq!(error.code(), code);
        if let AdapterError::Failed { reason } = &error {
            assert!(
                reason.starts_with("why ?yyy") && reason.len() == 200,
                "{reason}"
            );
        }
        if let AdapterError::TooLarge { limit } = &error {
            assert_eq!(*limit, Limit::RequestBytes(0));
        }
    }
    let mut call = probe("/error").call(CancellationToken::new());
    call.raw_query = Some("cancelled".to_owned());
    assert_eq!(
        adapter.call(call).await.unwrap_err().code(),
        "not-understood"
    );
    adapter.drain().await;
}

#[tokio::test]
async fn a_program_that_ends_is_started_again_and_one_that_is_another_never_serves() {
    let adapter = ProcessAdapter::new(config());
    assert_eq!(adapter.health().await, Health::Ready);
    assert!(matches!(
        get(&adapter, "/end").await,
        Err(AdapterError::Cut { .. })
    ));
    let again = async {
        while get(&adapter, "/facts").await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), again)
        .await
        .unwrap();
    adapter.drain().await;

    let mut config = config();
    config.description.services[0].endpoints.pop();
    let adapter = ProcessAdapter::new(config);
    let answered = get(&adapter, "/facts").await;
    assert!(
        matches!(answered, Err(AdapterError::Unreachable { .. })),
        "{answered:?}"
    );
    let Health::NotReady { reason } = adapter.health().await else {
        panic!("it serves");
    };
    assert!(
        reason.contains("that its package does not describe"),
        "{reason}"
    );
    adapter.drain().await;
}

#[tokio::test]
async fn a_program_that_cannot_begin_says_why() {
    let words = |program: &[&str]| program.iter().map(|word| (*word).to_owned()).collect();
    let none: &[&str] = &[];
    for (launcher, program, expected) in [
        (
            none,
            &["/nowhere/adapter"][..],
            "it cannot be started: No such file",
        ),
        (none, &["/bin/sh", "-c", "exit 3"], "it ended: exit code 3"),
        (none, &["/bin/sh", "-c", "kill -9 $$"], "it ended: signal 9"),
        (
            none,
            &["/bin/sleep", "1000"],
            "it was not ready in time: it does not listen",
        ),
        (
            &["/bin/true"],
            &["adapter"],
            "its cage could not be made; the log says why",
        ),
        (
            &["/bin/echo"],
            &["adapter"],
            "its cage could not be made; the log says why",
        ),
        (
            &["/bin/sleep", "1000"],
            &["adapter"],
            "its cage could not be made; the log says why",
        ),
    ] {
        let mut config = config();
        config.program = words(program);
        config.start_timeout = Duration::from_millis(500);
        config.drain_timeout = Duration::ZERO;
        config.launcher = (!launcher.is_empty()).then(|| launcher.iter().map(Into::into).collect());
        let adapter = ProcessAdapter::new(config);
        let answered = get(&adapter, "/facts").await;
        assert!(
            matches!(answered, Err(AdapterError::Unreachable { .. })),
            "{expected}: {answered:?}"
        );
        let Health::NotReady { reason } = adapter.health().await else {
            panic!("{program:?} serves");
        };
        assert!(reason.starts_with(expected), "{reason}");
        adapter.drain().await;
    }
}

#[test]
fn what_a_program_says_of_itself_is_held_against_its_package() {
    let package = config().description;
    let said = json!({ "protocol": 1, "name": "echo", "services": [{ "code": "echo", "endpoints": [
        { "method": "GET", "path": "/{what}", "effect": "reads" }, { "method": "POST", "path": "/body" },
        { "method": "POST", "path": "/keep", "effect": "stored" },
    ] }] });
    let compare = |said: &Value| describe::compare(said.to_string().as_bytes(), "echo", &package);
    assert_eq!(compare(&said), Ok(()));
    for (pointer, other) in [
        ("/protocol", json!(2)),
        ("/name", json!("other")),
        ("/services/0/endpoints/2/effect", json!("unknown")),
        ("/services/0/endpoints/0/path", json!("/{other}")),
        ("/services", json!([])),
    ] {
        let mut changed = said.clone();
        *changed.pointer_mut(pointer).unwrap() = other;
        assert!(compare(&changed).is_err(), "{pointer}");
    }
}

#[tokio::test]
async fn an_answer_must_name_whom_it_is_asked_about() {
    let rule = AnswersFor {
        service: "echo".to_owned(),
        method: Method::GET,
        path: bridge_adapter::template::Template::parse("/{what}").unwrap(),
        from: Asked::Path("what".to_owned()),
        at: "/person/fin".to_owned(),
    };
    let mut call = probe("/MBXEHTV").call(CancellationToken::new());
    assert!(rule.is_about(&call));
    let asked = rule.asked(&mut call).await.unwrap();
    // One byte more than is read to be compared.
    let named = r#"{"person":{"fin":"MBXEHTV"}}"#;
    let large = named.to_owned() + &" ".repeat((1 << 20) + 1 - named.len());
    for (status, text, holds) in [
        (200, r#"{"person":{"fin":"MBXEHTV"}}"#, true),
        (200, r#"{"person":{"fin":"5XKQ7ZW"}}"#, false),
        (
            200,
            r#"{"person":{"fin":"5XKQ7ZW","fin":"MBXEHTV"}}"#,
            false,
        ),
        (200, r#"{"person":{}}"#, false),
        (200, "MBXEHTV", false),
        (204, "", true),
        (404, r#"{"error":"nobody"}"#, true),
        (404, r#"{"person":{"fin":"5XKQ7ZW"}}"#, false),
        (500, "5XKQ7ZW", false),
        (200, &large, false),
    ] {
        let answer = Answer {
            status: http::StatusCode::from_u16(status).unwrap(),
            fields: http::HeaderMap::new(),
            body: body::full(text.to_owned()),
        };
        assert_eq!(
            rule.checked(&asked, answer).await.is_ok(),
            holds,
            "{status} {text}"
        );
    }
}

#[test]
fn a_rule_is_about_calls_whose_closest_path_is_its_own() {
    let mut config = config();
    config.answers_for.push(AnswersFor {
        service: "echo".to_owned(),
        method: Method::GET,
        path: bridge_adapter::template::Template::parse("/{what}").unwrap(),
        from: Asked::Path("what".to_owned()),
        at: "/fin".to_owned(),
    });
    let adapter = ProcessAdapter::new(config);
    let has_rule = |path: &str| {
        adapter
            .rule_of(&probe(path).call(CancellationToken::new()))
            .is_some()
    };
    assert_eq!((has_rule("/facts"), has_rule("/body")), (true, false));
}

#[test]
fn reserved_names_do_not_come_into_the_environment() {
    let mut config = config();
    for name in ["LD_PRELOAD", "BRIDGE_ADAPTER_SOCKET", "HOME", "lower", ""] {
        let given = [(name.to_owned(), "x".to_owned())].into();
        assert_eq!(
            config.set_environment(&given).unwrap_err().len(),
            1,
            "{name}"
        );
    }
    assert!(
        config
            .set_environment(&[("DB_NAME".to_owned(), "x".to_owned())].into())
            .is_ok()
    );
    assert_eq!(config.environment.len(), 1);
}

#[test]
fn a_part_that_is_missing_is_not_given_by_something_else() {
    use crate::cage::Part;
    let mut report = Report::default();
    report.miss(Part::Network, "no namespaces");
    report.give(Part::Network, "given");
    report.give(Part::Cpu, "given");
    assert_eq!(
        report
            .lacking(&[Part::Cpu, Part::Network])
            .collect::<Vec<_>>(),
        [Part::Network]
    );
    assert!(
        report
            .words()
            .iter()
            .any(|line| line == "network    NOT GIVEN: no namespaces")
    );
}
