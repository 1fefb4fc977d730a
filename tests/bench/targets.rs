//! What is asked for: one target, or those of a file in turn. The last part of a target's path says how long its answer is.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Failure;

/// Paths, each with the length that its answer must have.
#[derive(Debug)]
pub(crate) struct Targets {
    list: Vec<(String, u64)>,
    next: AtomicUsize,
}

// === impl Targets ===

impl Targets {
    /// A target, or `@FILE` with one a line.
    pub(crate) fn read(words: &str) -> Result<Self, Failure> {
        let text = match words.strip_prefix('@') {
            Some(file) => {
                std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?
            }
            None => words.to_owned(),
        };
        let list = text.lines().map(measured).collect::<Result<Vec<_>, _>>()?;
        if list.is_empty() {
            return Err(format!("{words}: no target").into());
        }
        let next = AtomicUsize::new(0);
        Ok(Self { list, next })
    }

    /// The next one, and the length of its answer; after the last the first comes again. All connections take from one
    /// row, so that two pairs that are asked equally often are asked the same.
    pub(crate) fn take(&self) -> (&str, u64) {
        let number = self.next.fetch_add(1, Ordering::Relaxed) % self.list.len();
        self.list
            .get(number)
            .map_or(("/", 0), |(path, bytes)| (path.as_str(), *bytes))
    }
}

fn measured(path: &str) -> Result<(String, u64), Failure> {
    let bytes = length(path).ok_or(format!("`{path}` does not end in a length"))?;
    Ok((path.to_owned(), bytes))
}

/// The length that the last part of a path names, bytes.
pub(crate) fn length(path: &str) -> Option<u64> {
    let (_, last) = path.rsplit_once('/')?;
    last.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::Targets;

    #[test]
    fn targets_of_a_file_are_taken_in_turn_with_their_lengths() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("targets");
        std::fs::write(&file, "/r1/a/2000\n/r1/b/10000\n").unwrap();
        let targets = Targets::read(&format!("@{}", file.display())).unwrap();
        let taken: Vec<_> = (0..3).map(|_| targets.take()).collect();
        assert_eq!(
            taken,
            [
                ("/r1/a/2000", 2000),
                ("/r1/b/10000", 10_000),
                ("/r1/a/2000", 2000)
            ]
        );
    }

    #[test]
    fn a_target_without_a_length_is_a_fault() {
        assert!(Targets::read("/r1/a/record").is_err());
    }
}
