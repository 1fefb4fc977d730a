#!/usr/bin/env python3
"""Reads the bridge's directory with python-tuf, a stranger's client of The Update Framework.

    check.py ROOT_JSON METADATA_URL TARGETS_URL [--output FILE]

ROOT_JSON     the root metadata that is pinned: a file
METADATA_URL  where N.root.json, timestamp.json and the rest lie: http(s) or file URL, or a folder
TARGETS_URL   where HASH.directory.json lies: the same

Follows the chain of roots from ROOT_JSON, refreshes all four roles, downloads directory.json and, where the metadata names it,
catalogue.json, and the nodes of each member that has a role by its delegation, and checks them against it, in a new folder. Prints
one JSON object: versions by role, SHA-256 and length of the directory, SHA-256 of the catalogue or an empty text, SHA-256 of the
members' nodes by their paths. Exit code 0 when all
of it verifies, 1 when the client refuses (the reason on stderr), 64 for wrong usage.
"""

import argparse
import hashlib
import json
import pathlib
import sys
import tempfile
from urllib.parse import unquote, urlparse

from tuf.api.exceptions import DownloadHTTPError
from tuf.ngclient import FetcherInterface, Updater
from tuf.ngclient.urllib3_fetcher import Urllib3Fetcher

DIRECTORY = "directory.json"
CATALOGUE = "catalogue.json"
CHUNK = 64 * 1024


class Fetcher(FetcherInterface):
    """Reads file URLs itself and leaves the others to python-tuf."""

    def __init__(self):
        self._web = Urllib3Fetcher()

    def _fetch(self, url):
        parts = urlparse(url)
        if parts.scheme != "file":
            yield from self._web._fetch(url)
            return
        path = pathlib.Path(unquote(parts.path))
        if not path.is_file():
            raise DownloadHTTPError(f"{path} is not there", 404)
        with path.open("rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk


def as_url(text):
    """Turns a folder into a file URL; every URL ends with a slash."""
    url = text if "://" in text else pathlib.Path(text).resolve().as_uri()
    return url if url.endswith("/") else url + "/"


def check(root, metadata_url, targets_url):
    """Returns what was verified, and the directory's bytes."""
    with tempfile.TemporaryDirectory() as folder:
        client = pathlib.Path(folder)
        (client / "metadata").mkdir()
        (client / "targets").mkdir()
        updater = Updater(
            metadata_dir=str(client / "metadata"),
            metadata_base_url=metadata_url,
            target_dir=str(client / "targets"),
            target_base_url=targets_url,
            fetcher=Fetcher(),
            bootstrap=root,
        )
        updater.refresh()
        info = updater.get_targetinfo(DIRECTORY)
        if info is None:
            raise ValueError(f"the metadata names no {DIRECTORY}")
        directory = pathlib.Path(updater.download_target(info)).read_bytes()
        json.loads(directory)
        catalogue = ""
        if info := updater.get_targetinfo(CATALOGUE):
            listed = pathlib.Path(updater.download_target(info)).read_bytes()
            json.loads(listed)
            catalogue = hashlib.sha256(listed).hexdigest()
        roles = ("root", "timestamp", "snapshot", "targets")
        read = lambda role: json.loads((client / "metadata" / f"{role}.json").read_bytes())
        members = {}
        for role in read("targets")["signed"].get("delegations", {}).get("roles", []):
            path = role["paths"][0].removesuffix("*") + "nodes.json"
            info = updater.get_targetinfo(path)
            if info is None:
                raise ValueError(f"the role {role['name']} names no {path}")
            nodes = pathlib.Path(updater.download_target(info)).read_bytes()
            json.loads(nodes)
            members[path] = hashlib.sha256(nodes).hexdigest()
        versions = {role: read(role)["signed"]["version"] for role in roles}
    digest = hashlib.sha256(directory).hexdigest()
    report = {"versions": versions, "sha256": digest, "length": len(directory), "catalogue": catalogue, "members": members}
    return report, directory


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("metadata_url", type=as_url)
    parser.add_argument("targets_url", type=as_url)
    parser.add_argument("--output", type=pathlib.Path, help="keep the directory in this file")
    parser.error = lambda message: (print(message, file=sys.stderr), sys.exit(64))
    arguments = parser.parse_args()
    try:
        root = arguments.root.read_bytes()
        report, directory = check(root, arguments.metadata_url, arguments.targets_url)
    except Exception as refusal:  # every refusal of the client is one verdict
        print(f"{type(refusal).__name__}: {refusal}", file=sys.stderr)
        return 1
    if arguments.output:
        arguments.output.write_bytes(directory)
    print(json.dumps(report, sort_keys=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
