# Shorthands; CMake and its presets (CMakePresets.json) do the work.
#
#   make               build, optimised                make test [T=law]    every test, or those matching T
#   make asan, tsan    the tests under sanitizers      make fuzz [T=yaml] [SECONDS=60]
#   make perf [T=fit]  speed beside the peers          make fmt             clang-format
#   make install       [PREFIX=/usr/local] [DESTDIR=]  make clean
#   make demo, check   the two scripts
PREFIX ?= /usr/local
SECONDS ?= 60
JOBS := $(shell nproc)

all: build-release

build-%:
	test -f build/$*/build.ninja || cmake --preset $*
	cmake --build --preset $*

test: build-dev
	ctest --preset dev -j $(JOBS) $(if $(T),-R $(T))
asan tsan: %: build-%
	tools/fixed_addresses ctest --preset $* -j $(JOBS) $(if $(T),-R $(T))

# New inputs are kept in build/fuzz, those that break something as well.
fuzz: build-fuzz
	set -e; cd build/fuzz/tests/fuzz; for name in found/*$(T)*; do name=$${name#found/}; \
	  ./fuzz_$$name -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=2048 -artifact_prefix=$$name- \
	    found/$$name $(CURDIR)/tests/fuzz/corpus/$$name; done

# Each program perf/<topic> prints JSON lines; perf/<topic>_* belong to it.
benches: build-release
	cmake --build --preset release --target ops_bench image_bench vit_bench align_bench correspond_bench rank_bench
perf: benches
	set -e; for topic in $(or $(T),$(notdir $(filter-out %.py %.md %.c,$(wildcard perf/*)))); do perf/$$topic; done

install: build-release
	cmake --install build/release --prefix $(PREFIX)

fmt:
	git ls-files -z '*.c' '*.h' | xargs -0 clang-format -i
clean:
	rm -rf build
demo check:
	./$@

.PHONY: all test asan tsan fuzz benches perf install fmt clean demo check
