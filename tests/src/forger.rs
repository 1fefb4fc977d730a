//! A member that seals a dossier of what never was: it has its own node's keys, and nobody else's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_certs::cms::Sealer;
use bridge_core::leaf::Leaf;
use bridge_journal::Proof;
use bytes::Bytes;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::agency::Agency;
use crate::container;
use crate::puppet::log::Log;
use crate::wait::now_s;

const MANIFEST: &str = "META-INF/ASiCManifest001.xml";
const SEAL: &str = "META-INF/signature001.p7s";
const RECEIPTS: &str = "receipts/own.json";

/// The files of a dossier in the hands of the member that made it.
#[derive(Debug)]
pub struct Forger<'a> {
    agency: &'a Agency,
    files: Vec<(String, Vec<u8>)>,
}

// === impl Forger ===

impl<'a> Forger<'a> {
    /// Takes a dossier apart.
    pub fn of(agency: &'a Agency, dossier: &[u8]) -> Self {
        let files = container::files(dossier).into_iter();
        let files = files.map(|(name, place)| (name, dossier[place].to_vec()));
        Self {
            agency,
            files: files.collect(),
        }
    }

    /// The content of a file.
    pub fn content(&self, name: &str) -> Vec<u8> {
        let found = self.files.iter().find(|(own, _)| own == name);
        found.unwrap_or_else(|| panic!("no {name}")).1.clone()
    }

    /// Writes a file anew.
    pub fn set(&mut self, name: &str, content: impl Into<Vec<u8>>) {
        let found = self.files.iter_mut().find(|(own, _)| own == name);
        found.unwrap_or_else(|| panic!("no {name}")).1 = content.into();
    }

    /// Leaves out all files whose names begin so.
    pub fn leave_out(&mut self, beginning: &str) {
        self.files.retain(|(name, _)| !name.starts_with(beginning));
    }

    /// Writes the journal anew: its two leaves, changed, under a checkpoint with the node's own key. What others signed of the
    /// true journal goes.
    pub fn journal(&mut self, change: impl Fn(&mut Leaf)) {
        let _stampable = self.written(change);
        self.leave_out("stamps/");
    }

    /// As [`Forger::journal`], with a time-stamp over it, from whoever stamps an imprint.
    pub fn journal_stamped(
        &mut self,
        change: impl Fn(&mut Leaf),
        stamp: impl Fn([u8; 32]) -> Bytes,
    ) {
        let (note, proofs) = self.written(change);
        for (name, proof) in ["request", "answer"].into_iter().zip(proofs) {
            self.set(&format!("stamps/{name}.tlog-proof"), proof);
        }
        let imprint = bridge_journal::imprint(note.as_bytes()).unwrap();
        self.set("stamps/time.tsr", stamp(imprint));
    }

    /// Writes the journal anew; returns its checkpoint and the proof of each leaf.
    fn written(&mut self, change: impl Fn(&mut Leaf)) -> (String, Vec<String>) {
        let mut file: Value = serde_json::from_slice(&self.content(RECEIPTS)).unwrap();
        let log = Log::of(self.agency);
        let mut written = Vec::new();
        for one in file["receipts"].as_array().unwrap() {
            let mut leaf = Leaf::parse(one["leaf"].as_str().unwrap().as_bytes()).unwrap();
            change(&mut leaf);
            let mut bytes = Vec::new();
            leaf.write(&mut bytes).unwrap();
            written.push((log.add_leaf(&bytes), bytes));
        }
        log.sign();
        let hashes = log.leaves();
        assert_eq!(hashes.len(), 2, "the other leaf is the whole proof");
        let note = log.checkpoint().unwrap();
        let proofs = [0_u64, 1].map(|index| {
            let other = hashes[usize::from(index == 0)];
            Proof::write(index, &[other], &note)
        });
        file["receipts"] = written
            .into_iter()
            .zip(&proofs)
            .map(|((receipt, leaf), proof)| {
                let leaf = String::from_utf8(leaf).unwrap();
                json!({ "receipt": receipt, "leaf": leaf, "proof": proof })
            })
            .collect();
        self.set(RECEIPTS, file.to_string());
        (note, proofs.into())
    }

    /// Lists and seals what there is.
    pub fn seal(&self) -> Vec<u8> {
        self.seal_at(now_s(), |seal| seal)
    }

    /// As [`Forger::seal`], at a time that the forger writes into the seal; `add` may put more into it.
    pub fn seal_at(&self, time_s: u64, add: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Vec<u8> {
        let old = String::from_utf8(self.content(MANIFEST)).unwrap();
        let part = |name: &str| name != "mimetype" && !name.starts_with("META-INF/");
        let mut list = Vec::new();
        for line in old.lines() {
            let Some((_, rest)) = line.split_once("DataObjectReference MimeType") else {
                list.push(line.to_owned());
                continue;
            };
            let name = rest
                .split("URI=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap();
            let said = rest.split("DigestValue>").nth(1).unwrap();
            let said = said.split('<').next().unwrap();
            let Some((_, content)) = self.files.iter().find(|(own, _)| own == name && part(own))
            else {
                continue;
            };
            let found = STANDARD.encode(digest(&SHA256, content));
            list.push(line.replace(said, &found));
        }
        let list = list.join("\n") + "\n";
        let stem = self.agency.folder.join("keys/seal");
        let chain = bridge_certs::read_pem_certificates(&stem.with_extension("pem")).unwrap();
        let key = bridge_certs::read_key_file(&stem.with_extension("key")).unwrap();
        let sealer = Sealer::new(&key, chain).unwrap();
        let seal = add(sealer.seal(list.as_bytes(), time_s).unwrap());
        let mut files = self.files.clone();
        for (name, content) in &mut files {
            match name.as_str() {
                MANIFEST => *content = list.clone().into_bytes(),
                SEAL => content.clone_from(&seal),
                _ => {}
            }
        }
        container::write(&files)
    }
}
