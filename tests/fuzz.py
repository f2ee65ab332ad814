"""Mutants of specs and options: what nobody wrote on purpose. `make fuzz` runs 20,000.

A mutant is the text of a shipped spec with a few changes (of bytes, of values of YAML, of the text
of a row), or a shipped spec with odd options. It must be answered: exit 0, or 2 with diagnostics
whose places are in the file, in less than a second of one core and 300 MB; never a traceback.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any, Final, NamedTuple

import yaml

from resnet_dsl import zoo
from resnet_dsl.diagnostics import Diagnostic, split_lines
from resnet_dsl.language.shipped import zoo_path
from resnet_dsl.sources.resolve import check
from tests.command import run

SECONDS: Final = 1.0
MEGABYTES: Final = 300
_IMPORTED: Final = 60
"""Megabytes that the package takes before it reads a spec."""

# ---------------------------------------------------------------- mutations

TOKENS: Final = (
    *("[", "]", "[[", "]]", ",", ";", "|", "+", "x 3", "x 0", "x -1", "× 2", "/2", "/0", "C=32"),
    *("3x3", "1x1", "7x7", "2x2", "3x3, 64", "0x0", "max pool", "average pool", "blur pool, /2"),
    *("se 16", "se /16", "eca 3", "eca 4", "norm", "relu", "gelu", "linear", "no norm", "bias"),
    *("identity", "add", "dropout", "dropout 0.5", "10-d fc", "softmax", "flatten", "pad 1"),
    *("dilation 2", "zero pad 1", "scale 0.1", "group norm, groups 7", "х", "３", "“", "\u00a0"),
)
NUMBERS: Final = ("0", "1", "-1", "2", "3", "7", "64", "1000000", "1000001", "9" * 30, "1e9", "0.5")
KEYS: Final = (
    *("name", "input", "stem", "block", "stages", "head", "aux", "drop_path", "output_stride"),
    *("init", "expect", "extends", "rows", "stride", "dilation", "output", "stride_on", "shortcut"),
    *("projection", "order", "norm", "activation", "after", "bias", "antialias", "weights", "kind"),
    *("groups", "eps", "conv2_x", "conv3", "layer2", "a.1", "", "heads", "extend", "lr", "<<"),
)
VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, 2, -1, 7, 1.5, 10**18, "", "x", "3x32x32", "32x32x3", "yes", "two"),
    *("projection", "padding", "none", "pre", "post", "group", "batch", "first", "blur", "1x1"),
    *("resnet50", "resnext50", "../x.yaml", "relu", "leaky_relu 0.1", "average pool, 1x1"),
    *(
        [],
        {},
        [[]],
        [1, 2],
        ["3x3, 64"],
        {"a": 1},
        {"kind": "group", "groups": 7},
        "[[3x3, 8]] x 2",
    ),
)


def of_bytes(text: str, draw: random.Random) -> bytes:
    """A few bytes changed, doubled, moved or left out."""
    data = bytearray(text.encode())
    for _ in range(draw.randint(1, 4)):
        start = draw.randrange(len(data) + 1)
        stop = min(len(data), start + draw.choice((1, 1, 1, 4, 20)))
        match draw.randrange(5):
            case 0:
                data[start:stop] = draw.randbytes(stop - start)
            case 1:
                del data[start:stop]
            case 2:
                data[start:start] = data[start:stop] * draw.randint(1, 3)
            case 3:
                data[start:start] = draw.choice(TOKENS).encode()
            case _:
                data[start:start] = draw.choice(b"\n\t :-#[]{},\"'&*!|>%@`\x00\xff\x85").to_bytes()
    return bytes(data)


def of_values(text: str, draw: random.Random) -> bytes:
    """Values of the YAML changed, renamed, moved or left out."""
    data = yaml.safe_load(text)
    for _ in range(draw.randint(1, 3)):
        _change(data, draw)
    style = draw.choice((None, True, False))
    return yaml.safe_dump(data, default_flow_style=style, sort_keys=False, width=200).encode()


def _change(node: Any, draw: random.Random) -> None:
    """Change something somewhere below a node."""
    if isinstance(node, dict) and node:
        key = draw.choice(list(node))
        if isinstance(node[key], dict | list) and draw.random() < 0.6:
            _change(node[key], draw)
            return
        match draw.randrange(4):
            case 0:
                del node[key]
            case 1:
                node[draw.choice(KEYS)] = node.pop(key)
            case 2:
                node[key] = deepcopy(draw.choice(VALUES))
            case _:
                node[draw.choice(KEYS)] = deepcopy(draw.choice(VALUES))
    elif isinstance(node, list) and node:
        i = draw.randrange(len(node))
        if isinstance(node[i], dict | list):
            _change(node[i], draw)
        elif draw.random() < 0.7 and isinstance(node[i], str):
            node[i] = of_row(node[i], draw)
        else:
            node[i] = deepcopy(draw.choice(VALUES))


def of_row(text: str, draw: random.Random) -> str:
    """The text of a row or a layer with tokens changed."""
    pieces = re.findall(r"\d+|[a-z]+|\s+|.", text)
    for _ in range(draw.randint(1, 3)):
        i = draw.randrange(len(pieces) + 1)
        match draw.randrange(4):
            case 0:
                pieces[i : i + 1] = [draw.choice(TOKENS)]
            case 1:
                del pieces[i : i + draw.randint(1, 3)]
            case 2:
                pieces.insert(i, draw.choice(TOKENS))
            case _:
                pieces[i : i + 1] = [draw.choice(NUMBERS)]
    return "".join(pieces)


def of_rows(text: str, draw: random.Random) -> bytes:
    """Rows and layers of a spec with tokens changed, where they stand."""
    lines = text.splitlines(keepends=True)
    i = draw.randrange(len(lines))
    lines[i] = of_row(lines[i].rstrip("\n"), draw) + "\n"
    return "".join(lines).encode()


MUTATIONS: Final[tuple[Callable[[str, random.Random], bytes], ...]] = (of_bytes, of_values, of_rows)


class Mutant(NamedTuple):
    """A changed spec, or options for an unchanged one."""

    number: int
    name: str
    data: bytes
    options: tuple[str, ...]


def mutant(seed: int, number: int) -> Mutant:
    """The mutant of a number: the same in every run."""
    draw = random.Random(f"{seed} {number}")  # noqa: S311 - a seeded choice, no secret
    names = zoo()
    name = names[number % len(names)]
    text = zoo_path(name).read_text(encoding="utf-8")
    kind = number // len(names) % (len(MUTATIONS) + 1)
    if kind < len(MUTATIONS):
        return Mutant(number, name, MUTATIONS[kind](text, draw), ())
    return Mutant(number, name, text.encode(), tuple(_options(draw)))


def _options(draw: random.Random) -> list[str]:
    command = draw.choice(("check", "summary", "layers", "table", "blocks"))
    options = [command]
    for _ in range(draw.randint(1, 2)):
        steps = [
            draw.choice((*KEYS, "0", "1", "-1", "C", "pad")) for _ in range(draw.randint(1, 4))
        ]
        value = draw.choice((*NUMBERS, *map(str, VALUES), *TOKENS))
        options += ["--set", f"{'.'.join(steps)}{draw.choice(('=', '=', '=', '', '=='))}{value}"]
    if draw.random() < 0.4:
        options += ["--input", draw.choice((*NUMBERS, "3x8x8", "512x1", "1x64x64", "x", "3x3x3x3"))]
    return options


# ---------------------------------------------------------------- what must hold


def faults_of(answer: tuple[Diagnostic, ...], text: str, name: str) -> list[str]:
    """What is wrong with an answer: places outside of the file, or nothing to read."""
    lines = split_lines(text)
    wrong = []
    for diagnostic in answer:
        span = diagnostic.span
        if not diagnostic.message:
            wrong.append("a diagnostic without a message")
        if span and span.source.name == name:
            inside = 1 <= span.line <= len(lines) and span.column >= 1
            if not inside or span.column > len(lines[span.line - 1]) + 1:
                wrong.append(f"{span} is outside of the file: {diagnostic.message}")
    return wrong


def _peak() -> int:
    """The most memory so far, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def examined(each: Mutant, folder: Path) -> list[str]:
    """What is wrong with the answer to a mutant."""
    path = folder / "mutant.yaml"
    path.write_bytes(each.data)
    start, before = time.process_time(), _peak()
    if each.options:
        command, *options = each.options
        result = run(command, str(path), *options)
        wrong = [] if result.exit_code in (0, 2) else [f"exit {result.exit_code}"]
        if result.exception and not isinstance(result.exception, SystemExit):
            wrong.append(repr(result.exception))
    else:
        wrong = faults_of(check(path), each.data.decode("utf-8-sig", "replace"), str(path))
    seconds = time.process_time() - start
    if seconds > SECONDS:
        wrong.append(f"{seconds:.1f} seconds")
    if (memory := _peak() - before) > MEGABYTES - _IMPORTED:
        wrong.append(f"{memory} MB more")
    return wrong


def main() -> None:
    """Run mutants, and keep those that are answered badly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-failures"))
    arguments = parser.parse_args()
    failures, outcomes = 0, Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.count):
            each = mutant(arguments.seed, number)
            try:
                wrong = examined(each, Path(folder))
            except Exception as error:  # what must never be
                wrong = [repr(error)]
            outcomes["bad" if wrong else "good"] += 1
            if wrong:
                failures += 1
                arguments.keep.mkdir(exist_ok=True)
                (arguments.keep / f"{number}.yaml").write_bytes(each.data)
                print(f"{number} ({each.name}) {json.dumps(each.options)}: {'; '.join(wrong)}")
            if number % 1_000 == 999:
                print(f"{number + 1:,} mutants: {dict(outcomes)}", file=sys.stderr)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
