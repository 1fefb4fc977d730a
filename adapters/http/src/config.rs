//! Where the registry is, whom to trust there, and how long it may take.

use std::path::PathBuf;
use std::time::Duration;

use bridge_adapter::ServiceDescription;

mod read;

pub use read::Site;

/// How long a connection may take to be made: a registry stands in the same network.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the registry may take until its answer begins, from the last byte of the request.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a call waits for a connection that is free: who waited longer would have too little time left for the registry.
pub const CONNECTION_WAIT: Duration = Duration::from_secs(5);
/// How many connections may be open at once; more would queue inside most registries.
pub const CONNECTIONS: usize = 64;
/// How old a connection may grow: a change of addresses or certificates takes effect within it.
pub const CONNECTION_AGE: Duration = Duration::from_mins(5);
/// How long a connection may stay unused: below what servers and firewalls usually allow.
pub const CONNECTION_IDLE: Duration = Duration::from_secs(20);
/// How often a request that may be repeated is made in all.
pub const ATTEMPTS: u32 = 3;
/// The longest pause before the second attempt; it doubles with each further one.
pub const RETRY_PAUSE: Duration = Duration::from_millis(100);
/// After how many failures in a row a registry is left alone.
pub const CIRCUIT_FAILURES: u32 = 5;
/// How long it is left alone before one call tries it again.
pub const CIRCUIT_PAUSE: Duration = Duration::from_secs(5);

/// The settings of a [`crate::HttpAdapter`].
///
/// # Defaults
///
/// [`CONNECT_TIMEOUT`], [`TIMEOUT`], no limit of the answer, and the defaults of the parts.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// `http://host:port/path`; `{service}` in the path stands for the service code.
    pub base_url: String,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long the registry may take from the last byte of the request until its answer begins. All
    /// else is bounded by the call's deadline.
    pub timeout: Duration,
    /// The most bytes of an answer's body.
    pub answer_limit_bytes: Option<u64>,
    /// Whom to trust at an `https` address, and who we are there.
    pub tls: TlsConfig,
    /// How an access token is got, where the registry demands one.
    pub oauth: Option<OauthConfig>,
    /// When a request is made once more.
    pub retry: RetryConfig,
    /// When a registry is left alone.
    pub circuit: CircuitConfig,
    /// The connections.
    pub pool: PoolConfig,
    /// What the adapter says of its services, with the effect of each endpoint.
    pub services: Vec<ServiceDescription>,
}

/// Whom to trust at an `https` address, and who we are there. Exactly one kind of trust is demanded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// The server's certificate in DER: no other one is accepted. Its own dates and names are not
    /// judged.
    pub pinned_certificate: Option<Vec<u8>>,
    /// Certificates of authorities in DER: the server's chain ends at one of them, is in force, and
    /// bears the host of the address.
    pub ca_certificates: Vec<Vec<u8>>,
    /// The certificate that is shown to the server, and its key.
    pub client: Option<ClientFiles>,
}

/// A client certificate as files. They are read again when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientFiles {
    /// The certificate and its intermediate ones, in PEM.
    pub certificate: PathBuf,
    /// The private key in PEM; nobody else may read the file.
    pub key: PathBuf,
}

/// How an access token is got. Standard: RFC 6749 §4.4.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OauthConfig {
    /// The token service; `https`, or `http` on the own machine.
    pub token_url: String,
    /// The name under which the token service knows this node.
    pub client_id: String,
    /// How the node proves that name.
    pub authentication: ClientAuthentication,
    /// What the token is asked for.
    pub scope: Option<String>,
    /// Whom to trust at the token service, and who we are there.
    pub tls: TlsConfig,
}

/// How a node proves its name to a token service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientAuthentication {
    /// By a secret. Standard: RFC 6749 §2.3.1.
    Basic {
        /// A file with the secret that nobody else may read; read for each token.
        secret_file: PathBuf,
    },
    /// By the client certificate alone. Standard: RFC 8705 §2.1.
    Tls,
}

/// When a request is made once more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryConfig {
    /// How often a request is made in all.
    pub attempts: u32,
    /// The longest pause before the second attempt; it doubles with each further one.
    pub pause: Duration,
}

/// When a registry is left alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircuitConfig {
    /// After how many failures in a row.
    pub failures: u32,
    /// How long, before one call tries it again.
    pub pause: Duration,
}

/// How many connections there are and how long they live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolConfig {
    /// How many may be open at once.
    pub connections: usize,
    /// How long further calls wait for one of them.
    pub wait: Duration,
    /// How old one may grow before it is no longer used.
    pub age: Duration,
    /// How long one may stay unused.
    pub idle: Duration,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self {
            connections: CONNECTIONS,
            wait: CONNECTION_WAIT,
            age: CONNECTION_AGE,
            idle: CONNECTION_IDLE,
        }
    }
}

impl HttpConfig {
    /// Makes the settings for a base URL, all else as it is by default.
    pub fn new(base_url: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            connect_timeout: CONNECT_TIMEOUT,
            timeout: TIMEOUT,
            answer_limit_bytes: None,
            tls: TlsConfig::default(),
            oauth: None,
            retry: RetryConfig {
                attempts: ATTEMPTS,
                pause: RETRY_PAUSE,
            },
            circuit: CircuitConfig {
                failures: CIRCUIT_FAILURES,
                pause: CIRCUIT_PAUSE,
            },
            pool: PoolConfig::default(),
            services: Vec::new(),
        }
    }
}
