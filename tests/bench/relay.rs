//! A wire of a stated length in time: bytes pass both ways, each after half a round trip, in order.
//!
//! Threads and not tasks: the runtime's timers count whole milliseconds, and a round trip of one is two halves.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Failure, complain, say};

/// Bytes that are taken at once.
const PIECE: usize = 64 * 1024;
/// Pieces on the way in one direction; then who sends waits.
const ON_THE_WAY: usize = 1024;

/// Bytes, and when they arrive.
type Piece = (Instant, Vec<u8>);

/// Passes connections on until the process is killed.
pub(crate) fn serve(
    listen: SocketAddr,
    to: SocketAddr,
    round_trip: Duration,
) -> Result<(), Failure> {
    let listener = TcpListener::bind(listen)?;
    say(format_args!("listening on {listen}"));
    for near in listener.incoming() {
        if let Err(error) = near.and_then(|near| join(near, to, round_trip / 2)) {
            complain(&error.into());
        }
    }
    Ok(())
}

fn join(near: TcpStream, to: SocketAddr, delay: Duration) -> io::Result<()> {
    let far = TcpStream::connect(to)?;
    one_way(near.try_clone()?, far.try_clone()?, delay)?;
    one_way(far, near, delay)
}

fn one_way(from: TcpStream, into: TcpStream, delay: Duration) -> io::Result<()> {
    into.set_nodelay(true)?;
    let (on_the_way, arriving) = sync_channel(ON_THE_WAY);
    // A connection that breaks ends here as it ends for who has it: the other direction ends by itself.
    thread::spawn(move || drop(take(from, &on_the_way, delay)));
    thread::spawn(move || drop(give(into, &arriving)));
    Ok(())
}

fn take(mut from: TcpStream, on_the_way: &SyncSender<Piece>, delay: Duration) -> io::Result<()> {
    loop {
        let mut piece = vec![0; PIECE];
        let length = from.read(&mut piece)?;
        piece.truncate(length);
        let gone = on_the_way.send((Instant::now() + delay, piece)).is_err();
        if gone || length == 0 {
            return Ok(());
        }
    }
}

/// An empty piece is the end of the stream, which takes its time too.
fn give(mut into: TcpStream, arriving: &Receiver<Piece>) -> io::Result<()> {
    for (due, piece) in arriving {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if piece.is_empty() {
            break;
        }
        into.write_all(&piece)?;
    }
    into.shutdown(Shutdown::Write)
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{Shutdown, TcpListener, TcpStream};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::join;

    #[test]
    fn bytes_pass_both_ways_in_order_and_not_before_their_time() {
        let far = TcpListener::bind("127.0.0.1:0").unwrap();
        let wire = TcpListener::bind("127.0.0.1:0").unwrap();
        let (to, listen) = (far.local_addr().unwrap(), wire.local_addr().unwrap());
        let round_trip = Duration::from_millis(40);
        // Says back what it hears, until it hears the end.
        let echo = thread::spawn(move || {
            let (mut heard, _) = far.accept().unwrap();
            let mut said = heard.try_clone().unwrap();
            std::io::copy(&mut heard, &mut said).unwrap();
            said.shutdown(Shutdown::Write).unwrap();
        });
        let mut near = TcpStream::connect(listen).unwrap();
        join(wire.accept().unwrap().0, to, round_trip / 2).unwrap();
        let sent: Vec<u8> = (0..500_000_u32).flat_map(u32::to_le_bytes).collect();
        let began = Instant::now();
        let mut writing = near.try_clone().unwrap();
        let bytes = sent.clone();
        let writer = thread::spawn(move || {
            writing.write_all(&bytes).unwrap();
            writing.shutdown(Shutdown::Write).unwrap();
        });
        let mut first = [0];
        near.read_exact(&mut first).unwrap();
        assert!(began.elapsed() >= round_trip);
        let mut got = first.to_vec();
        near.read_to_end(&mut got).unwrap();
        assert!(got == sent, "other bytes, or in another order");
        writer.join().unwrap();
        echo.join().unwrap();
    }
}
