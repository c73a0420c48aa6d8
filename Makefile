# What people run; `make help` lists it.

# Crates without Aeron are tested in the dev profile, with overflow checks. Whatever links Aeron is built in one profile
# only, also for clippy and docs, so that the C sources of Aeron are compiled once.
PLAIN := -p tp-core-nostd -p tp-linux-hugepages -p tp-requirements
AERON := --release --workspace $(patsubst -p,--exclude,$(PLAIN)) --features tp-std/ndarray
BOARD := thumbv7em-none-eabihf
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
LOOM := RUSTFLAGS="$(RUSTFLAGS) --cfg loom" cargo
LOOM_PACKAGE := --target-dir $(TARGET_DIR)/loom -p tp-core-nostd

# A shell that was open when rustup came does not know cargo yet.
export PATH := $(CURDIR)/.tools/bin:$(PATH):$(HOME)/.cargo/bin

ifneq ($(shell cargo nextest --version 2>/dev/null),)
TEST := cargo nextest run
TEST_AERON := $(TEST) $(AERON)
else
TEST := cargo test --lib --bins --tests
TEST_AERON := $(TEST) $(AERON) -- --test-threads=1
endif

.PHONY: help setup demo examples test loom sim thread-sanitizer fuzz torture soak firmware-smoke bench lint format clippy docs bare-metal licences requirements

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

setup: ## install what is missing to build and run
	@targets/linux/setup.sh

demo: setup ## real pictures from one process to two others; DEMO_SECONDS=5
	@targets/linux/demo.sh

examples: setup ## every program of examples/, with the services it needs; fails on any lost or wrong frame
	cargo build $(AERON) --bins
	$(TEST_AERON) examples::

test: setup ## every test but the firmware's: units, vectors, system tests, doc tests, loom models
	$(TEST) $(PLAIN)
	cargo build $(AERON) --bins # the system tests run them
	$(TEST_AERON)
	cargo test --doc -p tp-core-nostd -p tp-linux-hugepages
	cargo test --doc $(AERON)
	$(MAKE) loom

loom: ## the models of seqlock, direct poll, seam, trace ids and commands
	$(LOOM) test $(LOOM_PACKAGE) --test 'loom_*'

SEEDS ?= 1000

sim: setup ## driver and clients in simulated worlds that go wrong; SEEDS=1000, SEED=7 replays one
	@cargo build --quiet $(AERON) --bin tp-sim
	@$(TARGET_DIR)/release/tp-sim $(SEEDS)

# Without std and everything else built for the sanitizer, it misses what std's locks order and reports races that are none.
# The medium is a fake: `DOCS_RS` makes the Aeron crates leave out their C sources, which nothing here calls.
SANITIZED := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')

thread-sanitizer: setup ## conductors and applications on threads, watched by the thread sanitizer; needs a nightly toolchain
	@reason=$$(targets/linux/thread-sanitizer.sh) || { targets/linux/skip.sh thread-sanitizer thread-sanitizer "$$reason"; exit; }; \
	DOCS_RS=1 RUSTFLAGS="-Zsanitizer=thread --cfg thread_sanitizer" TSAN_OPTIONS=halt_on_error=1 \
		cargo +nightly test --release -Zbuild-std --target $(SANITIZED) --target-dir $(TARGET_DIR)/thread-sanitizer \
		-p tp-sim --test threads

SECONDS ?= 10

# What cargo-fuzz would do, without it. Nothing here calls Aeron, so its C sources are left out as above.
FUZZER := -Zsanitizer=address --cfg fuzzing -Cpasses=sancov-module $(addprefix -Cllvm-args=-sanitizer-coverage-, \
	level=4 inline-8bit-counters pc-table trace-compares)

fuzz: setup ## libFuzzer on every target, SECONDS=10 each; needs a nightly toolchain and a C++ compiler
	@reason=$$(targets/linux/fuzzer.sh) || { targets/linux/skip.sh fuzz fuzzer "$$reason"; exit; }; \
	cargo build --quiet $(AERON) --bin tp-fuzz && $(TARGET_DIR)/release/tp-fuzz --corpus $(TARGET_DIR)/fuzz/corpus && \
	DOCS_RS=1 RUSTFLAGS="$(FUZZER)" cargo +nightly build --quiet --release --target $(SANITIZED) \
		--manifest-path tests/fuzz/fuzz/Cargo.toml --target-dir $(TARGET_DIR)/fuzz && \
	for target in $$($(TARGET_DIR)/release/tp-fuzz); do \
		echo "fuzz: $$target"; \
		$(TARGET_DIR)/fuzz/$(SANITIZED)/release/$$target -max_total_time=$(SECONDS) -max_len=4096 -verbosity=0 \
			-print_final_stats=1 -artifact_prefix=$(TARGET_DIR)/fuzz/$$target- $(TARGET_DIR)/fuzz/corpus/$$target || exit 1; \
	done

READS ?= 100000000

torture: ## frames overwritten at full speed while they are read, none torn; READS=100000000
	@cargo run --quiet --release -p tp-torture -- $(READS)

SOAK_SECONDS ?= 600

soak: setup ## pictures for long while processes are killed, stopped and started again; SOAK_SECONDS=600
	@cargo build --quiet $(AERON) --bins
	@$(TARGET_DIR)/release/tp-soak $(SOAK_SECONDS)

firmware-smoke: ## claim, commit, read and wrap on an emulated Cortex-M4
	@targets/linux/setup.sh --firmware
	@targets/cortex-m/smoke.sh

# How the times in docs/benchmarks.md were taken; criterion's own defaults take four times as long and say the same.
BENCH := --sample-size 20 --warm-up-time 0.5 --measurement-time 2

bench: setup ## every figure of docs/benchmarks.md: instructions, times, a driver with 10,000 leases
	docs/benchmarks.sh
	cargo bench $(filter-out --release,$(AERON)) --bench '*' -- $(BENCH)
	cargo build --quiet $(AERON) --bins
	$(TARGET_DIR)/release/driver_cycles
	$(TARGET_DIR)/release/tp bench driver

lint: format clippy docs bare-metal licences ## what CI checks besides tests

format:
	cargo fmt --all --check
	cargo fmt --manifest-path targets/cortex-m/Cargo.toml --check
	cargo fmt --manifest-path tests/fuzz/fuzz/Cargo.toml --check

clippy: setup
	cargo clippy --workspace --all-targets --release --features tp-std/ndarray -- -D warnings
	$(LOOM) clippy $(LOOM_PACKAGE) --test 'loom_*' -- -D warnings

docs: setup
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --release

bare-metal:
	@targets/linux/setup.sh --firmware
	@rustc --print target-libdir --target $(BOARD) | xargs test -d || \
		{ targets/linux/skip.sh bare-metal board "the Rust target $(BOARD) is not installed"; exit; }; \
	for features in "" defmt; do \
		cargo clippy -p tp-core-nostd --target $(BOARD) --features "$$features" -- -D warnings || exit 1; \
	done

licences:
	@targets/linux/setup.sh --ci
	cargo deny check bans licenses sources

requirements: ## write docs/requirements.md from the tests
	cargo run --quiet -p tp-requirements
