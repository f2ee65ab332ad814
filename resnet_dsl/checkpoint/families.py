"""The specs of the zoo as the known families: whose weights have these names or shapes.

The number of classes may be another one: that is what people change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from functools import cache

from resnet_dsl.checkpoint.block_scopes import Parts
from resnet_dsl.checkpoint.library_names import libraries
from resnet_dsl.checkpoint.matching import MismatchError, pair
from resnet_dsl.checkpoint.state_keys import Weights
from resnet_dsl.elaboration import elaborate
from resnet_dsl.folds.walk import network_leaves
from resnet_dsl.folds.weights import COUNTER, TensorShape, weight_shapes
from resnet_dsl.language.shipped import zoo
from resnet_dsl.language.spec import Spec
from resnet_dsl.naming import state_keys
from resnet_dsl.notation.terms import AdaptivePool, Conv, Dropout, Fc, Flatten, HeadLayer, Pool
from resnet_dsl.reader.write import write
from resnet_dsl.sources.specs import load


@dataclass(frozen=True, slots=True)
class Family:
    """A spec of the zoo for the classes of a file, and its name there."""

    name: str
    spec: Spec


def residual_family(parts: Parts, names: Set[str]) -> Family | None:
    """The spec whose weights have the shapes of these parts; a library's names tell more."""
    alike = [
        family
        for family in _with_classes(parts.head)
        if _blocks(family.spec) == len(parts.blocks) and _pairs(family.spec, parts)
    ]
    return _plainest([each for each in alike if libraries(elaborate(each.spec), names)] or alike)


def plain_family(layers: Sequence[Weights]) -> Family | None:
    """The spec of a network without shortcuts whose weights have these names and shapes."""
    theirs = {f"{layer.name}.{key}": size for layer in layers for key, size in layer.shapes.items()}
    families = _with_classes([layer for layer in layers if layer.kind == "linear"])
    return _plainest(
        family
        for family in families
        if family.spec.settings().shortcut == "none"
        and _without_counters(theirs) == _shapes(family.spec)
    )


def _plainest(families: Iterable[Family]) -> Family | None:
    """The shortest spec: what a family has by default is left out."""
    return min(families, key=lambda family: len(write(family.spec)), default=None)


@cache
def _families() -> tuple[Family, ...]:
    return tuple(Family(name, replace(load(name), name=None)) for name in zoo())


def _with_classes(head: Sequence[Weights]) -> Iterator[Family]:
    """Every spec with the classes of a head, with and without auxiliary classifiers."""
    classes = head[-1].out if head else None
    for family in _families():
        spec = family.spec
        aux = {block: _classifying(layers, classes) for block, layers in spec.aux.items()}
        changed = replace(spec, head=_classifying(spec.head, classes), aux=aux)
        yield Family(family.name, changed)
        if aux:
            yield Family(family.name, replace(changed, aux={}))


def _classifying(layers: Sequence[HeadLayer], classes: int | None) -> tuple[HeadLayer, ...]:
    """A head for another number of classes; for none, up to its classifier: the pooled vector."""
    places = [i for i, layer in enumerate(layers) if isinstance(layer, Fc | Conv)]
    if not places:
        return tuple(layers)
    last = places[-1]
    if classes is None:
        return pooled_vector(layers[:last])
    match layers[last]:
        case Fc() as layer:
            changed: HeadLayer = replace(layer, features=classes)
        case Conv() as layer:
            changed = replace(layer, channels=classes)
        case layer:
            raise AssertionError(f"{layer} classifies nothing")
    return (*layers[:last], changed, *layers[last + 1 :])


def pooled_vector(layers: Sequence[HeadLayer]) -> tuple[HeadLayer, ...]:
    """The head of a file without a classifier: pool and flatten, as timm's networks without one."""
    kept = tuple(layer for layer in layers if not isinstance(layer, Dropout))
    return (*kept, Flatten()) if kept and isinstance(kept[-1], AdaptivePool | Pool) else kept


def _blocks(spec: Spec) -> int:
    return sum(row.repeats for stage in spec.stages.values() for row in stage.rows)


def _pairs(spec: Spec, parts: Parts) -> bool:
    try:
        pair(elaborate(spec), parts)
    except MismatchError:
        return False
    return True


def _shapes(spec: Spec) -> dict[str, TensorShape]:
    network = elaborate(spec)
    leaves = dict(network_leaves(network))
    keys = state_keys(network).items()
    return _without_counters({k: weight_shapes(leaves[t.leaf])[t.key] for k, t in keys})


def _without_counters(shapes: dict[str, TensorShape]) -> dict[str, TensorShape]:
    return {name: size for name, size in shapes.items() if not name.endswith(f".{COUNTER}")}
