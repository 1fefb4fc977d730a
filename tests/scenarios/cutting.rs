//! Fields that a contract does not name do not leave the provider, whatever the status.

use bridge_tests::claims;
use bridge_tests::registry::Reaction;
use bridge_tests::world::{PATH, World, usual};
use serde_json::{Value, json};

const NOT_ENFORCEABLE: &str = "server.serverproxy.fields_not_enforceable";

async fn world() -> World {
    let fields = json!(["/fin", "/name/*", "/children/*/fin", "/error/code"]);
    World::with()
        .contract(usual().with("fields", fields))
        .start()
        .await
}

fn person() -> Value {
    json!({
        "fin": "5ABCDE7",
        "name": { "last": "Əliyev", "first": "Elçin" },
        "address": { "city": "Bakı" },
        "children": [{ "fin": "1", "diagnosis": "x" }, { "fin": "2", "school": { "fin": "3" } }],
        "salary": 1,
    })
}

#[tokio::test]
async fn nested_json_and_arrays_are_cut_on_every_status() {
    let world = world().await;
    let cut = json!({
        "fin": "5ABCDE7",
        "name": { "last": "Əliyev", "first": "Elçin" },
        "children": [{ "fin": "1" }, { "fin": "2" }],
    });
    for status in [200, 201, 400, 404, 409, 418, 500, 503] {
        world.registry.always(Reaction::json(status, &person()));
        let answer = world.consumer.get(PATH).send().await;
        answer.answered(status);
        assert_eq!(answer.json(), cut);
        assert_eq!(answer.field("etag"), None);
        claims::both_ends_agree(&world, &answer);
        for agency in [&world.consumer, &world.provider] {
            for shown in claims::shown(agency, answer.request_id()) {
                let body = shown.evidence.unwrap().body;
                assert!(
                    !String::from_utf8_lossy(&body).contains("diagnosis"),
                    "cut before it is signed and kept"
                );
            }
        }
    }
    let own = json!({ "error": { "code": 7, "detail": "person 5ABCDE7 not found" } });
    world.registry.always(Reaction::json(404, &own));
    let answer = world.consumer.get(PATH).send().await;
    assert_eq!(
        answer.answered(404).json(),
        json!({ "error": { "code": 7 } })
    );
    let list = json!([person(), person()]);
    world.registry.always(Reaction::json(200, &list));
    let answer = world.consumer.get(PATH).send().await;
    assert!(
        !String::from_utf8_lossy(&answer.body).contains("salary"),
        "a bare array: {:?}",
        answer.body
    );
}

#[tokio::test]
async fn what_cannot_be_cut_for_certain_does_not_leave() {
    let world = world().await;
    let json_type = ("content-type", "application/json");
    for (what, fields, body) in [
        (
            "not JSON by type",
            vec![("content-type", "text/plain")],
            "{\"fin\":1,\"salary\":2}",
        ),
        ("no type", vec![], "{\"fin\":1,\"salary\":2}"),
        ("not JSON", vec![json_type], "fin=1&salary=2"),
        ("cut JSON", vec![json_type], "{\"fin\":1,\"salary\":"),
        (
            "a key twice",
            vec![json_type],
            "{\"fin\":{\"salary\":1},\"fin\":2}",
        ),
        (
            "coded",
            vec![json_type, ("content-encoding", "gzip")],
            "{\"fin\":1}",
        ),
        (
            "partial",
            vec![json_type, ("content-range", "bytes 0-8/20")],
            "{\"fin\":1}",
        ),
        (
            "another charset",
            vec![("content-type", "application/json; charset=utf-16")],
            "{\"fin\":1}",
        ),
        ("a bare string", vec![json_type], "\"salary 100\""),
    ] {
        world.registry.always(Reaction::answer(200, &fields, body));
        let answer = world.consumer.get(PATH).send().await;
        answer.refused(502, NOT_ENFORCEABLE);
        assert!(
            !answer.message().contains("salary"),
            "{what}: no word of the answer itself"
        );
        claims::refused_leaf(&world.provider, answer.request_id(), NOT_ENFORCEABLE);
    }
    world.registry.always(Reaction::answer(204, &[], ""));
    world.consumer.get(PATH).send().await.answered(204);
}

#[tokio::test]
async fn an_answer_too_large_to_be_read_is_not_let_through_uncut() {
    let world = world().await;
    let filler = "x".repeat(1_200_000);
    world.registry.always(Reaction::json(
        200,
        &json!({ "fin": "5ABCDE7", "salary": filler }),
    ));
    let answer = world.consumer.get(PATH).send().await;
    answer.refused(502, NOT_ENFORCEABLE);
}
