//! What each claim of the battery has for parts. A claim that says two things has two broken twins: of a check that
//! looked for one of them only, nobody would notice it otherwise.

/// The parts of the claims that have several, and the word for those that only look so. The first part is what the
/// check's first twin breaks.
const PARTS: &[(&str, &[&str])] = &[
    (
        "description.services",
        &["none is missing", "none is there twice"],
    ),
    ("description.titles", &["there is one", "it is one line"]),
    ("description.kind", &["its letters", "it is a word"]),
    (
        "description.endpoints",
        &["none is missing", "none is too many"],
    ),
    ("description.openapi", &["there is one", "it can be read"]),
    ("description.openapi-rules", &["schemas", "paths"]),
    (
        "description.safe-methods-read",
        &["GET", "HEAD", "OPTIONS", "TRACE"],
    ),
    ("description.cheap", &["fast"]),
    ("description.stable", &["the same"]),
    ("answers.no-crash", &["panic", "hang"]),
    (
        "answers.refusals",
        &["the error that it names", "it is refused"],
    ),
    ("answers.final-status", &["200 at least", "599 at most"]),
    ("answers.json", &["JSON", "UTF-8"]),
    ("values.whole-numbers", &["no fraction", "no exponent"]),
    ("values.numbers-kept", &["upwards", "downwards"]),
    (
        "fields.no-connection",
        &["Connection", "Keep-Alive", "Proxy-Connection"],
    ),
    ("fields.no-framing", &["Transfer-Encoding", "TE", "Trailer"]),
    (
        "fields.no-proxy-login",
        &["Proxy-Authenticate", "Proxy-Authorization"],
    ),
    ("fields.no-signature", &["Signature", "Signature-Input"]),
    ("fields.type-present", &["there is one", "one only"]),
    ("fields.charset", &["utf-8"]),
    ("fields.no-coding", &["no Content-Encoding"]),
    ("fields.no-range", &["no Content-Range"]),
    ("fields.length", &["the length of the body"]),
    ("fields.visible", &["no other byte"]),
    ("fields.bounded", &["64 fields", "16 KiB"]),
    ("identity.in-turn-by-path", &["their own answer"]),
    ("identity.in-turn-by-query", &["their own answer"]),
    ("identity.in-turn-by-body", &["their own answer"]),
    (
        "identity.other-caller",
        &["not another's answer", "an answer"],
    ),
    ("identity.padding", &["on both sides", "in front", "behind"]),
    ("identity.lookalike", &["full-width", "Cyrillic"]),
    (
        "identity.wildcard",
        &["of SQL", "of file names", "of patterns"],
    ),
    ("paths.bare-service", &["it is not found"]),
    ("paths.decoded-once", &["not again"]),
    (
        "paths.injection",
        &[
            "SQL is refused",
            "LDAP",
            "shell",
            "template",
            "SQL finds nobody",
        ],
    ),
    ("paths.dot-names", &[".env", "..\\"]),
    (
        "methods.named",
        &[
            "some are named",
            "they are those that it takes",
            "in a refusal that is an answer",
        ],
    ),
    ("methods.head", &["no body", "refused"]),
    (
        "query.unknown",
        &[
            "it changes nothing",
            "it is refused as the caller's mistake",
        ],
    ),
    ("query.repeated", &["it is refused"]),
    (
        "query.left-out",
        &[
            "an optional one is survived",
            "an optional one is answered",
            "a required one is refused",
        ],
    ),
    (
        "query.wrong-form",
        &["it finds nothing", "it is refused as the caller's mistake"],
    ),
    ("query.pair-inside-value", &["they stay part of it"]),
    (
        "query.injection",
        &[
            "SQL is survived",
            "LDAP",
            "shell",
            "template",
            "SQL is refused",
        ],
    ),
    (
        "bodies.large",
        &["it is survived", "it is refused as too large"],
    ),
    ("bodies.endless", &["it is refused", "in time"]),
    (
        "bodies.where-none",
        &["it is survived", "it changes nothing"],
    ),
    ("forms.not-utf8", &["not repaired", "refused"]),
    ("forms.not-an-object", &["a list", "a text", "a number"]),
    (
        "forms.member-of-other-type",
        &["a number", "a list", "an object"],
    ),
    (
        "forms.unknown-member",
        &["it changes nothing", "it is survived"],
    ),
    (
        "forms.injection",
        &[
            "SQL is refused",
            "LDAP",
            "shell",
            "template",
            "SQL finds nobody",
        ],
    ),
    (
        "forms.azerbaijani-letters",
        &["those letters", "characters of four bytes"],
    ),
    ("forms.spaces", &["tabs", "spaces", "line ends"]),
    (
        "errors.no-facts",
        &["who asks", "for whom", "under which file number"],
    ),
    ("errors.no-path-in-answer", &["in the body", "in a field"]),
    ("errors.one-line", &["one line", "300 characters"]),
    ("errors.names-place", &["the place", "what belongs there"]),
    ("facts.user-not-repeated", &["in a field", "in the body"]),
    (
        "facts.represented-not-repeated",
        &["in a field", "in the body"],
    ),
    ("facts.issue-not-repeated", &["in a field", "in the body"]),
    (
        "facts.contract-not-repeated",
        &["in a field", "in the body"],
    ),
    (
        "facts.purpose-not-repeated",
        &["the purpose", "the legal basis"],
    ),
    // The battery's other calls name no user, issue and contract: an adapter that needs one fails them all.
    ("facts.none-given", &["no purpose", "no legal basis"]),
    (
        "facts.azerbaijani-letters",
        &["in the user", "in the file number"],
    ),
    (
        "facts.injection",
        &[
            "quotes in the user",
            "code in the user",
            "quotes in the file number",
            "code in the file number",
        ],
    ),
    ("facts.long", &["it is survived"]),
    (
        "repeat.same-values",
        &["the same values", "the same status"],
    ),
    ("repeat.same-fields", &["the same fields"]),
    ("effects.same-key", &["the same answer", "byte by byte"]),
    ("effects.key-injection", &["quotes", "code"]),
    (
        "effects.refused-keeps-nothing",
        &["an error leaves the key free", "an answer is given again"],
    ),
    ("effects.abandoned", &["soon", "one answer only"]),
    (
        "together.with-mistakes",
        &["good ones are answered", "mistaken ones are refused"],
    ),
    ("together.waves", &["each wave is answered"]),
    (
        "time.answer-read-late",
        &["it does not hang", "it is whole", "it ends as timed out"],
    ),
    (
        "time.answer-cancelled",
        &["it is whole", "it does not hang", "it ends as cancelled"],
    ),
    ("registry.slow", &["as timed out", "at the deadline"]),
    (
        "registry.not-utf8",
        &["never replaced", "passed on or refused"],
    ),
];

/// The parts of a check's claim; one without a name where the claim is one thing.
pub(crate) fn parts(check: &str) -> &'static [&'static str] {
    let listed = PARTS.iter().find(|(own, _)| *own == check);
    listed.map_or(&[""], |(_, parts)| parts)
}

/// The checks whose claims are taken apart here.
pub(crate) fn listed() -> impl Iterator<Item = &'static str> {
    PARTS.iter().map(|(check, _)| *check)
}

/// Whether a claim's words could say more than one thing.
pub(crate) fn looks_compound(claim: &str) -> bool {
    [" and ", " or ", " but ", ", ", ": ", "; "]
        .iter()
        .any(|joint| claim.contains(joint))
}
