//! The program's own file tree: system libraries, the package, a few devices, its private folder, and nothing else.
//!
//! What is not in the tree cannot be named: not the node's files, and not the Unix sockets of other programs, which
//! neither a network namespace nor Landlock keeps a program from. The private folder is in memory, so that it is bounded, cannot
//! fill the node's disk and leaves nothing behind.

use std::ffi::CString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Mode, OFlags, Uid, fchmod, fchown, open};
use rustix::io;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive,
    mount_change, mount_remount, unmount,
};

use super::{CageError, CageSettings, DATA_FOLDER, PRIVATE_FOLDER, REGISTRY_SOCKET};

/// System programs and libraries.
const SYSTEM: [&str; 7] = [
    "/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32",
];
/// What programs read of the system's configuration: libraries, time zone, certificate authorities, interpreters.
const CONFIGURATION: [&str; 7] = [
    "alternatives",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "ssl",
];
/// Interpreters keep theirs in folders that have the version in their name.
const INTERPRETERS: [&str; 2] = ["python3", "java"];
/// Devices that cannot do harm.
pub(super) const DEVICES: [&str; 5] = [
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
];
/// How much the tree itself may hold: folders and links only.
const TREE: &str = "size=1m,nr_inodes=4096,mode=0755";

/// Puts the tree together and makes it the whole world of this process and its children. Needs a mount namespace of
/// its own. `user` is who owns the private folder.
pub(super) fn enter(settings: &CageSettings, user: u32) -> Result<(), CageError> {
    let step = |what: &'static str| move |error: io::Errno| CageError::new(what, error);
    mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .map_err(step("mounts cannot be made private"))?;
    let root = &settings.folder;
    let plain = MountFlags::NOSUID | MountFlags::NODEV;
    temporary(root, plain, TREE).map_err(step("the tree cannot be mounted"))?;
    for path in system() {
        shown(root, &path)?;
    }
    for path in settings.reads.iter().chain([&settings.program_folder]) {
        shown(root, path)?;
    }
    for device in DEVICES {
        bound(root, Path::new(device), Path::new(device))?;
    }
    accounts(root, user).map_err(|error| CageError::new("accounts", error))?;
    let private = inside(root, Path::new(PRIVATE_FOLDER));
    made(&private, true)?;
    let data = format!(
        "size={},nr_inodes={},mode=0700,uid={user},gid={user}",
        settings.private_bytes, settings.private_files
    );
    temporary(&private, plain | MountFlags::NOEXEC, &data)
        .map_err(step("the private folder cannot be mounted"))?;
    if let Some(socket) = &settings.registry {
        bound(root, socket, Path::new(REGISTRY_SOCKET))?;
    }
    if let Some(data) = &settings.data {
        kept(root, data, user)?;
    }
    let processes = inside(root, Path::new("/proc"));
    made(&processes, true)?;
    let hardened = plain | MountFlags::NOEXEC;
    // In some containers it is not allowed; programs do without.
    let _refused = mount("proc", &processes, "proc", hardened, None);
    turn(root).map_err(step("the tree cannot be entered"))?;
    mount_remount("/", MountFlags::BIND | MountFlags::RDONLY | plain, c"")
        .map_err(step("the tree cannot be made read-only"))
}

/// What every program sees of the machine.
pub(super) fn system() -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = SYSTEM.iter().map(PathBuf::from).collect();
    let Ok(entries) = fs::read_dir("/etc") else {
        return paths;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let of_interpreter = INTERPRETERS.iter().any(|own| name.starts_with(own));
        if CONFIGURATION.contains(&name) || of_interpreter {
            paths.push(entry.path());
        }
    }
    paths
}

/// The old root goes on top of the new one and is taken off.
fn turn(root: &Path) -> io::Result<()> {
    rustix::process::chdir(root)?;
    rustix::process::pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")
}

fn temporary(at: &Path, flags: MountFlags, data: &str) -> io::Result<()> {
    let data = CString::new(data).map_err(|_nul| io::Errno::INVAL)?;
    mount("tmpfs", at, "tmpfs", flags, data.as_c_str())
}

/// Shows a path of the machine at the same place, read only; a link as a link. What is not there is left out.
fn shown(root: &Path, path: &Path) -> Result<(), CageError> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.is_symlink() {
        return bound(root, path, path);
    }
    let place = inside(root, path);
    let link = || {
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        symlink(fs::read_link(path)?, &place)
    };
    match link() {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(CageError::new(path.display().to_string(), error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Binds a path of the machine to a place of the tree, read only.
fn bound(root: &Path, path: &Path, place: &Path) -> Result<(), CageError> {
    let failed = |error: io::Errno| CageError::new(path.display().to_string(), error);
    let folder = path.is_dir();
    let place = inside(root, place);
    if place.exists() && folder && fs::read_dir(&place).is_ok_and(|mut list| list.next().is_some())
    {
        // A folder above it is shown already.
        return Ok(());
    }
    made(&place, folder)?;
    // Where mounts below are locked together with this one, as in a user namespace, they come along.
    mount_bind(path, &place)
        .or_else(|_locked| mount_bind_recursive(path, &place))
        .map_err(failed)?;
    let device = path.starts_with("/dev");
    let usual = MountFlags::BIND | MountFlags::NOSUID;
    let flags = if device {
        usual | MountFlags::NOEXEC
    } else {
        usual | MountFlags::NODEV | MountFlags::RDONLY
    };
    // In a user namespace flags that stand may not be taken off.
    mount_remount(&place, flags, c"")
        .or_else(|_locked| {
            mount_remount(&place, flags | MountFlags::NODEV | MountFlags::NOEXEC, c"")
        })
        .or_else(|error| if device { Ok(()) } else { Err(error) })
        .map_err(failed)
}

/// The one place that outlives the program, which owns it.
fn kept(root: &Path, data: &Path, user: u32) -> Result<(), CageError> {
    let place = inside(root, Path::new(DATA_FOLDER));
    made(&place, true)?;
    own(data, user).map_err(|error| CageError::new(data.display().to_string(), error))?;
    let flags = MountFlags::BIND | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount_bind(data, &place)
        .or_else(|_locked| mount_bind_recursive(data, &place))
        .and_then(|()| mount_remount(&place, flags, c""))
        .map_err(|error| CageError::new(data.display().to_string(), error))
}

/// Gives a folder, and never what a link leads to, to a user alone: others would else read what a registry keeps there, or run
/// what its program has made a set-user-id file.
fn own(folder: &Path, user: u32) -> std::io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = open(folder, flags, Mode::empty())?;
    let (uid, gid) = (Uid::from_raw(user), Gid::from_raw(user));
    fchown(&folder, Some(uid), Some(gid))?;
    Ok(fchmod(&folder, Mode::RWXU)?)
}

fn made(place: &Path, folder: bool) -> Result<(), CageError> {
    let make = || {
        if folder {
            return fs::create_dir_all(place);
        }
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::File::create(place).map(drop)
    };
    make().map_err(|error| CageError::new(place.display().to_string(), error))
}

/// Programs look up their own name.
fn accounts(root: &Path, user: u32) -> std::io::Result<()> {
    let folder = root.join("etc");
    fs::create_dir_all(&folder)?;
    let account = format!("adapter:x:{user}:{user}::{PRIVATE_FOLDER}:/usr/sbin/nologin\n");
    fs::write(folder.join("passwd"), account)?;
    fs::write(folder.join("group"), format!("adapter:x:{user}:\n"))
}

fn inside(root: &Path, path: &Path) -> PathBuf {
    root.join(path.strip_prefix("/").unwrap_or(path))
}
