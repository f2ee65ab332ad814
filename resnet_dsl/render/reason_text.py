"""Why a layer is there: a network held against the words of its page.

A page says convolutions, pools and attention; `elaborate` adds strides, dilations, shortcuts, norms
and activations by its rules. Here each of those names its rule. What an author wrote has no reason
but the author's: nothing is said of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias, assert_never

from resnet_dsl import ir, notation
from resnet_dsl.elaboration import Elaboration
from resnet_dsl.elaboration.block_layers import Pace, carrier, paced
from resnet_dsl.elaboration.draft import Work
from resnet_dsl.elaboration.stage_plans import paces
from resnet_dsl.elaboration.term_layers import convolves
from resnet_dsl.folds.count import leaves
from resnet_dsl.folds.shape import leaf_size
from resnet_dsl.ir import Layer, Leaf, Norm, Path, Residual, Size
from resnet_dsl.language.spec import Settings, Spec, Stage
from resnet_dsl.notation import HeadLayer, Row

Reason: TypeAlias = tuple[Path, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Layers that come from the same words; from none, where pre-activated blocks end.

    `part` is the stem, a stage or the head; `block` counts the blocks of a stage from 1.
    """

    part: str
    layers: range
    words: Row | HeadLayer | None
    block: int | None = None


def runs(spec: Spec, elaboration: Elaboration) -> Iterator[Run]:
    """The layers of a network, cut by the words that they come from.

    >>> from resnet_dsl.sources.resolve import resolve
    >>> page = resolve("cifar/resnet20")
    >>> [(run.part, run.block) for run in runs(page.spec, page.elaboration)][:3]
    [('stem', None), ('conv2_x', 1), ('conv2_x', 2)]
    """
    yield from _listed("stem", elaboration.stem, spec.stem, elaboration)
    for name, stage in spec.stages.items():
        yield from _staged(name, stage, spec.settings(stage), elaboration)
    yield from _listed("head", elaboration.head, spec.head, elaboration)


def _listed(
    part: str, layers: range, words: Sequence[HeadLayer], elaboration: Elaboration
) -> Iterator[Run]:
    for path, group in groupby(layers, key=lambda i: elaboration.origins[i].path):
        first, *others = group
        word = words[last] if isinstance(last := path[-1], int) else None
        yield Run(part=part, layers=range(first, first + 1 + len(others)), words=word)


def _staged(name: str, stage: Stage, settings: Settings, elaboration: Elaboration) -> Iterator[Run]:
    layers, whole = elaboration.network.layers, elaboration.stages[name]
    start, block = whole.start, 0
    while start < whole.stop:
        row = stage.rows[int(elaboration.origins[start].path[-1])]
        if start == whole.start and settings.order == "post" and _is_brought(layers[start]):
            stop = next(i for i in whole if not _is_brought(layers[i]))
            yield Run(part=name, layers=range(start, stop), words=None)
        elif not convolves(row):
            stop = start + 1
            yield Run(part=name, layers=range(start, stop), words=row)
        else:
            block += 1
            stop = elaboration.blocks[f"{name}.{block}"]
            yield Run(part=name, layers=range(start, stop), words=row, block=block)
        start = stop


def _is_brought(layer: Layer) -> bool:
    """No word of a page is a norm or an activation: something else brings it."""
    return isinstance(layer, Norm | ir.Act)


class Reasons:
    """The reasons for the layers of a page's network, run by run."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._paces = paces(Work(spec.input), spec)

    def of(self, run: Run, layers: Sequence[Layer], size: Size) -> dict[Path, str]:
        """Why each of the run's layers is there that no word stands for, by its path.

        `layers` are those of the network, `size` is what the run gets.
        """
        match run.words:
            case None:
                return {(i,): "pre-activation: behind the last block" for i in run.layers}
            case Row() as row:
                return dict(self._block(run, row, layers, size))
            case word:
                return dict(_unit(run, word, layers))

    def _block(self, run: Run, row: Row, layers: Sequence[Layer], size: Size) -> Iterator[Reason]:
        body = [found for i in run.layers for found in _body(layers[i], (i,))]
        yield from self._explained(body, self._marks(run, row))
        for i in run.layers:
            layer = layers[i]
            if isinstance(layer, Residual):
                yield from _addition(layer, (i,), size)

    def _explained(
        self, body: Sequence[tuple[Path, Leaf]], marks: Iterator[str | None]
    ) -> Iterator[Reason]:
        begun = False
        for path, leaf in body:
            if isinstance(leaf, Norm | ir.Act):
                yield path, _brought(leaf) if begun else "pre-activation"
                continue
            begun = True
            if reason := next(marks, self._dropped(leaf)):
                yield path, reason

    def _dropped(self, leaf: Leaf) -> str | None:
        if not isinstance(leaf, ir.DropPath):
            return None
        return f"drop path: {leaf.p:.3g} of {self._spec.drop_path:g}, linear over the blocks"

    def _marks(self, run: Run, row: Row) -> Iterator[str | None]:
        """For each leaf of a block's body that is no norm or activation, its reason if it has one;
        what drops the path stands behind them."""
        if run.block is None:
            yield from (None for layer in row.layers if not _is_idle(layer))
            return
        settings = self._spec.settings(self._spec.stages[run.part])
        pace = self._paces[run.part]
        pace = pace if run.block == 1 else pace.following
        for written, layer in _aligned(row, settings, pace):
            match layer:
                case notation.Conv(stride=stride):
                    assert isinstance(written, notation.Conv), run
                    split = settings.antialias != "none" and stride not in (None, 1)
                    yield self._conv(run.part, written, layer, settings, split=split)
                    if split:
                        yield f"anti-aliasing: strides by {stride} behind the convolution"
                case notation.BlurPool() if written is None:
                    yield "anti-aliasing: stays a filter where dilation stands for the stride"
                case _ if not _is_idle(layer):
                    yield None

    def _conv(
        self,
        stage: str,
        written: notation.Conv,
        made: notation.Conv,
        settings: Settings,
        *,
        split: bool,
    ) -> str | None:
        """What the stage's pace makes of a written convolution."""
        reasons = []
        if made.stride != written.stride and not split:
            first = ", at its first convolution" if settings.stride_on == "first" else ""
            reasons.append(f"stride {made.stride}: first block of {stage}{first}")
        if made.dilation != written.dilation:
            reach = self._spec.output_stride
            cause = f"in place of a stride (output stride {reach})" if reach else stage
            reasons.append(f"dilation {made.dilation}: {cause}")
        return "; ".join(reasons) or None


def _aligned(
    row: Row, settings: Settings, pace: Pace
) -> Iterator[tuple[notation.RowLayer | None, notation.RowLayer]]:
    """The layers of a row beside what its stage's pace makes of them; None beside what it adds."""
    made = paced(row, settings, pace).layers
    written: list[notation.RowLayer | None] = list(row.layers)
    if len(made) > len(written):  # a blur behind the convolution that would have carried the stride
        written.insert(carrier(row.branches[0], settings.stride_on) + 1, None)
    return zip(written, made, strict=True)


def _is_idle(layer: notation.RowLayer) -> bool:
    """A dropout of 0 is no layer."""
    return isinstance(layer, notation.Dropout | notation.DropPath) and not layer.p


def _unit(run: Run, word: HeadLayer, layers: Sequence[Layer]) -> Iterator[Reason]:
    """A layer of stem or head brings its norm and activation, a classifier its vector."""
    for i in run.layers:
        match layers[i]:
            case ir.Flatten() if isinstance(word, notation.Fc):
                yield (i,), "fc takes a vector"
            case leaf if isinstance(leaf, Norm | ir.Act):
                yield (i,), _brought(leaf)


def _body(layer: Layer, path: Path) -> Iterator[tuple[Path, Leaf]]:
    """The leaves of a block but those of its shortcut, and what comes behind the addition."""
    inner, at = (layer.body, (*path, "body")) if isinstance(layer, Residual) else (layer, path)
    return ((place, leaf) for place, leaf in leaves(inner, at) if leaf != ir.Identity())


def _brought(leaf: Norm | ir.Act) -> str:
    match leaf:
        case ir.Act(kind=kind):
            return f"activation: {kind}"
        case ir.BatchNorm():
            return "norm: batch"
        case ir.GroupNorm():
            return "norm: group"
        case ir.EvoNorm():
            return "norm: evonorm"
        case ir.FilterResponseNorm():
            return "norm: filter response"
        case _:
            assert_never(leaf)


def _addition(block: Residual, path: Path, size: Size) -> Iterator[Reason]:
    """The shortcut of a block that gets a map of the size, the sum, and what is behind it."""
    kind, after = "identity shortcut", size
    for place, leaf in leaves(block.shortcut, (*path, "shortcut")):
        after = leaf_size(leaf, after, place)
        match leaf:
            case ir.Conv():
                kind = "projection shortcut"
                yield place, f"projection: {size} → {after}"
            case ir.ZeroPad():
                yield place, "average pool of the projection: zeros behind the map keep its size"
            case ir.Pool(kind="average", kernel=kernel, stride=stride):
                yield place, f"average pool of the projection: {kernel}x{kernel}, /{stride}"
            case ir.Pool(stride=stride):
                kind = "padding shortcut"
                nth = {2: "second", 3: "third"}.get(stride, f"{stride}th")
                yield place, f"option A: every {nth} pixel"
            case ir.PadChannels(before=before, after=behind):
                kind = "padding shortcut"
                both = " on both sides" if before else ""
                yield place, f"option A: {before + behind} channels of zeros{both}"
            case _ if isinstance(leaf, Norm):
                yield place, _brought(leaf)
    yield path, kind
    if isinstance(block.after, ir.Act):
        yield (*path, "after"), f"{_brought(block.after)}, behind the addition"
