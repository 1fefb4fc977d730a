"""What code is for, by the names of its functions: the first pattern that a name holds, in this order."""
import re

GROUPS = [
    ("signatures (Ed25519, SHA-512)", r"25519|^fiat_|^ge_|^sc_|^fe_|^slide|^table_select|sha512"),
    ("SHA-256", r"sha256"),
    ("AES-GCM", r"^_?aes|gcm|ghash"),
    ("rest of ring and rustls", r"^ring|ring_core|rustls"),
    ("allocator", r"^_?mi_|mimalloc|__rust_alloc|__rust_dealloc|__rust_realloc|__rdl_|alloc::alloc"),
    ("memory copied and compared", r"memcpy|memmove|memset|memcmp|bcmp"),
    ("our own code", r"bridge_"),
    ("HTTP/1.1 (hyper, http)", r"hyper|^<?http|httparse|httpdate"),
    ("runtime (tokio, threads, locks)", r"tokio|pthread|std::sync|std::thread|parking_lot|mio|futures"),
    ("JSON, base64, text, maps", r"serde|base64|core::fmt|core::str|alloc::|hashbrown|core::hash|core::num|indexmap|sip"),
]
CRYPTOGRAPHY = [group for group, _ in GROUPS[:3]]
OTHER = "everything else"


def group_of(name):
    return next((group for group, pattern in GROUPS if re.search(pattern, name or "")), OTHER)
