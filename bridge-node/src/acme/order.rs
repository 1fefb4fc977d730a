//! From a request to a chain: order, validation, finalisation, download.
//!
//! Standard: RFC 8555 §7.4. Standard: RFC 9773 §5.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bridge_certs::certificates;
use serde_json::json;

use super::AcmeError;
use super::account::Account;
use super::challenge::Responder;
use super::messages::{Authorization, OrderSaid, Problem, Status};
use super::session::{Session, essence, location, malformed};
use crate::settings::{Acme, Limits};

/// What is ordered.
#[derive(Debug)]
pub struct Ordered<'a> {
    /// The request, PKCS#10 in DER.
    pub csr: &'a [u8],
    /// The certificate that it will replace, as renewal information names it, if the authority is to know.
    pub replaces: Option<String>,
}

/// The most names of an order that are proved: one is asked for.
const AUTHORIZATIONS: usize = 4;
const CHAIN_TYPE: &str = "application/pem-certificate-chain";

/// Has a certificate issued and returns what was given, leaf first as the protocol has it; nothing of it is judged here.
///
/// # Errors
///
/// [`AcmeError`]; [`AcmeError::TooSlow`] after `limits.acme_order_seconds`.
pub async fn obtain(
    settings: &Acme,
    limits: &Limits,
    account: &Account,
    ordered: &Ordered<'_>,
) -> Result<Vec<Vec<u8>>, AcmeError> {
    let issued = async {
        let mut session = Session::open(settings, limits).await?;
        session.enter(account, &settings.contact).await?;
        let (order, url) = order(&mut session, settings, account, ordered).await?;
        prove(&mut session, settings, account, &order).await?;
        let address = finalise(&mut session, account, &url, ordered.csr).await?;
        download(&mut session, account, &address).await
    };
    tokio::time::timeout(limits.acme_order_timeout, issued)
        .await
        .unwrap_or(Err(AcmeError::TooSlow))
}

async fn order(
    session: &mut Session,
    settings: &Acme,
    account: &Account,
    ordered: &Ordered<'_>,
) -> Result<(OrderSaid, String), AcmeError> {
    let what = "an order";
    let url = session.places.new_order.clone();
    let identifiers = json!([{"type": "dns", "value": settings.name}]);
    let has_information = session.places.renewal_info.is_some();
    let mut replaces = ordered.replaces.clone().filter(|_| has_information);
    let answer = loop {
        let payload = match &replaces {
            Some(id) => json!({"identifiers": identifiers, "replaces": id}),
            None => json!({"identifiers": identifiers}),
        };
        match session.post(what, account, &url, Some(&payload)).await {
            // The word on what it replaces is a courtesy: without it the order stands as well. An authority that wants to be
            // left alone is.
            Err(AcmeError::Refused {
                problem,
                retry_after: None,
                ..
            }) if replaces.is_some() => {
                tracing::info!(problem, "the authority takes no word on what is replaced");
                replaces = None;
            }
            other => break other?,
        }
    };
    let url = location(what, answer.headers())?;
    let (order, _) = session.look(what, account, &url).await?;
    Ok((order, url))
}

/// Proves each name of an order that is not proved yet.
async fn prove(
    session: &mut Session,
    settings: &Acme,
    account: &Account,
    order: &OrderSaid,
) -> Result<(), AcmeError> {
    let what = "a validation";
    if order.authorizations.len() > AUTHORIZATIONS {
        return Err(malformed(
            what,
            "more names are to be validated than were ordered",
        ));
    }
    let mut responder = None;
    for url in &order.authorizations {
        let (authorization, _): (Authorization, _) = session.look(what, account, url).await?;
        if authorization.status == Status::Valid {
            continue;
        }
        let challenge = authorization
            .http_01()
            .map_err(|why| malformed(what, why))?;
        let responder = match &mut responder {
            Some(listening) => listening,
            none => none.insert(Responder::listen(settings.listen).await?),
        };
        responder.show(
            &challenge.token,
            account.key_authorization(&challenge.token),
        );
        let ready = json!({});
        session
            .post(what, account, &challenge.url, Some(&ready))
            .await?;
        validated(session, settings, account, url).await?;
    }
    Ok(())
}

async fn validated(
    session: &mut Session,
    settings: &Acme,
    account: &Account,
    url: &str,
) -> Result<(), AcmeError> {
    loop {
        let (now, pause): (Authorization, _) = session.look("a validation", account, url).await?;
        match now.status {
            Status::Valid => return Ok(()),
            Status::Pending | Status::Processing => tokio::time::sleep(pause).await,
            Status::Ready | Status::Invalid | Status::Other => {
                let problem = now.challenges.iter().find_map(|one| one.error.as_ref());
                return Err(AcmeError::NotValidated {
                    name: settings.name.clone(),
                    problem: problem
                        .map_or_else(|| "it does not say why".to_owned(), Problem::words),
                });
            }
        }
    }
}

/// Hands the request in and waits for the certificate; returns its address.
async fn finalise(
    session: &mut Session,
    account: &Account,
    url: &str,
    csr: &[u8],
) -> Result<String, AcmeError> {
    // Some servers take a moment from the last validation to readiness.
    let mut order = while_it_is(&[Status::Pending], session, account, url).await?;
    if order.status == Status::Ready {
        let csr = json!({"csr": URL_SAFE_NO_PAD.encode(csr)});
        let finalize = order.finalize.clone();
        session
            .post("the request", account, &finalize, Some(&csr))
            .await?;
        let working = [Status::Pending, Status::Ready, Status::Processing];
        order = while_it_is(&working, session, account, url).await?;
    }
    let address = order.certificate.filter(|_| order.status == Status::Valid);
    address.ok_or_else(|| malformed("an order", "it has no certificate"))
}

/// Looks at an order until it is in another state than these.
async fn while_it_is(
    states: &[Status],
    session: &mut Session,
    account: &Account,
    url: &str,
) -> Result<OrderSaid, AcmeError> {
    let what = "an order";
    loop {
        let (order, pause): (OrderSaid, _) = session.look(what, account, url).await?;
        if order.status == Status::Invalid {
            let problem = order.error.as_ref();
            return Err(AcmeError::Refused {
                what,
                problem: problem.map_or_else(|| "it does not say why".to_owned(), Problem::words),
                retry_after: None,
            });
        }
        if !states.contains(&order.status) {
            return Ok(order);
        }
        tokio::time::sleep(pause).await;
    }
}

async fn download(
    session: &mut Session,
    account: &Account,
    address: &str,
) -> Result<Vec<Vec<u8>>, AcmeError> {
    let what = "the certificate";
    let answer = session.post(what, account, address, None).await?;
    if essence(answer.headers()) != CHAIN_TYPE {
        return Err(malformed(
            what,
            "it is of another type than a chain of certificates",
        ));
    }
    let chain = certificates(answer.body());
    let chain = chain.map_err(|error| malformed(what, &crate::chain(&error)))?;
    if chain.is_empty() {
        return Err(malformed(what, "there is none in it"));
    }
    Ok(chain)
}
