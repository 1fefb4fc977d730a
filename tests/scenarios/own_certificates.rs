//! A node's own certificates end while it runs, and it goes on with new ones.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_certs::{Trust, read_pem_certificates, spki_sha256_of};
use bridge_core::identity::CertificateName;
use bridge_node::keys::Keys;
use bridge_node::own::{Folder, Judge, Place, Use, import};
use bridge_tests::agency::{exchange_key, issue_for};
use bridge_tests::wait::{now_s, wait_until};
use bridge_tests::world::{PATH, World, usual};

const HOUR_S: u64 = 3600;
const LIFE_S: u64 = 600;

#[tokio::test]
async fn a_node_runs_past_the_end_of_its_certificates_and_takes_new_ones_without_a_restart() {
    let mut world = World::with().contract(usual()).make().await;
    let now = now_s();
    let name = CertificateName::Node(world.consumer.node());
    let keys = world.consumer.folder.join("keys");
    let renewed = world.consumer.folder.join("renewed");
    for usage in Use::ALL {
        let name = (usage != Use::Web).then(|| name.clone());
        let stem = keys.join(usage.as_str());
        fs::remove_file(stem.with_extension("key")).unwrap();
        let first = (stem, now + LIFE_S);
        let second = (renewed.join(usage.as_str()), now + 100 * HOUR_S);
        for (stem, until) in [first, second] {
            let dates = (now - HOUR_S, until);
            issue_for(
                &world.authority,
                usage.profile(),
                name.clone(),
                &stem,
                dates,
            );
        }
    }
    let leaf = |path: &str| world.consumer.certificate(path);
    let files = |usage| ["keys", "renewed"].map(|folder| format!("{folder}/{usage}.pem"));
    let pin = |path: &String| URL_SAFE_NO_PAD.encode(spki_sha256_of(&leaf(path)).unwrap());
    let pins = files(Use::Tls).each_ref().map(pin);
    let exchange =
        files(Use::Exchange).map(|path| exchange_key(&world.authority, &leaf(&path), now));
    let entry = &mut world.consumer.entry.nodes[0];
    (entry.tls_pins, entry.exchange) = (pins.into(), exchange.into());
    let world = world.run().await;
    world.consumer.get(PATH).send().await.answered(200);

    let later = now + LIFE_S + 60;
    for agency in [&world.provider, &world.consumer] {
        agency.set_clock(later);
    }
    let refused = world.consumer.get(PATH).send().await;
    assert_ne!(refused.status, 200, "its certificates have ended");
    let (mut given, node) = (Vec::new(), world.consumer.node());
    for usage in Use::ALL {
        let stem = renewed.join(usage.as_str());
        let new_key = keys.join(format!("{usage}.next.key"));
        fs::copy(stem.with_extension("key"), new_key).unwrap();
        given.extend(read_pem_certificates(&stem.with_extension("pem")).unwrap());
    }
    let judge = Judge {
        node: &node,
        trust: &Trust::from_pem(world.authority.root_pem().as_bytes()).unwrap(),
        now_s: later,
    };
    let folder = Folder::new(&Keys::new(keys, None));
    let placed = import(&folder, &Use::ALL, given, &judge).unwrap();
    assert!(
        placed.iter().all(|one| one.place == Place::Force),
        "{placed:?}"
    );
    assert_eq!(placed.len(), 3);

    wait_until(
        "messages are signed and sent under the new ones",
        async || world.consumer.get(PATH).send().await.status == 200,
    )
    .await;
    let expected = world.consumer.certificate("renewed/web.pem");
    wait_until("the consumer interface shows the new one", async || {
        let stream = world.consumer.tls(None).await.unwrap();
        let shown = stream.get_ref().1.peer_certificates().unwrap();
        shown[0].as_ref() == expected
    })
    .await;
}
