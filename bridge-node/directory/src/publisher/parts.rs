//! The signed part of each role, as it is made.

use serde_json::{Value, json};

use super::{PublishError, ROOT_LIFE_S};
use crate::client::{
    ROOT_LIMIT_BYTES, SNAPSHOT_LIMIT_BYTES, TARGETS_LIMIT_BYTES, TIMESTAMP_LIMIT_BYTES,
};
use crate::metadata::{Delegations, FileInfo, Map, Part, Role, Root};
use crate::moment::Moment;

pub(crate) fn root_part(version: u64, now_s: u64, keys: &Value, roles: &Value) -> Value {
    let part = common::<Root>(version, now_s, ROOT_LIFE_S);
    let part = with(with(part, "keys", keys.clone()), "roles", roles.clone());
    with(part, "consistent_snapshot", json!(true))
}

pub(crate) fn common<T: Part>(version: u64, now_s: u64, life_s: u64) -> Value {
    json!({
        "_type": T::ROLE,
        "spec_version": SPECIFICATION,
        "version": version,
        "expires": Moment(now_s.saturating_add(life_s)),
    })
}

/// Adds to targets metadata what it names: files, and members' roles where there are any.
pub(crate) fn targets_part(
    part: Value,
    files: &Map<FileInfo>,
    delegations: Option<&Delegations>,
) -> Value {
    with_roles(with(part, "targets", json!(files)), delegations)
}

/// Adds members' roles to targets metadata, where there are any.
pub(crate) fn with_roles(part: Value, delegations: Option<&Delegations>) -> Value {
    match delegations.filter(|delegations| !delegations.roles().is_empty()) {
        Some(delegations) => with(part, "delegations", json!(delegations)),
        None => part,
    }
}

pub(crate) fn with(mut part: Value, name: &str, value: Value) -> Value {
    if let Value::Object(fields) = &mut part {
        fields.insert(name.to_owned(), value);
    }
    part
}

/// Refuses metadata that is larger than any reader takes.
pub(crate) fn check_size(role: Role, file: &[u8]) -> Result<(), PublishError> {
    let limit = match role {
        Role::Root => ROOT_LIMIT_BYTES,
        Role::Timestamp => TIMESTAMP_LIMIT_BYTES,
        Role::Snapshot => SNAPSHOT_LIMIT_BYTES,
        Role::Targets => TARGETS_LIMIT_BYTES,
    };
    let bytes = file.len();
    if bytes > limit {
        return Err(PublishError::TooLarge { role, bytes, limit });
    }
    Ok(())
}

/// The version of The Update Framework's specification that metadata is written by.
const SPECIFICATION: &str = "1.0.30";
