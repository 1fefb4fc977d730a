//! Whose word on a member's nodes counts, and what a client fetches to know it.

use std::time::Duration;

use super::*;
use crate::directory::Member;
use crate::own_nodes::{OwnNodes, OwnStanding, OwnState, entry_digest};

/// The sample's first member has a role and has moved its node by it.
pub(super) fn with_own() -> Repository {
    let mut repository = Repository::new();
    let member = sample().members[0].id.clone();
    repository.own.push(OwnRole::new(member, 71));
    moved(&mut repository, 5501);
    repository
}

/// The member says that its node listens at another port of `[::1]`.
pub(super) fn moved(repository: &mut Repository, port: u16) {
    let entry = &Directory::parse(&repository.directory).unwrap().members[0];
    let mut nodes = entry.nodes.clone();
    nodes[0].address = format!("[::1]:{port}");
    let said = OwnNodes {
        member: entry.id.clone(),
        based_on: entry_digest(entry),
        nodes,
    };
    repository.own[0].nodes = json!(said);
    repository.own[0].version += 1;
    repository.bump(Role::Snapshot);
    repository.bump(Role::Timestamp);
}

pub(super) fn standing(trusted: &Trusted) -> &OwnStanding {
    &trusted.own[0].standing
}

/// Where the first member's node listens, if it has one.
pub(super) fn address(trusted: &Trusted) -> Option<String> {
    let id = &trusted.directory.members[0].id;
    let node = trusted.directory.nodes_of(id).first();
    node.map(|node| node.address.clone())
}

fn read(reader: &mut Reader, repository: &Repository, now_s: u64) -> Arc<Trusted> {
    reader.client.refresh(&repository.files(), now_s).unwrap()
}

const OFFICERS: &str = "[::1]:5443";

#[test]
fn a_role_that_was_not_used_changes_nothing() {
    let mut repository = with_own();
    repository.own[0].version = 0;
    let mut reader = Reader::of(&repository);
    let trusted = read(&mut reader, &repository, NOW);
    assert_eq!(*standing(&trusted), OwnStanding::Unused);
    assert_eq!(*trusted.directory, sample());
}

#[test]
fn a_members_own_nodes_count_and_nothing_else_changes() {
    let repository = with_own();
    let mut reader = Reader::of(&repository);
    let trusted = read(&mut reader, &repository, NOW);
    let expires_s = NOW + 300 * DAY;
    assert_eq!(*standing(&trusted), OwnStanding::InForce { expires_s });
    let mut expected = sample();
    expected.members[0].nodes[0].address = "[::1]:5501".into();
    assert_eq!(*trusted.directory, expected);
    reader.restart(&repository);
    assert_eq!(reader.client.trusted(NOW).unwrap(), trusted);
}

#[test]
fn an_entry_that_officers_change_counts_until_the_member_signs_anew() {
    let mut repository = with_own();
    let mut reader = Reader::of(&repository);
    read(&mut reader, &repository, NOW);
    let mut directory = sample();
    directory.members[0].nodes[0].address = "[::1]:5999".into();
    repository.directory = serde_json::to_vec(&directory).unwrap();
    for role in [Role::Targets, Role::Snapshot, Role::Timestamp] {
        repository.bump(role);
    }
    let trusted = read(&mut reader, &repository, NOW);
    let set_aside = matches!(standing(&trusted), OwnStanding::SetAside { .. });
    assert!(set_aside, "{:?}", standing(&trusted));
    assert_eq!(address(&trusted).as_deref(), Some("[::1]:5999"));
    moved(&mut repository, 5502);
    let trusted = read(&mut reader, &repository, NOW);
    assert_eq!(address(&trusted).as_deref(), Some("[::1]:5502"));
}

#[test]
fn a_suspended_member_has_no_nodes_whatever_it_says() {
    let mut repository = with_own();
    let mut directory = sample();
    directory.members[0].suspended = true;
    repository.directory = serde_json::to_vec(&directory).unwrap();
    let mut reader = Reader::of(&repository);
    let trusted = read(&mut reader, &repository, NOW);
    assert_eq!(address(&trusted), None);
    assert!(trusted.directory.members[0].suspended);
}

#[test]
fn a_role_that_is_taken_away_or_gets_other_keys_gives_the_entry_back_to_officers() {
    for taken_away in [true, false] {
        let mut repository = with_own();
        let mut reader = Reader::of(&repository);
        read(&mut reader, &repository, NOW);
        for role in [Role::Targets, Role::Snapshot, Role::Timestamp] {
            repository.bump(role);
        }
        if taken_away {
            // Its file stays listed: a snapshot never lists less.
            repository.meta.insert("AZ,GOV,1001.json".into(), 1);
            repository.own.clear();
        } else {
            repository.own[0].listed = vec![Officer::new(73)];
            repository.own[0].above = 1;
        }
        let trusted = read(&mut reader, &repository, NOW);
        assert_eq!(address(&trusted).as_deref(), Some(OFFICERS));
        if taken_away {
            continue;
        }
        assert_eq!(*standing(&trusted), OwnStanding::Unused);
        repository.own[0].signers = vec![Officer::new(73)];
        moved(&mut repository, 5502);
        let trusted = read(&mut reader, &repository, NOW);
        assert_eq!(address(&trusted).as_deref(), Some("[::1]:5502"));
    }
}

/// A mirror holds a member's newer file back. What it took away may not live longer than any other news is held back.
#[test]
fn the_file_of_before_counts_no_longer_than_a_timestamp_that_vouched_for_it() {
    let before = with_own();
    let mut reader = Reader::of(&before);
    read(&mut reader, &before, NOW);
    let mut next = before.clone();
    moved(&mut next, 5502);
    next.expires.insert(Role::Timestamp, NOW + 3 * DAY);
    next.expires.insert(Role::Snapshot, NOW + 3 * DAY);
    next.expires.insert(Role::Targets, NOW + 3 * DAY);
    let mut held_back = next.files();
    held_back.remove(&next.own[0].metadata_path());
    let counts = |reader: &mut Reader, now_s: u64| {
        let trusted = reader.client.refresh(&held_back, now_s).unwrap();
        let anew = reader.client.trusted(now_s).unwrap();
        assert_eq!(anew.directory, trusted.directory);
        assert_eq!(standing(&anew).until_s(), standing(&trusted).until_s());
        (address(&trusted), standing(&trusted).until_s())
    };
    let former = (Some("[::1]:5501".to_owned()), Some(NOW + DAY));
    assert_eq!(counts(&mut reader, NOW), former);
    assert_eq!(counts(&mut reader, NOW + DAY - 1), former);
    reader.restart(&before);
    assert_eq!(counts(&mut reader, NOW + DAY - 1), former);
    assert_eq!(counts(&mut reader, NOW + DAY), (None, None));
    let trusted = reader.client.refresh(&next.files(), NOW + DAY).unwrap();
    assert_eq!(address(&trusted).as_deref(), Some("[::1]:5502"));
}

#[test]
fn only_a_file_that_changed_is_fetched() {
    let mut repository = with_own();
    let mut reader = Reader::of(&repository);
    read(&mut reader, &repository, NOW);
    for restart in [false, true] {
        if restart {
            reader.restart(&repository);
        }
        let files = repository.files();
        reader.refresh(&files).unwrap();
        assert_eq!(files.asked(), ["metadata/2.root.json", TIMESTAMP]);
    }
    moved(&mut repository, 5502);
    let files = repository.files();
    reader.refresh(&files).unwrap();
    let own = &repository.own[0];
    assert_eq!(
        files.asked(),
        [
            "metadata/2.root.json",
            TIMESTAMP,
            "metadata/3.snapshot.json",
            &own.metadata_path(),
            &own.nodes_path()
        ]
    );
}

/// Members without nodes, each with a role and a file of its own.
fn crowd(count: usize) -> Repository {
    let mut repository = Repository::new();
    let mut directory = sample();
    directory.groups.clear();
    directory.members.clear();
    for number in 0..count {
        let mut member = sample().members[1].clone();
        member.id = MemberId::new("AZ", "GOV", format!("{number:05}")).unwrap();
        let mut own = OwnRole::new(member.id.clone(), 71);
        own.version = 1;
        own.nodes = json!(OwnNodes {
            member: member.id.clone(),
            based_on: entry_digest(&member),
            nodes: Vec::new(),
        });
        repository.own.push(own);
        directory.members.push(member);
    }
    repository.directory = serde_json::to_vec(&directory).unwrap();
    repository
}

fn in_force(trusted: &Trusted) -> usize {
    let is = |standing: &OwnStanding| matches!(standing, OwnStanding::InForce { .. });
    trusted.own.iter().filter(|one| is(&one.standing)).count()
}

#[test]
fn one_refresh_fetches_so_many_files_and_the_next_goes_on() {
    let repository = crowd(MEMBER_FILES_LIMIT + 2);
    let files = repository.files();
    let mut reader = Reader::of(&repository);
    let first = reader.client.refresh(&files, NOW).unwrap();
    assert_eq!(in_force(&first), MEMBER_FILES_LIMIT);
    let rest = first.own.last().unwrap().standing.fault();
    assert_eq!(
        rest,
        Some("it was not fetched yet: the next reading of the directory goes on")
    );
    let second = reader.client.refresh(&files, NOW).unwrap();
    assert_eq!(in_force(&second), MEMBER_FILES_LIMIT + 2);
}

/// A source that gives the directory and fails for members' files.
struct Failing(Files);

impl Fetch for Failing {
    fn fetch(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, FetchError> {
        let found = self.0.fetch(path, limit);
        if !path.contains(",GOV,") {
            return found;
        }
        let (path, source) = (path.to_owned(), "too slow".into());
        Err(FetchError::Unavailable { path, source })
    }
}

#[test]
fn a_source_that_fails_is_not_asked_for_every_member_and_each_has_its_turn() {
    let repository = crowd(8);
    let source = Failing(repository.files());
    let mut reader = Reader::of(&repository);
    let mut asked = Vec::new();
    for _ in 0..3 {
        let trusted = reader.client.refresh(&source, NOW).unwrap();
        assert_eq!(in_force(&trusted), 0);
        let members = source.0.asked().into_iter();
        let members: Vec<_> = members.filter(|path| path.contains(",GOV,")).collect();
        assert_eq!(members.len(), 3, "{members:?}");
        asked.extend(members);
    }
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), 8, "{asked:?}");
}

/// The time of one refresh is over before any file came: nothing is asked for, and the next refresh, with time, goes on.
#[test]
fn a_refresh_whose_time_for_members_is_over_asks_for_no_more_and_the_next_goes_on() {
    let repository = crowd(3);
    let files = repository.files();
    let mut reader = Reader::of(&repository);
    let set = |reader: &Reader, time| reader.client.members.lock().unwrap().time = time;
    set(&reader, Duration::ZERO);
    let trusted = reader.client.refresh(&files, NOW).unwrap();
    assert_eq!(in_force(&trusted), 0);
    let why = "it was not fetched yet: the next reading of the directory goes on";
    let not_yet = |one: &OwnState| one.standing.fault() == Some(why);
    assert!(trusted.own.iter().all(not_yet), "{:?}", trusted.own);
    let asked = files.asked();
    let of_members = asked.iter().filter(|path| path.contains(",GOV,"));
    assert_eq!(of_members.count(), 0, "{asked:?}");
    set(&reader, MEMBERS_TIME);
    let trusted = reader.client.refresh(&files, NOW).unwrap();
    assert_eq!(in_force(&trusted), 3);
}

/// A source that takes its time for each member's file, as a mirror far away does.
struct Slow(Files);

impl Fetch for Slow {
    fn fetch(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, FetchError> {
        if path.contains(",GOV,") {
            std::thread::sleep(SLOW);
        }
        self.0.fetch(path, limit)
    }
}

const SLOW: Duration = Duration::from_millis(20);

/// One member fills the time of one refresh, however fast the machine is. A slower one may need more refreshes.
#[test]
fn a_slow_source_holds_a_refresh_up_no_longer_than_its_time() {
    let repository = crowd(4);
    let source = Slow(repository.files());
    let mut reader = Reader::of(&repository);
    reader.client.members.lock().unwrap().time = SLOW;
    let mut rounds = 0;
    loop {
        let trusted = reader.client.refresh(&source, NOW).unwrap();
        let asked = source.0.asked().into_iter();
        let asked: Vec<_> = asked.filter(|path| path.contains(",GOV,")).collect();
        assert!(asked.len() <= 1, "the metadata of one member: {asked:?}");
        rounds += 1;
        if in_force(&trusted) == 4 {
            break;
        }
    }
    assert!(rounds >= 4, "{rounds}");
}

#[test]
fn files_that_are_larger_than_announced_are_no_failure_of_the_source() {
    let repository = crowd(8);
    let mut reader = Reader::of(&repository);
    let source = Large(repository.files());
    let trusted = reader.client.refresh(&source, NOW).unwrap();
    let members = source.0.asked().into_iter();
    let members = members.filter(|path| path.contains(",GOV,")).count();
    assert_eq!(members, 8, "each was asked for");
    let fault = trusted.own[7].standing.fault().unwrap();
    assert!(fault.contains("00007.json has more than "), "{fault}");
}

/// A source that stops reading where it was told, as the node's own do.
struct Large(Files);

impl Fetch for Large {
    fn fetch(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, FetchError> {
        let found = self.0.fetch(path, limit);
        if !path.contains(",GOV,") {
            return found;
        }
        let path = path.to_owned();
        Err(FetchError::TooLarge { path, limit })
    }
}

/// The second member has by now what the first one gave up. A mirror that holds the first one's newer file back costs the second nothing.
#[test]
fn a_file_of_before_takes_nothing_from_a_member_whose_newest_file_is_there() {
    let mut repository = with_own();
    let other = sample().members[1].clone();
    let claim = |repository: &mut Repository, at: usize, entry: &Member, name: Option<&str>| {
        let mut node = sample().members[0].nodes[0].clone();
        if at == 1 {
            node.exchange[0].certificate = "AAAA".into();
            node.journal = "bus.example/other+0123abcd+AQID".into();
        }
        let mut nodes = Vec::new();
        if let Some(name) = name {
            node.name = name.into();
            nodes.push(node);
        }
        let own = &mut repository.own[at];
        own.version += 1;
        own.nodes = json!(OwnNodes {
            member: entry.id.clone(),
            based_on: entry_digest(entry),
            nodes,
        });
        repository.bump(Role::Snapshot);
        repository.bump(Role::Timestamp);
    };
    let first = sample().members[0].clone();
    claim(&mut repository, 0, &first, Some("moved.example"));
    repository.own.push(OwnRole::new(other.id.clone(), 72));
    let mut reader = Reader::of(&repository);
    read(&mut reader, &repository, NOW);
    claim(&mut repository, 0, &first, None);
    claim(&mut repository, 1, &other, Some("moved.example"));
    let mut held_back = repository.files();
    held_back.remove(&repository.own[0].metadata_path());
    let trusted = reader.client.refresh(&held_back, NOW).unwrap();
    assert_eq!(
        trusted.directory.nodes_of(&other.id)[0].name,
        "moved.example"
    );
    assert_eq!(trusted.directory.nodes_of(&first.id), []);
    let fault = trusted.own[0].standing.fault().unwrap();
    assert!(
        fault.contains("the node name moved.example is listed already"),
        "{fault}"
    );
    assert!(matches!(
        trusted.own[1].standing,
        OwnStanding::InForce { .. }
    ));
    reader.restart(&repository);
    assert_eq!(
        reader.client.trusted(NOW).unwrap().directory,
        trusted.directory
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever a member says of its nodes: the directory that results is one, and the other member's entry is as it was.
    #[test]
    fn no_file_of_a_member_spoils_the_directory(
        code in "[A-Z]{0,3}", name in "(node1.justice|node.other|x)(.example)?", with in any::<bool>(),
        witness in prop::option::of("[a-z]{1,3}"), journal in any::<bool>(), keep in any::<bool>(),
    ) {
        let mut directory = sample();
        let mut theirs = directory.members[0].nodes[0].clone();
        theirs.name = "node.other.example".into();
        theirs.exchange[0].certificate = "AAAA".into();
        theirs.journal = "bus.example/other+0123abcd+AQID".into();
        directory.members[1].nodes.push(theirs.clone());
        let mut repository = with_own();
        repository.directory = serde_json::to_vec(&directory).unwrap();
        let entry = &directory.members[0];
        let mut nodes = if keep { entry.nodes.clone() } else { Vec::new() };
        let mut new = entry.nodes[0].clone();
        new.code = code;
        new.name = name;
        new.witness = witness.map(|name| format!("{name}+01234567+BAQID"));
        if journal { new.journal = theirs.journal.clone(); }
        if with { new.exchange = theirs.exchange.clone(); }
        nodes.push(new);
        repository.own[0].nodes = json!(OwnNodes {
            member: entry.id.clone(), based_on: entry_digest(entry), nodes,
        });
        let mut reader = Reader::of(&repository);
        let trusted = read(&mut reader, &repository, NOW);
        trusted.directory.check().unwrap();
        prop_assert_eq!(&trusted.directory.members[1], &directory.members[1]);
    }
}
