//! Time-stamps: what a token says was stamped. Whether its authority may be believed is not judged here.
//!
//! Standard: RFC 3161 §2.4.2.

use crate::bytes::{Bytes, Hash};

/// What is wrong with a time-stamp or with the checkpoint beside it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampFault {
    /// The checkpoint is not that of the segments.
    #[error(
        "the checkpoint is not the one that the segments hold for this size: it was altered or taken from elsewhere"
    )]
    OtherCheckpoint,
    /// No segment holds a checkpoint of this size.
    #[error(
        "no segment holds a checkpoint of {size} leaves (the journal has {held}): the end of the journal was cut off, or the stamp was taken from elsewhere"
    )]
    NotHeld {
        /// Leaves that were stamped.
        size: u64,
        /// Leaves in the journal.
        held: u64,
    },
    /// The token can't be read.
    #[error("it is not a time-stamp response with a SHA-256 imprint in distinguished encoding")]
    Form,
    /// The token is of something else.
    #[error("the authority stamped something else than the checkpoint beside it")]
    Imprint,
}

/// Returns the SHA-256 digest that an authority has stamped.
pub(crate) fn imprint(response: &[u8]) -> Option<Hash> {
    let mut answer = only(response, SEQUENCE)?;
    take(&mut answer, SEQUENCE)?;
    let mut token = inside(&mut answer, SEQUENCE)?;
    take(&mut token, OBJECT_IDENTIFIER)?;
    let mut signed = only(take(&mut token, CONTEXT_0)?, SEQUENCE)?;
    take(&mut signed, INTEGER)?;
    take(&mut signed, SET)?;
    let mut content = inside(&mut signed, SEQUENCE)?;
    if take(&mut content, OBJECT_IDENTIFIER)? != TST_INFO {
        return None;
    }
    let mut octets = Bytes(take(&mut content, CONTEXT_0)?);
    let mut info = only(take(&mut octets, OCTET_STRING)?, SEQUENCE)?;
    take(&mut info, INTEGER)?;
    take(&mut info, OBJECT_IDENTIFIER)?;
    let mut imprint = inside(&mut info, SEQUENCE)?;
    let mut algorithm = inside(&mut imprint, SEQUENCE)?;
    if take(&mut algorithm, OBJECT_IDENTIFIER)? != SHA_256 {
        return None;
    }
    take(&mut imprint, OCTET_STRING)?.try_into().ok()
}

fn inside<'a>(bytes: &mut Bytes<'a>, tag: u8) -> Option<Bytes<'a>> {
    take(bytes, tag).map(Bytes)
}

fn only(bytes: &[u8], tag: u8) -> Option<Bytes<'_>> {
    let mut bytes = Bytes(bytes);
    let content = inside(&mut bytes, tag)?;
    bytes.0.is_empty().then_some(content)
}

/// Takes the content of the next value, which must have this tag and be written as short as can be.
///
/// Standard: ITU-T X.690 §10.1.
fn take<'a>(bytes: &mut Bytes<'a>, tag: u8) -> Option<&'a [u8]> {
    let [found, short] = bytes.array()?;
    if found != tag {
        return None;
    }
    let length = match short {
        0..=0x7f => usize::from(short),
        0x81 => {
            let [length] = bytes.array()?;
            (length >= 0x80).then_some(usize::from(length))?
        }
        0x82 => {
            let length = usize::from(u16::from_be_bytes(bytes.array()?));
            (length > 0xff).then_some(length)?
        }
        0x83 => {
            let [high, middle, low] = bytes.array()?;
            (high > 0).then_some(())?;
            usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?
        }
        _ => return None,
    };
    bytes.take(length)
}

const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const CONTEXT_0: u8 = 0xa0;
/// 1.2.840.113549.1.9.16.1.4
const TST_INFO: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 0x10, 1, 4];
/// 2.16.840.1.101.3.4.2.1
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
