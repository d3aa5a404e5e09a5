/*
 * xen-lock: the lock that Xen's own hotplug scripts take (locking.sh, Xen 4.2 and later).
 *
 * A file that is there only while somebody has the lock. Whoever has the lock removes the file before letting go of
 * it. So whoever gets the lock must look whether the file that it opened still has this name.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XEN_LOCK_H
#define XEN_LOCK_H

/* Waits for the lock of this name. A descriptor to release it with, or -errno. */
int xen_lock_take(const char *folder, const char *name);
void xen_lock_release(const char *folder, const char *name, int fd);

#endif
