//! What a reader prefers: the language and the form in which a node puts its own words to it.
//!
//! Both readers are total and linear in what was sent: an element that breaks the grammar counts for nothing, and where nothing
//! is left the node's own choice stands, which is JSON and the language of its settings.
//!
//! ```
//! use bridge_core::accept::{ErrorForm, Language, error_form, language};
//! use http::HeaderMap;
//!
//! let mut fields = HeaderMap::new();
//! fields.insert("accept", "application/json;q=0.5, text/xml".parse().unwrap());
//! fields.insert("accept-language", "az-AZ, en;q=0.7".parse().unwrap());
//! assert_eq!(error_form(&fields), ErrorForm::TextXml);
//! assert_eq!(language(&fields, Language::English), Language::Azerbaijani);
//! ```

use std::str::FromStr;

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_LANGUAGE, HeaderName};

/// A language that every refusal is told in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// `en`
    English,
    /// `az`, in Latin letters.
    Azerbaijani,
}

/// The form of an error's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorForm {
    /// `application/json`
    Json,
    /// `application/xml`
    ApplicationXml,
    /// `text/xml`
    TextXml,
}

// === impl Language ===

impl Language {
    /// Every language, in the order of preference where a reader has none.
    pub const ALL: [Self; 2] = [Self::English, Self::Azerbaijani];

    /// Returns the language tag. Standard: RFC 5646 §2.2.1.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Azerbaijani => "az",
        }
    }
}

impl FromStr for Language {
    type Err = UnknownLanguage;

    fn from_str(text: &str) -> Result<Self, UnknownLanguage> {
        let known = Self::ALL.into_iter().find(|known| known.tag() == text);
        known.ok_or(UnknownLanguage)
    }
}

/// A language tag that names none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a language of this node")]
pub struct UnknownLanguage;

// === impl ErrorForm ===

impl ErrorForm {
    /// Every form; where a reader has no preference, the first.
    pub const ALL: [Self; 3] = [Self::Json, Self::ApplicationXml, Self::TextXml];

    /// Returns the value of `Content-Type`.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json; charset=utf-8",
            Self::ApplicationXml => "application/xml; charset=utf-8",
            Self::TextXml => "text/xml; charset=utf-8",
        }
    }

    fn media_type(self) -> (&'static str, &'static str) {
        match self {
            Self::Json => ("application", "json"),
            Self::ApplicationXml => ("application", "xml"),
            Self::TextXml => ("text", "xml"),
        }
    }

    /// How closely a media range names this form, from 1; `None` if it does not.
    fn named_by(self, range: &str) -> Option<u8> {
        let (kind, sub) = self.media_type();
        let (range_kind, range_sub) = range.split_once('/')?;
        if range_kind == "*" && range_sub == "*" {
            Some(1)
        } else if !range_kind.eq_ignore_ascii_case(kind) {
            None
        } else if range_sub == "*" {
            Some(2)
        } else {
            range_sub.eq_ignore_ascii_case(sub).then_some(3)
        }
    }
}

/// Returns the form that `Accept` prefers. Of equal weights the one that is named more closely wins, then JSON.
///
/// Parameters of a media range other than its weight are not looked at.
///
/// Standard: RFC 9110 §12.5.1.
pub fn error_form(fields: &HeaderMap) -> ErrorForm {
    let ranges = weighted(fields, &ACCEPT);
    let rank = |form: ErrorForm| {
        let named = ranges
            .iter()
            .filter_map(|range| Some((form.named_by(&range.name)?, range.weight)));
        // The closest name decides, and of several the heaviest.
        let (closeness, weight) = named.max().unwrap_or((0, 0));
        (weight, if weight == 0 { 0 } else { closeness })
    };
    best(ErrorForm::ALL, rank).unwrap_or(ErrorForm::Json)
}

/// Returns the language that `Accept-Language` prefers, `default` where it prefers none of ours. Of equal weights the language
/// that is named first wins.
///
/// Standard: RFC 9110 §12.5.4, RFC 4647 §3.4.
pub fn language(fields: &HeaderMap, default: Language) -> Language {
    let ranges = weighted(fields, &ACCEPT_LANGUAGE);
    let rank = |language: Language| {
        let of = |matches: &dyn Fn(&str) -> bool| {
            let found = ranges.iter().enumerate().filter(|(_, r)| matches(&r.name));
            found.map(|(at, r)| (r.weight, ranges.len() - at)).max()
        };
        // `az-Latn-AZ` asks for `az`: what stands behind the first hyphen only narrows it.
        let named = of(&|range| {
            let primary = range.split('-').next().unwrap_or(range);
            primary.eq_ignore_ascii_case(language.tag())
        });
        named
            .or_else(|| of(&|range| range == "*"))
            .unwrap_or((0, 0))
    };
    let others = Language::ALL.into_iter().filter(|other| *other != default);
    best([default].into_iter().chain(others), |language| {
        let (weight, place) = rank(language);
        (weight, if weight == 0 { 0 } else { place })
    })
    .unwrap_or(default)
}

/// The first of the candidates with the highest rank.
fn best<T: Copy, R: Ord>(
    candidates: impl IntoIterator<Item = T>,
    rank: impl Fn(T) -> R,
) -> Option<T> {
    candidates.into_iter().reduce(
        |best, next| {
            if rank(next) > rank(best) { next } else { best }
        },
    )
}

/// One element of a list with weights.
struct Weighted {
    name: String,
    /// Thousandths.
    weight: u16,
}

/// Reads a list of names with weights over all lines of a field. Standard: RFC 9110 §5.6.1, §12.4.2.
fn weighted(fields: &HeaderMap, name: &HeaderName) -> Vec<Weighted> {
    let lines = fields.get_all(name).iter();
    let lines = lines.filter_map(|line| line.to_str().ok());
    lines
        .flat_map(|line| split(line, ','))
        .filter_map(element)
        .collect()
}

fn element(text: &str) -> Option<Weighted> {
    let mut parts = split(text, ';').map(|part| part.trim_matches([' ', '\t']));
    let name = parts.next().filter(|name| is_name(name))?.to_owned();
    let mut weight = 1000;
    for part in parts {
        let (key, value) = part.split_once('=')?;
        if key.eq_ignore_ascii_case("q") {
            weight = thousandths(value)?;
        }
    }
    Some(Weighted { name, weight })
}

/// Splits where the separator stands outside quotation marks.
fn split(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(move |character| {
        if escaped {
            escaped = false;
        } else if character == '"' {
            quoted = !quoted;
        } else if quoted {
            escaped = character == '\\';
        } else {
            return character == separator;
        }
        false
    })
}

fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~/".contains(&byte);
    !text.is_empty() && text.bytes().all(fits)
}

/// Reads `0.123` or `1`. Standard: RFC 9110 §12.4.2.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
    if rest.len() > 3 || !rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let part: u16 = format!("{rest:0<3}").parse().ok()?;
    match whole {
        "0" => Some(part),
        "1" if part == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
