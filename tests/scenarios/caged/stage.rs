//! A hostile adapter behind a real node, and what it looks for.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};

use bridge_tests::answer::Answer;
use bridge_tests::process::Process;
use bridge_tests::registry::Reaction;
use bridge_tests::terms::terms;
use bridge_tests::wait::wait_until;
use bridge_tests::world::{CONSUMER, PROVIDER, World, usual};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(super) const DEED: &str = "/r1/AZ/GOV/1001/POPULATION/deed";

/// Two nodes as processes, the provider's with a usual service and the hostile one, and what the hostile one looks for.
pub(super) struct Stage {
    pub(super) world: World,
    pub(super) nodes: Option<[Process; 2]>,
    /// Where what is looked for lies.
    _place: TempDir,
    /// Listens where the program must not come: TCP, a Unix socket, an abstract one.
    _decoys: (TcpListener, UnixListener, UnixListener),
}

impl Stage {
    pub(super) async fn open(cage: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path();
        let tcp = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let socket = place.join("decoy.sock");
        let unix = UnixListener::bind(&socket).unwrap();
        open_to_all(&socket, 0o777);
        open_to_all(place, 0o755);
        let name = format!("bridge-decoy-{}", tcp.local_addr().unwrap().port());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let hidden = UnixListener::bind_addr(&address).unwrap();
        let readable = place.join("readable");
        fs::write(&readable, "anybody may read this").unwrap();
        open_to_all(&readable, 0o644);
        let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/caged");
        let registry = speaking_registry();
        let more = format!(
            "[[services]]\nadapter = \"process\"\nsubsystem = \"{PROVIDER}\"\npackage = \"{}\"\nregistry = \"{registry}\"\n\
             {cage}\n[services.environment]\nTARGET_FILES = \"{}\"\nTARGET_PORT = \"{}\"\nTARGET_SOCKET = \"{}\"\n\
             TARGET_ABSTRACT = \"{name}\"\nTARGET_PID = \"{}\"\n",
            package.display(),
            readable.display(),
            tcp.local_addr().unwrap().port(),
            socket.display(),
            std::process::id(),
        );
        let mut world = World::with()
            .contract(usual())
            .contract(terms("tax-deed", CONSUMER, PROVIDER, "deed"))
            .contract(terms("tax-person", CONSUMER, PROVIDER, "person"))
            .provider_settings(&more)
            .make()
            .await;
        world
            .registry
            .always(Reaction::json(200, &json!({ "fine": true })));
        world.settle();
        let nodes = [
            Process::run_quietly(&world.provider).await,
            Process::run_quietly(&world.consumer).await,
        ];
        Self {
            world,
            nodes: Some(nodes),
            _place: folder,
            _decoys: (tcp, unix, hidden),
        }
    }

    pub(super) async fn deed(&self, name: &str) -> Answer {
        self.ask(&format!("{DEED}/{name}")).await
    }

    pub(super) async fn ask(&self, target: &str) -> Answer {
        self.world.consumer.get(target).by_key().send().await
    }

    /// What the program said of a deed that it could finish.
    pub(super) async fn said(&self, name: &str) -> Value {
        self.deed(name).await.answered(200).json()
    }

    /// Waits until the program serves again.
    pub(super) async fn serves(&self) {
        wait_until("the program serves", async || {
            self.deed("fine").await.status == 200
        })
        .await;
    }

    /// Has the program go off, and waits until it is started again.
    pub(super) async fn bomb(&self) {
        let before = self.starts();
        drop(self.deed("fork-bomb").await);
        wait_until("the program is started again", async || {
            self.starts() > before
        })
        .await;
    }

    /// How often the program began to serve.
    fn starts(&self) -> usize {
        self.log().matches("\"the adapter serves\"").count()
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.world.provider.folder.join("node.log")).unwrap()
    }

    /// Both nodes end in order, and nothing of the cage is left.
    pub(super) async fn close(mut self) {
        let user = caged_user(&self.log());
        for node in self.nodes.as_mut().unwrap() {
            node.terminate();
            assert_eq!(node.ended().await.code(), Some(0));
        }
        assert_eq!(processes_of(user), Vec::<u32>::new());
        assert_eq!(groups_of(user), Vec::<PathBuf>::new());
    }
}

pub(super) fn open_to_all(path: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A registry that greets whoever speaks to it.
fn speaking_registry() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut heard = [0; 100];
            let length = stream.read(&mut heard).unwrap_or(0);
            // As one piece: the program reads once.
            let said = [b"the registry heard: ", &heard[..length]].concat();
            drop(stream.write_all(&said));
        }
    });
    address.to_string()
}

/// The user that the log says the program has.
pub(super) fn caged_user(log: &str) -> u32 {
    let mut lines = log
        .lines()
        .filter(|line| line.contains("the cage of an adapter"));
    let line: Value = serde_json::from_str(lines.next().unwrap()).unwrap();
    let words = line["user"].as_str().unwrap();
    words.split(' ').next().unwrap().parse().unwrap()
}

pub(super) fn processes_of(user: u32) -> Vec<u32> {
    use std::os::unix::fs::MetadataExt as _;
    let ids = fs::read_dir("/proc").unwrap().flatten();
    ids.filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        (entry.metadata().ok()?.uid() == user).then_some(id)
    })
    .collect()
}

/// Control groups that were made for the program of this user.
pub(super) fn groups_of(user: u32) -> Vec<PathBuf> {
    fn below(folder: &Path, end: &str, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                let path = entry.path();
                if path.to_str().is_some_and(|text| text.ends_with(end)) {
                    found.push(path.clone());
                }
                below(&path, end, found);
            }
        }
    }
    let mut found = Vec::new();
    below(
        Path::new("/sys/fs/cgroup"),
        &format!("bridge-hostile-{user}"),
        &mut found,
    );
    found
}
