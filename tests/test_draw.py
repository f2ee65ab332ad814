"""Figures: what is in them, whether it can be read, and every format."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given

from resnet_dsl import draw, elaborate, ir, loads, zoo
from resnet_dsl.answers.diagrams import boxes_of, skips_of
from resnet_dsl.folds.walk import WITHOUT_VALUES, walk
from resnet_dsl.ir import LayerPath, Network
from resnet_dsl.language.spec import Spec
from resnet_dsl.render.drawing import Drawing, Style
from resnet_dsl.render.drawing.scene import Label, Line, Rect, Scene
from resnet_dsl.render.drawing.text_width import text_width
from resnet_dsl.sources.resolve import resolve
from tests.networks import UNSUPPORTED
from tests.specs import chosen
from tests.strategies import specs

SVG = "{http://www.w3.org/2000/svg}"
SHOWN = ir.Conv | ir.Linear | ir.Pool | ir.AdaptivePool | ir.BlurPool | ir.Padding | ir.Attention
HARD = (
    "googlenet",
    "vgg19",
    "cifar/resnet1202",
    "timm/resnetv2_50",
    "timm/seresnext50_32x4d",
    "paper/plain34",
    "timm/resnetblur50",
)


def parsed(drawing: Drawing) -> ElementTree.Element:
    """The SVG of a drawing, as XML."""
    return ElementTree.fromstring(drawing.data("svg"))  # noqa: S314 - our own text


def visits(network: Network) -> Iterator[tuple[LayerPath, object]]:
    """Every node of a network, those of its auxiliary classifiers too, in no figure's order."""
    parts = [network.layers, *(aux.layers for aux in network.auxiliaries)]
    for number, layers in enumerate(parts):
        for visit in walk(ir.Sequence(layers), None, WITHOUT_VALUES, LayerPath((number,)))[0]:
            yield visit.path, visit.node


@pytest.mark.parametrize("name", chosen(zoo()))
def test_a_figure_has_a_box_for_each_layer_and_an_arc_for_each_shortcut(name: str) -> None:
    network = resolve(name).network
    outside = [(path, node) for path, node in visits(network) if "shortcut" not in path]
    leaves = [node for _, node in outside if isinstance(node, SHOWN)]
    residuals = [node for _, node in outside if isinstance(node, ir.Residual)]
    concatenations = [node for _, node in outside if isinstance(node, ir.Parallel)]
    root = parsed(draw(name, style="figure3"))
    rects = [rect.get("class") for rect in root.iter(f"{SVG}rect")]
    assert len(rects) - rects.count("page") - rects.count("join") == len(leaves)
    assert rects.count("join") == len(concatenations)
    curves = [p for p in root.iter(f"{SVG}path") if p.get("class") == "line"]
    arcs = [path for path in curves if (path.get("d") or "").count("Q") == 2]
    assert len(arcs) == len(residuals)
    dotted = [path for path in arcs if path.get("stroke-dasharray")]
    assert len(dotted) == sum(node.shortcut != ir.Identity() for node in residuals)


@pytest.mark.parametrize("name", chosen(zoo()))
def test_rows_stand_for_all_blocks(name: str) -> None:
    resolved = resolve(name)
    drawing = draw(name, style="stages")
    (column,) = drawing.columns
    blocks = sum(group.repeats for group in column.groups if "." in group.name)
    shows = [block for part in resolved.parts for block in part.blocks]
    assert blocks == len(shows)
    texts = [text.text or "" for text in parsed(drawing).iter(f"{SVG}text")]
    repeats = [int(text[2:]) for text in texts if text.startswith("× ")]
    assert repeats == [group.repeats for group in column.groups if group.repeats > 1]


def labels_of(scene: Scene) -> list[Label]:
    return [shape for shape in scene.shapes if isinstance(shape, Label)]


def assert_is_legible(scene: Scene) -> None:
    """No text on another one, none beside its box or outside of the page, no line through a box."""
    labels = sorted(labels_of(scene), key=lambda label: label.bounds[1])
    rects = [shape for shape in scene.shapes if isinstance(shape, Rect)]
    for i, label in enumerate(labels):
        left, top, right, bottom = label.bounds
        assert min(left, top) >= -0.01
        assert right <= scene.width + 0.01
        assert bottom <= scene.height + 0.01
        for other in labels[i + 1 :]:
            if other.bounds[1] >= bottom:
                break
            assert other.bounds[0] >= right or other.bounds[2] <= left, (label.text, other.text)
        inside = [rect for rect in rects if contains(rect, label)]
        if label.role.startswith("on-"):
            assert len(inside) == 1, label.text
            edge, _, other_edge, _ = inside[0].bounds
            assert edge + 1 <= left <= right <= other_edge - 1, label.text
    edges = [
        segment
        for shape in scene.shapes
        if isinstance(shape, Line)
        for segment in pairwise(shape.points)
    ]
    for start, end in edges:
        box = min(start.x, end.x), min(start.y, end.y), max(start.x, end.x), max(start.y, end.y)
        for rect in rects:
            x, y, right, bottom = rect.bounds
            apart = box[2] <= x + 0.6 or box[0] >= right - 0.6
            assert apart or box[3] <= y + 0.6 or box[1] >= bottom - 0.6, (start, end, rect)
        for label in labels:
            if label.text != "+":
                x, y, right, bottom = label.bounds
                apart = box[2] <= x or box[0] >= right
                assert apart or box[3] <= y + 0.6 or box[1] >= bottom - 0.6, (start, end, label)


def contains(rect: Rect, label: Label) -> bool:
    left, top, right, bottom = rect.bounds
    return left <= label.x <= right and top <= label.y <= bottom


@pytest.mark.parametrize("style", ["figure3", "stages"])
@pytest.mark.parametrize("name", chosen([name for name in zoo() if "1202" not in name]))
def test_figures_are_legible(name: str, style: Style) -> None:
    assert_is_legible(draw(name, style=style).scene)


@pytest.mark.parametrize("name", HARD)
def test_blocks_and_maps_are_legible(name: str) -> None:
    assert_is_legible(draw(name, style="stages").scene)
    maps = draw([name, "resnet50"], style="maps").scene
    for i, label in enumerate(labels_of(maps)):
        for other in labels_of(maps)[i + 1 :]:
            a, b = label.bounds, other.bounds
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1], (label, other)
    for part in resolve(name).parts:
        for number in {1, 2, len(part.blocks)} & set(range(1, len(part.blocks) + 1)):
            assert_is_legible(draw(name, block=f"{part.name}.{number}").scene)


def test_networks_beside_each_other_are_legible() -> None:
    for names in (["vgg19", "paper/plain34", "resnet34"], ["googlenet", "resnet50"]):
        for diff in {False, len(names) == 2}:
            assert_is_legible(draw(names, style="stages", diff=diff).scene)
            assert_is_legible(draw(names, style="figure3", diff=diff).scene)


@given(specs())
def test_any_spec_has_legible_figures(spec: Spec) -> None:
    network = elaborate(spec)
    for style in ("figure3", "stages"):
        assert_is_legible(draw(spec, style=style).scene)
        assert_is_legible(draw(network, style=style).scene)
    assert draw(spec, style="maps").data("svg")


@pytest.mark.parametrize("network", UNSUPPORTED.values(), ids=UNSUPPORTED)
def test_networks_without_a_spec_are_drawn(network: Network) -> None:
    outside = [node for path, node in visits(network) if "shortcut" not in path]
    for style in ("figure3", "stages"):
        drawing = draw(network, style=style)
        assert_is_legible(drawing.scene)
        boxes = [box for c in drawing.columns for g in c.groups for box in boxes_of(g.items)]
        assert sum(len(box.lines) for box in boxes) == sum(isinstance(n, SHOWN) for n in outside)
        skips = [skip for c in drawing.columns for g in c.groups for skip in skips_of(g.items)]
        assert len(skips) == sum(isinstance(n, ir.Residual) for n in outside)
        for format in ("svg", "tikz", "dot", "mmd"):
            assert drawing.data(format)
        assert str(drawing)


def test_auxiliary_heads_are_drawn_wherever_they_read() -> None:
    conv = ir.Conv(in_channels=3, out_channels=3, kernel=1)
    pre = ir.Residual(body=ir.sequence(ir.Act("relu"), conv))
    shared = ir.Residual(body=conv, shortcut=conv)
    layers = (conv, pre, ir.Act("relu"), shared, ir.Act("relu"), conv)
    heads = [
        ir.Auxiliary(
            position=position, layers=(ir.Flatten(), ir.Linear(in_features=48, out_features=n))
        )
        for n, position in enumerate((0, 1, 2, 2, 3, 4, 6), 1)
    ]
    network = ir.network(ir.Shape(3, 4, 4), *layers, auxiliaries=tuple(heads))
    texts = [label.text for label in labels_of(draw(network, style="figure3").scene)]
    assert [text for text in sorted(texts) if text.startswith("fc")] == [
        f"fc {n}" for n in range(1, 8)
    ]


def test_stages_may_have_the_names_of_other_parts() -> None:
    rows = "stages: {a: '[[3x3, 4]]', stem: '[[3x3, 8]]', head: '[[3x3, 16]]'}"
    column = draw(loads(f"{{input: 3x32x32, stem: ['3x3, 4'], {rows}, head: [2-d fc]}}")).columns[0]
    assert [section.name for section in column.sections] == ["stem", "a", "stem", "head", "head"]
    scene = draw(loads(f"{{input: 3x32x32, stem: ['3x3, 4'], {rows}, head: [2-d fc]}}")).scene
    roles = [shape.role for shape in scene.shapes if isinstance(shape, Rect)]
    assert roles == ["part-0", "part-1", "part-2", "part-3", "part-0"]


def test_widths_are_those_of_the_font() -> None:
    from reportlab.pdfbase.pdfmetrics import stringWidth

    for character in [*map(chr, range(32, 127)), *"×·–"]:
        for bold, font in ((False, "Helvetica"), (True, "Helvetica-Bold")):
            assert text_width(character, 1000, bold=bold) == round(
                stringWidth(character, font, 1000), 3
            )


def test_equal_sizes_stand_at_one_height() -> None:
    scene = draw(["vgg19", "paper/plain34", "resnet34"]).scene
    sizes = [label.y for label in labels_of(scene) if re.fullmatch(r"\d+x\d+", label.text)]
    assert sizes == sorted(sizes)
    firsts = [label for label in labels_of(scene) if label.text == "3x3 conv, 128, /2"]
    assert len(firsts) == 2
    assert firsts[0].y == pytest.approx(firsts[1].y)
    pools = {round(label.y) for label in labels_of(scene) if "max pool, /2" in label.text}
    assert len(pools) == 5  # vgg19's, two of them beside the others' stem


def test_the_paper_of_three_networks() -> None:
    """He et al. 2015, figure 3: 34 weighted layers, 16 shortcuts, 3 of them dotted."""
    plain, residual = (draw(name) for name in ("paper/plain34", "resnet34"))
    for drawing in (plain, residual):
        texts = [text.text or "" for text in parsed(drawing).iter(f"{SVG}text")]
        assert sum(" conv, " in text or text.startswith("fc ") for text in texts) == 34
    lines = [shape for shape in residual.scene.shapes if isinstance(shape, Line)]
    assert sum(len(line.points) == 4 for line in lines) == 16
    assert sum(line.dotted for line in lines) == 3
    assert not any(
        len(shape.points) == 4 for shape in plain.scene.shapes if isinstance(shape, Line)
    )


def test_inserted_strides_are_bold_and_written_ones_are_not() -> None:
    def bold(source: str) -> list[str]:
        scene = draw(loads(source)).scene
        return [x.text for x in labels_of(scene) if x.bold and x.role.startswith("on-")]

    text = (
        "{{input: 3x32x32, stem: ['3x3, 16, /2'], stages: {{a: '[[3x3, 16]]', b: '{}'}}, head: []}}"
    )
    assert bold(text.format("[[3x3, 32]]")) == ["3x3 conv, 32, /2"]
    assert bold(text.format("[[3x3, 32, /2]]")) == []


def test_ten_thousand_blocks_are_small() -> None:
    source = "{input: 3x32x32, stem: ['3x3, 16'], stages: {a: '[[3x3, 16]] x 10000'}, head: []}"
    assert len(draw(loads(source), style="stages").data("svg")) < 1_000_000
    assert draw(loads(source)).style == "stages"


def test_a_block_says_what_is_in_it() -> None:
    """He et al. 2015, figure 5, right; 2016, figure 4 (e)."""

    def texts(name: str, block: str) -> list[str]:
        return [x.text for x in labels_of(draw(name, block=block).scene)]

    assert texts("resnet50", "conv2_x.2") == [
        *("conv2_x.2 of resnet50", "256x56x56"),
        *("1x1 conv, 64", "batch norm", "relu", "3x3 conv, 64", "batch norm", "relu"),
        *("1x1 conv, 256", "batch norm", "identity", "+", "relu", "256x56x56"),
    ]
    assert texts("timm/resnetv2_18", "conv2_x.2") == [
        *("conv2_x.2 of resnetv2_18", "64x56x56"),
        *("batch norm", "relu", "3x3 conv, 64", "batch norm", "relu", "3x3 conv, 64"),
        *("identity", "+", "64x56x56"),
    ]


def test_a_box_with_a_convolution_has_the_colour_of_its_stage() -> None:
    scene = draw("vgg19", style="stages").scene
    (rect, *_) = [
        rect
        for rect in scene.shapes
        if isinstance(rect, Rect)
        for label in labels_of(scene)
        if label.text == "3x3 conv, 128" and contains(rect, label)
    ]
    assert rect.role == "part-2"


def test_the_filter_of_an_anti_aliased_stride_is_bold() -> None:
    bold = [x.text for x in labels_of(draw("timm/resnetblur50", block="conv3_x.1").scene) if x.bold]
    assert bold == ["conv3_x.1 of resnetblur50", "blur pool, /2", "+"]


def test_settings_stand_under_the_name() -> None:
    drawing = draw("resnet50", overrides=["output_stride=8"])
    assert "3x224x224, output_stride=8" in [label.text for label in labels_of(drawing.scene)]


def test_what_repeats_together_has_a_bracket() -> None:
    row = "[[3x3, 16], [add], [se 4]] x 6"
    source = f"{{input: 3x32x32, stem: ['3x3, 16'], head: [], stages: {{a: '{row}'}}}}"
    scene = draw(loads(source), style="stages").scene
    lines = [shape for shape in scene.shapes if isinstance(shape, Line)]
    assert sum(line.role == "bracket-line" for line in lines) == 1
    assert_is_legible(scene)
    assert "× 6" in str(draw(loads(source), style="stages"))


def test_maps_have_every_vector() -> None:
    texts = [label.text for label in labels_of(draw("alexnet", style="maps").scene)]
    assert texts.count("4096") == 1  # two layers give the same vector
    assert texts[-1] == "1000"
