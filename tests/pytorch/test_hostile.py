"""Files of weights from strangers: read, or refused in a line; nothing runs, little is taken."""

from __future__ import annotations

import os
import pickle
import struct
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from random import Random
from zipfile import ZIP_DEFLATED

import pytest
import torch
from safetensors.torch import save

from resnet_dsl import SpecError, lift_checkpoint
from resnet_dsl.weight_files import read_contents
from tests.pytorch.hostile_files import (
    call,
    entry,
    legacy,
    mapping,
    measured,
    read_tensors,
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
FLOAT = tensor(ONE, (1,), (1,))
EMPTY_PARAMETER = b"ctorch.nn.parameter\nParameter\n)\x81"
DEEP = b"}" + (word("a") + b"}") * 10_000 + b"s" * 10_000
PAIRS = b"2\x86" * 30  # of what is before, of the pair, …: 2 ** 30 of it
MANY = b"}q\1(" + b"".join(word(str(i)) + b"N" for i in range(1000)) + b"u"
COUNTED = call("collections OrderedDict", b"h\1")
LONG = b"X" + struct.pack("<I", 500_000) + b"k" * 500_000 + b"q\1"
TEXT = call("_codecs encode", b"h\1" + word("latin1"))
INSTANCE = b"ccopyreg\n_reconstructor\n(cm\nC\nNh\1tR"
SHARED = b"cm\nC\n)\x81h\1b"  # an object whose attributes are those of others
NAMES = b"}" + LONG + FLOAT + b"sq\2" + b"h\2" * 20_000
LONG_MAKER = b"cm\n" + b"X" * 100_000 + b"\n)\x81"
SAME_HASH = [(i * (2**61 - 1)).to_bytes(11, "little") for i in range(1, 20_000)]
STORAGES = b"".join(
    b"(" + word("storage") + b"ctorch\nFloatStorage\n\x8a\x0b" + key + b"NK\1tQ"
    for key in SAME_HASH
)
OF_TYPE = b"ctorch._tensor\n_rebuild_from_type_v2\n"
DEVICE = b"ctorch._utils\n_rebuild_device_tensor_from_numpy\n"
SELF_TYPE = b"]q\0(" + OF_TYPE + b"Nh\0e0"


def plain(content: bytes) -> bytes:
    return b"\x80\x02" + content + b"."


def listed(*content: bytes) -> bytes:
    return plain(b"](" + b"".join(content) + b"e")


CLAIMS: list[tuple[str, bytes, str]] = [
    ("shape", safetensors({"a": entry([HUGE], 0, 4)}, bytes(4)), "invalid shape"),
    ("offsets", safetensors({"a": entry([HUGE], 0, 4 * HUGE)}, bytes(4)), "not fully covered"),
    ("header", struct.pack("<Q", 4 * HUGE) + b"{}", "header too large"),
    ("record", zipped(mapping(tensor(storage(HUGE), (HUGE,), (1,)))), "has 4 bytes, and claims"),
    ("grown", zipped(mapping(tensor(storage(1), (HUGE,), (1,)))), "tensor of more bytes"),
    ("old-storage", legacy(mapping(tensor(ONE, (1,), (1,))), HUGE), "claims another size"),
    ("old-grown", legacy(mapping(tensor(ONE, (HUGE,), (1,)))), "tensor of more bytes"),
    ("old-negative", legacy(mapping(tensor(storage(-2, b"N"), (0,), (1,)))), "no storage"),
    ("iterated", legacy(mapping(call("collections OrderedDict", FLOAT))), "does not take"),
    ("dimensions", zipped(mapping(tensor(storage(1), (1,) * 99, (1,) * 99))), "impossible sizes"),
    ("no-numbers", zipped(mapping(tensor(storage(1), (0, 2**62), (1, 1)))), "impossible sizes"),
    ("negative", zipped(mapping(tensor(storage(1), (-1,), (1,)))), "impossible sizes"),
    ("stride", zipped(mapping(tensor(storage(1), (2,), (-1,)))), "impossible sizes"),
    ("truth", zipped(mapping(tensor(storage(1), (True,), (1,)))), "impossible sizes"),
    ("pairs", listed(b"N", PAIRS), "repeats too much"),
    ("pairs-of-tensors", zipped(mapping(tensor(storage(1), (1,), (1,)) + PAIRS)), "repeats"),
    ("pairs-called", listed(b")", PAIRS, b")R"), "calls what is no function"),
    ("pairs-as-key", plain(b"})" + PAIRS + b"Ns"), "no tensors"),
    ("copies", listed(MANY, COUNTED * 3000), "too many values"),
    ("instances", listed(MANY, INSTANCE * 3000), "too many values"),
    ("encoded", listed(LONG, TEXT * 1000), "copies too much"),
    ("attributes", listed(MANY, SHARED * 3000), "repeats too much"),
    ("long-name", legacy(b"](" + NAMES + b"e"), "a name that is too long"),
    ("long-class", plain(LONG_MAKER), "a name that is too long"),
    ("hashes", legacy(b"](" + STORAGES + b"e", keys=()), "storage that is missing"),
    ("memo", plain(b"Nr\xff\xff\xff\x7f"), "a memo of such a number"),
    ("memo-before", plain(b"Nq\0g-1\n"), "a memo of such a number"),
    ("empty-lists", listed(b"]" * 850_000), "too many values"),
    ("marks", plain(b"(" * 850_000), "too many values"),
    ("tuples", plain(b"N" + b"\x85" * 850_000), "too many values"),
    ("digits", plain(b"L" + b"9" * 10**6 + b"L\n"), "no pickle"),
    ("type-of-itself", plain(SELF_TYPE + OF_TYPE + b"h\0R"), "recursion"),
    ("devices", plain(DEVICE * 5000 + b"N" + b"\x85R" * 5000), "recursion"),
    ("deep", legacy(DEEP, keys=()), "nested too deeply"),
]


@pytest.mark.parametrize(("content", "reason"), [pytest.param(*c, id=n) for n, *c in CLAIMS])
def test_claims_beyond_the_file_are_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    assert reason in refusal(tmp_path / "w.pt")


EXPANDED = [tensor(source, (HUGE,), (0,)) for source in (storage(1), ONE)]


@pytest.mark.parametrize(
    "content", [zipped(mapping(EXPANDED[0])), legacy(mapping(mapping(b"](" + EXPANDED[1] + b"e")))]
)
def test_expanded_tensors_are_not_used(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.pt").write_bytes(content)
    assert "claims more numbers than the file has" in refusal(tmp_path / "w.pt")
    [shape] = read_contents(tmp_path / "w.pt").shapes.values()
    assert shape == (HUGE,)


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss counts in kB on Linux")
def test_claims_take_no_memory(tmp_path: Path) -> None:
    for name, content, _ in CLAIMS:
        (tmp_path / name).write_bytes(content)
    huge = tensor(storage(10**7), (10**7,), (1,))
    (tmp_path / "deflated").write_bytes(zipped(mapping(huge), bytes(4 * 10**7), ZIP_DEFLATED))
    assert measured(tmp_path.iterdir()) == ""


OTHER = zipped(mapping(tensor(storage(1), (1,), (1,))), bytes(8))
NOISE = zipped(mapping(tensor(storage(1), (1,), (1,))), Random(0).randbytes(999), ZIP_DEFLATED)  # noqa: S311 - a seeded choice, no secret
TWO = {"a": entry([2], 0, 8), "b": entry([2], 4, 12)}
APART = {"a": entry([2], 0, 8), "b": entry([2], 12, 20)}

BROKEN: list[tuple[str, bytes, str]] = [
    ("empty", b"", "it is empty"),
    ("zip-start", b"PK\x03\x04", "cut off or damaged"),
    ("zip-cut", torch_file(TENSORS)[:-100], "cut off or damaged"),
    ("zip-record", OTHER, "has 8 bytes, and claims"),
    ("zip-packed", NOISE, "compressed"),
    ("zip-twice", twice(), "two entries of one name"),
    ("zip-text", zipped(mapping(tensor(word("0000"), (1,), (1,)))), "holds no plain tensors"),
    ("zip-type", zipped(mapping(tensor(storage(1), (1,), (1,)))).replace(b"Fl", b"Xl"), "unknown"),
    ("zeros", bytes(100), "of no format that is known"),
    ("old-cut", torch_file(TENSORS, zipped=False)[:-10], "more bytes than it has"),
    ("old-cut-early", torch_file(TENSORS, zipped=False)[:200], "does not end"),
    ("old-call", legacy(mapping(call("collections OrderedDict", word(3)))), "does not take"),
    ("old-escape", legacy(b"c\\ \n\n)R", keys=()), "holds no tensors"),
    ("old-callee", legacy(mapping(b"))R")), "calls what is no function"),
    ("old-extension", legacy(mapping(b"\x82\1")), "opcode"),
    ("old-storages", legacy(mapping(FLOAT), keys=()), "storage that is missing"),
    ("old-id", legacy(mapping(b"NQ")), "no storage of torch"),
    ("reference", plain(b"NQ"), "refers to what is not in it"),
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
    assert reason in refusal(tmp_path / f"w.{suffix}")


class Bomb:
    """Runs a command where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.system, (f"touch {self.path}",)


FORMATS: list[Callable[[object], bytes]] = [
    torch_file,
    lambda value: torch_file(value, zipped=False),
    *(lambda value, n=protocol: pickle.dumps(value, n) for protocol in range(6)),
]


@pytest.mark.parametrize("suffix", ["pt", "pth", "bin", "safetensors"])
def test_code_in_a_file_does_not_run(tmp_path: Path, suffix: str) -> None:
    path, ran = tmp_path / f"w.{suffix}", tmp_path / "ran"
    name = f"{os.system.__module__}.system"
    for write in FORMATS:
        path.write_bytes(write({"a": Bomb(ran)}))
        assert refusal(path).startswith("holds no tensors")
        for value in ({"a": Bomb(ran), "b": torch.zeros(1)}, {"a": [Bomb(ran)], "b": TENSORS["b"]}):
            path.write_bytes(write(value))
            assert list(read_tensors(path)) == ["b"]
            assert read_contents(path).code == (name,)
            with pytest.raises(SpecError):
                lift_checkpoint(path)
    assert not ran.exists()
    pickle.loads(pickle.dumps(Bomb(ran)))  # noqa: S301 - its own bytes
    assert ran.exists()  # the bomb is one


CALLS = {
    "posix.system": b"cposix\nsystem\n(" + word("true") + b"tR",
    "nt.system": b"(" + word("true") + b"int\nsystem\n",
    "builtins.eval": b"(cbuiltins\neval\n" + word("1") + b"o",
    "builtins.__import__": word("builtins") + word("__import__") + b"\x93" + word("os") + b"\x85R",
    "os.path.os.system": call("builtins getattr", b"cos\npath.os\n", word("system")) + b")R",
    "torch._tensor._rebuild_from_type_v2": OF_TYPE + b"(cos\nsystem\nN" + word((1,)) + b"}tR",
    "module_of_nobody.main": b"cmodule_of_nobody\nmain\n)R",
}


@pytest.mark.parametrize("name", CALLS)
def test_calls_are_named_and_nothing_is_imported(tmp_path: Path, name: str) -> None:
    beside = tensor(storage(1), (1,), (1,))
    (tmp_path / "w.pt").write_bytes(zipped(mapping(CALLS[name], beside)))
    read_tensors(tmp_path / "w.pt")
    before = set(sys.modules)
    assert list(read_tensors(tmp_path / "w.pt")) == ["k1"]
    assert read_contents(tmp_path / "w.pt").code == (name,)
    assert set(sys.modules) == before


def test_what_names_unknown_modules_is_read_without_them(tmp_path: Path) -> None:
    objects = b"cantigravity\nClass\n)\x81", b"cthis\nClass\n)R", b"cidlelib.run\nX\n"
    (tmp_path / "w.pt").write_bytes(zipped(mapping(*objects, tensor(storage(1), (1,), (1,)))))
    assert list(read_tensors(tmp_path / "w.pt")) == ["k3"]
    assert not {"antigravity", "this", "idlelib.run"} & set(sys.modules)


class Subclass(torch.Tensor):
    pass


def unusual() -> dict[str, torch.Tensor]:
    with warnings.catch_warnings(action="ignore"):
        return {
            "sparse": torch.eye(2).to_sparse(),
            "sparse csr": torch.eye(2).to_sparse_csr(),
            "quantized": torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.quint8),
            "without storage": torch.zeros(2, device="meta"),
            "nested": torch.nested.nested_tensor([torch.zeros(2)]),
        }


@pytest.mark.parametrize("kind", list(unusual()))
def test_tensors_that_are_not_plain_are_listed(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "w.pt"
    with warnings.catch_warnings(action="ignore"):
        torch.save({"a": unusual()[kind]}, path)
        assert refusal(path).startswith("holds no plain tensors: ")
        torch.save({"a": unusual()[kind], "b": torch.zeros(1)}, path)
    assert list(read_tensors(path)) == ["b"]
    [(name, shown)] = read_contents(path).unreadable.items()
    assert name == "a"
    assert kind.partition(" ")[0] in shown


def test_tensors_of_a_subclass_are_plain_ones(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2).as_subclass(Subclass)}, tmp_path / "w.pt")
    [(name, value)] = read_tensors(tmp_path / "w.pt").items()
    assert (name, type(value), value.tolist()) == ("a", torch.Tensor, [1.0, 1.0])


def test_files_without_tensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    values = [torch_file(v) for v in ({("a",): 1}, {("a",): torch.zeros(1)}, 3, None, {})]
    for content in (*values, torch_file(OrderedDict(), zipped=False), save({})):
        path.write_bytes(content)
        assert refusal(path) == "holds no tensors; save model.state_dict()"
    for value in ([torch.zeros(1)], torch.zeros(1), {0: torch.zeros(1)}):
        torch.save(value, path)
        with pytest.raises(SpecError):
            lift_checkpoint(path)


def test_places_without_a_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "link.pt").symlink_to(tmp_path / "gone.pt")
    (tmp_path / "loop.pt").symlink_to(tmp_path / "loop.pt")
    for name in ("nothing.pt", "link.pt", "loop.pt", "nul\0.pt"):
        with pytest.raises(SpecError, match="no such file"):
            read_tensors(tmp_path / name)
    (tmp_path / "folder.pt").mkdir()
    assert refusal(tmp_path / "folder.pt").startswith("a folder without ")
    os.mkfifo(tmp_path / "fifo.pt")  # whoever opens it to read waits for a writer
    for place in (tmp_path / "fifo.pt", Path("/dev/zero")):
        assert refusal(place).startswith("not a file")


def test_names_from_a_file_are_shown_without_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    many = tensor(storage(1), (HUGE,), (0,))
    for content in (
        zipped(b"}" + word("\x1b[2J\ud800") + many + b"s"),
        zipped(b"}" + word("a") + call("torch._utils _rebuild_\x1b[2J") + b"s"),
        zipped(b"}" + word("a") + call("collections \x1b[2J", many) + b"s" + b"\x82"),
        zipped(mapping(tensor(storage(1), (1,), (1,)).replace(b"Float", b"\x1b[2J\r"))),
    ):
        path.write_bytes(content)
        refusal(path)
        with pytest.raises(SpecError) as caught:
            lift_checkpoint(path)
        assert all(fault.message.isprintable() for fault in caught.value.diagnostics)
