/*
 * guest-lock: one xl-stubdom at a time makes a guest of a name. If two did so at once, the one whose xl fails would
 * remove what the other one is making.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_GUEST_LOCK_H
#define XL_STUBDOM_GUEST_LOCK_H

#include "fault.h"

/*
 * Waits for the lock of that name, GUEST_LOCK_SECONDS at most. A descriptor, which holds it, or a negative
 * errno with the fault described.
 */
int guest_lock_take(const char *folder, const char *name, struct fault *fault);

#ifndef GUEST_LOCK_SECONDS
#define GUEST_LOCK_SECONDS 10
#endif

#endif
