# Martlet: `make help` lists the targets.

SHELL := /bin/sh
SWIFT ?= swift
SWIFT_SOURCES := $(wildcard Sources Tests Fuzz Benchmarks) Package.swift
MODEL ?= Models/sms-spam
BIND ?= 127.0.0.1:5000
WORKERS ?= 2
TARGET ?= safetensors
SECONDS ?= 600
SANITIZERS ?=
# `make bench QUICK=1` only sees that each benchmark runs.
QUICK ?=
FUZZ_SECONDS ?= 5
FUZZ_TARGETS := $(patsubst Fuzz/Sources/fuzz-%,%,$(wildcard Fuzz/Sources/fuzz-*))
comma := ,

.DEFAULT_GOAL := help
.PHONY: help deps deps-test run build test test-arm test-deploy deb lint format bench bench-peers check-benchmarks check-clients check-hub check-slices fuzz check-fuzz differential tls-check slow-clients man docs clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "  MODEL=DIR BIND=HOST:PORT WORKERS=N change what 'make run' serves (now $(MODEL), $(BIND), $(WORKERS))"

deps: ## install the Debian packages that building and serving need
	@deploy/deps.sh run

deps-test: ## install what the tests need as well
	@deploy/deps.sh test

run: deps ## build and serve the embedded model on 127.0.0.1:5000 with 2 workers
	$(SWIFT) build -c release --product martlet
	@exec "$$($(SWIFT) build -c release --show-bin-path)/martlet" serve $(MODEL) -w $(WORKERS) -b $(BIND)

build: deps ## build the release binary
	$(SWIFT) build -c release --product martlet

# Release, because the kernels at -O0 are too slow to test; one build serves the tests and the binary they start.
test: deps-test ## build and run every test
	$(SWIFT) build -c release --build-tests
	$(SWIFT) test -c release --skip-build

test-arm: ## compile the C targets for aarch64 and run every kernel under qemu
	@deploy/deps.sh arm
	@Tests/KernelTable/arm

# A build of its own, because the whole program is compiled anew for the static library.
deb: ## build martlet_VERSION_ARCHITECTURE.deb, which runs on a machine without Swift
	@deploy/deps.sh deb
	$(SWIFT) build -c release --product martlet --static-swift-stdlib --scratch-path .build-static
	deploy/debian/build.sh "$$($(SWIFT) build -c release --static-swift-stdlib --scratch-path .build-static --show-bin-path)/martlet"

test-deploy: ## try deploying for real: clean Debian, systemd, pebble, three hosts (as root; some minutes)
	@deploy/deps.sh deploy-test
	$(SWIFT) build -c release --product martlet --static-swift-stdlib --scratch-path .build-static
	MARTLET_BINARY="$$($(SWIFT) build -c release --static-swift-stdlib --scratch-path .build-static --show-bin-path)/martlet" Tests/Deploy/run

lint: deps-test ## check Swift, shell, Python and JavaScript sources, and what Markdown names
	$(SWIFT) format lint --strict --recursive $(SWIFT_SOURCES)
	@.ci/lint

format: ## format the Swift sources
	$(SWIFT) format --in-place --recursive $(SWIFT_SOURCES)

bench: ## run every benchmark, each of which is also a command of its own: make bench [QUICK=1]
	@deploy/deps.sh bench
	@for script in Benchmarks/*/run; do echo "== $$script"; QUICK=$(QUICK) "$$script" || exit 1; done

check-benchmarks: ## compile the programs of the benchmarks
	$(SWIFT) build --package-path Benchmarks --scratch-path .build-benchmarks

bench-peers: ## time Martlet against OpenVINO, onnxruntime, CTranslate2, PyTorch and Gunicorn (installs them: 2 GB)
	@deploy/deps.sh bench
	@for name in peers server-peers tokenizers training; do INSTALL_PEERS=1 QUICK=$(QUICK) Benchmarks/$$name/run || exit 1; done

check-clients: ## drive the API with the client libraries of its protocols and schemathesis (installs them in .build-clients)
	@Tests/Clients/run

check-slices: ## kill workers at random over the exchange of slices, under the thread sanitizer: make check-slices SECONDS=60
	$(SWIFT) build --sanitize=thread --scratch-path .build-thread --product slice-storm
	for kind in processes threads; do \
	  SWIFT_BACKTRACE=enable=no TSAN_OPTIONS='halt_on_error=1 exitcode=66 die_after_fork=0' .build-thread/debug/slice-storm $$kind $(SECONDS) || exit 1; done

check-hub: ## compare the cache of models with huggingface_hub's, both ways
	$(SWIFT) build -c release --product martlet
	$(SWIFT) build -c release --product small-hub
	@Tests/Clients/hub

# The sanitizer's flags stand here and not in a manifest, so that no package of ours has unsafe flags.
fuzz: ## run a fuzz target: make fuzz TARGET=NAME, as in Fuzz/Sources/fuzz-NAME, SECONDS=600 [SANITIZERS=address]
	$(if $(SANITIZERS),MARTLET_FUZZ_SANITIZED=1) $(SWIFT) build --package-path Fuzz --scratch-path .build-fuzz -c release \
	  -Xswiftc -sanitize=fuzzer$(if $(SANITIZERS),$(comma)$(SANITIZERS)) -Xswiftc -use-ld=lld --product fuzz-$(TARGET)
	@mkdir -p .build-fuzz/found/$(TARGET)
	SWIFT_BACKTRACE=enable=no nice -n 19 .build-fuzz/release/fuzz-$(TARGET) -max_total_time=$(SECONDS) -timeout=100 -print_funcs=0 -rss_limit_mb=$(if $(SANITIZERS),2048,512) \
	  -max_len=65536 -print_final_stats=1 -artifact_prefix=.build-fuzz/found/$(TARGET)- .build-fuzz/found/$(TARGET) Fuzz/Corpus/$(TARGET)

check-fuzz: ## run every fuzz target on its corpus and FUZZ_SECONDS=5 longer
	$(SWIFT) build --package-path Fuzz --scratch-path .build-fuzz -c release -Xswiftc -sanitize=fuzzer -Xswiftc -use-ld=lld
	@mkdir -p .build-fuzz/found/check
	@for target in $(FUZZ_TARGETS); do echo "== fuzz-$$target"; \
	  SWIFT_BACKTRACE=enable=no .build-fuzz/release/fuzz-$$target -max_total_time=$(FUZZ_SECONDS) -timeout=100 -print_funcs=0 \
	    -rss_limit_mb=1024 -max_len=65536 -artifact_prefix=.build-fuzz/found/$$target- .build-fuzz/found/check \
	    Fuzz/Corpus/$$target >.build-fuzz/found/check.log 2>&1 || { tail -n 30 .build-fuzz/found/check.log; exit 1; }; \
	  grep '^Done' .build-fuzz/found/check.log; rm -f .build-fuzz/found/check/*; \
	done

man: ## write the manual page, from the command's own help, to .build/martlet.1 and check it
	$(SWIFT) build -c release --product martlet
	@"$$($(SWIFT) build -c release --show-bin-path)/martlet" manual >.build/martlet.1
	@if command -v mandoc >/dev/null; then mandoc -Tlint -W warning .build/martlet.1; fi
	@echo "man -l .build/martlet.1"

docs: ## write docs/configuration.md, from the command's own help
	$(SWIFT) build -c release --product martlet
	@{ sed '/^<!-- options/q' docs/configuration.md; \
	  "$$($(SWIFT) build -c release --show-bin-path)/martlet" manual --options; } >.build/configuration.md
	@mv .build/configuration.md docs/configuration.md

differential: deps-test ## compare the request parser with h11 and a second reading of the RFCs: make differential SECONDS=600
	$(SWIFT) build -c release --product http-verdict
	nice -n 19 /usr/bin/python3 Tests/Reference/http_differential.py "$$($(SWIFT) build -c release --show-bin-path)/http-verdict" --seconds $(SECONDS)

tls-check: deps-test ## grade the server's TLS with sslscan
	@Tests/Network/tls-check.sh

slow-clients: deps-test ## attack one worker with slowhttptest in its four modes while others use it
	@Tests/Network/slow-clients.sh

clean: ## remove what building made
	$(SWIFT) package clean
