//! Hostile certificates: each is a good one in which one rule is broken, and is refused for that rule.

use std::collections::BTreeSet;

use crate::profile::Profile;

mod chains;
mod dates;
mod forge;
mod form;
mod keys;
mod names;
mod usages;

use forge::{Chain, Paper};

type Bend = fn(&mut Chain);

/// One certificate that is refused.
struct Row {
    /// Where the rule stands that it breaks; RFC 5280 if no other is named.
    rule: &'static str,
    what: &'static str,
    /// In the words of the refusal; of what is malformed, all of them.
    reason: &'static str,
    profile: Profile,
    /// Makes the good certificate that differs in this rule alone.
    twin: Bend,
    bend: Bend,
}

const fn row(rule: &'static str, what: &'static str, reason: &'static str, bend: Bend) -> Row {
    Row {
        rule,
        what,
        reason,
        profile: Profile::Tls,
        twin: |_| {},
        bend,
    }
}

impl Row {
    const fn of(mut self, profile: Profile) -> Self {
        self.profile = profile;
        self
    }

    const fn twin(mut self, twin: Bend) -> Self {
        self.twin = twin;
        self
    }
}

fn rows() -> impl Iterator<Item = &'static Row> {
    let tables = [
        form::ROWS,
        dates::ROWS,
        names::ROWS,
        usages::ROWS,
        keys::ROWS,
        chains::ROWS,
    ];
    tables.into_iter().flatten()
}

#[test]
fn a_certificate_that_breaks_one_rule_is_refused_for_that_one_and_its_good_twin_is_taken() {
    let mut wrong = Vec::new();
    for row in rows() {
        let Row { rule, what, .. } = row;
        let mut chain = Chain::good(row.profile);
        (row.twin)(&mut chain);
        if let Err(said) = chain.check(row.profile) {
            wrong.push(format!("{rule} {what}: the twin is refused: {said}"));
        }
        (row.bend)(&mut chain);
        match chain.check(row.profile) {
            Ok(_) => wrong.push(format!("{rule} {what}: taken")),
            Err(said) if is_for(row.reason, &said) => {}
            Err(said) => wrong.push(format!("{rule} {what}: refused for another reason: {said}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Some words of what is malformed begin others.
fn is_for(reason: &str, said: &str) -> bool {
    match said.split_once(MALFORMED) {
        Some((_, what)) => what == reason.strip_prefix(MALFORMED).unwrap_or(reason),
        None => said.contains(reason),
    }
}

const MALFORMED: &str = "the certificate is malformed: ";

#[test]
fn there_are_more_than_four_hundred_of_them_no_two_alike_and_of_every_use() {
    let names: BTreeSet<_> = rows()
        .map(|row| (row.rule, row.what, row.profile))
        .collect();
    assert_eq!(names.len(), rows().count());
    assert!(names.len() > 400, "{}", names.len());
    let leaves = Profile::ALL.into_iter().filter(|one| !one.is_authority());
    for profile in leaves {
        assert!(rows().any(|row| row.profile == profile), "{profile}");
    }
}

/// Whatever is cut off of any certificate of a chain, it is refused; so is each with a byte more.
#[test]
fn no_beginning_of_a_certificate_is_one_nor_one_with_a_byte_more() {
    let mut chain = Chain::good(Profile::Tls);
    let lengths = [&chain.root, &chain.issuing, &chain.leaf].map(|paper| paper.der().len());
    for (place, length) in lengths.into_iter().enumerate() {
        // A signature's length differs by a few bytes from one signing to the next.
        for cut in 1..length - 8 {
            CUT.set(cut);
            paper_at(&mut chain, place).bend = |der| der.truncate(der.len() - CUT.get());
            assert!(
                chain.check(Profile::Tls).is_err(),
                "{place}: {cut} bytes less"
            );
        }
        paper_at(&mut chain, place).bend = |der| der.push(0);
        let said = chain.check(Profile::Tls).unwrap_err();
        assert!(said.ends_with("bytes after its end"), "{place}: {said}");
        chain = Chain::good(Profile::Tls);
    }
}

fn paper_at(chain: &mut Chain, place: usize) -> &mut Paper {
    match place {
        0 => &mut chain.root,
        1 => &mut chain.issuing,
        _ => &mut chain.leaf,
    }
}

std::thread_local! {
    static CUT: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}
