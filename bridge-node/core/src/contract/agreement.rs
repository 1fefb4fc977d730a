//! A contract with what its two members have signed: is it agreed, between whom, and since when?
//!
//! Nothing here depends on the order in which statements arrive, nor on clocks. Consent of both ends makes a version
//! count, one refusal or withdrawal ends it for good: an older acceptance that is shown again brings nothing back. What is
//! to hold anew is proposed anew, and has another digest.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::contract::document::{SIGNATURES_LIMIT, SIGNED_LIMIT_BYTES, read_signed};
use crate::contract::fault::{ContractFault, Fault};
use crate::contract::statement::{
    Action, SEAL_LIMIT_BYTES, SEAL_TOO_LONG, Statement, StatementFault,
};
use crate::contract::{Contract, Party};
use crate::identity::MemberId;
use crate::json::write_string;

/// How far a signer's clock may be ahead of the reader's, seconds: as far as a node's may be wrong.
const AHEAD_S: u64 = 60;

/// A signature with the longest seal and the longest reason takes less, bytes of a file.
const LONGEST_WORD_BYTES: usize = 32 * 1024;

/// Checks seals: certificates and signatures are not this package's.
pub trait Seals {
    /// Whose seal it is, and when it was made, if it holds for the content.
    ///
    /// # Errors
    ///
    /// Why it does not, in words.
    fn check(&self, content: &[u8], seal: &[u8]) -> Result<SealedBy, String>;
}

/// What a seal that holds says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBy {
    /// Whose it is.
    pub member: MemberId,
    /// When it was made by the signer's clock, Unix seconds.
    pub time_s: u64,
}

/// A statement and the seal that holds for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// What is said.
    pub statement: Statement,
    /// The seal over [`Statement::write`].
    pub seal: Vec<u8>,
}

/// One version of a contract with all that was signed about it. Each seal in it holds.
#[derive(Debug, Clone)]
pub struct Agreement {
    contract: Arc<Contract>,
    signed: Vec<Signed>,
}

/// How it stands with a version, between the provider and one consuming member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Neither has signed.
    Unsigned,
    /// One has; the other has not answered.
    Proposed {
        /// Who has.
        by: MemberId,
    },
    /// Both have.
    Agreed,
    /// One said no.
    Refused {
        /// Who.
        by: MemberId,
        /// When, Unix seconds.
        at_s: u64,
    },
    /// One took its word back.
    Withdrawn {
        /// Who.
        by: MemberId,
        /// When, Unix seconds.
        at_s: u64,
    },
}

// === impl Agreement ===

impl Agreement {
    /// Takes a contract that nobody has signed yet.
    pub fn new(contract: Contract) -> Self {
        Self {
            contract: Arc::new(contract),
            signed: Vec::new(),
        }
    }

    /// Reads a contract file and checks every signature in it.
    ///
    /// # Errors
    ///
    /// All faults of the file, or of its signatures.
    pub fn read(bytes: &[u8], seals: &dyn Seals, now_s: u64) -> Result<Self, Vec<ContractFault>> {
        let (contract, signatures) = read_signed(bytes)?;
        let mut agreement = Self::new(contract);
        let mut faults = Vec::new();
        let mut fault = |index: usize, fault| {
            faults.push(ContractFault {
                place: format!("/signatures/{index}"),
                fault: Fault::Statement(fault),
                remedy: "take the file as it was signed, or leave this signature out",
            });
        };
        for (index, signed) in signatures.into_iter().enumerate() {
            match signed.and_then(|signed| agreement.check(signed, seals, now_s)) {
                Ok(signed) => agreement.signed.push(signed),
                Err(why) => fault(index, why),
            }
        }
        for (index, signed) in agreement.signed.iter().enumerate() {
            if !agreement.answers_something(&signed.statement) {
                fault(index, StatementFault::NotProposed);
            }
        }
        if faults.is_empty() {
            Ok(agreement)
        } else {
            Err(faults)
        }
    }

    /// Adds one more statement.
    ///
    /// # Errors
    ///
    /// [`StatementFault`]; nothing is added then.
    pub fn add(
        &mut self,
        signed: Signed,
        seals: &dyn Seals,
        now_s: u64,
    ) -> Result<(), StatementFault> {
        let signed = self.check(signed, seals, now_s)?;
        if !self.answers_something(&signed.statement) {
            return Err(StatementFault::NotProposed);
        }
        self.signed.push(signed);
        Ok(())
    }

    /// Takes over what another copy of this version has and this one has not; returns it.
    pub fn merge(&mut self, other: &Self) -> Vec<Signed> {
        if other.contract.digest() != self.contract.digest() {
            return Vec::new();
        }
        let is_new = |one: &&Signed| !self.has(&one.statement.member, one.statement.action);
        let new: Vec<Signed> = other.signed.iter().filter(is_new).cloned().collect();
        self.signed.extend(new.iter().cloned());
        new
    }

    /// The contract.
    pub fn contract(&self) -> &Arc<Contract> {
        &self.contract
    }

    /// All that was signed, in the order of the file.
    pub fn signed(&self) -> &[Signed] {
        &self.signed
    }

    /// Whether a member has said so.
    pub fn has(&self, member: &MemberId, action: Action) -> bool {
        let said = |one: &Signed| one.statement.member == *member && one.statement.action == action;
        self.signed.iter().any(said)
    }

    /// What is between the provider and one consuming member: nobody else's words.
    #[must_use]
    pub fn between(&self, consumer: &MemberId) -> Self {
        Self {
            contract: Arc::clone(&self.contract),
            signed: self.said(consumer).cloned().collect(),
        }
    }

    /// The consuming members that are known: the one that the contract names, else those of a group that have signed.
    pub fn consumers(&self) -> BTreeSet<MemberId> {
        match self.contract.consumer() {
            Party::Subsystem(client) => BTreeSet::from([client.member().clone()]),
            Party::GlobalGroup(_) | Party::LocalGroup(_) => {
                let signers = self.signed.iter().map(|one| &one.statement.member);
                let provider = self.contract.provider().member();
                signers.filter(|one| *one != provider).cloned().collect()
            }
        }
    }

    /// How it stands with one consuming member.
    pub fn state(&self, consumer: &MemberId) -> State {
        let find = |action: Action| {
            self.said(consumer)
                .map(|one| &one.statement)
                .filter(|statement| statement.action == action)
                .min_by_key(|statement| statement.time_s)
        };
        if let Some(Statement { member, time_s, .. }) = find(Action::Withdrawn) {
            let (by, at_s) = (member.clone(), *time_s);
            return State::Withdrawn { by, at_s };
        }
        if let Some(Statement { member, time_s, .. }) = find(Action::Refused) {
            let (by, at_s) = (member.clone(), *time_s);
            return State::Refused { by, at_s };
        }
        let mut consenting = [self.contract.provider().member(), consumer]
            .into_iter()
            .filter(|member| self.consented_at_s(member).is_some());
        match (self.agreed_at_s(consumer), consenting.next()) {
            (Some(_), _) => State::Agreed,
            (None, Some(by)) => State::Proposed { by: by.clone() },
            (None, None) => State::Unsigned,
        }
    }

    /// When provider and consumer had both consented, Unix seconds, whatever came after; none if they never have.
    pub fn agreed_at_s(&self, consumer: &MemberId) -> Option<u64> {
        let provider = self.consented_at_s(self.contract.provider().member())?;
        Some(provider.max(self.consented_at_s(consumer)?))
    }

    /// Writes the file; none unless it can be read again, and has room for what the provider has not said yet: no crowd of
    /// a group's members keeps it from withdrawing.
    pub fn write_with_room(&self) -> Option<Vec<u8>> {
        let provider = self.contract.provider().member();
        let unsaid = Action::ALL
            .into_iter()
            .filter(|action| !self.has(provider, *action))
            .count();
        let file = self.write();
        let bytes = unsaid
            .saturating_mul(LONGEST_WORD_BYTES)
            .saturating_add(file.len());
        let has_room = bytes <= SIGNED_LIMIT_BYTES
            && self.signed.len().saturating_add(unsaid) <= SIGNATURES_LIMIT;
        has_room.then_some(file)
    }

    /// Writes the file.
    pub fn write(&self) -> Vec<u8> {
        let mut out = b"{\"contract\":".to_vec();
        out.extend_from_slice(self.contract.canonical());
        out.extend_from_slice(b",\"signatures\":[");
        for (index, one) in self.signed.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            out.extend_from_slice(b"{\"statement\":");
            out.extend_from_slice(&one.statement.write());
            out.extend_from_slice(b",\"seal\":");
            write_string(&STANDARD.encode(&one.seal), &mut out);
            out.push(b'}');
        }
        out.extend_from_slice(b"]}\n");
        out
    }

    fn said<'a>(&'a self, consumer: &'a MemberId) -> impl Iterator<Item = &'a Signed> {
        let provider = self.contract.provider().member();
        self.signed
            .iter()
            .filter(move |one| [provider, consumer].contains(&&one.statement.member))
    }

    fn consented_at_s(&self, member: &MemberId) -> Option<u64> {
        let own = self.signed.iter().map(|one| &one.statement);
        own.filter(|said| said.member == *member && said.action.consents())
            .map(|said| said.time_s)
            .min()
    }

    /// Nobody accepts or refuses what no other has proposed.
    fn answers_something(&self, statement: &Statement) -> bool {
        let is_proposal = |one: &Signed| {
            one.statement.action == Action::Proposed && one.statement.member != statement.member
        };
        match statement.action {
            Action::Proposed | Action::Withdrawn => true,
            Action::Accepted | Action::Refused => self.signed.iter().any(is_proposal),
        }
    }

    fn check(
        &self,
        signed: Signed,
        seals: &dyn Seals,
        now_s: u64,
    ) -> Result<Signed, StatementFault> {
        let statement = &signed.statement;
        if statement.contract != self.contract.reference() {
            return Err(StatementFault::OtherContract(statement.contract.clone()));
        }
        self.may_say(statement)?;
        if signed.seal.len() > SEAL_LIMIT_BYTES {
            return Err(SEAL_TOO_LONG);
        }
        if self.has(&statement.member, statement.action) {
            let (member, action) = (statement.member.clone(), statement.action);
            return Err(StatementFault::Repeated(member, action));
        }
        let sealed = seals
            .check(&statement.write(), &signed.seal)
            .map_err(StatementFault::Seal)?;
        if sealed.member != statement.member {
            return Err(StatementFault::OtherMember {
                named: statement.member.clone(),
                sealed: sealed.member,
            });
        }
        if sealed.time_s != statement.time_s {
            return Err(StatementFault::OtherTime);
        }
        if statement.time_s > now_s.saturating_add(AHEAD_S) {
            return Err(StatementFault::Future);
        }
        Ok(signed)
    }

    /// A group has members whom the contract does not name: the provider offers it, and each answers for itself alone.
    fn may_say(&self, statement: &Statement) -> Result<(), StatementFault> {
        let member = &statement.member;
        if self.contract.provider().member() == member {
            return Ok(());
        }
        match self.contract.consumer() {
            Party::Subsystem(client) if client.member() == member => Ok(()),
            Party::Subsystem(_) => Err(StatementFault::NotParty(member.clone())),
            Party::GlobalGroup(_) | Party::LocalGroup(_)
                if statement.action == Action::Proposed =>
            {
                Err(StatementFault::NotOffered(member.clone()))
            }
            Party::GlobalGroup(_) | Party::LocalGroup(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
