//! A journal of a few leaves.

use std::path::Path;
use std::sync::Arc;

use bridge_core::leaf::{Kind, Leaf, UnixMillis};
use bridge_journal::{Entry, Journal, JournalConfig, JournalKeys};
use bridge_signature::{Algorithm, FileSigner};
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use zeroize::Zeroizing;

pub(super) fn write(folder: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut config = JournalConfig::new(folder, "journal.example/AZ/GOV/1001/NODE1/1");
        config.segment_bytes = 64 * 1024;
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let pkcs8 = pkcs8.as_ref().to_vec();
        let keys = JournalKeys {
            checkpoint_pkcs8: Zeroizing::new(pkcs8.clone()),
            evidence: Zeroizing::new([7; 32]),
        };
        let signer = FileSigner::from_pkcs8(Algorithm::Ed25519, &pkcs8, "key".to_owned()).unwrap();
        let now = UnixMillis(1_800_000_000_000);
        let (journal, _) =
            Journal::open(config, keys, Arc::new(signer), now, Box::new(|_| {})).unwrap();
        for _ in 0..3 {
            journal
                .record(Entry::of(Leaf::new(Kind::Administration, now)))
                .await
                .unwrap();
        }
        journal.close().await.unwrap();
    });
}
