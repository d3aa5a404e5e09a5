/*
 * audit: where the device model of every HVM guest of this host runs.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_AUDIT_H
#define XL_STUBDOM_AUDIT_H

#include <stdio.h>

#include "fault.h"

/*
 * Prints a line for each to OUT. How many have their device model in dom0, or one of dom0's side that is not
 * ours (a QEMU for the stub domain's consoles, say, or none at all); or a negative errno with the fault described.
 * LOGS is Xen's log folder.
 */
int audit(const char *logs, FILE *out, struct fault *fault);

#endif
