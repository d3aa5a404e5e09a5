/*
 * devices: what a guest's vCPUs, disks and NICs take of the stub domain and of QEMU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_DEVICES_H
#define XL_STUBDOM_DEVICES_H

#include <libxlutil.h>

#include "disks.h"
#include "fault.h"
#include "flavour.h"
#include "nics.h"

struct devices {
    struct disk_count disks;
    struct nic_count nics;
    int pci; /* of dom0's, passed through */
    int vcpus; /* QEMU has a thread for each */
};

/* MiB that they take of this flavour beyond so many NICs, disks and vCPUs. */
long devices_memory(const struct devices *devices, const struct flavour *flavour, int nics, int disks, int vcpus);

/*
 * Refuses more NICs than QEMU's PCI bus has room for, and a max_grant_frames, which libxl gives the
 * stub domain as well, that its frontends cannot work with. of_host: xl.conf's, or 0.
 * Returns 0 or -EINVAL.
 */
int devices_check(const struct devices *devices, XLU_Config *xlu, const char *source, long of_host,
                  struct fault *fault);

#endif
