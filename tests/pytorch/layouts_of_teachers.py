"""Checkpoints of networks that learn from a second one: momentum encoders, teachers, averages."""

from __future__ import annotations

import torch

from tests.pytorch.layout_pieces import (
    Layout,
    State,
    conv,
    drawn,
    group_normed,
    indexed,
    linear,
    mlp,
    norm,
    resnet,
    sgd,
    under,
)


def _queue(before: str = "") -> State:
    pointer = torch.zeros(1, dtype=torch.long)
    return {f"{before}queue": drawn("queue", 128, 256), f"{before}queue_ptr": pointer}


def _moco_v2() -> object:
    query = resnet("q", "bottleneck") | mlp("fc", 256, 256, 128, normed=False)
    key = resnet("k", "bottleneck") | mlp("fc", 256, 256, 128, normed=False)
    return {
        "epoch": 200,
        "arch": "resnet50",
        "state_dict": _queue("module.")
        | under("module.encoder_q", query)
        | under("module.encoder_k", key),
        "optimizer": sgd(query),
    }


def _moco_v3() -> object:
    def encoder(place: str) -> State:
        head = mlp("fc", 64, 64, 64, 32, last_norm=True)
        return under(f"module.{place}", resnet(place) | head)

    predictor = mlp("module.predictor", 32, 64, 32, last_norm=True)
    state = encoder("base_encoder") | encoder("momentum_encoder") | predictor
    return {"epoch": 300, "arch": "resnet50", "state_dict": state, "scaler": {"scale": 65536.0}}


def _lucidrains_byol() -> object:
    net, target = resnet(), resnet("target")
    return (
        under("net", net)
        | under("online_encoder.net", net)
        | mlp("online_encoder.projector", 64, 128, 32)
        | under("target_encoder.net", target)
        | mlp("target_encoder.projector", 64, 128, 32)
        | mlp("online_predictor", 32, 128, 32)
    )


def _sthalles_byol() -> object:
    def network(seed: str) -> State:
        return under("encoder", indexed(resnet(seed))) | mlp("projetion.net", 64, 64, 32)

    return {
        "online_network_state_dict": network("online"),
        "target_network_state_dict": network("target"),
        "optimizer_state_dict": sgd(network("online")),
    }


def _yaox_byol() -> object:
    state: State = {}
    for name in ("online", "target"):
        state |= under(f"module.{name}_network.encoder", resnet(name))
        state |= mlp(f"module.{name}_network.projector", 64, 64, 32)
    return {"epoch": 3, "steps": 9, "model": state | mlp("module.predictor", 32, 64, 32)}


def _dino() -> object:
    def network(seed: str) -> State:
        head = mlp("module.head.mlp", 64, 64, 64, 32, normed=False)
        head["module.head.last_layer.weight_g"] = torch.ones(256, 1)
        head["module.head.last_layer.weight_v"] = drawn("weight_v", 256, 32)
        return under("module.backbone", resnet(seed)) | head

    return {
        "student": network("student"),
        "teacher": network("teacher"),
        "optimizer": sgd(network("student")),
        "epoch": 100,
        "args": {"arch": "resnet50", "out_dim": 65536},
        "dino_loss": {"center": drawn("center", 1, 256)},
    }


def _open_self_sup() -> object:
    query = resnet("q")
    state = _queue() | under("encoder_q.0", query)
    state |= mlp("encoder_q.1.mlp", 64, 64, 32, normed=False) | under("encoder_k.0", resnet("k"))
    state |= mlp("encoder_k.1.mlp", 64, 64, 32, normed=False) | under("backbone", query)
    return {"meta": {"epoch": 200}, "state_dict": state}


def _mmselfsup() -> object:
    state = _queue() | under("backbone", resnet())
    state |= mlp("neck.mlp", 64, 64, 32, normed=False)
    state |= {"encoder_k.steps": torch.tensor(7)} | under("encoder_k.module.0", resnet("k"))
    state |= mlp("encoder_k.module.1.mlp", 64, 64, 32, normed=False)
    return {"meta": {"mmengine_version": "0.3"}, "state_dict": state, "message_hub": {}}


def _diffusion_policy() -> object:
    image = "obs_encoder.key_model_map.image"
    state = under(image, group_normed(resnet("policy")))
    state["model.down_modules.0.0.blocks.0.block.0.weight"] = drawn("down", 64, 32, 5)
    state |= {"normalizer.params_dict.action.scale": drawn("scale", 2)}
    state |= linear("model.diffusion_step_encoder.1", 32, 64)
    ema = under(image, group_normed(resnet("ema")))
    return {"cfg": {}, "state_dicts": {"model": state, "ema_model": ema}, "pickles": {}}


def _distillation() -> object:
    state = under("student", resnet("student", classes=100))
    state |= under("teacher.backbone", resnet("teacher", "bottleneck"))
    state |= linear("teacher.fc", 256, 100) | conv("connectors.0", 64, 256, bias=False)
    return {"epoch": 9, "best_acc": 71.2, "model": state | norm("connectors.1", 256)}


TEACHERS = [
    Layout(
        "MoCo v1",
        lambda: {
            "epoch": 200,
            "state_dict": _queue("module.")
            | under("module.encoder_q", resnet("q", classes=128))
            | under("module.encoder_k", resnet("k", classes=128)),
        },
        ("state_dict.module.encoder_q", "state_dict.module.encoder_k"),
        (4, 4),
        ("state_dict.module.queue", "state_dict.module.queue_ptr"),
    ),
    Layout(
        "MoCo v2",
        _moco_v2,
        ("state_dict.module.encoder_q", "state_dict.module.encoder_k"),
        (4, 4),
        (
            "state_dict.module.queue",
            "state_dict.module.encoder_q.fc.0.weight",
            "state_dict.module.encoder_k.fc.2.bias",
            "optimizer.state.0.momentum_buffer",
        ),
    ),
    Layout(
        "MoCo v3",
        _moco_v3,
        ("state_dict.module.base_encoder", "state_dict.module.momentum_encoder"),
        (4, 4),
        (
            "state_dict.module.base_encoder.fc.0.weight",
            "state_dict.module.momentum_encoder.fc.7.running_mean",
            "state_dict.module.predictor.3.weight",
        ),
    ),
    Layout(
        "BYOL by lucidrains, its net under two names",
        _lucidrains_byol,
        ("net", "online_encoder.net", "target_encoder.net"),
        (4, 4, 4),
        ("online_encoder.projector.0.weight", "online_predictor.3.weight"),
    ),
    Layout(
        "BYOL by sthalles",
        _sthalles_byol,
        ("online_network_state_dict.encoder", "target_network_state_dict.encoder"),
        (4, 4),
        (
            "online_network_state_dict.projetion.net.0.weight",
            "optimizer_state_dict.state.3.momentum_buffer",
        ),
    ),
    Layout(
        "BYOL by yaox12",
        _yaox_byol,
        ("model.module.online_network.encoder", "model.module.target_network.encoder"),
        (4, 4),
        ("model.module.online_network.projector.0.weight", "model.module.predictor.1.bias"),
    ),
    Layout(
        "DINO",
        _dino,
        ("student.module.backbone", "teacher.module.backbone"),
        (4, 4),
        (
            "student.module.head.mlp.0.weight",
            "teacher.module.head.last_layer.weight_v",
            "dino_loss.center",
        ),
    ),
    Layout(
        "MoCo in OpenSelfSup, its backbone under two names",
        _open_self_sup,
        ("state_dict.encoder_q.0", "state_dict.encoder_k.0", "state_dict.backbone"),
        (4, 4, 4),
        ("state_dict.queue", "state_dict.encoder_q.1.mlp.0.weight"),
    ),
    Layout(
        "MoCo in mmselfsup",
        _mmselfsup,
        ("state_dict.backbone", "state_dict.encoder_k.module.0"),
        (4, 4),
        ("state_dict.encoder_k.steps", "state_dict.neck.mlp.0.weight"),
    ),
    Layout(
        "Diffusion Policy with group norms",
        _diffusion_policy,
        (
            "state_dicts.model.obs_encoder.key_model_map.image",
            "state_dicts.ema_model.obs_encoder.key_model_map.image",
        ),
        (4, 4),
        ("state_dicts.model.model.down_modules.0.0.blocks.0.block.0.weight",),
    ),
    Layout(
        "teacher and student",
        _distillation,
        ("model.student", "model.teacher.backbone"),
        (4, 4),
        ("model.connectors.0.weight", "model.connectors.1.running_var"),
    ),
]
