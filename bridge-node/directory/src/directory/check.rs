//! What a directory must be besides well shaped: unique names, readable pins, whole references.

use std::collections::{BTreeSet, HashSet};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_core::identity::{MemberId, SubsystemId};

use super::{Directory, Group, Member, Node};

/// The most pins or exchange keys of one node: current, next, and one for a mishap at each change.
pub const KEYS_LIMIT: usize = 4;

/// The most versions of wire or leaf, and the most signature forms, of one node: each exchange looks through them.
pub const VERSIONS_LIMIT: usize = 32;

/// The longest text for people, in bytes.
pub const TEXT_LIMIT_BYTES: usize = 1024;

/// A directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryFault {
    /// Not JSON of a directory's shape.
    #[error("the directory can't be read")]
    Shape(#[source] serde_json::Error),
    /// The same thing twice.
    #[error("{what} {name} is listed twice")]
    Twice {
        /// Member, subsystem, node, node name, exchange key, group or subsystem of a group.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A member of another instance.
    #[error("member {member} is not of instance {instance}")]
    OtherInstance {
        /// The member.
        member: String,
        /// The directory's instance.
        instance: String,
    },
    /// A value that can't be what its field is for.
    #[error("{place}: {what}")]
    Value {
        /// The member, node or group.
        place: String,
        /// What is wrong.
        what: String,
    },
    /// A group names a subsystem that is not listed.
    #[error("group {group} names {subsystem}, which is not in the directory")]
    UnknownSubsystem {
        /// The group's code.
        group: String,
        /// The subsystem.
        subsystem: String,
    },
}

impl Directory {
    /// Checks what the shape alone can't say.
    ///
    /// # Errors
    ///
    /// [`DirectoryFault`]: the first thing that is wrong, with its place.
    pub fn check(&self) -> Result<(), DirectoryFault> {
        unique(
            "member",
            self.members.iter().map(|member| member.id.to_string()),
        )?;
        unique("group", self.groups.iter().map(|group| group.code.clone()))?;
        unique("node name", self.nodes().map(|(_, node)| node.name.clone()))?;
        let keys = self.nodes().flat_map(|(_, node)| &node.exchange);
        unique("exchange key", keys.filter_map(super::ExchangeKey::key_id))?;
        self.members
            .iter()
            .try_for_each(|member| self.check_member(member))?;
        let listed: HashSet<_> = self.members.iter().flat_map(subsystems_of).collect();
        self.groups
            .iter()
            .try_for_each(|group| check_group(group, &listed))?;
        self.check_witnesses()
    }

    fn check_member(&self, member: &Member) -> Result<(), DirectoryFault> {
        let Member {
            id,
            name,
            subsystems,
            nodes,
            suspended: _,
        } = member;
        if id.instance() != self.instance {
            return Err(DirectoryFault::OtherInstance {
                member: id.to_string(),
                instance: self.instance.clone(),
            });
        }
        let place = || id.to_string();
        check_text(name, place)?;
        unique(
            "subsystem",
            subsystems
                .iter()
                .map(|subsystem| format!("{id}/{}", subsystem.code)),
        )?;
        for subsystem in subsystems {
            id.subsystem(subsystem.code.as_str())
                .map_err(|error| value(place(), &error))?;
            check_text(&subsystem.name, place)?;
        }
        check_nodes(id, nodes)
    }
}

/// Checks the nodes of one member, as far as they can be without the others'.
pub(crate) fn check_nodes(member: &MemberId, nodes: &[Node]) -> Result<(), DirectoryFault> {
    let codes = nodes.iter().map(|node| format!("{member}/{}", node.code));
    unique("node", codes)?;
    for node in nodes {
        let id = member
            .node(node.code.as_str())
            .map_err(|error| value(member.to_string(), &error))?;
        check_node(node).map_err(|what| DirectoryFault::Value {
            place: id.to_string(),
            what,
        })?;
    }
    Ok(())
}

fn subsystems_of(member: &Member) -> impl Iterator<Item = SubsystemId> {
    let codes = member.subsystems.iter().map(|one| one.code.as_str());
    codes.filter_map(|code| member.id.subsystem(code).ok())
}

fn check_group(group: &Group, listed: &HashSet<SubsystemId>) -> Result<(), DirectoryFault> {
    unique(
        "subsystem of a group",
        group.members.iter().map(ToString::to_string),
    )?;
    check_text(&group.code, || "group".to_owned())?;
    match group.members.iter().find(|one| !listed.contains(*one)) {
        None => Ok(()),
        Some(subsystem) => Err(DirectoryFault::UnknownSubsystem {
            group: group.code.clone(),
            subsystem: subsystem.to_string(),
        }),
    }
}

fn check_node(node: &Node) -> Result<(), String> {
    if !is_host_name(&node.name) {
        return Err(format!("{:?} is not a lower-case host name", node.name));
    }
    if !is_address(&node.address) {
        return Err(format!("{:?} is not host:port", node.address));
    }
    for (what, count, most) in [
        ("TLS pins", node.tls_pins.len(), KEYS_LIMIT),
        ("exchange keys", node.exchange.len(), KEYS_LIMIT),
        ("wire versions", node.wire.len(), VERSIONS_LIMIT),
        ("leaf versions", node.leaf.len(), VERSIONS_LIMIT),
        ("signature forms", node.forms.len(), VERSIONS_LIMIT),
    ] {
        if count == 0 || count > most {
            return Err(format!("{count} {what}; 1 to {most} must be listed"));
        }
    }
    let exchange_pins = node.exchange.iter().map(|key| &key.pin);
    if let Some(pin) = node
        .tls_pins
        .iter()
        .chain(exchange_pins)
        .find(|pin| !is_pin(pin))
    {
        return Err(format!("{pin:?} is not the base64url SHA-256 of a key"));
    }
    if let Some(pin) = node
        .tls_pins
        .iter()
        .find(|pin| node.exchange.iter().any(|k| k.pin == **pin))
    {
        return Err(format!("the key {pin} is for both TLS and exchange"));
    }
    if node
        .exchange
        .iter()
        .any(|key| key.certificate_der().is_none_or(|der| der.is_empty()))
    {
        return Err("an exchange certificate is not base64".to_owned());
    }
    if node
        .journal
        .splitn(3, '+')
        .filter(|part| !part.is_empty())
        .count()
        != 3
    {
        return Err(format!(
            "{:?} is not a verifier key of a journal",
            node.journal
        ));
    }
    for (what, versions) in [("wire", &node.wire), ("leaf", &node.leaf)] {
        if versions.contains(&0) {
            return Err(format!("a {what} version is 0"));
        }
    }
    if !node.forms.iter().any(|form| form == PLAIN) {
        return Err(format!(
            "the form {PLAIN:?} must be among its signature forms"
        ));
    }
    Ok(())
}

fn unique(what: &'static str, names: impl Iterator<Item = String>) -> Result<(), DirectoryFault> {
    let mut seen = BTreeSet::new();
    for name in names {
        if seen.contains(&name) {
            return Err(DirectoryFault::Twice { what, name });
        }
        seen.insert(name);
    }
    Ok(())
}

fn check_text(text: &str, place: impl Fn() -> String) -> Result<(), DirectoryFault> {
    let what = match text {
        "" => "a name is empty".to_owned(),
        _ if text.len() > TEXT_LIMIT_BYTES => {
            format!("a name is longer than {TEXT_LIMIT_BYTES} bytes")
        }
        _ if text.chars().any(char::is_control) => "a name holds a control character".to_owned(),
        _ => return Ok(()),
    };
    Err(DirectoryFault::Value {
        place: place(),
        what,
    })
}

fn value(place: String, error: &dyn std::error::Error) -> DirectoryFault {
    DirectoryFault::Value {
        place,
        what: error.to_string(),
    }
}

/// Tells whether a text can be a node's name: letters, digits and inner hyphens in labels of up to 63.
///
/// Standard: RFC 1123 §2.1.
pub fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let inner = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        (1..=63).contains(&label.len())
            && label.bytes().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Tells whether a text can be a node's address: `host:port`.
pub fn is_address(address: &str) -> bool {
    let Some((host, port)) = address.rsplit_once(':') else {
        return false;
    };
    let is_port = port
        .parse::<u16>()
        .is_ok_and(|number| number != 0 && number.to_string() == port);
    let bracketed = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let is_host = match bracketed {
        Some(host) => host.parse::<std::net::Ipv6Addr>().is_ok(),
        None => is_host_name(host),
    };
    is_port && is_host
}

fn is_pin(pin: &str) -> bool {
    URL_SAFE_NO_PAD
        .decode(pin)
        .is_ok_and(|bytes| bytes.len() == 32)
}

const PLAIN: &str = "plain";
