//! Contracts of a trial, signed by both agencies as their officers would.

use bridge_certs::Trust;
use bridge_core::contract::{Action, Agreement, Statement, load};

use super::world::{Agency, World};
use crate::command::Failure;
use crate::contracts::sealer;

/// Has both agencies sign a contract; returns the file.
pub(in crate::command) fn sign_contract(
    world: &World,
    text: &str,
    [provider, consumer]: [&Agency; 2],
    now_s: u64,
) -> Result<String, Failure> {
    let failed = |what: &dyn std::fmt::Display| Failure::Failed(format!("contract: {what}"));
    let anchors = std::fs::read(world.folder.join("trust/anchors.pem"));
    let trust = Trust::from_pem(&anchors.map_err(|error| failed(&error))?);
    let trust = trust.map_err(|error| failed(&error))?;
    let contract = load(text.as_bytes()).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        failed(&faults.join("; "))
    })?;
    let mut agreement = Agreement::new(contract);
    for (action, agency) in [(Action::Proposed, provider), (Action::Accepted, consumer)] {
        let keys = agency.folder.join("keys");
        let sealer = sealer(&keys.join("seal.pem"), &keys.join("seal.key"));
        let signed = sealer
            .map_err(|why| failed(&why))?
            .sign(Statement {
                action,
                contract: agreement.contract().reference().to_owned(),
                member: agency.node()?.member().clone(),
                time_s: now_s,
                reason: None,
            })
            .map_err(|error| failed(&error))?;
        agreement
            .add(signed, &trust, now_s)
            .map_err(|fault| failed(&fault))?;
    }
    Ok(String::from_utf8_lossy(&agreement.write()).into_owned())
}
