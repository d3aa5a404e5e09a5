// sources: launcher/dom0-daemon/confined/qmp-relay.c launcher/dom0-daemon/confined/vchan-stream.c
// sources: launcher/dom0-daemon/confined/throttle.c launcher/dom0-daemon/confined/vchan-client.c
// sources: launcher/dom0-daemon/confined/xen-handles.c launcher/dom0-daemon/confined/qmp-server.c
// sources: launcher/dom0-daemon/confined/qmp-session.c tests/unit/fake-xen.c
// libs: json-c
// cflags: -I../unit
/*
 * libxl connects, writes, reads and leaves while the stub domain offers any vchan as its QMP channel, writes anything
 * to its pages, and ends. A client gets bytes of one vchan only, or its own. At the end nothing may be mapped or bound.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hostile-vchan.h"
#include "fake-xen.h"
#include "log.h"
#include "loop-rest.h"
#include "qmp-relay.h"
#include "util.h"

#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAX_OPERATIONS 200
#define CLIENTS 3
#define SAID 0xee /* what libxl writes */

static struct loop loop;
static struct xen_handles handles;
static struct qmp_relay relay;
static struct { int fd; uint8_t heard; } clients[CLIENTS];
static uint8_t bytes[1 << 16];
static struct sockaddr_un address = { .sun_family = AF_UNIX };

static void leave(unsigned int n)
{
    cleanup_closep(&clients[n].fd);
    clients[n].fd = -1;
    clients[n].heard = 0;
}

static void come(unsigned int n)
{
    leave(n);
    clients[n].fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(clients[n].fd, (struct sockaddr *)&address, sizeof(address));
}

static void listen_to_server(unsigned int n)
{
    ssize_t len = recv(clients[n].fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    for (ssize_t i = 0; i < len; i++) {
        if (bytes[i] == SAID)
            continue;
        MUST(bytes[i] >= VCHAN_FILL(0) && bytes[i] < VCHAN_FILL(VCHANS));
        MUST(!clients[n].heard || clients[n].heard == bytes[i]);
        clients[n].heard = bytes[i];
    }
}

static void speak(unsigned int n, size_t len)
{
    memset(bytes, SAID, len);
    send(clients[n].fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Offers a vchan. A ring is never offered as a vchan's page: then libxl would read back what we write there. */
static void offer(struct input *in)
{
    struct message message = { .type = MESSAGE_QMP, .ring_ref = take(in, 1) % VCHAN_RINGS, .port = take(in, 1) };

    qmp_relay_offer(&relay, &message);
}

static void check(void)
{
    const struct vchan_stream *stream = &relay.stream;
    unsigned int watched = 2 + stream->io.added; /* the socket that listens, the events */

    MUST(stream->io.fd < 0 ? !stream->vchan.page && !stream->throttle.resume.added :
                             stream->io.added || stream->throttle.resume.added);
    MUST(relay.io.added && (relay.io.events == 0) == (stream->io.fd >= 0));
    MUST(xen.bound == (stream->vchan.page != NULL) && xen.mapped >= xen.bound);
    for (unsigned int i = 0; i < loop.fd_count; i++)
        watched -= loop.fds[i] != NULL;
    MUST(watched == 0);
}

static void obey(struct input *in)
{
    unsigned int what = take(in, 1), which = take(in, 1);
    unsigned int client = which % CLIENTS, vchan = which % VCHANS;

    switch (what % 12) {
    case 0: come(client); break;
    case 1: leave(client); break;
    case 2: shutdown(clients[client].fd, SHUT_WR); break;
    case 3: speak(client, take(in, 2)); break;
    case 4: listen_to_server(client); break;
    case 5: offer(in); break;
    case 6: vchan_arm(vchan, 9 + take(in, 1) % 9, 9 + take(in, 1) % 9, -take(in, 1)); break;
    case 7: vchan_set_index(in, vchan); break;
    case 8: vchan_scribble(in, vchan); break;
    case 9: clock_ms += which * 16; break;
    case 10: xen.fail_bind = which % 4 == 0; xen.fail_map = which % 4 == 1; break;
    default:
        if (which == 255)
            qmp_relay_end(&relay);
        for (int i = which > 250 ? 600 : 1; i; i--) {
            fake_xen_fire(1 + which % (xen.next + 1));
            MUST(!loop_turn(&loop, 0));
        }
    }
    if (what < 128) /* otherwise the next operation comes first */
        loop_rest(&loop);
    check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };

    log_set_sink(no_log, NULL);
    fake_xen_reset();
    xen.pages = vchan_page_of;
    vchans_reset();
    clock_ms = 1000;
    loop_init(&loop, now_ms);
    snprintf(address.sun_path, sizeof(address.sun_path), "/tmp/fuzz-qmp-relay-%d", getpid());
    qmp_relay_init(&relay, &loop);
    MUST(!xen_open(&handles, &loop, 7, &no_grants) && !qmp_relay_listen(&relay, address.sun_path) &&
         !qmp_relay_start(&relay, &handles));
    for (int i = 0; i < CLIENTS; i++)
        clients[i].fd = -1;
    for (int i = 0; i < MAX_OPERATIONS && in.size; i++)
        obey(&in);
    for (int i = 0; i < CLIENTS; i++) {
        listen_to_server(i);
        leave(i);
    }
    qmp_relay_close(&relay);
    MUST(xen.mapped == 0 && xen.bound == 0 && loop.timer_count == 0);
    xen_close(&handles);
    unlink(address.sun_path);
    return 0;
}
