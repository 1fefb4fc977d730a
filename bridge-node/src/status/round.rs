//! A round: an authority's sources are read, and what that changes is told. Each authority has rounds of its own, so that a
//! slow one makes no other late.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bridge_certs::Moment;
use bridge_certs::status::Answer;
use bridge_directory::metadata::hex;
use tokio::task::JoinSet;

use super::Statuses;
use super::authority::{Authority, Fault};
use super::cache::FileFault;
use super::wanted::Revoked;
use crate::metrics::Limit;
use crate::node::Node;
use crate::way::{AskError, Patience};

/// An answer that says the same as the one before is kept on disk this seldom.
const KEEP_EVERY_S: u64 = 600;
/// How many questions an authority is asked at a time.
const QUESTIONS: usize = 16;
/// How many more at a time about certificates that an exchange waits for.
const FIRST_QUESTIONS: usize = 4;

/// Reads what authorities say until the node drains.
pub async fn keep(node: Arc<Node>) {
    let Some(statuses) = &node.status else {
        tracing::warn!(
            code = "no_status",
            "the settings name no source of certificate status: revocations are not known"
        );
        return;
    };
    statuses.tell_unknown(&node);
    let mut rounds = JoinSet::new();
    for authority in &statuses.authorities {
        let (node, authority) = (Arc::clone(&node), Arc::clone(authority));
        let every = statuses.told.every;
        rounds.spawn(async move {
            let rounds = async {
                loop {
                    read(&node, &authority).await;
                    tokio::time::sleep(every).await;
                }
            };
            tokio::select! {
                () = node.house.draining.cancelled() => {}
                () = rounds => {}
                () = first_words(&node, &authority) => {}
            }
        });
    }
    rounds.join_all().await;
}

/// Asks about certificates that somebody waits for and nobody has asked about, beside the rounds: of an authority with many
/// certificates, or with a slow responder, a round lasts longer than an exchange waits.
async fn first_words(node: &Arc<Node>, authority: &Arc<Authority>) {
    let Some(statuses) = &node.status else {
        return;
    };
    loop {
        authority.wake.notified().await;
        let mut serials = statuses.wanted().serials(authority.key());
        let known = &authority.known;
        serials.retain(|serial| known.waits_for(serial) && !known.is_underway(serial));
        // What is wrong with a responder, the next round tells.
        let _faults = ask_responders(node, statuses, authority, serials, FIRST_QUESTIONS).await;
    }
}

/// Reads all sources, now. A failure is logged and shown by `ready`; what is known only grows older.
///
/// # Cancel safety
///
/// Dropped before its end, what was learnt is in force and may not be told or kept; the next round tells and keeps it.
pub async fn read_all(node: &Arc<Node>) {
    let mut reading = JoinSet::new();
    for authority in node.status.iter().flat_map(|known| &known.authorities) {
        let (node, authority) = (Arc::clone(node), Arc::clone(authority));
        reading.spawn(async move { read(&node, &authority).await });
    }
    reading.join_all().await;
}

/// One round of one authority.
async fn read(node: &Arc<Node>, authority: &Arc<Authority>) {
    let Some(statuses) = &node.status else {
        return;
    };
    want_all(node).await;
    let in_use = statuses.wanted().serials(authority.key());
    let (mut faults, more) = tokio::join!(
        read_list(node, statuses, authority),
        ask_responders(node, statuses, authority, in_use, QUESTIONS)
    );
    faults.extend(more);
    authority.note((!faults.is_empty()).then(|| faults.join("; ")));
    tell(node, statuses, authority).await;
    let in_use = {
        let mut wanted = statuses.wanted();
        wanted.prune();
        wanted.serials(authority.key())
    };
    let at = statuses.at(node.clock.now_s());
    let forgotten = authority.known.forget_but(&in_use, at);
    authority.drop_answers(forgotten).await;
}

/// The certificates in use: this node's own, and all exchange keys of the directory. Those of connections are known when
/// they are shown.
async fn want_all(node: &Arc<Node>) {
    let node = Arc::clone(node);
    // Keys that nobody has asked for yet are read, of a whole directory.
    let wanting = tokio::task::spawn_blocking(move || {
        let Some(statuses) = &node.status else {
            return;
        };
        for own in node.own.certificates().iter() {
            let whose = || format!("{} of this node", own.usage);
            statuses.want(&own.chain, whose);
        }
        if let Some(view) = node.watch.newest() {
            for key in view.exchange_keys() {
                statuses.want(&key.chain, || format!("exchange of {}", key.node));
            }
        }
    });
    if let Err(error) = wanting.await {
        tracing::error!(code = "status_wanting_failed", %error, "certificates in use are not known");
    }
}

/// Reads the list from the first place that gives one; returns what was wrong with those before.
async fn read_list(node: &Node, statuses: &Statuses, authority: &Authority) -> Vec<String> {
    let mut faults = Vec::new();
    for index in 0..authority.lists() {
        let known = authority.known.list();
        let at = statuses.at(node.clock.now_s());
        let read = authority.list(index, known.as_deref(), at, patience(node));
        match read.await {
            Ok(None) => {
                statuses.tally.taken.fetch_add(1, Ordering::Relaxed);
                break;
            }
            Ok(Some((list, der))) => {
                statuses.tally.taken.fetch_add(1, Ordering::Relaxed);
                if known.as_deref() != Some(&list) {
                    authority.known.take_list(list);
                    statuses.tell_news();
                    authority.keep_list(der).await;
                }
                break;
            }
            Err(fault) => {
                count(node, statuses, &fault);
                faults.push(format!("{}: {fault}", authority.list_name(index)));
            }
        }
    }
    faults
}

/// Questions of one round.
struct Asking {
    /// Certificates that nobody has asked about yet.
    serials: Mutex<std::vec::IntoIter<Vec<u8>>>,
    /// By responder. One that gives nothing is not asked again in this round: waiting for it for each certificate would make
    /// all late.
    silent: Vec<AtomicBool>,
    /// By responder, of what it gave the first that is not taken.
    faults: Vec<OnceLock<String>>,
}

/// Asks about these certificates, so many at a time, those first of which nothing is known; returns what was wrong.
async fn ask_responders(
    node: &Arc<Node>,
    statuses: &Arc<Statuses>,
    authority: &Arc<Authority>,
    serials: HashSet<Vec<u8>>,
    at_a_time: usize,
) -> Vec<String> {
    if authority.responders() == 0 {
        return Vec::new();
    }
    let mut serials: Vec<_> = serials.into_iter().collect();
    serials.sort_by_key(|serial| authority.known.answer(serial).is_some());
    let workers = serials.len().min(at_a_time);
    let asking = Arc::new(Asking {
        serials: Mutex::new(serials.into_iter()),
        silent: (0..authority.responders())
            .map(|_| AtomicBool::default())
            .collect(),
        faults: vec![OnceLock::new(); authority.responders()],
    });
    let mut working = JoinSet::new();
    for _ in 0..workers {
        let (node, statuses) = (Arc::clone(node), Arc::clone(statuses));
        let (authority, asking) = (Arc::clone(authority), Arc::clone(&asking));
        working.spawn(async move {
            while let Some(serial) = asking.next() {
                let _underway = authority.known.begin_asking(&serial);
                asking.ask((&node, &statuses), &authority, &serial).await;
            }
        });
    }
    working.join_all().await;
    let faults = asking.faults.iter().filter_map(OnceLock::get);
    faults.cloned().collect()
}

// === impl Asking ===

impl Asking {
    fn next(&self) -> Option<Vec<u8>> {
        let mut serials = self.serials.lock().unwrap_or_else(PoisonError::into_inner);
        serials.next()
    }

    /// Asks one responder after the other until one has answered.
    async fn ask(
        &self,
        (node, statuses): (&Node, &Statuses),
        authority: &Authority,
        serial: &[u8],
    ) {
        for (index, (silent, first)) in self.silent.iter().zip(&self.faults).enumerate() {
            if silent.load(Ordering::Relaxed) {
                continue;
            }
            let known = authority.known.answer(serial);
            let at = statuses.at(node.clock.now_s());
            let about = (serial, known.as_deref());
            match authority.answer(index, about, at, patience(node)).await {
                Ok((answer, der)) => {
                    statuses.tally.taken.fetch_add(1, Ordering::Relaxed);
                    let known = known.as_deref();
                    let is_news = known.is_none_or(|known| known.status() != answer.status());
                    let is_kept = !is_news && known.is_some_and(|known| same_span(known, &answer));
                    authority.known.take_answer(serial.to_vec(), answer);
                    if is_news {
                        statuses.tell_news();
                    }
                    if !is_kept {
                        authority.keep_answer(serial.to_vec(), der).await;
                    }
                    return;
                }
                Err(fault) => {
                    count(node, statuses, &fault);
                    if matches!(fault, Fault::Unanswered(_)) {
                        silent.store(true, Ordering::Relaxed);
                    }
                    first.get_or_init(|| format!("{}: {fault}", authority.responder_name(index)));
                }
            }
        }
        if authority.known.note_in_vain(serial) {
            statuses.tell_news();
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
        Fault::Unanswered(_) | Fault::File(_) | Fault::Undone(_) | Fault::NoRandom => {
            &statuses.tally.unanswered
        }
    };
    count.fetch_add(1, Ordering::Relaxed);
    let metrics = &node.house.metrics;
    match fault {
        Fault::Unanswered(AskError::TooLong(_)) | Fault::File(FileFault::TooLong) => {
            metrics.reached(Limit::StatusBytes);
        }
        Fault::Unanswered(AskError::TooSlow(_)) => metrics.reached(Limit::StatusSeconds),
        Fault::Unanswered(_)
        | Fault::File(_)
        | Fault::Undone(_)
        | Fault::NotTaken(_)
        | Fault::NoRandom => {}
    }
}

/// Tells log and journal which certificates in use are revoked now, and whether the authority's word has become too old.
async fn tell(node: &Node, statuses: &Statuses, authority: &Authority) {
    let now_s = node.clock.now_s();
    let untold = statuses
        .wanted()
        .untold(authority.key(), |one| authority.known.revoked(&one.serial));
    for one in untold {
        let Revoked {
            certificate, whose, ..
        } = &one;
        let serial = hex(&certificate.serial);
        let since = Moment(one.since_s).to_string();
        if one.is_new {
            tracing::error!(
                code = "certificate_revoked",
                whose,
                serial,
                since,
                "a certificate in use is revoked"
            );
        }
        let facts = [
            ("certificate_revoked", whose.clone()),
            ("serial", serial),
            ("since", since),
        ];
        let facts = facts.map(|(name, value)| (name.to_owned(), value));
        if node.state_is_kept(facts.into()).await {
            statuses.wanted().note_told(certificate);
        }
    }
    let why = statuses.fault_of(authority, now_s);
    let was = statuses
        .wanted()
        .note_stale(authority.key(), now_s, why.is_some());
    match (why, was) {
        (Some(why), None) => {
            tracing::error!(code = "status_too_old", %why, "certificate status is not known: nothing is exchanged with these certificates");
        }
        (None, Some(since_s)) => {
            let (key, authority) = (authority.key(), authority.issuer.subject());
            tracing::info!(
                code = "status_known",
                authority,
                "certificate status is known again"
            );
            let seconds = now_s.saturating_sub(since_s).to_string();
            let fact = ("without_certificate_status_seconds".to_owned(), seconds);
            if !node.state_is_kept(BTreeMap::from([fact])).await {
                statuses.wanted().note_untold_gap(key, since_s);
            }
        }
        (Some(_), Some(_)) | (None, None) => {}
    }
}

// === impl Statuses ===

impl Statuses {
    /// Tells the log of whose certificates nothing is known at a start: used all the same by the settings' word, or not.
    fn tell_unknown(&self, node: &Node) {
        let mut keys: Vec<_> = self.authorities.iter().map(|one| one.key()).collect();
        let trusted = |keys: &[[u8; 32]]| {
            let others = node.trust.authorities_but(keys).map(str::to_owned);
            others.collect::<Vec<_>>()
        };
        let without = trusted(&keys);
        keys.extend(&self.unchecked);
        let unnamed = trusted(&keys);
        for subject in without {
            if unnamed.contains(&subject) {
                tracing::warn!(
                    code = "no_status_of_authority",
                    subject,
                    "no [[status.authorities]] is for a trusted authority: certificates that it issued to nodes are not used"
                );
            } else {
                tracing::warn!(
                    code = "status_unchecked",
                    subject,
                    "by the settings, certificates of a trusted authority are used unchecked: its revocations are not known"
                );
            }
        }
    }
}
