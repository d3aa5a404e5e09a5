/*
 * CD drives whose medium changes while the guest runs. libxl detaches the stub
 * domain's disk, attaches another, and then waits until QEMU has an fdset whose
 * "opaque" is "stub-devid:<the disk's number>"; putting it there is up to us. Also for
 * an ejected drive: libxl waits for the fdset then, too, and does not use it. libxl takes the first
 * fdset of that name, so one of an earlier medium must not stay.
 *
 * Source: cdrom_insert_* in libxl_disk.c; Xen's docs/misc/stubdom.txt, "CD-ROM changing".
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef CDROMS_H
#define CDROMS_H

#include "platform.h"
#include "qmp-client.h"

#define CDROMS_MAX 8

struct xs_handle;

enum cdrom_state {
    CDROM_WAITING, /* attached, but its node is not there yet */
    CDROM_ADDING,  /* QEMU was told */
    CDROM_SERVED,  /* QEMU has it */
};

struct cdrom {
    unsigned int devid; /* libxl's number of the virtual disk */
    enum cdrom_state state;
    unsigned int generation; /* distinguishes a disk from the next with this number */
    int fdset; /* QEMU's number of what it has of us; -1: nothing */
};

struct cdroms {
    struct platform *platform;
    struct xs_handle *xs;
    struct qmp_client *qmp;
    struct cdrom list[CDROMS_MAX];
    unsigned int count;
};

/*
 * Which /dev/xvdX (0: a) blkfront makes of libxl's number of a virtual disk; -1: none.
 * Source: Xen's docs/man/xen-vbd-interface.7, and xen_translate_vdev() in Linux.
 */
int vbd_disk(unsigned int devid);

/*
 * Whether the toolstack gave this virtual disk to a QEMU in dom0 (backend qdisk). A stub domain's
 * disks have none there, so such a disk never comes.
 */
bool vbd_is_unserved(struct xs_handle *xs, unsigned int devid);

/* Notes the drives that are there: QEMU was started with them and opens them itself. */
void cdroms_init(struct cdroms *cdroms, struct platform *platform, struct xs_handle *xs,
                 struct qmp_client *qmp);

/*
 * xenstore says that something changed at this path. A drive's own node changes when it is taken
 * away and when it is made, its frontend changes nodes below: so what is there now is another disk,
 * even if it was never seen to be gone.
 */
void cdroms_changed(struct cdroms *cdroms, const char *path);

/* Something changed: looks for drives that came or went. True: some are waited for. */
bool cdroms_update(struct cdroms *cdroms);

#endif
