//! The steps of a package's scenario, as commands to type and as requests.

use std::net::SocketAddr;

use bridge_adapter::probe::Probe;
use bridge_adapter::scenario::{Expected, Scenario, Step};
use bytes::Bytes;
use http::Request;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::front::Front;
use super::place;
use super::show::{listed, pointers};
use crate::command::trial::client::Answer;
use crate::command::trial::world::World;
use crate::command::{Failure, say};

/// Plays the scenario and compares what the consumers get.
pub(super) async fn scenario(front: &Front, scenario: &Scenario) -> Result<(), Failure> {
    let mut wrong = 0_usize;
    let mut judged = 0_usize;
    for step in &scenario.steps {
        say(format_args!("# {}", step.title));
        let answer = front.pass(request(front.address(), &step.probe)?).await?;
        cut(step, &answer);
        let differences = match (&step.consumer, &step.registry) {
            (Some(expected), _) => differences(expected, &answer),
            (None, Some(expected)) => lost(expected, &answer),
            (None, None) => {
                say(
                    "    not judged: the step says neither what the registry answers nor what is left",
                );
                continue;
            }
        };
        if !differences.is_empty() && is_outside_hours(&answer) {
            say("    not judged: the contract allows it at other hours only");
            continue;
        }
        judged = judged.saturating_add(1);
        if !differences.is_empty() {
            wrong = wrong.saturating_add(1);
        }
        for difference in differences {
            say(format_args!("    FAIL {difference}"));
        }
    }
    if wrong > 0 {
        return Err(Failure::Failed(format!(
            "{wrong} of {judged} steps did not come as expected"
        )));
    }
    say(format_args!("{judged} steps came as expected"));
    Ok(())
}

/// Says what the registry gave and the contract kept back.
fn cut(step: &Step, answer: &Answer) {
    let given = step
        .registry
        .as_ref()
        .and_then(|expected| expected.body.as_ref());
    if let Some(given) = given.filter(|_| (200..300).contains(&answer.status)) {
        let left = pointers(&answer.json());
        let kept = pointers(given).difference(&left).cloned().collect();
        say(format_args!("    cut:     {}", listed(&kept)));
    }
}

/// Whether a contract's hours alone speak against the call: the sandbox's nodes have the time of day.
fn is_outside_hours(answer: &Answer) -> bool {
    let said = answer.json();
    let message = said.pointer("/message").and_then(|own| own.as_str());
    message.is_some_and(|own| own.contains(" Rule: hours. "))
}

/// Where a step does not say what is left for the consumer, all that the registry says must arrive.
fn lost(expected: &Expected, answer: &Answer) -> Vec<String> {
    if expected.error.is_none() {
        return differences(expected, answer);
    }
    // An adapter's error has its own words; to the consumer it is a refusal of the provider's node.
    let code = answer.field("x-road-error");
    if code.starts_with("server.serverproxy.") {
        return Vec::new();
    }
    vec![format!(
        "expected a refusal of the provider's node, got {code:?}"
    )]
}

fn differences(expected: &Expected, answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    let error = answer.field("x-road-error");
    // An expectation of an error alone has no status of its own.
    let has_status = expected.error.is_none() || expected.status != 0;
    if has_status && answer.status != expected.status {
        found.push(format!(
            "expected the status {}, got {}",
            expected.status, answer.status
        ));
    }
    if let Some(code) = &expected.error
        && error != code
    {
        found.push(format!("expected the error {code}, got {error:?}"));
    }
    if let Some(body) = &expected.body
        && answer.json() != *body
    {
        found.push(format!(
            "expected the body {body}, got {}",
            String::from_utf8_lossy(&answer.body)
        ));
    }
    found
}

/// The step as curl would send it, for a shell.
pub(super) fn curl(world: &World, address: SocketAddr, step: &Step) -> Result<String, Failure> {
    let probe = &step.probe;
    let key = &place::agency(world, &probe.client)?.api_key;
    let mut words = vec!["curl -sS".to_owned()];
    let own = [("Bridge-Api-Key", key.clone())];
    words.extend(
        own.into_iter()
            .chain(fields(probe))
            .map(|(name, value)| format!("-H {}", quoted(&format!("{name}: {value}")))),
    );
    if probe.method != http::Method::GET {
        words.push(format!("-X {}", probe.method));
    }
    let body = probe.body.whole().unwrap_or_default();
    if !body.is_empty() {
        let body = String::from_utf8_lossy(&body).into_owned();
        words.push(format!("--data-binary {}", quoted(&body)));
    }
    words.push(quoted(&format!("http://{address}{}", target(probe))));
    Ok(words.join(" "))
}

fn request(address: SocketAddr, probe: &Probe) -> Result<Request<Bytes>, Failure> {
    let mut request = Request::builder()
        .method(probe.method.clone())
        .uri(target(probe))
        .header("host", address.to_string());
    for (name, value) in fields(probe) {
        request = request.header(name, value);
    }
    request
        .body(probe.body.whole().unwrap_or_default())
        .map_err(|error| Failure::failed("request", &error))
}

fn fields(probe: &Probe) -> Vec<(&'static str, String)> {
    let mut fields = vec![("X-Road-Client", probe.client.to_string())];
    let content_type = probe.content_type.as_ref();
    let content_type = content_type.and_then(|value| value.to_str().ok());
    let more = [
        ("Bridge-Purpose", probe.purpose.as_deref()),
        ("Bridge-Legal-Basis", probe.legal_basis.as_deref()),
        ("X-Road-UserId", probe.user_id.as_deref()),
        (
            "X-Road-Represented-Party",
            probe.represented_party.as_deref(),
        ),
        ("Idempotency-Key", probe.key.as_deref()),
        ("Content-Type", content_type),
    ];
    let given = more
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?.to_owned())));
    fields.extend(given);
    fields
}

fn target(probe: &Probe) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = probe
        .query
        .iter()
        .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
        .collect();
    let mark = if pairs.is_empty() { "" } else { "?" };
    format!(
        "/r1/{}{}{mark}{}",
        probe.service,
        probe.path,
        pairs.join("&")
    )
}

/// A word of a shell's command line.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_expected_by_its_code_and_by_its_status_if_that_is_said() {
        let mut fields = http::HeaderMap::new();
        let code = http::HeaderValue::from_static("client.denied");
        fields.insert("x-road-error", code);
        let answer = Answer {
            status: 403,
            fields,
            body: Bytes::new(),
        };
        let count = |status, error: &str| {
            let expected = Expected {
                status,
                body: None,
                error: Some(error.to_owned()),
            };
            differences(&expected, &answer).len()
        };
        assert_eq!(
            (count(0, "client.denied"), count(403, "client.denied")),
            (0, 0)
        );
        assert_eq!(
            (count(404, "client.denied"), count(0, "client.other")),
            (1, 1)
        );
    }

    #[test]
    fn a_word_stays_a_word_in_a_shell() {
        let said = std::process::Command::new("sh")
            .args([
                "-c",
                &format!("printf %s {}", quoted("it's $HOME `x` \"y\"")),
            ])
            .output()
            .unwrap();
        assert_eq!(said.stdout, b"it's $HOME `x` \"y\"");
    }
}
