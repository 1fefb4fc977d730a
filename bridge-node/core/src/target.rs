//! The request line: decoded once, judged, written anew once.
//!
//! The five identifier parts follow the rules of [`crate::identity`], where `%2F` is data. Behind them
//! stand a [`CleanPath`] and a [`CleanQuery`]. Decision, adapter and evidence all use the text that
//! [`ServiceTarget::request_target`] writes, so no two of them can read the line differently.

use crate::identity::{PartRole, ServiceId, SubsystemId, check_part, decode_part, write_part};

mod error;
mod path;
mod query;

pub use error::{MetadataForm, QueryFault, SegmentFault, TargetError};
pub use path::CleanPath;
pub use query::CleanQuery;

/// The longest target, in bytes. X-Road's guideline is 2,000 characters; non-Latin text triples.
pub const MAX_TARGET_BYTES: usize = 8192;

/// The most path segments behind the service.
pub const MAX_SEGMENTS: usize = 64;

/// The most query parameters.
pub const MAX_PARAMETERS: usize = 100;

const LIST_METHODS: &str = "listMethods";
const ALLOWED_METHODS: &str = "allowedMethods";
const GET_OPENAPI: &str = "getOpenAPI";

/// The codes of the calls that every provider answers by terms of the program, without a contract: no service has one.
/// Standard: X-Road PR-MREST §4.
pub const METADATA_CODES: [&str; 3] = [LIST_METHODS, ALLOWED_METHODS, GET_OPENAPI];

/// Bounds what a request line may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TargetLimits {
    /// Bytes of the whole target.
    pub target_bytes: usize,
    /// Path segments behind the service.
    pub segments: usize,
    /// Query parameters.
    pub parameters: usize,
}

impl Default for TargetLimits {
    fn default() -> Self {
        Self {
            target_bytes: MAX_TARGET_BYTES,
            segments: MAX_SEGMENTS,
            parameters: MAX_PARAMETERS,
        }
    }
}

/// Says what a request line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A service of a provider.
    Service(ServiceTarget),
    /// What a provider publishes about its services.
    Metadata {
        /// The provider asked.
        provider: SubsystemId,
        /// What it is asked for.
        call: MetadataCall,
        /// The request target written anew, `/r1/…`.
        text: String,
    },
    /// The members of the directory, answered by the node itself.
    ListClients {
        /// Another instance than the node's own.
        instance: Option<String>,
    },
    /// The source of an attribute, answered by the node itself from the catalogue.
    WhoHolds {
        /// The attribute, such as `person.address`.
        attribute: String,
    },
}

/// Names a service and what is asked of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceTarget {
    /// The service.
    pub service: ServiceId,
    /// What follows the service, empty or beginning with `/`.
    pub path: CleanPath,
    /// The query.
    pub query: CleanQuery,
}

/// Names a metadata call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataCall {
    /// The services that the provider publishes to the caller.
    ListMethods,
    /// The services that the caller may use.
    AllowedMethods,
    /// The description of one service.
    GetOpenApi {
        /// The service's code, decoded.
        service_code: String,
    },
}

impl MetadataCall {
    /// The code that stands in place of a service's.
    pub fn code(&self) -> &'static str {
        match self {
            Self::ListMethods => LIST_METHODS,
            Self::AllowedMethods => ALLOWED_METHODS,
            Self::GetOpenApi { .. } => GET_OPENAPI,
        }
    }
}

impl ServiceTarget {
    /// Writes the request target: `/r1/AZ/GOV/1001/POPULATION/person/rest?query`.
    pub fn request_target(&self) -> String {
        let Self {
            service,
            path,
            query,
        } = self;
        let mut parts = vec!["/r1/", service.as_str(), path.as_str()];
        if let Some(raw) = query.raw() {
            parts.extend(["?", raw]);
        }
        parts.concat()
    }
}

/// Reads the origin form of a request line.
///
/// # Errors
///
/// [`TargetError`]: every rule of the edge about the line is a variant.
///
/// Standard: RFC 3986 §2.4.
/// Standard: RFC 9112 §3.2.1.
pub fn parse_target(path_and_query: &str, limits: &TargetLimits) -> Result<Target, TargetError> {
    if path_and_query.len() > limits.target_bytes {
        return Err(TargetError::TooLong {
            limit_bytes: limits.target_bytes,
        });
    }
    let parts = path_and_query
        .strip_prefix('/')
        .ok_or(TargetError::NotOriginForm)?;
    if !parts
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'#')
    {
        return Err(TargetError::NotVisible);
    }
    let (path, query) = match parts.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (parts, None),
    };
    let query = CleanQuery::parse(query, limits)?;
    match path.split_once('/') {
        Some(("r1", rest)) => parse_exchange(rest, query, limits),
        None if path == "listClients" => parse_list_clients(&query),
        None if path == "whoHolds" => parse_who_holds(&query),
        _ => Err(TargetError::UnknownPath),
    }
}

/// Reads what follows `/r1/`.
fn parse_exchange(
    text: &str,
    query: CleanQuery,
    limits: &TargetLimits,
) -> Result<Target, TargetError> {
    let mut separators = text.bytes().enumerate().filter(|(_, byte)| *byte == b'/');
    let (provider, behind) = separators
        .nth(3)
        .and_then(|(end, _)| text.split_at_checked(end))
        .ok_or_else(|| TargetError::TooFewParts {
            found: text.split('/').count(),
        })?;
    let provider: SubsystemId = provider.parse()?;
    let behind = behind.strip_prefix('/').unwrap_or(behind);
    // What follows the service, with its separator: a path that begins without one is no path.
    let (code, rest) = match behind.bytes().position(|byte| byte == b'/') {
        Some(end) => (behind.get(..end).unwrap_or_default(), behind.get(end..)),
        None => (behind, None),
    };
    let code = check_part(
        decode_part(code, PartRole::ServiceCode)?,
        PartRole::ServiceCode,
    )?;
    if let Some(call) = metadata_call(&code, rest, &query)? {
        let text = metadata_text(&provider, &call);
        return Ok(Target::Metadata {
            provider,
            call,
            text,
        });
    }
    let path = match rest {
        Some(rest) => CleanPath::parse(rest, limits)?,
        None => CleanPath::default(),
    };
    Ok(Target::Service(ServiceTarget {
        service: provider.service(code)?,
        path,
        query,
    }))
}

fn metadata_call(
    code: &str,
    rest: Option<&str>,
    query: &CleanQuery,
) -> Result<Option<MetadataCall>, TargetError> {
    let takes = match code {
        LIST_METHODS | ALLOWED_METHODS => MetadataForm::Nothing,
        GET_OPENAPI => MetadataForm::ServiceCode,
        _ => return Ok(None),
    };
    let call = match (code, query.pairs()) {
        (LIST_METHODS, []) => MetadataCall::ListMethods,
        (ALLOWED_METHODS, []) => MetadataCall::AllowedMethods,
        (GET_OPENAPI, [(name, value)]) if name == "serviceCode" => MetadataCall::GetOpenApi {
            service_code: check_part(value.clone(), PartRole::ServiceCode)?,
        },
        _ => return Err(TargetError::Metadata { takes }),
    };
    if rest.is_some() {
        Err(TargetError::Metadata { takes })
    } else {
        Ok(Some(call))
    }
}

fn metadata_text(provider: &SubsystemId, call: &MetadataCall) -> String {
    let mut text = format!("/r1/{provider}/{}", call.code());
    if let MetadataCall::GetOpenApi { service_code } = call {
        text.push_str("?serviceCode=");
        // Writing to a String can't fail.
        let _infallible = write_part(&mut text, service_code);
    }
    text
}

fn parse_list_clients(query: &CleanQuery) -> Result<Target, TargetError> {
    match query.pairs() {
        [] => Ok(Target::ListClients { instance: None }),
        [(name, value)] if name == "xRoadInstance" => {
            let instance = Some(check_part(value.clone(), PartRole::Instance)?);
            Ok(Target::ListClients { instance })
        }
        _ => Err(TargetError::Metadata {
            takes: MetadataForm::Instance,
        }),
    }
}

fn parse_who_holds(query: &CleanQuery) -> Result<Target, TargetError> {
    match query.pairs() {
        [(name, value)] if name == "attribute" && is_attribute(value) => Ok(Target::WhoHolds {
            attribute: value.clone(),
        }),
        _ => Err(TargetError::Metadata {
            takes: MetadataForm::Attribute,
        }),
    }
}

/// The longest name of an attribute, in bytes.
pub const ATTRIBUTE_LIMIT_BYTES: usize = 64;

/// Tells whether a text names an attribute of the catalogue: two or more words of `a-z`, `0-9` and `-`, each beginning with a
/// letter, with points between.
pub fn is_attribute(text: &str) -> bool {
    let is_word = |word: &str| {
        let mut bytes = word.bytes();
        word.starts_with(|letter: char| letter.is_ascii_lowercase())
            && bytes.all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-'))
    };
    text.len() <= ATTRIBUTE_LIMIT_BYTES && text.contains('.') && text.split('.').all(is_word)
}

#[cfg(test)]
mod tests;
