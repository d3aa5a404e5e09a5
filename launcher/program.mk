# The rules that build one program; included by its Makefile, which sets
#   PROGRAM   the file to make in build/launcher/
#   SOURCES   its .c files, relative to its folder
#   LIBS      what it links
# and may add to CFLAGS, CPPFLAGS, LDFLAGS and set CC and STRIP. Runs inside the build
# root: packaging/build-root run make -C launcher/FOLDER
#
# Inputs (make variables): BUILD, OUT, XEN, XENFIRMWAREDIR, PREFIX, VERSION.

TOP := $(abspath $(dir $(lastword $(MAKEFILE_LIST)))/..)
BUILD ?= $(TOP)/build
PREFIX ?= /usr
VERSION ?= unknown

OUT ?= $(BUILD)/launcher
OBJ := $(OUT)/obj/$(PROGRAM)

CFLAGS += -std=gnu11 -D_GNU_SOURCE -g -Wall -Wextra -Wno-unused-parameter -Wno-missing-field-initializers \
    -Wformat=2 -Wshadow -Werror -fstack-protector-strong -ffile-prefix-map=$(TOP)=. -MMD -MP
CPPFLAGS += -I$(TOP)/common
LDFLAGS += -Wl,-z,relro,-z,now

objects := $(addprefix $(OBJ)/,$(notdir $(SOURCES:.c=.o)))
vpath %.c $(sort $(dir $(SOURCES)))

$(OUT)/$(PROGRAM): $(objects)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@.debug $(objects) $(LIBS)
	strip -o $@.part $@.debug
	mv $@.part $@

# The flags are an input like any other.
$(OBJ)/flags: FORCE
	@mkdir -p $(OBJ)
	@echo '$(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS)' | cmp -s - $@ || \
	    echo '$(CC) $(CFLAGS) $(CPPFLAGS) $(LDFLAGS)' >$@

# Each commit has another version: only what says it is compiled anew.
saying := $(addprefix $(OBJ)/,main.o qmp-session.o)
$(saying): private CPPFLAGS += -DVERSION='"$(VERSION)"'
$(saying): $(OBJ)/version
$(OBJ)/version: FORCE
	@mkdir -p $(OBJ)
	@echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' >$@

$(OBJ)/%.o: %.c $(OBJ)/flags
	$(CC) $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

.PHONY: FORCE
FORCE:

-include $(objects:.o=.d)
