//! An authority that stamps whatever a test wants, rightly unless it is told otherwise.

use std::sync::LazyLock;

use der::asn1::ObjectIdentifier;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair};
use time::OffsetDateTime;

use super::super::binding::{SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2};
use super::super::info::TST_INFO;
use super::super::{ClockReading, Expected};
use crate::asn1::{INTEGER, NULL, OCTET_STRING, SEQUENCE, SET, write, write_integer, write_oid};
use crate::cms::{Bearing, CONTENT_TYPE, MESSAGE_DIGEST, SIGNED_DATA};
use crate::trust::Trust;

/// 2026-11-22T05:00:00Z.
pub(super) const NOW_MS: u64 = 1_795_323_600_000;
pub(super) const IMPRINT: [u8; 32] = [7; 32];
pub(super) const NONCE: u64 = 0x80_1234_5678_9abc;
pub(super) const POLICY: ObjectIdentifier = oid("1.2.3.4.1");
pub(super) const TIME_STAMPING: &str = "1.3.6.1.5.5.7.3.8";
const DAY_S: u64 = 86_400;

pub(super) const fn oid(text: &'static str) -> ObjectIdentifier {
    ObjectIdentifier::new_unwrap(text)
}

/// A root and the authorities under it.
pub(super) struct World {
    issuer: Issuer<'static, KeyPair>,
    pub(super) trust: Trust,
    /// The certificate and key of a good authority.
    pub(super) good: Signed,
}

/// A certificate and its key.
pub(super) struct Signed {
    pub(super) der: Vec<u8>,
    pub(super) key: KeyPair,
}

/// What a certificate says.
pub(super) struct Says {
    pub(super) name: &'static str,
    pub(super) purposes: Vec<&'static str>,
    pub(super) critical: bool,
    pub(super) days: (i64, i64),
    pub(super) usages: Vec<KeyUsagePurpose>,
}

impl Default for Says {
    fn default() -> Self {
        Self {
            name: "Time",
            purposes: vec![TIME_STAMPING],
            critical: true,
            days: (-1, 1),
            usages: vec![KeyUsagePurpose::DigitalSignature],
        }
    }
}

pub(super) static WORLD: LazyLock<World> = LazyLock::new(|| World::new("Root"));

fn params(name: &str, days: (i64, i64)) -> CertificateParams {
    let now = OffsetDateTime::from_unix_timestamp(i64::try_from(NOW_MS / 1000).unwrap()).unwrap();
    let day = |days: i64| now + time::Duration::seconds(days * i64::try_from(DAY_S).unwrap());
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    (params.not_before, params.not_after) = (day(days.0), day(days.1));
    params
}

impl World {
    pub(super) fn new(name: &str) -> Self {
        let mut root = params(name, (-10, 10));
        root.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        root.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let key = KeyPair::generate().unwrap();
        let trust = Trust::from_pem(root.self_signed(&key).unwrap().pem().as_bytes()).unwrap();
        let issuer = Issuer::new(root, key);
        let good = issue(&issuer, &Says::default());
        Self {
            issuer,
            trust,
            good,
        }
    }

    pub(super) fn issue(&self, says: &Says) -> Signed {
        issue(&self.issuer, says)
    }
}

fn issue(issuer: &Issuer<'static, KeyPair>, says: &Says) -> Signed {
    let mut params = params(says.name, says.days);
    params.key_usages.clone_from(&says.usages);
    let purposes: Vec<Vec<u8>> = says
        .purposes
        .iter()
        .map(|text| write_oid(oid(text)))
        .collect();
    let parts: Vec<&[u8]> = purposes.iter().map(Vec::as_slice).collect();
    if !parts.is_empty() {
        let written = write(SEQUENCE, &parts);
        let mut extension = CustomExtension::from_oid_content(&[2, 5, 29, 37], written);
        extension.set_criticality(says.critical);
        params.custom_extensions.push(extension);
    }
    let key = KeyPair::generate().unwrap();
    let der = params.signed_by(&key, issuer).unwrap().der().to_vec();
    Signed { der, key }
}

/// What goes into an answer. Every part can be bent.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each bends one thing")]
pub(super) struct Forge<'a> {
    pub(super) status: Vec<u8>,
    pub(super) signed_data: ObjectIdentifier,
    pub(super) content_type: ObjectIdentifier,
    pub(super) version: u64,
    pub(super) policy: ObjectIdentifier,
    pub(super) imprint_algorithm: &'static str,
    pub(super) imprint: Vec<u8>,
    pub(super) time: &'static str,
    pub(super) accuracy: Vec<u8>,
    pub(super) nonce: Vec<u8>,
    pub(super) authority: Vec<u8>,
    pub(super) extensions: Vec<u8>,
    pub(super) content: bool,
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) signer: &'a Signed,
    pub(super) key: &'a KeyPair,
    pub(super) digest: &'static str,
    pub(super) algorithm: &'static str,
    /// Signed attributes: name and value.
    pub(super) attributes: Vec<(ObjectIdentifier, Vec<u8>)>,
    pub(super) no_attributes: bool,
    pub(super) sorted: bool,
    pub(super) message_digest: Option<Vec<u8>>,
    pub(super) unsigned: Vec<u8>,
    pub(super) signers: usize,
    pub(super) signature_flip: bool,
}

impl<'a> Forge<'a> {
    /// A good answer of a good authority.
    pub(super) fn of(signer: &'a Signed) -> Self {
        Self {
            status: write(SEQUENCE, &[&write_integer(0)]),
            signed_data: SIGNED_DATA,
            content_type: TST_INFO,
            version: 1,
            policy: POLICY,
            imprint_algorithm: "2.16.840.1.101.3.4.2.1",
            imprint: IMPRINT.to_vec(),
            time: "20261122050000Z",
            accuracy: write(SEQUENCE, &[&write_integer(1)]),
            nonce: write_integer(NONCE),
            authority: Vec::new(),
            extensions: Vec::new(),
            content: true,
            certificates: vec![signer.der.clone()],
            signer,
            key: &signer.key,
            digest: "2.16.840.1.101.3.4.2.1",
            algorithm: "1.2.840.10045.4.3.2",
            attributes: vec![bound_v2(&signer.der)],
            no_attributes: false,
            sorted: true,
            message_digest: None,
            unsigned: Vec::new(),
            signers: 1,
            signature_flip: false,
        }
    }

    pub(super) fn info(&self) -> Vec<u8> {
        let algorithm = algorithm(self.imprint_algorithm);
        let imprint = write(
            SEQUENCE,
            &[&algorithm, &write(OCTET_STRING, &[&self.imprint])],
        );
        let parts: [&[u8]; 9] = [
            &write_integer(self.version),
            &write_oid(self.policy),
            &imprint,
            &write_integer(77),
            &write(0x18, &[self.time.as_bytes()]),
            &self.accuracy,
            &self.nonce,
            &self.authority,
            &self.extensions,
        ];
        write(SEQUENCE, &parts)
    }

    fn signer_info(&self, content: &[u8]) -> Vec<u8> {
        let bearing = Bearing::of(&self.signer.der).unwrap();
        let serial = write(INTEGER, &[bearing.serial]);
        let sid = write(SEQUENCE, &[bearing.issuer, &serial]);
        let told = self.message_digest.clone();
        let told = told.unwrap_or_else(|| digest(&SHA256, content).as_ref().to_vec());
        let mut all = vec![
            (CONTENT_TYPE, write_oid(self.content_type)),
            (MESSAGE_DIGEST, write(OCTET_STRING, &[&told])),
        ];
        // A test that brings one of these along brings it instead.
        all.retain(|(kind, _)| !self.attributes.iter().any(|(own, _)| own == kind));
        all.extend(self.attributes.clone());
        let mut written: Vec<Vec<u8>> = all
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(kind, value)| write(SEQUENCE, &[&write_oid(*kind), &write(SET, &[value])]))
            .collect();
        written.sort();
        if !self.sorted {
            written.reverse();
        }
        let attributes = written.concat();
        let pkcs8 = self.key.serialize_der();
        let random = SystemRandom::new();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &pkcs8, &random).unwrap();
        let mut signature = pair
            .sign(&random, &write(SET, &[&attributes]))
            .unwrap()
            .as_ref()
            .to_vec();
        if self.signature_flip {
            *signature.last_mut().unwrap() ^= 1;
        }
        let attributes = if self.no_attributes {
            Vec::new()
        } else {
            write(0xa0, &[&attributes])
        };
        let parts: [&[u8]; 7] = [
            &write_integer(1),
            &sid,
            &algorithm(self.digest),
            &attributes,
            &write(SEQUENCE, &[&write_oid(oid(self.algorithm))]),
            &write(OCTET_STRING, &[&signature]),
            &self.unsigned,
        ];
        write(SEQUENCE, &parts)
    }

    pub(super) fn token(&self) -> Vec<u8> {
        let info = self.info();
        let signers = vec![self.signer_info(&info); self.signers];
        let octets = write(0xa0, &[&write(OCTET_STRING, &[&info])]);
        let content = if self.content { octets } else { Vec::new() };
        let encapsulated = write(SEQUENCE, &[&write_oid(self.content_type), &content]);
        let parts: [&[u8]; 5] = [
            &write_integer(3),
            &write(SET, &[&algorithm(self.digest)]),
            &encapsulated,
            &write(0xa0, &[&self.certificates.concat()]),
            &write(SET, &[&signers.concat()]),
        ];
        let data = write(SEQUENCE, &parts);
        write(
            SEQUENCE,
            &[&write_oid(self.signed_data), &write(0xa0, &[&data])],
        )
    }

    pub(super) fn answer(&self) -> Vec<u8> {
        write(SEQUENCE, &[&self.status, &self.token()])
    }
}

pub(super) fn algorithm(name: &'static str) -> Vec<u8> {
    write(SEQUENCE, &[&write_oid(oid(name)), &write(NULL, &[])])
}

/// The attribute that binds a certificate by SHA-256.
pub(super) fn bound_v2(certificate: &[u8]) -> (ObjectIdentifier, Vec<u8>) {
    bound(
        SIGNING_CERTIFICATE_V2,
        digest(&SHA256, certificate).as_ref(),
        &[],
    )
}

/// The attribute that binds a certificate by SHA-1.
pub(super) fn bound_v1(certificate: &[u8]) -> (ObjectIdentifier, Vec<u8>) {
    let sha1 = digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate);
    bound(SIGNING_CERTIFICATE, sha1.as_ref(), &[])
}

pub(super) fn bound(
    kind: ObjectIdentifier,
    digest: &[u8],
    rest: &[u8],
) -> (ObjectIdentifier, Vec<u8>) {
    let id = write(SEQUENCE, &[&write(OCTET_STRING, &[digest]), rest]);
    (kind, write(SEQUENCE, &[&write(SEQUENCE, &[&id])]))
}

/// What the question of all tests was.
pub(super) fn expected() -> Expected {
    Expected {
        imprint: IMPRINT,
        nonce: Some(NONCE),
        policy: None,
        clock: Some(ClockReading {
            sent_ms: NOW_MS - 100,
            received_ms: NOW_MS + 100,
            most_off_ms: 60_000,
        }),
        accuracy_ms: 2000,
    }
}
