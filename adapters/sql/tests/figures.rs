//! Figures of the adapter against a real PostgreSQL server: memory of answers, and processor time of a point
//! query. They share a process with nothing else, and run one after the other.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test; what was measured is what is read"
)]

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bridge_adapter::probe::Probe;
use bridge_adapter::{Adapter, AdapterError, BodyError, Limit, Package, body};
use bridge_adapter_sql::{Address, Database, SqlAdapter, SqlLimits, sample};
use http_body_util::BodyExt as _;
use tokio_util::sync::CancellationToken;

#[expect(
    unreachable_pub,
    dead_code,
    reason = "the harness of the scenarios, of which not everything is needed here"
)]
#[path = "../../../tests/src/postgres.rs"]
mod server;

use server::{OWNER, Postgres};

/// The allocator of the program, whose memory and time these are.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How many bytes of rows are streamed; `BRIDGE_STREAM_BYTES` asks for more.
const BYTES: u64 = 64 * 1024 * 1024;
/// What memory may grow by: a sixteenth of a gibibyte, and a quarter of the ordinary run's rows.
const GROWTH_KIB: u64 = 16 * 1024;
const ROW_BYTES: u64 = 4000;

/// One figure at a time: both are of the whole process.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn package(folder: &str) -> Package {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    Package::load(&folder).unwrap()
}

fn address(server: &Postgres, name: &str) -> Address {
    Address::parse(&server.url(OWNER, name), None, None).unwrap()
}

fn in_postgresql(server: &Postgres, package: &Package) -> (SqlAdapter, String) {
    let name = server.database();
    let database = Database::Postgresql(Box::new(address(server, &name)));
    sample::build(package, &database).unwrap();
    (
        SqlAdapter::open(package, &database, SqlLimits::default()).unwrap(),
        name,
    )
}

fn in_sqlite(package: &Package, folder: &Path) -> SqlAdapter {
    let path: PathBuf = folder.join("rows.db");
    sample::build(package, &path).unwrap();
    SqlAdapter::open(package, &path, SqlLimits::default()).unwrap()
}

fn rows(path: &str) -> Probe {
    let service = "AZ/GOV/1099/ROWS/rows".parse().unwrap();
    Probe::get(service, "AZ/GOV/2001/TAX".parse().unwrap(), path).within(Duration::from_mins(10))
}

/// Reads an answer to its end without keeping it: how many bytes came, the last one, and how it ended.
async fn read(adapter: &SqlAdapter, path: &str) -> (u64, u8, Result<(), BodyError>) {
    let answer = adapter
        .call(rows(path).call(CancellationToken::new()))
        .await
        .unwrap();
    assert_eq!(answer.status, 200);
    let (mut bytes, mut last, mut body) = (0, 0, answer.body);
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                let data = frame.into_data().unwrap();
                bytes += u64::try_from(data.len()).unwrap();
                last = *data.last().unwrap();
            }
            Err(error) => return (bytes, last, Err(error)),
        }
        // The reader is the slower one: what it has not taken must not pile up.
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
    }
    (bytes, last, Ok(()))
}

/// A figure of `/proc/self/status`, in KiB.
fn memory(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn rows_of_any_number_pass_through_little_memory() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let asked = std::env::var("BRIDGE_STREAM_BYTES").map(|text| text.parse().unwrap());
    let wanted: u64 = asked.unwrap_or(BYTES);
    let package = package("tests/rows");
    let place = tempfile::tempdir().unwrap();
    let adapters = [
        ("PostgreSQL", in_postgresql(Postgres::shared(), &package).0),
        ("SQLite", in_sqlite(&package, place.path())),
    ];
    for (name, adapter) in &adapters {
        // What is needed once is there before the measurement.
        let (_, last, ended) = runtime.block_on(read(adapter, "/300/4000"));
        assert!(ended.is_ok() && last == b']');
        // proc(5), clear_refs: 5 sets the peak to what is in use.
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = memory("VmRSS");
        let many = wanted.div_ceil(ROW_BYTES);
        let (bytes, last, ended) = runtime.block_on(read(adapter, &format!("/{many}/{ROW_BYTES}")));
        let grown = memory("VmHWM").saturating_sub(before);
        println!("{name}: {bytes} bytes of rows, memory grew by {grown} KiB");
        assert!(ended.is_ok() && last == b']', "{ended:?}");
        assert!(bytes > wanted);
        assert!(grown < GROWTH_KIB, "{name}: {grown} KiB");
    }
}

#[test]
fn an_answer_that_breaks_is_cut_and_never_looks_whole() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let package = package("tests/rows");
    let place = tempfile::tempdir().unwrap();
    let in_postgresql = in_postgresql(Postgres::shared(), &package).0;
    for adapter in [in_postgresql, in_sqlite(&package, place.path())] {
        let (bytes, last, ended) = runtime.block_on(read(&adapter, "/broken/500"));
        assert!(bytes > 100_000 && last == b'}', "{bytes} {last}");
        assert!(matches!(ended, Err(BodyError::Cut { .. })), "{ended:?}");
        // What breaks before anything was sent is an error and no answer.
        let call = rows("/broken/1").call(CancellationToken::new());
        assert!(runtime.block_on(adapter.call(call)).is_err());
        // None is an empty list.
        let call = rows("/0/4").call(CancellationToken::new());
        let empty = runtime.block_on(async {
            body::collect(adapter.call(call).await.unwrap().body, 100)
                .await
                .unwrap()
        });
        assert_eq!(empty, "[]");
        // A call whose time ends while rows are on the way is cut as well.
        let call = rows("/1000000/4000").within(Duration::from_millis(300));
        let call = call.call(CancellationToken::new());
        let ended = runtime.block_on(async {
            let mut body = adapter.call(call).await.unwrap().body;
            loop {
                if let Some(Err(error)) = body.frame().await {
                    break error;
                }
            }
        });
        assert!(matches!(ended, BodyError::TimedOut), "{ended:?}");
        assert!(runtime.block_on(read(&adapter, "/3/4")).2.is_ok());
    }
}

#[test]
fn who_stops_reading_stops_the_statement() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let package = package("tests/rows");
    let address = address(Postgres::shared(), &Postgres::shared().database());
    let database = Database::Postgresql(Box::new(address));
    sample::build(&package, &database).unwrap();
    let limits = SqlLimits {
        connections: 1,
        ..SqlLimits::default()
    };
    let adapter = SqlAdapter::open(&package, &database, limits).unwrap();
    runtime.block_on(async {
        let call = rows("/1000000/4000").call(CancellationToken::new());
        let mut answer = adapter.call(call).await.unwrap();
        assert!(answer.body.frame().await.unwrap().is_ok());
        drop(answer);
        // There is one place: it is free only when the server has stopped.
        let (_, last, ended) = read(&adapter, "/3/4").await;
        assert!(ended.is_ok() && last == b']');
    });
}

#[test]
fn a_value_of_300_mib_is_refused_before_it_is_taken_into_memory() {
    let _alone = alone();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let adapter = in_postgresql(Postgres::shared(), &package("tests/rows")).0;
    let (_, last, ended) = runtime.block_on(read(&adapter, "/3/1000000"));
    assert!(ended.is_ok() && last == b']', "one below the limit passes");
    std::fs::write("/proc/self/clear_refs", "5").unwrap();
    let before = memory("VmRSS");
    let call = rows("/1/314572800").call(CancellationToken::new());
    let error = runtime.block_on(adapter.call(call)).unwrap_err();
    let limit = Limit::AnswerBytes(SqlLimits::default().answer_bytes);
    assert!(
        matches!(&error, AdapterError::TooLarge { limit: own } if *own == limit),
        "{error:?}"
    );
    let grown = memory("VmHWM").saturating_sub(before);
    println!("a value of 300 MiB: memory grew by {grown} KiB");
    assert!(grown < GROWTH_KIB, "{grown} KiB");
    let (_, last, ended) = runtime.block_on(read(&adapter, "/3/4"));
    assert!(ended.is_ok() && last == b']', "the next call is served");
}

/// Only optimised: else it would be a figure of the compiler's laziness, from which the driver suffers less.
#[cfg(not(debug_assertions))]
mod cost {
    use bridge_adapter::Call;
    use http_body_util::BodyExt as _;
    use rustix::thread::CpuSet;
    use tokio::runtime::Runtime;
    use tokio_postgres::{Client, NoTls, Statement};

    use super::*;

    /// What a point query through the adapter may cost, by the bare driver's.
    const RATIO: f64 = 1.5;
    const QUERIES: usize = 1000;
    const ROUNDS: usize = 31;

    /// Processor time of this thread, which does all of it, in microseconds. From a file: a clock of the system's is not read where
    /// instructions are counted.
    fn cpu_us() -> f64 {
        let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        let ns: f64 = times.split(' ').next().unwrap().parse().unwrap();
        ns / 1e3
    }

    fn probe(fin: &String) -> Probe {
        let service = "AZ/GOV/1001/POPULATION/status".parse().unwrap();
        let client = "AZ/LEA/3001/APPEALS".parse().unwrap();
        // Far: with less time than a statement may take there would be a transaction, and three questions for one.
        Probe::get(service, client, &format!("/{fin}")).within(Duration::from_mins(10))
    }

    /// Not inlined: `tests/bench/sql` has what they cost counted by their names.
    #[inline(never)]
    fn by_the_bare_driver(
        runtime: &Runtime,
        (client, prepared): (&Client, &Statement),
        fins: &[String],
    ) {
        runtime.block_on(async {
            for fin in fins {
                let row = client.query_one(prepared, &[fin]).await.unwrap();
                let code: String = row.get(1);
                let since: time::Date = row.get(2);
                assert!(row.get::<_, &str>(0) == fin && !code.is_empty() && since.year() > 1900);
            }
        });
    }

    #[inline(never)]
    fn by_the_adapter(runtime: &Runtime, adapter: &SqlAdapter, calls: Vec<Call>) {
        runtime.block_on(async {
            for call in calls {
                let answer = adapter.call(call).await.unwrap();
                assert_eq!(answer.status, 200);
                let mut body = answer.body;
                let whole = body.frame().await.unwrap().unwrap().into_data().unwrap();
                assert!(whole.len() > 40 && body.frame().await.is_none());
            }
        });
    }

    /// Keeps this thread, and the server that it starts, on one processor. On two it depends on where the scheduler puts the two
    /// servers of the two connections whether a query wakes this thread once or twice: that its request was taken, and that there
    /// is an answer. That is twice the time, and no matter of adapter or driver.
    fn stay_on_one_processor() {
        let all = rustix::thread::sched_getaffinity(None).unwrap();
        let mut one = CpuSet::new();
        one.set((0..CpuSet::MAX_CPU).find(|cpu| all.is_set(*cpu)).unwrap());
        rustix::thread::sched_setaffinity(None, &one).unwrap();
    }

    /// The value below which a quarter of them lies, the median, and the one above which a quarter lies.
    fn quartiles(values: &mut [f64]) -> [f64; 3] {
        values.sort_by(f64::total_cmp);
        [1, 2, 3].map(|quarter| values[values.len() * quarter / 4])
    }

    #[test]
    fn a_point_query_costs_little_more_than_the_bare_drivers() {
        let _alone = alone();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let package = package("../registries/population");
        stay_on_one_processor();
        let server = Postgres::start();
        let (adapter, name) = in_postgresql(&server, &package);
        let listed = server.run(&name, "SELECT fin FROM person ORDER BY fin");
        let fins: Vec<String> = listed.lines().map(str::to_owned).collect();
        assert_eq!(fins.len(), 10_000);
        let address: tokio_postgres::Config = server.url(OWNER, &name).parse().unwrap();
        let (client, prepared) = runtime.block_on(async {
            let (client, connection) = address.connect(NoTls).await.unwrap();
            tokio::spawn(connection);
            let sql =
                "SELECT fin, code, since FROM status WHERE fin = $1 ORDER BY since DESC LIMIT 1";
            let prepared = client.prepare(sql).await.unwrap();
            (client, prepared)
        });
        let bare = |fins: &[String]| {
            let begun = cpu_us();
            by_the_bare_driver(&runtime, (&client, &prepared), fins);
            cpu_us() - begun
        };
        let through = |fins: &[String]| {
            // Who asks keeps who asks and what cancels it, as a node does: neither is made or ended here.
            let asked = |fin| (probe(fin), CancellationToken::new());
            let asked: Vec<_> = fins.iter().map(asked).collect();
            let call = |(probe, cancel): &(Probe, CancellationToken)| probe.call(cancel.clone());
            let calls = asked.iter().map(call).collect();
            let begun = cpu_us();
            by_the_adapter(&runtime, &adapter, calls);
            cpu_us() - begun
        };
        let (mut ratios, mut bares, mut throughs) = (Vec::new(), Vec::new(), Vec::new());
        // The first round is for what is made once; then each is first in turn.
        for round in 0..=ROUNDS {
            let from = round * QUERIES % fins.len();
            let fins = &fins[from..from + QUERIES];
            let (bare_us, through_us) = if round % 2 == 0 {
                let bare_us = bare(fins);
                (bare_us, through(fins))
            } else {
                let through_us = through(fins);
                (bare(fins), through_us)
            };
            if round > 0 {
                ratios.push(through_us / bare_us);
                bares.push(bare_us / QUERIES as f64);
                throughs.push(through_us / QUERIES as f64);
            }
        }
        let (bare_us, through_us) = (quartiles(&mut bares)[1], quartiles(&mut throughs)[1]);
        let [low, ratio, high] = quartiles(&mut ratios);
        println!("bare {bare_us:.1} us, through the adapter {through_us:.1} us");
        println!("ratio {ratio:.2} (half of {ROUNDS} rounds between {low:.2} and {high:.2})");
        assert!(ratio <= RATIO, "{ratio}");
    }
}
