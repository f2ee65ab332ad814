"""One lift of what a user names: to a page, verified by building that page again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from resnet_dsl.diagnostics import fail
from resnet_dsl.ir import Shape
from resnet_dsl.pytorch.building import build_model
from resnet_dsl.pytorch.lift import lift_model
from resnet_dsl.pytorch.lift.export import mode
from resnet_dsl.pytorch.lift.model_source import file_of, model_of
from resnet_dsl.pytorch.lift.weight_files import carried, read
from resnet_dsl.pytorch.modules import Net
from resnet_dsl.pytorch.weights import check_output, save_state
from resnet_dsl.reader.files import check_place, whole
from resnet_dsl.report.analyze import input_shape
from resnet_dsl.sources.lifted import Lifted, page_of
from resnet_dsl.sources.resolve import loads, resolve

TOLERANCE: Final = 1e-3
"""Of the largest output: more is another network, less is the order of additions."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """How the outputs of a page built again differ from the model's."""

    difference: float
    largest: float
    images: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifting:
    """What was lifted, and its page; how many tensors fit the page; for models, how it computes."""

    lifted: Lifted
    page: str
    tensors: int | None = None
    verified: Verified | None = None


def lifting(
    source: str,
    *,
    input: str | Sequence[int] | None = None,
    output: Path | None = None,
    weights: Path | None = None,
    verify: bool = True,
    partial: bool = False,
) -> Lifting:
    """Lift a model or a file of weights that is named, verify the page, and write both down.

    Raises `SpecError` where there is no such source, where no page says it, and where the page
    built again computes something else; nothing is written then.
    """
    shape = input_shape(input)
    check_output(weights)
    if output:
        check_place(output)
    if (path := file_of(source)) is not None:
        found = read(path, shape)
        made = _lifting(found.lifted, source, path.stem)
        state: Mapping[str, Tensor] = found.state
        model = None
    else:
        named = model_of(source)
        model = named.model
        lifted = lift_model(model, shape or named.input, partial=partial)
        made = _lifting(lifted, source, named.name)
        state = model.state_dict()
    if verify or weights:
        again, tensors = _built(made, state)
        made = replace(made, tensors=len(made.lifted.weights))
        if model is not None and verify and not made.lifted.refused:
            made = replace(made, verified=_compared(again, model, made.lifted.network.input))
        if weights:
            save_state(tensors, weights)
    if output:
        with whole(output) as draft:
            draft.write_text(made.page, encoding="utf-8")
    return made


def _lifting(lifted: Lifted, source: str, name: str | None) -> Lifting:
    if name is not None and _NAME.fullmatch(name):
        spec = replace(lifted.spec, name=name)
        lifted = replace(lifted, spec=spec)
    return Lifting(lifted=lifted, page=page_of(lifted, source))


def _built(made: Lifting, state: Mapping[str, Tensor]) -> tuple[Net, dict[str, Tensor]]:
    """The page's own model with the weights of the source, and these under our names."""
    some = next(value for value in state.values() if value.is_floating_point())
    model = build_model(
        resolve(loads(made.page)), seed=None, init=False, device=some.device, dtype=some.dtype
    )
    tensors = carried(made.lifted, state)
    model.load_state_dict(tensors)
    return model.eval(), tensors


def _compared(ours: Net, model: nn.Module, input: Shape) -> Verified:
    """Both on the same random images."""
    some = next(ours.parameters())
    images = torch.randn(2, *input, generator=torch.Generator().manual_seed(0))
    images = images.to(device=some.device, dtype=some.dtype)
    with mode(model, training=False), torch.no_grad():
        theirs, own = _tensor(model(images)), _tensor(ours(images))
    difference = float((own.float() - theirs.float()).abs().max())
    largest = float(theirs.abs().max())
    if own.shape != theirs.shape or not difference <= TOLERANCE * max(largest, TOLERANCE):
        raise fail(
            "unsayable",
            f"the page computes something else: outputs of at most {largest:.3g} differ by "
            f"{difference:.3g}",
            help="please report this model",
        )
    return Verified(difference=difference, largest=largest, images=tuple(images.shape))


def _tensor(output: Any) -> Tensor:
    """The output, or the first of several."""
    while not isinstance(output, Tensor):
        output = next(iter(output.values() if isinstance(output, Mapping) else output))
    return output
