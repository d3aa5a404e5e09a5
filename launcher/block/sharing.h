/*
 * sharing: may a guest have a block device? Not while dom0 or another guest writes to it, nor, for a guest that
 * writes, while they read it. Rules as of Xen's `block` script, 4.20.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SHARING_H
#define SHARING_H

#include <stdbool.h>

#include "loop.h"

struct xs_handle;

enum sharing {
    SHARING_NONE,
    SHARING_DOM0,  /* one of the devices is mounted there */
    SHARING_GUEST, /* another guest has one; the stub domain of one guest and that guest are no others */
};

/*
 * Who has one of the devices, so that domain `domid` must not have it for writing (`writes`) or for reading.
 * `mounts`: /proc/mounts. An enum sharing, or -errno.
 */
int sharing_find(struct xs_handle *xs, unsigned int domid, const struct devices *devices, bool writes,
                 const char *mounts);

#endif
