//! A round: every authority's sources are read, and what that changes is told.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bridge_certs::Issuance;
use bridge_certs::status::Answer;
use tokio::task::JoinSet;

use super::authority::{Authority, Fault};
use super::cache::{hexadecimal, moment};
use super::{Statuses, Unusable};
use crate::metrics::Limit;
use crate::node::Node;
use crate::way::{AskError, Patience};

/// An answer that says the same as the one before is kept on disk this seldom.
const KEEP_EVERY_S: u64 = 600;

/// Reads what authorities say until the node drains.
pub async fn keep(node: Arc<Node>) {
    let Some(statuses) = &node.status else {
        tracing::warn!(
            code = "no_status",
            "the settings name no source of certificate status: revocations are not known"
        );
        return;
    };
    for subject in node.trust.authorities_but(&statuses.keys()) {
        tracing::warn!(
            code = "no_status_of_authority",
            subject,
            "a trusted authority has no source of status in the settings: its revocations are not known"
        );
    }
    loop {
        tokio::select! {
            () = node.house.draining.cancelled() => return,
            () = read_all(&node) => {}
        }
        tokio::select! {
            () = node.house.draining.cancelled() => return,
            () = statuses.wake.notified() => {}
            () = tokio::time::sleep(statuses.told.every) => {}
        }
    }
}

/// Reads all sources, now. A failure is logged and shown by `ready`; what is known only grows older.
///
/// # Cancel safety
///
/// Dropped before its end, what was learnt is in force and may not be told or kept; the next round tells and keeps it.
pub async fn read_all(node: &Arc<Node>) {
    let Some(statuses) = &node.status else {
        return;
    };
    want_all(node, statuses);
    let mut reading = JoinSet::new();
    for index in 0..statuses.authorities.len() {
        let (node, statuses) = (Arc::clone(node), Arc::clone(statuses));
        reading.spawn(async move {
            if let Some(authority) = statuses.authorities.get(index) {
                read(&node, &statuses, authority).await;
            }
        });
    }
    reading.join_all().await;
    tell(node, statuses).await;
}

/// The certificates in use: this node's own, and all exchange keys of the directory. Those of connections are known when
/// they are shown.
fn want_all(node: &Node, statuses: &Statuses) {
    for own in &node.certificates {
        let whose = || format!("{} of this node", own.usage);
        statuses.want(&own.chain, whose);
    }
    if let Some(view) = node.watch.newest() {
        for key in view.exchange_keys() {
            statuses.want(&key.chain, || format!("exchange of {}", key.node));
        }
    }
}

async fn read(node: &Arc<Node>, statuses: &Statuses, authority: &Authority) {
    let mut faults = Vec::new();
    read_list(node, statuses, authority, &mut faults).await;
    ask_responders(node, statuses, authority, &mut faults).await;
    authority.note((!faults.is_empty()).then(|| faults.join("; ")));
}

async fn read_list(
    node: &Node,
    statuses: &Statuses,
    authority: &Authority,
    faults: &mut Vec<String>,
) {
    for index in 0..authority.lists() {
        let known = statuses
            .snapshot
            .load()
            .get(&authority.key())
            .and_then(|known| known.list.clone());
        let now = (statuses.told.tolerated_age.as_secs(), node.clock.now_s());
        match authority
            .list(index, known.as_deref(), now, patience(node))
            .await
        {
            Ok((list, der)) => {
                statuses.tally.taken.fetch_add(1, Ordering::Relaxed);
                if known.as_deref() != Some(&list) {
                    let list = Arc::new(list);
                    statuses.learn(authority, true, |known| {
                        known.list = Some(Arc::clone(&list));
                    });
                    authority.keep_list(der).await;
                }
                return;
            }
            Err(fault) => {
                count(node, statuses, &fault);
                faults.push(format!("{}: {fault}", authority.list_name(index)));
            }
        }
    }
}

/// A responder that gives nothing is not asked again in this round: waiting for it for each certificate would make all late.
async fn ask_responders(
    node: &Node,
    statuses: &Statuses,
    authority: &Authority,
    faults: &mut Vec<String>,
) {
    let mut silent = vec![false; authority.responders()];
    for serial in statuses.serials(authority.key()) {
        for (index, silent) in silent.iter_mut().enumerate() {
            if *silent {
                continue;
            }
            let known = statuses
                .snapshot
                .load()
                .get(&authority.key())
                .and_then(|known| known.answers.get(&serial).cloned());
            let now = (statuses.told.tolerated_age.as_secs(), node.clock.now_s());
            let about = (serial.as_slice(), known.as_deref());
            match authority.answer(index, about, now, patience(node)).await {
                Ok((answer, der)) => {
                    statuses.tally.taken.fetch_add(1, Ordering::Relaxed);
                    let known = known.as_deref();
                    let is_news = known.is_none_or(|known| known.status() != answer.status());
                    let is_kept = !is_news && known.is_some_and(|known| same_span(known, &answer));
                    let answer = Arc::new(answer);
                    statuses.learn(authority, is_news, |known| {
                        known.answers.insert(serial.clone(), Arc::clone(&answer));
                    });
                    if !is_kept {
                        authority.keep_answer(serial.clone(), der).await;
                    }
                    break;
                }
                Err(fault) => {
                    count(node, statuses, &fault);
                    *silent = matches!(fault, Fault::Unanswered(_));
                    let told = format!("{}: {fault}", authority.responder_name(index));
                    if !faults.contains(&told) {
                        faults.push(told);
                    }
                }
            }
        }
    }
}

/// Whether two answers are of the same minutes: a disk is not made to sync one for each certificate in each round.
fn same_span(known: &Answer, new: &Answer) -> bool {
    let span = |answer: &Answer| answer.window().this_update_s / KEEP_EVERY_S;
    span(known) == span(new)
}

fn patience(node: &Node) -> Patience {
    let limits = &node.settings.limits;
    Patience {
        bytes: limits.status_bytes,
        time: limits.status_timeout,
        limits: ["status_bytes", "status_seconds"],
    }
}

fn count(node: &Node, statuses: &Statuses, fault: &Fault) {
    let count = match fault {
        Fault::NotTaken(_) => &statuses.tally.refused,
        Fault::Unanswered(_) | Fault::File(_) | Fault::NoRandom => &statuses.tally.unanswered,
    };
    count.fetch_add(1, Ordering::Relaxed);
    let metrics = &node.house.metrics;
    match fault {
        Fault::Unanswered(AskError::TooLong(_)) => metrics.reached(Limit::StatusBytes),
        Fault::Unanswered(AskError::TooSlow(_)) => metrics.reached(Limit::StatusSeconds),
        Fault::Unanswered(_) | Fault::File(_) | Fault::NotTaken(_) | Fault::NoRandom => {}
    }
}

/// Tells log and journal which certificates in use are revoked now, and which authority's word has become too old.
async fn tell(node: &Node, statuses: &Statuses) {
    let now_s = node.clock.now_s();
    for (certificate, whose, since_s) in statuses.newly_revoked() {
        let serial = hexadecimal(&certificate.serial);
        let since = moment(since_s);
        tracing::error!(
            code = "certificate_revoked",
            whose,
            serial,
            since,
            "a certificate in use is revoked"
        );
        if let Some(view) = node.watch.newest() {
            view.forget_batches(&certificate);
        }
        let facts = [
            ("certificate_revoked", whose),
            ("serial", serial),
            ("since", since),
        ];
        let facts = facts.map(|(name, value)| (name.to_owned(), value));
        node.record_state(facts.into()).await;
    }
    for authority in &statuses.authorities {
        let why = statuses.fault_of(authority, now_s);
        let was = statuses.note_stale(authority, now_s, why.is_some());
        match (why, was) {
            (Some(why), None) => {
                tracing::error!(code = "status_too_old", %why, "certificate status is not known: nothing is exchanged with these certificates");
            }
            (None, Some(since_s)) => {
                let authority = authority.issuer.subject();
                tracing::info!(
                    code = "status_known",
                    authority,
                    "certificate status is known again"
                );
                let seconds = now_s.saturating_sub(since_s).to_string();
                let fact = ("without_certificate_status_seconds".to_owned(), seconds);
                node.record_state(BTreeMap::from([fact])).await;
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
    }
}

// === impl Statuses ===

impl Statuses {
    fn keys(&self) -> Vec<[u8; 32]> {
        self.authorities.iter().map(Authority::key).collect()
    }

    /// The numbers of the certificates in use that this authority issued.
    fn serials(&self, key: [u8; 32]) -> Vec<Vec<u8>> {
        let wanted = self.wanted();
        let issued = wanted
            .uses
            .keys()
            .filter(|one| one.issuer_spki_sha256 == key);
        issued.map(|one| one.serial.clone()).collect()
    }

    /// The certificates in use that were not revoked in the last round, whose they are, and since when they are.
    fn newly_revoked(&self) -> Vec<(Issuance, String, u64)> {
        let mut wanted = self.wanted();
        let revoked: Vec<_> = wanted
            .uses
            .iter()
            .filter_map(|(one, whose)| {
                let since_s = self.revoked(std::slice::from_ref(one))?;
                Some((one.clone(), whose.clone(), since_s))
            })
            .collect();
        let now = revoked.iter().map(|(one, ..)| one.clone()).collect();
        let before = std::mem::replace(&mut wanted.revoked, now);
        let new = revoked
            .into_iter()
            .filter(|(one, ..)| !before.contains(one));
        new.collect()
    }

    /// Notes whether an authority's word is too old; returns since when it was.
    fn note_stale(&self, authority: &Authority, now_s: u64, is_stale: bool) -> Option<u64> {
        let stale = &mut self.wanted().stale;
        let was = stale.get(&authority.key()).copied();
        if is_stale {
            stale.entry(authority.key()).or_insert(now_s);
        } else {
            stale.remove(&authority.key());
        }
        was
    }

    fn fault_of(&self, authority: &Authority, now_s: u64) -> Option<Unusable> {
        let snapshot = self.snapshot.load();
        let known = snapshot.get(&authority.key())?;
        known.list_fault(self.told.tolerated_age.as_secs(), now_s)
    }
}
