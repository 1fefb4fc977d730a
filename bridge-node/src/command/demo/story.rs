//! What the demonstration shows, step by step, each with its claim.

use serde_json::Value;

use super::world::three;
use super::{Tally, Teller, Verified, claim};
use crate::command::trial::client::{Answer, Query};
use crate::command::trial::world::{Agency, World};
use crate::command::{Failure, officer};

const PERSON: &str = "/r1/AZ/GOV/1001/POPULATION/person/MBXEHTV";
const STATUS: &str = "/r1/AZ/GOV/1001/POPULATION/status/MBXEHTV";
const TAX: Query<'static> = Query {
    path: PERSON,
    purpose: Some("tax-assessment"),
    basis: Some("tax-code-23"),
};
const EXECUTIVE: Query<'static> = Query {
    path: STATUS,
    purpose: Some("appeal-handling"),
    basis: Some("appeals-law-8"),
};

/// The exchange of step 2, as the asking agency's journal has it.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) id: String,
    pub(super) last_leaf: u64,
}

/// Tells the story and checks it.
pub(super) async fn tell(teller: Teller, world: &World) -> Result<(Tally, Shown), Failure> {
    let [population, tax, executive] = three(world)?;
    let mut tally = Tally::default();
    teller.tell(
        "\n1. Three agencies are at work, each with a node of its own and no hub between them:",
    );
    for agency in &world.agencies {
        teller.tell(&format!(
            "   {:<48} {}  node at {}",
            agency.name, agency.member, agency.ports.peer
        ));
    }

    let answer = person(teller, world, tax).await?;
    tally.exchanges += 1;
    teller.tell(
        "\n3. The local executive authority asks for a person's status, with an API key this time:",
    );
    let status = EXECUTIVE.by_key(executive).await?;
    claim(
        status.status == 200,
        &format!("the status is answered with 200, not {}", status.status),
    )?;
    tally.exchanges += 1;
    show(teller, &status);

    teller.tell("\n4. The tax service asks again and does not say what for:");
    refusal(
        teller,
        tax,
        world,
        Query {
            purpose: None,
            ..TAX
        },
        403,
        &mut tally,
    )
    .await?;
    teller.tell("\n5. The local executive authority asks for the whole person, for which it has no contract:");
    refusal(
        teller,
        executive,
        world,
        Query {
            path: PERSON,
            ..EXECUTIVE
        },
        403,
        &mut tally,
    )
    .await?;

    teller.tell("\n6. Both journals hold the exchange of step 2; equal links prove that they speak of the same messages:");
    let id = answer.field("x-road-request-id").to_owned();
    let last_leaf = links(teller, tax, population, &id).await?;
    Ok((tally, Shown { id, last_leaf }))
}

/// The main query: an answer cut to the purpose.
async fn person(teller: Teller, world: &World, tax: &Agency) -> Result<Answer, Failure> {
    teller.tell(
        "\n2. The tax service asks the population register for a person. As curl would send it:",
    );
    teller.tell(&format!("   {}", TAX.as_curl(world, tax)));
    let answer = TAX.by_certificate(world, tax).await?;
    claim(
        answer.status == 200,
        &format!("the person is answered with 200, not {}", answer.status),
    )?;
    show(teller, &answer);
    let person = answer.json();
    claim(
        person.pointer("/name/last").is_some(),
        "the name is in the answer",
    )?;
    claim(
        person.pointer("/birth").is_none(),
        "the birth date is cut: the contract does not name it",
    )?;
    teller.tell("   The register knows birth date, place and street too: the contract lets only these fields leave, and");
    teller.tell("   they were cut at the provider's node before it signed the answer.");
    Ok(answer)
}

fn show(teller: Teller, answer: &Answer) {
    teller.tell(&format!("   HTTP {}", answer.status));
    for name in ["x-road-request-id", "bridge-receipt", "bridge-peer-receipt"] {
        if !answer.field(name).is_empty() {
            teller.tell(&format!("   {name}: {}", answer.field(name)));
        }
    }
    teller.tell(&format!("   {}", String::from_utf8_lossy(&answer.body)));
}

async fn refusal(
    teller: Teller,
    agency: &Agency,
    world: &World,
    query: Query<'_>,
    status: u16,
    tally: &mut Tally,
) -> Result<(), Failure> {
    let answer = query.by_certificate(world, agency).await?;
    let body = answer.json();
    let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
    claim(
        answer.status == status,
        &format!("refused with {status}, not {}", answer.status),
    )?;
    claim(
        answer.field("x-road-error") == text("type"),
        "X-Road-Error equals the type in the body",
    )?;
    tally.refusals += 1;
    teller.tell(&format!("   HTTP {}  {}", answer.status, text("type")));
    teller.tell(&format!("   {}", text("message")));
    Ok(())
}

/// Finds the exchange in both journals, as two officers would, and compares; returns the consumer's last leaf of it.
async fn links(
    teller: Teller,
    consumer: &Agency,
    provider: &Agency,
    id: &str,
) -> Result<u64, Failure> {
    let (ours, last_leaf) = show_exchange(consumer, id).await?;
    let (theirs, _) = show_exchange(provider, id).await?;
    for (agency, leaves) in [(consumer, &ours), (provider, &theirs)] {
        for leaf in leaves {
            teller.tell(&format!(
                "   {}  {:<17} link {}  answer link {}",
                agency.member,
                text(leaf, "kind"),
                shorten(text(leaf, "link")),
                shorten(text(leaf, "answer_link")),
            ));
        }
    }
    let all = |name: &str, leaves: &[Value]| -> Vec<String> {
        let mut found: Vec<String> = leaves
            .iter()
            .map(|leaf| text(leaf, name).to_owned())
            .filter(|v| !v.is_empty())
            .collect();
        found.dedup();
        found
    };
    for name in ["link", "answer_link"] {
        let (a, b) = (all(name, &ours), all(name, &theirs));
        claim(
            a.len() == 1 && a == b,
            &format!("both journals hold the same {name}"),
        )?;
    }
    Ok(last_leaf)
}

async fn show_exchange(agency: &Agency, id: &str) -> Result<(Vec<Value>, u64), Failure> {
    let socket = agency.folder.join("data/admin.sock");
    let key = agency.folder.join("officer.key");
    let found = officer::exchange((&socket, "officer", &key), &format!("/show/{id}"), None).await?;
    let records = found
        .get("records")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let index = |record: &Value| record.get("index")?.as_u64();
    let last = records.iter().filter_map(index).max().unwrap_or_default();
    let leaves = records
        .iter()
        .filter_map(|record| record.get("leaf").cloned())
        // The officer's own look is a leaf too; it belongs to no exchange.
        .filter(|leaf| text(leaf, "kind") != "audit-read");
    Ok((leaves.collect(), last))
}

fn text<'a>(leaf: &'a Value, name: &str) -> &'a str {
    leaf.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn shorten(text: &str) -> String {
    if text.is_empty() {
        "-".to_owned()
    } else {
        text.chars().take(12).chain("…".chars()).collect()
    }
}

/// Lines to try by hand while the nodes stay up.
pub(super) fn invite(teller: Teller, world: &World) -> Result<(), Failure> {
    let [_, tax, executive] = three(world)?;
    teller.tell("\nThe nodes stay up until you press Ctrl-C. Try:");
    teller.tell(&format!("   {}", TAX.as_curl(world, tax)));
    teller.tell(&format!("   {}", EXECUTIVE.as_curl(world, executive)));
    let methods = Query {
        path: "/r1/AZ/GOV/1001/POPULATION/listMethods",
        purpose: None,
        basis: None,
    };
    teller.tell(&format!("   {}", methods.as_curl(world, tax)));
    Ok(())
}

/// Re-derives every journal from its files, with the evidence, after the nodes have stopped.
pub(super) fn verify(teller: Teller, world: &World, tally: &mut Tally) -> Result<(), Failure> {
    teller.tell("\n8. The nodes are stopped. Each journal is verified from its files alone:");
    for agency in &world.agencies {
        let secret = bridge_certs::read_secret_file(&agency.folder.join("keys/evidence.key"))
            .map_err(|error| Failure::failed("evidence key", &error))?;
        let options = bridge_verify::Options {
            evidence_key: Some(*secret),
            vkey: None,
            ..bridge_verify::Options::default()
        };
        let report =
            bridge_verify::verify(&agency.folder.join("data/journal"), &options, &mut |_| {})
                .map_err(|findings| {
                    Failure::NotGenuine(findings.iter().map(ToString::to_string).collect())
                })?;
        claim(report.leaves > 0, "the journal holds leaves")?;
        teller.tell(&format!(
            "   {}  verified: {} leaves, {} checkpoints, {} evidence records opened",
            agency.member, report.leaves, report.checkpoints, report.evidence_opened
        ));
        tally.journals.push(Verified {
            member: agency.member.clone(),
            leaves: report.leaves,
        });
    }
    Ok(())
}
