//! `maintenance`: an officer announces it; callers learn of it beforehand and are told when to come back.

use bridge_core::identity::ServiceId;
use bridge_core::refusal::Notice;
use clap::Subcommand;
use serde_json::Value;
use uuid::Uuid;

use super::officer::Access;
use super::{Failure, say};
use crate::orders::{Change, Order, Window, parse_moment};

/// Commands about maintenance.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Announce maintenance of this node, or of one of its services.
    #[command(
        after_help = "Example:\n  bridge-node maintenance announce --from 2026-11-28T22:00:00+04:00 --until 2026-11-29T02:00:00+04:00 --text-en \"The register moves.\" --text-az \"Reyestr köçürülür.\" --socket data/admin.sock --officer officer-1 --officer-key officer.key\n\nUntil then answers carry Bridge-Maintenance; in that time exchanges are refused with 503, Retry-After and the text, while metadata and health go on."
    )]
    Announce {
        /// Its first moment, RFC 3339 with an offset.
        #[arg(long, value_name = "TIME")]
        from: String,
        /// The first moment after it, RFC 3339 with an offset.
        #[arg(long, value_name = "TIME")]
        until: String,
        /// One service of this node; without it the whole node.
        #[arg(long, value_name = "SERVICE")]
        service: Option<ServiceId>,
        /// What callers are told, in English.
        #[arg(long, value_name = "TEXT", default_value = "")]
        text_en: String,
        /// What callers are told, in Azerbaijani.
        #[arg(long, value_name = "TEXT", default_value = "")]
        text_az: String,
        #[command(flatten)]
        access: Access,
    },
    /// Show what is announced, with both clocks.
    #[command(
        after_help = "Example:\n  bridge-node maintenance list --socket data/admin.sock --officer officer-1 --officer-key officer.key"
    )]
    List {
        #[command(flatten)]
        access: Access,
        /// JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// End maintenance early, or call it off.
    #[command(
        after_help = "Example:\n  bridge-node maintenance end 6f1c0b7e-8d5f-4a53-9a43-0d9be5e6a1b2 --socket data/admin.sock --officer officer-1 --officer-key officer.key"
    )]
    End {
        /// The id that `announce` and `list` give.
        id: Uuid,
        #[command(flatten)]
        access: Access,
    },
}

pub(super) fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Announce {
            from,
            until,
            service,
            text_en,
            text_az,
            access,
        } => {
            let moment = |place: &str, text: &str| {
                parse_moment(text).map_err(|fault| Failure::Usage(format!("{place}: {fault}")))
            };
            let change = Change::Announce(Window {
                service,
                from: moment("--from", &from)?,
                until: moment("--until", &until)?,
                notice: Notice {
                    en: text_en,
                    az: text_az,
                },
            });
            give(&access, change)
        }
        Command::End { id, access } => give(&access, Change::End(id)),
        Command::List { access, json } => {
            let standing = access.ask("/orders")?;
            let list = standing.get("maintenance").unwrap_or(&Value::Null);
            if json {
                say(list);
            } else {
                print(list);
            }
            Ok(())
        }
    }
}

fn give(access: &Access, change: Change) -> Result<(), Failure> {
    let order = Order {
        id: Uuid::new_v4(),
        change,
        reason: None,
    };
    let told = access.order(&order)?;
    if told.get("changed").and_then(Value::as_bool) == Some(true) {
        say(format_args!(
            "{}: order {}",
            order.change.action(),
            order.id
        ));
    } else {
        say("announced already");
    }
    let standing = told.get("standing");
    print(
        standing
            .and_then(|all| all.get("maintenance"))
            .unwrap_or(&Value::Null),
    );
    Ok(())
}

fn print(list: &Value) {
    let list = list.as_array().map_or(&[][..], Vec::as_slice);
    for one in list {
        let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default();
        let now = one.get("now").and_then(Value::as_bool) == Some(true);
        say(format_args!(
            "{}  from {}  until {}  {}  by {}  order {}",
            text("target"),
            text("from"),
            text("until"),
            if now { "now" } else { "announced" },
            text("officer"),
            text("id"),
        ));
        for words in [text("text_en"), text("text_az")] {
            if !words.is_empty() {
                say(format_args!("    {words}"));
            }
        }
    }
    say(format_args!("{} announced", list.len()));
}
