//! Values on their way into PostgreSQL and out of it, in its binary form.

use std::error::Error;

use bytes::BytesMut;
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::macros::offset;
use time::{Date, OffsetDateTime};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type as PgType, to_sql_checked};

use crate::value::{Cell, Scalar, Type, to_rfc3339};

type Failure = Box<dyn Error + Sync + Send>;

impl ToSql for Scalar {
    fn to_sql(&self, wanted: &PgType, out: &mut BytesMut) -> Result<IsNull, Failure> {
        match (self, wanted) {
            (Self::Null, _) => Ok(IsNull::Yes),
            (Self::Text(text), &PgType::DATE) => {
                Date::parse(text, &Iso8601::DATE)?.to_sql(wanted, out)
            }
            (Self::Text(text), &PgType::TIMESTAMPTZ) => {
                OffsetDateTime::parse(text, &Rfc3339)?.to_sql(wanted, out)
            }
            (Self::Text(text), _) => text.as_str().to_sql(wanted, out),
            (Self::Integer(n), _) => n.to_sql(wanted, out),
            (Self::Number(n), _) => n.to_sql(wanted, out),
            (Self::Boolean(flag), _) => flag.to_sql(wanted, out),
            (Self::Bytes(bytes), _) => bytes.as_slice().to_sql(wanted, out),
        }
    }

    // The types are given when a statement is prepared: each is the one of its parameter.
    fn accepts(_: &PgType) -> bool {
        true
    }

    to_sql_checked!();
}

/// The bytes of a column, which are read by the manifest's type.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &PgType, bytes: &'a [u8]) -> Result<Self, Failure> {
        Ok(Self(bytes))
    }

    fn accepts(_: &PgType) -> bool {
        true
    }
}

/// Writes a column as JSON.
pub(super) fn write(row: &Row, index: usize, kind: Type, out: &mut Vec<u8>) -> Cell {
    let Some(column) = row.columns().get(index) else {
        return Cell::Misfit;
    };
    match row.try_get(index) {
        Ok(Some(Raw(bytes))) => {
            let written = json(kind, column.type_(), bytes, out);
            // What the driver cannot read has not the form either.
            written.unwrap_or(Cell::Misfit)
        }
        Ok(None) => Cell::Null,
        Err(_) => Cell::Misfit,
    }
}

fn json(kind: Type, own: &PgType, bytes: &[u8], out: &mut Vec<u8>) -> Result<Cell, Failure> {
    Ok(match *own {
        PgType::BOOL => Cell::boolean(bool::from_sql(own, bytes)?, out),
        PgType::INT2 => Cell::integer(i16::from_sql(own, bytes)?.into(), out),
        PgType::INT4 => Cell::integer(i32::from_sql(own, bytes)?.into(), out),
        PgType::INT8 => Cell::integer(i64::from_sql(own, bytes)?, out),
        PgType::FLOAT4 => Cell::number(f32::from_sql(own, bytes)?.into(), out),
        PgType::FLOAT8 => Cell::number(f64::from_sql(own, bytes)?, out),
        PgType::DATE if kind == Type::Date => day(Date::from_sql(own, bytes)?, out),
        PgType::DATE => Cell::Misfit,
        PgType::TIMESTAMPTZ => {
            let moment = OffsetDateTime::from_sql(own, bytes)?;
            match to_rfc3339(moment.to_offset(offset!(+4))) {
                Some(text) => kind.write_text(&text, out),
                None => Cell::Misfit,
            }
        }
        PgType::BYTEA => kind.write_bytes(bytes, out),
        _ => kind.write_text(str::from_utf8(bytes)?, out),
    })
}

/// `"2026-11-21"`. Only years of four digits have the form.
fn day(date: Date, out: &mut Vec<u8>) -> Cell {
    let (year, month, day) = date.to_calendar_date();
    let Some(year) = u16::try_from(year).ok().filter(|year| *year <= 9999) else {
        return Cell::Misfit;
    };
    // By hand: the library's writer takes longer than all else that is done for such a value.
    let digit = |n: u16| b'0'.saturating_add(u8::try_from(n % 10).unwrap_or_default());
    let (month, day) = (u8::from(month).into(), day.into());
    for (before, two) in [("\"", year / 100), ("", year), ("-", month), ("-", day)] {
        out.extend_from_slice(before.as_bytes());
        out.extend_from_slice(&[digit(two / 10), digit(two)]);
    }
    out.push(b'"');
    Cell::Written
}

/// Whether a column of the database's type can be read as the manifest's type.
pub(super) fn fits(kind: Type, own: &PgType) -> bool {
    let text = matches!(
        *own,
        PgType::TEXT | PgType::VARCHAR | PgType::BPCHAR | PgType::NAME
    ) || matches!(own.kind(), Kind::Enum(_));
    match kind {
        Type::Text | Type::Fin | Type::Voen | Type::LongText | Type::Base64Sha256 => text,
        Type::Base64 => *own == PgType::BYTEA,
        Type::Date => text || *own == PgType::DATE,
        Type::DateTime => text || *own == PgType::TIMESTAMPTZ,
        Type::Integer => matches!(*own, PgType::INT2 | PgType::INT4 | PgType::INT8),
        Type::Number => matches!(
            *own,
            PgType::INT2 | PgType::INT4 | PgType::INT8 | PgType::FLOAT4 | PgType::FLOAT8
        ),
        Type::Boolean => *own == PgType::BOOL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_written_as_the_library_writes_it() {
        let json = |date: Date| {
            let mut out = Vec::new();
            let cell = day(date, &mut out);
            (cell, String::from_utf8(out).unwrap())
        };
        let mut date = Date::from_calendar_date(1999, time::Month::December, 25).unwrap();
        for _ in 0..1000 {
            assert_eq!(json(date), (Cell::Written, format!("\"{date}\"")));
            date = date.next_day().unwrap();
        }
        let year = |year| Date::from_calendar_date(year, time::Month::January, 2).unwrap();
        assert_eq!(json(year(7)), (Cell::Written, "\"0007-01-02\"".to_owned()));
        assert_eq!(json(year(-1)), (Cell::Misfit, String::new()));
    }
}
