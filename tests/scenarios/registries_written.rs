//! Registry packages that are written to, over two nodes: what is submitted is kept once, and parallel callers break nothing.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_tests::agency::Agency;
use bridge_tests::answer::Answer;
use bridge_tests::ask::Ask;
use bridge_tests::claims;
use bridge_tests::package::{Trial, folder, run_package};
use bridge_tests::wait::all_at_once;
use rusqlite::types::FromSql;
use serde_json::{Value, json};
use time::macros::{format_description, offset};
use time::{Date, Duration, OffsetDateTime, Weekday};

use crate::registries::checked;

/// How many call at the same time.
const CALLERS: usize = 64;
const IN_FLIGHT: &str = "server.serverproxy.idempotency_key_in_flight";

/// A caller of a package: who asks, for what, on which legal basis.
struct Caller<'a> {
    trial: &'a Trial,
    agency: &'a Agency,
    purpose: &'static str,
    legal_basis: &'static str,
}

impl<'a> Caller<'a> {
    fn appeals(trial: &'a Trial, subsystem: &str) -> Self {
        Self {
            trial,
            agency: trial.consumer(subsystem),
            purpose: "appeal-handling",
            legal_basis: "appeals-law",
        }
    }

    fn ngo(trial: &'a Trial, subsystem: &str) -> Self {
        Self {
            trial,
            agency: trial.consumer(subsystem),
            purpose: "own-cabinet",
            legal_basis: "ngo-decree-3",
        }
    }

    fn for_purpose(self, purpose: &'static str) -> Self {
        Self { purpose, ..self }
    }

    fn ask(&self, method: &str, service: &str, rest: &str) -> Ask<'a> {
        let ask = self.agency.ask(method, &self.trial.path(service, rest));
        let ask = ask.field("bridge-purpose", self.purpose);
        ask.field("bridge-legal-basis", self.legal_basis)
    }

    async fn get(&self, service: &str, rest: &str) -> Answer {
        self.ask("GET", service, rest).send().await
    }

    async fn submit(&self, service: &str, rest: &str, key: &str, body: Value) -> Answer {
        let ask = self
            .ask("POST", service, rest)
            .field("idempotency-key", key);
        let ask = ask.field("content-type", "application/json");
        ask.body(body.to_string()).send().await
    }
}

/// One value of the registry.
fn held<T: FromSql>(trial: &Trial, sql: &str) -> T {
    trial
        .database()
        .query_row(sql, (), |row| row.get(0))
        .unwrap()
}

/// How many of the registry's answers have this status and, of refusals, this code.
#[track_caller]
fn count(answers: &[Answer], status: u16, code: Option<&str>) -> usize {
    for answer in answers {
        let refused = answer.field("x-road-error");
        assert!(refused.is_none_or(|code| code == IN_FLIGHT), "{answer:?}");
    }
    let fits = |answer: &&Answer| {
        let own = answer.status == status && answer.field("x-road-error").is_none();
        own && code.is_none_or(|code| answer.json()["error"] == code)
    };
    answers.iter().filter(fits).count()
}

/// The values of a member of successful answers.
fn values(answers: &[Answer], member: &str) -> BTreeSet<String> {
    let good = answers.iter().filter(|answer| answer.status < 300);
    good.map(|answer| answer.json()[member].as_str().unwrap().to_owned())
        .collect()
}

/// The day after `count` working days, found by walking: neither Saturday nor Sunday nor in the table of holidays.
fn working_days_after(trial: &Trial, day: Date, count: u32) -> String {
    let database = trial.database();
    let mut holiday = database
        .prepare("SELECT 1 FROM holiday WHERE day = ?1")
        .unwrap();
    let (mut day, mut left) = (day, count);
    while left > 0 {
        day += Duration::DAY;
        let rests = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
        if !rests && !holiday.exists([day.to_string()]).unwrap() {
            left -= 1;
        }
    }
    day.to_string()
}

/// A day as the registry writes it.
fn day(text: &str) -> Date {
    Date::parse(text, format_description!("[year]-[month]-[day]")).unwrap()
}

/// Today in Azerbaijan.
fn today() -> Date {
    OffsetDateTime::now_utc().to_offset(offset!(+4)).date()
}

fn appeal(writer: usize, text: &str) -> Value {
    json!({
        "channel": "electronic", "category": "roads", "text": text,
        "applicant": { "fin": format!("7AB{writer:04}"), "last_name": "Nəsirova", "first_name": "Ülkər", "phone": "+994501234567" },
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn appeals_keep_their_numbers_holders_and_answers_under_64_callers() {
    checked("appeals");
    let trial = run_package("appeals").await;
    let (first, second) = (
        Caller::appeals(&trial, "AZ/LEA/3001/APPEALS"),
        Caller::appeals(&trial, "AZ/LEA/3002/APPEALS"),
    );
    let both = |caller: usize| [&first, &second][caller % 2];
    let before: i64 = held(&trial, "SELECT count(*) FROM appeal");

    // Each of 64 has a number of its own, and each authority's numbers follow each other.
    let text = "Yolun kənarındakı körpü uçub, keçmək olmur.";
    let registered = all_at_once((0..CALLERS).map(async |n| {
        let key = format!("register-{n}");
        both(n)
            .submit("appeal-register", "", &key, appeal(n, text))
            .await
    }))
    .await;
    assert_eq!(count(&registered, 201, None), CALLERS);
    assert_eq!(values(&registered, "number").len(), CALLERS);
    let gaps = "SELECT count(*) FROM (SELECT 1 FROM appeal GROUP BY registered_by, year HAVING max(seq) <> count(*))";
    assert_eq!(held::<i64>(&trial, gaps), 0);
    for answer in &registered {
        claims::ends_agree(both_of(answer, &first, &second), &trial.provider, answer);
    }
    let one = registered[0].json();
    let received = day(one["received_on"].as_str().unwrap());
    assert!(received == today() || received == today() - Duration::DAY);
    assert_eq!(one["due_on"], working_days_after(&trial, received, 15));
    assert_eq!(
        one["forward_until"],
        working_days_after(&trial, received, 3)
    );

    // The same request from 64 is one appeal.
    let again = all_at_once((0..CALLERS).map(async |_| {
        let body = appeal(9000, "Bu müraciət bir dəfə qeydə alınmalıdır.");
        first
            .submit("appeal-register", "", "register-once", body)
            .await
    }))
    .await;
    let refused = again
        .iter()
        .filter(|answer| answer.field("x-road-error") == Some(IN_FLIGHT));
    assert_eq!(count(&again, 201, None) + refused.count(), CALLERS);
    assert_eq!(values(&again, "number").len(), 1);
    let after: i64 = held(&trial, "SELECT count(*) FROM appeal");
    assert_eq!(after, before + 65);

    // Passed on by 64 at once, an appeal moves once.
    let number = registered[0].json()["number"].as_str().unwrap().to_owned();
    let path = format!("/{number}");
    let forwarded = all_at_once((0..CALLERS).map(async |n| {
        let body = json!({ "to": format!("3{:03}", 2 + n % 9), "reason": "Yol qonşu rayondadır." });
        first
            .submit("appeal-forward", &path, &format!("forward-{n}"), body)
            .await
    }))
    .await;
    assert_eq!(count(&forwarded, 200, None), 1);
    assert_eq!(count(&forwarded, 409, Some("forwarded")), CALLERS - 1);
    let moved = format!(
        "SELECT count(*) || ' ' || max(receiver = holder) FROM movement JOIN appeal ON id = appeal_id WHERE number = '{number}'"
    );
    assert_eq!(held::<String>(&trial, &moved), "1 1");

    // Answered by 32 and passed on by 32, it is the one or the other.
    let number = registered[2].json()["number"].as_str().unwrap().to_owned();
    let path = format!("/{number}");
    let raced = all_at_once((0..CALLERS).map(async |n| {
        let key = format!("race-{n}");
        if n % 2 == 0 {
            let body = json!({ "decision": "satisfied", "officer_fin": "A3001A1", "text": format!("Körpü təmir edildi, akt № {n}.") });
            first.submit("appeal-answer", &path, &key, body).await
        } else {
            let body = json!({ "to": "3004", "reason": "Körpü qonşu rayondadır." });
            first.submit("appeal-forward", &path, &key, body).await
        }
    }))
    .await;
    assert_eq!(count(&raced, 200, None), 1, "{raced:?}");
    assert_eq!(count(&raced, 409, None), CALLERS - 1);
    let state = format!(
        "SELECT (decision IS NOT NULL) + (holder <> '3001') FROM appeal WHERE number = '{number}'"
    );
    assert_eq!(held::<i64>(&trial, &state), 1);

    // Answered by 64, it has the first answer.
    let number = registered[4].json()["number"].as_str().unwrap().to_owned();
    let path = format!("/{number}");
    let answered = all_at_once((0..CALLERS).map(async |n| {
        let body = json!({ "decision": "explained", "officer_fin": "A3001B1", "text": format!("Cavab məktubu nömrə {n} göndərildi.") });
        first.submit("appeal-answer", &path, &format!("answer-{n}"), body).await
    }))
    .await;
    assert_eq!(count(&answered, 200, None), 1);
    assert_eq!(count(&answered, 409, Some("answered")), CALLERS - 1);
    let winner = answered
        .iter()
        .position(|answer| answer.status == 200)
        .unwrap();
    let shown = first.get("appeal-status", &path).await.answered(200).json();
    assert_eq!(
        shown["answer"]["text"],
        format!("Cavab məktubu nömrə {winner} göndərildi.")
    );
    trial.verify();
}

/// Whose request an answer belongs to.
fn both_of<'a>(answer: &Answer, first: &Caller<'a>, second: &Caller<'a>) -> &'a Agency {
    let of_first = answer.json()["number"]
        .as_str()
        .unwrap()
        .starts_with("3001");
    if of_first {
        first.agency
    } else {
        second.agency
    }
}

/// Has writers name themselves in ways of their own, in appeals that were answered since; says which samples those would be.
fn in_other_ways(trial: &Trial) -> Vec<i64> {
    let database = trial.database();
    let mut written = Vec::new();
    for own in [
        "'Zəng edin: (050) 123.45.67, hər gün evdəyəm.'",
        "'Zəng edin: 050/123/45/67, hər gün evdəyəm.'",
        "'Kodum belədir: ' || substr(fin, 1, 3) || '-' || substr(fin, 4) || ', baxın.'",
        "'Kodum belədir: ' || lower(substr(fin, 1, 2) || ' ' || substr(fin, 3)) || ', baxın.'",
        "'Atamın adını yazıram: ' || upper(patronymic) || ', məktubu ona verin.'",
        "'Zəhmət olmasa, cavab verin. ' || upper(replace(replace(last_name, 'ə', 'e'), 'ü', 'u'))",
        "'Məktubu bura göndərin: ' || upper(address) || ', poçtla.'",
    ] {
        let open = "SELECT min(id) FROM appeal WHERE decision IS NULL AND patronymic <> '' AND address <> ''";
        let id: i64 = database.query_row(open, [], |row| row.get(0)).unwrap();
        let answer = format!(
            "UPDATE appeal SET text = {own}, decision = 'explained', answer = 'Cavab məktubla göndərildi.', \
             answered_on = held_since, answered_by = 'A3001B1' WHERE id = {id}"
        );
        assert_eq!(database.execute(&answer, []).unwrap(), 1);
        written.push(id * 7919 % 1_000_003);
    }
    written
}

#[tokio::test]
async fn nobody_is_named_in_the_training_set() {
    let trial = Trial::start("appeals").await;
    let university = Caller::appeals(&trial, "AZ/EDU/6001/RESEARCH").for_purpose("training");
    let written = in_other_ways(&trial);
    let (mut samples, mut after) = (Vec::new(), 0);
    loop {
        let page = university
            .get("training-set", &format!("?after={after}"))
            .await;
        let page = page.answered(200).json();
        let Some(last) = page.as_array().unwrap().last() else {
            break;
        };
        after = last["sample"].as_i64().unwrap();
        samples.extend(page.as_array().unwrap().clone());
    }
    let answered: usize = held::<i64>(
        &trial,
        "SELECT count(*) FROM appeal WHERE decision IS NOT NULL",
    )
    .try_into()
    .unwrap();
    assert!(
        samples.len() > 900 && samples.len() < answered,
        "{} of {answered}",
        samples.len()
    );
    let database = trial.database();
    let sql = "SELECT last_name, first_name, patronymic, fin, address FROM appeal WHERE id * 7919 % 1000003 = ?1";
    let mut writer = database.prepare(sql).unwrap();
    // Rust folds İ and I in its own way; both ends of the comparison are folded alike.
    let fold = |text: &str| text.to_lowercase().replace('\u{307}', "").replace('ı', "i");
    let mut masked = 0;
    for sample in &samples {
        let keys: BTreeSet<&str> = sample
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        let shown = [
            "category", "channel", "decision", "in_time", "month", "sample", "text",
        ];
        assert_eq!(keys, BTreeSet::from(shown));
        let number = sample["sample"].as_i64().unwrap();
        assert!(!written.contains(&number), "{sample}");
        let text = sample["text"].as_str().unwrap();
        masked += usize::from(text.contains("[soyad]") || text.contains("[FİN]"));
        for column in 0..5 {
            let name: String = writer
                .query_row([sample["sample"].as_i64()], |row| row.get(column))
                .unwrap();
            assert!(!fold(text).contains(&fold(&name)), "{name} in {text}");
        }
    }
    assert!(masked > 400, "{masked}");
    // Who answers for appeals is exported, without personal codes.
    let overseer = Caller::appeals(&trial, "AZ/GOV/1008/OVERSIGHT").for_purpose("oversight");
    let persons = overseer
        .get("responsible-persons", "")
        .await
        .answered(200)
        .clone();
    assert_eq!(persons.json().as_array().unwrap().len(), 30);
    assert!(!String::from_utf8_lossy(&persons.body).contains("A3001A1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ngo_section_takes_each_submission_once_from_64_callers() {
    checked("ngo-section");
    let trial = run_package("ngo-section").await;
    let (first, second) = (
        Caller::ngo(&trial, "AZ/NGO/5001/OFFICE"),
        Caller::ngo(&trial, "AZ/NGO/5002/OFFICE"),
    );

    // A year has one report, whoever is first.
    let reports = all_at_once((0..CALLERS).map(async |n| {
        let income = json!({ "grants_qepik": n, "donations_qepik": 0, "fees_qepik": 0 });
        let body = json!({ "year": 2021, "income": income, "expenses_qepik": 0, "employees": 1 });
        first
            .submit("report-submit", "", &format!("report-{n}"), body)
            .await
    }))
    .await;
    assert_eq!(count(&reports, 201, None), 1);
    assert_eq!(count(&reports, 409, Some("reported")), CALLERS - 1);
    let winner = reports
        .iter()
        .position(|answer| answer.status == 201)
        .unwrap();
    let kept: i64 = held(
        &trial,
        "SELECT sum(grants_qepik) FROM report WHERE year = 2021",
    );
    assert_eq!(usize::try_from(kept).unwrap(), winner);

    // 64 appeals have 64 numbers without a gap, and the day by which each is answered.
    let appeals = all_at_once((0..CALLERS).map(async |n| {
        let body = json!({ "subject": "Sual", "text": format!("Hesabat forması barədə {n} nömrəli sualımız var.") });
        [&first, &second][n % 2].submit("appeal-submit", "", &format!("appeal-{n}"), body).await
    }))
    .await;
    assert_eq!(count(&appeals, 201, None), CALLERS);
    assert_eq!(values(&appeals, "number").len(), CALLERS);
    let gaps =
        "SELECT count(*) FROM (SELECT 1 FROM appeal GROUP BY year HAVING max(seq) <> count(*))";
    assert_eq!(held::<i64>(&trial, gaps), 0);
    let one = appeals[0].json();
    let submitted = day(one["submitted_on"].as_str().unwrap());
    assert!(submitted == today() || submitted == today() - Duration::DAY);
    assert_eq!(one["due_on"], working_days_after(&trial, submitted, 15));

    // The same request from 64 is one grant agreement with its documents.
    let content = STANDARD.encode("Müqavilənin mətni");
    let document =
        json!({ "name": "müqavilə.txt", "media_type": "text/plain", "content": content });
    let grants = all_at_once((0..CALLERS).map(async |_| {
        let body = json!({
            "donor": { "name": "Nordlys Foundation", "country": "NOR" }, "agreement": "N-7", "signed_on": "2026-02-02",
            "starts_on": "2026-03-01", "ends_on": "2026-09-01", "amount_qepik": 5_000_000, "purpose": "Gənclərin maarifləndirilməsi",
            "documents": { "agreement": document },
        });
        second.submit("grant-register", "", "grant-once", body).await
    }))
    .await;
    let refused = grants
        .iter()
        .filter(|answer| answer.field("x-road-error") == Some(IN_FLIGHT));
    assert_eq!(count(&grants, 201, None) + refused.count(), CALLERS);
    let sql = "SELECT count(*) || ' ' || (SELECT count(*) FROM document JOIN grant_agreement ON number = grant_number WHERE agreement = 'N-7')
        FROM grant_agreement WHERE agreement = 'N-7'";
    assert_eq!(held::<String>(&trial, sql), "1 1");
    let granted = grants
        .iter()
        .find(|answer| answer.status == 201)
        .unwrap()
        .json();
    assert_eq!(
        granted["in_time"], false,
        "30 days after 2 February have passed"
    );
    assert_eq!(
        granted["due_on"],
        (today() + Duration::days(15)).to_string()
    );
    for answer in reports.iter().chain(&grants) {
        let agency = if answer.json()["error"] == "reported"
            || answer.json().get("income_qepik").is_some()
        {
            first.agency
        } else {
            second.agency
        };
        if answer.field("x-road-error").is_none() {
            claims::ends_agree(agency, &trial.provider, answer);
        }
    }
    trial.verify();
}

#[tokio::test]
async fn a_document_is_kept_byte_for_byte_and_found_by_its_owner_alone() {
    let trial = Trial::start("ngo-section").await;
    let (owner, other) = (
        Caller::ngo(&trial, "AZ/NGO/5002/OFFICE"),
        Caller::ngo(&trial, "AZ/NGO/5001/OFFICE"),
    );
    let bytes: Vec<u8> = (0..1_048_576_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8)
        .collect();
    let digest = ring::digest::digest(&ring::digest::SHA256, &bytes);
    let mut hex = String::new();
    for byte in digest.as_ref() {
        write!(hex, "{byte:02x}").unwrap();
    }
    let path = "/Q-2025-000006/documents";
    let document = |bytes: &[u8]| json!({ "name": "plan.png", "media_type": "image/png", "content": STANDARD.encode(bytes) });
    let kept = owner
        .submit("grant-register", path, "large", document(&bytes))
        .await;
    assert_eq!(
        kept.answered(201).json(),
        json!({ "part": "addition", "name": "plan.png", "size": 1_048_576, "sha256": hex })
    );
    let stored: Vec<u8> = held(
        &trial,
        &format!("SELECT content FROM document WHERE sha256 = '{hex}'"),
    );
    assert!(stored == bytes);
    let found = owner
        .get("cabinet", &format!("/documents/{hex}"))
        .await
        .answered(200)
        .json();
    assert!(STANDARD.decode(found["content"].as_str().unwrap()).unwrap() == bytes);
    assert_eq!(
        other
            .get("cabinet", &format!("/documents/{hex}"))
            .await
            .answered(404)
            .json()["error"],
        "not-found"
    );
    let larger: Vec<u8> = bytes.iter().copied().chain([0]).collect();
    let refused = owner
        .submit("grant-register", path, "larger", document(&larger))
        .await;
    assert_eq!(refused.answered(422).json()["error"], "content");
    // Documents stay, whoever writes to the registry.
    for sql in [
        "DELETE FROM document",
        "UPDATE document SET content = x'00'",
    ] {
        assert!(
            trial
                .database()
                .execute(sql, ())
                .unwrap_err()
                .to_string()
                .contains("documents"),
            "{sql}"
        );
    }

    // A portal sees the cabinet of each organisation that it speaks for, and of no other.
    let portal = Caller::ngo(&trial, "AZ/GOV/1010/PORTAL");
    let database = trial.database();
    let mut voens = database
        .prepare("SELECT voen FROM ngo ORDER BY voen LIMIT 10")
        .unwrap();
    for voen in voens.query_map((), |row| row.get::<_, String>(0)).unwrap() {
        let party = format!("NGO/{}", voen.unwrap());
        let ask = portal
            .ask("GET", "cabinet", "")
            .field("x-road-represented-party", &party);
        assert_eq!(
            format!(
                "NGO/{}",
                ask.send().await.answered(200).json()["voen"]
                    .as_str()
                    .unwrap()
            ),
            party
        );
        let ask = other
            .ask("GET", "cabinet", "")
            .field("x-road-represented-party", &party);
        assert_eq!(ask.send().await.answered(403).json()["error"], "no-cabinet");
    }
}

#[tokio::test]
async fn statistics_are_what_stored_tasks_found() {
    let trial = Trial::start("ngo-section").await;
    let ministry = Caller::ngo(&trial, "AZ/GOV/1006/JUSTICE").for_purpose("statistics");
    let run = async |key: &str| {
        let ask = ministry.ask("POST", "statistics", "/grants-by-country/run");
        ask.field("idempotency-key", key)
            .send()
            .await
            .answered(200)
            .json()
    };
    let first = run("run-1").await;
    let sum = |lines: &Value, member: &str| -> i64 {
        lines
            .as_array()
            .unwrap()
            .iter()
            .map(|line| line[member].as_i64().unwrap())
            .sum()
    };
    let all: i64 = held(
        &trial,
        "SELECT sum(amount_qepik) FROM grant_agreement WHERE year = 2025",
    );
    assert_eq!(sum(&first["lines"], "amount_qepik"), all);
    assert_eq!(sum(&first["lines"], "submissions"), 40);

    // What has been found stays until the task runs again; then it counts what is there.
    trial
        .database()
        .execute("UPDATE grant_agreement SET country = 'AZE'", ())
        .unwrap();
    let shown = ministry
        .get("statistics", "/grants-by-country")
        .await
        .answered(200)
        .json();
    assert_eq!(
        (&shown["lines"], &shown["run_at"]),
        (&first["lines"], &first["run_at"])
    );
    let second = run("run-2").await;
    assert_eq!(second["lines"].as_array().unwrap().len(), 1);
    assert_eq!(
        run("run-1").await,
        first,
        "the same request is not run again"
    );

    // A new report is a row; a line of fewer than three organisations is shown as no line of its own.
    let added = "INSERT INTO task (name, title, subject, grouped, from_year, to_year) VALUES ('new', 'Yeni', 'references', 'city', 2025, 2025);
        UPDATE ngo SET city = 'Zaqatala' WHERE voen IN (SELECT voen FROM reference ORDER BY voen LIMIT 2);";
    trial.database().execute_batch(added).unwrap();
    let schedule = std::fs::read_to_string(folder("ngo-section").join("schedule.sql")).unwrap();
    trial.database().execute_batch(&schedule).unwrap();
    assert_eq!(
        held::<i64>(&trial, "SELECT count(*) FROM task WHERE run_at IS NULL"),
        0
    );
    let generalised = ministry
        .get("statistics", "/new")
        .await
        .answered(200)
        .json();
    let lines = generalised["lines"].as_array().unwrap();
    assert!(
        lines
            .iter()
            .all(|line| line["organisations"].as_i64() >= Some(3)),
        "{lines:?}"
    );
    assert!(lines.iter().all(|line| line["label"] != "Zaqatala"));
    assert!(
        lines.iter().any(|line| line["label"] == "digər"),
        "{lines:?}"
    );
}
