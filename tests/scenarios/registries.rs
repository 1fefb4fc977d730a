//! Registry packages over two nodes: each scenario played by real clients, both journals verified.

use std::collections::BTreeSet;
use std::process::Command;
use std::task::Poll;

use bridge_adapter::Package;
use bridge_tests::answer::Answer;
use bridge_tests::package::{DATABASE_NAME, Trial, folder, postgres_database, run_package};
use bridge_tests::postgres::Postgres;
use bridge_tests::process::program;
use serde_json::json;

/// `adapter check` finds a package good, against a sample database that it makes.
#[track_caller]
pub(crate) fn checked(name: &str) {
    let place = tempfile::tempdir().unwrap();
    let database = place.path().join("sample.db");
    check(name, &["--database", database.to_str().unwrap()]);
}

/// `adapter check` finds a package good, behind a registry that lines of a node's settings name.
#[track_caller]
pub(crate) fn checked_by(name: &str, settings: &str) {
    let own = ["[[services]]", "adapter =", "subsystem =", "package ="];
    let lines = settings
        .lines()
        .filter(|line| !own.iter().any(|start| line.starts_with(start)));
    let options: Vec<&str> = lines.flat_map(|line| ["--setting", line]).collect();
    check(name, &options);
}

#[track_caller]
fn check(name: &str, options: &[&str]) {
    let mut command = Command::new(program());
    command.args(["adapter", "check"]).arg(folder(name));
    let output = command.args(options).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{wrong}");
}

#[tokio::test]
async fn population_answers_over_two_nodes() {
    checked("population");
    run_package("population").await;
}

#[tokio::test]
async fn population_answers_the_same_from_postgresql_over_two_nodes() {
    let place = tempfile::tempdir().unwrap();
    let package = Package::load(&folder("population")).unwrap();
    let provider = "AZ/GOV/1001/POPULATION".parse().unwrap();
    let settings = postgres_database(&package, &provider, place.path());
    checked_by("population", &settings);
    let trial = Trial::start_with("population", postgres_database).await;
    trial.play().await;
    trial.verify();
}

#[test]
fn a_wrong_line_of_settings_is_told_with_its_place_and_nothing_is_asked() {
    let two = "database = \"/dev/null\"\n[[services]]\nadapter = \"sql\"\nsubsystem = \"AZ/GOV/1/S\"\n\
               package = \"/\"\ndatabase = \"/dev/null\"";
    for (line, wrong) in [
        ("database = \"nowhere/registry.db\"", "setting.database"),
        ("databse = \"registry.db\"", "setting.databse: no such key"),
        (
            "database = \"postgresql://reader@db.test/x?sslmode=off\"",
            "setting.database",
        ),
        ("database", "write valid TOML"),
        ("[node]", "node: is not of a service"),
        (two, "setting: names more than one service"),
    ] {
        let mut command = Command::new(program());
        command.args(["adapter", "check"]).arg(folder("population"));
        let output = command.args(["--setting", line]).output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{line}: {told}");
        assert!(told.contains(wrong), "{line}: {told}");
    }
}

#[tokio::test]
async fn payments_are_created_booked_once_and_read_over_two_nodes() {
    checked("payments");
    let trial = run_package("payments").await;
    let booked = "SELECT count(*) FROM payment WHERE charge = 'V-SCENARIO-1'";
    let booked: i64 = trial
        .database()
        .query_row(booked, (), |row| row.get(0))
        .unwrap();
    assert_eq!(booked, 1);
}

/// 64 callers pay one charge, each with its own key, and one caller pays another charge 64 times with one key.
#[tokio::test(flavor = "multi_thread")]
async fn parallel_payments_over_two_nodes_are_booked_once_in_postgresql() {
    let trial = Trial::start_with("payments", postgres_database).await;
    trial.play().await;
    let bank = trial.consumer("AZ/COM/4001/CUSTOMERS");
    let target = trial.path("charge-pay", "");
    let pay = |charge: &str, amount: i64, key: String| {
        bank.ask("POST", &target)
            .field("content-type", "application/json")
            .field("bridge-purpose", "payment")
            .field("bridge-legal-basis", "payments-law-10")
            .field("idempotency-key", &key)
            .body(json!({ "charge": charge, "amount_qepik": amount }).to_string())
            .send()
    };
    let each: Vec<_> = (0..64)
        .map(|n| pay("R-2026-000003", 3000, format!("each-{n}")))
        .collect();
    let (mut paid, mut refused) = (0, 0);
    for answer in all(each).await {
        match answer.status {
            201 => paid += 1,
            409 if answer.json()["error"] == "already-paid" => refused += 1,
            _ => panic!("{answer:?}"),
        }
    }
    assert_eq!((paid, refused), (1, 63));

    let one: Vec<_> = (0..64)
        .map(|_| pay("R-2026-000006", 7500, "one".to_owned()))
        .collect();
    let mut receipts = BTreeSet::new();
    for answer in all(one).await {
        // Who comes while the first one is at work may be told so, and asks again.
        if answer.status == 201 {
            receipts.insert(answer.json()["receipt"].to_string());
        } else {
            answer.refused(409, "server.serverproxy.idempotency_key_in_flight");
        }
    }
    assert_eq!(receipts.len(), 1);
    let again = pay("R-2026-000006", 7500, "one".to_owned()).await;
    assert!(receipts.contains(&again.answered(201).json()["receipt"].to_string()));

    let name = std::fs::read_to_string(trial.folder().join(DATABASE_NAME)).unwrap();
    let booked = "SELECT count(*) FROM payment WHERE charge IN ('R-2026-000003', 'R-2026-000006')";
    assert_eq!(Postgres::shared().run(&name, booked), "2");
    let balanced = "SELECT (SELECT sum(collected_qepik) FROM creditor) = (SELECT sum(amount_qepik) FROM payment)";
    assert_eq!(Postgres::shared().run(&name, balanced), "t");
    trial.verify();
}

async fn all(asked: Vec<impl Future<Output = Answer>>) -> Vec<Answer> {
    let mut waiting: Vec<_> = asked.into_iter().map(Box::pin).collect();
    let mut answers = Vec::new();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|asked| match asked.as_mut().poll(context) {
            Poll::Ready(answer) => {
                answers.push(answer);
                false
            }
            Poll::Pending => true,
        });
        if waiting.is_empty() {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
    answers
}

#[tokio::test]
async fn taxpayers_answer_over_two_nodes() {
    checked("taxpayers");
    let trial = run_package("taxpayers").await;
    // The sample holds together: what the statements rely on and no constraint says.
    let database = trial.database();
    let none = [
        "SELECT 1 FROM pragma_foreign_key_check",
        "SELECT voen FROM founder GROUP BY voen HAVING sum(share) <> 10000",
        "SELECT voen FROM taxpayer WHERE fin IS NULL AND voen NOT IN (SELECT voen FROM company)",
        "SELECT 1 FROM debt JOIN taxpayer USING (voen) WHERE tax = 'vat' AND vat_from IS NULL",
    ];
    for sql in none {
        assert!(!database.prepare(sql).unwrap().exists(()).unwrap(), "{sql}");
    }
}

#[tokio::test]
async fn legal_acts_are_found_in_azerbaijani_by_every_member() {
    checked("legal-acts");
    let trial = run_package("legal-acts").await;
    let consumer = trial.consumer("AZ/NGO/5001/OFFICE");
    // A word in the title counts for more than the same word in many texts.
    let found = consumer.get(&trial.path("search", "?q=m%C9%99hk%C9%99m%C9%99"));
    let found = found.send().await.json();
    assert!(found["total"].as_u64().unwrap() > 20, "{found}");
    assert_eq!(found["acts"].as_array().unwrap().len(), 20);
    assert_eq!(found["acts"][0]["title"], "Məhkəmə qərarlarının icrası");

    // Page by page, nothing is missed and nothing comes twice.
    let (mut numbers, mut days) = (Vec::new(), Vec::new());
    let mut next = Some("?date=2022-01-01".to_owned());
    while let Some(query) = next {
        let page = consumer
            .get(&trial.path("changes-since", &query))
            .send()
            .await;
        let page = page.answered(200).json();
        for change in page["changes"].as_array().unwrap() {
            numbers.push(change["number"].as_i64().unwrap());
            days.push(change["changed_on"].as_str().unwrap().to_owned());
        }
        next = page["next"].as_object().map(|next| {
            format!(
                "?date={}&after={}",
                next["date"].as_str().unwrap(),
                next["after"]
            )
        });
    }
    let all = "SELECT count(*) FROM change";
    let all: i64 = trial
        .database()
        .query_row(all, (), |row| row.get(0))
        .unwrap();
    assert_eq!(numbers, (1..=all).collect::<Vec<_>>());
    assert!(days.is_sorted() && all > 600);
}

#[test]
fn the_index_of_words_follows_what_acts_say() {
    let place = tempfile::tempdir().unwrap();
    let package = Package::load(&folder("legal-acts")).unwrap();
    let path = place.path().join("acts.db");
    bridge_adapter_sql::sample::build(&package, &path).unwrap();
    let database = rusqlite::Connection::open(path).unwrap();
    let count = |word: &str| -> i64 {
        let sql = "SELECT count(*) FROM words WHERE words MATCH ?1";
        database.query_row(sql, [word], |row| row.get(0)).unwrap()
    };
    assert_eq!((count("kəhriz"), count("hərraclar")), (0, 1));
    let changed = "UPDATE version SET until_date = '2026-11-01' WHERE act_id = 3;
        INSERT INTO version (act_id, from_date, changed_by, title, text)
        VALUES (3, '2026-11-01', 9, 'KƏHRİZLƏRİN bərpası', 'Kəhriz suyu pulsuzdur.');";
    database.execute_batch(changed).unwrap();
    assert_eq!(
        (count("kəhriz"), count("kəhrizlərin"), count("hərraclar")),
        (1, 1, 0)
    );
    // What an act said stays as it is.
    let rewritten = database.execute("UPDATE version SET text = 'x' WHERE act_id = 3", ());
    assert!(
        rewritten
            .unwrap_err()
            .to_string()
            .contains("does not change")
    );
}
