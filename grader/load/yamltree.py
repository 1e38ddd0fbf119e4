"""YAML files read as plain values that remember their lines.

Quiz and rubric files may come from strangers. Only mappings, lists and plain scalars are read: tags, anchors and
aliases are faults, so nothing is constructed and nothing can expand. ``no`` and ``on`` are text, as in YAML 1.2.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import yaml

from grader.errors import Fault, FileFaultsError
from grader.load.faults import Place, dotted, shown

MAX_BYTES = 2_000_000
MAX_NODES = 50_000
MAX_DEPTH = 32

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_WORDS: Mapping[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})(?:\.[0-9]{1,18})?(?:[eE][-+]?[0-9]{1,3})?")
# Controls, bidirectional overrides and isolates, line and paragraph separators, lone surrogates, noncharacters:
# never wanted in a course text, and able to make a file read differently from what it says.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True)
class Document:
    """A YAML file as plain values.

    Args:
        path: File as the caller named it.
        digest: SHA-256 hex of the file's bytes.
        data: Mappings, lists, text, numbers, truth values and ``None``.
        lines: 1-based line of every place in ``data``.
        faults: What was wrong with the YAML itself, though it could be read on.
        broken: Places whose value could not be kept; what is wrong below them is no news.
    """

    path: str
    digest: str
    data: object
    lines: Mapping[Place, int]
    faults: tuple[Fault, ...]
    broken: frozenset[Place]

    def fault(self, place: Place, message: str) -> Fault:
        """Describe what is wrong at a place; one that the file lacks gets the line of what surrounds it."""
        known = next(place[:end] for end in range(len(place), -1, -1) if place[:end] in self.lines or not end)
        return Fault(self.path, self.lines.get(known), dotted(place), message)

    def spoils(self, place: Place) -> bool:
        """Tell whether a fault of the YAML itself already explains whatever is wrong at a place."""
        return any(place[:end] in self.broken for end in range(len(place) + 1))


def read_document(path: Path | str) -> Document:
    """Read one YAML file.

    Raises:
        FileFaultsError: The file cannot be read at all, or its syntax breaks off.
    """
    name = str(path)
    raw = _read_bytes(name)
    text = _decode(raw, name)
    # The parser counts the end of the file as a line of its own; what is missing there is missing on the last one.
    last_line = max(1, len(text.splitlines()))
    tree = _Tree(name, last_line)
    try:
        for event in _events(text, name, last_line):
            tree.add(event)
    except FileFaultsError as error:
        raise FileFaultsError((*tree.faults, *error.faults)) from error
    digest = hashlib.sha256(raw).hexdigest()
    return Document(name, digest, tree.root, tree.lines, tuple(tree.faults), frozenset(tree.broken))


def _read_bytes(name: str) -> bytes:
    try:
        with Path(name).open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FileFaultsError((Fault(name, None, "", f"cannot be read: {reason}"),)) from error
    if len(raw) > MAX_BYTES:
        raise FileFaultsError((Fault(name, None, "", f"is larger than {MAX_BYTES:,} bytes"),))
    return raw


def _decode(raw: bytes, name: str) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FileFaultsError((Fault(name, 1, "", "is UTF-16; save it as UTF-8"),))
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        message = f"byte 0x{raw[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise FileFaultsError((Fault(name, line, "", message),)) from error
    hidden = tuple(
        Fault(name, text.count("\n", 0, found.start()) + 1, "", _forbidden(found))
        for found, _ in zip(_FORBIDDEN.finditer(text), range(20), strict=False)
    )
    if hidden:
        raise FileFaultsError(hidden)
    return text


def _forbidden(found: re.Match[str]) -> str:
    return f"control character U+{ord(found.group()):04X} is not allowed"


def _events(text: str, name: str, last_line: int) -> Iterator[yaml.Event]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        message = ", ".join(part for part in (error.context, error.problem) if part)
        line = min(mark.line + 1, last_line) if mark else None
        raise FileFaultsError((Fault(name, line, "", f"YAML: {message}"),)) from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        message = str(error).splitlines()[0] if str(error) else "cannot be parsed"
        raise FileFaultsError((Fault(name, None, "", f"YAML: {message}"),)) from error


@dataclass
class _Open:
    """A mapping or list that is still being read."""

    value: dict[str, object] | list[object]
    place: Place
    key: str | None = None
    repeated: bool = False


@dataclass
class _Tree:
    """Grows plain values from parser events."""

    name: str
    last_line: int
    root: object = None
    lines: dict[Place, int] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    broken: set[Place] = field(default_factory=set)
    _open: list[_Open] = field(default_factory=list)
    _documents: int = 0
    _nodes: int = 0

    def add(self, event: yaml.Event) -> None:
        line = min(event.start_mark.line + 1, self.last_line) if event.start_mark else 0
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._stop(line, "a second document starts here; a file holds one")
        elif isinstance(event, yaml.CollectionEndEvent):
            self._open.pop()
        elif isinstance(event, yaml.NodeEvent):
            self._nodes += 1
            if self._nodes > MAX_NODES:
                self._stop(line, f"more than {MAX_NODES:,} values")
            self._node(event, line)

    def _node(self, event: yaml.NodeEvent, line: int) -> None:
        parent = self._open[-1] if self._open else None
        if parent is not None and isinstance(parent.value, dict) and parent.key is None:
            self._key(parent, event, line)
            return
        place = self._next_place(parent)
        self.lines.setdefault(place, line)
        self._refuse_extras(event, place, line)
        if isinstance(event, yaml.ScalarEvent):
            self._attach(parent, self._scalar(event, place, line))
        elif isinstance(event, yaml.CollectionStartEvent):
            if len(self._open) >= MAX_DEPTH:
                self._stop(line, f"nested deeper than {MAX_DEPTH} levels")
            value: dict[str, object] | list[object] = {} if isinstance(event, yaml.MappingStartEvent) else []
            self._attach(parent, value)
            self._open.append(_Open(value, place))
        else:
            self._attach(parent, None)

    def _key(self, parent: _Open, event: yaml.NodeEvent, line: int) -> None:
        if not isinstance(event, yaml.ScalarEvent):
            self._stop(line, "a key must be a plain word")
        key = str(event.value)
        place = (*parent.place, key)
        parent.key, parent.repeated = key, key in parent.value
        if parent.repeated:
            self._note(place, line, f"the key is repeated; it already stands on line {self.lines[place]}")
        self.lines.setdefault(place, line)
        self._refuse_extras(event, place, line)
        if _FORBIDDEN.search(key):
            self._stop(line, f"the key {shown(key)} holds a control character")

    def _next_place(self, parent: _Open | None) -> Place:
        if parent is None:
            return ()
        if isinstance(parent.value, list):
            return (*parent.place, len(parent.value))
        return (*parent.place, parent.key or "")

    def _attach(self, parent: _Open | None, value: object) -> None:
        if parent is None:
            self.root = value
        elif isinstance(parent.value, list):
            parent.value.append(value)
        else:
            if not parent.repeated:
                parent.value[parent.key or ""] = value
            parent.key = None

    def _scalar(self, event: yaml.ScalarEvent, place: Place, line: int) -> object:
        text = str(event.value)
        found = _FORBIDDEN.search(text)
        if found:
            self._note(place, line, _forbidden(found), broken=True)
        return text if event.style else _resolve(text)

    def _refuse_extras(self, event: yaml.NodeEvent, place: Place, line: int) -> None:
        if isinstance(event, yaml.AliasEvent):
            self._note(place, line, f"the alias *{shown(event.anchor)[1:-1]} is not allowed", broken=True)
            return
        if event.anchor is not None:
            self._note(place, line, f"the anchor &{shown(event.anchor)[1:-1]} is not allowed")
        tag = getattr(event, "tag", None)
        if tag is not None:
            self._note(place, line, f"the tag {shown(tag)} is not allowed", broken=True)

    def _note(self, place: Place, line: int, message: str, *, broken: bool = False) -> None:
        self.faults.append(Fault(self.name, line, dotted(place), message))
        if broken:
            self.broken.add(place)

    def _stop(self, line: int, message: str) -> NoReturn:
        raise FileFaultsError((Fault(self.name, line, "", message),))


def _resolve(plain: str) -> object:
    if plain in _WORDS:
        return _WORDS[plain]
    if _INTEGER.fullmatch(plain):
        return int(plain)
    return float(plain) if _DECIMAL.fullmatch(plain) else plain
