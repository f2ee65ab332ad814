"""Checkpoints of contrastive learning with one encoder, of image and text, of robots."""

from __future__ import annotations

import torch

from tests.pytorch.layout_pieces import (
    Layout,
    attention,
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
    under,
)


def _simsiam() -> object:
    head = mlp("fc", 64, 64, 64, 64, last_norm=True)
    state = under("module.encoder", resnet() | head) | mlp("module.predictor", 64, 16, 64)
    return {"epoch": 100, "arch": "resnet50", "state_dict": state, "optimizer": sgd(state)}


def _barlow_twins() -> object:
    state = under("module.backbone", resnet())
    state |= mlp("module.projector", 64, 128, 128, 128) | norm("module.bn", 128, affine=False)
    return {"epoch": 1000, "model": state, "optimizer": sgd(state)}


def _vissl() -> object:
    trunk = under("_feature_blocks", resnet("pirl", "bottleneck"))
    heads = linear("0.clf.0", 256, 128)
    return {
        "phase": 799,
        "iteration": 1000,
        "loss": {"memory": drawn("memory", 100, 128)},
        "classy_state_dict": {
            "base_model": {"model": {"trunk": trunk, "heads": heads}, "meta": {"train": {}}},
            "optim": {"optim": sgd(heads)},
        },
    }


def _clip() -> object:
    stem = ("conv1", "bn1", "conv2", "bn2", "conv3", "bn3")
    backbone = deep_stem(resnet("clip", "bottleneck"), *stem)
    pool = {"attnpool.positional_embedding": drawn("attnpool", 50, 256)}
    for name in ("k_proj", "q_proj", "v_proj", "c_proj"):
        pool |= linear(f"attnpool.{name}", 256, 64 if name == "c_proj" else 256)
    text = attention("transformer.resblocks.0.attn") | layer_norm("ln_final", 64)
    text |= linear("transformer.resblocks.0.mlp.c_fc", 64, 256)
    text |= layer_norm("transformer.resblocks.0.ln_1", 64)
    top = {
        "positional_embedding": drawn("positional", 77, 64),
        "text_projection": drawn("text_projection", 64, 64),
        "logit_scale": torch.tensor(4.6),
    }
    text["token_embedding.weight"] = drawn("token", 100, 64)
    return top | under("visual", backbone | pool) | text


def _r3m() -> object:
    state = under("module.convnet", resnet("r3m"))
    state |= layer_norm("module.lang_enc.model.transformer.layer.0.sa_layer_norm", 64)
    state["module.lang_enc.model.embeddings.word_embeddings.weight"] = drawn("words", 100, 64)
    state |= mlp("module.lang_rew.pred", 192, 64, 1, normed=False)
    return {"r3m": state, "global_step": 1000000}


def _act() -> object:
    state = attention("model.transformer.encoder.layers.0.self_attn")
    state |= linear("model.action_head", 64, 14) | conv("model.input_proj", 64, 64)
    state |= {"model.query_embed.weight": drawn("query", 100, 64)}
    state |= under("model.backbones.0.0.body", resnet("act"))
    return state | linear("model.encoder_joint_proj", 14, 64)


LEARNERS = [
    Layout(
        "SimSiam",
        _simsiam,
        ("state_dict.module.encoder",),
        (4,),
        (
            "state_dict.module.encoder.fc.6.weight",
            "state_dict.module.encoder.fc.7.running_var",
            "state_dict.module.predictor.1.weight",
        ),
    ),
    Layout(
        "SimCLR by sthalles",
        lambda: {
            "epoch": 100,
            "state_dict": under("backbone", resnet() | mlp("fc", 64, 64, 128, normed=False)),
        },
        ("state_dict.backbone",),
        (4,),
    ),
    Layout(
        "SimCLR by Spijkervet",
        lambda: under("encoder", resnet()) | mlp("projector", 64, 64, 32, normed=False),
        ("encoder",),
        (4,),
        ("projector.0.weight", "projector.2.weight"),
    ),
    Layout(
        "SimCLR by leftthomas",
        lambda: under("f", indexed(resnet("f", "bottleneck", stem=3), 3)) | mlp("g", 256, 64, 32),
        ("f",),
        (4,),
        ("g.0.weight", "g.1.running_mean", "g.3.weight"),
    ),
    Layout(
        "SimCLR with a convnet",
        lambda: {
            "iter": 1,
            "state_dict": under("convnet", resnet())
            | linear("projection.fc1", 64, 64, bias=False)
            | norm("projection.bn1", 64)
            | linear("projection.fc2", 64, 32, bias=False)
            | norm("projection.bn2", 32),
        },
        ("state_dict.convnet",),
        (4,),
        ("state_dict.projection.fc1.weight", "state_dict.projection.bn2.weight"),
    ),
    Layout(
        "SupContrast",
        lambda: {
            "model": under(
                "encoder", renamed(resnet(stem=3, layers=(2, 2, 2, 2)), ("downsample", "shortcut"))
            )
            | mlp("head", 64, 64, 128, normed=False),
            "epoch": 1000,
        },
        ("model.encoder",),
        (8,),
    ),
    Layout(
        "SwAV",
        lambda: (
            under("module", resnet("swav", "bottleneck"))
            | mlp("module.projection_head", 256, 128, 128)
            | linear("module.prototypes", 128, 300, bias=False)
        ),
        ("module",),
        (4,),
        ("module.projection_head.0.weight", "module.prototypes.weight"),
    ),
    Layout(
        "VICReg",
        lambda: {
            "epoch": 1000,
            "model": under("module.backbone", resnet("vicreg", "bottleneck"))
            | mlp("module.projector", 256, 128, 128, 128),
        },
        ("model.module.backbone",),
        (4,),
        ("model.module.projector.0.weight", "model.module.projector.6.weight"),
    ),
    Layout(
        "Barlow Twins",
        _barlow_twins,
        ("model.module.backbone",),
        (4,),
        ("model.module.projector.3.weight", "model.module.bn.running_mean"),
    ),
    Layout(
        "PIRL in VISSL",
        _vissl,
        ("classy_state_dict.base_model.model.trunk._feature_blocks",),
        (4,),
        ("loss.memory",),
    ),
    Layout(
        "CLIP RN50",
        _clip,
        ("visual",),
        (4,),
        ("visual.attnpool.k_proj.weight", "transformer.resblocks.0.attn.in_proj_weight"),
    ),
    Layout(
        "R3M",
        _r3m,
        ("r3m.module.convnet",),
        (4,),
        ("r3m.module.lang_rew.pred.0.weight",),
    ),
    Layout(
        "ACT, a policy after DETR",
        _act,
        ("model.backbones.0.0.body",),
        (4,),
        ("model.action_head.weight", "model.input_proj.weight"),
    ),
]
