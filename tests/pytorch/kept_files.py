"""Files in which people keep the weights of a network: alone, and as training frameworks do."""

from __future__ import annotations

import io
from argparse import Namespace
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim.lr_scheduler import StepLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tests.pytorch.kept_models import (
    Kind,
    Normalize,
    TinyResNet,
    Wrapped,
    filled,
    kept,
    optimizer_state,
    pickled,
    seeded_model,
    sgd,
    stand_in,
    trunk,
    weights,
    written,
)

AttributeDict = stand_in("pytorch_lightning.utilities.parsing.AttributeDict", dict)
HistoryBuffer = stand_in("mmengine.logging.history_buffer.HistoryBuffer")
ConfigDict = stand_in("mmengine.config.config.ConfigDict", dict)
Learner = stand_in("fastai.learner.Learner")
Recorder = stand_in("fastai.learner.Recorder")
FlatLoss = stand_in("fastai.losses.CrossEntropyLossFlat")
FastaiList = stand_in("fastcore.foundation.L")
NeuralNet = stand_in("skorch.classifier.NeuralNetClassifier")
Timestamp = stand_in("composer.core.time.Timestamp")
Accuracy = stand_in("torchmetrics.classification.accuracy.MulticlassAccuracy", nn.Module)
Classifier = stand_in("ultralytics.nn.tasks.ClassificationModel", TinyResNet)


@dataclass
class Saved:
    """A checkpoint that is an object."""

    state: Mapping[str, Tensor]
    epoch: int = 90


class Snapshot(NamedTuple):
    """A checkpoint that is a tuple."""

    state: Mapping[str, Tensor]
    epoch: int = 90


class StateDict(OrderedDict[str, Tensor]):
    """A dictionary with an attribute."""

    source = "here"


def profiled() -> object:
    """With what thop counts for each module."""
    state = dict(weights())
    for module in ("", "conv1.", "layer1.0.conv1.", "layer3.", "fc."):
        for what in ("total_ops", "total_params"):
            state[module + what] = torch.zeros(1, dtype=torch.double)
    return state


def scheduler() -> object:
    return StepLR(sgd(seeded_model(), momentum=False), 30).state_dict()


def both(first: str, second: str, **more: Tensor) -> dict[str, Tensor]:
    """The network twice, as a teacher and the student that starts as its copy."""
    return {**weights(first), **weights(second), **more}


def tree() -> dict[str, object]:
    """The state dict with a dictionary for each module."""
    root: dict[str, object] = {}
    for name, tensor in weights().items():
        *modules, last = name.split(".")
        place = root
        for module in modules:
            child = place.setdefault(module, {})
            assert isinstance(child, dict)
            place = child
        place[last] = tensor
    return root


def learner() -> object:
    """fastai's `learn.export()`."""
    loss = filled(FlatLoss, axis=-1, func=nn.CrossEntropyLoss(), is_2d=True)
    callbacks = filled(FastaiList, items=[filled(Recorder, train_metrics=False, beta=0.98)])
    parts = {"model": seeded_model(), "loss_func": loss, "opt_func": torch.optim.Adam, "opt": None}
    return filled(Learner, **parts, cbs=callbacks, path=Path("."), moms=(0.95, 0.85), lock=None)


def skorch_net() -> object:
    """skorch keeps its module as a file of torch within the pickle."""
    inside = io.BytesIO()
    torch.save({"module_": seeded_model(), "criterion_": nn.CrossEntropyLoss()}, inside)
    parts = {"module": TinyResNet, "optimizer": torch.optim.SGD, "virtual_params_": OrderedDict()}
    history = [{"epoch": 1, "valid_acc": np.float64(0.9)}]
    bytes_of = {"__cuda_dependent_attributes__": inside.getvalue()}
    return filled(NeuralNet, **parts, history_=history, **bytes_of)


def message_hub() -> dict[str, object]:
    history = filled(HistoryBuffer, _max_length=1000000, _log_history=np.array([0.1, 0.2]))
    return {"log_scalars": {"train/loss": history}, "runtime_info": {"epoch": 1, "cfg": "a = 1"}}


def lightning() -> dict[str, object]:
    best = {"monitor": "val_loss", "best_model_score": torch.ones(())}
    start = {"epoch": 9, "global_step": 3910, "pytorch-lightning_version": "2.5.0"}
    loops = {"fit_loop": {"state_dict": {}, "epoch_progress": {"total": {"ready": 10}}}}
    state = {"state_dict": weights("model."), "loops": loops, "callbacks": {"Checkpoint": best}}
    steps = {"optimizer_states": [optimizer_state()], "lr_schedulers": [scheduler()]}
    kwargs = AttributeDict(lr=0.1, arch="resnet14")
    return start | state | steps | {"hparams_name": "kwargs", "hyper_parameters": kwargs}


def criterion() -> dict[str, object]:
    """The weights of classes in a loss, which Lightning keeps among those of the network."""
    return {"state_dict": {**weights("net."), "criterion.weight": torch.ones(10)}}


def imagenet_example() -> dict[str, object]:
    best = {"epoch": 90, "arch": "resnet14", "best_acc1": torch.tensor(76.1)}
    state = {"state_dict": weights("module."), "optimizer": optimizer_state()}
    return best | state | {"scheduler": scheduler()}


def references() -> dict[str, object]:
    state = {"model": weights(), "optimizer": optimizer_state(), "lr_scheduler": scheduler()}
    args = Namespace(data_path="/data", lr=0.1, device="cuda", distributed=True)
    scaler = torch.amp.GradScaler("cpu").state_dict()
    return {**state, "epoch": 89, "args": args, "scaler": scaler}


def ema() -> object:
    averaged = AveragedModel(seeded_model(), multi_avg_fn=get_ema_multi_avg_fn(), use_buffers=True)
    return averaged.state_dict()


def timm() -> dict[str, object]:
    args = Namespace(model="resnet14t", opt="lamb", mean=None, amp=True)
    start = {"epoch": 299, "arch": "resnet14t", "version": 2, "args": args, "metric": 0.781}
    return {**start, "state_dict": weights(), "optimizer": optimizer_state()}


def mmcv() -> dict[str, object]:
    config = "model = dict(type='ImageClassifier')\n"
    meta = {"epoch": 100, "CLASSES": ["cat", "dog"], "config": config, "seed": 0}
    state = weights("backbone.", (r"^backbone\.fc", "head.fc"))
    return {"meta": meta, "state_dict": state, "optimizer": optimizer_state()}


def deepspeed() -> dict[str, object]:
    half = {name: tensor.half() for name, tensor in weights("module.").items()}
    shapes = [OrderedDict((name, value.shape) for name, value in half.items())]
    config = {"train_batch_size": 256, "fp16": {"enabled": True}}
    state = {"module": half, "optimizer": None, "param_shapes": shapes, "ds_config": config}
    return {**state, "sparse_tensor_module_names": set(), "ds_version": "0.16.2"}


def composer() -> dict[str, object]:
    metrics = {"MulticlassAccuracy": Accuracy()}
    state = {"model": weights("module."), "optimizers": {"SGD": optimizer_state()}}
    more = {"timestamp": filled(Timestamp, _epoch=10, _batch=1000), "train_metrics": metrics}
    rng = {"python": (3, (1, 2), None), "torch": torch.get_rng_state()}
    return {"state": {**state, **more, "run_name": "1700000000-able-otter"}, "rng": [rng]}


def ultralytics() -> dict[str, object]:
    model = seeded_model(Classifier).half()
    start = {"epoch": -1, "best_fitness": None, "model": model, "ema": None, "optimizer": None}
    return {**start, "train_args": {"task": "classify", "imgsz": 32}, "version": "8.1.0"}


def classy() -> dict[str, object]:
    model = {"trunk": trunk("_feature_blocks."), "heads": trunk("0.clf.0.", head=True)}
    state = {"base_model": {"model": model, "meters": {}}, "optimizer": optimizer_state()}
    return {"phase_idx": 100, "iteration": 9, "loss": {}, "classy_state_dict": state}


def robustness() -> dict[str, object]:
    model = seeded_model()
    attacker = nn.ModuleDict({"model": model, "normalize": Normalize()})
    whole = nn.DataParallel(nn.ModuleDict({"model": model, "attacker": attacker}))
    return {"model": whole.state_dict(), "epoch": 149, "schedule": None, "amp": None}


def accelerate(path: Path) -> None:
    """A folder with a file for each thing that trains."""
    save_file(weights(), path)
    torch.save(optimizer_state(), path.with_name("optimizer.bin"))
    torch.save(scheduler(), path.with_name("scheduler.bin"))


def moco() -> dict[str, object]:
    queue = {"module.queue": torch.ones(128, 16), "module.queue_ptr": torch.zeros(1).long()}
    return {"epoch": 200, "state_dict": both("module.encoder_q.", "module.encoder_k.", **queue)}


def dino() -> dict[str, object]:
    loss = {"center": torch.zeros(1, 10)}
    student, teacher = weights("module.backbone."), weights("backbone.")
    return {"student": student, "teacher": teacher, "epoch": 100, "dino_loss": loss}


def shadow() -> dict[str, object]:
    """What torch_ema keeps beside a state dict."""
    parameters = list(seeded_model().parameters())
    return {"decay": 0.995, "num_updates": 9, "shadow_params": parameters, "collected_params": None}


NEW = {"optimizer": {"state": {}, "param_groups": [{"lr": 0.1, "params": [0]}]}}
TRAINER = {"epoch_length": 98, "iteration": 980, "max_epochs": 10}
HYPERS = {"state": [], "hypers": [{"lr": 0.1}]}
FAIRSEQ = {"args": None, "extra_state": {"val_loss": 0.4}}
SPLIT = (r"^resnet\.fc", "classifier.1")
FSDP = (r"(layer\d)\.", r"\1._fsdp_wrapped_module.")
CHECKPOINTED = (r"(layer\d\.\d)\.", r"\1._checkpoint_wrapped_module.")
DETECTRON = (
    *((rf"layer{stage}\.", rf"res{stage + 1}.") for stage in (1, 2, 3)),
    (r"\.bn(\d)", r".conv\1.norm"),
    (r"^bn(\d)", r"conv\1.norm"),
    (r"downsample\.0", "shortcut"),
    (r"downsample\.1", "shortcut.norm"),
    (r"^(conv|fc)", r"stem.\1"),
)

KINDS: list[Kind] = [
    kept("torch.save(model.state_dict())", weights),
    kept("torch.save of a plain dict of tensors", lambda: dict(weights())),
    kept("torch.save of a state dict to a file without a suffix", weights, file="resnet14"),
    kept("state dict of nn.DataParallel: module.", lambda: weights("module.")),
    kept("(state dict, epoch)", lambda: (weights(), 90)),
    kept("[state dict]", lambda: [weights()]),
    kept("[epoch, state dict, optimizer's state]", lambda: [90, weights(), optimizer_state()]),
    kept("list of pairs of name and tensor", lambda: list(weights().items())),
    kept("a namedtuple with the state dict", lambda: Snapshot(weights())),
    kept("a dataclass with the state dict", lambda: Saved(weights())),
    kept('{"model": state dict}', lambda: {"model": weights()}),
    kept('{"net": …, "acc": …}', lambda: {"net": weights(), "acc": 93.5, "epoch": 199}),
    kept(
        "torch's tutorial: model_state_dict, optimizer_state_dict, loss",
        lambda: {
            "epoch": 5,
            "model_state_dict": weights(),
            "optimizer_state_dict": optimizer_state(),
            "loss": torch.tensor(0.4, requires_grad=True),
        },
    ),
    kept("torchrun's tutorial", lambda: {"MODEL_STATE": weights("module."), "EPOCHS_RUN": 10}),
    kept('{"params": state dict}', lambda: {"params": weights()}),
    kept('{"weights": …, "classes": …}', lambda: {"weights": weights(), "classes": ["a"]}),
    kept("an unusual key", lambda: {"iter": 7, "resnet14_ckpt": weights()}),
    kept("three dictionaries around", lambda: {"ckpt": {"model": {"state": weights()}}, "t": 1.5}),
    kept("{epoch: state dict}", lambda: {199: weights()}),
    kept("a dictionary of parameters for each module", tree),
    kept("{encoder: …, fc: …}", lambda: {"encoder": trunk(), "fc": trunk(head=True)}),
    kept("torch's ImageNet example", imagenet_example, file="model_best.pth.tar"),
    kept("torchvision's references", references, file="checkpoint.pth"),
    kept("torchvision's references, model_ema", lambda: references() | {"model_ema": ema()} | NEW),
    kept("timm", timm, file="model_best.pth.tar"),
    kept("timm with state_dict_ema", lambda: {**timm(), "state_dict_ema": weights(), **NEW}),
    kept("Lightning", lightning, file="epoch=9-step=3910.ckpt"),
    kept(
        "Lightning with a criterion's weight", lambda: lightning() | criterion(), file="last.ckpt"
    ),
    kept("mmcv", mmcv, file="epoch_100.pth"),
    kept("mmengine's message hub", lambda: {**mmcv(), "message_hub": message_hub()}),
    kept("mmengine's ConfigDict", lambda: {**mmcv(), "cfg": ConfigDict(model=ConfigDict(a=1))}),
    kept("detectron2", lambda: {"model": weights("", *DETECTRON), "iteration": 89999}),
    kept("fastai's learn.save", lambda: {"model": weights(), "opt": HYPERS}),
    kept("fastai's learn.export", learner, file="export.pkl"),
    kept("catalyst", lambda: {"model_state_dict": weights(), "criterion_state_dict": {}}),
    kept("ignite", lambda: {"model": weights(), "trainer": TRAINER}, file="checkpoint_980.pt"),
    pickled("skorch's net, pickled whole", skorch_net),
    kept("ClassyVision, VISSL: trunk and heads", classy, file="model_phase104.torch"),
    kept("ultralytics", ultralytics, file="best.pt"),
    kept("DeepSpeed", deepspeed, file="mp_rank_00_model_states.pt"),
    written("Accelerate's save_state, a folder", accelerate, "model.safetensors", "."),
    kept("Composer", composer, file="ep10-ba1000-rank0.pt"),
    kept("transformers' Trainer", lambda: weights("resnet.", SPLIT), file="pytorch_model.bin"),
    kept("MONAI's CheckpointSaver", lambda: {"net": weights(), "opt": optimizer_state()}),
    kept("fairseq", lambda: {**FAIRSEQ, "model": weights(), "cfg": {"_name": None}}),
    kept("MadryLab's robustness: model and attacker.model", robustness, file="149.pt"),
    kept("MoCo: encoder_q, encoder_k, queue", moco),
    kept("DINO: student, teacher", dino),
    kept("BYOL: two state dicts", lambda: {"online": weights(), "target": weights()}),
    kept(
        "SwAV: prototypes",
        lambda: {**weights("module."), "module.prototypes.weight": torch.ones(9, 10)},
    ),
    kept("SupCon", lambda: {"epoch": 9, "model": trunk("encoder.module.")}, "other"),
    kept("a backbone without its last layer", trunk, "other"),
    kept("an OrderedDict of one's own", lambda: StateDict(weights())),
    kept("thop's total_ops and total_params", profiled),
    kept("prefix model.", lambda: weights("model.")),
    kept("prefix net.module.", lambda: weights("net.module.")),
    kept("prefix module.module.", lambda: weights("module.module.")),
    kept(
        "prefixes encoder., classifier.",
        lambda: trunk("encoder.") | trunk("classifier.", head=True),
    ),
    kept("prefixes backbone., head.fc.", lambda: trunk("backbone.") | trunk("head.fc.", head=True)),
    kept("torch.compile: _orig_mod.", lambda: weights("_orig_mod.")),
    kept("torch.compile of DataParallel: _orig_mod.module.", lambda: weights("_orig_mod.module.")),
    kept("FSDP: _fsdp_wrapped_module.", lambda: weights("_fsdp_wrapped_module.", FSDP)),
    kept("activation checkpoints: _checkpoint_wrapped_module.", lambda: weights("", CHECKPOINTED)),
    kept("ema-pytorch", lambda: both("online_model.", "ema_model.", initted=torch.tensor(True))),
    kept("torch_ema: shadow parameters", lambda: {"model": weights(), "ema": shadow()}),
    kept("behind a module that normalizes", lambda: Wrapped(seeded_model()).state_dict()),
]
