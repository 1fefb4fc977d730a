//! Payments and nodes that die: at any moment of an exchange either node is killed, and the payment is repeated.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex};

use bridge_tests::agency::Agency;
use bridge_tests::answer::Answer;
use bridge_tests::claims;
use bridge_tests::process::{Process, reserve_ports};
use bridge_tests::registry::{Reaction, Registry, Seen};
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PROVIDER, World, usual};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior};
use serde_json::json;

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

/// Which endpoint is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Its registry keeps keys and answers.
    Stored,
    /// Its registry books whatever comes.
    Unknown,
}

/// A registry with an account.
struct Bank {
    database: PathBuf,
    registry: Registry,
    /// Where its next payment stands still.
    stop: Arc<Stop>,
}

#[derive(Default)]
struct Stop {
    state: Mutex<Standing>,
    changed: Condvar,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Standing {
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
    let body: serde_json::Value = serde_json::from_str(&content).unwrap();
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

    fn arm(&self, moment: Moment) {
        self.state.lock().unwrap().armed = Some(moment);
    }

    fn is_reached(&self) -> bool {
        self.state.lock().unwrap().reached
    }

    fn let_go(&self) {
        self.state.lock().unwrap().reached = false;
        self.changed.notify_all();
    }
}

/// Both nodes as processes, on disks that stand still where they are told.
struct Nodes {
    consumer: Process,
    provider: Process,
}

async fn start(agency: &Agency) -> Process {
    let control = Path::new(env!("CARGO_BIN_EXE_bridge-faulty-node"));
    Process::run_faulty(agency, control, "hold").await
}

fn agency(world: &World, end: End) -> &Agency {
    match end {
        End::Consumer => &world.consumer,
        End::Provider => &world.provider,
    }
}

impl Moment {
    fn arm(self, world: &World, bank: &Bank) {
        match self {
            Self::Journal(end, when) => {
                let data = agency(world, end).folder.join("data");
                fs::write(data.join("arm.new"), when).unwrap();
                fs::rename(data.join("arm.new"), data.join("arm")).unwrap();
            }
            Self::InTransaction | Self::Committed => bank.stop.arm(self),
        }
    }

    fn is_reached(self, world: &World, bank: &Bank) -> bool {
        match self {
            Self::Journal(end, _) => agency(world, end).folder.join("data/held").exists(),
            Self::InTransaction | Self::Committed => bank.stop.is_reached(),
        }
    }

    fn let_go(self, world: &World, bank: &Bank) {
        match self {
            Self::Journal(end, _) => {
                fs::remove_file(agency(world, end).folder.join("data/held")).unwrap();
            }
            Self::InTransaction | Self::Committed => bank.stop.let_go(),
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
async fn pay(world: &World, kind: Kind, payment: &str) -> Option<Answer> {
    let path = match kind {
        Kind::Stored => "/r1/AZ/GOV/1001/POPULATION/stored",
        Kind::Unknown => "/r1/AZ/GOV/1001/POPULATION/unknown",
    };
    let body = json!({ "payment": payment, "qepik": QEPIK }).to_string();
    let ask = world
        .consumer
        .ask("POST", path)
        .field("idempotency-key", payment)
        .field("content-type", "application/json")
        .body(body);
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
async fn strike(world: &World, bank: &Bank, nodes: &mut Nodes, case: &Case) -> Answer {
    let Case {
        moment,
        struck,
        kind,
        payment,
        ..
    } = case;
    moment.arm(world, bank);
    let killing = async {
        wait_until(payment, async || moment.is_reached(world, bank)).await;
        let node = match struck {
            End::Consumer => &mut nodes.consumer,
            End::Provider => &mut nodes.provider,
        };
        node.kill();
        moment.let_go(world, bank);
        *node = start(agency(world, *struck)).await;
    };
    let (first, ()) = tokio::join!(pay(world, *kind, payment), killing);
    if let Some(first) = &first
        && first.status != 201
    {
        is_honest(first);
    }
    let mut known = None;
    wait_until("the outcome is known", async || {
        let answer = pay(world, *kind, payment).await.unwrap();
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
        assert_eq!(known.body, first.body, "{payment}: one payment, one answer");
    }
    known
}

struct Case {
    moment: Moment,
    struck: End,
    kind: Kind,
    payment: String,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, moment) in MOMENTS {
        for struck in [End::Consumer, End::Provider] {
            for kind in [Kind::Stored, Kind::Unknown] {
                cases.push(Case {
                    moment,
                    struck,
                    kind,
                    payment: format!("{kind:?}, {struck:?} killed when {name}"),
                });
            }
        }
    }
    cases
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn c5_a_payment_is_booked_once_whichever_node_is_killed_at_any_of_ten_moments() {
    let folder = tempfile::tempdir().unwrap();
    let bank = Bank::open(folder.path().join("bank.db")).await;
    let mut setup = World::with();
    for (code, effect) in [("stored", "stored"), ("unknown", "unknown")] {
        let contract = usual().with("id", code.into()).with("service", code.into());
        setup = setup.contract(contract).provider_settings(&format!(
            "[[services]]\nadapter = \"http\"\nsubsystem = \"{PROVIDER}\"\ncode = \"{code}\"\neffect = \"{effect}\"\n\
             base_url = \"http://{}/{code}\"\n",
            bank.registry.address
        ));
    }
    let mut world = setup.make().await;
    for agency in [&mut world.provider, &mut world.consumer] {
        agency.ports = reserve_ports();
        agency.entry.nodes[0].address = agency.ports.peer.to_string();
        agency.write_settings();
    }
    world.publish(now_s());
    let mut nodes = Nodes {
        provider: start(&world.provider).await,
        consumer: start(&world.consumer).await,
    };
    let cases = cases();
    for case in &cases {
        let Case {
            moment,
            struck,
            kind,
            payment,
        } = case;
        let known = strike(&world, &bank, &mut nodes, case).await;
        let booked = bank.booked(payment);
        assert!(booked <= 1, "{payment}: booked {booked} times");
        let is_lost = *kind == Kind::Unknown && *struck == End::Provider && moment.is_lost();
        if is_lost {
            known.refused(409, UNKNOWN);
        } else {
            assert_eq!(booked, 1, "{payment}");
            assert_eq!(known.answered(201).json()["payment"], **payment);
        }
        // What is known stays so.
        let again = pay(&world, *kind, payment).await.unwrap();
        assert_eq!(again.status, known.status, "{payment}");
        assert_eq!(bank.booked(payment), booked, "{payment}");
    }
    let booked: i64 = cases.iter().map(|case| bank.booked(&case.payment)).sum();
    assert_eq!(bank.balance(), BALANCE - booked * QEPIK);
    // 40 payments; where the provider's node died before it asked the registry, and the registry keeps no keys, none was
    // booked and none is said to be.
    assert_eq!((cases.len(), booked), (40, 39));
    for node in [&mut nodes.provider, &mut nodes.consumer] {
        node.terminate();
        assert_eq!(node.ended().await.code(), Some(0));
    }
    for agency in [&world.provider, &world.consumer] {
        claims::verifies(agency);
    }
}
