"""Faults of the size of an image that is asked for: they are at `--input`, and in no file."""

from __future__ import annotations

from dataclasses import replace

from resnet_dsl.diagnostics import Diagnostic, Source, Span


def at_input(diagnostic: Diagnostic, setting: str) -> Diagnostic:
    """A fault of the setting that stands for `--input`, at that option."""
    span = diagnostic.span
    if span is None or span.source.text != setting:
        return diagnostic
    return replace(diagnostic, span=input_span(setting.partition("=")[2]), fix=None)


def input_span(size: str) -> Span:
    """The place of the size of an image that was asked for, in no file."""
    return Span(Source("--input", size), 1, 1, len(size) + 1)
