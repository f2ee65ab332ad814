"""Networks for other classes and images: the spec says what changed, and nothing else does."""

from __future__ import annotations

from dataclasses import replace

import pytest

from resnet_dsl import SpecError, elaborate, load, loads, zoo
from resnet_dsl.folds.interface import interface
from resnet_dsl.ir import Linear
from resnet_dsl.language.spec import Expect
from resnet_dsl.notation.terms import Fc
from resnet_dsl.sources.chosen_numbers import chosen_numbers, resolve_chosen
from resnet_dsl.sources.resolve import resolve
from tests.specs import of_each_kind


@pytest.mark.parametrize("name", of_each_kind(zoo()))
def test_a_spec_and_its_network_change_alike(name: str) -> None:
    spec, network = resolve(name), resolve(resolve(name).network)
    for classes, channels in ((7, None), (None, 1), (12, 5), (0, None)):
        chosen = chosen_numbers(spec, classes, channels).resolved
        assert chosen.spec is not None
        assert elaborate(chosen.spec) == chosen.network
        assert chosen.network == chosen_numbers(network, classes, channels).resolved.network
        own = interface(chosen.network).values
        assert own["in_channels"] == (channels or load(name).input.channels)
        if classes:
            assert own["num_classes"] == classes
            assert chosen.spec.stages == load(name).stages


def test_a_spec_says_what_changed() -> None:
    before = load("googlenet")
    spec = chosen_numbers(resolve("googlenet"), num_classes=10).resolved.spec
    assert spec is not None
    assert [row[-1] for row in (spec.head, *spec.aux.values())] == [Fc(features=10)] * 3
    assert replace(spec, head=before.head, aux=before.aux, expect=before.expect) == before
    assert spec.expect == Expect(layers=22)


def test_a_network_without_classes_ends_where_its_classifier_read() -> None:
    network = chosen_numbers(resolve("vgg11"), num_classes=0).resolved.network
    linear = [layer for layer in network.layers if isinstance(layer, Linear)]
    assert [layer.out_features for layer in linear] == [4096, 4096]
    assert not chosen_numbers(resolve("googlenet"), num_classes=0).resolved.network.auxiliaries


def test_what_is_as_asked_stays() -> None:
    resolved = resolve("resnet18")
    chosen = chosen_numbers(resolved, 1000, 3)
    assert chosen.resolved is resolved
    assert chosen.free == {"num_classes", "in_channels"}


NO_CLASSES = "the network has no classes: no fully connected layer or convolution gives them"
_HEADLESS = "input: 3x32x32\nstem: []\nstages: {a: '[[3x3, 8], [3x3, 8]] x 2'}\nhead: []"
_MIXED = (
    "extends: cifar/resnet20\nexpect: null\n"
    "head: [average pool, '1x1, 10, no norm', '1x1, 10, C=10, no norm', flatten]"
)
_BY_CHANNEL = "extends: resnet18\nstem: ['3x3, 6, C=3']"


@pytest.mark.parametrize(
    ("text", "classes", "channels", "message"),
    [
        (
            _HEADLESS,
            10,
            None,
            NO_CLASSES,
        ),
        (_MIXED, 10, None, NO_CLASSES),
        (_BY_CHANNEL, None, 1, "the layers that read the image take its channels alone"),
        ("extends: resnet18", -1, None, "num_classes is -1"),
        ("extends: resnet18", 2**40, None, "num_classes is 1099511627776"),
        ("extends: resnet18", True, None, "num_classes is True"),
        ("extends: resnet18", None, 0, "in_channels is 0"),
    ],
)
def test_what_cannot_be_chosen_is_said(
    text: str, classes: int | None, channels: int | None, message: str
) -> None:
    with pytest.raises(SpecError) as caught:
        chosen_numbers(resolve(loads(text)), classes, channels)
    assert [each.message for each in caught.value.diagnostics] == [message]


_NORMALIZED = (
    "extends: cifar/resnet20\nstem: ['normalize, mean 0.4 0.5 0.6, std 0.2 0.2 0.2', '3x3, 16']"
)
_GRAY = "extends: cifar/resnet20\ninput: 1x32x32\nstem: ['[batch norm]', '3x3, 16']"
_PIXELWISE = (
    "extends: cifar/resnet20\nhead: ['1x1, 10, no norm', average pool, flatten]\nexpect: null"
)


def test_a_network_takes_the_numbers_that_it_has() -> None:
    normalized, headless = resolve(loads(_NORMALIZED)), resolve(loads(_HEADLESS))
    assert chosen_numbers(normalized, in_channels=3).resolved is normalized
    assert chosen_numbers(headless, num_classes=0).resolved is headless
    with pytest.raises(SpecError):
        chosen_numbers(normalized, in_channels=1)


def test_norms_of_gray_images_and_maps_of_classes_are_known() -> None:
    gray = chosen_numbers(resolve(loads(_GRAY)), in_channels=3).resolved.network
    assert gray.layers[0].channels == 3  # type: ignore[union-attr]
    pixelwise = chosen_numbers(resolve(loads(_PIXELWISE)), num_classes=7).resolved
    assert pixelwise.spec is not None
    assert pixelwise.spec.head[0].channels == 7  # type: ignore[union-attr]


def test_stages_keep_their_names_without_classes() -> None:
    for name in ("lenet5", "vgg11"):
        spec = chosen_numbers(resolve(name), num_classes=0).resolved.spec
        assert spec is not None
        assert spec.stages == load(name).stages


def test_an_input_does_not_contradict_the_channels() -> None:
    with pytest.raises(SpecError, match="the input has 1 channels, and in_channels is 3"):
        resolve_chosen("resnet18", (), "1x64x64", None, 3)
    chosen = resolve_chosen("resnet18", (), "64x96", None, 1).resolved
    assert chosen.size == (1, 64, 96)
