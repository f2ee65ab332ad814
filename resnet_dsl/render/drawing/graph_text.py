"""A network as a graph in the languages of Graphviz and of Mermaid, which place it themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple, assert_never

from resnet_dsl.answers.diagrams import Box, Chain, Column, Fork, Group, Item, Side, Skip
from resnet_dsl.ir import LayerPath
from resnet_dsl.render.drawing.columns import tones
from resnet_dsl.render.drawing.themes import Theme, paint


class Node(NamedTuple):
    """A box, an addition or a concatenation; `role` is its colour's."""

    name: str
    lines: tuple[str, ...]
    role: str


class Edge(NamedTuple):
    """A connection; shortcuts that project are dotted."""

    start: str
    end: str
    dotted: bool = False


class Part(NamedTuple):
    """The nodes of a stem, a stage or a head."""

    name: str
    nodes: tuple[Node, ...]


class Graph(NamedTuple):
    """The parts of networks, and what connects their nodes."""

    parts: tuple[Part, ...]
    edges: tuple[Edge, ...]


def graph(columns: Sequence[Column]) -> Graph:
    """Networks as one graph, which is connected for each network."""
    parts, edges = [], []
    for number, column in enumerate(columns):
        walker = _Walker(f"n{number}", column.changed)
        tails = [Edge(walker.node((column.name, column.caption), "part-0"), "")]
        parts.append(Part("", tuple(walker.taken())))
        for part, section in zip(tones(column), column.sections, strict=True):
            walker.part = f"part-{part}"
            for group in section.groups:
                tails = walker.group(group, tails)
            if nodes := tuple(walker.taken()):
                parts.append(Part(section.name, nodes))
        edges += walker.edges
    return Graph(tuple(parts), tuple(edges))


class _Walker:
    """Numbers nodes, and connects each with what is open before it."""

    def __init__(self, prefix: str, changed: frozenset[LayerPath] | None) -> None:
        self.prefix, self.changed, self.part = prefix, changed, "part-0"
        self.count = 0
        self.nodes: list[Node] = []
        self.edges: list[Edge] = []

    def taken(self) -> list[Node]:
        """The nodes since the last time."""
        nodes, self.nodes = self.nodes, []
        return nodes

    def node(self, lines: tuple[str, ...], role: str) -> str:
        name = f"{self.prefix}_{self.count}"
        self.count += 1
        self.nodes.append(Node(name, lines, role))
        return name

    def connected(self, name: str, tails: Sequence[Edge]) -> list[Edge]:
        """The open end of a node, where the open ends before it lead."""
        self.edges += (edge._replace(end=name) for edge in tails)
        return [Edge(name, "")]

    def group(self, group: Group, tails: list[Edge]) -> list[Edge]:
        main = tuple(item for item in group.items if not isinstance(item, Side))
        tails = self.chain(main, tails, f"× {group.repeats}" if group.repeats > 1 else "")
        for item in group.items:
            if isinstance(item, Side):
                self.chain(item.chain, tails)
        return tails

    def chain(self, chain: Chain, tails: list[Edge], times: str = "") -> list[Edge]:
        for i, item in enumerate(chain):
            tails = self.item(item, tails, times if i == len(chain) - 1 else "")
        return tails

    def item(self, item: Item, tails: list[Edge], times: str) -> list[Edge]:
        after = (times,) if times else ()
        match item:
            case Box(path=path, lines=lines):
                texts = tuple(line.text for line in lines)
                kind = "activation" if item.kind == "other" else item.kind
                role = self.part if kind == "layer" else kind
                if self.changed is not None:
                    role = "changed" if path in self.changed else "equal"
                return self.connected(self.node((*texts, *after), role), tails)
            case Fork(branches=branches):
                ends = [end for branch in branches for end in self.chain(branch, tails)]
                return self.connected(self.node(("concatenation", *after), "join-node"), ends)
            case Skip(body=body, shortcut=shortcut, projects=projects):
                ends = self.chain(body, tails)
                beside = [edge._replace(dotted=projects) for edge in tails]
                ends = [*ends, *self._beside(shortcut, beside, dotted=projects)]
                return self.connected(self.node(("+", *after), "join-node"), ends)
            case Side():
                raise AssertionError("stands beside a group")
            case _:
                assert_never(item)

    def _beside(self, shortcut: Chain, tails: list[Edge], *, dotted: bool) -> list[Edge]:
        return [end._replace(dotted=dotted) for end in self.chain(shortcut, tails)]


_DOT_SHAPES: Final = {"join-node": "ellipse"}


def dot(columns: Sequence[Column], title: str, theme: Theme = "light") -> str:
    """The graph for Graphviz.

    >>> print(dot([], "nothing").splitlines()[0])
    digraph "nothing" {
    """
    drawn = graph(columns)
    page, ink, edge = (paint(role, theme) for role in ("page", "text", "line"))
    lines = [
        f"digraph {_quoted(title)} {{",
        f'  graph [bgcolor="{page.fill}", fontname="Helvetica", fontcolor="{ink.fill}"];',
        f'  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=9, height=0.2, '
        f'fontcolor="{ink.fill}"];',
        f'  edge [color="{edge.stroke}", arrowsize=0.5];',
    ]
    for number, (name, nodes) in enumerate(drawn.parts):
        indent = "    " if name else "  "
        if name:
            lines.append(f"  subgraph cluster_{number} {{")
            lines.append(f'    label={_quoted(name)}; color="{edge.stroke}"; style=rounded;')
        for node in nodes:
            colour = paint(node.role, theme)
            shape = _DOT_SHAPES.get(node.role)
            options = [
                f"label={_quoted(*node.lines)}",
                *([f"shape={shape}"] if shape else []),
                f'fillcolor="{colour.fill}", color="{colour.stroke}"',
            ]
            lines.append(f"{indent}{node.name} [{', '.join(options)}];")
        if name:
            lines.append("  }")
    for start, end, dotted in drawn.edges:
        lines.append(f"  {start} -> {end}{' [style=dotted]' if dotted else ''};")
    return "\n".join([*lines, "}"]) + "\n"


def _quoted(*lines: str) -> str:
    """Lines of a text in quotes of Graphviz."""
    inner = (line.replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(inner) + '"'


def mermaid(columns: Sequence[Column], title: str, theme: Theme = "light") -> str:
    """The graph for Mermaid, as GitHub draws it.

    >>> print(mermaid([], "nothing"))
    %% nothing
    flowchart TB
    <BLANKLINE>
    """
    drawn = graph(columns)
    lines = [f"%% {' '.join(title.split()).replace('{', '(').replace('}', ')')}", "flowchart TB"]
    for number, (name, nodes) in enumerate(drawn.parts):
        indent = "    " if name else "  "
        if name:
            lines.append(f"  subgraph s{number} [{_text(name)}]")
        for node in nodes:
            opening, closing = ("((", "))") if node.lines[0] == "+" else ("[", "]")
            shown = f"{opening}{_text(*node.lines)}{closing}"
            lines.append(f"{indent}{node.name}{shown}:::{node.role}")
        if name:
            lines.append("  end")
    for start, end, dotted in drawn.edges:
        lines.append(f"  {start} {'-.->' if dotted else '-->'} {end}")
    return "\n".join([*lines, *_classes(drawn, theme)]) + "\n"


def _classes(drawn: Graph, theme: Theme) -> Iterator[str]:
    ink = paint("text", theme).fill
    for role in sorted({node.role for _, nodes in drawn.parts for node in nodes}):
        colour = paint(role, theme)
        yield f"  classDef {role} fill:{colour.fill},stroke:{colour.stroke},color:{ink}"


def _text(*lines: str) -> str:
    """Lines of a text in quotes of Mermaid, whose escapes are #35; and the like."""
    codes = {character: f"#{ord(character)};" for character in "#&<>\"'`"}
    inner = ("".join(codes.get(character, character) for character in line) for line in lines)
    return '"' + "<br/>".join(inner) + '"'
