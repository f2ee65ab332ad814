"""Where warnings about specs go: to Python's, at the caller's line, or to who collects them."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from resnet_dsl.diagnostics import Diagnostic, SpecWarning

_COLLECTED: ContextVar[list[Diagnostic] | None] = ContextVar("_COLLECTED", default=None)
"""Where warnings go in place of Python's: those that `check` returns, of one thread alone."""


@contextmanager
def collecting() -> Iterator[list[Diagnostic]]:
    """The warnings of what is resolved meanwhile."""
    collected: list[Diagnostic] = []
    token = _COLLECTED.set(collected)
    try:
        yield collected
    finally:
        _COLLECTED.reset(token)


def warn(suspicious: Iterable[Diagnostic]) -> None:
    """Collect warnings, or give them at the line of the caller of this package."""
    collected = _COLLECTED.get()
    if collected is not None:
        collected += suspicious
        return
    for diagnostic in suspicious:
        warnings.warn(SpecWarning(diagnostic), stacklevel=_level_of_the_caller())


def _level_of_the_caller() -> int:
    frame, level = sys._getframe(1), 1
    while frame.f_back and frame.f_globals.get("__name__", "").partition(".")[0] == "resnet_dsl":
        frame, level = frame.f_back, level + 1
    return level
