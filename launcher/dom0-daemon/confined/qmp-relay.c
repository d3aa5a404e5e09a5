/*
 * libxl's way to the stub domain's QEMU (see qmp-relay.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qmp-relay.h"

#include "log.h"
#include "qmp-server.h"
#include "util.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* In 10 ms: 6 MB/s, more than anybody says in QMP. */
#define BYTES (64u << 10)
#define EVENTS 256

static void client_close(struct qmp_relay *relay)
{
    vchan_stream_close(&relay->stream);
    relay->io.events = POLLIN;
}

static void client_ended(void *data, int rc)
{
    if (rc == -EPROTO)
        log_warning("QMP: the stub domain's ring index is impossible: closed");
    client_close(data);
}

static const struct vchan_stream_ops client_ops = { .ended = client_ended };

/* Each offer serves one client, from its first word on. */
static void join_client(struct qmp_relay *relay)
{
    uint32_t ref = relay->ring_ref, port = relay->port;
    int rc;

    if (relay->stream.io.fd < 0 || relay->stream.vchan.page || !port)
        return;
    relay->ring_ref = relay->port = 0;
    rc = vchan_stream_connect(&relay->stream, relay->xen, ref, port);
    if (rc == 0)
        vchan_stream_pump(&relay->stream);
    else if (rc != -ESTALE)
        log_warning("QMP: cannot connect (grant %u, port %u): %s", ref, port, strerror(-rc));
}

static void client_arrived(void *data, short revents)
{
    struct qmp_relay *relay = data;
    cleanup_close int fd = accept4(relay->io.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0 || relay->ended)
        return;
    vchan_stream_init(&relay->stream, relay->loop, BYTES, EVENTS, &client_ops, relay);
    /* The next one waits in the socket's queue. */
    relay->io.events = 0;
    if (vchan_stream_take(&relay->stream, steal_fd(&fd)))
        client_close(relay);
    else
        join_client(relay);
}

void qmp_relay_init(struct qmp_relay *relay, struct loop *loop)
{
    *relay = (struct qmp_relay){ .loop = loop, .io.fd = -1, .stream.io.fd = -1 };
}

int qmp_relay_listen(struct qmp_relay *relay, const char *path)
{
    int fd = qmp_listen(path);

    if (fd < 0) {
        log_error("QMP: cannot listen at %s: %s", path, strerror(-fd));
        return fd;
    }
    relay->io = (struct loop_fd){ .fd = fd, .events = POLLIN, .ready = client_arrived, .data = relay };
    return 0;
}

bool qmp_relay_listens(const struct qmp_relay *relay)
{
    return relay->io.fd >= 0;
}

void qmp_relay_close(struct qmp_relay *relay)
{
    if (!relay->loop)
        return;
    vchan_stream_close(&relay->stream);
    loop_remove_fd(relay->loop, &relay->io);
    fd_close(&relay->io.fd);
}

int qmp_relay_start(struct qmp_relay *relay, struct xen_handles *xen)
{
    relay->xen = xen;
    return qmp_relay_listens(relay) ? loop_add_fd(relay->loop, &relay->io) : 0;
}

void qmp_relay_offer(struct qmp_relay *relay, const struct message *message)
{
    relay->ring_ref = message->ring_ref;
    relay->port = message->port;
    join_client(relay);
}

void qmp_relay_end(struct qmp_relay *relay)
{
    relay->ended = true;
    client_close(relay);
}
