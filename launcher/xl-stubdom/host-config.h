/*
 * host-config: what the administrator wants of every guest of this host, in xl-stubdom.conf(5).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_HOST_CONFIG_H
#define XL_STUBDOM_HOST_CONFIG_H

#include <stdbool.h>

#include "fault.h"
#include "flavour.h"
#include "host-memory.h"
#include "nics.h"

struct host_config {
    int xen_minor;                 /* the host has Xen 4.this, says the caller; 0: all keys and disks are allowed */
    bool here;                     /* the guest is made on it now, says the caller: what it needs must be there */
    bool afresh;                   /* and is not restored: its disks and firmware must be there */
    const char *firmware;          /* Xen's boot directory, then: where firmware without a path is */
    bool (*is_snapshot)(const char *disk); /* disk_is_snapshot(), where it matters what is written to; else NULL */
    const struct flavour *flavour; /* of HVM guests whose config names none; NULL: none */
    bool require;                  /* an HVM guest without a stub domain is not started */
    enum autoballoon autoballoon;  /* of xl.conf */
    long max_grant_frames;         /* of each guest whose config does not say, in xl.conf; 0: that says nothing */
    const char *disk_helper;       /* what dom0 runs for a disk, stubdom-block; NULL: Xen's script */
    struct nic_scripts nics;       /* all but `standard` and `elsewhere` the caller's; disks' are looked for likewise */
};

/*
 * Reads the file; none is an empty one. 0, or a negative errno with the fault described: what cannot be
 * read may be what requires a stub domain.
 */
int host_config_read(struct host_config *host, const char *path, struct fault *fault);

/*
 * Reads what xl.conf(5), at this path, says of NICs, grant frames and dom0's memory; a file that is not there, or does
 * not parse, says nothing (xl itself refuses the latter). 0 or -ENOMEM.
 */
int host_config_read_xl(struct host_config *host, const char *path);

void host_config_dispose(struct host_config *host);

#endif
