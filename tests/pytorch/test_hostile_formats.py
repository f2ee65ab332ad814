"""Hostile files of numpy, joblib, torch.export, shards and files in files; damage of every format.

What stands beside weights in honest files is read too: it looks like an attack to simple readers.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import sys
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from pathlib import Path
from typing import Any

import joblib  # type: ignore[import-untyped]
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save

from resnet_dsl import SpecError, lift_checkpoint
from resnet_dsl.weight_files import read_contents
from tests.pytorch.hostile_files import (
    legacy,
    mapping,
    measured,
    read_tensors,
    refusal,
    storage,
    tensor,
    torch_file,
    word,
    zipped,
)
from tests.pytorch.hostile_formats import ATTACKS

TENSORS = {"a": torch.arange(3.0), "b": torch.zeros(2, 2)}
ARRAYS = {name: tensor.numpy() for name, tensor in TENSORS.items()}
INDEX = "w.bin.index.json"


@pytest.mark.parametrize("name", ATTACKS)
def test_attacks_are_refused(tmp_path: Path, name: str) -> None:
    content, reason = ATTACKS[name]
    (tmp_path / "w.pt").write_bytes(content)
    assert reason in refusal(tmp_path / "w.pt")


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts in kB on Linux")
def test_attacks_take_no_memory(tmp_path: Path) -> None:
    for name, (content, _) in ATTACKS.items():
        (tmp_path / name).write_bytes(content)
    assert measured(tmp_path.iterdir()) == ""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"a": ""}, "a file elsewhere"),
        ({"a": "."}, "a file elsewhere"),
        ({"a": ".."}, "is missing beside it"),
        ({"a": "../w.bin"}, "a file elsewhere"),
        ({"a": "/etc/passwd"}, "a file elsewhere"),
        ({"a": INDEX}, "a file elsewhere"),
        ({"a": "other\0.bin"}, "is missing beside it"),
        ({"a": "\ud800\x1b[2J"}, "is missing beside it"),
        ({"a": "x" * 5000}, "file name too long"),
        ({"a": 1}, "no weight_map"),
        (["a"], "no weight_map"),
        ("[" * 10**6, "no weight_map"),
        ("{}", "no weight_map"),
        ('{"weight_map": {"a": ' + "1" * 5000 + "}}", "no weight_map"),
        ("", "no weight_map"),
    ],
)
def test_an_index_leads_nowhere_else(tmp_path: Path, content: object, reason: str) -> None:
    (tmp_path / "w.bin").write_bytes(torch_file(TENSORS))
    folder = tmp_path / "folder"
    folder.mkdir()
    text = content if isinstance(content, str) else json.dumps({"weight_map": content})
    (folder / INDEX).write_text(text)
    assert reason in refusal(folder / INDEX)


class Bomb:
    """Runs a command where it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.system, ("touch ran",)


def test_code_in_other_formats_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    value = {**ARRAYS, "bomb": Bomb()}
    np.save("w.npy", np.array(value))
    np.savez("w.npz", params=np.array(value))
    joblib.dump(value, "w.joblib")
    joblib.dump({**ARRAYS, "names": np.array([Bomb()])}, "objects.joblib")
    Path("inner.pkl").write_bytes(pickle.dumps({"model": pickle.dumps(value)}))
    Path("w.bin").write_bytes(torch_file({**TENSORS, "bomb": Bomb()}))
    Path(INDEX).write_text(json.dumps({"weight_map": {"a": "w.bin"}}))
    places = [path for path in Path().iterdir() if path.name != "w.bin"]
    for path in places:
        before = set(sys.modules)
        names = {name.rpartition(".")[2] for name in read_tensors(path)}
        assert names == set(TENSORS), path
        assert read_contents(path).code == (f"{os.system.__module__}.system",)
        assert set(sys.modules) == before
    assert len(places) == 6
    assert not Path("ran").exists()


@pytest.mark.parametrize("names", [("orig", "mask"), ("v", "g"), ("orig", "u", "v")])
@pytest.mark.parametrize("shapes", [[(90_000, 1), (1, 90_000), (3,)], [(2,), (3,), (3,)]])
def test_tensors_that_do_not_fit_a_rule_are_not_folded(
    tmp_path: Path, names: tuple[str, ...], shapes: list[tuple[int, ...]]
) -> None:
    parts = [tensor(storage(90_000), shape, (1,) * len(shape)) for shape in shapes]
    named = b"".join(word(f"weight_{n}") + part for n, part in zip(names, parts, strict=False))
    (tmp_path / "w.pt").write_bytes(zipped(b"}(" + named + b"u", bytes(360_000)))
    assert set(read_tensors(tmp_path / "w.pt")) == {f"weight_{name}" for name in names}


def test_a_folded_weight_of_one_input_is_scaled_by_its_own_length(tmp_path: Path) -> None:
    conv = torch.nn.utils.parametrizations.weight_norm(torch.nn.Conv2d(3, 3, 1, groups=3))
    torch.save(conv.state_dict(), tmp_path / "w.pt")
    assert torch.allclose(read_tensors(tmp_path / "w.pt")["weight"], conv.weight)


def test_tensors_in_the_same_bytes_share_their_copy(tmp_path: Path) -> None:
    inner = torch_file(torch.zeros(10_000).untyped_storage(), zipped=False)
    views = b"".join(
        b"ctorch._utils\n_rebuild_tensor_v2\n(h\1" + word(i) + b"(K\5t(K\1ttR" for i in range(100)
    )
    loads = b"ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(inner)) + inner
    (tmp_path / "w.pkl").write_bytes(b"\x80\x03" + loads + b"\x85Rq\0q\1](" + views + b"e.")
    tensors = read_tensors(tmp_path / "w.pkl")
    assert len(tensors) == 100
    assert len({tensor.untyped_storage().data_ptr() for tensor in tensors.values()}) == 1


# ---------------------------------------------------------------- honest files


@pytest.mark.parametrize("suffix", ["pt", "pth", "bin", "safetensors", "ckpt", "npz"])
def test_the_content_says_the_format(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "file").mkdir()
    path = tmp_path / f"w.{suffix}"
    path.symlink_to(tmp_path / "file" / "w")
    for content in files().values():
        path.write_bytes(content)
        state = read_tensors(path)
        assert {name.removeprefix("model.") for name in state} == set(TENSORS)
        for name, value in state.items():
            assert torch.equal(value, TENSORS[name.removeprefix("model.")])


def test_checkpoints_are_read_with_what_is_around_the_weights(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    rates = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    for zip_format in (True, False):
        content = {
            "state_dict": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "rates": rates.state_dict(),
            "epoch": 3,
            "random": torch.get_rng_state(),
            "ema": [model.weight, torch.zeros(2, dtype=torch.bfloat16).expand(1, 2)],
            "precision": torch.float16,
            "losses": [0.5] * 100_000,
        }
        (tmp_path / "w.pt").write_bytes(torch_file(content, zipped=zip_format))
        tensors, contents = read_tensors(tmp_path / "w.pt"), read_contents(tmp_path / "w.pt")
        assert torch.equal(tensors["state_dict.weight"], model.weight)
        assert tensors["optimizer.state.0.step"] == 1
        assert tensors["ema.1"].dtype is torch.bfloat16
        assert contents.code == ()
        beside = dict(contents.beside("state_dict"))
        assert beside["epoch"] == "int"
        assert beside["precision"] == "the name torch.float16"
        assert contents.others["rates", "milestones"] == "collections.Counter"


def test_parameters_as_old_torch_wrote_them_are_read(tmp_path: Path) -> None:
    values = b"ctorch.nn.parameter\nParameter\n)\x81"
    data = tensor(storage(1, b"N"), (1,), (1,))
    old = b"(" + data + word(None) + word(None) + word(True) + word({}) + b"tb"
    (tmp_path / "w.pth").write_bytes(legacy(mapping(values + old)))
    [(name, value)] = read_tensors(tmp_path / "w.pth").items()
    assert (name, type(value), value.requires_grad) == ("k0", torch.Tensor, False)
    assert value.tolist() == [0.0]


# ---------------------------------------------------------------- damage


class Module(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.a = torch.nn.Parameter(TENSORS["a"])
        self.register_buffer("b", TENSORS["b"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.a


def written(save: Callable[[Any], object]) -> bytes:
    """The bytes that a function writes to a file."""
    file = io.BytesIO()
    save(file)
    return file.getvalue()


@cache
def files() -> dict[str, bytes]:
    """A small file of every format."""
    module, beside = Module(), {"model": TENSORS, "count": Counter("ab"), "f": frozenset([1])}
    with warnings.catch_warnings(action="ignore"):
        program = torch.export.export(module, (torch.zeros(3),))
        script = torch.jit.trace(module, torch.zeros(3))
        programs = {
            "script": written(partial(torch.jit.save, script)),
            "export": written(partial(torch.export.save, program)),
        }
    return programs | {
        "zip": torch_file(beside),
        "legacy": torch_file(beside, zipped=False),
        "module": torch_file(module),
        "legacy-module": torch_file(module, zipped=False),
        **{f"pickle-{n}": pickle.dumps(beside, n) for n in range(6)},
        **{f"arrays-{n}": pickle.dumps(ARRAYS, n) for n in range(6)},
        "npz": written(partial(np.savez, a=ARRAYS["a"], b=ARRAYS["b"])),
        "npz-deflated": written(partial(np.savez_compressed, a=ARRAYS["a"], b=ARRAYS["b"])),
        "npy": written(lambda file: np.save(file, np.array(ARRAYS))),
        "joblib": written(partial(joblib.dump, ARRAYS)),
        "bytes": pickle.dumps({"model": torch_file(TENSORS)}),
        "safetensors": save(TENSORS),
    }


def damaged(data: st.DataObject, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(changed) - 1))
        match data.draw(st.integers(0, 2)):
            case 0:
                changed[place] = data.draw(st.integers(0, 255))
            case 1:
                del changed[place : min(place + data.draw(st.integers(1, 20)), len(changed) - 1)]
            case _:
                changed[place:place] = content[place - data.draw(st.integers(0, 40)) : place]
    return bytes(changed)


@given(data=st.data())
@settings(max_examples=min(250, 5 * settings().max_examples))
def test_damaged_files_are_read_or_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.bin"
    content = files()[data.draw(st.sampled_from(sorted(files())))]
    path.write_bytes(damaged(data, content))
    for read in (read_tensors, lift_checkpoint):
        with suppress(SpecError):  # any other error is a traceback for the user
            read(path)


@given(data=st.data())
@settings(max_examples=min(50, settings().max_examples))
def test_damaged_shards_are_read_or_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("shards")
    parts = {f"w-0000{i}-of-00002.bin": {name: TENSORS[name]} for i, name in enumerate(TENSORS, 1)}
    places = {name: file for file, part in parts.items() for name in part}
    contents = {file: torch_file(part) for file, part in parts.items()}
    contents[INDEX] = json.dumps({"weight_map": places}).encode()
    hit = data.draw(st.sampled_from(sorted(contents)))
    contents[hit] = damaged(data, contents[hit])
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    for name in contents:
        with suppress(SpecError):
            read_tensors(folder / name)
