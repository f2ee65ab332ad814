.PHONY: check format types quick ci fuzz fuzz-coverage

check: format  ## format, lint, types, and the tests that need no torch
	$(MAKE) --no-print-directory --output-sync -j2 types quick

format:
	ruff format --check .
	ruff check .

types:
	mypy

quick:
	pytest tests resnet_dsl --ignore=tests/pytorch --ignore=resnet_dsl/pytorch \
	  --ignore=resnet_dsl/integrations -m "not torch" --hypothesis-profile=quick

ci:  ## what decides whether a change lands
	bash .ci/run

fuzz:  ## 20,000 mutants of the shipped specs and of options
	python -m tests.fuzz --count 20000

fuzz-coverage:  ## a minute of texts that reach new lines; needs the extra fuzz
	python -m tests.fuzz_coverage -max_total_time=60 -max_len=600
