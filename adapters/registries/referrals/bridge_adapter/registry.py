"""The way to the registry: the one socket that leads out of the cage."""

from __future__ import annotations

import os
import socket

from .errors import Unreachable

#: The path of the Unix socket behind which the node connects to the registry, and to nothing else.
REGISTRY_SOCKET = "BRIDGE_REGISTRY_SOCKET"


def registry_path() -> str | None:
    """The path of the registry's socket; ``None`` if the manifest names no registry."""
    return os.environ.get(REGISTRY_SOCKET) or None


def connect(timeout: float = 3.0) -> socket.socket:
    """A new connection to the registry. Give its path (``registry_path``) or the socket to your client library.

    Raises ``Unreachable`` if the manifest names no registry or the registry is away.
    """
    path = registry_path()
    if path is None:
        raise Unreachable("the manifest names no registry")
    stream = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        stream.settimeout(timeout)
        stream.connect(path)
    except OSError as error:
        stream.close()
        raise Unreachable("no connection") from error
    return stream
