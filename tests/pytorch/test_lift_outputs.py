"""Several outputs, maps that are used again, sizes, and refusals that name a line of code."""

from __future__ import annotations

from typing import Any

import pytest
import timm
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models._utils import IntermediateLayerGetter

from resnet_dsl import SpecError, build, lift
from resnet_dsl.notation.terms import AdaptivePool, Flatten
from tests.pytorch.habits import Forward, conv, head, normed, stem
from tests.pytorch.lifting import Lambda, assert_lifts
from tests.pytorch.reference import image, shuffle_statistics

# ---------------------------------------------------------------- outputs


def backbones() -> dict[str, nn.Module]:
    """Bodies as libraries build them for detection and segmentation."""
    layers = {"layer1": "low", "layer4": "out"}
    return {
        "timm": timm.create_model("resnet18", features_only=True, pretrained=False),
        "torchvision": IntermediateLayerGetter(torchvision.models.resnet18(), layers),
    }


@pytest.mark.parametrize(
    ("library", "features"),
    [
        ("timm", ("stem", "conv2_x", "conv3_x", "conv4_x", "conv5_x")),
        ("torchvision", ("conv2_x", "conv5_x")),
    ],
)
def test_maps_are_features(library: str, features: tuple[str, ...]) -> None:
    model = backbones()[library].eval()
    shuffle_statistics(model)
    lifted = lift(model, (3, 64, 64))
    assert lifted.features == features
    ours = build(lifted.spec, init=False, features=lifted.features).eval()
    state = model.state_dict()
    ours.load_state_dict({name: state[source] for name, source in lifted.weights.items()})
    x = image(2, 3, 75, 83)
    with torch.no_grad():
        theirs: Any = model(x)
        maps = theirs.values() if isinstance(theirs, dict) else theirs
        assert all(map(torch.equal, ours(x).values(), maps))


def test_features_may_be_blocks_and_layers_of_the_stem() -> None:
    whole: Any = build("resnet18", seed=0).eval()
    names = ["stem.1", "stem.2", "conv3_x.1"]
    maps = build("resnet18", seed=0, features=names).eval()(x := image(2, 3, 64, 64))
    first = whole.relu(whole.bn1(whole.conv1(x)))
    pooled = whole.maxpool(first)
    inner = whole.layer2[0](whole.layer1(pooled))
    assert all(map(torch.equal, maps.values(), (first, pooled, inner)))


class Both(nn.Module):
    """Two classifiers on one trunk, or one with the map that it reads."""

    def __init__(self, *, second: bool) -> None:
        super().__init__()
        self.trunk = nn.Sequential(*stem(), *normed(8, 8), nn.ReLU())
        self.age, self.kind, self.second = nn.Linear(8, 2), nn.Linear(8, 5), second

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x = self.trunk(x)
        pooled = x.mean((2, 3))
        return self.kind(pooled), self.age(pooled) if self.second else x


def test_classifiers_side_by_side_are_refused_with_their_lines() -> None:
    with pytest.raises(SpecError, match=r"test_lift_outputs.py:\d+: kind; .*: age") as caught:
        lift(Both(second=True), (3, 32, 32))
    assert "--partial" in str(caught.value)
    trunk = lift(Both(second=True), (3, 32, 32), partial=True)
    assert trunk.refused is not None
    assert trunk.spec.head == (AdaptivePool(), Flatten())


def test_outputs_on_the_way_are_left_out_with_a_note() -> None:
    lifted = lift(Both(second=False), (3, 32, 32))
    assert [note.choice for note in lifted.undetermined] == ["other outputs of the model"]
    assert lifted.unused == ("age.weight", "age.bias")


# ---------------------------------------------------------------- maps that are used again


class Dense(nn.Module):
    """Dense layers, each of which reads all maps before it; joined one by one or from a list."""

    def __init__(self, depth: int, *, listed: bool) -> None:
        super().__init__()
        self.first, self.listed = conv(3, 8), listed
        self.layers = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(8 + 4 * i), nn.ReLU(), conv(8 + 4 * i, 4))
            for i in range(depth)
        )
        self.fc = nn.Linear(8 + 4 * depth, 5)

    def forward(self, x: Tensor) -> Tensor:
        maps = [self.first(x)]
        for layer in self.layers:
            new = layer(torch.cat(maps, 1))
            maps = [*maps, new] if self.listed else [torch.cat([*maps, new], 1)]
        return self.fc(torch.cat(maps, 1).relu().mean((2, 3)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("listed", [True, pytest.param(False, marks=pytest.mark.exhaustive)])
def test_forty_dense_layers_are_one_row(*, listed: bool) -> None:
    spec = assert_lifts(Dense(40, listed=listed), (3, 8, 8))
    (stage,) = spec.stages.values()
    assert [row.repeats for row in stage.rows] == [40]


def test_a_map_that_is_read_again_is_named() -> None:
    def forward(net: Any, x: Tensor) -> Tensor:
        first = net.a(x).relu()
        second = net.b(first).relu()
        return net.c(second * first.mean() + first)  # type: ignore[no-any-return]

    with pytest.raises(SpecError, match=r"test_lift_outputs.py:\d+: .* is not supported"):
        lift(Forward(forward, a=conv(3, 8), b=conv(8, 8), c=conv(8, 8)), (3, 8, 8))


# ---------------------------------------------------------------- sizes


def choosy(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 2) if x.shape[2] > 40 else x


def same(x: Tensor) -> Tensor:
    """Zeros as TensorFlow pads for a stride of 2."""
    return functional.pad(x, (0, 1 - x.shape[3] % 2 + 1, 0, 1 - x.shape[2] % 2 + 1))


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (Lambda(choosy), "computes other layers"),
        (Lambda(same), "has other numbers"),
        (nn.AvgPool2d(32), "images of this size alone"),
    ],
)
def test_what_holds_for_one_size_is_noted(layer: nn.Module, why: str) -> None:
    tail = [nn.Flatten(), nn.Linear(8, 5)] if isinstance(layer, nn.AvgPool2d) else head()
    model = nn.Sequential(*stem(), *normed(8, 8), nn.ReLU(), layer, *tail)
    (note,) = lift(model, (3, 32, 32)).undetermined
    assert note.choice == "size of images"
    assert why in note.why


# ---------------------------------------------------------------- refusals


class Mixed(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = torch.einsum("nchw,nkhw->nchw", x, x)
        return mixed


def test_a_refusal_names_the_line_the_module_and_what_is_nearest(
    capfd: pytest.CaptureFixture[str],
) -> None:
    model = nn.Sequential(*stem(), nn.Sequential(nn.Identity(), Mixed()), *head())
    place = r"^error\[unsupported\]: .*test_lift_outputs.py:\d+: 2.1: torch.einsum is not supported"
    with pytest.raises(SpecError, match=place) as caught:
        lift(model, (3, 16, 16))
    assert "the nearest are se, eca and spatial attention" in str(caught.value)
    assert capfd.readouterr() == ("", "")


class Nested(nn.Module):
    """A block inside the body of another."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = conv(8, 8), conv(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.a(x).relu()
        total: Tensor = x + (y + self.b(y))
        return total


def test_what_no_spec_expresses_names_its_line() -> None:
    place = r"test_lift_outputs.py:\d+: 2: no spec can express a residual block here"
    with pytest.raises(SpecError, match=place) as caught:
        lift(nn.Sequential(*stem(), Nested(), *head()), (3, 16, 16))
    assert "layer" not in str(caught.value)


def test_the_prints_of_a_model_are_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    def loud(x: Tensor) -> Tensor:
        print(x.shape)
        return x

    lift(nn.Sequential(*stem(), Lambda(loud), *head()), (3, 16, 16))
    assert capfd.readouterr() == ("", "")
