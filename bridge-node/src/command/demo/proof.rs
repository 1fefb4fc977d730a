//! What proves an exchange to a court: its dossier, stamped by OpenSSL as time-stamping authority where it is installed.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bridge_certs::{Authority, Trust};
use serde_json::Value;

use super::story::Shown;
use super::world::three;
use super::{Tally, Teller, claim};
use crate::command::audit::keep_dossier;
use crate::command::trial::client::get;
use crate::command::trial::time_authority::OpenSslAuthority;
use crate::command::trial::world::{Agency, SETTINGS, World, write};
use crate::command::{Failure, officer};
use crate::dossier;

/// The settings of a node while the demonstration's authority is there: no node that is started later asks for it.
const STAMPED: &str = "stamped.toml";
const HOUR_S: u64 = 3600;
const DAY_S: u64 = 86_400;
const PROVED_WITHIN: Duration = Duration::from_secs(30);
const ASK_EVERY: Duration = Duration::from_millis(100);

/// Starts the authority, if there is one; returns the name of the settings by which the nodes run.
pub(super) async fn begin(world: &World, now_s: u64) -> Result<&'static str, Failure> {
    if !OpenSslAuthority::is_installed() {
        return Ok(SETTINGS);
    }
    let issuer = Authority::open(&world.folder.join("authority"))
        .map_err(|error| Failure::failed("authority", &error))?;
    let dates = (
        now_s.saturating_sub(HOUR_S),
        now_s.saturating_add(30 * DAY_S),
    );
    let authority = OpenSslAuthority::make(&world.folder.join("time"), &issuer, dates)?;
    let address = authority.listen().await?;
    for agency in &world.agencies {
        let settings = fs::read_to_string(agency.folder.join(SETTINGS))
            .map_err(|error| Failure::failed(SETTINGS, &error))?;
        let time = format!(
            "\n[time]\ntrust = \"../trust/anchors.pem\"\nevery_seconds = 1\n\
             [[time.authorities]]\nurl = \"http://{address}/stamp\"\n"
        );
        write(
            &agency.folder.join(STAMPED),
            format!("{settings}{time}").as_bytes(),
        )?;
    }
    Ok(STAMPED)
}

/// Takes the authority out of the agencies' folders: it ends with the demonstration.
pub(super) fn end(world: &World, settings: &str) -> Result<(), Failure> {
    if settings != STAMPED {
        return Ok(());
    }
    for agency in &world.agencies {
        fs::remove_file(agency.folder.join(STAMPED))
            .map_err(|error| Failure::failed(STAMPED, &error))?;
    }
    Ok(())
}

/// Has the exchange stamped and exports its dossier, while the nodes are up.
pub(super) async fn export(
    teller: Teller,
    world: &World,
    shown: &Shown,
    settings: &str,
) -> Result<(), Failure> {
    let [_, tax, _] = three(world)?;
    if settings == STAMPED {
        teller.tell("\n7. An authority outside stamps the time on each journal once a second (RFC 3161; here it is OpenSSL):");
        for agency in &world.agencies {
            // The others' journals have no more to prove than that they are stamped.
            let leaf = if agency.member == tax.member {
                shown.last_leaf
            } else {
                0
            };
            let words = stamped(agency, leaf).await?;
            teller.tell(&format!("   {}  {words}", agency.member));
        }
    } else {
        teller.tell("\n7. No time is stamped on the journals: there is no program `openssl` here to be the time-stamping authority.");
    }
    let socket = tax.folder.join("data/admin.sock");
    let key = tax.folder.join("officer.key");
    let target = format!("/export/{}", shown.id);
    covered(tax, shown.last_leaf).await?;
    let answer = officer::exchange((&socket, "officer", &key), &target, None).await?;
    let bytes = keep_dossier(&answer, &file(world))?;
    teller.tell(&format!(
        "   The tax service's officer exports the dossier of step 2: {bytes} bytes, sealed by the member."
    ));
    Ok(())
}

/// Waits until the checkpoint that the journal shows covers a leaf: there is one a second. Each look of an officer is a leaf, also
/// one that comes too early.
async fn covered(agency: &Agency, leaf: u64) -> Result<(), Failure> {
    let checkpoint = agency.folder.join("data/journal/checkpoint");
    let begun = Instant::now();
    loop {
        // Its second line says how many leaves it covers. Standard: C2SP tlog-checkpoint.
        let note = fs::read_to_string(&checkpoint).unwrap_or_default();
        let leaves = note.lines().nth(1).and_then(|line| line.parse().ok());
        if leaves.is_some_and(|leaves: u64| leaves > leaf) {
            return Ok(());
        }
        claim(
            begun.elapsed() < PROVED_WITHIN,
            "a checkpoint covers the exchange",
        )?;
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Waits until the stamped checkpoint covers a leaf, as `/ready` tells.
async fn stamped(agency: &Agency, leaf: u64) -> Result<String, Failure> {
    let begun = Instant::now();
    loop {
        let ready = get(agency.ports.health, "/ready").await?.json();
        let words = ready.pointer("/time_stamps");
        let words = words.and_then(Value::as_str).unwrap_or_default();
        let leaves = words.split(' ').next().and_then(|word| word.parse().ok());
        if leaves.is_some_and(|leaves: u64| leaves > leaf) {
            return Ok(words.to_owned());
        }
        claim(
            begun.elapsed() < PROVED_WITHIN,
            &format!("the exchange is stamped: {words}"),
        )?;
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Judges the dossier as somebody would who has nothing but the file and the authorities' certificates.
pub(super) fn judge(
    teller: Teller,
    world: &World,
    settings: &str,
    tally: &mut Tally,
) -> Result<(), Failure> {
    teller.tell("\n9. The dossier of step 2 is judged without any node, as a court would:");
    let read = |path: PathBuf| {
        fs::read(&path).map_err(|error| Failure::failed(&path.display().to_string(), &error))
    };
    let trust = Trust::from_pem(&read(world.folder.join("trust/anchors.pem"))?)
        .map_err(|error| Failure::failed("anchors", &error))?;
    let lines =
        dossier::judge(&read(file(world))?, &trust, &[], &[]).map_err(Failure::NotGenuine)?;
    for line in &lines {
        teller.tell(&format!("   {line}"));
    }
    tally.stamped = lines
        .iter()
        .any(|line| line.ends_with("as a time-stamping authority says"));
    claim(
        tally.stamped == (settings == STAMPED),
        "the dossier says when the exchange was stamped",
    )
}

fn file(world: &World) -> PathBuf {
    world.folder.join("dossier.asice")
}
