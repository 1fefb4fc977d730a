//! What is PostgreSQL's own: roles, transactions, cancelling, a server that goes away, types, TLS.

use super::both::{address, made, roles};
use super::server::Postgres;
use super::wait::wait_until;
use super::*;

/// The places of [`super::SCHEMA`] in PostgreSQL. What cannot be in a typed column is not there.
const TABLES: &str = "CREATE TABLE place (id bigint PRIMARY KEY, name text, open boolean, since date);
INSERT INTO place VALUES (1, 'Şəki', true, '2001-02-03'), (2, 'Gəncə', false, NULL), (3, 'İmişli', true, '2001-02-03'),
    (4, 'Oğuz', true, 'infinity'), (5, 'Oğuz', true, NULL);";

/// The statement of [`MANIFEST`] that never ends, in the words of PostgreSQL.
const SLOW: &str = "sql = \"SELECT count(*) AS n FROM pg_sleep(600)\"";

fn manifest() -> String {
    let (before, rest) = MANIFEST.split_once("sql = \"WITH RECURSIVE c (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM c) SELECT max(n)").unwrap();
    let (_, after) = rest.split_once('\n').unwrap();
    format!("{before}{SLOW}\n{after}")
}

struct Places {
    bench: Bench,
    server: &'static Postgres,
    name: String,
}

impl Places {
    fn new(manifest: &str) -> Self {
        let server = Postgres::shared();
        let name = server.database();
        for role in ["reader", "writer"] {
            server.role(role);
        }
        // The role may do anything: that nothing is changed is the session's doing.
        server.run(
            &name,
            &format!("{TABLES} GRANT ALL ON place TO reader, writer;"),
        );
        let bench = Bench::new(manifest);
        Self {
            bench,
            server,
            name,
        }
    }

    fn open(&self, limits: SqlLimits) -> Result<SqlAdapter, Vec<Fault>> {
        let package = Package::load(self.bench.folder.path())?;
        SqlAdapter::open(&package, roles(&self.name), limits)
    }

    /// How many sessions of the adapter run a statement.
    fn running(&self) -> u32 {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND application_name = 'bridge-node' AND state = 'active'";
        self.server.run(&self.name, sql).parse().unwrap()
    }

    fn sessions(&self) -> u32 {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                   AND application_name = 'bridge-node'";
        self.server.run(&self.name, sql).parse().unwrap()
    }
}

#[tokio::test]
async fn bad_days_of_the_server_are_told_and_over_with_their_call() {
    let places = Places::new(&manifest());
    let limits = SqlLimits {
        answer_bytes: 1000,
        ..SqlLimits::default()
    };
    let adapter = places.open(limits).unwrap();
    let days = Days {
        slow: Some(probe("/slow")),
        cut: None, // See `a_connection_that_is_cut_ends_the_call_and_the_next_one_has_another`.
        large: Some(probe("/large/1000")),
        not_utf8: None, // The server lets no such text in.
    };
    let [held, untried] = days_held(adapter, days).await;
    assert_eq!(held.len(), 3, "{held:?}");
    assert_eq!(untried, ["registry.cut", "registry.not-utf8"]);
}

#[tokio::test]
async fn values_come_typed_and_what_has_no_form_is_not_passed_on() {
    let places = Places::new(&manifest());
    let adapter = places.open(SqlLimits::default()).unwrap();
    let first = ask(&adapter, &probe("/1")).await.unwrap();
    let expected = json(r#"{"name":"Şəki","open":true,"since":"2001-02-03"}"#);
    assert_eq!(first, (200, expected));
    let second = ask(&adapter, &probe("/2")).await.unwrap().1;
    assert_eq!(
        second,
        json(r#"{"name":"Gəncə","open":false,"since":null}"#)
    );
    let error = ask(&adapter, &probe("/4")).await.unwrap_err();
    assert!(
        matches!(error, AdapterError::NotUnderstood { .. }),
        "{error}"
    );
    let attack = r#"{"place":{"name":"x' UNION SELECT 1; DROP TABLE place; --"}}"#;
    let attack = probe("/find").posting(ProbeBody::Whole(attack.into()));
    assert_eq!(ask(&adapter, &attack).await.unwrap().0, 404);
}

#[tokio::test]
async fn a_query_cannot_change_anything_even_where_the_role_may() {
    // A function hides the change from the words of the statement.
    let manifest = manifest().replacen(
        "SELECT name, open, since FROM place WHERE id = :id",
        "SELECT name, open, since FROM closed(:id)",
        1,
    );
    let places = Places::new(&manifest);
    places.server.run(
        &places.name,
        "CREATE FUNCTION closed(bigint) RETURNS SETOF place LANGUAGE sql AS \
         'UPDATE place SET open = false WHERE id = $1 RETURNING *'",
    );
    let adapter = places.open(SqlLimits::default()).unwrap();
    for time in [Duration::from_secs(1), Duration::from_mins(1)] {
        // Alone, and in a transaction, which a nearer deadline needs.
        let error = ask(&adapter, &probe("/1").within(time)).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the registry failed: statement place: SQLSTATE 25006"
        );
    }
    let open = places
        .server
        .run(&places.name, "SELECT count(*) FROM place WHERE NOT open");
    assert_eq!(open, "1");
}

#[tokio::test]
async fn a_statement_stops_in_the_server_when_its_call_is_over() {
    let places = Places::new(&manifest());
    let adapter = places
        .open(SqlLimits {
            connections: 1,
            ..SqlLimits::default()
        })
        .unwrap();
    let slow = adapter.call(probe("/slow").call(CancellationToken::new()));
    tokio::time::timeout(Duration::from_millis(300), slow)
        .await
        .unwrap_err();
    wait_until("the dropped statement ends", async || places.running() == 0).await;
    let error = ask(&adapter, &probe("/slow").within(Duration::from_millis(100)))
        .await
        .unwrap_err();
    assert!(matches!(error, AdapterError::TimedOut), "{error}");
    // Waits for the one place, which is free when the server has stopped.
    assert_eq!(ask(&adapter, &probe("/1")).await.unwrap().0, 200);
    assert_eq!((places.running(), places.sessions()), (0, 1));
}

#[tokio::test]
async fn the_server_itself_stops_a_statement_whose_node_does_not() {
    let places = Places::new(&manifest());
    let Database::Postgresql(address) = address("reader", &places.name) else {
        panic!("another database");
    };
    let time = Duration::from_millis(200);
    let config = postgres::link_config(&address, time);
    let (client, connection) = config.connect(address.tls.clone()).await.unwrap();
    tokio::spawn(connection);
    let error = client.query("SELECT pg_sleep(600)", &[]).await.unwrap_err();
    assert_eq!(error.code().unwrap().code(), "57014");
    // Nor does it keep a transaction for a node that is gone.
    let idle = client.query_one("SHOW idle_in_transaction_session_timeout", &[]);
    assert_eq!(idle.await.unwrap().get::<_, &str>(0), "30s");
}

#[tokio::test]
async fn a_call_refused_by_the_database_keeps_its_connection() {
    let manifest = manifest().replacen("WHERE id = :id", "WHERE id = 7 / (:id - 7)", 1);
    let places = Places::new(&manifest);
    let adapter = places.open(SqlLimits::default()).unwrap();
    assert_eq!(ask(&adapter, &probe("/8")).await.unwrap().0, 404);
    for _ in 0..3 {
        let error = ask(&adapter, &probe("/7")).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "the registry failed: statement place: SQLSTATE 22012"
        );
    }
    assert_eq!(ask(&adapter, &probe("/8")).await.unwrap().0, 404);
    assert_eq!(places.sessions(), 1);
}

#[tokio::test]
async fn a_connection_that_is_cut_ends_the_call_and_the_next_one_has_another() {
    let places = Places::new(&manifest());
    let adapter = places.open(SqlLimits::default()).unwrap();
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE datname = current_database() AND application_name = 'bridge-node'";
    // Idle: nobody notices.
    for _ in 0..3 {
        assert_eq!(ask(&adapter, &probe("/1")).await.unwrap().0, 200);
        assert_eq!(places.server.run(&places.name, kill), "1");
    }
    // At work: the call is cut.
    let cut = async {
        wait_until("the statement runs", async || places.running() == 1).await;
        places.server.run(&places.name, kill);
    };
    let slow = probe("/slow");
    let (error, ()) = tokio::join!(ask(&adapter, &slow), cut);
    let error = error.unwrap_err();
    assert!(matches!(error, AdapterError::Cut { .. }), "{error}");
    assert_eq!(ask(&adapter, &probe("/1")).await.unwrap().0, 200);
}

#[tokio::test]
async fn a_server_that_was_away_is_used_again_when_it_is_back() {
    let server = Postgres::start();
    let name = server.database();
    server.run(&name, TABLES);
    let bench = Bench::new(&manifest());
    let package = Package::load(bench.folder.path()).unwrap();
    let url = server.url(server::OWNER, &name);
    let address = Address::parse(&url, None, None).unwrap();
    let database = Database::Postgresql(Box::new(address));
    let adapter = SqlAdapter::open(&package, &database, SqlLimits::default()).unwrap();
    assert_eq!(ask(&adapter, &probe("/1")).await.unwrap().0, 200);
    assert_eq!(adapter.health().await, Health::Ready);

    server.stop();
    let error = ask(&adapter, &probe("/1")).await.unwrap_err();
    assert!(matches!(error, AdapterError::Unreachable { .. }), "{error}");
    assert!(matches!(adapter.health().await, Health::NotReady { .. }));
    // At start it is a fault that names the server.
    let faults = SqlAdapter::open(&package, &database, SqlLimits::default()).unwrap_err();
    assert_eq!((faults[0].code, &faults[0].place), ("database", &url));

    server.start_again();
    assert_eq!(ask(&adapter, &probe("/1")).await.unwrap().0, 200);
    assert_eq!(adapter.health().await, Health::Ready);
}

#[tokio::test]
async fn a_statement_whose_plan_no_longer_fits_is_prepared_anew() {
    let places = Places::new(&manifest());
    let adapter = places.open(SqlLimits::default()).unwrap();
    assert_eq!(ask(&adapter, &probe("/1")).await.unwrap().0, 200);
    places.server.run(
        &places.name,
        "ALTER TABLE place ALTER name TYPE varchar(40)",
    );
    // At most one call meets the old plan.
    drop(ask(&adapter, &probe("/1")).await);
    assert_eq!(ask(&adapter, &probe("/1")).await.unwrap().0, 200);
}

#[test]
fn the_live_schema_is_held_against_the_manifest() {
    let manifest = manifest()
        .replacen(
            "columns.since = { to = \"/since\", type = \"date\"",
            "columns.since = { to = \"/since\", type = \"integer\"",
            1,
        )
        .replacen(
            "SELECT id FROM place WHERE name = :name",
            "SELECT id FROM place WHERE open = :name",
            1,
        );
    let faults = Places::new(&manifest)
        .open(SqlLimits::default())
        .unwrap_err();
    let told: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].contains(
            "statement[1].columns.since: is date in the database, which is not read as integer"
        ),
        "{}",
        told[0]
    );
    assert!(
        told[1].contains("operator does not exist: boolean = text")
            && told[1].contains("CAST(:name AS …)"),
        "{}",
        told[1]
    );
}

#[test]
fn changes_need_a_role_and_a_table() {
    let package =
        Package::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../registries/payments"))
            .unwrap();
    let name = made(&package);
    let open =
        |access: Access| SqlAdapter::open(&package, access, SqlLimits::default()).map(|_| ());
    let codes = |result: Result<(), Vec<Fault>>| -> Vec<&str> {
        result.unwrap_err().iter().map(|fault| fault.code).collect()
    };
    assert_eq!(open(roles(&name)), Ok(()));
    assert_eq!(
        codes(open(Access::queries(address("reader", &name)))),
        ["no-submissions"]
    );
    Postgres::shared().run(&name, "DROP TABLE bridge_idempotency");
    assert_eq!(codes(open(roles(&name))), ["no-idempotency-table"]);
}
