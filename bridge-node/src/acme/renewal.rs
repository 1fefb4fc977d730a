//! Renewal in the running node: before the end, at a point of its own for each certificate, or when the authority says.
//!
//! Standard: RFC 9773 §4.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_certs::{Checked, Moment};
use x509_parser::extensions::ParsedExtension;
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::AcmeError;
use super::account::Account;
use super::course::{Course, Waiting};
use super::messages::RenewalInfo;
use super::order::{Ordered, obtain};
use super::session::Session;
use crate::node::Node;
use crate::own::{self, Folder, Judge, Slot, Use};
use crate::settings::Acme;

/// How often it is looked whether anything is to be renewed.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// After a renewal: whatever the authority's window says, the next is not sooner.
const REST_S: u64 = 3600;

/// Renews the certificates that the settings name until the node drains.
pub async fn keep(node: Arc<Node>) {
    let Some(settings) = node.settings.acme.clone() else {
        return;
    };
    let mut courses: HashMap<Use, Course> = HashMap::new();
    loop {
        for usage in &settings.uses {
            let course = courses.entry(*usage).or_default();
            let renewing = Box::pin(step(&node, &settings, *usage, course));
            tokio::select! {
                () = node.house.draining.cancelled() => return,
                () = renewing => {}
            }
        }
        tokio::select! {
            () = node.house.draining.cancelled() => return,
            () = tokio::time::sleep(LOOK_EVERY) => {}
        }
    }
}

async fn step(node: &Arc<Node>, settings: &Acme, usage: Use, course: &mut Course) {
    let now_s = node.clock.now_s();
    let (looking, known) = (Arc::clone(node), course.next);
    let found = apart(move || Ok(look(&looking, usage, known)?)).await;
    let current = match found {
        Ok((current, next)) => {
            course.next = next;
            // What waits for the directory is renewed already.
            if next.is_some_and(|(_, has_key)| has_key) {
                node.own.renewal_ended(usage, None);
                return;
            }
            current
        }
        Err(_) if now_s < course.not_before_s => return,
        Err(error) => {
            course.failed(now_s, None, [0; 32]);
            return tell(node, usage, (course, error), None);
        }
    };
    if now_s >= course.not_before_s {
        ask(node, settings, &current, (course, now_s)).await;
    }
    if now_s < course.plan(&current).from_s {
        // Also if it was renewed by hand.
        course.failures = 0;
        node.own.renewal_ended(usage, None);
        return;
    }
    if now_s < course.not_before_s {
        return;
    }
    match renew(node, settings, usage, &current).await {
        Ok(()) => {
            *course = Course::resting(now_s.saturating_add(REST_S));
            node.own.renewal_ended(usage, None);
        }
        Err(error) => {
            course.failed(now_s, error.retry_after, current.sha256);
            tell(node, usage, (course, error), Some(current.not_after));
        }
    }
}

/// Tells log, alarms and metric that nothing was renewed.
fn tell(node: &Node, usage: Use, (course, error): (&Course, Failed), until: Option<u64>) {
    let again = Moment(course.not_before_s);
    let until = until.map(|until| Moment(until).to_string());
    tracing::warn!(
        code = "certificate_renewal_failed", %usage, error = error.why, %again, until,
        "a certificate of this node was not renewed"
    );
    let why = format!("{} (again at {again})", error.why);
    node.own.renewal_ended(usage, Some(why));
}

/// Does what takes files and passphrases where nothing waits for it.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failed> + Send + 'static,
) -> Result<T, Failed> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| {
        Err(Failed {
            why: error.to_string(),
            retry_after: None,
        })
    })
}

fn look(node: &Node, usage: Use, known: Waiting) -> Result<(Checked, Waiting), own::OwnError> {
    let folder = Folder::new(&node.settings.keys);
    let current = in_force(&folder, usage, &judge(node))?;
    let next = waiting(&folder, usage, (&judge(node), &current), known);
    Ok((current, next))
}

fn judge(node: &Node) -> Judge<'_> {
    Judge {
        node: &node.settings.node,
        trust: &node.trust,
        now_s: node.clock.now_s(),
    }
}

/// The certificate in force; one that has ended as it was in its last second: it is renewed as well.
pub(super) fn in_force(
    folder: &Folder,
    usage: Use,
    judge: &Judge<'_>,
) -> Result<Checked, own::OwnError> {
    let chain = folder.chain(usage, Slot::Current)?;
    let last_s = chain.first().and_then(|leaf| last_second(leaf));
    let judge = Judge {
        now_s: last_s.map_or(judge.now_s, |last_s| judge.now_s.min(last_s)),
        ..*judge
    };
    judge.certificate(usage, &chain)
}

fn last_second(der: &[u8]) -> Option<u64> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    u64::try_from(certificate.validity().not_after.timestamp()).ok()
}

/// The next certificate, if it is good and lasts longer than the one in force. Its key is opened once: under a passphrase that
/// takes a while.
pub(super) fn waiting(
    folder: &Folder,
    usage: Use,
    (judge, current): (&Judge<'_>, &Checked),
    known: Waiting,
) -> Waiting {
    if !folder.certificates_file(usage, Slot::Next).exists() {
        return None;
    }
    let next = folder.chain(usage, Slot::Next);
    let next = next
        .and_then(|chain| judge.certificate(usage, &chain))
        .ok()?;
    if next.not_after <= current.not_after {
        return None;
    }
    let known = known.filter(|(sha256, _)| *sha256 == next.sha256);
    known.or_else(|| Some((next.sha256, judge.slot(folder, usage, Slot::Next).is_ok())))
}

/// Why a renewal failed, and when the authority wants to be asked again.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) why: String,
    retry_after: Option<Duration>,
}

impl From<AcmeError> for Failed {
    fn from(error: AcmeError) -> Self {
        Self {
            why: crate::chain(&error),
            retry_after: error.retry_after(),
        }
    }
}

impl From<own::OwnError> for Failed {
    fn from(error: own::OwnError) -> Self {
        let why = crate::chain(&error);
        let retry_after = None;
        Self { why, retry_after }
    }
}

async fn renew(
    node: &Arc<Node>,
    settings: &Acme,
    usage: Use,
    current: &Checked,
) -> Result<(), Failed> {
    let (asking, own_settings) = (Arc::clone(node), settings.clone());
    let (account, csr) = apart(move || {
        let own = &asking.settings;
        let account = Account::open(&own.keys, own_settings.binding.as_ref())?;
        let folder = Folder::new(&own.keys);
        let csr = own::request(
            &folder,
            &own.node,
            (usage, Slot::Current),
            &[own_settings.name],
        )?;
        Ok((account, csr))
    })
    .await?;
    let ordered = Ordered {
        csr: &csr,
        replaces: certificate_id(&current.der),
    };
    let given = obtain(settings, &node.settings.limits, &account, &ordered).await?;
    let (taking, until) = (Arc::clone(node), current.not_after);
    apart(move || {
        let folder = Folder::new(&taking.settings.keys);
        // The order took its time: the judge looks at the clock again.
        take(&folder, usage, (given, &judge(&taking)), until)
    })
    .await
}

/// Puts in place what the authority gave, leaf first, if it lasts beyond this second.
pub(super) fn take(
    folder: &Folder,
    usage: Use,
    (given, judge): (Vec<Vec<u8>>, &Judge<'_>),
    until: u64,
) -> Result<(), Failed> {
    if judge.certificate(usage, &given)?.not_after <= until {
        return Err(Failed {
            why: "the authority gave a certificate that does not last longer".to_owned(),
            retry_after: None,
        });
    }
    own::import(folder, &[usage], given, judge)?;
    Ok(())
}

/// Asks for the authority's window for a certificate, now and then.
async fn ask(node: &Node, settings: &Acme, current: &Checked, (course, now_s): (&mut Course, u64)) {
    if now_s < course.asks_at(current) {
        return;
    }
    let answer = async {
        let mut session = Session::open(settings, &node.settings.limits).await?;
        information(&mut session, current).await
    };
    let answer = answer.await;
    if let Err(error) = &answer {
        tracing::info!(error = %crate::chain(error), "no renewal information");
    }
    course.answered(current, now_s, &answer);
}

async fn information(
    session: &mut Session,
    current: &Checked,
) -> Result<Option<(u64, u64)>, AcmeError> {
    let what = "renewal information";
    let Some((place, id)) = session
        .places
        .renewal_info
        .clone()
        .zip(certificate_id(&current.der))
    else {
        return Ok(None);
    };
    let url = format!("{}/{id}", place.trim_end_matches('/'));
    let said: RenewalInfo = session.get(what, &url).await?;
    let window = said.window_s();
    let window = window.ok_or_else(|| super::session::malformed(what, "its window is none"))?;
    Ok(Some(window))
}

/// How renewal information names a certificate: by its authority's key and its number. Standard: RFC 9773 §4.1.
pub(super) fn certificate_id(der: &[u8]) -> Option<String> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    let mut extensions = certificate.extensions().iter();
    let key = extensions.find_map(|extension| {
        let parsed = extension.parsed_extension();
        if let ParsedExtension::AuthorityKeyIdentifier(found) = parsed {
            return found.key_identifier.as_ref();
        }
        None
    })?;
    Some(named(key.0, certificate.raw_serial()))
}

/// By the identifier of the authority's key and the content of the number's encoding.
pub(super) fn named(key: &[u8], number: &[u8]) -> String {
    let [key, number] = [key, number].map(|part| URL_SAFE_NO_PAD.encode(part));
    format!("{key}.{number}")
}
