//! Who witnesses whose journal, and how many of them make a checkpoint cosigned.

use std::collections::BTreeMap;

use bridge_core::identity::NodeId;
use serde::{Deserialize, Serialize};

use super::{Directory, DirectoryFault, Member, Node};

/// A witness that is not a node of this directory: any that speaks tlog-witness.
///
/// Standard: C2SP tlog-witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutsideWitness {
    /// Its verifier key, as tlog-cosignature writes it.
    pub vkey: String,
    /// Its submission prefix, `http://` or `https://`.
    pub url: String,
}

/// Who cosigns the checkpoints of a node's journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Witnessing {
    /// Names of witness keys: of nodes of other members, or of outside witnesses; none twice. Their number is n.
    pub by: Vec<String>,
    /// How many of them have to cosign, k: two groups of so many have an honest witness in common.
    pub needed: u32,
    /// How many of them may lie, f: 2k > n + f.
    pub faulty: u32,
}

/// A witness as it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WitnessPlace<'a> {
    /// A node, over the node interface.
    Node(NodeId, &'a Node),
    /// One at an address of its own.
    Outside(&'a OutsideWitness),
}

/// The most witnesses of one journal, and the most outside witnesses of a directory.
pub const WITNESSES_LIMIT: usize = 32;

impl Directory {
    /// Checks the witnesses of all nodes.
    pub(super) fn check_witnesses(&self) -> Result<(), DirectoryFault> {
        let mut owners = BTreeMap::new();
        let outside = self.witnesses.iter().map(|one| (&one.vkey, None));
        let of_nodes = self
            .nodes()
            .filter_map(|(member, node)| Some((node.witness.as_ref()?, Some(&member.id))));
        for (vkey, owner) in outside.chain(of_nodes) {
            let Some(name) = key_name(vkey) else {
                return Err(DirectoryFault::Value {
                    place: "witness".to_owned(),
                    what: format!("{vkey:?} is not a verifier key"),
                });
            };
            if owners.insert(name, owner).is_some() {
                let name = name.to_owned();
                let what = "witness key";
                return Err(DirectoryFault::Twice { what, name });
            }
        }
        let fault = |place: String, what| DirectoryFault::Value { place, what };
        if self.witnesses.len() > WITNESSES_LIMIT {
            let what = format!("more than {WITNESSES_LIMIT} outside witnesses");
            return Err(fault("witnesses".to_owned(), what));
        }
        for witness in &self.witnesses {
            let OutsideWitness { vkey, url } = witness;
            let rest = url.strip_prefix("http://").or(url.strip_prefix("https://"));
            if rest.is_none_or(str::is_empty) || !url.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(fault(
                    vkey.clone(),
                    format!("{url:?} is not an http or https address"),
                ));
            }
        }
        for (member, node) in self.nodes() {
            let place = || format!("{}/{}", member.id, node.code);
            check_witnessing(member, node, &owners).map_err(|what| fault(place(), what))?;
        }
        Ok(())
    }
}

fn check_witnessing(
    member: &Member,
    node: &Node,
    owners: &BTreeMap<&str, Option<&bridge_core::identity::MemberId>>,
) -> Result<(), String> {
    let Some(Witnessing { by, needed, faulty }) = &node.witnessing else {
        return Ok(());
    };
    if by.is_empty() || by.len() > WITNESSES_LIMIT {
        return Err(format!(
            "{} witnesses; 1 to {WITNESSES_LIMIT} can be listed",
            by.len()
        ));
    }
    for (position, name) in by.iter().enumerate() {
        if by.iter().take(position).any(|other| other == name) {
            return Err(format!("the witness {name} is listed twice"));
        }
        match owners.get(name.as_str()) {
            None => return Err(format!("the witness {name} is not in the directory")),
            Some(Some(owner)) if **owner == member.id => {
                return Err(format!("the witness {name} is the member's own"));
            }
            Some(_) => {}
        }
    }
    let (n, k, f) = (by.len() as u64, u64::from(*needed), u64::from(*faulty));
    if k > n || 2 * k <= n + f {
        return Err(format!(
            "{k} of {n} cosignatures with {f} faulty witnesses: 2k > n + f does not hold, so two heads could both be cosigned"
        ));
    }
    Ok(())
}

/// The name in a verifier key of three parts.
pub(crate) fn key_name(vkey: &str) -> Option<&str> {
    let mut parts = vkey.splitn(3, '+');
    let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
    (!name.is_empty() && id.len() == 8 && !key.is_empty()).then_some(name)
}

/// What all epochs of a journal have in common. Whose node is listed with one of them says how the others go on, so another epoch of
/// a journal is that journal, and a key that is none is no way around.
pub(crate) fn log_of(vkey: &str) -> &str {
    let origin = vkey.split('+').next().unwrap_or_default();
    origin.rsplit_once('/').map_or(origin, |(log, _epoch)| log)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::super::tests::sample;
    use super::*;

    pub(crate) fn vkey(name: &str) -> String {
        format!("{name}+01234567+BAQID")
    }

    /// The first node's journal, witnessed by three from outside.
    pub(crate) fn witnessed(needed: u32, faulty: u32) -> Directory {
        let mut directory = sample();
        let names = ["a.example/w", "b.example/w", "c.example/w"];
        directory.witnesses = names
            .map(|name| OutsideWitness {
                vkey: vkey(name),
                url: format!("https://{name}"),
            })
            .to_vec();
        directory.members[0].nodes[0].witnessing = Some(Witnessing {
            by: names.map(str::to_owned).to_vec(),
            needed,
            faulty,
        });
        directory
    }

    #[test]
    fn two_groups_that_could_cosign_have_an_honest_witness_in_common_or_the_directory_is_refused() {
        for needed in 0..5 {
            for faulty in 0..4 {
                let holds = needed <= 3 && 2 * needed > 3 + faulty;
                let checked = witnessed(needed, faulty).check();
                assert_eq!(checked.is_ok(), holds, "{needed} of 3, {faulty} faulty");
            }
        }
    }

    #[test]
    fn unknown_own_and_doubled_witnesses_and_other_addresses_are_refused() {
        let change = |change: &dyn Fn(&mut Directory)| {
            let mut directory = witnessed(2, 0);
            change(&mut directory);
            directory.check().unwrap_err().to_string()
        };
        let by = |directory: &mut Directory, names: &[&str]| {
            let witnessing = directory.members[0].nodes[0].witnessing.as_mut().unwrap();
            witnessing.by = names.iter().map(|&name| name.to_owned()).collect();
        };
        let unknown = change(&|directory| by(directory, &["a.example/w", "x", "c.example/w"]));
        assert!(
            unknown.ends_with("the witness x is not in the directory"),
            "{unknown}"
        );
        let twice = change(&|directory| by(directory, &["a.example/w", "a.example/w"]));
        assert!(
            twice.ends_with("the witness a.example/w is listed twice"),
            "{twice}"
        );
        let none = change(&|directory| by(directory, &[]));
        assert!(
            none.ends_with("0 witnesses; 1 to 32 can be listed"),
            "{none}"
        );
        let own = change(&|directory| {
            directory.members[0].nodes[0].witness = Some(vkey("own"));
            by(directory, &["a.example/w", "own", "c.example/w"]);
        });
        assert!(
            own.ends_with("the witness own is the member's own"),
            "{own}"
        );
        let doubled = change(&|directory| {
            directory.members[0].nodes[0].witness = Some(vkey("a.example/w"));
        });
        assert!(doubled.contains("a.example/w is listed twice"), "{doubled}");
        let url = change(&|directory| directory.witnesses[0].url = "ftp://a".to_owned());
        assert!(
            url.ends_with("\"ftp://a\" is not an http or https address"),
            "{url}"
        );
        let key = change(&|directory| directory.witnesses[0].vkey = "a+b".to_owned());
        assert!(key.ends_with("\"a+b\" is not a verifier key"), "{key}");
    }
}
