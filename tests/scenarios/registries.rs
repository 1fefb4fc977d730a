//! Registry packages over two nodes: each scenario played by real clients, both journals verified.

use std::process::Command;

use bridge_tests::package::{folder, run_package};
use bridge_tests::process::program;

/// `adapter check` finds a package good, against a sample database that it makes.
#[track_caller]
pub(crate) fn checked(name: &str) {
    let place = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    command.args(["adapter", "check"]).arg(folder(name));
    command
        .arg("--database")
        .arg(place.path().join("sample.db"));
    let output = command.output().unwrap();
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
    let package = bridge_adapter::Package::load(&folder("legal-acts")).unwrap();
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
