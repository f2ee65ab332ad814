"""Checkpoints as well-known codebases lay them out around a ResNet, made from their key names."""

from __future__ import annotations

import torch

from tests.pytorch.layout_pieces import (
    Layout,
    State,
    conv,
    deep_stem,
    drawn,
    indexed,
    layer_norm,
    linear,
    mlp,
    norm,
    renamed,
    resnet,
    sgd,
    slim,
    under,
)
from tests.pytorch.layouts_of_detectors import DETECTORS
from tests.pytorch.layouts_of_learners import LEARNERS
from tests.pytorch.layouts_of_recognisers import RECOGNISERS
from tests.pytorch.layouts_of_segmenters import SEGMENTERS
from tests.pytorch.layouts_of_teachers import TEACHERS

__all__ = ["LAYOUTS", "REFUSED_OR_LIFTS", "UNDER_TWO_NAMES", "Layout", "slim"]

TRANSFORMERS = (
    (r"^conv1\.", "resnet.embedder.embedder.convolution."),
    (r"^bn1\.", "resnet.embedder.embedder.normalization."),
    (r"^fc\.", "classifier.1."),
    *((rf"^layer{n}\.(\d)\.", rf"resnet.encoder.stages.{n - 1}.layers.\1.") for n in range(1, 5)),
    *((rf"\.conv{n}\.", f".layer.{n - 1}.convolution.") for n in range(1, 4)),
    *((rf"\.bn{n}\.", f".layer.{n - 1}.normalization.") for n in range(1, 4)),
    (r"\.downsample\.0\.", ".shortcut.convolution."),
    (r"\.downsample\.1\.", ".shortcut.normalization."),
)


def _lightning() -> object:
    state = under("net", resnet("lightning", classes=10)) | {"criterion.weight": torch.ones(10)}
    state |= {"val_confusion.confmat": torch.zeros(10, 10, dtype=torch.long)}
    state |= {f"train_acc.{n}": torch.zeros(10, dtype=torch.long) for n in ("tp", "fp", "tn", "fn")}
    return {
        "epoch": 5,
        "global_step": 600,
        "pytorch-lightning_version": "2.5.0",
        "state_dict": state,
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"ModelCheckpoint": {"best_model_score": torch.tensor(0.9)}},
        "optimizer_states": [sgd(state)],
        "lr_schedulers": [{"last_epoch": 5, "base_lrs": [0.1]}],
        "hyper_parameters": {"lr": 0.1, "arch": "resnet18"},
    }


def _lightning_average() -> object:
    state = under("model", resnet("model", "bottleneck")) | mlp("head", 256, 64, 7)
    state |= {"ema_model.n_averaged": torch.tensor(100)}
    state |= under("ema_model.module", resnet("ema", "bottleneck"))
    return {"state_dict": state | {"loss_fn.pos_weight": torch.ones(7)}, "global_step": 9}


def _siamese() -> object:
    return under("resnet", indexed(resnet("mnist", channels=1))) | mlp(
        "fc", 128, 256, 1, normed=False
    )


def _torchvision_reference() -> object:
    average = {"n_averaged": torch.tensor(32)} | under("module", resnet("ema", classes=1000))
    model = resnet("model", classes=1000)
    return {
        "model": model,
        "optimizer": sgd(model),
        "lr_scheduler": {"last_epoch": 599},
        "epoch": 599,
        "args": {"model": "resnet50"},
        "scaler": {"scale": 65536.0, "_growth_tracker": 0},
        "model_ema": average,
    }


def _image_and_text() -> object:
    image = renamed(resnet("hf", "bottleneck", classes=1000), *TRANSFORMERS)
    state = under("image_model", image) | layer_norm("text_model.embeddings.LayerNorm", 64)
    state["text_model.embeddings.word_embeddings.weight"] = drawn("words", 100, 64)
    return state | linear("image_projection", 1000, 64) | linear("text_projection", 64, 64)


def _timm_with_deep_stem() -> object:
    stem = ("conv1.0", "conv1.1", "conv1.3", "conv1.4", "conv1.6", "bn1")
    pooled = ((r"downsample\.1\.", "downsample.2."), (r"downsample\.0\.", "downsample.1."))
    backbone = renamed(deep_stem(resnet("50d", "bottleneck"), *stem), *pooled)
    return under("backbone", backbone) | mlp("classifier", 256, 64, 5)


def _fastai() -> object:
    head = norm("1.2", 128) | linear("1.4", 128, 64, bias=False)
    head |= norm("1.6", 64) | linear("1.8", 64, 37, bias=False)
    state = under("0", indexed(resnet("fastai"))) | head
    return {"model": state, "opt": {"state": [], "hypers": [{"lr": 0.001}]}}


def _monodepth() -> object:
    state: dict[str, object] = {"height": 192, "width": 640, "use_stereo": False}
    return state | under("encoder", resnet("pose", channels=6, classes=1000))


def _depth_with_its_parts() -> object:
    decoder: State = {}
    for n in range(4):
        decoder |= conv(f"decoder.{n}.conv.conv", 16, 16, 3)
    return {
        "encoder": under("encoder", resnet("depth")),
        "depth": decoder,
        "pose_encoder": under("encoder", resnet("pose", channels=6)),
        "pose": conv("net.0", 64, 32) | conv("net.1", 32, 32, 3),
    }


def _ensemble() -> object:
    state: State = {"weights": torch.full((3,), 1 / 3)}
    for n in range(3):
        state |= under(f"models.{n}", resnet(f"member {n}", classes=10))
    return state | linear("combine", 30, 10)


WRAPPED = [
    Layout(
        "Lightning",
        _lightning,
        ("state_dict.net",),
        (4,),
        (
            "state_dict.criterion.weight",
            "state_dict.val_confusion.confmat",
            "callbacks.ModelCheckpoint.best_model_score",
        ),
    ),
    Layout(
        "Lightning with an average of the model",
        _lightning_average,
        ("state_dict.model", "state_dict.ema_model.module"),
        (4, 4),
        ("state_dict.head.0.weight", "state_dict.ema_model.n_averaged"),
    ),
    Layout("Siamese network on digits", _siamese, ("resnet",), (4,), ("fc.0.weight", "fc.2.bias")),
    Layout(
        "two tasks with a head each",
        lambda: (
            under("backbone", resnet("tasks"))
            | linear("heads.0", 64, 5)
            | linear("heads.1", 64, 3)
            | {"log_vars": torch.zeros(2)}
        ),
        ("backbone",),
        (4,),
        ("heads.0.weight", "heads.1.bias", "log_vars"),
    ),
    Layout(
        "DDP around a compiled model",
        lambda: under("module._orig_mod", resnet("ddp", classes=10)),
        ("module._orig_mod",),
        (4,),
    ),
    Layout(
        "compiled around DDP, with a projector",
        lambda: under(
            "_orig_mod.module", under("encoder", resnet()) | mlp("projector", 64, 64, 32)
        ),
        ("_orig_mod.module.encoder",),
        (4,),
        ("_orig_mod.module.projector.1.weight",),
    ),
    Layout(
        "torchvision's training with an average",
        _torchvision_reference,
        ("model", "model_ema.module"),
        (4, 4),
        ("model_ema.n_averaged", "optimizer.state.0.momentum_buffer"),
    ),
    Layout(
        "timm's training with an average",
        lambda: {
            "epoch": 9,
            "arch": "resnet18",
            "state_dict": resnet("timm", classes=1000, layers=(2, 2, 2, 2)),
            "state_dict_ema": resnet("timm ema", classes=1000, layers=(2, 2, 2, 2)),
            "version": 2,
            "metric": 70.1,
        },
        ("state_dict", "state_dict_ema"),
        (8, 8),
    ),
    Layout(
        "transformers' ResNet beside a text model",
        _image_and_text,
        ("image_model.resnet",),
        (4,),
        ("text_model.embeddings.word_embeddings.weight", "image_projection.weight"),
    ),
    Layout(
        "timm's features_only under a decoder",
        lambda: (
            under("encoder.model", resnet("features"))
            | conv("decoder.0", 64, 16, 3)
            | norm("decoder.1", 16)
        ),
        ("encoder.model",),
        (4,),
        ("decoder.0.weight", "decoder.1.running_mean"),
    ),
    Layout(
        "timm's resnet50d under a classifier of two layers",
        _timm_with_deep_stem,
        ("backbone",),
        (4,),
        ("classifier.0.weight", "classifier.1.weight", "classifier.3.bias"),
    ),
    Layout("fastai", _fastai, ("model.0",), (4,), ("model.1.2.weight", "model.1.8.weight")),
    Layout(
        "mmpretrain with an average",
        lambda: {
            "meta": {"epoch": 100},
            "state_dict": under("backbone", resnet("mm")) | linear("head.fc", 64, 1000),
            "ema_state_dict": {"steps": torch.tensor(9)}
            | under("module.backbone", resnet("mm ema"))
            | linear("module.head.fc", 64, 1000),
            "param_schedulers": [],
        },
        ("state_dict.backbone", "ema_state_dict.module.backbone"),
        (4, 4),
        ("ema_state_dict.steps",),
    ),
    Layout("Monodepth2, six channels of image", _monodepth, ("encoder",), (4,)),
    Layout(
        "depth and pose in one file",
        _depth_with_its_parts,
        ("encoder.encoder", "pose_encoder.encoder"),
        (4, 4),
        ("depth.decoder.0.conv.conv.weight", "pose.net.0.weight"),
    ),
    Layout(
        "captions, the encoder of a list of children",
        lambda: {
            "encoder": under("resnet", indexed(resnet("caption", "bottleneck")))
            | linear("linear", 256, 64)
            | norm("bn", 64),
            "decoder": {
                "embed.weight": drawn("words", 100, 64),
                "lstm.weight_ih_l0": drawn("lstm", 256, 64),
            },
        },
        ("encoder.resnet",),
        (4,),
        ("encoder.bn.weight", "decoder.embed.weight", "decoder.lstm.weight_ih_l0"),
    ),
    Layout(
        "two networks of different depth in a file",
        lambda: {
            "resnet18": resnet("18", layers=(2, 2, 2, 2), classes=10),
            "resnet50": resnet("50", "bottleneck", classes=10),
        },
        ("resnet18", "resnet50"),
        (8, 4),
    ),
    Layout(
        "ensemble",
        _ensemble,
        ("models.0", "models.1", "models.2"),
        (4, 4, 4),
        ("weights", "combine.weight"),
    ),
]

LAYOUTS: list[Layout] = [*LEARNERS, *TEACHERS, *DETECTORS, *SEGMENTERS, *RECOGNISERS, *WRAPPED]

# Backbones that are not quite standard, or scattered: a refusal is as good as the parts above.
REFUSED_OR_LIFTS = frozenset(
    {
        "CLIP RN50",
        "Detectron's R-50.pkl with Caffe2's names",
        "Diffusion Policy with group norms",
        "IRN for class activation maps, everything under three names",
        "TSM, its convolutions shifted",
        "U-Net by usuyama, its encoder under two names",
        "detectron2 C4, its last stage in the heads",
        "insightface iresnet",
    }
)

# The same tensors lie at several of the parts: naming any one of those is as good.
UNDER_TWO_NAMES = frozenset(
    {
        "BYOL by lucidrains, its net under two names",
        "MoCo in OpenSelfSup, its backbone under two names",
    }
)
