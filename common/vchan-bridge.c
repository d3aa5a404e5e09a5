/*
 * One vchan server, and a stream connection for each of its clients (vchan-bridge.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vchan-bridge.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <libxenvchan.h>
#include <string.h>
#include <sys/socket.h>
#include <xenstore.h>

/* libxenvchan_is_open() of a server without a client. */
#define VCHAN_NOT_YET 2

static size_t buffer_used(const struct vchan_buffer *buffer)
{
    return buffer->end - buffer->start;
}

/* Moves the data to the buffer's start. Returns the size of the free space behind it. */
static size_t buffer_room(struct vchan_buffer *buffer)
{
    if (buffer->start) {
        memmove(buffer->bytes, buffer->bytes + buffer->start, buffer_used(buffer));
        buffer->end -= buffer->start;
        buffer->start = 0;
    }
    return sizeof(buffer->bytes) - buffer->end;
}

static void buffer_consume(struct vchan_buffer *buffer, size_t size)
{
    buffer->start += size;
    if (buffer->start == buffer->end)
        buffer->start = buffer->end = 0;
}

static void close_connection(struct vchan_bridge *bridge)
{
    loop_stop_timer(bridge->loop, &bridge->retry);
    loop_remove_fd(bridge->loop, &bridge->vchan_fd);
    loop_remove_fd(bridge->loop, &bridge->stream_fd);
    if (bridge->stream_fd.fd >= 0)
        close(bridge->stream_fd.fd);
    bridge->stream_fd.fd = -1;
    libxenvchan_close(bridge->vchan);
    bridge->vchan = NULL;
    bridge->to_stream.start = bridge->to_stream.end = 0;
    bridge->to_vchan.start = bridge->to_vchan.end = 0;
    bridge->stream_ended = false;
    bridge->state = VCHAN_BRIDGE_OFF;
}

static void retry_later(struct vchan_bridge *bridge)
{
    bridge->state = VCHAN_BRIDGE_RETRY;
    if (loop_start_timer(bridge->loop, &bridge->retry, VCHAN_BRIDGE_RETRY_MS))
        log_error("%s: no timer left", bridge->name);
}

static void failed(struct vchan_bridge *bridge, const char *what, int error)
{
    if (!bridge->failures++)
        log_error("%s: cannot %s: %s; trying again", bridge->name, what, strerror(error));
}

static void publish(struct vchan_bridge *bridge)
{
    struct libxenvchan *vchan = libxenvchan_server_init(NULL, bridge->client, bridge->path,
                                                        bridge->read_ring, bridge->write_ring);

    if (!vchan) {
        failed(bridge, "publish the vchan", errno);
        retry_later(bridge);
        return;
    }
    vchan->blocking = 0; /* libxenvchan leaves it unset */
    bridge->vchan = vchan;
    bridge->vchan_fd.fd = libxenvchan_fd_for_select(vchan);
    bridge->vchan_fd.events = POLLIN;
    bridge->state = VCHAN_BRIDGE_WAITING;
    bridge->failures = 0;
    if (loop_add_fd(bridge->loop, &bridge->vchan_fd)) {
        close_connection(bridge);
        failed(bridge, "watch the vchan", ENOSPC);
        retry_later(bridge);
    }
}

/* The client, or the stream's end, has gone. The next client gets a new vchan. */
static void renew(struct vchan_bridge *bridge)
{
    close_connection(bridge);
    publish(bridge);
}

static bool fill_from_vchan(struct vchan_bridge *bridge)
{
    size_t room = buffer_room(&bridge->to_stream);
    int got = room ? libxenvchan_read(bridge->vchan, bridge->to_stream.bytes +
                                      bridge->to_stream.end, room) : 0;

    if (got > 0)
        bridge->to_stream.end += got;
    return got > 0;
}

static bool drain_to_vchan(struct vchan_bridge *bridge)
{
    struct vchan_buffer *buffer = &bridge->to_vchan;
    int put;

    if (!buffer_used(buffer) || (bridge->held && bridge->held(bridge->data)))
        return false;
    put = libxenvchan_write(bridge->vchan, buffer->bytes + buffer->start, buffer_used(buffer));
    if (put > 0)
        buffer_consume(buffer, put);
    return put > 0;
}

/* An error of the stream counts as its end. */
static bool fill_from_stream(struct vchan_bridge *bridge)
{
    struct vchan_buffer *buffer = &bridge->to_vchan;
    size_t room = buffer_room(buffer);
    ssize_t got;

    if (!room || bridge->stream_ended)
        return false;
    got = read(bridge->stream_fd.fd, buffer->bytes + buffer->end, room);
    if (got > 0)
        buffer->end += got;
    else if (got == 0 || (errno != EAGAIN && errno != EINTR))
        bridge->stream_ended = true;
    return got > 0;
}

static bool drain_to_stream(struct vchan_bridge *bridge)
{
    struct vchan_buffer *buffer = &bridge->to_stream;
    ssize_t put;

    if (!buffer_used(buffer) || bridge->stream_ended)
        return false;
    put = send(bridge->stream_fd.fd, buffer->bytes + buffer->start, buffer_used(buffer),
               MSG_NOSIGNAL);
    if (put > 0)
        buffer_consume(buffer, put);
    else if (put < 0 && errno != EAGAIN && errno != EINTR)
        bridge->stream_ended = true;
    return put > 0;
}

/*
 * Moves bytes in both directions. The number of rounds is bounded, so that a peer that always has more does not keep
 * the loop from its other work. After the last round poll() reports more bytes of the stream; the vchan is read again
 * because the stream is writable.
 */
static void pump(struct vchan_bridge *bridge)
{
    bool open = libxenvchan_is_open(bridge->vchan) == 1;
    bool moved = true;

    for (int round = 0; moved && round < 16; round++) {
        moved = fill_from_vchan(bridge);
        moved |= drain_to_stream(bridge);
        moved |= fill_from_stream(bridge);
        moved |= drain_to_vchan(bridge);
    }
    /*
     * The last command of a client that has left is still delivered, as is the last answer of a stream that has ended.
     */
    if (!moved && ((!open && (!buffer_used(&bridge->to_stream) || bridge->stream_ended)) ||
                   (bridge->stream_ended && !buffer_used(&bridge->to_vchan) &&
                    !bridge->lingers))) {
        log_debug("%s: connection closed by %s", bridge->name, open ? "QEMU" : "the client");
        renew(bridge);
        return;
    }
    bridge->stream_fd.events = 0;
    /* After the last round it goes on in the next turn: POLLOUT comes at once. */
    if (!bridge->stream_ended && (moved || buffer_used(&bridge->to_stream)))
        bridge->stream_fd.events |= POLLOUT;
    if (!bridge->stream_ended && open && buffer_room(&bridge->to_vchan))
        bridge->stream_fd.events |= POLLIN;
    /* Even without events, poll() would report a hang-up over and over. */
    if (!bridge->stream_fd.events)
        loop_remove_fd(bridge->loop, &bridge->stream_fd);
    else if (loop_add_fd(bridge->loop, &bridge->stream_fd))
        renew(bridge);
}

static void stream_ready(void *data, short revents)
{
    pump(data);
}

/* A client has connected: hides the vchan from others, and opens a stream for this client. */
static void accept_client(struct vchan_bridge *bridge)
{
    int fd;

    xs_rm(bridge->xs, XBT_NULL, bridge->path);
    fd = bridge->connect(bridge->data);
    if (fd < 0) {
        failed(bridge, "connect to QEMU", -fd);
        close_connection(bridge);
        retry_later(bridge);
        return;
    }
    bridge->stream_fd.fd = fd;
    log_debug("%s: connected", bridge->name);
    bridge->state = VCHAN_BRIDGE_OPEN;
    if (bridge->connected)
        bridge->connected(bridge->data);
    pump(bridge);
}

static void vchan_ready(void *data, short revents)
{
    struct vchan_bridge *bridge = data;

    if (libxenvchan_wait(bridge->vchan) < 0) {
        failed(bridge, "read the event channel", errno);
        close_connection(bridge);
        retry_later(bridge);
        return;
    }
    if (bridge->state == VCHAN_BRIDGE_OPEN) {
        pump(bridge);
        return;
    }
    switch (libxenvchan_is_open(bridge->vchan)) {
    case VCHAN_NOT_YET:
        return;
    case 1:
        accept_client(bridge);
        return;
    default: /* it came and has left already */
        renew(bridge);
    }
}

static void retry(void *data)
{
    publish(data);
}

int vchan_bridge_init(struct vchan_bridge *bridge, const struct vchan_bridge_config *config)
{
    memset(bridge, 0, sizeof(*bridge));
    bridge->loop = config->loop;
    bridge->xs = config->xs;
    bridge->name = config->name;
    bridge->client = config->client;
    bridge->read_ring = config->read_ring;
    bridge->write_ring = config->write_ring;
    bridge->connect = config->connect;
    bridge->connected = config->connected;
    bridge->held = config->held;
    bridge->data = config->data;
    bridge->vchan_fd = (struct loop_fd){ .fd = -1, .ready = vchan_ready, .data = bridge };
    bridge->stream_fd = (struct loop_fd){ .fd = -1, .ready = stream_ready, .data = bridge };
    bridge->retry = (struct loop_timer){ .fired = retry, .data = bridge };
    return format_text(bridge->path, sizeof(bridge->path), "%s", config->path);
}

void vchan_bridge_start(struct vchan_bridge *bridge)
{
    if (bridge->state == VCHAN_BRIDGE_OFF)
        publish(bridge);
}

void vchan_bridge_resume(struct vchan_bridge *bridge)
{
    if (bridge->state == VCHAN_BRIDGE_OPEN)
        pump(bridge);
}

void vchan_bridge_linger(struct vchan_bridge *bridge)
{
    bridge->lingers = true;
    vchan_bridge_resume(bridge);
}

void vchan_bridge_drop(struct vchan_bridge *bridge)
{
    if (bridge->state == VCHAN_BRIDGE_OPEN)
        renew(bridge);
}

void vchan_bridge_stop(struct vchan_bridge *bridge)
{
    if (bridge->state != VCHAN_BRIDGE_OFF)
        close_connection(bridge);
}
