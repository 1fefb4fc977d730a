//! Keys that were revoked: what they signed before stays good evidence, and what a thief signs afterwards under an earlier time is
//! caught.

use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bridge_certs::Moment;
use bridge_certs::cms::{SignedData, seal_imprint, with_stamp};
use bridge_certs::stamp::token;
use bridge_core::envelope::link;
use bridge_core::leaf::Leaf;
use bridge_signature::Signer as _;
use bridge_tests::agency::Agency;
use bridge_tests::ahead::Ahead;
use bridge_tests::container::content;
use bridge_tests::forger::Forger;
use bridge_tests::process::Said;
use bridge_tests::puppet;
use bridge_tests::registry::Reaction;
use bridge_tests::status_authority::StatusAuthority;
use bridge_tests::time_authority::TimeAuthority;
use bridge_tests::wait::now_s;
use bridge_tests::world::{PATH, World, usual};
use ring::digest::{SHA256, digest};

use crate::dossier::export;

const SEAL: &str = "META-INF/signature001.p7s";
const TRUE_ANSWER: &str = "{\"debt\":0}";

/// A dossier that was made while all keys were good, and a later time at which some are revoked.
struct Later {
    world: World,
    time: TimeAuthority,
    status: StatusAuthority,
    /// The genuine dossier.
    good: Vec<u8>,
    made_s: u64,
    /// Since when keys are revoked.
    since_s: u64,
}

// === impl Later ===

impl Later {
    async fn begin() -> Self {
        let mut world = World::with().contract(usual()).make().await;
        let ahead = Ahead::new(world.folder.path());
        let folder = world.folder.path().join("time");
        let time = TimeAuthority::start(&folder, &world.authority, now_s()).await;
        time.follow(&ahead);
        let lines = "every_seconds = 1\ntolerated_gap_seconds = 86401";
        world.consumer.add_settings(&format!(
            "\n[time]\ntrust = \"../anchors.pem\"\n{lines}\n{}",
            time.entry()
        ));
        let world = world.run().await;
        let json = [("content-type", "application/json")];
        world
            .registry
            .always(Reaction::answer(200, &json, TRUE_ANSWER));
        let answer = world.consumer.get(PATH).send().await;
        answer.answered(200);
        let id = answer.request_id();
        let path = export(&world.consumer, id, "good.asice", "stamps/time.tsr").await;
        let agencies = [&*world.consumer, &*world.provider];
        let folder = world.folder.path();
        let status = StatusAuthority::start(folder, &world.authority, &agencies).await;
        status.follow(&ahead);
        let made_s = now_s();
        // An hour later, and the keys are revoked since half a minute after the dossier.
        ahead.set(made_s + 3600);
        Self {
            good: fs::read(path).unwrap(),
            since_s: made_s + 30,
            made_s,
            world,
            time,
            status,
        }
    }

    fn revoke(&self, agency: &Agency, name: &str) {
        self.status.revoke_at(agency, name, self.since_s);
    }

    fn forger(&self) -> Forger<'_> {
        Forger::of(&self.world.consumer, &self.good)
    }

    /// Verifies a dossier, with the authority's newest list or without any.
    fn verify(&self, dossier: &[u8], with_list: bool) -> Said {
        let folder = self.world.folder.path();
        let [file, list]: [PathBuf; 2] = ["some.asice", "list.crl"].map(|name| folder.join(name));
        fs::write(&file, dossier).unwrap();
        fs::write(&list, self.status.list()).unwrap();
        let mut command = std::process::Command::new(bridge_tests::process::program());
        command.args(["audit", "verify-dossier"]).arg(&file);
        command.arg("--trust").arg(folder.join("anchors.pem"));
        if with_list {
            command.arg("--crl").arg(&list);
        }
        let output = command.output().unwrap();
        Said {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The dossier holds as far as anybody can tell who does not know of the revocation, and is refused by who does.
    #[track_caller]
    fn caught(&self, dossier: &[u8], part: &str, words: &str) {
        let without = self.verify(dossier, false);
        assert_eq!(without.code, 0, "{without:?}");
        let with = self.verify(dossier, true);
        assert_eq!(with.code, 2, "{with:?}");
        let since = Moment(self.since_s);
        let begin = format!("{part}: its certificate is revoked since {since}, and nothing shows");
        let told = with.err.lines().find(|line| line.contains(&begin));
        assert!(
            told.is_some_and(|line| line.contains(words)),
            "{words}: {with:?}"
        );
        // It is the one fault, told after the line that names the file.
        assert_eq!(with.err.trim_end().lines().count(), 2, "{with:?}");
    }
}

#[tokio::test]
async fn evidence_of_before_a_revocation_stays_good_by_its_stamped_time() {
    let later = Later::begin().await;
    let said = later.verify(&later.good, true);
    assert_eq!(said.code, 0, "{said:?}");
    let good = [
        "seal: its certificate is not revoked",
        "answer: its certificate is not revoked",
    ];
    assert!(
        good.iter().all(|words| said.out.contains(words)),
        "{said:?}"
    );
    // Now every key that signed anything in it is revoked.
    let (consumer, provider) = (&later.world.consumer, &later.world.provider);
    later.revoke(consumer, "exchange");
    later.revoke(consumer, "seal");
    later.revoke(provider, "exchange");
    let said = later.verify(&later.good, true);
    assert_eq!(said.code, 0, "{said:?}");
    let since = Moment(later.since_s);
    for what in ["seal", "request", "answer"] {
        let words =
            format!("{what}: its certificate is revoked since {since}, and it was there at");
        assert!(said.out.contains(&words), "{words}: {said:?}");
    }
    // A list of another authority is no answer about these certificates.
    let other = tempfile::tempdir().unwrap();
    let stranger =
        bridge_certs::Authority::create(&other.path().join("authority"), "Other", now_s() - 86_400);
    let agencies: [&Agency; 0] = [];
    let stranger = StatusAuthority::start(other.path(), &stranger.unwrap(), &agencies).await;
    let list = other.path().join("other.crl");
    fs::write(&list, stranger.list()).unwrap();
    let good = later.world.folder.path().join("some.asice");
    let output = std::process::Command::new(bridge_tests::process::program())
        .args(["audit", "verify-dossier"])
        .arg(&good)
        .arg("--trust")
        .arg(later.world.folder.path().join("anchors.pem"))
        .arg("--crl")
        .arg(&list)
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("revocation list 1: no authority"), "{said}");
}

#[tokio::test]
async fn an_answer_that_a_thief_signs_after_the_revocation_under_an_earlier_time_is_caught() {
    let later = Later::begin().await;
    later.revoke(&later.world.provider, "exchange");
    // The thief has the provider's exchange key, and the consumer's node and all its keys: only the authority's clock is not theirs.
    let lie = "{\"debt\":9}";
    let forge = || {
        let mut forger = later.forger();
        let text = String::from_utf8(forger.content("answer/base.txt")).unwrap();
        let of = |body: &str| STANDARD.encode(digest(&SHA256, body.as_bytes()));
        let base = text.replace(&of(TRUE_ANSWER), &of(lie));
        assert_ne!(base, text);
        let key = puppet::signer(&later.world.provider.folder.join("keys/exchange"));
        let signature = key.sign(base.as_bytes()).unwrap();
        forger.set("answer/base.txt", base);
        forger.set("answer/body.bin", lie);
        forger.set("answer/signature.bin", signature.clone());
        let change = move |leaf: &mut Leaf| {
            leaf.answer_link = leaf.answer_link.map(|_| link(&signature));
        };
        (forger, change)
    };
    let part = "certificates/answer.pem";
    let (mut forger, change) = forge();
    forger.journal(change);
    later.caught(&forger.seal(), part, "no time-stamp is over it");
    let (mut forger, change) = forge();
    forger.journal_stamped(change, |imprint| later.time.stamp_imprint(imprint));
    let hour = Moment(later.made_s + 3600).to_string();
    let words = format!("the time-stamp over it is of {}", &hour[..13]);
    later.caught(&forger.seal(), part, &words);
    // What the same key signed before is good.
    assert_eq!(later.verify(&later.good, true).code, 0);
}

#[tokio::test]
async fn a_dossier_that_a_thief_seals_after_the_revocation_under_an_earlier_time_is_caught() {
    let later = Later::begin().await;
    later.revoke(&later.world.consumer, "seal");
    let forge = |add: &dyn Fn(Vec<u8>) -> Vec<u8>| {
        let mut forger = later.forger();
        forger.set("summary.html", "<html>What never was.</html>");
        forger.seal_at(later.made_s - 5, add)
    };
    later.caught(&forge(&|seal| seal), SEAL, "no time-stamp is over it");
    let late = forge(&|seal| {
        let stamped = later.time.stamp_imprint(seal_imprint(&seal).unwrap());
        with_stamp(&seal, token(&stamped).unwrap()).unwrap()
    });
    let hour = Moment(later.made_s + 3600).to_string();
    let words = format!("the time-stamp over it is of {}", &hour[..13]);
    later.caught(&late, SEAL, &words);
    // The stamp of the genuine seal is over that one only.
    let genuine = content(&later.good, SEAL);
    let stamp = SignedData::read_stamped(genuine).unwrap().stamp().unwrap();
    let borrowed = forge(&|seal| with_stamp(&seal, stamp).unwrap());
    let said = later.verify(&borrowed, false);
    let words = format!("{SEAL}: the seal's time-stamp does not hold");
    assert!(said.code == 2 && said.err.contains(&words), "{said:?}");
}
