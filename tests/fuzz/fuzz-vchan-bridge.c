// sources: tests/unit/fake-xs.c tests/unit/fake-vchan.c
/*
 * A vchan's clients and QEMU connect to the bridge between them, write, stall, leave and come back, in any order. At
 * times no vchan or no connection can be made. Nothing may be lost, carried twice or given to the next client, and the
 * loop always becomes idle.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "fake-vchan.h"
#include "fake-xs.h"
#include "log.h"
#include "loop-rest.h"
#include "util.h"
#include "vchan-bridge.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <xenstore.h>

#define PATH "/local/domain/3/device-model/7/vnc-vchan/0"
#define MAX_OPERATIONS 100 /* the fake has a bounded number of vchans */

/* The bytes in one direction. A byte's value follows from its place and its sender. */
struct flow { unsigned int sender; size_t sent, got; };

static struct loop loop;
static struct vchan_bridge bridge;
static struct libxenvchan *client;
static struct flow to_qemu, to_client;
static unsigned int clients, connections;
static int qemu;
static bool refuse, hold;

static bool is_held(void *data) { return hold; }

static char value_of(size_t at, unsigned int sender) { return at * 7 + at / 256 + sender * 31; }

static void fill(char *bytes, size_t size, const struct flow *flow, unsigned int sender)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = value_of(flow->sent + i, sender);
}

static void check(const char *bytes, size_t size, struct flow *flow)
{
    for (size_t i = 0; i < size; i++)
        MUST(bytes[i] == value_of(flow->got + i, flow->sender));
    flow->got += size;
    MUST(flow->got <= flow->sent);
}

static int connect_qemu(void *data)
{
    int ends[2];

    if (refuse)
        return -ECONNREFUSED;
    MUST(qemu < 0); /* each client has one connection */
    MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends));
    qemu = ends[0];
    to_client = (struct flow){ .sender = ++connections };
    return ends[1];
}

static void settle(void)
{
    MUST(loop_rest(&loop) <= 2);
    MUST(fake_vchan_servers() <= 1 && loop.timer_count <= 1);
}

static void qemu_hangs_up(bool wholly)
{
    if (!wholly) {
        shutdown(qemu, SHUT_WR);
        return;
    }
    if (qemu >= 0)
        close(qemu);
    qemu = -1;
}

/* A new client gets a vchan. The connection of the client before it is over, even with bytes still in it. */
static void client_comes(void)
{
    struct libxenvchan *now = fake_vchan_connect(PATH);

    if (!now || now == client)
        return;
    qemu_hangs_up(true);
    client = now;
    to_qemu = (struct flow){ .sender = ++clients };
    to_client.sent = to_client.got = 0;
}

static void client_talks(size_t size)
{
    char bytes[4096];

    fill(bytes, size, &to_qemu, to_qemu.sender);
    to_qemu.sent += fake_vchan_client_write(client, bytes, size);
}

static void client_reads(size_t size)
{
    char bytes[4096];

    check(bytes, fake_vchan_client_read(client, bytes, size), &to_client);
}

static void qemu_talks(size_t size)
{
    char bytes[4096];
    ssize_t put;

    fill(bytes, size, &to_client, to_client.sender);
    put = send(qemu, bytes, size, MSG_NOSIGNAL);
    to_client.sent += put > 0 ? put : 0;
}

static void qemu_reads(size_t size)
{
    char bytes[4096];
    ssize_t got = recv(qemu, bytes, size, 0);

    if (got > 0)
        check(bytes, got, &to_qemu);
}

static void operate(struct input *in)
{
    unsigned int what = take(in, 1);

    switch (what % 14) {
    case 0: client_comes(); break;
    case 1: if (client) client_talks(take(in, 2) % 4096); break;
    case 2: if (client) client_reads(take(in, 2) % 4096); break;
    case 3: if (client) fake_vchan_leave(client); break;
    case 4: if (qemu >= 0) qemu_talks(take(in, 2) % 4096); break;
    case 5: if (qemu >= 0) qemu_reads(take(in, 2) % 4096); break;
    case 6: if (qemu >= 0) qemu_hangs_up(take(in, 1) % 2); break;
    case 7: refuse = take(in, 1) % 2; break;
    case 8: fake_vchan_fail(take(in, 1) % 4); break;
    case 9: clock_ms += VCHAN_BRIDGE_RETRY_MS; break;
    case 10: hold = take(in, 1) % 2; vchan_bridge_resume(&bridge); break;
    case 11: vchan_bridge_drop(&bridge); break;
    case 12: vchan_bridge_stop(&bridge); break;
    case 13: vchan_bridge_start(&bridge); break;
    }
    if (what < 128) /* otherwise the next operation comes first */
        settle();
}

/* While both peers read, everything that was written to an open connection arrives. */
static void take_the_rest(void)
{
    hold = false;
    vchan_bridge_resume(&bridge);
    if (!client || qemu < 0)
        return;
    for (int i = 0; i < 1000 && bridge.state == VCHAN_BRIDGE_OPEN && !bridge.stream_ended; i++) {
        settle();
        if (to_qemu.got == to_qemu.sent && to_client.got == to_client.sent)
            return;
        qemu_reads(4096);
        client_reads(4096);
    }
    MUST(bridge.state != VCHAN_BRIDGE_OPEN || bridge.stream_ended);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    struct xs_handle *xs;

    log_set_sink(no_log, NULL);
    fake_vchan_reset(3);
    xs = fake_xs_open();
    loop_init(&loop, now_ms);
    client = NULL;
    clock_ms = clients = connections = 0;
    refuse = hold = false;
    qemu = -1;
    to_qemu = to_client = (struct flow){ .sent = 0 };
    MUST(!vchan_bridge_init(&bridge, &(struct vchan_bridge_config){
        .loop = &loop, .xs = xs, .path = PATH, .name = "VNC", .connect = connect_qemu,
        .held = is_held }));
    vchan_bridge_start(&bridge);
    for (int i = 0; i < MAX_OPERATIONS && in.size; i++)
        operate(&in);
    settle();
    take_the_rest();
    vchan_bridge_stop(&bridge);
    MUST(!fake_vchan_servers() && !loop.timer_count);
    qemu_hangs_up(true);
    xs_close(xs);
    fake_vchan_reset(3);
    return 0;
}
