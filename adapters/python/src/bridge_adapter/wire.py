"""The names of the process protocol (adapters/process/SPEC.md), in one place."""

from __future__ import annotations

#: Where the program listens; set by the node.
ADAPTER_SOCKET = "BRIDGE_ADAPTER_SOCKET"
#: The package's name; set by the node.
ADAPTER_NAME = "BRIDGE_ADAPTER_NAME"
#: The version of the protocol.
PROTOCOL = 1

CALL = "/call/"
DESCRIBE = "/describe"
HEALTH = "/health"

CLIENT = "bridge-call-client"
#: The answer repeats it.
REQUEST_ID = "bridge-call-request-id"
PURPOSE = "bridge-call-purpose"
LEGAL_BASIS = "bridge-call-legal-basis"
USER_ID = "bridge-call-user-id"
REPRESENTED_PARTY = "bridge-call-represented-party"
ISSUE = "bridge-call-issue"
CONTRACT = "bridge-call-contract"
#: What the node says of the caller; each value percent-encoded.
FACTS = (CLIENT, REQUEST_ID, PURPOSE, LEGAL_BASIS, USER_ID, REPRESENTED_PARTY, ISSUE, CONTRACT)
DEADLINE_MS = "bridge-call-deadline-ms"
IDEMPOTENCY_KEY = "bridge-call-idempotency-key"
CONTENT = "bridge-call-idempotency-content"

ADAPTER_ERROR = "bridge-adapter-error"
ERROR_PLACE = "bridge-adapter-error-place"
ERROR_EXPECTED = "bridge-adapter-error-expected"
ERROR_REASON = "bridge-adapter-error-reason"
ERROR_LIMIT = "bridge-adapter-error-limit"
