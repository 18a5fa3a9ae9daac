# slicescore - build, test, install. Start with `make help`.

VERSION := $(shell sed -n 's/^\#define SS_VERSION "\(.*\)"$$/\1/p' src/base/version.h)
VARIANT ?= release
PREFIX  ?= /usr/local
DESTDIR ?=
PYTHON  ?= python3
V       ?= 0

VARIANT := $(strip $(VARIANT))
ifeq ($(filter $(VARIANT),debug release san coverage),)
$(error VARIANT must be debug, release, san or coverage, not '$(VARIANT)')
endif
BUILD := build/$(VARIANT)

# All cores, unless the command line has a -j of its own, which wins.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

# `make V=1` shows the commands, else a word and a file for each.
Q    := $(if $(filter-out 0,$(V)),,@)
tell  = $(if $(Q),@printf '  %-6s %s\n' '$(1)' '$(2)')

# pkg-config is asked when a recipe is about to run, not when this file is read: by then the set-up has installed what
# was missing. The first answer is kept.
PKGS       := OpenCL yaml-0.1 jansson libxxhash cairo zlib sqlite3
PKG_CFLAGS  = $(eval PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS    = $(eval PKG_LIBS := $(shell pkg-config --libs $(PKGS)) -lclblast -lm -lpthread -ldl)$(PKG_LIBS)
CHECK_LIBS  = $(eval CHECK_LIBS := $(shell pkg-config --libs check))$(CHECK_LIBS)

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
        -Wwrite-strings -Wpointer-arith -Wundef -Wvla -Werror=implicit -Werror=vla $(if $(WERROR),-Werror)
MODE_debug    := -O1 -g
MODE_release  := -O2 -g -DNDEBUG
MODE_san      := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
MODE_coverage := -O0 -g --coverage

# The user's CFLAGS come last and replace nothing of ours. No contraction: the host's fma are written out, so that
# host and device compute the same bits (random/).
LANGUAGE     = -std=c11 -ffp-contract=off -Iinclude -Isrc -I. -Icl -Itests -D_POSIX_C_SOURCE=200809L \
               -DCL_TARGET_OPENCL_VERSION=120 $(PKG_CFLAGS)
OUR_CFLAGS   = $(LANGUAGE) $(WARN) $(MODE_$(VARIANT)) -fPIC -fvisibility=hidden
OUR_LDFLAGS := $(filter -fsanitize% --coverage,$(MODE_$(VARIANT)))
COMPILE      = $(CC) $(OUR_CFLAGS) -MMD -MP $(CPPFLAGS) $(CFLAGS)
LINK         = $(CC) $(OUR_LDFLAGS) $(CFLAGS) $(LDFLAGS)

MAIN     := src/cmd/main.c
SRC      := $(filter-out $(MAIN),$(sort $(wildcard src/*/*.c)))
HEADERS  := $(sort $(wildcard include/*.h src/*/*.h tests/support/*.h))
CL       := $(sort $(wildcard cl/*.cl cl/*.clh cl/*/*.cl cl/*/*.clh))
TESTS    := $(sort $(wildcard tests/check_*.c))
SUPPORT  := $(sort $(wildcard tests/support/*.c))
CLI      := $(sort $(wildcard tests/cli/*.sh))
PAGE     := src/report/page.css src/report/page.js
OBJ      := $(SRC:%.c=$(BUILD)/%.o) $(BUILD)/cl/embedded.o $(BUILD)/src/report/page_files.o
SUITES   := $(TESTS:tests/%.c=$(BUILD)/tests/%)
# All rooms, for the program and the tests; and the two libraries for other programs, which show what
# include/slicescore.h declares and nothing else.
ROOMS    := $(BUILD)/rooms.a
LIB_OBJ  := $(filter-out $(BUILD)/src/cmd/%,$(OBJ))
STATIC   := $(BUILD)/libslicescore.a
SHARED   := $(BUILD)/libslicescore.so.$(VERSION)
SONAME   := libslicescore.so.$(firstword $(subst ., ,$(VERSION)))
OBJCOPY  ?= objcopy
PROGRAM  := $(if $(wildcard $(MAIN)),$(BUILD)/slicescore)

# What the goals of this call need beyond compiler and libraries (tests/support/setup.sh): targets that run something
# install it, the others only look.
NEEDS_demo         := driver
NEEDS_gallery      := driver
NEEDS_bench        := driver
NEEDS_test         := pocl check
NEEDS_test-drivers := pocl check
NEEDS_test-clblast := pocl check
NEEDS_test-gpu     := pocl check
NEEDS_san          := pocl check
NEEDS_oclgrind     := check oclgrind
NEEDS_coverage     := pocl check gcovr
NEEDS_lint         := check lint
NEEDS_all          := check
RUNNING := demo gallery bench test test-drivers san oclgrind coverage lint setup
NEEDS   := $(sort $(foreach goal,$(or $(MAKECMDGOALS),all),$(NEEDS_$(goal))))
READY   := $(if $(filter $(RUNNING),$(MAKECMDGOALS)),ready,\
           $(if $(filter all install,$(or $(MAKECMDGOALS),all)),looked))

.PHONY: all demo gallery test test-drivers test-clblast test-gpu san oclgrind lint coverage bench offline install uninstall clean help \
        setup ready looked FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(PROGRAM) $(STATIC) $(SHARED) $(SUITES) ## build the program and its tests for VARIANT (release, debug, san, coverage)

setup: ready ## install the packages that are missing (Debian, Ubuntu), or name them
ready:
	@CC='$(CC)' sh tests/support/setup.sh $(NEEDS)
looked:
	@CC='$(CC)' sh tests/support/setup.sh --check $(NEEDS)

# ---- build ----

# Rewritten only when it would change, so that other flags or another compiler rebuild everything and nothing else does.
STAMP = $(CC) $(OUR_CFLAGS) $(CPPFLAGS) $(CFLAGS) / $(LDFLAGS) $(PKG_LIBS) / $(CL)
$(BUILD)/flags: FORCE | $(READY)
	@mkdir -p $(@D)
	@printf '%s\n' '$(subst ','\'',$(STAMP))' | cmp -s - $@ || printf '%s\n' '$(subst ','\'',$(STAMP))' > $@

$(BUILD)/%.o: %.c $(BUILD)/flags
	$(call tell,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(COMPILE) -c -o $@ $<

# A file as C strings, one a line. A question mark is escaped because two of them begin a trigraph.
quoted = sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/?/\\?/g' -e 's/^/"/' -e 's/$$/\\n"/'

# Every kernel file as a string in one table, so that the binary needs no data path.
$(BUILD)/cl/embedded.c: $(CL) $(BUILD)/flags
	$(call tell,EMBED,cl/)
	@mkdir -p $(@D)
	@{ echo '#include "device/embedded.h"'; echo '#include <stddef.h>'; \
	   echo 'const struct ss_embedded ss_embedded[] = {'; \
	   for f in $(CL); do echo "{\"$${f#cl/}\", \"\""; \
	     $(quoted) $$f; echo '},'; done; \
	   echo '{NULL, NULL}};'; } > $@
# The look and the script of reports.
$(BUILD)/src/report/page_files.c: $(PAGE) $(BUILD)/flags
	$(call tell,EMBED,$(PAGE))
	@mkdir -p $(@D)
	@{ echo '#include "report/page_files.h"'; \
	   for f in $(PAGE); do echo "const char ss_page_$${f##*.}[] ="; $(quoted) $$f; echo ';'; done; } > $@
$(BUILD)/cl/embedded.o $(BUILD)/src/report/page_files.o: %.o: %.c
	$(Q)$(COMPILE) -Wno-overlength-strings -c -o $@ $<

$(ROOMS): $(OBJ)
	$(call tell,AR,$@)
	@rm -f $@
	$(Q)$(AR) rcs $@ $(OBJ)

# One object, whose hidden symbols no program that links it can collide with.
$(STATIC): $(LIB_OBJ)
	$(call tell,AR,$@)
	@rm -f $@
	$(Q)$(CC) $(CFLAGS) -r -nostdlib -o $(BUILD)/libslicescore.o $(LIB_OBJ)
	$(Q)$(OBJCOPY) --localize-hidden $(BUILD)/libslicescore.o
	$(Q)$(AR) rcs $@ $(BUILD)/libslicescore.o

$(SHARED): $(LIB_OBJ)
	$(call tell,LINK,$@)
	$(Q)$(LINK) -shared -Wl,-soname,$(SONAME) -o $@ $(LIB_OBJ) $(PKG_LIBS)
	$(Q)ln -sf $(@F) $(BUILD)/$(SONAME)
	$(Q)ln -sf $(SONAME) $(BUILD)/libslicescore.so

$(BUILD)/slicescore: $(BUILD)/src/cmd/main.o $(ROOMS)
	$(call tell,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS)

$(BUILD)/tests/%: $(BUILD)/tests/%.o $(SUPPORT:%.c=$(BUILD)/%.o) $(ROOMS)
	$(call tell,LINK,$@)
	$(Q)$(LINK) -o $@ $^ $(PKG_LIBS) $(CHECK_LIBS)

-include $(wildcard $(BUILD)/src/*/*.d $(BUILD)/tests/*.d $(BUILD)/tests/support/*.d $(BUILD)/cl/*.d)

# ---- run ----

demo: $(PROGRAM) | ready ## train a 2-D density and draw it: under a minute, no download
	@sh tests/support/demo.sh $(PROGRAM) experiments/two_moons.yaml

gallery: $(PROGRAM) | ready ## run the gallery (GALLERY="ENTRY ..."), compare its figures with the recorded ones, draw anew
	@SLICESCORE=$(PROGRAM) sh experiments/gallery.sh $(GALLERY)

# With the flags, for scripts that call make: with others it would build all anew below the tests that run beside them.
RUN = BUILD='$(BUILD)' PROGRAM='$(PROGRAM)' PYTHON='$(PYTHON)' MAKE='$(MAKE)' CC='$(CC)' V='$(V)' WERROR='$(WERROR)' \
      $(foreach flags,CPPFLAGS CFLAGS LDFLAGS,$(flags)='$(subst ','\'',$($(flags)))')
test: $(PROGRAM) $(SUITES) | ready ## all tests on PoCL (OCL_ICD_VENDORS=... for another driver)
	@$(RUN) sh tests/support/run.sh $(SUITES) $(CLI)

test-drivers: $(PROGRAM) $(SUITES) | ready ## the device suites on every OpenCL driver found
	@$(RUN) sh tests/support/drivers.sh $(SUITES)

test-clblast: $(SUITES) | ready ## the device suites with CLBlast for every matrix product
	@SLICESCORE_TEST_GEMM=clblast $(RUN) sh tests/support/run.sh $(addprefix $(BUILD)/tests/check_,gemm jet jet_along objective sampler optimizer train train_faults)

# In the smallest sizes: PoCL takes a second to compile a work-group kernel with barriers.
GPU_FORMS := annealing batches bench device gemm jet jet_along objective optimizer sampler train train_faults tuning_loss
test-gpu: $(SUITES) | ready ## the kernels for GPUs on every OpenCL driver found, CPUs too
	@SLICESCORE_KERNELS=gpu SLICESCORE_TEST_SMALL=1 $(RUN) sh tests/support/drivers.sh \
	    $(addprefix $(BUILD)/tests/check_,$(GPU_FORMS))

# Leaks are looked for too; what drivers leave behind is in lsan.supp.
san: | ready ## all tests under AddressSanitizer and UndefinedBehaviorSanitizer
	@ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1 \
	 LSAN_OPTIONS=suppressions=$(CURDIR)/tests/support/lsan.supp:print_suppressions=0 OCL_ICD_VENDORS=pocl.icd \
	 $(MAKE) --no-print-directory VARIANT=san test

$(BUILD)/tests/oclgrind-shim.so: tests/support/oclgrind/shim.c $(BUILD)/flags
	$(call tell,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(LANGUAGE) $(WARN) -O1 -fPIC -shared -o $@ $< -ldl

oclgrind: $(SUITES) $(BUILD)/tests/oclgrind-shim.so | ready ## the device suites in a simulator that sees stray writes and races
	@$(RUN) sh tests/support/oclgrind.sh $(SUITES)

coverage: | ready ## lines and branches that the tests reach; pages in build/coverage/html
	@$(MAKE) --no-print-directory VARIANT=coverage test
	@mkdir -p build/coverage/html
	@gcovr --root . --filter src/ --object-directory build/coverage --exclude-unreachable-branches \
	    --html-details build/coverage/html/index.html --print-summary --txt build/coverage/summary.txt
	@sed -n '/^File/,$$p' build/coverage/summary.txt
	@echo 'pages: build/coverage/html/index.html'

bench: $(PROGRAM) | ready ## speed on this machine; BENCH=... for the program's options
	@PYTHON='$(PYTHON)' sh tests/support/bench.sh $(PROGRAM) $(BENCH)

offline: ## compile the kernels for GPUs that are not there: registers, spills, scratch, occupancy
	@sh tests/support/offline.sh

# ---- check ----

CLANG_FORMAT ?= clang-format
lint: $(OBJ) | ready ## what a machine can check of the house rules
	@CC='$(CC)' CFLAGS_LINT='$(subst ','\'',$(LANGUAGE) $(WARN))' CLANG_FORMAT='$(CLANG_FORMAT)' BUILD='$(BUILD)' \
	 sh tests/support/lint.sh

# ---- install ----

BINDIR := $(DESTDIR)$(PREFIX)/bin
LIBDIR := $(DESTDIR)$(PREFIX)/lib
INCDIR := $(DESTDIR)$(PREFIX)/include
MANDIR := $(DESTDIR)$(PREFIX)/share/man/man1
BASHDIR := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR  := $(DESTDIR)$(PREFIX)/share/zsh/site-functions
FISHDIR := $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
INSTALLED := $(BINDIR)/slicescore $(LIBDIR)/libslicescore.a $(LIBDIR)/libslicescore.so $(LIBDIR)/$(SONAME) \
             $(LIBDIR)/$(notdir $(SHARED)) $(INCDIR)/slicescore.h \
             $(LIBDIR)/pkgconfig/slicescore.pc $(MANDIR)/slicescore.1 $(BASHDIR)/slicescore $(ZSHDIR)/_slicescore \
             $(FISHDIR)/slicescore.fish

# The manual and the completions come from the table of keys and commands inside the program.
$(BUILD)/slicescore.1: $(PROGRAM)
	$(Q)$(PROGRAM) schema --man > $@
$(BUILD)/completion.%: $(PROGRAM)
	$(Q)$(PROGRAM) schema --completion $* > $@

# What only a static link needs is private: `pkg-config --static --libs slicescore`.
$(BUILD)/slicescore.pc: $(BUILD)/flags Makefile FORCE
	@{ echo 'prefix=$(PREFIX)'; echo 'bindir=$${prefix}/bin'; echo 'libdir=$${prefix}/lib'; \
	   echo 'includedir=$${prefix}/include'; echo; echo 'Name: slicescore'; \
	   echo 'Description: sliced score matching for unnormalised models, on OpenCL devices'; \
	   echo 'Version: $(VERSION)'; echo 'Requires.private: $(PKGS)'; \
	   echo 'Libs: -L$${libdir} -lslicescore'; echo 'Libs.private: -lclblast -lm -lpthread -ldl'; \
	   echo 'Cflags: -I$${includedir}'; } > $@

TO_INSTALL := $(PROGRAM) $(STATIC) $(SHARED) $(addprefix $(BUILD)/,slicescore.1 slicescore.pc completion.bash completion.zsh \
              completion.fish)
install: $(TO_INSTALL) ## install below PREFIX (DESTDIR=... to stage a package)
	$(Q)install -d '$(BINDIR)' '$(LIBDIR)/pkgconfig' '$(MANDIR)' '$(BASHDIR)' '$(ZSHDIR)' '$(FISHDIR)'
	$(Q)install -m 755 $(PROGRAM) '$(BINDIR)/slicescore'
	$(Q)install -m 644 $(BUILD)/slicescore.pc '$(LIBDIR)/pkgconfig/slicescore.pc'
	$(Q)install -m 644 $(BUILD)/slicescore.1 '$(MANDIR)/slicescore.1'
	$(Q)install -m 644 $(BUILD)/completion.bash '$(BASHDIR)/slicescore'
	$(Q)install -m 644 $(BUILD)/completion.zsh '$(ZSHDIR)/_slicescore'
	$(Q)install -m 644 $(BUILD)/completion.fish '$(FISHDIR)/slicescore.fish'
	$(Q)install -d '$(INCDIR)'
	$(Q)install -m 644 include/slicescore.h '$(INCDIR)/slicescore.h'
	$(Q)install -m 644 $(STATIC) '$(LIBDIR)/libslicescore.a'
	$(Q)install -m 755 $(SHARED) '$(LIBDIR)/$(notdir $(SHARED))'
	$(Q)ln -sf $(notdir $(SHARED)) '$(LIBDIR)/$(SONAME)'
	$(Q)ln -sf $(SONAME) '$(LIBDIR)/libslicescore.so'
	@echo 'installed: $(BINDIR)/slicescore'

uninstall: ## remove what install put there
	$(Q)rm -f $(foreach file,$(INSTALLED),'$(file)')

clean: ## remove build/
	$(Q)rm -rf build

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  %-13s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo '  VARIANT=release|debug|san|coverage  V=1 (show commands)  PREFIX=$(PREFIX)  DESTDIR='
	@echo '  CC, CPPFLAGS, CFLAGS, LDFLAGS: yours, added to ours  WERROR=1  PYTHON=$(PYTHON)'
