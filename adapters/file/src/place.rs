//! Places of columns in the JSON object of a row.

use bridge_adapter::Fault;
use serde_json::{Map, Value};

/// The deepest place in an answer.
const DEPTH_LIMIT: usize = 8;

/// A JSON pointer through objects, below the row. Standard: RFC 6901 §3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(Vec<String>);

impl Place {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let keys: Vec<String> = text
            .strip_prefix('/')?
            .split('/')
            .map(|key| key.replace("~1", "/").replace("~0", "~"))
            .collect();
        (keys.len() <= DEPTH_LIMIT && keys.iter().all(|key| !key.is_empty())).then_some(Self(keys))
    }

    /// Puts a value there, making the objects on the way.
    pub(crate) fn put(&self, row: &mut Map<String, Value>, value: Value) {
        let Some((last, way)) = self.0.split_last() else {
            return;
        };
        let mut object = row;
        for key in way {
            let next = object
                .entry(key)
                .or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(next) = next else {
                // Excluded at start by `clashes`.
                return;
            };
            object = next;
        }
        object.insert(last.clone(), value);
    }

    fn hides(&self, other: &Self) -> bool {
        self.0.iter().zip(&other.0).all(|(own, other)| own == other)
    }
}

/// Notes columns that want one place.
pub(crate) fn clashes(columns: &[(&Place, &str)], faults: &mut Vec<Fault>) {
    for (index, (place, at)) in columns.iter().enumerate() {
        let mut before = columns.iter().take(index);
        if let Some((_, other)) = before.find(|(other, _)| other.hides(place)) {
            let problem = format!("goes where {other} already goes");
            faults.push(Fault::new(
                "place-clash",
                *at,
                problem,
                "give each its own place",
            ));
        }
    }
}
