//! From the bytes of a contract file to a checked contract, or to all its faults.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;
use serde_json::Value;

use crate::contract::fault::{ContractFault, Fault};
use crate::contract::form::{Faults, Form, Spot};
use crate::contract::{Contract, Party};
use crate::identity::{PartRole, ServiceId, SubsystemId, check_part};
use crate::{jcs, json};

mod endpoints;
mod signatures;
mod terms;

use endpoints::read_endpoints;
pub(super) use signatures::{SIGNATURES_LIMIT, Signatures};
use signatures::{Signing, read_signatures};
use terms::{read_evidence, read_fields, read_grounds, read_hours, read_period, read_quota};

/// The longest contract file without signatures, in bytes.
pub const CONTRACT_LIMIT_BYTES: usize = 256 * 1024;

/// The longest contract file with signatures, in bytes.
pub const SIGNED_LIMIT_BYTES: usize = 1024 * 1024;

/// The methods that are carried, and that `*` stands for.
pub const METHODS: [&str; 8] = [
    "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE",
];

/// The methods a read-only contract allows.
pub(crate) const READING_METHODS: [&str; 3] = ["GET", "HEAD", "OPTIONS"];

/// The most entries in any list of a contract.
const LIST_LIMIT: usize = 256;

/// The longest title or contact, in characters.
const TEXT_LIMIT: usize = 500;

const FIELDS: [&str; 21] = [
    "version",
    "id",
    "title",
    "consumer",
    "provider",
    "service",
    "endpoints",
    "purposes",
    "legal_basis",
    "fields",
    "quota",
    "hours",
    "evidence",
    "read_only",
    "plain_signatures",
    "sealed",
    "consent",
    "user_token",
    "start",
    "end",
    "contact",
];

/// Loads a contract file that nobody has signed: `{"contract": {…}, "signatures": []}`.
///
/// # Errors
///
/// All faults of the file at once, each with its place and what to do. Fields that this version can't
/// enforce are faults, as are signatures: [`crate::contract::Agreement::read`] checks those.
pub fn load(bytes: &[u8]) -> Result<Contract, Vec<ContractFault>> {
    let mut faults = Faults::default();
    match load_file(bytes, Signing::Unsigned, &mut faults) {
        Some((contract, _)) if faults.0.is_empty() => Ok(contract),
        Some(_) | None => Err(faults.0),
    }
}

/// Reads the terms of a contract file, whoever has signed it: for those who hold them against a digest that they know.
///
/// # Errors
///
/// All faults of the contract and of the file's form.
pub fn terms(bytes: &[u8]) -> Result<Contract, Vec<ContractFault>> {
    read_signed(bytes).map(|(contract, _signatures)| contract)
}

/// Reads a contract file and what its signatures say; their seals are not looked at.
///
/// # Errors
///
/// All faults of the contract and of the file's form. A signature that is none is told in its place.
pub(super) fn read_signed(bytes: &[u8]) -> Result<(Contract, Signatures), Vec<ContractFault>> {
    let mut faults = Faults::default();
    match load_file(bytes, Signing::Signed, &mut faults) {
        Some((contract, _)) if contract.canonical().len() > CONTRACT_LIMIT_BYTES => {
            let (length, limit) = (contract.canonical().len(), CONTRACT_LIMIT_BYTES);
            let fault = Fault::TooLarge { length, limit };
            faults.add("/contract", fault, "split the contract");
            Err(faults.0)
        }
        Some(read) if faults.0.is_empty() => Ok(read),
        Some(_) | None => Err(faults.0),
    }
}

fn load_file(
    bytes: &[u8],
    signing: Signing,
    faults: &mut Faults,
) -> Option<(Contract, Signatures)> {
    let limit = match signing {
        Signing::Signed => SIGNED_LIMIT_BYTES,
        Signing::Unsigned => CONTRACT_LIMIT_BYTES,
    };
    if bytes.len() > limit {
        let fault = Fault::TooLarge {
            length: bytes.len(),
            limit,
        };
        faults.add("", fault, "split the contract");
        return None;
    }
    let read = json::read(bytes).map_err(Fault::NotJson);
    let root = faults.keep(read, "", "write one JSON object in UTF-8")?;
    let file = Spot {
        place: String::new(),
        value: &root,
    }
    .form(
        &["contract", "signatures"],
        "write {\"contract\": {…}, \"signatures\": []}",
        faults,
    )?;
    let signatures = read_signatures(&file, signing, faults);
    let contract = file.required("contract", "write the contract under this name", faults)?;
    let form = contract.form(&FIELDS, "write the contract as an object", faults)?;
    if !check_version(&form, faults) {
        // The fields of another version may mean something else; faults in them would mislead.
        faults.0.retain(|fault| fault.fault != Fault::Unknown);
        return None;
    }
    let read = canonical_bytes(bytes).ok_or(Fault::NotCanonical);
    let canonical = faults.keep(read, "/contract", "use integers below 2^53 only");
    Some((read_contract(&form, canonical, faults)?, signatures?))
}

fn check_version(form: &Form<'_, '_>, faults: &mut Faults) -> bool {
    let expected = "write \"version\": 1";
    let Some(spot) = form.required("version", expected, faults) else {
        return false;
    };
    let fault = match spot.value.as_numeral() {
        Some("1") => return true,
        Some(other) => Fault::Version(other.to_owned()),
        None => spot.wrong_form(),
    };
    faults.add(&spot.place, fault, expected);
    false
}

fn canonical_bytes(bytes: &[u8]) -> Option<Vec<u8>> {
    let file: Value = serde_json::from_slice(bytes).ok()?;
    jcs::canonical(file.get("contract")?).ok()
}

/// Reads every field before it gives up, so that all faults are found.
fn read_contract(
    form: &Form<'_, '_>,
    canonical: Option<Vec<u8>>,
    faults: &mut Faults,
) -> Option<Contract> {
    let id = form.required("id", ID_FORM, faults).and_then(|spot| {
        spot.code(ID_FORM, faults)
            .filter(|id| is_id(id, &spot, faults))
    });
    let title = read_text(form, "title", "write what the contract is about", faults);
    let contact = read_text(form, "contact", "write whom to ask", faults);
    let consumer = form
        .required("consumer", CONSUMER_FORM, faults)
        .and_then(|spot| read_party(spot, faults));
    let provider = form
        .required("provider", SUBSYSTEM_FORM, faults)
        .and_then(|spot| read_subsystem(&spot, faults));
    let service = read_service(form, provider.as_ref(), faults);
    let is_read_only = read_flag(form, "read_only", faults);
    let demands_plain_signatures = read_flag(form, "plain_signatures", faults);
    for (name, remedy) in NOT_ENFORCEABLE {
        refuse_flag(form, name, remedy, faults);
    }
    let endpoints = read_endpoints(form, is_read_only, faults);
    let purposes = read_grounds(form, "purposes", faults);
    let legal_basis = read_grounds(form, "legal_basis", faults);
    let fields = read_fields(form, faults);
    let quota = read_quota(form, faults);
    let hours = read_hours(form, faults);
    let evidence = read_evidence(form, faults);
    let (start, end) = read_period(form, faults);
    let canonical = canonical?;
    let digest: [u8; 32] = digest::digest(&digest::SHA256, &canonical)
        .as_ref()
        .try_into()
        .ok()?;
    let id = id?;
    Some(Contract {
        reference: format!("{id}@{}", URL_SAFE_NO_PAD.encode(digest)),
        id,
        title: title?,
        consumer: consumer?,
        provider: provider?,
        service: service?,
        endpoints: endpoints?,
        purposes: purposes?,
        legal_basis: legal_basis?,
        fields: fields?,
        quota: quota?,
        hours: hours?,
        evidence: evidence?,
        is_read_only,
        demands_plain_signatures,
        start: start?,
        end: end?,
        contact: contact?,
        canonical,
        digest,
    })
}

const ID_FORM: &str = "write at most 64 of a–z, A–Z, 0–9, `.`, `_`, `-`";
const CONSUMER_FORM: &str =
    "write one of {\"subsystem\": …}, {\"global_group\": …}, {\"local_group\": …}";
const SUBSYSTEM_FORM: &str =
    "write instance/class/member/subsystem, as AZ/GOV/1001/POPULATION, each part percent-encoded";
const SERVICE_FORM: &str = "write the code of the service, as it stands decoded in the path";

/// Conditions this version can't check, and what to do instead.
const NOT_ENFORCEABLE: [(&str, &str); 3] = [
    ("sealed", "leave it out; this node can't hide who exchanged"),
    ("consent", "leave it out; this node can't check a consent"),
    (
        "user_token",
        "leave it out; this node can't check a token of an end user",
    ),
];

fn is_id(id: &str, spot: &Spot<'_, '_>, faults: &mut Faults) -> bool {
    // `/` and `:` are left to codes: an id stands in file names and before `@` in references.
    let is_id = !id.contains(['/', ':']);
    if !is_id {
        faults.add(&spot.place, Fault::Characters, ID_FORM);
    }
    is_id
}

fn read_text(
    form: &Form<'_, '_>,
    name: &str,
    expected: &'static str,
    faults: &mut Faults,
) -> Option<String> {
    let spot = form.required(name, expected, faults)?;
    spot.text(TEXT_LIMIT, expected, faults).map(str::to_owned)
}

fn read_subsystem(spot: &Spot<'_, '_>, faults: &mut Faults) -> Option<SubsystemId> {
    let text = spot.string(SUBSYSTEM_FORM, faults)?;
    faults.keep(
        text.parse().map_err(Fault::Identity),
        &spot.place,
        SUBSYSTEM_FORM,
    )
}

fn read_party(spot: Spot<'_, '_>, faults: &mut Faults) -> Option<Party> {
    let place = spot.place.clone();
    let form = spot.form(
        &["subsystem", "global_group", "local_group"],
        CONSUMER_FORM,
        faults,
    )?;
    let group = |spot: &Spot<'_, '_>, faults: &mut Faults| {
        let text = spot.string("write the group's code", faults)?.to_owned();
        let read = check_part(text, PartRole::GroupCode).map_err(Fault::Identity);
        faults.keep(read, &spot.place, "write the group's code")
    };
    let fields = (
        form.optional("subsystem"),
        form.optional("global_group"),
        form.optional("local_group"),
    );
    match fields {
        (Some(spot), None, None) => read_subsystem(&spot, faults).map(Party::Subsystem),
        (None, Some(spot), None) => group(&spot, faults).map(Party::GlobalGroup),
        (None, None, Some(spot)) => group(&spot, faults).map(Party::LocalGroup),
        (None, None, None) => {
            faults.add(&place, Fault::Empty, CONSUMER_FORM);
            None
        }
        _ => {
            faults.add(
                &place,
                Fault::Form {
                    found: "more than one party",
                },
                CONSUMER_FORM,
            );
            None
        }
    }
}

fn read_service(
    form: &Form<'_, '_>,
    provider: Option<&SubsystemId>,
    faults: &mut Faults,
) -> Option<ServiceId> {
    let spot = form.required("service", SERVICE_FORM, faults)?;
    let code = spot.string(SERVICE_FORM, faults)?.to_owned();
    let read = check_part(code, PartRole::ServiceCode).map_err(Fault::Identity);
    let code = faults.keep(read, &spot.place, SERVICE_FORM)?;
    let read = provider?.service(code).map_err(Fault::Identity);
    faults.keep(read, &spot.place, SERVICE_FORM)
}

fn read_flag(form: &Form<'_, '_>, name: &str, faults: &mut Faults) -> bool {
    form.optional(name)
        .and_then(|spot| spot.flag(faults))
        .unwrap_or(false)
}

fn refuse_flag(form: &Form<'_, '_>, name: &str, remedy: &'static str, faults: &mut Faults) {
    if read_flag(form, name, faults) {
        faults.add(&form.place_of(name), Fault::NotEnforceable, remedy);
    }
}
