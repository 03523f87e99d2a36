# Cartrita. `make help` lists the targets.
#
# Each part is compiled with an include root of its own that holds only the parts it may know
# (server and worker never see each other, the engine sees no dialect, a plugin sees plugin.h
# alone), so an include across a boundary does not compile. Files are found by folder: adding one
# needs no edit here.

BUILD   ?= build
CC      ?= cc
VERSION := 0.1.0

# SAN=1: AddressSanitizer and UBSan. SAN=thread: ThreadSanitizer. Use a BUILD of its own with each.
SAN ?=
ifeq ($(SAN),1)
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
OPTIMIZE := -O1 -g
else ifeq ($(SAN),thread)
SANITIZE := -fsanitize=thread -fno-omit-frame-pointer
OPTIMIZE := -O1 -g
else
SANITIZE :=
OPTIMIZE := -O2 -g
endif
WERROR ?= $(if $(SAN),-Werror,)
# FUZZ=1 (with clang): objects that a fuzzer can watch.
SANITIZE += $(if $(FUZZ),-fsanitize=fuzzer-no-link -fsanitize=float-cast-overflow -fno-sanitize-recover=float-cast-overflow)

# On a bare machine there is no pkg-config yet, and `make deps` must not begin with complaints.
MSGPACK_PC := $(shell pkg-config --exists msgpack-c 2>/dev/null && echo msgpack-c || echo msgpack)
PKGS       := libuv hiredis gnutls $(MSGPACK_PC) yaml-0.1 jansson libseccomp
# The web server, in the programs that have one.
HTTP_PKGS  := libmicrohttpd gnutls
PKG_CFLAGS  = $(shell pkg-config --cflags $(PKGS))
PKG_LIBS    = $(shell pkg-config --libs $(PKGS))

CFLAGS_ALL = -std=c11 -D_GNU_SOURCE -DCARTRITA_VERSION='"$(VERSION)"' $(OPTIMIZE) -Wall -Wextra \
	$(WERROR) -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wno-unused-parameter -fPIC -pthread $(SANITIZE) -MMD -MP $(CFLAGS)
LDFLAGS_ALL = -pthread $(SANITIZE) $(LDFLAGS)

# part := folders with its sources | names it may include as "name/..."
common_DIRS  := common
common_SEES  := common
http_DIRS    := common/http
http_SEES    := common http
proto_DIRS   := proto
proto_SEES   := common proto
redis_DIRS   := server/redis
redis_SEES   := common redis
cron_DIRS    := server/cron
cron_SEES    := common cron
queue_DIRS   := server/queue
queue_SEES   := common redis queue
dialect_DIRS := server/dialect $(wildcard server/dialect/*/)
dialect_SEES := common redis queue cron dialect
server_DIRS  := server server/http server/api
server_SEES  := common http proto redis queue cron dialect server
q_DIRS       := server/q server/q/verbs
q_SEES       := common proto redis queue cron dialect q
worker_DIRS  := worker $(filter-out worker/include/ worker/plugins/ worker/sdk/,$(wildcard worker/*/))
worker_SEES  := common http proto worker cartrita
sdk_DIRS     := worker/sdk
sdk_SEES     := cartrita

PARTS := common http proto redis cron queue dialect server q worker sdk

# Where a name that can be included lives.
HOME_common   := common
HOME_http     := common/http
HOME_proto    := proto
HOME_redis    := server/redis
HOME_cron     := server/cron
HOME_queue    := server/queue
HOME_dialect  := server/dialect
HOME_server   := server
HOME_q        := server/q
HOME_worker   := worker
HOME_cartrita := worker/include/cartrita

.SECONDEXPANSION:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

sources_of = $(wildcard $(addsuffix /*.c,$(patsubst %/,%,$($(1)_DIRS))))
objects_of = $(patsubst %.c,$(BUILD)/obj/%.o,$(call sources_of,$(1)))

# --- Lua scripts become C strings ----------------------------------------------------------------
LUA_DIALECTS := $(filter-out shared,$(patsubst server/dialect/%/,%,$(wildcard server/dialect/*/)))
LUA_SOURCES   = $(foreach d,$(LUA_DIALECTS),$(BUILD)/gen/$(d)_lua.c)
LUA_OBJECTS   = $(LUA_SOURCES:.c=.o)

$(BUILD)/gen/%_lua.c $(BUILD)/gen/%_lua.h: server/dialect/embed.sh $$(wildcard $$(foreach d,$$* shared,server/dialect/$$d/*.lua server/dialect/$$d/inc/*.lua))
	@mkdir -p $(@D)
	server/dialect/embed.sh $* server/dialect/$* $(BUILD)/gen

$(BUILD)/gen/%_lua.o: $(BUILD)/gen/%_lua.c
	$(CC) $(CFLAGS_ALL) -I$(BUILD)/inc/dialect -I$(BUILD)/gen -c -o $@ $<

# --- libraries -----------------------------------------------------------------------------------
define link_line
	@ln -sfn $(CURDIR)/$(HOME_$(1)) $(BUILD)/inc/$(2)/$(1)

endef
$(foreach part,$(PARTS),$(eval $(call objects_of,$(part)): PART := $(part)))
$(foreach part,$(PARTS),$(eval $(call objects_of,$(part)): $(BUILD)/inc/$(part)/.done))
$(foreach part,$(PARTS),$(eval $(BUILD)/lib$(part).a: $(call objects_of,$(part))))

# Objects of other flags or another compiler do not mix: everything waits for this file, which is
# new when they are.
$(BUILD)/.flags: FORCE
	@mkdir -p $(@D)
	@echo '$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL)' | cmp -s - $@ || echo '$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL)' >$@
FORCE:

$(BUILD)/inc/%/.done: Makefile $(BUILD)/.flags
	@mkdir -p $(@D)
	$(foreach name,$($*_SEES),$(call link_line,$(name),$*))
	@touch $@

$(call objects_of,dialect): $(foreach d,$(LUA_DIALECTS),$(BUILD)/gen/$(d)_lua.h)
$(BUILD)/libdialect.a: $(LUA_OBJECTS)

$(BUILD)/obj/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -I$(BUILD)/inc/$(PART) $(if $(filter dialect,$(PART)),-I$(BUILD)/gen) $(PKG_CFLAGS) -c -o $@ $<

$(BUILD)/lib%.a:
	@mkdir -p $(@D)
	@rm -f $@
	ar qcs $@ $^

# --- programs ------------------------------------------------------------------------------------
ENGINE_LIBS := $(addprefix $(BUILD)/lib,dialect.a queue.a cron.a redis.a)
BASE_LIBS   := $(addprefix $(BUILD)/lib,proto.a common.a)
HTTP_LIB    := $(BUILD)/libhttp.a
HTTP_LIBS    = $(shell pkg-config --libs $(HTTP_PKGS))

$(BUILD)/cartrita-queued: $(BUILD)/libserver.a $(HTTP_LIB) $(ENGINE_LIBS) $(BASE_LIBS)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS) $(HTTP_LIBS) -lm
$(BUILD)/cartrita-q: $(BUILD)/libq.a $(ENGINE_LIBS) $(BASE_LIBS)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS) -lm
$(BUILD)/cartrita-worker: $(BUILD)/libworker.a $(HTTP_LIB) $(BASE_LIBS)
	$(CC) $(LDFLAGS_ALL) -o $@ $^ $(PKG_LIBS) $(HTTP_LIBS) -ldl -lm

# --- plugins: plugin.h, the SDK and their own libraries --------------------------------------------
# The SDK is a static library of hidden names: each plugin takes what it uses and shows none of it.
SDK_PKGS := jansson libcurl libcrypto
$(call objects_of,sdk): private CFLAGS_ALL += -fvisibility=hidden

# NAME.so is all that lies in worker/plugins/NAME, and the SDK. PKGS_NAME: what pkg-config calls its libraries.
PLUGINS    := $(patsubst worker/plugins/%/,%,$(wildcard worker/plugins/*/))
PKGS_exec  := jansson
PKGS_email := $(SDK_PKGS) gmime-3.0
PKGS_file  := $(SDK_PKGS) vips libarchive libmagic
PKGS_ai    := $(SDK_PKGS) vips
PKGS_analytics := $(SDK_PKGS) libpq plplot zlib
plugin_objects = $(patsubst %.c,$(BUILD)/obj/%.o,$(wildcard worker/plugins/$(1)/*.c worker/plugins/$(1)/*/*.c))
define plugin_rules
$(call plugin_objects,$(1)): $(BUILD)/obj/worker/plugins/$(1)/%.o: worker/plugins/$(1)/%.c $(BUILD)/inc/plugin/.done
	@mkdir -p $$(@D)
	$$(CC) $$(CFLAGS_ALL) -fvisibility=hidden -I$(BUILD)/inc/plugin -Iworker/plugins/$(1) $$(if $$(PKGS_$(1)),$$(shell pkg-config --cflags $$(PKGS_$(1)) | sed 's/-I/-isystem /g')) -c -o $$@ $$<
$(BUILD)/plugins/$(1).so: $(call plugin_objects,$(1)) $(BUILD)/libsdk.a
	@mkdir -p $$(@D)
	$$(CC) -shared $$(LDFLAGS_ALL) -Wl,--as-needed -o $$@ $$^ $$(if $$(PKGS_$(1)),$$(shell pkg-config --libs $$(PKGS_$(1)))) -ldl -lm
endef
plugin_SEES := cartrita
$(foreach plugin,$(PLUGINS),$(eval $(call plugin_rules,$(plugin))))

PROGRAMS := $(addprefix $(BUILD)/,cartrita-queued cartrita-worker cartrita-q)

all: $(PROGRAMS) $(PLUGINS:%=$(BUILD)/plugins/%.so) examples ## build programs, plugins and examples (default)

comma := ,
EXAMPLE_PLUGINS := $(patsubst examples/%/,%,$(dir $(wildcard examples/*/*.c)))
SDK_EXAMPLES := $(patsubst examples/%.c,$(BUILD)/examples/%,$(shell grep -l '"cartrita/sdk/' $(wildcard examples/*/*.c) /dev/null))
$(sort $(patsubst %/,%.so,$(dir $(SDK_EXAMPLES)))): $(BUILD)/libsdk.a
$(BUILD)/examples/%.so: $$(wildcard examples/$$*/*.c) worker/include/cartrita/plugin.h
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(CFLAGS_ALL)) -fvisibility=hidden -shared -Iworker/include $(LDFLAGS_ALL) -o $@ $(filter %.c,$^) $(if $(filter %.a,$^),$(filter %.a,$^) -Wl$(comma)--as-needed $(shell pkg-config --cflags --libs $(SDK_PKGS)))
examples: $(sort $(EXAMPLE_PLUGINS:%=$(BUILD)/examples/%.so)) ## build the example plugins

# --- tests ---------------------------------------------------------------------------------------
UNIT_TESTS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/test_*.c tests/sim/test_*.c))
# The unit tests of a part may see everything: they are outside of the house.
$(BUILD)/inc/tests/.done: Makefile $(BUILD)/.flags
	@mkdir -p $(@D)
	$(foreach name,common http proto redis cron queue dialect server q worker cartrita,$(call link_line,$(name),tests))
	@ln -sfn $(CURDIR)/tests $(BUILD)/inc/tests/tests
	@touch $@
# But server and worker never meet, so each has names the other has too: a test gets one of them.
WORKER_TESTS := $(shell grep -l '"worker/' $(wildcard tests/*/*.c) /dev/null)
SDK_TESTS    := $(shell grep -l '"cartrita/sdk/' $(wildcard tests/*/*.c) /dev/null)
test_libs = $(addprefix $(BUILD)/lib,$(if $(filter tests/$(1).c,$(SDK_TESTS)),sdk.a,$(if $(filter tests/$(1).c,$(WORKER_TESTS)),worker.a,server.a q.a dialect.a queue.a cron.a redis.a)) http.a proto.a common.a)
# Only what lies in tests/ is compiled: a test may include a source of a plugin, and depends on it.
define link_test
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) -I$(BUILD)/inc/tests -I$(BUILD)/gen $(PKG_CFLAGS) $(LDFLAGS_ALL) -o $@ $(foreach c,$(filter tests/%.c,$^),$(if $(findstring /../,$(c)),,$(c))) $(filter %.a,$^) $(PKG_LIBS) $(HTTP_LIBS) $(if $(filter %/libsdk.a,$^),$(shell pkg-config --libs $(SDK_PKGS))) $(shell pkg-config --cflags --libs check) -ldl -lm
endef
$(BUILD)/tests/%: tests/%.c $$(call test_libs,$$*) $(BUILD)/inc/tests/.done
	$(link_test)
# What the tests of one thing share: tests/unit/NAME_bench.c goes into each test_NAME*.
$(foreach b,$(wildcard tests/unit/*_bench.c),$(eval $(filter $(patsubst tests/unit/%_bench.c,$(BUILD)/tests/unit/test_%,$(b))%,$(UNIT_TESTS)): $(b)))
# A test of a plugin may include its sources, which find their headers: tests/unit/test_PLUGIN*.
$(foreach p,$(PLUGINS),$(eval $(filter $(BUILD)/tests/unit/test_$(p)%,$(UNIT_TESTS)): private CFLAGS += -Iworker/plugins/$(p) $$(if $$(PKGS_$(p)),$$(shell pkg-config --cflags $$(PKGS_$(p))))))
# Each simulation is linked with what all of them share.
$(filter $(BUILD)/tests/sim/%,$(UNIT_TESTS)): $(filter-out $(wildcard tests/sim/test_*.c),$(wildcard tests/sim/*.c))

unit: $(UNIT_TESTS) ## run the unit tests and the simulation
	@tests/lib/run-unit.sh $^

scaling-chart: $(BUILD)/tests/sim/test_scaling_day ## draw the simulated day of the wanted number of workers
	SCALING_CSV=$(BUILD)/day.csv $< >/dev/null && node tests/sim/scaling_chart.mjs $(BUILD)/day.csv >server/http/scaling.svg

# What runs on several threads, for SAN=thread: unit tests, and real runners at work. The
# ThreadSanitizer of older compilers cannot map memory under high address randomisation: it is off
# where that is allowed.
THREAD_TESTS := $(foreach t,threads host recorder log,$(filter %/test_$(t),$(UNIT_TESTS)))
threads: all check-tools $(THREAD_TESTS)
	@fixed=$$(setarch -R true 2>/dev/null && echo setarch -R); export TSAN_OPTIONS=halt_on_error=1:suppressions=$(CURDIR)/tests/lib/tsan.supp; \
	$$fixed tests/lib/run-unit.sh $(THREAD_TESTS) && \
	BUILD=$(abspath $(BUILD)) $$fixed tests/lib/run-node.sh $(addprefix tests/interop/worker_,exec.test.mjs life.test.mjs)

# Plugins of the tests; nothing of the runtime is linked, as anywhere.
$(BUILD)/tests/plugins/%.so: tests/plugins/%.c tests/plugins/setting.h worker/include/cartrita/plugin.h
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(CFLAGS_ALL)) -fvisibility=hidden -shared -Iworker/include $(LDFLAGS_ALL) -o $@ $<
$(BUILD)/tests/plugins/tally_next.so: tests/plugins/tally.c

# Programs that the Node tests drive.
check-tools: $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/interop/*.c)) $(patsubst tests/plugins/%.c,$(BUILD)/tests/plugins/%.so,$(wildcard tests/plugins/*.c))

interop: all check-tools ## run the tests against real Redis, Bull and BullMQ, and the zoo of bad jobs
	@BUILD=$(abspath $(BUILD)) tests/lib/run-node.sh tests/interop/*.test.mjs tests/zoo/*.test.mjs
chaos: all check-tools ## kill processes and links under load, then count jobs
	@BUILD=$(abspath $(BUILD)) tests/lib/run-node.sh tests/chaos/*.test.mjs

images: ## build the container images (deploy/containers/README.md)
	deploy/containers/build.sh
images-check: ## build them without a registry, run jobs in them, say what they weigh (root, buildah, debootstrap)
	@tests/lib/run-node.sh tests/images/*.test.mjs

$(BUILD)/tests/bench/delay_proxy: tests/bench/delay_proxy.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS_ALL) -o $@ $<
# ARGS="--only throughput --runs 3"; all of it takes long: killed Bull workers are noticed after a minute. `node tests/bench/bench.mjs` explains.
bench: all check-tools $(BUILD)/tests/bench/delay_proxy ## measure against bull and bullmq in Node (ARGS="--quick")
	@BUILD=$(abspath $(BUILD)) node tests/bench/bench.mjs $(ARGS)

# FUZZ_SECONDS each; needs clang.
FUZZERS := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/fuzz/fuzz_*.c))
$(FUZZERS): private CFLAGS += -fsanitize=fuzzer
fuzz-run: $(FUZZERS)
	@tests/lib/run-fuzz.sh $^
fuzz: ## fuzz what reads foreign bytes, FUZZ_SECONDS=5 each
	@$(MAKE) --no-print-directory BUILD=build/fuzz CC=clang SAN=1 FUZZ=1 fuzz-run

check: deps ## install what is missing, then build and test everything
	@tests/lib/check.sh

deps: ## install what is missing to build, show and test (Debian 12, 13)
	@deploy/install-deps.sh check

# In two steps: what pkg-config knows is read when make starts.
demo: ## show it: seven queues, real Bull producers, a crash; installs what is missing
	@deploy/install-deps.sh demo
	@echo "building $(BUILD)/"
	@$(MAKE) --no-print-directory -s -j$$(getconf _NPROCESSORS_ONLN) all
	@BUILD=$(abspath $(BUILD)) node examples/demo/demo.mjs

readme: all ## put the options that --help tells into the pages
	@BUILD=$(abspath $(BUILD)) node tests/lib/options.mjs --write

# cartrita-q-NOUN-VERB.1 for each verb, cartrita-*.1 for the programs.
man: $(PROGRAMS) ## write the manual pages to build/man/man1
	@mkdir -p $(BUILD)/man/man1
	@for name in queued worker q $$(sed -n 's/^COMMAND(\(.*\))$$/q_\1/p' server/q/commands.def); do \
		$(BUILD)/cartrita-$$(echo $$name | tr _ ' ') --man >$(BUILD)/man/man1/cartrita-$$(echo $$name | tr _ -).1 || exit 1; \
	done

include deploy/install.mk

fmt: ## format the C sources in place
	clang-format -i $$(git ls-files '*.c' '*.h')

# Versions of clang-format differ in details; the one that decides is 14.
fmt-check:
	@formatter=$$(command -v clang-format-14 || command -v clang-format); \
	case $$($$formatter --version) in *'version 14.'*) ;; *) echo "not checked: clang-format 14 decides the layout, this is $$($$formatter --version)"; exit 0 ;; esac; \
	$$formatter --dry-run -Werror $$(git ls-files '*.c' '*.h')

help: ## list the targets
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

clean: ## remove what was built
	rm -rf $(BUILD)

.PHONY: all examples unit threads check-tools interop chaos bench fuzz fuzz-run check deps demo readme man fmt fmt-check help clean images images-check scaling-chart
-include $(shell find $(BUILD) -name '*.d' -type f 2>/dev/null)
