//! The catalogue goes through the same ceremony as the directory.

use std::sync::Arc;

use super::*;
use crate::catalogue::tests::{MINISTRY, OWNER, PERSON, entry, filing, opinion, reason, said};
use crate::catalogue::{Catalogue, Entry, Says, Services};
use crate::client::DirectoryError;
use crate::trusted::Trusted;

impl World {
    /// What a new client trusts, beginning with the first root.
    fn trusted(&self) -> Result<Arc<Trusted>, DirectoryError> {
        let folder = tempfile::tempdir().unwrap();
        let root = fs::read(self.public().join("metadata/1.root.json")).unwrap();
        let mut client = Client::open(folder.path(), &root).unwrap();
        client.refresh(&FolderSource(self.public()), NOW)
    }

    fn propose_catalogue(&self, change: impl FnOnce(&Catalogue) -> Catalogue) -> Proposal {
        let base = self.base();
        Proposal::catalogue(&base, &change(&base.catalogue), NOW).unwrap()
    }

    fn carry_out(&self, mut proposal: Proposal) -> Standing {
        self.sign(&mut proposal, &[0, 2]);
        self.publish(&proposal, NOW).unwrap()
    }

    /// With the ministry named, the rule in force, and one approved entry.
    fn listed() -> (Self, Entry) {
        let world = Self::published();
        let ministry = Some(MINISTRY.parse().unwrap());
        let rules = |old: &Catalogue| old.with_rules(Services::ApprovedOnly, ministry);
        world.carry_out(world.propose_catalogue(rules));
        let person = entry(PERSON, filing(&["person.address"], &[]), true);
        world.carry_out(world.propose_catalogue(|old| old.with(vec![person.clone()]).unwrap()));
        (world, person)
    }
}

#[test]
fn a_catalogue_is_published_with_the_directory_and_stays_when_the_directory_changes() {
    let (world, person) = World::listed();
    let read = world.trusted().unwrap();
    assert_eq!(read.catalogue.services(), Services::ApprovedOnly);
    assert_eq!(read.catalogue.entries(), [person]);
    let catalogue = read.catalogue_digest.unwrap();
    let standing = world.carry_out(world.propose(|directory| directory.groups.clear()));
    assert_eq!(standing.catalogue, crate::metadata::hex(&catalogue));
    let later = world.trusted().unwrap();
    assert!(later.directory.groups.is_empty());
    assert_eq!(later.catalogue_digest, Some(catalogue));
    assert_eq!(later.catalogue, read.catalogue);
}

#[test]
fn a_review_tells_new_documents_rules_and_sources() {
    let world = World::published();
    let ministry = || Some(MINISTRY.parse().unwrap());
    let rules = world.propose_catalogue(|old| old.with_rules(Services::ApprovedOnly, ministry()));
    let listed = world.review(&rules, NOW).unwrap().listed;
    assert_eq!(
        (listed.services, listed.ministry),
        (
            Some((Services::Any, Services::ApprovedOnly)),
            Some((None, ministry()))
        )
    );
    let (world, mut person) = World::listed();
    let assessed = Says::Assessed {
        words: reason("in good order"),
    };
    said(&mut person, MINISTRY, assessed).unwrap();
    let transferred = Says::Transferred {
        attributes: vec!["person.address".to_owned()],
        to: "AZ/GOV/2001/TAX/taxpayer".parse().unwrap(),
        reason: reason("a decree"),
    };
    said(&mut person, MINISTRY, transferred).unwrap();
    let more = world.propose_catalogue(|old| old.with(vec![person.clone()]).unwrap());
    let reviewed = world.review(&more, NOW).unwrap();
    assert!(reviewed.changes.is_empty());
    let said: Vec<_> = reviewed.listed.documents().collect();
    assert_eq!(said.len(), 2);
    assert_eq!(said[1].1, &person.documents()[4]);
    let before = Some(person.id.clone());
    let sources = vec![("person.address".to_owned(), before, None)];
    assert_eq!(reviewed.listed.sources, sources);
    assert!(
        world
            .review(&world.propose_catalogue(Clone::clone), NOW)
            .unwrap()
            .listed
            .is_empty()
    );
}

#[test]
fn an_attribute_that_is_transferred_goes_to_whom_the_ministry_names_and_to_no_third() {
    let (world, mut person) = World::listed();
    let named = "AZ/GOV/2001/TAX/taxpayer";
    let transferred = Says::Transferred {
        attributes: vec!["person.address".to_owned()],
        to: named.parse().unwrap(),
        reason: reason("a decree"),
    };
    said(&mut person, MINISTRY, transferred).unwrap();
    let beside = |person: &Entry, claimant: &str| {
        let claimant = entry(claimant, filing(&["person.address"], &[]), true);
        let both = vec![person.clone(), claimant];
        let proposal = world.propose_catalogue(|old| old.with(both).unwrap());
        world.review(&proposal, NOW)
    };
    let third = "AZ/GOV/3001/POST/address";
    let error = beside(&person, third).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("person.address is transferred to {named}, and {third} would be its source")
    );
    let sources = beside(&person, named).unwrap().listed.sources;
    let (before, after) = (PERSON.parse().unwrap(), named.parse().unwrap());
    let moved = ("person.address".to_owned(), Some(before), Some(after));
    assert_eq!(sources, [moved]);
    // Filed again and approved by its old source, it would not be transferred at all.
    let again = Says::Filed(Box::new(filing(&["person.address"], &[])));
    said(&mut person, OWNER, again).unwrap();
    said(&mut person, MINISTRY, opinion()).unwrap();
    said(&mut person, MINISTRY, Says::Approved {}).unwrap();
    let back = world.propose_catalogue(|old| old.with(vec![person.clone()]).unwrap());
    let error = world.review(&back, NOW).unwrap_err();
    assert!(matches!(error, CeremonyError::Transfer { .. }), "{error}");
}

#[test]
fn a_history_that_was_published_is_never_cut_or_rewritten() {
    let (world, person) = World::listed();
    let shorter = entry(PERSON, filing(&["person.address"], &[]), false);
    let other = entry(PERSON, filing(&["person.name"], &[]), true);
    for changed in [shorter, other] {
        let proposal = world.propose_catalogue(|old| old.with(vec![changed]).unwrap());
        let error = world.review(&proposal, NOW).unwrap_err();
        assert!(
            matches!(&error, CeremonyError::History { entry } if *entry == person.id),
            "{error}"
        );
    }
    let gone = world.propose_catalogue(|_| Catalogue::default());
    let error = world.review(&gone, NOW).unwrap_err();
    assert!(matches!(error, CeremonyError::History { .. }), "{error}");
    // Left out of the proposal altogether, by a tool that does not know it.
    let mut none = world.propose(|directory| directory.groups.clear());
    none.catalogue = None;
    let error = world.review(&none, NOW).unwrap_err();
    assert!(matches!(error, CeremonyError::OtherDirectory), "{error}");
    none.targets["signed"]["targets"]
        .as_object_mut()
        .unwrap()
        .remove("catalogue.json");
    let error = world.review(&none, NOW).unwrap_err();
    assert!(matches!(error, CeremonyError::History { .. }), "{error}");
}

#[test]
fn nobody_but_the_ministry_decides() {
    let world = World::published();
    let person = entry(PERSON, filing(&[], &[]), true);
    let by_nobody = world.propose_catalogue(|old| old.with(vec![person.clone()]).unwrap());
    let error = world.review(&by_nobody, NOW).unwrap_err();
    assert!(
        matches!(error, CeremonyError::NotMinistry { .. }),
        "{error}"
    );
    let other = Some("AZ/GOV/2001".parse().unwrap());
    let by_another = world.propose_catalogue(|old| {
        let rules = old.with_rules(Services::ApprovedOnly, other);
        rules.with(vec![person.clone()]).unwrap()
    });
    let error = world.review(&by_another, NOW).unwrap_err();
    assert!(
        matches!(error, CeremonyError::NotMinistry { .. }),
        "{error}"
    );
}

#[test]
fn a_catalogue_that_was_tampered_with_is_not_believed() {
    let (world, _) = World::listed();
    let read = world.trusted().unwrap();
    let digest = crate::metadata::hex(&read.catalogue_digest.unwrap());
    let path = world
        .public()
        .join(format!("targets/{digest}.catalogue.json"));
    let good = fs::read_to_string(&path).unwrap();
    let bent = good.replace("Register office", "Another  office");
    assert_ne!(bent, good);
    for text in [Some(bent.as_str()), Some("{}"), None] {
        match text {
            Some(text) => fs::write(&path, text).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        let error = world.trusted().unwrap_err();
        match text {
            Some(_) => assert!(matches!(error, DirectoryError::OtherCatalogue), "{error}"),
            None => assert!(matches!(error, DirectoryError::Missing { .. }), "{error}"),
        }
        let error = Base::read(&world.public(), None).unwrap_err();
        let is_gone = matches!(error, CeremonyError::Publish(PublishError::Gone { .. }));
        assert!(is_gone, "{error}");
    }
    fs::write(&path, good).unwrap();
    assert_eq!(world.trusted().unwrap().catalogue, read.catalogue);

    // In the folder of a client that had it, while it is offline.
    let folder = tempfile::tempdir().unwrap();
    let root = fs::read(world.public().join("metadata/1.root.json")).unwrap();
    let mut client = Client::open(folder.path(), &root).unwrap();
    client.refresh(&FolderSource(world.public()), NOW).unwrap();
    let kept = fs::read_dir(folder.path()).unwrap();
    let kept: Vec<_> = kept.map(|entry| entry.unwrap().path()).collect();
    let is_catalogue = |path: &&PathBuf| path.to_string_lossy().contains("catalogue");
    let kept = kept.iter().find(is_catalogue).unwrap();
    fs::write(kept, bent).unwrap();
    let error = client.trusted(NOW).unwrap_err();
    assert!(matches!(error, DirectoryError::OtherCatalogue), "{error}");
    fs::remove_file(kept).unwrap();
    let error = client.trusted(NOW).unwrap_err();
    assert!(matches!(error, DirectoryError::CatalogueGone), "{error}");
}
