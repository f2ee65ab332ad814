"""`python -m resnet_dsl.cli`."""

from resnet_dsl.cli import main

main()
