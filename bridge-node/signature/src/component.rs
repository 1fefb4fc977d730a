//! Component identifiers: which part of a message a signature covers.

use std::borrow::Cow;
use std::fmt;

use sfv::{BareItem, Item};

use crate::received::ParseError;
use crate::structured::{is_string, write_string};

/// Names one covered part of a message: a field, or a derived component such as `@method`.
///
/// Two components are equal when they name the same part, in whatever order their parameters stand; [`fmt::Display`]
/// writes them in the order given, as in `Signature-Input`. Whether a name exists is judged by
/// [`signature_base`](crate::signature_base).
///
/// ```
/// use bridge_signature::Component;
/// let component = Component::new("signature").of_request().with_key("bridge");
/// assert_eq!(component.to_string(), r#""signature";req;key="bridge""#);
/// ```
///
/// Standard: RFC 9421 §2.
#[derive(Clone, Debug)]
pub struct Component<'a> {
    name: Cow<'a, str>,
    /// In the order given.
    parameters: Parameters<'a>,
}

/// Nearly every component has none or one that says nothing more: neither takes memory of its own.
#[derive(Clone, Debug)]
enum Parameters<'a> {
    Plain,
    OfRequest,
    Listed(Vec<Parameter<'a>>),
}

/// A parameter of a component identifier, each at most once.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Parameter<'a> {
    Request,
    Structured,
    Bytes,
    Key(Cow<'a, str>),
    QueryName(Cow<'a, str>),
}

impl<'a> Component<'a> {
    /// Makes the component of that name, without parameters. Field names are lowercase.
    pub fn new(name: impl Into<Cow<'a, str>>) -> Self {
        Self {
            name: name.into(),
            parameters: Parameters::Plain,
        }
    }

    /// Takes the value from the request that an answer belongs to (`;req`). Standard: RFC 9421 §2.4.
    #[must_use]
    pub fn of_request(mut self) -> Self {
        if let Parameters::Plain = self.parameters {
            self.parameters = Parameters::OfRequest;
            return self;
        }
        self.with(Parameter::Request)
    }

    /// Takes one member of a dictionary field (`;key=`). Standard: RFC 9421 §2.1.2.
    #[must_use]
    pub fn with_key(self, key: impl Into<Cow<'a, str>>) -> Self {
        self.with(Parameter::Key(key.into()))
    }

    /// Takes the strict serialisation of a structured field (`;sf`). Standard: RFC 9421 §2.1.1.
    #[must_use]
    pub fn structured(self) -> Self {
        self.with(Parameter::Structured)
    }

    /// Takes each line of a field as bytes (`;bs`). Standard: RFC 9421 §2.1.3.
    #[must_use]
    pub fn bytes(self) -> Self {
        self.with(Parameter::Bytes)
    }

    /// Names the query parameter of `@query-param` (`;name=`), percent-encoded. Standard: RFC 9421 §2.2.8.
    #[must_use]
    pub fn with_query_name(self, name: impl Into<Cow<'a, str>>) -> Self {
        self.with(Parameter::QueryName(name.into()))
    }

    /// Makes the component independent of the message that it was taken from.
    #[must_use]
    pub fn into_owned(self) -> Component<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        Component {
            name: own(self.name),
            parameters: match self.parameters {
                Parameters::Plain => Parameters::Plain,
                Parameters::OfRequest => Parameters::OfRequest,
                Parameters::Listed(list) => {
                    let owned = list.into_iter().map(|parameter| match parameter {
                        Parameter::Request => Parameter::Request,
                        Parameter::Structured => Parameter::Structured,
                        Parameter::Bytes => Parameter::Bytes,
                        Parameter::Key(key) => Parameter::Key(own(key)),
                        Parameter::QueryName(name) => Parameter::QueryName(own(name)),
                    });
                    Parameters::Listed(owned.collect())
                }
            },
        }
    }

    /// Returns the name without parameters.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Says whether the value comes from the request that an answer belongs to.
    pub fn is_of_request(&self) -> bool {
        self.parameters().contains(&Parameter::Request)
    }

    /// Says whether the value is a structured field, serialised strictly.
    pub fn is_structured(&self) -> bool {
        self.parameters().contains(&Parameter::Structured)
    }

    /// Says whether the value is the field's lines as bytes.
    pub fn is_bytes(&self) -> bool {
        self.parameters().contains(&Parameter::Bytes)
    }

    /// Returns the dictionary key whose member is covered.
    pub fn key(&self) -> Option<&str> {
        self.parameters()
            .iter()
            .find_map(|parameter| match parameter {
                Parameter::Key(key) => Some(&**key),
                Parameter::Request
                | Parameter::Structured
                | Parameter::Bytes
                | Parameter::QueryName(_) => None,
            })
    }

    /// Returns the name of the query parameter that is covered.
    pub fn query_name(&self) -> Option<&str> {
        self.parameters()
            .iter()
            .find_map(|parameter| match parameter {
                Parameter::QueryName(name) => Some(&**name),
                Parameter::Request
                | Parameter::Structured
                | Parameter::Bytes
                | Parameter::Key(_) => None,
            })
    }

    /// Reads one member of a received inner list.
    pub(crate) fn from_item(item: &Item) -> Result<Self, ParseError> {
        let Some(name) = item.bare_item.as_string() else {
            return Err(ParseError::ComponentNotText);
        };
        let mut component = Self::new(name.as_str().to_owned());
        for (parameter, value) in &item.params {
            component = match (parameter.as_str(), value) {
                ("req", BareItem::Boolean(true)) => component.of_request(),
                ("sf", BareItem::Boolean(true)) => component.structured(),
                ("bs", BareItem::Boolean(true)) => component.bytes(),
                ("key", BareItem::String(key)) => component.with_key(key.as_str().to_owned()),
                ("name", BareItem::String(name)) => {
                    component.with_query_name(name.as_str().to_owned())
                }
                (other, _) => {
                    return Err(ParseError::ComponentParameter {
                        component: component.name.into_owned(),
                        parameter: other.to_owned(),
                    });
                }
            };
        }
        Ok(component)
    }

    /// Writes the identifier of a component that its message has, and says whether it can be written.
    ///
    /// What names a part of a message is never quoted: a name that would have to be is refused for naming nothing.
    pub(crate) fn write_present(&self, out: &mut String) -> bool {
        let behind = match self.parameters {
            Parameters::Plain => "\"",
            Parameters::OfRequest => "\";req",
            Parameters::Listed(_) => {
                let start = out.len();
                self.write(out);
                return is_string(out.get(start..).unwrap_or_default());
            }
        };
        out.push('"');
        out.push_str(&self.name);
        out.push_str(behind);
        true
    }

    /// Writes the identifier as in `Signature-Input`.
    pub(crate) fn write(&self, out: &mut String) {
        write_string(&self.name, out);
        for parameter in self.parameters() {
            match parameter {
                Parameter::Request => out.push_str(";req"),
                Parameter::Structured => out.push_str(";sf"),
                Parameter::Bytes => out.push_str(";bs"),
                Parameter::Key(key) => {
                    out.push_str(";key=");
                    write_string(key, out);
                }
                Parameter::QueryName(name) => {
                    out.push_str(";name=");
                    write_string(name, out);
                }
            }
        }
    }

    /// Adds a parameter, in place of an earlier one of the same kind.
    fn with(mut self, parameter: Parameter<'a>) -> Self {
        let kind = std::mem::discriminant(&parameter);
        let others = self
            .parameters()
            .iter()
            .filter(|present| std::mem::discriminant(*present) != kind);
        let list: Vec<_> = others.cloned().chain(std::iter::once(parameter)).collect();
        self.parameters = match list.as_slice() {
            [Parameter::Request] => Parameters::OfRequest,
            _ => Parameters::Listed(list),
        };
        self
    }

    fn parameters(&self) -> &[Parameter<'a>] {
        match &self.parameters {
            Parameters::Plain => &[],
            Parameters::OfRequest => &[Parameter::Request],
            Parameters::Listed(list) => list,
        }
    }
}

impl PartialEq for Component<'_> {
    fn eq(&self, other: &Self) -> bool {
        if self.name != other.name {
            return false;
        }
        match (&self.parameters, &other.parameters) {
            (Parameters::Plain, Parameters::Plain)
            | (Parameters::OfRequest, Parameters::OfRequest) => true,
            // No kind occurs twice, so equal lengths and inclusion make equal sets.
            _ => {
                let (own, others) = (self.parameters(), other.parameters());
                own.len() == others.len() && own.iter().all(|one| others.contains(one))
            }
        }
    }
}

impl Eq for Component<'_> {}

impl fmt::Display for Component<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.write(&mut text);
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_of_parameters_is_kept_but_is_no_difference() {
        let one = Component::new("signature").of_request().with_key("a");
        let other = Component::new("signature").with_key("a").of_request();
        assert_eq!(one, other);
        assert_ne!(one.to_string(), other.to_string());
    }

    #[test]
    fn parameters_make_different_components() {
        let plain = Component::new("signature");
        for other in [
            Component::new("signature-input"),
            plain.clone().of_request(),
            plain.clone().with_key("a"),
            plain.clone().structured(),
            plain.clone().bytes(),
            plain.clone().with_query_name("a"),
        ] {
            assert_ne!(plain, other);
        }
        assert_ne!(plain.clone().with_key("a"), plain.with_key("b"));
    }

    #[test]
    fn a_parameter_given_again_replaces_the_first() {
        let component = Component::new("signature")
            .with_key("a")
            .of_request()
            .with_key("b");
        assert_eq!(component.to_string(), r#""signature";req;key="b""#);
    }
}
