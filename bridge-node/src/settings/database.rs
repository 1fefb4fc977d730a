//! The database of a registry package: a file, or a server's with its role.

use std::path::Path;

use bridge_adapter_sql::{Access, Address, Database, SCHEME};

use super::parts::Check;
use super::{Source, raw};

/// What helps against a password that cannot be read.
const PASSWORD: &str = "put the role's password, one line, into a file of mode 0600";
/// What helps against an authority that cannot be read.
const AUTHORITY: &str = "give a PEM file with the one certificate of its authority";

impl Check<'_> {
    /// The settings of adapter `sql`.
    pub(super) fn sql(&mut self, place: &str, raw: &raw::Service) -> Option<Source> {
        let (Some(package), Some(database)) = (&raw.package, &raw.database) else {
            self.fault(place, "lacks package or database", "adapter sql needs both");
            return None;
        };
        let package = self.existing(&format!("{place}.package"), package);
        let certificate = raw.certificate.as_deref();
        let queries = self.database(
            &format!("{place}.database"),
            database,
            (raw.password_file.as_deref(), certificate),
        );
        let submissions = raw.submissions.as_ref().map(|submissions| {
            let files = (raw.submissions_password_file.as_deref(), certificate);
            self.database(&format!("{place}.submissions"), submissions, files)
        });
        let access = Access {
            queries: queries?,
            submissions: match submissions {
                Some(submissions) => Some(submissions?),
                None => None,
            },
        };
        Some(Source::Sql { package, access })
    }

    /// A file of SQLite, or a database of a PostgreSQL server with its password and authority.
    fn database(
        &mut self,
        place: &str,
        text: &str,
        (password, certificate): (Option<&str>, Option<&str>),
    ) -> Option<Database> {
        if !text.starts_with(SCHEME) {
            if password.is_some() {
                let remedy = "remove the password file, or name a server: postgresql://…";
                self.fault(place, "is a file and has no password", remedy);
            }
            return Some(Database::Sqlite(self.existing(place, text)));
        }
        let password = password.map(|path| {
            bridge_certs::read_password_file(&self.folder.join(path)).map_err(|e| e.to_string())
        });
        let root = certificate.map(|path| one_certificate(&self.folder.join(path)));
        let mut sound = true;
        for (failed, remedy) in [
            (
                password.as_ref().and_then(|read| read.as_ref().err()),
                PASSWORD,
            ),
            (
                root.as_ref().and_then(|read| read.as_ref().err()),
                AUTHORITY,
            ),
        ] {
            if let Some(why) = failed {
                self.fault(place, why.clone(), remedy);
                sound = false;
            }
        }
        if !sound {
            return None;
        }
        let password = password.and_then(Result::ok);
        let root = root.and_then(Result::ok);
        let parsed = Address::parse(
            text,
            password.as_ref().map(|password| password.as_slice()),
            root.as_deref(),
        );
        match parsed {
            Ok(address) => Some(Database::Postgresql(Box::new(address))),
            Err(fault) => {
                self.fault(place, fault.problem, &fault.remedy);
                None
            }
        }
    }
}

fn one_certificate(path: &Path) -> Result<Vec<u8>, String> {
    let list = bridge_certs::read_pem_certificates(path).map_err(|error| error.to_string())?;
    match <[Vec<u8>; 1]>::try_from(list) {
        Ok([certificate]) => Ok(certificate),
        Err(_) => Err(format!("{}: not exactly one certificate", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::settings::Fault;

    /// What the settings of one service come to in a folder with the files of this test.
    fn read(text: &str) -> Result<Access, Vec<Fault>> {
        let folder = tempfile::tempdir().unwrap();
        for (name, mode) in [("people.db", 0o600), ("open", 0o644), ("secret", 0o600)] {
            let path = folder.path().join(name);
            fs::write(&path, "gizli\n").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let text = format!(
            "adapter = \"sql\"\nsubsystem = \"AZ/GOV/1001/POPULATION\"\npackage = \".\"\n{text}"
        );
        let raw: raw::Service = toml::from_str(&text).unwrap();
        let mut faults = Vec::new();
        let mut check = Check {
            folder: folder.path(),
            faults: &mut faults,
        };
        let source = check.sql("services[0]", &raw);
        match source {
            Some(Source::Sql { access, .. }) if faults.is_empty() => Ok(access),
            _ => Err(faults),
        }
    }

    #[test]
    fn queries_and_submissions_are_different_roles_and_no_password_is_shown() {
        let access = read(
            "database = \"postgresql://reader@/people?host=/run/postgresql\"\npassword_file = \"secret\"\n\
             submissions = \"postgresql://writer@/people?host=/run/postgresql\"\nsubmissions_password_file = \"secret\"",
        )
        .unwrap();
        let shown = format!("{access:?}");
        assert!(
            shown.contains("reader@") && shown.contains("writer@"),
            "{shown}"
        );
        assert!(!shown.contains("gizli"), "{shown}");
    }

    #[test]
    fn nothing_may_be_changed_unless_the_settings_say_as_whom() {
        assert!(
            read("database = \"people.db\"")
                .unwrap()
                .submissions
                .is_none()
        );
        let both = read("database = \"people.db\"\nsubmissions = \"people.db\"").unwrap();
        assert!(both.submissions.is_some());
    }

    #[test]
    fn what_cannot_be_is_said_with_its_place_and_never_with_a_password() {
        let socket = "postgresql://reader@/people?host=/run";
        for (text, place, told) in [
            (
                "database = \"gone.db\"".to_owned(),
                "database",
                "does not exist",
            ),
            (
                "database = \"people.db\"\npassword_file = \"secret\"".to_owned(),
                "database",
                "is a file and has no password",
            ),
            (
                format!("database = {socket:?}\npassword_file = \"open\""),
                "database",
                "644",
            ),
            (
                format!("database = {socket:?}\npassword_file = \"gone\""),
                "database",
                "gone",
            ),
            (
                "database = \"postgresql://reader:gizli@db/people\"".to_owned(),
                "database",
                "holds a password",
            ),
            (
                "database = \"people.db\"\nsubmissions = \"postgresql://writer@db/people\""
                    .to_owned(),
                "submissions",
                "is a server without a certificate",
            ),
            (
                "database = \"postgresql://r@db/people\"\ncertificate = \"secret\"".to_owned(),
                "database",
                "secret",
            ),
        ] {
            let faults = read(&text).unwrap_err();
            let said = format!("{faults:?}");
            assert_eq!(faults[0].place, format!("services[0].{place}"), "{said}");
            assert!(faults[0].what.contains(told), "{said}");
            assert!(!said.contains("gizli"), "{said}");
        }
    }
}
