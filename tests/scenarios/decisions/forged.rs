//! Leaves that say something else than what was kept of their request, and than their contract.

use std::sync::Arc;

use bridge_core::leaf::{Kind, Leaf, Side};
use serde_json::json;
use uuid::Uuid;

use super::kept::{Kept, Keys};
use super::made::{Logged, Version, decisions, versions};
use super::{is_refusal, keep, replay};

/// The decisions that a test lies about, one after another.
struct Liar {
    logged: Vec<Logged>,
    /// Where each lie stands, and the words by which it has to be named.
    told: Vec<(usize, &'static str)>,
    at: usize,
}

impl Liar {
    /// Changes the next decision that fits.
    fn lie(
        &mut self,
        why: &'static str,
        fits: impl Fn(&Leaf) -> bool,
        lie: impl FnOnce(&mut Logged),
    ) {
        let found = self.logged[self.at..].iter();
        let keeps = |one: &Logged| !matches!(one.kept, Kept::Nothing);
        let found = found.clone().position(|one| keeps(one) && fits(&one.leaf));
        let at = self.at + found.unwrap();
        lie(&mut self.logged[at]);
        self.told.push((at, why));
        self.at = at + 1;
    }

    /// What is kept of the newest decision before that fits.
    fn other(&self, fits: impl Fn(&Leaf) -> bool) -> Logged {
        let mut before = self.logged[..self.at].iter().rev();
        let keeps = |one: &Logged| !matches!(one.kept, Kept::Nothing);
        let found = before.find(|one| keeps(one) && fits(&one.leaf)).unwrap();
        Logged {
            leaf: found.leaf.clone(),
            kept: found.kept.clone(),
        }
    }
}

fn at_end(side: Side) -> impl Fn(&Leaf) -> bool + Copy {
    move |leaf: &Leaf| is_refusal(leaf) && leaf.side == Some(side)
}

#[tokio::test]
async fn each_leaf_that_does_not_belong_to_its_request_or_its_contract_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let (versions, keys) = (versions(), Keys::new());
    keep(folder.path(), &versions);
    let logged = decisions(&versions, &keys, 3000);
    let mut liar = Liar {
        logged,
        told: Vec::new(),
        at: 600,
    };
    let of = |version: usize| {
        let reference = versions[version].1.reference().to_owned();
        move |leaf: &Leaf| leaf.contract.as_deref() == Some(&reference)
    };
    let (first, open) = (of(0), of(1));
    let allowed = |leaf: &Leaf| !is_refusal(leaf);
    let (here, there) = (at_end(Side::Provider), at_end(Side::Consumer));
    let swap = |one: &mut Logged| {
        let mut all = versions.iter().map(|(_, contract)| contract.reference());
        let other = all.find(|own| Some(*own) != one.leaf.contract.as_deref());
        one.leaf.contract = other.map(str::to_owned);
    };
    // Allowed: the contract, the path, the method, the query, the purpose, the client, whose request it is, who signed it.
    liar.lie("another contract", allowed, swap);
    liar.lie(
        "another endpoint",
        |leaf| allowed(leaf) && first(leaf),
        |one| {
            let mut all = versions[0].1.endpoints().iter().map(ToString::to_string);
            let other = all.find(|text| Some(text) != one.leaf.endpoint.as_ref());
            let other = other.expect("the version has two endpoints");
            let rule = format!("endpoint:{other}");
            let rules = Arc::make_mut(&mut one.leaf.rules).iter_mut();
            rules
                .filter(|own| own.starts_with("endpoint:"))
                .for_each(|own| own.clone_from(&rule));
            one.leaf.endpoint = Some(other);
        },
    );
    liar.lie(
        "the recorded rules are not those of the contract",
        |leaf| allowed(leaf) && open(leaf),
        |one| {
            for rule in Arc::make_mut(&mut one.leaf.rules) {
                if rule.starts_with("method:") {
                    "method:PATCH".clone_into(rule);
                }
            }
        },
    );
    let asks = |leaf: &Leaf| leaf.rules.iter().any(|rule| rule == "query:q");
    liar.lie(
        "the recorded rules are not those of the contract",
        |leaf| allowed(leaf) && open(leaf) && asks(leaf),
        |one| {
            let others = one.leaf.rules.iter().filter(|rule| *rule != "query:q");
            one.leaf.rules = others.cloned().collect();
        },
    );
    liar.lie(
        "another purpose",
        |leaf| allowed(leaf) && open(leaf) && leaf.purpose.as_deref() == Some("tax"),
        |one| {
            one.leaf.purpose = Some("audit".to_owned());
            for rule in Arc::make_mut(&mut one.leaf.rules) {
                if rule == "purpose:tax" {
                    "purpose:audit".clone_into(rule);
                }
            }
        },
    );
    let others = liar.other(allowed);
    liar.lie("another request id", allowed, |one| {
        one.leaf.link = others.leaf.link;
        one.kept = others.kept;
    });
    liar.lie("another signing key", allowed, |one| {
        one.leaf.peer_keyid = Some("other".to_owned());
    });
    // Refused at the provider's end.
    liar.lie("another contract", here, swap);
    liar.lie("refuses it otherwise than recorded", here, |one| {
        Arc::make_mut(&mut one.leaf.rules)[1] = "denied:hours".to_owned();
    });
    liar.lie("another outcome", here, |one| {
        one.leaf.outcome = Some("server.serverproxy.quota_exceeded".to_owned());
    });
    liar.lie("another status", here, |one| one.leaf.status = Some(404));
    let others = liar.other(here);
    liar.lie("another link", here, |one| {
        one.leaf.answer_link = others.leaf.answer_link;
        one.kept = others.kept;
    });
    // Refused at the consumer's end.
    liar.lie("another client", there, |one| {
        one.leaf.client = Some("AZ/GOV/2001/OTHER".parse().unwrap());
    });
    liar.lie("names contract", there, swap);
    liar.lie("refuses it otherwise than recorded", there, |one| {
        Arc::make_mut(&mut one.leaf.rules)[1] = "denied:hours".to_owned();
    });
    liar.lie("refuses it otherwise than recorded", there, |one| {
        one.leaf.status = Some(404);
    });
    let others = liar.other(there);
    liar.lie("another request id", there, |one| one.kept = others.kept);
    liar.lie(
        "the contract allows the request that the leaf says it refused",
        there,
        |one| {
            one.kept = Kept::Question(allowed_question(&one.leaf, &versions[1]));
        },
    );
    liar.lie("the evidence is no question", there, |one| {
        one.kept = Kept::Question(b"{}".to_vec());
    });
    // The decision turned round.
    liar.lie("the evidence is no signed refusal", allowed, |one| {
        one.leaf.kind = Kind::Refused;
        one.leaf.decision = Some(false);
        let denied = std::iter::once("denied:purposes".to_owned());
        one.leaf.rules = one.leaf.rules.iter().cloned().chain(denied).collect();
    });
    liar.lie("the leaf records no allowed request", allowed, |one| {
        one.leaf.decision = Some(false);
    });
    let Liar {
        logged, told: lies, ..
    } = liar;
    let ids: Vec<(Uuid, &str)> = lies
        .iter()
        .map(|(at, why)| (logged[*at].leaf.request_id.unwrap(), *why))
        .collect();
    keys.write(folder.path(), logged).await;
    let (code, told, error) = replay(folder.path(), "journal", Some("evidence.key"));
    assert_eq!(code, 2, "{told}{error}");
    for (id, why) in &ids {
        let line = error.lines().find(|line| line.contains(&id.to_string()));
        let line =
            line.unwrap_or_else(|| panic!("nothing is said of the lie about {why}: {error}"));
        assert!(line.contains(why), "{line} instead of {why}");
    }
    assert_eq!(error.lines().count(), ids.len(), "{error}");
}

/// A question that the open version of the contract allows, of the exchange that a leaf is of.
fn allowed_question(leaf: &Leaf, (_, contract): &Version) -> Vec<u8> {
    let asked = json!({
        "request_id": leaf.request_id.unwrap().to_string(),
        "client": leaf.client.as_ref().unwrap().to_string(),
        "method": "GET",
        "target": format!("/r1/{}/1", contract.service()),
        "purpose": "tax",
        "contracts": [{ "version": contract.reference(), "in_hour": 0, "in_day": 0 }],
    });
    asked.to_string().into_bytes()
}
