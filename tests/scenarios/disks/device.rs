//! A small disk as a device of its own, which a scenario fills, turns read-only or fails. Needs root.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// Of so small a file system.
const BLOCK: usize = 1024;

/// An ext4 file system of its own under a node's data folder.
pub(super) struct Disk {
    folder: PathBuf,
    device: String,
}

impl Disk {
    pub(super) fn under(folder: &Path) -> Self {
        fs::create_dir_all(folder).unwrap();
        let image = folder.with_extension("image");
        File::create(&image).unwrap().set_len(48 << 20).unwrap();
        let image = image.to_str().unwrap();
        run(
            "mkfs.ext4",
            &["-q", "-F", "-m", "0", "-e", "remount-ro", image],
        );
        let device = run("losetup", &["--find", "--show", image]);
        let disk = Self {
            folder: folder.to_owned(),
            device: device.trim().to_owned(),
        };
        disk.mount();
        disk
    }

    fn mount(&self) {
        run("mount", &[&self.device, self.folder.to_str().unwrap()]);
    }

    /// Takes the file system off, checks it, and mounts it again, as an operator does.
    pub(super) fn heal(&self) {
        run("umount", &[self.folder.to_str().unwrap()]);
        // Exit code 1 says that faults were corrected.
        let checked = Command::new("e2fsck")
            .args(["-fy", &self.device])
            .output()
            .unwrap();
        assert!(matches!(checked.status.code(), Some(0 | 1)), "{checked:?}");
        self.mount();
    }

    /// An error that the kernel answers, as told, by making the file system read-only.
    pub(super) fn turn_read_only(&self) {
        let name = self.device.rsplit('/').next().unwrap();
        fs::write(format!("/sys/fs/ext4/{name}/trigger_fs_error"), "1").unwrap();
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let line = mounts
            .lines()
            .find(|line| line.starts_with(&self.device))
            .unwrap();
        assert!(
            line.contains("ro,") || line.contains("emergency_ro"),
            "{line}"
        );
    }

    /// From now on everything fails with an I/O error, and what was not synced is gone.
    pub(super) fn fail(&self) {
        const SHUTDOWN: &str = "import fcntl,os,struct,sys; \
            fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587D, struct.pack('I', 2))";
        run("python3", &["-c", SHUTDOWN, self.folder.to_str().unwrap()]);
    }

    fn filler(&self) -> PathBuf {
        self.folder.join("filler")
    }

    /// As an operator mounts a disk by mistake, or a system does after a fault at its start.
    pub(super) fn remount(&self, manner: &str) {
        let option = format!("remount,{manner}");
        run("mount", &["-o", &option, self.folder.to_str().unwrap()]);
    }

    /// Leaves so many bytes free, at once: nobody looks at the disk in between.
    pub(super) fn fill_up_to(&self, free: u64) {
        fs::create_dir(self.filler()).unwrap();
        let disk = statvfs(&self.folder).unwrap();
        // The file system takes some of it for its own lists.
        let lists = 64 << 10;
        let length = disk.f_bavail * disk.f_frsize - free - lists;
        let most = File::create(self.filler().join("most")).unwrap();
        fallocate(&most, FallocateFlags::empty(), 0, length).unwrap();
    }

    /// Leaves no block free.
    pub(super) fn fill(&self) {
        self.fill_up_to(0);
        // A file that cannot grow may leave a block for its own list, which another file takes.
        let mut files = 0..;
        while files
            .next()
            .is_some_and(|name: u32| self.takes_blocks(name))
        {}
    }

    /// Puts as many blocks into one more file as it takes; says whether it took any.
    fn takes_blocks(&self, name: u32) -> bool {
        let Ok(mut file) = File::create(self.filler().join(name.to_string())) else {
            return false;
        };
        let mut taken = 0;
        while file
            .write_all(&[0; BLOCK])
            .and_then(|()| file.sync_data())
            .is_ok()
        {
            taken += 1;
        }
        taken > 0
    }

    pub(super) fn make_room(&self) {
        fs::remove_dir_all(self.filler()).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A test that failed may have left it in any state.
        for (program, target) in [
            ("umount", self.folder.to_str().unwrap()),
            ("losetup", &*self.device),
        ] {
            let flag = if program == "umount" { "-l" } else { "-d" };
            drop(
                Command::new(program)
                    .args([flag, target])
                    .stderr(Stdio::null())
                    .status(),
            );
        }
    }
}

pub(super) fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
