/*
 * Bytes between a socket and a vchan (see vchan-stream.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vchan-stream.h"

#include "util.h"

#include <errno.h>
#include <sys/socket.h>

#define CHUNK 65536

/* Each returns 1 to go on when its own side is ready again, 0 when nothing is there, -errno. */

static int to_socket(struct vchan_stream *stream, char *buf)
{
    while (!budget_is_spent(&stream->throttle.budget)) {
        ssize_t len = vchan_client_peek(&stream->vchan, buf, CHUNK), sent;

        if (len == 0)
            return vchan_client_is_open(&stream->vchan) ? 0 : -EPIPE;
        if (len < 0)
            return len;
        sent = send(stream->io.fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR ? 1 : -errno;
        vchan_client_consume(&stream->vchan, sent);
        if (stream->ops->sent)
            stream->ops->sent(stream->data, sent);
        budget_take_bytes(&stream->throttle.budget, sent);
        if (sent < len)
            return 1;
    }
    return 0;
}

static int from_socket(struct vchan_stream *stream, char *buf)
{
    while (!budget_is_spent(&stream->throttle.budget)) {
        ssize_t room = vchan_client_room(&stream->vchan), len;

        if (room <= 0)
            return room;
        len = recv(stream->io.fd, buf, MIN((size_t)room, (size_t)CHUNK), MSG_DONTWAIT);
        if (len < 0)
            return errno == EAGAIN || errno == EINTR ? 1 : -errno;
        if (len == 0)
            return -EPIPE;
        if (stream->ops->heard)
            stream->ops->heard(stream->data, len);
        /* There was room; a server that takes it back cheats itself of these bytes. */
        len = vchan_client_produce(&stream->vchan, buf, len);
        if (len < 0)
            return len;
        budget_take_bytes(&stream->throttle.budget, len);
    }
    return 0;
}

void vchan_stream_pump(struct vchan_stream *stream)
{
    char buf[CHUNK];
    int out, in;

    throttle_refresh(&stream->throttle);
    out = to_socket(stream, buf);
    in = out < 0 ? out : from_socket(stream, buf);
    if (in < 0) {
        stream->ops->ended(stream->data, in);
        return;
    }
    if (throttle_rests(&stream->throttle)) {
        /* Out of the loop altogether: a hang-up, too, waits for the next period. */
        loop_remove_fd(stream->throttle.loop, &stream->io);
        return;
    }
    stream->io.events = (in ? POLLIN : 0) | (out ? POLLOUT : 0);
    if (loop_add_fd(stream->throttle.loop, &stream->io))
        stream->ops->ended(stream->data, -ENOSPC);
    else
        throttle_listen(&stream->throttle);
}

static void pump(void *data)
{
    vchan_stream_pump(data);
}

static void ready(void *data, short revents)
{
    struct vchan_stream *stream = data;
    bool gone = revents & (POLLHUP | POLLERR);

    if (!stream->vchan.page)
        gone |= (revents & POLLRDHUP) != 0;
    else
        vchan_stream_pump(stream); /* it may have said something before it went */
    /* Where it was not seen then, the ring is full: nobody waits for room for what he said. */
    if (gone && stream->io.added)
        stream->ops->ended(stream->data, -EPIPE);
}

void vchan_stream_init(struct vchan_stream *stream, struct loop *loop, uint32_t bytes, uint32_t events,
                       const struct vchan_stream_ops *ops, void *data)
{
    *stream = (struct vchan_stream){ .ops = ops, .data = data, .io.fd = -1 };
    throttle_init(&stream->throttle, loop, bytes, events, pump, stream);
}

int vchan_stream_take(struct vchan_stream *stream, int fd)
{
    stream->io = (struct loop_fd){ .fd = fd, .events = POLLRDHUP, .ready = ready, .data = stream };
    return loop_add_fd(stream->throttle.loop, &stream->io);
}

int vchan_stream_connect(struct vchan_stream *stream, struct xen_handles *xen, uint32_t ring_ref,
                         uint32_t port)
{
    throttle_start(&stream->throttle, xen, &stream->vchan.port);
    return vchan_client_open(&stream->vchan, xen, ring_ref, port);
}

void vchan_stream_close(struct vchan_stream *stream)
{
    throttle_stop(&stream->throttle);
    if (stream->throttle.loop)
        loop_remove_fd(stream->throttle.loop, &stream->io);
    fd_close(&stream->io.fd);
    vchan_client_close(&stream->vchan);
}
