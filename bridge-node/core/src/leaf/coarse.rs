//! Numbers and marks that tell no more than they must.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest;

/// The smallest size a leaf tells, in bytes: below it a body's length could tell which record it is.
pub const SMALLEST_SIZE: u64 = 256;

/// The largest size a leaf tells, in bytes; larger bodies are counted as this.
pub const LARGEST_SIZE: u64 = 1 << 52;

/// The largest duration a leaf tells, in milliseconds; longer ones are counted as this.
pub const LARGEST_DURATION_MS: u64 = 1_000_000_000_000_000;

/// Rounds a number of bytes up to the next power of two, at least [`SMALLEST_SIZE`], at most
/// [`LARGEST_SIZE`].
pub fn coarse_size(bytes: u64) -> u64 {
    bytes
        .clamp(SMALLEST_SIZE, LARGEST_SIZE)
        .checked_next_power_of_two()
        .unwrap_or(LARGEST_SIZE)
}

/// Rounds milliseconds up to the next of 1, 2, 5, 10, 20, 50 …, at most [`LARGEST_DURATION_MS`].
pub fn coarse_duration_ms(milliseconds: u64) -> u64 {
    let mut decade = 1;
    while decade < LARGEST_DURATION_MS {
        for step in [decade, 2 * decade, 5 * decade] {
            if milliseconds <= step {
                return step;
            }
        }
        decade *= 10;
    }
    LARGEST_DURATION_MS
}

/// Marks a nonce so that it can be recognised again but not learnt: base64url of the first 16 bytes
/// of SHA-256("bridge-nonce-v1" ‖ 0x00 ‖ nonce).
pub fn nonce_mark(nonce: &[u8; 16]) -> String {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(b"bridge-nonce-v1\0");
    context.update(nonce);
    let hash = context.finish();
    URL_SAFE_NO_PAD.encode(hash.as_ref().get(..16).unwrap_or_default())
}
