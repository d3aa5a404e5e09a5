/*
 * libxl reaches the QEMU in the stub domain through a process of Xen's in dom0, vchan-socket-proxy. It reads the stub
 * domain's bytes as root, and nobody watches it. libxl has started it by the time that it starts us; we end it before
 * the stub domain runs, and our worker serves its socket (confined/qmp-relay.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_QMP_PROXY_H
#define DM_QMP_PROXY_H

#include "store.h"

#define QMP_PROXY_PATH 108 /* as a socket's */

/*
 * Ends the proxy that xenstore names, and says where it listened: PATH is empty when libxl started none.
 * From then on its number in xenstore is ours, since libxl signals that. 0, or -errno after logging a line:
 * then it is not known who reads what the stub domain says.
 */
int qmp_proxy_replace(struct store *store, char path[QMP_PROXY_PATH]);

#endif
