//! What a journal kept of a request, held against the leaf that it lies beside.

use bridge_core::decision::{Asked, Full, Usage, Window};
use bridge_core::envelope::link;
use bridge_core::identity::SubsystemId;
use bridge_core::leaf::{Kind, Leaf, Side, UnixMillis};
use bridge_core::quota::Account;
use bridge_core::target::{ServiceTarget, Target, TargetLimits, parse_target};
use bridge_verify::Opened;

use crate::dossier::evidence::{Signed, read};
use crate::dossier::{ANSWER, REQUEST};
use crate::exchange::{Held, Question};

/// What is decided by, as it was kept.
pub(super) struct Kept {
    client: SubsystemId,
    target: ServiceTarget,
    method: String,
    purpose: Option<String>,
    legal_basis: Option<String>,
    under: Under,
}

/// Under what it was decided.
enum Under {
    /// The one contract that the request names; its use is what the leaf says.
    Named { version: String, full: Full },
    /// All that named the client, and what was used of each.
    All(Vec<Held>),
}

/// Settings may allow longer lines than the program does by itself; what was signed was allowed.
const LIMITS: TargetLimits = TargetLimits {
    target_bytes: 64 * 1024,
    segments: 8 * 1024,
    parameters: 8 * 1024,
};

/// Reads the signed request of an allowed exchange.
pub(super) fn of_request(leaf: &Leaf, opened: &Opened) -> Result<Kept, String> {
    let signed = read(REQUEST, &opened.base).ok_or("the evidence is no signed request")?;
    let key_id = if leaf.kind == Kind::RequestSent {
        &leaf.keyid
    } else {
        &leaf.peer_keyid
    };
    same("signing key", key_id.as_deref(), Some(signed.key_id))?;
    let kept = of_signed(leaf, &signed, |part| signed.own(part))?;
    same("link", leaf.link.as_ref(), Some(&link(&opened.signature)))?;
    Ok(kept)
}

/// Reads what was refused: quoted in the refusal that the provider's node signed, or as the consumer's node kept it.
pub(super) fn of_refusal(leaf: &Leaf, opened: &Opened) -> Result<Kept, String> {
    if leaf.side == Some(Side::Consumer) {
        return of_question(leaf, &opened.unsigned);
    }
    let signed = read(ANSWER, &opened.base).ok_or("the evidence is no signed refusal")?;
    same("signing key", leaf.keyid.as_deref(), Some(signed.key_id))?;
    same(
        "answer link",
        leaf.answer_link.as_ref(),
        Some(&link(&opened.signature)),
    )?;
    let answered = signed.answered.as_deref().map(link);
    same("link", leaf.link.as_ref(), answered.as_ref())?;
    let outcome = signed.own("x-road-error");
    same("outcome", leaf.outcome.as_deref(), outcome)?;
    let status = leaf.status.map(|status| status.to_string());
    same("status", status.as_deref(), signed.own("@status"))?;
    of_signed(leaf, &signed, |part| signed.own(part))
}

/// Takes the request out of a signed message; codes stand in the message itself.
fn of_signed<'a>(
    leaf: &Leaf,
    signed: &'a Signed<'_>,
    code: impl Fn(&str) -> Option<&'a str>,
) -> Result<Kept, String> {
    let says = |part: &'static str| {
        let said = signed.says(part);
        said.ok_or_else(|| format!("the signed message does not name its {part}"))
    };
    let id = leaf.request_id.map(|id| id.to_string());
    same(
        "request id",
        id.as_deref(),
        Some(says("x-road-request-id")?),
    )?;
    let version = says("bridge-contract")?.to_owned();
    same("contract", leaf.contract.as_deref(), Some(version.as_str()))?;
    Ok(Kept {
        client: client(says("x-road-client")?)?,
        target: target(says("@request-target")?)?,
        method: says("@method")?.to_owned(),
        purpose: code("bridge-purpose").map(str::to_owned),
        legal_basis: code("bridge-legal-basis").map(str::to_owned),
        under: Under::Named {
            version,
            full: Full::of(leaf),
        },
    })
}

fn of_question(leaf: &Leaf, bytes: &[u8]) -> Result<Kept, String> {
    let question: Question = serde_json::from_slice(bytes)
        .map_err(|_error| "the evidence is no question of a caller".to_owned())?;
    let id = leaf.request_id.map(|id| id.to_string());
    same("request id", id.as_ref(), question.request_id.as_ref())?;
    Ok(Kept {
        client: question.client,
        target: target(&question.target)?,
        method: question.method,
        purpose: question.purpose,
        legal_basis: question.legal_basis,
        under: Under::All(question.contracts),
    })
}

fn client(text: &str) -> Result<SubsystemId, String> {
    text.parse()
        .map_err(|_error| "the kept request names no client".to_owned())
}

fn target(text: &str) -> Result<ServiceTarget, String> {
    match parse_target(text, &LIMITS) {
        Ok(Target::Service(target)) => Ok(target),
        Ok(Target::Metadata { .. } | Target::ListClients { .. } | Target::WhoHolds { .. })
        | Err(_) => Err("the kept request asks for no service".to_owned()),
    }
}

fn same<T: PartialEq + ?Sized>(
    what: &str,
    leaf: Option<&T>,
    kept: Option<&T>,
) -> Result<(), String> {
    if leaf == kept {
        return Ok(());
    }
    Err(format!("the kept message has another {what} than the leaf"))
}

// === impl Kept ===

impl Kept {
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked {
            client: &self.client,
            target: &self.target,
            method: &self.method,
            purpose: self.purpose.as_deref(),
            legal_basis: self.legal_basis.as_deref(),
        }
    }

    /// The versions of the contracts that were asked.
    pub(super) fn versions(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        match &self.under {
            Under::Named { version, .. } => Box::new(std::iter::once(version.as_str())),
            Under::All(held) => Box::new(held.iter().map(|own| own.version.as_str())),
        }
    }
}

impl Usage for Kept {
    fn used(&self, account: &Account<'_>, window: Window, now: UnixMillis) -> u64 {
        match &self.under {
            Under::Named { full, .. } => full.used(account, window, now),
            Under::All(held) => {
                let is_it = |own: &&Held| {
                    let id = own.version.split_once('@').map(|(id, _)| id);
                    id == Some(account.contract_id)
                };
                held.iter().find(is_it).map_or(0, |own| match window {
                    Window::Hour => own.in_hour,
                    Window::Day => own.in_day,
                })
            }
        }
    }
}
