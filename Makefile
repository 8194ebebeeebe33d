# Needs the Rust toolchain, a C compiler, make and curl. Every target works in a fresh clone.

CARGO ?= cargo
LOCKED := --locked

.DEFAULT_GOAL := help
.PHONY: help demo demo-backends demo-realer demo-mqtt mqtt-clients test lint fmt bench micro soak deny certs openapi

help:
	@echo "make demo    build, start a hub and a device, call and observe it with curl, stop both"
	@echo "make demo-backends   the same with backends: a device asks the operator's service, through the hub, for its versions"
	@echo "make demo-realer   the same with control devices: a caller wants a heater and a fan to be on, and sees when they are"
	@echo "make demo-mqtt       the same with a control device that speaks MQTT"
	@echo "make test    everything that a change must pass"
	@echo "make lint    formatting and clippy, without the tests"
	@echo "make fmt     format the code"
	@echo "make certs   a throw-away CA, a server and a device certificate in certs/, for trying out TLS"
	@echo "make bench   the load tool against a release build; takes minutes and wants a quiet machine"
	@echo "make micro   micro-benchmarks of the codec, of callers' tokens, of verifications and of feed data"
	@echo "make soak    ten million calls at 256 callers: none may be lost, crossed or doubled"
	@echo "make openapi the OpenAPI documents against a hub, with schemathesis where Python and PyPI are there"
	@echo "make mqtt-clients   the hub's MQTT with paho and Mosquitto's clients, where PyPI and apt are there"
	@echo "make deny    licences, advisories and duplicate versions of the dependencies, where cargo-deny is installed"

demo:
	@CARGO="$(CARGO)" scripts/demo.sh

demo-backends:
	@CARGO="$(CARGO)" scripts/demo-backends.sh

demo-realer:
	@CARGO="$(CARGO)" scripts/demo-realer.sh

demo-mqtt:
	@CARGO="$(CARGO)" scripts/demo-mqtt.sh

test: lint
# The device's half of the protocol must do without the standard library and without allocation.
	$(CARGO) build $(LOCKED) -p rtio-proto --no-default-features
# A device that does without TLS must do without its crates.
	$(CARGO) check $(LOCKED) -p rtio-device-sdk --no-default-features
# A control device need not have TLS of its own.
	$(CARGO) check $(LOCKED) -p rtio-device-sdk --no-default-features --features realer
# Unit, property, pair, integration, doc and example tests, and the table of who may import whom.
	$(CARGO) test $(LOCKED) --workspace

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy $(LOCKED) --workspace --all-targets -- -D warnings

fmt:
	$(CARGO) fmt --all

certs:
	$(CARGO) run $(LOCKED) --quiet -p rtio-server --bin rtio -- certs --out certs --client PRINTER-001

bench: hub-release
	CARGO="$(CARGO)" scripts/mosquitto.sh
	$(CARGO) run $(LOCKED) --release -p benches --bin fleet -- all
	$(CARGO) bench $(LOCKED) -p benches --bench token --bench verification

soak: hub-release
	$(CARGO) run $(LOCKED) --release -p benches --bin fleet -- soak

micro:
	$(CARGO) bench $(LOCKED) -p benches --bench codec --bench token --bench verification --bench feed

.PHONY: hub-release
hub-release:
	$(CARGO) build $(LOCKED) --release -p rtio-server --bin rtio

openapi:
	@CARGO="$(CARGO)" scripts/schemathesis.sh

mqtt-clients:
	@CARGO="$(CARGO)" scripts/mqtt-clients.sh

deny:
	@if command -v cargo-deny >/dev/null; then \
		$(CARGO) deny $(LOCKED) check; \
	else \
		echo "cargo-deny is not installed, nothing was checked; 'cargo install cargo-deny --locked' installs it" >&2; \
	fi
