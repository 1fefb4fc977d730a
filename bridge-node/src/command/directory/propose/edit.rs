//! How a change alters the directory.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bridge_certs::{Profile, Trust, read_pem_certificates};
use bridge_core::identity::{CertificateName, MemberId, NodeId};
use bridge_directory::{Directory, ExchangeKey, Member, Node, Subsystem};

use super::{
    FILE_LIMIT, Failure, MemberChange, NodeChange, OwnChange, SubsystemChange, hint, json, read,
};

pub(super) fn member(directory: &mut Directory, change: MemberChange) -> Result<(), Failure> {
    match change {
        MemberChange::Add { id, name } => {
            if directory.members.iter().any(|member| member.id == id) {
                return Err(Failure::Failed(format!("{id} is a member already")));
            }
            directory.members.push(Member {
                id,
                name,
                subsystems: Vec::new(),
                nodes: Vec::new(),
                suspended: false,
            });
        }
        MemberChange::Rename { id, name } => of_member(directory, &id)?.name = name,
        MemberChange::Suspend { id } => of_member(directory, &id)?.suspended = true,
        MemberChange::Resume { id } => of_member(directory, &id)?.suspended = false,
        MemberChange::Remove { id } => {
            of_member(directory, &id)?;
            directory.members.retain(|member| member.id != id);
            for group in &mut directory.groups {
                group.members.retain(|subsystem| *subsystem.member() != id);
            }
        }
        // Of the directory itself nothing changes.
        MemberChange::Role { id, .. } | MemberChange::NoRole { id, .. } => {
            of_member(directory, &id)?;
        }
    }
    Ok(())
}

pub(super) fn subsystem(directory: &mut Directory, change: SubsystemChange) -> Result<(), Failure> {
    match change {
        SubsystemChange::Add { id, name } => {
            let code = id.code().to_owned();
            let member = of_member(directory, id.member())?;
            member.subsystems.push(Subsystem { code, name });
        }
        SubsystemChange::Rename { id, name } => {
            let mut subsystems = of_member(directory, id.member())?.subsystems.iter_mut();
            let subsystem = subsystems.find(|subsystem| subsystem.code == id.code());
            subsystem.ok_or_else(|| not_listed(&id))?.name = name;
        }
        SubsystemChange::Remove { id } => {
            let member = of_member(directory, id.member())?;
            let before = member.subsystems.len();
            member
                .subsystems
                .retain(|subsystem| subsystem.code != id.code());
            if member.subsystems.len() == before {
                return Err(not_listed(&id));
            }
            for group in &mut directory.groups {
                group.members.retain(|subsystem| *subsystem != id);
            }
        }
    }
    Ok(())
}

pub(super) fn node(
    directory: &mut Directory,
    change: NodeChange,
    now_s: u64,
) -> Result<(), Failure> {
    match change {
        NodeChange::Own(change) => own(directory, change, now_s)?,
        NodeChange::Owner { id, member, record } => {
            let old = take_node(directory, &id)?;
            let new: Node = json(&record, FILE_LIMIT)?;
            if (&old.name, &old.address) != (&new.name, &new.address) {
                let what = format!(
                    "the record is of {}, {}, and not of {}, {}",
                    new.name, new.address, old.name, old.address
                );
                return Err(Failure::Failed(hint(
                    &what,
                    "another owner has the same place; for another place remove the node and add one",
                )));
            }
            of_member(directory, &member)?.nodes.push(new);
        }
    }
    Ok(())
}

/// What a member may change itself, too.
pub(in crate::command) fn own(
    directory: &mut Directory,
    change: OwnChange,
    now_s: u64,
) -> Result<(), Failure> {
    match change {
        OwnChange::Add { member, record } => {
            let record = json(&record, FILE_LIMIT)?;
            of_member(directory, &member)?.nodes.push(record);
        }
        OwnChange::Remove { id } => drop(take_node(directory, &id)?),
        OwnChange::Address { id, address } => of_node(directory, &id)?.address = address,
        OwnChange::Keys {
            id,
            tls,
            exchange,
            anchors,
            journal,
            witness,
        } => {
            let node = of_node(directory, &id)?;
            if let Some(anchors) = anchors {
                let certificates = Certificates::of(&id, &anchors, now_s)?;
                let pins = tls.iter().map(|file| certificates.pin(file, Profile::Tls));
                let pins: Vec<_> = pins.collect::<Result<_, _>>()?;
                let keys = exchange.iter().map(|file| certificates.exchange(file));
                let keys: Vec<_> = keys.collect::<Result<_, _>>()?;
                if !pins.is_empty() {
                    node.tls_pins = pins;
                }
                if !keys.is_empty() {
                    node.exchange = keys;
                }
            }
            if let Some(journal) = journal {
                node.journal = journal;
            }
            node.witness = witness.or(node.witness.take());
        }
    }
    Ok(())
}

fn of_member<'a>(directory: &'a mut Directory, id: &MemberId) -> Result<&'a mut Member, Failure> {
    let mut members = directory.members.iter_mut();
    members
        .find(|member| member.id == *id)
        .ok_or_else(|| not_listed(id))
}

fn of_node<'a>(directory: &'a mut Directory, id: &NodeId) -> Result<&'a mut Node, Failure> {
    let mut nodes = of_member(directory, id.member())?.nodes.iter_mut();
    nodes
        .find(|node| node.code == id.code())
        .ok_or_else(|| not_listed(id))
}

fn take_node(directory: &mut Directory, id: &NodeId) -> Result<Node, Failure> {
    let nodes = &mut of_member(directory, id.member())?.nodes;
    let at = nodes.iter().position(|node| node.code == id.code());
    Ok(nodes.remove(at.ok_or_else(|| not_listed(id))?))
}

fn not_listed(id: &dyn std::fmt::Display) -> Failure {
    Failure::Failed(format!("{id} is not in the directory"))
}

/// Certificates of one node, judged as its peers will.
struct Certificates<'a> {
    node: &'a NodeId,
    trust: Trust,
    now_s: u64,
}

impl<'a> Certificates<'a> {
    fn of(node: &'a NodeId, anchors: &Path, now_s: u64) -> Result<Self, Failure> {
        let trust = Trust::from_pem(&read(
            anchors,
            FILE_LIMIT,
            "--anchors is the PEM file of the authority's certificates",
        )?)
        .map_err(|error| Failure::failed(&anchors.display().to_string(), &error))?;
        Ok(Self { node, trust, now_s })
    }

    fn exchange(&self, path: &Path) -> Result<ExchangeKey, Failure> {
        let pin = self.pin(path, Profile::Exchange)?;
        let certificate = STANDARD.encode(Self::leaf(path)?);
        Ok(ExchangeKey { certificate, pin })
    }

    fn pin(&self, path: &Path, profile: Profile) -> Result<String, Failure> {
        let der = Self::leaf(path)?;
        let checked = self
            .trust
            .check(&der, &[], profile, self.now_s)
            .map_err(|error| Failure::failed(&path.display().to_string(), &error))?;
        if checked.name.as_ref() != Some(&CertificateName::Node(self.node.clone())) {
            return Err(Failure::Failed(format!(
                "{}: not a certificate of {}",
                path.display(),
                self.node
            )));
        }
        Ok(URL_SAFE_NO_PAD.encode(checked.spki_sha256))
    }

    fn leaf(path: &Path) -> Result<Vec<u8>, Failure> {
        let read =
            read_pem_certificates(path).map_err(|error| Failure::failed("certificate", &error))?;
        let none = || Failure::Failed(format!("{}: no certificate", path.display()));
        read.into_iter().next().ok_or_else(none)
    }
}
