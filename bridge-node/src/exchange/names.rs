//! Names of the fields that nodes write, made once: a name given as text is read anew at each use.

use http::HeaderName;

macro_rules! names {
    ($($name:ident = $text:literal),+ $(,)?) => {$(
        pub(crate) static $name: HeaderName = HeaderName::from_static($text);
    )+};
}

names! {
    CONTENT_DIGEST = "content-digest",
    CONTRACT = "bridge-contract",
    LEGAL_BASIS = "bridge-legal-basis",
    MAINTENANCE = "bridge-maintenance",
    PEER_RECEIPT = "bridge-peer-receipt",
    PURPOSE = "bridge-purpose",
    RECEIPT = "bridge-receipt",
    SECRETS = "bridge-secrets",
    SIGNATURE = "signature",
    SIGNATURE_INPUT = "signature-input",
    VERSION = "bridge-version",
    X_ROAD_CLIENT = "x-road-client",
    X_ROAD_ERROR = "x-road-error",
    X_ROAD_ID = "x-road-id",
    X_ROAD_REQUEST_HASH = "x-road-request-hash",
    X_ROAD_REQUEST_ID = "x-road-request-id",
    X_ROAD_SERVICE = "x-road-service",
}
