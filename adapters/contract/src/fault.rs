//! What is wrong with a package or a setting, found before anything runs.

/// One thing that is wrong with a registry package, a database or a setting, with the place and what
/// to do. All faults are reported at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}; {remedy} [{code}]")]
pub struct Fault {
    /// A stable word for the kind of fault: `unknown-column`.
    pub code: &'static str,
    /// Where: `manifest.toml sql.operation[2].statement[1].columns.birth_date`.
    pub place: String,
    /// What is wrong.
    pub problem: String,
    /// What puts it right.
    pub remedy: String,
}

impl Fault {
    /// Makes a fault.
    pub fn new(
        code: &'static str,
        place: impl Into<String>,
        problem: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            code,
            place: place.into(),
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }
}
