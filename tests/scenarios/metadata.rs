//! What nodes tell of members and services.

use std::path::PathBuf;

use bridge_core::leaf::Kind;
use bridge_tests::claims;
use bridge_tests::puppet::{Puppet, reference};
use bridge_tests::terms::{endpoint, terms};
use bridge_tests::world::{CONSUMER, PATH, PROVIDER, SERVICE, STRANGER, World, service, usual};
use serde_json::{Value, json};

const LIST: &str = "/r1/AZ/GOV/1001/POPULATION/listMethods";
const ALLOWED: &str = "/r1/AZ/GOV/1001/POPULATION/allowedMethods";
const OPENAPI: &str = "/r1/AZ/GOV/1001/POPULATION/getOpenAPI";

/// The population register of the repository, as a service of the provider.
fn population(folder: &std::path::Path) -> String {
    let package =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../adapters/registries/population");
    let database = folder.join("population.db");
    let loaded = bridge_adapter::Package::load(&package).unwrap();
    bridge_adapter_sql::sample::build(&loaded, &database).unwrap();
    format!(
        "[[services]]\nadapter = \"sql\"\nsubsystem = \"{PROVIDER}\"\npublished = true\npackage = \"{}\"\ndatabase = \"{}\"\n",
        package.display(),
        database.display()
    )
}

fn codes(list: &Value) -> Vec<String> {
    let mut codes: Vec<String> = list["service"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["service_code"].as_str().unwrap().to_owned())
        .collect();
    codes.sort();
    codes
}

#[tokio::test]
async fn list_clients_names_members_and_subsystems_of_the_directory() {
    let world = World::usual().await;
    let answer = world
        .consumer
        .get("/listClients")
        .field("accept", "application/json")
        .send()
        .await;
    answer.answered(200);
    let list = answer.json();
    let members = list["member"].as_array().unwrap();
    assert_eq!(members.len(), 6, "three members, three subsystems");
    let expected = json!({
        "name": "Agency 2001",
        "subsystem_name": "Subsystem TAX",
        "id": { "object_type": "SUBSYSTEM", "xroad_instance": "AZ", "member_class": "GOV", "member_code": "2001", "subsystem_code": "TAX" },
    });
    assert!(members.contains(&expected), "{list}");
    let own = world
        .consumer
        .get("/listClients?xRoadInstance=AZ")
        .send()
        .await;
    assert_eq!(own.json(), list);
    let foreign = world
        .consumer
        .get("/listClients?xRoadInstance=EE")
        .send()
        .await;
    assert_eq!(foreign.answered(200).json(), json!({ "member": [] }));
    let nobody = world
        .consumer
        .get("/listClients")
        .certificate(None)
        .send()
        .await;
    nobody.refused(401, "server.clientproxy.ssl_authentication_failed");
}

#[tokio::test]
async fn list_methods_shows_what_is_published_and_allowed_methods_what_is_allowed() {
    let mut world = World::with().make().await;
    let hidden = terms("tax-hidden", CONSUMER, PROVIDER, "agreed");
    let contracts = vec![usual(), hidden];
    let more = [
        ("secret", false),
        ("agreed", false),
        ("open", true),
        (SERVICE, true),
    ]
    .map(|(code, published)| service(code, &world.registry, published))
    .concat();
    world.provider.plan(bridge_tests::agency::Plan {
        more,
        contracts: contracts.clone(),
        ..Default::default()
    });
    world.consumer.plan(bridge_tests::agency::Plan {
        contracts,
        ..Default::default()
    });
    let world = world.run().await;
    let list = world.consumer.get(LIST).send().await;
    assert_eq!(
        codes(&list.answered(200).json()),
        ["agreed", "open", "registry"]
    );
    let entry = list.json()["service"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["service_code"] == "open")
        .unwrap()
        .clone();
    assert_eq!(
        (&entry["object_type"], &entry["service_type"]),
        (&json!("SERVICE"), &json!("REST"))
    );
    assert_eq!(
        (&entry["member_code"], &entry["subsystem_code"]),
        (&json!("1001"), &json!("POPULATION"))
    );
    let allowed = world.consumer.get(ALLOWED).send().await;
    assert_eq!(codes(&allowed.answered(200).json()), ["agreed", "registry"]);
    // They are exchanges like all others: signed, and in both journals.
    claims::both_ends_agree(&world, &list);
    // Another member without a contract sees what is published, and nothing is allowed to it.
    let puppet = Puppet::of(&world.stranger);
    let terms = bridge_reference(&world).await;
    let seen = puppet
        .ask(
            &world.provider,
            puppet.request(&world.provider, LIST, &terms),
        )
        .await;
    assert_eq!(codes(&seen.answered(200).json()), ["open", "registry"]);
    let nothing = puppet
        .ask(
            &world.provider,
            puppet.request(&world.provider, ALLOWED, &terms),
        )
        .await;
    assert_eq!(nothing.answered(200).json(), json!({ "service": [] }));
    assert!(world.registry.seen().is_empty());
}

/// The fixed terms of metadata calls, as a node names them.
async fn bridge_reference(world: &World) -> String {
    let answer = world.consumer.get(LIST).send().await;
    let leaf = claims::leaves(&world.consumer, answer.request_id()).remove(0);
    leaf.contract.unwrap()
}

#[tokio::test]
async fn get_openapi_gives_the_description_without_the_registrys_address() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::with()
        .contract(usual())
        .provider_settings(&population(folder.path()))
        .start()
        .await;
    let answer = world
        .consumer
        .get(&format!("{OPENAPI}?serviceCode=person"))
        .send()
        .await;
    answer.answered(200);
    let document = answer.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(
        document["servers"],
        json!([{ "url": "https://example.org/" }])
    );
    claims::both_ends_agree(&world, &answer);
    let listed = world.consumer.get(LIST).send().await.json();
    let person = listed["service"]
        .as_array()
        .unwrap()
        .iter()
        .find(|s| s["service_code"] == "person")
        .unwrap();
    assert_eq!(person["service_type"], "OPENAPI");
    assert!(
        person["endpoint_list"]
            .as_array()
            .unwrap()
            .contains(&json!({ "method": "GET", "path": "/{fin}", "effect": "reads" })),
        "{person}"
    );
    let none = world
        .consumer
        .get(&format!("{OPENAPI}?serviceCode=registry"))
        .send()
        .await;
    none.refused(404, "server.serverproxy.not_found");
    let unknown = world
        .consumer
        .get(&format!("{OPENAPI}?serviceCode=never"))
        .send()
        .await;
    unknown.refused(404, "server.serverproxy.unknown_service");
    for wrong in [
        OPENAPI.to_owned(),
        format!("{OPENAPI}?other=person"),
        format!("{LIST}/x"),
    ] {
        assert_eq!(
            world.consumer.get(&wrong).send().await.status,
            400,
            "{wrong}"
        );
    }
}

#[tokio::test]
async fn a_register_in_sql_answers_and_its_description_is_held_against_it() {
    let folder = tempfile::tempdir().unwrap();
    let person = terms("tax-person", CONSUMER, PROVIDER, "person")
        .with("endpoints", json!([{ "method": "GET", "path": "/*", "query": [], "semicolons": false, "subjects": [{ "in": "path", "segment": 0, "type": "fin" }] }, endpoint("GET", "/a/b/c")]))
        .with("fields", json!(["/fin", "/name/last"]));
    let world = World::with()
        .contract(person)
        .provider_settings(&population(folder.path()))
        .start()
        .await;
    let fin: String = rusqlite::Connection::open(folder.path().join("population.db"))
        .unwrap()
        .query_row("SELECT fin FROM person ORDER BY fin LIMIT 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    let target = |fin: &str| format!("/r1/AZ/GOV/1001/POPULATION/person/{fin}");
    let answer = world.consumer.get(&target(&fin)).send().await;
    answer.answered(200);
    let body = answer.json();
    assert_eq!(body["fin"], fin.as_str());
    assert_eq!(
        body.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["fin", "name"],
        "cut to the contract"
    );
    claims::both_ends_agree(&world, &answer);
    let leaf = claims::leaves(&world.provider, answer.request_id()).remove(0);
    assert_eq!(
        (leaf.kind, leaf.subjects.len()),
        (Kind::RequestReceived, 1),
        "it concerns one person, by commitment"
    );
    let wrong = world.consumer.get(&target("not-a-fin")).send().await;
    wrong.refused(400, "server.serverproxy.service_failed.bad_request");
    let nobody = world.consumer.get(&target("0000000")).send().await;
    assert_eq!(
        (nobody.status, nobody.field("x-road-error")),
        (404, None),
        "{nobody:?}"
    );
}

#[tokio::test]
async fn a_path_that_a_register_does_not_have_is_404_when_its_description_is_not_checked() {
    let folder = tempfile::tempdir().unwrap();
    let person = terms("tax-person", CONSUMER, PROVIDER, "person");
    let unchecked = population(folder.path()) + "check = false\n";
    let world = World::with()
        .contract(person)
        .provider_settings(&unchecked)
        .start()
        .await;
    for (method, path) in [("GET", "a/b/c"), ("DELETE", "check")] {
        let answer = world
            .consumer
            .ask(method, &format!("/r1/AZ/GOV/1001/POPULATION/person/{path}"))
            .send()
            .await;
        answer.refused(404, "server.serverproxy.service_failed.not_found");
    }
}

#[tokio::test]
async fn a_hidden_service_cannot_be_told_from_an_unknown_one() {
    let mut world = World::with().make().await;
    let hidden = terms("tax-secret", CONSUMER, PROVIDER, "secret");
    let stranger = terms("stranger-registry", STRANGER, PROVIDER, SERVICE);
    let more = [("secret", false), (SERVICE, true)]
        .map(|(code, published)| service(code, &world.registry, published))
        .concat();
    world.provider.plan(bridge_tests::agency::Plan {
        more,
        contracts: vec![hidden, stranger],
        ..Default::default()
    });
    let world = world.run().await;
    let puppet = Puppet::of(&world.stranger);
    let others = reference(&world.provider, "tax-secret");
    let mut seen = Vec::new();
    for contract in [
        others.as_str(),
        "tax-secret@AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "any@AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        for code in ["secret", "never"] {
            let forged = puppet.request(&world.provider, &PATH.replace("registry", code), contract);
            let answer = puppet.ask(&world.provider, forged).await;
            answer.refused(404, "server.serverproxy.unknown_service");
            let mut names: Vec<String> = answer.fields.keys().map(ToString::to_string).collect();
            names.sort();
            seen.push((answer.message(), names));
        }
    }
    seen.dedup();
    assert_eq!(seen.len(), 1, "{seen:?}");
    let list = world
        .consumer
        .get(&format!("{OPENAPI}?serviceCode=secret"))
        .send()
        .await;
    assert_eq!(list.status, 404);
}
