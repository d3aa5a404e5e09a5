/*
 * A control group for each stub domain's processes in dom0: what they use, together, is bounded, and they
 * are no part of the session or service in which somebody typed xl (whose end may kill all that is in it).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_CGROUP_H
#define DM_CGROUP_H

#include <sys/types.h>

#define SYSFS "/sys"
#define CGROUP_ROOT SYSFS "/fs/cgroup"

/*
 * Moves this process, and those that it will fork, to xen-stubdom/DOMID below ROOT, where cgroup v2 is
 * mounted; groups that daemons before us had to leave are removed. 0 or -errno, nothing is logged.
 */
int cgroup_enter(const char *root, int domid);

/*
 * Bounds what that group's processes read and write, a second, of the disk that DEVICE, as in struct stat, is or is a
 * partition of; SYSFS is where sysfs is mounted. 0; -ENODEV where no single disk is behind it (memory, a network, a
 * file system that spans disks); or another -errno. Nothing is logged.
 */
int cgroup_limit_disk(const char *root, const char *sysfs, int domid, dev_t device);

/* At the end, alone: leaves that group, and removes it. */
void cgroup_leave(const char *root, int domid);

#endif
