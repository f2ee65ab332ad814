"""Answers that speak of rows and stages: folds over a network together with its spec."""
