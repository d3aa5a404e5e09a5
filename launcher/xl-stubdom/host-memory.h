/*
 * host-memory: has this host the memory that a new guest needs? libxl finds out when it fills the guest, and says so in
 * eight lines.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_HOST_MEMORY_H
#define XL_STUBDOM_HOST_MEMORY_H

#include <stdbool.h>

#include "fault.h"

/* Whether xl takes memory from dom0 for a guest: autoballoon= of xl.conf. */
enum autoballoon {
    AUTOBALLOON_AUTO, /* unless Xen was told how much dom0 has (dom0_mem=) */
    AUTOBALLOON_OFF,
    AUTOBALLOON_ON,
};

/* All in MiB. */
struct memory_needs {
    long guest; /* what is there at first: its memory=, or its maxmem= if that is less */
    long maxmem, vcpus;
    long shadow; /* shadow_memory=; -1: libxl's default, of maxmem and vcpus */
    long stub; /* the stub domain's, with the guest's video memory */
};

struct memory_supply {
    long free;  /* what ending domains still have is as good as free */
    long dom0;  /* xl could take so much from dom0; 0: it does not */
};

/* 0, or -EIO: Xen does not say. */
int host_memory_read(enum autoballoon autoballoon, struct memory_supply *supply);

/* 0, or -ENOSPC and the fault: it cannot be. What Xen takes besides is left out where it is not known to the MiB. */
int host_memory_check(const struct memory_needs *needs, const struct memory_supply *supply, const char *source,
                      struct fault *fault);

#endif
