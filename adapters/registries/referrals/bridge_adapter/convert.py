"""Values of a call as Python types: checked once, at the edge, or refused by place."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import functools
import math
import re
import types
import typing
import uuid
from typing import Any, ClassVar, TypeVar

from .errors import BadRequest

T = TypeVar("T")


class Form(str):
    """A text of a fixed form. Make your own: ``class Case(Form): form = Form.compile("[A-Z]{2}[0-9]{6}"); expected = "…"``."""

    form: ClassVar[re.Pattern[str]] = re.compile(r".{1,256}", re.DOTALL)
    expected: ClassVar[str] = "a text of 1 to 256 characters"

    @staticmethod
    def compile(pattern: str) -> re.Pattern[str]:
        """A regular expression that the whole text must fit; ``\\d`` and ``\\w`` are ASCII."""
        return re.compile(pattern, re.ASCII)


class Fin(Form):
    """A personal code."""

    form = Form.compile("[0-9A-HJ-NP-Z]{7}")
    expected = "a FİN: 7 characters of 0-9 and A-Z without I and O"


class Voen(Form):
    """A tax number."""

    form = Form.compile("[0-9]{10}")
    expected = "a VÖEN: 10 digits"


_MOST = 2**63 - 1
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_INTEGER = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,18})?", re.ASCII)


def from_text(text: str, kind: type[T], place: str) -> T:
    """Reads a value of a path or a query as ``kind``."""
    value: object = text
    if kind is bool:
        value = {"true": True, "false": False}.get(text)
    elif kind is int:
        value = int(text) if _INTEGER.fullmatch(text) else None
    elif kind is float:
        value = float(text) if _NUMBER.fullmatch(text) else None
    return from_json(value, kind, place)


def from_json(value: object, kind: type[T], place: str) -> T:
    """Reads a value of a JSON body as ``kind``: a plain type, a ``Form``, an ``Enum``, a dataclass, or lists and options of them.

    Raises ``BadRequest`` with the JSON pointer of the first place that does not fit.
    """
    return typing.cast(T, _read(value, kind, place))


def _read(value: object, kind: Any, place: str) -> object:
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _option(value, typing.get_args(kind), place)
    if origin is list:
        return _list(value, typing.get_args(kind)[0], place)
    if dataclasses.is_dataclass(kind):
        return _object(value, typing.cast(type[Any], kind), place)
    return _plain(value, kind, place)


def _plain(value: object, kind: Any, place: str) -> object:
    if kind in (object, Any):
        return value
    if kind is bool or kind is dict:
        return _expect(value if isinstance(value, kind) else None, place, _NAMES[kind])
    if kind is int or kind is float:
        number = isinstance(value, int if kind is int else int | float) and not isinstance(value, bool)
        # No registry has a number for more, and a huge one is no float either.
        number = number and abs(typing.cast(float, value)) <= (_MOST if isinstance(value, int) else math.inf)
        return kind(_expect(value if number else None, place, _NAMES[kind]))
    text = value if isinstance(value, str) else None
    if kind is str:
        return _expect(text, place, "a text")
    if not isinstance(kind, type):
        raise TypeError(f"{place}: {kind!r} is not a type that a call can be read as")
    if issubclass(kind, enum.Enum):
        known = {str(member.value): member for member in kind}
        return _expect(known.get(text or ""), place, "one of " + ", ".join(known))
    if issubclass(kind, Form):
        return kind(_expect(text if text and kind.form.fullmatch(text) else None, place, kind.expected))
    if kind in _PARSERS:
        parse, expected = _PARSERS[kind]
        return _expect(parse(text) if text else None, place, expected)
    raise TypeError(f"{place}: {kind!r} is not a type that a call can be read as")


def _expect(value: object, place: str, expected: str) -> Any:
    if value is None:
        raise BadRequest(place, expected)
    return value


def _option(value: object, kinds: tuple[Any, ...], place: str) -> object:
    kinds_given = [kind for kind in kinds if kind is not type(None)]
    if len(kinds_given) != 1 or len(kinds) != 2:
        raise TypeError(f"{place}: of unions only `X | None` can be read")
    return None if value is None else _read(value, kinds_given[0], place)


def _list(value: object, kind: Any, place: str) -> list[object]:
    if not isinstance(value, list):
        raise BadRequest(place, "a list")
    return [_read(item, kind, f"{_pointer(place)}/{index}") for index, item in enumerate(value)]


def _object(value: object, kind: type[Any], place: str) -> object:
    if not isinstance(value, dict):
        raise BadRequest(place, "an object")
    members = _members(typing.cast(Any, kind))
    for name in value:
        if name not in members:
            # The name is the caller's: it is not repeated.
            raise BadRequest(place, "no members but " + ", ".join(members))
    given: dict[str, object] = {}
    for name, (member, required) in members.items():
        if name in value:
            given[name] = _read(value[name], member, f"{_pointer(place)}/{name}")
        elif required:
            raise BadRequest(f"{_pointer(place)}/{name}", "a value")
    return kind(**given)


def _pointer(place: str) -> str:
    return "body " if place == "body" else place


@functools.cache
def _members(kind: Any) -> dict[str, tuple[Any, bool]]:
    hints: dict[str, Any] = typing.get_type_hints(kind)
    missing = dataclasses.MISSING
    return {
        field.name: (hints[field.name], field.default is missing and field.default_factory is missing)
        for field in dataclasses.fields(kind)
        if field.init
    }


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _moment(text: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(text) if "T" in text else None
    except ValueError:
        return None
    return moment if moment and moment.tzinfo else None


def _uuid(text: str) -> uuid.UUID | None:
    try:
        value = uuid.UUID(text)
    except ValueError:
        return None
    return value if str(value) == text.lower() else None


_NAMES: dict[Any, str] = {bool: "true or false", int: "a whole number", float: "a number", dict: "an object"}
_PARSERS: dict[Any, tuple[typing.Callable[[str], object], str]] = {
    dt.date: (_date, "a date like 2026-11-21"),
    dt.datetime: (_moment, "a time with offset like 2026-11-21T10:00:00+04:00"),
    uuid.UUID: (_uuid, "a UUID"),
}
