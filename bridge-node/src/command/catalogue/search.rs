//! Words are found as people of Azerbaijan write them: I is the capital of ı, İ of i; and also typed without the letters
//! that a keyboard may lack.

use bridge_directory::catalogue::Entry;

/// Words that all must be found.
pub(super) struct Query(Vec<Wanted>);

enum Wanted {
    /// Has letters of its own: these and no others.
    Exact(String),
    /// Typed in plain letters: any that look alike.
    Plain(String),
}

impl Query {
    pub(super) fn of(words: &[String]) -> Self {
        let words = words.iter().flat_map(|word| word.split_whitespace());
        let wanted = words.map(|word| {
            if word.is_ascii() {
                Wanted::Plain(plain(word))
            } else {
                Wanted::Exact(small(word))
            }
        });
        Self(wanted.collect())
    }

    pub(super) fn matches(&self, entry: &Entry) -> bool {
        let text = text_of(entry);
        let (exact, folded) = (small(&text), plain(&text));
        self.0.iter().all(|wanted| match wanted {
            Wanted::Exact(word) => exact.contains(word),
            Wanted::Plain(word) => folded.contains(word),
        })
    }
}

/// All that is searched of an entry.
fn text_of(entry: &Entry) -> String {
    let mut text = entry.id.to_string();
    if let Some(filing) = entry.filing() {
        let told = [&filing.title, &filing.description];
        let told = told.into_iter().flat_map(|told| [&told.az, &told.en]);
        let attributes = [&filing.holds, &filing.source_of, &filing.asks];
        for part in told.chain(attributes.into_iter().flatten()) {
            text.push(' ');
            text.push_str(part);
        }
    }
    text
}

/// Small letters, the Turkic way.
fn small(text: &str) -> String {
    let letters = text.chars().filter(|letter| !is_mark(*letter));
    letters
        .flat_map(|letter| match letter {
            'I' => vec!['ı'],
            'İ' => vec!['i'],
            other => other.to_lowercase().collect(),
        })
        .collect()
}

/// Small letters of which each has its look-alike among a to z.
fn plain(text: &str) -> String {
    let look_alike = |letter| match letter {
        'ə' => 'e',
        'ı' => 'i',
        'ö' => 'o',
        'ü' => 'u',
        'ğ' => 'g',
        'ş' => 's',
        'ç' => 'c',
        other => other,
    };
    small(text).chars().map(look_alike).collect()
}

/// A mark that is written over the letter before: the dot of a decomposed İ among them.
fn is_mark(letter: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finds(word: &str, text: &str) -> bool {
        let Query(wanted) = Query::of(&[word.to_owned()]);
        wanted.iter().all(|wanted| match wanted {
            Wanted::Exact(word) => small(text).contains(word),
            Wanted::Plain(word) => plain(text).contains(word),
        })
    }

    #[test]
    fn words_are_found_in_either_case_the_turkic_way_and_without_diacritics() {
        for (word, text) in [
            ("ünvan", "ÜNVAN"),
            ("unvan", "Ünvan reyestri"),
            ("işıq", "İŞIQ"),
            ("IŞIQ", "ışıq"),
            ("isiq", "İŞIQ"),
            ("ISIQ", "işıq"),
            ("ehali", "Əhali"),
            ("ƏHALİ", "əhali reyestri"),
            ("İL", "il"),
            ("i\u{307}l", "İl"),
            ("vergi", "VERGİ"),
            ("cocuq", "ÇOCUQ"),
            ("person.address", "holds person.address"),
        ] {
            assert!(finds(word, text), "{word} in {text}");
        }
        for (word, text) in [
            ("işıq", "isiq"),
            ("ışıq", "İŞIQ"),
            ("əhali", "ehali"),
            ("vergilər", "vergi"),
        ] {
            assert!(!finds(word, text), "{word} in {text}");
        }
    }
}
