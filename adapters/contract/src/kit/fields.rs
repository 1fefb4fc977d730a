//! What came of the scenario's calls: header fields, lengths, frames.

use http::header::{self, HeaderName};

use super::answers::every;
use super::ask::Seen;
use super::bench::Bench;
use super::check::{Check, Judged, demand};

/// The most header fields and bytes of them that a node forwards for an adapter without a thought.
const FIELDS: usize = 64;
const FIELDS_BYTES: usize = 16 * 1024;

pub(super) const CHECKS: &[Check] = &[
    Check::look(
        "fields.no-connection",
        [
            "no answer carries Connection, Keep-Alive or Proxy-Connection",
            "They speak of one connection; behind the node they end or keep another one.",
        ],
        |bench| none_of(bench, &["connection", "keep-alive", "proxy-connection"]),
    ),
    Check::look(
        "fields.no-framing",
        [
            "no answer carries Transfer-Encoding, TE or Trailer",
            "The node frames the body itself; a second framing lets a message be smuggled in.",
        ],
        |bench| none_of(bench, &["transfer-encoding", "te", "trailer"]),
    ),
    Check::look(
        "fields.no-upgrade",
        [
            "no answer carries Upgrade",
            "It would hand the connection over to a protocol that nobody checks.",
        ],
        |bench| none_of(bench, &["upgrade"]),
    ),
    Check::look(
        "fields.no-proxy-login",
        [
            "no answer carries Proxy-Authenticate or Proxy-Authorization",
            "They ask for, or give away, the login of a proxy on the way.",
        ],
        |bench| none_of(bench, &["proxy-authenticate", "proxy-authorization"]),
    ),
    Check::look(
        "fields.no-bridge",
        [
            "no answer carries a Bridge-* field",
            "They are the node's own word: receipts, contracts, secrets.",
        ],
        |bench| none_beginning(bench, "bridge-"),
    ),
    Check::look(
        "fields.no-x-road",
        [
            "no answer carries an X-Road-* field",
            "They are the node's own word: who asked, what failed.",
        ],
        |bench| none_beginning(bench, "x-road-"),
    ),
    Check::look(
        "fields.no-signature",
        [
            "no answer carries Signature or Signature-Input",
            "A second signature beside the node's leaves open whose word an answer is.",
        ],
        |bench| none_of(bench, &["signature", "signature-input"]),
    ),
    Check::look(
        "fields.type-present",
        [
            "every body has a Content-Type, and one only",
            "Without it a reader guesses, and guesses otherwise than the node.",
        ],
        type_present,
    ),
    Check::look(
        "fields.charset",
        [
            "a charset, if one is named, is utf-8",
            "JSON has no other; a reader that believes the field destroys every ə.",
        ],
        charset,
    ),
    Check::look(
        "fields.no-coding",
        [
            "no answer is compressed: there is no Content-Encoding",
            "Nobody asked for it, and fields cannot be cut from what is compressed.",
        ],
        |bench| none_of(bench, &["content-encoding"]),
    ),
    Check::look(
        "fields.no-range",
        [
            "no answer is a part: there is no Content-Range",
            "Nobody asked for a part; a part taken for the whole is wrong data.",
        ],
        |bench| none_of(bench, &["content-range"]),
    ),
    Check::look(
        "fields.length",
        [
            "Content-Length, if there is one, is the length of the body",
            "Where they differ a caller waits for the rest, or takes the next message for it.",
        ],
        length,
    ),
    Check::look(
        "fields.length-once",
        [
            "Content-Length stands once",
            "Two of them are the classic way to smuggle a message past a proxy.",
        ],
        length_once,
    ),
    Check::look(
        "fields.visible",
        [
            "every field value is visible ASCII, space and tab",
            "Other bytes are read in as many ways as there are readers, and cannot be signed.",
        ],
        visible,
    ),
    Check::look(
        "fields.bounded",
        [
            "an answer has at most 64 header fields and 16 KiB of them",
            "Every hop has a limit; an answer above it is lost at the first that is stricter.",
        ],
        bounded,
    ),
    Check::look(
        "fields.announced-length",
        [
            "a body that announces its length has that length",
            "The node frames the answer by what is announced.",
        ],
        announced_length,
    ),
    Check::look(
        "fields.no-trailers",
        [
            "a body has no trailers",
            "They come after the signature was made over the fields.",
        ],
        no_trailers,
    ),
];

fn none_of(bench: &Bench, names: &[&str]) -> Judged {
    none(bench, |name| names.contains(&name.as_str()))
}

fn none_beginning(bench: &Bench, start: &str) -> Judged {
    none(bench, |name| name.as_str().starts_with(start))
}

fn none(bench: &Bench, is_meant: impl Fn(&HeaderName) -> bool) -> Judged {
    every(bench, |taken, seen| {
        let found = seen.fields.keys().find(|name| is_meant(name));
        demand(found.is_none(), || {
            format!(
                "{:?} carries {}",
                taken.title,
                found.map_or("", HeaderName::as_str)
            )
        })
    })
}

fn type_present(bench: &Bench) -> Judged {
    every(bench, |taken, seen| {
        let count = seen.fields.get_all(header::CONTENT_TYPE).iter().count();
        let fits = count == 1 || (count == 0 && seen.bytes.is_empty());
        demand(fits, || format!("{:?} has {count} of them", taken.title))
    })
}

fn charset(bench: &Bench) -> Judged {
    every(bench, |taken, seen| {
        let named = text(seen, &header::CONTENT_TYPE).to_ascii_lowercase();
        let charset = named
            .split_once("charset=")
            .map(|(_, charset)| charset.trim_matches('"'));
        let fits = charset.is_none_or(|charset| charset.starts_with("utf-8"));
        demand(fits, || format!("{:?} names another charset", taken.title))
    })
}

fn length(bench: &Bench) -> Judged {
    every(bench, |taken, seen| {
        let said = seen.fields.get(header::CONTENT_LENGTH);
        let said = said.map(|value| value.to_str().unwrap_or_default().parse::<usize>());
        let fits = said.is_none_or(|said| said == Ok(seen.bytes.len()));
        demand(fits, || {
            format!("{:?} says another length than its body has", taken.title)
        })
    })
}

fn length_once(bench: &Bench) -> Judged {
    every(bench, |taken, seen| {
        let count = seen.fields.get_all(header::CONTENT_LENGTH).iter().count();
        demand(count <= 1, || {
            format!("{:?} has {count} of them", taken.title)
        })
    })
}

fn visible(bench: &Bench) -> Judged {
    every(bench, |taken, seen| {
        let found = seen
            .fields
            .iter()
            .find(|(_, value)| value.to_str().is_err());
        demand(found.is_none(), || {
            format!(
                "{:?}: the value of {}",
                taken.title,
                found.map_or("", |(name, _)| name.as_str())
            )
        })
    })
}

fn bounded(bench: &Bench) -> Judged {
    every(bench, |taken, seen| {
        let size = |(name, value): (&HeaderName, &http::HeaderValue)| {
            name.as_str().len().saturating_add(value.len())
        };
        let bytes: usize = seen.fields.iter().map(size).sum();
        let fits = seen.fields.len() <= FIELDS && bytes <= FIELDS_BYTES;
        demand(fits, || {
            format!(
                "{:?} has {} fields, {bytes} bytes",
                taken.title,
                seen.fields.len()
            )
        })
    })
}

fn announced_length(bench: &Bench) -> Judged {
    every(bench, |taken, seen| {
        let length = u64::try_from(seen.bytes.len()).ok();
        let fits = seen.announced.is_none() || seen.announced == length;
        demand(fits, || {
            format!("{:?} announces another length than came", taken.title)
        })
    })
}

fn no_trailers(bench: &Bench) -> Judged {
    every(bench, |taken, seen| {
        demand(!seen.trailers, || format!("{:?} has some", taken.title))
    })
}

fn text(seen: &Seen, name: &HeaderName) -> String {
    let value = seen.fields.get(name).map(http::HeaderValue::as_bytes);
    String::from_utf8_lossy(value.unwrap_or_default()).into_owned()
}
