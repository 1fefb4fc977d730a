//! A data folder that is started twice, copied, or put back.

use std::fs;
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
