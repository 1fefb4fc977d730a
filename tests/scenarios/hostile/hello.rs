//! First messages of TLS clients, by hand.

use bridge_tests::records::{kind, record};

/// The extension that says that records of early data follow. Standard: RFC 8446 §4.2.10.
pub(super) const EARLY_DATA: u16 = 42;
/// The extension that names tickets. It stands last. Standard: RFC 8446 §4.2.11.
pub(super) const PRE_SHARED_KEY: u16 = 41;

const RANDOM: [u8; 32] = [7; 32];

/// A TLS 1.2 client's first message: no `supported_versions`, two old cipher suites. Standard: RFC 5246 §7.4.1.2.
pub(super) fn message_12() -> Vec<u8> {
    // Signature algorithms, groups, point formats.
    let extensions = [
        0, 13, 0, 4, 0, 2, 4, 3, 0, 10, 0, 4, 0, 2, 0, 23, 0, 11, 0, 2, 1, 0,
    ];
    hello([0xc0, 0x2b, 0xc0, 0x2f], &extensions)
}

/// A TLS 1.3 client's first message, good for a whole handshake with an X25519 key, and these extensions behind its own.
/// Standard: RFC 8446 §4.1.2.
pub(super) fn message_13(protocol: &[u8], more: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let share = [&[0, 0x1d][..], &prefixed(&[9; 32])].concat();
    let protocol = [&[u8::try_from(protocol.len()).unwrap()], protocol].concat();
    let own = [
        // Versions, groups, signature algorithms (ECDSA on P-256, Ed25519), key shares, modes of tickets, protocols.
        (43, vec![2, 3, 4]),
        (10, vec![0, 2, 0, 0x1d]),
        (13, vec![0, 4, 4, 3, 8, 7]),
        (51, prefixed(&share)),
        (45, vec![1, 1]),
        (16, prefixed(&protocol)),
    ];
    let mut extensions = Vec::new();
    for (number, value) in own.iter().chain(more) {
        extensions.extend(u16::to_be_bytes(*number));
        extensions.extend(prefixed(value));
    }
    hello([0x13, 1, 0x13, 3], &extensions)
}

/// The extensions of a client that has a ticket and sends early data under it; ticket and binder are made up.
pub(super) fn made_up_ticket() -> [(u16, Vec<u8>); 2] {
    let identity = [&prefixed(&[5; 64])[..], &[0; 4]].concat();
    let binder = [&[32][..], &[6; 32]].concat();
    let value = [prefixed(&identity), prefixed(&binder)].concat();
    [(EARLY_DATA, Vec::new()), (PRE_SHARED_KEY, value)]
}

/// A message in a record of its own.
pub(super) fn in_record(message: &[u8]) -> Vec<u8> {
    record(kind::HANDSHAKE, message)
}

fn hello(suites: [u8; 4], extensions: &[u8]) -> Vec<u8> {
    let mut body = vec![3, 3];
    body.extend(RANDOM);
    // No session, two suites, no compression.
    body.push(0);
    body.extend(prefixed(&suites));
    body.extend([1, 0]);
    body.extend(prefixed(extensions));
    let [high, low] = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&[1, 0, high, low][..], &body].concat()
}

/// A length in two bytes, and what is that long.
fn prefixed(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    [&length.to_be_bytes()[..], bytes].concat()
}
