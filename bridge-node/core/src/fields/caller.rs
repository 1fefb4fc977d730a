//! What a caller's fields say.

use std::str::FromStr;

use bridge_signature::parse_content_digest;
use http::{HeaderMap, HeaderName};

use super::FieldError;
use crate::identity::{IdentityError, NodeId, PartRole, SubsystemId, check_part, decode_part};

/// The longest value of a field that is read as text, in bytes.
pub const MAX_TEXT_BYTES: usize = 255;

/// The longest `Bridge-Consent`, in bytes: it may hold a token.
pub const MAX_CONSENT_BYTES: usize = 4096;

/// Holds the fields of the message protocol and of the bridge as a caller sent them. An optional
/// field that is empty counts as absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerFields {
    /// `X-Road-Client`: the subsystem that asks.
    pub client: SubsystemId,
    /// `X-Road-Id`: the caller's own text for the message; may repeat.
    pub id: Option<String>,
    /// `X-Road-UserId`: the end user. Personal data.
    pub user_id: Option<String>,
    /// `X-Road-Issue`: the case.
    pub issue: Option<String>,
    /// `X-Road-Security-Server`: the provider's node that must answer.
    pub security_server: Option<NodeId>,
    /// `X-Road-Represented-Party`: `[class/]code`, as written.
    pub represented_party: Option<String>,
    /// `Bridge-Purpose`: a purpose's code.
    pub purpose: Option<String>,
    /// `Bridge-Legal-Basis`: a legal basis' code.
    pub legal_basis: Option<String>,
    /// `Bridge-Consent`.
    pub consent: Option<String>,
    /// Whether `Bridge-User-Token` is there; its value is a secret.
    pub user_token: bool,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// The sha-256 of `Content-Digest`.
    pub content_digest: Option<[u8; 32]>,
}

/// Reads the caller's fields of a request that passed [`super::check_edge_fields`].
///
/// # Errors
///
/// [`FieldError::Missing`] without `X-Road-Client`; [`FieldError::Identity`] for an identifier that is
/// none; [`FieldError::ValueTooLong`]; [`FieldError::NotVisible`] and [`FieldError::Repeated`] where the
/// edge was not asked before; [`FieldError::ContentDigest`].
pub fn read_caller_fields(fields: &HeaderMap) -> Result<CallerFields, FieldError> {
    let client = line(fields, &CLIENT, MAX_IDENTITY_BYTES)?
        .ok_or(FieldError::Missing { name: CLIENT.shown })?;
    let content_digest = if fields.contains_key(&CONTENT_DIGEST.name) {
        // The parser's reason could repeat what it found.
        Some(parse_content_digest(fields).map_err(|_reason| FieldError::ContentDigest)?)
    } else {
        None
    };
    Ok(CallerFields {
        client: identity(CLIENT.shown, client)?,
        id: text(fields, &ID)?,
        user_id: text(fields, &USER_ID)?,
        issue: text(fields, &ISSUE)?,
        security_server: optional(fields, &SECURITY_SERVER, MAX_IDENTITY_BYTES)?
            .map(|value| identity(SECURITY_SERVER.shown, value))
            .transpose()?,
        represented_party: represented_party(fields)?,
        purpose: text(fields, &PURPOSE)?,
        legal_basis: text(fields, &LEGAL_BASIS)?,
        consent: optional(fields, &CONSENT, MAX_CONSENT_BYTES)?.map(str::to_owned),
        user_token: fields.contains_key(&USER_TOKEN.name),
        idempotency_key: text(fields, &IDEMPOTENCY_KEY)?,
        content_digest,
    })
}

/// A field as errors name it, and as it is looked up: a name given as text would be read anew for each message.
struct Named {
    shown: &'static str,
    name: HeaderName,
}

const fn named(shown: &'static str, name: &'static str) -> Named {
    let name = HeaderName::from_static(name);
    Named { shown, name }
}

static CLIENT: Named = named("X-Road-Client", "x-road-client");
static ID: Named = named("X-Road-Id", "x-road-id");
static USER_ID: Named = named("X-Road-UserId", "x-road-userid");
static ISSUE: Named = named("X-Road-Issue", "x-road-issue");
static SECURITY_SERVER: Named = named("X-Road-Security-Server", "x-road-security-server");
static REPRESENTED_PARTY: Named = named("X-Road-Represented-Party", "x-road-represented-party");
static PURPOSE: Named = named("Bridge-Purpose", "bridge-purpose");
static LEGAL_BASIS: Named = named("Bridge-Legal-Basis", "bridge-legal-basis");
static CONSENT: Named = named("Bridge-Consent", "bridge-consent");
static USER_TOKEN: Named = named("Bridge-User-Token", "bridge-user-token");
static IDEMPOTENCY_KEY: Named = named("Idempotency-Key", "idempotency-key");
static CONTENT_DIGEST: Named = named("Content-Digest", "content-digest");

/// Five parts of 255 bytes, each byte escaped, and what stands between them.
const MAX_IDENTITY_BYTES: usize = 5 * 3 * 255 + 4;

fn identity<T: FromStr<Err = IdentityError>>(
    name: &'static str,
    value: &str,
) -> Result<T, FieldError> {
    value
        .parse()
        .map_err(|fault| FieldError::Identity { name, fault })
}

fn represented_party(fields: &HeaderMap) -> Result<Option<String>, FieldError> {
    let Some(value) = optional(fields, &REPRESENTED_PARTY, MAX_IDENTITY_BYTES)? else {
        return Ok(None);
    };
    let fail = |fault| FieldError::Identity {
        name: REPRESENTED_PARTY.shown,
        fault,
    };
    let (class, code) = match value.split_once('/') {
        Some((class, code)) => (Some(class), code),
        None => (None, value),
    };
    for (part, role) in class
        .map(|class| (class, PartRole::PartyClass))
        .into_iter()
        .chain([(code, PartRole::PartyCode)])
    {
        decode_part(part, role)
            .and_then(|part| check_part(part, role))
            .map_err(fail)?;
    }
    Ok(Some(value.to_owned()))
}

fn text(fields: &HeaderMap, name: &'static Named) -> Result<Option<String>, FieldError> {
    Ok(optional(fields, name, MAX_TEXT_BYTES)?.map(str::to_owned))
}

fn optional<'a>(
    fields: &'a HeaderMap,
    name: &'static Named,
    limit_bytes: usize,
) -> Result<Option<&'a str>, FieldError> {
    Ok(line(fields, name, limit_bytes)?.filter(|value| !value.is_empty()))
}

/// Returns the only line of a field.
fn line<'a>(
    fields: &'a HeaderMap,
    Named { shown, name }: &'static Named,
    limit_bytes: usize,
) -> Result<Option<&'a str>, FieldError> {
    let mut lines = fields.get_all(name).iter();
    let Some(value) = lines.next() else {
        return Ok(None);
    };
    if lines.next().is_some() {
        return Err(FieldError::Repeated {
            name: (*shown).to_owned(),
        });
    }
    if value.len() > limit_bytes {
        return Err(FieldError::ValueTooLong {
            name: shown,
            limit_bytes,
        });
    }
    // The only reason is a byte that is not visible.
    let text = value.to_str().map_err(|_reason| FieldError::NotVisible {
        name: (*shown).to_owned(),
    })?;
    Ok(Some(text.trim()))
}
