//! From a file to a table: read whole, checked against the declared columns, and only then used.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::ops::ControlFlow;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bridge_adapter::Fault;

use crate::config::{Empty, Form, TableConfig};
use crate::kind::{Cell, Key, Raw};
use crate::limits::{CELL_BYTES, COLUMNS, FAULTS, FileLimits};
use crate::table::Table;
use crate::{sheet, text};

/// What tells one state of a file from another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// Device and inode: the file itself, whatever is in it.
    pub(crate) identity: (u64, u64),
    bytes: u64,
    modified: Option<SystemTime>,
}

/// A table and the file that it was read from, kept open so that its inode means no other file.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) table: Table,
    pub(crate) stamp: Stamp,
    #[expect(
        dead_code,
        reason = "kept open: its inode cannot be given to another file"
    )]
    pub(crate) file: File,
}

impl Stamp {
    /// The state of a file now; `None` if there is none that can be seen.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        std::fs::metadata(path)
            .ok()
            .map(|metadata| (&metadata).into())
    }
}

impl From<&std::fs::Metadata> for Stamp {
    fn from(metadata: &std::fs::Metadata) -> Self {
        Self {
            identity: (metadata.dev(), metadata.ino()),
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }
}

/// Reads a file. `indexed` are the columns that rows are found by.
pub(crate) fn load(
    config: &TableConfig,
    indexed: &[usize],
    (path, limits): (&Path, &FileLimits),
) -> Result<Loaded, Vec<Fault>> {
    let whole =
        |problem: String, remedy: &str| vec![Fault::new("file", &config.file, problem, remedy)];
    let remedy = "put a file there that the node can read";
    let failed = |error: std::io::Error| whole(error.to_string(), remedy);
    let is_file = |metadata: &std::fs::Metadata| {
        let other = || whole("is not a file".to_owned(), remedy);
        metadata.is_file().then_some(()).ok_or_else(other)
    };
    // To open a pipe would wait for its writer, for ever.
    is_file(&std::fs::metadata(path).map_err(failed)?)?;
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let stamp = Stamp::from(&metadata);
    is_file(&metadata)?;
    let too_large = || {
        let problem = format!("has more than {} bytes", limits.file_bytes);
        whole(
            problem,
            "split it, or raise file_limit_bytes in the manifest",
        )
    };
    let mut bytes = Vec::new();
    let most = limits.file_bytes.saturating_add(1);
    (&file).take(most).read_to_end(&mut bytes).map_err(failed)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limits.file_bytes {
        return Err(too_large());
    }
    if Stamp::of(path).as_ref() != Some(&stamp) {
        let remedy = "write a new file beside it and rename it over the old one";
        return Err(whole("changed while it was read".to_owned(), remedy));
    }
    let mut builder = Builder::new(config, limits);
    match &config.form {
        Form::Csv { separator } => text::read(&bytes, *separator, &mut builder),
        Form::Xlsx { sheet } => sheet::read(&bytes, sheet.as_deref(), &mut builder),
    }
    let rows = builder.end()?;
    Ok(Loaded {
        table: Table::new(rows, indexed, stamp.modified),
        stamp,
        file,
    })
}

/// Takes the rows of a file one by one and notes what is wrong with them.
pub(crate) struct Builder<'a> {
    pub(crate) config: &'a TableConfig,
    pub(crate) limits: &'a FileLimits,
    /// Of each declared column, where it stands in the file; known after the header.
    order: Option<Arc<[usize]>>,
    rows: Vec<Box<[Cell]>>,
    /// The row of the file in which a key stood.
    keys: HashMap<Vec<Key>, u64>,
    bytes: u64,
    faults: Vec<Fault>,
}

/// The faults say why nothing more has to be read.
pub(crate) type Going = ControlFlow<()>;

impl<'a> Builder<'a> {
    fn new(config: &'a TableConfig, limits: &'a FileLimits) -> Self {
        Self {
            config,
            limits,
            order: None,
            rows: Vec::new(),
            keys: HashMap::new(),
            bytes: 0,
            faults: Vec::new(),
        }
    }

    /// Whether the header was seen.
    pub(crate) fn has_header(&self) -> bool {
        self.order.is_some()
    }

    /// Notes what is wrong with the file as a whole, or with one row.
    pub(crate) fn fault(
        &mut self,
        code: &'static str,
        line: Option<u64>,
        (problem, remedy): (String, &str),
    ) -> Going {
        let fault = Fault::new(code, &self.config.file, problem, remedy);
        self.note(fault, line)
    }

    /// Takes the row with the headers.
    pub(crate) fn header(&mut self, line: u64, cells: &[Raw<'_>]) -> Going {
        if cells.len() > COLUMNS {
            let problem = format!("has more than {COLUMNS} columns");
            return self.fault("too-many-columns", Some(line), (problem, "remove some"));
        }
        let headers: Vec<&str> = cells
            .iter()
            .map(|cell| match cell {
                Raw::Text(text) => text.trim(),
                Raw::Number(_) | Raw::Flag(_) | Raw::Day(..) | Raw::Odd => "",
            })
            .collect();
        let mut order = Vec::new();
        for column in &self.config.columns {
            let mut at = headers
                .iter()
                .enumerate()
                .filter(|(_, header)| **header == column.header)
                .map(|(at, _)| at);
            let place = format!("{} column {}", self.config.file, column.header);
            let fault = match (at.next(), at.next()) {
                (Some(at), None) => {
                    order.push(at);
                    continue;
                }
                (None, _) => {
                    let remedy = format!(
                        "add it, or correct header_row ({line}) or the column's header in the manifest"
                    );
                    Fault::new("no-column", place, "is not in the header", remedy)
                }
                (Some(_), Some(_)) => {
                    let remedy = "give each column its own header";
                    Fault::new(
                        "repeated-column",
                        place,
                        "stands twice in the header",
                        remedy,
                    )
                }
            };
            self.note(fault, Some(line))?;
        }
        if order.len() < self.config.columns.len() {
            return Going::Break(());
        }
        self.order = Some(order.into());
        Going::Continue(())
    }

    /// Takes a row. `cells` are those of the file, declared or not.
    pub(crate) fn row(&mut self, line: u64, cells: &[Raw<'_>]) -> Going {
        if u64::try_from(self.rows.len()).unwrap_or(u64::MAX) >= self.limits.rows {
            let problem = format!("has more than {} rows", self.limits.rows);
            let remedy = "split it, or raise rows_limit in the manifest";
            self.fault("too-many-rows", Some(line), (problem, remedy))?;
            return Going::Break(());
        }
        let config = self.config;
        let mut row = Vec::with_capacity(config.columns.len());
        let order = self.order.clone().unwrap_or_default();
        for (column, at) in config.columns.iter().zip(order.iter()) {
            let raw = cells.get(*at).copied().unwrap_or(Raw::Text(""));
            let place = || format!("{} column {}", config.file, column.header);
            let long = matches!(raw, Raw::Text(text) if text.len() > CELL_BYTES);
            let cell = column.kind.cell(raw, config.comma).filter(|_| !long);
            // What stands there may be about a person: it is not repeated.
            let fault = match cell {
                _ if long => {
                    let problem = format!("has a cell of more than {CELL_BYTES} bytes");
                    Fault::new(
                        "long-cell",
                        place(),
                        problem,
                        "look for a quote that is not closed",
                    )
                }
                None => {
                    let expected = column.kind.in_file();
                    Fault::new(
                        "wrong-cell",
                        place(),
                        format!("is not {expected}"),
                        format!("write {expected}"),
                    )
                }
                Some(Cell::Empty) if column.empty == Empty::Refuse => {
                    let remedy =
                        "fill it, or write empty = \"leave-out\" for the column in the manifest";
                    Fault::new("empty-cell", place(), "is empty", remedy)
                }
                Some(cell) => {
                    let bytes = u64::try_from(cell.bytes()).unwrap_or(u64::MAX);
                    self.bytes = self.bytes.saturating_add(bytes);
                    row.push(cell);
                    continue;
                }
            };
            self.note(fault, Some(line))?;
        }
        if self.bytes > self.limits.table_bytes {
            let problem = format!(
                "takes more than {} bytes of memory",
                self.limits.table_bytes
            );
            self.fault("too-large", Some(line), (problem, "split it"))?;
            return Going::Break(());
        }
        if row.len() == config.columns.len() {
            self.check_key(line, &row)?;
            self.rows.push(row.into());
        }
        Going::Continue(())
    }

    fn check_key(&mut self, line: u64, row: &[Cell]) -> Going {
        let columns = &self.config.key;
        if columns.is_empty() {
            return Going::Continue(());
        }
        let cells = columns.iter().filter_map(|column| row.get(*column));
        let key: Option<Vec<Key>> = cells.map(Cell::key).collect();
        let Some(key) = key else {
            let problem = "has no key: a cell of it is empty".to_owned();
            return self.fault("empty-key", Some(line), (problem, "fill it"));
        };
        match self.keys.insert(key, line) {
            Some(before) => {
                let problem = format!("has the key of row {before}");
                let remedy = "remove one of the two rows, or correct the key";
                self.fault("repeated-key", Some(line), (problem, remedy))
            }
            None => Going::Continue(()),
        }
    }

    fn note(&mut self, fault: Fault, line: Option<u64>) -> Going {
        self.faults.push(match line {
            Some(line) => fault.on_line(line),
            None => fault,
        });
        if self.faults.len() < FAULTS {
            Going::Continue(())
        } else {
            Going::Break(())
        }
    }

    fn end(mut self) -> Result<Vec<Box<[Cell]>>, Vec<Fault>> {
        if self.order.is_none() && self.faults.is_empty() {
            let row = self.config.header_row;
            let problem = format!("has no row {row}, where the headers should stand");
            let remedy = "correct header_row in the manifest, or the file";
            let _ended = self.fault("no-header", None, (problem, remedy));
        }
        if self.faults.is_empty() {
            Ok(self.rows)
        } else {
            Err(self.faults)
        }
    }
}
