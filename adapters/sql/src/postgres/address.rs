//! Where a PostgreSQL server is, and as which role it is used.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bridge_adapter::Fault;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, SslMode};

use super::tls::Tls;

/// How a text in the settings begins that names a PostgreSQL server and not a file.
pub const SCHEME: &str = "postgresql://";
/// Where a server listens that is not told otherwise.
const PORT: u16 = 5432;
/// How long the making of a connection may take.
const CONNECT: Duration = Duration::from_secs(3);
/// After how long without traffic the system asks whether the server is still there.
const KEEPALIVE: Duration = Duration::from_secs(30);

/// A database of a PostgreSQL server, and the role that is used there.
///
/// Neither its [`fmt::Debug`] nor its [`fmt::Display`] shows the password.
#[derive(Clone)]
pub struct Address {
    pub(crate) config: Config,
    pub(crate) tls: Tls,
}

impl Address {
    /// Reads `postgresql://role@host/database`, or with a socket's folder `postgresql://role@/database?host=/run/postgresql`.
    ///
    /// Over TCP it is TLS 1.3 always, and the server's certificate must be good under `root`, a certificate in DER. Over a
    /// socket there is no TLS.
    ///
    /// # Errors
    ///
    /// What is wrong, without a password that stands there by mistake. The place is left to the caller.
    pub fn parse(text: &str, password: Option<&[u8]>, root: Option<&[u8]>) -> Result<Self, Fault> {
        let fault =
            |problem: &str, remedy: &str| Fault::new("database", "database", problem, remedy);
        let form = "write postgresql://ROLE@HOST/DATABASE or postgresql://ROLE@/DATABASE?host=/SOCKET/FOLDER";
        // The parser's own words can quote what it did not understand, a password among it.
        let parsed: Result<Config, _> = text.parse();
        let mut config =
            parsed.map_err(|_quotes| fault("is not the address of a database", form))?;
        if config.get_password().is_some() {
            let remedy = "remove it, change it in the database, and put it into password_file";
            return Err(fault("holds a password", remedy));
        }
        if config.get_user().is_none() || config.get_dbname().is_none() {
            return Err(fault("names no role or no database", form));
        }
        if config.get_options().is_some() {
            return Err(fault(
                "holds options",
                "set them for the role: ALTER ROLE … SET …",
            ));
        }
        let [host] = config.get_hosts() else {
            return Err(fault("does not name one host", form));
        };
        let tls = match (host, root) {
            (Host::Unix(_), None) => Tls::none(),
            (Host::Unix(_), Some(_)) => {
                let remedy = "remove the certificate: a socket is reached without TLS";
                return Err(fault("is a socket with a certificate", remedy));
            }
            (Host::Tcp(_), Some(root)) => {
                let remedy = "name a PEM file with the certificate of its authority";
                Tls::under(root).map_err(|error| fault(&error.to_string(), remedy))?
            }
            (Host::Tcp(_), None) => {
                let remedy =
                    "name the certificate of its authority, or reach it by a socket's folder";
                return Err(fault("is a server without a certificate", remedy));
            }
        };
        if let Some(password) = password {
            config.password(password);
        }
        config
            .ssl_mode(if tls.is_some() {
                SslMode::Require
            } else {
                SslMode::Disable
            })
            // What it would prove is proved by the pinned authority.
            .channel_binding(ChannelBinding::Disable)
            .application_name("bridge-node")
            .connect_timeout(CONNECT)
            .keepalives_idle(KEEPALIVE);
        Ok(Self { config, tls })
    }

    /// The server's socket, if it is reached by one.
    pub(super) fn socket(&self) -> Option<PathBuf> {
        let port = self.config.get_ports().first().copied().unwrap_or(PORT);
        match self.config.get_hosts() {
            [Host::Unix(folder)] => Some(folder.join(format!(".s.PGSQL.{port}"))),
            _ => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (role, database) = (self.config.get_user(), self.config.get_dbname());
        let (role, database) = (role.unwrap_or_default(), database.unwrap_or_default());
        match self.config.get_hosts().first() {
            Some(Host::Tcp(host)) => write!(f, "{SCHEME}{role}@{host}/{database}"),
            Some(Host::Unix(folder)) => {
                write!(f, "{SCHEME}{role}@/{database}?host={}", folder.display())
            }
            None => write!(f, "{SCHEME}{role}@/{database}"),
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Address").field(&self.to_string()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, root: Option<&[u8]>) -> String {
        Address::parse(text, None, root).unwrap_err().to_string()
    }

    #[test]
    fn a_socket_is_an_address_and_its_password_is_never_shown() {
        let text = "postgresql://reader@/people?host=/run/postgresql";
        let address = Address::parse(text, Some(b"gizli"), None).unwrap();
        assert_eq!(address.to_string(), text);
        assert_eq!(address.config.get_password(), Some(b"gizli".as_slice()));
        assert!(!format!("{address:?} {address}").contains("gizli"));
    }

    #[test]
    fn what_is_no_safe_address_is_refused_without_repeating_it() {
        for (text, told) in [
            (
                "postgresql://reader:gizli@/people?host=/run",
                "holds a password",
            ),
            (
                "postgresql://reader:gizli@[/people",
                "is not the address of a database",
            ),
            (
                "postgresql://reader@db.internal/people",
                "is a server without a certificate",
            ),
            (
                "postgresql:///people?host=/run",
                "names no role or no database",
            ),
            ("postgresql://reader@/people", "does not name one host"),
            ("postgresql://reader@a,b/people", "does not name one host"),
            (
                "postgresql://reader@/people?host=/run&options=-c%20statement_timeout=0",
                "holds options",
            ),
        ] {
            let words = refused(text, None);
            assert!(words.contains(told), "{text}: {words}");
            assert!(!words.contains("gizli"), "{words}");
        }
        assert!(
            refused("postgresql://r@/d?host=/run", Some(b"x"))
                .contains("a socket with a certificate")
        );
        assert!(refused("postgresql://r@db/d", Some(b"not DER")).contains("database: "));
    }
}
