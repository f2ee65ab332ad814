"""Weights as arrays of numpy; standardized filters, as a convolution uses them."""

from __future__ import annotations

from typing import Any, TypeAlias, assert_never

import numpy as np
from numpy.typing import NDArray

from resnet_dsl.ir import Standardization

Array: TypeAlias = NDArray[Any]


def standardized(filters: Array, standardization: Standardization) -> Array:
    """Filters with mean 0 and variance 1 for each output channel, computed in float64."""
    rows = filters.astype(np.float64).reshape(len(filters), -1)
    centered = rows - rows.mean(1, keepdims=True)
    eps = standardization.eps
    match standardization.formula:
        case "batch_norm" | "variance":
            scale = np.sqrt(rows.var(1, keepdims=True) + eps)
        case "deviation":
            scale = rows.std(1, ddof=1, keepdims=True) + eps
        case _:
            assert_never(standardization.formula)
    result: Array = (centered / scale).reshape(filters.shape).astype(filters.dtype)
    return result
