//! A journal taken apart into frames, and put together again: what a forger of the disk can do.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};

pub(crate) type Hash = [u8; 32];

pub(crate) const HEADER: usize = 4096;

pub(crate) fn hash(parts: &[&[u8]]) -> Hash {
    digest(&SHA256, &parts.concat())
        .as_ref()
        .try_into()
        .unwrap()
}

pub(crate) fn b64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[derive(Clone)]
pub(crate) enum Body {
    Leaf {
        leaf: Vec<u8>,
        secret: Vec<u8>,
        evidence: Vec<u8>,
    },
    Note(Vec<u8>),
    Seal,
}

#[derive(Clone)]
pub(crate) struct Frame {
    pub(crate) body: Body,
    /// Where it stood when it was read.
    pub(crate) offset: usize,
}

#[derive(Clone)]
pub(crate) struct Batch {
    pub(crate) frames: Vec<Frame>,
    pub(crate) time: u64,
    /// Where its commit stood when it was read.
    pub(crate) commit: usize,
    /// Index of its first leaf.
    pub(crate) first: u64,
}

#[derive(Clone)]
pub(crate) struct Segment {
    pub(crate) first: u64,
    pub(crate) created: u64,
    pub(crate) length: usize,
    pub(crate) batches: Vec<Batch>,
    /// Where the last commit ended when it was read.
    pub(crate) end: usize,
}

#[derive(Clone)]
pub(crate) struct Journal {
    pub(crate) origin: String,
    pub(crate) segments: Vec<Segment>,
}

/// A leaf and where it stands.
#[derive(Clone)]
pub(crate) struct Place {
    pub(crate) index: u64,
    pub(crate) segment: usize,
    pub(crate) batch: usize,
    pub(crate) frame: usize,
    pub(crate) offset: usize,
    pub(crate) text: String,
}

impl Segment {
    pub(crate) fn file(&self) -> String {
        format!("segments/{:020}.segment", self.first)
    }

    pub(crate) fn beside(&self, extension: &str) -> String {
        format!("segments/{:020}.{extension}", self.first)
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.batches
            .iter()
            .flat_map(|batch| &batch.frames)
            .any(|frame| matches!(frame.body, Body::Seal))
    }
}

impl Body {
    fn grow(&self, tree: &mut Tree) {
        if let Self::Leaf { leaf, .. } = self {
            tree.push(hash(&[&[0], leaf]));
        }
    }

    fn bytes(&self) -> Vec<u8> {
        let (kind, payload) = match self {
            Self::Leaf {
                leaf,
                secret,
                evidence,
            } => {
                let length = |part: &[u8]| u32::try_from(part.len()).unwrap().to_be_bytes();
                let secret_length = u16::try_from(secret.len()).unwrap().to_be_bytes();
                let parts: [&[u8]; 6] = [
                    &length(leaf),
                    leaf,
                    &secret_length,
                    secret,
                    &length(evidence),
                    evidence,
                ];
                (1, parts.concat())
            }
            Self::Note(note) => (3, note.clone()),
            Self::Seal => (4, Vec::new()),
        };
        frame(kind, &payload)
    }
}

fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[kind], length.as_slice(), payload].concat()
}

fn number(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .fold(0, |value, byte| value << 8 | usize::from(*byte))
}

impl Journal {
    pub(crate) fn read(folder: &Path) -> Self {
        let origin = fs::read_to_string(folder.join("origin")).unwrap();
        let origin = origin.lines().next().unwrap().to_owned();
        let mut names: Vec<_> = fs::read_dir(folder.join("segments"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".segment"))
            .collect();
        names.sort();
        let segments = names
            .iter()
            .map(|name| read_segment(&fs::read(folder.join("segments").join(name)).unwrap()));
        Self {
            origin,
            segments: segments.collect(),
        }
    }

    /// Every leaf in order.
    pub(crate) fn places(&self) -> Vec<Place> {
        let mut places = Vec::new();
        let segments = self.segments.iter().enumerate();
        let batches = segments.flat_map(|(segment, held)| {
            let batches = held.batches.iter().enumerate();
            batches.map(move |(batch, held)| (segment, batch, held))
        });
        for (segment, batch, held) in batches {
            for (frame, held) in held.frames.iter().enumerate() {
                let Body::Leaf { leaf, .. } = &held.body else {
                    continue;
                };
                let text = String::from_utf8(leaf.clone()).unwrap();
                let (index, offset) = (places.len() as u64, held.offset);
                places.push(Place {
                    index,
                    segment,
                    batch,
                    frame,
                    offset,
                    text,
                });
            }
        }
        places
    }

    pub(crate) fn leaf_mut(&mut self, place: &Place) -> &mut Vec<u8> {
        let frame = &mut self.segments[place.segment].batches[place.batch].frames[place.frame];
        match &mut frame.body {
            Body::Leaf { leaf, .. } => leaf,
            Body::Note(_) | Body::Seal => panic!("a leaf"),
        }
    }

    /// Writes the segments anew, every commit, root and header fitting; signatures stay what they were.
    pub(crate) fn write_segments(&self, folder: &Path) {
        for entry in fs::read_dir(folder.join("segments")).unwrap() {
            let path = entry.unwrap().path();
            if path
                .extension()
                .is_some_and(|extension| extension == "segment")
            {
                fs::remove_file(path).unwrap();
            }
        }
        let (mut tree, mut previous) = (Tree::default(), [0; 32]);
        for segment in &self.segments {
            let mut out = header(&self.origin, segment.first, &previous, segment.created);
            for batch in &segment.batches {
                let mut bytes = Vec::new();
                for held in &batch.frames {
                    bytes.extend(held.body.bytes());
                    held.body.grow(&mut tree);
                }
                let payload = [
                    tree.size.to_be_bytes().as_slice(),
                    &tree.root(),
                    &previous,
                    &hash(&[&bytes]),
                    &batch.time.to_be_bytes(),
                ]
                .concat();
                previous = hash(&[b"bridge-commit-v1\0", &payload]);
                out.extend(bytes);
                out.extend(frame(2, &payload));
            }
            out.resize(segment.length.max(out.len()), 0);
            fs::write(folder.join(segment.file()), out).unwrap();
        }
    }

    /// Writes the full tiles that these leaves give.
    pub(crate) fn write_tiles(&self, folder: &Path) {
        let mut level: Vec<Hash> = self
            .places()
            .iter()
            .map(|place| hash(&[&[0], place.text.as_bytes()]))
            .collect();
        for number in 0.. {
            let full: Vec<&[Hash]> = level.chunks_exact(256).collect();
            for (tile, hashes) in full.iter().enumerate() {
                let path = folder.join(format!("tile/{number}/{tile:03}"));
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, hashes.concat()).unwrap();
            }
            if full.is_empty() {
                break;
            }
            level = full.iter().map(|tile| tree_of(tile).root()).collect();
        }
    }
}

fn tree_of(hashes: &[Hash]) -> Tree {
    let mut tree = Tree::default();
    for hash in hashes {
        tree.push(*hash);
    }
    tree
}

fn header(origin: &str, first: u64, previous: &Hash, created: u64) -> Vec<u8> {
    let line = serde_json::json!({ "o": origin })["o"].to_string();
    let previous = b64url(previous);
    let mut out = format!(
        "bridge-segment-v1\n{{\"origin\":{line},\"first\":{first},\"previous_commit\":\"{previous}\",\"created\":{created}}}\n"
    )
    .into_bytes();
    out.resize(HEADER, 0);
    out
}

fn read_segment(bytes: &[u8]) -> Segment {
    let line = bytes[b"bridge-segment-v1\n".len()..]
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap();
    let line: serde_json::Value = serde_json::from_slice(line).unwrap();
    let mut segment = Segment {
        first: line["first"].as_u64().unwrap(),
        created: line["created"].as_u64().unwrap(),
        length: bytes.len(),
        batches: Vec::new(),
        end: HEADER,
    };
    let (mut at, mut frames) = (HEADER, Vec::new());
    let mut first = segment.first;
    while at < bytes.len() && bytes[at] != 0 {
        let length = number(&bytes[at + 1..at + 5]);
        let payload = &bytes[at + 5..at + 5 + length];
        let body = match bytes[at] {
            1 => Some(read_leaf(payload)),
            3 => Some(Body::Note(payload.to_vec())),
            4 => Some(Body::Seal),
            _ => None,
        };
        let frame_at = at;
        at += 5 + length;
        if let Some(body) = body {
            frames.push(Frame {
                body,
                offset: frame_at,
            });
            continue;
        }
        let frames = std::mem::take(&mut frames);
        let leaves = frames
            .iter()
            .filter(|frame| matches!(frame.body, Body::Leaf { .. }))
            .count();
        let time = number(&payload[104..]) as u64;
        segment.batches.push(Batch {
            frames,
            time,
            commit: frame_at,
            first,
        });
        segment.end = at;
        first += leaves as u64;
    }
    segment
}

fn read_leaf(payload: &[u8]) -> Body {
    let mut at = 0;
    let mut part = |width: usize| {
        let length = number(&payload[at..at + width]);
        let part = payload[at + width..at + width + length].to_vec();
        at += width + length;
        part
    };
    Body::Leaf {
        leaf: part(4),
        secret: part(2),
        evidence: part(4),
    }
}

/// The tree by its peaks.
#[derive(Clone, Default)]
pub(crate) struct Tree {
    pub(crate) size: u64,
    peaks: Vec<Hash>,
}

impl Tree {
    pub(crate) fn push(&mut self, leaf: Hash) {
        let mut node = leaf;
        let mut rest = self.size;
        while rest % 2 == 1 {
            node = hash(&[&[1], &self.peaks.pop().unwrap(), &node]);
            rest /= 2;
        }
        self.peaks.push(node);
        self.size += 1;
    }

    pub(crate) fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev().copied();
        let last = peaks.next().unwrap_or_else(|| hash(&[]));
        peaks.fold(last, |right, left| hash(&[&[1], &left, &right]))
    }
}
