"""Files in which people keep more than weights: the network's code by name, and all that they had
at hand when they saved it."""

from __future__ import annotations

import array
import logging
import os
import pathlib
import random
import re
import string
import time
import uuid
from argparse import Namespace
from collections import ChainMap, Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntFlag
from fractions import Fraction
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim.lr_scheduler import CosineAnnealingLR, LambdaLR, OneCycleLR
from torch.optim.swa_utils import AveragedModel

from tests.pytorch.kept_models import (
    BasicBlock,
    Called,
    Kind,
    TinyResNet,
    Wrapped,
    filled,
    kept,
    seeded_model,
    sgd,
    stand_in,
    weights,
)

DictConfig = stand_in("omegaconf.dictconfig.DictConfig")
AnyNode = stand_in("omegaconf.nodes.AnyNode")
Metadata = stand_in("omegaconf.base.ContainerMetadata")
EasyDict = stand_in("easydict.EasyDict", dict)
CfgNode = stand_in("yacs.config.CfgNode", dict)
Frame = stand_in("pandas.core.frame.DataFrame")
Manager = stand_in("pandas.core.internals.managers.BlockManager")
LabelEncoder = stand_in("sklearn.preprocessing._label.LabelEncoder")
Compose = stand_in("torchvision.transforms.transforms.Compose")
ToTensor = stand_in("torchvision.transforms.transforms.ToTensor")
Monitor = stand_in("utils.Monitor", list)
Gone = stand_in("models.resnet.ResNet", TinyResNet)
GoneBlock = stand_in("models.resnet.BasicBlock", BasicBlock)
Script = stand_in("__main__.Net", TinyResNet)


class Mode(Enum):
    FINETUNE = "finetune"
    SCRATCH = "scratch"


class Flags(IntFlag):
    AMP = 1
    EMA = 2


@dataclass
class Config:
    arch: str = "resnet14"
    mode: Mode = Mode.SCRATCH
    layers: tuple[int, ...] = (2, 2, 2)
    extra: dict[str, Any] = field(default_factory=lambda: {"drop": None})


@dataclass(frozen=True, slots=True)
class FrozenConfig:
    lr: float = 0.1
    path: pathlib.Path = pathlib.Path("runs/1")


class AverageMeter:
    def __init__(self) -> None:
        self.sum, self.count, self.history = 93.5, 1, [torch.tensor(93.5)]

    def update(self, value: float) -> None:
        self.sum += value


class Slotted:
    """Keeps what it has in slots."""

    __slots__ = ("best", "name")

    def __init__(self) -> None:
        self.best, self.name = 0.935, "accuracy"


class Registry(dict[str, object]):
    """A dictionary with attributes."""


class Trainer:
    """Trains; is kept whole with what it trains."""

    def __init__(self, model: nn.Module) -> None:
        self.model, self.args, self.meter = model, Namespace(lr=0.1), AverageMeter()
        self.optimizer = sgd(model, momentum=False)


def hook(module: nn.Module, args: object, output: Tensor) -> None:
    """Looks at what a module gives."""


def half_after_ten(epoch: int) -> float:
    return 0.5 ** (epoch // 10)


def hooked() -> nn.Module:
    model = seeded_model()
    model.get_submodule("layer2").register_forward_hook(hook)
    model.register_forward_pre_hook(partial(print, "before"))
    return model


def patched() -> nn.Module:
    """With attributes that are no modules: of the class, and put on it later."""
    model = seeded_model()
    more = {"meter": AverageMeter(), "config": Config(), "act": functional.relu, "norm": nn.GELU}
    vars(model).update(more, transform=partial(half_after_ten, 3), names={1: "cat"})
    return model


def gone() -> nn.Module:
    """Of classes that moved since, the blocks as well."""
    model = seeded_model(Gone)
    for module in model.modules():
        if type(module) is BasicBlock:
            module.__class__ = GoneBlock
    return model


def trained() -> nn.Module:
    """In training, with gradients, and with its last layer alone to be trained."""
    model = seeded_model().train()
    for name, parameter in model.named_parameters():
        parameter.grad = torch.zeros_like(parameter) if name.startswith("fc") else None
        parameter.requires_grad = name.startswith("fc")
    return model


def sequential() -> nn.Sequential:
    """The modules of the network without their names."""
    *body, fc = seeded_model().children()
    return nn.Sequential(*body, nn.Flatten(), fc)


def backbone_and_head() -> nn.Module:
    *body, (_, fc) = seeded_model().named_children()
    backbone = nn.Sequential(OrderedDict(body))
    return nn.ModuleDict({"backbone": backbone, "head": nn.Sequential(nn.Flatten(), fc)})


def traced_by_fx() -> nn.Module:
    module = torch.fx.symbolic_trace(seeded_model())
    for node in module.graph.nodes:
        node.type = None  # the annotation is a string, which torch cannot write
    module.recompile()
    return module


def with_optimizer() -> object:
    model = seeded_model()
    return {"model": model, "optimizer": sgd(model), "criterion": nn.CrossEntropyLoss()}


def adam() -> object:
    optimizer = torch.optim.AdamW(nn.Linear(64, 10).parameters(), amsgrad=True)
    for parameter in optimizer.param_groups[0]["params"]:
        moments = {"exp_avg": parameter.detach() * 0, "exp_avg_sq": parameter.detach() ** 2}
        optimizer.state[parameter] = {"step": torch.tensor(1.0), **moments}
    return optimizer


def scheduler(constructor: Callable[..., object], *args: object, **more: object) -> object:
    """Pickled whole, with its optimizer in it."""
    return constructor(torch.optim.SGD(nn.Linear(64, 10).parameters(), lr=0.1), *args, **more)


def omegaconf() -> object:
    node = filled(Metadata, ref_type=Any, object_type=dict, optional=True, key="lr", flags={})
    value = filled(AnyNode, _metadata=node, _parent=None, _val=0.1)
    config = filled(DictConfig, _metadata=node, _parent=None, _content={"lr": value})
    vars(value)["_parent"] = config
    return config


def frame() -> object:
    blocks = (np.array([[0.1, 0.2]]), np.array([["cat", "dog"]], dtype=object))
    return filled(Frame, _mgr=filled(Manager, blocks=blocks, axes=[["loss", "class"]]), attrs={})


def transform() -> object:
    return filled(Compose, transforms=[filled(ToTensor), partial(functional.pad, pad=(4, 4, 4, 4))])


def rng() -> dict[str, object]:
    return {"torch": torch.get_rng_state(), "numpy": np.random.get_state(), "py": random.getstate()}


def circle() -> object:
    """A dictionary that is in itself."""
    own: dict[str, object] = {"lr": 0.1}
    own["defaults"] = [own]
    return own


BESIDE: dict[str, Callable[[], object]] = {
    "an argparse.Namespace": lambda: Namespace(lr=0.1, layers=[2, 2, 2], out=pathlib.Path("o")),
    "a types.SimpleNamespace": lambda: SimpleNamespace(lr=0.1, nested=SimpleNamespace(a=1)),
    "scalars of numpy": lambda: {
        "acc": np.float64(0.935),
        "loss": np.float32(0.2),
        "n": np.int64(3),
    },
    "an array of numpy": lambda: np.arange(12.0).reshape(3, 4),
    "arrays of objects and of texts of numpy": lambda: (np.array(["cat", None]), np.array(["dog"])),
    "a record array and a date of numpy": lambda: (
        np.zeros(2, "i4,f8"),
        np.datetime64("2024-02-01"),
    ),
    "a masked array of numpy": lambda: np.ma.masked_array([1.0, 2.0], mask=[True, False]),
    "a generator and a dtype of numpy": lambda: (np.random.default_rng(0), np.dtype("f4")),
    "the states of the random generators": rng,
    "paths": lambda: [pathlib.Path("/data/train"), pathlib.PureWindowsPath("C:/data")],
    "a pathlib.WindowsPath": lambda: Called(pathlib.WindowsPath, "C:\\", "data"),
    "dates and times": lambda: [datetime.now(UTC), date(2024, 2, 1), timedelta(1), time.gmtime(0)],
    "sets": lambda: {"seen": {1, 2}, "frozen": frozenset({"conv1.weight"})},
    "a defaultdict of lists": lambda: defaultdict(list, train=[0.4, 0.3]),
    "a defaultdict of a partial": lambda: defaultdict(partial(Counter, a=0), b=Counter()),
    "a deque, a Counter, a ChainMap": lambda: [
        deque([1], maxlen=9),
        Counter("aab"),
        ChainMap({1: 2}),
    ],
    "shape, dtype, device": lambda: [torch.Size([3]), torch.half, torch.device("cuda")],
    "a GradScaler, pickled whole": lambda: torch.amp.GradScaler("cpu", enabled=False),
    "an optimizer, pickled whole": adam,
    "a CosineAnnealingLR, pickled whole": lambda: scheduler(CosineAnnealingLR, 10),
    "a OneCycleLR, pickled whole": lambda: scheduler(OneCycleLR, 0.1, total_steps=9),
    "a LambdaLR with a function": lambda: scheduler(LambdaLR, half_after_ten),
    "a config of OmegaConf": omegaconf,
    "an EasyDict": lambda: EasyDict(lr=0.1, model=EasyDict(depth=14)),
    "a CfgNode of yacs": lambda: CfgNode(SOLVER=CfgNode(LR=0.1)),
    "a dataclass with an enum": Config,
    "a frozen dataclass with slots": FrozenConfig,
    "enums": lambda: {Mode.FINETUNE: Flags.AMP | Flags.EMA},
    "a meter of a metric": AverageMeter,
    "objects of classes that are not there": lambda: Monitor([filled(LabelEncoder, classes_=[1])]),
    "an object with slots": Slotted,
    "a dictionary with attributes": lambda: filled(Registry, best=1),
    "a table of pandas": frame,
    "transforms of torchvision": transform,
    "a functools.partial of a class": lambda: partial(nn.BatchNorm2d, eps=1e-3),
    "functions, builtins and classes": lambda: [
        half_after_ten,
        len,
        nn.ReLU,
        functional.relu,
        dict,
    ],
    "a bound method": lambda: AverageMeter().update,
    "a logger": lambda: logging.getLogger("train"),
    "a number of decimal and of fractions": lambda: [Decimal("0.935"), Fraction(1, 3)],
    "a UUID": lambda: uuid.UUID(int=7),
    "complex, bytes, bytearray": lambda: [
        1 + 2j,
        b"\x89PNG",
        bytearray(b"ab"),
        array.array("f", [1]),
    ],
    "slice, range, Ellipsis, NotImplemented": lambda: [slice(1, 9), range(3), ..., NotImplemented],
    "a pattern and a template": lambda: [re.compile(r"layer\d", re.I), string.Template("$a")],
    "an exception": lambda: KeyboardInterrupt("stopped at epoch 3"),
    "types of typing": lambda: [list[int], Callable[[int], str], int | None],
    "huge and odd numbers": lambda: {2**80: float("nan"), -1: float("-inf"), None: True},
    "nested lists of tensors": lambda: [[torch.ones(2)], [[torch.zeros(3, 2)], (torch.ones(()),)]],
    "itself, in a circle": circle,
    "a loss with weights, pickled whole": lambda: nn.CrossEntropyLoss(torch.ones(10)),
    "code: os.system": lambda: Called(os.system, "true"),
    "code: eval": lambda: Called(eval, "1 + 1"),
}


def beside(name: str, content: Callable[[], object]) -> Kind:
    return kept(f"beside {name}", lambda: {"state_dict": weights(), "epoch": 9, "more": content()})


KINDS: list[Kind] = [
    *(beside(name, content) for name, content in BESIDE.items()),
    kept("torch.save(model)", seeded_model),
    kept("torch.save(model) of nn.DataParallel", lambda: nn.DataParallel(seeded_model())),
    kept("torch.save(model) of classes that are not there", gone),
    kept("torch.save(model) of a class of the script itself", lambda: seeded_model(Script)),
    kept("torch.save(model) in the format until 2020", seeded_model, zipped=False),
    kept("torch.save(model) with hooks", hooked),
    kept("torch.save(model) with attributes", patched),
    kept("torch.save(model) in training, partly frozen", trained),
    kept("torch.save(model) of AveragedModel", lambda: AveragedModel(seeded_model())),
    kept("torch.save(model) of a wrapper that normalizes", lambda: Wrapped(seeded_model())),
    kept("torch.save(nn.Sequential(*model.children()))", sequential),
    kept("torch.save of its state dict: 0.weight", lambda: sequential().state_dict()),
    kept("torch.save(model) of a backbone and a head", backbone_and_head),
    kept("torch.save(model) of a GraphModule of torch.fx", traced_by_fx),
    kept("torch.save(list(model.children()))", lambda: list(seeded_model().children())),
    kept("torch.save(dict(model.named_children()))", lambda: dict(seeded_model().named_children())),
    kept("torch.save(model.state_dict), the call forgotten", lambda: seeded_model().state_dict),
    kept('{"model": model, "optimizer": optimizer}', with_optimizer),
    kept("[model, accuracy]", lambda: [seeded_model(), 0.93]),
    kept("a trainer with the model in it", lambda: Trainer(seeded_model())),
]
