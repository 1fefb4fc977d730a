//! A real PostgreSQL server for tests: one for a test binary, a database for a test.
//!
//! It listens on a socket in a folder of its own. A shell keeps it: when the test's process ends, however it ends, the
//! shell's input ends too; the shell then stops the server and removes the folder.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Makes the cluster, starts the server, says so, and waits for the end of its input.
const KEEPER: &str = r#"
cd /; D=$1; B=$(ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1)
as() { "$@"; }
if [ "$(id -u)" = 0 ]; then
  chown postgres: "$D"
  as() { setpriv --reuid=postgres --regid=postgres --clear-groups env HOME="$D" "$@"; }
fi
ctl() { as "$B/pg_ctl" -D "$D/data" -w -s -l "$D/log" "$@"; }
options="-k $D -c listen_addresses='' -c fsync=off -c synchronous_commit=off -c full_page_writes=off -c shared_buffers=32MB"
as "$B/initdb" -D "$D/data" -U bus -A trust -N -E UTF8 --no-locale >/dev/null &&
  ctl -o "$options" start && echo ready
while read -r order; do
  case "$order" in
    stop) ctl -m fast stop; echo stopped ;;
    start) ctl -o "$options" start; echo ready ;;
  esac
done
ctl -m immediate stop 2>/dev/null
rm -rf "$D"
"#;

/// The server's superuser.
pub const OWNER: &str = "bus";

/// A server.
#[derive(Debug)]
pub struct Postgres {
    folder: PathBuf,
    keeper: std::sync::Mutex<Keeper>,
}

/// A transaction that is open.
#[derive(Debug)]
pub struct Held(Child);

#[derive(Debug)]
struct Keeper {
    shell: Child,
    told: BufReader<std::process::ChildStdout>,
}

impl Postgres {
    /// The server that all tests of a binary share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Postgres> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Starts a server of one's own.
    pub fn start() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("bridge-postgres-")
            .tempdir()
            .unwrap()
            .keep();
        let mut shell = Command::new("sh")
            .args(["-c", KEEPER, "keeper"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let told = BufReader::new(shell.stdout.take().unwrap());
        let server = Self {
            folder,
            keeper: std::sync::Mutex::new(Keeper { shell, told }),
        };
        server.await_word("ready");
        server
    }

    /// Stops the server; connections end.
    pub fn stop(&self) {
        self.order("stop");
        self.await_word("stopped");
    }

    /// Starts it again after [`Postgres::stop`].
    pub fn start_again(&self) {
        self.order("start");
        self.await_word("ready");
    }

    /// The folder of the socket.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Makes an empty database and gives its name.
    pub fn database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.run("postgres", &format!("CREATE DATABASE {name}"));
        name
    }

    /// Makes a role that may log in, unless there is one. Of two tests that make it at the same time, one is told so by an index.
    pub fn role(&self, name: &str) {
        self.run(
            "postgres",
            &format!(
                "DO $$ BEGIN CREATE ROLE {name} LOGIN; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            ),
        );
    }

    /// Runs SQL as the owner and gives what it answers, a row a line.
    pub fn run(&self, database: &str, sql: &str) -> String {
        let mut psql = self.psql(database).stderr(Stdio::piped()).spawn().unwrap();
        psql.stdin
            .take()
            .unwrap()
            .write_all(sql.as_bytes())
            .unwrap();
        let output = psql.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sql}: {told}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Runs SQL as the owner in a transaction that stays open until what is given back is dropped.
    pub fn hold(&self, database: &str, sql: &str) -> Held {
        let mut psql = self.psql(database).spawn().unwrap();
        writeln!(psql.stdin.as_mut().unwrap(), "BEGIN; {sql}; SELECT 'held';").unwrap();
        let mut line = String::new();
        let mut told = BufReader::new(psql.stdout.take().unwrap());
        told.read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "held", "{sql}");
        Held(psql)
    }

    /// The address of a database for a role, as settings have it.
    pub fn url(&self, role: &str, database: &str) -> String {
        let folder = self.folder.display();
        format!("postgresql://{role}@/{database}?host={folder}")
    }

    fn psql(&self, database: &str) -> Command {
        let mut psql = Command::new("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-f", "-"])
            .args(["-U", OWNER, "-d", database, "-h"])
            .arg(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        psql
    }

    fn order(&self, word: &str) {
        let mut keeper = self.keeper.lock().unwrap();
        let input = keeper.shell.stdin.as_mut().unwrap();
        writeln!(input, "{word}").unwrap();
    }

    fn await_word(&self, word: &str) {
        let mut line = String::new();
        self.keeper
            .lock()
            .unwrap()
            .told
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line.trim(), word, "{}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        drop(self.0.wait());
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Ok(keeper) = self.keeper.get_mut() {
            drop(keeper.shell.stdin.take());
            drop(keeper.shell.wait());
        }
    }
}
