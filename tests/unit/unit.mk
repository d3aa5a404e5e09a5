# Builds one unit test program from the list in its first lines (README.md).
# Usage: make -f tests/unit/unit.mk OUT=DIR DIR/test-NAME... (from the repository's top)

CC = gcc
CFLAGS_UNIT = -std=gnu11 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Wno-unused-parameter -Werror \
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer --coverage \
    -I. -Icommon -Itests/unit

# $(call said,KEY,FILE): the values of FILE's lines "// KEY: …".
said = $(shell sed -n '1,20s|^// $1: *||p' $2)
# $(call lib,NAME,--cflags or --libs)
lib = $(shell pkg-config $2 $1 2>/dev/null || { [ $2 = --cflags ] || echo -l$1; })

# $(call daemon,SOURCES): all folders of dom0's daemon, if one of the sources is in them.
daemon = $(if $(filter launcher/dom0-daemon/%,$1),$(wildcard launcher/dom0-daemon/*/))

# common/ is compiled once, as a library: functions that a program does not call, or defines itself, are not linked.
common := $(patsubst %.c,$(OUT)/common.d/%.o,$(wildcard common/*.c))
$(OUT)/libcommon.a: $(common)
	@rm -f $@
	ar rcs $@ $^
$(common): $(OUT)/common.d/%.o: %.c tests/unit/unit.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_UNIT) -MMD -MP -c -o $@ $<
-include $(common:.o=.d)

# All other objects are a program's own, because programs may have different flags.
define program
$(eval sources_$1 := $2 $(call said,sources,$2))
$(eval libs_$1 := $(call said,libs,$2))
$(eval cflags_$1 := $(addprefix -I,$(sort $(dir $(sources_$1)) $(call daemon,$(sources_$1)))) $(call said,cflags,$2) \
    $(foreach l,$(libs_$1),$(call lib,$l,--cflags)))
$(eval ldlibs_$1 := $(foreach l,$(libs_$1),$(call lib,$l,--libs)) -lcmocka -lpthread)
$(eval wrap_$1 := $(addprefix -Wl$(comma)--wrap=,$(call said,wrap,$2)))
$(OUT)/$1: $(patsubst %.c,$(OUT)/$1.d/%.o,$(sources_$1)) $(OUT)/libcommon.a
	$(CC) $(CFLAGS_UNIT) $(wrap_$1) -o $$@ $$^ $(ldlibs_$1)
$(OUT)/$1.d/%.o: %.c tests/unit/unit.mk
	@mkdir -p $$(dir $$@)
	$(CC) $(CFLAGS_UNIT) $(cflags_$1) -MMD -MP -c -o $$@ $$<
-include $(patsubst %.c,$(OUT)/$1.d/%.d,$(sources_$1))
endef
comma = ,

names := $(notdir $(filter $(OUT)/%,$(MAKECMDGOALS)))
$(foreach n,$(filter test-%,$(names)),$(eval $(call program,$n,tests/unit/$n.c)))
$(foreach n,$(filter selftest-%,$(names)),\
    $(eval $(call program,$n,tests/unit/selftest/$(n:selftest-%=%).c)))
