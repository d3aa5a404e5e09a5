/*
 * xenstore for libxenstore (store-proxy.c).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef STORE_PROXY_H
#define STORE_PROXY_H

/* From here on xs_open() works. 0 or -errno. */
int store_proxy_init(void);

#endif
