//! The path behind the service.

use std::fmt::Write;

use super::{SegmentFault, TargetError, TargetLimits};
use crate::identity::{hex_value, unescape};

/// Holds a path that was decoded once and written anew once. Empty, or beginning with `/`; a
/// trailing slash is kept as an empty last segment.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct CleanPath {
    segments: Vec<String>,
    text: String,
}

impl CleanPath {
    /// Reads a raw path: empty, or beginning with `/`.
    ///
    /// # Errors
    ///
    /// [`TargetError::NotOriginForm`] if it begins with anything else;
    /// [`TargetError::TooManySegments`]; [`TargetError::Segment`] with the [`SegmentFault`].
    pub fn parse(raw: &str, limits: &TargetLimits) -> Result<Self, TargetError> {
        if raw.is_empty() {
            return Ok(Self::default());
        }
        let rest = raw.strip_prefix('/').ok_or(TargetError::NotOriginForm)?;
        let last = rest.bytes().filter(|byte| *byte == b'/').count();
        if last >= limits.segments {
            return Err(TargetError::TooManySegments {
                limit: limits.segments,
            });
        }
        let mut path = Self::default();
        for (index, raw) in rest.split('/').enumerate() {
            let segment =
                decode_segment(raw, index == last).map_err(|fault| TargetError::Segment {
                    segment: index + 1,
                    fault,
                })?;
            path.push(segment);
        }
        Ok(path)
    }

    /// Returns the decoded segments; the last is empty if the path ends with `/`.
    pub fn segments(&self) -> &[String] {
        &self.segments
    }

    /// Returns the path written anew, empty or beginning with `/`.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Says whether nothing follows the service.
    pub fn is_empty(&self) -> bool {
        self.segments.is_empty()
    }

    /// Says whether a segment holds `;`, which is refused unless the endpoint allows it.
    pub fn has_semicolon(&self) -> bool {
        self.text.contains(';')
    }

    fn push(&mut self, segment: String) {
        self.text.push('/');
        for byte in segment.bytes() {
            if is_segment_byte(byte) {
                self.text.push(char::from(byte));
            } else {
                // Writing to a String can't fail.
                let _infallible = write!(self.text, "%{byte:02X}");
            }
        }
        self.segments.push(segment);
    }
}

fn decode_segment(raw: &str, is_last: bool) -> Result<String, SegmentFault> {
    if raw.is_empty() && !is_last {
        return Err(SegmentFault::Empty);
    }
    let decoded = unescape(raw).ok_or(SegmentFault::Escape)?;
    // The error's offset would say nothing to the sender that the variant does not.
    let text = String::from_utf8(decoded).map_err(|_invalid| SegmentFault::NotUtf8)?;
    // Raw `/` separates, so one that is left came from an escape.
    if text.contains(['/', '\\']) {
        return Err(SegmentFault::Separator);
    }
    if text.chars().any(char::is_control) {
        return Err(SegmentFault::Control);
    }
    if text == "." || text == ".." {
        return Err(SegmentFault::Dots);
    }
    if holds_escape(&text) {
        return Err(SegmentFault::EncodedTwice);
    }
    Ok(text)
}

/// Says whether text would decode once more.
fn holds_escape(text: &str) -> bool {
    text.as_bytes().windows(3).any(|window| match window {
        [b'%', high, low] => hex_value(*high).is_some() && hex_value(*low).is_some(),
        _ => false,
    })
}

/// Says which bytes a segment may hold unescaped.
///
/// Standard: RFC 3986 §3.3.
fn is_segment_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte)
}
