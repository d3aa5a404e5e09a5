/*
 * firmware: what libxl loads into a guest beside its memory, for hvmloader: firmware of the config's own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_FIRMWARE_H
#define XL_STUBDOM_FIRMWARE_H

#include <libxlutil.h>

#include "fault.h"

/* Refuses what is not there; `folder` is Xen's boot directory. 0, or a negative errno with the fault described. */
int firmware_check(XLU_Config *xlu, const char *source, const char *folder, struct fault *fault);

#endif
