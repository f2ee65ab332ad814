"""Models to lift, and the check that a lifted spec is the model."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from resnet_dsl import build, lift
from resnet_dsl.language.spec import Spec
from tests.pytorch.reference import image, shuffle_statistics


def assert_lifts(
    model: nn.Module,
    size: tuple[int, ...],
    *,
    at: tuple[int, ...] = (),
    frozen: bool = False,
    without_eps: bool = False,
    equal: bool = True,
) -> Spec:
    """The spec of a model; built again, with the model's weights, it gives the same outputs.

    They are `equal` where both compute in the same order, else near; held together `at` a size.
    """
    shuffle_statistics(model)
    modes = [module.training for module in model.modules()]
    lifted = lift(model, size)
    assert modes == [module.training for module in model.modules()]
    choices = [actual.choice for actual in lifted.undetermined]
    frozen_notes = ["batch norm in training"] * frozen + ["eps of batch norms"] * without_eps
    assert choices == frozen_notes
    ours = build(lifted.network, init=False).eval()
    theirs, state = model.state_dict(), ours.state_dict()
    counters = {name for name in state if name.endswith("num_batches_tracked")}
    assert set(state) - set(lifted.weights) <= (counters if frozen else set())
    assert set(lifted.weights) <= set(state)
    assert len(set(lifted.weights.values())) == len(lifted.weights)
    carried = {name: theirs[source] for name, source in lifted.weights.items()}
    ours.load_state_dict({**state, **carried})
    x = image(*(at or (2, *size)))
    with torch.no_grad():
        actual = model.eval()(x)
        expected: Tensor = actual.logits if hasattr(actual, "logits") else actual
        own = ours(x)
    assert torch.equal(own, expected) if equal else nearly(own, expected)
    return lifted.spec


def nearly(own: Tensor, expected: Tensor) -> bool:
    return bool((own - expected).abs().max() < 1e-5 * expected.abs().max())


class Lambda(nn.Module):
    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Block(nn.Module):
    """One ReLU for all places, in place."""

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.act = nn.ReLU(inplace=True)
        self.left = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out),
            self.act,
            nn.Conv2d(out, out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.right: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.right = nn.Sequential(
                nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)
            )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.act(self.left(x) + self.right(x))
        return out


class Listed(nn.Module):
    """Blocks in a ModuleList, from a loop over a config."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList()
        channels = 3
        for out, stride, depth in ((16, 1, 2), (32, 2, 2)):
            for i in range(depth):
                self.blocks.append(Block(channels, out, stride if i == 0 else 1))
                channels = out
        self.head = nn.Conv2d(channels, 10, 1)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean([2, 3], keepdim=True)).flatten(1)  # type: ignore[no-any-return]
