//! Which exchanges begin in a segment, counted by hour: a start counts quotas without reading every leaf of a day.
//!
//! Counts of a sealed segment stand in the catalogue and are no more trusted than its rows; without them the leaves are
//! read, and the counts kept again.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bridge_core::identity::{MemberId, SubsystemId};
use bridge_core::leaf::{Leaf, Side, UnixMillis};
use bridge_core::quota::{Account, Begun};

use crate::error::ReadError;
use crate::index::partition;
use crate::reader::SegmentReader;
use crate::shared::{Shared, Snapshot};

/// Allowed exchanges that begin in a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Begins {
    counts: BTreeMap<Beginning, u64>,
}

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Beginning {
    hour: u64,
    side: Side,
    provider: MemberId,
    contract_id: String,
    client: SubsystemId,
}

/// Is told of counts: what began, in which hour, how often.
type Tell<'a> = &'a mut dyn FnMut(&Begun<'_>, UnixMillis, u64);

const HOUR_MS: u64 = 3_600_000;

impl Beginning {
    /// What a leaf begins.
    pub(crate) fn of(leaf: &Leaf) -> Option<Self> {
        let begun = Begun::of(leaf)?;
        Some(Self {
            hour: leaf.time.0 / HOUR_MS,
            side: begun.side,
            provider: begun.account.provider.clone(),
            contract_id: begun.account.contract_id.to_owned(),
            client: begun.account.client.clone(),
        })
    }
}

impl Begins {
    /// Counts one.
    pub(crate) fn count(&mut self, beginning: Beginning) {
        let count = self.counts.entry(beginning).or_default();
        *count = count.saturating_add(1);
    }

    /// Tells of those from an hour on.
    fn tell(&self, since_hour: u64, tell: Tell<'_>) {
        for (of, count) in self.counts.iter().filter(|(of, _)| of.hour >= since_hour) {
            let begun = Begun {
                side: of.side,
                account: Account {
                    provider: &of.provider,
                    contract_id: &of.contract_id,
                    client: &of.client,
                },
            };
            tell(&begun, UnixMillis(of.hour * HOUR_MS), *count);
        }
    }

    /// Writes the counts, one a line.
    pub(crate) fn write(&self) -> Vec<u8> {
        let mut text = String::new();
        for (of, count) in &self.counts {
            let side = match of.side {
                Side::Consumer => 'c',
                Side::Provider => 'p',
            };
            let (hour, client, provider) = (of.hour, &of.client, &of.provider);
            // With its escapes no text can pass for a second line. Writing into a String has no way to fail.
            let contract_id = serde_json::Value::from(of.contract_id.as_str());
            writeln!(
                text,
                "{hour} {side} {count} {client} {provider} {contract_id}"
            )
            .unwrap_or_default();
        }
        text.into_bytes()
    }

    /// Reads what was written.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut counts = BTreeMap::new();
        for line in std::str::from_utf8(bytes).ok()?.lines() {
            let mut parts = line.splitn(6, ' ');
            let hour = parts.next()?.parse().ok()?;
            let side = match parts.next()? {
                "c" => Side::Consumer,
                "p" => Side::Provider,
                _ => return None,
            };
            let count = parts.next()?.parse().ok()?;
            let client = parts.next()?.parse().ok()?;
            let beginning = Beginning {
                hour,
                side,
                provider: parts.next()?.parse().ok()?,
                contract_id: serde_json::from_str(parts.next()?).ok()?,
                client,
            };
            counts.insert(beginning, count);
        }
        Some(Self { counts })
    }
}

/// Tells of all exchanges that began since the full hour of a time; returns how many leaves were read for it.
pub(crate) fn each_begun_since(
    shared: &Shared,
    snapshot: &Snapshot,
    since: UnixMillis,
    tell: Tell<'_>,
) -> Result<u64, ReadError> {
    let since_hour = since.0 / HOUR_MS;
    let mut read = 0;
    for sealed in snapshot.sealed.iter() {
        let row = &sealed.row;
        if row.to_ms / HOUR_MS < since_hour {
            continue;
        }
        if let Some(kept) = shared.catalogue.begins(row) {
            kept.tell(since_hour, tell);
            continue;
        }
        let reader = SegmentReader::sealed(shared, sealed)?;
        let (begins, leaves) = read_all(reader, since_hour)?;
        read += leaves;
        // Half a segment's counts are no segment's.
        if leaves == row.count {
            shared.catalogue.write_begins(row, &begins);
        }
        begins.tell(since_hour, tell);
    }
    for held in &snapshot.held {
        held.begins.tell(since_hour, tell);
    }
    Ok(read)
}

/// Counts what begins in a segment from an hour on, by its leaves; with their number.
fn read_all(mut reader: SegmentReader<'_>, since_hour: u64) -> Result<(Begins, u64), ReadError> {
    let count = reader.count;
    let start = partition(count, |at| {
        Ok::<_, ReadError>(reader.leaf(at)?.time.0 / HOUR_MS < since_hour)
    })?;
    let mut begins = Begins::default();
    for ordinal in start..count {
        if let Some(beginning) = Beginning::of(&reader.leaf(ordinal)?) {
            begins.count(beginning);
        }
    }
    Ok((begins, count - start))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bridge_core::leaf::Kind;

    #[test]
    fn counts_are_read_as_they_were_written() {
        let mut begins = Begins::default();
        for (kind, ms) in [
            (Kind::RequestSent, 1),
            (Kind::RequestSent, HOUR_MS - 1),
            (Kind::RequestReceived, HOUR_MS),
            (Kind::ResponseSigned, HOUR_MS),
        ] {
            let mut leaf = Leaf::new(kind, UnixMillis(ms));
            leaf.decision = Some(true);
            leaf.contract = Some("c\n-1 \"@x".to_owned());
            leaf.client = Some("AZ/GOV/1001/TAX%20OFFICE".parse().unwrap());
            leaf.service = Some("AZ/GOV/1003/LAND/parcel".parse().unwrap());
            if let Some(beginning) = Beginning::of(&leaf) {
                begins.count(beginning);
            }
        }
        let again = Begins::parse(&begins.write()).unwrap();
        assert_eq!(again, begins);
        let mut told = Vec::new();
        again.tell(0, &mut |begun, at, count| {
            told.push((
                begun.side,
                begun.account.contract_id.to_owned(),
                at.0,
                count,
            ));
        });
        let contract = || "c\n-1 \"".to_owned();
        assert_eq!(
            told,
            [
                (Side::Consumer, contract(), 0, 2),
                (Side::Provider, contract(), HOUR_MS, 1)
            ]
        );
        for bad in [
            "x",
            "1 z 2 AZ/GOV/1001/A AZ/GOV/1003 \"c\"\n",
            "1 c 2 AZ AZ/GOV/1003 \"c\"\n",
            "1 c 2 AZ/GOV/1001/A AZ/GOV/1003 c\n",
            // As it was written before providers were told apart: the leaves are read again.
            "1 c 2 AZ/GOV/1001/A \"c\"\n",
        ] {
            assert_eq!(Begins::parse(bad.as_bytes()), None, "{bad}");
        }
    }
}
