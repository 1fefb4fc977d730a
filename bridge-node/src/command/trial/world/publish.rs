//! The directory of a trial: its members, signed.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_certs::{Profile, Trust, read_key_file};
use bridge_core::identity::{MemberId, SubsystemId};
use bridge_core::leaf::LEAF_VERSION;
use bridge_directory::{
    Directory, ExchangeKey, Group, Member, Node, Publisher, Subsystem, Witnessing,
};
use bridge_journal::WitnessKey;

use super::{Agency, write};
use crate::command::Failure;

pub(super) fn publish(
    folder: &Path,
    agencies: &[Agency],
    groups: &[(String, Vec<SubsystemId>)],
    now_s: u64,
) -> Result<(), Failure> {
    let anchors = fs::read(folder.join("trust/anchors.pem"))
        .map_err(|error| Failure::failed("anchors.pem", &error))?;
    let trust =
        Trust::from_pem(&anchors).map_err(|error| Failure::failed("anchors.pem", &error))?;
    let mut directory = Directory {
        instance: "AZ".to_owned(),
        members: Vec::new(),
        groups: Vec::new(),
        witnesses: Vec::new(),
    };
    for agency in agencies {
        let mut member = member(agency, &trust, now_s)?;
        for node in &mut member.nodes {
            node.witnessing = by_the_others(agency, agencies);
        }
        directory.members.push(member);
    }
    directory
        .groups
        .extend(groups.iter().map(|(code, members)| Group {
            code: code.clone(),
            members: members.clone(),
        }));
    let text =
        serde_json::to_vec_pretty(&directory).map_err(|e| Failure::failed("directory", &e))?;
    write(&folder.join("directory/directory.json"), &text)?;
    let failed = |error: bridge_directory::PublishError| Failure::failed("directory", &error);
    let public = folder.join("directory/public");
    let publisher =
        Publisher::create(&folder.join("directory/keys"), &public, now_s).map_err(failed)?;
    publisher.publish(&directory, now_s).map_err(failed)?;
    write(
        &folder.join("trust/root.json"),
        &publisher.root().map_err(failed)?,
    )
}

fn member(agency: &Agency, trust: &Trust, now_s: u64) -> Result<Member, Failure> {
    let keys_folder = agency.folder.join("keys");
    let id: MemberId = agency
        .member
        .parse()
        .map_err(|e| Failure::Failed(format!("member: {e}")))?;
    let tls = leaf(&keys_folder.join("tls.pem"))?;
    let exchange = leaf(&keys_folder.join("exchange.pem"))?;
    let origin = format!("journal.example/{}/NODE1/1", agency.member);
    let node = Node {
        code: "NODE1".to_owned(),
        name: format!("node1.{}.{}.az", id.code(), id.class()).to_lowercase(),
        address: agency.ports.peer.to_string(),
        tls_pins: vec![pin(trust, &tls, Profile::Tls, now_s)?],
        exchange: vec![ExchangeKey {
            pin: pin(trust, &exchange, Profile::Exchange, now_s)?,
            certificate: STANDARD.encode(&exchange),
        }],
        journal: journal_vkey(&origin, &keys_folder)?,
        wire: vec![crate::WIRE_VERSION],
        leaf: vec![LEAF_VERSION],
        forms: crate::FORMS.map(str::to_owned).into(),
        witness: Some(witness_vkey(&agency.witness_name(), &keys_folder)?),
        witnessing: None,
    };
    let subsystems = agency.subsystems.iter().map(|(code, name)| Subsystem {
        code: code.clone(),
        name: name.clone(),
    });
    Ok(Member {
        id,
        name: agency.name.clone(),
        subsystems: subsystems.collect(),
        nodes: vec![node],
        suspended: false,
    })
}

/// Each journal is witnessed by all other agencies, of which all but one may lie.
fn by_the_others(agency: &Agency, agencies: &[Agency]) -> Option<Witnessing> {
    let others = agencies
        .iter()
        .filter(|other| other.member != agency.member);
    let by: Vec<String> = others.map(Agency::witness_name).collect();
    let needed = u32::try_from(by.len()).ok().filter(|count| *count > 0)?;
    Some(Witnessing {
        by,
        needed,
        faulty: needed.saturating_sub(1),
    })
}

fn leaf(path: &Path) -> Result<Vec<u8>, Failure> {
    bridge_certs::read_pem_certificates(path)
        .map_err(|error| Failure::failed("certificate", &error))?
        .into_iter()
        .next()
        .ok_or_else(|| Failure::Failed(format!("{}: no certificate", path.display())))
}

fn pin(trust: &Trust, der: &[u8], profile: Profile, now_s: u64) -> Result<String, Failure> {
    trust
        .check(der, &[], profile, now_s)
        .map(|checked| URL_SAFE_NO_PAD.encode(checked.spki_sha256))
        .map_err(|error| Failure::failed("certificate", &error))
}

fn witness_vkey(name: &str, keys_folder: &Path) -> Result<String, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::failed("witness key", error);
    let pkcs8 = read_key_file(&keys_folder.join("witness.key")).map_err(|e| failed(&e))?;
    let key = WitnessKey::new(name, &pkcs8).map_err(|e| failed(&e))?;
    Ok(key.public().vkey())
}

fn journal_vkey(origin: &str, keys_folder: &Path) -> Result<String, Failure> {
    let pkcs8 = read_key_file(&keys_folder.join("journal.key"))
        .map_err(|error| Failure::failed("journal key", &error))?;
    bridge_journal::vkey(origin, &pkcs8).map_err(|error| Failure::failed("journal key", &error))
}
