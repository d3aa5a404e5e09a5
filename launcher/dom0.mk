# What dom0's programs share: hardened like a distribution's binaries.
CC := gcc
CFLAGS += -O2 -D_FORTIFY_SOURCE=3 -fPIE -fstack-clash-protection -fcf-protection
LDFLAGS += -pie -Wl,--as-needed
include ../program.mk
