"""Checkpoints of recognition: people, faces, places, clips, sounds."""

from __future__ import annotations

import torch

from tests.pytorch.layout_pieces import (
    Layout,
    State,
    conv,
    drawn,
    indexed,
    linear,
    mlp,
    norm,
    renamed,
    resnet,
    sgd,
    under,
)


def _torchreid() -> object:
    state = resnet("torchreid", "bottleneck") | linear("classifier", 256, 751)
    return {"state_dict": state, "epoch": 60, "rank1": 0.94, "optimizer": sgd(state)}


def _torchreid_fc512() -> object:
    state = resnet("fc512", "bottleneck") | linear("fc.0", 256, 64) | norm("fc.1", 64)
    return {"state_dict": under("module", state | linear("classifier", 64, 751)), "epoch": 60}


def _fast_reid() -> object:
    state = {"pixel_mean": torch.zeros(1, 3, 1, 1), "pixel_std": torch.ones(1, 3, 1, 1)}
    state |= under("backbone", resnet("fastreid", "bottleneck")) | norm("heads.bottleneck.0", 256)
    state |= {"heads.pool_layer.p": torch.full((1,), 3.0)}
    return {"model": state | {"heads.weight": drawn("heads", 702, 256)}, "iteration": 1}


def _iresnet() -> object:
    state = conv("conv1", 3, 8, 3, bias=False) | norm("bn1", 8)
    state["prelu.weight"] = torch.full((8,), 0.25)
    before = 8
    for n, width in enumerate((8, 16, 32, 64)):
        for block in range(2):
            place, into = f"layer{n + 1}.{block}", width
            state |= norm(f"{place}.bn1", before) | conv(
                f"{place}.conv1", before, into, 3, bias=False
            )
            state |= norm(f"{place}.bn2", into)
            state[f"{place}.prelu.weight"] = torch.full((into,), 0.25)
            state |= conv(f"{place}.conv2", into, into, 3, bias=False) | norm(f"{place}.bn3", into)
            if block == 0:
                state |= conv(f"{place}.downsample.0", before, into, bias=False)
                state |= norm(f"{place}.downsample.1", into)
            before = into
    return state | norm("bn2", 64) | linear("fc", 64 * 49, 64) | norm("features", 64)


def _net_vlad() -> object:
    state = under("encoder", indexed(resnet("vlad"))) | conv("pool.conv", 64, 16, bias=False)
    state["pool.centroids"] = drawn("centroids", 16, 64)
    return {"epoch": 20, "state_dict": state, "recalls": {1: 0.8}, "optimizer": sgd(state)}


def _retrieval() -> object:
    state = under("features", indexed(resnet("gem", "bottleneck")))
    state |= {"pool.p": torch.full((1,), 2.9)} | linear("whiten", 256, 256)
    return {"meta": {"architecture": "resnet101", "pooling": "gem"}, "state_dict": state}


def _cos_place() -> object:
    state = under("backbone", indexed(resnet("cosplace")))
    return state | {"aggregation.1.p": torch.full((1,), 3.0)} | linear("aggregation.3", 64, 128)


def _in_time(state: State) -> State:
    """Kernels with a third axis."""
    return {
        name: t[:, :, None].repeat(1, 1, t.shape[-1], 1, 1) if t.dim() == 4 else t
        for name, t in state.items()
    }


def _r3d() -> object:
    names = ((r"^conv1\.", "stem.0."), (r"^bn1\.", "stem.1."))
    inner = ((r"\.conv(\d)\.", r".conv\1.0."), (r"\.bn(\d)\.", r".conv\1.1."))
    return renamed(_in_time(resnet("r3d", classes=400)), *names, *inner)


def _r2plus1d() -> object:
    state: State = {}
    for name, tensor in _in_time(resnet("r2plus1d", classes=400)).items():
        kind = name.split(".")[-2]
        if kind in ("conv1", "conv2"):
            place = name.removesuffix("weight") + "0"
            middle = 2 * len(tensor)
            state[f"{place}.0.weight"] = tensor[:, :, :1].repeat(2, 1, 1, 1, 1)
            state |= norm(f"{place}.1", middle)
            state[f"{place}.3.weight"] = drawn(place, len(tensor), middle, 3, 1, 1)
        else:
            state[name.replace(".bn1.", ".conv1.1.").replace(".bn2.", ".conv2.1.")] = tensor
    stem = ((r"^conv1\.0\.", "stem."), (r"^bn1\.", "stem.4."))
    return renamed(state, *stem)


def _slow() -> object:
    rules = [(r"^conv1\.", "blocks.0.conv."), (r"^bn1\.", "blocks.0.norm.")]
    rules += [(r"^fc\.", "blocks.5.proj."), (r"^layer(\d)\.(\d)\.", r"blocks.\1.res_blocks.\2.")]
    rules += [(r"downsample\.0", "branch1_conv"), (r"downsample\.1", "branch1_norm")]
    for n, letter in ((1, "a"), (2, "b"), (3, "c")):
        rules += [(rf"\.conv{n}\.", f".branch2.conv_{letter}.")]
        rules += [(rf"\.bn{n}\.", f".branch2.norm_{letter}.")]
    return {"model_state": renamed(_in_time(resnet("slow", "bottleneck", classes=400)), *rules)}


def _tsm() -> object:
    shifted = renamed(resnet("tsm", "bottleneck"), (r"(layer\d\.\d\.conv1)\.", r"\1.net."))
    return {"state_dict": under("module.base_model", shifted) | linear("module.new_fc", 256, 174)}


def _audio() -> object:
    state = {
        "frontend.spectrogram.window": torch.hann_window(400),
        "frontend.mel_scale.fb": drawn("mel", 201, 64).abs(),
    }
    state |= norm("bn0", 64) | under("backbone", resnet("audio", channels=1))
    return state | mlp("head", 64, 32, 10, normed=False)


def _audio_and_image() -> object:
    state = under("module.audio_net", resnet("sound", channels=1, classes=309))
    state |= under("module.visual_net", resnet("sight", classes=309))
    return {"model": state | mlp("module.fusion", 128, 64, 309, normed=False), "acc": 0.66}


RECOGNISERS = [
    Layout("torchreid", _torchreid, ("state_dict",), (4,), ("optimizer.state.0.momentum_buffer",)),
    Layout(
        "torchreid with a layer before the classifier",
        _torchreid_fc512,
        ("state_dict.module",),
        (4,),
        ("state_dict.module.fc.1.running_mean", "state_dict.module.classifier.weight"),
    ),
    Layout(
        "bag of tricks for re-identification",
        lambda: (
            under("base", resnet("tricks", "bottleneck"))
            | norm("bottleneck", 256)
            | linear("classifier", 256, 751, bias=False)
        ),
        ("base",),
        (4,),
        ("bottleneck.running_var", "classifier.weight"),
    ),
    Layout(
        "FastReID",
        _fast_reid,
        ("model.backbone",),
        (4,),
        ("model.pixel_mean", "model.heads.bottleneck.0.weight", "model.heads.weight"),
    ),
    Layout(
        "ArcFace over a ResNet",
        lambda: {
            "backbone": under("module", resnet("arc")),
            "head": {"weight": drawn("margin", 500, 64)},
        },
        ("backbone.module",),
        (4,),
        ("head.weight",),
    ),
    Layout(
        "CosFace with a kernel, the embedding after a norm",
        lambda: (
            under("backbone", resnet("cosface"))
            | norm("embedding.0", 64)
            | linear("embedding.1", 64, 32)
            | {"head.kernel": drawn("kernel", 32, 500)}
        ),
        ("backbone",),
        (4,),
        ("embedding.0.bias", "head.kernel"),
    ),
    Layout("insightface iresnet", _iresnet, ("",), (8,), ("fc.weight", "features.running_mean")),
    Layout(
        "NetVLAD",
        _net_vlad,
        ("state_dict.encoder",),
        (4,),
        ("state_dict.pool.conv.weight", "state_dict.pool.centroids"),
    ),
    Layout(
        "image retrieval with GeM and whitening",
        _retrieval,
        ("state_dict.features",),
        (4,),
        ("state_dict.pool.p", "state_dict.whiten.weight"),
    ),
    Layout("CosPlace", _cos_place, ("backbone",), (4,), ("aggregation.1.p", "aggregation.3.bias")),
    Layout("torchvision r3d_18, in three dimensions", _r3d, (), ()),
    Layout("torchvision r2plus1d_18, in three dimensions", _r2plus1d, (), ()),
    Layout("PyTorchVideo slow_r50, in three dimensions", _slow, (), ()),
    Layout("TSM, its convolutions shifted", _tsm, ("state_dict.module.base_model",), (4,)),
    Layout(
        "TSN",
        lambda: {
            "state_dict": under("module.base_model", resnet("tsn", "bottleneck"))
            | linear("module.new_fc", 256, 174),
            "best_prec1": 71.0,
        },
        ("state_dict.module.base_model",),
        (4,),
    ),
    Layout(
        "sounds behind a spectrogram",
        _audio,
        ("backbone",),
        (4,),
        ("frontend.spectrogram.window", "frontend.mel_scale.fb", "bn0.weight", "head.2.weight"),
    ),
    Layout(
        "sounds and images",
        _audio_and_image,
        ("model.module.audio_net", "model.module.visual_net"),
        (4, 4),
        ("model.module.fusion.0.weight",),
    ),
]
