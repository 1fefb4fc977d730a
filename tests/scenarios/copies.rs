//! A data folder that is started twice, copied, or put back.

use std::fs;
use std::path::Path;
use std::process::Command;

use bridge_tests::claims;
use bridge_tests::process::{Process, reserve_ports};
use bridge_tests::wait::now_s;
use bridge_tests::world::{PATH, World, usual};

#[tokio::test]
async fn a_data_folder_started_twice_or_copied_is_refused_until_the_operator_vouches_for_it() {
    let mut world = World::with().contract(usual()).make().await;
    world.provider.start().await;
    world.consumer.ports = reserve_ports();
    world.consumer.write_settings();
    world.publish(now_s());
    world.provider.refresh().await;
    let mut node = Process::run(&world.consumer).await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    let said = world.consumer.refused_start();
    let process = format!("in use by process {}", node.id());
    assert!(
        said.contains(&process) && said.contains("data/journal"),
        "{said}"
    );
    assert!(said.contains("stop the other node"), "{said}");
    world.consumer.get(PATH).by_key().send().await.answered(200);
    node.terminate();
    assert_eq!(node.ended().await.code(), Some(0));

    let [data, copy, away] = ["data", "copy", "away"].map(|name| world.consumer.folder.join(name));
    let copied = Command::new("cp").arg("-a").args([&data, &copy]).status();
    assert!(copied.unwrap().success());
    fs::rename(&data, &away).unwrap();
    fs::rename(&copy, &data).unwrap();
    let said = world.consumer.refused_start();
    assert!(
        said.contains("this is a copy of its folder") && said.contains("--moved"),
        "{said}"
    );
    claims::verifies(&world.consumer);
    let mut node = Process::run_with(&world.consumer, &["--moved"], &[]).await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    node.terminate();
    assert_eq!(node.ended().await.code(), Some(0));
    // Said once, it is known; and the original is a copy now only for its own eyes, which nobody but witnesses can open.
    let mut node = Process::run(&world.consumer).await;
    world.consumer.get(PATH).by_key().send().await.answered(200);
    node.terminate();
    assert_eq!(node.ended().await.code(), Some(0));
    claims::verifies(&world.consumer);

    let home = data.join("journal/home");
    let text = fs::read_to_string(&home).unwrap();
    let at = text.find("\"machine\":\"").unwrap() + 11;
    let elsewhere = format!("{}{}{}", &text[..at], "A".repeat(10), &text[at + 10..]);
    // Written in place, so that only the machine differs.
    fs::write(&home, elsewhere).unwrap();
    let said = world.consumer.refused_start();
    assert!(said.contains("this is another machine"), "{said}");
}

#[tokio::test]
async fn what_the_segments_can_tell_is_made_anew_with_one_warning_each() {
    let mut world = World::with().contract(usual()).make().await;
    world.provider.start().await;
    world.consumer.ports = reserve_ports();
    world.consumer.write_settings();
    world.publish(now_s());
    world.provider.refresh().await;
    let mut node = Process::run(&world.consumer).await;
    let answer = world.consumer.get(PATH).by_key().send().await;
    answer.answered(200);
    node.terminate();
    assert_eq!(node.ended().await.code(), Some(0));
    let journal = world.consumer.journal();
    let first = journal.join("segments/00000000000000000000");
    fs::remove_file(first.with_extension("index")).unwrap();
    fs::write(journal.join("checkpoint"), "not a checkpoint").unwrap();
    for entry in fs::read_dir(journal.join("cache")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::write(path, [0xff; 64]).unwrap();
        }
    }
    fs::remove_file(&node.log).unwrap();
    let mut node = Process::run(&world.consumer).await;
    let log = fs::read_to_string(&node.log).unwrap();
    for told in [
        "an index is lost or damaged and made anew",
        "checkpoint: not a checkpoint",
        "the journal's cache is damaged",
    ] {
        let warnings = log.lines().filter(|line| line.contains(told));
        let warnings: Vec<&str> = warnings.collect();
        assert!(
            matches!(warnings[..], [one] if one.contains("WARN")),
            "{told}: {warnings:?}"
        );
    }
    world.consumer.get(PATH).by_key().send().await.answered(200);
    node.terminate();
    assert_eq!(node.ended().await.code(), Some(0));
    claims::verifies(&world.consumer);
    world.consumer.start().await;
    assert_eq!(claims::kinds(&world.consumer, answer.request_id()).len(), 2);
}

/// A segment with a bit flipped in the middle of what it holds, its bytes before and now, and where that was.
struct Spoilt<'a> {
    segment: &'a Path,
    good: Vec<u8>,
    bad: Vec<u8>,
    at: usize,
}

impl<'a> Spoilt<'a> {
    fn new(segment: &'a Path) -> Self {
        let good = fs::read(segment).unwrap();
        let mut bad = good.clone();
        let at = good.iter().rposition(|byte| *byte != 0).unwrap() / 2;
        bad[at] ^= 1;
        fs::write(segment, &bad).unwrap();
        Self {
            segment,
            good,
            bad,
            at,
        }
    }

    /// Its name in the journal's folder.
    fn file(&self) -> String {
        let name = self.segment.file_name().unwrap();
        format!("segments/{}", name.to_str().unwrap())
    }

    /// Checks that a text names the file and a place in it before the changed byte.
    fn is_placed(&self, said: &str) {
        let (_, place) = said
            .split_once(&format!("{} at byte ", self.file()))
            .unwrap_or_else(|| panic!("no place: {said}"));
        let (offset, _) = place.split_once(':').unwrap();
        let offset: usize = offset.parse().unwrap();
        assert!((4096..=self.at).contains(&offset), "{offset}: {said}");
    }

    /// Nothing was cut or mended behind the operator's back; then the operator restores the file.
    fn restore(self) {
        let is_untouched = fs::read(self.segment).unwrap() == self.bad;
        assert!(is_untouched, "the file was changed");
        fs::write(self.segment, self.good).unwrap();
    }
}

#[tokio::test]
async fn a_byte_changed_in_a_segment_is_named_with_file_offset_and_remedy_and_nothing_is_cut() {
    let mut world = World::with().contract(usual()).make().await;
    world.settle();
    world.provider.start().await;
    world.publish(now_s());
    let mut node = Process::run(&world.consumer).await;
    let mut ids = Vec::new();
    // Four fill a segment.
    for _ in 0..10 {
        let ask = world.consumer.ask("POST", PATH).by_key();
        let answer = ask.body("x".repeat(500_000)).send().await;
        answer.answered(200);
        ids.push(answer.request_id().to_string());
    }
    node.terminate();
    assert_eq!(node.ended().await.code(), Some(0));
    let folder = world.consumer.journal().join("segments");
    let files = fs::read_dir(folder).unwrap();
    let mut segments: Vec<_> = files
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "segment"))
        .collect();
    segments.sort();
    let [oldest, .., newest] = segments.as_slice() else {
        panic!("several segments: {segments:?}");
    };

    // The newest is read at the start, which is refused.
    let spoilt = Spoilt::new(newest);
    let said = world.consumer.refused_start();
    spoilt.is_placed(&said);
    for told in [
        "data/journal: the journal is damaged",
        "restore this file from a backup or the disk's mirror",
        "nothing was cut",
    ] {
        assert!(said.contains(told), "{told}: {said}");
    }
    spoilt.restore();

    // An older one is read when somebody asks for what it holds: that alone is refused.
    let spoilt = Spoilt::new(oldest);
    let mut node = Process::run(&world.consumer).await;
    let mut damaged = Vec::new();
    for id in &ids {
        let said = world.consumer.officer(&["audit", "show", id]).await;
        if said.code != 0 {
            damaged.push(said.err);
        }
    }
    assert_eq!(damaged.len(), 1, "{damaged:?}");
    for told in [
        "the journal is damaged",
        &spoilt.file(),
        "the evidence of leaf ",
        "run `bridge-node audit verify`",
    ] {
        assert!(damaged[0].contains(told), "{told}: {}", damaged[0]);
    }
    world.consumer.get(PATH).by_key().send().await.answered(200);
    node.terminate();
    assert_eq!(node.ended().await.code(), Some(0));
    spoilt.restore();
    claims::verifies(&world.consumer);
}
