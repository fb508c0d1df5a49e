# SPDX-License-Identifier: BSD-2-Clause
# GNU make. `make` builds into $(BUILD); see README.md for the targets.

VERSION := 0.1.0
SONAME := librpmsg.so.0

BUILD ?= build
ifneq ($(words [$(BUILD)]),1)
$(error BUILD='$(BUILD)': make takes no path with blanks; choose another)
endif
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
DATADIR ?= $(PREFIX)/share
MANDIR ?= $(DATADIR)/man

PKG_CONFIG ?= pkg-config
OBJCOPY ?= objcopy
INSTALL ?= install
CFLAGS ?= -O2 -g

# SAN=address,undefined or SAN=thread; WERROR=1; V=1 shows the commands.
SAN ?=
WERROR ?=
V ?=

ifeq ($(V),)
Q := @
say = @printf '  %-7s %s\n' '$(1)' '$(patsubst $(BUILD)/%,%,$@)';
else
Q :=
say :=
endif

# ---- flags ----

WARN := -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wundef -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2
ifneq ($(WERROR),)
WARN += -Werror
endif

CODE := -std=gnu11 -fvisibility=hidden -fPIC -fno-semantic-interposition -pthread
ifneq ($(SAN),)
CODE += -fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer
NO_UNDEFINED :=
else
NO_UNDEFINED := -Wl,--no-undefined
endif

COMPILE = $(CC) $(CODE) $(WARN) -D_GNU_SOURCE -DRPMSG_VERSION='"$(VERSION)"' -Ilib -MMD -MP \
	$(CPPFLAGS) $(CFLAGS)
LINK = $(CC) $(CODE) $(CFLAGS) $(LDFLAGS)

# Programs find the library beside them, in the build tree and where they are installed.
up_to_lib := $(shell realpath -m --relative-to='$(BINDIR)' '$(LIBDIR)')
RPATH := -Wl,-rpath,'$$ORIGIN/../lib$(if $(filter-out ../lib,$(up_to_lib)),:$$ORIGIN/$(up_to_lib))'

TOOL_PKGS := libpcap json-c ncursesw
TEST_PKGS := cmocka
TOOL_LIBS = -Wl,--as-needed $(shell $(PKG_CONFIG) --libs $(TOOL_PKGS))
TEST_LIBS = $(TOOL_LIBS) $(shell $(PKG_CONFIG) --libs $(TEST_PKGS))
CMD_FLAGS = $(shell $(PKG_CONFIG) --cflags $(TOOL_PKGS)) -Icmd
TEST_FLAGS = $(CMD_FLAGS) -I. -Itests

# ---- what there is ----

obj = $(patsubst %.c,$(BUILD)/obj/%.o,$(1))

LIB_OBJS := $(call obj,$(wildcard lib/*/*.c))
COMMON_OBJS := $(call obj,$(wildcard cmd/common/*.c))
DAEMON_OBJS := $(call obj,$(filter-out cmd/rpmsgd/main.c,$(wildcard cmd/rpmsgd/*.c)))
TOOLS := $(patsubst cmd/%.c,%,$(wildcard cmd/*.c))
DAEMON := $(patsubst cmd/%/main.c,%,$(wildcard cmd/rpmsgd/main.c))
UNITS := $(patsubst tests/unit/%.c,%,$(wildcard tests/unit/test_*.c))
PROGRAMS := $(patsubst tests/programs/%.c,%,$(wildcard tests/programs/*.c))
BENCHES := $(patsubst tests/bench/%.c,%,$(wildcard tests/bench/*.c))

SO := $(BUILD)/lib/librpmsg.so.$(VERSION)
LIBS := $(if $(LIB_OBJS),$(SO) $(BUILD)/lib/$(SONAME) $(BUILD)/lib/librpmsg.so \
	$(BUILD)/lib/librpmsg.a) $(BUILD)/lib/rpmsg.pc
BINS := $(addprefix $(BUILD)/bin/,$(TOOLS) $(DAEMON))
INNER := $(BUILD)/obj/librpmsg-inner.a
COMMON := $(BUILD)/obj/common.a
DAEMON_LIB := $(BUILD)/obj/rpmsgd.a
TEST_BINS := $(addprefix $(BUILD)/unit/,$(UNITS)) $(addprefix $(BUILD)/programs/,$(PROGRAMS))
BENCH_BINS := $(addprefix $(BUILD)/bench/,$(BENCHES))

.PHONY: all demo demo-linux test test-linux test-long check-asan check-tsan lint fuzz bench \
	tests install uninstall install-user uninstall-user deps deps-test deps-linux deps-fuzz \
	deps-ci deps-screens screenshot clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:

all: $(LIBS) $(BINS)

# Files that change when what they hold does: the commands, the places of installation.
shell_quoted = '$(subst ','\'',$(1))'
define stamp
@mkdir -p $(@D); printf '%s\n' $(call shell_quoted,$(1)) | cmp -s - $@ || \
	printf '%s\n' $(call shell_quoted,$(1)) > $@
endef
$(BUILD)/flags: FORCE
	$(call stamp,$(COMPILE) | $(LINK) | $(RPATH))
$(BUILD)/places: FORCE
	$(call stamp,$(PREFIX) $(LIBDIR) $(INCLUDEDIR))

# ---- objects and archives ----

$(BUILD)/obj/lib/%.o: lib/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) -c -o $@ $<

$(BUILD)/obj/cmd/%.o: cmd/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) $(CMD_FLAGS) -c -o $@ $<

$(BUILD)/obj/tests/%.o: tests/%.c $(BUILD)/flags
	@mkdir -p $(@D)
	$(call say,CC)$(COMPILE) $(TEST_FLAGS) -c -o $@ $<

define archive
$(1): $(2)
	@mkdir -p $$(@D)
	$$(call say,AR)rm -f $$@ && $$(AR) rcs $$@ $$(filter %.o,$$^)
endef
$(eval $(call archive,$(INNER),$(LIB_OBJS)))
$(eval $(call archive,$(COMMON),$(COMMON_OBJS)))
$(eval $(call archive,$(DAEMON_LIB),$(DAEMON_OBJS)))

# ---- the library ----

$(SO): $(LIB_OBJS) lib/librpmsg.map
	@mkdir -p $(@D)
	$(call say,LD)$(LINK) -shared -Wl,-soname,$(SONAME) -Wl,--version-script=lib/librpmsg.map \
		-Wl,-Bsymbolic-functions $(NO_UNDEFINED) -o $@ $(LIB_OBJS)

$(BUILD)/lib/$(SONAME) $(BUILD)/lib/librpmsg.so: $(SO)
	$(Q)ln -sf $(<F) $@

# One object in which everything that is not public is local, so that a program
# that links it statically may use our internal names.
$(BUILD)/lib/librpmsg.a: $(LIB_OBJS)
	@mkdir -p $(@D)
	$(call say,AR)$(CC) -r -nostdlib -o $(BUILD)/obj/librpmsg.o $^ && \
		$(OBJCOPY) --localize-hidden $(BUILD)/obj/librpmsg.o && \
		rm -f $@ && $(AR) rcs $@ $(BUILD)/obj/librpmsg.o

$(BUILD)/lib/rpmsg.pc: lib/rpmsg.pc.in $(BUILD)/places
	@mkdir -p $(@D)
	$(call say,GEN)sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@LIBDIR@|$(LIBDIR)|' \
		-e 's|@INCLUDEDIR@|$(INCLUDEDIR)|' -e 's|@VERSION@|$(VERSION)|' $< > $@

# ---- programs ----

SO_LINKS := $(SO) $(BUILD)/lib/$(SONAME) $(BUILD)/lib/librpmsg.so

define program
$(BUILD)/bin/$(1): $(2) $(COMMON) $(SO_LINKS)
	@mkdir -p $$(@D)
	$$(call say,LD)$$(LINK) $$(RPATH) -o $$@ $$(filter %.o %.a,$$^) \
		-L$(BUILD)/lib -lrpmsg $$(TOOL_LIBS)
endef
$(foreach t,$(TOOLS),$(eval $(call program,$(t),$(call obj,cmd/$(t).c $(wildcard cmd/$(t)/*.c)))))
$(foreach d,$(DAEMON),$(eval $(call program,$(d),$(call obj,cmd/$(d)/main.c) $(DAEMON_LIB))))

# What tests rooms of a program is linked with them.
$(filter $(BUILD)/unit/test_rpmsgd%,$(TEST_BINS)): $(DAEMON_LIB)
$(filter $(BUILD)/unit/test_replay%,$(TEST_BINS)): $(call obj,cmd/rpmsg-send/replay_plan.c)
$(filter $(BUILD)/unit/test_top%,$(TEST_BINS)): $(call obj,$(wildcard cmd/rpmsg-top/*.c))
$(BUILD)/unit/%: $(BUILD)/obj/tests/unit/%.o $(COMMON) $(INNER)
	@mkdir -p $(@D)
	$(call say,LD)$(LINK) -o $@ $(filter %.o,$^) $(filter $(DAEMON_LIB),$^) $(COMMON) $(INNER) \
		$(TEST_LIBS)

$(BUILD)/programs/%: $(BUILD)/obj/tests/programs/%.o $(COMMON) $(INNER)
	@mkdir -p $(@D)
	$(call say,LD)$(LINK) -o $@ $^ $(TEST_LIBS)

$(BUILD)/bench/%: $(BUILD)/obj/tests/bench/%.o $(INNER)
	@mkdir -p $(@D)
	$(call say,LD)$(LINK) -o $@ $^ -lm

$(BUILD)/fuzz/%: $(BUILD)/obj/tests/fuzz/%.o $(INNER)
	@mkdir -p $(@D)
	$(call say,LD)$(LINK) -fsanitize=fuzzer -o $@ $^

-include $(shell find $(BUILD)/obj -name '*.d' 2>/dev/null)

# ---- packages ----

deps:
	@tests/deps.sh build

deps-test:
	@tests/deps.sh build test

deps-linux:
	@tests/deps.sh build test linux

deps-fuzz:
	@tests/deps.sh build test fuzz

deps-ci:
	@tests/deps.sh build test ci

deps-screens:
	@tests/deps.sh build test screens

# ---- tests ----

tests: all $(TEST_BINS)

RUN = BUILD='$(abspath $(BUILD))' SAN='$(SAN)' CC='$(CC)' PKG_CONFIG='$(PKG_CONFIG)' tests/run

test: deps-test
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)$(RUN)

# The kernel is made once for all build folders: see tests/linux/kernel.sh.
test-linux: deps-linux
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)tests/linux/kernel.sh
	$(Q)$(RUN) --linux

test-long: deps-test
	$(Q)$(MAKE) --no-print-directory tests
	$(Q)$(RUN) --long

check-asan:
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/asan SAN=address,undefined test

check-tsan: deps-test
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/tsan SAN=thread tests
	$(Q)BUILD='$(abspath $(BUILD))/tsan' SAN=thread tests/run --units

# From the recorded conversations on, and from what was found in earlier runs.
FUZZ_TIME ?= 60
FUZZ_CC ?= clang
FUZZ := $(BUILD)/fuzz/fuzz/fuzz_vhost
fuzz: deps-fuzz
	$(Q)$(MAKE) --no-print-directory $(BUILD)/unit/test_vhost_fuzz
	$(Q)$(MAKE) --no-print-directory BUILD=$(BUILD)/fuzz CC='$(FUZZ_CC)' \
		SAN=fuzzer-no-link,address,undefined $(FUZZ)
	$(Q)mkdir -p $(BUILD)/fuzz/corpus
	$(Q)$(BUILD)/unit/test_vhost_fuzz --seeds $(BUILD)/fuzz/corpus
	$(Q)$(FUZZ) -max_total_time=$(FUZZ_TIME) -timeout=10 -max_len=4096 -print_final_stats=1 \
		-artifact_prefix=$(BUILD)/fuzz/ $(BUILD)/fuzz/corpus

bench: deps
	$(Q)$(MAKE) --no-print-directory bench-run

.PHONY: bench-run
bench-run: all $(BENCH_BINS)
	$(Q)for b in $(BENCH_BINS); do "$$b" || exit; done

demo: deps-test
	$(Q)$(MAKE) --no-print-directory all
	$(Q)BUILD='$(abspath $(BUILD))' tests/demo.sh

demo-linux: deps-linux
	$(Q)$(MAKE) --no-print-directory all
	$(Q)tests/linux/kernel.sh
	$(Q)BUILD='$(abspath $(BUILD))' tests/linux/demo.sh

# The pictures in README.md.
screenshot: deps-screens
	$(Q)$(MAKE) --no-print-directory all
	$(Q)BUILD='$(abspath $(BUILD))' tests/screenshot.sh

lint: deps-ci
	$(Q)tests/lint.sh

# ---- install ----

TOOL_NAMES := $(TOOLS) $(DAEMON)

# Wireshark looks for programs and scripts in its own folders alone. Below LIBDIR they are
# where one user's are looked for if PREFIX is ~/.local; for a PREFIX of the whole system
# it is the installed Wireshark that knows.
# $(call wireshark_folder,ITS WORD FOR IT,ITS NAME)
wireshark_folder = $(or $(if $(filter /usr /usr/local,$(PREFIX)),$(or \
	$(shell tshark -G folders 2>/dev/null | sed -nE 's/^(Global )?$(1):[[:space:]]*//p'), \
	$(firstword $(wildcard /usr/lib/*/wireshark/$(2) /usr/lib*/wireshark/$(2) \
		/usr/libexec/wireshark/$(2))))),$(LIBDIR)/wireshark/$(2))
EXTCAPDIR ?= $(call wireshark_folder,Extcap path,extcap)
LUADIR ?= $(call wireshark_folder,Lua Plugins,plugins)

BASH_DIR := $(DATADIR)/bash-completion/completions
ZSH_DIR := $(DATADIR)/zsh/site-functions
FISH_DIR := $(DATADIR)/fish

# MODE:FILE:DESTINATION and TARGET:LINK, the only lists there are.
to_dir = $(foreach f,$(wildcard $(1)),644:$(f):$(2)/$(notdir $(f)))
FILES := 644:lib/rpmsg.h:$(INCLUDEDIR)/rpmsg.h \
	644:$(BUILD)/lib/librpmsg.a:$(LIBDIR)/librpmsg.a \
	755:$(SO):$(LIBDIR)/$(notdir $(SO)) \
	644:$(BUILD)/lib/rpmsg.pc:$(LIBDIR)/pkgconfig/rpmsg.pc \
	$(foreach t,$(TOOL_NAMES),755:$(BUILD)/bin/$(t):$(BINDIR)/$(t)) \
	$(foreach s,$(sort $(suffix $(wildcard man/*))),$(call to_dir,man/*$(s),$(MANDIR)/man$(subst .,,$(s)))) \
	$(call to_dir,lib/record/*.lua,$(DATADIR)/rpmsg) \
	$(call to_dir,completions/bash/*,$(BASH_DIR)) \
	$(call to_dir,completions/zsh/*,$(ZSH_DIR)) \
	$(call to_dir,completions/fish/*.fish,$(FISH_DIR)/vendor_completions.d) \
	$(call to_dir,completions/fish/functions/*,$(FISH_DIR)/vendor_functions.d)
link_from = $(shell realpath -m --relative-to='$(1)' '$(2)'):$(1)/$(notdir $(2))
LINKS = $(SONAME):$(LIBDIR)/librpmsg.so $(notdir $(SO)):$(LIBDIR)/$(SONAME) \
	$(foreach t,$(TOOL_NAMES),rpmsg-tools:$(BASH_DIR)/$(t)) \
	$(foreach d,$(EXTCAPDIR),$(call link_from,$(d),$(BINDIR)/rpmsg-extcap)) \
	$(foreach d,$(LUADIR),$(call link_from,$(d),$(DATADIR)/rpmsg/rpmsg.lua))

field = $(word $(1),$(subst :, ,$(2)))
quoted = '$(DESTDIR)$(1)'

install: all
	$(Q)set -e; umask 022; \
	$(foreach f,$(FILES),$(INSTALL) -D -m $(call field,1,$(f)) $(call field,2,$(f)) \
		$(call quoted,$(call field,3,$(f)));) \
	$(foreach l,$(LINKS),mkdir -p $(call quoted,$(dir $(call field,2,$(l)))); \
		ln -sf $(call field,1,$(l)) $(call quoted,$(call field,2,$(l)));)

uninstall:
	$(Q)rm -f $(foreach f,$(FILES),$(call quoted,$(call field,3,$(f)))) \
		$(foreach l,$(LINKS),$(call quoted,$(call field,2,$(l))))
	$(Q)rmdir $(call quoted,$(DATADIR)/rpmsg) 2>/dev/null || true

# For one user, who need not be root. Wireshark 4.0 looks for extcaps among the configuration,
# later ones in ~/.local/lib.
USER_PREFIX := $(HOME)/.local
USER_CONFIG := $(or $(XDG_CONFIG_HOME),$(HOME)/.config)
install-user uninstall-user: %-user:
	$(Q)$(MAKE) --no-print-directory $* PREFIX='$(USER_PREFIX)' \
		LUADIR='$(USER_PREFIX)/lib/wireshark/plugins' \
		EXTCAPDIR='$(USER_PREFIX)/lib/wireshark/extcap $(USER_CONFIG)/wireshark/extcap'

clean:
	rm -rf $(BUILD)
	tests/linux/kernel.sh --clean
