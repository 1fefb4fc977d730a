//! The adapter itself.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bridge_adapter::{
    Adapter, AdapterError, Answer, Call, Description, Fault, Health, Package, Until,
};

use crate::config::{Config, Width};
use crate::limits::FileLimits;
use crate::shelf::{Shelf, Watch};
use crate::{answer, check, request};

/// Serves a registry package from CSV and XLSX files.
#[derive(Debug)]
pub struct FileAdapter {
    description: Description,
    config: Config,
    shelf: Arc<Shelf>,
    _watch: Watch,
}

impl FileAdapter {
    /// Reads the package's `[file]` table and the files that it names. `path` is their folder, or the
    /// one file of a package with one table.
    ///
    /// # Errors
    ///
    /// All faults at once, those of the manifest before those of the files, each with its place and
    /// what puts it right.
    pub fn open(package: &Package, path: &Path, limits: &FileLimits) -> Result<Self, Vec<Fault>> {
        if package.adapter != "file" {
            let problem = format!("says {:?}", package.adapter);
            let remedy = "write adapter = \"file\", or serve the package by its own adapter";
            let fault = Fault::new("other-adapter", "manifest.toml adapter", problem, remedy);
            return Err(package.locate(vec![fault]));
        }
        let mut faults = Vec::new();
        let config = Config::read(package, limits, &mut faults);
        check::against_openapi(&config, package, &mut faults);
        if !path.is_dir() && config.tables.len() > 1 {
            let problem = "is no folder, and the package has several tables";
            let remedy = "name the folder with the files of the manifest";
            let place = path.display().to_string();
            faults.push(Fault::new("folder", place, problem, remedy));
        }
        if !faults.is_empty() {
            return Err(package.locate(faults));
        }
        let shelf = Arc::new(Shelf::open(&config, path)?);
        let watch = shelf.watch().map_err(|error| {
            let remedy = "grant the node another thread";
            vec![Fault::new(
                "thread",
                "the look at files",
                error.to_string(),
                remedy,
            )]
        })?;
        Ok(Self {
            description: package.describe("file"),
            config,
            shelf,
            _watch: watch,
        })
    }
}

#[async_trait]
impl Adapter for FileAdapter {
    fn describe(&self) -> Description {
        self.description.clone()
    }

    async fn health(&self) -> Health {
        let troubles = self.shelf.troubles();
        if troubles.is_empty() {
            return Health::Ready;
        }
        Health::Alarmed {
            reason: troubles.join("; "),
        }
    }

    async fn call(&self, call: Call) -> Result<Answer, AdapterError> {
        let until = Until::of(&call);
        let operation = request::pick(&self.config, &call)?;
        // Nobody waits for it: tables in memory would otherwise win against the deadline. An export ends on its way.
        if !matches!(operation.width, Width::Export) {
            until.check()?;
        }
        let known = self.shelf.table(operation.table);
        let (held, table) = known.ok_or(AdapterError::NotFound)?;
        let filters = request::filters(operation, table, &call)?;
        let (columns, most) = (&*table.columns, self.config.limits.answer_bytes);
        match operation.width {
            Width::One => answer::one(&held, columns, &held.table().find(&filters), most),
            Width::Many(page) => {
                let page = request::page(&call, page)?;
                let found = held.table().find(&filters);
                answer::many(&held, columns, (&found, page), most)
            }
            Width::Export => {
                let found = held.table().find(&filters);
                Ok(answer::export(held, columns, found, until))
            }
        }
    }
}
