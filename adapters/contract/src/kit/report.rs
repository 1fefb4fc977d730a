//! The report of a battery: for people, for programs, for build servers.

use serde_json::{Value, json};

use super::{Outcome, Verdict};

/// The forms that a report can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One line for each check.
    Text,
    /// One object.
    Json,
    /// JUnit XML, as build servers read it.
    Junit,
}

/// What came of a battery.
#[derive(Debug, Clone)]
pub struct Report {
    /// Each check with its verdict, in the order of the battery.
    pub outcomes: Vec<Outcome>,
}

impl Report {
    /// The checks that do not hold.
    pub fn broken(&self) -> Vec<&'static str> {
        let broken = self
            .outcomes
            .iter()
            .filter(|own| matches!(own.verdict, Verdict::Broken(_)));
        broken.map(|own| own.check.id).collect()
    }

    /// How many checks held, do not hold, and do not apply.
    pub fn counts(&self) -> [usize; 3] {
        let mut counts = [0usize; 3];
        let [held, broken, absent] = &mut counts;
        for outcome in &self.outcomes {
            match outcome.verdict {
                Verdict::Held => *held += 1,
                Verdict::Broken(_) => *broken += 1,
                Verdict::DoesNotApply(_) => *absent += 1,
            }
        }
        counts
    }

    /// Writes the report about the named adapter.
    pub fn write(&self, name: &str, format: Format) -> String {
        match format {
            Format::Text => self.text(name),
            Format::Json => format!("{:#}\n", self.json(name)),
            Format::Junit => self.junit(name),
        }
    }

    fn text(&self, name: &str) -> String {
        let mut text = String::new();
        for Outcome { check, verdict, .. } in &self.outcomes {
            let line = match verdict {
                Verdict::Held => format!("ok    {}", check.id),
                Verdict::Broken(what) => {
                    format!(
                        "FAIL  {}: {}\n      {what}\n      why: {}",
                        check.id, check.claim, check.why
                    )
                }
                Verdict::DoesNotApply(why) => {
                    format!("-     {}: does not apply, because {why}", check.id)
                }
            };
            text.push_str(&line);
            text.push('\n');
        }
        let [held, broken, absent] = self.counts();
        let total = self.outcomes.len();
        text.push_str(&format!(
            "{name}: {total} checks: {held} hold, {broken} fail, {absent} do not apply\n"
        ));
        text
    }

    fn json(&self, name: &str) -> Value {
        let checks = self.outcomes.iter().map(
            |Outcome {
                 check,
                 verdict,
                 took,
             }| {
                let (word, told) = match verdict {
                    Verdict::Held => ("holds", None),
                    Verdict::Broken(what) => ("fails", Some(what)),
                    Verdict::DoesNotApply(why) => ("does-not-apply", Some(why)),
                };
                json!({
                    "id": check.id,
                    "claim": check.claim,
                    "why": check.why,
                    "verdict": word,
                    "told": told,
                    "milliseconds": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
                })
            },
        );
        let checks: Vec<Value> = checks.collect();
        let [held, broken, absent] = self.counts();
        json!({
            "adapter": name,
            "checks": checks,
            "holds": held,
            "fails": broken,
            "does_not_apply": absent,
        })
    }

    fn junit(&self, name: &str) -> String {
        let [_, broken, absent] = self.counts();
        let (name, total) = (escaped(name), self.outcomes.len());
        let seconds: f64 = self.outcomes.iter().map(|own| own.took.as_secs_f64()).sum();
        let counts = format!(
            "tests=\"{total}\" failures=\"{broken}\" errors=\"0\" skipped=\"{absent}\" time=\"{seconds:.3}\""
        );
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        xml.push_str(&format!(
            "<testsuites {counts}>\n<testsuite name=\"{name}\" {counts}>\n"
        ));
        for Outcome {
            check,
            verdict,
            took,
        } in &self.outcomes
        {
            let head = format!(
                "<testcase classname=\"{name}.{}\" name=\"{}\" time=\"{:.3}\"",
                check.theme(),
                check.id,
                took.as_secs_f64()
            );
            let rest = match verdict {
                Verdict::Held => "/>".to_owned(),
                Verdict::Broken(what) => format!(
                    "><failure message=\"{}\">{}</failure></testcase>",
                    escaped(check.claim),
                    escaped(&format!("{what}\n{}", check.why))
                ),
                Verdict::DoesNotApply(why) => {
                    format!(
                        "><skipped message=\"does not apply, because {}\"/></testcase>",
                        escaped(why)
                    )
                }
            };
            xml.push_str(&head);
            xml.push_str(&rest);
            xml.push('\n');
        }
        xml.push_str("</testsuite>\n</testsuites>\n");
        xml
    }
}

/// Text for an attribute or an element; what XML cannot hold becomes U+FFFD.
///
/// Standard: XML 1.0 §2.2.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}
