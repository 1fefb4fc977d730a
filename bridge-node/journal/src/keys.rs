//! Where record secrets stand: wrapped under the open segment's key, later in the secrets file.
//!
//! The evidence key of the node wraps both; destroying it makes all evidence unreadable.

use ring::aead::{Aad, LessSafeKey, NONCE_LEN, Nonce};
use ring::rand::SecureRandom;
use zeroize::Zeroizing;

use crate::cursor::Cursor;
use crate::evidence::{Place, RecordSecret, SealError, TAG_BYTES, aead_key};

/// The bytes of a wrapped secret, also of a wrapped key with its nonce.
pub(crate) const WRAPPED_BYTES: usize = NONCE_LEN + 32 + TAG_BYTES;

/// A key that wraps secrets: of the open segment, of a secrets file, or of the node.
pub(crate) struct WrapKey {
    bytes: Zeroizing<[u8; 32]>,
    /// Expanded once, because each leaf needs it. The library does not wipe it, as it wipes none of its keys.
    key: LessSafeKey,
}

const KEY_LABEL: &[u8] = b"bridge-segment-key-v1";
const SECRET_LABEL: &[u8] = b"bridge-secret-v1";
const SECRETS_LABEL: &[u8] = b"bridge-secrets-v1";

impl WrapKey {
    /// Draws a new key.
    pub(crate) fn draw(random: &dyn SecureRandom) -> Result<Self, SealError> {
        let mut bytes = Zeroizing::new([0; 32]);
        random
            .fill(bytes.as_mut())
            .map_err(|_unspecified| SealError::Seal)?;
        Self::new(bytes)
    }

    /// Takes the bytes of a key.
    pub(crate) fn new(bytes: Zeroizing<[u8; 32]>) -> Result<Self, SealError> {
        let key = aead_key(&bytes)?;
        Ok(Self { bytes, key })
    }

    /// Wraps a record's secret.
    pub(crate) fn wrap_secret(
        &self,
        secret: &RecordSecret,
        place: Place<'_>,
        random: &dyn SecureRandom,
    ) -> Result<[u8; WRAPPED_BYTES], SealError> {
        self.wrap(secret.bytes(), &bound(SECRET_LABEL, place), random)
    }

    /// Opens a wrapped secret.
    pub(crate) fn open_secret(
        &self,
        wrapped: &[u8],
        place: Place<'_>,
    ) -> Result<RecordSecret, SealError> {
        self.open(wrapped, &bound(SECRET_LABEL, place))
            .map(RecordSecret::new)
    }

    /// Wraps a secret that another key has wrapped, with a nonce that was drawn for it.
    pub(crate) fn rewrap_secret(
        &self,
        (wrapped, by): (&[u8], &WrapKey),
        place: Place<'_>,
        nonce: [u8; NONCE_LEN],
    ) -> Result<[u8; WRAPPED_BYTES], SealError> {
        let aad = bound(SECRET_LABEL, place);
        let secret = by.open(wrapped, &aad)?;
        self.wrap_with(&secret, &aad, nonce)
    }

    /// Writes the `.key` file of a segment. `self` is the node's evidence key.
    pub(crate) fn segment_key_file(
        &self,
        key: &WrapKey,
        place: Place<'_>,
        random: &dyn SecureRandom,
    ) -> Result<Vec<u8>, SealError> {
        let mut file = KEY_LABEL.to_vec();
        file.push(b'\n');
        file.extend_from_slice(&self.wrap(&key.bytes, &bound(KEY_LABEL, place), random)?);
        Ok(file)
    }

    /// Reads the `.key` file of a segment. `self` is the node's evidence key.
    pub(crate) fn open_segment_key(
        &self,
        file: &[u8],
        place: Place<'_>,
    ) -> Result<Self, SealError> {
        let wrapped = after_label(file, KEY_LABEL).ok_or(SealError::Form)?;
        Self::new(self.open(wrapped, &bound(KEY_LABEL, place))?)
    }

    /// Writes the front of a `.secrets` file, to be followed by `count` slots under `key`.
    pub(crate) fn secrets_head(
        &self,
        key: &WrapKey,
        place: Place<'_>,
        count: u64,
        random: &dyn SecureRandom,
    ) -> Result<Vec<u8>, SealError> {
        let mut head = SECRETS_LABEL.to_vec();
        head.push(b'\n');
        head.extend_from_slice(&place.index.to_be_bytes());
        head.extend_from_slice(&count.to_be_bytes());
        head.extend_from_slice(&self.wrap(&key.bytes, &bound(SECRETS_LABEL, place), random)?);
        Ok(head)
    }

    /// Reads the front of a `.secrets` file: the key of its slots and how many there are.
    pub(crate) fn open_secrets_head(
        &self,
        head: &[u8],
        place: Place<'_>,
    ) -> Result<(Self, u64), SealError> {
        let mut cursor = Cursor::new(after_label(head, SECRETS_LABEL).ok_or(SealError::Form)?);
        let first = cursor.u64().ok_or(SealError::Form)?;
        let count = cursor.u64().ok_or(SealError::Form)?;
        let wrapped = cursor.take(WRAPPED_BYTES).ok_or(SealError::Form)?;
        if first != place.index {
            return Err(SealError::Open);
        }
        let key = self.open(wrapped, &bound(SECRETS_LABEL, place))?;
        Ok((Self::new(key)?, count))
    }

    fn wrap(
        &self,
        bytes: &[u8; 32],
        aad: &[u8],
        random: &dyn SecureRandom,
    ) -> Result<[u8; WRAPPED_BYTES], SealError> {
        let mut nonce = [0; NONCE_LEN];
        let drawn = random.fill(&mut nonce);
        drawn.map_err(|_unspecified| SealError::Seal)?;
        self.wrap_with(bytes, aad, nonce)
    }

    fn wrap_with(
        &self,
        bytes: &[u8; 32],
        aad: &[u8],
        nonce: [u8; NONCE_LEN],
    ) -> Result<[u8; WRAPPED_BYTES], SealError> {
        let mut wrapped = [0; WRAPPED_BYTES];
        let (front, rest) = wrapped.split_at_mut(NONCE_LEN);
        let (text, tag) = rest.split_at_mut(32);
        front.copy_from_slice(&nonce);
        text.copy_from_slice(bytes);
        let unique = Nonce::assume_unique_for_key(nonce);
        let made = self
            .key
            .seal_in_place_separate_tag(unique, Aad::from(aad), text)
            .map_err(|_unspecified| SealError::Seal)?;
        tag.copy_from_slice(made.as_ref());
        Ok(wrapped)
    }

    fn open(&self, wrapped: &[u8], aad: &[u8]) -> Result<Zeroizing<[u8; 32]>, SealError> {
        let (nonce, text) = wrapped.split_at_checked(NONCE_LEN).ok_or(SealError::Form)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_length| SealError::Form)?;
        let mut text = Zeroizing::new(text.to_vec());
        let plain = self
            .key
            .open_in_place(nonce, Aad::from(aad), &mut text)
            .map_err(|_unspecified| SealError::Open)?;
        let mut bytes = Zeroizing::new([0; 32]);
        if plain.len() != bytes.len() {
            return Err(SealError::Form);
        }
        bytes.copy_from_slice(plain);
        Ok(bytes)
    }
}

/// The bytes before the slots of a `.secrets` file.
pub(crate) const SECRETS_HEAD_BYTES: usize = SECRETS_LABEL.len() + 1 + 8 + 8 + WRAPPED_BYTES;

fn bound(label: &[u8], place: Place<'_>) -> Vec<u8> {
    let mut aad = Vec::with_capacity(label.len() + place.origin.len() + 9);
    aad.extend_from_slice(label);
    place.write(&mut aad);
    aad
}

fn after_label<'a>(file: &'a [u8], label: &[u8]) -> Option<&'a [u8]> {
    file.strip_prefix(label)?.strip_prefix(b"\n")
}

impl std::fmt::Debug for WrapKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("WrapKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ring::rand::SystemRandom;
    use zeroize::Zeroizing;

    use super::{SECRETS_HEAD_BYTES, SealError, WrapKey};
    use crate::evidence::{Place, RecordSecret};

    const PLACE: Place<'_> = Place {
        origin: "exchange.example/AZ/GOV/1001/node-1/1",
        index: 7,
    };
    const ELSEWHERE: Place<'_> = Place { index: 8, ..PLACE };

    fn node_key() -> WrapKey {
        WrapKey::new(Zeroizing::new([3; 32])).expect("a key")
    }

    #[test]
    fn a_secret_opens_under_its_key_in_its_place() {
        let random = SystemRandom::new();
        let key = WrapKey::draw(&random).expect("a key");
        let secret = RecordSecret::draw(&random).expect("a secret");
        let wrapped = key.wrap_secret(&secret, PLACE, &random).expect("wrapped");
        assert_eq!(wrapped.len(), 60);
        assert_eq!(
            key.open_secret(&wrapped, PLACE).expect("opens").bytes(),
            secret.bytes()
        );
        assert_eq!(
            key.open_secret(&wrapped, ELSEWHERE).expect_err("bound"),
            SealError::Open
        );
        assert_eq!(
            node_key().open_secret(&wrapped, PLACE).expect_err("key"),
            SealError::Open
        );
    }

    #[test]
    fn key_files_open_for_their_segment_only() {
        let random = SystemRandom::new();
        let key = WrapKey::draw(&random).expect("a key");
        let file = node_key()
            .segment_key_file(&key, PLACE, &random)
            .expect("a file");
        assert_eq!(
            node_key()
                .open_segment_key(&file, PLACE)
                .expect("opens")
                .bytes,
            key.bytes
        );
        assert!(node_key().open_segment_key(&file, ELSEWHERE).is_err());
        let head = node_key()
            .secrets_head(&key, PLACE, 5, &random)
            .expect("a head");
        assert_eq!(head.len(), SECRETS_HEAD_BYTES);
        let (again, count) = node_key().open_secrets_head(&head, PLACE).expect("opens");
        assert_eq!((again.bytes, count), (key.bytes.clone(), 5));
        assert!(node_key().open_secrets_head(&head, ELSEWHERE).is_err());
        assert!(node_key().open_secrets_head(&file, PLACE).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_refused_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            prop_assert!(node_key().open_secret(&bytes, PLACE).is_err());
            prop_assert!(node_key().open_segment_key(&bytes, PLACE).is_err());
            prop_assert!(node_key().open_secrets_head(&bytes, PLACE).is_err());
        }
    }
}
