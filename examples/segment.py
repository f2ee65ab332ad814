"""A spec as the encoder of segmentation_models_pytorch, which takes any model of timm.

python examples/segment.py
"""

from __future__ import annotations

import segmentation_models_pytorch as smp
import torch

import resnet_dsl.integrations.timm  # noqa: F401 - registers the zoo; register("mine.yaml") adds to it


def main() -> None:
    for name in ("resnet_dsl_resnet18", "resnet_dsl_timm_resnetv2_18d"):
        network = smp.Unet(f"tu-{name}", encoder_weights=None, in_channels=1, classes=3)
        mask = network(torch.rand(2, 1, 64, 96))
        mask.mean().backward()
        print(f"U-Net of {name}: {tuple(mask.shape)}")


if __name__ == "__main__":
    main()
