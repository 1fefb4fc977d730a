use http::HeaderValue;
use proptest::prelude::*;

use super::*;

fn fields(name: &HeaderName, lines: &[&str]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in lines {
        fields.append(name, HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    fields
}

#[test]
fn accept_prefers_by_weight_then_by_closeness_then_json() {
    use ErrorForm::{ApplicationXml, Json, TextXml};
    let table: [(&[&str], ErrorForm); 27] = [
        (&[], Json),
        (&["*/*"], Json),
        (&["application/json"], Json),
        (&["application/xml"], ApplicationXml),
        (&["text/xml"], TextXml),
        (&["TEXT/XML"], TextXml),
        (&["text/*"], TextXml),
        (&["application/*"], Json),
        (&["text/html"], Json),
        (&["text/xml", "application/json;q=0.9"], TextXml),
        (&["text/xml;q=0.5, application/json;q=0.9"], Json),
        (&["text/xml ; q=0.9 , application/json ;\tq=0.899"], TextXml),
        (&["application/xml, application/json"], Json),
        (&["application/xml, text/xml"], ApplicationXml),
        (&["application/xml;q=0.9, text/xml"], TextXml),
        (&["application/xml, */*"], ApplicationXml),
        (&["application/xml;q=0, */*"], Json),
        (&["application/xml;q=0"], Json),
        (&["application/json;q=0, */*;q=0.1"], ApplicationXml),
        // What a browser sends.
        (
            &["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"],
            ApplicationXml,
        ),
        // Parameters are not looked at, their quotation marks are.
        (&["text/xml;charset=utf-8;q=0.4"], TextXml),
        (&["text/xml;a=\"x,application/json\\\";\";q=1"], TextXml),
        // An element that breaks the grammar counts for nothing.
        (&["text/xml;q=.5"], Json),
        (&["text/xml;q=1.5"], Json),
        (&["text/xml;q=0.1234"], Json),
        (
            &["text/xml;q", ", ,;", "application xml", "text/xml\""],
            Json,
        ),
        (&["garbage, application/xml;q=0.001"], ApplicationXml),
    ];
    for (lines, expected) in table {
        assert_eq!(error_form(&fields(&ACCEPT, lines)), expected, "{lines:?}");
    }
}

#[test]
fn the_language_is_the_heaviest_of_ours_then_the_first_then_the_default() {
    use Language::{Azerbaijani, English};
    let table: [(&[&str], Language, Language); 15] = [
        (&[], English, Azerbaijani),
        (&["az"], Azerbaijani, Azerbaijani),
        (&["en"], English, English),
        (&["az-Latn-AZ"], Azerbaijani, Azerbaijani),
        (&["AZ, en"], Azerbaijani, Azerbaijani),
        (&["en, az"], English, English),
        (&["en;q=0.8", "az;q=0.9"], Azerbaijani, Azerbaijani),
        (&["ru, az;q=0.1"], Azerbaijani, Azerbaijani),
        (&["ru"], English, Azerbaijani),
        (&["*"], English, Azerbaijani),
        (&["*;q=0.5, az;q=0.4"], English, English),
        (&["en;q=0, *"], Azerbaijani, Azerbaijani),
        (&["az;q=0, en;q=0"], English, Azerbaijani),
        (&["aze, english"], English, Azerbaijani),
        (&["az;q=2, en;q=0.1"], English, English),
    ];
    for (lines, of_english, of_azerbaijani) in table {
        let fields = fields(&ACCEPT_LANGUAGE, lines);
        assert_eq!(language(&fields, English), of_english, "{lines:?}");
        assert_eq!(language(&fields, Azerbaijani), of_azerbaijani, "{lines:?}");
    }
}

#[test]
fn a_value_that_is_no_text_counts_for_nothing() {
    let mut fields = fields(&ACCEPT, &["text/xml"]);
    fields.append(
        ACCEPT,
        HeaderValue::from_bytes(b"application/json\xff").unwrap(),
    );
    assert_eq!(error_form(&fields), ErrorForm::TextXml);
}

#[test]
fn tags_are_read_as_they_are_written() {
    for language in Language::ALL {
        assert_eq!(language.tag().parse(), Ok(language));
    }
    assert_eq!("AZ".parse::<Language>(), Err(UnknownLanguage));
}

proptest! {
    #[test]
    fn any_text_is_read(text in "[ -~\t]{0,200}") {
        let both = [fields(&ACCEPT, &[&text]), fields(&ACCEPT_LANGUAGE, &[&text])];
        error_form(&both[0]);
        language(&both[1], Language::English);
    }

    #[test]
    fn a_weight_is_read_back(weight in 0_u16..=1000) {
        let text = if weight == 1000 { "1".to_owned() } else { format!("0.{weight:03}") };
        prop_assert_eq!(thousandths(&text), Some(weight));
    }
}
