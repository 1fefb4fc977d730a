//! The body of an error, in JSON and in XML.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::accept::ErrorForm;

/// What the body of every error says. Standard: X-Road PR-REST §4.6.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error's type, also the value of `X-Road-Error`.
    pub r#type: String,
    /// What was refused, why, and what would help.
    pub message: String,
    /// Finds the line in the log.
    pub detail: String,
}

// === impl ErrorBody ===

impl ErrorBody {
    /// Reads the body of another node's error; `None` if it is not one.
    pub fn from_json(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Writes the body in a form.
    pub fn to_bytes(&self, form: ErrorForm) -> Vec<u8> {
        match form {
            ErrorForm::Json => serde_json::to_vec(self).unwrap_or_default(),
            ErrorForm::ApplicationXml | ErrorForm::TextXml => self.to_xml().into_bytes(),
        }
    }

    fn to_xml(&self) -> String {
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<error>");
        for (name, text) in [
            ("type", &self.r#type),
            ("message", &self.message),
            ("detail", &self.detail),
        ] {
            // Writing to a String can't fail.
            let _infallible = write!(xml, "<{name}>");
            text.chars()
                .for_each(|character| escape(&mut xml, character));
            let _infallible = write!(xml, "</{name}>");
        }
        xml.push_str("</error>\n");
        xml
    }
}

/// Returns a type under the name it had before X-Road 7.8: `Server.ServerProxy.AccessDenied`.
pub fn camel_case(r#type: &str) -> String {
    let parts = r#type.split('.').map(|part| match part {
        // Those that were not the same words in another case.
        "clientproxy" => "ClientProxy".to_owned(),
        "serverproxy" => "ServerProxy".to_owned(),
        "global_conf_outdated" => "OutdatedGlobalConf".to_owned(),
        "io_error" => "IOError".to_owned(),
        words => words.split('_').map(capitalised).collect(),
    });
    parts.collect::<Vec<String>>().join(".")
}

/// Returns the status that X-Road itself gives an error of this type: it has two.
pub fn x_road_status(r#type: &str) -> u16 {
    if r#type.starts_with("server.") {
        500
    } else {
        400
    }
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        let mut word = String::from(first.to_ascii_uppercase());
        word.push_str(letters.as_str());
        word
    })
}

/// Writes one character so that every parser reads it back; what XML can't hold at all becomes U+FFFD.
///
/// Standard: XML 1.0 §2.2, §2.4, §2.11.
fn escape(xml: &mut String, character: char) {
    match character {
        '&' => xml.push_str("&amp;"),
        '<' => xml.push_str("&lt;"),
        '>' => xml.push_str("&gt;"),
        // Left raw it would be read as a line feed.
        '\r' => xml.push_str("&#13;"),
        '\t' | '\n' | '\u{20}'..='\u{FFFD}' | '\u{10000}'.. => xml.push(character),
        _ => xml.push(char::REPLACEMENT_CHARACTER),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads a body with a stranger's parser.
    fn parse(bytes: &[u8]) -> ErrorBody {
        let text = std::str::from_utf8(bytes).unwrap();
        let document = roxmltree::Document::parse(text).unwrap_or_else(|e| panic!("{e}: {text}"));
        let root = document.root_element();
        assert_eq!(
            (root.tag_name().name(), root.attributes().len()),
            ("error", 0)
        );
        let mut children = root.children();
        let mut child = |name| {
            let child = children.next().unwrap();
            assert_eq!(child.tag_name().name(), name);
            child.text().unwrap_or_default().to_owned()
        };
        let body = ErrorBody {
            r#type: child("type"),
            message: child("message"),
            detail: child("detail"),
        };
        assert!(children.next().is_none());
        body
    }

    fn body(message: &str) -> ErrorBody {
        ErrorBody {
            r#type: "server.serverproxy.access_denied".to_owned(),
            message: message.to_owned(),
            detail: "d".to_owned(),
        }
    }

    #[test]
    fn xml_is_as_the_message_protocol_says() {
        assert_eq!(
            body("a<b & \"c\"> ə]]>").to_bytes(ErrorForm::TextXml),
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<error>\
             <type>server.serverproxy.access_denied</type>\
             <message>a&lt;b &amp; \"c\"&gt; ə]]&gt;</message><detail>d</detail></error>\n"
                .as_bytes()
        );
    }

    #[test]
    fn what_xml_cannot_hold_is_replaced() {
        for text in ["\0", "\u{1B}", "\u{FFFE}", "\u{FFFF}"] {
            let bytes = body(text).to_bytes(ErrorForm::ApplicationXml);
            assert_eq!(parse(&bytes).message, "\u{FFFD}", "{text:?}");
        }
    }

    #[test]
    fn a_body_that_is_no_error_is_not_read_as_one() {
        for text in [
            "",
            "{}",
            "[]",
            "<error/>",
            "{\"type\":1,\"message\":\"\",\"detail\":\"\"}",
        ] {
            assert_eq!(ErrorBody::from_json(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn older_names_and_statuses() {
        for (name, older, status) in [
            (
                "server.serverproxy.access_denied",
                "Server.ServerProxy.AccessDenied",
                500,
            ),
            (
                "server.clientproxy.io_error",
                "Server.ClientProxy.IOError",
                500,
            ),
            (
                "server.serverproxy.service_failed.io_error",
                "Server.ServerProxy.ServiceFailed.IOError",
                500,
            ),
            (
                "server.clientproxy.global_conf_outdated",
                "Server.ClientProxy.OutdatedGlobalConf",
                500,
            ),
            ("client.bad_request", "Client.BadRequest", 400),
            ("", "", 400),
        ] {
            assert_eq!(
                (camel_case(name).as_str(), x_road_status(name)),
                (older, status)
            );
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_back_from_both_forms(
            message in proptest::collection::vec(
                prop_oneof![any::<char>(), prop::sample::select(vec!['<', '>', '&', ']', '"', '\'', '\r', '\n', '\t'])],
                0..60,
            )
        ) {
            let written = body(&message.iter().collect::<String>());
            let json = written.to_bytes(ErrorForm::Json);
            prop_assert_eq!(ErrorBody::from_json(&json), Some(written.clone()));
            let fits = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..);
            let readable: String = message.iter().map(|c| if fits(c) { *c } else { '\u{FFFD}' }).collect();
            prop_assert_eq!(parse(&written.to_bytes(ErrorForm::TextXml)), body(&readable));
        }
    }
}
