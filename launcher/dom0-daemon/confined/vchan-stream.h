/*
 * A socket and a vchan of the stub domain's: what one side says goes to the other, straight between socket and ring,
 * within a budget. Nothing is buffered: a side that takes nothing makes the other one wait. The socket is there first,
 * and waits for its vchan.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_VCHAN_STREAM_H
#define DM_VCHAN_STREAM_H

#include "throttle.h"
#include "vchan-client.h"

struct vchan_stream_ops {
    void (*sent)(void *data, size_t len);  /* to the socket; may be NULL */
    void (*heard)(void *data, size_t len); /* from it; may be NULL */
    /* One side has gone, or -EPROTO: the stub domain's rings are nonsense. The owner closes. */
    void (*ended)(void *data, int rc);
};

struct vchan_stream {
    struct throttle throttle;
    struct vchan_client vchan; /* page NULL: it waits */
    struct loop_fd io;         /* the socket; fd -1: none */
    const struct vchan_stream_ops *ops;
    void *data;
};

/* BYTES and EVENTS of a period, as throttle_init(). */
void vchan_stream_init(struct vchan_stream *stream, struct loop *loop, uint32_t bytes, uint32_t events,
                       const struct vchan_stream_ops *ops, void *data);

/* A socket, whose end is noticed from now on, and which is ours also on failure. 0 or -errno. */
int vchan_stream_take(struct vchan_stream *stream, int fd);

/* Its vchan, as vchan_client_open(). */
int vchan_stream_connect(struct vchan_stream *stream, struct xen_handles *xen, uint32_t ring_ref,
                         uint32_t port);

/* To be called once after that: moves what is there already. The stream may have ended then. */
void vchan_stream_pump(struct vchan_stream *stream);

void vchan_stream_close(struct vchan_stream *stream); /* idempotent */

#endif
