/*
 * The TCP port where VNC viewers connect, and the viewers (see vnc-server.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "vnc-server.h"

#include "keep-alive.h"
#include "log.h"
#include "util.h"
#include "vnc-port.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#define VNC_BACKLOG 8

/* In 10 ms: 100 MB/s for each viewer. */
#define VIEWER_BYTES (1u << 20)
#define VIEWER_EVENTS 512
/* How long a viewer waits for the stub domain to offer it a vchan. */
#define PATIENCE_MS 60000

/* RFB: its version; security type (3.7 and later), answer to the challenge, ClientInit. */
#define HELLO 12
#define HANDSHAKE (HELLO + 1)
#define CHALLENGE 16
/* How long the two may take, since the server spoke; a password may be typed meanwhile. */
#define HELLO_MS 10000
#define HANDSHAKE_MS 60000
/* Of the places, one address has so many, and so many in which nobody has said enough. */
#define MAX_EACH (MESSAGE_MAX_SLOTS - 2)
#define MAX_SILENT_EACH (MESSAGE_MAX_SLOTS / 2)

/* What query-vnc says is where the socket really is. */
static int find_own_address(struct vnc_server *server)
{
    struct sockaddr_storage address;
    socklen_t len = sizeof(address);
    char service[16];
    unsigned int port = 0;

    if (getsockname(server->io.fd, (struct sockaddr *)&address, &len))
        return -errno;
    if (getnameinfo((struct sockaddr *)&address, len, server->host, sizeof(server->host), service,
                    sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV) ||
        parse_uint(service, 65535, &port))
        return -EADDRNOTAVAIL;
    server->port = port;
    return 0;
}

/* -------- a viewer -------- */

static void viewer_close(struct vnc_viewer *viewer)
{
    loop_stop_timer(viewer->server->loop, &viewer->patience);
    loop_stop_timer(viewer->server->loop, &viewer->deadline);
    vchan_stream_close(&viewer->stream);
}

static bool viewer_is_silent(const struct vnc_viewer *viewer)
{
    return viewer->heard < viewer->server->handshake;
}

static void viewer_was_greeted(void *data, size_t len)
{
    struct vnc_viewer *viewer = data;

    if (!viewer->greeted)
        loop_start_timer(viewer->server->loop, &viewer->deadline, HELLO_MS);
    viewer->greeted = true;
}

static void viewer_was_heard(void *data, size_t len)
{
    struct vnc_viewer *viewer = data;

    if (!viewer_is_silent(viewer))
        return;
    viewer->heard = MIN(viewer->heard + len, viewer->server->handshake);
    if (!viewer_is_silent(viewer))
        loop_stop_timer(viewer->server->loop, &viewer->deadline);
}

static void viewer_deadline(void *data)
{
    struct vnc_viewer *viewer = data;
    int64_t left = HANDSHAKE_MS - (viewer->server->loop->now_ms() - viewer->since);

    /* One that has waited for its slot has so long from now on. */
    if (viewer->heard >= HELLO && viewer->greeted && left > 0) {
        loop_start_timer(viewer->server->loop, &viewer->deadline, left);
        return;
    }
    log_warning("VNC: somebody connected, and did not say what a viewer says: closed");
    viewer_close(viewer);
}

static void viewer_ended(void *data, int rc)
{
    struct vnc_viewer *viewer = data;

    if (rc == -EPROTO)
        log_warning("VNC slot %u: the stub domain's ring index is impossible: closed", viewer->slot);
    viewer_close(viewer);
}

static const struct vchan_stream_ops viewer_ops = { viewer_was_greeted, viewer_was_heard, viewer_ended };

static void viewer_lost_patience(void *data)
{
    log_warning("VNC: the stub domain does not take a viewer: closed");
    viewer_close(data);
}

/* Uses an offer up, well or not. Returns whether the viewer is connected. */
static bool viewer_take(struct vnc_viewer *viewer, unsigned int slot)
{
    struct vnc_server *server = viewer->server;
    uint32_t ref = server->offers[slot].ring_ref, port = server->offers[slot].port;
    int rc;

    server->offers[slot].ring_ref = server->offers[slot].port = 0;
    viewer->slot = slot;
    rc = vchan_stream_connect(&viewer->stream, server->xen, ref, port);
    if (rc && rc != -ESTALE)
        log_warning("VNC slot %u: cannot connect (grant %u, port %u): %s", slot, ref, port,
                    strerror(-rc));
    return rc == 0;
}

/* Gives every waiting viewer an offer, while there are any. */
static void join_viewers(struct vnc_server *server)
{
    unsigned int slot = 0;

    for (unsigned int i = 0; i < MESSAGE_MAX_SLOTS; i++) {
        struct vnc_viewer *viewer = &server->viewers[i];

        if (viewer->stream.io.fd < 0 || viewer->stream.vchan.page)
            continue;
        while (slot < MESSAGE_MAX_SLOTS &&
               (!server->offers[slot].port || !viewer_take(viewer, slot)))
            slot++;
        if (slot == MESSAGE_MAX_SLOTS)
            return;
        loop_stop_timer(server->loop, &viewer->patience);
        viewer->since = server->loop->now_ms();
        vchan_stream_pump(&viewer->stream);
    }
}

/* -------- the port -------- */

static struct vnc_viewer *find_place(struct vnc_server *server)
{
    for (unsigned int i = 0; i < MESSAGE_MAX_SLOTS; i++)
        if (server->viewers[i].stream.io.fd < 0)
            return &server->viewers[i];
    return NULL;
}

/* Of one IPv6 network somebody has all addresses. */
static void take_address(uint8_t address[16], const struct sockaddr_storage *from)
{
    const struct sockaddr_in *v4 = (const void *)from;
    const struct sockaddr_in6 *v6 = (const void *)from;

    memset(address, 0, 16);
    if (from->ss_family == AF_INET) {
        address[10] = address[11] = 0xff;
        memcpy(address + 12, &v4->sin_addr, 4);
    } else if (from->ss_family == AF_INET6) {
        memcpy(address, &v6->sin6_addr, IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) ? 16 : 8);
    }
}

/* Who has been silent for longest; ADDRESS: from there alone, or NULL. */
static struct vnc_viewer *oldest_silent(struct vnc_server *server, const uint8_t *address)
{
    struct vnc_viewer *oldest = NULL;

    for (unsigned int i = 0; i < MESSAGE_MAX_SLOTS; i++) {
        struct vnc_viewer *viewer = &server->viewers[i];

        if (viewer->stream.io.fd < 0 || !viewer_is_silent(viewer) ||
            (address && memcmp(viewer->address, address, sizeof(viewer->address))))
            continue;
        if (!oldest || viewer->since < oldest->since)
            oldest = viewer;
    }
    return oldest;
}

static struct vnc_viewer *take_place(struct vnc_viewer *viewer)
{
    if (viewer) {
        log_warning("VNC: one who said nothing gives his place to the next");
        viewer_close(viewer);
    }
    return viewer;
}

/* A place for one from ADDRESS, or NULL. */
static struct vnc_viewer *make_place(struct vnc_server *server, const uint8_t *address)
{
    unsigned int all = 0, silent = 0;
    struct vnc_viewer *viewer;

    for (unsigned int i = 0; i < MESSAGE_MAX_SLOTS; i++) {
        viewer = &server->viewers[i];
        if (viewer->stream.io.fd < 0 || memcmp(viewer->address, address, sizeof(viewer->address)))
            continue;
        all++;
        silent += viewer_is_silent(viewer);
    }
    if (silent >= MAX_SILENT_EACH || all >= MAX_EACH)
        return take_place(oldest_silent(server, address));
    viewer = find_place(server);
    return viewer ? viewer : take_place(oldest_silent(server, NULL));
}

static void viewer_arrived(void *data, short revents)
{
    struct vnc_server *server = data;
    struct sockaddr_storage from = { 0 };
    socklen_t len = sizeof(from);
    cleanup_close int fd = accept4(server->io.fd, (struct sockaddr *)&from, &len,
                                   SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct vnc_viewer *viewer;
    uint8_t address[16];

    if (fd < 0)
        return;
    take_address(address, &from);
    viewer = make_place(server, address);
    if (!viewer) {
        log_warning("VNC: more than %d viewers, or %d from one address: refused", MESSAGE_MAX_SLOTS,
                    MAX_EACH);
        return;
    }
    memcpy(viewer->address, address, sizeof(address));
    viewer->since = server->loop->now_ms();
    viewer->heard = 0;
    viewer->greeted = false;
    /* The server speaks first in VNC: nothing is read before it is there. */
    vchan_stream_init(&viewer->stream, server->loop, VIEWER_BYTES, VIEWER_EVENTS, &viewer_ops, viewer);
    if (vchan_stream_take(&viewer->stream, steal_fd(&fd)) ||
        loop_start_timer(server->loop, &viewer->patience, PATIENCE_MS)) {
        viewer_close(viewer);
        return;
    }
    join_viewers(server);
}

int vnc_server_open(struct vnc_server *server, struct loop *loop, const struct options_vnc *vnc)
{
    char place[128];
    int on = 1, fd, rc;

    *server = (struct vnc_server){ .loop = loop, .io.fd = -1 };
    for (unsigned int i = 0; i < MESSAGE_MAX_SLOTS; i++) {
        struct vnc_viewer *viewer = &server->viewers[i];

        *viewer = (struct vnc_viewer){ .server = server, .stream.io.fd = -1 };
        viewer->patience = (struct loop_timer){ .fired = viewer_lost_patience, .data = viewer };
        viewer->deadline = (struct loop_timer){ .fired = viewer_deadline, .data = viewer };
    }
    server->handshake = HANDSHAKE + (vnc->password ? CHALLENGE : 0);
    if (!vnc->enabled)
        return 0;
    fd = vnc_port_open(vnc, VNC_BACKLOG);
    if (fd < 0) {
        vnc_port_describe(vnc, place, sizeof(place));
        log_error("VNC: cannot listen at %s: %s", place, strerror(-fd));
        return fd;
    }
    /* Who connects there has what is set here; once confined, we set nothing. */
    keep_alive(fd);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    server->io = (struct loop_fd){ .fd = fd, .events = POLLIN, .ready = viewer_arrived,
                                   .data = server };
    rc = find_own_address(server);
    if (rc)
        vnc_server_close(server);
    return rc;
}

void vnc_server_close(struct vnc_server *server)
{
    if (!server->loop)
        return;
    for (unsigned int i = 0; i < MESSAGE_MAX_SLOTS; i++)
        viewer_close(&server->viewers[i]);
    loop_remove_fd(server->loop, &server->io);
    fd_close(&server->io.fd);
}

int vnc_server_start(struct vnc_server *server, struct xen_handles *xen)
{
    server->xen = xen;
    return server->io.fd < 0 ? 0 : loop_add_fd(server->loop, &server->io);
}

void vnc_server_offer(struct vnc_server *server, const struct message *message)
{
    server->offers[message->index].ring_ref = message->ring_ref;
    server->offers[message->index].port = message->port;
    join_viewers(server);
}
