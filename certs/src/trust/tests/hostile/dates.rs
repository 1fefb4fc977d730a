//! Dates.

use super::forge::Paper;
use super::{Row, row};
use crate::asn1::{INTEGER, write};
use crate::forge::{general, short};

use super::super::{DAY, NOW};

const MALFORMED: &str = "the certificate is malformed: its dates";
const LONG_FORM: &str = "a date before 2050 in the form of later ones";

/// Writes the first date by hand, in the short form.
fn from(paper: &mut Paper, text: &[u8]) {
    paper.dates[0] = write(0x17, &[text]);
}

/// Writes the last date by hand, in the long form.
fn until(paper: &mut Paper, text: &[u8]) {
    paper.dates[1] = write(0x18, &[text]);
}

pub(super) const ROWS: &[Row] = &[
    row("§6.1.3", "it ended a second ago", "expired", |c| {
        c.leaf.dates[1] = short(NOW - 1);
    })
    .twin(|c| c.leaf.dates[1] = short(NOW)),
    row("§6.1.3", "it begins in a second", "not yet valid", |c| {
        c.leaf.dates[0] = short(NOW + 1);
    })
    .twin(|c| c.leaf.dates[0] = short(NOW)),
    row("§6.1.3", "a year later", "expired", |c| {
        c.now_s = NOW + 365 * DAY;
    }),
    row("§6.1.3", "a year earlier", "not yet valid", |c| {
        c.now_s = NOW - 365 * DAY;
    }),
    row("§6.1.3", "at the end of time", "expired", |c| {
        c.now_s = u64::MAX;
    }),
    row("§6.1.3", "in 1970", "not yet valid", |c| c.now_s = 0),
    row("§6.1.3", "its issuer ended a second ago", "expired", |c| {
        c.issuing.dates[1] = short(NOW - 1);
    })
    .twin(|c| c.issuing.dates[1] = short(NOW)),
    row(
        "§6.1.3",
        "its issuer begins in a second",
        "not yet valid",
        |c| {
            c.issuing.dates[0] = short(NOW + 1);
        },
    ),
    row(
        "§6.1.3",
        "the root ended a second ago",
        "the authority CN=Root is valid from",
        |c| {
            c.root.dates[1] = short(NOW - 1);
        },
    )
    .twin(|c| c.root.dates[1] = short(NOW)),
    row(
        "§6.1.3",
        "the root begins in a second",
        "the authority CN=Root is valid from",
        |c| {
            c.root.dates[0] = short(NOW + 1);
        },
    )
    .twin(|c| c.root.dates[0] = short(NOW)),
    row(
        "§4.1.2.5",
        "the end before the beginning",
        "it ends before it begins",
        |c| {
            c.leaf.dates.swap(0, 1);
        },
    ),
    row(
        "§4.1.2.5",
        "an issuer's end before its beginning",
        "it ends before it begins",
        |c| {
            c.issuing.dates.swap(0, 1);
        },
    ),
    row(
        "§4.1.2.5",
        "an end before 2050 in the long form",
        LONG_FORM,
        |c| {
            c.leaf.dates[1] = general(NOW + DAY);
        },
    )
    .twin(|c| until(&mut c.leaf, b"20500101000000Z")),
    row(
        "§4.1.2.5",
        "the last second of 2049 in the long form",
        LONG_FORM,
        |c| {
            until(&mut c.leaf, b"20491231235959Z");
        },
    )
    .twin(|c| c.leaf.dates[1] = write(0x17, &[b"491231235959Z"])),
    row(
        "§4.1.2.5",
        "a beginning in the long form",
        LONG_FORM,
        |c| {
            c.leaf.dates[0] = general(NOW - DAY);
        },
    ),
    row("§4.1.2.5.1", "no seconds", MALFORMED, |c| {
        from(&mut c.leaf, b"2701010000Z");
    }),
    row("§4.1.2.5.1", "no Z", MALFORMED, |c| {
        from(&mut c.leaf, b"270101000000");
    }),
    row("§4.1.2.5.1", "an offset", MALFORMED, |c| {
        from(&mut c.leaf, b"270101000000+0400");
    }),
    row("§4.1.2.5.1", "an offset of zero", MALFORMED, |c| {
        from(&mut c.leaf, b"270101000000+0000");
    }),
    row("§4.1.2.5.1", "four digits of the year", MALFORMED, |c| {
        from(&mut c.leaf, b"20270101000000Z");
    }),
    row("§4.1.2.5.1", "a small z", MALFORMED, |c| {
        from(&mut c.leaf, b"270101000000z");
    }),
    row("§4.1.2.5.1", "a space", MALFORMED, |c| {
        from(&mut c.leaf, b"27010100000 Z");
    }),
    row("§4.1.2.5.1", "a sign", MALFORMED, |c| {
        from(&mut c.leaf, b"-70101000000Z");
    }),
    row("§4.1.2.5.1", "letters", MALFORMED, |c| {
        from(&mut c.leaf, b"27O1O1OOOOOOZ");
    }),
    row("§4.1.2.5.1", "Arabic digits", MALFORMED, |c| {
        from(&mut c.leaf, "٢٧٠١٠١٠".as_bytes());
    }),
    row("§4.1.2.5.1", "a NUL", MALFORMED, |c| {
        from(&mut c.leaf, b"27010100000\0Z");
    }),
    row("§4.1.2.5.1", "nothing", MALFORMED, |c| {
        from(&mut c.leaf, b"");
    }),
    row("§4.1.2.5.1", "month 13", MALFORMED, |c| {
        from(&mut c.leaf, b"271301000000Z");
    }),
    row("§4.1.2.5.1", "month 0", MALFORMED, |c| {
        from(&mut c.leaf, b"270001000000Z");
    }),
    row("§4.1.2.5.1", "day 0", MALFORMED, |c| {
        from(&mut c.leaf, b"270100000000Z");
    }),
    row("§4.1.2.5.1", "day 32", MALFORMED, |c| {
        from(&mut c.leaf, b"270132000000Z");
    }),
    row("§4.1.2.5.1", "30 February", MALFORMED, |c| {
        from(&mut c.leaf, b"260230000000Z");
    }),
    row(
        "§4.1.2.5.1",
        "29 February of a year without one",
        MALFORMED,
        |c| {
            from(&mut c.leaf, b"260229000000Z");
        },
    )
    .twin(|c| from(&mut c.leaf, b"240229000000Z")),
    row("§4.1.2.5.1", "hour 24", MALFORMED, |c| {
        from(&mut c.leaf, b"270101240000Z");
    }),
    row("§4.1.2.5.1", "minute 60", MALFORMED, |c| {
        from(&mut c.leaf, b"270101006000Z");
    }),
    row("§4.1.2.5.1", "second 61", MALFORMED, |c| {
        from(&mut c.leaf, b"270101000061Z");
    }),
    row("§4.1.2.5.2", "a fraction", MALFORMED, |c| {
        until(&mut c.leaf, b"20500101000000.5Z");
    }),
    row(
        "§4.1.2.5.2",
        "an offset in the long form",
        MALFORMED,
        |c| {
            until(&mut c.leaf, b"20500101000000+0000");
        },
    ),
    row(
        "§4.1.2.5.2",
        "no seconds in the long form",
        MALFORMED,
        |c| {
            until(&mut c.leaf, b"205001010000Z");
        },
    ),
    row("§4.1.2.5.2", "no Z in the long form", MALFORMED, |c| {
        until(&mut c.leaf, b"20500101000000");
    }),
    row(
        "§4.1.2.5.2",
        "two digits of the year in the long form",
        MALFORMED,
        |c| {
            until(&mut c.leaf, b"500101000000Z");
        },
    ),
    row("§4.1.2.5.2", "five digits of the year", MALFORMED, |c| {
        until(&mut c.leaf, b"120500101000000Z");
    })
    .twin(|c| until(&mut c.leaf, b"99991231235959Z")),
    row("§4.1.2.5.2", "month 13 in the long form", MALFORMED, |c| {
        until(&mut c.leaf, b"20501301000000Z");
    }),
    row("§4.1.2.5", "a number", MALFORMED, |c| {
        c.leaf.dates[0] = write(INTEGER, &[&[5]]);
    }),
    row("§4.1.2.5", "text for a date", MALFORMED, |c| {
        c.leaf.dates[0] = write(0x0c, &[b"270101000000Z"]);
    }),
    row("§4.1.2.5", "one date", MALFORMED, |c| {
        c.leaf.dates.pop();
    }),
    row("§4.1.2.5", "no date", MALFORMED, |c| c.leaf.dates.clear()),
    row("§4.1.2.5", "three dates", MALFORMED, |c| {
        c.leaf.dates.push(short(NOW + DAY));
    }),
];
