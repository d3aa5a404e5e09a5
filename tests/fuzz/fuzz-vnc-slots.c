// sources: tests/unit/fake-xs.c tests/unit/fake-vchan.c
/*
 * Viewers in dom0 take any slots, write, leave and come back, and QEMU hangs up or refuses connections, in any order.
 * There is always a slot for the next viewer until all are taken, and no viewer gets bytes that are for another one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "fake-vchan.h"
#include "fake-xs.h"
#include "log.h"
#include "util.h"
#include "vnc-slots.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <xenstore.h>

#define FOLDER "/local/domain/3/device-model/7/vnc-vchan"
#define MAX_OPERATIONS 100 /* the fake has a bounded number of vchans */

/* Each end writes only its own number, and remembers whose number it has read. */
static struct { struct libxenvchan *vchan; uint8_t says, heard; } viewers[VNC_SLOTS];
static struct { int fd; uint8_t heard; } connections[MAX_OPERATIONS + 1];
static unsigned int viewer_count, connection_count;

static struct loop loop;
static struct vnc_slots vnc;
static bool refuse;

static int connect_qemu(void *data)
{
    int ends[2];

    if (refuse || connection_count == ARRAY_SIZE(connections))
        return -ECONNREFUSED;
    MUST(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends));
    connections[connection_count].heard = 0;
    connections[connection_count++].fd = ends[0];
    return ends[1];
}

static void check_heard(const uint8_t *bytes, ssize_t len, uint8_t *heard)
{
    for (ssize_t i = 0; i < len; i++) {
        MUST(!*heard || *heard == bytes[i]);
        *heard = bytes[i];
    }
}

static void viewer_comes(unsigned int slot)
{
    struct libxenvchan *vchan;
    char path[128];

    snprintf(path, sizeof(path), FOLDER "/%u", slot);
    vchan = fake_vchan_connect(path);
    if (!vchan || vchan == viewers[slot].vchan)
        return;
    viewers[slot].vchan = vchan;
    viewers[slot].says = ++viewer_count;
    viewers[slot].heard = 0;
}

static void viewer_talks(unsigned int slot)
{
    uint8_t bytes[1024], got[1024];

    memset(bytes, viewers[slot].says, sizeof(bytes));
    fake_vchan_client_write(viewers[slot].vchan, bytes, sizeof(bytes));
    check_heard(got, fake_vchan_client_read(viewers[slot].vchan, got, sizeof(got)),
                &viewers[slot].heard);
}

static void qemu_talks(unsigned int n)
{
    uint8_t bytes[1024], got[1024];

    memset(bytes, n + 1, sizeof(bytes));
    send(connections[n].fd, bytes, sizeof(bytes), MSG_NOSIGNAL);
    check_heard(got, recv(connections[n].fd, got, sizeof(got), 0), &connections[n].heard);
}

static void hang_up(unsigned int n)
{
    cleanup_closep(&connections[n].fd);
    connections[n].fd = -1;
}

static void settle(void)
{
    unsigned int free_slots = 0, taken = 0;

    for (int i = 0; i < 6; i++)
        MUST(!loop_turn(&loop, 0));
    for (int i = 0; i < VNC_SLOTS; i++) {
        free_slots += vnc.slots[i].state == VCHAN_BRIDGE_WAITING ||
                      vnc.slots[i].state == VCHAN_BRIDGE_RETRY;
        taken += vnc.slots[i].state == VCHAN_BRIDGE_OPEN;
    }
    MUST(free_slots > 0 || taken == VNC_SLOTS);
    MUST(fake_vchan_servers() <= VNC_SLOTS && loop.timer_count <= free_slots);
}

static void operate(struct input *in)
{
    unsigned int what = take(in, 1), which = take(in, 1), slot = which % VNC_SLOTS;
    unsigned int n = connection_count ? which % connection_count : 0;

    switch (what % 8) {
    case 0: viewer_comes(slot); break;
    case 1: if (viewers[slot].vchan) viewer_talks(slot); break;
    case 2: if (viewers[slot].vchan) fake_vchan_leave(viewers[slot].vchan); break;
    case 3: if (connection_count) qemu_talks(n); break;
    case 4: if (connection_count) hang_up(n); break;
    case 5: refuse = which % 2; break;
    case 6: fake_vchan_fail(which % 4); break;
    case 7: clock_ms += VCHAN_BRIDGE_RETRY_MS; break;
    }
    if (what < 128) /* otherwise the next operation comes first */
        settle();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    struct xs_handle *xs;

    log_set_sink(no_log, NULL);
    fake_vchan_reset(3);
    xs = fake_xs_open();
    loop_init(&loop, now_ms);
    memset(viewers, 0, sizeof(viewers));
    clock_ms = viewer_count = connection_count = 0;
    refuse = false;
    MUST(!vnc_slots_init(&vnc, &loop, xs, FOLDER, connect_qemu, NULL));
    vnc_slots_start(&vnc);
    for (int i = 0; i < MAX_OPERATIONS && in.size; i++)
        operate(&in);
    settle();
    vnc_slots_stop(&vnc);
    MUST(!fake_vchan_servers() && !loop.timer_count);
    for (unsigned int n = 0; n < connection_count; n++)
        hang_up(n);
    xs_close(xs);
    fake_vchan_reset(3);
    return 0;
}
