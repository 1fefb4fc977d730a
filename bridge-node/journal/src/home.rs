//! The file `home`: where the journal lives, so that a copy of its folder isn't taken for the journal.
//!
//! Two nodes with copies of one journal would sign two different logs of one name. Until witnesses say
//! which is the log, a journal opens only where it was: on the machine it names, and if the file is the one
//! that it names itself. A copy, a restored backup or a disk put into another machine is refused until the
//! operator says that this is the only one; that is recorded as a leaf.

use serde::{Deserialize, Serialize};

use crate::disk::{Disk, DiskPlace, HALF_WRITTEN, read_whole};
use crate::error::{JournalError, Move, OpenError};

const PATH: &str = "home";
const LABEL: &[u8] = b"bridge-home-v1\n";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Home {
    machine: String,
    boot: String,
    file: u64,
}

/// Checks that the journal is where it was; a `fresh` one has its home here from now on.
///
/// `moved` is the operator's word that this is the only copy. Returns why that word was needed, if it was:
/// then [`make`] is to be called once the move is recorded.
pub(crate) fn check(disk: &dyn Disk, fresh: bool, moved: bool) -> Result<Option<Move>, OpenError> {
    let found = read_whole(disk, PATH).map_err(OpenError::read(PATH))?;
    let here = disk.place(PATH).map_err(OpenError::read(PATH))?;
    let why = match found.as_deref().and_then(parse) {
        None if fresh => None,
        None => Some(Move::NoHome),
        Some(home) if home.machine != here.machine => Some(Move::OtherMachine),
        Some(home) if home.file != here.file => Some(Move::Copied),
        Some(home) if home.boot == here.boot => return Ok(None),
        Some(_) => None,
    };
    match why {
        Some(why) if moved => Ok(Some(why)),
        Some(why) => Err(OpenError::Moved(why)),
        None => Ok(make(disk).map(|()| None)?),
    }
}

/// Says whether the machine was started anew, or is another, since the journal made this place its home.
pub(crate) fn rebooted(disk: &dyn Disk) -> bool {
    let found = read_whole(disk, PATH).ok().flatten();
    let here = disk.place(PATH).unwrap_or_default();
    let home = found.as_deref().and_then(parse);
    home.is_none_or(|home| (home.machine, home.boot) != (here.machine, here.boot))
}

/// Makes this place the journal's home.
pub(crate) fn make(disk: &dyn Disk) -> Result<(), JournalError> {
    let here = disk.place(PATH);
    here.and_then(|here| write(disk, here))
        .map_err(JournalError::disk("making the journal's home", PATH))
}

fn parse(file: &[u8]) -> Option<Home> {
    serde_json::from_slice(file.strip_prefix(LABEL)?).ok()
}

/// Writes the file with its own number in it.
fn write(disk: &dyn Disk, here: DiskPlace) -> std::io::Result<()> {
    let half = format!("{PATH}{HALF_WRITTEN}");
    let file = disk.create(&half)?;
    let home = Home {
        machine: here.machine,
        boot: here.boot,
        file: disk.place(&half)?.file,
    };
    let mut bytes = LABEL.to_vec();
    serde_json::to_writer(&mut bytes, &home)?;
    bytes.push(b'\n');
    file.write_at(&bytes, 0)?;
    // crash here: a half-written file under a name nothing reads; the next start removes it.
    file.sync()?;
    disk.rename(&half, PATH)?;
    // crash here: the home before or this one; either is this place.
    disk.sync_folder("")
}
