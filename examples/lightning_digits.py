"""A spec in Lightning: a network that reads scikit-learn's handwritten digits.

python examples/lightning_digits.py --epochs 8
"""

from __future__ import annotations

import argparse
from pathlib import Path

import lightning
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from resnet_dsl import build

HERE = Path(__file__).parent


class Digits(lightning.LightningModule):
    """A classifier whose network is a spec; its checkpoints have the path of the spec."""

    def __init__(self, spec: str, rate: float = 0.05) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.network = build(spec)
        self.rate = rate

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        images, labels = batch
        loss = nn.functional.cross_entropy(self.network(images), labels)
        self.log("loss", loss, prog_bar=True)
        return loss

    def test_step(self, batch: tuple[Tensor, Tensor]) -> None:
        images, labels = batch
        right = (self.network(images).argmax(1) == labels).float().mean()
        self.log("accuracy", right)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=self.rate, momentum=0.9)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=8)
    epochs = parser.parse_args().epochs
    torch.manual_seed(0)
    digits = load_digits()
    images = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16
    data = TensorDataset(images, torch.tensor(digits.target))
    train, test = torch.utils.data.random_split(data, [1437, 360])
    trainer = lightning.Trainer(
        max_epochs=epochs, accelerator="cpu", logger=False, enable_checkpointing=False
    )
    model = Digits(str(HERE / "digits.yaml"))
    trainer.fit(model, DataLoader(train, 64, shuffle=True))
    (result,) = trainer.test(model, DataLoader(test, 360), verbose=False)
    print(f"test accuracy {100 * result['accuracy']:.1f}%")


if __name__ == "__main__":
    main()
