/*
 * uuid: a new name for a guest, by which we know later what we have made.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_UUID_H
#define XL_STUBDOM_UUID_H

#define UUID_SIZE 37 /* as text, with its end */

/* A random one of the kernel's. 0 or -EIO. */
int uuid_make(char text[UUID_SIZE]);

#endif
