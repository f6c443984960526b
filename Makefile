# Shorthands; CMake and its presets (CMakePresets.json) do the work.
#
#   make               build, optimised                make test [T=law]    every test, or those matching T
#   make asan, tsan    the tests under sanitizers      make fuzz [T=yaml] [SECONDS=60]
#   make perf [T=fit]  speed beside the peers          make fmt             clang-format
#   make install       [PREFIX=/usr/local] [DESTDIR=]  make clean
#   make demo, check   the two scripts
#
# With T, only what the tests matching it need is built.
PREFIX ?= /usr/local
SECONDS ?= 60
JOBS := $(shell nproc)

all: build-release

build-%:
	test -f build/$*/build.ninja || cmake --preset $*
	cmake --build --preset $*

# Of build/<preset>/tests/needs, which has a line for each test with its name and its targets: the targets of those matching
# a pattern.
needed = $$(awk -v t='$(2)' '$$1 ~ t { $$1 = ""; print }' build/$(1)/tests/needs | tr ' ' '\n' | sort -u)

test: preset = dev
asan tsan: preset = $@
test asan tsan:
	test -f build/$(preset)/build.ninja || cmake --preset $(preset)
	cmake --build --preset $(preset) --target $(if $(T),build.ninja,all)
	$(if $(T),cmake --build --preset $(preset) --target $(call needed,$(preset),$(T)))
	tools/fixed_addresses ctest --preset $(preset) -j $(JOBS) --no-tests=error $(if $(T),-R '$(T)')

# New inputs are kept in build/asan, those that break something as well.
fuzz:
	test -f build/asan/build.ninja || cmake --preset asan
	cmake --build --preset asan --target build.ninja
	cmake --build --preset asan --target $(call needed,asan,^fuzz[.].*$(T))
	set -e; cd build/asan/tests/fuzz; for name in found/*$(T)*; do name=$${name#found/}; \
	  ../../../../tools/fixed_addresses ./fuzz_$$name -max_total_time=$(SECONDS) -timeout=10 -rss_limit_mb=2048 \
	    -artifact_prefix=$$name- found/$$name $(CURDIR)/tests/fuzz/corpus/$$name; done

# Each program perf/<topic> prints JSON lines; perf/<topic>_* belong to it.
benches: build-release
	cmake --build --preset release --target ops_bench image_bench vit_bench align_bench correspond_bench rank_bench
perf: benches
	set -e; for topic in $(or $(T),$(notdir $(filter-out %.py %.md %.c,$(wildcard perf/*)))); do perf/$$topic; done

install: build-release
	cmake --install build/release --prefix $(PREFIX)

fmt:
	tools/fmt
clean:
	rm -rf build
demo check:
	./$@

.PHONY: all test asan tsan fuzz benches perf install fmt clean demo check
