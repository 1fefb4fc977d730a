//! A table in memory: its rows, and what they are found by.

use std::collections::HashMap;
use std::time::SystemTime;

use serde_json::{Map, Value};

use crate::config::{Column, Compare, Empty};
use crate::kind::{Cell, Key};

/// The rows of a file that was found good.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) rows: Vec<Box<[Cell]>>,
    /// Of a column: the rows with each key, in the order of the file.
    indexes: HashMap<usize, HashMap<Key, Vec<usize>>>,
    /// When the file was written.
    pub(crate) modified: Option<SystemTime>,
}

/// What rows are chosen by.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) column: usize,
    pub(crate) compare: Compare,
    pub(crate) value: Cell,
}

impl Table {
    /// Makes a table whose rows can be found by the given columns without a look at all of them.
    pub(crate) fn new(
        rows: Vec<Box<[Cell]>>,
        keyed: &[usize],
        modified: Option<SystemTime>,
    ) -> Self {
        let mut indexes = HashMap::new();
        for column in keyed {
            let mut index: HashMap<Key, Vec<usize>> = HashMap::new();
            for (number, row) in rows.iter().enumerate() {
                if let Some(key) = row.get(*column).and_then(Cell::key) {
                    index.entry(key).or_default().push(number);
                }
            }
            indexes.insert(*column, index);
        }
        Self {
            rows,
            indexes,
            modified,
        }
    }

    /// The numbers of the rows that all filters let through, in the order of the file.
    pub(crate) fn find(&self, filters: &[Filter]) -> Vec<usize> {
        let indexed = filters.iter().filter_map(|filter| self.indexed(filter));
        let passes = |number: &usize| {
            let row = self.rows.get(*number);
            row.is_some_and(|row| filters.iter().all(|filter| filter.passes(row)))
        };
        match indexed.min_by_key(|rows| rows.len()) {
            Some(rows) => rows.iter().copied().filter(passes).collect(),
            None => (0..self.rows.len()).filter(passes).collect(),
        }
    }

    /// The rows that an index has for a filter; `None` if it has to look at each.
    fn indexed(&self, filter: &Filter) -> Option<&[usize]> {
        let index = self.indexes.get(&filter.column)?;
        if filter.compare != Compare::Equal {
            return None;
        }
        let found = index.get(&filter.value.key()?);
        Some(found.map_or(&[], Vec::as_slice))
    }

    /// A row as JSON.
    pub(crate) fn json(&self, number: usize, columns: &[Column]) -> Value {
        let mut object = Map::new();
        let cells = self.rows.get(number).into_iter().flatten();
        for (column, cell) in columns.iter().zip(cells) {
            if *cell != Cell::Empty || column.empty == Empty::Keep {
                column.to.put(&mut object, cell.json());
            }
        }
        Value::Object(object)
    }
}

impl Filter {
    fn passes(&self, row: &[Cell]) -> bool {
        let order = row
            .get(self.column)
            .and_then(|cell| cell.order(&self.value));
        order.is_some_and(|order| match self.compare {
            Compare::Equal => order.is_eq(),
            Compare::AtLeast => order.is_ge(),
            Compare::AtMost => order.is_le(),
        })
    }
}
