//! Writes lists and answers as an authority does, each part of them open to be bent.

use std::sync::LazyLock;

use crate::asn1::{INTEGER, NULL, OCTET_STRING, SEQUENCE, write, write_oid};
use crate::certificate::Reading;
use crate::cms::Bearing;
use crate::forge::{bit_string, ecdsa, explicit, extension, general, oid, sign};
use crate::keyfile::read_key_file;
use crate::status::{Issuer, Query, sha1};
use crate::{Authority, Order, Profile};

pub(super) const NOW_S: u64 = 1_800_000_000;
pub(super) const HOUR_S: u64 = 3600;
pub(super) const SERIAL: [u8; 2] = [0x12, 0x34];
pub(super) const OTHER_SERIAL: [u8; 2] = [0x12, 0x35];
pub(super) const NONCE: [u8; 16] = [7; 16];

pub(super) static WORLD: LazyLock<World> = LazyLock::new(World::make);

/// An authority, and who signs for it or would like to.
pub(super) struct World {
    pub(super) issuer: Issuer,
    /// The authority's own key.
    pub(super) own: Signer,
    /// A responder of it.
    pub(super) responder: Signer,
    /// Another responder of it.
    pub(super) other_responder: Signer,
    /// A node whose certificate it issued.
    pub(super) node: Signer,
    /// A responder of another authority.
    pub(super) foreign: Signer,
}

/// A certificate and its key.
pub(super) struct Signer {
    pub(super) certificate: Vec<u8>,
    pkcs8: Vec<u8>,
}

impl World {
    fn make() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = |name: &str| {
            let folder = folder.path().join(name);
            let authority = Authority::create(&folder, name, NOW_S - 1000 * HOUR_S).unwrap();
            let pkcs8 = read_key_file(&folder.join("issuing.key")).unwrap().to_vec();
            (authority, pkcs8)
        };
        let ((authority, pkcs8), (stranger, _)) = (authority("ours"), authority("theirs"));
        Self {
            issuer: Issuer::from_pem(authority.issuing_pem().as_bytes()).unwrap(),
            own: Signer {
                certificate: authority.issuing_der().to_vec(),
                pkcs8,
            },
            responder: issued(&authority, Profile::Ocsp),
            other_responder: issued(&authority, Profile::Ocsp),
            node: issued(&authority, Profile::Caller),
            foreign: issued(&stranger, Profile::Ocsp),
        }
    }
}

fn issued(authority: &Authority, profile: Profile) -> Signer {
    let issued = authority.issue(&Order {
        profile,
        name: None,
        common_name: format!("one of {profile}"),
        sans: Vec::new(),
        not_before: NOW_S - 100 * HOUR_S,
        not_after: NOW_S + 100 * HOUR_S,
    });
    let issued = issued.unwrap();
    Signer {
        certificate: issued.certificate_der,
        pkcs8: issued.key_pkcs8.to_vec(),
    }
}

impl Signer {
    pub(super) fn new(certificate: Vec<u8>, pkcs8: Vec<u8>) -> Self {
        Self { certificate, pkcs8 }
    }

    pub(super) fn rcgen_key(&self) -> rcgen::KeyPair {
        let pkcs8 = rustls_pki_types::PrivatePkcs8KeyDer::from(self.pkcs8.as_slice());
        let kind = &rcgen::PKCS_ECDSA_P256_SHA256;
        rcgen::KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, kind).unwrap()
    }

    pub(super) fn sign(&self, body: &[u8]) -> Vec<u8> {
        sign(&self.pkcs8, body)
    }

    pub(super) fn name(&self) -> Vec<u8> {
        Bearing::of(&self.certificate).unwrap().subject.to_vec()
    }

    fn key_sha1(&self) -> Vec<u8> {
        sha1(&Reading::of(&self.certificate).unwrap().public_key)
    }

    pub(super) fn by_name(&self) -> Vec<u8> {
        write(0xa1, &[&self.name()])
    }

    pub(super) fn by_key(&self) -> Vec<u8> {
        write(0xa2, &[&write(OCTET_STRING, &[&self.key_sha1()])])
    }
}

/// A list; by itself a good one.
pub(super) struct List<'a> {
    pub(super) signer: &'a Signer,
    pub(super) version: Vec<u8>,
    pub(super) algorithm: Vec<u8>,
    pub(super) outer_algorithm: Vec<u8>,
    pub(super) name: Vec<u8>,
    pub(super) this_update: Vec<u8>,
    pub(super) next_update: Vec<u8>,
    pub(super) entries: Vec<Vec<u8>>,
    pub(super) extensions: Vec<Vec<u8>>,
    pub(super) after_body: Vec<u8>,
    pub(super) bend_signature: fn(&mut Vec<u8>),
    pub(super) after: Vec<u8>,
}

impl List<'static> {
    pub(super) fn good() -> Self {
        let signer = &WORLD.own;
        Self {
            signer,
            version: write(INTEGER, &[&[1]]),
            algorithm: ecdsa(),
            outer_algorithm: ecdsa(),
            name: signer.name(),
            this_update: general(NOW_S - HOUR_S),
            next_update: general(NOW_S + HOUR_S),
            entries: vec![entry(&OTHER_SERIAL, &[])],
            extensions: vec![number(&[5])],
            after_body: Vec::new(),
            bend_signature: |_| {},
            after: Vec::new(),
        }
    }
}

impl List<'_> {
    pub(super) fn der(&self) -> Vec<u8> {
        let entries: Vec<&[u8]> = self.entries.iter().map(Vec::as_slice).collect();
        let entries = match entries.as_slice() {
            [] => Vec::new(),
            some => write(SEQUENCE, some),
        };
        let body = write(
            SEQUENCE,
            &[
                &self.version,
                &self.algorithm,
                &self.name,
                &self.this_update,
                &self.next_update,
                &entries,
                &explicit(0xa0, &self.extensions),
                &self.after_body,
            ],
        );
        let mut signature = self.signer.sign(&body);
        (self.bend_signature)(&mut signature);
        let signature = bit_string(&signature);
        write(
            SEQUENCE,
            &[&body, &self.outer_algorithm, &signature, &self.after],
        )
    }
}

/// An answer; by itself a good one, of a responder, to the question of [`query`].
pub(super) struct Said<'a> {
    pub(super) signer: &'a Signer,
    pub(super) outer_status: Vec<u8>,
    pub(super) kind: Vec<u8>,
    pub(super) version: Vec<u8>,
    pub(super) responder: Vec<u8>,
    pub(super) produced: Vec<u8>,
    pub(super) answers: Vec<Vec<u8>>,
    pub(super) extensions: Vec<Vec<u8>>,
    pub(super) algorithm: Vec<u8>,
    pub(super) bend_signature: fn(&mut Vec<u8>),
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) after: Vec<u8>,
}

/// What is said of one certificate.
pub(super) struct Single {
    pub(super) algorithm: Vec<u8>,
    pub(super) name: Vec<u8>,
    pub(super) key: Vec<u8>,
    pub(super) serial: Vec<u8>,
    pub(super) status: Vec<u8>,
    pub(super) this_update: Vec<u8>,
    pub(super) next_update: Vec<u8>,
    pub(super) extensions: Vec<Vec<u8>>,
}

impl Said<'static> {
    pub(super) fn good() -> Self {
        let signer = &WORLD.responder;
        Self {
            signer,
            outer_status: write(10, &[&[0]]),
            kind: write_oid(oid("1.3.6.1.5.5.7.48.1.1")),
            version: Vec::new(),
            responder: signer.by_name(),
            produced: general(NOW_S),
            answers: vec![Single::good().der()],
            extensions: vec![nonce(&NONCE)],
            algorithm: ecdsa(),
            bend_signature: |_| {},
            certificates: vec![signer.certificate.clone()],
            after: Vec::new(),
        }
    }
}

impl<'a> Said<'a> {
    pub(super) fn by(&mut self, signer: &'a Signer) {
        self.signer = signer;
        self.responder = signer.by_name();
        self.certificates = vec![signer.certificate.clone()];
    }

    pub(super) fn der(&self) -> Vec<u8> {
        let answers: Vec<&[u8]> = self.answers.iter().map(Vec::as_slice).collect();
        let body = write(
            SEQUENCE,
            &[
                &self.version,
                &self.responder,
                &self.produced,
                &write(SEQUENCE, &answers),
                &explicit(0xa1, &self.extensions),
            ],
        );
        let mut signature = self.signer.sign(&body);
        (self.bend_signature)(&mut signature);
        let certificates = explicit(0xa0, &self.certificates);
        let parts: [&[u8]; 4] = [
            &body,
            &self.algorithm,
            &bit_string(&signature),
            &certificates,
        ];
        let basic = write(OCTET_STRING, &[&write(SEQUENCE, &parts)]);
        let bytes = write(0xa0, &[&write(SEQUENCE, &[&self.kind, &basic])]);
        write(SEQUENCE, &[&self.outer_status, &bytes, &self.after])
    }
}

impl Single {
    pub(super) fn good() -> Self {
        let sha_1 = write(
            SEQUENCE,
            &[&write_oid(oid("1.3.14.3.2.26")), &write(NULL, &[])],
        );
        Self {
            algorithm: sha_1,
            name: sha1(&WORLD.own.name()),
            key: WORLD.own.key_sha1(),
            serial: write(INTEGER, &[&SERIAL]),
            status: write(0x80, &[]),
            this_update: general(NOW_S - HOUR_S),
            next_update: write(0xa0, &[&general(NOW_S + HOUR_S)]),
            extensions: Vec::new(),
        }
    }

    pub(super) fn der(&self) -> Vec<u8> {
        let (name, key) = (
            write(OCTET_STRING, &[&self.name]),
            write(OCTET_STRING, &[&self.key]),
        );
        let id = write(SEQUENCE, &[&self.algorithm, &name, &key, &self.serial]);
        let extensions = explicit(0xa1, &self.extensions);
        write(
            SEQUENCE,
            &[
                &id,
                &self.status,
                &self.this_update,
                &self.next_update,
                &extensions,
            ],
        )
    }
}

pub(super) fn query() -> Query {
    Query {
        serial: SERIAL.to_vec(),
        nonce: Some(NONCE),
    }
}

pub(super) fn entry(serial: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let parts: Vec<&[u8]> = extensions.iter().map(Vec::as_slice).collect();
    let extensions = match parts.as_slice() {
        [] => Vec::new(),
        some => write(SEQUENCE, some),
    };
    let since = general(NOW_S - 2 * HOUR_S);
    write(SEQUENCE, &[&write(INTEGER, &[serial]), &since, &extensions])
}

pub(super) fn number(bytes: &[u8]) -> Vec<u8> {
    extension("2.5.29.20", false, &write(INTEGER, &[bytes]))
}

pub(super) fn nonce(bytes: &[u8]) -> Vec<u8> {
    extension(
        "1.3.6.1.5.5.7.48.1.2",
        false,
        &write(OCTET_STRING, &[bytes]),
    )
}
