//! The names of refusals on the wire.
//!
//! Where X-Road 7.8 has a name for the case it is used; the others are ours, in the same form.

use crate::leaf::Side;

/// Declares the names once and derives both prefixes from them.
macro_rules! codes {
    ($($variant:ident => $suffix:literal),+ $(,)?) => {
        /// Names a refusal without saying which node refused.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Code { $($variant),+ }

        impl Code {
            /// Returns the name with the prefix of the node that refuses.
            pub(super) fn of(self, side: Side) -> &'static str {
                match (self, side) {
                    $(
                        (Self::$variant, Side::Consumer) => concat!("server.clientproxy.", $suffix),
                        (Self::$variant, Side::Provider) => concat!("server.serverproxy.", $suffix),
                    )+
                }
            }
        }
    };
}

codes! {
    // X-Road's
    AccessDenied => "access_denied",
    BadRequest => "bad_request",
    CannotCreateSignature => "cannot_create_signature",
    CertValidation => "cert_validation",
    DuplicateHeaderField => "duplicate_header_field",
    GlobalConfOutdated => "global_conf_outdated",
    InconsistentResponse => "inconsistent_response",
    InternalError => "internal_error",
    InvalidBody => "invalid_body",
    InvalidClientIdentifier => "invalid_client_identifier",
    InvalidContentType => "invalid_content_type",
    InvalidHttpMethod => "invalid_http_method",
    InvalidProtocolVersion => "invalid_protocol_version",
    InvalidResponse => "invalid_response",
    InvalidSecurityServer => "invalid_security_server",
    InvalidSignatureValue => "invalid_signature_value",
    IoError => "io_error",
    LoggingFailed => "logging_failed",
    MaintenanceMode => "maintenance_mode",
    MalformedSignature => "malformed_signature",
    MissingHeaderField => "missing_header_field",
    MissingSignature => "missing_signature",
    NetworkError => "network_error",
    NotFound => "not_found",
    OcspFailed => "ocsp_failed",
    ServiceBadRequest => "service_failed.bad_request",
    ServiceDisabled => "service_disabled",
    ServiceFailed => "service_failed",
    ServiceHttpError => "service_failed.http_error",
    ServiceInvalidResponse => "service_failed.invalid_response",
    ServiceIoError => "service_failed.io_error",
    ServiceNetworkError => "service_failed.network_error",
    ServiceNotFound => "service_failed.not_found",
    SignatureVerification => "signature_verification",
    SslAuthenticationFailed => "ssl_authentication_failed",
    TimestampingFailed => "timestamping_failed",
    UnknownHost => "unknown_host",
    UnknownMember => "unknown_member",
    UnknownService => "unknown_service",
    UnsupportedAlgorithm => "unsupported_algorithm",
    // ours
    AnswerNotKept => "answer_not_kept",
    ClockNotTrusted => "clock_not_trusted",
    ContractVersionsDiffer => "contract_versions_differ",
    FieldsNotEnforceable => "fields_not_enforceable",
    IdempotencyKeyInFlight => "idempotency_key_in_flight",
    IdempotencyKeyReused => "idempotency_key_reused",
    NotFresh => "not_fresh",
    OutcomeUnknown => "outcome_unknown",
    Overloaded => "overloaded",
    PeerOverloaded => "peer_overloaded",
    QuotaExceeded => "quota_exceeded",
    Replayed => "replayed",
    ServiceNotApproved => "service_not_approved",
    SubjectsNotReadable => "subjects_not_readable",
    UnsupportedSignatureForm => "unsupported_signature_form",
}
