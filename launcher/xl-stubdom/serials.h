/*
 * serials: the guest's serial ports, which dom0's daemon serves.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_SERIALS_H
#define XL_STUBDOM_SERIALS_H

#include <stdbool.h>

#include <libxlutil.h>

#include "fault.h"

/*
 * Refuses what the daemon would refuse when the guest is half made: an output that it does not know, and, if `here`,
 * a device, or the folder of a file, that is not there; and more ports than a PC has. Returns 0 or -EINVAL.
 */
int serials_check(XLU_Config *xlu, const char *source, bool here, struct fault *fault);

#endif
