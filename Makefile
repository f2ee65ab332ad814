.PHONY: check format types quick ci

check: format  ## format, lint, types, and the tests that need no torch
	$(MAKE) --no-print-directory --output-sync -j2 types quick

format:
	ruff format --check .
	ruff check .

types:
	mypy

quick:
	pytest tests resnet_dsl --ignore=tests/pytorch --ignore=resnet_dsl/pytorch -m "not torch" \
	  --hypothesis-profile=quick

ci:  ## what decides whether a change lands
	bash .ci/run
