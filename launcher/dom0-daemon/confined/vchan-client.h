/*
 * The client's half of a libxenvchan connection (xen/include/public/io/
 * libxenvchan.h), on the worker's own handles: libxenvchan opens device nodes and
 * xenstore for each connection, which the worker cannot and must not.
 *
 * One shared page: two rings' indices, "left" (we write) and "right" (we read),
 * the rings' orders, who lives, who wants to be notified, and the grants of rings
 * that are larger than the page. The server can change all of it at any time: the
 * orders and grants are copied once and checked, its indices are read once for
 * each use, ours are kept here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_VCHAN_CLIENT_H
#define DM_VCHAN_CLIENT_H

#include "xen-handles.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <xen/io/libxenvchan.h>

#define VCHAN_MIN_ORDER 10 /* in the shared page, at offset 1024 */
#define VCHAN_MAX_ORDER 16 /* 64 KiB, 16 pages: grant-wire.h's GRANT_MAX_PAGES */

struct vchan_ring {
    uint8_t *bytes; /* size of them, mapped */
    uint32_t size, pages; /* pages: 0 when it is within the shared page */
    uint32_t index; /* ours: prod of the ring that we write, cons of the one that we read */
};

struct vchan_client {
    struct xen_handles *xen;
    struct vchan_interface *page; /* NULL: not connected */
    struct vchan_ring write, read;
    struct xen_port port;
};

/*
 * Connects to what the server offers. CLIENT's port.fired and port.data are set by
 * the caller. 0; -ESTALE when another client has had this offer; -EPROTO when it
 * is no vchan of a size that we take; or -errno. Nothing stays mapped on failure.
 */
int vchan_client_open(struct vchan_client *client, struct xen_handles *xen, uint32_t ring_ref,
                      uint32_t remote_port);
void vchan_client_close(struct vchan_client *client); /* idempotent; tells the server */

/* Whether the server is still there. What it wrote before it left can still be read. */
bool vchan_client_is_open(const struct vchan_client *client);

/*
 * Bytes from the server, at most LEN of them, without consuming them; or -EPROTO.
 * When there are none, the server is asked to notify of the next.
 */
ssize_t vchan_client_peek(struct vchan_client *client, void *buf, size_t len);
void vchan_client_consume(struct vchan_client *client, size_t len);

/* Room for bytes to the server, or -EPROTO. When there is none, it is asked to notify. */
ssize_t vchan_client_room(struct vchan_client *client);

/* Sends at most LEN bytes, as many as there is room for: how many, or -EPROTO. */
ssize_t vchan_client_produce(struct vchan_client *client, const void *buf, size_t len);

#endif
