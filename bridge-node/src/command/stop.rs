//! `stop`: an officer stops a member, a contract or a service, at once and without the directory.

use bridge_core::identity::{MemberId, ServiceId};
use clap::{Args, Subcommand};
use serde_json::Value;
use uuid::Uuid;

use super::officer::Access;
use super::{Failure, hint, say};
use crate::orders::{Change, Order, Target};

/// Commands about stops.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// All exchange with a member: it neither asks nor is asked.
    #[command(
        after_help = "Example:\n  bridge-node stop member AZ/GOV/2001 --reason \"keys reported stolen\" --socket data/admin.sock --officer officer-1 --officer-key officer.key\n\nIn force at once, on open connections too, until `bridge-node stop lift`; survives a restart. The reason is evidence: `bridge-node audit show ORDER` gives it."
    )]
    Member {
        /// INSTANCE/CLASS/MEMBER
        id: MemberId,
        #[command(flatten)]
        how: How,
    },
    /// A contract: it allows nothing.
    #[command(
        after_help = "Example:\n  bridge-node stop contract population-person-tax --reason \"under review\" --socket data/admin.sock --officer officer-1 --officer-key officer.key"
    )]
    Contract {
        /// The contract's id, without its digest.
        id: String,
        #[command(flatten)]
        how: How,
    },
    /// A service: it is neither served nor called by this node.
    #[command(
        after_help = "Example:\n  bridge-node stop service AZ/GOV/1001/POPULATION/person --socket data/admin.sock --officer officer-1 --officer-key officer.key"
    )]
    Service {
        /// INSTANCE/CLASS/MEMBER/SUBSYSTEM/SERVICE
        id: ServiceId,
        #[command(flatten)]
        how: How,
    },
    /// Lift a stop.
    Lift {
        #[command(subcommand)]
        what: Lift,
    },
    /// Show what is stopped.
    #[command(
        after_help = "Example:\n  bridge-node stop list --socket data/admin.sock --officer officer-1 --officer-key officer.key"
    )]
    List {
        #[command(flatten)]
        access: Access,
        /// JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
}

/// What to let go on.
#[derive(Debug, Subcommand)]
pub(super) enum Lift {
    /// Exchange with a member.
    #[command(
        after_help = "Example:\n  bridge-node stop lift member AZ/GOV/2001 --reason \"new keys\" --socket data/admin.sock --officer officer-1 --officer-key officer.key"
    )]
    Member {
        /// INSTANCE/CLASS/MEMBER
        id: MemberId,
        #[command(flatten)]
        how: How,
    },
    /// A contract.
    #[command(
        after_help = "Example:\n  bridge-node stop lift contract population-person-tax --socket data/admin.sock --officer officer-1 --officer-key officer.key"
    )]
    Contract {
        /// The contract's id, without its digest.
        id: String,
        #[command(flatten)]
        how: How,
    },
    /// A service.
    #[command(
        after_help = "Example:\n  bridge-node stop lift service AZ/GOV/1001/POPULATION/person --socket data/admin.sock --officer officer-1 --officer-key officer.key"
    )]
    Service {
        /// INSTANCE/CLASS/MEMBER/SUBSYSTEM/SERVICE
        id: ServiceId,
        #[command(flatten)]
        how: How,
    },
}

/// Who orders it, and why.
#[derive(Debug, Args)]
pub(super) struct How {
    #[command(flatten)]
    access: Access,
    /// Why: kept as evidence, shown to nobody but officers.
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    let (change, how) = match command {
        Command::Member { id, how } => (Change::Stop(Target::Member(id)), how),
        Command::Contract { id, how } => (Change::Stop(contract(&id)?), how),
        Command::Service { id, how } => (Change::Stop(Target::Service(id)), how),
        Command::Lift { what } => match what {
            Lift::Member { id, how } => (Change::Lift(Target::Member(id)), how),
            Lift::Contract { id, how } => (Change::Lift(contract(&id)?), how),
            Lift::Service { id, how } => (Change::Lift(Target::Service(id)), how),
        },
        Command::List { access, json } => return list(&access, json),
    };
    let order = Order {
        id: Uuid::new_v4(),
        change,
        reason: how.reason,
    };
    let told = how.access.order(&order)?;
    say(sentence(&order, &told));
    if let Some(warning) = told.get("warning").and_then(Value::as_str) {
        say(format_args!("warning: {warning}"));
    }
    Ok(())
}

fn contract(id: &str) -> Result<Target, Failure> {
    format!("contract {id}").parse().map_err(|_malformed| {
        Failure::Usage(hint(
            &format!("`{id}` is not the id of a contract"),
            "`bridge-node contract list` shows ID@DIGEST of each: give what stands before the @",
        ))
    })
}

fn sentence(order: &Order, told: &Value) -> String {
    let changed = told.get("changed").and_then(Value::as_bool) == Some(true);
    let id = order.id;
    match (&order.change, changed) {
        (Change::Stop(target), true) => format!("{target}: stopped by order {id}"),
        (Change::Stop(target), false) => format!("{target}: is stopped already"),
        (Change::Lift(target), true) => format!("{target}: lifted by order {id}"),
        (Change::Lift(target), false) => format!("{target}: was not stopped"),
        (Change::Announce(_) | Change::End(_), _) => String::new(),
    }
}

fn list(access: &Access, json: bool) -> Result<(), Failure> {
    let standing = access.ask("/orders")?;
    let stops = standing.get("stops").unwrap_or(&Value::Null);
    if json {
        say(stops);
        return Ok(());
    }
    let stops = stops.as_array().map_or(&[][..], Vec::as_slice);
    for stop in stops {
        let text = |name: &str| stop.get(name).and_then(Value::as_str).unwrap_or("-");
        say(format_args!(
            "{}  since {}  by {}  order {}",
            text("target"),
            text("since"),
            text("officer"),
            text("id")
        ));
    }
    say(format_args!("{} stopped", stops.len()));
    Ok(())
}
