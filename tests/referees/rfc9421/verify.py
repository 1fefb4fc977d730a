#!/usr/bin/env python3
"""Judges signed messages by RFC 9421 and RFC 9530.

usage: verify.py DIR

Reads each DIR/*.json (the form is described in case.py), verifies the signature with http-message-signatures and, where
Content-Digest is covered, the content against it. Prints one line a case. Ends with 1 when a case is judged otherwise than
its field "expect" says, or when there is none. Whether a signature is still fresh is not judged: evidence outlives it.
"""

import sys

from http_message_signatures import HTTPMessageVerifier, MappingKeyResolver

import case as cases


class TimelessVerifier(HTTPMessageVerifier):
    def validate_created_and_expires(self, sig_input, max_age=None):
        for name in ("created", "expires"):
            if name in sig_input.params:
                self._parse_integer_timestamp(sig_input.params[name], field_name=name)


class AnyName(MappingKeyResolver):
    """Whatever the signature calls its key, it is the key of the case."""

    def __init__(self, key):
        super().__init__(public_keys={}, private_keys={})
        self.key = key

    def resolve_public_key(self, key_id):
        return self.key


def judge(case):
    """Raises when the message is not what was signed; returns the number of covered components."""
    message = cases.message_of(case)
    verifier = TimelessVerifier(
        signature_algorithm=cases.ALGORITHMS[case["algorithm"]],
        key_resolver=AnyName(cases.public_key_of(case)),
    )
    results = verifier.verify(message, max_age=None)
    if len(results) != 1 or results[0].label != case["label"]:
        raise ValueError(f"not one signature labelled {case['label']}")
    covered = results[0].covered_components
    if '"content-digest"' in covered:
        verifier.verify_body(message, results, cases.body_of(case))
    if case.get("base") is not None:
        base = "\n".join(f"{name}: {value}" for name, value in covered.items())
        if base != case["base"]:
            raise ValueError("the signature base is another")
    return len(covered) - 1


def main(folder):
    found = cases.read_all(folder)
    wrong = 0 if found else 1
    for case in found:
        try:
            verdict, detail = "valid", f"{judge(case)} components covered"
        except Exception as error:  # whatever the library raises is its way to refuse
            verdict, detail = "invalid", f"{type(error).__name__}: {error}"
        as_expected = verdict == case["expect"]
        wrong += not as_expected
        print(f"{'ok' if as_expected else 'WRONG'} {case['case']} expected {case['expect']}: {detail}")
    print(f"{len(found)} cases, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
