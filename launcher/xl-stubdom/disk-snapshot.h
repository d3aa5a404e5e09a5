/*
 * disk-snapshot: whether what is written to a disk leaves its original as it is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_DISK_SNAPSHOT_H
#define XL_STUBDOM_DISK_SNAPSHOT_H

#include <stdbool.h>

/*
 * True: PATH is absolute and a device-mapper device that is a "snapshot" as a whole, which is what `lvcreate -s -L`
 * makes. Writes go to its copy-on-write store, never to the origin. False: it is anything else, or nobody can tell
 * (not root, no device mapper). A thin snapshot is anything else: the kernel does not tell it from any thin volume.
 */
bool disk_is_snapshot(const char *path);

#endif
