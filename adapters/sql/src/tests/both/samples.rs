//! Samples that cannot be built, and what they leave behind: nothing.

use std::fs::{self, File};

use super::*;
use crate::sample::{SQL_LIMIT_BYTES, SampleError, build};

const SCHEMA: &str = "schema = { sqlite = \"schema.sql\", postgresql = \"schema.sql\" }";

/// Builds the sample in both databases, and says whether it failed as it must and left nothing.
fn fails(schema: &str, file: impl Fn(&Path), as_it_must: impl Fn(&SampleError) -> bool) {
    let bench = Bench::new(&MANIFEST.replacen("schema = \"schema.sql\"", schema, 1));
    file(&bench.folder.path().join("schema.sql"));
    let package = Package::load(bench.folder.path()).unwrap();
    let error = build(&package, &bench.database()).unwrap_err();
    assert!(as_it_must(&error), "{error:?}");
    assert!(!bench.database().exists());
    let name = Postgres::shared().database();
    let error = build(&package, address(server::OWNER, &name)).unwrap_err();
    assert!(as_it_must(&error), "{error:?}");
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()";
    assert_eq!(Postgres::shared().run(&name, tables), "0");
}

#[test]
fn a_sample_that_fails_leaves_nothing() {
    let half = |path: &Path| fs::write(path, "CREATE TABLE a (b text); NONSENSE;").unwrap();
    fails(SCHEMA, half, |error| {
        matches!(
            error,
            SampleError::Sql { file, .. } | SampleError::Postgresql { file, .. } if file == "schema.sql"
        )
    });
    let large = |path: &Path| {
        let file = File::create(path).unwrap();
        file.set_len(SQL_LIMIT_BYTES + 1).unwrap();
    };
    fails(SCHEMA, large, |error| matches!(error, SampleError::File(_)));
    fails("", |_| {}, |error| matches!(error, SampleError::NoSchema));
}

#[test]
fn a_sample_is_never_built_over_tables() {
    let package = Package::load(&folder("payments")).unwrap();
    let owner = address(server::OWNER, &made(&package));
    let error = build(&package, &owner).unwrap_err();
    assert!(matches!(error, SampleError::Exists(_)), "{error}");
    assert!(!sample::build_if_absent(&package, &owner).unwrap());
}
