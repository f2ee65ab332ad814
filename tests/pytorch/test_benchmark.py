"""Times are those of runs that took turns; what cannot be run is refused."""

from __future__ import annotations

import json

import pytest
import torch

from resnet_dsl import SpecError, benchmark
from resnet_dsl.answers.benchmarks import timings
from tests.command import run


def test_every_backend_and_batch_is_timed() -> None:
    result = benchmark(
        "timm/test_resnet",
        input=32,
        backend=["eager", "onnxruntime", "int8"],
        batch=[1, 2],
        seconds=0.01,
    )
    pairs = [(timing.backend, timing.batch) for timing in result.timings]
    backends = ("eager", "onnxruntime", "int8")
    assert pairs == [(name, batch) for batch in (1, 2) for name in backends]
    assert result.input == (3, 32, 32)
    assert result.threads == torch.get_num_threads()
    for timing in result.timings:
        low, high = timing.quartiles
        assert 0 < low <= timing.milliseconds <= high
        assert timing.runs >= 5
    assert [timing.speedup for timing in result.timings if timing.backend == "eager"] == [1, 1]


@pytest.mark.exhaustive
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of torch's own modules
def test_compiled_models_are_timed() -> None:
    """It needs a compiler of C++."""
    result = benchmark("lenet5", backend=["eager", "compile"], seconds=0.01)
    assert [timing.backend for timing in result.timings] == ["eager", "compile"]


def test_the_median_and_the_quartiles_are_of_all_runs() -> None:
    (timing,) = timings({("eager", 4): [0.001, 0.002, 0.003, 0.004, 0.1]})
    assert timing.milliseconds == pytest.approx(3)
    assert timing.quartiles == pytest.approx((2, 4))
    assert timing.images_per_second == pytest.approx(4 / 0.003)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": ["onnx"]}, "'onnx' is not a backend"),
        ({"backend": []}, "no backend"),
        ({"batch": [0]}, "no batch of one image"),
        ({"device": "nowhere"}, "the device 'nowhere' cannot be used"),
        ({"device": "meta"}, "the meta device has no times"),
    ],
)
def test_what_cannot_be_timed_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        benchmark("lenet5", **options)  # type: ignore[arg-type]


def test_the_command_prints_a_line_for_each() -> None:
    words = ("benchmark", "lenet5", "--batch", "1,2", "--seconds", "0.01")
    result = run(*words)
    assert result.exit_code == 0
    lines = [line.split()[:2] for line in result.stdout.splitlines()[4:-1]]
    assert lines == [["1", "eager"], ["1", "onnxruntime"], ["2", "eager"], ["2", "onnxruntime"]]
    assert json.loads(run(*words, "--json").stdout)["timings"][0]["speedup"] == 1
    assert "numbers are parted by commas" in run("benchmark", "lenet5", "--batch", "1;2").stderr
