# slicescore - build, test, install. Start with `make help`.

VARIANT ?= release
PREFIX  ?= /usr/local
DESTDIR ?=

VARIANT := $(strip $(VARIANT))
ifeq ($(filter $(VARIANT),debug release san coverage),)
$(error VARIANT must be debug, release, san or coverage, not '$(VARIANT)')
endif

BUILD := build/$(VARIANT)
PKGS  := OpenCL yaml-0.1 jansson libxxhash cairo zlib
PKG_CFLAGS = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   = $(shell pkg-config --libs $(PKGS)) -lclblast -lm -lpthread

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
        -Wwrite-strings -Wpointer-arith -Wundef -Wvla -Werror=implicit -Werror=vla
MODE_debug    := -O1 -g
MODE_release  := -O2 -g -DNDEBUG
MODE_san      := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
MODE_coverage := -O0 -g --coverage

# The user's CFLAGS come last and replace nothing of ours. No contraction: the host's fma are written out, so that
# host and device compute the same bits (random/).
OUR_CFLAGS  = -std=c11 $(WARN) $(MODE_$(VARIANT)) -ffp-contract=off -Iinclude -Isrc -I. -D_POSIX_C_SOURCE=200809L \
              -DCL_TARGET_OPENCL_VERSION=120 $(PKG_CFLAGS) -MMD -MP
OUR_LDFLAGS = $(filter -fsanitize% --coverage,$(MODE_$(VARIANT)))

SRC   := $(sort $(wildcard src/*/*.c))
CL    := $(sort $(wildcard cl/*/*.cl cl/*/*.clh cl/*.cl cl/*.clh))
MAIN  := src/cmd/main.c
TESTS := $(sort $(wildcard tests/check_*.c))
HELP  := $(sort $(wildcard tests/support/*.c))
OBJ   := $(patsubst %.c,$(BUILD)/%.o,$(filter-out $(MAIN),$(SRC))) $(BUILD)/cl/embedded.o
BIN   := $(TESTS:tests/%.c=$(BUILD)/tests/%)
PROGRAM := $(BUILD)/slicescore

.PHONY: all test clean help
.DELETE_ON_ERROR:
.SECONDARY:

all: $(if $(wildcard $(MAIN)),$(PROGRAM)) $(BIN) ## build the program and its tests for VARIANT

$(PROGRAM): $(BUILD)/src/cmd/main.o $(OBJ)
	$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(OUR_CFLAGS) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

# Every kernel file as a string in one table, so that the binary needs no data path.
$(BUILD)/cl/embedded.c: $(CL) Makefile
	@mkdir -p $(@D)
	@{ echo '#include "device/embedded.h"'; echo '#include <stddef.h>'; \
	   echo 'const struct ss_embedded ss_embedded[] = {'; \
	   for f in $(CL); do echo "{\"$${f#cl/}\","; \
	     sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$$/\\n"/' $$f; echo '},'; done; \
	   echo '{NULL, NULL}};'; } > $@
$(BUILD)/cl/embedded.o: $(BUILD)/cl/embedded.c
	$(CC) $(OUR_CFLAGS) -Wno-overlength-strings $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(HELP:%.c=$(BUILD)/%.o) $(OBJ)
	@mkdir -p $(@D)
	$(CC) $(OUR_LDFLAGS) $(LDFLAGS) -o $@ $^ $(PKG_LIBS) $(shell pkg-config --libs check)

test: all ## run all tests on PoCL (OCL_ICD_VENDORS=... for another driver)
	@for t in $(BIN); do OCL_ICD_VENDORS=$${OCL_ICD_VENDORS:-pocl.icd} timeout 600 $$t || exit 1; done

clean: ## remove build/
	rm -rf build

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' Makefile

-include $(OBJ:.o=.d) $(BIN:$(BUILD)/%=$(BUILD)/%.d) $(BUILD)/src/cmd/main.d
