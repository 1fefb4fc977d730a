//! What holds for both databases: the same package, the same requests, the same answers.

use std::collections::BTreeSet;
use std::sync::Arc;

use bridge_adapter::{BodyError, Idempotency};

use super::server::Postgres;
use super::*;

mod damaged;
mod documents;
mod samples;

/// A package served from one of the databases, with the roles that a real registry has.
struct Registry {
    package: Package,
    adapter: Arc<SqlAdapter>,
    database: Kept,
    _place: tempfile::TempDir,
}

/// The database itself, for the test to look into.
enum Kept {
    Sqlite(PathBuf),
    Postgresql(String),
}

pub(super) fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../registries")
        .join(name)
}

impl Registry {
    fn sqlite(folder: &Path, limits: SqlLimits) -> Self {
        let package = Package::load(folder).unwrap();
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("registry.db");
        sample::build(&package, &path).unwrap();
        let adapter = Arc::new(SqlAdapter::open(&package, &path, limits).unwrap());
        let database = Kept::Sqlite(path);
        Self {
            package,
            adapter,
            database,
            _place: place,
        }
    }

    fn postgresql(folder: &Path, limits: SqlLimits) -> Self {
        let package = Package::load(folder).unwrap();
        let place = tempfile::tempdir().unwrap();
        let name = made(&package);
        let adapter = Arc::new(SqlAdapter::open(&package, roles(&name), limits).unwrap());
        let database = Kept::Postgresql(name);
        Self {
            package,
            adapter,
            database,
            _place: place,
        }
    }

    fn each(name: &str) -> [Self; 2] {
        let (folder, limits) = (folder(name), SqlLimits::default());
        [
            Self::sqlite(&folder, limits.clone()),
            Self::postgresql(&folder, limits),
        ]
    }

    fn number(&self, sql: &str) -> i64 {
        match &self.database {
            Kept::Sqlite(path) => {
                let connection = sqlite::pool::open(path, Effect::Reads).unwrap();
                connection.query_row(sql, (), |row| row.get(0)).unwrap()
            }
            Kept::Postgresql(name) => Postgres::shared().run(name, sql).parse().unwrap(),
        }
    }
}

/// A database with the package's sample, and the two roles' rights.
pub(super) fn made(package: &Package) -> String {
    let server = Postgres::shared();
    let name = server.database();
    let owner = address(server::OWNER, &name);
    sample::build(package, &owner).unwrap();
    for role in ["reader", "writer"] {
        server.role(role);
    }
    server.run(
        &name,
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
         GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO writer;",
    );
    name
}

pub(super) fn address(role: &str, name: &str) -> Database {
    let url = Postgres::shared().url(role, name);
    Database::Postgresql(Box::new(Address::parse(&url, None, None).unwrap()))
}

pub(super) fn roles(name: &str) -> Access {
    Access {
        queries: address("reader", name),
        submissions: Some(address("writer", name)),
    }
}

fn payments(client: &str, service: &str) -> Probe {
    let service = format!("AZ/GOV/1010/PAYMENTS/{service}").parse().unwrap();
    Probe::get(service, client.parse().unwrap(), "")
}

fn pay(key: &str, charge: &str, amount: i64) -> Probe {
    let body = serde_json::json!({ "charge": charge, "amount_qepik": amount });
    payments("AZ/COM/4001/CUSTOMERS", "charge-pay")
        .posting(ProbeBody::Whole(body.to_string().into()))
        .keyed(key)
}

async fn passes_its_scenario(registry: &Registry, steps: usize) {
    let scenario = Scenario::load(&registry.package).unwrap();
    let outcomes = scenario::run(&*registry.adapter, &registry.package, &scenario).await;
    assert_eq!(outcomes.len(), steps);
    for outcome in outcomes {
        assert_eq!(outcome.differences, [] as [String; 0], "{}", outcome.title);
    }
}

#[tokio::test]
async fn the_population_register_answers_the_same_from_postgresql() {
    let registry = Registry::postgresql(&folder("population"), SqlLimits::default());
    passes_its_scenario(&registry, 9).await;
    assert_eq!(
        registry.number("SELECT count(DISTINCT fin) FROM person"),
        10_000
    );
    assert_eq!(registry.adapter.health().await, Health::Ready);
}

#[tokio::test]
async fn the_payments_registry_passes_its_scenario_twice_in_both_databases() {
    for registry in Registry::each("payments") {
        let before = registry.number("SELECT count(*) FROM payment");
        // The second time every key is known: the same answers, and nothing is booked.
        for _ in 0..2 {
            passes_its_scenario(&registry, 15).await;
        }
        assert_eq!(registry.number("SELECT count(*) FROM payment"), before + 1);
        let on =
            "SELECT count(*) FROM charge WHERE charge = 'V-SCENARIO-1' AND due_on > created_on";
        assert_eq!(registry.number(on), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_callers_with_one_key_book_once_and_hear_the_same() {
    for registry in Registry::each("payments") {
        let before = registry.number("SELECT sum(collected_qepik) FROM creditor");
        let adapter = &registry.adapter;
        let answers = together(adapter, |_| pay("one", "R-2026-000003", 3000)).await;
        let first = answers[0].as_ref().unwrap();
        assert_eq!(
            (first.0, &first.1["amount_qepik"]),
            (201, &serde_json::json!(3000))
        );
        assert!(
            answers
                .iter()
                .all(|answer| answer.as_ref().unwrap() == first),
            "{answers:?}"
        );
        assert_eq!(
            registry.number("SELECT count(*) FROM payment WHERE charge = 'R-2026-000003'"),
            1
        );
        assert_eq!(
            registry.number("SELECT sum(collected_qepik) FROM creditor"),
            before + 3000
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_callers_with_a_key_each_pay_one_charge_once() {
    for registry in Registry::each("payments") {
        let adapter = &registry.adapter;
        let answers = together(adapter, |n| pay(&format!("key {n}"), "R-2026-000003", 3000)).await;
        let status = |answer: &Heard| answer.as_ref().unwrap().0;
        assert_eq!(
            answers
                .iter()
                .filter(|answer| status(answer) == 201)
                .count(),
            1
        );
        let refused = answers.iter().filter(|answer| status(answer) == 409);
        let words = |answer: &&Heard| answer.as_ref().unwrap().1["error"] == "already-paid";
        assert_eq!(refused.filter(words).count(), 63);
        assert_eq!(
            registry.number("SELECT count(*) FROM bridge_idempotency"),
            64
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sixty_four_payments_are_numbered_without_a_gap_and_no_balance_breaks() {
    for registry in Registry::each("payments") {
        let last = registry.number("SELECT last_receipt FROM book");
        // Every charge whose number can be divided by three is not paid in the sample; 4 qəpik and more of each kind.
        let charges: Vec<(String, i64)> = (0..64).map(|n| created(&registry, n)).collect();
        for (n, (charge, amount)) in charges.iter().enumerate() {
            let answer = ask(&registry.adapter, &create(n, charge, *amount))
                .await
                .unwrap();
            assert_eq!(answer.0, 201, "{answer:?}");
        }
        let paid = |n: usize| pay(&format!("pay {n}"), &charges[n].0, charges[n].1);
        let answers = together(&registry.adapter, paid).await;
        let numbers: BTreeSet<i64> = answers
            .iter()
            .map(|answer| answer.as_ref().unwrap().1["receipt"].as_i64().unwrap())
            .collect();
        assert_eq!(numbers, (last + 1..=last + 64).collect());
        let sum = "SELECT sum(amount_qepik) FROM payment";
        let collected = "SELECT sum(collected_qepik) FROM creditor";
        assert_eq!(registry.number(sum), registry.number(collected));
        // The creditor reads them all, in order, from where it was.
        let after = vec![("after".to_owned(), last.to_string())];
        let events = Probe {
            query: after,
            ..payments("AZ/GOV/2001/TAX", "charge-paid")
        };
        let events = ask(&registry.adapter, &events).await.unwrap().1;
        let read = events["events"].as_array().unwrap().iter();
        let read: Vec<i64> = read
            .map(|event| event["receipt"].as_i64().unwrap())
            .collect();
        assert_eq!(read, (last + 1..=last + 64).collect::<Vec<i64>>());
    }
}

fn created(_: &Registry, n: usize) -> (String, i64) {
    (format!("V-TEST-{n}"), i64::try_from(n).unwrap() * 7 + 1)
}

fn create(n: usize, charge: &str, amount: i64) -> Probe {
    let body = serde_json::json!({ "charge": charge, "kind": "tax", "payer": { "fin": "MBXEHTV" },
        "amount_qepik": amount, "purpose": "Əmlak vergisi" });
    payments("AZ/GOV/2001/TAX", "charge-create")
        .posting(ProbeBody::Whole(body.to_string().into()))
        .keyed(&format!("create {n}"))
}

type Heard = Result<(u16, serde_json::Value), AdapterError>;

/// 64 calls at once.
async fn together(adapter: &Arc<SqlAdapter>, probe: impl Fn(usize) -> Probe) -> Vec<Heard> {
    let calls: Vec<_> = (0..64)
        .map(|n| {
            let (adapter, probe) = (Arc::clone(adapter), probe(n));
            tokio::spawn(async move { ask(&adapter, &probe).await })
        })
        .collect();
    let mut answers = Vec::new();
    for call in calls {
        answers.push(call.await.unwrap());
    }
    answers
}

#[tokio::test]
async fn a_key_is_bound_to_its_content_and_to_its_caller() {
    for registry in Registry::each("payments") {
        let adapter = &registry.adapter;
        assert_eq!(
            ask(adapter, &pay("k", "R-2026-000003", 3000))
                .await
                .unwrap()
                .0,
            201
        );
        let other = ask(adapter, &pay("k", "R-2026-000006", 7500))
            .await
            .unwrap_err();
        assert!(matches!(other, AdapterError::KeyReused), "{other}");
        let another_caller = Probe {
            client: "AZ/COM/4002/PORTAL".parse().unwrap(),
            ..pay("k", "R-2026-000006", 7500)
        };
        assert_eq!(ask(adapter, &another_caller).await.unwrap().0, 201);
        let unkeyed = Probe {
            key: None,
            ..pay("k", "R-2026-000009", 3000)
        };
        let error = ask(adapter, &unkeyed).await.unwrap_err();
        assert!(
            error.to_string().starts_with("Idempotency-Key: expected"),
            "{error}"
        );
        let facts = |probe: &Probe| -> Idempotency {
            probe.call(CancellationToken::new()).idempotency.unwrap()
        };
        let kept = format!(
            "SELECT count(*) FROM bridge_idempotency WHERE scoped = '{}' AND status = 201",
            facts(&another_caller).scoped
        );
        assert_eq!(registry.number(&kept), 1);
    }
}

#[tokio::test]
async fn a_streamed_answer_has_a_limit_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rows");
    let limits = SqlLimits {
        stream_bytes: 100_000,
        ..SqlLimits::default()
    };
    for make in [Registry::sqlite, Registry::postgresql] {
        let registry = make(&folder, limits.clone());
        let rows = async |path: &str| {
            let service = "AZ/GOV/1099/ROWS/rows".parse().unwrap();
            let probe = Probe::get(service, "AZ/GOV/2001/TAX".parse().unwrap(), path);
            registry
                .adapter
                .call(probe.call(CancellationToken::new()))
                .await
        };
        let fits = rows("/24/4000").await.unwrap();
        let fits = body::collect(fits.body, 200_000).await.unwrap();
        assert!(fits.len() > 96_000 && fits.ends_with(b"]"));
        // What has left is cut; what has not is an error and no answer.
        let cut = rows("/25/4000").await.unwrap();
        let error = body::collect(cut.body, 200_000).await.unwrap_err();
        assert!(
            matches!(
                error,
                BodyError::TooLarge {
                    limit_bytes: 100_000
                }
            ),
            "{error}"
        );
        let error = rows("/1/100000").await.unwrap_err();
        assert!(
            matches!(
                error,
                AdapterError::TooLarge {
                    limit: Limit::AnswerBytes(100_000)
                }
            ),
            "{error}"
        );
    }
}

#[tokio::test]
async fn an_answer_that_just_fits_is_given_again_under_its_key() {
    let folder = folder("payments");
    let bytes = async |registry: &Registry| {
        let call = create(1, "V-TEST-1", 8).call(CancellationToken::new());
        let answer = registry.adapter.call(call).await?;
        Ok::<_, AdapterError>(body::collect(answer.body, 1000).await.unwrap())
    };
    let whole = bytes(&Registry::sqlite(&folder, SqlLimits::default())).await;
    let length = u64::try_from(whole.unwrap().len()).unwrap();
    let limits = |answer_bytes| SqlLimits {
        answer_bytes,
        ..SqlLimits::default()
    };
    for make in [Registry::sqlite, Registry::postgresql] {
        let registry = make(&folder, limits(length));
        let first = bytes(&registry).await.unwrap();
        assert_eq!(bytes(&registry).await.unwrap(), first);
        // Where it does not fit, nothing is done.
        let registry = make(&folder, limits(length - 1));
        let error = bytes(&registry).await.unwrap_err();
        assert!(matches!(error, AdapterError::TooLarge { .. }), "{error}");
        let created = "SELECT count(*) FROM charge WHERE charge = 'V-TEST-1'";
        assert_eq!(registry.number(created), 0);
    }
}

#[tokio::test]
async fn a_refusal_leaves_nothing_but_its_answer() {
    for registry in Registry::each("payments") {
        let last = registry.number("SELECT last_receipt FROM book");
        // The receipt's number is taken before the payment is refused: it is given back.
        let refused = pay("r", "R-2026-000007", 3000);
        for _ in 0..2 {
            assert_eq!(ask(&registry.adapter, &refused).await.unwrap().0, 409);
        }
        assert_eq!(registry.number("SELECT last_receipt FROM book"), last);
        assert_eq!(
            registry.number("SELECT count(*) FROM bridge_idempotency WHERE status = 409"),
            1
        );
    }
}
