# A short front for Meson. `make` builds, `make run` shows it at work, `make test` proves it; README.md tells more.
#   make               build/whimbrel, build/libwhimbrel.{a,so}, build/src/driver/*/*.so
#   make run           install what the build needs, build, and migrate the example shop on SQLite
#   make test          everything: both builds, the servers, all tests; ends with "N passed, N failed, N skipped"
#   make test-versions the driver tests against every PostgreSQL version that can be had
#   make stress bench  long runs under faults; timings beside the stored baseline
#   make corpus DIR=.. migrations of a real project, from empty to the end and back
#   make fuzz          each fuzz target for FUZZ_SECONDS (30)
PREFIX ?= /usr/local
JOBS ?= 2
FUZZ_SECONDS ?= 30
export JOBS FUZZ_SECONDS

.PHONY: all run test test-unit test-versions stress bench corpus fuzz asan install clean fmt check
.DEFAULT_GOAL := all

all: build/build.ninja
	@ninja -C build -j$(JOBS) --quiet

build/build.ninja:
	@scripts/bootstrap
	@meson setup build --prefix=$(PREFIX) >/dev/null || { cat build/meson-logs/meson-log.txt; exit 1; }

asan: build-asan/build.ninja
	@ninja -C build-asan -j$(JOBS) --quiet

build-asan/build.ninja:
	@scripts/bootstrap
	@meson setup build-asan -Db_sanitize=address,undefined >/dev/null || { cat build-asan/meson-logs/meson-log.txt; exit 1; }

run:
	@scripts/bootstrap
	@$(MAKE) --no-print-directory all
	@scripts/run-example

test:
	@scripts/bootstrap
	@scripts/test

test-unit: all
	@meson test -C build --no-rebuild --print-errorlogs

test-versions:
	@scripts/bootstrap
	@scripts/test-versions

stress bench: all
	@scripts/run-harness $@

corpus: all
	@scripts/run-harness corpus $(DIR)

fuzz:
	@scripts/bootstrap
	@scripts/fuzz

check:
	@scripts/check-includes

install: all
	@meson install -C build --no-rebuild

clean:
	@rm -rf build build-asan build-fuzz

# Headers are laid out by hand: their comments stand in columns.
fmt:
	@find src tests -name '*.c' -print0 | xargs -0 clang-format -i
