/*
 * The TCP port where VNC viewers connect, and the viewers: each one's bytes go
 * unchanged to and from the stub domain, over a vchan of its own.
 *
 * The stub domain offers up to MESSAGE_MAX_SLOTS vchans (slots); each serves one
 * viewer and is offered anew after that viewer has gone. A viewer that comes
 * while none is offered waits: the guest may be starting.
 *
 * Whoever reaches the port may connect. A silent viewer has a deadline, and loses its place to the next one who comes;
 * no address may have all places.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_VNC_SERVER_H
#define DM_VNC_SERVER_H

#include "loop.h"
#include "message.h"
#include "options.h"
#include "vchan-stream.h"

#include <stdint.h>

struct vnc_server;

struct vnc_viewer {
    struct vnc_server *server;
    unsigned int slot; /* while connected: of the offer that it took */
    struct vchan_stream stream; /* its socket -1: no viewer */
    struct loop_timer patience; /* while it waits for a vchan */
    /* Whether it is a viewer at all, or somebody who only holds a place. */
    uint8_t address[16];        /* IPv6, of which the network alone; IPv4 in IPv6's notation */
    int64_t since;              /* when it came, ms */
    uint32_t heard;             /* octets of its handshake; stops counting behind it */
    bool greeted;               /* the server has spoken: it is the viewer's turn */
    struct loop_timer deadline; /* of its handshake */
};

struct vnc_server {
    struct loop *loop;
    struct xen_handles *xen;
    struct loop_fd io; /* the listening socket; fd -1: no VNC */
    char host[64];
    uint16_t port;
    uint32_t handshake; /* octets that a viewer says until it is let in, at least */
    struct vnc_viewer viewers[MESSAGE_MAX_SLOTS];
    struct {
        uint32_t ring_ref, port; /* port 0: none */
    } offers[MESSAGE_MAX_SLOTS];
};

/*
 * Listens where VNC says; with `to`, at the first free one of that many ports
 * more. 0 (also when VNC is not enabled) or -errno after logging a line.
 */
int vnc_server_open(struct vnc_server *server, struct loop *loop, const struct options_vnc *vnc);
void vnc_server_close(struct vnc_server *server); /* idempotent */

/* From now on viewers are let in. 0 or -errno. */
int vnc_server_start(struct vnc_server *server, struct xen_handles *xen);

/* What the stub domain offers in a slot: ring_ref and port of MESSAGE, 0 for nothing. */
void vnc_server_offer(struct vnc_server *server, const struct message *message);

#endif
