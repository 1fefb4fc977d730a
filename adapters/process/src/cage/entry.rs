//! The command behind `bridge-node cage`.

use super::inside::{self, Inside};
use super::outside::{self, Say};
use super::{CageError, CageSettings, Report};

/// What `bridge-node cage` was called with.
#[derive(Debug)]
pub enum CageCommand {
    /// From the node or from a shell: the settings as JSON, and the program with its arguments.
    Outside(String, Vec<String>),
    /// From the outer half of a cage.
    Inside(String, Vec<String>),
    /// Try all and start nothing.
    Probe,
}

/// Runs it. Returns the exit code of the program, [`super::NOT_CAGED`] if less is given than is demanded.
///
/// # Errors
///
/// [`CageError`] if the settings are wrong or a step failed that no cage can do without.
pub fn run(command: CageCommand) -> Result<u8, CageError> {
    match command {
        CageCommand::Outside(settings, program) => {
            let settings: CageSettings = serde_json::from_str(&settings)
                .map_err(|error| CageError::new("settings of the cage", error))?;
            outside::run(&settings, &program, Say::Json)
        }
        CageCommand::Inside(text, program) => {
            let handed: Inside = serde_json::from_str(&text)
                .map_err(|error| CageError::new("settings of the cage", error))?;
            inside::run(handed, &program)
        }
        CageCommand::Probe => {
            let settings = CageSettings {
                name: format!("probe-{}", std::process::id()),
                // Any folder does: the tree covers it in the cage alone, from where nothing outside can be removed.
                folder: std::env::temp_dir(),
                ..CageSettings::default()
            };
            outside::run(&settings, &[], Say::Words)
        }
    }
}

/// Reads the line that a cage tells.
///
/// # Errors
///
/// What is wrong with the line.
pub fn read_report(line: &str) -> Result<Report, String> {
    serde_json::from_str(line).map_err(|error| error.to_string())
}
