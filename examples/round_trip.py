"""From a spec to a model and back to the spec.

python examples/round_trip.py
"""

from __future__ import annotations

from pathlib import Path

from resnet_dsl import analyze, build, dumps, elaborate, load, loads, recover

HERE = Path(__file__).parent


def main() -> None:
    spec = load(HERE / "resnet50_cifar.yaml")  # the variant, with its base below it
    network = elaborate(spec)  # every layer, every number
    print(f"{analyze(network).layers} layers, {analyze(network).params:,} params")

    source = dumps(recover(network))  # the spec of a network that nobody wrote down
    print(source)
    assert elaborate(loads(source)) == network

    model = build(network, device="meta")  # and the spec of a model
    assert dumps(model.spec) == source


if __name__ == "__main__":
    main()
