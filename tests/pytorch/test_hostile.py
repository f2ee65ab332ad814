"""Files of weights from strangers: read, or refused in a line; nothing runs, little is taken."""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from zipfile import ZIP_DEFLATED

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save, save_file

from resnet_dsl import SpecError
from resnet_dsl.pytorch.file_contents import read_checkpoint, read_state
from tests.pytorch.hostile_files import (
    call,
    entry,
    legacy,
    mapping,
    refusal,
    safetensors,
    storage,
    tensor,
    torch_file,
    twice,
    word,
    zipped,
)

HUGE = 2_500_000_000  # floats: 10 GB
TENSORS = {"a": torch.arange(3.0), "b": torch.zeros(2, 2)}


# torch's two formats by hand, since torch writes no lies


ONE = storage(1, b"N")
EMPTY_PARAMETER = b"ctorch.nn.parameter\nParameter\n)\x81"
STATE = b"(" + EMPTY_PARAMETER + word(0) + word((HUGE,)) + word((1,)) + b"tb"  # of a tensor
DEEP = b"}" + (word("a") + b"}") * 10_000 + b"s" * 10_000
PAIRS = b"()t" + b"".join(b"q%ch%c\x86" % (i, i) for i in range(30))  # of one pair twice
MANY = b"}q\xc8(" + b"".join(word(str(i)) + b"N" for i in range(1000)) + b"u"
COPIES = b"](" + MANY + call("collections Counter", b"h\xc8") * 1000 + b"e"
CHANGED = b"](]q\0h\0K\1ae"  # an empty list, and once more, which then gets an item

CLAIMS: list[tuple[str, bytes, str]] = [
    ("shape", safetensors({"a": entry([HUGE], 0, 4)}, bytes(4)), "invalid shape"),
    ("offsets", safetensors({"a": entry([HUGE], 0, 4 * HUGE)}, bytes(4)), "not fully covered"),
    ("header", struct.pack("<Q", 4 * HUGE) + b"{}", "header too large"),
    ("record", zipped(mapping(tensor(storage(HUGE), (HUGE,), (1,)))), "record size (4 bytes)"),
    ("expanded", zipped(mapping(tensor(storage(1), (HUGE,), (0,)))), "tensor of more bytes"),
    ("grown", zipped(mapping(tensor(storage(1), (HUGE,), (1,)))), "not resizable"),
    (
        "old-storage",
        legacy(mapping(tensor(storage(HUGE, b"N"), (HUGE,), (1,))), HUGE),
        "no file of weights",  # or else no memory
    ),
    (
        "old-storage-of-4-kb",
        legacy(mapping(tensor(storage(1000, b"N"), (1000,), (1,))), 1000),
        "claims more bytes than it has",
    ),
    ("old-expanded", legacy(mapping(tensor(ONE, (HUGE,), (0,)))), "tensor of more bytes"),
    (
        "old-expanded-inside",
        legacy(mapping(mapping(b"](" + tensor(ONE, (HUGE,), (0,)) + b"\x85e"))),
        "tensor of more bytes",
    ),
    ("old-grown", legacy(mapping(tensor(ONE, (HUGE,), (1,)))), "not resizable"),
    ("old-parameter", legacy(mapping(tensor(ONE, (1,), (1,)) + STATE)), "not resizable"),
    (
        "iterated",
        legacy(mapping(call("collections OrderedDict", tensor(ONE, (10**8, 2), (0, 0))))),
        "computes with tensors",
    ),
    ("bytes", legacy(mapping(call("__builtin__ bytearray", word(4 * HUGE)))), "bytearray"),
    ("pairs", legacy(mapping(PAIRS), keys=()), "nested too deeply"),
    ("pairs-called", legacy(mapping(PAIRS + b")R"), keys=()), "nested too deeply"),
    ("pairs-as-key", legacy(b"}(" + PAIRS + b"K\1u", keys=()), "nested too deeply"),
    ("copies", legacy(mapping(COPIES), keys=()), "nested too deeply"),
    ("changed", legacy(mapping(CHANGED), keys=()), "changes what it has repeated"),
    ("deep", legacy(DEEP, keys=()), "nested too deeply"),
    ("deep-key", legacy(b"}()" + b"\x85" * 10**6 + b"K\1u", keys=()), "nested too deeply"),
]


@pytest.mark.parametrize(("content", "reason"), [pytest.param(*c, id=n) for n, *c in CLAIMS])
def test_claims_beyond_the_file_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    assert reason in refusal(tmp_path / "w.pt")


MEASURE = """
import resource, sys
from pathlib import Path
from resnet_dsl import SpecError
from resnet_dsl.pytorch.file_contents import read_checkpoint
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))  # should a guard be gone
for name in sys.argv[1:]:
    before = peak()
    try:
        read_checkpoint(Path(name))
        print(name, "was read")
    except SpecError:
        if peak() - before > 100:
            print(name, "took", peak() - before, "MB")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts in kB on Linux")
def test_claims_take_no_memory(tmp_path: Path) -> None:
    for name, content, _ in CLAIMS:
        (tmp_path / name).write_bytes(content)
    deflated = zipped(
        mapping(tensor(storage(10**8), (10**8,), (1,))), bytes(4 * 10**8), ZIP_DEFLATED
    )
    (tmp_path / "deflated").write_bytes(deflated)
    names = sorted(path.name for path in tmp_path.iterdir())
    command = [sys.executable, "-c", MEASURE, *names]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "", "")


OTHER = zipped(mapping(tensor(storage(1), (1,), (1,))), bytes(8))
NOISE = zipped(mapping(tensor(storage(1), (1,), (1,))), Random(0).randbytes(999), ZIP_DEFLATED)
TWO = {"a": entry([2], 0, 8), "b": entry([2], 4, 12)}
APART = {"a": entry([2], 0, 8), "b": entry([2], 12, 20)}

BROKEN: list[tuple[str, bytes, str]] = [
    ("empty", b"", "exhausted"),
    ("zip-start", b"PK\x03\x04", "not a zip file"),
    ("zip-cut", torch_file(TENSORS)[:-100], "not a zip file"),
    ("zip-record", OTHER, "record size (8 bytes)"),
    ("zip-packed", NOISE, "compressed"),
    ("zip-twice", twice(), "two entries of one name"),
    ("zeros", bytes(100), "unknown"),
    ("old-cut", torch_file(TENSORS, zipped=False)[:-10], "unexpected EOF"),
    ("old-cut-early", torch_file(TENSORS, zipped=False)[:200], "exhausted"),
    ("old-call", legacy(mapping(call("collections OrderedDict", word(3)))), "not iterable"),
    ("old-escape", legacy(b"c\\ \n\n)R"), "holds more than tensors"),
    ("old-callee", legacy(mapping(b"))R")), "calls what is no function"),
    ("old-opcode", legacy(mapping(b"I1\n")), "no such pickle"),
    ("cut", save(TENSORS)[:-4], "not fully covered"),
    ("cut-early", save(TENSORS)[:20], "header"),
    ("text", safetensors("{"), "EOF"),
    ("nested", safetensors('{"a":' * 500 + "0" + "}" * 500), "recursion limit"),
    ("overlap", safetensors(TWO, bytes(12)), "invalid offset"),
    ("hole", safetensors(APART, bytes(20)), "invalid offset"),
    ("size", safetensors({"a": {**entry([2], 0, 8), "dtype": "F64"}}, bytes(8)), "invalid shape"),
    ("kind", safetensors({"a": {**entry([2], 0, 8), "dtype": "F3"}}, bytes(8)), "variant `F3`"),
]


@pytest.mark.parametrize(("content", "reason"), [pytest.param(*c, id=n) for n, *c in BROKEN])
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_broken_files_are_refused(tmp_path: Path, suffix: str, content: bytes, reason: str) -> None:
    (tmp_path / f"w.{suffix}").write_bytes(content)
    actual = refusal(tmp_path / f"w.{suffix}")
    assert actual.startswith(("no file of weights; ", "holds more than tensors: "))
    assert actual.endswith("; write model.state_dict() with safetensors or torch")
    assert reason in actual


class Bomb:
    """Runs a command where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.system, (f"touch {self.path}",)


FORMATS: list[Callable[[object], bytes]] = [
    torch_file,
    lambda value: torch_file(value, zipped=False),
    lambda value: pickle.dumps(value, 2),
    pickle.dumps,
]


@pytest.mark.parametrize("suffix", ["pt", "pth", "bin", "safetensors"])
def test_code_in_a_file_does_not_run(tmp_path: Path, suffix: str) -> None:
    path, ran = tmp_path / f"w.{suffix}", tmp_path / "ran"
    for write in FORMATS:
        for value in (Bomb(ran), {"a": Bomb(ran), "b": torch.zeros(1)}, {"a": {"b": [Bomb(ran)]}}):
            path.write_bytes(write(value))
            assert refusal(path).startswith(("no file of weights; ", "holds more than tensors: "))
    assert not ran.exists()
    pickle.loads(pickle.dumps(Bomb(ran)))
    assert ran.exists()  # the bomb is one


def test_what_only_code_can_make_is_named(tmp_path: Path) -> None:
    from argparse import Namespace

    import numpy as np

    path = tmp_path / "w.pt"
    state = {"state_dict": TENSORS, "args": Namespace(lr=0.1), "best": np.float64(0.7)}
    for packed in (True, False):
        path.write_bytes(torch_file(state, zipped=packed))
        actual = refusal(path)
        assert actual.startswith("holds more than tensors: _codecs.encode, argparse.Namespace, num")
        assert actual.endswith("; write model.state_dict() with safetensors or torch")
    torch.save(torch.nn.Linear(1, 1), path)
    assert "torch.nn.modules.linear.Linear" in refusal(path)


class Subclass(torch.Tensor):
    pass


def unusual() -> dict[str, torch.Tensor]:
    with warnings.catch_warnings(action="ignore"):
        return {
            "sparse": torch.eye(2).to_sparse(),
            "csr": torch.eye(2).to_sparse_csr(),
            "quantized": torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.quint8),
            "meta": torch.zeros(2, device="meta"),
            "nested": torch.nested.nested_tensor([torch.zeros(2)]),
            "subclass": torch.zeros(2).as_subclass(Subclass),
        }


@pytest.mark.parametrize("kind", list(unusual()))
def test_tensors_that_are_not_plain_are_refused(tmp_path: Path, kind: str) -> None:
    with warnings.catch_warnings(action="ignore"):
        torch.save({"a": unusual()[kind]}, tmp_path / "w.pt")
    assert refusal(tmp_path / "w.pt").startswith("holds more than tensors: ")


def test_files_without_named_tensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    for value in ([torch.zeros(1)], torch.zeros(1), {0: torch.zeros(1)}, {("a",): 1}, 3, None):
        torch.save(value, path)
        assert refusal(path) == "no state dict; save model.state_dict()"
    for content in (torch_file({}), torch_file(OrderedDict(), zipped=False), save({})):
        path.write_bytes(content)
        assert refusal(path) == "holds no tensors; save model.state_dict()"


def test_places_without_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link.pt").symlink_to(tmp_path / "gone.pt")
    (tmp_path / "loop.pt").symlink_to(tmp_path / "loop.pt")
    for name in ("nothing.pt", "link.pt", "loop.pt", "nul\0.pt"):
        assert refusal(tmp_path / name).startswith("no such file")
    (tmp_path / "folder.pt").mkdir()
    os.mkfifo(tmp_path / "fifo.pt")  # whoever opens it to read waits for a writer
    for place in (tmp_path / "folder.pt", tmp_path / "fifo.pt", Path("/dev/zero")):
        assert refusal(place).startswith("not a file")


def test_names_from_a_file_are_shown_without_control_characters(tmp_path: Path) -> None:
    torch.save({"\x1b[2J\ud800": 3, "x" * 1000: 4}, tmp_path / "w.pt")
    with pytest.raises(SpecError, match=r"\?\[2J\?, x{100} hold no tensors"):
        read_state(tmp_path / "w.pt")


@pytest.mark.parametrize("suffix", ["pt", "pth", "bin", "safetensors", "ckpt"])
def test_the_content_says_the_format(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "file").mkdir()
    path = tmp_path / f"w.{suffix}"
    path.symlink_to(tmp_path / "file" / "w")
    for content in (torch_file(TENSORS), torch_file(TENSORS, zipped=False), save(TENSORS)):
        path.write_bytes(content)
        state = read_state(path)
        assert sorted(state) == sorted(TENSORS)
        assert all(torch.equal(state[name], TENSORS[name]) for name in TENSORS)


def test_checkpoints_are_read_with_what_is_around_the_weights(tmp_path: Path) -> None:
    model = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    model(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    rates = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3, 5])
    for packed in (True, False):
        content = {
            "state_dict": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "rates": rates.state_dict(),
            "epoch": 3,
            "random": torch.get_rng_state(),
            "ema": [model.weight, torch.zeros(2, dtype=torch.bfloat16).expand(1, 2)],
            "precision": torch.float16,
        }
        (tmp_path / "w.pt").write_bytes(torch_file(content, zipped=packed))
        actual = read_checkpoint(tmp_path / "w.pt")
        assert list(actual) == list(content)
        assert actual["epoch"] == 3
        assert actual["precision"] is torch.float16
        weights, momenta, factors = actual["state_dict"], actual["optimizer"], actual["rates"]
        assert isinstance(weights, dict)
        assert torch.equal(weights["weight"], model.weight)
        assert isinstance(momenta, dict)
        assert momenta["state"][0]["step"] == 1
        assert isinstance(factors, dict)
        assert factors["milestones"] == Counter([3, 5])
        with pytest.raises(SpecError, match="optimizer, rates, epoch, ema, precision hold no"):
            read_state(tmp_path / "w.pt")


def test_parameters_as_old_torch_wrote_them_are_read(tmp_path: Path) -> None:
    old = b"(" + tensor(ONE, (1,), (1,)) + word(None) + word(None) + word(True) + word({}) + b"tb"
    (tmp_path / "w.pth").write_bytes(legacy(mapping(EMPTY_PARAMETER + old)))
    [(name, value)] = read_state(tmp_path / "w.pth").items()
    assert (name, type(value), value.requires_grad) == ("k0", torch.Tensor, False)
    assert value.tolist() == [0.0]


@given(data=st.data())
@settings(max_examples=min(150, 3 * settings().max_examples))
def test_damaged_files_are_read_or_refused(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("weights")
    path = folder / data.draw(st.sampled_from(["w.pt", "w.pth", "w.safetensors"]))
    if path.suffix == ".safetensors":
        save_file(TENSORS, path)
    else:
        path.write_bytes(torch_file(TENSORS, zipped=path.suffix == ".pt"))
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(content[: data.draw(st.integers(0, len(content)))]))
    with suppress(SpecError):  # any other error is a traceback for the user
        read_state(path)
