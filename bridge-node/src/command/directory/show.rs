//! What a proposal changes and what is published, in words.

use std::path::{Path, PathBuf};

use bridge_directory::Moment;
use bridge_directory::ceremony::Reviewed;
use bridge_directory::metadata::Role;

use bridge_directory::client::ROOT_LIMIT_BYTES;
use clap::Args;

use super::super::resource::words::listed;
use super::words::Language;
use super::{Failure, hint, joined, read, read_base, refused, say, write};

const DAY_S: u64 = 86_400;

#[derive(Debug, Args)]
pub(in crate::command) struct ExportOptions {
    /// The file to write.
    file: PathBuf,
    /// A copy of the published folder.
    #[arg(long)]
    public: PathBuf,
    /// The root that is trusted; without it the first one in PUBLIC is believed.
    #[arg(long, value_name = "FILE")]
    root: Option<PathBuf>,
}

/// Tells all of a proposal.
pub(super) fn reviewed(reviewed: &Reviewed, language: Language, now_s: u64) {
    let title = |en, az| say(format_args!("{}:", language.pick(en, az)));
    title("Changes of the directory", "Kataloqda dəyişikliklər");
    for change in &reviewed.changes {
        say(format_args!("  {}", language.change(change)));
    }
    if reviewed.changes.is_empty() {
        say(format_args!("  {}", language.pick("none", "yoxdur")));
    }
    if let Some(changes) = &reviewed.in_force {
        title(
            "Changes as nodes will read them, members' own nodes among them",
            "Üzvlərin öz qovşaqları ilə birlikdə qovşaqların oxuyacağı dəyişikliklər",
        );
        for change in changes {
            say(format_args!("  {}", language.change(change)));
        }
        if changes.is_empty() {
            say(format_args!("  {}", language.pick("none", "yoxdur")));
        }
    }
    if !reviewed.member_roles.is_empty() {
        title(
            "Changes of members' roles",
            "Üzvlərin rollarında dəyişikliklər",
        );
    }
    for difference in &reviewed.member_roles {
        say(format_args!("  {}", language.member_role(difference)));
    }
    if !reviewed.listed.is_empty() {
        title("Changes of the catalogue", "Vahid siyahıda dəyişikliklər");
        for line in listed(&reviewed.listed, language) {
            say(format_args!("  {line}"));
        }
    }
    if !reviewed.roles.is_empty() {
        title("Changes of the roles", "Rollarda dəyişikliklər");
    }
    for difference in &reviewed.roles {
        say(format_args!("  {}", language.role(difference)));
    }
    title("Good until", "Son tarix");
    for (role, version, expires) in &reviewed.ends {
        say(end((*role, *version, *expires), language, now_s));
    }
    signatures(reviewed, language);
}

/// Tells who has signed a proposal, and who has not.
pub(super) fn signatures(reviewed: &Reviewed, language: Language) {
    say(format_args!("{}:", language.pick("Signatures", "İmzalar")));
    for one in &reviewed.signatures {
        say(format_args!("  {}", language.signatures(one)));
    }
}

/// Tells what comes after a signature.
pub(super) fn next(reviewed: &Reviewed, language: Language) {
    signatures(reviewed, language);
    say(if reviewed.check_signatures().is_ok() {
        language.pick(
            "next: publish it with `directory publish`",
            "növbəti addım: `directory publish` ilə yayımlayın",
        )
    } else {
        language.pick(
            "next: have the others sign it with `directory sign`",
            "növbəti addım: qalan açarlarla `directory sign` əmrini icra edin",
        )
    });
}

/// Tells when what is published ends, and what proposals lack.
pub(super) fn status(proposals: &[PathBuf], public: &Path, now_s: u64) -> Result<(), Failure> {
    if !public.is_dir() {
        let what = format!("{} is no folder", public.display());
        return Err(Failure::Failed(hint(
            &what,
            "--public is a copy of what `directory publish` wrote",
        )));
    }
    let base = public.join("metadata/1.root.json").exists();
    let base = base.then(|| read_base(public, None)).transpose()?;
    match &base {
        Some(base) => {
            say(format_args!("Published: {}", base.standing));
            for one in &base.ends {
                say(end(*one, Language::En, now_s));
            }
            for state in &base.own_states(now_s) {
                say(format_args!("  {}", Language::En.own_state(state)));
            }
        }
        None => say("Published: nothing"),
    }
    if proposals.is_empty() {
        return Ok(());
    }
    let reviewed = joined(proposals)?.review(base.as_ref(), now_s);
    signatures(&reviewed.map_err(|error| refused(&error))?, Language::En);
    Ok(())
}

/// Writes the directory with members' own nodes in it, as far as they count now.
pub(super) fn export(options: &ExportOptions, now_s: u64) -> Result<(), Failure> {
    let ExportOptions { file, public, root } = options;
    let what = "--root is a root that you have from elsewhere";
    let root = root
        .as_deref()
        .map(|root| read(root, ROOT_LIMIT_BYTES, what));
    let base = read_base(public, root.transpose()?.as_deref())?;
    let directory = base.exported(now_s).map_err(|error| refused(&error))?;
    let text = serde_json::to_vec_pretty(&directory);
    let text = text.map_err(|error| Failure::failed("directory", &error))?;
    write(file, &text)?;
    say(format_args!("wrote {}", file.display()));
    Ok(())
}

fn end((role, version, expires): (Role, u64, Moment), language: Language, now_s: u64) -> String {
    let left = match expires.0.checked_sub(now_s) {
        Some(left) if left > 0 => {
            format!(
                "{} {}",
                left / DAY_S,
                language.pick("days left", "gün qalıb")
            )
        }
        _ => language.pick("EXPIRED", "MÜDDƏTİ BİTİB").to_owned(),
    };
    format!("  {role} {version}: {expires} ({left})")
}
