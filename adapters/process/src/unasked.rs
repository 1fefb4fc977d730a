//! Programs that compute although nobody asks them anything. Their share of the processor bounds what they take of it and not whom
//! they hold up: where the kernel interrupts a program only at its timer's ticks, each turn that one takes can cost an exchange of
//! another service a tick. Who is asked has its share. Who goes on unasked gets next to nothing until somebody asks, or it rests.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::cage::{CpuGroup, PERIOD_US, count_in, quota_us, text};
use crate::connections::{Connections, Open};

/// What is said of a slowed program.
pub(crate) const SLOWED: &str = "it computes although nobody asks it anything, and gets next to no processor time until somebody does or it rests";
/// How often its time is looked at.
const EVERY: Duration = Duration::from_millis(250);
/// What is left to it: 2 ms a second, a tick of the kernel every other second.
const LEFT_US: u64 = 2_000;
/// So long is a period while little is left of it.
const LONG_PERIOD_US: u64 = 1_000_000;
/// Who for so long wanted no more than that in most periods rests.
const REST: Duration = Duration::from_secs(5);

/// The processor time of a program, and how long it may compute unasked.
#[derive(Debug)]
pub(crate) struct Processor {
    pub(crate) group: CpuGroup,
    /// Its share, of one processor in hundredths.
    pub(crate) percent: u64,
    pub(crate) patience: Duration,
}

/// Periods in which a program ran, and those in which it wanted more than it got.
#[derive(Debug, Clone, Copy, Default)]
struct Periods {
    all: u64,
    throttled: u64,
}

// === impl Processor ===

impl Processor {
    /// Slows the program down whenever it computes unasked; returns why if its share can't be set.
    pub(crate) async fn keep(&self, adapter: &str, connections: &Connections) -> String {
        let mut open = connections.open();
        loop {
            self.computes_unasked(&mut open).await;
            connections.set_slowed(true);
            let slowed = self.slow(adapter, &mut open).await;
            connections.set_slowed(false);
            match slowed {
                Ok(()) => tracing::info!(adapter, "the adapter rests, and has its share again"),
                // Its group is gone with it: whoever waits for its end says why.
                Err(error) if is_gone(&error) => return std::future::pending().await,
                Err(error) => return format!("its processor time cannot be set: {error}"),
            }
        }
    }

    /// Gives the program all of its share, to end in time.
    pub(crate) fn release(&self) {
        if let Err(error) = self.give_all() {
            tracing::debug!(%error, "a program that ends has the share that it had");
        }
    }

    /// Returns when it has computed for as long as it may, on average for half the time, and nobody asked it meanwhile.
    async fn computes_unasked(&self, open: &mut watch::Receiver<Open>) {
        let (mut since, mut before) = (Instant::now(), self.used());
        let mut last = *open.borrow_and_update();
        loop {
            tokio::time::sleep(EVERY).await;
            let now = *open.borrow_and_update();
            let was_asked = last.calls > 0 || now.asked != last.asked;
            last = now;
            let passed = since.elapsed();
            let used = self.used().saturating_sub(before);
            if !was_asked && passed < self.patience {
                continue;
            }
            if !was_asked && used >= self.much(passed) {
                return;
            }
            (since, before) = (Instant::now(), self.used());
        }
    }

    /// Leaves it next to nothing but for the time of questions, until it rests.
    async fn slow(&self, adapter: &str, open: &mut watch::Receiver<Open>) -> io::Result<()> {
        self.leave_little()?;
        tracing::warn!(
            code = "adapter_slowed",
            adapter,
            "{SLOWED}: mend it, or raise cage.unasked_seconds"
        );
        // What it did while it was asked says nothing.
        let (mut unasked, mut seen) = (Duration::ZERO, Periods::default());
        loop {
            let (since, before) = (Instant::now(), self.periods());
            let asked = tokio::select! {
                _asked = open.wait_for(Open::any) => true,
                () = tokio::time::sleep(REST.saturating_sub(unasked)) => false,
            };
            let now = self.periods();
            unasked += since.elapsed();
            seen.all += now.all.saturating_sub(before.all);
            seen.throttled += now.throttled.saturating_sub(before.throttled);
            if unasked >= REST {
                if seen.throttled * 2 <= seen.all {
                    return self.give_all();
                }
                (unasked, seen) = (Duration::ZERO, Periods::default());
            }
            if asked {
                self.answer()?;
                drop(open.wait_for(|open| !open.any()).await);
                self.leave_little()?;
            }
        }
    }

    /// Half of its share, and of one processor where it may have several.
    fn much(&self, passed: Duration) -> Duration {
        let hundredths = u32::try_from(self.percent.min(100)).unwrap_or(100);
        passed * hundredths / 200
    }

    /// The time that it has used so far.
    fn used(&self) -> Duration {
        let text = text(&self.group.usage);
        // Version 1 has one number, of nanoseconds; version 2 has a line among others, of microseconds.
        text.trim().parse().map_or_else(
            |_several| Duration::from_micros(count_in(&text, "usage_usec")),
            Duration::from_nanos,
        )
    }

    fn periods(&self) -> Periods {
        let text = text(&self.group.folder.join("cpu.stat"));
        Periods {
            all: count_in(&text, "nr_periods"),
            throttled: count_in(&text, "nr_throttled"),
        }
    }

    fn leave_little(&self) -> io::Result<()> {
        self.set(LEFT_US, LONG_PERIOD_US, &["period", "quota"])
    }

    /// All of its share, at once: with another period it would begin at the end of the one that runs.
    fn answer(&self) -> io::Result<()> {
        let quota = quota_us(self.percent, LONG_PERIOD_US);
        self.set(quota, LONG_PERIOD_US, &["quota"])
    }

    fn give_all(&self) -> io::Result<()> {
        let quota = quota_us(self.percent, PERIOD_US);
        self.set(quota, PERIOD_US, &["quota", "period"])
    }

    /// Sets quota and period, in version 1 those of `order`: in between it has never more than before and after.
    fn set(&self, quota: u64, period: u64, order: &[&str]) -> io::Result<()> {
        let folder = &self.group.folder;
        let both = folder.join("cpu.max");
        if both.is_file() {
            return write(&both, &format!("{quota} {period}"));
        }
        order.iter().try_for_each(|which| {
            let value = if *which == "quota" { quota } else { period };
            write(
                &folder.join(format!("cpu.cfs_{which}_us")),
                &value.to_string(),
            )
        })
    }
}

/// Writes to a file that is there.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(text.as_bytes())
}

/// Whether a group was removed, before or while its file was open.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || Errno::from_io_error(error) == Some(Errno::NODEV)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tempfile::TempDir;

    use super::*;
    use crate::connections::Door;

    /// The files of a group, as the kernel would keep them.
    struct Kernel {
        folder: TempDir,
        processor: Processor,
        connections: Connections,
        so_far: Mutex<(Duration, Periods)>,
    }

    impl Kernel {
        fn new(version: u32) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let own = folder.path().to_owned();
            let files: &[&str] = match version {
                1 => &["cpu.cfs_quota_us", "cpu.cfs_period_us"],
                _ => &["cpu.max"],
            };
            for file in files {
                std::fs::write(own.join(file), "").unwrap();
            }
            let usage = own.join(if version == 1 {
                "cpuacct.usage"
            } else {
                "cpu.stat"
            });
            let connections = Connections::new(Door::open(&own, 0).unwrap(), 1);
            let kernel = Self {
                processor: Processor {
                    group: CpuGroup { folder: own, usage },
                    percent: 50,
                    patience: Duration::from_secs(1),
                },
                folder,
                connections,
                so_far: Mutex::default(),
            };
            kernel.says(Duration::ZERO, Periods::default());
            kernel
        }

        fn says(&self, used: Duration, periods: Periods) {
            let Periods { all, throttled } = periods;
            let used_us = used.as_micros();
            let mut stat =
                format!("nr_periods {all}\nnr_throttled {throttled}\nusage_usec {used_us}\n");
            if self.processor.group.usage.ends_with("cpuacct.usage") {
                // Version 1 counts the time elsewhere.
                stat.truncate(stat.find("usage_usec").unwrap());
                let nanos = format!("{}\n", used.as_nanos());
                std::fs::write(&self.processor.group.usage, nanos).unwrap();
            }
            std::fs::write(self.folder.path().join("cpu.stat"), stat).unwrap();
        }

        /// Quota and period, as they were set last.
        fn share(&self) -> String {
            let read = |file| std::fs::read_to_string(self.folder.path().join(file));
            read("cpu.max").unwrap_or_else(|_version_1| {
                let files = ["cpu.cfs_quota_us", "cpu.cfs_period_us"];
                files.map(|file| read(file).unwrap()).join(" ")
            })
        }

        /// A period in which it takes so much, and may want more.
        fn runs(&self, takes: Duration, wants_more: bool) {
            let (used, periods) = &mut *self.so_far.lock().unwrap();
            *used += takes;
            periods.all += 1;
            periods.throttled += u64::from(wants_more);
            self.says(*used, *periods);
        }

        /// So many seconds in which it computes for so many hundredths, and wants more in so many of ten periods.
        async fn computes(&self, seconds: u32, hundredths: u32, more: u64) {
            let step = Duration::from_millis(50);
            for number in 0..u64::from(seconds) * 20 {
                self.runs(step * hundredths / 100, number % 10 < more);
                tokio::time::advance(step).await;
            }
        }
    }

    const SHARE: &str = "50000 100000";
    const ANSWERS: &str = "500000 1000000";
    const LITTLE: &str = "2000 1000000";
    /// Of ten periods.
    const ALL: u64 = 10;

    #[tokio::test(start_paused = true)]
    async fn who_computes_unasked_has_its_share_again_while_it_is_asked_and_when_it_rests() {
        for version in [1, 2] {
            let kernel = Kernel::new(version);
            tokio::select! {
                why = kernel.processor.keep("a", &kernel.connections) => panic!("{why}"),
                () = slowed_and_released(&kernel) => {}
            }
        }
    }

    async fn slowed_and_released(kernel: &Kernel) {
        // At work for somebody, it may take all that it has; in between, a little.
        let call = kernel.connections.call();
        kernel.computes(3, 50, ALL).await;
        drop(call);
        kernel.computes(3, 20, 0).await;
        assert_eq!(kernel.share().trim(), "");
        kernel.computes(3, 50, ALL).await;
        assert_eq!(kernel.share(), LITTLE);
        let look = kernel.connections.worth_a_look(1);
        let waits = tokio::time::timeout(Duration::ZERO, look).await;
        waits.expect_err("nobody asks it");
        // However long it is asked, and whether or not it wants more meanwhile.
        for more in [0, ALL] {
            let call = kernel.connections.call();
            kernel.connections.worth_a_look(1).await;
            kernel.computes(9, 50, more).await;
            assert_eq!(kernel.share(), ANSWERS);
            drop(call);
            kernel.computes(1, 1, ALL).await;
            assert_eq!(kernel.share(), LITTLE);
        }
        kernel.computes(20, 1, 6).await;
        assert_eq!(kernel.share(), LITTLE, "it wants more in most periods");
        assert!(kernel.connections.is_slowed());
        kernel.computes(12, 1, 4).await;
        assert_eq!(kernel.share(), SHARE, "it rests");
        assert!(!kernel.connections.is_slowed());
    }

    #[tokio::test(start_paused = true)]
    async fn calls_one_after_the_other_are_asking_too() {
        let kernel = Kernel::new(2);
        let story = async {
            for _ in 0..10 {
                drop(kernel.connections.call());
                kernel.computes(1, 50, ALL).await;
            }
            assert_eq!(kernel.share(), "");
        };
        tokio::select! {
            why = kernel.processor.keep("a", &kernel.connections) => panic!("{why}"),
            () = story => {}
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_group_that_takes_no_share_ends_the_program_and_one_that_is_gone_waits_for_its_end() {
        let kernel = Kernel::new(2);
        let file = kernel.folder.path().join("cpu.max");
        let story = async {
            kernel.computes(3, 50, ALL).await;
            assert!(kernel.connections.is_slowed());
            std::fs::remove_file(&file).unwrap();
            let _call = kernel.connections.call();
            kernel.computes(1, 50, ALL).await;
            assert!(!kernel.connections.is_slowed(), "it was tried");
        };
        tokio::select! {
            why = kernel.processor.keep("a", &kernel.connections) => panic!("{why}"),
            () = story => {}
        }
        // A folder is no file that anything could be written to.
        std::fs::create_dir(kernel.folder.path().join("cpu.cfs_period_us")).unwrap();
        let why = tokio::select! {
            why = kernel.processor.keep("a", &kernel.connections) => why,
            () = kernel.computes(3, 50, ALL) => panic!("it goes on"),
        };
        assert!(why.starts_with("its processor time cannot be set"), "{why}");
    }
}
