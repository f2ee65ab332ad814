.PHONY: check ci

check:  ## format, lint, types, and the tests that need no torch
	ruff format --check .
	ruff check .
	mypy
	pytest tests resnet_dsl --ignore=tests/pytorch --ignore=resnet_dsl/pytorch --deselect resnet_dsl/__init__.py::resnet_dsl.build

ci:  ## what decides whether a change lands
	bash .ci/run
