use proptest::prelude::*;
use serde_json::{Value, json};

use super::{JcsError, canonical, float_text};
use crate::json::tests::any_value;

fn text(value: &Value) -> String {
    String::from_utf8(canonical(value).expect("canonical form")).expect("UTF-8")
}

/// The number samples of RFC 8785 appendix B.
#[test]
fn numbers_of_appendix_b() {
    let samples = include_str!("../../testdata/rfc8785-appendix-b.txt");
    let mut seen = 0;
    for line in samples.lines().filter(|line| !line.starts_with('#')) {
        let (bits, expected) = line.split_once(' ').expect("two columns");
        let number = f64::from_bits(u64::from_str_radix(bits, 16).expect("hex"));
        let expected = (expected != "refused").then(|| expected.to_owned());
        assert_eq!(float_text(number), expected, "{bits}");
        seen += 1;
    }
    assert_eq!(seen, 26);
}

/// The sample of RFC 8785 §3.2.2 and its canonical bytes of §3.2.4.
#[test]
#[expect(
    clippy::excessive_precision,
    reason = "the standard's own numeral, one digit too long"
)]
fn sample_of_section_3_2() {
    let input = json!({
        "numbers": [333_333_333.333_333_29, 1E30, 4.50, 2e-3, 0.000_000_000_000_000_000_000_000_001],
        "string": "\u{20ac}$\u{0F}\u{0a}A'\u{42}\u{22}\u{5c}\\\"/",
        "literals": [null, true, false],
    });
    let expected = include_str!("../../testdata/rfc8785-3.2.4.json");
    assert_eq!(text(&input), expected.trim_end_matches('\n'));
}

/// The sample of RFC 8785 §3.2.3: names are sorted by UTF-16 units, not by code points.
#[test]
fn names_are_sorted_by_utf16_units() {
    let input = json!({
        "\u{20ac}": "Euro Sign",
        "\r": "Carriage Return",
        "\u{fb33}": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\u{1f600}": "Emoji: Grinning Face",
        "\u{80}": "Control",
        "\u{f6}": "Latin Small Letter O With Diaeresis",
    });
    let expected = [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ];
    let written = text(&input);
    let places: Vec<usize> = expected
        .iter()
        .map(|name| written.find(name).expect(name))
        .collect();
    assert!(places.is_sorted(), "{written}");
}

#[test]
fn integers_stop_where_they_are_no_longer_exact() {
    let exact = json!([9_007_199_254_740_991_u64, -9_007_199_254_740_991_i64, 0]);
    assert_eq!(text(&exact), "[9007199254740991,-9007199254740991,0]");
    for number in [
        json!(9_007_199_254_740_992_u64),
        json!(i64::MIN),
        json!(u64::MAX),
    ] {
        assert_eq!(
            canonical(&number),
            Err(JcsError::IntegerTooLarge(number.to_string()))
        );
    }
}

#[test]
fn nesting_is_bounded() {
    let nested = |depth| (0..depth).fold(Value::Null, |inner, _| json!([inner]));
    assert!(canonical(&nested(64)).is_ok());
    assert_eq!(canonical(&nested(66)), Err(JcsError::TooDeep));
}

proptest! {
    #[test]
    fn canonical_text_is_the_same_value_and_canonical(value in any_value()) {
        let once = text(&value);
        let read: Value = serde_json::from_str(&once).expect("JSON");
        prop_assert_eq!(&read, &value);
        prop_assert_eq!(text(&read), once);
    }

    #[test]
    fn floats_read_back_as_the_same_number(bits in any::<u64>()) {
        let number = f64::from_bits(bits);
        match float_text(number) {
            Some(text) => {
                let read: f64 = text.parse().expect("number");
                // −0 is written 0; all else keeps its bits.
                prop_assert_eq!((read + 0.0).to_bits(), (number + 0.0).to_bits());
            }
            None => prop_assert!(!number.is_finite()),
        }
    }
}
