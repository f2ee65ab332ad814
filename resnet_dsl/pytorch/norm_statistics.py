"""What weights cannot tell, their statistics do: which choice gives maps like those of training.

A batch norm stores the mean and the variance of each channel of its input over the images that the
network was trained on. An alternative is built, run on natural images, and the statistics of each
norm's input are compared with the stored ones: the Kullback-Leibler divergence of two normal
distributions, the median over a norm's channels, the geometric mean over norms. A wrong stride,
pool, activation or shortcut moves them; the content of the images moves them less.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations, product
from math import exp, inf, log
from pathlib import Path
from statistics import fmean
from typing import Final

import torch
from torch import Tensor, nn

from resnet_dsl.checkpoint.alternatives import Alternative, open_choices, with_spec
from resnet_dsl.folds.cost import network_cost
from resnet_dsl.ir import Network, Shape
from resnet_dsl.language.spec import Spec
from resnet_dsl.pytorch.building import build_model
from resnet_dsl.pytorch.carried_weights import carried
from resnet_dsl.pytorch.photographs import crops
from resnet_dsl.sources.lifted import Evidence, Lifted, Undetermined
from resnet_dsl.sources.resolve import resolve

RATIO: Final = 2.5
"""How many times farther the next alternative must be, for a choice to be decided."""
LIKENESS: Final = 0.02
"""The divergence of the first norm, which hardly any choice moves, up to which images are like
those of training; where it is larger, `RATIO` grows with it."""
_FLOOR: Final = 3e-4
"""A divergence of chance, which is added to every one."""
_CROPS: Final = (8, 256)
"""Crops in a batch: fewest and most; between them, as many as cost `_WORK` MACs."""
_WORK: Final = 3e10
_COSTLIEST: Final = 5
"""Times the MACs of the network: alternatives that cost more are not run."""
_DEAD: Final = 1e-10
"""A variance of a channel that carries nothing."""
_ALIKE: Final = 1.2
"""Times a distance: what is no farther fits as well."""
_ROUNDS: Final = 6
_NEAREST: Final = 2
"""Values of a choice that are tried together with those of another one."""
_TOGETHER: Final = ("stem", "stride", "input", "stride_on", "projection")
"""Choices that act on the same sizes, so that one can make up for another."""

# mean and deviation that inputs are normalized by, for images from 0 to 1
_NORMALIZATIONS: Final = (
    ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    ((0.0, 0.0, 0.0), (1 / 255, 1 / 255, 1 / 255)),
    ((0.485, 0.456, 0.406), (1 / 255, 1 / 255, 1 / 255)),
)


def judged(lifted: Lifted, state: Mapping[str, Tensor], images: str | Path) -> Lifted:
    """What was lifted, with each choice that the statistics of its norms decide, and the evidence.

    Choices are tried one by one, and the clearest is made first; then those that act together are
    tried in pairs. `images` is a folder, or `skimage`. Raises `SpecError` where there are none.
    """
    start = time.perf_counter()
    macs, (fewest, most) = network_cost(lifted.network).macs, _CROPS
    count = max(fewest, min(most, int(_WORK / macs)))
    trial = _Trial(state, images, count, most_macs=_COSTLIEST * macs)
    if not trial.divergences(lifted):
        return _remarked(lifted, "no norm has running statistics: images tell nothing")
    trial.normalization = _normalization(trial, lifted)
    trial.ratio = RATIO * max(1.0, _likeness(trial, lifted) / LIKENESS)
    lifted = _improved(trial, lifted)
    judgements = _judgements(trial, lifted)
    distance, seconds = trial.distance(lifted), time.perf_counter() - start
    norms = len(trial.divergences(lifted))
    remark = (
        f"statistics of {norms} norms on {count} crops of photographs: distance {distance:.2g}; "
        f"{len(trial.distances)} networks in {seconds:.0f} s; a choice is decided where the next "
        f"one is {trial.ratio:.2g} times as far"
    )
    return _remarked(replace(lifted, undetermined=judgements), remark)


def _remarked(lifted: Lifted, remark: str) -> Lifted:
    return replace(lifted, remarks=(*lifted.remarks, remark))


@dataclass(slots=True)
class _Trial:
    """Runs of networks with the same weights on the same images."""

    state: Mapping[str, Tensor]
    images: str | Path
    count: int
    most_macs: float
    normalization: int = 0
    ratio: float = RATIO
    batches: dict[Shape, Tensor] = field(default_factory=dict)
    distances: dict[Network, float] = field(default_factory=dict)

    def distance(self, lifted: Lifted) -> float:
        """How far the statistics of a network's norms are from the stored ones."""
        network = lifted.network
        if network not in self.distances:
            divergences = self.divergences(lifted)
            logarithms = [log(value + _FLOOR) for value in divergences]
            self.distances[network] = exp(fmean(logarithms)) if divergences else inf
        return self.distances[network]

    def divergences(self, lifted: Lifted) -> list[float]:
        """For each norm in the order of computation; none where the network costs too much."""
        if network_cost(lifted.network).macs > self.most_macs:
            return []
        model = build_model(resolve(lifted.network), init=False, device="cpu", dtype=torch.float32)
        state = carried(lifted, self.state)
        model.load_state_dict({key: value.float() for key, value in state.items()})
        divergences: list[float] = []
        for module in model.modules():
            if isinstance(module, nn.BatchNorm2d) and module.running_mean is not None:
                module.register_forward_pre_hook(partial(_compare, divergences))
        with torch.inference_mode():
            model.eval()(self.batch(lifted.network.input))
        return divergences

    def batch(self, size: Shape) -> Tensor:
        """The images at a size, normalized."""
        if size not in self.batches:
            self.batches[size] = crops(self.images, size, count=self.count)
        mean, deviation = (
            torch.tensor(values[: size.channels], device="cpu", dtype=torch.float32).view(
                1, -1, 1, 1
            )
            for values in _NORMALIZATIONS[self.normalization]
        )
        return (self.batches[size] - mean) / deviation


def _compare(divergences: list[float], norm: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    """Note how far the input of a norm is from what it was in training."""
    assert isinstance(norm, nn.BatchNorm2d)
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    actual_variance, actual_mean = torch.var_mean(inputs[0], dim=(0, 2, 3))
    alive = (variance > _DEAD) & (actual_variance > 0)
    if alive.any():
        ratio = (actual_variance / variance)[alive]
        shift = ((actual_mean - mean) ** 2 / variance)[alive]
        divergence = (ratio + shift - 1 - ratio.log()) / 2
        divergences.append(float(divergence.nan_to_num(nan=1e9, posinf=1e9).median()))


def _normalization(trial: _Trial, lifted: Lifted) -> int:
    """How inputs were normalized: what the first norm fits best."""
    firsts = []
    for trial.normalization in range(len(_NORMALIZATIONS)):
        firsts.append(trial.divergences(lifted)[0])
    return firsts.index(min(firsts))


def _likeness(trial: _Trial, lifted: Lifted) -> float:
    """How far the images are from those of training, by the norm that few choices reach."""
    values = open_choices(lifted).get("weights", ())
    networks = [lifted, *(with_spec(lifted, each.spec) for each in values)]
    return min(trial.divergences(network)[0] for network in networks)


# ---------------------------------------------------------------- the search


def _improved(trial: _Trial, lifted: Lifted) -> Lifted:
    """The choices that fit far better than those of the family, the clearest first."""
    for _ in range(_ROUNDS):
        singles = [[each.spec for each in v] for v in open_choices(lifted).values()]
        nearest = _nearest(trial, lifted, singles)
        if not _is_far_nearer(trial, nearest, lifted):
            pairs = [[spec] for spec in _pairs(trial, lifted)]
            nearest = _nearest(trial, lifted, [*singles, *pairs])
            if not _is_far_nearer(trial, nearest, lifted):
                return lifted
        lifted = nearest
    return lifted


def _nearest(trial: _Trial, lifted: Lifted, groups: Iterable[Sequence[Spec]]) -> Lifted:
    """The network that fits best; of a choice's values that fit alike, the likeliest.

    Where a change of another choice fits nearly as well, neither is made.
    """
    changed = ([with_spec(lifted, spec) for spec in specs] for specs in groups)
    networks = [[n for n in group if n.network != lifted.network] for group in changed]
    ranked = sorted(
        (group for group in networks if group),
        key=lambda group: min(map(trial.distance, group)),
    )
    if not ranked:
        return lifted
    best, *rivals = (min(map(trial.distance, group)) for group in ranked)
    if rivals and rivals[0] < trial.ratio * best:
        return lifted
    return next(each for each in ranked[0] if trial.distance(each) <= _ALIKE * best)


def _is_far_nearer(trial: _Trial, candidate: Lifted, lifted: Lifted) -> bool:
    return trial.distance(lifted) > trial.ratio * trial.distance(candidate)


def _pairs(trial: _Trial, lifted: Lifted) -> Iterable[Spec]:
    """Specs that differ in two choices which act together, of the nearest values of each."""
    own = open_choices(lifted)
    near = {
        choice: _ranked(trial, lifted, own[choice][1:])[:_NEAREST]
        for choice in _TOGETHER
        if choice in own
    }
    for first, second in combinations(near, 2):
        for (_, a), (_, b) in product(near[first], near[second]):
            further = {
                each.value: each for each in open_choices(with_spec(lifted, a.spec)).get(second, ())
            }
            if b.value in further:
                yield further[b.value].spec


def _ranked(
    trial: _Trial, lifted: Lifted, values: Iterable[Alternative]
) -> list[tuple[float, Alternative]]:
    """Values of a choice with their distances, the nearest first."""
    distances = [(trial.distance(with_spec(lifted, each.spec)), each) for each in values]
    return sorted((pair for pair in distances if pair[0] < inf), key=lambda pair: pair[0])


# ---------------------------------------------------------------- what it says


def _judgements(trial: _Trial, lifted: Lifted) -> tuple[Undetermined, ...]:
    """Each undetermined choice with the value that it has now, and what speaks for it."""
    values = open_choices(lifted)
    return tuple(
        _judgement(trial, lifted, entry, values[entry.choice]) if entry.choice in values else entry
        for entry in lifted.undetermined
    )


def _judgement(
    trial: _Trial, lifted: Lifted, entry: Undetermined, values: tuple[Alternative, ...]
) -> Undetermined:
    own, ranked = values[0].value, _ranked(trial, lifted, values)
    own_distance = next(distance for distance, each in ranked if each.value == own)
    others = [Evidence(each.value, distance) for distance, each in ranked if each.value != own]
    decided = all(other.distance > trial.ratio * own_distance for other in others)
    evidence = (Evidence(own, own_distance), *others)
    return replace(
        entry,
        default=own,
        alternatives=tuple(each.value for each in values[1:]),
        evidence=evidence,
        decided=decided,
    )
