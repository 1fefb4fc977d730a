//! The once-only report: what persons are still asked for although an approved service is its source.

use bridge_directory::catalogue::{AskedTwice, Catalogue, Entry};
use serde_json::{Value, json};

use super::super::directory::{Language, plain};
use super::super::say;
use super::Options;

pub(super) fn report(catalogue: &Catalogue, options: &Options) {
    let mut found = catalogue.once_only();
    found.retain(|one| options.is_of(one.asking));
    let language = options.language;
    if options.json {
        let list: Vec<Value> = found.iter().map(|one| shown(one, language)).collect();
        say(json!({ "asked_twice": list }));
        return;
    }
    if options.csv {
        say("service,title,attribute,source,source_title");
        for one in &found {
            let cells = [
                one.asking.id.as_str(),
                title(one.asking, language),
                one.attribute,
                one.source.id.as_str(),
                title(one.source, language),
            ];
            say(cells.map(cell).join(","));
        }
        return;
    }
    for one in &found {
        let (asking, source) = (title(one.asking, language), title(one.source, language));
        let (asking, source) = (plain(asking), plain(source));
        let AskedTwice {
            asking: by,
            attribute,
            source: of,
        } = one;
        let (by, of) = (&by.id, &of.id);
        say(match language {
            Language::En => format!(
                "{by} ({asking}) asks a person for {attribute}; {of} ({source}) is its source"
            ),
            Language::Az => format!(
                "{by} ({asking}) şəxsdən {attribute} məlumatını tələb edir; onun mənbəyi: {of} ({source})"
            ),
        });
    }
    if found.is_empty() {
        say(language.pick(
            "nobody is asked for what an approved service is the source of",
            "təsdiq edilmiş xidmətin mənbəyi olduğu heç bir məlumat şəxsdən tələb edilmir",
        ));
    }
}

fn shown(one: &AskedTwice<'_>, language: Language) -> Value {
    json!({
        "service": one.asking.id,
        "title": title(one.asking, language),
        "attribute": one.attribute,
        "source": one.source.id,
        "source_title": title(one.source, language),
    })
}

fn title(entry: &Entry, language: Language) -> &str {
    let filing = entry.filing();
    filing.map_or("", |filing| match language {
        Language::En => &filing.title.en,
        Language::Az => &filing.title.az,
    })
}

/// A cell that a spreadsheet shows and does not compute.
///
/// Standard: RFC 4180 §2.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guard = if is_formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_quoted_and_never_a_formula() {
        for (text, expected) in [
            ("Əhali", "\"Əhali\""),
            ("a,\"b\"", "\"a,\"\"b\"\"\""),
            ("=HYPERLINK(1)", "\"'=HYPERLINK(1)\""),
            ("@x", "\"'@x\""),
            ("+1", "\"'+1\""),
            ("-1", "\"'-1\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
