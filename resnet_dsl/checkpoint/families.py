"""The pages of the zoo as the known families: whose weights have these names or shapes.

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
from resnet_dsl.folds.weights import COUNTER, Size, weight_shapes
from resnet_dsl.language.shipped import zoo
from resnet_dsl.language.spec import Spec
from resnet_dsl.naming import members, named
from resnet_dsl.notation import Conv, Fc, HeadLayer
from resnet_dsl.reader.write import write
from resnet_dsl.sources.resolve import load


def residual_family(parts: Parts, names: Set[str]) -> Spec | None:
    """The page whose weights have the shapes of these parts; a library's names tell more."""
    found = [
        page
        for page in _with_classes(parts.head)
        if _blocks(page) == len(parts.blocks) and _pairs(page, parts)
    ]
    return _plainest([page for page in found if libraries(elaborate(page), names)] or found)


def plain_family(layers: Sequence[Weights]) -> Spec | None:
    """The page of a network without shortcuts whose weights have these names and shapes."""
    theirs = {f"{layer.name}.{key}": size for layer in layers for key, size in layer.shapes.items()}
    pages = _with_classes([layer for layer in layers if layer.kind == "linear"])
    return _plainest(
        page
        for page in pages
        if page.settings().shortcut == "none" and _without_counters(theirs) == _names(page)
    )


def _plainest(pages: Iterable[Spec]) -> Spec | None:
    """The page that says least: the family's default is what need not be said."""
    return min(pages, key=lambda page: len(write(page)), default=None)


@cache
def _pages() -> tuple[Spec, ...]:
    return tuple(replace(load(name), name=None) for name in zoo())


def _with_classes(head: Sequence[Weights]) -> Iterator[Spec]:
    """Every page with the classes of a head, with and without auxiliary classifiers."""
    classes = head[-1].out if head else None
    for page in _pages():
        aux = {block: _classifying(layers, classes) for block, layers in page.aux.items()}
        changed = replace(page, head=_classifying(page.head, classes), aux=aux)
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


def _blocks(page: Spec) -> int:
    return sum(row.repeats for stage in page.stages.values() for row in stage.rows)


def _pairs(page: Spec, parts: Parts) -> bool:
    try:
        pair(elaborate(page), parts)
    except MismatchError:
        return False
    return True


def _names(page: Spec) -> dict[str, Size]:
    found = members(named(elaborate(page)))
    return _without_counters(
        {f"{name}.{key}": size for name, m in found for key, size in weight_shapes(m.leaf).items()}
    )


def _without_counters(shapes: dict[str, Size]) -> dict[str, Size]:
    return {name: size for name, size in shapes.items() if not name.endswith(f".{COUNTER}")}
