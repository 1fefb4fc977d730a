//! Payments and nodes that die: at any moment of an exchange either node is killed, and the payment is repeated.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use bridge_adapter::Package;
use bridge_tests::agency::Agency;
use bridge_tests::answer::Answer;
use bridge_tests::claims;
use bridge_tests::package::{
    DATABASE_NAME, folder as package_folder, postgres_database, sample_database,
};
use bridge_tests::postgres::{Held, Postgres};
use bridge_tests::process::Process;
use bridge_tests::registry::{Reaction, Registry, Seen};
use bridge_tests::wait::wait_until;
use bridge_tests::world::{PROVIDER, Setup, World, usual};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};
use serde_json::{Value, json};

use super::effects::at_once;
use super::held;

const UNKNOWN: &str = "server.serverproxy.outcome_unknown";
const IN_FLIGHT: &str = "server.serverproxy.idempotency_key_in_flight";
/// What each payment takes from the account, qəpik.
const QEPIK: i64 = 1250;
const BALANCE: i64 = 1_000_000_000;

/// A node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Consumer,
    Provider,
}

/// Where an exchange stands when a node dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// Before the write of a leaf of this kind, or after its sync.
    Journal(End, &'static str),
    /// The registry has written and not committed.
    InTransaction,
    /// The registry has committed and not answered.
    Committed,
}

/// Ten moments, in the order of an exchange.
const MOMENTS: [(&str, Moment); 10] = [
    (
        "the request is not kept",
        Moment::Journal(End::Consumer, "request-sent before"),
    ),
    (
        "the request is kept and not sent",
        Moment::Journal(End::Consumer, "request-sent durable"),
    ),
    (
        "the request has arrived",
        Moment::Journal(End::Provider, "request-received before"),
    ),
    (
        "the registry is about to be asked",
        Moment::Journal(End::Provider, "request-received durable"),
    ),
    ("the registry works", Moment::InTransaction),
    ("the registry has booked", Moment::Committed),
    (
        "the registry has answered",
        Moment::Journal(End::Provider, "response-signed before"),
    ),
    (
        "the answer is kept and not sent",
        Moment::Journal(End::Provider, "response-signed durable"),
    ),
    (
        "the answer has arrived",
        Moment::Journal(End::Consumer, "response-received before"),
    ),
    (
        "the answer is kept and not given",
        Moment::Journal(End::Consumer, "response-received durable"),
    ),
];

/// A registry that can stand still.
trait Standing {
    /// The next payment stands still at this moment.
    fn arm(&self, moment: Moment);
    /// Whether it does.
    fn is_reached(&self) -> bool;
    /// It goes on.
    fn let_go(&self);
}

/// A registry with an account, behind HTTP.
struct Bank {
    database: PathBuf,
    registry: Registry,
    /// Where its next payment stands still.
    stop: Arc<Stop>,
}

#[derive(Default)]
struct Stop {
    state: Mutex<Still>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Still {
    armed: Option<Moment>,
    reached: bool,
}

// === impl Bank ===

impl Bank {
    async fn open(database: PathBuf) -> Self {
        let connection = Connection::open(&database).unwrap();
        connection
            .execute_batch(&format!(
                "CREATE TABLE account (balance INTEGER NOT NULL); INSERT INTO account VALUES ({BALANCE});
                 CREATE TABLE booking (number INTEGER PRIMARY KEY, payment TEXT NOT NULL);
                 CREATE TABLE kept (key TEXT PRIMARY KEY, content TEXT NOT NULL, answer TEXT NOT NULL);"
            ))
            .unwrap();
        let registry = Registry::start().await;
        let stop = Arc::new(Stop::default());
        let (path, own) = (database.clone(), Arc::clone(&stop));
        registry.does(move |seen| tokio::task::block_in_place(|| book(&path, &own, seen)));
        Self {
            database,
            registry,
            stop,
        }
    }

    /// Bookings of a payment.
    fn booked(&self, payment: &str) -> i64 {
        self.ask("SELECT count(*) FROM booking WHERE payment = ?1", payment)
    }

    fn balance(&self) -> i64 {
        self.ask("SELECT balance FROM account WHERE ?1 = ?1", "")
    }

    fn ask(&self, sql: &str, value: &str) -> i64 {
        let connection = Connection::open(&self.database).unwrap();
        connection
            .query_row(sql, [value], |row| row.get(0))
            .unwrap()
    }
}

/// Books a payment in one transaction; under `/stored` key, content and answer stand in it too.
fn book(database: &Path, stop: &Stop, seen: &Seen) -> Reaction {
    let mut connection = Connection::open(database).unwrap();
    connection.busy_timeout(bridge_tests::wait::BOUND).unwrap();
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .unwrap();
    let content = String::from_utf8(seen.body.to_vec()).unwrap();
    let key = seen.fields["idempotency-key"].to_str().unwrap();
    let is_stored = seen.target.starts_with("/stored");
    if is_stored {
        let kept: Option<(String, String)> = transaction
            .query_row(
                "SELECT content, answer FROM kept WHERE key = ?1",
                [key],
                |row| Ok((row.get(0)?, row.get(1)?)),
            )
            .optional()
            .unwrap();
        if let Some((known, answer)) = kept {
            assert_eq!(known, content, "the node lets no other content through");
            return booked(answer);
        }
    }
    let body: Value = serde_json::from_str(&content).unwrap();
    let payment = body["payment"].as_str().unwrap();
    transaction
        .execute("INSERT INTO booking (payment) VALUES (?1)", [payment])
        .unwrap();
    let answer =
        json!({ "receipt": transaction.last_insert_rowid(), "payment": payment }).to_string();
    transaction
        .execute("UPDATE account SET balance = balance - ?1", [QEPIK])
        .unwrap();
    if is_stored {
        transaction
            .execute(
                "INSERT INTO kept VALUES (?1, ?2, ?3)",
                [key, &content, &answer],
            )
            .unwrap();
    }
    stop.stand(Moment::InTransaction);
    transaction.commit().unwrap();
    stop.stand(Moment::Committed);
    booked(answer)
}

fn booked(answer: String) -> Reaction {
    Reaction::answer(201, &[("content-type", "application/json")], answer)
}

// === impl Stop ===

impl Stop {
    /// Stands still at this moment, if it is armed, until it is let go.
    fn stand(&self, moment: Moment) {
        let mut state = self.state.lock().unwrap();
        if state.armed != Some(moment) {
            return;
        }
        state.armed = None;
        state.reached = true;
        let bound = bridge_tests::wait::BOUND;
        let waited = self
            .changed
            .wait_timeout_while(state, bound, |state| state.reached);
        assert!(!waited.unwrap().1.timed_out(), "nobody let it go");
    }
}

impl Standing for Bank {
    fn arm(&self, moment: Moment) {
        self.stop.state.lock().unwrap().armed = Some(moment);
    }

    fn is_reached(&self) -> bool {
        self.stop.state.lock().unwrap().reached
    }

    fn let_go(&self) {
        self.stop.state.lock().unwrap().reached = false;
        self.stop.changed.notify_all();
    }
}

/// The database of a registry package, seen past the node.
trait Ledger: Standing {
    fn ask(&self, sql: &str) -> i64;
}

/// A file of SQLite. Who reads it keeps a writer from committing.
struct Database {
    path: PathBuf,
    reader: Mutex<Option<Connection>>,
}

impl Standing for Database {
    fn arm(&self, moment: Moment) {
        assert_eq!(moment, Moment::InTransaction);
        let connection = Connection::open(&self.path).unwrap();
        connection
            .execute_batch("BEGIN; SELECT last_receipt FROM book;")
            .unwrap();
        *self.reader.lock().unwrap() = Some(connection);
    }

    fn is_reached(&self) -> bool {
        // SQLite writes it with the first change of a transaction, and removes it with the commit.
        self.path.with_extension("db-journal").exists()
    }

    fn let_go(&self) {
        *self.reader.lock().unwrap() = None;
    }
}

impl Ledger for Database {
    fn ask(&self, sql: &str) -> i64 {
        let connection = Connection::open(&self.path).unwrap();
        connection.query_row(sql, (), |row| row.get(0)).unwrap()
    }
}

/// A database of PostgreSQL. Who has locked a table keeps a writer from going on.
struct Served {
    name: String,
    lock: Mutex<Option<Held>>,
}

impl Standing for Served {
    fn arm(&self, moment: Moment) {
        assert_eq!(moment, Moment::InTransaction);
        // The receipt's number is taken, and the payment is not written.
        let lock = Postgres::shared().hold(&self.name, "LOCK TABLE payment IN SHARE MODE");
        *self.lock.lock().unwrap() = Some(lock);
    }

    fn is_reached(&self) -> bool {
        let waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'payment'::regclass \
                       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
        self.ask(waiting) > 0
    }

    fn let_go(&self) {
        *self.lock.lock().unwrap() = None;
    }
}

impl Ledger for Served {
    fn ask(&self, sql: &str) -> i64 {
        Postgres::shared().run(&self.name, sql).parse().unwrap()
    }
}

/// Both nodes as processes, on disks that stand still where they are told.
struct Nodes {
    consumer: Process,
    provider: Process,
}

fn agency(world: &World, end: End) -> &Agency {
    match end {
        End::Consumer => &world.consumer,
        End::Provider => &world.provider,
    }
}

impl Moment {
    fn arm(self, world: &World, registry: &impl Standing) {
        match self {
            Self::Journal(end, when) => held::hold(agency(world, end), when),
            Self::InTransaction | Self::Committed => registry.arm(self),
        }
    }

    fn is_reached(self, world: &World, registry: &impl Standing) -> bool {
        match self {
            Self::Journal(end, _) => held::is_held(agency(world, end)),
            Self::InTransaction | Self::Committed => registry.is_reached(),
        }
    }

    fn let_go(self, world: &World, registry: &impl Standing) {
        match self {
            Self::Journal(end, _) => held::let_go(agency(world, end)),
            Self::InTransaction | Self::Committed => registry.let_go(),
        }
    }

    /// Whether nobody can know the outcome without the registry's help, if the provider's node dies here.
    fn is_lost(self) -> bool {
        match self {
            Self::InTransaction | Self::Committed => true,
            Self::Journal(_, when) => {
                ["request-received durable", "response-signed before"].contains(&when)
            }
        }
    }
}

/// Asks once.
async fn pay(world: &World, payment: &Payment) -> Option<Answer> {
    let path = format!("/r1/AZ/GOV/1001/POPULATION/{}", payment.service);
    let ask = world
        .consumer
        .ask("POST", &path)
        .field("idempotency-key", &payment.key)
        .field("content-type", "application/json")
        .body(payment.body.to_string());
    ask.try_send().await.ok()
}

/// Whether an answer says what became of the payment: booked, or that nobody can know.
fn is_known(answer: &Answer) -> bool {
    let code = answer.field("x-road-error");
    answer.status == 201 || code == Some(UNKNOWN)
}

/// A refusal after which nobody knows says so, and that the same key may be used.
fn is_honest(answer: &Answer) {
    let code = answer.field("x-road-error").unwrap().to_owned();
    if [UNKNOWN, IN_FLIGHT].contains(&code.as_str()) {
        return;
    }
    let said = answer.message();
    assert!(
        said.contains("under the same key nothing is done twice") || said.contains("was not sent"),
        "{code}: {said}"
    );
}

/// Kills a node at a moment of a payment, starts it again, and repeats the payment until its outcome is known.
async fn strike(
    world: &World,
    registry: &impl Standing,
    nodes: &mut Nodes,
    (moment, struck): (Moment, End),
    payment: &Payment,
) -> Answer {
    let name = &payment.key;
    moment.arm(world, registry);
    let killing = async {
        wait_until(name, async || moment.is_reached(world, registry)).await;
        let node = match struck {
            End::Consumer => &mut nodes.consumer,
            End::Provider => &mut nodes.provider,
        };
        node.kill();
        moment.let_go(world, registry);
        *node = held::start(agency(world, struck)).await;
    };
    let (first, ()) = tokio::join!(pay(world, payment), killing);
    if let Some(first) = first.as_ref().filter(|first| first.status != 201) {
        is_honest(first);
    }
    let mut known = None;
    wait_until("the outcome is known", async || {
        let answer = pay(world, payment).await.unwrap();
        if is_known(&answer) {
            known = Some(answer);
        } else {
            is_honest(&answer);
        }
        known.is_some()
    })
    .await;
    let known = known.unwrap();
    if let Some(first) = first.filter(|first| first.status == 201) {
        assert_eq!(known.body, first.body, "{name}: one payment, one answer");
    }
    // What is known stays so.
    let again = pay(world, payment).await.unwrap();
    assert_eq!(again.status, known.status, "{name}");
    if known.status == 201 {
        assert_eq!(again.body, known.body, "{name}");
    }
    known
}

/// One thing that is to be done.
struct Payment {
    service: &'static str,
    key: String,
    body: Value,
}

/// Every moment with either node.
fn kills(moments: &[(&'static str, Moment)]) -> Vec<(String, Moment, End)> {
    let both = moments.iter().flat_map(|&(name, moment)| {
        let kill = move |end: End| (format!("{end:?} killed when {name}"), moment, end);
        [End::Consumer, End::Provider].map(kill)
    });
    both.collect()
}

/// A world whose nodes run as processes.
async fn processes(mut setup: Setup, services: &[&'static str]) -> (World, Nodes) {
    for code in services {
        let id = Value::from(*code);
        setup = setup.contract(usual().with("id", id.clone()).with("service", id));
    }
    let mut world = setup
        .limit("journal_wait_milliseconds = 10000")
        .make()
        .await;
    world.settle();
    let nodes = Nodes {
        provider: held::start(&world.provider).await,
        consumer: held::start(&world.consumer).await,
    };
    (world, nodes)
}

/// Both nodes end in order, and both journals are whole.
async fn end(world: &World, mut nodes: Nodes) {
    for node in [&mut nodes.provider, &mut nodes.consumer] {
        node.terminate();
        assert_eq!(node.ended().await.code(), Some(0));
    }
    for agency in [&world.provider, &world.consumer] {
        claims::verifies(agency);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c5_a_payment_is_booked_once_whichever_node_is_killed_at_any_of_ten_moments() {
    let folder = tempfile::tempdir().unwrap();
    let bank = Bank::open(folder.path().join("bank.db")).await;
    let mut setup = World::with();
    for effect in ["stored", "unknown"] {
        setup = setup.provider_settings(&format!(
            "[[services]]\nadapter = \"http\"\nsubsystem = \"{PROVIDER}\"\ncode = \"{effect}\"\neffect = \"{effect}\"\n\
             base_url = \"http://{}/{effect}\"\n",
            bank.registry.address
        ));
    }
    let (world, mut nodes) = processes(setup, &["stored", "unknown"]).await;
    let (mut payments, mut all) = (0, 0);
    for (name, moment, struck) in kills(&MOMENTS) {
        for service in ["stored", "unknown"] {
            let key = format!("{service}, {name}");
            let payment = Payment {
                service,
                body: json!({ "payment": key, "qepik": QEPIK }),
                key,
            };
            let known = strike(&world, &bank, &mut nodes, (moment, struck), &payment).await;
            let booked = bank.booked(&payment.key);
            if service == "unknown" && struck == End::Provider && moment.is_lost() {
                known.refused(409, UNKNOWN);
                assert!(booked <= 1, "{}: booked {booked} times", payment.key);
            } else {
                assert_eq!(booked, 1, "{}", payment.key);
                assert_eq!(known.answered(201).json()["payment"], *payment.key);
            }
            (payments, all) = (payments + 1, all + booked);
        }
    }
    assert_eq!(bank.balance(), BALANCE - all * QEPIK);
    // Where the provider's node died before it asked the registry, and the registry keeps no keys, nothing was booked and
    // nothing is said to be.
    assert_eq!((payments, all), (40, 39));
    end(&world, nodes).await;
}

/// The ten moments over a database: that of the answer behind HTTP is one with that of its leaf.
fn moments_of_a_database() -> [(&'static str, Moment); 10] {
    MOMENTS.map(|(name, moment)| match moment {
        Moment::Committed => (
            "the answer is written and not durable",
            Moment::Journal(End::Provider, "response-signed written"),
        ),
        Moment::Journal(..) | Moment::InTransaction => (name, moment),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c5_the_payments_package_books_once_whichever_node_is_killed_at_any_of_ten_moments() {
    let folder = tempfile::tempdir().unwrap();
    let package = Package::load(&package_folder("payments")).unwrap();
    let settings = sample_database(&package, &PROVIDER.parse().unwrap(), folder.path());
    let database = Database {
        path: folder.path().join("registry.db"),
        reader: Mutex::default(),
    };
    books_once(&database, &settings, &moments_of_a_database()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c5_the_payments_package_books_once_in_postgresql_whichever_node_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let package = Package::load(&package_folder("payments")).unwrap();
    let settings = postgres_database(&package, &PROVIDER.parse().unwrap(), folder.path());
    let database = Served {
        name: fs::read_to_string(folder.path().join(DATABASE_NAME)).unwrap(),
        lock: Mutex::default(),
    };
    // Before, in and after the transaction: what is before and behind is the same as for any database.
    let [_, _, _, before, within, _, after, ..] = MOMENTS;
    books_once(&database, &settings, &[before, within, after]).await;
}

/// Each payment is struck once, the last one is made by 64 callers at once, and the book has them all.
async fn books_once(database: &impl Ledger, settings: &str, moments: &[(&'static str, Moment)]) {
    let setup = World::with().provider_settings(settings);
    let (world, mut nodes) = processes(setup, &["charge-create", "charge-pay"]).await;
    let book = "SELECT last_receipt FROM book";
    let collected = "SELECT sum(collected_qepik) FROM creditor";
    let before = (database.ask(book), database.ask(collected));
    let kills = kills(moments);
    let all = i64::try_from(kills.len()).unwrap() + 1;
    let strikes = kills
        .into_iter()
        .map(|(name, moment, struck)| (name, Some((moment, struck))));
    let nobody = ("nobody killed".to_owned(), None);
    for (number, (name, blow)) in (1..).zip(strikes.chain([nobody])) {
        let charge = format!("R-KILL-{number}");
        let create = Payment {
            service: "charge-create",
            key: format!("create, {name}"),
            body: json!({ "charge": charge, "kind": "duty", "payer": { "fin": "5ABCDE7" },
                "amount_qepik": QEPIK, "purpose": "Arayış üçün rüsum" }),
        };
        pay(&world, &create).await.unwrap().answered(201);
        let payment = Payment {
            service: "charge-pay",
            key: format!("pay, {name}"),
            body: json!({ "charge": charge, "amount_qepik": QEPIK }),
        };
        if let Some(blow) = blow {
            let known = strike(&world, database, &mut nodes, blow, &payment).await;
            // One after the other, without a gap.
            let receipt = known.answered(201).json()["receipt"].as_i64().unwrap();
            assert_eq!(receipt, before.0 + number, "{}", payment.key);
            continue;
        }
        let answers = at_once((0..64).map(|_| pay(&world, &payment))).await;
        let paid: Vec<Answer> = answers.into_iter().flatten().collect();
        assert_eq!(paid.len(), 64);
        for answer in &paid {
            match answer.status {
                201 => assert_eq!(answer.json()["receipt"], before.0 + all),
                _ => drop(answer.refused(409, IN_FLIGHT)),
            }
        }
        assert!(paid.iter().any(|answer| answer.status == 201));
    }
    let after = (database.ask(book), database.ask(collected));
    assert_eq!(after, (before.0 + all, before.1 + all * QEPIK));
    let rows = "SELECT count(*) FROM payment WHERE charge LIKE 'R-KILL-%'";
    assert_eq!(database.ask(rows), all);
    end(&world, nodes).await;
}
