//! The base URL, and the request target of a call.

use bridge_adapter::{AdapterError, Call};
use http::{HeaderValue, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Stands for the service code in a base URL.
const SERVICE: &str = "{service}";
/// All but the unreserved characters. Standard: RFC 3986 §2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A base URL, read once.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The Host field.
    pub(crate) authority: HeaderValue,
    /// The path without its last `/`, perhaps with `{service}`.
    prefix: String,
}

impl Base {
    /// Reads a base URL, or says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        if text.contains(['?', '#']) {
            return Err("has a query or a fragment");
        }
        let uri: Uri = text
            .replace(SERVICE, "service")
            .parse()
            .map_err(|_cause| "is not a URL")?;
        let (tls, usual_port) = match uri.scheme_str() {
            Some("http") => (false, 80),
            Some("https") => (true, 443),
            _ => return Err("does not begin with http:// or https://"),
        };
        let authority = uri.authority().ok_or("has no host")?;
        if authority.as_str().contains('@') {
            return Err("holds a user name or password");
        }
        let host = authority
            .host()
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        if host.is_empty() || host.contains(SERVICE) {
            return Err("has no host");
        }
        let (_, after) = text.split_once("://").unwrap_or_default();
        let path = after
            .find('/')
            .and_then(|start| after.get(start..))
            .unwrap_or_default();
        let field = HeaderValue::from_str(authority.as_str()).map_err(|_cause| "is not a URL")?;
        if after
            .split('/')
            .next()
            .is_some_and(|host| host.contains(SERVICE))
        {
            return Err("has {service} in the host");
        }
        Ok(Self {
            tls,
            host,
            port: authority.port_u16().unwrap_or(usual_port),
            authority: field,
            prefix: path.strip_suffix('/').unwrap_or(path).to_owned(),
        })
    }

    /// The path as it stands.
    pub(crate) fn path(&self) -> &str {
        if self.prefix.is_empty() {
            "/"
        } else {
            &self.prefix
        }
    }

    /// Whether the host is the own machine.
    pub(crate) fn is_loopback(&self) -> bool {
        let address = self.host.parse::<std::net::IpAddr>();
        address.map_or(self.host == "localhost", |ip| ip.is_loopback())
    }

    /// The request target of a call: base path, the call's path, the call's query, nothing changed.
    pub(crate) fn target(&self, call: &Call) -> Result<Uri, AdapterError> {
        let code = utf8_percent_encode(call.service.code(), ENCODED).to_string();
        let mut target = self.prefix.replace(SERVICE, &code);
        target.push_str(&call.path);
        if !target.starts_with('/') {
            target.insert(0, '/');
        }
        if let Some(query) = &call.raw_query {
            target.push('?');
            target.push_str(query);
        }
        let bad = |_cause| AdapterError::BadRequest {
            place: "path or query".to_owned(),
            expected: "text that a request line can hold".to_owned(),
        };
        let uri: Uri = target.parse().map_err(bad)?;
        // Nothing may be lost or read as a host.
        if uri.authority().is_some()
            || uri
                .path_and_query()
                .is_none_or(|own| own.as_str() != target)
        {
            return Err(AdapterError::NotFound);
        }
        Ok(uri)
    }
}
