//! The page of a dossier for people: what was asked and answered, in Azerbaijani and English, without scripts or outside files.

use serde_json::Value;

use super::zip::Entry;

/// A longer body is not shown on the page; it is in the dossier all the same.
const SHOWN_BYTES: usize = 64 * 1024;

/// One language of the page.
struct Words {
    code: &'static str,
    title: &'static str,
    rows: [(&'static str, &'static str); 11],
    bodies: [&'static str; 2],
    not_text: &'static str,
    files: &'static str,
    absent: &'static str,
    check: &'static str,
}

const AZERBAIJANI: Words = Words {
    code: "az",
    title: "Mübadilənin dosyesi",
    rows: [
        ("request_id", "Sorğunun identifikatoru"),
        ("client", "Sorğu göndərən"),
        ("service", "Xidmət"),
        ("purpose", "Məqsəd"),
        ("legal_basis", "Hüquqi əsas"),
        ("contract", "Müqavilə"),
        ("begun", "Başlanıb"),
        ("ended", "Bitib"),
        ("outcome", "Nəticə"),
        ("status", "HTTP statusu"),
        ("made", "Dosye tərtib edilib"),
    ],
    bodies: ["Sorğunun mətni", "Cavabın mətni"],
    not_text: "mətn deyil və ya burada göstərmək üçün çox böyükdür: fayla baxın",
    files: "Dosyedəki fayllar",
    absent: "Dosyedə olmayanlar",
    check: "Yoxlamaq üçün",
};

const ENGLISH: Words = Words {
    code: "en",
    title: "Dossier of an exchange",
    rows: [
        ("request_id", "Request id"),
        ("client", "Asked by"),
        ("service", "Service"),
        ("purpose", "Purpose"),
        ("legal_basis", "Legal basis"),
        ("contract", "Contract"),
        ("begun", "Begun"),
        ("ended", "Ended"),
        ("outcome", "Outcome"),
        ("status", "HTTP status"),
        ("made", "Dossier made"),
    ],
    bodies: ["Body of the request", "Body of the answer"],
    not_text: "not text, or too long to be shown here: see the file",
    files: "Files in the dossier",
    absent: "Not in the dossier",
    check: "To check it",
};

/// Writes the page.
pub(super) fn page(description: &Value, entries: &[Entry]) -> String {
    let sections = [AZERBAIJANI, ENGLISH].map(|words| section(&words, description, entries));
    format!(
        "<!DOCTYPE html>\n<html lang=\"az\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{} / {}</title>\n<style>body{{font-family:sans-serif;max-width:60em;margin:2em auto}}\
         th{{text-align:left;padding-right:2em;vertical-align:top}}pre{{white-space:pre-wrap;background:#eee;padding:1em}}</style>\n\
         </head>\n<body>\n{}</body>\n</html>\n",
        AZERBAIJANI.title,
        ENGLISH.title,
        sections.concat()
    )
}

fn section(words: &Words, description: &Value, entries: &[Entry]) -> String {
    let row = |(key, name): &(&str, &str)| {
        let of_exchange = description.get("exchange").and_then(|told| told.get(*key));
        let value = [of_exchange, description.get(*key)]
            .into_iter()
            .flatten()
            .find_map(text)
            .unwrap_or_else(|| "–".to_owned());
        format!("<tr><th>{name}</th><td>{}</td></tr>\n", escape(&value))
    };
    let rows: String = words.rows.iter().map(row).collect();
    let bodies = super::MESSAGES.iter().zip(words.bodies);
    let bodies: String = bodies
        .filter_map(|(name, title)| {
            let name = format!("{name}/body.bin");
            let entry = entries.iter().find(|entry| entry.name == name)?;
            let shown = std::str::from_utf8(&entry.bytes)
                .ok()
                .filter(|text| text.len() <= SHOWN_BYTES);
            let shown = shown.map_or_else(
                || format!("<p>{}: {name}</p>", words.not_text),
                |text| format!("<pre>{}</pre>", escape(text)),
            );
            Some(format!("<h3>{title}</h3>\n{shown}\n"))
        })
        .collect();
    let files: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
    let absent = description["absent"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let absent: Vec<String> = absent.iter().filter_map(text).collect();
    format!(
        "<section lang=\"{}\">\n<h1>{}</h1>\n<table>\n{rows}</table>\n{bodies}<h3>{}</h3>\n{}<h3>{}</h3>\n{}\
         <h3>{}</h3>\n<pre>bridge-node audit verify-dossier dossier.asice --trust anchors.pem\n\
         openssl cms -verify -binary -inform DER -in META-INF/signature001.p7s -content META-INF/ASiCManifest001.xml \
         -CAfile anchors.pem -purpose any -out /dev/null</pre>\n</section>\n",
        words.code,
        words.title,
        words.files,
        list(&files),
        words.absent,
        list(&absent),
        words.check
    )
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        return "<p>–</p>\n".to_owned();
    }
    let items: Vec<String> = items.iter().map(|item| escape(item)).collect();
    format!("<ul>\n<li>{}</li>\n</ul>\n", items.join("</li>\n<li>"))
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_page_says_it_twice_and_nothing_breaks_out_of_it() {
        let description = json!({
            "request_id": "id-1",
            "exchange": { "client": "AZ/<b>", "status": 200 },
            "absent": ["receipts/peer.json: <none>"],
        });
        let body = Entry {
            name: "answer/body.bin".to_owned(),
            bytes: b"<script>alert(1)</script>".to_vec(),
        };
        let page = page(&description, &[body]);
        for text in ["lang=\"az\"", "lang=\"en\"", "Sorğu göndərən", "Asked by"] {
            assert!(page.contains(text), "{text}");
        }
        assert_eq!(page.matches("&lt;script&gt;").count(), 2);
        assert_eq!(page.matches("AZ/&lt;b&gt;").count(), 2);
        assert!(!page.contains("<script") && !page.contains("<none>"));
    }
}
