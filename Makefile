# Everything a person does with this tree is one word here. `make help` lists the words.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# With a backtrace asked for, wasmtime takes one for every error that a request makes, and the figures lie.
unexport RUST_BACKTRACE

CARGO       ?= cargo
# The handlers, and what they are joined with for hosts that are not ours.
HANDLERS    := front auth blobs manifests
ADAPTERS    := http-plain config-environment config-spin credentials-htpasswd deny-writes store-fs store-s3 store-spin
COMPONENTS  := $(HANDLERS) $(ADAPTERS)
# What the benchmark compares them with on those hosts.
BARE        := bare bare-spin
# A file is named as its crate's library is: with underlines.
guest        = target/wasm32-wasip2/$(if $(filter $(1),$(ADAPTERS)),adapter,guest)/$(subst -,_,$(1)).wasm
guests       = $(foreach component,$(1),$(call guest,$(component)))
ARTEFACTS   := target/artefacts
# A part with faults, which the tests put in the place of `auth`.
FAULTY      := misbehaving-auth
FAULTY_WASM := target/wasm32-wasip2/guest/misbehaving_auth.wasm
PIERHEAD    := target/release/pierhead
COMPOSE     := target/release/compose
guest_args  := $(COMPONENTS:%=-p %)
not_guests  := --workspace $(COMPONENTS:%=--exclude %) --exclude $(FAULTY) --exclude guest-store $(BARE:%=--exclude %)

# A guest is the same bytes wherever it is built: where the sources of crates lie is no part of it. Numbers that the linker wrote
# take no more bytes than they need.
export CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS := -Ctarget-feature=+simd128 -Clink-arg=--compress-relocations --remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)/registry/src=crates

# What `make run` serves.
ADDR ?= 127.0.0.1:5000
DATA ?= data

# What `make fuzz` runs, and for how long each.
FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= $(patsubst fuzz/fuzz_targets/%.rs,%,$(wildcard fuzz/fuzz_targets/*.rs))

# Where the clients that are built from their sources go, and where the tests look for them.
export PIERHEAD_TOOLS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/pierhead/bin
# Of the crate registry; the versions of the others are in tests/clients/go.mod, and plugins/go.mod and slow/go.mod beside it.
WKG := 0.15.1

# `wasmtime serve`, which runs the artefacts in the tests: where cargo installs it, unless WASMTIME says another place.
WASMTIME_VERSION := 48.0.8
export WASMTIME ?= $(or $(CARGO_HOME),$(HOME)/.cargo)/bin/wasmtime

# Azure's Blob service as far as tests go.
AZURITE_VERSION := 3.35.0

# What each other host runs: the tests of the protocol, and three clients (docs/hosts.md); EVERYTHING is for test-all and test-spin.
# The model finds, in minutes, what a store without locks cannot promise (docs/decisions/0013).
PROTOCOL   := wire specification clients=crane::,skopeo::,docker::
EVERYTHING := wire specification model clients=crane::,skopeo::,docker::,podman::,buildah::,regctl::,oras::,helm::

.PHONY: help run build artefacts image test test-all test-hosts test-spin unit integration slow-clients check fmt deny \
	bench conformance fuzz clean \
	toolchain client-tools host-tools azure-tools slow-client-tools fuzz-tools FORCE

help: ## what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

run: build ## build, and serve on 127.0.0.1:5000 with data in ./data
	mkdir -p $(DATA)
	REGISTRY_HTTP_ADDR=$(ADDR) REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY=$(DATA) exec $(PIERHEAD) serve

build: $(PIERHEAD) ## build the guests and the host: target/release/pierhead

test: check unit integration test-hosts ## formatting, lints, licences, and the tests

test-hosts: artefacts host-tools client-tools azure-tools ## the tests of the protocol with a bucket, with Azure's, and on wasmtime serve
	$(call on_host,native-s3) $(PROTOCOL) model hosts=bucket::,uploads::,redirect::,faulty_bucket::,garbage::
	$(call on_host,native-azure) $(PROTOCOL) model hosts=container::,faulty_container::
	$(call on_host,wasmtime-fs) $(PROTOCOL) hosts=passwords::,claims::,lists::
	$(call on_host,wasmtime-s3) $(PROTOCOL) hosts=passwords::,bucket::,uploads::,read_only::,redirect::,shared_tree::,faulty_bucket::,garbage::

test-spin: $(if $(SPIN),artefacts client-tools) ## the same on Spin, with its SQLite and with a bucket: SPIN=/path/to/spin
	@[ -x "$(SPIN)" ] || { echo 'test-spin: SPIN is to say where the program is: SPIN=/path/to/spin make test-spin' >&2; exit 1; }
	$(SPIN) --version
	$(call on_host,spin-sqlite) $(EVERYTHING) hosts=passwords::,database::,grants::
	$(call on_host,spin-s3) $(EVERYTHING) hosts=passwords::,bucket::,uploads::,redirect::,grants::,faulty_bucket::,garbage::

# Each test passes, or stands in the table of exceptions (tests/src/host/exceptions.rs) and fails.
on_host = $(CARGO) run --quiet --locked --release -p tests --bin on-host -- $(1)

test-all: ## what `test` runs, and what takes too long or needs more of the network
	$(CARGO) deny --locked check
	PIERHEAD_CRASHES=1000 PIERHEAD_MODEL_SECONDS=300 PIERHEAD_LAYER_MIB=2048 $(MAKE) test PROTOCOL='$(EVERYTHING)'
	$(MAKE) slow-clients

bench: build artefacts | toolchain ## side by side with other registries; ONLY=manifest,blob runs a part (bench/README.md)
	$(CARGO) build --locked --profile guest --target wasm32-wasip2 $(BARE:%=-p %)
	python3 bench $(if $(ONLY),--only $(ONLY)) $(if $(SERVERS),--servers $(SERVERS)) $(BENCH_ARGS)

image: $(PIERHEAD) ## the container image, TAG=pierhead:latest; ENGINE=docker, podman or buildah (docs/deploy.md)
	deploy/image/build

conformance: $(if $(SERVER_URL),,build) ## the published conformance program, CONFORMANCE=path (docs/conformance.md)
	python3 tests/conformance

fuzz: $(PIERHEAD) fuzz-tools ## each fuzz target for a minute; FUZZ_SECONDS, FUZZ_TARGETS (fuzz/README.md)
	@export TMPDIR=$$(mktemp -d -p /dev/shm pierhead-fuzz-XXXXXX); trap 'rm -rf $$TMPDIR' EXIT; \
	for target in $(FUZZ_TARGETS); do \
		echo "fuzz: $$target" >&2; \
		found=fuzz/target/corpus/$$target; mkdir -p $$found; \
		words=fuzz/dictionaries/$${target##*_}.dict; \
		$(CARGO) +nightly fuzz run $$target $$found fuzz/corpus/$$target -- -max_total_time=$(FUZZ_SECONDS) \
			-rss_limit_mb=512 -timeout=30 -verbosity=0 -print_final_stats=1 $$([ ! -e $$words ] || echo -dict=$$words); \
	done

fmt: toolchain ## format the code
	$(CARGO) fmt --all
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml

clean: ## remove everything that was built
	rm -rf target bench-out fuzz/target fuzz/artifacts

# ------------------------------------------------------------------------------------------------ building
# cargo knows what is out of date, so it is always asked; a file that it leaves alone keeps its time, and
# nothing below it is done again. The composer and the server share one build of wasmtime.

toolchain:
	@command -v rustup >/dev/null || { echo 'rustup is missing: see https://rustup.rs' >&2; exit 1; }
	@rustup toolchain install >/dev/null 2>&1 || rustup toolchain install

$(call guests,$(HANDLERS)) &: FORCE | toolchain
	$(CARGO) build --locked --profile guest --target wasm32-wasip2 $(HANDLERS:%=-p %)

# Of SHA-256 no loop is left but the one over blocks: a host that may interrupt components adds a check to each turn of each loop
# (docs/benchmarks.md).
$(call guests,$(ADAPTERS)) &: export CARGO_TARGET_WASM32_WASIP2_RUSTFLAGS += -Cllvm-args=-unroll-threshold=1000
$(call guests,$(ADAPTERS)) &: FORCE | toolchain
	$(CARGO) build --locked --profile adapter --target wasm32-wasip2 $(ADAPTERS:%=-p %)

$(COMPOSE): FORCE | toolchain
	$(CARGO) build --locked --release -p pierhead --bin compose

$(ARTEFACTS)/registry.cwasm: $(call guests,$(HANDLERS)) $(COMPOSE)
	$(COMPOSE) --out $(ARTEFACTS)/registry.wasm --compiled $@ $(call guests,$(HANDLERS))

# The registry for other hosts: the handlers as they are, and what such a host has no interfaces of ours for.
# Settings are what a host with variables of its own gives in its own way.
settings := config-environment
$(ARTEFACTS)/pierhead-spin.wasm: settings := config-spin
plain = $(call guests,http-plain $(settings) credentials-htpasswd)

WHOLE := $(foreach name,registry-readonly pierhead-fs pierhead-s3 pierhead-s3-readonly pierhead-spin,$(ARTEFACTS)/$(name).wasm)

artefacts: $(WHOLE) ## the components for other hosts, in target/artefacts (docs/hosts.md)
	cd $(ARTEFACTS) && sha256sum *.wasm > SHA256SUMS

$(WHOLE): $(call guests,$(ADAPTERS))

$(ARTEFACTS)/registry-readonly.wasm: $(ARTEFACTS)/registry.cwasm
	$(COMPOSE) --out $@ $(ARTEFACTS)/registry.wasm $(call guest,deny-writes)

$(ARTEFACTS)/pierhead-%-readonly.wasm: $(ARTEFACTS)/registry-readonly.wasm
	$(COMPOSE) --out $@ $< $(plain) $(call guest,store-$*)

$(ARTEFACTS)/pierhead-%.wasm: $(ARTEFACTS)/registry.cwasm
	$(COMPOSE) --out $@ $(ARTEFACTS)/registry.wasm $(plain) $(call guest,store-$*)

$(PIERHEAD): $(ARTEFACTS)/registry.cwasm FORCE
	PIERHEAD_ARTEFACTS=$(CURDIR)/$(ARTEFACTS) $(CARGO) build --locked --release -p pierhead --bin pierhead

FORCE:

# ------------------------------------------------------------------------------------------------ testing
# The lints use the release profile because its procedural macros and build scripts are the ones that the
# build has already made.

check: deny $(PIERHEAD)
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path fuzz/Cargo.toml --check
	$(CARGO) clippy --locked --profile guest --target wasm32-wasip2 $(guest_args) -p $(FAULTY) -- -D warnings
	PIERHEAD_ARTEFACTS=$(CURDIR)/$(ARTEFACTS) $(CARGO) clippy --locked --release --all-targets $(not_guests) -- -D warnings
	$(CARGO) clippy --locked --release -p tests --test hosts -- -D warnings

deny:
	@$(CARGO) deny --version >/dev/null 2>&1 || { echo 'cargo-deny is missing: cargo install --locked cargo-deny' >&2; exit 1; }
	$(CARGO) deny --locked check --hide-inclusion-graph licenses bans sources

# What needs little else is tested with the checks of a plain build; of the others, what they need is built already.
PURE   := names protocol layout tree garbage access tokens htpasswd settings units s3 properties
IMPURE := objects bucket platform guest-task store-spin config-spin store credentials upstream
unit: $(PIERHEAD)
	$(CARGO) test --locked $(PURE:%=-p %)
	PIERHEAD_ARTEFACTS=$(CURDIR)/$(ARTEFACTS) $(CARGO) test --locked --release --lib -p pierhead $(IMPURE:%=-p %)

$(FAULTY_WASM): FORCE | toolchain
	$(CARGO) build --locked --profile guest --target wasm32-wasip2 -p $(FAULTY)

$(ARTEFACTS)/misbehaving/registry.wasm: $(call guests,$(HANDLERS)) $(FAULTY_WASM) $(COMPOSE)
	$(COMPOSE) --out $@ $(patsubst %/auth.wasm,$(FAULTY_WASM),$(call guests,$(HANDLERS)))

integration: $(PIERHEAD) artefacts $(ARTEFACTS)/misbehaving/registry.wasm client-tools
	$(CARGO) test --locked --release -p tests

# Those of the clients that take minutes to build; their tests are ignored everywhere else.
slow-clients: $(PIERHEAD) client-tools slow-client-tools
	$(CARGO) test --locked --release -p tests --test clients -- --ignored

client-tools:
	@command -v go >/dev/null || { echo 'Go is missing; crane, regctl, oras, helm, pebble, versitygw, buildx and compose are built with it: see https://go.dev/dl' >&2; exit 1; }
	cd tests/clients && GOBIN=$(PIERHEAD_TOOLS) CGO_ENABLED=0 go install -trimpath tool
	cd tests/clients/plugins && export CGO_ENABLED=0 && \
		go build -trimpath -o $(PIERHEAD_TOOLS)/docker-buildx github.com/docker/buildx/cmd/buildx && \
		go build -trimpath -o $(PIERHEAD_TOOLS)/docker-compose github.com/docker/compose/v2/cmd

# Some seconds, once: what is there already is left alone.
azure-tools:
	@command -v npm >/dev/null || { echo 'npm is missing; Azurite is installed with it: see https://nodejs.org' >&2; exit 1; }
	@[ "$$($(PIERHEAD_TOOLS)/azurite-blob --version 2>/dev/null)" = '$(AZURITE_VERSION)' ] || { \
		mkdir -p $(PIERHEAD_TOOLS)/azurite && \
		npm install --prefix $(PIERHEAD_TOOLS)/azurite --no-audit --no-fund --no-save azurite@$(AZURITE_VERSION) && \
		ln -sf azurite/node_modules/.bin/azurite-blob $(PIERHEAD_TOOLS)/azurite-blob; }

# Ten minutes on two cores, once: what is there already is left alone. Without link-time optimization it takes less.
host-tools: | toolchain
	@[ "$$($(WASMTIME) --version 2>/dev/null | cut -d' ' -f1,2)" = 'wasmtime $(WASMTIME_VERSION)' ] || { \
		echo 'wasmtime $(WASMTIME_VERSION) is not at $(WASMTIME), and is built and installed by cargo' >&2; \
		CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 $(CARGO) install --locked \
			wasmtime-cli --version =$(WASMTIME_VERSION) --no-default-features \
			--features run,serve,compile,component-model-async,pooling-allocator,parallel-compilation \
			--features backtrace,addr2line,demangle,clap/default; }

# wkg runs for a second: a plain build of it is quicker than a good one. cargo leaves alone what is there already.
slow-client-tools: | toolchain
	cd tests/clients/slow && GOBIN=$(PIERHEAD_TOOLS) CGO_ENABLED=0 go install -trimpath tool
	CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
		$(CARGO) install --locked wkg --version =$(WKG) --root $(PIERHEAD_TOOLS)/cargo
	ln -sf cargo/bin/wkg $(PIERHEAD_TOOLS)/wkg

fuzz-tools:
	@rustup run nightly rustc --version >/dev/null 2>&1 || { echo 'fuzz: nightly Rust is missing and is installed' >&2; \
		rustup toolchain install nightly --profile minimal; }
	@$(CARGO) fuzz --version >/dev/null 2>&1 || { echo 'fuzz: cargo-fuzz is missing and is installed' >&2; \
		$(CARGO) +nightly install --locked cargo-fuzz --version =0.13.2; }
