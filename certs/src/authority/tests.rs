use std::fs;
use std::os::unix::fs::PermissionsExt;

use bridge_core::identity::MemberId;

use super::*;
use crate::keyfile::KeyFileError;

const NOW: u64 = 1_800_000_000;

fn authority() -> (tempfile::TempDir, Authority) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create(&folder.path().join("ca"), "Test", NOW).unwrap();
    (folder, authority)
}

fn order(profile: Profile) -> Order {
    let member = MemberId::new("AZ", "GOV", "10 01/ə").unwrap();
    let name = match profile {
        Profile::Tls | Profile::Exchange => {
            Some(CertificateName::Node(member.node("NODE1").unwrap()))
        }
        Profile::Seal => Some(CertificateName::Member(member)),
        Profile::Root
        | Profile::Issuing
        | Profile::Caller
        | Profile::Web
        | Profile::TimeStamping
        | Profile::Ocsp => None,
    };
    let hosts = ["localhost".to_owned(), "127.0.0.1".to_owned()];
    let sans = if profile == Profile::Web {
        hosts.to_vec()
    } else {
        Vec::new()
    };
    let common_name = "Somebody".to_owned();
    Order {
        profile,
        name,
        common_name,
        sans,
        not_before: NOW,
        not_after: NOW + 90 * DAY_S,
    }
}

#[test]
fn what_it_issues_passes_the_check_of_its_profile() {
    let (_folder, authority) = authority();
    let trust = Trust::from_pem(authority.root_pem().as_bytes()).unwrap();
    for profile in Profile::ALL
        .into_iter()
        .filter(|profile| !profile.is_authority())
    {
        let order = order(profile);
        let issued = authority.issue(&order).unwrap();
        let issuers = [authority.issuing_der().to_vec()];
        let checked = trust
            .check(&issued.certificate_der, &issuers, profile, NOW)
            .unwrap();
        assert_eq!(checked.name, order.name);
        let chain = certificates(issued.chain_pem.as_bytes()).unwrap();
        assert_eq!(
            chain,
            [issued.certificate_der, authority.issuing_der().to_vec()]
        );
        let key = crate::pem::private_key(issued.key_pem.as_bytes()).unwrap();
        assert_eq!(key, issued.key_pkcs8);
        let public = KeyPair::try_from(key.as_slice()).unwrap();
        assert_eq!(public.public_key_raw(), checked.public_key);
    }
}

#[test]
fn keys_are_closed_and_a_folder_is_used_once() {
    let (folder, _authority) = authority();
    let ca = folder.path().join("ca");
    for key in [ROOT_KEY, ISSUING_KEY] {
        assert_eq!(
            fs::metadata(ca.join(key)).unwrap().permissions().mode() & 0o7777,
            0o600
        );
    }
    let error = Authority::create(&ca, "Again", NOW).unwrap_err();
    assert!(
        matches!(error, AuthorityError::Key(KeyFileError::Io { .. })),
        "{error}"
    );
}

#[test]
fn it_opens_without_the_root_key() {
    let (folder, first) = authority();
    let ca = folder.path().join("ca");
    fs::remove_file(ca.join(ROOT_KEY)).unwrap();
    let again = Authority::open(&ca).unwrap();
    assert_eq!(again.root_pem(), first.root_pem());
    again.issue(&order(Profile::Tls)).unwrap();
}

#[test]
fn serial_numbers_differ() {
    let serials: std::collections::BTreeSet<_> =
        (0..50).map(|_| serial().unwrap().to_bytes()).collect();
    assert_eq!(serials.len(), 50);
    assert!(
        serials
            .iter()
            .all(|serial| serial.len() == 16 && serial[0] & 0x80 == 0)
    );
}

#[test]
fn orders_outside_the_profile_are_refused() {
    let (_folder, authority) = authority();
    let refused = |order: Order| authority.issue(&order).unwrap_err();

    let error = refused(order(Profile::Issuing));
    assert!(matches!(error, AuthorityError::NotIssued { .. }), "{error}");

    let error = refused(Order {
        name: order(Profile::Seal).name,
        ..order(Profile::Tls)
    });
    assert!(matches!(error, AuthorityError::Name(_)), "{error}");
    let error = refused(Order {
        name: None,
        ..order(Profile::Exchange)
    });
    assert!(matches!(error, AuthorityError::Name(_)), "{error}");
    let error = refused(Order {
        name: order(Profile::Tls).name,
        ..order(Profile::Caller)
    });
    assert!(matches!(error, AuthorityError::Name(_)), "{error}");

    let error = refused(Order {
        sans: Vec::new(),
        ..order(Profile::Web)
    });
    assert!(
        matches!(error, AuthorityError::NoHostName { .. }),
        "{error}"
    );

    let error = refused(Order {
        not_after: NOW + 399 * DAY_S,
        ..order(Profile::Tls)
    });
    assert!(
        matches!(
            error,
            AuthorityError::TooLong {
                days: 399,
                most: 398,
                ..
            }
        ),
        "{error}"
    );
    let error = refused(Order {
        not_after: NOW - 1,
        ..order(Profile::Tls)
    });
    assert!(matches!(error, AuthorityError::NoSpan { .. }), "{error}");
    let error = refused(Order {
        not_before: NOW - 1,
        ..order(Profile::Tls)
    });
    assert!(matches!(error, AuthorityError::Outlives { .. }), "{error}");
}

#[test]
fn names_travel_in_their_canonical_spelling() {
    let (_folder, authority) = authority();
    let issued = authority.issue(&order(Profile::Tls)).unwrap();
    let reading = crate::certificate::Reading::of(&issued.certificate_der).unwrap();
    assert_eq!(reading.uris, ["bridge://AZ/GOV/10%2001%2F%C9%99/NODE1"]);
}
