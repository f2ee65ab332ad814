"""Networks for tables, and the rows that Table 1 of He et al. 2015 has of the first five."""

from __future__ import annotations


def basic(*repeats: int) -> list[str]:
    widths = zip((64, 128, 256, 512), repeats, strict=True)
    return [f"[[3x3,{width}],[3x3,{width}]] x {n}" for width, n in widths]


def bottleneck(*repeats: int) -> list[str]:
    widths = zip((64, 128, 256, 512), repeats, strict=True)
    return [f"[[1x1,{width}],[3x3,{width}],[1x1,{4 * width}]] x {n}" for width, n in widths]


FIVE = ["resnet18", "resnet34", "paper/resnet50", "paper/resnet101", "paper/resnet152"]


ROWS = {
    18: basic(2, 2, 2, 2),
    34: basic(3, 4, 6, 3),
    50: bottleneck(3, 4, 6, 3),
    101: bottleneck(3, 4, 23, 3),
    152: bottleneck(3, 8, 36, 3),
}


MIXED = [
    ["resnet18", "googlenet", "vgg16", "alexnet", "lenet5"],
    ["resnet50", "cifar/resnet20", "cifar/preact_resnet110", "cifar/wrn28_10", "cifar/course"],
    ["timm/resnet50d", "timm/resnetrs50", "timm/resnetblur18", "timm/senet154"],
    ["timm/resnetv2_50x1_bit", "timm/ecaresnet50d_pruned", "resnet50", "resnet50"],
]
