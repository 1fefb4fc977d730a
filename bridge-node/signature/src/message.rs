//! Messages, and what a component's value is in them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;

use crate::base::BaseError;
use crate::component::Component;
use crate::structured::is_string;
use crate::{query, structured};

/// Shows a request as its receiver sees it.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    /// The method, in its own case.
    pub method: &'a str,
    /// The request target in origin form: path and query, starting with `/`.
    pub target: &'a str,
    /// The authority: host and, unless it is the scheme's own, port.
    pub authority: &'a str,
    /// The scheme, `https` or `http`.
    pub scheme: &'a str,
    /// The fields.
    pub fields: &'a HeaderMap,
}

/// Shows an answer and the request it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct AnswerView<'a> {
    /// The status code, three digits.
    pub status: u16,
    /// The fields.
    pub fields: &'a HeaderMap,
    /// The request that it answers, as it was signed.
    pub request: RequestView<'a>,
}

/// A message that is signed or verified.
#[derive(Clone, Copy, Debug)]
pub enum Message<'a> {
    /// A request.
    Request(RequestView<'a>),
    /// An answer, together with its request.
    Answer(AnswerView<'a>),
}

impl<'a> Message<'a> {
    /// Returns the fields of the message itself.
    pub fn fields(&self) -> &'a HeaderMap {
        match self {
            Self::Request(request) => request.fields,
            Self::Answer(answer) => answer.fields,
        }
    }
}

/// A message whose components are written one after the other.
pub(crate) struct Reading<'a> {
    message: Message<'a>,
    fields: Fields<'a>,
    /// Of an answer: the fields of its request.
    of_request: Fields<'a>,
}

/// The lines of a message in their order, with their names. A map would hash every name that is looked up: so few lines are
/// looked through faster.
struct Fields<'a>(Vec<(&'a str, &'a [u8])>);

impl<'a> Fields<'a> {
    fn new(fields: &'a HeaderMap) -> Self {
        let lines = fields.iter();
        Self(
            lines
                .map(|(name, line)| (name.as_str(), line.as_bytes()))
                .collect(),
        )
    }

    fn lines(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let lines = self.0.iter().filter(move |(other, _)| *other == name);
        lines.map(|(_, line)| line.trim_ascii())
    }
}

impl<'a> Reading<'a> {
    pub(crate) fn new(message: &Message<'a>) -> Self {
        let of_request = match message {
            Message::Request(_) => Fields(Vec::new()),
            Message::Answer(answer) => Fields::new(answer.request.fields),
        };
        Self {
            message: *message,
            fields: Fields::new(message.fields()),
            of_request,
        }
    }

    /// Appends a component's value to a signature base.
    ///
    /// Standard: RFC 9421 §2.5, step 2.4.
    pub(crate) fn write(
        &self,
        component: &Component<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), BaseError> {
        match (&self.message, component.is_of_request()) {
            (Message::Request(_), true) => Err(BaseError::NotHere(component.to_string())),
            (Message::Request(request), false) => request.write(&self.fields, component, out),
            (Message::Answer(answer), true) => {
                answer.request.write(&self.of_request, component, out)
            }
            (Message::Answer(answer), false) if component.name() == "@status" => {
                plain(component)?;
                out.extend_from_slice(answer.status.to_string().as_bytes());
                Ok(())
            }
            (Message::Answer(_), false) if component.name().starts_with('@') => {
                Err(BaseError::NotHere(component.to_string()))
            }
            (Message::Answer(_), false) => write_field(&self.fields, component, out),
        }
    }
}

impl RequestView<'_> {
    fn write(
        &self,
        fields: &Fields<'_>,
        component: &Component<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), BaseError> {
        match component.name() {
            "@query-param" => return self.write_query_parameter(component, out),
            name if name.starts_with('@') => plain(component)?,
            _ => return write_field(fields, component, out),
        }
        match component.name() {
            "@method" => out.extend_from_slice(self.method.as_bytes()),
            "@authority" => out.extend_from_slice(self.normal_authority().as_bytes()),
            "@scheme" => out.extend_from_slice(self.scheme.to_ascii_lowercase().as_bytes()),
            "@request-target" => out.extend_from_slice(self.target.as_bytes()),
            "@target-uri" => {
                let (scheme, authority) =
                    (self.scheme.to_ascii_lowercase(), self.normal_authority());
                self.path_and_query()?;
                out.extend_from_slice(format!("{scheme}://{authority}{}", self.target).as_bytes());
            }
            "@path" => out.extend_from_slice(self.path_and_query()?.0.as_bytes()),
            "@query" => {
                out.push(b'?');
                out.extend_from_slice(self.path_and_query()?.1.as_bytes());
            }
            "@status" => return Err(BaseError::NotHere(component.to_string())),
            other => return Err(BaseError::Name(other.to_owned())),
        }
        Ok(())
    }

    fn write_query_parameter(
        &self,
        component: &Component<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), BaseError> {
        let only_name =
            component.key().is_none() && !component.is_structured() && !component.is_bytes();
        let (Some(name), true) = (component.query_name(), only_name) else {
            return Err(BaseError::Incompatible(component.to_string()));
        };
        let value = query::parameter(self.path_and_query()?.1, name)?;
        out.extend_from_slice(value.as_bytes());
        Ok(())
    }

    /// Splits an origin-form target. The other forms have no path that a signature could name.
    fn path_and_query(&self) -> Result<(&str, &str), BaseError> {
        if !self.target.starts_with('/') {
            return Err(BaseError::NotOriginForm);
        }
        Ok(self.target.split_once('?').unwrap_or((self.target, "")))
    }

    /// Lowercases the host and leaves the scheme's own port out. Standard: RFC 9110 §4.2.3.
    fn normal_authority(&self) -> String {
        let own_port = if self.scheme.eq_ignore_ascii_case("https") {
            ":443"
        } else if self.scheme.eq_ignore_ascii_case("http") {
            ":80"
        } else {
            ""
        };
        let host = self.authority.strip_suffix(own_port);
        host.unwrap_or(self.authority).to_ascii_lowercase()
    }
}

/// Refuses parameters (other than `req`) on a derived component that has none.
fn plain(component: &Component<'_>) -> Result<(), BaseError> {
    if component.is_structured()
        || component.is_bytes()
        || component.key().is_some()
        || component.query_name().is_some()
    {
        return Err(BaseError::Incompatible(component.to_string()));
    }
    Ok(())
}

fn write_field(
    fields: &Fields<'_>,
    component: &Component<'_>,
    out: &mut Vec<u8>,
) -> Result<(), BaseError> {
    let name = component.name();
    let mut lines = fields.lines(name);
    let Some(first) = lines.next() else {
        // No field has such a name: it was not only left out.
        if name.is_empty() || !is_string(name) || name.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(BaseError::Name(name.to_owned()));
        }
        return Err(BaseError::Absent(component.to_string()));
    };
    let structured = component.is_structured() || component.key().is_some();
    if component.query_name().is_some() || (component.is_bytes() && structured) {
        return Err(BaseError::Incompatible(component.to_string()));
    }
    let all = std::iter::once(first).chain(lines);
    if component.is_bytes() {
        let wrapped: Vec<String> = all
            .map(|line| format!(":{}:", STANDARD.encode(line)))
            .collect();
        out.extend_from_slice(wrapped.join(", ").as_bytes());
        return Ok(());
    }
    let start = out.len();
    for (position, line) in all.enumerate() {
        if position > 0 {
            // Cookies hold commas, so joined lines could be split in another way. Standard: RFC 9421 §2.1.
            if name == "set-cookie" {
                return Err(BaseError::NotJoinable(component.to_string()));
            }
            out.extend_from_slice(b", ");
        }
        out.extend_from_slice(line);
    }
    if !structured {
        return Ok(());
    }
    let value = out.split_off(start);
    let unreadable = || BaseError::NotStructured(component.to_string());
    let text = std::str::from_utf8(&value).or(Err(unreadable()))?;
    let text = match component.key() {
        Some(key) => structured::member(text, key)
            .ok_or_else(|| BaseError::Absent(component.to_string()))?
            .or(Err(unreadable()))?,
        None => structured::strict(text).ok_or_else(unreadable)?.into(),
    };
    out.extend_from_slice(text.as_bytes());
    Ok(())
}
