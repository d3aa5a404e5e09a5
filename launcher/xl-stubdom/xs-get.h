/*
 * xs-get: one value of xenstore, its path as printf() makes it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_XS_GET_H
#define XL_STUBDOM_XS_GET_H

#include <xenstore.h>

/* Malloc'd; NULL: there is none, or it cannot be read. */
__attribute__((format(printf, 2, 3)))
char *xs_get(struct xs_handle *xs, const char *format, ...);

/* Likewise what no other domain could have written: else NULL. */
__attribute__((format(printf, 2, 3)))
char *xs_get_own(struct xs_handle *xs, const char *format, ...);

#endif
