//! Tables that a reader should see: kept beside the scenarios, compared whole.

use std::path::Path;

/// Compares a table with `golden/{name}`; `UPDATE_GOLDEN=1` writes it anew.
#[track_caller]
pub fn compare(name: &str, table: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, table).unwrap();
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = golden
        .lines()
        .zip(table.lines())
        .find(|(kept, made)| kept != made);
    assert!(
        golden == table,
        "{name} is not current, first at {differs:?}: run with UPDATE_GOLDEN=1 and read the difference"
    );
}
