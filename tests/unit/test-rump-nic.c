// sources: launcher/stubdom-rump/handle.c launcher/xen-layer/tap.c launcher/xen-layer/tap-frame.c
// sources: launcher/xen-layer/tap-queue.c launcher/xen-layer/frame-program.c launcher/xen-layer/frame.c
// sources: launcher/xen-layer/text.c
// cflags: -Ilauncher/stubdom-rump -Ilauncher/xen-layer
/*
 * The rump flavour's NICs, between a fake vif and the descriptor that QEMU uses as a tap. test-micro-tap.c tests all
 * kinds of frames: the code is the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "launcher/stubdom-rump/rump-nic.c"
#include "packets.h"

#include <errno.h>
#include <unistd.h>
#include <xen/io/netif.h>

static const uint8_t mac[6] = { 0x00, 0x16, 0x3e, 0x01, 0x02, 0x03 };

/* ---- the layer ---- */

static struct {
    pv_nic_got_fn *got;
    void (*room)(void *arg);
    void *arg;
    bool accepts;
    int open_error, busy;   /* busy: so many sends find no room */
    unsigned int offloads, sent, closed;
    bool gathers;
    uint8_t frame[PV_FRAME_MAX];
    struct pv_frame_info info;
    size_t size;
} vif;
static int pages, wakes;

int host_errno(long result) { return (int)-result; }
void pv_wake(struct pv_thread *thread) { wakes++; }
void pv_panic(const char *format, ...) { fail(); abort(); }
int pv_random(void *to, size_t size) { memset(to, 7, size); return 0; }
unsigned int pv_nic_offloads(struct pv_nic *nic) { return vif.offloads; }

void *pv_pages_alloc(size_t count, size_t align)
{
    pages++;
    return calloc(count, PV_PAGE);
}

void pv_pages_put(void *p)
{
    pages--;
    free(p);
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

void pv_nic_close(struct pv_nic *nic) { vif.closed++; }
void pv_nic_gather(struct pv_nic *nic, size_t octets) { vif.gathers = octets > 0; }
void pv_nic_mac(struct pv_nic *nic, uint8_t to[6]) { memcpy(to, mac, 6); }
void pv_nic_accept(struct pv_nic *nic, bool accept) { vif.accepts = accept; }

int pv_nic_send(struct pv_nic *nic, const struct pv_frame_info *info, const void *frame, size_t size)
{
    if (vif.busy) {
        vif.busy--;
        return -PV_EAGAIN;
    }
    memcpy(vif.frame, frame, size);
    vif.info = *info;
    vif.size = size;
    vif.sent++;
    return 0;
}

/* ---- QEMU ---- */

static int tap;
static size_t header_size;  /* of the header that QEMU writes and reads */
static struct tap_header got_header;
static uint8_t got[70000];
static struct packet packet;
static struct platform platform;
static struct frame_filter_rules rules;

static int attach(void)
{
    char backend[64];
    int rc = rump_nic_attach(&platform, 2, &rules, backend, sizeof(backend));

    if (!rc)
        assert_int_equal(sscanf(backend, "tap,fd=%d", &tap), 1);
    return rc;
}

static int begin(void **state)
{
    memset(&vif, 0, sizeof(vif));
    pages = wakes = 0;
    tap = -1;
    header_size = sizeof(struct tap_header);
    platform = (struct platform){ .firewall = false };
    memset(&rules, 0, sizeof(rules));
    memcpy(rules.mac, mac, sizeof(mac));
    return 0;
}

/* Closes the descriptor as close() does (poll-calls.c). */
static int end(void **state)
{
    struct host_handle *handle = host_handle_find(tap);

    if (handle) {
        host_handle_close(handle);
        handle->ops->closed(handle);
        assert_int_equal(vif.closed, 1);
    }
    return pages;
}

static struct host_handle *handle(void)
{
    struct host_handle *found = host_handle_find(tap);

    assert_non_null(found);
    return found;
}

static short ready(void) { return handle()->ops->ready(handle()) & (POLLIN | POLLOUT); }

/* Reads a frame. How many octets are behind the header, or an error. */
static long receive(void)
{
    long n = handle()->ops->read(handle(), got, sizeof(got));

    if (n < 0)
        return n;
    assert_true((size_t)n >= header_size);
    memcpy(&got_header, got, sizeof(got_header));
    for (size_t i = sizeof(got_header); i < header_size; i++)
        assert_int_equal(got[i], 0);
    memmove(got, got + header_size, sizeof(got) - header_size);
    return n - (long)header_size;
}

/* Writes a frame in parts, some of them empty. 0 or an error. */
static long put_frame(const struct tap_header *header, const void *frame, size_t size)
{
    uint8_t head[PV_TAP_HEADER_MAX] = { 0 };
    struct iovec iov[] = {
        { head, 7 }, { head + 7, header_size - 7 }, { NULL, 0 }, { (void *)frame, size / 3 },
        { (uint8_t *)frame + size / 3, size - size / 3 }, { NULL, 0 },
    };
    long n;

    memcpy(head, header, sizeof(*header));
    n = handle()->ops->write(handle(), iov, ARRAY_LEN(iov));
    if (n < 0)
        return n;
    assert_int_equal(n, header_size + size);
    return 0;
}

static void set_header(size_t size)
{
    __wrap_tap_fd_set_vnet_hdr_len(tap, (int)size);
    header_size = size;
}

static void arrives(const struct pv_frame_info *info, const void *frame, size_t size)
{
    assert_true(vif.accepts);
    vif.got(vif.arg, info, frame, size);
}

static const struct tap_header no_header;
static const struct pv_frame_info nothing;

static struct pv_frame_info segments(const struct packet *of, uint16_t mss)
{
    return (struct pv_frame_info){
        .csum_blank = true, .csum_start = (uint16_t)of->transport, .csum_offset = (uint16_t)checksum_offset(of),
        .gso = of->v6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4, .gso_size = mss,
        .header_size = (uint16_t)of->header,
    };
}

static struct tap_header header_of(const struct packet *of, uint16_t mss)
{
    return (struct tap_header){
        .flags = TAP_NEEDS_CSUM, .gso_type = of->v6 ? TAP_GSO_TCP6 : TAP_GSO_TCP4, .header_size = (uint16_t)of->header,
        .gso_size = mss, .csum_start = (uint16_t)of->transport, .csum_offset = (uint16_t)checksum_offset(of),
    };
}

/* ---- to QEMU ---- */

static void frames_are_accepted_from_the_start(void **state)
{
    uint8_t frame[60] = { 1, 2, 3 };

    assert_int_equal(attach(), 0);
    assert_true(vif.gathers);
    assert_int_equal(ready(), POLLOUT);
    assert_int_equal(receive(), -PV_EAGAIN);
    arrives(&nothing, frame, sizeof(frame));
    frame[0] = 4;
    arrives(&nothing, frame, sizeof(frame) - 7);
    assert_int_equal(ready(), POLLIN | POLLOUT);
    assert_int_equal(receive(), 60);
    assert_int_equal(got[0], 1);
    assert_int_equal(receive(), 53);
    assert_int_equal(got[0], 4);
    assert_int_equal(receive(), -PV_EAGAIN);
}

static void who_polls_is_woken_once(void **state)
{
    struct host_thread self = { .thread = NULL };
    struct pollfd fds[] = { { .events = POLLIN } };
    struct host_poll poll = { .thread = &self, .fds = fds, .count = 1 };
    uint8_t frame[60] = { 0 };

    assert_int_equal(attach(), 0);
    fds[0].fd = tap;
    host_poll_begin(&poll);
    arrives(&nothing, frame, sizeof(frame));
    arrives(&nothing, frame, sizeof(frame));
    host_poll_end(&poll);
    assert_int_equal(wakes, 1);
    assert_int_equal(self.deadline, HOST_AT_ONCE);
}

/* For an e1000, or a driver without offloads. */
static void what_was_left_over_is_done(void **state)
{
    size_t mss = 1000;

    packet = (struct packet){ .data = 3000 };
    packet_make(&packet);
    assert_int_equal(attach(), 0);
    arrives(&(struct pv_frame_info){ .csum_blank = true, .csum_start = (uint16_t)packet.transport,
                                     .csum_offset = (uint16_t)checksum_offset(&packet) }, packet.octets, packet.size);
    arrives(&(struct pv_frame_info){ .csum_blank = true, .gso = XEN_NETIF_GSO_TYPE_TCPV4, .gso_size = (uint16_t)mss },
            packet.octets, packet.size);
    assert_int_equal(receive(), packet.size);
    assert_true(checksum_right(&packet, got, packet.size));
    for (size_t n = 0; n < 3; n++) {
        long size = receive();

        assert_true(size > 0);
        assert_true(check_piece(&packet, n, mss, got, (size_t)size, true) == (n == 2));
        assert_memory_equal(&got_header, &no_header, sizeof(no_header));
    }
    assert_int_equal(receive(), -PV_EAGAIN);
}

static void a_driver_gets_what_it_takes(void **state)
{
    assert_int_equal(attach(), 0);
    set_header(12);
    __wrap_tap_fd_set_offload(tap, 1, 1, 0, 1, 0, 0, 0);
    for (unsigned int v6 = 0; v6 < 2; v6++) {
        struct pv_frame_info info;

        packet = (struct packet){ .v6 = v6, .data = 3000 };
        packet_make(&packet);
        info = segments(&packet, 2000);
        arrives(&info, packet.octets, packet.size);
        if (!v6) {
            struct tap_header whole = header_of(&packet, 2000);

            assert_int_equal(receive(), packet.size);
            assert_memory_equal(&got_header, &whole, sizeof(whole));
            assert_memory_equal(got, packet.octets, packet.size);
            continue;
        }
        for (size_t n = 0; n < 2; n++) {
            long size = receive();

            assert_true(size > 0);
            check_piece(&packet, n, 2000, got, (size_t)size, false);
            assert_int_equal(got_header.gso_type, TAP_GSO_NONE);
            assert_int_equal(got_header.flags, TAP_NEEDS_CSUM);
            assert_int_equal(got_header.csum_start, packet.transport);
        }
    }
    assert_int_equal(receive(), -PV_EAGAIN);
}

/* The offloads at the time of the read count, also for frames that arrived before. */
static void a_driver_that_begins_anew(void **state)
{
    struct pv_frame_info info;

    packet = (struct packet){ .data = 3000 };
    packet_make(&packet);
    info = segments(&packet, 2000);
    assert_int_equal(attach(), 0);
    set_header(12);
    __wrap_tap_fd_set_offload(tap, 1, 1, 1, 1, 0, 0, 0);
    arrives(&info, packet.octets, packet.size);
    __wrap_tap_fd_set_offload(tap, 0, 0, 0, 0, 0, 0, 0);
    set_header(10);
    for (size_t n = 0; n < 2; n++) {
        long size = receive();

        assert_true(size > 0);
        check_piece(&packet, n, 2000, got, (size_t)size, true);
    }
    /* Segmentation without checksums makes no sense to a driver, and is ignored. */
    __wrap_tap_fd_set_offload(tap, 0, 1, 1, 0, 0, 0, 0);
    arrives(&info, packet.octets, packet.size);
    assert_int_equal(receive(), packet.header + 2000);
}

/* If QEMU does not read, the memory used is bounded. */
static void too_many_frames_wait_in_the_ring(void **state)
{
    static uint8_t frame[60000];
    size_t n = 0;

    assert_int_equal(attach(), 0);
    for (; vif.accepts; n++)
        arrives(&nothing, frame, sizeof(frame));
    assert_true(n >= 1 && n < 4);
    while (n--)
        assert_int_equal(receive(), sizeof(frame));
    assert_true(vif.accepts);
}

/* ---- from QEMU ---- */

static void the_firewall_looks_at_the_frame(void **state)
{
    uint8_t frame[60] = "\xff\xff\xff\xff\xff\xff\x00\x16\x3e\x01\x02\x03\x88\xb5";

    platform.firewall = true;
    assert_int_equal(attach(), 0);
    for (size_t size = 10; size <= PV_TAP_HEADER_MAX; size += size < 12 ? 2 : 52) {
        set_header(size);
        frame[11] = 3;
        assert_int_equal(put_frame(&no_header, frame, 13), -PV_EINVAL);     /* too short for a frame */
        assert_int_equal(put_frame(&no_header, frame, 60), 0);
        assert_int_equal(vif.sent, 1);
        frame[11] = 4;
        assert_int_equal(put_frame(&no_header, frame, 60), 0);              /* a foreign address */
        assert_int_equal(vif.sent, 1);
        assert_int_equal(vif.size, 60);
        assert_int_equal(vif.frame[11], 3);
        vif.sent = 0;
    }
}

static void a_full_nic(void **state)
{
    uint8_t frame[61] = { 0 };

    assert_int_equal(attach(), 0);
    vif.busy = 1;
    assert_int_equal(put_frame(&no_header, frame, 60), 0);      /* waits here */
    assert_int_equal(put_frame(&no_header, frame, 61), 0);
    assert_int_equal(ready(), 0);
    assert_int_equal(vif.sent, 0);
    vif.room(vif.arg);
    assert_int_equal(ready(), POLLOUT);
    assert_int_equal(vif.sent, 2);
    assert_int_equal(vif.size, 61);
    set_header(12);
    vif.busy = 1;
    assert_int_equal(put_frame(&no_header, frame, 60), -PV_EAGAIN);
    assert_int_equal(put_frame(&no_header, frame, 60), -PV_EAGAIN);
    assert_int_equal(ready(), 0);
    vif.room(vif.arg);
    assert_int_equal(put_frame(&no_header, frame, 60), 0);
    assert_int_equal(vif.sent, 3);
}

static void segments_are_the_backends_or_cut(void **state)
{
    struct tap_header header;

    packet = (struct packet){ .data = 3000 };
    packet_make(&packet);
    header = header_of(&packet, 1000);
    assert_int_equal(attach(), 0);
    set_header(12);
    vif.offloads = PV_OFFLOAD_CSUM4 | PV_OFFLOAD_GSO4;
    assert_int_equal(put_frame(&header, packet.octets, packet.size), 0);
    assert_int_equal(vif.sent, 1);
    assert_int_equal(vif.size, packet.size);
    assert_int_equal(vif.info.gso, XEN_NETIF_GSO_TYPE_TCPV4);
    assert_int_equal(vif.info.gso_size, 1000);
    assert_true(vif.info.csum_blank);
    vif.offloads = PV_OFFLOAD_CSUM6 | PV_OFFLOAD_GSO6;
    assert_int_equal(put_frame(&header, packet.octets, packet.size), 0);
    assert_int_equal(vif.sent, 4);
    assert_int_equal(vif.info.gso, 0);
    assert_false(vif.info.csum_blank);
    assert_true(check_piece(&packet, 2, 1000, vif.frame, vif.size, true));
}

static void refused_headers(void **state)
{
    static const struct { const char *what; struct tap_header header; } list[] = {
        { "checksum behind the end", { .flags = TAP_NEEDS_CSUM, .csum_start = 3053 } },
        { "checksum far behind the end", { .flags = TAP_NEEDS_CSUM, .csum_start = 65535, .csum_offset = 65535 } },
        { "headers longer than the frame", { .header_size = 3055 } },
        { "unknown segments", { .flags = TAP_NEEDS_CSUM, .gso_type = 2, .gso_size = 1000, .csum_start = 34,
            .csum_offset = 16 } },
        { "segments without a size", { .flags = TAP_NEEDS_CSUM, .gso_type = TAP_GSO_TCP4, .csum_start = 34,
            .csum_offset = 16 } },
        { "segments of the other family", { .flags = TAP_NEEDS_CSUM, .gso_type = TAP_GSO_TCP6, .gso_size = 1000,
            .csum_start = 54, .csum_offset = 16 } },
        { "segments whose checksum is done", { .gso_type = TAP_GSO_TCP4, .gso_size = 1000 } },
    };
    struct iovec much = { got, SIZE_MAX - 3 }, many[] = { much, much };

    packet = (struct packet){ .data = 3000 };
    packet_make(&packet);
    assert_int_equal(attach(), 0);
    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        if (put_frame(&list[i].header, packet.octets, packet.size) != -PV_EINVAL)
            fail_msg("%s: is taken", list[i].what);
    assert_int_equal(put_frame(&no_header, got, PV_FRAME_MAX + 1), -PV_EINVAL);
    assert_int_equal(handle()->ops->write(handle(), &much, 1), -PV_EINVAL);
    assert_int_equal(handle()->ops->write(handle(), many, 2), -PV_EINVAL);
    much.iov_len = sizeof(struct tap_header) - 1;
    assert_int_equal(handle()->ops->write(handle(), &much, 1), -PV_EINVAL);
    assert_int_equal(handle()->ops->write(handle(), NULL, 0), -PV_EINVAL);
    assert_int_equal(vif.sent, 0);
}

/* ---- QEMU's questions, and joining ---- */

static void it_has_a_header_and_all_offloads(void **state)
{
    static const int refused[] = { -1, 0, 9, PV_TAP_HEADER_MAX + 1 };

    assert_int_equal(attach(), 0);
    assert_int_equal(__wrap_tap_probe_vnet_hdr(tap, NULL), 1);
    assert_int_equal(__wrap_tap_probe_has_ufo(tap), 1);
    assert_int_equal(__wrap_tap_probe_has_uso(tap), 1);
    for (size_t i = 0; i < ARRAY_LEN(refused); i++)
        __wrap_tap_fd_set_vnet_hdr_len(tap, refused[i]);
    arrives(&nothing, got, 60);
    assert_int_equal(receive(), 60);
}

static void another_descriptor_is_no_tap(void **state)
{
    assert_int_equal(__wrap_tap_probe_vnet_hdr(0, NULL), 0);
    assert_int_equal(__wrap_tap_probe_has_ufo(0), 0);
    assert_int_equal(__wrap_tap_probe_has_uso(0), 0);
    __wrap_tap_fd_set_vnet_hdr_len(0, 12);
    __wrap_tap_fd_set_offload(0, 1, 1, 1, 1, 1, 1, 1);
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
    assert_int_equal(vif.closed, 1);
    assert_int_equal(pages, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(frames_are_accepted_from_the_start), TEST(who_polls_is_woken_once), TEST(what_was_left_over_is_done),
        TEST(a_driver_gets_what_it_takes), TEST(a_driver_that_begins_anew), TEST(too_many_frames_wait_in_the_ring),
        TEST(the_firewall_looks_at_the_frame), TEST(a_full_nic), TEST(segments_are_the_backends_or_cut),
        TEST(refused_headers), TEST(it_has_a_header_and_all_offloads), TEST(another_descriptor_is_no_tap),
        TEST(a_vif_that_is_not_there_yet), TEST(another_address_is_refused),
    };

    return cmocka_run_group_tests_name("rump NIC", tests, NULL, NULL);
}
