#!/usr/bin/env python3
"""Signs and judges messages in the batch form, from the protocol's text and RFC 6962 alone.

usage: batch.py sign FILE KEY.pem...
       batch.py judge FILE

FILE is a JSON array of batches: key_id, algorithm ("ed25519", "ecdsa-p256-sha256"), public_key (base64 of 32 bytes of Ed25519, or
of an uncompressed P-256 point), and messages, each with case (a name), base (base64 of the signature base), value (base64 of
what stands in Signature) and expect ("valid" or "invalid").

sign writes batches of several sizes by each key, and copies of their values with one thing changed each; no private key is
written. judge prints one line a message that is judged wrong and a count; it ends with 1 if there is any, or no message.
"""

import base64
import hashlib
import json
import struct
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils

SIZES = (2, 3, 4, 5, 7, 8, 33)
LARGEST = 4096


def b64(data):
    return base64.b64encode(data).decode()


def leaf_hash(base):
    return hashlib.sha256(b"\x00" + base).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split(count):
    """The largest power of two below count."""
    return 1 << (count - 1).bit_length() - 1


def root(leaves):
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return node_hash(root(leaves[:k]), root(leaves[k:]))


def path(index, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return path(index, leaves[:k]) + [root(leaves[k:])]
    return path(index - k, leaves[k:]) + [root(leaves[:k])]


def climb(index, count, leaf, hashes_left):
    """The root above a leaf, by the same division as the tree itself. Raises where the path has another length."""
    if count == 1:
        if hashes_left:
            raise ValueError("the path is too long")
        return leaf
    if not hashes_left:
        raise ValueError("the path is too short")
    k, sibling = split(count), hashes_left[-1]
    if index < k:
        return node_hash(climb(index, k, leaf, hashes_left[:-1]), sibling)
    return node_hash(sibling, climb(index - k, count - k, leaf, hashes_left[:-1]))


def text(key_id, count, top):
    return f"bridge-batch-v1\n{key_id}\n{count}\n{b64(top)}\n".encode()


def sign_text(key, message):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(message)
    r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def verify_text(batch, message, signature):
    raw = base64.b64decode(batch["public_key"], validate=True)
    if len(signature) != 64:
        raise ValueError("a signature has 64 bytes")
    if batch["algorithm"] == "ed25519":
        ed25519.Ed25519PublicKey.from_public_bytes(raw).verify(signature, message)
        return
    r, s = (int.from_bytes(half, "big") for half in (signature[:32], signature[32:]))
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    key.verify(utils.encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))


def judge_one(batch, base, value):
    version, count, index = struct.unpack_from(">BII", value)
    if version != 1:
        raise ValueError("another version")
    if not 2 <= count <= LARGEST or index >= count:
        raise ValueError("numbers out of range")
    between = value[9:-64]
    if len(value) < 73 or len(between) % 32:
        raise ValueError("no whole path")
    way = [between[at:at + 32] for at in range(0, len(between), 32)]
    top = climb(index, count, leaf_hash(base), way)
    verify_text(batch, text(batch["key_id"], count, top), value[-64:])


def spoilt(value, other):
    """What is changed, and the value then."""
    def put(at, byte):
        return value[:at] + bytes([byte]) + value[at + 1:]
    return {
        "version": put(0, 2),
        "count": put(4, value[4] + 1),
        "count-one": value[:1] + struct.pack(">I", 1) + value[5:],
        "count-beyond": value[:1] + struct.pack(">I", LARGEST + 1) + value[5:],
        "index": put(8, value[8] ^ 1),
        "index-beyond": value[:5] + value[1:5] + value[9:],
        "path": put(9, value[9] ^ 1),
        "path-short": value[:9] + value[41:],
        "path-long": value[:9] + bytes(32) + value[9:],
        "signature": value[:-1] + bytes([value[-1] ^ 1]),
        "signature-short": value[:-1],
        "byte-more": value + b"\x00",
        "of-another": other,
        "plain": value[-64:],
        "empty": b"",
    }


def signed_batch(key, count):
    if isinstance(key, ed25519.Ed25519PrivateKey):
        algorithm = "ed25519"
        raw = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    else:
        algorithm = "ecdsa-p256-sha256"
        raw = key.public_key().public_bytes(
            serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
        )
    key_id = base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()
    line = f'("@method");created=1760000000;expires=1760000060;keyid="{key_id}";tag="bridge-request-batch-v1"'
    bases = [f'"@method": GET{number}\n"@signature-params": {line}'.encode() for number in range(count)]
    leaves = [leaf_hash(base) for base in bases]
    signature = sign_text(key, text(key_id, count, root(leaves)))
    values = [
        struct.pack(">BII", 1, count, index) + b"".join(path(index, leaves)) + signature for index in range(count)
    ]
    messages = []

    def add(name, base, value, expect):
        case = f"{algorithm}-{count}-{name}"
        messages.append({"case": case, "base": b64(base), "value": b64(value), "expect": expect})

    for index, (base, value) in enumerate(zip(bases, values)):
        add(f"{index}", base, value, "valid")
    last = count - 1
    for what, value in spoilt(values[last], values[0]).items():
        add(f"{last}-{what}", bases[last], value, "invalid")
    add("another-base", bases[0] + b"x", values[0], "invalid")
    return {"key_id": key_id, "algorithm": algorithm, "public_key": b64(raw), "messages": messages}


def sign(file, keys):
    batches = []
    for name in keys:
        key = serialization.load_pem_private_key(Path(name).read_bytes(), password=None)
        batches += [signed_batch(key, count) for count in SIZES]
    Path(file).write_text(json.dumps(batches, indent=1, sort_keys=True) + "\n")


def judge(file):
    count = wrong = 0
    for batch in json.loads(Path(file).read_text()):
        for message in batch["messages"]:
            base, value = (base64.b64decode(message[name], validate=True) for name in ("base", "value"))
            try:
                judge_one(batch, base, value)
                found, why = "valid", ""
            except (ValueError, struct.error, InvalidSignature) as error:
                found, why = "invalid", f"{type(error).__name__} {error}"
            count += 1
            if found != message["expect"]:
                wrong += 1
                print(f"WRONG {message['case']} expected {message['expect']}: {why}")
    print(f"{count} messages of batches, {wrong} wrong")
    return 1 if wrong or not count else 0


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["sign", file, *keys] if keys:
            sign(file, keys)
        case ["judge", file]:
            sys.exit(judge(file))
        case _:
            sys.exit(__doc__)
