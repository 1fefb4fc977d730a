//! Path templates such as `/{fin}/children`, as OpenAPI writes them.

/// A path below a service code: literal segments and named parameters, each a whole segment.
///
/// `""` stands for the service itself. A template that ends with `/` matches only such a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    segments: Vec<Segment>,
}

/// Says why a text is not a path template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// It is neither empty nor begins with `/`.
    #[error("does not begin with /")]
    NotRooted,
    /// A segment that is not the last is empty.
    #[error("has an empty segment")]
    EmptySegment,
    /// A brace stands elsewhere than around a whole segment.
    #[error("has a brace inside the segment {0:?}; a parameter is a whole segment")]
    Brace(String),
    /// A parameter's name is empty or has characters beyond letters, digits, `_` and `-`.
    #[error("names a parameter {0:?}; letters, digits, _ and - are allowed")]
    Name(String),
    /// Two parameters have one name.
    #[error("names the parameter {0:?} twice")]
    Repeated(String),
    /// A character that has no place in a path.
    #[error("holds {0:?}")]
    Character(char),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Literal(String),
    Parameter(String),
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// [`TemplateError`] says what is wrong.
    ///
    /// Standard: OpenAPI 3.1 §4.8.8.2.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if let Some(character) = text
            .chars()
            .find(|c| matches!(c, '?' | '#' | '\\') || c.is_control())
        {
            return Err(TemplateError::Character(character));
        }
        let mut segments = Vec::new();
        if !text.is_empty() {
            let rest = text.strip_prefix('/').ok_or(TemplateError::NotRooted)?;
            let last = rest.split('/').count().saturating_sub(1);
            for (index, part) in rest.split('/').enumerate() {
                if part.is_empty() && index != last {
                    return Err(TemplateError::EmptySegment);
                }
                segments.push(Segment::parse(part)?);
            }
        }
        let template = Self {
            text: text.to_owned(),
            segments,
        };
        template.check_names()?;
        Ok(template)
    }

    /// Matches decoded segments and names the values of the parameters, in order.
    pub fn matches<'a>(&'a self, segments: &'a [String]) -> Option<Vec<(&'a str, &'a str)>> {
        if !self.fits(segments) {
            return None;
        }
        let pairs = self.segments.iter().zip(segments);
        let values = pairs.filter_map(|(own, given)| match own {
            Segment::Parameter(name) => Some((name.as_str(), given.as_str())),
            Segment::Literal(_) => None,
        });
        Some(values.collect())
    }

    /// The value of a parameter in decoded segments that fit.
    pub fn value<'a>(&self, name: &str, segments: &'a [String]) -> Option<&'a str> {
        let is_own = |own: &Segment| matches!(own, Segment::Parameter(own) if own == name);
        let index = self.segments.iter().position(is_own)?;
        segments.get(index).map(String::as_str)
    }

    /// Whether it matches, without the values.
    pub fn fits(&self, segments: &[String]) -> bool {
        let fits = |(own, given): (&Segment, &String)| match own {
            Segment::Literal(text) => text == given,
            Segment::Parameter(_) => !given.is_empty(),
        };
        segments.len() == self.segments.len() && self.segments.iter().zip(segments).all(fits)
    }

    /// Names the parameters, in order.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Parameter(name) => Some(name.as_str()),
            Segment::Literal(_) => None,
        })
    }

    /// The template's text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A key by which templates sort so that the one with the earlier literal comes first; equal for
    /// two templates that match the same paths.
    pub fn precedence(&self) -> Vec<(bool, String)> {
        let keys = self.segments.iter().map(|segment| match segment {
            Segment::Literal(text) => (false, text.clone()),
            Segment::Parameter(_) => (true, String::new()),
        });
        keys.collect()
    }

    fn check_names(&self) -> Result<(), TemplateError> {
        let mut seen = std::collections::BTreeSet::new();
        match self.parameters().find(|name| !seen.insert(*name)) {
            Some(name) => Err(TemplateError::Repeated(name.to_owned())),
            None => Ok(()),
        }
    }
}

impl Segment {
    fn parse(part: &str) -> Result<Self, TemplateError> {
        let inner = part
            .strip_prefix('{')
            .and_then(|rest| rest.strip_suffix('}'));
        let name = inner.unwrap_or(part);
        if name.contains(['{', '}']) {
            return Err(TemplateError::Brace(part.to_owned()));
        }
        if inner.is_none() {
            return Ok(Self::Literal(decoded(part)));
        }
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if name.is_empty() || !name.chars().all(fits) {
            return Err(TemplateError::Name(name.to_owned()));
        }
        Ok(Self::Parameter(name.to_owned()))
    }
}

/// A literal may be written with escapes; paths of calls are compared after decoding.
fn decoded(part: &str) -> String {
    percent_encoding::percent_decode_str(part)
        .decode_utf8_lossy()
        .into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn segments(path: &str) -> Vec<String> {
        path.strip_prefix('/').map_or_else(Vec::new, |rest| {
            rest.split('/').map(str::to_owned).collect()
        })
    }

    #[test]
    fn a_parameter_takes_one_segment_and_names_it() {
        let template = Template::parse("/{fin}/children").unwrap();
        let path = segments("/1AB2C3D/children");
        assert_eq!(template.matches(&path).unwrap(), [("fin", "1AB2C3D")]);
        assert_eq!(template.value("fin", &path), Some("1AB2C3D"));
        assert_eq!(template.value("children", &path), None);
        assert!(template.matches(&segments("/1AB2C3D")).is_none());
        assert!(template.matches(&segments("//children")).is_none());
    }

    #[test]
    fn the_empty_template_is_the_service_itself() {
        let template = Template::parse("").unwrap();
        assert!(template.matches(&[]).is_some());
        assert!(template.matches(&segments("/")).is_none());
        assert!(
            Template::parse("/")
                .unwrap()
                .matches(&segments("/"))
                .is_some()
        );
    }

    #[test]
    fn what_is_not_a_template_is_refused_by_name() {
        for (text, error) in [
            ("person", TemplateError::NotRooted),
            ("/a//b", TemplateError::EmptySegment),
            ("/a{fin}", TemplateError::Brace("a{fin}".into())),
            ("/{}", TemplateError::Name(String::new())),
            ("/{a}/{a}", TemplateError::Repeated("a".into())),
            ("/a?b", TemplateError::Character('?')),
        ] {
            assert_eq!(Template::parse(text).unwrap_err(), error, "{text}");
        }
    }

    #[test]
    fn a_literal_comes_before_a_parameter() {
        let literal = Template::parse("/children").unwrap();
        let parameter = Template::parse("/{fin}").unwrap();
        assert!(literal.precedence() < parameter.precedence());
    }

    proptest! {
        #[test]
        fn reading_any_text_ends_and_keeps_it(text in "[/a-z{}%?ə]{0,24}") {
            if let Ok(template) = Template::parse(&text) {
                prop_assert_eq!(template.as_str(), text);
            }
        }

        #[test]
        fn a_template_of_parameters_takes_every_path_of_its_length(
            path in proptest::collection::vec("[^/]{1,6}", 1..5)
        ) {
            let names: Vec<String> = (0..path.len()).map(|i| format!("/{{p{i}}}")).collect();
            let text = names.concat();
            let template = Template::parse(&text).unwrap();
            let values: Vec<String> =
                template.matches(&path).unwrap().iter().map(|(_, v)| (*v).to_owned()).collect();
            prop_assert_eq!(values, path);
        }
    }
}
