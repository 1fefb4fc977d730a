//! Path patterns of contracts: which paths behind the service an endpoint allows.

use std::fmt;

/// The most segments a pattern may have.
pub const PATTERN_SEGMENT_LIMIT: usize = 32;

/// The longest pattern, in bytes.
pub const PATTERN_LIMIT_BYTES: usize = 512;

/// A pattern for the path behind the service, matched against *decoded* segments.
///
/// `*` stands for exactly one segment that is not empty, `**` for any number of segments, also none; both
/// only as whole segments. Everything else stands for itself, byte by byte. The empty pattern allows the
/// bare service, `/` the service with a slash behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    segments: Vec<Segment>,
}

/// One segment of a [`Pattern`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Segment {
    /// This text and no other.
    Literal(String),
    /// `*`: one segment that is not empty.
    One,
    /// `**`: any number of segments.
    Any,
}

/// Why a text is not a path pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// It does not begin with `/` and is not empty.
    #[error("a pattern begins with / or is empty")]
    NoSlash,
    /// It is longer than [`PATTERN_LIMIT_BYTES`] or has more segments than [`PATTERN_SEGMENT_LIMIT`].
    #[error(
        "a pattern has at most {PATTERN_LIMIT_BYTES} bytes and {PATTERN_SEGMENT_LIMIT} segments"
    )]
    TooLong,
    /// `*` is part of a segment.
    #[error("`{0}`: * and ** only stand for whole segments")]
    PartlyWild(String),
    /// The segment can't occur in a path that passed the edge.
    #[error("`{0}` can't occur in a path: no ., .., empty inner segment, \\, control or escape")]
    Unreachable(String),
    /// The segment holds `?`, `#`, `{` or `}`.
    #[error("`{0}`: a path parameter is written *, query names stand under `query`")]
    Template(String),
}

impl Pattern {
    /// Reads a pattern. Its literal segments are written decoded, as in `/müraciət/*`.
    ///
    /// # Errors
    ///
    /// A [`PatternError`] that names the segment.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        if text.len() > PATTERN_LIMIT_BYTES {
            return Err(PatternError::TooLong);
        }
        let mut segments = Vec::new();
        if !text.is_empty() {
            let rest = text.strip_prefix('/').ok_or(PatternError::NoSlash)?;
            let count = rest.split('/').count();
            if count > PATTERN_SEGMENT_LIMIT {
                return Err(PatternError::TooLong);
            }
            for (index, segment) in rest.split('/').enumerate() {
                segments.push(parse_segment(segment, index + 1 == count)?);
            }
        }
        Ok(Self {
            text: text.to_owned(),
            segments,
        })
    }

    /// Tells whether the pattern allows a path of these decoded segments.
    ///
    /// `/a/` has the segments `a` and the empty one; the bare service has none.
    pub fn allows<S: AsRef<str>>(&self, path: &[S]) -> bool {
        // The greedy walk: remember the last `**` and let it take one segment more after each failure.
        let (mut pattern, mut path) = (self.segments.as_slice(), path);
        let mut retry: Option<(&[Segment], &[S])> = None;
        loop {
            match (pattern.split_first(), path.split_first()) {
                (None, None) => return true,
                (Some((Segment::Any, after)), _) => {
                    retry = Some((after, path));
                    pattern = after;
                    continue;
                }
                (Some((segment, pattern_after)), Some((head, path_after)))
                    if segment.takes(head.as_ref()) =>
                {
                    (pattern, path) = (pattern_after, path_after);
                    continue;
                }
                _ => {}
            }
            let Some((after, from)) = retry else {
                return false;
            };
            let Some((_, shorter)) = from.split_first() else {
                return false;
            };
            retry = Some((after, shorter));
            (pattern, path) = (after, shorter);
        }
    }

    /// Returns the pattern's segments.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Returns the text the pattern was read from.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Segment {
    fn takes(&self, segment: &str) -> bool {
        match self {
            Self::Literal(text) => text == segment,
            // A trailing slash is not a name; a contract that means it writes `/a/` or `/a/**`.
            Self::One => !segment.is_empty(),
            Self::Any => false,
        }
    }
}

fn parse_segment(segment: &str, is_last: bool) -> Result<Segment, PatternError> {
    let named = || segment.to_owned();
    match segment {
        "*" => return Ok(Segment::One),
        "**" => return Ok(Segment::Any),
        "" if is_last => return Ok(Segment::Literal(String::new())),
        "" | "." | ".." => return Err(PatternError::Unreachable(named())),
        _ => {}
    }
    if segment.contains('*') {
        return Err(PatternError::PartlyWild(named()));
    }
    if segment.contains(['?', '#', '{', '}']) {
        return Err(PatternError::Template(named()));
    }
    if segment.contains('\\') || segment.chars().any(char::is_control) || holds_escape(segment) {
        return Err(PatternError::Unreachable(named()));
    }
    Ok(Segment::Literal(named()))
}

/// Tells whether the text holds `%` and two hex digits: decoded paths never do, so it was written encoded.
fn holds_escape(text: &str) -> bool {
    text.as_bytes().windows(3).any(|window| {
        matches!(window, [b'%', high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests;
