"""Weights from one library's names to another's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from resnet_dsl.diagnostics import fail
from resnet_dsl.folds.weights import COUNTER
from resnet_dsl.naming import Naming, NamingError, state_keys, stored_keys
from resnet_dsl.pytorch.carried_weights import carried
from resnet_dsl.pytorch.lift.weight_files import read
from resnet_dsl.pytorch.weights import check_output, save_state
from resnet_dsl.sources.lifted import Converted, Lifted


def convert(
    weights: Path,
    output: Path,
    *,
    to: Naming,
    source: Naming | Literal["auto"] = "auto",
    prefix: str | None = None,
    ignore: Sequence[str] = (),
    force: bool = False,
) -> Converted:
    """`resnet_dsl.convert`."""
    check_output(output, force=force, inputs=[weights])
    checkpoint = read(weights, prefix=prefix, ignore=ignore)
    namings = checkpoint.namings
    if source != "auto" and source not in namings:
        help = f"they are {namings[0]} names" if namings else "use --from auto to match by shapes"
        raise fail("weights", f"{weights}: no {source} names", help=help)
    try:
        state = carried(checkpoint.lifted, checkpoint.state, to)
    except NamingError as error:
        raise fail("weights", f"{weights}: {error.message}") from None
    save_state(state, output)
    return Converted(
        tensors=len(state),
        source=next(iter(namings), None),
        remarks=(*checkpoint.lifted.remarks, *_changes(checkpoint.lifted, to)),
    )


def _changes(lifted: Lifted, to: Naming) -> Iterator[str]:
    """The tensors that files of a library do not have, and those that the file did not have."""
    own = {tensor: key for key, tensor in state_keys(lifted.network).items()}
    stored = [own[tensor] for tensor in stored_keys(lifted.network, to).values()]
    if left := [key for key in lifted.weights if key not in set(stored)]:
        counters = [key for key in left if key.endswith(COUNTER)]
        others = ", ".join(key for key in left if not key.endswith(COUNTER))
        texts = [f"{len(counters)} batch counters" if counters else "", others]
        yield f"left out, as {to} stores none: {', '.join(filter(None, texts))}"
    if added := [key for key in stored if key not in lifted.weights and key.endswith(COUNTER)]:
        yield f"{len(added)} batch counters begin at 0"
