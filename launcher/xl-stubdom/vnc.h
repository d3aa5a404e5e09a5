/*
 * vnc: where a guest's VNC is to be.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_VNC_H
#define XL_STUBDOM_VNC_H

#include <libxlutil.h>

#include "fault.h"

/*
 * Refuses a place where dom0's daemon cannot listen now: it would say so when the guest is half made. 0, or a negative
 * errno with the fault described.
 */
int vnc_check(XLU_Config *xlu, const char *source, struct fault *fault);

#endif
