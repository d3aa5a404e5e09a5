/*
 * The TCP port where VNC viewers connect, and the viewers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_VNC_SERVER_H
#define DM_VNC_SERVER_H

#include "loop.h"
#include "options.h"

#include <stdint.h>

struct vnc_server {
    struct loop *loop;
    int fd; /* listening; -1: no VNC */
    char host[64];
    uint16_t port;
};

/*
 * Listens where VNC says; with `to`, at the first free one of that many ports
 * more. 0 (also when VNC is not enabled) or -errno after logging a line.
 */
int vnc_server_open(struct vnc_server *server, struct loop *loop, const struct options_vnc *vnc);
void vnc_server_close(struct vnc_server *server); /* idempotent */

#endif
