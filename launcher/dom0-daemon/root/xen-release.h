/*
 * Whether our libxenctrl is the running hypervisor's.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STUBDOM_DM_XEN_RELEASE_H
#define STUBDOM_DM_XEN_RELEASE_H

/* Asks Xen about dom0, as root. Returns 0, or a negative errno after one line in the log. */
int xen_release_check(void);

#endif
