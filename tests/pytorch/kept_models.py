"""A small residual network, as popular code writes it, and the parts of a catalogue of files that
hold its weights: a `Kind` of file, and look-alikes of what frameworks keep beside weights."""

from __future__ import annotations

import functools
import io
import pickle
import re
import sys
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn

Holds: TypeAlias = Literal["TinyResNet", "other", "nothing"]
Reads: TypeAlias = Literal["lifts", "refused"]
Write: TypeAlias = Callable[[Path], Path]


@dataclass(frozen=True)
class Kind:
    """A kind of file: `write` writes one into an empty folder, and gives what a user would name."""

    name: str
    write: Write
    holds: Holds  # the weights of `seeded_model`, those of a network of the same shape, or none
    reads: Reads  # what a reader could do at best that runs no code of the file
    hint: str = ""  # of the refusal


class BasicBlock(nn.Module):
    def __init__(self, inplanes: int, planes: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = None
        if stride != 1 or inplanes != planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(inplanes, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes)
            )

    def forward(self, x: Tensor) -> Tensor:
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        return self.relu(out)  # type: ignore[no-any-return]


class TinyResNet(nn.Module):
    def __init__(self, layers: tuple[int, ...] = (2, 2, 2), num_classes: int = 10) -> None:
        super().__init__()
        self.inplanes = 16
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu = nn.ReLU(inplace=True)
        self.layer1 = self._make_layer(16, layers[0])
        self.layer2 = self._make_layer(32, layers[1], stride=2)
        self.layer3 = self._make_layer(64, layers[2], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(64, num_classes)

    def _make_layer(self, planes: int, blocks: int, stride: int = 1) -> nn.Sequential:
        layers = [BasicBlock(self.inplanes, planes, stride)]
        self.inplanes = planes
        layers += [BasicBlock(planes, planes) for _ in range(1, blocks)]
        return nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        x = torch.flatten(self.avgpool(x), 1)
        return self.fc(x)  # type: ignore[no-any-return]


class Wrapped(nn.Module):
    """A network in another one's attribute, and a module to normalize images before it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.normalize = Normalize()
        self.model = model

    def forward(self, x: Tensor) -> Tensor:
        return self.model(self.normalize(x))  # type: ignore[no-any-return]


class Normalize(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std  # type: ignore[operator]


def seeded_model(constructor: Callable[[], nn.Module] = TinyResNet) -> nn.Module:
    """The network that the files hold: it has learned and counted, and pruning left it zeros."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = constructor()
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.weight[module.weight.abs() < 0.005] = 0
            elif isinstance(module, nn.BatchNorm2d):
                for tensor in (module.weight, module.running_var):
                    assert tensor is not None
                    tensor.uniform_(0.5, 1.5)
                for tensor in (module.bias, module.running_mean):
                    assert tensor is not None
                    tensor.uniform_(-0.5, 0.5)
                assert module.num_batches_tracked is not None
                module.num_batches_tracked.fill_(1000)
    return model.eval()


def weights(prefix: str = "", *names: tuple[str, str]) -> dict[str, Tensor]:
    """Its state dict, with a prefix before each name, and then patterns replaced in their order."""
    state = seeded_model().state_dict()
    if not prefix and not names:
        return state
    renamed = OrderedDict[str, Tensor]()
    for key, tensor in state.items():
        key = prefix + key
        for pattern, name in names:
            key = re.sub(pattern, name, key)
        renamed[key] = tensor
    return renamed


def arrays() -> dict[str, Any]:
    """The same as numpy arrays."""
    return {name: tensor.numpy() for name, tensor in weights().items()}


def trunk(prefix: str = "", *, head: bool = False) -> dict[str, Tensor]:
    """Its state dict without the last layer, or that layer alone, as `weight` and `bias`."""
    start = "fc." if head else ""
    return {
        prefix + name.removeprefix(start): tensor
        for name, tensor in weights().items()
        if name.startswith("fc.") == head
    }


def optimizer_state() -> object:
    return sgd(seeded_model()).state_dict()


def sgd(model: nn.Module, *, momentum: bool = True) -> torch.optim.SGD:
    """An optimizer as a step with gradients of zero leaves it."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9 if momentum else 0)
    for parameter in model.parameters():
        buffer = torch.zeros_like(parameter, requires_grad=False) if momentum else None
        optimizer.state[parameter]["momentum_buffer"] = buffer
    return optimizer


def quietly(write: Write) -> Write:
    """The same without the warnings of libraries, for instance that a format is old."""

    @functools.wraps(write)
    def written(folder: Path) -> Path:
        with warnings.catch_warnings(action="ignore"):
            return write(folder)

    return written


def kept(
    name: str,
    content: Callable[[], object],
    holds: Holds = "TinyResNet",
    *,
    file: str = "model.pth",
    zipped: bool = True,
    protocol: int = 2,
) -> Kind:
    """What `torch.save` writes."""

    def write(folder: Path) -> Path:
        value = content()
        options = {"pickle_protocol": protocol, "_use_new_zipfile_serialization": zipped}
        with stand_ins():
            torch.save(value, folder / file, **options)  # type: ignore[arg-type]
        return folder / file

    return Kind(name, quietly(write), holds, "lifts")


def pickled(
    name: str,
    content: Callable[[], object],
    holds: Holds = "TinyResNet",
    *,
    file: str = "model.pkl",
    protocol: int = 4,
) -> Kind:
    """What `pickle.dump` writes."""

    def write(folder: Path) -> Path:
        value = content()
        with stand_ins():
            (folder / file).write_bytes(pickle.dumps(value, protocol))
        return folder / file

    return Kind(name, quietly(write), holds, "lifts")


def written(name: str, write: Callable[[Path], object], file: str, named: str = "") -> Kind:
    """By a function of the path, beside which it may write more; a user names either."""

    def both(folder: Path) -> Path:
        write(folder / file)
        return folder / named if named else folder / file

    return Kind(name, quietly(both), "TinyResNet", "lifts")


def refused(
    name: str, file: str, content: Callable[[], bytes], hint: str, holds: Holds = "nothing"
) -> Kind:
    """Bytes that no reader can make a network of."""

    def write(folder: Path) -> Path:
        (folder / file).write_bytes(content())
        return folder / file

    return Kind(name, quietly(write), holds, "refused", hint)


# look-alikes of the classes of frameworks, which are there only while a file is written

_STAND_INS: dict[str, type] = {}


def stand_in(path: str, base: type = object) -> Any:
    """A class that pickles name as one in a module that is not installed."""
    module, _, name = path.rpartition(".")
    created = type(name, (base,), {"__module__": module, "__qualname__": name})
    assert path not in _STAND_INS
    _STAND_INS[path] = created
    return created


def filled(kind: Any, /, **attributes: object) -> Any:
    """An instance with these attributes."""
    created = kind.__new__(kind)
    vars(created).update(attributes)
    return created


@contextmanager
def stand_ins() -> Iterator[None]:
    """The modules of the look-alikes."""
    before: dict[str, ModuleType | None] = {}
    try:
        for path, created in _STAND_INS.items():
            parts = path.split(".")[:-1]
            for length in range(1, len(parts) + 1):
                name = ".".join(parts[:length])
                if name not in before:
                    before[name] = sys.modules.get(name)
                    sys.modules[name] = ModuleType(name)
            setattr(sys.modules[".".join(parts)], created.__name__, created)
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


class Called:
    """What a pickle has of a call: reading the file as pickle does would make it."""

    def __init__(self, function: Callable[..., object], *args: object) -> None:
        self.call = function, args

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


# other formats


def torch_bytes(value: object) -> bytes:
    file = io.BytesIO()
    torch.save(value, file)
    return file.getvalue()


def field(number: int, content: bytes) -> bytes:
    """Of a message of protobuf."""
    return bytes([number << 3 | 2, len(content)]) + content


ONNX_GRAPH = field(5, b"\x08\x01\x10\x01" + field(8, b"fc.bias") + field(9, bytes(4)))
ONNX = b"\x08\x08" + field(2, b"pytorch") + field(7, ONNX_GRAPH + field(2, b"main_graph"))
TENSORFLOW = b"\x08\x01" + field(2, field(1, field(4, b"serve") + field(5, b"2.15.0")))
HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(5) + b"\x08\x08\0\x04\0\x10\0" + bytes(2028)
LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:%b\nsize 46\n" % (b"4d7a2146" * 8)
HTML = b"<!DOCTYPE html>\n<html><head><title>Google Drive - Quota exceeded</title></head></html>\n"

OTHERS = [
    refused("an empty file", "model.pth", lambda: b"", "empty"),
    refused("an HTML document", "model.pth", lambda: HTML, "HTML"),
    refused("a pointer of Git LFS", "model.safetensors", lambda: LFS, "LFS"),
    refused("HDF5 of Keras", "model.h5", lambda: HDF5, "HDF5"),
    refused("ONNX", "model.onnx", lambda: ONNX, "ONNX"),
    refused("TensorFlow's SavedModel", "saved_model.pb", lambda: TENSORFLOW, "TensorFlow"),
    refused("JSON", "config.json", lambda: b'{"architectures": ["ResNet"]}', "JSON"),
]
