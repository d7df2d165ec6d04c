"""What in a robot's source would make a replay differ: found by reading it, before it runs.

A net with holes: it knows the usual ways to ask the world for something, not every one. What slips
through is found by the first replay.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import msgspec

# What a robot may not call, and what it has instead. A name that ends in a dot: all of the module.
INSTEAD = {
    "time.": "self.now is the time of the event in hand",
    "datetime.datetime.now": "self.now is the time of the event in hand",
    "datetime.datetime.utcnow": "self.now is the time of the event in hand",
    "datetime.datetime.today": "self.now is the time of the event in hand",
    "datetime.date.today": "self.now is the time of the event in hand",
    "random.": "self.random is seeded from the journal",
    "secrets.": "self.random is seeded from the journal",
    "numpy.random.": "self.random is seeded from the journal",
    "uuid.": "order ids are computed: self.limit and self.at_market give them",
    "os.": "a robot is told everything by its parameters",
    "open": "a robot is told everything by its parameters and events",
    "input": "commands come by on_control",
    "socket.": "what a robot should know has to come as an event",
    "urllib.": "what a robot should know has to come as an event",
    "requests.": "what a robot should know has to come as an event",
    "threading.": "a robot is one thread; every(...) gives it timers",
    "asyncio.": "a robot is one thread; every(...) gives it timers",
    "hash": "the hash of a text differs from process to process",
    "id": "the id of an object differs from process to process",
}
_ALLOWED = {"random.Random"}  # a class to be seeded


class Finding(msgspec.Struct, frozen=True):
    """A place where a robot asks the world something."""

    line: int
    what: str  # "time.time()"
    instead: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}; {self.instead}"


def questions_to_the_world(source: str) -> list[Finding]:
    """Every place found, by line. `source` is Python that compiles."""
    tree = ast.parse(source)
    names = dict(_imported(tree))
    findings = [*_calls(tree, names), *_loops_over_sets(tree)]
    return sorted(findings, key=lambda finding: finding.line)


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Each imported name and what it stands for: np is numpy, now is datetime.datetime.now."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0], alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _calls(tree: ast.AST, names: dict[str, str]) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        written = _dotted(node.func)
        first, dot, rest = written.partition(".")
        meant = f"{names[first]}{dot}{rest}" if first in names else written
        if meant in _ALLOWED or (dot and first not in names):
            continue  # a method of some object, not of a module
        for name, instead in INSTEAD.items():
            if meant == name or (name.endswith(".") and meant.startswith(name)):
                yield Finding(node.lineno, f"{written}()", instead)
                break


def _loops_over_sets(tree: ast.AST) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.comprehension) and _is_set(node.iter):
            instead = "the order of a set differs from process to process; sort it"
            yield Finding(node.iter.lineno, "a loop over a set", instead)


def _is_set(node: ast.expr) -> bool:
    made = isinstance(node, ast.Call) and _dotted(node.func) in ("set", "frozenset")
    return made or isinstance(node, ast.Set | ast.SetComp)


def _dotted(node: ast.expr) -> str:
    """`a.b.c` as written; "" for anything that is not a plain name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value)
        return f"{before}.{node.attr}" if before else ""
    return ""
