//! Mirrors: written from a journal, grown, and altered file by file.

use std::fs;
use std::path::{Path, PathBuf};

use bridge_core::leaf::UnixMillis;
use bridge_verify::{
    Fetch, MirrorError, MirrorFault, MirrorWriter, Options, verify_each, verify_mirror,
};

use crate::two_ends::{Ends, START_MS};

struct Folder<'a>(&'a Path);

impl Fetch for Folder<'_> {
    fn fetch(&mut self, path: &str, limit: usize) -> Result<Option<Vec<u8>>, String> {
        let Ok(bytes) = fs::read(self.0.join(path)) else {
            return Ok(None);
        };
        if bytes.len() > limit {
            return Err("too long".to_owned());
        }
        Ok(Some(bytes))
    }
}

fn mirror(journal: &Path, out: &Path) -> Result<u64, MirrorError> {
    let mut writer = MirrorWriter::new(out);
    verify_each(journal, &Options::default(), &mut |_| {}, &mut |seen| {
        writer.see(seen);
    })
    .unwrap();
    writer.finish()
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

#[test]
fn a_mirror_is_whole_and_no_file_of_it_can_be_changed_or_lost_unseen() {
    let ends = Ends::write(300, |_, _| {});
    let out = ends.folder.path().join("mirror");
    let leaves = mirror(&ends.provider(), &out).unwrap();
    let mut steps = Vec::new();
    let verify = |steps: &mut Vec<(u64, u64)>| {
        verify_mirror(&mut Folder(&out), &ends.vkeys[1], &mut |done, all| {
            steps.push((done, all));
        })
    };
    let report = verify(&mut steps).unwrap();
    assert!(leaves >= 600 && report.leaves == leaves, "{report:?}");
    assert_eq!(steps, [(256, leaves), (512, leaves), (leaves, leaves)]);
    // Two full tiles, the beginning of a third, and the one over them.
    assert_eq!(report.tiles, 4);
    assert!(report.newest_ms >= START_MS);

    let mut all = Vec::new();
    files(&out, &mut all);
    assert_eq!(
        all.len(),
        8,
        "checkpoint, four tiles, three bundles: {all:?}"
    );
    for file in all {
        let good = fs::read(&file).unwrap();
        for at in [0, good.len() / 2, good.len() - 1] {
            let mut bytes = good.clone();
            bytes[at] ^= 1;
            fs::write(&file, bytes).unwrap();
            assert!(verify(&mut steps).is_err(), "{} byte {at}", file.display());
        }
        fs::write(&file, &good[..good.len() - 1]).unwrap();
        assert!(verify(&mut steps).is_err(), "{} cut", file.display());
        fs::write(&file, [good.as_slice(), &[0; 32]].concat()).unwrap();
        assert!(verify(&mut steps).is_err(), "{} longer", file.display());
        fs::remove_file(&file).unwrap();
        let faults = verify(&mut steps).unwrap_err();
        assert!(
            faults
                .iter()
                .any(|fault| matches!(fault, MirrorFault::Missing { .. })),
            "{}: {faults:?}",
            file.display()
        );
        fs::write(&file, good).unwrap();
    }
    verify(&mut steps).unwrap();
    let other = Ends::write(1, |_, _| {}).vkeys[1].clone();
    assert!(verify_mirror(&mut Folder(&out), &other, &mut |_, _| {}).is_err());
}

#[test]
fn a_mirror_grows_with_its_log_and_takes_no_other() {
    let few = Ends::write(100, |_, _| {});
    let out = few.folder.path().join("mirror");
    let size = mirror(&few.consumer(), &out).unwrap();
    assert_eq!(mirror(&few.consumer(), &out).unwrap(), size);
    // The same leaves, but one at another time, signed by another key: as long as the mirror, and longer.
    for count in [100, 400] {
        let other = Ends::write(count, |number, (consumer, _)| {
            if number == 7 {
                consumer[0].time = UnixMillis(consumer[0].time.0 + 1);
            }
        });
        let refused = mirror(&other.consumer(), &out);
        assert!(
            matches!(refused, Err(MirrorError::Other { .. })),
            "{refused:?}"
        );
    }
    let shorter = Ends::write(10, |_, _| {});
    let refused = mirror(&shorter.consumer(), &out);
    assert!(
        matches!(refused, Err(MirrorError::Older { .. })),
        "{refused:?}"
    );
    let report = verify_mirror(&mut Folder(&out), &few.vkeys[0], &mut |_, _| {}).unwrap();
    assert_eq!(report.leaves, size);
}

#[test]
fn what_lies_beyond_the_mirrors_checkpoint_is_replaced_and_nothing_before_it() {
    let ends = Ends::write(300, |_, _| {});
    let out = ends.folder.path().join("mirror");
    let leaves = mirror(&ends.provider(), &out).unwrap();
    let mut all = Vec::new();
    files(&out, &mut all);
    all.retain(|file| !file.ends_with("checkpoint"));
    // What a power cut left empty, or a journal that did not verify left behind, before any checkpoint was there.
    fs::remove_file(out.join("checkpoint")).unwrap();
    for (number, file) in all.iter().enumerate() {
        fs::write(file, if number % 2 == 0 { "" } else { "else" }).unwrap();
    }
    assert_eq!(mirror(&ends.provider(), &out).unwrap(), leaves);
    verify_mirror(&mut Folder(&out), &ends.vkeys[1], &mut |_, _| {}).unwrap();
    // Under the checkpoint nothing is ever replaced.
    for file in &all {
        let good = fs::read(file).unwrap();
        fs::write(file, "").unwrap();
        let refused = mirror(&ends.provider(), &out);
        assert!(
            matches!(refused, Err(MirrorError::Other { .. })),
            "{}: {refused:?}",
            file.display()
        );
        fs::write(file, good).unwrap();
    }
    mirror(&ends.provider(), &out).unwrap();
}
