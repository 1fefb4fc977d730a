//! A second writer of the format, from its page alone; small, and only for tests.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use ring::signature::{Ed25519KeyPair, KeyPair as _};

use crate::index_run::index_run;
use crate::model::{Batch, Body, Frame, Hash, Journal, Segment, Tree, b64url, hash};

pub(crate) const ORIGIN: &str = "log.example.az/AZ/GOV/1001/NODE1/1";

pub(crate) const EVIDENCE_KEY: Hash = [0x42; 32];

const START_MS: u64 = 1_760_000_000_000;

/// Writes a journal of four segments, the last one open, and gives its verifier key.
pub(crate) fn good(folder: &Path) -> String {
    good_without(folder, &[])
}

/// As [`good`], the secrets of some records erased, and a leaf saying so.
pub(crate) fn good_without(folder: &Path, erased: &[u64]) -> String {
    let mut writer = Writer {
        erased: erased.to_vec(),
        tree: Tree::default(),
        leaves: Vec::new(),
        now: START_MS,
        secrets: Vec::new(),
        note: Vec::new(),
    };
    for place in ["segments", "cache"] {
        fs::create_dir_all(folder.join(place)).unwrap();
    }
    fs::write(folder.join("lock"), "1\n").unwrap();
    fs::write(folder.join("origin"), format!("{ORIGIN}\n{}\n", vkey())).unwrap();
    let mut journal = Journal {
        origin: ORIGIN.to_owned(),
        segments: Vec::new(),
    };
    for (number, leaves) in [300, 200, 100, 40].into_iter().enumerate() {
        let segment = writer.segment(folder, number, leaves);
        journal.segments.push(segment);
        if number < 3 {
            writer.beside(folder, &journal);
        }
    }
    journal.write_segments(folder);
    journal.write_tiles(folder);
    fs::write(folder.join("checkpoint"), &writer.note).unwrap();
    vkey()
}

/// The journal's signing key.
fn pair() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[0x17; 32]).unwrap()
}

pub(crate) fn vkey() -> String {
    let key = [&[1], pair().public_key().as_ref()].concat();
    let id = key_id();
    let id = u32::from_be_bytes(id);
    format!("{ORIGIN}+{id:08x}+{}", STANDARD.encode(key))
}

fn key_id() -> [u8; 4] {
    hash(&[ORIGIN.as_bytes(), b"\n\x01", pair().public_key().as_ref()])[..4]
        .try_into()
        .unwrap()
}

/// Signs a checkpoint.
pub(crate) fn note(size: u64, root: &Hash) -> Vec<u8> {
    let text = format!("{ORIGIN}\n{size}\n{}\n", STANDARD.encode(root));
    let signature = [key_id().as_slice(), pair().sign(text.as_bytes()).as_ref()].concat();
    format!("{text}\n— {ORIGIN} {}\n", STANDARD.encode(signature)).into_bytes()
}

struct Writer {
    erased: Vec<u64>,
    tree: Tree,
    leaves: Vec<Vec<u8>>,
    now: u64,
    /// Of the segment at hand, by ordinal.
    secrets: Vec<Option<Hash>>,
    note: Vec<u8>,
}

struct Bytes32;

impl KeyType for Bytes32 {
    fn len(&self) -> usize {
        32
    }
}

fn derive(secret: &Hash, info: &str) -> Hash {
    let mut out = [0; 32];
    let key = Salt::new(HKDF_SHA256, &[]).extract(secret);
    key.expand(&[info.as_bytes()], Bytes32)
        .unwrap()
        .fill(&mut out)
        .unwrap();
    out
}

fn seal(key: &Hash, nonce: [u8; 12], aad: &[&[u8]], plain: &[u8]) -> Vec<u8> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).unwrap());
    let mut sealed = plain.to_vec();
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.seal_in_place_append_tag(nonce, Aad::from(aad.concat()), &mut sealed)
        .unwrap();
    sealed
}

fn wrap(key: &Hash, aad: &[&[u8]], plain: &[u8]) -> Vec<u8> {
    let nonce: [u8; 12] = hash(&[key, plain])[..12].try_into().unwrap();
    [nonce.as_slice(), &seal(key, nonce, aad, plain)].concat()
}

fn wrap_secret(key: &Hash, secret: &Hash, index: u64) -> Vec<u8> {
    wrap(
        key,
        &[
            b"bridge-secret-v1",
            ORIGIN.as_bytes(),
            b"\n",
            &index.to_be_bytes(),
        ],
        secret,
    )
}

fn segment_key(first: u64) -> Hash {
    hash(&[b"segment", &first.to_be_bytes()])
}

impl Writer {
    fn segment(&mut self, folder: &Path, number: usize, leaves: u64) -> Segment {
        let first = self.tree.size;
        self.secrets.clear();
        let mut segment = Segment {
            first,
            created: self.now,
            length: 1 << 19,
            batches: Vec::new(),
            end: 0,
        };
        let key = segment_key(first);
        let aad: [&[u8]; 4] = [
            b"bridge-segment-key-v1",
            ORIGIN.as_bytes(),
            b"\n",
            &first.to_be_bytes(),
        ];
        let wrapped = [
            b"bridge-segment-key-v1\n".as_slice(),
            &wrap(&EVIDENCE_KEY, &aad, &key),
        ]
        .concat();
        fs::write(folder.join(segment.beside("key")), wrapped).unwrap();
        if number > 0 {
            let leaf = self.index_leaf(folder);
            self.batch(&mut segment, vec![leaf]);
        }
        let mut width = 1;
        while self.tree.size < first + leaves {
            let count = (first + leaves - self.tree.size).min(width);
            let frames = (0..count)
                .map(|ordinal| self.leaf(self.tree.size + ordinal, &key))
                .collect();
            self.batch(&mut segment, frames);
            width = width % 13 + 1;
            if width == 7 {
                self.checkpoint(&mut segment);
            }
        }
        if number == 3 && !self.erased.is_empty() {
            let erased: Vec<String> = self.erased.iter().map(u64::to_string).collect();
            let facts = format!("{{\"erased\":\"{}\"}}", erased.join(","));
            let leaf = self.bare_leaf("administration", &facts);
            self.batch(&mut segment, vec![leaf]);
        }
        self.checkpoint(&mut segment);
        if number < 3 {
            self.batch(&mut segment, vec![Body::Seal]);
        }
        segment
    }

    fn checkpoint(&mut self, segment: &mut Segment) {
        self.note = note(self.tree.size, &self.tree.root());
        let note = self.note.clone();
        self.batch(segment, vec![Body::Note(note)]);
    }

    fn batch(&mut self, segment: &mut Segment, frames: Vec<Body>) {
        let first = self.tree.size;
        for body in &frames {
            if let Body::Leaf { leaf, .. } = body {
                self.tree.push(hash(&[&[0], leaf]));
                self.leaves.push(leaf.clone());
            }
        }
        let frames = frames
            .into_iter()
            .map(|body| Frame { body, offset: 0 })
            .collect();
        segment.batches.push(Batch {
            frames,
            time: self.now,
            commit: 0,
            first,
        });
    }

    /// The leaf that names the index run of the segment before.
    fn index_leaf(&mut self, folder: &Path) -> Body {
        let mut names: Vec<_> = fs::read_dir(folder.join("segments"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "index")
            })
            .collect();
        names.sort();
        let newest = names.last().unwrap();
        let bytes = fs::read(newest).unwrap();
        let name = newest.file_stem().unwrap().to_str().unwrap();
        let digest = b64url(&bytes[bytes.len() - 32..]);
        let facts = format!("{{\"digest\":\"{digest}\",\"index\":\"{name}\"}}");
        self.bare_leaf("state", &facts)
    }

    /// A leaf with nothing beside it.
    fn bare_leaf(&mut self, kind: &str, facts: &str) -> Body {
        let now = self.now;
        let leaf = format!("{{\"v\":1,\"kind\":\"{kind}\",\"time\":{now},\"facts\":{facts}}}");
        self.secrets.push(None);
        Body::Leaf {
            leaf: leaf.into_bytes(),
            secret: Vec::new(),
            evidence: Vec::new(),
        }
    }

    fn leaf(&mut self, index: u64, key: &Hash) -> Body {
        self.now += index % 3;
        let id = format!("0f8fad5b-d9cb-469f-a165-{:012x}", index / 2);
        let (kind, side) = match index % 6 {
            0 | 4 => ("request-sent", "consumer"),
            1 => ("response-received", "consumer"),
            2 => ("request-received", "provider"),
            3 => ("response-signed", "provider"),
            _ => ("audit-read", "consumer"),
        };
        let is_answer = index % 2 == 1;
        let short = format!(
            "{{\"v\":1,\"kind\":\"{kind}\",\"time\":{},\"request_id\":\"{id}\",\"side\":\"{side}\"",
            self.now
        );
        if index % 6 == 5 {
            self.secrets.push(None);
            return Body::Leaf {
                leaf: format!("{short}}}").into_bytes(),
                secret: Vec::new(),
                evidence: Vec::new(),
            };
        }
        let secret = hash(&[b"secret", &index.to_be_bytes()]);
        let mode = if index % 10 == 1 { "digest" } else { "full" };
        let body = format!("{{\"n\":{index}}}").into_bytes();
        let digest = STANDARD.encode(hash(&[&body]));
        let base = format!(
            "\"@method\": GET\n\"content-digest\": sha-256=:{digest}:\n\"@signature-params\": ()"
        );
        let signature = [
            hash(&[b"s", &index.to_be_bytes()]),
            hash(&[b"t", &index.to_be_bytes()]),
        ]
        .concat();
        let kept = if mode == "full" { body.as_slice() } else { b"" };
        let mut plain = b"bridge-evidence-v1\n".to_vec();
        for part in [base.as_bytes(), &signature, kept] {
            plain.extend(u32::try_from(part.len()).unwrap().to_be_bytes());
            plain.extend(part);
        }
        let link = b64url(&hash(&[b"bridge-link-v1", &signature]));
        let request_link = b64url(&hash(&[b"bridge-link-v1", &[7; 64]]));
        let links = if is_answer {
            format!("\"link\":\"{request_link}\",\"answer_link\":\"{link}\"")
        } else {
            format!("\"link\":\"{link}\"")
        };
        let commitment = b64url(&hash(&[
            b"bridge-evidence-v1\0",
            &derive(&secret, "bridge-evidence-salt-v1"),
            &plain,
        ]));
        let subject = b64url(&hash(&[
            b"bridge-subject-v1\0",
            &derive(&secret, "bridge-subject-salt-v1/0"),
            b"fin:5AB",
        ]));
        let nonce = b64url(&hash(&[b"bridge-nonce-v1\0", &signature[..16]])[..16]);
        let contract = b64url(&hash(&[b"contract"]));
        let leaf = format!(
            "{short},\"client\":\"AZ/GOV/1001/TAX%2F{}\",\"service\":\"AZ/GOV/1002/POP/person\",\"endpoint\":\"GET /persons/*\",\
             \"purpose\":\"p1\",\"basis\":\"law \\\"7\\\"\",\"contract\":\"c1@{contract}\",\"decision\":\"allow\",\"rules\":[\"r1\",\"r2\"],\
             \"outcome\":\"ok\",\"status\":200,\"request_size\":256,\"answer_size\":1024,\"duration_ms\":50,\"keyid\":\"k1\",\"peer_keyid\":\"k2\",\
             \"nonce\":\"{nonce}\",{links},\"mode\":\"{mode}\",\"evidence\":\"{commitment}\",\"subjects\":[\"{subject}\"],\"facts\":{{\"a\":\"1\"}}}}",
            index % 4
        );
        let leaf_hash = hash(&[&[0], leaf.as_bytes()]);
        let aad: [&[u8]; 4] = [ORIGIN.as_bytes(), b"\n", &index.to_be_bytes(), &leaf_hash];
        let evidence = seal(
            &derive(&secret, "bridge-evidence-key-v1"),
            [0; 12],
            &aad,
            &plain,
        );
        self.secrets.push(Some(secret));
        Body::Leaf {
            leaf: leaf.into_bytes(),
            secret: wrap_secret(key, &secret, index),
            evidence,
        }
    }

    /// Writes what a node writes beside a segment that it has sealed.
    fn beside(&self, folder: &Path, journal: &Journal) {
        // The offsets are known once the segment is written.
        journal.write_segments(folder);
        let journal = Journal::read(folder);
        let segment = journal.segments.last().unwrap();
        let first = segment.first;
        let file_key = hash(&[b"file", &first.to_be_bytes()]);
        let aad: [&[u8]; 4] = [
            b"bridge-secrets-v1",
            ORIGIN.as_bytes(),
            b"\n",
            &first.to_be_bytes(),
        ];
        let mut out = b"bridge-secrets-v1\n".to_vec();
        out.extend(first.to_be_bytes());
        out.extend((self.secrets.len() as u64).to_be_bytes());
        out.extend(wrap(&EVIDENCE_KEY, &aad, &file_key));
        for (ordinal, secret) in self.secrets.iter().enumerate() {
            let index = first + ordinal as u64;
            let secret = secret.filter(|_| !self.erased.contains(&index));
            out.extend(secret.map_or(vec![0; 60], |secret| wrap_secret(&file_key, &secret, index)));
        }
        fs::write(folder.join(segment.beside("secrets")), out).unwrap();
        fs::remove_file(folder.join(segment.beside("key"))).unwrap();
        fs::write(
            folder.join(segment.beside("index")),
            index_run(&journal, journal.segments.len() - 1),
        )
        .unwrap();
    }
}
