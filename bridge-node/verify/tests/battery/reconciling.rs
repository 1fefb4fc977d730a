//! Two journals held against each other: what is matched, explained, open, missing, or told differently.

use std::fs;

use bridge_core::leaf::{Kind, UnixMillis};
use bridge_journal::PageQuery;
use bridge_verify::{
    Chosen, Class, LeavesFault, LeavesWriter, Options, ReconcileError, Seen, Step, read_leaves,
    reconcile, verify_each,
};

use crate::model::{b64url, hash};
use crate::two_ends::{
    Ends, Leaves, START_MS, STEP_MS, ending, exchange, open, record, request_id, run,
};

#[test]
fn one_suppressed_of_ten_thousand_is_named_exactly() {
    for (count, at_provider) in [(10_000, true), (5_000, false)] {
        let ends = Ends::write(count, |number, (consumer, provider)| {
            if number == 4711 {
                if at_provider { provider } else { consumer }.clear();
            }
        });
        let (summary, told) = ends.reconcile();
        assert_eq!(
            (summary.matched, summary.missing),
            (count - 1, 1),
            "{summary:?}"
        );
        assert_eq!(
            (summary.explained, summary.open, summary.differs),
            (0, 0, 0)
        );
        assert!(!summary.is_clean());
        let [one] = told.as_slice() else {
            panic!("{told:?}")
        };
        assert_eq!(one.request_id, request_id(4711).to_string());
        assert_eq!(one.class, Class::Missing);
        let side = if at_provider { "provider" } else { "consumer" };
        assert_eq!(one.missing_at, Some(side), "{one:?}");
        let member = if at_provider { "2001" } else { "1001" };
        let log = format!("exchange.example/AZ/GOV/{member}/NODE1/1#");
        assert_eq!(one.leaves.len(), 2);
        assert!(
            one.leaves.iter().all(|leaf| leaf.starts_with(&log)),
            "{one:?}"
        );
        let left: Vec<_> = fs::read_dir(ends.folder.path()).unwrap().collect();
        assert_eq!(left.len(), 2, "the files for sorting are gone: {left:?}");
    }
}

/// What is done to an exchange.
type Change = fn(&mut Leaves);

/// Ten exchanges of which the sixth is changed, judged; what is told of it.
fn sixth(change: impl Fn(&mut Leaves)) -> (Class, Option<&'static str>, Vec<&'static str>, String) {
    let ends = Ends::write(10, |number, leaves| {
        if number == 5 {
            change(leaves);
        }
    });
    let (summary, told) = ends.reconcile();
    assert_eq!(summary.matched, 9, "{told:?}");
    let [one] = told.as_slice() else {
        panic!("{told:?}")
    };
    assert_eq!(one.request_id, request_id(5).to_string());
    let fields = one.differs.iter().map(|pair| pair.field).collect();
    (one.class, one.missing_at, fields, one.why.clone())
}

#[test]
fn every_field_that_both_ends_tell_is_compared_and_named() {
    let changes: [(&str, Change); 14] = [
        ("client", |(_, p)| {
            p[0].client = Some("AZ/GOV/2001/OTHER".parse().unwrap());
        }),
        ("service", |(_, p)| {
            p[0].service = Some("AZ/GOV/1001/POPULATION/all".parse().unwrap());
        }),
        ("endpoint", |(_, p)| {
            p[0].endpoint = Some("POST /*".to_owned());
        }),
        ("purpose", |(_, p)| p[0].purpose = None),
        ("basis", |(c, _)| c[0].basis = Some("law \"24\"".to_owned())),
        ("contract", |(_, p)| {
            p[0].contract = Some(format!("c1@{}", b64url(&hash(&[b"other"]))));
        }),
        ("request_size", |(c, _)| c[0].request_size = Some(512)),
        ("keyid", |(c, _)| c[0].keyid = Some("another".to_owned())),
        ("nonce", |(_, p)| {
            p[0].nonce = Some(bridge_core::leaf::nonce_mark(&[1; 16]));
        }),
        ("link", |(_, p)| {
            for leaf in p {
                leaf.link = Some([1; 32]);
            }
        }),
        ("outcome", |(c, _)| c[1].outcome = Some("other".to_owned())),
        ("status", |(c, _)| c[1].status = Some(404)),
        ("answer_size", |(_, p)| p[1].answer_size = Some(2048)),
        ("peer_keyid", |(_, p)| {
            p[1].keyid = Some("another".to_owned());
        }),
    ];
    for (field, change) in changes {
        let (class, missing, fields, _) = sixth(change);
        assert_eq!(
            (class, missing, fields),
            (Class::Differs, None, vec![field])
        );
    }
    let (class, _, fields, _) = sixth(|(c, _)| c[1].answer_link = Some([1; 32]));
    assert_eq!((class, fields), (Class::Differs, vec!["answer_link"]));
}

#[test]
fn what_a_leaf_explains_is_not_a_finding() {
    let cases: [(Change, &str); 6] = [
        // The provider never heard of it.
        (
            |(c, p)| {
                c[1] = ending(&c[0], Kind::Refused, Some("server.clientproxy.timeout"));
                p.clear();
            },
            "consumer: server.clientproxy.timeout; the provider has nothing of it",
        ),
        // It answered, and nobody heard.
        (
            |(c, _)| c[1] = ending(&c[0], Kind::Refused, Some("server.clientproxy.timeout")),
            "consumer: server.clientproxy.timeout; provider: ok",
        ),
        (
            |(c, p)| {
                c[1] = ending(&c[0], Kind::Refused, Some("server.clientproxy.timeout"));
                p[1] = ending(&p[0], Kind::Interrupted, None);
            },
            "consumer: server.clientproxy.timeout; provider: interrupted",
        ),
        (
            |(c, _)| c[1] = ending(&c[0], Kind::Interrupted, None),
            "consumer: interrupted; provider: ok",
        ),
        // The answer came after the caller had been told that none did.
        (
            |(c, _)| {
                let mut late = c[1].clone();
                late.outcome = Some("late".to_owned());
                c[1] = ending(&c[0], Kind::Refused, Some("server.clientproxy.timeout"));
                c.push(late);
            },
            "the answer came too late",
        ),
        (
            |(c, p)| {
                *c = vec![ending(
                    &c[0],
                    Kind::Refused,
                    Some("server.clientproxy.access_denied"),
                )];
                p.clear();
            },
            "consumer: server.clientproxy.access_denied; not sent",
        ),
    ];
    for (change, why) in cases {
        let (class, missing, fields, told) = sixth(change);
        assert_eq!(
            (class, missing, fields.len()),
            (Class::Explained, None, 0),
            "{why}"
        );
        assert_eq!(told, why);
    }
}

#[test]
fn a_signed_refusal_is_matched_and_a_replay_beside_it_is_no_finding() {
    let refused = |leaf: &bridge_core::leaf::Leaf, link: u8, outcome: &str| {
        let mut leaf = ending(leaf, Kind::Refused, Some(outcome));
        leaf.answer_link = Some([link; 32]);
        leaf.status = Some(403);
        // A refusal knows less than a leaf that begins an exchange.
        (leaf.endpoint, leaf.purpose, leaf.basis, leaf.contract) = (None, None, None, None);
        leaf
    };
    let denied = "server.serverproxy.access_denied";
    let ends = Ends::write(10, |number, (consumer, provider)| {
        let first = provider[0].clone();
        if number == 5 {
            *provider = vec![refused(&first, 7, denied)];
            consumer[1].outcome = Some(denied.to_owned());
            (consumer[1].status, consumer[1].answer_link) = (Some(403), Some([7; 32]));
        }
        if number == 6 {
            provider.push(refused(&first, 9, "server.serverproxy.replayed"));
        }
    });
    let (summary, told) = ends.reconcile();
    assert_eq!((summary.matched, told.len()), (10, 0), "{told:?}");
    assert!(summary.is_clean());
}

#[test]
fn a_leaf_that_must_be_there_is_missing_at_its_end() {
    let cases: [(Change, &str); 7] = [
        // Each leaf alone.
        (|(_, p)| drop(p.remove(0)), "provider"),
        (|(c, _)| drop(c.remove(0)), "consumer"),
        (|(c, _)| drop(c.remove(1)), "consumer"),
        (|(_, p)| drop(p.remove(1)), "provider"),
        (|(_, p)| p.clear(), "provider"),
        (|(c, _)| c.clear(), "consumer"),
        // A second request under the same id.
        (
            |(_, p)| {
                let mut other = ending(&p[0], Kind::Refused, Some("replayed"));
                (other.link, other.answer_link) = (Some([3; 32]), Some([4; 32]));
                p.push(other);
            },
            "consumer",
        ),
    ];
    for (number, (change, side)) in cases.into_iter().enumerate() {
        let (class, missing, _, why) = sixth(change);
        assert_eq!(
            (class, missing),
            (Class::Missing, Some(side)),
            "{number}: {why}"
        );
    }
}

#[test]
fn an_end_in_the_other_members_journal_is_not_believed() {
    let cases: [Change; 6] = [
        // The provider invents an exchange, both ends of it.
        |(c, p)| p.append(c),
        // It alters one and tells the consumer's end to match, beside the real one or in the stead of what is left of it.
        |(c, p)| {
            let mut forged = c.clone();
            for leaf in p.iter_mut().chain(&mut forged) {
                leaf.purpose = Some("another".to_owned());
                leaf.link = Some([1; 32]);
            }
            p.append(&mut forged);
        },
        |(c, p)| p.push(c.remove(1)),
        // The same in its own name, or in nobody's.
        |(c, p)| {
            let mut forged = c.clone();
            for leaf in p.iter_mut().chain(&mut forged) {
                leaf.client = Some("AZ/GOV/1001/POPULATION".parse().unwrap());
            }
            p.append(&mut forged);
        },
        |(c, p)| {
            let mut refused = ending(&c[0], Kind::Refused, Some("timeout"));
            (refused.client, refused.service) = (None, None);
            p.push(refused);
            c.truncate(1);
        },
        // The consumer invents a signed refusal.
        |(c, p)| {
            let mut refused = ending(&p[0], Kind::Refused, c[1].outcome.as_deref());
            refused.answer_link = c[1].answer_link;
            p.clear();
            c.push(refused);
        },
    ];
    for (number, change) in cases.into_iter().enumerate() {
        let (class, _, _, why) = sixth(change);
        assert_eq!(
            (class, why.as_str()),
            (Class::Differs, "a journal tells the other member's end"),
            "{number}"
        );
    }
}

#[test]
fn a_refusal_in_anothers_name_accuses_nobody() {
    // Somebody asked the consumer's node in the provider's name, and the provider's node for a service of the consumer.
    let ends = Ends::write(10, |number, (consumer, provider)| {
        if number == 5 {
            let mut refused = ending(&consumer[0], Kind::Refused, Some("access_denied"));
            refused.client = Some("AZ/GOV/1001/POPULATION".parse().unwrap());
            refused.service = Some("AZ/GOV/2001/TAX/all".parse().unwrap());
            *consumer = vec![refused];
            provider.clear();
        }
        if number == 6 {
            let mut refused = ending(&provider[0], Kind::Refused, Some("unknown_service"));
            refused.client = None;
            refused.service = Some("AZ/GOV/2001/TAX/all".parse().unwrap());
            *provider = vec![refused];
            consumer.clear();
        }
    });
    let (summary, told) = ends.reconcile();
    assert_eq!((summary.matched, summary.explained), (8, 1), "{told:?}");
    assert!(summary.is_clean());
}

#[test]
fn a_step_that_an_end_tells_twice_is_a_finding_and_a_refusal_is_not() {
    let twice: [Change; 4] = [
        |(c, _)| c.push(c[0].clone()),
        |(c, _)| c.push(c[1].clone()),
        |(_, p)| p.push(p[0].clone()),
        // Whichever of the two the other end agrees with.
        |(_, p)| {
            let mut other = p[1].clone();
            other.answer_link = Some([1; 32]);
            p.insert(1, other);
        },
    ];
    for (number, change) in twice.into_iter().enumerate() {
        let (class, _, _, why) = sixth(change);
        assert_eq!(
            (class, why.as_str()),
            (Class::Differs, "an end tells a step twice"),
            "{number}"
        );
    }
    let (class, ..) = sixth(|(c, p)| {
        c[1] = ending(&c[0], Kind::Refused, Some("timeout"));
        for _ in 0..2 {
            p.push(ending(&p[0], Kind::Refused, Some("replayed")));
        }
    });
    assert_eq!(class, Class::Explained);
}

#[test]
fn an_end_without_a_beginning_is_told_within_the_time_that_was_read() {
    // The ends alone, at 100 s (about where the reading begins) and at 400 s.
    let ends = Ends::write(600, |number, (consumer, provider)| match number {
        100 | 400 => {
            consumer.remove(0);
            provider.clear();
        }
        110 | 410 => {
            consumer.clear();
            provider.remove(0);
        }
        _ => {}
    });
    let mut plan = ends.plan();
    plan.edge_ms = 60_000;
    plan.from_ms = Some(START_MS + 90 * STEP_MS);
    let (summary, told) = run(&plan);
    let ids: Vec<&str> = told.iter().map(|one| one.request_id.as_str()).collect();
    for number in [400, 410] {
        assert!(
            ids.contains(&request_id(number).to_string().as_str()),
            "{told:?}"
        );
    }
    assert_eq!((summary.missing, told.len()), (2, 2), "{told:?}");
}

#[test]
fn where_a_journal_begins_or_ends_an_exchange_is_open() {
    let skew = 60_000;
    let ends = Ends::write(600, |number, (consumer, provider)| {
        for leaf in provider.iter_mut() {
            leaf.time = UnixMillis(leaf.time.0 + skew);
        }
        match number {
            // Before the provider's first leaf, after its last, and in the middle.
            0 | 300 => provider.clear(),
            598 => drop(provider.remove(1)),
            599 => consumer.truncate(1),
            _ => {}
        }
    });
    let mut plan = ends.plan();
    plan.edge_ms = 180_000;
    let (summary, told) = run(&plan);
    assert_eq!(
        (summary.matched, summary.open, summary.missing),
        (596, 3, 1),
        "{told:?}"
    );
    let missing: Vec<&str> = told
        .iter()
        .filter(|one| one.class == Class::Missing)
        .map(|one| one.request_id.as_str())
        .collect();
    assert_eq!(missing, [request_id(300).to_string()]);

    // An officer who knows that both journals reach further says so.
    plan.to_ms = Some(START_MS + 600 * STEP_MS + 180_000);
    let (summary, _) = run(&plan);
    assert_eq!((summary.open, summary.missing), (1, 3));

    // A part of the time: what is matched across its edges is matched.
    plan.from_ms = Some(START_MS + 100 * STEP_MS);
    plan.to_ms = Some(START_MS + 200 * STEP_MS);
    let (summary, told) = run(&plan);
    assert_eq!((summary.matched, told.len()), (101, 0), "{told:?}");
}

#[test]
fn the_receipt_that_an_answer_bore_is_held_against_the_providers_log() {
    let log = "exchange.example/AZ/GOV/1001/NODE1/1";
    let with = |index: u64| format!("{log}#{index}:{}", b64url(&[7; 32]));
    // The leaf of a request is at twice its number; the last three exchanges are beyond what edges let judge.
    let ends = Ends::write(300, |number, (consumer, provider)| {
        let index = match number {
            100 => 77,
            ..298 => 2 * number,
            // The provider has none of it, and one before.
            _ => 2 * number - 2,
        };
        let receipt = if number == 299 { 1_000_000 } else { index };
        consumer[1]
            .facts
            .insert("peer_receipt".to_owned(), with(receipt));
        if number >= 298 {
            provider.clear();
        }
    });
    let mut plan = ends.plan();
    plan.edge_ms = 180_000;
    let (summary, told) = run(&plan);
    let found = |class: Class| -> Vec<&str> {
        let of = told.iter().filter(|one| one.class == class);
        of.map(|one| one.request_id.as_str()).collect()
    };
    assert_eq!(
        found(Class::Differs),
        [request_id(100).to_string()],
        "{told:?}"
    );
    let differs = told.iter().find(|one| one.class == Class::Differs).unwrap();
    assert_eq!(differs.differs[0].field, "peer_receipt");
    assert_eq!(
        (&differs.differs[0].consumer, &differs.differs[0].provider),
        (&format!("{log}#77"), &format!("{log}#200"))
    );
    // A leaf that the log has is named whatever the edges are; one beyond it may still come.
    assert_eq!(found(Class::Missing), [request_id(298).to_string()]);
    assert_eq!(found(Class::Open), [request_id(299).to_string()]);
    assert_eq!(summary.matched, 297);
}

#[test]
fn a_journal_that_does_not_verify_is_said_and_is_no_clean_result() {
    let ends = Ends::write(300, |_, _| {});
    assert!(ends.reconcile().0.is_clean());
    let segment = ends
        .provider()
        .join("segments/00000000000000000000.segment");
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes
        .windows(7)
        .rposition(|part| part == b"GET /*\"")
        .unwrap();
    bytes[at] = b'P';
    fs::write(&segment, bytes).unwrap();
    let (summary, _) = ends.reconcile();
    let [consumer, provider] = summary.sources.as_slice() else {
        panic!("{summary:?}")
    };
    assert_eq!(consumer.faults, [""; 0]);
    assert!(!provider.faults.is_empty() && !summary.is_clean());

    let mut plan = ends.plan();
    // The key of the directory is not the one in the folder.
    plan.vkeys[0] = Ends::write(1, |_, _| {}).vkeys[0].clone();
    let (summary, _) = run(&plan);
    assert!(
        summary.sources[0]
            .faults
            .iter()
            .any(|fault| fault.contains("another verifier key")),
        "{summary:?}"
    );
}

#[test]
fn a_pipe_in_the_stead_of_a_file_ends_the_reading_and_does_not_hold_it() {
    let ends = Ends::write(3, |_, _| {});
    let pipe = |path: &std::path::Path| {
        let made = std::process::Command::new("mkfifo").arg(path).status();
        assert!(made.unwrap().success());
    };
    let origin = ends.provider().join("origin");
    fs::remove_file(&origin).unwrap();
    pipe(&origin);
    let leaves = ends.folder.path().join("leaves");
    pipe(&leaves);
    for source in [ends.provider(), leaves] {
        let mut plan = ends.plan();
        plan.sources[1] = source;
        let (told, ended) = std::sync::mpsc::channel();
        // A reading that is held is left to itself.
        std::thread::spawn(move || {
            let refused = reconcile(&plan, &mut |_| {}, &mut |_| {});
            drop(told.send(refused.map(drop)));
        });
        let refused = ended.recv_timeout(std::time::Duration::from_mins(1));
        let refused = refused.expect("it ends");
        assert!(
            matches!(
                refused,
                Err(ReconcileError::Unknown { .. }
                    | ReconcileError::Unreadable { .. }
                    | ReconcileError::Work(_))
            ),
            "{refused:?}"
        );
    }
}

#[test]
fn journals_of_one_member_or_one_log_twice_are_refused() {
    let ends = Ends::write(3, |_, _| {});
    let mut plan = ends.plan();
    plan.sources = vec![ends.consumer(), ends.consumer()];
    let refused = reconcile(&plan, &mut |_| {}, &mut |_| {});
    assert!(
        matches!(refused, Err(ReconcileError::Twice { .. })),
        "{refused:?}"
    );
    plan.sources = vec![ends.consumer()];
    let refused = reconcile(&plan, &mut |_| {}, &mut |_| {});
    assert!(
        matches!(refused, Err(ReconcileError::Members { .. })),
        "{refused:?}"
    );
}

/// Writes the leaves of one end's journal to a file.
fn leaves_file(ends: &Ends, chosen: &Chosen) -> std::path::PathBuf {
    let path = ends.folder.path().join("provider.leaves");
    let mut writer = None;
    let options = Options::default();
    verify_each(&ends.provider(), &options, &mut |_| {}, &mut |seen| {
        if let Seen::Log {
            vkey,
            published: Some(published),
            ..
        } = seen
        {
            writer = Some(
                LeavesWriter::new(
                    fs::File::create(&path).unwrap(),
                    chosen.clone(),
                    vkey,
                    published,
                )
                .unwrap(),
            );
        } else if let Some(writer) = &mut writer {
            writer.see(seen);
        }
    })
    .unwrap();
    assert!(writer.unwrap().finish().unwrap() > 0);
    path
}

#[test]
fn a_leaves_file_reconciles_as_the_journal_it_was_made_of() {
    let ends = Ends::write(600, |number, (_, provider)| {
        if number == 77 {
            provider.clear();
        }
        // Exchanges of somebody else, whose leaves are not for this file.
        if number % 3 == 1 {
            for leaf in provider {
                leaf.client = Some("AZ/GOV/20012/TAX".parse().unwrap());
                leaf.request_id = Some(request_id(number + 10_000));
            }
        }
    });
    let chosen = Chosen {
        member: Some("AZ/GOV/2001".to_owned()),
        from_ms: None,
        to_ms: None,
    };
    let file = leaves_file(&ends, &chosen);
    let mut shown = Vec::new();
    let log = read_leaves(&file, Some(&ends.vkeys[1]), &mut |seen| {
        if let Seen::Leaf { bytes, .. } = seen {
            shown.push(String::from_utf8(bytes.to_vec()).unwrap());
        }
    })
    .unwrap();
    assert_eq!(
        (log.leaves, log.member.as_deref()),
        (798, Some("AZ/GOV/2001"))
    );
    assert!(
        shown
            .iter()
            .all(|leaf| leaf.contains("\"AZ/GOV/2001/TAX\""))
    );

    let by_folders = ends.reconcile();
    let mut plan = ends.plan();
    plan.sources[1] = file;
    let (summary, mut told) = run(&plan);
    let mut expected = by_folders.1;
    for list in [&mut told, &mut expected] {
        list.sort_by(|one, other| one.request_id.cmp(&other.request_id));
    }
    assert_eq!(told, expected);
    assert_eq!(summary.missing, by_folders.0.missing);
    assert!(
        told.iter()
            .any(|one| one.request_id == request_id(77).to_string())
    );
}

/// The pages of a running journal, one behind the other, as a leaves file.
fn pages(journal: &bridge_journal::Journal, since_ms: u64, leaves: u64, bytes: usize) -> Vec<u8> {
    let member = "AZ/GOV/2001".parse().unwrap();
    let mut query = PageQuery {
        member: &member,
        from: 0,
        size: None,
        since_ms,
        leaves,
        bytes,
    };
    let mut out = format!("bridge-leaves-v1\n{}\nAZ/GOV/2001\n", journal.vkey()).into_bytes();
    loop {
        let page = journal.concerned(&query).unwrap().unwrap();
        if query.size.is_none() {
            out.extend_from_slice(&u32::try_from(page.checkpoint.len()).unwrap().to_be_bytes());
            out.extend_from_slice(&page.checkpoint);
        }
        assert!(page.next > query.from && page.next - query.from <= leaves);
        assert!(page.items.len() < bytes + 4096, "{}", page.items.len());
        out.extend_from_slice(&page.items);
        (query.from, query.size) = (page.next, Some(page.size));
        if page.next == page.size {
            out.push(0);
            out.extend_from_slice(&page.times_ms.0.to_be_bytes());
            out.extend_from_slice(&page.times_ms.1.to_be_bytes());
            assert!(
                journal.concerned(&query).unwrap().is_none(),
                "nothing beyond"
            );
            return out;
        }
    }
}

#[test]
fn pages_of_any_size_of_a_running_journal_make_the_same_leaves_file() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let journal = open(&folder.path().join("journal"), "1001");
    let leaves = (0..1200).flat_map(|number| {
        let (_, mut provider) = exchange(number);
        for leaf in &mut provider {
            // Of two others one has the same name with a letter more.
            let client = match number % 5 {
                0 | 3 => "AZ/GOV/2001/TAX",
                1 => "AZ/GOV/20012/TAX",
                _ => "AZ/LEA/3001/APPEALS",
            };
            leaf.client = Some(client.parse().unwrap());
        }
        provider
    });
    runtime.block_on(record(&journal, leaves.collect()));
    // The last checkpoint covers everything once the journal is closed; it can still be read.
    runtime.block_on(journal.close()).unwrap();
    let file = folder.path().join("leaves");
    let read = |bytes: &[u8]| {
        fs::write(&file, bytes).unwrap();
        let mut shown = Vec::new();
        let log = read_leaves(&file, Some(journal.vkey()), &mut |seen| {
            if let Seen::Leaf { bytes, .. } = seen {
                shown.push(bytes.to_vec());
            }
        });
        (log.unwrap(), shown)
    };
    let (log, whole) = read(&pages(&journal, 0, 1 << 20, 64 << 20));
    assert_eq!((log.leaves, whole.len()), (960, 960));
    assert!(log.size >= 2400 && log.to_ms > log.from_ms, "{log:?}");
    for (leaves, bytes) in [
        (1, 1 << 20),
        (7, 1 << 20),
        (256, 1 << 20),
        (1000, 1 << 14),
        (5000, 1),
    ] {
        let (again, shown) = read(&pages(&journal, 0, leaves, bytes));
        assert!(
            (again, shown) == (log.clone(), whole.clone()),
            "{leaves} {bytes}"
        );
    }
    // Segments that ended before are proved and not shown.
    let (_, some) = read(&pages(
        &journal,
        START_MS + 1000 * STEP_MS,
        1 << 20,
        1 << 26,
    ));
    assert!(some.len() >= 160 && some.len() < 960, "{}", some.len());
    assert!(whole.ends_with(&some));
}

#[test]
fn no_byte_of_a_leaves_file_can_be_changed_unseen() {
    let ends = Ends::write(12, |_, _| {});
    let chosen = Chosen {
        from_ms: Some(START_MS + 6 * STEP_MS),
        ..Chosen::default()
    };
    let file = leaves_file(&ends, &chosen);
    let good = fs::read(&file).unwrap();
    let read = || read_leaves(&file, Some(&ends.vkeys[1]), &mut |_| {});
    let log = read().unwrap();
    assert_eq!((log.leaves, log.from_ms), (12, START_MS + 6 * STEP_MS));
    // The line with the member, and the times that its writer vouches for, prove nothing and are told as said.
    let member = good
        .iter()
        .enumerate()
        .filter(|(_, byte)| **byte == b'\n')
        .nth(1)
        .unwrap()
        .0
        + 1;
    for at in (0..good.len() - 16).filter(|at| *at != member) {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        fs::write(&file, bytes).unwrap();
        assert!(read().is_err(), "byte {at}");
    }
    for length in 0..good.len() {
        fs::write(&file, &good[..length]).unwrap();
        assert!(read().is_err(), "cut to {length}");
    }
    fs::write(&file, [good.as_slice(), b"\0"].concat()).unwrap();
    assert_eq!(read(), Err(LeavesFault::Form("the end of the file")));
    fs::write(&file, &good).unwrap();
    let other = Ends::write(1, |_, _| {}).vkeys[1].clone();
    let refused = read_leaves(&file, Some(&other), &mut |_| {});
    assert_eq!(refused, Err(LeavesFault::OtherKey));
}

#[test]
fn progress_is_told_of_both_steps() {
    let ends = Ends::write(20, |_, _| {});
    let mut steps = Vec::new();
    reconcile(&ends.plan(), &mut |step| steps.push(step), &mut |_| {}).unwrap();
    assert!(steps.iter().any(|step| matches!(
        step,
        Step::Reading {
            source: 1,
            leaves: 40..
        }
    )));
    assert!(
        steps
            .iter()
            .any(|step| matches!(step, Step::Comparing { .. }))
    );
}
