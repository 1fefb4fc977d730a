//! Disks that lose power: ext4 in an image whose copy is exactly what the device had received.
//!
//! What a node has written and not synced is in the page cache of the image's own file system, above the device. The images lie
//! on XFS, which copies a file by sharing its blocks: at one instant, without asking that page cache for anything.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Failure;
use crate::world::End;

/// The disk of one node's data folder.
#[derive(Debug)]
pub(crate) struct Drive {
    image: PathBuf,
    /// What is left of it after the cut.
    cut: PathBuf,
    mounted_on: PathBuf,
}

/// Room for the journal of a chapter. Files have holes where nothing was written.
const IMAGE_BYTES: u64 = 1 << 30;
/// Two images and what was written to each after it was copied.
const SHELF_BYTES: u64 = 6 << 30;

/// Makes the file system on which images can be copied at one instant; returns its folder.
pub(crate) fn make_shelf(folder: &Path) -> Result<PathBuf, Failure> {
    let (file, shelf) = (folder.join("shelf.xfs"), folder.join("shelf"));
    File::create(&file)?.set_len(SHELF_BYTES)?;
    fs::create_dir(&shelf)?;
    run(Command::new("mkfs.xfs")
        .args(["-q", "-m", "reflink=1"])
        .arg(&file))?;
    mount(&file, &shelf)?;
    Ok(shelf)
}

// === impl Drive ===

impl Drive {
    /// An empty disk for a node's data folder.
    pub(crate) fn make(shelf: &Path, end: &End) -> Result<Self, Failure> {
        let drive = Self {
            image: shelf.join(format!("{}.ext4", end.name)),
            cut: shelf.join(format!("{}.cut", end.name)),
            mounted_on: end.data(),
        };
        fs::create_dir_all(&drive.mounted_on)?;
        File::create(&drive.image)?.set_len(IMAGE_BYTES)?;
        run(Command::new("mkfs.ext4")
            .args(["-q", "-F"])
            .arg(&drive.image))?;
        mount(&drive.image, &drive.mounted_on)?;
        Ok(drive)
    }

    /// Keeps what the device has received up to now.
    pub(crate) fn cut(&self) -> Result<(), Failure> {
        run(Command::new("cp")
            .arg("--reflink=always")
            .args([&self.image, &self.cut]))
    }

    /// Goes on with what was kept at the cut. Nothing may use the disk any more.
    pub(crate) fn power_on(&self) -> Result<(), Failure> {
        self.remove()?;
        fs::rename(&self.cut, &self.image)?;
        // The file system replays its own journal, as after a real cut.
        mount(&self.image, &self.mounted_on)
    }

    pub(crate) fn remove_all(drives: &[Self]) -> Result<(), Failure> {
        drives.iter().try_for_each(Self::remove)
    }

    fn remove(&self) -> Result<(), Failure> {
        run(Command::new("umount").arg(&self.mounted_on))?;
        Ok(fs::remove_file(&self.image)?)
    }
}

fn mount(image: &Path, folder: &Path) -> Result<(), Failure> {
    run(Command::new("mount")
        .args(["-o", "loop"])
        .args([image, folder]))
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let output = command
        .output()
        .map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{command:?}: {}: {said}", output.status).into())
}
