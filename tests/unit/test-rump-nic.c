// sources: launcher/xen-layer/frame.c launcher/xen-layer/text.c launcher/xen-layer/frame-program.c
// cflags: -Ilauncher/stubdom-rump -Ilauncher/xen-layer
/*
 * The rump flavour's NICs: between a vif that is a list of frames and the socket that QEMU takes for a
 * tap. Threads are functions that a test calls; one that would sleep for ever returns by longjmp().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "launcher/stubdom-rump/rump-nic.c"
#include "packets.h"

#include <fcntl.h>
#include <xen/io/netif.h>

static const uint8_t mac[6] = { 0x00, 0x16, 0x3e, 0x01, 0x02, 0x03 };

/* ---- the layer ---- */

static struct {
    pv_nic_got_fn *got;
    void (*room)(void *arg);
    void *arg;
    bool accepts;
    int open_error, busy;   /* busy: so often there is no room */
    unsigned int sent, waits;
    uint8_t frame[PV_FRAME_MAX];
    size_t size;
} vif;
static jmp_buf asleep;
static struct { void *(*run)(void *arg); void *arg; } threads[2];
static size_t thread_count;

uint64_t pv_clock(void) { return 0; }
void *pv_alloc(size_t size) { return calloc(1, size); }
void pv_free(void *p) { free(p); }
int host_errno(long result) { return (int)-result; }
void pv_queue_wake(struct pv_queue *queue) { }
void pv_panic(const char *format, ...) { fail(); abort(); }

bool pv_queue_wait(struct pv_queue *queue, uint64_t until)
{
    vif.waits++;
    if (until == PV_FOREVER)
        longjmp(asleep, 1);
    return true;
}

int rump_thread_start(void *(*run)(void *arg), void *arg)
{
    threads[thread_count].run = run;
    threads[thread_count++].arg = arg;
    return 0;
}

int pv_nic_open(unsigned int n, pv_nic_got_fn *got, void (*room)(void *arg), void *arg, struct pv_nic **nic)
{
    if (vif.open_error)
        return vif.open_error;
    vif.got = got;
    vif.room = room;
    vif.arg = arg;
    *nic = (struct pv_nic *)&vif;
    return 0;
}

void pv_nic_mac(struct pv_nic *nic, uint8_t to[6]) { memcpy(to, mac, 6); }
void pv_nic_accept(struct pv_nic *nic, bool accept) { vif.accepts = accept; }

int pv_nic_send(struct pv_nic *nic, const struct pv_frame_info *info, const void *frame, size_t size)
{
    if (vif.busy) {
        vif.busy--;
        return -PV_EAGAIN;
    }
    memcpy(vif.frame, frame, size);
    vif.size = size;
    vif.sent++;
    return 0;
}

/* ---- QEMU ---- */

static int tap;
static struct platform platform;
static struct frame_filter_rules rules;

static int attach(void)
{
    char backend[64];
    int rc = rump_nic_attach(&platform, 2, &rules, backend, sizeof(backend));

    if (!rc) {
        assert_int_equal(sscanf(backend, "tap,fd=%d", &tap), 1);
        fcntl(tap, F_SETFL, O_NONBLOCK);
    }
    return rc;
}

static int begin(void **state)
{
    memset(&vif, 0, sizeof(vif));
    thread_count = 0;
    tap = -1;
    platform = (struct platform){ .firewall = false };
    memset(&rules, 0, sizeof(rules));
    memcpy(rules.mac, mac, sizeof(mac));
    return 0;
}

/* Joints last as long as their domain: here their parts are given back by hand. */
static int end(void **state)
{
    struct joint *joint = vif.arg;

    if (tap >= 0)
        close(tap);
    if (joint) {
        close(joint->fd);
        free(joint);
    }
    return 0;
}

static void run_in(void)
{
    if (!setjmp(asleep))
        threads[0].run(threads[0].arg);
}

static void run_out(void)
{
    threads[1].run(threads[1].arg);
}

static void arrives(const struct pv_frame_info *info, const void *frame, size_t size)
{
    assert_true(vif.accepts);
    vif.got(vif.arg, info, frame, size);
}

static void frames_are_accepted_from_the_start(void **state)
{
    static const struct pv_frame_info nothing;
    uint8_t frame[60] = { 1, 2, 3 }, got[100];

    assert_int_equal(attach(), 0);
    arrives(&nothing, frame, sizeof(frame));
    frame[0] = 4;
    arrives(&nothing, frame, sizeof(frame) - 7);
    run_in();
    assert_int_equal(recv(tap, got, sizeof(got), 0), 60);
    assert_int_equal(got[0], 1);
    assert_int_equal(recv(tap, got, sizeof(got), 0), 53);
    assert_int_equal(got[0], 4);
    assert_int_equal(recv(tap, got, sizeof(got), 0), -1);
}

static void what_was_left_over_is_done(void **state)
{
    struct packet packet = { .data = 3000 };
    uint8_t got[4000];
    size_t mss = 1000;

    packet_make(&packet);
    assert_int_equal(attach(), 0);
    arrives(&(struct pv_frame_info){ .csum_blank = true, .csum_start = (uint16_t)packet.transport,
                                     .csum_offset = (uint16_t)checksum_offset(&packet) }, packet.octets, packet.size);
    arrives(&(struct pv_frame_info){ .csum_blank = true, .gso = XEN_NETIF_GSO_TYPE_TCPV4, .gso_size = (uint16_t)mss },
            packet.octets, packet.size);
    run_in();
    assert_int_equal(recv(tap, got, sizeof(got), 0), packet.size);
    assert_true(checksum_right(&packet, got, packet.size));
    for (size_t n = 0; n < 3; n++) {
        ssize_t size = recv(tap, got, sizeof(got), 0);

        assert_true(size > 0);
        assert_true(check_piece(&packet, n, mss, got, (size_t)size, true) == (n == 2));
    }
    assert_int_equal(recv(tap, got, sizeof(got), 0), -1);
}

/* A QEMU that takes nothing costs a bounded amount of memory. */
static void too_many_frames_wait_in_the_ring(void **state)
{
    static const struct pv_frame_info nothing;
    static uint8_t frame[60000];
    size_t n = 0;

    assert_int_equal(attach(), 0);
    for (; vif.accepts; n++)
        arrives(&nothing, frame, sizeof(frame));
    assert_true(n >= 3 && n < 6);
    for (size_t i = 0; i < n; i++) {
        struct frame *taken = take_frame(threads[0].arg);

        assert_true(vif.accepts == (i >= n / 2));
        free(taken);
    }
    assert_true(vif.accepts);
}

static void the_firewall_looks_at_what_qemu_sends(void **state)
{
    uint8_t frame[60] = "\xff\xff\xff\xff\xff\xff\x00\x16\x3e\x01\x02\x03\x88\xb5";

    platform.firewall = true;
    assert_int_equal(attach(), 0);
    vif.busy = 2;
    assert_int_equal(send(tap, frame, 13, 0), 13);      /* no frame at all */
    assert_int_equal(send(tap, frame, 60, 0), 60);
    frame[11] = 4;
    assert_int_equal(send(tap, frame, 60, 0), 60);      /* another's address */
    shutdown(tap, SHUT_WR);
    run_out();
    assert_int_equal(vif.sent, 1);
    assert_int_equal(vif.size, 60);
    assert_int_equal(vif.frame[11], 3);
    assert_int_equal(vif.waits, 2);
}

static void a_vif_that_is_not_there_yet(void **state)
{
    int before = dup(0), after;

    vif.open_error = -PV_EAGAIN;
    assert_int_equal(attach(), -PV_EAGAIN);
    close(before);
    after = dup(0);
    assert_int_equal(after, before); /* nothing stays open */
    close(after);
}

static void another_address_is_refused(void **state)
{
    rules.mac[5]++;
    assert_int_equal(attach(), -EINVAL);
    tap = -1;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(frames_are_accepted_from_the_start), TEST(what_was_left_over_is_done),
        TEST(too_many_frames_wait_in_the_ring), TEST(the_firewall_looks_at_what_qemu_sends),
        TEST(a_vif_that_is_not_there_yet), TEST(another_address_is_refused),
    };

    return cmocka_run_group_tests_name("rump NIC", tests, NULL, NULL);
}
