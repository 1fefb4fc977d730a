use std::time::Instant;

use bridge_adapter::Health;

use super::*;

/// Waits until something holds, as long as a slow machine may need.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds().await {
        assert!(Instant::now() < deadline, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn total(adapter: &FileAdapter) -> Value {
    get(adapter, "", &[]).await.1["total"].clone()
}

async fn alarm(adapter: &FileAdapter) -> Option<String> {
    match adapter.health().await {
        Health::Alarmed { reason } => Some(reason),
        Health::Ready => None,
        Health::NotReady { reason } => panic!("{reason}"),
    }
}

#[tokio::test]
async fn a_new_file_takes_the_place_of_the_old_one() {
    let desk = Desk::with(ROWS);
    let adapter = desk.open().unwrap();
    assert_eq!(total(&adapter).await, 3);
    let held = call(&adapter, &probe("/all", &[])).await.unwrap();
    desk.put(
        "execution.csv",
        format!("{HEADER}09;1;1;2026-03-31;\n").as_bytes(),
    );
    until("the new file is served", async || {
        total(&adapter).await == 1
    })
    .await;
    assert_eq!(alarm(&adapter).await, None);
    let begun = read(held).await.1;
    assert_eq!(
        begun.as_array().unwrap().len(),
        3,
        "an answer is of one file"
    );
}

#[tokio::test]
async fn a_broken_new_file_is_alarmed_and_the_old_one_goes_on() {
    let desk = Desk::with(ROWS);
    let adapter = desk.open().unwrap();
    desk.put(
        "execution.csv",
        format!("{HEADER}09;1;1;2026-03-31\n").as_bytes(),
    );
    until("the alarm", async || alarm(&adapter).await.is_some()).await;
    let reason = alarm(&adapter).await.unwrap();
    assert!(
        reason.starts_with("execution.csv:2: has 4 cells, the header has 5;")
            && reason.ends_with(" s old"),
        "{reason}"
    );
    assert_eq!(total(&adapter).await, 3, "the one before");
    desk.put(
        "execution.csv",
        format!("{HEADER}09;1;1;2026-03-31;\n").as_bytes(),
    );
    until("the mended file is served", async || {
        total(&adapter).await == 1
    })
    .await;
    assert_eq!(alarm(&adapter).await, None);
}

#[tokio::test]
async fn a_file_that_is_written_in_place_is_never_served_by_half() {
    let desk = Desk::with(ROWS);
    let adapter = desk.open().unwrap();
    // Each half is a sound file by itself.
    let path = desk.files().join("execution.csv");
    std::fs::write(&path, format!("{HEADER}09;1;1;2026-03-31;\n")).unwrap();
    until("the alarm", async || alarm(&adapter).await.is_some()).await;
    assert!(
        alarm(&adapter)
            .await
            .unwrap()
            .contains("was changed in place")
    );
    assert_eq!(total(&adapter).await, 3);
}

#[tokio::test]
async fn a_file_that_is_gone_is_alarmed_until_one_is_back() {
    let desk = Desk::with(ROWS);
    let adapter = desk.open().unwrap();
    let path = desk.files().join("execution.csv");
    let aside = desk.files().join("aside");
    std::fs::rename(&path, &aside).unwrap();
    until("the alarm", async || alarm(&adapter).await.is_some()).await;
    assert_eq!(total(&adapter).await, 3);
    std::fs::rename(&aside, &path).unwrap();
    until("all is well", async || alarm(&adapter).await.is_none()).await;
}

#[tokio::test]
async fn callers_see_one_file_or_the_other_while_files_change() {
    let of = |mark: u32| {
        let rows = (0..500).map(|n| format!("{n};{mark};1;2026-03-31;\n"));
        format!("{HEADER}{}", rows.collect::<String>())
    };
    let desk = Desk::new();
    desk.put("execution.csv", of(0).as_bytes());
    let adapter = desk.open().unwrap();
    for mark in 1..6 {
        desk.put("execution.csv", of(mark).as_bytes());
        until("the next file", async || {
            let (_, list) = get(&adapter, "/all", &[]).await;
            let list = list.as_array().unwrap();
            let first = &list[0]["period"]["quarter"];
            let same = list.iter().all(|row| row["period"]["quarter"] == *first);
            assert!(same && list.len() == 500, "a mixture");
            *first == mark
        })
        .await;
    }
}
