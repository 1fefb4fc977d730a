//! The groups that a scenario's contracts name.

use bridge_core::identity::SubsystemId;

use super::wrong;
use crate::Fault;
use crate::section::Section;

/// Reads `groups.CODE = ["AZ/LEA/3001/APPEALS"]`.
pub(super) fn read(
    section: &mut Section<'_>,
    faults: &mut Vec<Fault>,
) -> Vec<(String, Vec<SubsystemId>)> {
    let place = section.place_of("groups");
    let table = section.optional_table("groups", faults);
    let mut groups = Vec::new();
    for (code, value) in table.into_iter().flatten() {
        let place = format!("{place}.{code}");
        let Some(names) = value.as_array() else {
            let remedy = "write a list of subsystems: [\"AZ/LEA/3001/APPEALS\"]";
            faults.push(Fault::new("wrong-value", place, "is not a list", remedy));
            continue;
        };
        let mut members = Vec::new();
        for name in names {
            match name.as_str().unwrap_or_default().parse() {
                Ok(member) => members.push(member),
                Err(error) => faults.push(wrong(place.clone(), &error)),
            }
        }
        groups.push((code.clone(), members));
    }
    groups
}
