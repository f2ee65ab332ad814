"""The functions that timm's registry knows models by, each under the name of its model."""
