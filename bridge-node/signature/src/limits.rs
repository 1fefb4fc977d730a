//! Limits on what a stranger can send, in one place.

/// Bytes of a received `Signature-Input` value: about a hundred covered fields of usual names.
pub const MAX_INPUT_BYTES: usize = 16 * 1024;

/// Bytes of a received `Signature` value: a batch signature (RFC 6962 path of 12 hashes and a signature) with room to spare.
pub const MAX_SIGNATURE_FIELD_BYTES: usize = 1024;

/// Covered components of one signature.
pub const MAX_COMPONENTS: usize = 128;

/// Bytes of a signature base: components with `key` can name one large field many times.
pub const MAX_BASE_BYTES: usize = 256 * 1024;

/// Bytes of a received `Content-Digest` value: every registered algorithm at once fits.
pub const MAX_DIGEST_FIELD_BYTES: usize = 1024;

/// Messages of one batch: a path has 12 hashes then.
pub const MAX_BATCH: u32 = 4096;
