"""docs/limits.md: each limit, and hostile texts within a second and 200 MB, without a traceback."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

from resnet_dsl import SpecError, check, loads
from resnet_dsl.diagnostics import MOST_FAULTS
from resnet_dsl.language.fields import LARGEST_SIDE
from resnet_dsl.language.spec import LARGEST_LAYERS, LARGEST_REPEATS
from resnet_dsl.notation.parse_options import LARGEST
from resnet_dsl.notation.parse_row import LARGEST_BLOCK
from resnet_dsl.reader.tree import DEEPEST, LARGEST_FILE, LARGEST_TREE
from resnet_dsl.reader.variants import DEEPEST_CHAIN
from resnet_dsl.sources.fixing import MOST_FIXES
from resnet_dsl.sources.resolve import check_text

DOCUMENT = (Path(__file__).parent.parent / "docs" / "limits.md").read_text(encoding="utf-8")


def test_the_document_has_the_numbers_of_the_code() -> None:
    rows = re.findall(r"^\| (.+?) \| ([\d,^]+) \|", DOCUMENT, re.MULTILINE)
    assert [int(number.replace(",", "")) for _, number in rows if "^" not in number] == [
        *(LARGEST_FILE, LARGEST_TREE, DEEPEST, DEEPEST_CHAIN, LARGEST, LARGEST_SIDE),
        *(LARGEST_BLOCK, LARGEST_LAYERS, LARGEST_REPEATS, DEEPEST, MOST_FAULTS, MOST_FIXES),
    ]


def spec(row: str = "[[3x3, 8]]", input: str = "3x32x32", stem: str = "[]", more: str = "") -> str:
    return f'input: {input}\nstem: {stem}\nstages: {{a: "{row}"}}\nhead: []\n{more}'


ROWS = "input: 3x32x32\nstem: []\nstages:\n  a: {{stride: 1, rows: [{}]}}\nhead: []\n"
ALLOWED_AND_REFUSED = {
    "bytes": (
        spec() + "#" * (LARGEST_FILE - len(spec())),
        spec() + "#" * (LARGEST_FILE - len(spec()) + 1),
    ),
    "values": (
        spec(stem="[" + ", ".join(["relu"] * (LARGEST_TREE - 12)) + "]"),
        spec(stem="[" + ", ".join(["relu"] * LARGEST_TREE) + "]"),
    ),
    "a number": (spec(f"[[3x3, {LARGEST}]]"), spec(f"[[3x3, {LARGEST + 1}]]")),
    "a side": (spec(input=f"3x8x{LARGEST_SIDE}"), spec(input=f"3x8x{LARGEST_SIDE + 1}")),
    "a block": (
        spec("[" + ", ".join(["[1x1, 8]"] * LARGEST_BLOCK) + "]"),
        spec("[" + ", ".join(["[1x1, 8]"] * (LARGEST_BLOCK + 1)) + "]"),
    ),
    "branches": (
        spec("[" + " | ".join(["[1x1, 8]"] * LARGEST_BLOCK) + "]"),
        spec("[" + " | ".join(["[1x1, 8]"] * (LARGEST_BLOCK + 1)) + "]"),
    ),
    "layers in rows": (
        ROWS.format(", ".join(['"[[1x1, 8], [1x1, 8]]"'] * (LARGEST_LAYERS // 2))),
        ROWS.format(", ".join(['"[[1x1, 8], [1x1, 8]]"'] * (LARGEST_LAYERS // 2 + 1))),
    ),
    "blocks": (
        spec(f"[[1x1, 8]] x {LARGEST_REPEATS}"),
        spec(f"[[1x1, 8]] x {LARGEST_REPEATS + 1}"),
    ),
    "expect": (
        spec(more=f"expect: {{macs: {10**15}}}"),
        spec(more=f"expect: {{macs: {10**15 + 1}}}"),
    ),
}


@pytest.mark.parametrize("limit", ALLOWED_AND_REFUSED)
def test_a_limit_allows_what_it_says_and_no_more(limit: str, tmp_path: Path) -> None:
    allowed, refused = ALLOWED_AND_REFUSED[limit]
    path = tmp_path / "a.yaml"
    path.write_text(allowed)
    codes = {diagnostic.code for diagnostic in check(path)}
    assert codes <= {"expect", "suspicious-width"}  # it is read: what it expects may be wrong
    path.write_text(refused)
    (fault,) = check(path)
    assert fault.code in {"limit", "value"}
    assert fault.help


def test_nesting_is_limited() -> None:
    deep = "a: " + "{b: " * DEEPEST + "1" + "}" * DEEPEST
    assert [fault.code for fault in check_text(deep, "a.yaml")] == ["limit"]
    deep = "stem: " + "{b: " * (DEEPEST - 2) + "1" + "}" * (DEEPEST - 2)
    assert "limit" not in [fault.code for fault in check_text(deep, "a.yaml")]


def test_chains_of_extends_are_limited(tmp_path: Path) -> None:
    last = DEEPEST_CHAIN + 1
    (tmp_path / f"{last}.yaml").write_text("extends: resnet18\n")
    for number in range(last):
        (tmp_path / f"{number}.yaml").write_text(f"extends: '{number + 1}.yaml'\n")
    assert check(tmp_path / "3.yaml") == ()
    for number in (0, 2):  # 3 to 33 and resnet18 are as many as may be
        (fault,) = check(tmp_path / f"{number}.yaml")
        assert fault.code == "limit"
        assert fault.help


def test_links_in_circles_are_answered(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").symlink_to(tmp_path / "b.yaml")
    (tmp_path / "b.yaml").symlink_to(tmp_path / "a.yaml")
    assert [fault.code for fault in check(tmp_path / "a.yaml")] == ["file"]
    (tmp_path / "c.yaml").write_text("extends: a.yaml\n")
    assert [fault.code for fault in check(tmp_path / "c.yaml")] == ["file"]
    (tmp_path / "d.yaml").symlink_to(tmp_path / "e.yaml")
    (tmp_path / "e.yaml").write_text("extends: d.yaml\n")  # itself, by another name
    assert [fault.code for fault in check(tmp_path / "e.yaml")] == ["extends"]


def test_faults_are_told_up_to_a_hundred() -> None:
    with pytest.raises(SpecError) as error:
        loads("input: 3x32x32\nstem: [" + ", ".join(["3x3"] * 500) + "]\nstages: {}\nhead: []")
    assert len(error.value.diagnostics) == MOST_FAULTS


HOSTILE = {
    "billion laughs": "a: &a [x, x, x, x, x, x, x, x, x]\n"
    + "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in pairwise("abcdefghi")),
    "an alias of itself": "a: &a [*a]",
    "one long text, many times": f"a: &a {'x' * 50_000}\nb: [{', '.join(['*a'] * 4_000)}]",
    "a line of a megabyte": "name: " + "x" * 1_000_000,
    "brackets": "stem: " + "[" * 5_000 + "]" * 5_000,
    "brackets of a row": spec("[" * 5_000 + "]" * 5_000),
    "brackets after a row": spec("[[3x3, 8]" + "]" * 5_000),
    "a row of layers": spec("[" + ", ".join(["[3x3, 8]"] * 9_000) + "]"),
    "a row of faults": spec("[" + ", ".join(["[3x3 8]"] * 9_000) + "]"),
    "commas": spec("[[3x3" + "," * 60_000 + "]]"),
    "blanks": spec("[[3x3" + " " * 60_000 + "8]]"),
    "digits": spec("[[3x3, " + "9" * 60_000 + "]]"),
    "a count of digits": spec("[[3x3, 8]] x " + "9" * 60_000),
    "blocks": spec(f"[[3x3, 8], [3x3, 8]] x {LARGEST_REPEATS}"),
    "layers": spec(stem="[" + ", ".join(["relu"] * 2_900) + "]"),
    "faults": spec(stem="[" + ", ".join(["3x3"] * 2_900) + "]"),
    "words": spec(stem="[" + ", ".join(["lalala lala la lala"] * 2_900) + "]"),
    "keys": "".join(f"k{i}: 1\n" for i in range(20_000)),
    "equal keys": "a: 1\n" * 20_000,
    "merge keys": "a: &a {x: 1}\nb:\n" + "  <<: *a\n" * 5_000,
    "stages": "input: 3x8x8\nstem: []\nhead: []\nblock: {norm: {kind: group, groups: 7}}\nstages:\n"
    + "".join(f"  a{i}: '[[3x3, 8], [3x3, 8]]'\n" for i in range(1_900)),
    "a key that breaks deep stages": "extends: resnet50\nblock: {norm: {kind: group, groups: 7}}\n"
    + "stages:\n"
    + "".join(
        f"  s{i}: {{rows: '[[1x1, 8], [3x3, 8]] x 900', bias: true, order: pre, stride: 1}}\n"
        for i in range(20)
    ),
    "tabs": "stem:\n" + "\t- x\n" * 20_000,
    "quotes": 'name: "' + '"' * 9_999,
    "open quotes": "".join(f'k{i}: "x\n' for i in range(900)),
    "open braces": "".join(f"k{i}: {{x\n" for i in range(900)),
    "dashes": "- " * 4_000,
    "indents": "".join(f"{' ' * (i % 50)}k{i}:\n" for i in range(1_500)),
    "look-alikes": "stem:\n" + "  – ３x３，64\n" * 5_000,
    "zero bytes": "a\0" * 50_000,
    "a tag": "!!python/object/apply:os.system ['exit 3']",
    "documents": "---\na: 1\n" * 5_000,
    "a number of digits": spec(more=f"drop_path: {'1' * 50_000}.5"),
    "wide maps": spec("[[3x3, 1000000], [3x3, 1000000]] x 999", "65536x65536x65536"),
}
MEASURED = r"""
import re, sys, time
from pathlib import Path
from resnet_dsl import check
for path in sorted(Path(sys.argv[1]).glob("*.yaml")):
    start = time.process_time()
    codes = [fault.code for fault in check(path)]
    seconds = time.process_time() - start
    # the peak of this program, not of the one that started it
    memory = int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1]) // 1024
    print(path.stem, round(seconds, 2), memory, codes[:1])
    assert seconds < 1, path.stem
    assert memory < 200, path.stem
"""


def test_hostile_texts_are_answered_in_a_second_and_200_megabytes(tmp_path: Path) -> None:
    for name, text in HOSTILE.items():
        (tmp_path / f"{name}.yaml").write_bytes(text.encode())
    with (tmp_path / "a file of 100 megabytes.yaml").open("wb") as file:
        file.truncate(100_000_000)
    command = [sys.executable, "-c", MEASURED, str(tmp_path)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - this interpreter
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("\n") == len(HOSTILE) + 1
