"""Checkpoints of detection."""

from __future__ import annotations

import torch

from tests.pytorch.layout_pieces import (
    Layout,
    State,
    arrays,
    attention,
    conv,
    convs,
    drawn,
    frozen,
    layer_norm,
    linear,
    pyramid,
    renamed,
    resnet,
    sgd,
    under,
)


def _region_proposals(seed: str) -> State:
    state = under("backbone.body", frozen(resnet(seed)))
    state |= pyramid("backbone.fpn.inner_blocks.{}.0", "backbone.fpn.layer_blocks.{}.0")
    state |= convs("rpn.head.conv.0.0") | conv("rpn.head.cls_logits", 32, 3)
    state |= conv("rpn.head.bbox_pred", 32, 12) | linear("roi_heads.box_head.fc6", 32 * 49, 64)
    state |= linear("roi_heads.box_head.fc7", 64, 64)
    state |= linear("roi_heads.box_predictor.cls_score", 64, 91)
    return state | linear("roi_heads.box_predictor.bbox_pred", 64, 364)


def _mask_rcnn() -> object:
    state = _region_proposals("mask") | convs(*(f"roi_heads.mask_head.{n}.0" for n in range(4)))
    state |= convs("roi_heads.mask_predictor.conv5_mask", kernel=2)
    state |= conv("roi_heads.mask_predictor.mask_fcn_logits", 32, 91)
    return {"model": state, "optimizer": sgd(state), "epoch": 25}


def _keypoint_rcnn() -> object:
    heads = convs(*(f"roi_heads.keypoint_head.{n}" for n in range(0, 16, 2)))
    heads |= conv("roi_heads.keypoint_predictor.kps_score_lowres", 32, 17, 4)
    return _region_proposals("keypoint") | heads


def _retinanet() -> object:
    fpn = "backbone.fpn"
    state = under("backbone.body", frozen(resnet("retina", "bottleneck")))
    state |= pyramid(f"{fpn}.inner_blocks.{{}}.0", f"{fpn}.layer_blocks.{{}}.0", (64, 128, 256))
    state |= convs(f"{fpn}.extra_blocks.p6", f"{fpn}.extra_blocks.p7")
    for head, last, into in (("classification", "cls_logits", 819), ("regression", "bbox_reg", 36)):
        state |= convs(*(f"head.{head}_head.conv.{n}.0" for n in range(4)))
        state |= conv(f"head.{head}_head.{last}", 32, into, 3)
    return state


def _own_retinanet() -> object:
    state = resnet("yhenon", "bottleneck") | convs("fpn.P5_1", "fpn.P4_1", "fpn.P3_1", kernel=1)
    for head in ("regressionModel", "classificationModel"):
        state |= convs(*(f"{head}.conv{n + 1}" for n in range(4))) | convs(f"{head}.output")
    return state


def _mmdet() -> object:
    state = under("backbone", resnet("mmdet", "bottleneck"))
    widths = (32, 64, 128, 256)
    state |= pyramid("neck.lateral_convs.{}.conv", "neck.fpn_convs.{}.conv", widths)
    state |= convs("rpn_head.rpn_conv") | conv("rpn_head.rpn_cls", 32, 3)
    state |= conv("rpn_head.rpn_reg", 32, 12) | linear("roi_head.bbox_head.fc_cls", 64, 81)
    state |= linear("roi_head.bbox_head.fc_reg", 64, 320)
    state |= linear("roi_head.bbox_head.shared_fcs.0", 32 * 49, 64)
    state |= convs(*(f"roi_head.mask_head.convs.{n}.conv" for n in range(4)))
    state |= conv("roi_head.mask_head.conv_logits", 32, 80)
    return {"meta": {"epoch": 12, "CLASSES": ("cat",)}, "state_dict": state}


D2 = (
    (r"^(conv1|bn1|fc)\.", r"stem.\1."),
    (r"bn(\d)\.", r"conv\1.norm."),
    (r"downsample\.0\.", "shortcut."),
    (r"downsample\.1\.", "shortcut.norm."),
    *((rf"^layer{n}\.", f"res{n + 1}.") for n in range(1, 5)),
)


def _detectron2_heads() -> State:
    state = convs("proposal_generator.rpn_head.conv")
    state |= conv("proposal_generator.rpn_head.objectness_logits", 32, 3)
    state |= conv("proposal_generator.rpn_head.anchor_deltas", 32, 12)
    state |= {"proposal_generator.anchor_generator.cell_anchors.0": drawn("anchors", 3, 4)}
    state |= linear("roi_heads.box_predictor.cls_score", 64, 81)
    return state | linear("roi_heads.box_predictor.bbox_pred", 64, 320)


def _detectron2() -> object:
    state = {"pixel_mean": torch.full((3, 1, 1), 103.5), "pixel_std": torch.ones(3, 1, 1)}
    for n, width in enumerate((32, 64, 128, 256)):
        state |= conv(f"backbone.fpn_lateral{n + 2}", width, 32)
        state |= convs(f"backbone.fpn_output{n + 2}")
    bottom_up = renamed(frozen(resnet("d2", "bottleneck")), *D2)
    state |= under("backbone.bottom_up", bottom_up) | _detectron2_heads()
    state |= linear("roi_heads.box_head.fc1", 32 * 49, 64)
    state |= convs("roi_heads.mask_head.mask_fcn1", "roi_heads.mask_head.mask_fcn2")
    state |= convs("roi_heads.mask_head.deconv", kernel=2)
    state |= conv("roi_heads.mask_head.predictor", 32, 80)
    return {"model": state, "optimizer": sgd(state), "iteration": 269999}


def _detectron2_c4() -> object:
    backbone = renamed(frozen(resnet("c4", "bottleneck")), *D2, (r"^res5\.", "@res5."))
    state = renamed(under("backbone", backbone), (r"^backbone\.@", "roi_heads."))
    return {"model": state | _detectron2_heads(), "iteration": 89999}


def _detectron() -> object:
    names = [(rf"^layer{n}\.(\d)\.", rf"res{n + 1}_\1_") for n in range(1, 5)]
    letters = [(rf"conv{n}\.weight", f"branch2{c}_w") for n, c in ((1, "a"), (2, "b"), (3, "c"))]
    norms = [(rf"bn{n}\.", f"branch2{c}_bn.") for n, c in ((1, "a"), (2, "b"), (3, "c"))]
    shortcut = [(r"downsample\.0\.weight", "branch1_w"), (r"downsample\.1\.", "branch1_bn.")]
    stem = [(r"^conv1\.weight", "conv1_w"), (r"^bn1\.", "res_conv1_bn.")]
    fc = [(r"^fc\.weight", "fc1000_w"), (r"^fc\.bias", "fc1000_b")]
    ends = [(r"_bn\.weight", "_bn_s"), (r"_bn\.bias", "_bn_b")]
    rules = (*stem, *names, *letters, *norms, *shortcut, *fc, *ends)
    state = renamed(resnet("msra", "bottleneck", classes=1000), *rules)
    return {"blobs": arrays({k: v for k, v in state.items() if "." not in k})}


def _maskrcnn_benchmark() -> object:
    backbone = renamed(frozen(resnet("mrb", "bottleneck")), (r"^(conv1|bn1)\.", r"stem.\1."))
    state = under("module.backbone.body", backbone)
    for n, width in enumerate((32, 64, 128, 256)):
        state |= conv(f"module.backbone.fpn.fpn_inner{n + 1}", width, 32)
        state |= convs(f"module.backbone.fpn.fpn_layer{n + 1}")
    state |= convs("module.rpn.head.conv") | linear("module.roi_heads.box.predictor.bbox", 32, 4)
    return {"model": state, "iteration": 90000}


def _detr(backbone: State, width: int) -> State:
    state: State = {}
    for coder in ("encoder", "decoder"):
        layer = f"transformer.{coder}.layers.0"
        state |= attention(f"{layer}.self_attn") | linear(f"{layer}.linear1", 64, 128)
        state |= linear(f"{layer}.linear2", 128, 64) | layer_norm(f"{layer}.norm1", 64)
    state |= linear("class_embed", 64, 92) | linear("bbox_embed.layers.0", 64, 64)
    state |= linear("bbox_embed.layers.2", 64, 4) | {"query_embed.weight": drawn("query", 100, 64)}
    return state | conv("input_proj", width, 64) | backbone


def _yolact() -> object:
    backbone = renamed(resnet("yolact", "bottleneck"), (r"^layer4\.", "layers.3."))
    for n in range(3):
        backbone = renamed(backbone, (rf"^layer{n + 1}\.", f"layers.{n}."))
    stages = {k: v for k, v in backbone.items() if k.startswith("layers.")}
    state = under("backbone", stages | backbone) | convs("proto_net.0", "proto_net.2")
    state |= pyramid("fpn.lat_layers.{}", "fpn.pred_layers.{}", (256, 128, 64))
    state |= convs("fpn.downsample_layers.0", "prediction_layers.0.upfeature.0")
    for name, into in (("bbox", 12), ("conf", 243), ("mask", 96)):
        state |= conv(f"prediction_layers.0.{name}_layer", 32, into, 3)
    return state | conv("semantic_seg_conv", 32, 80)


DETECTORS = [
    Layout(
        "torchvision Faster R-CNN",
        lambda: _region_proposals("faster"),
        ("backbone.body",),
        (4,),
        (
            "backbone.fpn.inner_blocks.0.0.weight",
            "rpn.head.conv.0.0.weight",
            "roi_heads.box_head.fc6.weight",
        ),
    ),
    Layout(
        "torchvision Mask R-CNN",
        _mask_rcnn,
        ("model.backbone.body",),
        (4,),
        ("model.backbone.fpn.layer_blocks.3.0.bias", "model.roi_heads.mask_head.0.0.weight"),
    ),
    Layout(
        "torchvision Keypoint R-CNN",
        _keypoint_rcnn,
        ("backbone.body",),
        (4,),
        (
            "roi_heads.keypoint_head.0.weight",
            "roi_heads.keypoint_predictor.kps_score_lowres.weight",
        ),
    ),
    Layout(
        "torchvision RetinaNet",
        _retinanet,
        ("backbone.body",),
        (4,),
        ("backbone.fpn.extra_blocks.p6.weight", "head.regression_head.bbox_reg.weight"),
    ),
    Layout(
        "RetinaNet by yhenon",
        _own_retinanet,
        ("",),
        (4,),
        ("fpn.P5_1.weight", "regressionModel.conv1.weight", "classificationModel.output.bias"),
    ),
    Layout(
        "mmdetection Mask R-CNN",
        _mmdet,
        ("state_dict.backbone",),
        (4,),
        (
            "state_dict.neck.lateral_convs.0.conv.weight",
            "state_dict.rpn_head.rpn_conv.weight",
            "state_dict.roi_head.bbox_head.shared_fcs.0.weight",
        ),
    ),
    Layout(
        "detectron2 Mask R-CNN",
        _detectron2,
        ("model.backbone.bottom_up",),
        (4,),
        (
            "model.pixel_mean",
            "model.backbone.fpn_lateral2.weight",
            "model.roi_heads.box_head.fc1.weight",
        ),
    ),
    Layout(
        "detectron2 C4, its last stage in the heads",
        _detectron2_c4,
        ("model.backbone",),
        (4,),
        (
            "model.proposal_generator.rpn_head.conv.weight",
            "model.roi_heads.box_predictor.cls_score.weight",
        ),
    ),
    Layout(
        "detectron2's R-50.pkl from torchvision's",
        lambda: {
            "model": arrays(renamed(resnet("pkl", "bottleneck", classes=1000), *D2)),
            "__author__": "torchvision",
            "matching_heuristics": True,
        },
        ("model",),
        (4,),
        (),
    ),
    Layout("Detectron's R-50.pkl with Caffe2's names", _detectron, ("blobs",), (4,), ()),
    Layout(
        "maskrcnn-benchmark",
        _maskrcnn_benchmark,
        ("model.module.backbone.body",),
        (4,),
        ("model.module.backbone.fpn.fpn_inner1.weight", "model.module.rpn.head.conv.weight"),
    ),
    Layout(
        "DETR",
        lambda: {
            "model": _detr(under("backbone.0.body", frozen(resnet("detr", "bottleneck"))), 256),
            "epoch": 499,
        },
        ("model.backbone.0.body",),
        (4,),
        (
            "model.transformer.encoder.layers.0.self_attn.in_proj_weight",
            "model.class_embed.weight",
            "model.input_proj.weight",
        ),
    ),
    Layout(
        "DETR in transformers with timm's backbone",
        lambda: _detr(under("model.backbone.conv_encoder.model", frozen(resnet("hf"))), 64),
        ("model.backbone.conv_encoder.model",),
        (4,),
        ("class_embed.bias", "query_embed.weight"),
    ),
    Layout(
        "YOLACT",
        _yolact,
        ("backbone",),
        (4,),
        ("proto_net.0.weight", "fpn.lat_layers.0.weight", "prediction_layers.0.mask_layer.weight"),
    ),
]
