/*
 * CD drives whose medium changes while the guest runs. libxl detaches the stub domain's disk and attaches another. Then
 * it waits until QEMU has an fdset whose "opaque" is "stub-devid:<the disk's number>". We must add this fdset. libxl
 * waits for one even if the drive is ejected, and does not use it then. It takes the first fdset of that name, so the
 * one of an earlier medium must not stay.
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
    CDROM_ADDING,  /* QEMU has been told */
    CDROM_SERVED,  /* QEMU has it */
};

struct cdrom {
    unsigned int devid; /* libxl's number of the virtual disk */
    enum cdrom_state state;
    unsigned int generation; /* distinguishes a disk from the next with this number */
    int fdset; /* QEMU's fdset for this drive; -1: none */
};

struct cdroms {
    struct platform *platform;
    struct xs_handle *xs;
    struct qmp_client *qmp;
    struct cdrom list[CDROMS_MAX];
    unsigned int count;
};

/*
 * Which /dev/xvdX (0: xvda) blkfront makes for libxl's number of a virtual disk; -1: none.
 * Source: Xen's docs/man/xen-vbd-interface.7, and xen_translate_vdev() in Linux.
 */
int vbd_disk(unsigned int devid);

/*
 * Whether the toolstack gave this virtual disk to a QEMU in dom0 (backend qdisk). A stub domain's disks have no QEMU
 * there, so such a disk never appears.
 */
bool vbd_is_unserved(struct xs_handle *xs, unsigned int devid);

/* Notes the drives that are there: QEMU was started with them and opens them itself. */
void cdroms_init(struct cdroms *cdroms, struct platform *platform, struct xs_handle *xs,
                 struct qmp_client *qmp);

/*
 * To be called for each path that xenstore reports. A drive's own node changes only when it is removed or made; its
 * frontend changes nodes below. So a change of the node itself means that another disk is there now, even if we did not
 * see that there was none in between.
 */
void cdroms_changed(struct cdroms *cdroms, const char *path);

/* To be called after any change: looks for drives that came or went. True: it still waits for some. */
bool cdroms_update(struct cdroms *cdroms);

#endif
