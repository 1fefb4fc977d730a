use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bridge_core::identity::MemberId;
use proptest::prelude::*;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{Value, json};

use super::*;
use crate::directory::tests::sample;
use crate::metadata::{Delegations, Key, MemberRole, MetadataSigner, hex, sha256, sign};
use crate::own_nodes::nodes_path;
use crate::source::{FetchError, FolderSource};
use crate::store::StoreError;

mod attack_list;
mod attacks;
mod own_attacks;
mod own_files;
mod restarts;

pub(crate) const NOW: u64 = 1_800_000_000;
pub(crate) const DAY: u64 = 86_400;

/// A key made from a number.
#[derive(Clone)]
pub(crate) struct Officer {
    pub(crate) key_id: String,
    pub(crate) pair: Arc<Ed25519KeyPair>,
}

impl Officer {
    pub(crate) fn new(seed: u8) -> Self {
        let pair = Arc::new(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap());
        let key_id = Key::from_ed25519(pair.public_key().as_ref()).id().unwrap();
        Self { key_id, pair }
    }

    pub(crate) fn public(&self) -> Vec<u8> {
        self.pair.public_key().as_ref().to_vec()
    }
}

impl MetadataSigner for Officer {
    fn key_id(&self) -> &str {
        &self.key_id
    }

    fn sign(&self, canonical: &[u8]) -> Vec<u8> {
        self.pair.sign(canonical).as_ref().to_vec()
    }
}

/// A repository in memory of which every value can be bent before it is signed.
#[derive(Clone)]
pub(crate) struct Repository {
    officers: BTreeMap<Role, (Vec<Officer>, u32)>,
    /// Metadata of the root role so far, the first one first.
    roots: Vec<Vec<u8>>,
    versions: BTreeMap<Role, u64>,
    expires: BTreeMap<Role, u64>,
    /// Further files in the snapshot.
    meta: BTreeMap<String, u64>,
    /// Whether length and digest are announced.
    announced: bool,
    directory: Vec<u8>,
    /// Members' roles.
    own: Vec<OwnRole>,
}

/// A member's role, of which every value can be bent before it is signed.
#[derive(Clone)]
pub(crate) struct OwnRole {
    member: MemberId,
    /// The keys that officers have listed.
    listed: Vec<Officer>,
    threshold: u32,
    above: u64,
    /// Who signs.
    signers: Vec<Officer>,
    /// None is published while it is 0.
    version: u64,
    expires: u64,
    /// What the member says, a whole file.
    nodes: Value,
}

impl OwnRole {
    /// A role of one key that has said nothing yet.
    pub(crate) fn new(member: MemberId, seed: u8) -> Self {
        let key = Officer::new(seed);
        Self {
            member,
            listed: vec![key.clone()],
            threshold: 1,
            above: 0,
            signers: vec![key],
            version: 0,
            expires: NOW + 300 * DAY,
            nodes: json!(null),
        }
    }

    fn part(&self) -> Value {
        let info = FileInfo::of(None, self.nodes.to_string().as_bytes());
        json!({
            "_type": "targets", "spec_version": "1.0.30", "version": self.version,
            "expires": Moment(self.expires), "targets": {MemberRole::path_of(&self.member): info},
        })
    }

    fn metadata(&self) -> Vec<u8> {
        sign(&self.part(), &self.signers).unwrap()
    }

    fn metadata_path(&self) -> String {
        let name = MemberRole::name_of(&self.member);
        format!("metadata/{}.{name}.json", self.version)
    }

    fn nodes_path(&self) -> String {
        nodes_path(&self.member, &sha256(self.nodes.to_string().as_bytes()))
    }
}

impl Repository {
    pub(crate) fn new() -> Self {
        let officers = |seeds: &[u8], threshold| {
            (
                seeds
                    .iter()
                    .map(|seed| Officer::new(*seed))
                    .collect::<Vec<_>>(),
                threshold,
            )
        };
        let mut repository = Self {
            officers: BTreeMap::from([
                (Role::Root, officers(&[1, 2, 3], 2)),
                (Role::Targets, officers(&[11, 12, 13], 2)),
                (Role::Snapshot, officers(&[21], 1)),
                (Role::Timestamp, officers(&[31], 1)),
            ]),
            roots: Vec::new(),
            versions: Role::ALL.into_iter().map(|role| (role, 1)).collect(),
            expires: Role::ALL
                .into_iter()
                .map(|role| (role, NOW + DAY))
                .collect(),
            meta: BTreeMap::new(),
            announced: true,
            directory: serde_json::to_vec(&sample()).unwrap(),
            own: Vec::new(),
        };
        repository.expires.insert(Role::Root, NOW + 300 * DAY);
        repository.add_root();
        repository
    }

    pub(crate) fn officers(&self, role: Role) -> Vec<Officer> {
        self.officers[&role].0.clone()
    }

    /// Counts a role's version up.
    fn bump(&mut self, role: Role) {
        *self.versions.get_mut(&role).unwrap() += 1;
    }

    /// Publishes another directory.
    fn publish(&mut self, name: &str) {
        let mut directory = sample();
        directory.members[0].name = name.into();
        self.directory = serde_json::to_vec(&directory).unwrap();
        for role in [Role::Targets, Role::Snapshot, Role::Timestamp] {
            self.bump(role);
        }
    }

    fn give_keys(&mut self, role: Role, seeds: &[u8]) {
        self.officers.get_mut(&role).unwrap().0 = seeds.iter().map(|s| Officer::new(*s)).collect();
    }

    /// Adds a root with the present officers, signed by them and by those of the root before.
    fn add_root(&mut self) {
        let version = u64::try_from(self.roots.len()).unwrap() + 1;
        self.versions.insert(Role::Root, version);
        let mut signers = self.officers(Role::Root);
        if let Some(last) = self.roots.last() {
            let listed = String::from_utf8(last.clone()).unwrap();
            let old = (1..=60)
                .map(Officer::new)
                .filter(|o| listed.contains(&o.key_id));
            let known: Vec<_> = signers
                .iter()
                .map(|officer| officer.key_id.clone())
                .collect();
            signers.extend(old.filter(|officer| !known.contains(&officer.key_id)));
        }
        self.roots
            .push(sign(&self.root_part(version), &signers).unwrap());
    }

    fn common(&self, role: Role) -> Value {
        json!({
            "_type": role, "spec_version": "1.0.30", "version": self.versions[&role],
            "expires": Moment(self.expires[&role]),
        })
    }

    pub(crate) fn root_part(&self, version: u64) -> Value {
        let mut part = self.common(Role::Root);
        part["version"] = json!(version);
        part["consistent_snapshot"] = json!(true);
        part["keys"] = json!({});
        for (role, (officers, threshold)) in &self.officers {
            let key_ids: Vec<_> = officers.iter().map(|officer| &officer.key_id).collect();
            part["roles"][role.as_str()] = json!({"keyids": key_ids, "threshold": threshold});
            for officer in officers {
                part["keys"][&officer.key_id] = json!(Key::from_ed25519(&officer.public()));
            }
        }
        part
    }

    pub(crate) fn targets_part(&self) -> Value {
        let mut part = self.common(Role::Targets);
        part["targets"] = json!({DIRECTORY_FILE: FileInfo::of(None, &self.directory)});
        let mut delegations = Delegations::default();
        for own in &self.own {
            let keys = own
                .listed
                .iter()
                .map(|one| Key::from_ed25519(&one.public()));
            let keys: Vec<_> = keys.collect();
            delegations.set(&own.member, (&keys, own.threshold), own.above);
        }
        crate::publisher::with_roles(part, Some(&delegations))
    }

    fn info(&self, role: Role, bytes: &[u8]) -> FileInfo {
        self.info_of(self.versions[&role], bytes)
    }

    fn info_of(&self, version: u64, bytes: &[u8]) -> FileInfo {
        let version = Some(version);
        if self.announced {
            return FileInfo::of(version, bytes);
        }
        FileInfo {
            version,
            length: None,
            hashes: BTreeMap::new(),
        }
    }

    fn snapshot_part(&self, targets: &[u8]) -> Value {
        let mut part = self.common(Role::Snapshot);
        part["meta"] = json!({"targets.json": self.info(Role::Targets, targets)});
        for (file, version) in &self.meta {
            part["meta"][file] = json!({"version": version});
        }
        for own in self.own.iter().filter(|own| own.version > 0) {
            let file = format!("{}.json", MemberRole::name_of(&own.member));
            if !self.meta.contains_key(&file) {
                part["meta"][file] = json!(self.info_of(own.version, &own.metadata()));
            }
        }
        part
    }

    fn timestamp_part(&self, snapshot: &[u8]) -> Value {
        let mut part = self.common(Role::Timestamp);
        part["meta"] = json!({"snapshot.json": self.info(Role::Snapshot, snapshot)});
        part
    }

    fn signed(&self, role: Role, part: &Value) -> Vec<u8> {
        sign(part, &self.officers(role)).unwrap()
    }

    /// Signs everything and returns the files that a web server would hold.
    fn files(&self) -> Files {
        self.files_with(|_, _| {})
    }

    /// As [`Repository::files`], with each part changed before it is signed.
    fn files_with(&self, change: impl Fn(Role, &mut Value)) -> Files {
        let make = |role, mut part: Value| {
            change(role, &mut part);
            self.signed(role, &part)
        };
        let targets = make(Role::Targets, self.targets_part());
        let snapshot = make(Role::Snapshot, self.snapshot_part(&targets));
        let timestamp = make(Role::Timestamp, self.timestamp_part(&snapshot));
        let mut files = Files::default();
        for (position, root) in self.roots.iter().enumerate() {
            files.put(
                &format!("metadata/{}.root.json", position + 1),
                root.clone(),
            );
        }
        files.put(
            &Role::Targets.path(Some(self.versions[&Role::Targets])),
            targets,
        );
        files.put(
            &Role::Snapshot.path(Some(self.versions[&Role::Snapshot])),
            snapshot,
        );
        files.put(TIMESTAMP, timestamp);
        files.put(&self.directory_path(), self.directory.clone());
        for own in self.own.iter().filter(|own| own.version > 0) {
            files.put(&own.metadata_path(), own.metadata());
            files.put(&own.nodes_path(), own.nodes.to_string().into_bytes());
        }
        files
    }

    fn directory_path(&self) -> String {
        format!("targets/{}.{DIRECTORY_FILE}", hex(&sha256(&self.directory)))
    }
}

/// A web server's files, and what was asked of it.
#[derive(Default)]
struct Files {
    files: BTreeMap<String, Vec<u8>>,
    asked: Mutex<Vec<String>>,
}

impl Files {
    fn put(&mut self, path: &str, bytes: Vec<u8>) {
        self.files.insert(path.into(), bytes);
    }

    fn remove(&mut self, path: &str) {
        assert!(self.files.remove(path).is_some(), "{path}");
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

impl Fetch for Files {
    /// Ignores the limit, as a careless or hostile source would.
    fn fetch(&self, path: &str, _limit: usize) -> Result<Option<Vec<u8>>, FetchError> {
        self.asked.lock().unwrap().push(path.into());
        Ok(self.files.get(path).cloned())
    }
}

/// A client in a folder of its own.
struct Reader {
    folder: tempfile::TempDir,
    client: Client,
}

impl Reader {
    fn of(repository: &Repository) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let client = Client::open(folder.path(), &repository.roots[0]).unwrap();
        Self { folder, client }
    }

    /// Opens the client anew, as a restart does.
    fn restart(&mut self, repository: &Repository) {
        self.client = Client::open(self.folder.path(), &repository.roots[0]).unwrap();
    }

    fn refresh(&mut self, files: &Files) -> Result<String, DirectoryError> {
        self.client
            .refresh(files, NOW)
            .map(|trusted| name(&trusted))
    }

    fn trusted(&self) -> Result<String, DirectoryError> {
        self.client.trusted(NOW).map(|trusted| name(&trusted))
    }
}

/// The first member's name tells the directories of these tests apart.
fn name(trusted: &Trusted) -> String {
    trusted.directory.members[0].name.clone()
}

const TIMESTAMP: &str = "metadata/timestamp.json";
const FIRST: &str = "Agency 1001";

#[test]
fn a_directory_is_read_and_told_about() {
    let repository = Repository::new();
    let mut reader = Reader::of(&repository);
    assert!(matches!(reader.trusted(), Err(DirectoryError::NothingYet)));
    let trusted = reader.client.refresh(&repository.files(), NOW).unwrap();
    assert_eq!(*trusted.directory, sample());
    assert_eq!((trusted.version, trusted.expires_s), (1, NOW + DAY));
    assert_eq!(trusted.digest, sha256(&repository.directory));
    assert_eq!(reader.client.trusted(NOW).unwrap(), trusted);
}

#[test]
fn a_newer_directory_replaces_the_older() {
    let mut repository = Repository::new();
    let mut reader = Reader::of(&repository);
    reader.refresh(&repository.files()).unwrap();
    repository.publish("New");
    assert_eq!(reader.refresh(&repository.files()).unwrap(), "New");
    assert_eq!(reader.trusted().unwrap(), "New");
    let kept = std::fs::read_dir(reader.folder.path()).unwrap().flatten();
    let kept = kept.filter(|entry| {
        entry
            .file_name()
            .to_string_lossy()
            .ends_with("directory.json")
    });
    assert_eq!(kept.count(), 1, "the older directory is not kept");
}

#[test]
fn where_nothing_is_new_nothing_is_fetched() {
    let mut repository = Repository::new();
    let mut reader = Reader::of(&repository);
    let files = repository.files();
    reader.refresh(&files).unwrap();
    assert_eq!(files.asked().len(), 5);
    reader.refresh(&files).unwrap();
    assert_eq!(files.asked(), ["metadata/2.root.json", TIMESTAMP]);
    repository.bump(Role::Timestamp);
    let files = repository.files();
    reader.refresh(&files).unwrap();
    assert_eq!(files.asked(), ["metadata/2.root.json", TIMESTAMP]);
    repository.bump(Role::Snapshot);
    repository.bump(Role::Timestamp);
    let files = repository.files();
    reader.refresh(&files).unwrap();
    assert_eq!(
        files.asked(),
        [
            "metadata/2.root.json",
            TIMESTAMP,
            "metadata/2.snapshot.json"
        ]
    );
}

#[test]
fn length_and_digest_of_metadata_may_be_left_out() {
    let mut repository = Repository::new();
    repository.announced = false;
    let mut reader = Reader::of(&repository);
    assert_eq!(reader.refresh(&repository.files()).unwrap(), FIRST);
    assert_eq!(reader.refresh(&repository.files()).unwrap(), FIRST);
}

#[test]
fn the_earliest_end_counts() {
    for role in Role::ALL {
        let mut repository = Repository::new();
        repository.expires.insert(role, NOW + 10);
        if role == Role::Root {
            repository.roots.clear();
            repository.add_root();
        }
        let mut reader = Reader::of(&repository);
        let trusted = reader.client.refresh(&repository.files(), NOW).unwrap();
        assert_eq!(trusted.expires_s, NOW + 10, "{role}");
        assert!(reader.client.trusted(NOW + 9).is_ok(), "{role}");
        match reader.client.trusted(NOW + 10) {
            Err(DirectoryError::Expired { role: expired, .. }) => assert_eq!(expired, role),
            other => panic!("{role}: {other:?}"),
        }
    }
}

/// Files made by `testdata/python-tuf/make.py`, valid until 2126.
#[test]
fn a_repository_made_by_python_tuf_is_read() {
    let repository = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/python-tuf"));
    let root = std::fs::read(repository.join("metadata/1.root.json")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut client = Client::open(folder.path(), &root).unwrap();
    let trusted = client
        .refresh(&FolderSource(repository.into()), NOW)
        .unwrap();
    assert_eq!(
        (trusted.version, name(&trusted).as_str()),
        (3, "Əhali reyestri")
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Whatever one byte of any file becomes, the client has the genuine directory or none.
    #[test]
    fn a_changed_byte_never_changes_the_directory(
        file in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), flip in 1_u8..
    ) {
        let repository = Repository::new();
        let mut files = repository.files();
        let path = files.files.keys().nth(file.index(files.files.len())).unwrap().clone();
        let bytes = files.files.get_mut(&path).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        let mut reader = Reader::of(&repository);
        if let Ok(trusted) = reader.client.refresh(&files, NOW) {
            prop_assert_eq!(&*trusted.directory, &sample());
        }
    }
}
