//! What a call of an endpoint leaves behind, and what a repeated one does.

use http::Method;

use crate::openapi::Checker;
use crate::section::Section;
use crate::template::Template;
use crate::{Description, Endpoint, Fault};

/// What a call of an endpoint leaves behind in the registry.
///
/// In a manifest it is the key `effect` of an operation: `"reads"`, `"unknown"`, `"stored"`. Where nothing is said the
/// method decides: [`Effect::of_method`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing: it may be repeated at will, and an Idempotency-Key means nothing.
    Reads,
    /// Something that the registry does not keep together with the Idempotency-Key: a repetition could do it twice. The
    /// node calls the registry at most once for a key.
    Unknown,
    /// Something that the registry writes in one transaction of its own with the key, the digest of the content and the
    /// answer. The same key gives the same answer however often and in parallel, another content is
    /// [`crate::AdapterError::KeyReused`]. The node asks again.
    Stored,
}

/// The words of a manifest.
const WORDS: [(&str, Effect); 3] = [
    ("reads", Effect::Reads),
    ("unknown", Effect::Unknown),
    ("stored", Effect::Stored),
];

impl Effect {
    /// What a method means where nobody says more: safe methods read.
    ///
    /// Standard: RFC 9110 §9.2.1.
    pub fn of_method(method: &Method) -> Self {
        if method.is_safe() {
            Self::Reads
        } else {
            Self::Unknown
        }
    }

    /// What a call with this method and these decoded path segments leaves behind: what the endpoint with the closest
    /// path says, else what the method means.
    pub fn of_call(endpoints: &[Endpoint], method: &Method, segments: &[String]) -> Self {
        let matching = endpoints.iter().filter(|own| own.path.fits(segments));
        // The path is chosen first and its methods then, as the checker does.
        let closest = matching.clone().min_by_key(|own| own.path.precedence());
        closest
            .and_then(|closest| {
                let mut same = matching.filter(|own| own.path == closest.path);
                same.find(|own| own.method == *method)
            })
            .map_or_else(|| Self::of_method(method), |own| own.effect)
    }

    /// The word that a manifest says.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Unknown => "unknown",
            Self::Stored => "stored",
        }
    }

    /// Reads the key `effect` of an operation with this method; `None` where it is absent or wrong. Every adapter's
    /// operations say it in this one way.
    pub fn read(
        section: &mut Section<'_>,
        method: &Method,
        faults: &mut Vec<Fault>,
    ) -> Option<Self> {
        let effect = section.optional_word("effect", &WORDS, faults)?;
        if method.is_safe() && effect != Self::Reads {
            let problem = format!("{method} must have no effect");
            let remedy = "remove the key, or use POST, PUT, PATCH or DELETE";
            faults.push(Fault::new(
                "effect-of-safe-method",
                section.place_of("effect"),
                problem,
                remedy,
            ));
            return None;
        }
        Some(effect)
    }
}

impl std::str::FromStr for Effect {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let known = WORDS.iter().find(|(word, _)| *word == text);
        known.map(|(_, effect)| *effect).ok_or(())
    }
}

/// The effects that a manifest names, for adapters whose operations say nothing else:
///
/// ```toml
/// [[http.operation]]
/// service = "charge"
/// method = "POST"
/// path = "/pay"
/// effect = "stored"
/// ```
#[derive(Debug, Clone, Default)]
pub struct Effects(Vec<(String, Endpoint)>);

impl Effects {
    /// Reads the list of tables `operation`. Each must be an endpoint of the OpenAPI document.
    pub fn read(section: &mut Section<'_>, openapi: &Checker, faults: &mut Vec<Fault>) -> Self {
        let tables = section.tables("operation", faults);
        let named = tables
            .into_iter()
            .filter_map(|table| read_named(table, openapi, faults));
        Self(named.collect())
    }

    /// Puts them into a description.
    pub fn describe(&self, description: &mut Description) {
        for (service, named) in &self.0 {
            description.set_effect(service, &named.method, &named.path, named.effect);
        }
    }
}

fn read_named(
    mut section: Section<'_>,
    openapi: &Checker,
    faults: &mut Vec<Fault>,
) -> Option<(String, Endpoint)> {
    let service = section.text("service", faults);
    let method = section.text("method", faults);
    let path = section.text("path", faults);
    let method = method.and_then(|text| Method::from_bytes(text.as_bytes()).ok());
    let effect = method
        .as_ref()
        .map(|method| Effect::read(&mut section, method, faults));
    let place = section.place().to_owned();
    section.finish(faults);
    let (service, method, path) = (service?, method?, path?);
    let known = openapi.endpoints(service);
    let same = |own: &&Endpoint| own.method == method && own.path.as_str() == path;
    let Some(found) = known.iter().find(same) else {
        let problem = format!("{method} {path:?} of {service} is not in openapi.json");
        let remedy = "write service, method and path as they stand there";
        faults.push(Fault::new(
            "operation-not-in-openapi",
            place,
            problem,
            remedy,
        ));
        return None;
    };
    let effect = effect.flatten().unwrap_or(found.effect);
    Some((
        service.to_owned(),
        Endpoint {
            effect,
            ..found.clone()
        },
    ))
}

impl Endpoint {
    /// Makes an endpoint with the effect that its method means.
    pub fn new(method: Method, path: Template) -> Self {
        let effect = Effect::of_method(&method);
        Self {
            method,
            path,
            effect,
        }
    }
}

#[cfg(test)]
mod tests;
