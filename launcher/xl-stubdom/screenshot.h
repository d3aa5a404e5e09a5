/*
 * screenshot: a picture of a guest's screen, made by a viewer of ours (viewer.h): the guest is looked up, and the
 * finished picture moved to its place.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_SCREENSHOT_H
#define XL_STUBDOM_SCREENSHOT_H

#include "fault.h"

/*
 * GUEST: a name or a number. FILE becomes a PNG, whole or not at all. VIEWER: stubdom-screenshot.
 * 0 or -errno. Blocks for up to SCREENSHOT_SECONDS.
 */
int screenshot_take(const char *guest, const char *file, const char *viewer, struct fault *fault);

#endif
