"""Prune a ResNet-18 with torch-pruning, and get the spec and the weights of what is left.

pip install 'resnet-dsl[prune]' && python examples/prune.py
"""

from __future__ import annotations

import torch
import torch_pruning as pruning

from resnet_dsl import analyze, build, dumps, lift

INPUT = (3, 64, 64)


def main() -> None:
    model = build("resnet18", seed=0).eval()
    pruner = pruning.pruner.MagnitudePruner(
        model,
        torch.randn(1, *INPUT),
        importance=pruning.importance.MagnitudeImportance(p=1),
        global_pruning=True,  # each layer loses what matters least in the whole network
        pruning_ratio=0.4,
        ignored_layers=[model.fc],
    )
    pruner.step()

    lifted = lift(model, INPUT)
    print(dumps(lifted.spec))
    before, after = analyze("resnet18").params, analyze(lifted.spec).params
    print(f"{before:,} params before, {after:,} after")

    again = build(lifted.spec, init=False).eval()  # a model of our own, with the pruned weights
    weights = model.state_dict()
    again.load_state_dict({name: weights[source] for name, source in lifted.weights.items()})
    images = torch.randn(2, *INPUT)
    with torch.no_grad():
        assert torch.equal(again(images), model(images))
    print("the outputs are equal")


if __name__ == "__main__":
    main()
