//! Paths and queries in every spelling, each judged by what it means: by a decoder of this file's own, not the node's.

use std::fmt::Write as _;

use serde_json::json;

use bridge_tests::registry::Reaction;
use bridge_tests::terms::endpoint;
use bridge_tests::world::{PATH, World, usual};

use super::{Door, Ground, answers, golden, latin_1, strangers_terms};

/// Spellings that are put into paths and queries, one character a byte.
const SPELLINGS: [&str; 100] = [
    "a",
    "A",
    "%61",
    "%41",
    "a%62c",
    ".",
    "..",
    "...",
    "%2e",
    "%2E",
    "%2e%2e",
    "%2E%2E",
    ".%2e",
    "%2e.",
    "%2E%2e",
    "..%00",
    "%252e",
    "%252e%252e",
    "%25%32%65",
    "%%32%65",
    "%c0%ae",
    "%c0%ae%c0%ae",
    "%e0%80%ae",
    "%f0%80%80%ae",
    "%fc%80%80%80%80%ae",
    "%2f",
    "%2F",
    "a%2fb",
    "..%2f",
    "..%2fx",
    "%2e%2e%2f",
    "%252f",
    "%25%32%66",
    "%c0%af",
    "%e0%80%af",
    "%ef%bc%8f",
    "%5c",
    "%5C",
    "\\",
    "..\\",
    "..%5c",
    "%255c",
    "%c1%9c",
    "%00",
    "a%00",
    "%2500",
    "%c0%80",
    "%0a",
    "%0d",
    "%0d%0a",
    "%250d%250a",
    "%09",
    "%08",
    "%1f",
    "%7f",
    "%c2%85",
    "%c2%a0",
    "%c3%bc",
    "%C3%BC",
    "%c3%BC",
    "%c3",
    "%bc",
    "%ff",
    "%ed%a0%80",
    "%f4%90%80%80",
    "%f0%9f%98%80",
    "%e2%80%8b",
    "%u002f",
    "%u2215",
    "%",
    "%%",
    "%4",
    "%4g",
    "%g4",
    "% 4",
    "%25",
    "%2525",
    "%2541",
    "%20",
    "+",
    "%2b",
    "%2B",
    ";",
    "%3b",
    "%3B",
    "a;b=c",
    "..;",
    "%3f",
    "%23",
    "&",
    "%26",
    "=",
    "%3d",
    "@",
    ":",
    "*",
    "%2a",
    "~",
    "(a)",
    "'",
];

/// Whole targets behind the service that no spelling list makes.
const WHOLE: [&str; 52] = [
    "",
    "/",
    "//",
    "///",
    "/open",
    "/open/",
    "/open//",
    "//open/a",
    "/open//a",
    "/open/a/",
    "/open/a//",
    "/open/a/b",
    "/Open/a",
    "/%6fpen/a",
    "/%6Fpen/%61",
    "/op%65n/a",
    "/open/./a",
    "/open/a/.",
    "/open/a/..",
    "/open/../deep/x",
    "/open/%2e%2e/deep/x",
    "/deep",
    "/deep/",
    "/deep/a/b/c/d/",
    "/deep/../secret",
    "/deep/..;/secret",
    "/deep/a;v=1/b",
    "/deep/%2e%2e;/secret",
    "/secret",
    "/secret/a",
    "/%73ecret",
    "/open/a?",
    "/open/a??",
    "/open/a?q",
    "/open/a?q=",
    "/open/a?=q",
    "/open/a?q=1&q=2",
    "/open/a?q=1&&r=2",
    "/open/a?&q=1&",
    "/open/a?q=1;r=2",
    "/open/a?q=1?r=2",
    "/open/a?q=/../x",
    "/open/a?%71=1",
    "/open/a?q%3d1",
    "/open/a?q%26r=1",
    "/open/a?q=1%26secret=2",
    "/open/a?secret=1",
    "/open/a?q=1&%73ecret=2",
    "/open/a?q=1&+r=2",
    "/open/a?q[]=1",
    "/open/a?Q=1",
    "/open?q=1",
];

/// Bytes that RFC 3986 has in no target: they may be refused or carried, never changed.
const UNUSUAL: &[u8] = b"\"<>^`{|}[]";

/// What a target means: decoded segments and parameters.
#[derive(Debug, PartialEq, Eq)]
struct Meaning {
    segments: Vec<Vec<u8>>,
    parameters: Vec<(Vec<u8>, Vec<u8>)>,
}

/// What must come of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Is(u16),
    /// Refused as malformed, or as if it were not unusual.
    Unusual(u16),
}

fn forms() -> Vec<String> {
    let mut forms: Vec<String> = WHOLE.map(str::to_owned).into();
    for spelling in SPELLINGS {
        forms.extend([
            format!("/open/{spelling}"),
            format!("/deep/{spelling}/x"),
            format!("/open/a?q={spelling}"),
            format!("/open/a?{spelling}=1"),
        ]);
    }
    for byte in UNUSUAL {
        let byte = char::from(*byte);
        forms.extend([format!("/open/{byte}"), format!("/open/a?q={byte}")]);
    }
    forms.extend(
        [
            "\u{e9}",
            "\u{c3}\u{bc}",
            "\u{80}",
            "\u{ff}",
            "\u{1}",
            "\u{7f}",
            "#",
            "#a",
            "\t",
            " ",
        ]
        .map(|raw| format!("/open/a{raw}b")),
    );
    forms.push(format!("/open/{}", "a".repeat(8000)));
    forms.push(format!("/open/{}", "a".repeat(8200)));
    forms.push(format!("/open/{}", "%61".repeat(2700)));
    forms.push(format!("/deep{}", "/a".repeat(63)));
    forms.push(format!("/deep{}", "/a".repeat(64)));
    forms.push(format!("/open/a?{}", "q=1&".repeat(100)));
    forms.push(format!("/open/a?{}", "q=1&".repeat(101)));
    forms
}

fn endpoints() -> serde_json::Value {
    json!([endpoint("GET", "/open/*"), endpoint("GET", "/deep/**")])
}

#[tokio::test]
async fn every_spelling_of_a_path_or_query_is_judged_by_its_meaning() {
    let world = World::with()
        .contract(usual().with("endpoints", endpoints()))
        .start()
        .await;
    let forms = forms();
    assert_eq!(forms.len(), 52 + 4 * 100 + 2 * 10 + 10 + 7);
    let mut table = String::new();
    for form in &forms {
        let before = world.registry.seen().len();
        let wire = format!(
            "GET {PATH}{form} HTTP/1.1\r\nHost: a\r\nBridge-Api-Key: {}\r\nX-Road-Client: {}\r\nConnection: close\r\n\r\n",
            world.consumer.api_key, world.consumer.subsystem
        );
        let stream = tokio::net::TcpStream::connect(world.consumer.ports.plain)
            .await
            .unwrap();
        let said = answers(&super::speak_over(stream, latin_1(&wire)).await);
        assert_eq!(said.len(), 1, "{form:?}");
        let status = said[0].status;
        let shown: String = form.chars().take(60).collect();
        match verdict(form) {
            Verdict::Is(due) => assert_eq!(status, due, "{shown:?}"),
            Verdict::Unusual(due) => assert!(status == due || status == 400, "{shown:?}: {status}"),
        }
        let seen = world.registry.seen();
        if status == 200 {
            assert_eq!(seen.len(), before + 1, "{shown:?}");
            let reached = seen
                .last()
                .unwrap()
                .target
                .strip_prefix("/base")
                .unwrap()
                .to_owned();
            let meant = meaning(form).unwrap();
            assert_eq!(
                meaning(&reached),
                Some(meant),
                "{shown:?} reached as {reached:?}"
            );
            assert!(allowed(&reached), "{shown:?} reached as {reached:?}");
        } else {
            said[0].error();
            assert_eq!(
                seen.len(),
                before,
                "{shown:?} was refused and reached the registry"
            );
        }
        writeln!(table, "{status} {}", shown.escape_debug()).unwrap();
    }
    golden("encodings", &table);
}

/// The same forms from a member's node. What differs: the signature is over the target as it is written anew, so a path in
/// another spelling was not signed, whatever it means and whether or not it is allowed; a query is never written anew. A
/// form that no message can sign is sent behind the signature of another: it is refused before any signature is looked at.
#[tokio::test]
async fn a_peer_that_signs_another_spelling_gets_nowhere() {
    let lea = strangers_terms().with("endpoints", endpoints());
    let ground = Ground::under(lea, |setup| setup).await;
    ground.world.registry.always(Reaction::answer(200, &[], ""));
    let mut table = String::new();
    for form in forms() {
        let target = format!("{PATH}{form}");
        let seen = || ground.world.registry.seen();
        let before = seen().len();
        let can_sign = target.bytes().all(|byte| byte.is_ascii_graphic());
        let signed = if can_sign { &target } else { PATH };
        let known = ground.known(Door::Node, "GET", signed);
        let wire = format!("GET {target} HTTP/1.1\r\n{known}\r\nConnection: close\r\n\r\n");
        let said = answers(&ground.speak(Door::Node, latin_1(&wire)).await);
        assert_eq!(said.len(), 1, "{form:?}");
        let status = said[0].status;
        let code = if status == 200 {
            "good".to_owned()
        } else {
            said[0].error().replace("server.serverproxy.", "")
        };
        let shown: String = form.chars().take(60).collect();
        let got = (status, code.as_str());
        match verdict(&form) {
            Verdict::Is(due) => assert_eq!(got, at_the_node(due, &form), "{shown:?}"),
            Verdict::Unusual(due) => assert!(
                got == at_the_node(due, &form) || got == at_the_node(400, &form),
                "{shown:?}: {got:?}"
            ),
        }
        assert_eq!(
            seen().len(),
            before + usize::from(status == 200),
            "{shown:?}"
        );
        if status == 200 {
            let reached = seen().swap_remove(before).target;
            let reached = reached.strip_prefix("/base").unwrap();
            assert_eq!(reached, form, "what was signed reached as it was");
        }
        writeln!(table, "{status} {code} {}", shown.escape_debug()).unwrap();
    }
    golden("encodings_of_nodes", &table);
}

/// In the five id parts `%2F` is data, and nothing in them steps anywhere.
#[tokio::test]
async fn id_parts_are_data() {
    let world = World::usual().await;
    let good = ["AZ", "GOV", "1001", "POPULATION", "registry"];
    let mut asked = 0;
    for (place, part) in good.iter().enumerate() {
        for (spelling, malformed) in [
            (format!("{part}%2F.."), false),
            (format!("{part}%2fx"), false),
            (format!("..%2F{part}"), false),
            (format!("{part}%5C"), false),
            (format!("{part};v=1"), false),
            (format!("{part}%252e"), false),
            ("%2e%2e".to_owned(), true),
            ("..".to_owned(), true),
            (".".to_owned(), true),
            (String::new(), true),
            (format!("{part}%00"), true),
            (format!("{part}%0d%0a"), true),
            (format!("{part}%c0%ae"), true),
            (format!("{part}%e2%80%8b"), true),
            (format!("{part}%"), true),
            ("a".repeat(256), true),
        ] {
            let mut parts = good;
            parts[place] = &spelling;
            let answer = world
                .consumer
                .get(&format!("/r1/{}", parts.join("/")))
                .send()
                .await;
            if malformed {
                answer.refused(400, "server.clientproxy.bad_request");
            } else {
                // A consumer that has no contract for what it names learns no more than that it does not exist.
                assert!(
                    [403, 404].contains(&answer.status),
                    "{spelling}: {answer:?}"
                );
            }
            asked += 1;
        }
        // The same name in another spelling is the same name.
        let first = u32::from(part.chars().next().unwrap());
        let spelled = format!("%{first:02x}{}", &part[1..]);
        let mut parts = good;
        parts[place] = &spelled;
        world
            .consumer
            .get(&format!("/r1/{}", parts.join("/")))
            .send()
            .await
            .answered(200);
    }
    assert_eq!((asked, world.registry.seen().len()), (5 * 16, 5));
}

// === the oracle ===

/// The rules of the path, written anew: what is malformed is 400, what the contract does not allow 403.
fn verdict(form: &str) -> Verdict {
    let bytes = latin_1(form);
    if bytes
        .iter()
        .any(|byte| !(0x21..0x7f).contains(byte) || *byte == b'#')
    {
        return Verdict::Is(400);
    }
    if PATH.len() + form.len() > 8192 {
        return Verdict::Is(431);
    }
    let due = match meaning(form) {
        None => 400,
        Some(_) if allowed(form) => 200,
        Some(_) => 403,
    };
    if bytes.iter().any(|byte| UNUSUAL.contains(byte)) {
        Verdict::Unusual(due)
    } else {
        Verdict::Is(due)
    }
}

/// What a node says to a peer where the rules say `due` of a caller's request: the line is judged first, then the signature,
/// then the contract.
fn at_the_node(due: u16, form: &str) -> (u16, &'static str) {
    match due {
        400 | 431 => (due, "bad_request"),
        _ if !in_our_spelling(form) => (403, "invalid_signature_value"),
        403 => (403, "access_denied"),
        _ => (due, "good"),
    }
}

/// Whether a path is written as nodes write it: escaped is what may not stand there by itself, in capitals, and nothing else.
/// Standard: RFC 3986 §3.3.
fn in_our_spelling(form: &str) -> bool {
    let path = form.split('?').next().unwrap_or_default();
    let mut anew = String::new();
    for segment in meaning(form).unwrap().segments {
        anew.push('/');
        for byte in segment {
            let stands = byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@".contains(&byte);
            if stands {
                anew.push(char::from(byte));
            } else {
                write!(anew, "%{byte:02X}").unwrap();
            }
        }
    }
    anew == path
}

/// Whether the contract's two endpoints allow it.
fn allowed(form: &str) -> bool {
    let Some(Meaning {
        segments,
        parameters,
    }) = meaning(form)
    else {
        return false;
    };
    let names = |name: &Vec<u8>| [b"q".to_vec(), b"r".to_vec(), b"fin".to_vec()].contains(name);
    let path = match segments.split_first() {
        Some((first, rest)) if first == b"open" => rest.len() == 1 && !rest[0].is_empty(),
        Some((first, _)) => first == b"deep",
        None => false,
    };
    path && parameters.iter().all(|(name, _)| names(name)) && !segments.concat().contains(&b';')
}

/// Decodes once; `None` where a decoded path or query is one that no node lets in.
fn meaning(form: &str) -> Option<Meaning> {
    let (path, query) = form
        .split_once('?')
        .map_or((form, None), |(path, query)| (path, Some(query)));
    let mut segments = Vec::new();
    let raw: Vec<&str> = path.split('/').collect();
    if raw.len() > 65 {
        return None;
    }
    for (index, raw_segment) in raw.iter().enumerate().skip(1) {
        let segment = percent_decoded(raw_segment)?;
        let text = String::from_utf8(segment.clone()).ok()?;
        let is_last = index + 1 == raw.len();
        let hostile = text == "."
            || text == ".."
            || text.contains(['/', '\\'])
            || text.chars().any(char::is_control);
        let again =
            percent_decoded(&text).is_none_or(|again| again != segment) && holds_escape(&text);
        if hostile || again || (text.is_empty() && !is_last) {
            return None;
        }
        segments.push(segment);
    }
    let mut parameters = Vec::new();
    for raw in query
        .unwrap_or_default()
        .split('&')
        .filter(|raw| !raw.is_empty())
    {
        let (name, value) = raw.split_once('=').unwrap_or((raw, ""));
        let (name, value) = (form_decoded(name)?, form_decoded(value)?);
        let controls = String::from_utf8(name.clone())
            .ok()?
            .chars()
            .any(char::is_control);
        if raw.contains(';')
            || controls
            || value.contains(&0)
            || std::str::from_utf8(&value).is_err()
        {
            return None;
        }
        parameters.push((name, value));
    }
    (parameters.len() <= 100).then_some(Meaning {
        segments,
        parameters,
    })
}

fn holds_escape(text: &str) -> bool {
    text.match_indices('%').any(|(at, _)| {
        let digits: Vec<char> = text[at + 1..].chars().take(2).collect();
        digits.len() == 2 && digits.iter().all(char::is_ascii_hexdigit)
    })
}

fn percent_decoded(text: &str) -> Option<Vec<u8>> {
    let mut pieces = text.split('%');
    let mut out = pieces.next()?.as_bytes().to_vec();
    for piece in pieces {
        let digits = piece
            .get(..2)
            .filter(|digits| digits.chars().all(|c| c.is_ascii_hexdigit()))?;
        out.push(u8::from_str_radix(digits, 16).ok()?);
        out.extend_from_slice(&piece.as_bytes()[2..]);
    }
    Some(out)
}

fn form_decoded(text: &str) -> Option<Vec<u8>> {
    percent_decoded(&text.replace('+', "%20"))
}
