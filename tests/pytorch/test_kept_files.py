"""Files as people keep them: each kind is written, read without its code, and rebuilt.

The table in docs/lifting.md is what these tests see: `pytest --update-golden` rewrites it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import torch
from torch import Tensor

from resnet_dsl import SpecError, build
from resnet_dsl.pytorch.carried_weights import carried
from resnet_dsl.pytorch.lift.weight_files import read
from tests.pytorch import kept_files, kept_files_of_formats, kept_files_with_more
from tests.pytorch.kept_models import seeded_model
from tests.pytorch.reference import image

KINDS: Final = {
    kind.name: kind
    for kinds in (kept_files, kept_files_with_more, kept_files_of_formats)
    for kind in kinds.KINDS
}
DOCS: Final = Path(__file__).parents[2] / "docs" / "lifting.md"
HEADS: Final = {
    True: "| a file | is read |\n| --- | --- |\n",
    False: "| a file without weights | is called |\n| --- | --- |\n",
}
"""Of the table of files with weights, and of that of other files."""
END: Final = "\n\n"
ROUNDING: Final = 0.01  # of weights in half precision, on outputs of about 1
IMAGE: Final = image(2, 3, 32, 32)

EXACT = "exactly"
ROUNDED = "to rounding"
WITHOUT_FC = "without its fc"
OTHER = "every tensor"


def outcome(path: Path) -> str:
    """How a file is read, in the words of the table."""
    try:
        return rebuilt(path)
    except SpecError as error:
        [fault] = error.diagnostics
        if fault.help and fault.help.startswith("say which one: --weights-key "):
            key = fault.help.rpartition(" ")[2]
            return f"{rebuilt(path, key)}, with `--weights-key {key}`"
        return "refused: " + fault.message.removeprefix(f"{path}: ").removeprefix(
            "no weights can be read: "
        ).replace(f"{path.name}: ", "")


def rebuilt(path: Path, prefix: str | None = None) -> str:
    """How the network of a file compares with the model whose weights it has."""
    checkpoint = read(path, prefix=prefix)
    model = build(checkpoint.lifted.network, init=False)
    model.load_state_dict(carried(checkpoint.lifted, checkpoint.state))
    with torch.no_grad():
        actual, expected = model.eval()(IMAGE), seeded_model()(IMAGE)
    assert isinstance(actual, Tensor)
    if actual.shape != expected.shape:
        return WITHOUT_FC
    if torch.equal(actual, expected):
        return EXACT
    return ROUNDED if float((actual - expected).abs().max()) < ROUNDING else OTHER


def table() -> Iterator[tuple[str, str]]:
    """The rows of the table in the docs: a kind of file, and how it is read."""
    for head in HEADS.values():
        lines = DOCS.read_text(encoding="utf-8").partition(head)[2].partition(END)[0]
        for line in lines.splitlines():
            name, _, result = line.strip("| ").partition(" | ")
            yield name, result


def sampled(names: list[str]) -> Iterator[Any]:
    """Every third kind in plain runs, all with --exhaustive."""
    for i, name in enumerate(names):
        yield pytest.param(name, marks=pytest.mark.exhaustive if i % 3 else (), id=name)


def imported_packages() -> set[str]:
    return {name.partition(".")[0] for name in sys.modules}


@pytest.mark.parametrize("name", list(sampled(list(KINDS))))
@pytest.mark.filterwarnings("ignore")
def test_a_file_is_read_as_the_docs_say(name: str, tmp_path: Path) -> None:
    kind = KINDS[name]
    path = kind.write(tmp_path)
    packages = imported_packages()
    actual = outcome(path)
    assert imported_packages() - packages <= {"encodings", "safetensors"}
    assert dict(table())[name] == actual
    if kind.holds == "TinyResNet" and kind.reads == "lifts" and name not in LESS:
        assert actual.startswith((EXACT, ROUNDED))


LESS: Final = {"sparse", "torch.distributed.checkpoint", "SwAV: prototypes"}
"""Kinds of which not every tensor is read: not at all, or as a head of several layers."""


def test_few_kinds_are_refused() -> None:
    rows = dict(table())
    assert set(rows) == set(KINDS)
    refused = [name for name, result in rows.items() if result.startswith("refused")]
    assert sum(KINDS[name].holds == "nothing" for name in refused) == NOTHING
    assert len(refused) - NOTHING <= 5


NOTHING: Final = sum(kind.holds == "nothing" for kind in KINDS.values())


def write_table(folder: Path) -> None:
    """Rewrite both tables in the docs."""
    lines: dict[bool, list[str]] = {True: [], False: []}
    for i, (name, kind) in enumerate(KINDS.items()):
        (place := folder / str(i)).mkdir()
        result = outcome(kind.write(place))
        lines[kind.holds != "nothing"].append(f"| {name} | {result} |")
    text = DOCS.read_text(encoding="utf-8")
    for with_weights, head in HEADS.items():
        before, head, after = text.partition(head)
        assert head
        text = before + head + "\n".join(lines[with_weights]) + END + after.partition(END)[2]
    DOCS.write_text(text, encoding="utf-8")


@pytest.mark.filterwarnings("ignore")
def test_the_table_is_rewritten_on_demand(tmp_path: Path, update_golden: bool) -> None:
    if update_golden:
        write_table(tmp_path)
        pytest.fail("the table in docs/lifting.md was rewritten: read the difference")
