//! Power cuts: a disk that records every change and every sync, cut anywhere, in thousands of random lives.
//!
//! Each seed is a journal's story: it is opened, several tasks record, it is closed or killed, perhaps opened
//! again; then the power goes at any step, recovery's own steps included, and the disk holds what was
//! synced and any part of the rest (`power.rs`). Up to three such cuts follow one another. After each one
//! the journal opens, every leaf that anybody was told of is there with its evidence, and it goes on; at
//! the end `bridge-verify` judges the folder.
//!
//! `BRIDGE_CUTS=10000` sets how many seeds are tried, `BRIDGE_CUTS_SEED=7` tries that one alone. A seed fixes
//! all but how the journal's threads take turns; so a failure also keeps the folder as it was after the cut.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test that can't go on should stop where it stands"
)]

mod chance;
mod life;
mod power;
mod recording;

use std::sync::atomic::{AtomicU64, Ordering};

use chance::Chance;
use life::{Keys, Past, judge, scratch};
use power::{Harm, after_cut};
use recording::{Honesty, Image, Recording};

/// How many seeds a plain run tries.
const SEEDS: u64 = 1000;
/// How many seeds the controls try.
const CONTROL_SEEDS: u64 = 60;
/// Cuts that follow one another, at most.
const CUTS: usize = 3;

/// What a number of stories came to.
#[derive(Debug, Default)]
struct Tally {
    stories: u64,
    cuts: usize,
    /// Cuts before the first leaf of a life, while the journal was being opened.
    cuts_in_recovery: usize,
    told: usize,
    harm: Harm,
    failures: Vec<(u64, String)>,
}

/// Tells one story; says what is wrong with its end.
async fn story(seed: u64, honesty: Honesty, tally: &mut Tally) -> Result<(), String> {
    let mut chance = Chance::of(seed);
    let (keys, mut past) = (Keys::new(), Past::default());
    let mut disk = Recording::on(Image::default(), honesty);
    for _ in 0..=chance.below(CUTS) {
        let mut recovered = Vec::new();
        for _ in 0..=chance.below(2) {
            live(&keys, &mut past, &disk, &mut chance, &mut recovered).await?;
        }
        let (durable, steps) = disk.story();
        // Half the cuts come while a journal is being opened, or soon after.
        let last = *recovered.last().expect("one life at least");
        let cut = match chance.below(4) {
            0 => last.0 + chance.below(last.1 - last.0 + 1),
            1 => (last.1 + chance.below(12)).min(steps.len()),
            _ => chance.below(steps.len() + 1),
        };
        tally.cuts += 1;
        tally.cuts_in_recovery += usize::from((last.0..last.1).contains(&cut));
        past.until(cut);
        let left = after_cut(&durable, &steps[..cut], &mut chance, &mut tally.harm);
        disk = Recording::on(left, honesty);
    }
    let mut recovered = Vec::new();
    let left = disk.seen();
    let ended = last_life(&keys, &mut past, &disk, &mut chance, &mut recovered).await;
    tally.told += past.told.len();
    ended.map_err(|why| {
        if honesty == Honesty::Honest {
            let kept = scratch().keep();
            left.write_to(&kept);
            return format!("{why}\n  the disk after the last cut: {}", kept.display());
        }
        why
    })
}

/// Opens, checks, records, and closes or dies. Notes between which steps it was opened.
async fn live(
    keys: &Keys,
    past: &mut Past,
    disk: &Recording,
    chance: &mut Chance,
    recovered: &mut Vec<(usize, usize)>,
) -> Result<(), String> {
    let from = disk.now();
    let journal = keys.open(disk, chance);
    let journal = journal.map_err(|error| format!("it doesn't open: {error:?}"))?;
    recovered.push((from, disk.now()));
    // What a verifier finds beside the working node holds at any moment.
    judge(&disk.now_seen(), &journal)?;
    past.check(&journal, chance)?;
    past.record(&journal, disk, chance).await;
    judge(&disk.now_seen(), &journal)?;
    if chance.once_in(3) {
        journal.close().await.unwrap();
    }
    Ok(())
}

/// The last life ends in order, and what it leaves is judged.
async fn last_life(
    keys: &Keys,
    past: &mut Past,
    disk: &Recording,
    chance: &mut Chance,
    recovered: &mut Vec<(usize, usize)>,
) -> Result<(), String> {
    live(keys, past, disk, chance, recovered).await?;
    let journal = keys.open(disk, chance);
    let journal = journal.map_err(|error| format!("it doesn't open again: {error:?}"))?;
    past.check(&journal, chance)?;
    journal.close().await.unwrap();
    let report = judge(&disk.seen(), &journal)?;
    if report.leaves < past.told.len() as u64 || report.evidence_opened < past.told.len() as u64 {
        return Err(format!("told of {} leaves: {report:?}", past.told.len()));
    }
    Ok(())
}

/// Tells stories on all processors until `end` or ten failures.
fn stories(seeds: std::ops::Range<u64>, honesty: Honesty) -> Tally {
    let next = AtomicU64::new(seeds.start);
    let worker = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let mut tally = Tally::default();
        while tally.failures.len() < 10 || honesty != Honesty::Honest {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            tally.stories += 1;
            if let Err(why) = runtime.block_on(story(seed, honesty, &mut tally)) {
                tally.failures.push((seed, why));
            }
        }
        tally
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        let mut all = Tally::default();
        for one in running {
            all.add(one.join().unwrap());
        }
        all
    })
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.stories += other.stories;
        self.cuts += other.cuts;
        self.cuts_in_recovery += other.cuts_in_recovery;
        self.told += other.told;
        self.harm.lost_names += other.harm.lost_names;
        self.harm.reordered_names += other.harm.reordered_names;
        self.harm.torn_files += other.harm.torn_files;
        self.harm.stale_sectors += other.harm.stale_sectors;
        self.failures.extend(other.failures);
    }
}

fn asked(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{name} is a number, not {text}")),
    )
}

#[test]
fn no_power_cut_loses_what_was_acknowledged() {
    let seeds = match asked("BRIDGE_CUTS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..asked("BRIDGE_CUTS").unwrap_or(SEEDS),
    };
    let count = seeds.end - seeds.start;
    let tally = stories(seeds, Honesty::Honest);
    let told: Vec<String> = tally
        .failures
        .iter()
        .map(|(seed, why)| format!("BRIDGE_CUTS_SEED={seed}: {why}"))
        .collect();
    assert!(told.is_empty(), "{}", told.join("\n"));
    assert_eq!(tally.stories, count);
    if count >= SEEDS {
        // The cuts hit what they are for.
        let harm = tally.harm;
        for (what, number) in [
            ("cuts in recovery", tally.cuts_in_recovery),
            ("names lost", harm.lost_names),
            ("names reordered", harm.reordered_names),
            ("files torn", harm.torn_files),
            ("stale sectors", harm.stale_sectors),
        ] {
            assert!(
                number * 50 >= tally.cuts,
                "only {number} {what} in {tally:?}"
            );
        }
        assert!(tally.told as u64 > count, "{tally:?}");
    }
}

#[test]
fn a_disk_whose_syncs_do_nothing_is_found_out() {
    for honesty in [Honesty::FileSyncsDoNothing, Honesty::FolderSyncsDoNothing] {
        let tally = stories(0..CONTROL_SEEDS, honesty);
        let failed = tally.failures.len() as u64;
        assert!(
            failed * 3 >= CONTROL_SEEDS,
            "{honesty:?}: only {failed} of {CONTROL_SEEDS} noticed it"
        );
        let lost = |why: &str| why.contains("is lost") || why.contains("doesn't open");
        assert!(
            tally.failures.iter().any(|(_, why)| lost(why)),
            "{honesty:?}: {:?}",
            tally.failures
        );
    }
}
