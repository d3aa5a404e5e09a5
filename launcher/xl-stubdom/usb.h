/*
 * usb: a guest's USB controllers and devices, beyond those that QEMU emulates (usb=, usbdevice=).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_USB_H
#define XL_STUBDOM_USB_H

#include <stdbool.h>

#include <libxlutil.h>

#include "fault.h"

/*
 * Refuses devices of dom0's that QEMU would have to reach, and, if the guest is made AFRESH, controllers that libxl
 * refuses when QEMU runs already. 0 or -EINVAL with the fault described.
 */
int usb_check(XLU_Config *xlu, const char *source, bool afresh, struct fault *fault);

#endif
