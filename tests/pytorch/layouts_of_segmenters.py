"""Checkpoints of segmentation, pose and tracking."""

from __future__ import annotations

import torch

from tests.pytorch.layout_pieces import (
    Layout,
    State,
    conv,
    conv_norm,
    convs,
    deep_stem,
    norm,
    resnet,
    sgd,
    under,
)

V1C = ("stem.0", "stem.1", "stem.3", "stem.4", "stem.6", "stem.7")


def _fcn_head(name: str, width: int) -> State:
    return conv_norm(f"{name}.0", f"{name}.1", width, 16) | conv(f"{name}.4", 16, 21)


def _fcn() -> object:
    heads = _fcn_head("classifier", 64) | _fcn_head("aux_classifier", 32)
    return under("backbone", resnet("fcn")) | heads


def _deeplab() -> object:
    state = under("backbone", resnet("deeplab", "bottleneck"))
    for n in range(5):
        first = 1 if n == 4 else 0
        place = f"classifier.0.convs.{n}"
        state |= conv_norm(
            f"{place}.{first}", f"{place}.{first + 1}", 256, 16, 3 if 0 < n < 4 else 1
        )
    state |= conv_norm("classifier.0.project.0", "classifier.0.project.1", 80, 16, 1)
    state |= conv_norm("classifier.1", "classifier.2", 16, 16) | conv("classifier.4", 16, 21)
    return {"model": state | _fcn_head("aux_classifier", 128), "epoch": 29}


def _smp_unet() -> object:
    state = under("encoder", resnet("smp"))
    for n, (width, into) in enumerate(((96, 32), (48, 16), (24, 16), (24, 8), (8, 8))):
        block = f"decoder.blocks.{n}"
        state |= conv_norm(f"{block}.conv1.0", f"{block}.conv1.1", width, into)
        state |= conv_norm(f"{block}.conv2.0", f"{block}.conv2.1", into, into)
    return state | conv("segmentation_head.0", 8, 1, 3)


def _own_unet() -> object:
    state = under("encoder", resnet("unet"))
    for n, width in enumerate((64, 32, 16)):
        state |= conv_norm(f"up{n}.conv1", f"up{n}.bn1", width, width // 2)
        state |= conv_norm(f"up{n}.conv2", f"up{n}.bn2", width // 2, width // 2)
    return {"model_state_dict": state | conv("out", 8, 1), "dice": 0.93}


def _shared_unet() -> object:
    base = resnet("usuyama", classes=1000)
    state = under("base_model", base)
    groups = [("conv1.", "layer0.0."), ("bn1.", "layer0.1."), ("layer1.", "layer1.1.")]
    groups += [(f"layer{n}.", f"layer{n}.") for n in (2, 3, 4)]
    for old, new in groups:
        state |= {new + k.removeprefix(old): t for k, t in base.items() if k.startswith(old)}
    state |= convs("layer0_1x1.0", "layer4_1x1.0", kernel=1) | convs("conv_up3.0", "conv_up2.0")
    return state | conv("conv_last", 8, 6)


def _mmseg() -> object:
    state = under("backbone", deep_stem(resnet("mmseg", "bottleneck"), *V1C))
    head, aux = "decode_head", "auxiliary_head"
    state |= conv(f"{head}.conv_seg", 16, 19)
    for n in range(4):
        module = f"{head}.psp_modules.{n}.1"
        state |= conv_norm(f"{module}.conv", f"{module}.bn", 256, 16, 1)
    state |= conv_norm(f"{head}.bottleneck.conv", f"{head}.bottleneck.bn", 320, 16)
    state |= conv(f"{aux}.conv_seg", 16, 19)
    return {
        "meta": {"iter": 40000},
        "state_dict": state | conv_norm(f"{aux}.convs.0.conv", f"{aux}.convs.0.bn", 128, 16),
    }


def _semseg_pspnet() -> object:
    stem = ("layer0.0", "layer0.1", "layer0.3", "layer0.4", "layer0.6", "layer0.7")
    state = deep_stem(resnet("psp", "bottleneck"), *stem)
    for n in range(4):
        state |= conv_norm(f"ppm.features.{n}.1", f"ppm.features.{n}.2", 256, 64, 1)
    state |= conv_norm("cls.0", "cls.1", 512, 16) | conv("cls.4", 16, 150)
    state |= conv_norm("aux.0", "aux.1", 128, 16) | conv("aux.4", 16, 150)
    return {"epoch": 100, "state_dict": under("module", state), "optimizer": sgd(state)}


def _own_deeplab() -> object:
    state = under("backbone", resnet("jfzhang", "bottleneck"))
    for n in range(1, 5):
        aspp = f"aspp.aspp{n}"
        state |= conv_norm(f"{aspp}.atrous_conv", f"{aspp}.bn", 256, 32, 1 if n == 1 else 3)
    state |= conv_norm("aspp.conv1", "aspp.bn1", 160, 32, 1)
    state |= conv_norm("decoder.conv1", "decoder.bn1", 32, 6, 1)
    state |= conv_norm("decoder.last_conv.0", "decoder.last_conv.1", 38, 32)
    return {"epoch": 50, "state_dict": state | conv("decoder.last_conv.8", 32, 21)}


def _irn() -> object:
    base = resnet("irn", "bottleneck")
    groups = (("conv1.", "0."), ("bn1.", "1."), ("layer1.", "4."))
    stem = {n + k.removeprefix(o): t for o, n in groups for k, t in base.items() if k.startswith(o)}
    stages = [stem]
    for n in (2, 3, 4):
        old = f"layer{n}."
        stages.append({"0." + k.removeprefix(old): t for k, t in base.items() if k.startswith(old)})
    state = under("resnet50", base)
    for n, stage in enumerate(stages):
        state |= under(f"stage{n + 1}", stage)
    state |= conv("classifier", 256, 20, bias=False)
    for n, stage in enumerate(stages):
        state |= under(f"backbone.{n}", stage)
    return state | {"newly_added.0.weight": state["classifier.weight"]}


def _change_detection() -> object:
    state = under("encoder_a", resnet("a")) | under("encoder_b", resnet("b", channels=13))
    state |= conv_norm("fuse.0", "fuse.1", 128, 32) | conv("head", 32, 2)
    return {"state_dict": state, "f1": 0.9}


def _deconvolved(seed: str) -> State:
    state = resnet(seed)
    for n in range(0, 9, 3):
        state |= conv(f"deconv_layers.{n}", 32 if n else 64, 32, 4, bias=False)
        state |= norm(f"deconv_layers.{n + 1}", 32)
    return state


def _center_net() -> object:
    state = _deconvolved("center")
    for head, into in (("hm", 80), ("wh", 2), ("reg", 2)):
        state |= conv(f"{head}.0", 32, 64, 3) | conv(f"{head}.2", 64, into)
    return {"epoch": 140, "state_dict": state}


def _pysot() -> object:
    state = under("backbone", resnet("pysot", "bottleneck"))
    for n, width in ((2, 64), (3, 128), (4, 256)):
        neck, head = f"neck.downsample{n}.downsample", f"rpn_head.rpn{n}.cls"
        state |= conv_norm(f"{neck}.0", f"{neck}.1", width, 32, 1)
        state |= conv_norm(f"{head}.conv_kernel.0", f"{head}.conv_kernel.1", 32, 32)
        state |= conv_norm(f"{head}.head.0", f"{head}.head.1", 32, 32, 1)
    return state | {"rpn_head.cls_weight": torch.ones(3), "rpn_head.loc_weight": torch.ones(3)}


SEGMENTERS = [
    Layout(
        "torchvision FCN",
        _fcn,
        ("backbone",),
        (4,),
        ("classifier.0.weight", "classifier.4.bias", "aux_classifier.1.running_mean"),
    ),
    Layout(
        "torchvision DeepLabV3",
        _deeplab,
        ("model.backbone",),
        (4,),
        (
            "model.classifier.0.convs.0.0.weight",
            "model.classifier.0.project.1.weight",
            "model.aux_classifier.0.weight",
        ),
    ),
    Layout(
        "DeepLabV3+ by jfzhang95",
        _own_deeplab,
        ("state_dict.backbone",),
        (4,),
        (
            "state_dict.aspp.conv1.weight",
            "state_dict.decoder.conv1.weight",
            "state_dict.decoder.bn1.weight",
        ),
    ),
    Layout(
        "U-Net of segmentation_models_pytorch",
        _smp_unet,
        ("encoder",),
        (4,),
        ("decoder.blocks.0.conv1.0.weight", "segmentation_head.0.weight"),
    ),
    Layout(
        "U-Net with a decoder of its own",
        _own_unet,
        ("model_state_dict.encoder",),
        (4,),
        ("model_state_dict.up0.conv1.weight", "model_state_dict.out.bias"),
    ),
    Layout(
        "U-Net by usuyama, its encoder under two names",
        _shared_unet,
        ("base_model",),
        (4,),
        ("layer0_1x1.0.weight", "conv_up3.0.weight", "conv_last.weight"),
    ),
    Layout(
        "mmsegmentation PSPNet with a deep stem",
        _mmseg,
        ("state_dict.backbone",),
        (4,),
        (
            "state_dict.decode_head.psp_modules.0.1.conv.weight",
            "state_dict.auxiliary_head.convs.0.bn.weight",
        ),
    ),
    Layout(
        "semseg PSPNet with a deep stem",
        _semseg_pspnet,
        ("state_dict.module",),
        (4,),
        (
            "state_dict.module.ppm.features.0.1.weight",
            "state_dict.module.cls.0.weight",
            "state_dict.module.aux.4.bias",
        ),
    ),
    Layout(
        "IRN for class activation maps, everything under three names",
        _irn,
        ("resnet50",),
        (4,),
        ("classifier.weight",),
    ),
    Layout(
        "change detection with a backbone for each date",
        _change_detection,
        ("state_dict.encoder_a", "state_dict.encoder_b"),
        (4, 4),
        ("state_dict.fuse.0.weight", "state_dict.head.weight"),
    ),
    Layout(
        "CenterNet",
        _center_net,
        ("state_dict",),
        (4,),
        ("state_dict.deconv_layers.0.weight", "state_dict.hm.0.weight", "state_dict.reg.2.bias"),
    ),
    Layout(
        "Simple Baselines for pose",
        lambda: _deconvolved("pose") | conv("final_layer", 32, 17),
        ("",),
        (4,),
        ("deconv_layers.3.weight", "deconv_layers.7.running_var", "final_layer.weight"),
    ),
    Layout(
        "PySOT's SiamRPN++",
        _pysot,
        ("backbone",),
        (4,),
        (
            "neck.downsample2.downsample.0.weight",
            "rpn_head.rpn2.cls.conv_kernel.1.weight",
            "rpn_head.cls_weight",
        ),
    ),
]
