//! Values on their way into PostgreSQL and out of it, in its binary form.

use std::error::Error;

use bytes::BytesMut;
use serde_json::{Number, Value};
use time::format_description::well_known::{Iso8601, Rfc3339};
use time::macros::offset;
use time::{Date, OffsetDateTime};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type as PgType, to_sql_checked};

use crate::value::{Scalar, Type, to_rfc3339};

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

/// Reads a column; `None` if it does not have the form of the type.
pub(super) fn read(row: &Row, index: usize, kind: Type) -> Option<Value> {
    let own = row.columns().get(index)?.type_();
    let raw: Option<Raw<'_>> = row.try_get(index).ok()?;
    raw.map_or(Some(Value::Null), |Raw(bytes)| to_json(kind, own, bytes))
}

fn to_json(kind: Type, own: &PgType, bytes: &[u8]) -> Option<Value> {
    match *own {
        PgType::BOOL => Some(Value::from(bool::from_sql(own, bytes).ok()?)),
        PgType::INT2 => Some(Value::from(i16::from_sql(own, bytes).ok()?)),
        PgType::INT4 => Some(Value::from(i32::from_sql(own, bytes).ok()?)),
        PgType::INT8 => Some(Value::from(i64::from_sql(own, bytes).ok()?)),
        PgType::FLOAT4 => number(f32::from_sql(own, bytes).ok()?.into()),
        PgType::FLOAT8 => number(f64::from_sql(own, bytes).ok()?),
        PgType::DATE => {
            let date = Date::from_sql(own, bytes).ok()?;
            (kind == Type::Date).then(|| day(date))?
        }
        PgType::TIMESTAMPTZ => {
            let moment = OffsetDateTime::from_sql(own, bytes).ok()?;
            kind.of_text(&to_rfc3339(moment.to_offset(offset!(+4)))?)
        }
        PgType::BYTEA => kind.of_bytes(bytes),
        _ => kind.of_text(str::from_utf8(bytes).ok()?),
    }
}

/// `2026-11-21`. Only years of four digits have the form.
fn day(date: Date) -> Option<Value> {
    let (year, month, day) = (date.year(), u8::from(date.month()), date.day());
    let has_form = (0..=9999).contains(&year);
    has_form.then(|| Value::String(format!("{year:04}-{month:02}-{day:02}")))
}

fn number(n: f64) -> Option<Value> {
    Number::from_f64(n).map(Value::Number)
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
        let mut date = Date::from_calendar_date(1999, time::Month::December, 25).unwrap();
        for _ in 0..1000 {
            assert_eq!(day(date), Some(Value::String(date.to_string())));
            date = date.next_day().unwrap();
        }
        let year = |year| Date::from_calendar_date(year, time::Month::January, 2).unwrap();
        assert_eq!(day(year(7)), Some(Value::from("0007-01-02")));
        assert_eq!(day(year(-1)), None);
    }
}
