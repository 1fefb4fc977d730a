#!/usr/bin/env python3
"""Makes the repository beside this script with python-tuf 7.0.1, for this package's client to read.

The packages are pinned in tests/referees/tuf/requirements.txt. Private keys are thrown away, so the files are committed and made
again only to change them. Two roots, two of three officers, text that canonical JSON treats in its own way.
"""

import datetime
import json
import pathlib

from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization.json import JSONSerializer

HERE = pathlib.Path(__file__).parent
END = datetime.datetime(2126, 1, 1, tzinfo=datetime.timezone.utc)
ODD = 'quote " backslash \\ newline \n control \x01 slash / Ə 𐀀 \u2028'

directory = {
    "instance": "AZ",
    "members": [{"id": "AZ/GOV/1001", "name": "Əhali reyestri", "subsystems": [], "nodes": []}],
    "groups": [],
}
directory = json.dumps(directory, ensure_ascii=False).encode()
officers = {role: [CryptoSigner.generate_ed25519() for _ in range(count)]
            for role, count in [("root", 3), ("targets", 3), ("snapshot", 1), ("timestamp", 1)]}


def write(path, data):
    path = HERE / path
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)


def publish(signed, signers, path):
    metadata = Metadata(signed)
    for signer in signers:
        metadata.sign(signer, append=True)
    data = metadata.to_bytes(JSONSerializer(compact=False))
    write(path, data)
    return data


def announced(data, version):
    return MetaFile.from_data(version, data, ["sha256", "sha512"])


root = Root(expires=END, consistent_snapshot=True)
for role, signers in officers.items():
    root.roles[role].threshold = 2 if len(signers) == 3 else 1
    for signer in signers:
        root.add_key(signer.public_key, role)
root.unrecognized_fields["x-note"] = {"b": [1, -2, True, None], "a": ODD, "A": 2**63, "é": {}}
old = officers["root"]
publish(root, old[:2], "metadata/1.root.json")

new = [CryptoSigner.generate_ed25519() for _ in range(3)]
for signer in old:
    root.revoke_key(signer.public_key.keyid, "root")
for signer in new:
    root.add_key(signer.public_key, "root")
root.version = 2
publish(root, old[1:] + new[:2], "metadata/2.root.json")

file = TargetFile.from_data("directory.json", directory, ["sha256", "sha512"])
write(f"targets/{file.hashes['sha256']}.directory.json", directory)
targets = Targets(version=3, expires=END, targets={"directory.json": file})
targets.unrecognized_fields["x-note"] = ODD
targets = publish(targets, officers["targets"][1:], "metadata/3.targets.json")
snapshot = Snapshot(version=4, expires=END, meta={"targets.json": announced(targets, 3)})
snapshot = publish(snapshot, officers["snapshot"], "metadata/4.snapshot.json")
timestamp = Timestamp(version=5, expires=END, snapshot_meta=announced(snapshot, 4))
publish(timestamp, officers["timestamp"], "metadata/timestamp.json")
