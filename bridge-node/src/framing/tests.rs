use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;

const RULES: HeadRules = HeadRules {
    bytes: 300,
    fields: 8,
    http_10: false,
};
const SLOWEST: Slowest = Slowest {
    stall: Duration::from_secs(20),
    bytes_per_second: 16,
};

/// What goes through the gate of a wire that arrives in pieces, and the doubts.
async fn through(wire: &[u8], step: usize) -> (io::Result<Vec<u8>>, Vec<bool>) {
    let (near, mut far) = tokio::io::duplex(step);
    let (mut guarded, doubts) = Guarded::new(near, RULES, SLOWEST);
    let wire = wire.to_vec();
    let sending = tokio::spawn(async move {
        // The gate may have stopped to read.
        drop(far.write_all(&wire).await);
    });
    let mut got = Vec::new();
    let read = loop {
        let mut piece = [0; 7];
        let reading = guarded.read(&mut piece);
        match tokio::time::timeout(Duration::from_secs(1), reading).await {
            // The gate is silent: it has refused.
            Err(_) | Ok(Ok(0)) => break Ok(got),
            Ok(Ok(count)) => got.extend_from_slice(&piece[..count]),
            Ok(Err(error)) => break Err(error),
        }
    };
    drop(guarded);
    sending.await.unwrap();
    let count = doubts.0.lock().unwrap().len();
    let doubted = (0..count).map(|_| doubts.next().is_some()).collect();
    (read, doubted)
}

const GOOD: &str = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn what_is_in_order_goes_through_unchanged_however_it_arrives() {
    let evil = "X\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let length = evil.len();
    for wire in [
        format!("{GOOD}{GOOD}"),
        format!("\r\n{GOOD}\r\n{GOOD}"),
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{evil}{GOOD}"),
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n{evil}\r\n1\r\nx\r\n0\r\n\r\n{GOOD}"
        ),
    ] {
        for step in [1, 5, 4096] {
            let (got, doubted) = through(wire.as_bytes(), step).await;
            assert_eq!(String::from_utf8(got.unwrap()).unwrap(), wire, "by {step}");
            assert_eq!(doubted, [false, false], "{wire:?} by {step}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_head_is_replaced_and_nothing_follows_it() {
    for bad in [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 4\r\n\r\n",
        "POST / HTTP/1.1\nHost: a\n\n",
        "POST / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\rHost: a\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\n",
        "\n",
    ] {
        for step in [1, 3, 4096] {
            let (got, doubted) = through(format!("{GOOD}{bad}{GOOD}").as_bytes(), step).await;
            let expected = [GOOD.as_bytes(), STAND_IN].concat();
            assert_eq!(got.unwrap(), expected, "{bad:?} by {step}");
            assert_eq!(doubted, [false, true], "{bad:?} by {step}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_head_without_end_is_refused_at_its_limit() {
    let (got, doubted) = through(&[b'x'; 5000], 64).await;
    assert_eq!(got.unwrap(), STAND_IN);
    assert_eq!(doubted, [true]);
}

#[tokio::test(start_paused = true)]
async fn malformed_chunks_end_the_body_with_an_error() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    for body in [
        "1\nx\r\n0\r\n\r\n",
        "1;a=b\r\nx\r\n0\r\n\r\n",
        "1\r\nxy\r\n0\r\n\r\n",
        "1\r\nx\n0\r\n\r\n",
        "-1\r\nx\r\n0\r\n\r\n",
        "0\r\nA: b\r\n\r\n",
        "00000000000000000001\r\nx\r\n",
    ] {
        for step in [1, 4096] {
            let (got, _) = through(format!("{head}{body}{GOOD}").as_bytes(), step).await;
            let error = got.unwrap_err();
            assert!(is_malformed(&error), "{body:?} by {step}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_trickles_is_given_up() {
    let (near, mut far) = tokio::io::duplex(64);
    let (mut guarded, _) = Guarded::new(near, RULES, SLOWEST);
    tokio::spawn(async move {
        let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999\r\n\r\n";
        far.write_all(head.as_bytes()).await.unwrap();
        while far.write_all(b"x").await.is_ok() {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let mut got = Vec::new();
    let error = guarded.read_to_end(&mut got).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert!(got.len() < 100, "{} bytes", got.len());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_judged_alike_however_they_arrive(
        wire in proptest::collection::vec(
            proptest::sample::select(b"\r\n:; 0123aFtransfe-codgCLPOSTx/H.".to_vec()), 0..200),
        step in 1usize..20,
    ) {
        let judge = |step: usize| {
            let mut scanner = Scanner::new(RULES);
            let (mut at, mut found) = (0, Vec::new());
            for end in (0..=wire.len()).step_by(step).chain([wire.len()]) {
                loop {
                    match scanner.next(&wire[at..end]) {
                        Found::Nothing => break,
                        // Pieces of a body are judged the same as the whole.
                        Found::Body(length) => at += length,
                        Found::Head(length) => { at += length; found.push(format!("head until {at}")); }
                        over @ (Found::Refused(_) | Found::Malformed) => { found.push(format!("{over:?}")); return found; }
                    }
                }
            }
            found
        };
        proptest::prop_assert_eq!(judge(step), judge(1));
    }

    /// What the gate lets through, the library takes: it never gets to answer by itself, without a body.
    #[test]
    fn the_library_never_answers_by_itself(
        line in proptest::sample::select(LINES.to_vec()),
        parts in proptest::collection::vec(proptest::sample::select(PARTS.to_vec()), 0..4),
        junk in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..3),
        at in 0usize..60,
    ) {
        let mut wire: Vec<u8> = format!("{line}Host: a\r\n{}", parts.concat()).into_bytes();
        let at = at.min(wire.len());
        wire.splice(at..at, junk);
        wire.extend(b"\r\n\r\n");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let got = runtime.block_on(served(wire.clone()));
        let answers = got.matches("HTTP/1.").count();
        let ours = got.matches("x-ours: 1").count();
        proptest::prop_assert_eq!(answers, ours, "{:?} {}", String::from_utf8_lossy(&wire), got);
    }
}

const LINES: [&str; 9] = [
    "",
    "GET / HTTP/1.1\r\n",
    "POST /a?b HTTP/1.1\r\n",
    "OPTIONS * HTTP/1.1\r\n",
    "CONNECT a:1 HTTP/1.1\r\n",
    "GET http://a/b HTTP/1.1\r\n",
    "GET /{}|^\"` HTTP/1.1\r\n",
    "GET //a HTTP/1.1\r\n",
    "x! a HTTP/1.1\r\n",
];

const PARTS: [&str; 14] = [
    "Host: \r\n",
    "Content-Length: 0\r\n",
    "Content-Length: 3\r\n",
    "Content-Length: 999999999999999999\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "Connection: upgrade\r\nUpgrade: x\r\n",
    "Expect: 100-continue\r\n",
    "Expect: x\r\n",
    "A:\r\n",
    "A: \u{e9}\r\n",
    "\r\n",
    "1\r\nx\r\n0\r\n\r\n",
    "abc",
];

/// All that a server behind the gate says to these bytes.
async fn served(wire: Vec<u8>) -> String {
    use http_body_util::BodyExt as _;
    let (near, far) = tokio::io::duplex(64 * 1024);
    let (guarded, doubts) = Guarded::new(near, RULES, SLOWEST);
    let service =
        hyper::service::service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
            let doubted = doubts.next().is_some();
            async move {
                // A body is read as far as it goes, as a handler does.
                if !doubted {
                    drop(request.into_body().collect().await);
                }
                let answer = hyper::Response::builder().header("x-ours", "1");
                answer.body(http_body_util::Empty::<bytes::Bytes>::new())
            }
        });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(hyper_util::rt::TokioTimer::new())
        .header_read_timeout(Duration::from_secs(1))
        .max_headers(RULES.fields)
        .serve_connection(hyper_util::rt::TokioIo::new(guarded), service);
    let speaking = async {
        let (mut reading, mut writing) = tokio::io::split(far);
        writing.write_all(&wire).await.unwrap();
        let mut got = Vec::new();
        drop(reading.read_to_end(&mut got).await);
        String::from_utf8_lossy(&got).replace("HTTP/1.1 100 Continue", "")
    };
    let (_, got) = tokio::join!(serving, speaking);
    got
}
