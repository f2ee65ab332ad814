"""The specs of the zoo as the known families: whose weights have these names or shapes.

The number of classes may be another one: that is what people change.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import replace
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
from resnet_dsl.notation.terms import Conv, Fc, HeadLayer
from resnet_dsl.reader.write import write
from resnet_dsl.sources.specs import load


def residual_family(parts: Parts, names: Set[str]) -> Spec | None:
    """The spec whose weights have the shapes of these parts; a library's names tell more."""
    alike = [
        spec
        for spec in _with_classes(parts.head)
        if _blocks(spec) == len(parts.blocks) and _pairs(spec, parts)
    ]
    return _plainest([spec for spec in alike if libraries(elaborate(spec), names)] or alike)


def plain_family(layers: Sequence[Weights]) -> Spec | None:
    """The spec of a network without shortcuts whose weights have these names and shapes."""
    theirs = {f"{layer.name}.{key}": size for layer in layers for key, size in layer.shapes.items()}
    specs = _with_classes([layer for layer in layers if layer.kind == "linear"])
    return _plainest(
        spec
        for spec in specs
        if spec.settings().shortcut == "none" and _without_counters(theirs) == _shapes(spec)
    )


def _plainest(specs: Iterable[Spec]) -> Spec | None:
    """The shortest spec: what a family has by default is left out."""
    return min(specs, key=lambda spec: len(write(spec)), default=None)


@cache
def _specs() -> tuple[Spec, ...]:
    return tuple(replace(load(name), name=None) for name in zoo())


def _with_classes(head: Sequence[Weights]) -> Iterator[Spec]:
    """Every spec with the classes of a head, with and without auxiliary classifiers."""
    classes = head[-1].out if head else None
    for spec in _specs():
        aux = {block: _classifying(layers, classes) for block, layers in spec.aux.items()}
        changed = replace(spec, head=_classifying(spec.head, classes), aux=aux)
        yield changed
        if aux:
            yield replace(changed, aux={})


def _classifying(layers: Sequence[HeadLayer], classes: int | None) -> tuple[HeadLayer, ...]:
    """A head for another number of classes; for none, without its classifier."""
    places = [i for i, layer in enumerate(layers) if isinstance(layer, Fc | Conv)]
    if not places:
        return tuple(layers)
    last = places[-1]
    if classes is None:
        return tuple(layers[:last])
    match layers[last]:
        case Fc() as layer:
            changed: HeadLayer = replace(layer, features=classes)
        case Conv() as layer:
            changed = replace(layer, channels=classes)
        case layer:
            raise AssertionError(f"{layer} classifies nothing")
    return (*layers[:last], changed, *layers[last + 1 :])


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
