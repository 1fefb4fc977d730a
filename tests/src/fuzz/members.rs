//! What members say of themselves beside their exchanges, and what an officer answers: requests to join, entries of the
//! catalogue, new epochs of logs, receipts, cosignatures.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use bridge_certs::Trust;
use bridge_directory::catalogue::{Catalogue, Entry, Sealed, Services};
use bridge_directory::join::{Refused, Request};
use bridge_directory::{Client, Fetch, FetchError, FolderSource};
use bridge_journal::{Witness, note_text};
use bridge_node::epochs::Statement;
use bridge_node::settings::Limits;
use bridge_node::watch::{View, Watch};
use bridge_verify::{Cosigner, LogKey, Receipt, Shown, Signers, judge};

/// When the folder `published` beside the corpora was published; all its keys are gone.
const NOW_S: u64 = 1_795_458_067;

/// The authority of that bus.
const ANCHORS: &[u8] = include_bytes!("../../fuzz/corpus/published.crt");

fn trust() -> Arc<Trust> {
    static TRUST: OnceLock<Arc<Trust>> = OnceLock::new();
    Arc::clone(TRUST.get_or_init(|| Arc::new(Trust::from_pem(ANCHORS).unwrap())))
}

/// A reader that has seen what is published.
fn client() -> Client {
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/published");
    let root = std::fs::read(published.join("metadata/1.root.json")).unwrap();
    let store = tempfile::tempdir_in("/dev/shm").unwrap().keep();
    let mut client = Client::open(&store, &root).unwrap();
    client.refresh(&FolderSource(published), NOW_S).unwrap();
    client
}

/// A published folder with one file, whatever it is asked for.
struct One<'a>(&'a [u8]);

impl Fetch for One<'_> {
    fn fetch(&self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, FetchError> {
        if self.0.len() > limit {
            let path = path.to_owned();
            return Err(FetchError::TooLarge { path, limit });
        }
        Ok(Some(self.0.to_vec()))
    }
}

/// A request of the bus.
const REQUEST: &[u8] = include_bytes!("../../fuzz/corpus/join/request");
/// What an officer said of it.
const REFUSAL: &[u8] = include_bytes!("../../fuzz/corpus/join/refusal");

/// What is proved by its keys is what they signed, and what is read of an officer's no is what the officer said.
pub(super) fn join(data: &[u8]) -> bool {
    static GENUINE: OnceLock<(Request, Client, Refused)> = OnceLock::new();
    let (asked, client, said) = GENUINE.get_or_init(|| {
        let (request, client) = (Request::parse(REQUEST).unwrap(), client());
        let said = client.refusal(&One(REFUSAL), &request.asked.digest());
        let said = said.unwrap().unwrap();
        (request, client, said)
    });
    if let Ok(Some(refused)) = client.refusal(&One(data), &asked.asked.digest()) {
        assert_eq!(&refused, said, "not what the officer said");
        return true;
    }
    let Ok(request) = Request::parse(data) else {
        return false;
    };
    if let Ok(bytes) = request.to_bytes() {
        let again = Request::parse(&bytes).expect("what is written is read");
        assert_eq!(again, request);
    }
    if request.check(NOW_S).is_err() {
        return false;
    }
    // Whoever has other keys may ask for what he likes with them.
    let keys = |of: &Request| {
        let node = &of.asked.node;
        [&node.tls, &node.exchange, &node.journal].map(String::clone)
    };
    if keys(&request).iter().any(|key| keys(asked).contains(key)) {
        assert_eq!(request.asked, asked.asked, "not what its keys signed");
    }
    true
}

/// The catalogue of the bus.
const CATALOGUE: &[u8] = include_bytes!("../../fuzz/corpus/catalogue/whole");

/// A catalogue, or one entry of it, is written so that it is read the same, and what is sealed in it is what was sealed, from
/// the first document on.
pub(super) fn catalogue(data: &[u8]) -> bool {
    static GENUINE: OnceLock<Catalogue> = OnceLock::new();
    let genuine = GENUINE.get_or_init(|| Catalogue::parse(CATALOGUE).unwrap());
    if let Ok(entry) = Entry::parse(data) {
        return is_sealed(&entry, genuine);
    }
    let Ok(catalogue) = Catalogue::parse(data) else {
        return false;
    };
    let again = Catalogue::parse(catalogue.to_text().as_bytes()).expect("what is written is read");
    assert_eq!(again, catalogue);
    for (attribute, entry) in catalogue.sources() {
        let mut sources = catalogue.entries().iter();
        let is_source = |one: &&Entry| one.state().sources().any(|own| own == attribute);
        assert_eq!(sources.find(is_source), Some(entry));
        assert_eq!(sources.find(is_source), None, "two sources of {attribute}");
    }
    for entry in catalogue.entries() {
        assert_eq!(catalogue.entry(&entry.id), Some(entry));
        let is_routed = catalogue.check_routed(&entry.id).is_ok();
        let is_any = catalogue.services() == Services::Any;
        assert_eq!(is_routed, is_any || entry.state().is_routed());
    }
    let sealed = catalogue.entries().iter();
    let sealed = sealed.map(|entry| is_sealed(entry, genuine));
    sealed.fold(true, |all, one| all & one)
}

fn is_sealed(entry: &Entry, genuine: &Catalogue) -> bool {
    let again = Entry::parse(&entry.to_bytes()).expect("what is written is read");
    assert_eq!(&again, entry);
    if entry.check_seals(0, &*trust(), NOW_S).is_err() {
        return false;
    }
    let known = genuine.entry(&entry.id).expect("nobody sealed this entry");
    let documents = |of: &Entry| -> Vec<_> {
        let sealed = of.documents().iter();
        sealed
            .map(|Sealed { document, .. }| document.clone())
            .collect()
    };
    let (sealed, known) = (documents(entry), documents(known));
    assert!(known.starts_with(&sealed), "not what was sealed");
    true
}

/// What a node of the bus said of its log's second epoch.
const STATEMENT: &[u8] = include_bytes!("../../fuzz/corpus/epoch/second");

/// A statement has one spelling, and what counts is what the node's exchange key signed.
pub(super) fn epoch(data: &[u8]) -> bool {
    static GENUINE: OnceLock<(Arc<View>, Statement)> = OnceLock::new();
    let (view, genuine) = GENUINE.get_or_init(|| {
        let watch = Watch::new(client(), &trust(), &Limits::default(), NOW_S);
        let view = watch.view(NOW_S).unwrap();
        (view, Statement::parse(STATEMENT).unwrap())
    });
    let Ok(statement) = Statement::parse(data) else {
        return false;
    };
    assert_eq!(statement.write(), data, "two spellings of one statement");
    let Ok((node, log)) = statement.check(view, NOW_S) else {
        return false;
    };
    assert_eq!(statement.text(), genuine.text(), "not what was signed");
    assert_eq!(node, genuine.check(view, NOW_S).unwrap().0);
    assert_eq!(log.vkey(), genuine.key);
    true
}

/// The receipts of one exchange: field, leaf and proof, with a byte 0 between them.
const RECEIPTS: [&[u8]; 2] = [
    include_bytes!("../../fuzz/corpus/receipt/first"),
    include_bytes!("../../fuzz/corpus/receipt/second"),
];
/// The keys of its log and of the two nodes that cosign it, a line each.
const SIGNERS: &str = include_str!("../../fuzz/corpus/receipt.vkeys");

/// A receipt that holds shows a leaf that the log gave out, under no more signatures than there were.
pub(super) fn receipt(data: &[u8]) -> bool {
    static GENUINE: OnceLock<(Signers, [Shown; 2])> = OnceLock::new();
    let (signers, shown) = GENUINE.get_or_init(|| {
        let mut keys = SIGNERS.lines();
        let log = LogKey::parse(keys.next().unwrap()).unwrap();
        let signers = Signers {
            log: Some(log),
            witnesses: keys.map(|key| Cosigner::parse(key).unwrap()).collect(),
            quorum: 2,
        };
        let shown = RECEIPTS.map(|one| judged(one, &signers).expect("a genuine one holds"));
        let cosigned = shown.each_ref().map(|one| one.cosigned.len());
        assert_eq!(cosigned, [signers.witnesses.len(); 2]);
        (signers, shown)
    });
    let Some(found) = judged(data, signers) else {
        return false;
    };
    let said = shown.iter().zip(RECEIPTS);
    let mut said = said.filter(|(one, _)| one.index == found.index);
    let (known, genuine) = said.next().expect("not what the log gave out");
    assert_eq!(
        parts(data).map(|(_, leaf, _)| leaf),
        parts(genuine).map(|(_, leaf, _)| leaf)
    );
    assert_eq!(found.size, known.size);
    let cosigned: BTreeSet<_> = found.cosigned.iter().collect();
    assert_eq!(
        cosigned.len(),
        found.cosigned.len(),
        "a witness counts twice"
    );
    assert!(
        found
            .cosigned
            .iter()
            .all(|one| known.cosigned.contains(one))
    );
    true
}

/// What a witness answers is its own signature over what it was asked for, as the verifier without a node sees it too.
pub(super) fn cosignature(data: &[u8]) -> bool {
    let Ok(lines) = std::str::from_utf8(data) else {
        return false;
    };
    let (_, _, proof) = parts(RECEIPTS[0]).unwrap();
    let (_, note) = proof.split_once("\n\n").unwrap();
    let text = note_text(note.as_bytes()).unwrap();
    let taken = SIGNERS.lines().skip(1).map(|vkey| {
        let witness = Witness::parse(vkey).unwrap();
        let Some((line, time_s)) = witness.cosigned(text, lines) else {
            return false;
        };
        assert!(note.contains(line), "not what a witness signed");
        let verifier = Cosigner::parse(vkey).unwrap();
        assert_eq!(verifier.time_on(note), Some(time_s));
        true
    });
    taken.fold(false, |one, other| one | other)
}

fn judged(data: &[u8], signers: &Signers) -> Option<Shown> {
    let (field, leaf, proof) = parts(data)?;
    let receipt = Receipt { field, leaf, proof };
    judge(&receipt, signers).ok()
}

fn parts(data: &[u8]) -> Option<(&str, &[u8], &str)> {
    let mut parts = data.splitn(3, |byte| *byte == 0);
    let field = std::str::from_utf8(parts.next()?).ok()?;
    let leaf = parts.next()?;
    Some((field, leaf, std::str::from_utf8(parts.next()?).ok()?))
}
