// sources: launcher/xen-layer/nic.c launcher/xen-layer/nic-ring.c launcher/xen-layer/frame.c
// sources: tests/unit/fake-netback.c tests/unit/fake-pv-store.c tests/unit/fake-pv.c launcher/xen-layer/text.c
// wrap: pv_event_notify
/*
 * The network frontend with a backend that the test plays: xenstore, frames in both directions, and everything that a
 * backend may do wrong.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-netback.h"
#include "nic-ring.h"
#include "packets.h"

static struct pv_nic *nic;
static struct packet packet;
static const struct pv_frame_info plain;

/* The frames that arrived. */
static struct { struct pv_frame_info info; uint8_t *data; size_t size; } got[2048];
static size_t got_count, rooms;
static size_t stop_after; /* calls pv_nic_accept(false) at this frame; 0: never */
static void (*on_notify)(void);

void __real_pv_event_notify(uint32_t port);

void __wrap_pv_event_notify(uint32_t port)
{
    __real_pv_event_notify(port);
    if (on_notify)
        on_notify();
}

static void take(void *arg, const struct pv_frame_info *info, const void *frame, size_t size)
{
    assert_ptr_equal(arg, &got);
    assert_true(got_count < ARRAY_LEN(got));
    got[got_count].info = *info;
    got[got_count].data = memcpy(malloc(size), frame, size);
    got[got_count++].size = size;
    if (got_count == stop_after)
        pv_nic_accept(nic, false);
}

static void room(void *arg)
{
    assert_ptr_equal(arg, &got);
    rooms++;
}

static void forget_got(void)
{
    while (got_count)
        free(got[--got_count].data);
}

static int open_nic(void)
{
    return pv_nic_open(0, take, room, &got, &nic);
}

static void connect(void)
{
    netback_add(0);
    assert_int_equal(open_nic(), 0);
    pv_nic_accept(nic, true);
    assert_int_equal(netback_frontend_state(0), XenbusStateConnected);
    netback_run_thread();
}

static void disconnect(void)
{
    if (nic)
        pv_nic_close(nic);
    nic = NULL;
    netback_run_thread();
    netback_run_thread();
}

static int setup(void **state)
{
    fake_pv_reset();
    fake_store_reset();
    netback_reset();
    nic = NULL;
    rooms = stop_after = 0;
    on_notify = NULL;
    return 0;
}

static int teardown(void **state)
{
    disconnect();
    forget_got();
    netback_reset();
    assert_int_equal(fake_grants_used(), 0);
    assert_int_equal(fake_heap_used, 0);
    assert_int_equal(fake_pages_used, 0);
    assert_int_equal(fake_store_watches(), 0);
    return 0;
}

static void fill(uint8_t *to, size_t size, unsigned int seed)
{
    for (size_t i = 0; i < size; i++)
        to[i] = seed + i * 13 + (i >> 8);
}

/* ---- xenstore ---- */

static void connects(void **state)
{
    uint8_t mac[6];

    assert_int_equal(open_nic(), -PV_EAGAIN);
    netback_run_thread();
    connect();
    pv_nic_mac(nic, mac);
    assert_memory_equal(mac, "\x00\x16\x3e\x01\x02\x03", 6);
    assert_int_equal(pv_nic_offloads(nic), PV_OFFLOAD_CSUM4 | PV_OFFLOAD_CSUM6 | PV_OFFLOAD_GSO4 | PV_OFFLOAD_GSO6);
    assert_int_equal(netback_rx_free(), NIC_RX_PAGES);
    assert_int_equal(open_nic(), -PV_EBUSY);
    pv_nic_close(nic);
    assert_int_equal(open_nic(), -PV_EAGAIN); /* until the thread has ended the old connection */
    netback_run_thread();
    assert_int_equal(netback_frontend_state(0), XenbusStateClosed);
    assert_int_equal(fake_grants_used(), 0);
    /* A new connection works. */
    assert_int_equal(open_nic(), 0);
    assert_int_equal(netback_frontend_state(0), XenbusStateConnected);
}

static void backend_does_less(void **state)
{
    static const struct { struct netback_features features; unsigned int offloads; } list[] = {
        { { .rx_copy = true }, PV_OFFLOAD_CSUM4 },
        { { .rx_copy = true, .gso4 = true, .gso6 = true }, PV_OFFLOAD_CSUM4 }, /* no segmentation without feature-sg */
        { { .rx_copy = true, .sg = true, .gso4 = true }, PV_OFFLOAD_CSUM4 | PV_OFFLOAD_GSO4 },
        { { .rx_copy = true, .sg = true, .gso6 = true, .csum6 = true, .no_csum4 = true },
          PV_OFFLOAD_CSUM6 | PV_OFFLOAD_GSO6 },
    };

    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        netback_features = list[i].features;
        connect();
        assert_int_equal(pv_nic_offloads(nic), list[i].offloads);
        disconnect();
        netback_remove(0);
    }
    netback_features.rx_copy = false;
    netback_add(0);
    assert_int_equal(open_nic(), -PV_ENODEV);
}

static bool backend_comes(void)
{
    fake_now += PV_SECOND;
    if (fake_now > 3 * PV_SECOND)
        netback_set_state(0, XenbusStateInitWait);
    return true;
}

static void waits_for_the_backend(void **state)
{
    netback_add(0);
    netback_set_state(0, XenbusStateInitialising);
    assert_int_equal(open_nic(), -PV_ENODEV);
    assert_int_equal(fake_now, 5 * PV_SECOND);
    netback_run_thread();
    fake_now = 0;
    fake_on_sleep = backend_comes;
    assert_int_equal(open_nic(), 0);
    fake_on_sleep = NULL;
}

static void bad_nodes(void **state)
{
    static const struct { const char *path, *value; int rc; } list[] = {
        { "device/vif/0/backend-id", "32752", -PV_ENODEV }, /* DOMID_SELF */
        { "device/vif/0/backend-id", "x", -PV_ENODEV },
        { "device/vif/0/backend-id", "123456789", -PV_EAGAIN },
        { "device/vif/0/mac", "00:16:3e:01:02:0g", -PV_ENODEV },
        { "device/vif/0/mac", "00:16:3e:01:02", -PV_ENODEV },
        { "device/vif/0/mac", "00:16:3e:01:02:03:04", -PV_ENODEV },
        { "device/vif/0/mac", "00-16-3e-01-02-03", -PV_ENODEV },
        { "/local/domain/0/backend/vif/7/0/state", "7654321", -PV_ENODEV },
    };

    for (size_t i = 0; i < ARRAY_LEN(list); i++) {
        netback_add(0);
        fake_store_set(list[i].path, "%s", list[i].value);
        assert_int_equal(open_nic(), list[i].rc);
        netback_run_thread();
        netback_remove(0);
        assert_int_equal(fake_heap_used, 0);
    }
}

static void check_nothing_left(void)
{
    disconnect();
    assert_int_equal(fake_heap_used + fake_pages_used + fake_grants_used() + fake_store_watches(), 0);
    netback_remove(0);
}

/*
 * Each request to xenstore fails in turn: nothing is left, and the next time it works. Features of the backend may be
 * unreadable: then it works without them.
 */
static void fails_anywhere(void **state)
{
    size_t requests, worked = 0;
    long n;

    netback_add(0);
    fake_store_requests = 0;
    assert_int_equal(open_nic(), 0);
    requests = fake_store_requests;
    check_nothing_left();
    for (n = 0; n < (long)requests; n++) {
        netback_add(0);
        nic = NULL;
        fake_store_fails = n;
        worked += !open_nic();
        assert_int_equal(fake_store_fails, -1);
        check_nothing_left();
    }
    assert_int_equal(worked, 6); /* requests that may fail: the first state, and five features */
    for (n = 0;; n++) {
        netback_add(0);
        nic = NULL;
        fake_alloc_fails = n;
        if (!open_nic())
            break;
        fake_alloc_fails = -1;
        check_nothing_left();
    }
    assert_int_equal(n, 2 + 2 + NIC_RX_PAGES + NIC_TX_PAGES_MIN);
    fake_alloc_fails = -1;
    check_nothing_left();
    netback_add(0);
    fake_event_error = -PV_ENOSPC;
    assert_int_equal(open_nic(), -PV_ENOSPC);
    fake_event_error = 0;
}

/* ---- sending ---- */

static void check_sent(size_t i, const uint8_t *data, size_t size, unsigned int flags)
{
    struct netback_frame *frame = &netback_frames[i];

    assert_int_equal(frame->size, size);
    assert_memory_equal(frame->data, data, size);
    assert_int_equal(frame->flags & ~(NETTXF_more_data | NETTXF_extra_info), flags);
}

static void send_and_check(const uint8_t *frame, size_t size)
{
    assert_int_equal(pv_nic_send(nic, &plain, frame, size), 0);
    assert_int_equal(netback_take(), 1);
    check_sent(0, frame, size, 0);
    assert_int_equal(netback_frames[0].requests, (size + PV_PAGE - 1) / PV_PAGE);
    netback_answer(0, NETIF_RSP_OKAY);
    netback_push();
    netback_forget();
}

static void sends_any_length(void **state)
{
    static uint8_t frame[65536];

    connect();
    fill(frame, sizeof(frame), 1);
    for (size_t size = 14; size <= 5000; size++)
        send_and_check(frame, size);
    for (size_t size = 5001; size <= 65535; size += size < 65000 ? 997 : 1)
        send_and_check(frame, size);
    assert_int_equal(pv_nic_send(nic, &plain, frame, 13), -PV_EINVAL);
    assert_int_equal(pv_nic_send(nic, &plain, frame, 65536), -PV_EINVAL);
    assert_int_equal(netback_take(), 0);
}

static void without_scatter(void **state)
{
    static uint8_t frame[5000];

    netback_features.sg = false;
    connect();
    send_and_check(frame, PV_PAGE);
    assert_int_equal(pv_nic_send(nic, &plain, frame, PV_PAGE + 1), -PV_EINVAL);
}

static struct pv_frame_info info_of(const struct packet *p, uint16_t mss)
{
    struct pv_frame_info info = { .csum_blank = true, .csum_start = p->transport, .csum_offset = checksum_offset(p) };

    if (mss) {
        info.gso = p->v6 ? XEN_NETIF_GSO_TYPE_TCPV6 : XEN_NETIF_GSO_TYPE_TCPV4;
        info.gso_size = mss;
        info.header_size = p->header;
    }
    return info;
}

static void leaves_work_to_the_backend(void **state)
{
    static const size_t sizes[] = { 100, 1999, 2100, 4042, 4043, 30000, 65400 };

    connect();
    for (size_t i = 0; i < 4 * ARRAY_LEN(sizes); i++) {
        struct pv_frame_info info;

        packet = (struct packet){ .v6 = i & 1, .data = sizes[i / 4] };
        packet_make(&packet);
        info = info_of(&packet, i & 2 ? 1448 : 0);
        assert_int_equal(pv_nic_send(nic, &info, packet.octets, packet.size), 0);
        assert_int_equal(netback_take(), 1);
        check_sent(0, packet.octets, packet.size, NETTXF_csum_blank | NETTXF_data_validated);
        assert_int_equal(netback_frames[0].extras, i & 2 ? 1 : 0);
        assert_int_equal(netback_frames[0].gso, info.gso);
        assert_int_equal(netback_frames[0].gso_size, info.gso_size);
        netback_answer(0, NETIF_RSP_OKAY);
        netback_push();
        netback_forget();
    }
    packet = (struct packet){ .data = 100 };
    packet_make(&packet);
    assert_int_equal(pv_nic_send(nic, &(struct pv_frame_info){ .csum_valid = true }, packet.octets, packet.size), 0);
    netback_take();
    check_sent(0, packet.octets, packet.size, NETTXF_data_validated);
}

/*
 * Refused: the frame's headers have another place for the checksum than info, or the backend does not have this
 * offload.
 */
static void refuses_lies(void **state)
{
    struct pv_frame_info good, bad;

    netback_features.csum6 = netback_features.gso6 = false;
    connect();
    packet = (struct packet){ .data = 5000 };
    packet_make(&packet);
    good = info_of(&packet, 1448);
#define BAD(change) bad = good; change; assert_int_equal(pv_nic_send(nic, &bad, packet.octets, packet.size), -PV_EINVAL)
    BAD(bad.csum_start++);
    BAD(bad.csum_offset = 6);
    BAD(bad.csum_blank = false);
    BAD(bad.gso = XEN_NETIF_GSO_TYPE_TCPV6);
    BAD(bad.gso = 3);
    BAD(bad.gso_size = 0);
    packet.octets[packet.transport + 12] = 0x10;
    BAD(bad.gso_size = 1448);
    packet.octets[packet.transport + 12] = 0x50;
    assert_int_equal(pv_nic_send(nic, &good, packet.octets, packet.size), 0);
    packet = (struct packet){ .udp = true, .data = 5000 };
    packet_make(&packet);
    good = info_of(&packet, 1448);
    BAD(bad.csum_blank = true);
    packet = (struct packet){ .tags = 1, .data = 50 };
    packet_make(&packet);
    good = info_of(&packet, 0);
    BAD(bad.csum_blank = true);
    packet = (struct packet){ .v6 = true, .data = 50 };
    packet_make(&packet);
    good = info_of(&packet, 0);
    BAD(bad.csum_blank = true);
    assert_int_equal(netback_take(), 1);
}

static void fill_up(size_t size, size_t expected)
{
    static uint8_t frame[65536];
    size_t n = 0;
    int rc;

    while (!(rc = pv_nic_send(nic, &plain, frame, size)))
        n++;
    assert_int_equal(rc, -PV_EAGAIN);
    assert_int_equal(n, expected);
    assert_int_equal(rooms, 0);
    netback_take();
}

static void full_of_small_ones(void **state)
{
    connect();
    fill_up(1514, 2 * NIC_TX_PAGES);
    assert_int_equal(netback_count, 2 * NIC_TX_PAGES);
    /* A quarter of the frames must be answered before the frontend is notified, although one would be enough. */
    for (size_t i = 0; i < NIC_TX_PAGES / 2; i++)
        netback_answer(2 * NIC_TX_PAGES - 1 - i, i & 1 ? NETIF_RSP_OKAY : NETIF_RSP_DROPPED);
    netback_push();
    assert_int_equal(rooms, 0);
    netback_answer(0, NETIF_RSP_ERROR);
    assert_true(netback_push());
    assert_int_equal(rooms, 1);
    netback_answer_all();
    netback_push();
    assert_int_equal(rooms, 1);
    netback_forget();
    rooms = 0;
    fill_up(1514, 2 * NIC_TX_PAGES);
}

static void full_of_large_ones(void **state)
{
    connect();
    fill_up(65535, NIC_TX_PAGES / 16);
    netback_answer(1, NETIF_RSP_OKAY);
    netback_push();
    netback_answer(2, NETIF_RSP_OKAY);
    netback_push();
    assert_int_equal(rooms, 1);
    assert_int_equal(pv_nic_send(nic, &plain, packet.octets, 40000), 0);
}

/* Room that was there before the backend was asked for a notification is found at once. */
static void room_without_a_word(void **state)
{
    static uint8_t frame[1514];

    connect();
    for (size_t i = 0; i < 2 * NIC_TX_PAGES; i++)
        assert_int_equal(pv_nic_send(nic, &plain, frame, sizeof(frame)), 0);
    netback_take();
    netback_answer(7, NETIF_RSP_OKAY);
    assert_false(netback_push());
    assert_int_equal(pv_nic_send(nic, &plain, frame, sizeof(frame)), 0);
}

static void little_memory(void **state)
{
    static uint8_t frame[65536];

    connect();
    fake_alloc_fails = 0;
    for (size_t i = 0; i < 2 * NIC_TX_PAGES_MIN; i++)
        assert_int_equal(pv_nic_send(nic, &plain, frame, 1514), 0);
    assert_int_equal(pv_nic_send(nic, &plain, frame, 65535), 0); /* the test makes only one allocation fail */
    fake_alloc_fails = -1;
    netback_take();
    assert_int_equal(netback_count, 2 * NIC_TX_PAGES_MIN + 1);
}

/* Frames of all sizes, answered in any order: a page has two frames, one, or a part of one. */
static void mixed(void **state)
{
    static uint8_t frame[65536];
    unsigned int seed = 1;
    size_t sent = 0;

    connect();
    while (sent < 5000) {
        size_t size = 14 + rand_r(&seed) % (rand_r(&seed) % 8 ? 3000 : 60000);

        fill(frame, size, size);
        if (pv_nic_send(nic, &plain, frame, size)) {
            assert_true(netback_count > 0);
        } else {
            assert_true(netback_take() > 0);
            check_sent(netback_count - 1, frame, size, 0);
            sent++;
        }
        for (size_t i = netback_count; i--;)
            if (!netback_frames[i].answered && rand_r(&seed) % 8 == 0)
                netback_answer(i, NETIF_RSP_OKAY);
        netback_push();
        if (netback_count > 200) {
            netback_answer_all();
            netback_push();
            netback_forget();
        }
    }
}

/* ---- receiving ---- */

static void receive_and_check(const uint8_t *frame, size_t size)
{
    assert_true(netback_give(frame, size, 0, 0, 0));
    assert_true(netback_push());
    assert_int_equal(got_count, 1);
    assert_int_equal(got[0].size, size);
    assert_memory_equal(got[0].data, frame, size);
    assert_memory_equal(&got[0].info, &plain, sizeof(plain));
    assert_int_equal(netback_rx_free(), NIC_RX_PAGES);
    forget_got();
}

static void receives_any_length(void **state)
{
    static uint8_t frame[65550];

    connect();
    fill(frame, sizeof(frame), 9);
    for (size_t size = 14; size <= 5000; size++)
        receive_and_check(frame, size);
    for (size_t size = 5001; size <= 65550; size += size < 65000 ? 997 : 1)
        receive_and_check(frame, size);
}

static void receives_offloads(void **state)
{
    connect();
    for (unsigned int i = 0; i < 8; i++) {
        struct pv_frame_info expected;

        packet = (struct packet){ .v6 = i & 1, .udp = i == 4, .data = i & 2 ? 60000 : 1400, .options = 12 };
        packet_make(&packet);
        expected = info_of(&packet, i & 2 ? 1448 : 0);
        assert_true(netback_give(packet.octets, packet.size, NETRXF_csum_blank | NETRXF_data_validated,
                                 expected.gso, expected.gso_size));
        netback_push();
        assert_int_equal(got_count, 1);
        assert_memory_equal(&got[0].info, &expected, sizeof(expected));
        assert_memory_equal(got[0].data, packet.octets, packet.size);
        forget_got();
    }
    netback_give(packet.octets, packet.size, NETRXF_data_validated, 0, 0);
    netback_push();
    assert_true(got[0].info.csum_valid && !got[0].info.csum_blank);
}

/* Faulty frames are dropped, and the next frame arrives. */
static void drops_what_is_unfit(void **state)
{
    static const uint8_t frame[60];
    struct netif_extra_info gso = { .type = XEN_NETIF_EXTRA_TYPE_GSO, .u.gso = { .type = 1, .size = 1448 } };

    connect();
    packet = (struct packet){ .data = 3000 };
    packet_make(&packet);
    netback_say_rx(0, 0, 13);                       /* too short */
    netback_say_rx(0, 0, NETIF_RSP_ERROR);          /* could not be copied */
    netback_say_rx(0, NETRXF_more_data, 1000);      /* its second half could not be copied */
    netback_say_rx(0, 0, NETIF_RSP_DROPPED);
    memcpy(netback_rx_page(), frame, sizeof(frame));
    netback_say_rx(0, NETRXF_csum_blank, 60);       /* no place for a checksum */
    memcpy(netback_rx_page(), packet.octets, packet.size);
    netback_say_rx(0, NETRXF_extra_info, packet.size); /* segmentation without a blank checksum */
    netback_say_extra(gso);
    memcpy(netback_rx_page(), packet.octets, packet.size);
    netback_say_rx(0, NETRXF_csum_blank | NETRXF_extra_info, packet.size);
    gso.u.gso.type = 2;                             /* the wrong IP version's */
    netback_say_extra(gso);
    netback_say_rx(0, NETRXF_csum_blank | NETRXF_extra_info, packet.size);
    gso.u.gso.type = 3;                             /* an unknown type */
    netback_say_extra(gso);
    netback_say_rx(0, NETRXF_csum_blank | NETRXF_extra_info, packet.size);
    gso.u.gso = (__typeof__(gso.u.gso)){ .type = 1 }; /* no segment size */
    netback_say_extra(gso);
    netback_say_rx(0, NETRXF_extra_info, packet.size);
    gso.type = XEN_NETIF_EXTRA_TYPE_HASH;           /* we did not ask for this type */
    netback_say_extra(gso);
    netback_give(packet.octets, packet.size, 0, 0, 0);
    netback_push();
    assert_int_equal(got_count, 1);
    assert_memory_equal(got[0].data, packet.octets, packet.size);
    assert_int_equal(netback_rx_free(), NIC_RX_PAGES);
    assert_string_equal(fake_log, "");
}

static void too_long(void **state)
{
    connect();
    for (int i = 0; i < 17; i++)
        netback_say_rx(0, i < 16 ? NETRXF_more_data : 0, 4096);
    netback_push();
    assert_int_equal(got_count, 0);
    receive_and_check(packet.octets, 100);
}

/* Frames of pieces at any offset; and a frame whose end comes later. */
static void in_pieces(void **state)
{
    static uint8_t frame[3000];

    connect();
    fill(frame, sizeof(frame), 3);
    memcpy((uint8_t *)netback_rx_page() + 3096, frame, 1000);
    netback_say_rx(3096, NETRXF_more_data, 1000);
    assert_true(netback_push());
    assert_int_equal(got_count, 0);
    netback_say_rx(0, NETRXF_more_data, 0);
    netback_push();
    memcpy((uint8_t *)netback_rx_page() + 7, frame + 1000, 2000);
    netback_say_rx(7, 0, 2000);
    assert_true(netback_push());
    assert_int_equal(got_count, 1);
    assert_memory_equal(got[0].data, frame, 3000);
}

static void nobody_accepts(void **state)
{
    static uint8_t frame[4 * PV_PAGE];
    size_t n = 0;

    connect();
    stop_after = 3;
    while (netback_give(frame, 1514, 0, 0, 0))
        n++;
    assert_int_equal(n, NIC_RX_PAGES);
    netback_push();
    assert_int_equal(got_count, 3);
    assert_int_equal(netback_rx_free(), 3);
    netback_push();
    fake_event_fire(netback_port);
    assert_int_equal(got_count, 3);
    assert_false(netback_give(frame, PV_PAGE * 4, 0, 0, 0));
    fake_event_notified(netback_port);
    pv_nic_accept(nic, true);
    assert_int_equal(got_count, n);
    assert_int_equal(netback_rx_free(), NIC_RX_PAGES);
    assert_true(fake_event_notified(netback_port) > 0); /* the backend waited for room */
}

/* The backend is notified once for many frames, when other threads run. */
static void tells_at_once_or_later(void **state)
{
    uint8_t frame[100];

    fill(frame, sizeof(frame), 1);
    connect();
    for (unsigned int gather = 0; gather < 2; gather++) {
        if (gather)
            pv_nic_gather(nic, 3 * sizeof(frame));
        fake_event_notified(netback_port);
        for (int i = 0; i < 3; i++) {
            assert_int_equal(pv_nic_send(nic, &plain, frame, sizeof(frame)), 0);
            assert_int_equal(fake_event_notified(netback_port), !i && !gather);
        }
        netback_run_thread();
        assert_int_equal(fake_event_notified(netback_port), gather);
        netback_run_thread();
        assert_int_equal(fake_event_notified(netback_port), 0);
        assert_int_equal(netback_take(), 3);
        netback_answer_all();
        netback_push();
        netback_forget();
    }
    /* With more octets it is notified earlier. */
    for (int i = 1; i <= 4; i++) {
        assert_int_equal(pv_nic_send(nic, &plain, frame, sizeof(frame)), 0);
        assert_int_equal(fake_event_notified(netback_port), i == 4);
    }
    netback_run_thread();
    assert_int_equal(fake_event_notified(netback_port), 0);
}

/* Frames that come before the first pv_nic_accept(true) wait, too. */
static void not_yet_accepted(void **state)
{
    netback_add(0);
    assert_int_equal(open_nic(), 0);
    assert_true(netback_give(packet.octets, 60, 0, 0, 0));
    netback_push();
    netback_run_thread();
    assert_int_equal(got_count, 0);
    pv_nic_accept(nic, true);
    assert_int_equal(got_count, 1);
}

/* Nobody accepts frames for a long time: they are dropped, so that the backend has room. */
static void stale(void **state)
{
    static uint8_t frame[1514];

    connect();
    pv_nic_accept(nic, false);
    while (netback_give(frame, sizeof(frame), 0, 0, 0))
        ;
    netback_push();
    fake_now += 9 * PV_SECOND;
    netback_run_thread();
    assert_int_equal(netback_rx_free(), 0);
    fake_now += 2 * PV_SECOND;
    netback_run_thread();
    assert_int_equal(netback_rx_free(), NIC_RX_PAGES);
    assert_int_equal(got_count, 0);
    pv_nic_accept(nic, true);
    receive_and_check(frame, sizeof(frame));
    fake_now += 20 * PV_SECOND;
    netback_give(frame, sizeof(frame), 0, 0, 0);
    netback_run_thread();
    netback_push();
    assert_int_equal(got_count, 1);
}

/* A backend that always has more frames. */
static void give_more(void)
{
    while (netback_give(packet.octets, 60, 0, 0, 0))
        ;
    netback_push();
}

static void flood(void **state)
{
    size_t before;

    connect();
    on_notify = give_more;
    give_more();
    before = got_count;
    assert_in_range(before, 100, 300);
    netback_run_thread();
    assert_in_range(got_count, before + 100, before + 600);
    on_notify = NULL;
    netback_run_thread();
    assert_int_equal(netback_rx_free(), NIC_RX_PAGES);
}

/* ---- ends ---- */

static void check_gone(void)
{
    size_t before = got_count;

    assert_int_equal(pv_nic_send(nic, &plain, packet.octets, 60), -PV_ENODEV);
    fake_event_fire(netback_port);
    assert_int_equal(got_count, before);
    pv_nic_accept(nic, false);
    pv_nic_accept(nic, true);
    assert_int_equal(rooms, 1);
    assert_int_equal(fake_grants_used(), 0);
}

static void backend_closes(void **state)
{
    connect();
    assert_int_equal(pv_nic_send(nic, &plain, packet.octets, 60), 0);
    netback_set_state(0, XenbusStateClosing);
    netback_run_thread();
    assert_int_equal(netback_frontend_state(0), XenbusStateClosed);
    check_gone();
    assert_int_equal(open_nic(), -PV_EBUSY);
}

static void detached(void **state)
{
    connect();
    netback_remove(0);
    netback_run_thread();
    check_gone();
    assert_null(fake_store_get("device/vif/0/state")); /* the node is not made again */
}

/* The backend does not answer, and keeps pages mapped: these are lost, and nothing else. */
static void keeps_grants(void **state)
{
    uint32_t refs[2];
    void *pages[2];

    connect();
    assert_int_equal(pv_nic_send(nic, &plain, packet.octets, 60), 0);
    refs[0] = netback_tx->ring[0].req.gref;
    refs[1] = netback_rx->ring[5].req.gref;
    for (int i = 0; i < 2; i++) {
        pages[i] = fake_grant_page(refs[i]);
        fake_grant_hold(refs[i], true);
    }
    netback_silent = true;
    pv_nic_close(nic);
    nic = NULL;
    netback_run_thread();
    assert_true(fake_grants_used() > 2);
    assert_int_equal(netback_frontend_state(0), XenbusStateClosing);
    fake_now += 6 * PV_SECOND;
    netback_run_thread();
    assert_int_equal(netback_frontend_state(0), XenbusStateClosed);
    assert_int_equal(fake_grants_used(), 2);
    assert_int_equal(fake_pages_used, 2);
    assert_non_null(strstr(fake_log, "keeps 2 pages"));
    for (int i = 0; i < 2; i++) {
        fake_grant_hold(refs[i], false);
        pv_grant_end(refs[i]);
        pv_pages_put(pages[i]);
    }
}

/* ---- hostile ---- */

static void h_tx_too_many(void) { netback_tx->rsp_prod = netback_tx->req_prod + 1; }

/* All answers are NETIF_RSP_NULL. */
static void h_tx_nothings(void)
{
    for (unsigned int i = 0; i < NIC_SLOTS; i++)
        netback_tx->ring[i].rsp.status = NETIF_RSP_NULL;
    netback_tx->rsp_prod = netback_tx->req_prod + 1;
}

static void h_tx_backwards(void) { netback_tx->rsp_prod = -1; }
static void h_tx_unknown_id(void) { netback_say_tx(2 * NIC_TX_PAGES, 0); netback_push(); }
static void h_tx_huge_id(void) { netback_say_tx(0xffff, 0); netback_push(); }
static void h_tx_not_sent(void) { netback_say_tx(1, 0); netback_push(); }
static void h_tx_twice(void) { netback_say_tx(0, 0); netback_say_tx(0, 0); netback_push(); }
static void h_tx_half_of_whole(void) { netback_say_tx(netback_frames[1].ids[0] + 1, 0); netback_push(); }
static void h_rx_too_many(void) { netback_rx->rsp_prod = netback_rx->req_prod + 1; }
static void h_rx_backwards(void) { netback_rx->rsp_prod = -1; }
static void h_rx_offset(void) { netback_say_rx(4097, 0, 0); netback_push(); }
static void h_rx_offset_size(void) { netback_say_rx(4000, 0, 97); netback_push(); }
static void h_rx_size(void) { netback_say_rx(0, 0, 0x7fff); netback_push(); }
static void h_rx_second(void) { netback_say_rx(0, NETRXF_more_data, 60); netback_say_rx(65535, 0, 60); netback_push(); }
static void h_rx_id(void) { netback_say_rx(0, 0, 60); netback_rx->ring[0].rsp.id = 1; netback_push(); }

static void h_rx_endless(void)
{
    for (unsigned int i = 0; i < NIC_RX_PAGES; i++)
        netback_say_rx(0, NETRXF_more_data, 1);
    netback_push();
}

static void h_rx_endless_extras(void)
{
    netback_say_rx(0, NETRXF_extra_info, 60);
    for (unsigned int i = 1; i < NIC_RX_PAGES; i++)
        netback_say_extra((struct netif_extra_info){ .type = 1, .flags = XEN_NETIF_EXTRA_FLAG_MORE });
    netback_push();
}

static void hostile(void **state)
{
    static void (*const attacks[])(void) = {
        h_tx_too_many, h_tx_nothings, h_tx_backwards, h_tx_unknown_id, h_tx_huge_id, h_tx_not_sent, h_tx_twice,
            h_tx_half_of_whole,
        h_rx_too_many, h_rx_backwards, h_rx_offset, h_rx_offset_size, h_rx_size, h_rx_second, h_rx_id, h_rx_endless,
        h_rx_endless_extras,
    };

    for (size_t i = 0; i < ARRAY_LEN(attacks); i++) {
        connect();
        assert_int_equal(pv_nic_send(nic, &plain, packet.octets, 60), 0);
        assert_int_equal(pv_nic_send(nic, &plain, packet.octets, 3000), 0);
        netback_take();
        attacks[i]();
        fake_event_fire(netback_port);
        pv_nic_send(nic, &plain, packet.octets, 60); /* sending looks at the answers */
        if (!strstr(fake_log, "broke the rules"))
            fail_msg("attack %zu was not noticed", i);
        assert_null(strstr(strstr(fake_log, "broke") + 1, "broke"));
        rooms = 0;
        netback_run_thread();
        check_gone();
        fake_log[0] = '\0';
        rooms = 0;
        disconnect();
        netback_forget();
        netback_remove(0);
    }
}

/* A backend with only NULL answers: the ring stays full, and nothing else is affected. */
static void answers_nothing(void **state)
{
    connect();
    fill_up(1514, 2 * NIC_TX_PAGES);
    for (size_t i = 0; i < netback_count; i++)
        netback_say_tx(0, NETIF_RSP_NULL);
    netback_push();
    assert_int_equal(rooms, 0);
    assert_int_equal(pv_nic_send(nic, &plain, packet.octets, 60), -PV_EAGAIN);
}

static void two_nics(void **state)
{
    struct pv_nic *other;

    netback_add(1);
    assert_int_equal(pv_nic_open(1, take, room, &got, &other), 0);
    connect();
    netback_rx->rsp_prod += 100;
    fake_event_fire(netback_port);
    netback_run_thread();
    assert_int_equal(pv_nic_send(nic, &plain, packet.octets, 60), -PV_ENODEV);
    assert_int_equal(pv_nic_send(other, &plain, packet.octets, 60), 0);
    pv_nic_close(other);
}

/* ---- the rings alone: indices that wrap ---- */

static void ring_begin(struct nic_ring *ring, uint32_t start, uint32_t port)
{
    assert_int_equal(nic_ring_init(ring, 0), 0);
    ring->scatter = true;
    netback_map(ring->tx_shared.ref, ring->rx_shared.ref, port);
    ring->tx_prod = ring->tx_cons = ring->rx_cons = ring->rx_seen = start;
    ring->rx_prod = start + NIC_RX_PAGES;
    netback_tx->req_prod = netback_tx->rsp_prod = netback_rx->rsp_prod = start;
    netback_tx->req_event = start + 1;
    netback_rx->req_prod = ring->rx_prod;
    netback_rx->rsp_event = start + 1;
    nic_ring_reap(ring);
    netback_start_at(start);
}

static void indices_wrap(void **state)
{
    static struct nic_ring ring;
    static uint8_t frame[PV_FRAME_MAX], to[PV_FRAME_MAX];
    uint32_t port = fake_event_port();

    for (uint32_t start = -512; start; start += 256) {
        memset(&ring, 0, sizeof(ring));
        ring_begin(&ring, start, port);
        for (unsigned int i = 0; i < 700; i++) {
            size_t size = 60 + i * 131 % 60000, arrived;
            struct pv_frame_info info;
            bool notify;

            fill(frame, size, i);
            assert_int_equal(nic_ring_send(&ring, &plain, frame, size, &notify), 0);
            assert_true(notify);
            netback_take();
            check_sent(0, frame, size, 0);
            netback_answer(0, 0);
            assert_true(netback_give(frame, size, 0, 0, 0));
            assert_true(netback_push());
            netback_forget();
            assert_int_equal(nic_ring_take(&ring, to, &info, &arrived), 1);
            assert_int_equal(arrived, size);
            assert_memory_equal(to, frame, size);
            nic_ring_refill(&ring);
            assert_int_equal(nic_ring_take(&ring, to, &info, &arrived), 0);
            assert_true(nic_ring_rest(&ring));
        }
        assert_true(ring.tx_prod < start); /* the index has wrapped */
        assert_int_equal(nic_ring_dispose(&ring), 0);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(connects), TEST(backend_does_less), TEST(waits_for_the_backend), TEST(bad_nodes), TEST(fails_anywhere),
        TEST(sends_any_length), TEST(without_scatter), TEST(leaves_work_to_the_backend), TEST(refuses_lies),
        TEST(full_of_small_ones), TEST(full_of_large_ones), TEST(room_without_a_word), TEST(little_memory),
        TEST(mixed), TEST(receives_any_length), TEST(receives_offloads), TEST(drops_what_is_unfit), TEST(too_long),
        TEST(tells_at_once_or_later), TEST(in_pieces),
        TEST(nobody_accepts), TEST(not_yet_accepted), TEST(stale), TEST(flood),
            TEST(backend_closes), TEST(detached),
        TEST(keeps_grants), TEST(hostile), TEST(answers_nothing), TEST(two_nics), TEST(indices_wrap),
    };

    return cmocka_run_group_tests_name("pv-nic", tests, NULL, NULL);
}
