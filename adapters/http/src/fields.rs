//! Header fields that belong to one connection and not to the message.

use http::header::{self, HeaderMap, HeaderName};

/// Fields of one connection. Standard: RFC 9110 §7.6.1.
const HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
];
/// The same, without a constant of their own.
const HOP_BY_HOP_NAMES: [&str; 2] = ["keep-alive", "proxy-connection"];

/// Removes hop-by-hop fields, and those that `Connection` names.
pub(crate) fn end_to_end(mut fields: HeaderMap) -> HeaderMap {
    let named: Vec<HeaderName> = fields
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        fields.remove(name);
    }
    for name in HOP_BY_HOP_NAMES {
        fields.remove(name);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    #[test]
    fn fields_of_the_connection_go_and_others_stay() {
        let mut fields = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Internal"),
            ("x-internal", "1"),
            ("keep-alive", "timeout=5"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("etag", "\"1\""),
            ("content-type", "application/json"),
        ] {
            fields.insert(name, HeaderValue::from_static(value));
        }
        let kept = end_to_end(fields);
        let names: Vec<&str> = kept.keys().map(HeaderName::as_str).collect();
        assert_eq!(names, ["etag", "content-type"]);
    }

    proptest! {
        #[test]
        fn any_connection_field_is_survived(text in "[ -~]{0,40}") {
            let mut fields = HeaderMap::new();
            fields.insert(header::CONNECTION, HeaderValue::from_str(&text).unwrap());
            prop_assert!(end_to_end(fields).is_empty());
        }
    }
}
