//! What is wrong with a package or a setting, found before anything runs.

/// One thing that is wrong with a registry package, a database or a setting, with the place and what
/// to do. All faults are reported at once.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {problem}; {remedy} [{code}]", self.at())]
pub struct Fault {
    /// A stable word for the kind of fault: `unknown-column`.
    pub code: &'static str,
    /// Where: `manifest.toml sql.operation[2].statement[1].columns.birth_date`.
    pub place: String,
    /// The line of the file that `place` begins with, counted from 1, where it is known.
    pub line: Option<u64>,
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
            line: None,
            problem: problem.into(),
            remedy: remedy.into(),
        }
    }

    /// Says on which line of its file the fault stands.
    #[must_use]
    pub fn on_line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }

    /// The place with its line, as compilers write it: `manifest.toml:12 sql.operation[2].path`.
    pub fn at(&self) -> String {
        let Some(line) = self.line else {
            return self.place.clone();
        };
        match self.place.split_once(' ') {
            Some((file, key)) => format!("{file}:{line} {key}"),
            None => format!("{}:{line}", self.place),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_line_stands_behind_the_file() {
        let fault = Fault::new("c", "manifest.toml sql.path", "is odd", "mend it");
        assert_eq!(
            fault.to_string(),
            "manifest.toml sql.path: is odd; mend it [c]"
        );
        assert_eq!(
            fault.on_line(12).to_string(),
            "manifest.toml:12 sql.path: is odd; mend it [c]"
        );
        assert_eq!(Fault::new("c", "a.csv", "", "").on_line(3).at(), "a.csv:3");
    }
}
