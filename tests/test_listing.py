"""Lists of networks, folded traces, and numbers in names."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from resnet_dsl import elaborate, layers, load, loads, summary, trace, zoo, zoo_entries
from resnet_dsl.render.layer_count_text import arithmetic
from resnet_dsl.render.summary_text import SORTS
from resnet_dsl.render.trace_text import trace_rows
from tests.command import run
from tests.test_draw_differences import load_with


def test_the_zoo_lists_what_its_specs_state() -> None:
    entries = zoo_entries()
    assert [entry.name for entry in entries] == zoo()
    for entry in entries[::9]:
        expect = load(entry.name).expect
        assert (entry.layers, entry.params, entry.macs) == (
            expect.layers,
            expect.params,
            expect.macs,
        )
    assert all(entry.phrase for entry in entries)


@pytest.mark.parametrize(
    ("family", "some", "count"),
    [
        ("cifar", "cifar/resnet20", 14),
        ("torchvision", "vgg16", 21),
        ("paper", "paper/resnet50", None),
        ("resnext", "cifar/resnext29_8x64d", None),
        ("vgg", "vgg19_bn", 8),
        ("resnet50", "timm/resnet50", None),
    ],
)
def test_a_family_is_a_folder_or_the_beginning_of_names(
    family: str, some: str, count: int | None
) -> None:
    names = [entry.name for entry in zoo_entries(family)]
    assert some in names
    assert count in (None, len(names))


def test_the_zoo_is_for_people_and_programs() -> None:
    result = run("zoo", "--family", "vgg")
    assert "vgg16_bn" in result.stdout
    assert "15,470,264,320" in result.stdout
    assert result.stderr.startswith("next: resnet-dsl draw vgg19_bn")
    assert [each["name"] for each in json.loads(run("zoo", "--json").stdout)] == zoo()
    assert "did you mean timm?" in run("zoo", "--family", "tim").stderr


def test_equal_blocks_of_a_trace_are_folded() -> None:
    folded = run("trace", "resnet50").stdout.splitlines()
    every = run("trace", "resnet50", "--all").stdout.splitlines()
    fold = next(line for line in folded if "conv4_x.3-6" in line)
    assert "× 4" in fold
    lines = [x for x in trace("resnet50", stage="conv4_x").lines if x.block in {3, 4, 5, 6}]
    assert f"{sum(x.params for x in lines):,}" in fold
    assert f"{sum(x.macs for x in lines):,}" in fold
    hidden = sum(x.block in {3, 4, 5, 6} for x in trace("resnet50", stage="conv4_x").lines)
    hidden += sum(x.block in {3, 4} for x in trace("resnet50", stage="conv3_x").lines)
    assert len(every) - len(folded) == hidden - 2
    assert not any("the same" in line for line in every)
    assert len(json.loads(run("trace", "resnet50", "--json").stdout)) == len(every) - 5


def test_blocks_that_differ_are_not_folded() -> None:
    settings = ("--set", "drop_path=0.2")
    assert "the same" not in run("trace", "resnet50", *settings).stdout
    network = elaborate(load_with("resnet50", ["drop_path=0.2"]))
    assert not any("the same" in row[0] for row in trace_rows(trace(network), folded=True))
    rows = ", ".join(f"'[[3x3, 8], [dropout 0.{p}], [3x3, 8]]'" for p in (1, 5, 9))
    spec = loads(f"{{input: 3x8x8, stem: ['3x3, 8'], stages: {{a: [{rows}]}}, head: []}}")
    assert not any("the same" in row[0] for row in trace_rows(trace(spec), folded=True))


def test_a_long_trace_is_paged_on_a_terminal() -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "resnet_dsl", "trace", "resnet18"]
    environment = {**os.environ, "PAGER": "head -3", "TERM": "xterm"}
    with subprocess.Popen(command, stdout=follower, stdin=follower, env=environment) as process:  # noqa: S603 - this interpreter
        os.close(follower)
        shown = b""
        try:
            while chunk := os.read(leader, 4096):
                shown += chunk
        except OSError:  # its other end is closed
            pass
        assert process.wait() == 0
    os.close(leader)
    assert len(shown.decode().strip().splitlines()) == 3


@pytest.mark.parametrize("key", SORTS)
def test_summaries_are_sorted_and_written_for_spreadsheets(key: str) -> None:
    names = ["resnet50", "cifar/resnet20", "resnet18"]
    rows = list(csv.DictReader(run("summary", *names, "--csv", "--sort", key).stdout.splitlines()))
    values = [row[key] for row in rows]
    if key == "input":
        assert values[0] == "3x32x32"
    elif key == "name":
        assert values == sorted(names)
    else:
        assert values == [str(x) for x in sorted(getattr(summary(name), key) for name in names)]
    lines = run("summary", *names, "--sort", key).stdout.splitlines()
    assert [line.split()[0] for line in lines[3:6]] == [row["name"] for row in rows]


def test_many_summaries_turn_where_columns_do_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ["resnet18", "resnet34", "resnet50", "resnet101", "resnet152"]
    assert run("summary", *names).stdout.splitlines()[1].split() == names
    monkeypatch.setattr("resnet_dsl.cli.summary.terminal_width", lambda: 60)
    lines = run("summary", *names).stdout.splitlines()
    assert [line.split()[0] for line in lines[3:8]] == names


def test_the_number_of_a_name_is_explained() -> None:
    def last(name: str) -> str:
        return arithmetic(layers(name))[-1]

    assert last("cifar/wrn28_10") == (
        "the 28 of wrn-28-10 counts all convolutions, its 3 projections too: 1 + 24 + 3"
    )
    assert last("timm/resnet50d") == (
        "the 50 of resnet50d counts the 3 convolutions of its stem as one: 1 + 48 + 1"
    )
    assert last("timm/resnetrs270") == "the 270 of resnetrs270 is none of these counts"
    assert last("resnet50").startswith("modules")
    renamed = replace(load("vgg19"), name="net16")
    assert arithmetic(layers(renamed))[-1] == "the 16 of net16 counts all convolutions: 0 + 16 + 0"


def test_every_sum_is_the_number_of_its_name() -> None:
    for name in zoo():
        for line in arithmetic(layers(name)):
            if match := re.match(r"the (\d+) of .*: ([\d+ ]+)$", line):
                assert sum(map(int, match[2].split(" + "))) == int(match[1]), line
