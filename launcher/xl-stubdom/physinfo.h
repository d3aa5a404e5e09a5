/*
 * physinfo: what this host's Xen can do.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_PHYSINFO_H
#define XL_STUBDOM_PHYSINFO_H

#include <stdint.h>

/* 1: Xen has this, a XEN_SYSCTL_PHYSCAP_*; 0: it has not; -EIO: no Xen here, or not root. */
int physinfo_has(uint32_t capability);

#endif
