use async_trait::async_trait;
use http::{HeaderMap, StatusCode, header};

use super::*;
use crate::{Answer, Call, Description, Health};

const OPENAPI: &str = r#"{"openapi":"3.1.0","info":{"title":"t","version":"1"},"paths":{"/person/{fin}":{"get":{
    "parameters":[{"name":"fin","in":"path","required":true,"schema":{"type":"string","maxLength":7}}],
    "responses":{"200":{"description":"ok","content":{"application/json":{"schema":{"required":["fin"]}}}}}}}}}"#;
const MANIFEST: &str = "version = 1\nname = \"p\"\ntitle = \"P\"\nadapter = \"sql\"\n\
    [[service]]\ncode = \"person\"\ntitle = \"Şəxs\"\n[sql]\n";
const SCENARIO_TEXT: &str = r#"
version = 1
provider = "AZ/GOV/1001/POPULATION"
[[step]]
title = "found"
client = "AZ/GOV/2001/TAX"
service = "person"
path = "/1AB2C3D"
registry = { status = 200, body = '{"fin":"1AB2C3D"}' }
[[step]]
title = "refused by the adapter"
client = "AZ/GOV/2001/TAX"
service = "person"
path = "/bad"
registry = { error = "bad-request" }
[[step]]
title = "refused by the node"
client = "AZ/GOV/2001/TAX"
service = "person"
consumer = { status = 403 }
"#;

/// Answers each path with the text it is given; `/bad` is refused.
struct Says(&'static str);

#[async_trait]
impl Adapter for Says {
    fn describe(&self) -> Description {
        Description::default()
    }

    async fn health(&self) -> Health {
        Health::Ready
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        if call.path == "/bad" {
            return Err(AdapterError::BadRequest {
                place: "path".into(),
                expected: "a FİN".into(),
            });
        }
        let mut fields = HeaderMap::new();
        fields.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        Ok(Answer {
            status: StatusCode::OK,
            fields,
            body: body::full(self.0),
        })
    }
}

fn load(scenario: &str) -> (tempfile::TempDir, Package, Result<Scenario, Vec<Fault>>) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("manifest.toml", MANIFEST),
        ("openapi.json", OPENAPI),
        (SCENARIO, scenario),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let package = Package::load(folder.path()).unwrap();
    let scenario = Scenario::load(&package);
    (folder, package, scenario)
}

async fn differences(says: &'static str) -> Vec<String> {
    let (_folder, package, scenario) = load(SCENARIO_TEXT);
    let outcomes = run(&Says(says), &package, &scenario.unwrap()).await;
    assert_eq!(
        outcomes.len(),
        2,
        "the third step never reaches the adapter"
    );
    assert_eq!(outcomes[1].differences, [] as [String; 0]);
    outcomes[0].differences.clone()
}

#[tokio::test]
async fn an_answer_as_expected_has_no_difference() {
    assert_eq!(
        differences(r#"{ "fin": "1AB2C3D" }"#).await,
        [] as [String; 0]
    );
}

#[tokio::test]
async fn an_answer_that_differs_is_shown_with_the_rule_it_breaks() {
    assert_eq!(
        differences(r#"{"name":"Əli"}"#).await,
        [
            r#"expected the body {"fin":"1AB2C3D"}, got {"name":"Əli"}"#,
            "the answer against openapi.json: the body breaks the rule /$ref/required",
        ]
    );
}

#[tokio::test]
async fn an_error_instead_of_an_answer_is_a_difference() {
    let (_folder, package, scenario) = load(&SCENARIO_TEXT.replace("/1AB2C3D\"\n", "/bad\"\n"));
    let outcomes = run(&Says("{}"), &package, &scenario.unwrap()).await;
    assert_eq!(
        outcomes[0].differences,
        ["expected the status 200, got the error bad-request: path: expected a FİN"]
    );
}

#[test]
fn all_faults_of_a_scenario_come_at_once() {
    let text = SCENARIO_TEXT
        .replace("version = 1", "version = 2")
        .replacen("AZ/GOV/2001/TAX", "AZ/GOV/TAX", 1)
        .replace("error = \"bad-request\"", "body = '{'")
        .replace("consumer = ", "customer = ");
    let (_folder, _package, scenario) = load(&text);
    let faults = scenario.unwrap_err();
    let found: Vec<(&str, &str)> = faults.iter().map(|f| (f.code, f.place.as_str())).collect();
    assert_eq!(
        found,
        [
            ("scenario-version", "scenario.toml version"),
            ("wrong-value", "scenario.toml step[1].client"),
            ("wrong-value", "scenario.toml step[2].registry.body"),
            ("missing-key", "scenario.toml step[2].registry.status"),
            ("unknown-key", "scenario.toml step[3].customer"),
        ]
    );
}

#[test]
fn a_scenario_says_who_is_in_a_group_and_for_whom_a_step_is() {
    let text = SCENARIO_TEXT
        .replace("[[step]]\ntitle = \"found\"", "groups.all = [\"AZ/GOV/2001/TAX\"]\n[[step]]\ntitle = \"found\"\nuser_id = \"AZ1AB2C3D\"\nrepresented_party = \"NGO/77\"");
    let (_folder, _package, scenario) = load(&text);
    let scenario = scenario.unwrap();
    let tax = "AZ/GOV/2001/TAX".parse().unwrap();
    assert_eq!(scenario.groups, [("all".to_owned(), vec![tax])]);
    let facts = scenario.steps[0].probe.call(CancellationToken::new()).facts;
    assert_eq!(facts.user_id.as_deref(), Some("AZ1AB2C3D"));
    assert_eq!(facts.represented_party.as_deref(), Some("NGO/77"));
    let wrong = text.replace("[\"AZ/GOV/2001/TAX\"]\n", "[\"AZ/GOV\"]\ngroups.none = 1\n");
    let (_folder, _package, scenario) = load(&wrong);
    let places: Vec<String> = scenario.unwrap_err().into_iter().map(|f| f.place).collect();
    assert_eq!(
        places,
        ["scenario.toml groups.all", "scenario.toml groups.none"]
    );
}
