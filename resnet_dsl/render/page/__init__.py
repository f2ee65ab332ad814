"""Networks as a page of HTML that can be handed out: `resnet-dsl report`.

The page is one file that asks nothing of the network. Its numbers are those of the commands, which
it names.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from resnet_dsl.answers.analysis import sides
from resnet_dsl.answers.differences import Diff, diff
from resnet_dsl.answers.layer_counts import layers
from resnet_dsl.answers.network_names import files_of, listed, network_names, several
from resnet_dsl.answers.summaries import Summary, summary
from resnet_dsl.answers.table_rows import table
from resnet_dsl.answers.tracing import Trace, trace
from resnet_dsl.diagnostics import fail
from resnet_dsl.language.fields import Input
from resnet_dsl.language.spec import Spec
from resnet_dsl.reader.files import check_place, whole
from resnet_dsl.reader.write import write
from resnet_dsl.render.difference_text import diff_lines
from resnet_dsl.render.drawing import Drawing, draw
from resnet_dsl.render.drawing.svg import roles, style, svg
from resnet_dsl.render.html_table import html
from resnet_dsl.render.layer_count_text import arithmetic
from resnet_dsl.render.summary_text import summary_facts
from resnet_dsl.render.trace_text import HEADINGS, trace_rows
from resnet_dsl.sources.resolve import Source, with_spec

if TYPE_CHECKING:
    from jinja2 import Template

LONGEST_TRACE: Final = 1500
"""Lines of a trace; of a longer one, equal blocks are folded."""
_BATCH: Final = 32
_LEFT: Final = (0, 1, len(HEADINGS) - 1)


class Bar(NamedTuple):
    """A part of a network in a chart: its numbers, and how long their bars are, in percent."""

    name: str
    output: str
    params: int
    macs: int
    params_percent: float
    macs_percent: float


class Reported(NamedTuple):
    """What the page says of a network."""

    name: str
    facts: dict[str, str]
    bars: tuple[Bar, ...]
    arithmetic: tuple[str, ...]
    trace: tuple[tuple[str, ...], ...]
    folded: bool
    source: str


class Compared(NamedTuple):
    """What the page says of two networks."""

    a: str
    b: str
    lines: str
    figure: str


def report(
    sources: Source | Sequence[Source],
    output: str | Path | None = None,
    *,
    input: Input | None = None,
    overrides: Sequence[str] = (),
    force: bool = False,
) -> str:
    """A page of HTML about networks, each a path, a zoo name, a Spec or a Network; it is written to
    the file `output`, over one that exists with `force` alone.

    It has their figure, Table 1, the trace, parameters and MACs by stage, memory, the count of
    layers, the spec, the commands that print the same, and what differs between the first network
    and each other one. It needs jinja2. Raises `SpecError` where a source is no network or has no
    spec, or the file cannot be written.

    >>> page = report("resnet18")
    >>> page[:15], len(page) < 300_000
    ('<!DOCTYPE html>', True)
    """
    chosen = several(sources, "report")
    if output is not None:
        path = Path(output)
        check_place(path, force=force, inputs=files_of(chosen))
        if path.suffix.lower() not in {".html", ".htm"}:
            raise fail("file", f"{path}: a report is HTML", help="end its name in .html")
    text = _page(chosen, input, overrides)
    if output is not None:
        with whole(Path(output)) as draft:
            draft.write_text(text, encoding="utf-8")
    return text


def _page(sources: Sequence[Source], input: Input | None, overrides: Sequence[str]) -> str:
    template = _template()
    resolved = [with_spec(source, overrides, input) for source in sources]
    names = network_names(sources, resolved)
    networks = [
        _reported(source, name, each.spec, input, overrides)
        for source, name, each in zip(sources, names, resolved, strict=True)
        if each.spec is not None
    ]
    drawing = draw(sources, style="stages", input=input, overrides=overrides)
    compared = [
        (other, diff(sources[0], other, input, overrides, names=(names[0], name)))
        for other, name in zip(sources[1:], names[1:], strict=True)
    ]
    marked = [
        draw([sources[0], other], style="stages", diff=True, input=input, overrides=overrides)
        for other, _ in compared
    ]
    return template.render(
        title=listed(names),
        networks=networks,
        facts=list(dict.fromkeys(fact for network in networks for fact in network.facts)),
        figure=_inline(drawing),
        table=html(table(sources, input, overrides)),
        headings=HEADINGS,
        batch=_BATCH,
        left=_LEFT,
        compared=[
            _compared(differences, drawn)
            for (_, differences), drawn in zip(compared, marked, strict=True)
        ],
        commands=_commands(sources, input, overrides),
        **_styles([drawing, *marked]),
    )


def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("resnet_dsl.render.page", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html")


def _reported(
    source: Source, name: str, spec: Spec, input: Input | None, overrides: Sequence[str]
) -> Reported:
    numbers = summary(source, input, overrides, batch=_BATCH, training=True)
    traced = trace(source, input, overrides)
    rows, folded = _trace_rows(traced)
    return Reported(
        name=name,
        facts=summary_facts(numbers),
        bars=tuple(_bars(numbers)),
        arithmetic=tuple(arithmetic(layers(source, overrides, input))),
        trace=tuple(rows),
        folded=folded,
        source=write(spec),
    )


def _trace_rows(traced: Trace) -> tuple[list[tuple[str, ...]], bool]:
    folded = len(traced.lines) > LONGEST_TRACE
    return trace_rows(traced, folded=folded), folded


def _bars(numbers: Summary) -> list[Bar]:
    params = max((part.params for part in numbers.parts), default=0) or 1
    macs = max((part.macs for part in numbers.parts), default=0) or 1
    return [
        Bar(
            part.name,
            sides(part.output),
            part.params,
            part.macs,
            round(100 * part.params / params, 1),
            round(100 * part.macs / macs, 1),
        )
        for part in numbers.parts
    ]


def _compared(differences: Diff, drawing: Drawing) -> Compared:
    lines = "\n".join(diff_lines(differences))
    return Compared(differences.a, differences.b, lines, _inline(drawing))


def _inline(drawing: Drawing) -> str:
    """A figure for the page, which has the colours of all figures."""
    return svg(drawing.scene, style_sheet=False)


def _styles(drawings: Sequence[Drawing]) -> dict[str, Any]:
    used = sorted({role for drawing in drawings for role in roles(drawing.scene)})
    return {"light": style(used, "light"), "dark": style(used, "dark")}


def _commands(
    sources: Sequence[Source], input: Input | None, overrides: Sequence[str]
) -> list[tuple[str, str]]:
    """The commands that print what the page shows, and what each prints."""
    import shlex

    named = [str(source) for source in sources if isinstance(source, str | Path)]
    if len(named) < len(sources) or not all(map(str.isprintable, named)):
        return []
    options = [f"--set {shlex.quote(each)}" for each in overrides]
    if input is not None:
        size = input if isinstance(input, str) else "x".join(map(str, _numbers(input)))
        options.append(f"--input {size}")
    names = shlex.join(named)
    first = shlex.quote(named[0])

    def command(*words: str) -> str:
        return " ".join(["resnet-dsl", *words, *options])

    commands = [
        (command("report", names, "-o", "report.html"), "this page"),
        (command("draw", names, "--style stages -o figure.svg"), "the figure"),
        (command("table", names), "the table"),
        (command("summary", names, f"--batch {_BATCH} --training"), "the numbers"),
        (command("trace", first, "--all"), "the layers"),
        (command("layers", first), "the count"),
    ]
    if len(named) > 1:
        words = command("diff", first, shlex.quote(named[1]))
        commands.append((words, "the differences"))
    return commands


def _numbers(input: Input) -> Sequence[int]:
    return [input] if isinstance(input, int) else [int(number) for number in input]
