"""The report: what is in it, and how a browser shows it."""

from __future__ import annotations

import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from resnet_dsl import SpecError, analyze, draw, load, loads, report, trace
from resnet_dsl.render.layer_count_text import arithmetic
from tests.browser import browser_page, needs_chromium, script
from tests.command import run


def text_of(page: str) -> str:
    """The text of a page, without its tags."""
    body = re.sub(r"<(style|script)>.*?</\1>", "", page, flags=re.DOTALL)
    return unescape(re.sub(r"<[^>]+>", " ", body))


def rows_of(page: str) -> list[str]:
    """The rows of the first trace of a page."""
    body = page.partition('<table id="trace-1">')[2].partition("</table>")[0]
    return [row.removesuffix("</td>") for row in re.findall(r"<tr>(<td.*?)</tr>", body)]


def test_a_report_has_the_answers_of_the_commands() -> None:
    page = report("resnet50")
    text = text_of(page)
    assert len(page.encode()) < 300_000
    assert f"{analyze('resnet50').params:,}" in text
    paths = [row.partition(">")[2].partition("<")[0] for row in rows_of(page)]
    assert paths == [line.path for line in trace("resnet50").lines]
    whys = [line.why or "" for line in trace("resnet50").lines]
    assert [unescape(row.rpartition('</td><td class="l">')[2]) for row in rows_of(page)] == whys
    from resnet_dsl import layers

    for sentence in arithmetic(layers("resnet50")):
        assert sentence in text
    assert "resnet-dsl trace resnet50 --all" in text
    assert str(load("resnet50")).splitlines()[5] in text
    assert page.count("<svg") == 1


def test_a_report_asks_nothing_of_the_network() -> None:
    page = report(["resnet18", "googlenet"])
    assert not re.findall(r"(?:src|href)=\"(?!#)[^\"]*\"|url\(|@import|<link", page)
    assert set(re.findall(r"https?://[^\"' <]+", page)) == {"http://www.w3.org/2000/svg"}


def test_several_networks_have_their_differences() -> None:
    page = report(["resnet50", "timm/resnet50d", "paper/resnet50"])
    text = text_of(page)
    assert "resnet50, resnet50d and resnet50-v1" in text
    assert "stride_on: spatial → first" in text
    assert "- 7x7, 64, /2" in text
    assert page.count("<svg") == 3
    assert "resnet-dsl diff resnet50 timm/resnet50d" in text


def test_the_commands_of_a_report_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = report("cifar/resnet20", input="3x64x64", overrides=["block.shortcut=always"])
    monkeypatch.chdir(tmp_path)
    commands = [unescape(each) for each in re.findall(r"<code>resnet-dsl (.*?)</code>", page)]
    assert len(commands) == 6
    for command in commands:
        assert run(*command.split()).exit_code == 0, command
        assert "--set block.shortcut=always --input 3x64x64" in command
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page


def test_names_are_escaped() -> None:
    source = "{name: '<b>&x', input: 3x8x8, stem: [], stages: {a: '[[3x3, 8]]'}, head: []}"
    page = report(loads(source))
    assert "<b>" not in page
    assert "<title>&lt;b&gt;&amp;x</title>" in page


def test_a_deep_network_is_folded() -> None:
    page = report("cifar/resnet1202")
    assert len(page.encode()) < 300_000
    assert "Equal blocks in a row are one line." in page


def test_networks_of_one_name_are_told_apart() -> None:
    assert "<h1>resnet50 and timm/resnet50</h1>" in report(["resnet50", "timm/resnet50"])


def test_a_report_is_written_whole_and_never_over_a_file(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    result = run("report", "resnet18", "-o", path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert path.read_text(encoding="utf-8") == report("resnet18")
    assert "exists already" in run("report", "resnet18", "-o", path).stderr
    assert run("report", "resnet18", "-o", path, "--force").exit_code == 0
    with pytest.raises(SpecError, match="nothing to report"):
        report([])


WITHOUT_JINJA = """
import sys
sys.modules["jinja2"] = None
from resnet_dsl.cli import main
main("report resnet18 -o nowhere.html".split())
"""


def test_a_missing_library_is_named(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_JINJA]
    result = subprocess.run(command, check=False, capture_output=True, text=True, cwd=tmp_path)  # noqa: S603 - this interpreter
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1] == "  = help: pip install jinja2"
    assert list(tmp_path.iterdir()) == []


@needs_chromium
def test_a_browser_sorts_filters_and_changes_the_theme(tmp_path: Path) -> None:
    report("resnet50", tmp_path / "a.html")
    with browser_page(color_scheme="light") as page:
        faults: list[str] = []
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"file://{tmp_path}/a.html")
        rows = page.locator("#trace-1 tbody tr")
        count = len(trace("resnet50").lines)
        assert rows.count() == count
        page.get_by_role("button", name="params").focus()
        page.keyboard.press("Enter")
        head = page.locator("#trace-1 th", has_text="params")
        assert head.get_attribute("aria-sort") == "ascending"
        page.keyboard.press("Enter")
        assert rows.first.locator("td").nth(7).inner_text() == "2,359,296"
        page.keyboard.press("Enter")
        assert rows.first.locator("td").first.inner_text() == "conv1"
        page.get_by_label("Filter").fill("projection conv")
        shown = [row for row in rows.all() if row.is_visible()]
        assert len(shown) == 4
        assert page.get_by_role("status").inner_text() == f"4 of {count} rows"
        before = page.evaluate("getComputedStyle(document.body).backgroundColor")
        page.get_by_role("button", name="Dark").click()
        after = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (before, after) == ("rgb(255, 255, 255)", "rgb(20, 23, 28)")
        assert page.get_by_role("button", name="Light").is_visible()
        page.emulate_media(media="print")
        assert not page.locator("nav").is_visible()
        assert len(page.pdf(format="A4")) > 10_000
        assert faults == []


@needs_chromium
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_keeps_people_out(scheme: str, tmp_path: Path) -> None:
    """axe-core, by the rules of WCAG and by best practices."""
    axe = script("axe-core/axe.min.js")
    report(["resnet50", "timm/resnet50d"], tmp_path / "a.html")
    with browser_page(color_scheme=scheme) as page:
        page.goto(f"file://{tmp_path}/a.html")
        page.add_script_tag(path=axe)
        assert page.evaluate("axe.run().then((result) => result.violations)") == []


@needs_chromium
def test_mermaid_takes_its_text() -> None:
    mermaid = script("mermaid/dist/mermaid.min.js")
    odd = "{name: 'a\"]#;<b>`', input: 3x8x8, stem: [], stages: {end: '[[3x3, 8]]'}, head: []}"
    with browser_page() as page:
        page.add_script_tag(path=mermaid)
        for drawing in (draw(["resnet50", "googlenet"]), draw("vgg16"), draw(loads(odd))):
            text = drawing.data("mmd").decode()
            assert page.evaluate("(text) => mermaid.parse(text)", text)["diagramType"]
