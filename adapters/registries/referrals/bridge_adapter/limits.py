"""Every limit of an adapter, with its default and why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program takes at most. Pass another to ``Adapter`` where your registry needs it."""

    #: Calls that are worked on at a time. Threads: a registry's client blocks.
    workers: int = 16
    #: Calls that wait for a worker; one more is told that the adapter is busy.
    waiting: int = 256
    #: Connections that the node may hold open.
    connections: int = 512
    #: Bytes of the request line and the fields.
    head_bytes: int = 64 * 1024
    #: Bytes of a body that a handler reads whole. ``call.stream()`` is not limited.
    request_bytes: int = 1024 * 1024
    #: Bytes of an answer that is not streamed.
    answer_bytes: int = 16 * 1024 * 1024
    #: Members and elements, each within the other, of a JSON body.
    json_depth: int = 32
    #: Seconds that calls in work have to end after SIGTERM.
    drain_seconds: float = 10.0
    #: Seconds in which the node must read or write something more of a message.
    idle_seconds: float = 30.0

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"the limit {name} must be above 0")
