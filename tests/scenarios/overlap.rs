//! What can only read goes on while its leaf is being written; no answer does.

use std::sync::atomic::{AtomicBool, Ordering};

use bridge_tests::agency::Agency;
use bridge_tests::claims;
use bridge_tests::process::Process;
use bridge_tests::wait::wait_until;
use bridge_tests::world::{PATH, World, usual};
use serde_json::json;

use crate::held::{hold, is_held, let_go, start};

/// Both nodes as processes on disks that stand still where they are told, under one contract.
async fn nodes(read_only: bool) -> (World, [Process; 2]) {
    let endpoint = |method| json!({ "method": method, "path": "/**", "query": ["q"], "semicolons": false, "subjects": "none" });
    let methods: &[&str] = if read_only {
        &["GET"]
    } else {
        &["GET", "POST"]
    };
    let terms = usual()
        .with("read_only", json!(read_only))
        .with("endpoints", methods.iter().map(endpoint).collect());
    let setup = World::with().contract(terms);
    // A journal that stands still is what is looked at, not what is refused.
    let mut world = setup
        .limit("journal_wait_milliseconds = 10000")
        .make()
        .await;
    world.settle();
    let provider = start(&world.provider).await;
    let consumer = start(&world.consumer).await;
    (world, [provider, consumer])
}

/// How many answers this node has found genuine.
async fn answers_verified(agency: &Agency) -> u64 {
    let series = "bridge_step_seconds_count{side=\"consumer\",step=\"answer_verified\"}";
    claims::metric(agency, series).await
}

/// As many round trips as a dozen exchanges take: what was to come would have come.
async fn pass_time(agency: &Agency) {
    for _ in 0..50 {
        agency.health("/metrics").await.unwrap();
    }
}

/// Both nodes end in order, and both journals are whole.
async fn end(world: &World, nodes: [Process; 2]) {
    for mut node in nodes {
        node.terminate();
        assert_eq!(node.ended().await.code(), Some(0));
    }
    for agency in [&world.provider, &world.consumer] {
        claims::verifies(agency);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_query_that_can_only_read_goes_on_while_its_leaf_is_written_and_is_answered_when_that_is_durable()
 {
    let (world, nodes) = nodes(true).await;
    let ends = [
        (&world.consumer, "request-sent syncing"),
        (&world.provider, "request-received syncing"),
    ];
    for (number, (agency, moment)) in ends.into_iter().enumerate() {
        hold(agency, moment);
        let asked = world.consumer.get(PATH).send();
        let looking = async {
            // The registry is asked although the disk has not even begun to sync.
            wait_until("the registry is asked", async || {
                is_held(agency) && world.registry.seen().len() > number
            })
            .await;
            let_go(agency);
        };
        let (answer, ()) = tokio::join!(asked, looking);
        answer.answered(200);
    }
    end(&world, nodes).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_answer_leaves_a_node_whose_leaf_of_the_query_is_not_durable() {
    let (world, mut nodes) = nodes(true).await;
    // The provider stands still before its first leaf is durable, and dies there: the registry answered, the caller gets nothing.
    hold(&world.provider, "request-received syncing");
    let asked = world.consumer.get(PATH).send();
    let killing = async {
        wait_until("the registry is asked", async || {
            is_held(&world.provider) && world.registry.seen().len() == 1
        })
        .await;
        nodes[0].kill();
        let_go(&world.provider);
        nodes[0] = start(&world.provider).await;
    };
    let (answer, ()) = tokio::join!(asked, killing);
    assert_eq!(answer.status, 502, "{}", answer.message());
    // The same at the caller's own node, which has the answer, genuine and whole.
    hold(&world.consumer, "request-sent syncing");
    let verified = answers_verified(&world.consumer).await;
    let answered = AtomicBool::new(false);
    let asked = async {
        let answer = world.consumer.get(PATH).try_send().await;
        answered.store(true, Ordering::SeqCst);
        answer
    };
    let killing = async {
        wait_until("the answer has come", async || {
            is_held(&world.consumer) && answers_verified(&world.consumer).await > verified
        })
        .await;
        pass_time(&world.consumer).await;
        assert!(
            !answered.load(Ordering::SeqCst),
            "and it stays with the node"
        );
        nodes[1].kill();
        let_go(&world.consumer);
        nodes[1] = start(&world.consumer).await;
    };
    let (answer, ()) = tokio::join!(asked, killing);
    assert!(answer.is_err(), "nobody was left to answer");
    end(&world, nodes).await;
}

/// While a sync is held, nothing of it reaches the registry, however long it takes; then it is asked.
async fn waits_at(world: &World, method: &str, agency: &Agency, kind: &str) {
    let before = world.registry.seen().len();
    hold(agency, &format!("{kind} syncing"));
    let asked = world.consumer.ask(method, PATH).send();
    let looking = async {
        wait_until("the sync is held", async || is_held(agency)).await;
        pass_time(agency).await;
        assert_eq!(world.registry.seen().len(), before, "{kind}");
        let_go(agency);
    };
    let (answer, ()) = tokio::join!(asked, looking);
    answer.answered(200);
    assert_eq!(world.registry.seen().len(), before + 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_asked_under_a_contract_that_is_not_read_only_waits_for_its_leaf_at_each_step() {
    let (world, nodes) = nodes(false).await;
    // A safe method and one that changes something.
    for method in ["GET", "POST"] {
        waits_at(&world, method, &world.consumer, "request-sent").await;
        waits_at(&world, method, &world.provider, "request-received").await;
    }
    end(&world, nodes).await;
}

/// The answer's own leaf is never overlapped: neither node hands an answer on before it is durable there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_answer_stays_where_its_own_leaf_is_not_durable() {
    let (world, nodes) = nodes(true).await;
    for (agency, kind) in [
        (&world.provider, "response-signed"),
        (&world.consumer, "response-received"),
    ] {
        let verified = answers_verified(&world.consumer).await;
        hold(agency, &format!("{kind} syncing"));
        let answered = AtomicBool::new(false);
        let asked = async {
            let answer = world.consumer.get(PATH).send().await;
            answered.store(true, Ordering::SeqCst);
            answer
        };
        let looking = async {
            wait_until("the sync is held", async || is_held(agency)).await;
            pass_time(agency).await;
            assert!(!answered.load(Ordering::SeqCst), "{kind}");
            // The provider's node has sent nothing; the consumer's has had the answer since.
            let came = answers_verified(&world.consumer).await - verified;
            assert_eq!(came, u64::from(kind == "response-received"), "{kind}");
            let_go(agency);
        };
        let (answer, ()) = tokio::join!(asked, looking);
        answer.answered(200);
    }
    end(&world, nodes).await;
}
