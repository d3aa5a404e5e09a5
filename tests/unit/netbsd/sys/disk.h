/*
 * NetBSD's header, as far as launcher/stubdom-rump uses it: what it may fill in.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef NETBSD_SYS_DISK_H
#define NETBSD_SYS_DISK_H

#include <stdint.h>

struct dkwedge_info { char dkw_devname[16]; int64_t dkw_offset; uint64_t dkw_size; };

#endif
