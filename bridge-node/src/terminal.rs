//! Questions to the operator at the terminal: what is piped in is nobody's word.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};

use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Asks the terminal for a line; a secret is not shown.
///
/// # Errors
///
/// There is no terminal, or it can't be read.
pub(crate) fn ask(question: &str, is_secret: bool) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    let before = tcgetattr(&terminal)?;
    if is_secret {
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&terminal, OptionalActions::Flush, &quiet)?;
    }
    // Only now: what is typed from the question on is neither shown nor thrown away.
    let asked = terminal.write_all(question.as_bytes());
    let line = asked.and_then(|()| read_line(&terminal));
    tcsetattr(&terminal, OptionalActions::Now, &before)?;
    let line = line?;
    if is_secret {
        terminal.write_all(b"\n")?;
    }
    Ok(line)
}

fn read_line(terminal: &File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(Vec::new());
    BufReader::new(terminal).read_until(b'\n', &mut line)?;
    while line
        .last()
        .is_some_and(|byte| matches!(byte, b'\n' | b'\r'))
    {
        line.pop();
    }
    Ok(line)
}
