"""Reads and writes cases: signed messages as JSON files.

A case is one object. Of a request: method, target (origin form), authority, scheme, fields (array of [name, value], one
entry a line), body (base64). Of an answer: status, fields, body, and request, the request that it answers, of the same
shape. Around it: case (a name), expect ("valid" or "invalid"), label, algorithm ("ed25519", "ecdsa-p256-sha256"), the key
as public_key (base64 of 32 bytes of Ed25519, or of an uncompressed P-256 point) or public_key_pem, and optionally base,
the signature base for comparison.
"""

import base64
import json
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from http_message_signatures import algorithms

ALGORITHMS = {
    "ed25519": algorithms.ED25519,
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
}


class Fields:
    """Field lines in order, in the shape that the library wants of a message's headers."""

    def __init__(self, lines):
        self.lines = [[name, value] for name, value in lines]

    def items(self):
        return [(name, value) for name, value in self.lines]

    def __iter__(self):
        return iter([name for name, _ in self.lines])

    def __contains__(self, name):
        return any(name.lower() == present.lower() for present, _ in self.lines)

    def __setitem__(self, name, value):
        del self[name]
        self.lines.append([name.lower(), value])

    def __delitem__(self, name):
        self.lines = [line for line in self.lines if line[0].lower() != name.lower()]


class Request:
    """A request as the library wants it."""

    def __init__(self, case):
        self.method = case["method"]
        self.url = f"{case['scheme']}://{case['authority']}{case['target']}"
        self.request_target = case["target"]
        self.headers = Fields(case["fields"])


class Answer:
    """An answer as the library wants it: the attribute status_code is what tells it from a request."""

    def __init__(self, case):
        self.status_code = case["status"]
        self.headers = Fields(case["fields"])
        self.request = Request(case["request"])
        self.url = self.request.url


def message_of(case):
    return Answer(case) if "status" in case else Request(case)


def body_of(case):
    return base64.b64decode(case["body"], validate=True)


def public_key_of(case):
    """The key object; its kind must be that of the algorithm, which the library checks."""
    if "public_key_pem" in case:
        return serialization.load_pem_public_key(case["public_key_pem"].encode())
    raw = base64.b64decode(case["public_key"], validate=True)
    if case["algorithm"] == "ed25519":
        return ed25519.Ed25519PublicKey.from_public_bytes(raw)
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)


def read_all(folder):
    return [json.loads(path.read_text()) for path in sorted(Path(folder).glob("*.json"))]


def write(folder, case):
    Path(folder).mkdir(parents=True, exist_ok=True)
    text = json.dumps(case, indent=1, sort_keys=True)
    (Path(folder) / f"{case['case']}.json").write_text(text + "\n")
