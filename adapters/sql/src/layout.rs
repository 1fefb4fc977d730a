//! How an answer's JSON is written: settled at start, so that a call only fills in its values.

use crate::config::{Rows, Statement};
use crate::shape::Pointer;

/// The objects of a document or of a row, and where its values stand in them.
#[derive(Debug)]
pub(crate) struct Layout {
    root: Node,
    /// The bytes of all that is not a value.
    frame_bytes: usize,
}

#[derive(Debug)]
enum Node {
    /// The value with this number.
    Value(usize),
    Object(Object),
}

/// An object. Without members it is left out, unless a row of it was found.
#[derive(Debug, Default)]
struct Object {
    /// In the order of their names.
    members: Vec<Member>,
    /// The numbers that have a value, of no bytes, if a statement found its row.
    found: Vec<usize>,
}

#[derive(Debug)]
struct Member {
    name: String,
    /// As it is written: `"name":`.
    written: String,
    node: Node,
}

impl Layout {
    /// The layout of a row: the values are its columns.
    pub(crate) fn row<'a>(columns: impl Iterator<Item = &'a Pointer>) -> Self {
        let mut root = Node::Object(Object::default());
        for (number, to) in columns.enumerate() {
            root.put(to.keys(), Node::Value(number));
        }
        Self::of(root)
    }

    /// The layout of an operation's document: the values are those of its statements, each with numbers of its own.
    pub(crate) fn document(statements: &[Statement]) -> Self {
        let mut root = Node::Object(Object::default());
        for statement in statements {
            let first = statement.first_value;
            let (at, columns) = (statement.at.keys(), &statement.columns);
            match statement.result {
                Rows::One => {
                    let object = Object {
                        found: vec![first.saturating_add(columns.len())],
                        ..Object::default()
                    };
                    root.put(at, Node::Object(object));
                    for (column, number) in columns.iter().zip(first..) {
                        root.put(&[at, column.to.keys()].concat(), Node::Value(number));
                    }
                }
                Rows::Many => root.put(at, Node::Value(first)),
                Rows::Stream | Rows::Counted => {}
            }
        }
        Self::of(root)
    }

    fn of(root: Node) -> Self {
        let frame_bytes = root.frame_bytes();
        Self { root, frame_bytes }
    }

    /// The most bytes that it writes beside the values.
    pub(crate) fn frame_bytes(&self) -> usize {
        self.frame_bytes
    }

    /// Writes it. `value` writes the value with a number, and says whether there is one.
    pub(crate) fn write<E>(
        &self,
        out: &mut Vec<u8>,
        mut value: impl FnMut(usize, &mut Vec<u8>) -> Result<bool, E>,
    ) -> Result<(), E> {
        self.root.write(out, &mut value).map(drop)
    }
}

impl Node {
    /// Puts a node at a place, making the objects on the way. Two that would hide one another are excluded at start by
    /// `shape::check`; an object that is there already stays.
    fn put(&mut self, way: &[String], node: Self) {
        let Some((name, rest)) = way.split_first() else {
            match (&mut *self, node) {
                (Self::Object(own), Self::Object(other)) => own.found.extend(other.found),
                (own, node) => *own = node,
            }
            return;
        };
        let Self::Object(object) = self else { return };
        let found = object
            .members
            .binary_search_by(|member| member.name.cmp(name));
        let index = found.unwrap_or_else(|index| {
            object.members.insert(index, Member::new(name));
            index
        });
        if let Some(member) = object.members.get_mut(index) {
            member.node.put(rest, node);
        }
    }

    /// Writes the node, and says whether there is anything of it. What is written of nothing, the caller takes back.
    fn write<E, F>(&self, out: &mut Vec<u8>, value: &mut F) -> Result<bool, E>
    where
        F: FnMut(usize, &mut Vec<u8>) -> Result<bool, E>,
    {
        let object = match self {
            Self::Value(number) => return value(*number, out),
            Self::Object(object) => object,
        };
        out.push(b'{');
        let mut any = false;
        for member in &object.members {
            let before = out.len();
            if any {
                out.push(b',');
            }
            out.extend_from_slice(member.written.as_bytes());
            if member.node.write(out, value)? {
                any = true;
            } else {
                out.truncate(before);
            }
        }
        out.push(b'}');
        for number in &object.found {
            any = any || value(*number, out)?;
        }
        Ok(any)
    }

    fn frame_bytes(&self) -> usize {
        match self {
            Self::Value(_) => 0,
            Self::Object(object) => object.members.iter().fold(2, |bytes, member| {
                let own = member.written.len().saturating_add(1);
                bytes
                    .saturating_add(own)
                    .saturating_add(member.node.frame_bytes())
            }),
        }
    }
}

impl Member {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            written: format!("{}:", serde_json::Value::from(name)),
            node: Node::Object(Object::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Column, Empty};
    use crate::dialect::PerDatabase;
    use crate::value::Type;

    fn row(places: &[&str]) -> Layout {
        let places: Vec<_> = places
            .iter()
            .map(|text| Pointer::parse(text).unwrap())
            .collect();
        Layout::row(places.iter())
    }

    /// Writes a layout with the values that are there.
    fn written(layout: &Layout, values: &[Option<&str>]) -> String {
        let mut out = Vec::new();
        let value = |number: usize, out: &mut Vec<u8>| {
            let value = values[number];
            out.extend_from_slice(value.unwrap_or_default().as_bytes());
            Ok::<_, std::convert::Infallible>(value.is_some())
        };
        let Ok(()) = layout.write(&mut out, value);
        assert!(
            out.len()
                <= layout.frame_bytes() + values.iter().flatten().map(|v| v.len()).sum::<usize>()
        );
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn members_stand_in_the_order_of_their_names_with_their_objects_around_them() {
        let layout = row(&["/name/last", "/fin", "/name/first", "/a~1\"b", "/name/b/c"]);
        let all = [Some("1"), Some("2"), Some("3"), Some("4"), Some("5")];
        assert_eq!(
            written(&layout, &all),
            r#"{"a/\"b":4,"fin":2,"name":{"b":{"c":5},"first":3,"last":1}}"#
        );
        let some = [Some("1"), None, None, Some("[4]"), None];
        assert_eq!(
            written(&layout, &some),
            r#"{"a/\"b":[4],"name":{"last":1}}"#
        );
        let last = [None, None, None, None, Some("null")];
        assert_eq!(written(&layout, &last), r#"{"name":{"b":{"c":null}}}"#);
        assert_eq!(written(&layout, &[None; 5]), "{}");
    }

    /// A statement as manifests have it.
    fn statement(result: Rows, at: &str, columns: &[&str], first_value: usize) -> Statement {
        let column = |to: &&str| Column {
            place: String::new(),
            name: (*to).to_owned(),
            to: Pointer::parse(to).unwrap(),
            kind: Type::Integer,
            keep_null: false,
        };
        Statement {
            id: 0,
            place: String::new(),
            name: at.to_owned(),
            sql: PerDatabase::both("SELECT 1"),
            result,
            at: Pointer::parse(at).unwrap(),
            empty: Empty::LeaveOut,
            columns: columns.iter().map(column).collect(),
            row: Layout::row(std::iter::empty()),
            first_value,
            is_document: false,
        }
    }

    #[test]
    fn single_rows_of_two_statements_stand_in_one_object_together() {
        let statements = [
            statement(Rows::One, "/owner", &["/name/last", "/fin"], 0),
            statement(Rows::One, "/owner", &["/name/first"], 3),
            statement(Rows::Many, "/owner/cars", &["/plate"], 5),
            statement(Rows::One, "", &["/at"], 6),
        ];
        let layout = Layout::document(&statements);
        let (none, row) = (None, Some(""));
        let list = Some("[]");
        let all = [
            Some("1"),
            Some("2"),
            row,
            Some("3"),
            row,
            list,
            Some("4"),
            row,
        ];
        assert_eq!(
            written(&layout, &all),
            r#"{"at":4,"owner":{"cars":[],"fin":2,"name":{"first":3,"last":1}}}"#
        );
        let second = [none, none, none, Some("3"), row, none, none, none];
        assert_eq!(
            written(&layout, &second),
            r#"{"owner":{"name":{"first":3}}}"#
        );
        // Two rows without values, one row without values, and no row.
        let empty = [none, none, row, none, row, none, none, none];
        assert_eq!(written(&layout, &empty), r#"{"owner":{}}"#);
        let later = [none, none, none, none, row, none, none, none];
        assert_eq!(written(&layout, &later), r#"{"owner":{}}"#);
        assert_eq!(written(&layout, &[none; 8]), "{}");
    }

    #[test]
    fn an_object_whose_row_was_found_stands_even_if_it_is_empty() {
        let way = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| (*name).to_owned()).collect()
        };
        let mut root = Node::Object(Object::default());
        let row = Object {
            found: vec![1],
            ..Object::default()
        };
        root.put(&way(&["owner"]), Node::Object(row));
        root.put(&way(&["owner", "fin"]), Node::Value(0));
        let layout = Layout::of(root);
        assert_eq!(written(&layout, &[None, None]), "{}");
        assert_eq!(written(&layout, &[None, Some("")]), r#"{"owner":{}}"#);
        let both = written(&layout, &[Some("1"), Some("")]);
        assert_eq!(both, r#"{"owner":{"fin":1}}"#);
    }
}
