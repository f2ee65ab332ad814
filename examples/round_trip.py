"""From a page to a model and back to the page.

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

    page = dumps(recover(network))  # the page of a network that nobody wrote down
    print(page)
    assert elaborate(loads(page)) == network

    model = build(network, device="meta")  # and the page of a model
    assert dumps(model.spec) == page


if __name__ == "__main__":
    main()
