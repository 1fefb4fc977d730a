//! Signatures of the messages that wait: one for all that may be signed together.

use std::time::{Duration, Instant};

use bridge_signature::{Form, SignError, Signer, sign_batch};

use super::{Job, Station};
use crate::entry::{Signed, Unsigned};

/// The base and the signature of an entry's message; nothing if it has none to sign.
pub(super) type Made = Result<Option<(Vec<u8>, Signed)>, SignError>;

/// How long messages are signed one by one before all others go on. A key in memory makes hundreds of signatures in
/// that time; with a slow token those who ask for plain signatures keep each other waiting, and nobody else.
const TURN: Duration = Duration::from_millis(5);

impl Station {
    /// Signs what entries ask for; the second list holds what has to be signed alone and would take too long now.
    pub(super) fn sign(&self, jobs: Vec<Job>) -> (Vec<(Job, Made)>, Vec<Job>) {
        // While the node goes over to another key, those of the first that waits are signed together.
        let first = jobs.iter().find_map(|job| batchable(job));
        let first = first.map(|sign| self.signer(sign).key_id().to_owned());
        let is_batch = |job: &&Job| {
            let sign = batchable(job);
            sign.is_some_and(|sign| Some(self.signer(sign).key_id()) == first.as_deref())
        };
        // A lone message is plain: its receiver has nothing to gain from a tree.
        let mut values = match jobs.iter().filter(is_batch).count() {
            0 | 1 => None,
            _ => Some(self.sign_together(jobs.iter().filter(is_batch)).into_iter()),
        };
        let began = Instant::now();
        let (mut signed, mut postponed) = (Vec::with_capacity(jobs.len()), Vec::new());
        let mut alone = 0;
        for mut job in jobs {
            let together = is_batch(&&job);
            let value = match (&mut values, &job.entry.sign) {
                (_, None) => None,
                (Some(values), Some(_)) if together => values.next(),
                (_, Some(_)) if alone > 0 && began.elapsed() > TURN => {
                    postponed.push(job);
                    continue;
                }
                (_, Some(sign)) => {
                    alone += 1;
                    let value = self.signer(sign).sign(sign.plain.bytes());
                    Some(value.map(|value| (Form::Plain, value)))
                }
            };
            let made = value.zip(job.entry.sign.take());
            let made = made.map(|(value, sign)| value.map(|value| made_of(sign, value)));
            signed.push((job, made.transpose()));
        }
        if alone > 0 {
            self.tally(alone, alone);
        }
        (signed, postponed)
    }

    /// Makes one signature for several messages; if it fails, it fails for each.
    fn sign_together<'a>(
        &self,
        jobs: impl Iterator<Item = &'a Job>,
    ) -> Vec<Result<(Form, Vec<u8>), SignError>> {
        let signs: Vec<&Unsigned> = jobs.filter_map(batchable).collect();
        let bases = signs
            .iter()
            .filter_map(|sign| Some(sign.batch.as_ref()?.bytes()));
        let bases: Vec<&[u8]> = bases.collect();
        let signer = signs
            .first()
            .map_or(&*self.signer, |sign| self.signer(sign));
        match sign_batch(signer, &bases) {
            Ok(values) => {
                self.tally(1, values.len());
                values
                    .into_iter()
                    .map(|value| Ok((Form::Batch, value)))
                    .collect()
            }
            Err(error) => vec![Err(error); bases.len()],
        }
    }

    fn signer<'a>(&'a self, sign: &'a Unsigned) -> &'a dyn Signer {
        sign.signer.as_deref().unwrap_or(&*self.signer)
    }

    fn tally(&self, signatures: usize, messages: usize) {
        let tally = &mut self.shared.state().tally;
        tally.signatures += signatures as u64;
        tally.signed_messages += messages as u64;
    }
}

fn batchable(job: &Job) -> Option<&Unsigned> {
    job.entry.sign.as_ref().filter(|sign| sign.batch.is_some())
}

fn made_of(sign: Unsigned, (form, value): (Form, Vec<u8>)) -> (Vec<u8>, Signed) {
    let base = match (form, sign.batch) {
        (Form::Batch, Some(base)) => base,
        (Form::Plain | Form::Batch, _) => sign.plain,
    };
    let (bytes, input) = base.into_parts();
    (bytes, Signed { form, input, value })
}
