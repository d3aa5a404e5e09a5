/*
 * What the stub domain asks Xen to do with its guest: two operations of platform.h, for flavours that have the Xen
 * libraries.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef GUEST_H
#define GUEST_H

#include "platform.h"

int guest_crash(struct platform *platform, unsigned int guest);
int guest_sleep(struct platform *platform, unsigned int guest, unsigned int s_state);

#endif
