//! The list of a container's files with their digests, over which the seal is made.
//!
//! Standard: ETSI EN 319 162-1 §4.4, §A.4.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{SHA256, digest};

use super::zip::Entry;

/// The media type of a container, and the content of its first file.
pub(super) const MIMETYPE: &str = "application/vnd.etsi.asic-e+zip";
/// Where the list stands.
pub(super) const MANIFEST: &str = "META-INF/ASiCManifest001.xml";
/// Where the seal stands.
pub(super) const SEAL: &str = "META-INF/signature001.p7s";

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"no\"?>\n\
    <asic:ASiCManifest xmlns:asic=\"http://uri.etsi.org/02918/v1.2.1#\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">\n\
    <asic:SigReference MimeType=\"application/pkcs7-signature\" URI=\"META-INF/signature001.p7s\"/>\n";
const TAIL: &str = "</asic:ASiCManifest>\n";

/// Writes the list of these files.
pub(super) fn write(entries: &[Entry]) -> String {
    let mut text = HEAD.to_owned();
    for entry in entries {
        // Names are plain: none of them needs an escape.
        let Entry { name, bytes } = entry;
        let media = media_type(name);
        let digest = STANDARD.encode(digest(&SHA256, bytes));
        // Writing into a String has no way to fail.
        writeln!(
            text,
            "<asic:DataObjectReference MimeType=\"{media}\" URI=\"{name}\">\
             <ds:DigestMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#sha256\"/>\
             <ds:DigestValue>{digest}</ds:DigestValue></asic:DataObjectReference>"
        )
        .unwrap_or_default();
    }
    text.push_str(TAIL);
    text
}

/// Compares a list with the files: everything that differs, each by the file's name.
pub(super) fn compare(manifest: &str, entries: &[Entry]) -> Vec<String> {
    let expected = write(entries);
    if manifest == expected {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let listed: Vec<(&str, &str)> = manifest.lines().filter_map(reference).collect();
    for entry in entries {
        let digest = STANDARD.encode(digest(&SHA256, &entry.bytes));
        match listed.iter().find(|(name, _)| *name == entry.name) {
            Some((_, said)) if *said == digest => {}
            Some(_) => faults.push(format!("{}: it is not what the manifest lists", entry.name)),
            None => faults.push(format!("{}: the manifest does not list it", entry.name)),
        }
    }
    let is_there = |name: &str| entries.iter().any(|entry| entry.name == name);
    let gone = listed.iter().filter(|(name, _)| !is_there(name));
    faults.extend(
        gone.map(|(name, _)| format!("{name}: the manifest lists it, and it is not there")),
    );
    if faults.is_empty() {
        faults.push(format!("{MANIFEST}: it is not as a node writes it"));
    }
    faults
}

fn reference(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("<asic:DataObjectReference ")?;
    let (_, rest) = line.split_once("URI=\"")?;
    let (name, rest) = rest.split_once('"')?;
    let (_, rest) = rest.split_once("<ds:DigestValue>")?;
    let (digest, _) = rest.split_once('<')?;
    Some((name, digest))
}

fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("json") => "application/json",
        Some("html") => "text/html",
        Some("txt" | "pem" | "tlog-proof") => "text/plain",
        Some("tsr") => "application/timestamp-reply",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries() -> Vec<Entry> {
        ["a.txt", "b/c.json"]
            .map(|name| Entry {
                name: name.to_owned(),
                bytes: name.as_bytes().to_vec(),
            })
            .to_vec()
    }

    #[test]
    fn what_differs_is_named() {
        let list = write(&entries());
        assert_eq!(compare(&list, &entries()), Vec::<String>::new());
        let mut altered = entries();
        altered[0].bytes.push(1);
        assert_eq!(
            compare(&list, &altered),
            ["a.txt: it is not what the manifest lists"]
        );
        altered[0].name = "d".to_owned();
        assert_eq!(
            compare(&list, &altered),
            [
                "d: the manifest does not list it",
                "a.txt: the manifest lists it, and it is not there"
            ]
        );
        let spelt = list.replace('\n', "\n\n");
        assert_eq!(
            compare(&spelt, &entries()),
            [format!("{MANIFEST}: it is not as a node writes it")]
        );
    }
}
