"""Train a spec of ten lines on 1,797 handwritten digits, in plain PyTorch.

python examples/train_digits.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from resnet_dsl import build

SPEC = Path(__file__).with_name("digits.yaml")
TEST = 360  # images kept for the test, a fifth


def digits() -> tuple[Tensor, Tensor]:
    """The images as 1x8x8 maps around zero, and their digits, shuffled once and for all."""
    data, target = load_digits(return_X_y=True)
    order = torch.randperm(len(target), generator=torch.Generator().manual_seed(0))
    images = torch.tensor(data, dtype=torch.float32).reshape(-1, 1, 8, 8) / 8 - 1
    return images[order], torch.tensor(target)[order]


def train(steps: int) -> float:
    """Train for some steps of 64 images; return the accuracy on the test images."""
    torch.manual_seed(0)
    images, target = digits()
    model = build(SPEC)
    optimizer = torch.optim.SGD(
        model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4, nesterov=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.1, total_steps=steps)
    for step in range(steps):
        batch = torch.randint(TEST, len(target), (64,))
        loss = cross_entropy(model(images[batch]), target[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(f"step {step:4}: loss {loss.item():.3f}")
    return accuracy(model, images[:TEST], target[:TEST])


@torch.inference_mode()
def accuracy(model: nn.Module, images: Tensor, target: Tensor) -> float:
    """The share of images that the model reads right."""
    actual = model.eval()(images).argmax(1)
    return float((actual == target).float().mean())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=600)
    print(f"test accuracy {train(parser.parse_args().steps):.1%}")
