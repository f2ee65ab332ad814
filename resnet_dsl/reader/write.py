"""Spec to YAML, in one form: writing what was read from it gives the same bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from resnet_dsl.spec import Spec, Stage


def write(spec: Spec) -> str:
    """The page of a spec, in the order in which papers say things; no comments, no defaults."""
    return "\n".join(_lines(spec)) + "\n"


def _lines(spec: Spec) -> Iterator[str]:
    data = _said(spec)
    if spec.name is not None:
        yield f"name: {_scalar(spec.name)}"
    yield f"input: {spec.input}"
    yield from _list("stem", data["stem"])
    if "block" in data:
        yield f"block: {_flow(data['block'])}"
    yield "stages:"
    for name, stage in spec.stages.items():
        yield from _stage(_scalar(name), stage)
    yield from _list("head", data["head"])
    yield from _auxiliaries(data.get("aux", {}))
    for key in ("drop_path", "output_stride"):
        if key in data:
            yield f"{key}: {_value(data[key])}"
    for key in ("init", "expect"):
        if key in data:
            yield f"{key}: {_flow(data[key])}"


def _said(words: Spec | Stage) -> dict[str, Any]:
    """What differs from the defaults; of a norm, its kind in any case."""
    data = words.model_dump(exclude_defaults=True)
    keys = words.block if isinstance(words, Spec) else words
    if not isinstance(keys.norm, str | None):
        place = data["block"] if isinstance(words, Spec) else data
        place["norm"] = {"kind": keys.norm.kind, **place["norm"]}
    return data


def _list(key: str, texts: list[str]) -> Iterator[str]:
    if not texts:
        yield f"{key}: []"
        return
    yield f"{key}:"
    for text in texts:
        yield f"  - {_scalar(text)}"


def _auxiliaries(aux: dict[str, list[str]]) -> Iterator[str]:
    if aux:
        yield "aux:"
    for block, head in aux.items():
        layers = ", ".join(_value(text, flow=True) for text in head)
        yield f"  {block}: [{layers}]"


def _stage(name: str, stage: Stage) -> Iterator[str]:
    data = _said(stage)
    rows = [_quoted(row) for row in data.pop("rows")]
    if not data and len(rows) == 1:
        yield f"  {name}: {rows[0]}"
    elif not data:
        yield f"  {name}:"
        yield from (f"  - {row}" for row in rows)
    else:
        yield f"  {name}:"
        if len(rows) == 1:
            yield f"    rows: {rows[0]}"
        else:
            yield "    rows:"
            yield from (f"    - {row}" for row in rows)
        for key, value in data.items():
            yield f"    {key}: {_value(value)}"


def _flow(data: dict[str, Any]) -> str:
    pairs = (f"{key}: {_value(value, flow=True)}" for key, value in data.items())
    return "{" + ", ".join(pairs) + "}"


def _value(value: object, *, flow: bool = False) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case dict():
            return str(value["kind"]) if set(value) == {"kind"} else _flow(value)
        case float():
            return _float(value)
        case str():
            return _quoted(value) if flow and "," in value else _scalar(value)
        case _:
            return str(value)


def _float(value: float) -> str:
    """A float that YAML 1.1 takes for one as well: with a point in it."""
    text = repr(value)
    mantissa, mark, exponent = text.partition("e")
    if mark and "." not in mantissa:
        mantissa += ".0"
    return f"{mantissa}{mark}{exponent}"


_SAFE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_./-]*(?:,? [A-Za-z0-9_./=-]+)*")
_WORDS: Final = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}
_NUMBER: Final = re.compile(r"[-+.0-9][-+.:_0-9eE]*|0[box][0-9a-fA-F_]+")


def _scalar(text: str) -> str:
    """A text as YAML: bare where every YAML reader takes it for a text, quoted elsewhere."""
    bare = _SAFE.fullmatch(text) and not _NUMBER.fullmatch(text) and text.lower() not in _WORDS
    return text if bare else _quoted(text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
