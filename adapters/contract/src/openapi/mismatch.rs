//! How a message differs from its OpenAPI document.

/// Says which rule of the document a message breaks. Carries places of the document, never a value
/// or a name that came with the message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// No path of the document matches.
    #[error("the document has no such path")]
    NoSuchPath,
    /// The path has no such method.
    #[error("the path has no such method, it has {}", allowed.join(", "))]
    NoSuchMethod {
        /// The methods that it has.
        allowed: Vec<String>,
    },
    /// The query has a name that the operation does not declare.
    #[error(
        "the query has a name that is not declared; declared: {}",
        listed(declared)
    )]
    QueryNotDeclared {
        /// The names that are declared.
        declared: Vec<String>,
    },
    /// A required query parameter is absent.
    #[error("the {place} is missing")]
    ParameterMissing {
        /// The parameter: `query at`.
        place: String,
    },
    /// A parameter that takes one value occurs twice.
    #[error("the {place} occurs twice")]
    ParameterRepeated {
        /// The parameter.
        place: String,
    },
    /// A parameter's value does not have the declared type, or breaks its schema.
    #[error("the {place} breaks the rule {rule}")]
    ParameterValue {
        /// The parameter.
        place: String,
        /// The keyword of its schema.
        rule: String,
    },
    /// There is a body, and none is declared.
    #[error("there is a body, and the document declares none")]
    BodyNotDeclared,
    /// There is no body, and one is required.
    #[error("the body is missing")]
    BodyMissing,
    /// The body's media type is not declared.
    #[error("the media type is not declared; declared: {}", declared.join(", "))]
    MediaType {
        /// The media types that are declared.
        declared: Vec<String>,
    },
    /// The body is said to be JSON, and is not, or is not UTF-8.
    #[error("the body is not JSON in UTF-8")]
    NotJson,
    /// The body breaks its schema.
    #[error("the body breaks the rule {rule}")]
    Body {
        /// Where in the schema the rule stands.
        rule: String,
    },
    /// The answer's status is not declared.
    #[error("the status {status} is not declared")]
    StatusNotDeclared {
        /// The status.
        status: u16,
    },
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
