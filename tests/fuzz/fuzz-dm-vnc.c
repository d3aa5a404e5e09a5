// sources: launcher/dom0-daemon/confined/vchan-stream.c launcher/dom0-daemon/confined/throttle.c
// sources: launcher/dom0-daemon/confined/vnc-server.c launcher/dom0-daemon/confined/vchan-client.c
// sources: launcher/dom0-daemon/confined/xen-handles.c tests/unit/fake-xen.c
// sources: launcher/dom0-daemon/both/vnc-port.c
// cflags: -I../unit
/*
 * Viewers connect, write, read and leave while the stub domain offers any slots and writes anything to their pages. A
 * viewer gets bytes of one vchan only, or its own. Each connection always waits for some event. At the end nothing may
 * be mapped or bound.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hostile-vchan.h"
#include "fake-xen.h"
#include "log.h"
#include "loop-rest.h"
#include "util.h"
#include "vnc-server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#define MAX_OPERATIONS 200 /* limited because some are storms of events */
#define VIEWERS (MESSAGE_MAX_SLOTS + 2)
#define SAID 0xee /* what viewers write */

static struct loop loop;
static struct xen_handles handles;
static struct vnc_server server;
static struct { int fd; uint8_t heard; } viewers[VIEWERS];
static uint8_t bytes[1 << 16];

static void leave(int *fd)
{
    /* The connection is reset, which frees its port at once: else ports run out. */
    setsockopt(*fd, SOL_SOCKET, SO_LINGER, &(struct linger){ 1, 0 }, sizeof(struct linger));
    cleanup_closep(fd);
    *fd = -1;
}

static void come(unsigned int n)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(server.port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

    leave(&viewers[n].fd);
    viewers[n].heard = 0;
    viewers[n].fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    connect(viewers[n].fd, (struct sockaddr *)&address, sizeof(address));
}

static void listen_to_server(unsigned int n)
{
    ssize_t len = recv(viewers[n].fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    for (ssize_t i = 0; i < len; i++) {
        if (bytes[i] == SAID)
            continue;
        MUST(bytes[i] >= VCHAN_FILL(0) && bytes[i] < VCHAN_FILL(VCHANS));
        MUST(!viewers[n].heard || viewers[n].heard == bytes[i]);
        viewers[n].heard = bytes[i];
    }
}

static void speak(unsigned int n, size_t len)
{
    memset(bytes, SAID, len);
    send(viewers[n].fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* Offers a vchan. A ring is never offered as a vchan's page: then a viewer would read back what we write there. */
static void offer(struct input *in)
{
    struct message message = { .type = MESSAGE_SLOT, .index = take(in, 1) % MESSAGE_MAX_SLOTS,
                               .ring_ref = take(in, 1) % VCHAN_RINGS, .port = take(in, 1) };

    vnc_server_offer(&server, &message);
}

static void check(void)
{
    unsigned int connected = 0, watched = 2; /* the port, the events */
    bool rests;

    for (unsigned int i = 0; i < MESSAGE_MAX_SLOTS; i++) {
        const struct vnc_viewer *viewer = &server.viewers[i];

        connected += viewer->stream.vchan.page != NULL;
        watched += viewer->stream.io.added;
        rests = viewer->stream.throttle.resume.added;
        MUST(viewer->stream.io.fd < 0 ? !viewer->stream.vchan.page && !viewer->patience.added && !rests :
                                        viewer->stream.io.added || rests);
    }
    MUST(xen.bound == (int)connected && xen.mapped >= xen.bound);
    for (unsigned int i = 0; i < loop.fd_count; i++)
        watched -= loop.fds[i] != NULL;
    MUST(watched == 0);
}

static void obey(struct input *in)
{
    unsigned int what = take(in, 1), which = take(in, 1);
    unsigned int viewer = which % VIEWERS, vchan = which % VCHANS;

    switch (what % 12) {
    case 0: come(viewer); break;
    case 1: leave(&viewers[viewer].fd); break;
    case 2: shutdown(viewers[viewer].fd, SHUT_WR); break;
    case 3: speak(viewer, take(in, 2)); break;
    case 4: listen_to_server(viewer); break;
    case 5: offer(in); break;
    case 6: vchan_arm(vchan, 9 + take(in, 1) % 9, 9 + take(in, 1) % 9, -take(in, 1)); break;
    case 7: vchan_set_index(in, vchan); break;
    case 8: vchan_scribble(in, vchan); break;
    case 9: clock_ms += which * 16; break;
    case 10: xen.fail_bind = which % 4 == 0; xen.fail_map = which % 4 == 1; break;
    default:
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
    static const struct options_vnc vnc = { .enabled = true, .host = "127.0.0.1", .to = 99 };
    struct input in = { data, size };

    log_set_sink(no_log, NULL);
    fake_xen_reset();
    xen.pages = vchan_page_of;
    vchans_reset();
    clock_ms = 1000;
    loop_init(&loop, now_ms);
    MUST(!xen_open(&handles, &loop, 7, &no_grants) && !vnc_server_open(&server, &loop, &vnc) &&
         !vnc_server_start(&server, &handles));
    for (int i = 0; i < VIEWERS; i++)
        viewers[i].fd = -1;
    for (int i = 0; i < MAX_OPERATIONS && in.size; i++)
        obey(&in);
    for (int i = 0; i < VIEWERS; i++) {
        listen_to_server(i);
        leave(&viewers[i].fd);
    }
    vnc_server_close(&server);
    MUST(xen.mapped == 0 && xen.bound == 0 && loop.timer_count == 0);
    xen_close(&handles);
    return 0;
}
