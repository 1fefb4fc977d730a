//! `probe`: what works between this node and another, step by step and in words.

use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::officer::Access;
use super::{Failure, say};

/// What to look at.
#[derive(Debug, Args)]
pub(super) struct Options {
    /// INSTANCE/CLASS/MEMBER/NODE, or INSTANCE/CLASS/MEMBER for all its nodes; without it all known nodes are listed.
    peer: Option<String>,
    #[command(flatten)]
    access: Access,
    /// JSON instead of words.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(options: &Options) -> Result<(), Failure> {
    let Some(peer) = &options.peer else {
        let known = options.access.ask("/peers")?;
        return list(&known, options.json);
    };
    let peer = utf8_percent_encode(peer, NON_ALPHANUMERIC);
    let reports = options.access.ask(&format!("/probe?peer={peer}"))?;
    let reports = reports.as_array().map_or(&[][..], Vec::as_slice);
    if options.json {
        say(Value::from(reports));
    } else {
        reports.iter().for_each(print);
    }
    let broken = reports.iter().filter(|report| !works(report)).count();
    if broken == 0 && !reports.is_empty() {
        Ok(())
    } else {
        Err(Failure::Failed(format!(
            "{broken} of {} nodes cannot be worked with",
            reports.len()
        )))
    }
}

fn works(report: &Value) -> bool {
    report.get("works").and_then(Value::as_bool) == Some(true)
}

fn print(report: &Value) {
    let text = |value: &Value, name: &str| {
        value
            .get(name)
            .and_then(Value::as_str)
            .unwrap_or_default()
            .to_owned()
    };
    say(text(report, "peer"));
    let steps = report.get("steps").and_then(Value::as_array);
    for step in steps.map_or(&[][..], Vec::as_slice) {
        say(format_args!(
            "  {:<5}  {:<12}  {}",
            text(step, "state"),
            text(step, "step"),
            text(step, "said")
        ));
        let remedy = text(step, "remedy");
        if !remedy.is_empty() {
            say(format_args!("         {:<12}  remedy: {remedy}", ""));
        }
    }
}

fn list(known: &Value, json: bool) -> Result<(), Failure> {
    if json {
        say(known);
        return Ok(());
    }
    let known = known.as_array().map_or(&[][..], Vec::as_slice);
    for one in known {
        let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default();
        say(format_args!(
            "{}  {}  {}",
            text("node"),
            text("address"),
            text("name")
        ));
    }
    if known.is_empty() {
        return Err(Failure::Failed(
            "this node has no valid directory, so it knows nobody".to_owned(),
        ));
    }
    Ok(())
}
