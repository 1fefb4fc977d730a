//! Where a request ends: every way in which two programs have disagreed, each with a whole second request behind it.

use super::{Case, Ground, case, golden};

/// Framing fields that leave more than one reading.
const FRAMINGS: [(&str, &str); 58] = [
    ("CL.TE", "Content-Length: 5\r\nTransfer-Encoding: chunked"),
    ("TE.CL", "Transfer-Encoding: chunked\r\nContent-Length: 5"),
    (
        "CL.TE far apart",
        "Content-Length: 5\r\nX-A: b\r\nX-C: d\r\nTransfer-Encoding: chunked",
    ),
    (
        "CL 0 with TE",
        "Content-Length: 0\r\nTransfer-Encoding: chunked",
    ),
    (
        "CL large with TE",
        "Content-Length: 99999\r\nTransfer-Encoding: chunked",
    ),
    (
        "CL with TE identity",
        "Content-Length: 5\r\nTransfer-Encoding: identity",
    ),
    (
        "CL with TE of nobody",
        "Content-Length: 5\r\nTransfer-Encoding: x",
    ),
    (
        "CL with an empty TE",
        "Content-Length: 5\r\nTransfer-Encoding:",
    ),
    (
        "lower case names",
        "content-length: 5\r\ntransfer-encoding: chunked",
    ),
    (
        "upper case names",
        "CONTENT-LENGTH: 5\r\nTRANSFER-ENCODING: CHUNKED",
    ),
    (
        "TE.TE",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
    ),
    (
        "TE.TE of nobody first",
        "Transfer-Encoding: x\r\nTransfer-Encoding: chunked",
    ),
    (
        "TE.TE of nobody last",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    ),
    (
        "TE.TE identity",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
    ),
    ("TE list", "Transfer-Encoding: chunked, chunked"),
    (
        "TE list, identity last",
        "Transfer-Encoding: chunked, identity",
    ),
    ("TE list, chunked last", "Transfer-Encoding: gzip, chunked"),
    ("TE list, empty first", "Transfer-Encoding: , chunked"),
    ("TE list, empty last", "Transfer-Encoding: chunked,"),
    ("TE with x before", "Transfer-Encoding: xchunked"),
    ("TE with x after", "Transfer-Encoding: chunkedx"),
    ("TE with a parameter", "Transfer-Encoding: chunked;q=1"),
    ("TE quoted", "Transfer-Encoding: \"chunked\""),
    ("TE in single quotes", "Transfer-Encoding: 'chunked'"),
    ("TE empty", "Transfer-Encoding:"),
    ("TE space before colon", "Transfer-Encoding : chunked"),
    ("TE tab before colon", "Transfer-Encoding\t: chunked"),
    (
        "TE vertical tab before value",
        "Transfer-Encoding: \u{b}chunked",
    ),
    (
        "TE form feed before value",
        "Transfer-Encoding: \u{c}chunked",
    ),
    ("TE NUL before value", "Transfer-Encoding: \0chunked"),
    ("TE NUL after value", "Transfer-Encoding: chunked\0"),
    ("TE no-break space", "Transfer-Encoding:\u{a0}chunked"),
    ("TE folded", "Transfer-Encoding:\r\n chunked"),
    ("TE folded by tab", "Transfer-Encoding:\r\n\tchunked"),
    ("TE folded before colon", "Transfer-Encoding\r\n : chunked"),
    (
        "TE hidden by a bare LF",
        "X-A: b\nTransfer-Encoding: chunked",
    ),
    (
        "TE hidden by a bare CR",
        "X-A: b\rTransfer-Encoding: chunked",
    ),
    ("TE behind a space", " Transfer-Encoding: chunked"),
    ("TE behind a NUL", "\0Transfer-Encoding: chunked"),
    (
        "TE with _ and CL",
        "Transfer_Encoding: chunked\r\nContent-Length: 0",
    ),
    (
        "CL twice, the same",
        "Content-Length: 5\r\nContent-Length: 5",
    ),
    (
        "CL twice, different",
        "Content-Length: 5\r\nContent-Length: 6",
    ),
    (
        "CL twice, 0 first",
        "Content-Length: 0\r\nContent-Length: 5",
    ),
    ("CL list, the same", "Content-Length: 5, 5"),
    ("CL list, different", "Content-Length: 5, 6"),
    ("CL plus", "Content-Length: +5"),
    ("CL minus", "Content-Length: -5"),
    ("CL hexadecimal", "Content-Length: 0x5"),
    ("CL fraction", "Content-Length: 5.0"),
    ("CL exponent", "Content-Length: 5e0"),
    ("CL with a space", "Content-Length: 5 5"),
    ("CL empty", "Content-Length:"),
    ("CL letters", "Content-Length: five"),
    ("CL space before colon", "Content-Length : 5"),
    ("CL with NUL", "Content-Length: 5\0"),
    ("CL folded", "Content-Length:\r\n 5"),
    ("CL of 2^64", "Content-Length: 18446744073709551616"),
    ("CL of 2^64 + 5", "Content-Length: 18446744073709551621"),
];

/// Chunks that leave more than one reading, or none.
const CHUNKS: [(&str, &str); 31] = [
    ("size with 0x", "0x1\r\nx\r\n0\r\n\r\n"),
    ("size with plus", "+1\r\nx\r\n0\r\n\r\n"),
    ("size with minus", "-1\r\nx\r\n0\r\n\r\n"),
    ("size with a space before", " 1\r\nx\r\n0\r\n\r\n"),
    ("size with a space after", "1 \r\nx\r\n0\r\n\r\n"),
    ("size with a tab after", "1\t\r\nx\r\n0\r\n\r\n"),
    ("size empty", "\r\nx\r\n0\r\n\r\n"),
    ("size of letters", "zz\r\nx\r\n0\r\n\r\n"),
    ("size with _", "1_0\r\nxxxxxxxxxxxxxxxx\r\n0\r\n\r\n"),
    ("size with NUL", "1\0\r\nx\r\n0\r\n\r\n"),
    ("size of 2^64 + 1", "10000000000000001\r\nx\r\n0\r\n\r\n"),
    (
        "size with many zeros",
        "0000000000000000000000001\r\nx\r\n0\r\n\r\n",
    ),
    (
        "size without end",
        "11111111111111111111111111111111111111111111",
    ),
    ("size ended by LF", "1\nx\r\n0\r\n\r\n"),
    ("size ended by CR", "1\rx\r\n0\r\n\r\n"),
    ("size ended by CR CR LF", "1\r\r\nx\r\n0\r\n\r\n"),
    ("extension", "1;a=b\r\nx\r\n0\r\n\r\n"),
    ("extension, empty", "1;\r\nx\r\n0\r\n\r\n"),
    ("extension with LF", "1;a\nb\r\nx\r\n0\r\n\r\n"),
    ("extension with CR", "1;a\rb\r\nx\r\n0\r\n\r\n"),
    ("extension that hides a chunk", "1;\n0\r\n\r\n"),
    ("extension of the last chunk", "1\r\nx\r\n0;a=b\r\n\r\n"),
    ("data longer than its size", "1\r\nxy\r\n0\r\n\r\n"),
    ("data shorter than its size", "4\r\nx\r\n0\r\n\r\n"),
    ("data ended by LF", "1\r\nx\n0\r\n\r\n"),
    ("data ended by CR", "1\r\nx\r0\r\n\r\n"),
    ("data ended by nothing", "1\r\nx0\r\n\r\n"),
    ("last chunk ended by LF", "1\r\nx\r\n0\n\n"),
    ("last chunk, then LF", "1\r\nx\r\n0\r\n\n"),
    (
        "trailer",
        "1\r\nx\r\n0\r\nX-Road-Client: AZ/GOV/1001/POPULATION\r\n\r\n",
    ),
    (
        "trailer that frames",
        "1\r\nx\r\n0\r\nContent-Length: 5\r\n\r\n",
    ),
];

/// Request lines and field lines that leave more than one reading. `|` stands for the rest of a good request.
const LINES: [(&str, &str, &str); 54] = [
    (
        "two spaces after the method",
        "POST  {path} HTTP/1.1|",
        "bad_request",
    ),
    (
        "two spaces before the version",
        "POST {path}  HTTP/1.1|",
        "bad_request",
    ),
    (
        "a space behind the version",
        "POST {path} HTTP/1.1 |",
        "bad_request",
    ),
    (
        "a space before the method",
        " POST {path} HTTP/1.1|",
        "bad_request",
    ),
    ("tabs for spaces", "POST\t{path}\tHTTP/1.1|", "bad_request"),
    (
        "form feeds for spaces",
        "POST\u{c}{path}\u{c}HTTP/1.1|",
        "bad_request",
    ),
    ("no target", "POST HTTP/1.1|", "bad_request"),
    ("an empty target", "POST  HTTP/1.1|", "bad_request"),
    ("no version", "POST {path}|", "bad_request"),
    (
        "a space in the target",
        "POST {path}/a b HTTP/1.1|",
        "bad_request",
    ),
    (
        "a second version",
        "POST {path} HTTP/1.1 HTTP/1.1|",
        "bad_request",
    ),
    ("version 0.9", "POST {path} HTTP/0.9|", "bad_request"),
    ("version 1.2", "POST {path} HTTP/1.2|", "bad_request"),
    ("version 1.10", "POST {path} HTTP/1.10|", "bad_request"),
    ("version 01.1", "POST {path} HTTP/01.1|", "bad_request"),
    ("version 2.0", "POST {path} HTTP/2.0|", "bad_request"),
    (
        "version in lower case",
        "POST {path} http/1.1|",
        "bad_request",
    ),
    ("version of nobody", "POST {path} HTTQ/1.1|", "bad_request"),
    (
        "version with a bare CR",
        "POST {path} HTTP/1.1\r|",
        "bad_request",
    ),
    (
        "HTTP/2 preface",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "bad_request",
    ),
    (
        "TLS inside",
        "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n\r\n",
        "bad_request",
    ),
    (
        "a method with a control",
        "PO\u{1}ST {path} HTTP/1.1|",
        "bad_request",
    ),
    (
        "a method with a bracket",
        "PO(ST {path} HTTP/1.1|",
        "bad_request",
    ),
    (
        "a method with a colon",
        "POST: {path} HTTP/1.1|",
        "bad_request",
    ),
    (
        "a method outside ASCII",
        "PÖST {path} HTTP/1.1|",
        "bad_request",
    ),
    ("an empty method", " {path} HTTP/1.1|", "bad_request"),
    (
        "a NUL in the target",
        "POST {path}/\0 HTTP/1.1|",
        "bad_request",
    ),
    (
        "a DEL in the target",
        "POST {path}/\u{7f} HTTP/1.1|",
        "bad_request",
    ),
    (
        "a raw byte in the target",
        "POST {path}/\u{e9} HTTP/1.1|",
        "bad_request",
    ),
    ("a fragment", "POST {path}#a HTTP/1.1|", "bad_request"),
    (
        "absolute form",
        "POST http://node{path} HTTP/1.1|",
        "bad_request",
    ),
    (
        "absolute form of another",
        "POST https://127.0.0.1:1{path} HTTP/1.1|",
        "bad_request",
    ),
    ("authority form", "POST node:80 HTTP/1.1|", "bad_request"),
    ("asterisk form", "OPTIONS * HTTP/1.1|", "bad_request"),
    ("CONNECT", "CONNECT node:443 HTTP/1.1|", "bad_request"),
    ("no leading slash", "POST r1/AZ HTTP/1.1|", "bad_request"),
    ("two empty lines before", "\r\n\r\n{line}|", "bad_request"),
    ("a LF before", "\n{line}|", "bad_request"),
    ("a CR before", "\r{line}|", "bad_request"),
    (
        "a byte order mark before",
        "\u{ef}\u{bb}\u{bf}{line}|",
        "bad_request",
    ),
    (
        "LF ends the request line",
        "{line}\n{known}\r\n\r\n",
        "bad_request",
    ),
    ("LF ends every line", "{line}\nHost: a\n\n", "bad_request"),
    ("LF ends the head", "{line}\r\n{known}\n\n", "bad_request"),
    ("CR ends every line", "{line}\rHost: a\r\r", "bad_request"),
    (
        "CR CR LF ends a line",
        "{line}\r\nX-A: b\r\r\n{known}\r\n\r\n",
        "bad_request",
    ),
    (
        "a folded line",
        "{line}\r\nX-A: b\r\n c\r\n{known}\r\n\r\n",
        "bad_request",
    ),
    (
        "a folded first line",
        "{line}\r\n X-A: b\r\n{known}\r\n\r\n",
        "bad_request",
    ),
    (
        "a folded credential",
        "{line}\r\nX-A: b\r\n\t{known}\r\n\r\n",
        "bad_request",
    ),
    (
        "a field without a colon",
        "{line}\r\nX-A\r\n{known}\r\n\r\n",
        "bad_request",
    ),
    (
        "a field without a name",
        "{line}\r\n: b\r\n{known}\r\n\r\n",
        "bad_request",
    ),
    (
        "a space before the colon",
        "{line}\r\nX-A : b\r\n{known}\r\n\r\n",
        "bad_request",
    ),
    (
        "a name outside ASCII",
        "{line}\r\nX-\u{e9}: b\r\n{known}\r\n\r\n",
        "bad_request",
    ),
    (
        "no host",
        "{line}\r\nX-A: b\r\n\r\n",
        "missing_header_field",
    ),
    (
        "two hosts",
        "{line}\r\nHost: evil\r\n{known}\r\n\r\n",
        "duplicate_header_field",
    ),
];

/// Each framing behind the sender's fields and before them: an earlier line may hide a later one.
#[tokio::test]
async fn framings_with_two_readings_are_refused() {
    let behind = FRAMINGS.map(|(name, fields)| {
        let wire = format!("{{line}}\r\n{{known}}\r\n{fields}\r\n\r\n0\r\n\r\n{{smuggled}}");
        case(name, &wire, 400, "bad_request")
    });
    let before = FRAMINGS.map(|(name, fields)| {
        let wire = format!("{{line}}\r\n{fields}\r\n{{known}}\r\n\r\n0\r\n\r\n{{smuggled}}");
        case(&format!("{name}, first"), &wire, 400, "bad_request")
    });
    Box::pin(battery(
        "framings",
        behind.into_iter().chain(before),
        2 * 58,
    ))
    .await;
}

#[tokio::test]
async fn chunks_with_two_readings_are_refused() {
    let cases = CHUNKS.map(|(name, body)| {
        let wire = format!(
            "{{line}}\r\n{{known}}\r\nTransfer-Encoding: chunked\r\n\r\n{body}{{smuggled}}"
        );
        case(name, &wire, 400, "bad_request")
    });
    Box::pin(battery("chunks", cases, 31)).await;
}

#[tokio::test]
async fn lines_with_two_readings_are_refused() {
    let cases = LINES.map(|(name, wire, word)| {
        let wire = wire.replace('|', "\r\n{known}\r\n\r\n");
        case(name, &format!("{wire}{{smuggled}}"), 400, word)
    });
    Box::pin(battery("lines", cases, 54)).await;
}

async fn battery(name: &str, cases: impl IntoIterator<Item = Case>, count: usize) {
    let ground = Ground::new().await;
    let cases: Vec<Case> = cases.into_iter().collect();
    assert_eq!(cases.len(), count);
    golden(name, &ground.battery(&cases).await);
}

/// The twins of the cases above that are in order: they must pass, or the battery proves nothing.
#[tokio::test]
async fn what_has_one_reading_passes() {
    let ground = Ground::new().await;
    for (fields, body) in [
        ("Content-Length: 1", "x"),
        ("Content-Length:1", "x"),
        ("Content-Length: \t 01 \t", "x"),
        ("content-length: 1", "x"),
        ("Transfer-Encoding: chunked", "1\r\nx\r\n0\r\n\r\n"),
        ("Transfer-Encoding:\tCHUNKED ", "001\r\nx\r\n000\r\n\r\n"),
        (
            "Transfer-Encoding: chunked",
            "A\r\n0\r\n\r\nGET /\r\n0\r\n\r\n",
        ),
    ] {
        for blank in ["", "\r\n"] {
            let wire = format!(
                "{blank}{{line}}\r\n{{known}}\r\n{fields}\r\nConnection: close\r\n\r\n{body}"
            );
            let got = ground
                .speak(super::Door::Plain, ground.bytes(super::Door::Plain, &wire))
                .await;
            let said = answers_of(&got);
            assert_eq!(said, [200], "{wire:?}");
        }
    }
    assert_eq!(ground.world.registry.seen().len(), 14);
    assert_eq!(ground.world.registry.last().body, "0\r\n\r\nGET /");
}

fn answers_of(got: &[u8]) -> Vec<u16> {
    super::answers(got).iter().map(|said| said.status).collect()
}
