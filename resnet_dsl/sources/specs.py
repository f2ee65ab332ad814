"""Specs in and out: load, loads, dump, dumps."""

from __future__ import annotations

from pathlib import Path

from resnet_dsl.language.spec import Spec
from resnet_dsl.language.validation import validated
from resnet_dsl.reader import read_spec, read_text
from resnet_dsl.reader.files import whole
from resnet_dsl.sources.resolve import checked_text


def load(where: str | Path) -> Spec:
    """Read a spec by zoo name or by path, and check it.

    `extends:` is resolved: the spec is complete. Raises `SpecError` with every fault and its place,
    and warns (`SpecWarning`) of what is legal and surely not meant.

    >>> load("resnet50").expect.layers
    50
    """
    read = read_spec(where)
    checked_text(read)
    return read.spec


def loads(text: str) -> Spec:
    """Read a spec from a text, and check it; it may extend specs of the zoo."""
    read = read_text(text)
    checked_text(read)
    return read.spec


def dumps(spec: Spec) -> str:
    """The YAML of a spec in its printed form.

    >>> print(dumps(load("cifar/resnet20")).splitlines()[1])
    input: 3x32x32
    """
    from resnet_dsl.reader.write import write  # questions about specs write none

    return write(validated(spec))


def dump(spec: Spec, path: str | Path) -> None:
    """Write the YAML of a spec to a file, whole or not at all."""
    text = dumps(spec)
    with whole(Path(path)) as draft:
        draft.write_text(text, encoding="utf-8")
