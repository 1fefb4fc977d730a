//! Places in the answer's JSON document, and whether the columns of an operation fit together.

use bridge_adapter::Fault;
use serde_json::Value;

use crate::config::Statement;

/// The deepest place in an answer.
const DEPTH_LIMIT: usize = 8;

/// A JSON pointer through objects only. Standard: RFC 6901 §3.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pointer(Vec<String>);

impl Pointer {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(Vec::new()));
        }
        let keys: Vec<String> = text
            .strip_prefix('/')?
            .split('/')
            .map(|key| key.replace("~1", "/").replace("~0", "~"))
            .collect();
        (keys.len() <= DEPTH_LIMIT && keys.iter().all(|key| !key.is_empty())).then_some(Self(keys))
    }

    /// The document itself.
    pub(crate) fn root() -> Self {
        Self(Vec::new())
    }

    /// A member of the document.
    pub(crate) fn key(name: &str) -> Self {
        Self(vec![name.to_owned()])
    }

    /// Whether this is the document itself.
    pub(crate) fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The text, for messages.
    pub(crate) fn text(&self) -> String {
        self.0
            .iter()
            .map(|key| format!("/{}", key.replace('~', "~0").replace('/', "~1")))
            .collect::<Vec<_>>()
            .concat()
    }

    /// The value at this place.
    pub(crate) fn find<'a>(&self, document: &'a Value) -> Option<&'a Value> {
        self.0
            .iter()
            .try_fold(document, |value, key| value.as_object()?.get(key))
    }

    /// The names on the way to it.
    pub(crate) fn keys(&self) -> &[String] {
        &self.0
    }

    fn below(&self, base: &Self) -> Self {
        Self(base.0.iter().chain(&self.0).cloned().collect())
    }

    /// Whether two values at these places would hide one another.
    fn clashes(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(a, b)| a == b)
    }
}

/// Notes places that two columns or statements of an operation both claim.
pub(crate) fn check(place: &str, statements: &[Statement], faults: &mut Vec<Fault>) {
    let mut taken: Vec<(Pointer, &str)> = Vec::new();
    for statement in statements {
        let mut inside: Vec<(Pointer, &str)> = Vec::new();
        for column in &statement.columns {
            if column.to.is_root() {
                let remedy = "write a place such as \"/fin\"";
                faults.push(Fault::new(
                    "place-clash",
                    &column.place,
                    "takes the whole document",
                    remedy,
                ));
                continue;
            }
            claim(&mut inside, column.to.clone(), &column.place, faults);
        }
        if statement.result.is_list() {
            claim(&mut taken, statement.at.clone(), &statement.place, faults);
            continue;
        }
        // Clashes inside the statement were noted above; here it is against the other statements.
        let before = taken.clone();
        for (pointer, column) in inside {
            let pointer = pointer.below(&statement.at);
            claim(&mut before.clone(), pointer.clone(), column, faults);
            taken.push((pointer, column));
        }
    }
    let names: Vec<&str> = statements
        .iter()
        .map(|statement| statement.name.as_str())
        .collect();
    for (index, name) in names.iter().enumerate() {
        if names.iter().take(index).any(|other| other == name) {
            let problem = format!("has two statements named {name:?}");
            faults.push(Fault::new(
                "repeated-statement",
                place,
                problem,
                "give each its own name",
            ));
        }
    }
}

fn claim<'a>(
    taken: &mut Vec<(Pointer, &'a str)>,
    pointer: Pointer,
    place: &'a str,
    faults: &mut Vec<Fault>,
) {
    if let Some((other, _)) = taken.iter().find(|(other, _)| other.clashes(&pointer)) {
        let problem = format!(
            "goes to {:?}, where {:?} already goes",
            pointer.text(),
            other.text()
        );
        faults.push(Fault::new(
            "place-clash",
            place,
            problem,
            "give each its own place",
        ));
    }
    taken.push((pointer, place));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_finds_values() {
        let document =
            serde_json::json!({ "name": { "first": "Aygün", "last": "Əliyeva" }, "a/b": 1 });
        let find = |text| Pointer::parse(text).unwrap().find(&document);
        assert_eq!(find("/name/last").unwrap(), "Əliyeva");
        assert_eq!(find("/a~1b").unwrap(), 1);
        assert!(find("/name/middle").is_none());
        assert_eq!(find(""), Some(&document));
    }

    #[test]
    fn what_is_not_a_pointer_is_refused() {
        for text in ["name", "/", "/a//b", "/1/2/3/4/5/6/7/8/9"] {
            assert!(Pointer::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn a_place_and_a_place_inside_it_clash() {
        let at = |text| Pointer::parse(text).unwrap();
        assert!(
            at("/a").clashes(&at("/a/b"))
                && at("/a/b").clashes(&at("/a"))
                && at("").clashes(&at("/a"))
        );
        assert!(!at("/a").clashes(&at("/ab")) && !at("/a/b").clashes(&at("/a/c")));
    }
}
