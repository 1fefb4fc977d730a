use proptest::prelude::*;

use super::{PATTERN_LIMIT_BYTES, Pattern, PatternError, Segment};

fn allows(pattern: &str, path: &str) -> bool {
    let segments: Vec<&str> = match path.strip_prefix('/') {
        Some(rest) => rest.split('/').collect(),
        None => Vec::new(),
    };
    Pattern::parse(pattern).expect(pattern).allows(&segments)
}

#[test]
fn patterns_allow_exactly_these_paths() {
    let matrix: [(&str, &[&str], &[&str]); 12] = [
        ("", &[""], &["/", "/a"]),
        ("/", &["/"], &["", "/a"]),
        ("/a", &["/a"], &["", "/", "/A", "/a/", "/ab", "/a/b", "/*"]),
        ("/a/", &["/a/"], &["/a", "/a/b", "/a//"]),
        ("/*", &["/a", "/*", "/**", "/ə"], &["", "/", "/a/", "/a/b"]),
        ("/**", &["", "/", "/a", "/a/", "/a/b/c"], &[]),
        ("/a/*", &["/a/b"], &["/a", "/a/", "/b/b", "/a/b/c", "/a/b/"]),
        (
            "/a/**",
            &["/a", "/a/", "/a/b", "/a/b/c/"],
            &["", "/", "/ab", "/b/a"],
        ),
        (
            "/**/z",
            &["/z", "/a/z", "/a/b/z", "/z/z"],
            &["", "/", "/z/", "/a"],
        ),
        (
            "/a/**/z",
            &["/a/z", "/a/b/z", "/a/z/z"],
            &["/a", "/z", "/a/zz", "/a/z/y"],
        ),
        ("/*/**/*", &["/a/b", "/a/b/c"], &["", "/", "/a", "/a/"]),
        (
            "/**/b/**/b",
            &["/b/b", "/a/b/c/b", "/b/b/b"],
            &["/b", "/a/b", "/b/b/a"],
        ),
    ];
    for (pattern, allowed, refused) in matrix {
        for path in allowed {
            assert!(allows(pattern, path), "`{pattern}` allows `{path}`");
        }
        for path in refused {
            assert!(
                !allows(pattern, path),
                "`{pattern}` does not allow `{path}`"
            );
        }
    }
}

#[test]
fn decoded_text_is_never_read_again() {
    // What came through an escape is a part of its segment, whatever it looks like.
    let pattern = Pattern::parse("/a/*").expect("pattern");
    assert!(!pattern.allows(&["a/b"]));
    assert!(pattern.allows(&["a", "b/../c"]));
    assert!(pattern.allows(&["a", "%2e%2e"]));
    assert!(
        !Pattern::parse("/a/b")
            .expect("pattern")
            .allows(&["a", "%62"])
    );
}

#[test]
fn what_is_no_pattern_is_refused() {
    let text = |segment: &str| segment.to_owned();
    let cases = [
        ("a", PatternError::NoSlash),
        ("*", PatternError::NoSlash),
        ("/a*", PatternError::PartlyWild(text("a*"))),
        ("/***", PatternError::PartlyWild(text("***"))),
        ("/a//b", PatternError::Unreachable(text(""))),
        ("//", PatternError::Unreachable(text(""))),
        ("/a/..", PatternError::Unreachable(text(".."))),
        ("/./a", PatternError::Unreachable(text("."))),
        ("/a%2fb", PatternError::Unreachable(text("a%2fb"))),
        ("/a\\b", PatternError::Unreachable(text("a\\b"))),
        ("/a\u{7}", PatternError::Unreachable(text("a\u{7}"))),
        ("/a?x=1", PatternError::Template(text("a?x=1"))),
        ("/{fin}", PatternError::Template(text("{fin}"))),
    ];
    for (pattern, error) in cases {
        assert_eq!(Pattern::parse(pattern), Err(error), "{pattern}");
    }
    assert_eq!(Pattern::parse(&"/a".repeat(33)), Err(PatternError::TooLong));
    assert_eq!(
        Pattern::parse(&format!("/{}", "a".repeat(PATTERN_LIMIT_BYTES))),
        Err(PatternError::TooLong)
    );
    assert!(Pattern::parse("/100%/a%zz").is_ok());
}

/// The meaning of patterns, said in the plainest way.
fn means(pattern: &[Segment], path: &[String]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, rest) => rest.is_none(),
        (Some((Segment::Any, after)), rest) => {
            means(after, path) || rest.is_some_and(|(_, shorter)| means(pattern, shorter))
        }
        (Some((Segment::One, after)), Some((head, rest))) => !head.is_empty() && means(after, rest),
        (Some((Segment::Literal(text), after)), Some((head, rest))) => {
            text == head && means(after, rest)
        }
        (Some(_), None) => false,
    }
}

proptest! {
    #[test]
    fn the_walk_has_the_plain_meaning(
        pattern in proptest::collection::vec(proptest::sample::select(&["a", "b", "*", "**"][..]), 0..7),
        path in proptest::collection::vec("[ab]?", 0..8),
    ) {
        let text: String = pattern.iter().flat_map(|segment| ["/", segment]).collect();
        let pattern = Pattern::parse(&text).expect("pattern");
        prop_assert_eq!(pattern.allows(&path), means(pattern.segments(), &path));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "[/*.%a-f0-9?{\\\\]{0,40}") {
        if let Ok(pattern) = Pattern::parse(&text) {
            prop_assert_eq!(pattern.as_str(), &text);
            prop_assert_eq!(pattern.to_string(), text);
        }
    }
}
