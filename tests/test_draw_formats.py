"""Figures in every format, and their colours."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from pypdfium2 import PdfDocument

from resnet_dsl import draw, ir, loads
from resnet_dsl.answers.diagrams import boxes_of
from resnet_dsl.render.drawing import Style
from resnet_dsl.render.drawing.graph_text import graph
from resnet_dsl.render.drawing.themes import Theme, paint
from resnet_dsl.sources.resolve import resolve
from tests.test_draw import SHOWN, SVG, labels_of, parsed, visits


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "timm/resnetv2_50"])
def test_a_graph_is_connected(name: str) -> None:
    drawing = draw(name, style="figure3")
    drawn = graph(drawing.columns)
    nodes = [node for part in drawn.parts for node in part.nodes]
    (column,) = drawing.columns
    network = resolve(name).network
    additions = [node for _, node in visits(network) if isinstance(node, ir.Residual | ir.Parallel)]
    leaves = [node for _, node in visits(network) if isinstance(node, SHOWN)]
    assert len(nodes) == 1 + len(additions) + len(leaves)  # the input, and shortcuts' too
    assert sum(len(boxes_of(group.items)) for group in column.groups) <= len(leaves)
    reached = {nodes[0].name}
    for start, end, _ in drawn.edges:
        assert start in reached
        reached.add(end)
    assert reached == {node.name for node in nodes}


@pytest.mark.parametrize("name", ["resnet50", "googlenet"])
def test_graphviz_takes_dot(name: str) -> None:
    program = shutil.which("dot")
    if program is None:
        pytest.skip("Graphviz is not installed")
    text = draw([name, "resnet18"], style="stages").data("dot")
    answer = subprocess.run([program, "-Tplain"], input=text, capture_output=True, check=True)  # noqa: S603 - the program found
    assert not answer.stderr
    drawn = graph(draw([name, "resnet18"], style="stages").columns)
    lines = answer.stdout.decode().splitlines()
    assert sum(line.startswith("node") for line in lines) == sum(len(p.nodes) for p in drawn.parts)
    assert sum(line.startswith("edge") for line in lines) == len(drawn.edges)


COMMANDS = {
    *("begin", "end", "definecolor", "path", "node", "fill", "bfseries", "fontfamily"),
    *("fontsize", "selectfont", "usepackage", "textbackslash", "_"),
}


@pytest.mark.parametrize("style", ["figure3", "stages", "maps"])
def test_tikz_has_balanced_braces_known_commands_and_defined_colours(style: Style) -> None:
    text = draw(["timm/seresnext50_32x4d", "resnet18"], style=style).data("tikz").decode()
    depth = 0
    for character in text.replace(r"\{", "").replace(r"\}", ""):
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    assert set(re.findall(r"\\([a-z]+|.)", text)) <= COMMANDS
    defined = set(re.findall(r"\\definecolor\{([^}]+)\}", text))
    assert set(re.findall(r"(?:fill=|draw=|text=|\\fill\[)([a-z0-9-]+)", text)) <= defined


def test_pdf_has_text_and_png_has_pixels(tmp_path: Path) -> None:
    from PIL import Image

    drawing = draw("resnet18", tmp_path / "a.pdf", width=88)
    document = PdfDocument(tmp_path / "a.pdf")
    text = document[0].get_textpage().get_text_range()
    for label in labels_of(drawing.scene):
        assert label.text in text
    assert round(document[0].get_width() / 72 * 25.4) == 88
    assert (tmp_path / "a.pdf").read_bytes() == drawing.data("pdf")  # the same each time
    draw("resnet18", tmp_path / "a.png", width=88, theme="dark")
    with Image.open(tmp_path / "a.png") as picture:
        assert abs(picture.width - 88 / 25.4 * 300) < 2
        assert picture.convert("RGB").getpixel((1, 1)) == (0x14, 0x17, 0x1C)


def test_auto_has_both_themes() -> None:
    text = draw("resnet18", theme="auto").data("svg").decode()
    assert "@media(prefers-color-scheme:dark)" in text
    for theme in ("light", "dark"):
        assert paint("part-1", theme).fill in text


def test_names_of_any_characters_are_escaped() -> None:
    name = 'a<b>&"c\\{d}é日%#_'
    source = "{input: 3x32x32, stem: [], stages: {a: '[[3x3, 16]]'}, head: []}"
    drawing = draw(replace(loads(source), name=name))
    assert name in [text.text for text in parsed(drawing).iter(f"{SVG}text")]
    assert r"a<b>&\"c\\{d}é日%#_" in drawing.data("dot").decode()
    assert "a#60;b#62;#38;#34;c\\{d}é日%#35;_" in drawing.data("mmd").decode()
    latex = r'a\textless{}b\textgreater{}\&"c\textbackslash{}\{d\}é日\%\#\_'
    assert f"{{\\bfseries {latex}}};" in drawing.data("tikz").decode()
    text = PdfDocument(drawing.data("pdf"))[0].get_textpage().get_text_range()
    assert 'a<b>&"c\\{d}é?%#_' in text
    assert drawing.data("png")
    if program := shutil.which("dot"):
        command = [program, "-Tplain"]
        drawn = drawing.data("dot")
        subprocess.run(command, input=drawn, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 - the program found


def luminance(colour: str) -> float:
    """Relative luminance: WCAG 2.2."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return sum(c * weight for c, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))


def contrast(a: str, b: str) -> float:
    light, dark = sorted((luminance(a), luminance(b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lightness(colour: str) -> float:
    """CIE L*, what grey print keeps."""
    y = luminance(colour)
    return 116 * y ** (1 / 3) - 16 if y > 0.008856 else 903.3 * y


ROLES = ("part-0", "part-1", "part-2", "part-3", "part-4", "part-5", "pool", "norm", "activation")


@pytest.mark.parametrize("tone", ["light", "dark"])
def test_colours_can_be_told_apart_and_read(tone: Theme) -> None:
    for role in (*ROLES, "attention", "equal", "changed"):
        fill = paint(role, tone).fill
        assert contrast(fill, paint(f"on-{role}", tone).fill) >= 4.5, role
    page = paint("page", tone).fill
    for role in ("text", "muted"):
        assert contrast(page, paint(role, tone).fill) >= 4.5
    for role in ("line", "changed-line"):
        assert contrast(page, paint(role, tone).stroke) >= 3
    greys = [lightness(paint(f"part-{i}", tone).fill) for i in range(1, 6)]
    steps = [abs(a - b) for a, b in pairwise(greys)]
    assert min(steps) >= 5, greys
    assert greys in (sorted(greys), sorted(greys, reverse=True))


def test_a_dark_figure_has_a_dark_page_in_every_format() -> None:
    drawing = draw("resnet18", theme="dark", width=88)
    tikz = drawing.data("tikz").decode()
    assert "fill=page-fill" in tikz
    assert "definecolor{page-fill}{HTML}{14171C}" in tikz
    assert "fill=page-fill" not in draw("resnet18").data("tikz").decode()
    scale = 88 / 25.4 * 72 / drawing.scene.width
    assert f"line width={0.6 * scale:.2f}bp" in tikz


def test_figures_on_one_page_keep_their_colours() -> None:
    """A style sheet inside of a figure holds for the whole page around it."""
    names = set()
    for theme in ("light", "dark"):
        root = parsed(draw("resnet18", theme=theme))
        name = root.get("id")
        (sheet,) = root.iter(f"{SVG}style")
        rules = [rule for rule in (sheet.text or "").split("}") if rule]
        assert all(rule.startswith(f"#{name} .") for rule in rules)
        names.add(name)
    assert len(names) == 2
