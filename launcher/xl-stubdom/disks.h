/*
 * disks: the disk list of a guest's config, as libxl can serve it to a stub domain.
 *
 * libxl gives every disk of the guest to the stub domain, too. There only block devices of dom0's
 * kernel (backend phy, which makes a loop device of a file) reach it: what libxl would leave to a
 * QEMU in dom0 (backend qdisk) has nobody who serves it. Names and rules are those of libxl 4.20,
 * libxl__device_disk_set_backend and libxl__build_device_model_args_new.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_DISKS_H
#define XL_STUBDOM_DISKS_H

#include <stdbool.h>

#include <libxlutil.h>

#include "fault.h"
#include "host-config.h"

struct disk_count {
    int all;   /* each is one of the stub domain's, too */
    int written; /* of them, those that the guest may write to; snapshots do not count if host->is_snapshot is there */
    bool scsi; /* QEMU has a SCSI adapter, for some */
};

/*
 * Reads and counts the list in a parsed config and refuses what cannot work. *line becomes the setting that
 * must replace the list, "disk=[…]" (malloc'd), or NULL when it can stay as it is. `ahci`: hdtype is that.
 * `host`: its Xen and disk helper count, and what it lacks if the guest is made on it afresh; or NULL. Returns 0, or a
 * negative errno with the fault described.
 */
int disks_read(XLU_Config *xlu, const char *source, bool ahci, const struct host_config *host, char **line,
               struct disk_count *disks, struct fault *fault);

#endif
