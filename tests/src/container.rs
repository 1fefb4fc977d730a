//! A zip container taken apart by a reader of our own, and changed as a forger would: check sums are made good again.

use std::ops::Range;

/// The files of a container of stored files, each with the place of its content.
pub fn files(zip: &[u8]) -> Vec<(String, Range<usize>)> {
    let mut files = Vec::new();
    let mut at = 0;
    while zip[at..].starts_with(b"PK\x03\x04") {
        let length = u32_at(zip, at + 18) as usize;
        let name = usize::from(u16::from_le_bytes([zip[at + 26], zip[at + 27]]));
        let begin = at + 30 + name;
        let name = String::from_utf8(zip[at + 30..begin].to_vec()).unwrap();
        files.push((name, begin..begin + length));
        at = begin + length;
    }
    files
}

/// The content of one file.
pub fn content<'a>(zip: &'a [u8], name: &str) -> &'a [u8] {
    let files = files(zip);
    let found = files.into_iter().find(|(own, _)| own == name);
    &zip[found.unwrap_or_else(|| panic!("no {name}")).1]
}

/// Puts another content of the same length into a file.
pub fn replace(zip: &mut [u8], name: &str, content: &[u8]) {
    let files = files(zip);
    let number = files.iter().position(|(own, _)| own == name).unwrap();
    let place = files[number].1.clone();
    assert_eq!(place.len(), content.len());
    let old = crc32(&zip[place.clone()]).to_le_bytes();
    let new = crc32(content).to_le_bytes();
    let local = place.start - 30 - name.len() + 14;
    zip[place].copy_from_slice(content);
    zip[local..local + 4].copy_from_slice(&new);
    // The same file of the directory at the end.
    let mut at = files.last().unwrap().1.end;
    for (own, _) in &files[..number] {
        at += 46 + own.len();
    }
    assert_eq!(zip[at + 16..at + 20], old);
    zip[at + 16..at + 20].copy_from_slice(&new);
}

/// Writes a container of stored files.
pub fn write(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut zip, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        let offset = u32::try_from(zip.len()).unwrap();
        let length = u32::try_from(content.len()).unwrap().to_le_bytes();
        // Flags: names in UTF-8; stored; 1980-01-01.
        let mut head = vec![0, 8, 0, 0, 0, 0, 0x21, 0];
        head.extend(crc32(content).to_le_bytes());
        head.extend([length, length].concat());
        head.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        zip.extend([&b"PK\x03\x04\x14\0"[..], &head, &[0; 2]].concat());
        zip.extend([name.as_bytes(), content].concat());
        directory.extend([&b"PK\x01\x02\x14\0\x14\0"[..], &head, &[0; 12]].concat());
        directory.extend([&offset.to_le_bytes(), name.as_bytes()].concat());
    }
    let count = u16::try_from(files.len()).unwrap().to_le_bytes();
    let offset = u32::try_from(zip.len()).unwrap().to_le_bytes();
    let length = u32::try_from(directory.len()).unwrap().to_le_bytes();
    zip.extend(directory);
    let end = [
        &b"PK\x05\x06\0\0\0\0"[..],
        &count,
        &count,
        &length,
        &offset,
        &[0; 2],
    ];
    zip.extend(end.concat());
    zip
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// The check sum of zip files, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = if sum & 1 == 1 {
                sum >> 1 ^ 0xedb8_8320
            } else {
                sum >> 1
            };
        }
    }
    !sum
}
