//! Reads the endpoints of a contract and where they name their subjects.

use std::sync::Arc;

use crate::contract::Endpoint;
use crate::contract::document::{LIST_LIMIT, METHODS, READING_METHODS};
use crate::contract::fault::Fault;
use crate::contract::form::{CODE_FORM, Faults, Form, Spot};
use crate::contract::locator::{Locator, Place, Pointer};
use crate::contract::pattern::{Pattern, Segment};
use crate::json::Json;

/// The longest query name, in characters.
const QUERY_NAME_LIMIT: usize = 128;

const ENDPOINTS_FORM: &str = "write [{\"method\": \"GET\", \"path\": \"/*\", \"subjects\": …}]";
const METHOD_FORM: &str =
    "write DELETE, GET, HEAD, OPTIONS, PATCH, POST, PUT or TRACE, or * for all of them";
const PATH_FORM: &str =
    "write the decoded path behind the service, with * for one segment and ** for any number";
const QUERY_FORM: &str = "write the names the query may hold, as [\"at\"]";
const QUERY_NAME_FORM: &str = "write each name once, decoded, or list it under \"query\"";
const POINTER_FORM: &str = "write a JSON pointer as /fin or /children/*/fin";
const SEGMENT_FORM: &str =
    "write the number of a * of the pattern, counted from 0, with no ** before it";
const SUBJECTS_FORM: &str = "write \"none\", or [{\"in\": \"path\", \"segment\": 0, \"type\": \
     \"fin\"}]; \"in\" is path (segment), query (name), request or answer (pointer)";

pub(super) fn read_endpoints(
    form: &Form<'_, '_>,
    is_read_only: bool,
    faults: &mut Faults,
) -> Option<Vec<Arc<Endpoint>>> {
    let list = form.required("endpoints", ENDPOINTS_FORM, faults)?;
    let spots = list.list(LIST_LIMIT, ENDPOINTS_FORM, faults)?;
    let mut endpoints: Vec<Arc<Endpoint>> = Vec::new();
    for spot in spots {
        let place = spot.place.clone();
        let Some(endpoint) = read_endpoint(spot, is_read_only, faults) else {
            continue;
        };
        let is_known = endpoints
            .iter()
            .any(|known| known.method == endpoint.method && known.path == endpoint.path);
        if is_known {
            let fault = Fault::Repeated(endpoint.to_string());
            faults.add(
                &place,
                fault,
                "write one endpoint with the query names of both",
            );
        }
        endpoints.push(Arc::new(endpoint));
    }
    Some(endpoints)
}

fn read_endpoint(spot: Spot<'_, '_>, is_read_only: bool, faults: &mut Faults) -> Option<Endpoint> {
    let known = ["method", "path", "query", "semicolons", "subjects"];
    let form = spot.form(&known, ENDPOINTS_FORM, faults)?;
    let method = form
        .required("method", METHOD_FORM, faults)
        .and_then(|spot| read_method(&spot, is_read_only, faults));
    let path = form.required("path", PATH_FORM, faults).and_then(|spot| {
        let read = Pattern::parse(spot.string(PATH_FORM, faults)?).map_err(Fault::Pattern);
        faults.keep(read, &spot.place, PATH_FORM)
    });
    let query = match form.optional("query") {
        Some(spot) => read_query(spot, faults),
        None => Some(Vec::new()),
    };
    let allows_semicolons = form
        .optional("semicolons")
        .and_then(|spot| spot.flag(faults))
        .unwrap_or(false);
    let subjects = form
        .required("subjects", SUBJECTS_FORM, faults)
        .and_then(|spot| read_subjects(spot, path.as_ref(), query.as_deref(), faults));
    Some(Endpoint {
        method: method?,
        path: path?,
        query: query?,
        allows_semicolons,
        subjects: subjects?,
    })
}

fn read_method(spot: &Spot<'_, '_>, is_read_only: bool, faults: &mut Faults) -> Option<String> {
    let method = spot.string(METHOD_FORM, faults)?;
    let read = if method != "*" && !METHODS.contains(&method) {
        Err(Fault::Method(method.to_owned()))
    } else if is_read_only && method != "*" && !READING_METHODS.contains(&method) {
        Err(Fault::Writes(method.to_owned()))
    } else {
        Ok(method.to_owned())
    };
    let remedy = if matches!(read, Err(Fault::Writes(_))) {
        "write GET, HEAD or OPTIONS, or \"read_only\": false"
    } else {
        METHOD_FORM
    };
    faults.keep(read, &spot.place, remedy)
}

fn read_query(spot: Spot<'_, '_>, faults: &mut Faults) -> Option<Vec<String>> {
    // Here, and only here, an empty list is plain: no query name is allowed.
    if spot.value.as_array().is_some_and(<[Json<'_>]>::is_empty) {
        return Some(Vec::new());
    }
    let mut names: Vec<String> = Vec::new();
    let mut is_sound = true;
    for spot in spot.list(LIST_LIMIT, QUERY_FORM, faults)? {
        match spot.text(QUERY_NAME_LIMIT, QUERY_NAME_FORM, faults) {
            Some(name) if names.iter().any(|known| known == name) => {
                let fault = Fault::Repeated(name.to_owned());
                faults.add(&spot.place, fault, QUERY_NAME_FORM);
            }
            Some(name) => names.push(name.to_owned()),
            None => is_sound = false,
        }
    }
    is_sound.then_some(names)
}

fn read_subjects(
    spot: Spot<'_, '_>,
    path: Option<&Pattern>,
    query: Option<&[String]>,
    faults: &mut Faults,
) -> Option<Vec<Locator>> {
    if spot.is("none") {
        return Some(Vec::new());
    }
    let spots = spot.list(LIST_LIMIT, SUBJECTS_FORM, faults)?;
    let read: Vec<Option<Locator>> = spots
        .into_iter()
        .map(|spot| read_locator(spot, path, query, faults))
        .collect();
    read.into_iter().collect()
}

fn read_locator(
    spot: Spot<'_, '_>,
    path: Option<&Pattern>,
    query: Option<&[String]>,
    faults: &mut Faults,
) -> Option<Locator> {
    let place_of_all = spot.place.clone();
    // What stands beside "in" depends on it, so it is looked at before the names are checked.
    let key = match spot.value.member("in").and_then(Json::as_str) {
        Some("path") => "segment",
        Some("query") => "name",
        Some("request" | "answer") => "pointer",
        Some(_) | None => "",
    };
    if key.is_empty() {
        faults.add(
            &format!("{place_of_all}/in"),
            Fault::Form {
                found: "no known place",
            },
            SUBJECTS_FORM,
        );
        return None;
    }
    let form = spot.form(&["in", "type", key], SUBJECTS_FORM, faults)?;
    let kind = form
        .required("type", CODE_FORM, faults)
        .and_then(|spot| spot.code(CODE_FORM, faults));
    let value = form.required(key, SUBJECTS_FORM, faults)?;
    let is_answer = form.optional("in").is_some_and(|spot| spot.is("answer"));
    let place = match key {
        "segment" => read_segment(&value, path, faults).map(Place::Path),
        "name" => read_name(&value, query, faults).map(Place::Query),
        _ => read_pointer(&value, faults).map(if is_answer {
            Place::Answer
        } else {
            Place::Request
        }),
    };
    Some(Locator {
        kind: kind?,
        place: place?,
    })
}

fn read_segment(spot: &Spot<'_, '_>, path: Option<&Pattern>, faults: &mut Faults) -> Option<usize> {
    let number = spot.count(0, SEGMENT_FORM, faults)?;
    let index = usize::try_from(number).ok()?;
    let up_to = path?.segments().get(..=index).unwrap_or_default();
    let is_fixed = !up_to.contains(&Segment::Any);
    let is_open = up_to.last() == Some(&Segment::One);
    let read = if is_fixed && is_open {
        Ok(index)
    } else {
        Err(Fault::Segment(number))
    };
    faults.keep(read, &spot.place, SEGMENT_FORM)
}

fn read_name(spot: &Spot<'_, '_>, query: Option<&[String]>, faults: &mut Faults) -> Option<String> {
    let name = spot.string(QUERY_NAME_FORM, faults)?.to_owned();
    let read = if query?.contains(&name) {
        Ok(name)
    } else {
        Err(Fault::QueryName(name))
    };
    faults.keep(read, &spot.place, QUERY_NAME_FORM)
}

fn read_pointer(spot: &Spot<'_, '_>, faults: &mut Faults) -> Option<Pointer> {
    let read = Pointer::parse(spot.string(POINTER_FORM, faults)?).map_err(Fault::Pointer);
    faults.keep(read, &spot.place, POINTER_FORM)
}
