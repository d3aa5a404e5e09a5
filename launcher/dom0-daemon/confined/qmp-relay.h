/*
 * libxl's way to the QEMU in the stub domain: a socket in dom0, and for each client of it a vchan of the
 * stub domain's, one client at a time. Xen's vchan-socket-proxy does the same as root (root/qmp-proxy.h).
 * The bytes are not looked at.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_QMP_RELAY_H
#define DM_QMP_RELAY_H

#include "message.h"
#include "vchan-stream.h"

struct qmp_relay {
    struct loop *loop;
    struct xen_handles *xen;
    struct loop_fd io;          /* the listening socket; fd -1: none */
    struct vchan_stream stream; /* its client's */
    uint32_t ring_ref, port;    /* what the stub domain offers; port 0: nothing */
    bool ended;
};

void qmp_relay_init(struct qmp_relay *relay, struct loop *loop);

/* Listens at PATH, for root alone; a file in the way is removed. 0 or -errno after logging a line. */
int qmp_relay_listen(struct qmp_relay *relay, const char *path);
bool qmp_relay_listens(const struct qmp_relay *relay);
void qmp_relay_close(struct qmp_relay *relay); /* idempotent; removes no file */

/* From now on clients are served. 0 or -errno. */
int qmp_relay_start(struct qmp_relay *relay, struct xen_handles *xen);

/* What the stub domain offers: ring_ref and port of MESSAGE, 0 for nothing. */
void qmp_relay_offer(struct qmp_relay *relay, const struct message *message);

/* The stub domain will not answer any more. A client that is connected, or comes, is hung up on at once. */
void qmp_relay_end(struct qmp_relay *relay);

#endif
