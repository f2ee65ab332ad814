"""Weights from one library's names to another's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from resnet_dsl.diagnostics import fail
from resnet_dsl.naming import Naming, NamingError
from resnet_dsl.pytorch.lift.weight_files import carried, read
from resnet_dsl.pytorch.weights import check_output, save_state


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """How many tensors were renamed, and whose names they had."""

    tensors: int
    source: Naming | None


def convert_weights(path: Path, *, source: Naming | None, to: Naming, output: Path) -> Converted:
    """Write a file's weights under a library's names.

    Raises `SpecError` where the weights are of no network that is known, not `source`'s by name, or
    of a network that `to` does not have; nothing is written then.
    """
    check_output(output)
    found = read(path)
    if source is not None and source not in found.namings:
        raise fail(
            "weights",
            f"{path}: no {source} names",
            help=f"they are {found.namings[0]} names"
            if found.namings
            else "--from auto goes by shapes",
        )
    try:
        state = carried(found.lifted, found.state, to)
    except NamingError as error:
        raise fail("weights", f"{path}: {error.message}") from None
    save_state(state, output)
    return Converted(tensors=len(state), source=next(iter(found.namings), None))
