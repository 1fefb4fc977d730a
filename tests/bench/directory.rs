//! A directory of many members: made, then loaded by a process of its own, as a node does, and asked.
//!
//! `bridge-directory-bench make FOLDER MEMBERS`, then `bridge-directory-bench load FOLDER`. Times are printed; what is judged are the
//! figures that the design promises, on a machine without other work.
#![expect(clippy::print_stdout, reason = "a measurement says what it found")]

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_certs::{Authority, Order, Profile, Trust};
use bridge_core::contract::{self, Contract};
use bridge_core::decision::{Account, Facts, Groups, Usage, Window, decide};
use bridge_core::identity::{CertificateName, MemberId, ServiceId, SubsystemId};
use bridge_core::leaf::UnixMillis;
use bridge_core::target::{CleanPath, CleanQuery, TargetLimits};
use bridge_directory::{
    Client, Directory, ExchangeKey, FolderSource, Group, Indexed, Member, Node, Publisher,
    Subsystem,
};
use bridge_node::settings::Limits;
use bridge_node::watch::{View, Watch};
use serde_json::{Value, json};

type Failure = Box<dyn Error>;

/// What the design promises for 10,000 members.
const LOAD_S: f64 = 2.0;
const MEMORY_MIB: f64 = 200.0;
const ROUTE_NS: f64 = 2000.0;
const DECISION_NS: f64 = 3000.0;
/// Looks in a round, and rounds of which the best counts.
const LOOKS: u32 = 20_000;
const ROUNDS: usize = 9;
const DAY_S: u64 = 86_400;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["make", folder, members] => make(Path::new(folder), members.parse()?),
        ["load", folder] => load(Path::new(folder)),
        _ => Err("usage: make FOLDER MEMBERS, or load FOLDER".into()),
    }
}

fn make(folder: &Path, count: u32) -> Result<(), Failure> {
    let now_s = now_s()?;
    let authority = Authority::create(&folder.join("authority"), "Benchmark authority", now_s)?;
    let anchors = format!("{}{}", authority.root_pem(), authority.issuing_pem());
    fs::write(folder.join("anchors.pem"), &anchors)?;
    let trust = Trust::from_pem(anchors.as_bytes())?;
    let mut directory = Directory {
        instance: "AZ".to_owned(),
        members: Vec::new(),
        groups: Vec::new(),
        witnesses: Vec::new(),
    };
    for number in 0..count {
        directory
            .members
            .push(member(number, &authority, &trust, now_s)?);
    }
    let all = directory.members.iter();
    let all: Result<_, _> = all.map(|member| member.id.subsystem("SYSTEM")).collect();
    directory.groups.push(Group {
        code: "everyone".to_owned(),
        members: all?,
    });
    let publisher = Publisher::create(&folder.join("keys"), &folder.join("public"), now_s)?;
    publisher.publish(&directory, now_s)?;
    Ok(fs::write(folder.join("root.json"), publisher.root()?)?)
}

fn member(
    number: u32,
    authority: &Authority,
    trust: &Trust,
    now_s: u64,
) -> Result<Member, Failure> {
    let id = id_of(number)?;
    let node = id.node("NODE1")?;
    let issued = authority.issue(&Order {
        profile: Profile::Exchange,
        name: Some(CertificateName::Node(node.clone())),
        common_name: id.to_string(),
        sans: Vec::new(),
        not_before: now_s,
        not_after: now_s.saturating_add(DAY_S),
    })?;
    let checked = trust.check(&issued.certificate_der, &[], Profile::Exchange, now_s)?;
    let pin = |bytes: [u8; 32]| URL_SAFE_NO_PAD.encode(bytes);
    let node = Node {
        code: "NODE1".to_owned(),
        name: format!("node1.m{number}.gov.example"),
        address: format!("node1.m{number}.gov.example:5443"),
        tls_pins: vec![pin(checked.sha256), pin([7; 32])],
        exchange: vec![ExchangeKey {
            pin: pin(checked.spki_sha256),
            certificate: STANDARD.encode(&issued.certificate_der),
        }],
        journal: format!(
            "journal.example/{node}/1+01234567+{}",
            STANDARD.encode([1; 33])
        ),
        wire: vec![1],
        leaf: vec![1],
        forms: vec!["plain".to_owned(), "batch".to_owned()],
        witness: None,
        witnessing: None,
    };
    let subsystem = |code: &str| Subsystem {
        code: code.to_owned(),
        name: format!("{code} of agency {number}"),
    };
    Ok(Member {
        name: format!("Agency {number}"),
        subsystems: vec![subsystem("SYSTEM"), subsystem("ARCHIVE")],
        nodes: vec![node],
        id,
    })
}

fn load(folder: &Path) -> Result<(), Failure> {
    let now_s = now_s()?;
    let source = FolderSource(folder.join("public"));
    let trust = Arc::new(Trust::from_pem(&fs::read(folder.join("anchors.pem"))?)?);
    let root = fs::read(folder.join("root.json"))?;
    let before = resident_mib("VmRSS")?;
    let begun = Instant::now();
    let client = Client::open(&folder.join("client"), &root)?;
    let watch = Watch::new(client, &trust, &Limits::default(), now_s);
    watch.refresh(&source, now_s)?;
    let load_s = begun.elapsed().as_secs_f64();
    let view = watch.newest().ok_or("no directory")?;
    let members = view.directory().members.len();
    let kept = resident_mib("VmRSS")? - before;
    let peak = resident_mib("VmHWM")? - before;
    println!("load of {members} members  {load_s:.3} s; {kept:.0} MiB kept, {peak:.0} MiB at most");
    let begun = Instant::now();
    watch.refresh(&source, now_s)?;
    println!(
        "again, unchanged          {:.3} s",
        begun.elapsed().as_secs_f64()
    );

    let ids: Vec<SubsystemId> = {
        let numbers = (0..1000_u32).map(|step| step.wrapping_mul(7919));
        let of = |number: u32| number % u32::try_from(members).unwrap_or(1);
        let ids = numbers.map(|number| Ok(id_of(of(number))?.subsystem("SYSTEM")?));
        ids.collect::<Result<_, Failure>>()?
    };
    let route_ns = best(&ids, |id| route(&view, id));
    println!("look-up of a route        {route_ns:.0} ns");
    let keys: Vec<String> = ids
        .iter()
        .flat_map(|id| view.directory().nodes_of(id.member()))
        .filter_map(|node| node.exchange.first()?.key_id())
        .collect();
    let key_ns = best(&keys, |id| view.exchange_key(id).is_some());
    println!("look-up of a key          {key_ns:.0} ns");
    let decision_ns = decision(&view, &ids)?;
    println!("decision under a contract {decision_ns:.0} ns");
    for (what, found, most) in [
        ("load, s", load_s, LOAD_S),
        ("memory, MiB", peak, MEMORY_MIB),
        ("route, ns", route_ns, ROUTE_NS),
        ("decision, ns", decision_ns, DECISION_NS),
    ] {
        if found > most {
            return Err(format!("{what}: {found:.1}, more than {most}").into());
        }
    }
    Ok(())
}

/// What an exchange asks of the directory before anything is signed.
fn route(view: &View, provider: &SubsystemId) -> bool {
    let is_listed = view.directory().member(provider.member()).is_some()
        && view.directory().subsystem(provider).is_some();
    is_listed && view.addresses(provider.member()).len() == 1
}

/// The contract is with the group of all, so that the directory is asked too; its service has a hundred more.
fn decision(view: &View, ids: &[SubsystemId]) -> Result<f64, Failure> {
    let provider = id_of(0)?.subsystem("SYSTEM")?;
    let service = provider.service("record")?;
    let contracts: Result<Vec<_>, Failure> = (0..100)
        .map(|number| {
            let party = if number == 0 {
                json!({"global_group": "everyone"})
            } else {
                json!({"subsystem": id_of(number)?.subsystem("ARCHIVE")?})
            };
            Ok(Arc::new(contract(number, &party, &service)?))
        })
        .collect();
    let contracts = contracts?;
    let groups = DirectoryGroups(view.directory());
    let limits = TargetLimits::default();
    let (path, query) = (
        CleanPath::parse("/1234567", &limits)?,
        CleanQuery::parse(None, &limits)?,
    );
    let now = UnixMillis(now_s()?.saturating_mul(1000));
    Ok(best(ids, |client| {
        let facts = Facts {
            client,
            service: &service,
            is_published: false,
            method: "GET",
            path: &path,
            query: &query,
            purpose: Some("measuring"),
            legal_basis: Some("article-1"),
            groups: &groups,
        };
        decide(&contracts, &facts, &Unused, now).is_ok()
    }))
}

struct DirectoryGroups<'a>(&'a Indexed);

impl Groups for DirectoryGroups<'_> {
    fn global(&self, group: &str, subsystem: &SubsystemId) -> bool {
        self.0.in_group(group, subsystem)
    }

    fn local(&self, _: &str, _: &SubsystemId) -> bool {
        false
    }
}

struct Unused;

impl Usage for Unused {
    fn used(&self, _: &Account<'_>, _: Window, _: UnixMillis) -> u64 {
        0
    }
}

fn contract(number: u32, consumer: &Value, service: &ServiceId) -> Result<Contract, Failure> {
    let document = json!({
        "contract": {
            "version": 1,
            "id": format!("contract-{number}"),
            "title": "Records by their number",
            "consumer": consumer,
            "provider": service.subsystem(),
            "service": service.code(),
            "endpoints": [{
                "method": "GET",
                "path": "/*",
                "subjects": [{ "in": "path", "segment": 0, "type": "number" }]
            }],
            "purposes": [{ "code": "measuring", "title": "Measuring" }],
            "legal_basis": [{ "code": "article-1", "title": "Article 1" }],
            "fields": "all",
            "quota": { "per_hour": 1000, "per_day": 1000 },
            "hours": "any",
            "evidence": "full",
            "start": "2020-01-01T00:00:00+04:00",
            "end": "2099-01-01T00:00:00+04:00",
            "contact": "bench@register.example"
        },
        "signatures": []
    });
    let faults = |faults: Vec<_>| format!("{faults:?}");
    Ok(contract::load(document.to_string().as_bytes()).map_err(faults)?)
}

fn id_of(number: u32) -> Result<MemberId, Failure> {
    Ok(MemberId::new("AZ", "GOV", number.to_string())?)
}

/// Nanoseconds of one look in the best round; each look must succeed.
fn best<T>(asked: &[T], look: impl Fn(&T) -> bool) -> f64 {
    let round = || {
        let begun = Instant::now();
        let looks = asked.iter().cycle().zip(0..LOOKS);
        let is_whole = looks.fold(true, |whole, (one, _)| black_box(look(one)) && whole);
        let spent = begun.elapsed().as_secs_f64() * 1e9 / f64::from(LOOKS);
        // What fails may be quick, and is no figure.
        if is_whole { spent } else { f64::INFINITY }
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn resident_mib(field: &str) -> Result<f64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|rest| rest.trim_start_matches(':').split_whitespace().next());
    Ok(kib.ok_or("no such field")?.parse::<f64>()? / 1024.0)
}

fn now_s() -> Result<u64, Failure> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}
