//! Programs that compute although nobody asks them anything. Their share of the processor bounds what they take of it and not whom
//! they hold up: where the kernel interrupts a program only at its timer's ticks, each turn that one takes can cost an exchange of
//! another service a tick. Who is asked has its share. Who goes on unasked gets next to nothing until somebody asks, or it rests.

use std::convert::Infallible;
use std::io;
use std::path::Path;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::cage::{CpuGroup, PERIOD_US};
use crate::connections::{Connections, Open};

/// How often its time is looked at.
const EVERY: Duration = Duration::from_millis(250);
/// What is left to it: 2 ms a second, a tick of the kernel every other second.
const LEFT_US: u64 = 2_000;
const LEFT_PERIOD_US: u64 = 1_000_000;
/// Who did not need even that for so long rests.
const REST: Duration = Duration::from_secs(5);

/// The processor time of a program, and how long it may compute unasked.
#[derive(Debug)]
pub(crate) struct Processor {
    pub(crate) group: CpuGroup,
    /// Its share, of one processor in hundredths.
    pub(crate) percent: u64,
    pub(crate) patience: Duration,
}

// === impl Processor ===

impl Processor {
    /// Slows the program down whenever it computes unasked; returns why if its share can't be set.
    pub(crate) async fn keep(&self, adapter: &str, connections: &Connections) -> String {
        let mut open = connections.open();
        loop {
            self.computes_unasked(&mut open).await;
            connections.set_slowed(true);
            tracing::warn!(
                code = "adapter_slowed",
                adapter,
                "an adapter computes although nobody asks it anything, and gets next to no processor time until somebody does \
                 or it rests: mend it, or raise cage.unasked_seconds"
            );
            let slowed = self.slow(&mut open).await;
            connections.set_slowed(false);
            match slowed {
                Ok(()) => tracing::info!(adapter, "the adapter rests, and has its share again"),
                // Its group is gone with it: whoever waits for its end says why.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    match std::future::pending::<Infallible>().await {}
                }
                Err(error) => return format!("its processor time cannot be set: {error}"),
            }
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
    async fn slow(&self, open: &mut watch::Receiver<Open>) -> io::Result<()> {
        self.leave_little()?;
        let mut throttled = self.throttled();
        let mut judged = Instant::now() + REST;
        loop {
            tokio::select! {
                asked = open.wait_for(Open::any) => if asked.is_err() { return Ok(()) },
                // Questions of the node's own come more often than it takes to rest.
                () = tokio::time::sleep_until(judged) => {
                    let now = self.throttled();
                    if now == throttled {
                        return self.give_all();
                    }
                    throttled = now;
                    judged = Instant::now() + REST;
                    continue;
                }
            }
            self.give_all()?;
            if open.wait_for(|open| !open.any()).await.is_err() {
                return Ok(());
            }
            self.leave_little()?;
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
            |_several| Duration::from_micros(line(&text, "usage_usec")),
            Duration::from_nanos,
        )
    }

    /// In how many periods it wanted more than it got.
    fn throttled(&self) -> u64 {
        line(&text(&self.group.folder.join("cpu.stat")), "nr_throttled")
    }

    fn leave_little(&self) -> io::Result<()> {
        self.set(LEFT_US, LEFT_PERIOD_US, &["period", "quota"])
    }

    fn give_all(&self) -> io::Result<()> {
        let quota = self.percent.saturating_mul(PERIOD_US) / 100;
        self.set(quota, PERIOD_US, &["quota", "period"])
    }

    /// Sets quota and period, in version 1 in this order: in between it has never more than before and after.
    fn set(&self, quota: u64, period: u64, order: &[&str]) -> io::Result<()> {
        let folder = &self.group.folder;
        let both = folder.join("cpu.max");
        if both.is_file() {
            return std::fs::write(both, format!("{quota} {period}"));
        }
        order.iter().try_for_each(|which| {
            let value = if *which == "quota" { quota } else { period };
            let file = folder.join(format!("cpu.cfs_{which}_us"));
            std::fs::OpenOptions::new()
                .write(true)
                .truncate(true)
                .open(file)
                .and_then(|mut file| io::Write::write_all(&mut file, value.to_string().as_bytes()))
        })
    }
}

/// Where it is gone, the program is too.
fn text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn line(text: &str, name: &str) -> u64 {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    let found = lines.find(|(found, _)| *found == name);
    found
        .and_then(|(_, count)| count.trim().parse().ok())
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;
    use crate::connections::Door;

    /// The files of a group, as the kernel would keep them.
    struct Kernel {
        folder: TempDir,
        processor: Processor,
        connections: Connections,
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
            };
            kernel.says(Duration::ZERO, 0);
            kernel
        }

        fn says(&self, used: Duration, throttled: u64) {
            let used_us = used.as_micros();
            let mut stat = format!("nr_throttled {throttled}\nusage_usec {used_us}\n");
            if self.processor.group.usage.ends_with("cpuacct.usage") {
                // Version 1 counts the time elsewhere.
                stat.truncate(stat.find("usage_usec").unwrap());
                std::fs::write(
                    &self.processor.group.usage,
                    format!("{}\n", used.as_nanos()),
                )
                .unwrap();
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

        /// So many seconds in which it computes for so many hundredths.
        async fn computes(&self, used: &mut Duration, seconds: u32, hundredths: u32) {
            for _ in 0..seconds * 20 {
                *used += Duration::from_millis(50) * hundredths / 100;
                self.says(
                    *used,
                    u64::from(hundredths > 0) * u64::try_from(used.as_micros()).unwrap(),
                );
                tokio::time::advance(Duration::from_millis(50)).await;
            }
        }
    }

    const SHARE: &str = "50000 100000";
    const LITTLE: &str = "2000 1000000";

    #[tokio::test(start_paused = true)]
    async fn who_computes_unasked_has_its_share_again_while_it_is_asked_and_when_it_rests() {
        for version in [1, 2] {
            let kernel = Kernel::new(version);
            let mut used = Duration::ZERO;
            let story = async {
                // At work for somebody, it may take all that it has; in between, a little.
                let call = kernel.connections.call();
                kernel.computes(&mut used, 3, 50).await;
                drop(call);
                kernel.computes(&mut used, 3, 20).await;
                assert_eq!(kernel.share().trim(), "");
                kernel.computes(&mut used, 3, 50).await;
                assert_eq!(kernel.share(), LITTLE);
                let look = kernel.connections.worth_a_look(1);
                let waits = tokio::time::timeout(Duration::ZERO, look).await;
                waits.expect_err("nobody asks it");
                let call = kernel.connections.call();
                assert_eq!(kernel.connections.worth_a_look(1).await, 2);
                kernel.computes(&mut used, 1, 50).await;
                assert_eq!(kernel.share(), SHARE);
                drop(call);
                kernel.computes(&mut used, 20, 1).await;
                assert_eq!(kernel.share(), LITTLE, "it takes all of the little");
                kernel.computes(&mut used, 15, 0).await;
                assert_eq!(kernel.share(), SHARE, "it rests");
                assert_eq!(kernel.connections.worth_a_look(2).await, 2);
            };
            tokio::select! {
                why = kernel.processor.keep("a", &kernel.connections) => panic!("{why}"),
                () = story => {}
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn calls_one_after_the_other_are_asking_too() {
        let kernel = Kernel::new(2);
        let mut used = Duration::ZERO;
        let story = async {
            for _ in 0..10 {
                drop(kernel.connections.call());
                kernel.computes(&mut used, 1, 50).await;
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
        let mut kernel = Kernel::new(2);
        let mut used = Duration::ZERO;
        let file = kernel.folder.path().join("cpu.max");
        std::fs::remove_file(&file).unwrap();
        tokio::select! {
            why = kernel.processor.keep("a", &kernel.connections) => panic!("{why}"),
            () = kernel.computes(&mut used, 3, 50) => {}
        }
        // A folder is no file that anything could be written to.
        kernel.processor.group.folder = kernel.folder.path().to_owned();
        std::fs::create_dir(kernel.folder.path().join("cpu.cfs_period_us")).unwrap();
        let why = tokio::select! {
            why = kernel.processor.keep("a", &kernel.connections) => why,
            () = kernel.computes(&mut used, 3, 50) => panic!("it goes on"),
        };
        assert!(why.starts_with("its processor time cannot be set"), "{why}");
    }
}
