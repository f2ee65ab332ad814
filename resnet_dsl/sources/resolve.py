"""A source (a zoo name, a path, a Spec or a Network) to its network, checked.

A network is there in any case; a spec and its elaboration only where the source was one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeAlias

from resnet_dsl.diagnostics import (
    Diagnostic,
    Severity,
    SpecError,
    SpecWarning,
    fail,
    nearest,
)
from resnet_dsl.elaboration import Elaboration, elaboration_of
from resnet_dsl.folds.anatomy import anatomy
from resnet_dsl.folds.cost import CostCache, network_cost
from resnet_dsl.folds.shape import ShapeError
from resnet_dsl.ir import Conv, Network, Parallel, Residual, Shape
from resnet_dsl.language.fields import Input, input_shape
from resnet_dsl.language.part_names import meant_part
from resnet_dsl.language.shipped import is_shipped
from resnet_dsl.language.spec import Spec
from resnet_dsl.language.validation import validated
from resnet_dsl.reader import ReadSpec, read_spec, read_text
from resnet_dsl.reader.places import placing
from resnet_dsl.reader.tree import Entries
from resnet_dsl.recovery import STAGE_NAME, recover
from resnet_dsl.sources.input_option import at_input, input_span
from resnet_dsl.sources.spec_warnings import collecting, warn
from resnet_dsl.sources.suspicions import suspicions

Source: TypeAlias = str | Path | Spec | Network
"""A name of the zoo, the path of a spec, a spec or a network."""


class Part(NamedTuple):
    """The stem, a stage or the head of a network: its layers, and those of each of its blocks."""

    name: str
    layers: range
    blocks: tuple[range, ...] = ()

    def block_at(self, i: int) -> int | None:
        """The number of the block that a layer is in, from 1."""
        return next((n for n, block in enumerate(self.blocks, 1) if i in block), None)


class Resolved(NamedTuple):
    """A network; where it was elaborated from a spec, how, and the tree of the spec's text.

    `costs` are those that were computed to check the spec, `at` is the size of image to answer for
    in place of the network's own.
    """

    network: Network
    elaboration: Elaboration | None = None
    tree: Entries | None = None
    costs: CostCache | None = None
    at: Shape | None = None

    @property
    def size(self) -> Shape:
        """The size of image that answers are for."""
        return self.at or self.network.input

    @property
    def spec(self) -> Spec | None:
        """The spec, where the source was one."""
        return self.elaboration.spec if self.elaboration else None

    @property
    def name(self) -> str | None:
        """The `name:` of the spec."""
        return self.spec.name if self.spec else None

    @property
    def parts(self) -> list[Part]:
        """Stem, stages and head: as the spec has them, else by the rule of `folds.anatomy`."""
        return _parts_of_spec(self.elaboration) if self.elaboration else _parts_of(self.network)

    @contextmanager
    def placing(self) -> Iterator[None]:
        """Errors about this network get their place: in its text, in its spec, or a layer."""
        with placing(self.tree):
            try:
                yield
            except ShapeError as error:
                raise SpecError([self._fault(error)]) from None

    def _fault(self, error: ShapeError) -> Diagnostic:
        if self.elaboration:
            fault = self.elaboration.fault(error)
            if self.at is None or self.at == self.network.input:
                return fault
            part = fault.path[1] if fault.path[:1] == ("stages",) else fault.path[0]
            message, span = f"{fault.message}, in {part}", input_span(str(self.at))
            return replace(fault, message=message, within=None, span=span)
        return Diagnostic(code="size", message=error.message, layer=error.path, help=error.help)


def _parts_of_spec(elaboration: Elaboration) -> list[Part]:
    blocks: dict[str, list[range]] = {name: [] for name in elaboration.stages}
    for block, layers in elaboration.blocks.items():
        blocks[block.rpartition(".")[0]].append(layers)
    stages = [
        Part(name, stage.layers, tuple(blocks[name])) for name, stage in elaboration.stages.items()
    ]
    return [Part("stem", elaboration.stem), *stages, Part("head", elaboration.head)]


def _parts_of(network: Network) -> list[Part]:
    stem, stages, head = anatomy(network)
    parts, position = [], 0
    named = [(STAGE_NAME.format(number), units) for number, units in enumerate(stages, 2)]
    for name, units in (("stem", stem), *named, ("head", head)):
        stop = units[-1].stop if units else position
        is_stage = name not in {"stem", "head"}
        blocks = [
            range(unit.start, unit.stop)
            for unit in units
            if is_stage and isinstance(unit.main, Residual | Parallel | Conv)
        ]
        parts.append(Part(name, range(position, stop), tuple(blocks)))
        position = stop
    return parts


def resolve(source: Source, overrides: Sequence[str] = (), input: Input | None = None) -> Resolved:
    """The network that a source means, checked; `SpecError` says all that is wrong with it.

    `overrides` are settings like `stem.1.pad=0`, in place of the spec's own values. `input` is the
    size of image to answer for; with other channels than the spec's it overrides them.
    """
    if isinstance(source, Network) and not overrides:
        resolved = Resolved(source)
        return resolved if input is None else resolved._replace(at=input_shape(input, source.input))
    return _at_size(lambda settings: _resolved(source, settings), overrides, input)


def _at_size(
    resolved: Callable[[Sequence[str]], Resolved], overrides: Sequence[str], input: Input | None
) -> Resolved:
    """What is resolved with settings, at a size: with other channels, that is a setting too."""
    if isinstance(overrides, str) or not all(isinstance(each, str) for each in overrides):
        help = 'a list of settings: ["stem.1.pad=0"]'
        raise fail("value", f"overrides are {overrides!r}"[:80], help=help)
    if input is None:
        return resolved(overrides)
    with collecting() as collected:  # it may be resolved again, and would warn again
        answer = resolved(overrides)
    own = answer.network.input
    size = input_shape(input, own)
    if size.channels == own.channels:
        warn(collected)
        return answer._replace(at=size)
    setting = f"input={size}"
    try:
        with collecting() as collected:
            answer = resolved([*overrides, setting])
    except SpecError as error:
        with suppress(SpecWarning):  # where warnings are errors, the error counts more
            warn(at_input(each, setting) for each in collected)
        raise SpecError(at_input(each, setting) for each in error.diagnostics) from None
    warn(at_input(each, setting) for each in collected)
    return answer


def _resolved(source: Source, overrides: Sequence[str]) -> Resolved:
    match source:
        case Network() | Spec() if overrides:
            from resnet_dsl.reader.write import write

            spec = recover(source) if isinstance(source, Network) else validated(source)
            return checked_text(read_text(write(spec), overrides=overrides), warns=False)
        case Spec():
            return checked(validated(source))
        case str() | Path():
            return checked_text(read_spec(source, overrides))
        case _:
            what = type(source).__name__
            help = "a zoo name, a path, a Spec or a Network"
            raise fail("value", f"a source of type {what}", help=help)


def checked_text(read: ReadSpec, *, warns: bool = True) -> Resolved:
    """A text that was read, checked; faults are at the author's keys, and `SpecWarning`s are given
    of what is surely not meant."""
    try:
        resolved = checked(read.spec, read.tree)
    except SpecError as error:
        from resnet_dsl.sources.blame import blamed  # specs are right more often

        with suppress(SpecWarning):  # where warnings are errors, the error counts more
            warn(suspicions(read) if warns else ())
        raise blamed(error, read) from None
    warn(suspicions(read, resolved.elaboration) if warns else ())
    return resolved


def is_lifted_source(source: str) -> bool:
    """Whether a text names a model or a file of weights, not a spec.

    >>> is_lifted_source("resnet50"), is_lifted_source("timm:resnet50d")
    (False, True)
    """
    path = Path(source)
    if (is_shipped(source) and ":" not in source) or path.suffix in {".yaml", ".yml"}:
        return False
    return ":" in source or bool(path.suffix) or path.is_file()


def with_spec(
    source: Source, overrides: Sequence[str] = (), input: Input | None = None
) -> Resolved:
    """`resolve`, for those who need rows: the spec of a network is recovered."""
    resolved = resolve(source, overrides, input)
    if resolved.elaboration:
        return resolved
    return checked(recover(resolved.network))._replace(at=resolved.at)


def checked(spec: Spec, tree: Entries | None = None) -> Resolved:
    """A validated spec, elaborated and held against its `expect:`."""
    with placing(tree):
        elaboration, costs = elaboration_of(spec), CostCache()
        check_expect(elaboration, costs)
    return Resolved(elaboration.network, elaboration, tree, costs)


def check(
    source: Source,
    overrides: Sequence[str] = (),
    input: Input | None = None,
    *,
    strict: bool = False,
) -> tuple[Diagnostic, ...]:
    """Everything that is wrong with a source, and warnings about what is surely not meant.

    There are none where it can be used as it is. With `strict`, warnings are errors.

    >>> check("resnet50")
    ()
    >>> [diagnostic.code for diagnostic in check("resnet5O")]
    ['unknown-spec']
    """
    return _diagnosed(lambda: resolve(source, overrides, input), strict=strict)


def check_text(
    text: str,
    name: str,
    overrides: Sequence[str] = (),
    input: Input | None = None,
    *,
    path: Path | None = None,
    strict: bool = False,
) -> tuple[Diagnostic, ...]:
    """`check` of the text of a spec, which is known by `name`, and stands at a path if it does."""

    def read(settings: Sequence[str]) -> Resolved:
        return checked_text(read_text(text, name, settings, path))

    return _diagnosed(lambda: _at_size(read, overrides, input), strict=strict)


def _diagnosed(resolved: Callable[[], Resolved], *, strict: bool) -> tuple[Diagnostic, ...]:
    severity: Severity = "error" if strict else "warning"
    errors: tuple[Diagnostic, ...] = ()
    with collecting() as collected:
        try:
            answer = resolved()
            with answer.placing():
                network_cost(answer.network, answer.at, answer.costs if answer.at is None else None)
        except SpecError as error:
            errors = error.diagnostics
    suspicious = dict.fromkeys(replace(each, severity=severity) for each in collected)
    return (*errors, *suspicious)


def check_expect(elaboration: Elaboration, costs: CostCache | None = None) -> None:
    """`expect:` states facts; `SpecError` lists those that do not hold."""
    expect = elaboration.spec.expect
    keys = [key for key in ("layers", "params", "macs") if getattr(expect, key) is not None]
    if not keys:
        return
    cost = network_cost(elaboration.network, cache=costs)
    faults = [
        Diagnostic(
            code="expect",
            message=f"the network has {getattr(cost, key)} {key}, {getattr(expect, key)} expected",
            path=("expect", key),
            help=f"two FLOPs are one MAC: write macs: {cost.macs}"
            if key == "macs" and expect.macs == 2 * cost.macs
            else f"if the rows are right, write {key}: {getattr(cost, key)}",
        )
        for key in keys
        if getattr(cost, key) != getattr(expect, key)
    ]
    if faults:
        raise SpecError(faults)


def part_named(parts: Sequence[Part], name: str) -> Part:
    """The part of a name, its own or that of a library's module; `SpecError` for others."""
    by_name = {part.name: part for part in parts}
    if name in by_name:
        return by_name[name]
    stages = [stage for stage in by_name if stage not in {"stem", "head"}]
    meant = meant_part(name, stages) if isinstance(name, str) else None
    if meant in by_name:
        return by_name[meant]
    guess = nearest(name, by_name) if isinstance(name, str) else None
    help = f"did you mean {guess!r}?" if guess else f"stages: {', '.join(by_name)}"
    raise fail("value", f"{name!r} is not a stage of this network", help=help)
