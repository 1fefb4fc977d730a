#!/usr/bin/env python3
"""Signs messages by RFC 9421 for another program to verify.

usage: sign.py DIR KEY.pem

KEY.pem is a private key in PKCS#8, of Ed25519 or P-256. Writes DIR/*.json (the form is described in case.py): a request and
its answer, signed with http-message-signatures as the nodes of this project sign, and copies of both with one thing changed
each, which must be refused. No private key is written.
"""

import base64
import copy
import datetime
import hashlib
import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from http_message_signatures import ContentDigest, HTTPMessageSigner, MappingKeyResolver

import case as cases

LABEL = "bridge"
BOUND = ("@method", "@request-target", "@authority", "content-digest", "x-road-client", "x-road-request-id", "bridge-contract")


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw_public_key(key):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def every_field(fields):
    return tuple(f'"{name}"' for name in sorted({name for name, _ in fields}))


def sign(case, key, covered, tag):
    key_id = base64url(hashlib.sha256(raw_public_key(key)).digest())
    created = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
    message = cases.message_of(case)
    HTTPMessageSigner(
        signature_algorithm=cases.ALGORITHMS[case["algorithm"]],
        key_resolver=MappingKeyResolver(public_keys={}, private_keys={key_id: key}),
    ).sign(
        message,
        key_id=key_id,
        created=created,
        expires=created + datetime.timedelta(seconds=60),
        nonce=base64url(os.urandom(16)),
        label=LABEL,
        tag=tag,
        include_alg=True,
        covered_component_ids=covered,
        use_existing_digest=True,
    )
    case["fields"] = message.headers.lines


def around(name, key):
    algorithm = "ed25519" if isinstance(key, ed25519.Ed25519PrivateKey) else "ecdsa-p256-sha256"
    return {
        "case": f"python-{algorithm}-{name}",
        "expect": "valid",
        "label": LABEL,
        "algorithm": algorithm,
        "public_key": base64.b64encode(raw_public_key(key)).decode(),
    }


def signed_request(key):
    body = b'{"reason": "pension"}'
    case = around("request", key) | {
        "method": "POST",
        "target": "/r1/AZ/GOV/1002/POPULATION/person/a%2Fb?at=2025-01-01",
        "authority": "node1.population.example",
        "scheme": "https",
        "fields": [
            ["accept", "application/json"],
            ["accept", "*/*;q=0.1"],
            ["bridge-contract", "pensions-1@qUiQTy8PR5uPgZdpSzAYSw0u0cHNKh7A_4XSmaGSpEc"],
            ["bridge-version", "1"],
            ["content-digest", ContentDigest.create(body)],
            ["x-road-client", "AZ/GOV/1001/PENSIONS"],
            ["x-road-request-id", "5c0a9a4e-3b0e-4d3f-9d0e-6a4f3f0c1b2d"],
        ],
        "body": base64.b64encode(body).decode(),
    }
    derived = ('"@method"', '"@request-target"', '"@authority"')
    sign(case, key, derived + every_field(case["fields"]), "bridge-request-v1")
    return case


def signed_answer(key, request):
    body = '{"name": "Ə"}'.encode()
    names = ("method", "target", "authority", "scheme", "fields", "body")
    case = around("answer", key) | {
        "status": 200,
        "fields": [
            ["bridge-version", "1"],
            ["content-digest", ContentDigest.create(body)],
            ["content-type", "application/json"],
        ],
        "body": base64.b64encode(body).decode(),
        "request": {name: copy.deepcopy(request[name]) for name in names},
    }
    bound = tuple(f'"{name}";req' for name in BOUND)
    signed = tuple(f'"{name}";req;key="{LABEL}"' for name in ("signature-input", "signature"))
    sign(case, key, ('"@status"',) + every_field(case["fields"]) + bound + signed, "bridge-answer-v1")
    return case


def change_field(message, name, old, new):
    for line in message["fields"]:
        if line[0] == name and old in line[1]:
            line[1] = line[1].replace(old, new, 1)
            return
    raise ValueError(f"no {old!r} in a field {name}")


def spoilt(case):
    """Yields copies with one thing changed each."""
    request = case.get("request", case)
    changes = {
        "method": lambda c, r: r.update(method="PUT"),
        "target": lambda c, r: r.update(target=r["target"] + "0"),
        "authority": lambda c, r: r.update(authority="node2.population.example"),
        "client": lambda c, r: change_field(r, "x-road-client", "PENSIONS", "TAXES"),
        "content": lambda c, r: c.update(body=base64.b64encode(b"{}").decode()),
        "alg": lambda c, r: change_field(c, "signature-input", f'alg="{c["algorithm"]}"', 'alg="hmac-sha256"'),
        "signature": lambda c, r: change_field(c, "signature", "bridge=:", "bridge=:AAAA"),
    }
    if request is not case:
        changes["status"] = lambda c, r: c.update(status=404)
        changes["request-signature"] = lambda c, r: change_field(r, "signature", "bridge=:", "bridge=:AAAA")
    for name, change in changes.items():
        copied = copy.deepcopy(case)
        change(copied, copied.get("request", copied))
        yield copied | {"case": f"{case['case']}-{name}", "expect": "invalid"}


def main(folder, key_path):
    key = serialization.load_pem_private_key(Path(key_path).read_bytes(), password=None)
    request = signed_request(key)
    answer = signed_answer(key, request)
    for case in (request, answer, *spoilt(request), *spoilt(answer)):
        cases.write(folder, case)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
