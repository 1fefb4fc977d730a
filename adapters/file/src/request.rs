//! From a call to an operation and what it chooses rows by.

use bridge_adapter::{AdapterError, Call};
use http::Method;

use crate::check::PAGING;
use crate::config::{Config, Operation, Param, Source, TableConfig, Width};
use crate::table::Filter;

/// Which rows of those found a list shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) offset: usize,
    pub(crate) limit: usize,
}

/// Picks the operation that answers a call.
pub(crate) fn pick<'a>(config: &'a Config, call: &Call) -> Result<&'a Operation, AdapterError> {
    let own = config
        .operations
        .iter()
        .filter(|own| own.service == call.service.code())
        .filter(|own| own.template.fits(&call.segments));
    let best = own.min_by_key(|own| own.template.precedence());
    let best = best.ok_or(AdapterError::NotFound)?;
    if call.method != Method::GET {
        let allowed = vec![Method::GET.to_string()];
        return Err(AdapterError::MethodNotAllowed { allowed });
    }
    Ok(best)
}

/// Reads what rows are chosen by.
pub(crate) fn filters(
    operation: &Operation,
    table: &TableConfig,
    call: &Call,
) -> Result<Vec<Filter>, AdapterError> {
    check_query_names(operation, call)?;
    let mut filters = Vec::new();
    for param in &operation.params {
        let text = match &param.source {
            Source::Path(name) => operation.template.value(name, &call.segments),
            Source::Query(name) => query(call, name)?,
        };
        let Some(column) = table.columns.get(param.column) else {
            continue;
        };
        let value = text.and_then(|text| column.kind.parameter(text));
        match (text, value) {
            (_, Some(value)) => filters.push(Filter {
                column: param.column,
                compare: param.compare,
                value,
            }),
            (None, None) if param.optional => {}
            (_, None) => {
                let expected = column.kind.in_request().to_owned();
                let place = place(param);
                return Err(AdapterError::BadRequest { place, expected });
            }
        }
    }
    Ok(filters)
}

/// Reads which page of a list is wanted.
pub(crate) fn page(call: &Call, most: u64) -> Result<Page, AdapterError> {
    let number = |name: &str, least: u64, expected: String| {
        let text = query(call, name)?;
        let read = text.map(|text| text.parse().ok().filter(|own: &u64| *own >= least));
        match read {
            None => Ok(None),
            Some(Some(number)) => Ok(Some(number)),
            Some(None) => Err(AdapterError::BadRequest {
                place: format!("query {name}"),
                expected,
            }),
        }
    };
    let expected = format!("a whole number from 1 to {most}");
    let limit = number("limit", 1, expected.clone())?.unwrap_or(most);
    if limit > most {
        let place = "query limit".to_owned();
        return Err(AdapterError::BadRequest { place, expected });
    }
    let offset = number("offset", 0, "a whole number".to_owned())?.unwrap_or(0);
    let size = |number| usize::try_from(number).unwrap_or(usize::MAX);
    Ok(Page {
        offset: size(offset),
        limit: size(limit),
    })
}

fn query<'a>(call: &'a Call, name: &str) -> Result<Option<&'a str>, AdapterError> {
    let mut values = call.query.iter().filter(|(own, _)| own == name);
    match (values.next(), values.next()) {
        (value, None) => Ok(value.map(|(_, value)| value.as_str())),
        (_, Some(_)) => Err(AdapterError::BadRequest {
            place: format!("query {name}"),
            expected: "one value".to_owned(),
        }),
    }
}

fn check_query_names(operation: &Operation, call: &Call) -> Result<(), AdapterError> {
    let mut known: Vec<&str> = Vec::new();
    for param in &operation.params {
        if let Source::Query(name) = &param.source {
            known.push(name);
        }
    }
    if matches!(operation.width, Width::Many(_)) {
        known.extend(PAGING);
    }
    if call.query.iter().all(|(name, _)| known.contains(&&**name)) {
        return Ok(());
    }
    let expected = if known.is_empty() {
        "no query".to_owned()
    } else {
        format!("only {}", known.join(", "))
    };
    let place = "query".to_owned();
    Err(AdapterError::BadRequest { place, expected })
}

fn place(param: &Param) -> String {
    match &param.source {
        Source::Path(name) => format!("path segment {name}"),
        Source::Query(name) => format!("query {name}"),
    }
}
