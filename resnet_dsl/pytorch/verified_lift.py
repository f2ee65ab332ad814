"""One lift of what a user names: to a spec, verified by building that spec."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from resnet_dsl.diagnostics import fail
from resnet_dsl.ir import Shape
from resnet_dsl.language.fields import Input, input_shape
from resnet_dsl.pytorch.building import build_model
from resnet_dsl.pytorch.carried_weights import carried
from resnet_dsl.pytorch.lift import lift_model, lift_network
from resnet_dsl.pytorch.lift.export import mode
from resnet_dsl.pytorch.lift.model_source import file_of, model_of
from resnet_dsl.pytorch.lift.sizes import SIZE_OF_IMAGES
from resnet_dsl.pytorch.lift.weight_files import read
from resnet_dsl.pytorch.modules import Net
from resnet_dsl.pytorch.weights import check_output, save_state
from resnet_dsl.reader import read_text
from resnet_dsl.reader.files import check_place, whole
from resnet_dsl.sources.lifted import Lifted, LiftedNetwork, Undetermined, spec_text
from resnet_dsl.sources.resolve import Resolved, resolve

TOLERANCE: Final = 1e-3
"""Of the largest output: more is another network, less is the order of additions."""
_FEW: Final = 4
"""Parameters that a note lists."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """How the outputs of the lifted spec differ from the model's, on images of some sizes."""

    difference: float
    largest: float
    images: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedLift:
    """What was lifted, and its YAML; how many tensors fit it, of how many in the file; for models,
    how outputs differ."""

    lifted: Lifted
    text: str
    tensors: int | None = None
    of_tensors: int | None = None
    verified: Verified | None = None


def verified_lift(
    source: str,
    *,
    input: Input | None = None,
    output: Path | None = None,
    weights: Path | None = None,
    verify: bool = True,
    partial: bool = False,
    force: bool = False,
    **of_files: Any,
) -> VerifiedLift:
    """Lift a model or a file of weights that is named, verify the spec, and write both.

    `of_files` are `prefix`, `ignore`, `overrides` and `images` of `lift_checkpoint`. Raises
    `SpecError` where there is no such source, where no spec can express it, and where the lifted
    spec computes something else; nothing is written then.
    """
    path = file_of(source)
    _check_places(output, weights, path, force=force)
    result, state, model = _lifted(source, path, input, partial, of_files)
    if verify or weights:
        again, tensors = _built(resolve(read_text(result.text).spec), result.lifted, state)
        result = replace(result, tensors=len(result.lifted.weights))
        if model is not None and verify and not result.lifted.refused:
            result = replace(result, verified=_verified(again, model, result.lifted))
        if weights:
            save_state(tensors, weights)
    if output:
        with whole(output) as draft:
            draft.write_text(result.text, encoding="utf-8")
    return result


def _check_places(
    output: Path | None, weights: Path | None, path: Path | None, *, force: bool
) -> None:
    """Whether both files may be written."""
    check_output(weights, force=force, inputs=[path])
    if output:
        inputs = [file for file in (path, weights) if file]
        check_place(output, force=force, inputs=inputs)


def _lifted(
    source: str,
    path: Path | None,
    input: Input | None,
    partial: bool,
    of_files: Mapping[str, Any],
) -> tuple[VerifiedLift, Mapping[str, Tensor], nn.Module | None]:
    """What a source is lifted to, its tensors by name, and its model unless it is a file."""
    if path is not None:
        checkpoint = read(path, input, **of_files)
        result = _with_text(checkpoint.lifted, source, path.stem)
        return replace(result, of_tensors=checkpoint.tensors), checkpoint.state, None
    if any(of_files.values()):
        options = "--weights-key, --ignore, --set and --images"
        raise fail("source", f"{source}: no file of weights, and {options} are for files alone")
    named = model_of(source)
    lifted = lift_model(named.model, _size(input, named.input), partial=partial)
    return _with_text(lifted, source, named.name), named.model.state_dict(), named.model


def _size(input: Input | None, own: Shape) -> Shape:
    return own if input is None else input_shape(input, own)


def _with_text(lifted: Lifted, source: str, name: str | None) -> VerifiedLift:
    if name is not None and _NAME.fullmatch(name):
        spec = replace(lifted.spec, name=name)
        lifted = replace(lifted, spec=spec)
    return VerifiedLift(lifted=lifted, text=spec_text(lifted, source))


def verified_network(source: str, input: Input | None = None) -> LiftedNetwork:
    """The network of a model or a file of weights that is named, verified as by `verified_lift`.

    No spec needs to express the network of a model.
    """
    if file_of(source) is not None:
        return verified_lift(source, input=input).lifted
    named = model_of(source)
    lifted = lift_network(named.model, _size(input, named.input))
    again, _ = _built(resolve(lifted.network), lifted, named.model.state_dict())
    _verified(again, named.model, lifted)
    return lifted


def _built(
    resolved: Resolved, lifted: LiftedNetwork, state: Mapping[str, Tensor]
) -> tuple[Net, dict[str, Tensor]]:
    """The model of what was lifted with the weights of the source, and these under our names."""
    some = next(value for value in state.values() if value.is_floating_point())
    features = (lifted.features or None) if isinstance(lifted, Lifted) else None
    model = build_model(
        resolved, init=False, device=some.device, dtype=some.dtype, features=features
    )
    tensors = carried(lifted, state)
    model.load_state_dict(tensors)
    return model.eval(), tensors


def _verified(ours: Net, model: nn.Module, lifted: LiftedNetwork) -> Verified:
    """Both on the same random images and, where the model takes them, on larger ones."""
    input = lifted.network.input
    verified = _compared(ours, model, input)
    assert verified is not None
    if any(note.choice == SIZE_OF_IMAGES for note in lifted.undetermined):
        return verified
    larger = _compared(ours, model, input._replace(height=input[1] + 32, width=input[2] + 64))
    if larger is None:
        return verified
    return Verified(
        difference=max(verified.difference, larger.difference),
        largest=max(verified.largest, larger.largest),
        images=(*verified.images, *larger.images),
    )


def _compared(ours: Net, model: nn.Module, input: Shape) -> Verified | None:
    """Both on random images of a size; None where the model does not take it."""
    some = next(ours.parameters())
    images = torch.randn(2, *input, generator=torch.Generator().manual_seed(0))
    images = images.to(device=some.device, dtype=some.dtype)
    with mode(model, training=False), torch.no_grad():
        try:
            theirs = _tensors(model(images))
        except RuntimeError:
            return None
        own = _tensors(ours(images))
    pairs = [_nearest(each, theirs) for each in own]
    difference = max(difference for difference, _ in pairs)
    largest = max(largest for _, largest in pairs)
    if not difference <= TOLERANCE * max(largest, TOLERANCE):
        raise fail(
            "unsupported",
            f"the lifted spec computes something else: outputs of at most {largest:.3g} differ by "
            f"{difference:.3g}",
            help="please report this model",
        )
    return Verified(difference=difference, largest=largest, images=(tuple(images.shape),))


def _nearest(own: Tensor, theirs: Sequence[Tensor]) -> tuple[float, float]:
    """How far an output is from the nearest of the model's, and the largest number of that."""
    pairs = (
        (float((own.float() - each.float()).abs().max()), float(each.abs().max()))
        for each in theirs
        if each.shape == own.shape
    )
    return min(pairs, default=(inf, inf))


def _tensors(output: Any) -> list[Tensor]:
    """All outputs of a model."""
    match output:
        case Tensor():
            return [output]
        case Mapping():
            return [tensor for inner in output.values() for tensor in _tensors(inner)]
        case list() | tuple():
            return [tensor for inner in output for tensor in _tensors(inner)]
        case _:
            return []


def _noted(choice: Undetermined) -> str:
    return f"{'determined' if choice.decided else 'undetermined'}: {choice}"


def notes(result: VerifiedLift) -> list[str]:
    """What is undetermined, and how the lift was verified, in lines of text."""
    lifted, verified = result.lifted, result.verified
    lines = [*lifted.remarks, *map(_noted, lifted.undetermined)]
    if lifted.features:
        names = ", ".join(map(repr, lifted.features))
        lines.append(f"the model returns maps: build(spec, features=[{names}])")
    if lifted.unused and not lifted.refused:
        count = len(lifted.unused)
        few = ", ".join(lifted.unused[:_FEW]) + (", …" if count > _FEW else "")
        lines.append(f"left out: {count} parameters that the output does not depend on: {few}")
    if lifted.refused:
        lines.append(f"lifted up to what is not supported: {lifted.refused}")
    elif verified:
        images = " and ".join("x".join(map(str, size)) for size in verified.images)
        lines.append(
            f"verified: the spec computes the same on {images}; "
            f"largest difference {verified.difference:.3g}"
        )
    elif result.tensors is not None:
        whole = result.of_tensors in (None, result.tensors)
        taken = f"all {result.tensors}" if whole else f"{result.tensors} of {result.of_tensors}"
        lines.append(f"verified: the spec takes {taken} tensors")
    return lines
