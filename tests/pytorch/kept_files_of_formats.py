"""Files in which people keep weights in other formats, in other kinds of tensors, or not at all."""

from __future__ import annotations

import gzip
import json
import pickle
import struct
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import joblib  # type: ignore[import-untyped]
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict_saver import save as save_dcp
from torch.nn.utils import fuse_conv_bn_weights, prune, spectral_norm, weight_norm
from torch.nn.utils.parametrizations import spectral_norm as new_spectral_norm
from torch.nn.utils.parametrizations import weight_norm as new_weight_norm
from torch.package.package_exporter import PackageExporter

from tests.pytorch.kept_models import (
    OTHERS,
    Called,
    Kind,
    arrays,
    kept,
    optimizer_state,
    pickled,
    quietly,
    refused,
    seeded_model,
    stand_in,
    torch_bytes,
    weights,
    written,
)

State = dict[str, Any]
Labelled = stand_in("fastai.torch_core.TensorBase", Tensor)


class Python2Pickler(pickle._Pickler):
    """Writes texts as Python 2 did: as bytes."""

    dispatch: ClassVar[dict[type, Callable[..., None]]] = dict(pickle._Pickler.dispatch)

    def save_bytes_of(self, value: str | bytes) -> None:
        data = value.encode() if isinstance(value, str) else value
        self.write(b"T" + struct.pack("<i", len(data)) + data)  # type: ignore[attr-defined]
        self.memoize(value)  # type: ignore[attr-defined]

    dispatch[str] = dispatch[bytes] = save_bytes_of


# formats


def python2(path: Path) -> None:
    with path.open("wb") as file:
        Python2Pickler(file, 2).dump({"model": arrays(), "__author__": "someone"})


def of_numpy_1(path: Path) -> None:
    path.write_bytes(pickle.dumps(arrays(), 2).replace(b"numpy._core.", b"numpy.core."))


def detectron() -> object:
    return {"model": arrays(), "__author__": "torchvision", "matching_heuristics": True}


def on(device: str, *, zipped: bool = True) -> Kind:
    """As a machine with that device would have written it."""

    def write(path: Path) -> None:
        with patch("torch.serialization.location_tag", lambda _: device):
            torch.save({"model": weights()}, path, _use_new_zipfile_serialization=zipped)

    more = "" if zipped else " in the format until 2020"
    return written(f"torch.save of tensors on {device}{more}", write, "model.pth")


def sharded(name: str, file: str, save: Callable[[State, Path], object], named: str = "") -> Kind:
    """Two files, and an index that tells which weight is in which."""
    stem, suffix = file.split(".")

    def write(path: Path) -> None:
        state = weights()
        places = {name: f"{stem}-0000{1 + ('layer3' in name)}-of-00002.{suffix}" for name in state}
        for place in set(places.values()):
            save({k: v for k, v in state.items() if places[k] == place}, path.parent / place)
        path.write_text(json.dumps({"metadata": {"total_size": 704000}, "weight_map": places}))

    return written(name, write, f"{file}.index.json", named)


def safe(path: Path, prefix: str = "", **metadata: str) -> None:
    save_file(weights(prefix), path, metadata or None)


def pretrained(path: Path) -> None:
    """The folder of a network on a hub."""
    safe(path, format="pt")
    (path.parent / "config.json").write_text('{"architecture": "resnet14", "num_classes": 10}')


def traced() -> Any:
    return torch.jit.trace(seeded_model(), torch.zeros(1, 3, 32, 32))


def frozen(path: Path) -> None:
    torch.jit.freeze(traced()).save(path)


def exported(path: Path) -> None:
    program = torch.export.export(seeded_model(), (torch.zeros(1, 3, 32, 32),))
    torch.export.save(program, path)


def package(path: Path) -> None:
    with PackageExporter(path) as exporter:
        exporter.extern("**")
        exporter.save_pickle("model", "model.pkl", seeded_model())


# tensors


def each(change: Callable[[Tensor], object], *dims: int) -> State:
    """The state dict with what a function makes of each tensor of floats, or of some dimensions."""
    return {
        k: change(v) if v.is_floating_point() and v.dim() in (dims or (1, 2, 4)) else v
        for k, v in weights().items()
    }


def without(*ends: str) -> State:
    return {k: v for k, v in weights().items() if not k.endswith(ends)}


def flat() -> State:
    """Parts of one tensor."""
    floats = [tensor for tensor in weights().values() if tensor.is_floating_point()]
    whole = torch.cat([tensor.flatten() for tensor in floats])
    parts = iter(whole.split([tensor.numel() for tensor in floats]))
    return each(lambda tensor: next(parts).view_as(tensor))


def inside(tensor: Tensor) -> Tensor:
    """A slice of a longer tensor, in steps of two."""
    return torch.stack([tensor, tensor], dim=-1)[..., 0]


def transposed(tensor: Tensor) -> Tensor:
    return tensor.transpose(0, 1).contiguous().transpose(0, 1)


def parameter(tensor: Tensor, **attributes: object) -> Tensor:
    created = nn.Parameter(tensor)
    vars(created).update(attributes)
    return created


def noted(tensor: Tensor) -> Tensor:
    vars(tensor).update(no_weight_decay=True, note=["layer"])
    return tensor


def until_2017(tensor: Tensor) -> object:
    rebuild = torch._utils._rebuild_tensor
    return Called(rebuild, tensor.storage(), 0, tuple(tensor.shape), tensor.stride())


def on_xla(tensor: Tensor) -> object:
    rebuild = torch._utils._rebuild_device_tensor_from_numpy
    return Called(rebuild, tensor.numpy(), tensor.dtype, "xla:0", False)


def remade(change: Callable[[nn.Module], object], *kinds: type[nn.Module]) -> nn.Module:
    """The network after a change of its modules with weights."""
    model = seeded_model()
    for module in list(model.modules()):
        if isinstance(module, kinds or (nn.Conv2d, nn.Linear)):
            change(module)
    return model


def changed(change: Callable[[nn.Module], object], *kinds: type[nn.Module]) -> object:
    return remade(change, *kinds).state_dict()


def pruned(module: nn.Module) -> None:
    """Where weights are zero they were not, and a mask makes them so."""
    assert isinstance(module.weight, Tensor)
    if module.weight.numel() > 10_000:
        return  # else the file is large
    mask = (module.weight != 0).float()
    prune.custom_from_mask(module, "weight", mask)
    assert isinstance(module.weight_orig, Tensor)
    module.weight_orig.data += 0.01 * (1 - mask)


def eight_bits() -> State:
    """The last layer as bitsandbytes keeps it."""
    state = dict(weights())
    scale = state["fc.weight"].abs().amax(1)
    state["fc.weight"] = (state["fc.weight"] / scale[:, None] * 127).round().to(torch.int8)
    return {**state, "fc.SCB": scale, "fc.weight_format": torch.tensor(0, dtype=torch.uint8)}


def dynamic() -> State:
    """The last layer as `quantize_dynamic` keeps it."""
    state = dict(weights())
    packed = torch.quantize_per_tensor(state.pop("fc.weight"), 0.01, 0, torch.qint8)
    pair = (packed, state.pop("fc.bias"))
    numbers = {"fc.scale": torch.tensor(1.0), "fc.zero_point": torch.tensor(0)}
    params = {"fc._packed_params.dtype": torch.qint8, "fc._packed_params._packed_params": pair}
    return {**state, **numbers, **params}


def static(folder: Path) -> Path:
    """As torchvision's quantized networks are: norms in convolutions, all in eight bits."""
    state = dynamic()
    for name in [name for name in state if name.endswith("running_var")]:
        norm = name.removesuffix("running_var")
        conv = norm.replace("bn", "conv").replace("downsample.1", "downsample.0")
        keys = ("running_mean", "running_var", "weight", "bias")
        norms = [state.pop(norm + key) for key in keys]
        del state[norm + "num_batches_tracked"]
        mean, variance, *affine = norms
        conv_weight = state[f"{conv}weight"]
        weight, bias = fuse_conv_bn_weights(conv_weight, None, mean, variance, 1e-5, *affine)
        scales = weight.detach().abs().flatten(1).amax(1) / 127
        zeros = torch.zeros(len(scales), dtype=torch.long)
        packed = torch.quantize_per_channel(weight.detach(), scales, zeros, 0, torch.qint8)
        state |= {f"{conv}weight": packed, f"{conv}bias": bias, f"{conv}scale": torch.tensor(0.1)}
        state[f"{conv}zero_point"] = torch.tensor(64)
    torch.save(state, folder / "model.pth")
    return folder / "model.pth"


def unnamed() -> bytes:
    return torch_bytes(list(seeded_model().parameters()))


PACKED: State = {"weights": lambda: dict(weights()), "networks": seeded_model, "arrays": arrays}

KINDS: list[Kind] = [
    *(
        pickled(f"pickle.dump of {what} by protocol {protocol}", content, protocol=protocol)
        for what, content in PACKED.items()
        for protocol in range(6)
    ),
    pickled("detectron2's .pkl: arrays, __author__, matching_heuristics", detectron),
    pickled("pickle.dump of a checkpoint", lambda: {"epoch": 1, "state_dict": weights()}),
    pickled("pickle.dump of bytes of torch.save", lambda: {"model": torch_bytes(weights())}),
    written("pickle.dump of arrays by Python 2", python2, "model.pkl"),
    written("pickle.dump of arrays of numpy 1", of_numpy_1, "model.pkl"),
    written("joblib.dump of arrays", lambda p: joblib.dump(arrays(), p), "model.joblib"),
    written("joblib.dump of a state dict", lambda p: joblib.dump(weights(), p), "model.joblib"),
    written("numpy.savez", lambda p: np.savez(p, **arrays()), "model.npz"),
    written("numpy.savez_compressed", lambda p: np.savez_compressed(p, **arrays()), "model.npz"),
    written("numpy.savez of a dict", lambda p: np.savez(p, params=np.array(arrays())), "model.npz"),
    written("numpy.save of a dict", lambda p: np.save(p, np.array(arrays())), "model.npy"),
    kept("torch.save of arrays of numpy", lambda: {"params": arrays()}),
    kept("torch.save of a state dict in the format until 2020", weights, zipped=False),
    kept("a checkpoint in the format until 2020", lambda: {"net": weights(), "t": 9}, zipped=False),
    *(kept(f"torch.save with pickle_protocol={n}", weights, protocol=n) for n in (3, 4, 5)),
    on("cuda:0"),
    on("cuda:3", zipped=False),
    on("mps"),
    kept("torch.save of tensors on XLA", lambda: each(on_xla)),
    kept("torch.save as torch 0.1 did", lambda: each(until_2017), zipped=False),
    written("safetensors", safe, "model.safetensors"),
    written("safetensors with metadata", partial(safe, epoch="9"), "model.safetensors"),
    written("safetensors with a prefix", partial(safe, prefix="module."), "model.safetensors"),
    written("safetensors that is named .bin", safe, "pytorch_model.bin"),
    written("a hub's folder: config.json, model.safetensors", pretrained, "model.safetensors", "."),
    sharded("shards of safetensors, by their index", "model.safetensors", save_file),
    sharded("shards of safetensors, by their folder", "model.safetensors", save_file, "."),
    sharded("shards of torch.save, by their index", "pytorch_model.bin", torch.save),
    written("torch.distributed.checkpoint", lambda p: save_dcp(weights(), checkpoint_id=p), "d"),
    written("TorchScript, scripted", lambda p: torch.jit.script(seeded_model()).save(p), "net.pt"),
    written("TorchScript, traced", lambda p: traced().save(p), "model.pt"),
    written("TorchScript, lite", lambda p: traced()._save_for_lite_interpreter(f"{p}"), "m.ptl"),
    replace(written("TorchScript, frozen", frozen, "model.pt"), holds="other"),
    written("torch.export", exported, "model.pt2"),
    written("torch.package", package, "model.pt"),
    kept("half precision", lambda: each(Tensor.half)),
    kept("bfloat16", lambda: each(Tensor.bfloat16)),
    kept("double precision", lambda: each(Tensor.double)),
    kept("half precision but for norms", lambda: each(Tensor.half, 4)),
    kept("float8", lambda: each(lambda t: t.to(torch.float8_e4m3fn), 4), "other"),
    kept("int8 of bitsandbytes", eight_bits, "other"),
    kept("quantize_dynamic", dynamic, "other"),
    kept("no num_batches_tracked", lambda: without("num_batches_tracked")),
    kept("named_parameters()", lambda: dict(seeded_model().named_parameters()), "other"),
    kept("no statistics", lambda: without("running_mean", "running_var", "tracked"), "other"),
    kept("pruned: weight_orig, weight_mask", lambda: changed(pruned)),
    kept("pruned, torch.save(model)", lambda: remade(pruned)),
    kept("weight_norm: weight_g, weight_v", lambda: changed(weight_norm)),
    kept("weight_norm, torch.save(model)", lambda: remade(weight_norm)),
    kept("parametrizations.weight_norm", lambda: changed(new_weight_norm)),
    kept("spectral_norm", lambda: changed(spectral_norm, nn.Linear), "other"),
    kept("parametrizations.spectral_norm", lambda: changed(new_spectral_norm, nn.Linear), "other"),
    kept("parameters that require gradients", lambda: each(lambda t: parameter(t))),
    kept("parameters with attributes", lambda: each(lambda t: parameter(t, no_weight_decay=True))),
    kept("tensors with attributes", lambda: each(noted)),
    kept("tensors of a subclass", lambda: each(lambda t: t.as_subclass(Labelled))),
    kept("buffers: nn.Buffer", lambda: each(nn.Buffer)),
    kept("parts of one flat tensor", flat),
    kept("slices of longer tensors", lambda: each(inside)),
    kept("channels_last", lambda: each(lambda t: t.to(memory_format=torch.channels_last), 4)),
    kept("transposed strides", lambda: each(transposed, 2, 4)),
    kept("sparse", lambda: each(Tensor.to_sparse, 2)),
    kept("meta tensors", lambda: each(lambda t: t.to("meta")), "nothing"),
    Kind("quantized, static", quietly(static), "other", "refused", "quantized"),
    refused("list(model.parameters())", "model.pth", unnamed, "names", "other"),
    refused("an optimizer's state", "o.pt", lambda: torch_bytes(optimizer_state()), "optimizer"),
    refused("gzip", "m.gz", lambda: gzip.compress(torch_bytes(weights())), "gzip", "TinyResNet"),
    refused("cut off", "model.pth", lambda: torch_bytes(weights())[:300_000], "truncated"),
    *OTHERS,
]
