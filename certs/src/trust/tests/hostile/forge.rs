//! Certificates written by hand: a root, an issuing authority and a leaf, each part of each of them open to be bent.

use std::sync::LazyLock;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _};

use crate::asn1::{BOOLEAN, INTEGER, OCTET_STRING, SEQUENCE, SET, write, write_oid};
use crate::forge::{bit_string, ecdsa, extension, oid, short, sign};
use crate::pem::section;
use crate::profile::{IdentityKind, Profile, Profiles, Usage};
use crate::trust::{Checked, Trust};

use super::super::{DAY, MEMBER, NODE, NOW};

pub(super) const BASIC_CONSTRAINTS: &str = "2.5.29.19";
pub(super) const KEY_USAGE: &str = "2.5.29.15";
pub(super) const EXTENDED_KEY_USAGE: &str = "2.5.29.37";
pub(super) const ALTERNATIVE_NAMES: &str = "2.5.29.17";
pub(super) const NAME_CONSTRAINTS: &str = "2.5.29.30";
pub(super) const SUBJECT_KEY: &str = "2.5.29.14";
pub(super) const AUTHORITY_KEY: &str = "2.5.29.35";
pub(super) const COMMON_NAME: &str = "2.5.4.3";
pub(super) const UTF8: u8 = 0x0c;
pub(super) const CERT_SIGN: [u8; 2] = [1, 0x06];

/// A key on P-256.
pub(super) struct Key {
    pkcs8: Vec<u8>,
    pub(super) point: Vec<u8>,
}

/// The keys of all chains, by their owners.
pub(super) struct Keys {
    pub(super) root: Key,
    pub(super) issuing: Key,
    pub(super) sub: Key,
    pub(super) leaf: Key,
    pub(super) stranger: Key,
}

pub(super) static KEYS: LazyLock<Keys> = LazyLock::new(|| Keys {
    root: Key::make(),
    issuing: Key::make(),
    sub: Key::make(),
    leaf: Key::make(),
    stranger: Key::make(),
});

/// A certificate before it is signed; by itself a good one.
pub(super) struct Paper {
    pub(super) version: Vec<u8>,
    pub(super) serial: Vec<u8>,
    pub(super) algorithm: Vec<u8>,
    pub(super) outer_algorithm: Vec<u8>,
    pub(super) issuer: Vec<u8>,
    pub(super) dates: Vec<Vec<u8>>,
    pub(super) subject: Vec<u8>,
    pub(super) spki: Vec<u8>,
    /// What stands between key and extensions.
    pub(super) beside: Vec<u8>,
    /// By object identifier.
    pub(super) extensions: Vec<(&'static str, Vec<u8>)>,
    /// Stands in place of the extensions.
    pub(super) instead: Option<Vec<u8>>,
    pub(super) signer: &'static Key,
    pub(super) bend_signature: fn(&mut Vec<u8>),
    pub(super) bend: fn(&mut Vec<u8>),
}

/// Who is trusted, who issued, and the certificate that is checked.
pub(super) struct Chain {
    pub(super) root: Paper,
    pub(super) issuing: Paper,
    /// An authority between the issuing one and the leaf.
    pub(super) sub: Option<Paper>,
    pub(super) leaf: Paper,
    /// Bends what is sent along: the issuing authority, and the one below it.
    pub(super) sent: fn(&mut Vec<Vec<u8>>),
    pub(super) now_s: u64,
}

// === impl Key ===

impl Key {
    fn make() -> Self {
        let random = SystemRandom::new();
        let kind = &ECDSA_P256_SHA256_ASN1_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(kind, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(kind, pkcs8.as_ref(), &random).unwrap();
        Self {
            pkcs8: pkcs8.as_ref().to_vec(),
            point: pair.public_key().as_ref().to_vec(),
        }
    }

    pub(super) fn spki(&self) -> Vec<u8> {
        spki(
            "1.2.840.10045.2.1",
            &curve("1.2.840.10045.3.1.7"),
            &self.point,
        )
    }

    /// What certificates call the key.
    pub(super) fn identifier(&self) -> &[u8] {
        &self.point[1..21]
    }
}

// === impl Paper ===

impl Paper {
    fn new(issuer: &str, signer: &'static Key, subject: &str, key: &'static Key) -> Self {
        let mut paper = Self {
            version: write(0xa0, &[&write(INTEGER, &[&[2]])]),
            serial: write(INTEGER, &[&[0x12, 0x34]]),
            algorithm: ecdsa(),
            outer_algorithm: ecdsa(),
            issuer: named(issuer),
            dates: vec![short(NOW - DAY), short(NOW + DAY)],
            subject: named(subject),
            spki: key.spki(),
            beside: Vec::new(),
            extensions: Vec::new(),
            instead: None,
            signer,
            bend_signature: |_| {},
            bend: |_| {},
        };
        let own = write(OCTET_STRING, &[key.identifier()]);
        paper.set(SUBJECT_KEY, false, &own);
        let issuers = write(SEQUENCE, &[&write(0x80, &[signer.identifier()])]);
        paper.set(AUTHORITY_KEY, false, &issuers);
        paper
    }

    fn authority(issuer: &str, signer: &'static Key, subject: &str, key: &'static Key) -> Self {
        let mut paper = Self::new(issuer, signer, subject, key);
        paper.set(BASIC_CONSTRAINTS, true, &constraints(Some(true), None));
        paper.set(KEY_USAGE, true, &write(3, &[&CERT_SIGN]));
        paper
    }

    /// Has an extension say this.
    pub(super) fn set(&mut self, name: &'static str, critical: bool, value: &[u8]) {
        self.remove(name);
        self.add(name, critical, value);
    }

    /// Adds an extension, be there one of the name or not.
    pub(super) fn add(&mut self, name: &'static str, critical: bool, value: &[u8]) {
        self.extensions
            .push((name, extension(name, critical, value)));
    }

    pub(super) fn remove(&mut self, name: &str) {
        self.extensions.retain(|(other, _)| *other != name);
    }

    /// Has the certificate name these alone.
    pub(super) fn name(&mut self, names: &[(u8, &[u8])]) {
        let written: Vec<Vec<u8>> = names
            .iter()
            .map(|(tag, text)| write(*tag, &[text]))
            .collect();
        self.set(ALTERNATIVE_NAMES, false, &sequence(&written));
    }

    /// Has the purposes be these.
    pub(super) fn purposes(&mut self, names: &[&'static str]) {
        let written: Vec<Vec<u8>> = names.iter().map(|name| write_oid(oid(name))).collect();
        self.set(EXTENDED_KEY_USAGE, true, &sequence(&written));
    }

    pub(super) fn both_algorithms(&mut self, algorithm: Vec<u8>) {
        self.algorithm.clone_from(&algorithm);
        self.outer_algorithm = algorithm;
    }

    /// Has the subject have one attribute, the common name, written so.
    pub(super) fn call(&mut self, tag: u8, text: &[u8]) {
        self.subject = name_of(&[attribute(tag, text)]);
    }

    pub(super) fn der(&self) -> Vec<u8> {
        let extensions: Vec<Vec<u8>> = self.extensions.iter().map(|(_, der)| der.clone()).collect();
        let extensions = match &self.instead {
            Some(instead) => instead.clone(),
            None => write(0xa3, &[&sequence(&extensions)]),
        };
        let body = write(
            SEQUENCE,
            &[
                &self.version,
                &self.serial,
                &self.algorithm,
                &self.issuer,
                &sequence(&self.dates),
                &self.subject,
                &self.spki,
                &self.beside,
                &extensions,
            ],
        );
        let mut signature = bit_string(&sign(&self.signer.pkcs8, &body));
        (self.bend_signature)(&mut signature);
        let mut der = write(SEQUENCE, &[&body, &self.outer_algorithm, &signature]);
        (self.bend)(&mut der);
        der
    }
}

// === impl Chain ===

impl Chain {
    /// One that holds for the profile.
    pub(super) fn good(profile: Profile) -> Self {
        let keys = &*KEYS;
        let mut chain = Self {
            root: Paper::authority("Root", &keys.root, "Root", &keys.root),
            issuing: Paper::authority("Root", &keys.root, "Issuing", &keys.issuing),
            sub: None,
            leaf: Paper::new("Issuing", &keys.issuing, "Leaf", &keys.leaf),
            sent: |_| {},
            now_s: NOW,
        };
        let profiles = Profiles::embedded().unwrap();
        let rules = profiles.rules(profile);
        let usages = if rules.key_usage.contains(&Usage::ContentCommitment) {
            [6, 0x40]
        } else {
            [7, 0x80]
        };
        chain.leaf.set(KEY_USAGE, true, &write(3, &[&usages]));
        let purposes: Vec<Vec<u8>> = rules
            .extended_key_usage
            .iter()
            .map(|purpose| write_oid(der::asn1::ObjectIdentifier::new(purpose.oid()).unwrap()))
            .collect();
        if !purposes.is_empty() {
            chain
                .leaf
                .set(EXTENDED_KEY_USAGE, true, &sequence(&purposes));
        }
        match rules.identity {
            IdentityKind::Node => chain.leaf.name(&[(0x86, NODE.as_bytes())]),
            IdentityKind::Member => chain.leaf.name(&[(0x86, MEMBER.as_bytes())]),
            IdentityKind::None => chain.leaf.name(&[(0x82, b"bus.example")]),
        }
        chain
    }

    /// Puts another authority between the issuing one and the leaf.
    pub(super) fn with_sub(&mut self) {
        let keys = &*KEYS;
        self.sub = Some(Paper::authority("Issuing", &keys.issuing, "Sub", &keys.sub));
        self.leaf.issuer = named("Sub");
        self.leaf.signer = &keys.sub;
        let issuers = write(SEQUENCE, &[&write(0x80, &[keys.sub.identifier()])]);
        self.leaf.set(AUTHORITY_KEY, false, &issuers);
    }

    pub(super) fn sub(&mut self) -> &mut Paper {
        self.sub.as_mut().unwrap()
    }

    /// Judges it as a node does, from the root's file on; a refusal in words.
    pub(super) fn check(&self, profile: Profile) -> Result<Checked, String> {
        let pem = section("CERTIFICATE", &self.root.der());
        let trust = Trust::from_pem(pem.as_bytes()).map_err(|error| words(&error))?;
        let mut sent: Vec<Vec<u8>> = self.sub.iter().map(Paper::der).collect();
        sent.push(self.issuing.der());
        (self.sent)(&mut sent);
        let checked = trust.check(&self.leaf.der(), &sent, profile, self.now_s);
        checked.map_err(|error| words(&error))
    }
}

fn words(error: &dyn std::error::Error) -> String {
    let cause = error.source().map(words);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

pub(super) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
    write(SEQUENCE, &parts)
}

/// The name of one common name.
pub(super) fn named(text: &str) -> Vec<u8> {
    name_of(&[attribute(UTF8, text.as_bytes())])
}

pub(super) fn name_of(attributes: &[Vec<u8>]) -> Vec<u8> {
    let sets: Vec<Vec<u8>> = attributes.iter().map(|one| write(SET, &[one])).collect();
    sequence(&sets)
}

/// A common name as an attribute.
pub(super) fn attribute(tag: u8, text: &[u8]) -> Vec<u8> {
    write(
        SEQUENCE,
        &[&write_oid(oid(COMMON_NAME)), &write(tag, &[text])],
    )
}

pub(super) fn constraints(is_authority: Option<bool>, path_length: Option<u8>) -> Vec<u8> {
    let is_authority = is_authority.map(|is| write(BOOLEAN, &[&[if is { 0xff } else { 0 }]]));
    let path_length = path_length.map(|most| write(INTEGER, &[&[most]]));
    let parts: Vec<Vec<u8>> = is_authority.into_iter().chain(path_length).collect();
    sequence(&parts)
}

pub(super) fn curve(name: &'static str) -> Vec<u8> {
    write_oid(oid(name))
}

/// A key of any algorithm; `parameters` may be none.
pub(super) fn spki(algorithm: &'static str, parameters: &[u8], key: &[u8]) -> Vec<u8> {
    let algorithm = write(SEQUENCE, &[&write_oid(oid(algorithm)), parameters]);
    write(SEQUENCE, &[&algorithm, &bit_string(key)])
}
