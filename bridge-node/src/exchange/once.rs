//! What is asked for under an Idempotency-Key is begun once: before the request's leaf, at the provider's node.

use bridge_adapter::{Content, Effect, Idempotency};
use bridge_core::leaf::Leaf;
use bridge_core::refusal::{NodeFault, Refusal, RequestFault};
use uuid::Uuid;

use super::authorise::AuthorisedRequest;
use super::enter::Asked;
use super::serve::{Served, content_type};
use super::verify::VerifiedRequest;
use crate::effects::{Admission, Again, Marks, NotBegun, again, ended, note_repetition};
use crate::epochs::History;
use crate::node::Node;
use crate::payload::Payload;

/// The key of a request for a service, and its content; `None` if it has none.
fn idempotency(verified: &VerifiedRequest) -> Option<Idempotency> {
    let (Asked::Service(target), Some(key)) = (&verified.asked, &verified.idempotency_key) else {
        return None;
    };
    let content = Content {
        method: &verified.method,
        target: &verified.head.target,
        media_type: content_type(&verified.head.fields),
        represented_party: verified.represented_party.as_deref(),
        body: verified.payload.digest(),
    };
    Some(Idempotency::new(
        (&verified.client, &target.service),
        key,
        content,
    ))
}

/// Lets a request with a key be begun, or find the answer that it was given before. The registry gets the key in any case.
///
/// # Errors
///
/// The refusal, if neither may be.
pub(super) async fn admit(node: &Node, authorised: &mut AuthorisedRequest) -> Result<(), Refusal> {
    authorised.idempotency = idempotency(&authorised.verified);
    let Some((effect, marks)) = keyed(node, authorised) else {
        return Ok(());
    };
    let mut admission = begin(node, &authorised.verified, effect, marks)?;
    if let Admission::Look(exchange, since) = admission {
        let of = (exchange, marks);
        let ended = look(node, move |history| ended(&history, of, since)).await?;
        node.effects.learn(marks, exchange, ended);
        admission = begin(node, &authorised.verified, effect, marks)?;
    }
    match admission {
        Admission::Begin(begun) => authorised.verified.about.once = Some(begun),
        Admission::Answered(exchange) => authorised.repeats = Some((exchange, marks)),
        // What was learned a moment ago is known.
        Admission::Look(..) => return Err(refusal(NotBegun::InFlight)),
    }
    Ok(())
}

/// What has to be known of a request before it is begun; `None` if it may be repeated at will, or gave no key.
fn keyed(node: &Node, authorised: &AuthorisedRequest) -> Option<(Effect, Marks)> {
    let key = authorised.idempotency.as_ref()?;
    let Asked::Service(target) = &authorised.verified.asked else {
        return None;
    };
    let registry = node.registries.service(&target.service)?;
    let effect = registry.effect(&authorised.verified.method, target.path.segments());
    (effect != Effect::Reads).then(|| (effect, node.effects.marks(key)))
}

fn begin(
    node: &Node,
    verified: &VerifiedRequest,
    effect: Effect,
    marks: Marks,
) -> Result<Admission, Refusal> {
    let whose = (
        verified.about.request_id.unwrap_or_default(),
        &verified.client,
    );
    let begun = node.effects.begin(marks, whose, effect, node.clock.now());
    begun.map_err(refusal)
}

fn refusal(why: NotBegun) -> Refusal {
    match why {
        NotBegun::InFlight => Refusal::Request(RequestFault::IdempotencyKeyInFlight),
        NotBegun::Reused => Refusal::Request(RequestFault::IdempotencyKeyReused),
        NotBegun::Unknown => Refusal::Request(RequestFault::OutcomeUnknown),
        NotBegun::Full => Refusal::Node(NodeFault::IdempotencyKeys),
        NotBegun::Forgotten => Refusal::Node(NodeFault::Journal),
    }
}

/// Notes in the leaf of a request what its key allows.
pub(super) fn note(authorised: &AuthorisedRequest, leaf: &mut Leaf) {
    if let Some(begun) = &authorised.verified.about.once {
        begun.marks().note(leaf, begun.is_stored());
    }
    if let Some((exchange, _)) = authorised.repeats {
        note_repetition(leaf, exchange);
    }
}

/// The answer that an earlier exchange was given, as far as it is kept.
///
/// # Errors
///
/// The refusal, if it is not.
pub(super) async fn answer(
    node: &Node,
    (exchange, marks): (Uuid, Marks),
) -> Result<Served, Refusal> {
    match look(node, move |history| again(&history, (exchange, marks))).await? {
        Some(Again::Kept(kept)) => Ok(Served {
            status: kept.status,
            fields: kept.fields,
            payload: Payload::from_bytes(kept.body),
        }),
        Some(Again::NotKept { status }) => {
            let fault = RequestFault::AnswerNotKept { status, exchange };
            Err(Refusal::Request(fault))
        }
        None => Err(Refusal::Node(NodeFault::Journal)),
    }
}

/// Reads the journal on a thread that may wait for the disk.
async fn look<T: Send + 'static, E: std::error::Error + Send + 'static>(
    node: &Node,
    read: impl FnOnce(History) -> Result<T, E> + Send + 'static,
) -> Result<T, Refusal> {
    let history = node.history.clone();
    let read = tokio::task::spawn_blocking(move || read(history));
    let unreadable = Refusal::Node(NodeFault::Journal);
    match read.await {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(error)) => {
            tracing::error!(error = %crate::chain(&error), "the journal does not say how an exchange ended");
            Err(unreadable)
        }
        Err(_panicked) => Err(unreadable),
    }
}
