// sources: launcher/dom0-daemon/confined/vchan-stream.c launcher/dom0-daemon/confined/throttle.c
// sources: launcher/dom0-daemon/confined/vnc-server.c launcher/dom0-daemon/confined/vchan-client.c
// sources: launcher/dom0-daemon/confined/xen-handles.c tests/unit/fake-xen.c
// sources: launcher/dom0-daemon/both/vnc-port.c
/*
 * VNC viewers over vchan: bytes in both directions, for every ring size and across the wrap; slots that are used,
 * offered again, or stale; a server that lies.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-xen.h"
#include "log.h"
#include "vnc-port.h"
#include "vnc-server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

/* -------- a fake Xen: grant G of slot S is its page; 100 + n are pages of large rings -------- */

#define PAGE 4096
#define SLOT_REF(slot) (10u + (slot))

static union slot_page {
    struct vchan_interface vchan;
    uint8_t bytes[PAGE];
} pages[MESSAGE_MAX_SLOTS] __attribute__((aligned(PAGE)));
static uint8_t large[64 * PAGE] __attribute__((aligned(PAGE)));

static void *slot_or_large(const uint32_t *refs, uint32_t count)
{
    if (count == 1 && refs[0] >= SLOT_REF(0) && refs[0] < SLOT_REF(MESSAGE_MAX_SLOTS))
        return &pages[refs[0] - SLOT_REF(0)];
    for (uint32_t i = 0; i < count; i++)
        if (refs[i] != refs[0] + i || refs[i] < 100 || refs[i] >= 164)
            return NULL;
    return large + (refs[0] - 100) * PAGE;
}

/* -------- an honest server, and the viewers -------- */

static int64_t now = 1000;
static struct loop loop;
static struct xen_handles handles;
static struct vnc_server server;

static int64_t fake_now(void) { return now; }

static void arm(unsigned int slot, uint16_t left_order, uint16_t right_order, uint32_t start)
{
    struct vchan_interface *page = &pages[slot].vchan;
    uint32_t left_pages = left_order < 12 || left_order > 16 ? 0 : 1u << (left_order - 12);

    memset(&pages[slot], 0, PAGE);
    page->left_order = left_order;
    page->right_order = right_order;
    page->left.cons = page->left.prod = page->right.cons = page->right.prod = start;
    page->cli_live = 2;
    page->srv_live = 1;
    page->cli_notify = VCHAN_NOTIFY_WRITE;
    for (uint32_t i = 0; i < 64; i++)
        page->grants[i] = i < left_pages ? 100 + i : 132 + i - left_pages;
}

static void offer(unsigned int slot, uint32_t ref, uint32_t port)
{
    struct message message = { .type = MESSAGE_SLOT, .index = slot, .ring_ref = ref,
                               .port = port };

    vnc_server_offer(&server, &message);
}

static uint8_t *ring_bytes(unsigned int slot, uint16_t order, unsigned int first)
{
    return order < 12 ? pages[slot].bytes + (1 << order) : large + first * PAGE;
}

static void server_writes(unsigned int slot, const uint8_t *data, size_t len)
{
    struct vchan_interface *page = &pages[slot].vchan;
    uint8_t *ring = ring_bytes(slot, page->right_order, 32);

    for (size_t i = 0; i < len; i++)
        ring[page->right.prod++ & ((1u << page->right_order) - 1)] = data[i];
}

static size_t server_reads(unsigned int slot, uint8_t *data)
{
    struct vchan_interface *page = &pages[slot].vchan;
    uint8_t *ring = ring_bytes(slot, page->left_order, 0);
    size_t n = 0;

    while (page->left.cons != page->left.prod)
        data[n++] = ring[page->left.cons++ & ((1u << page->left_order) - 1)];
    return n;
}

static void turn(void)
{
    assert_int_equal(loop_turn(&loop, 0), 0);
}

/* An event on the channel of the n-th connection (1: the first). */
static void event(uint64_t nth)
{
    fake_xen_fire(nth);
    turn();
}

/* Connects a viewer from 127.0.0.HOST. */
static int view_from(unsigned int host)
{
    struct sockaddr_in from = { .sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host) };
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(server.port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), room = 65536;

    /* Without this the kernel may buffer tens of MiB for a viewer that does not read. */
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room)), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    turn();
    return fd;
}

static int view(void)
{
    return view_from(1);
}

static bool is_closed(int fd)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_PEEK);

    return n == 0 || (n < 0 && errno != EAGAIN);
}

static int start(void **state)
{
    struct options_vnc vnc = { .enabled = true, .host = "127.0.0.1", .display = 200, .to = 99 };

    fake_xen_reset();
    xen.pages = slot_or_large;
    memset(pages, 0, sizeof(pages));
    loop_init(&loop, fake_now);
    log_set_sink(NULL, NULL);
    assert_int_equal(xen_open(&handles, &loop, 7, &no_grants), 0);
    assert_int_equal(vnc_server_open(&server, &loop, &vnc), 0);
    return vnc_server_start(&server, &handles);
}

static int finish(void **state)
{
    vnc_server_close(&server);
    vnc_server_close(&server);
    xen_close(&handles);
    assert_int_equal(xen.mapped, 0);
    assert_int_equal(xen.bound, 0);
    return 0;
}

/* -------- tests -------- */

static void test_listens_where_told(void **state)
{
    struct options_vnc same = { .enabled = true, .host = "127.0.0.1",
                                .display = server.port - 5900 };
    struct vnc_server second;

    assert_string_equal(server.host, "127.0.0.1");
    assert_in_range(server.port, 6100, 6199);
    assert_int_equal(vnc_server_open(&second, &loop, &same), -EADDRINUSE);
    same.to = 50;
    assert_int_equal(vnc_server_open(&second, &loop, &same), 0);
    assert_true(second.port > server.port);
    vnc_server_close(&second);
    same.enabled = false;
    assert_int_equal(vnc_server_open(&second, &loop, &same), 0);
    assert_int_equal(second.io.fd, -1);
    vnc_server_close(&second);
}

/* xl-stubdom looks at a port while the daemon of another guest begins to listen there. */
static void test_a_look_disturbs_nobody(void **state)
{
    struct options_vnc free_one = { .enabled = true, .host = "127.0.0.1", .display = 201, .to = 99 };
    struct sockaddr_in address;
    socklen_t len = sizeof(address);
    int looks = vnc_port_open(&free_one, 0), listens;

    assert_true(looks >= 0);
    assert_int_equal(getsockname(looks, (struct sockaddr *)&address, &len), 0);
    free_one.display = ntohs(address.sin_port) - VNC_BASE_PORT;
    free_one.to = 0;
    listens = vnc_port_open(&free_one, 1);
    assert_true(listens >= 0);
    assert_int_equal(vnc_port_open(&free_one, 0), -EADDRINUSE);
    close(listens);
    close(looks);
}

static int option_of(int fd, int level, int name)
{
    int value = -1;

    assert_int_equal(getsockopt(fd, level, name, &value, &(socklen_t){ sizeof(value) }), 0);
    return value;
}

/* Keepalive: a viewer whose machine has gone must not keep its place. */
static void test_viewer_is_asked_whether_it_is_there(void **state)
{
    int fd = view();

    assert_int_equal(option_of(server.viewers[0].stream.io.fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    assert_int_equal(option_of(server.viewers[0].stream.io.fd, IPPROTO_TCP, TCP_KEEPIDLE), 60);
    /* No delay: the end of a picture must not wait for more data. */
    assert_int_equal(option_of(server.viewers[0].stream.io.fd, IPPROTO_TCP, TCP_NODELAY), 1);
    close(fd);
}

static void exchange(uint16_t left, uint16_t right, uint32_t first)
{
    static uint8_t sent[70000], got[70000];
    size_t total = 0, size = MIN((1u << right), sizeof(sent));
    int fd;

    arm(0, left, right, first);
    offer(0, SLOT_REF(0), 5);
    fd = view();
    assert_int_equal(pages[0].vchan.cli_live, 1);
    for (int round = 0; round < 4; round++) {
        for (size_t i = 0; i < size; i++)
            sent[i] = i * 31 + round;
        server_writes(0, sent, size);
        for (total = 0; total < size;) {
            ssize_t n;

            event(xen.next);
            now += BUDGET_PERIOD_MS;
            n = read(fd, got + total, sizeof(got) - total);
            total += n > 0 ? n : 0;
        }
        assert_int_equal(total, size);
        assert_memory_equal(sent, got, size);
        assert_int_equal(pages[0].vchan.right.cons, pages[0].vchan.right.prod);

        assert_int_equal(write(fd, sent, 3000), 3000);
        for (total = 0; total < 3000;) {
            turn();
            event(xen.next);
            total += server_reads(0, got + total);
        }
        assert_memory_equal(sent, got, 3000);
    }
    close(fd);
    turn();
    assert_int_equal(pages[0].vchan.cli_live, 0);
    assert_int_equal(xen.mapped, 0);
}

static void test_bytes_at_every_ring_size(void **state)
{
    for (uint16_t left = 10; left <= 16; left++)
        for (uint16_t right = 10; right <= 16; right++)
            if (left != right || left >= 12) {
                exchange(left, right, 0);
                exchange(left, right, UINT32_MAX - 1500);
            }
}

static void test_wrong_orders_are_refused(void **state)
{
    static const uint16_t bad[][2] = { { 9, 12 }, { 12, 9 }, { 17, 12 }, { 12, 17 }, { 0, 0 },
                                       { 10, 10 }, { 11, 11 }, { 65535, 12 }, { 12, 20 } };
    int fd = view();

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        arm(0, bad[i][0], bad[i][1], 0);
        offer(0, SLOT_REF(0), 5);
        assert_int_equal(xen.mapped + xen.bound, 0);
        assert_false(is_closed(fd));
    }
    close(fd);
}

static void test_lies_close_only_their_viewer(void **state)
{
    static const struct {
        int32_t right_prod, left_cons;
    } lies[] = { { 2049, 0 }, { -1, 0 }, { INT32_MIN, 0 }, { 0, 1 }, { 0, -1025 }, { 0, INT32_MIN } };
    int other, fd;

    arm(1, 10, 11, 0);
    offer(1, SLOT_REF(1), 5);
    other = view();
    for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
        arm(0, 10, 11, 77);
        offer(0, SLOT_REF(0), 5);
        fd = view();
        pages[0].vchan.right.prod += lies[i].right_prod;
        pages[0].vchan.left.cons += lies[i].left_cons;
        event(xen.next);
        assert_true(is_closed(fd));
        close(fd);
        assert_int_equal(pages[0].vchan.cli_live, 0);
    }
    server_writes(1, (const uint8_t *)"RFB", 3);
    event(1);
    assert_false(is_closed(other));
    close(other);
}

static void test_viewer_waits_for_an_offer(void **state)
{
    char buf[8];
    int fd = view();

    turn();
    assert_false(is_closed(fd));
    arm(0, 10, 11, 0);
    server_writes(0, (const uint8_t *)"RFB", 3);
    offer(0, SLOT_REF(0), 5);
    assert_int_equal(read(fd, buf, sizeof(buf)), 3);
    close(fd);
}

static void test_patience_ends(void **state)
{
    int fd = view();

    now += 59000;
    turn();
    assert_false(is_closed(fd));
    now += 2000;
    turn();
    assert_true(is_closed(fd));
    close(fd);
}

static void test_slot_is_used_once_until_offered_again(void **state)
{
    int first, second;

    arm(0, 10, 11, 0);
    offer(0, SLOT_REF(0), 5);
    first = view();
    close(first);
    turn();
    assert_int_equal(xen.mapped, 0);
    second = view();
    assert_int_equal(xen.mapped, 0);
    assert_int_equal(xen.domid, 7);
    assert_int_equal(xen.notify_at, offsetof(struct vchan_interface, cli_live));
    /* The old offer once more. Its page has had a client already. */
    offer(0, SLOT_REF(0), 5);
    assert_int_equal(xen.mapped, 0);
    arm(0, 10, 11, 0);
    offer(0, SLOT_REF(0), 6);
    assert_int_equal(xen.mapped, 1);
    close(second);
}

/* The server goes, and makes its next offer before we notice. */
static void test_offer_while_connected_is_for_the_next_viewer(void **state)
{
    int first, second;

    arm(0, 10, 11, 0);
    offer(0, SLOT_REF(0), 5);
    first = view();
    server_writes(0, (const uint8_t *)"bye", 3);
    pages[0].vchan.srv_live = 0;
    arm(1, 10, 11, 0);
    offer(0, SLOT_REF(1), 6);
    event(1);
    turn();
    assert_int_equal(xen.mapped, 0);
    close(first);
    second = view();
    assert_int_equal(xen.mapped, 1);
    assert_int_equal(pages[1].vchan.cli_live, 1);
    close(second);
}

/* Three viewers come before the stub domain is ready. It offers only slot 0, again and again. */
static void test_waiting_viewers_take_any_slot(void **state)
{
    int fds[3] = { view(), view(), view() };

    for (int i = 0; i < 3; i++) {
        arm(0, 10, 11, 0);
        offer(0, SLOT_REF(0), 5);
        assert_int_equal(xen.mapped, 1);
        close(fds[i]);
        turn();
        assert_int_equal(xen.mapped, 0);
    }
}

static void test_stalled_viewer_stalls_only_its_slot(void **state)
{
    static uint8_t data[1024];
    struct vchan_interface *page = &pages[0].vchan;
    int fd, other, stalled = 0;
    char buf[65536];

    arm(0, 10, 11, 0);
    offer(0, SLOT_REF(0), 5);
    fd = view();
    arm(1, 10, 11, 0);
    offer(1, SLOT_REF(1), 5);
    other = view();
    assert_int_equal(write(fd, "RFB 003.008\n\1\1", 14), 14);
    /* The kernel buffers some, between 1 and 20 MiB. */
    for (int i = 0; stalled < 2000 && i < 1000000; i++) {
        stalled++;
        if (page->right.prod - page->right.cons <= 1024) {
            server_writes(0, data, sizeof(data));
            stalled = 0;
        }
        event(1);
        now += BUDGET_PERIOD_MS;
    }
    assert_int_equal(stalled, 2000);
    server_writes(1, (const uint8_t *)"alive", 5);
    event(2);
    assert_int_equal(read(other, buf, sizeof(buf)), 5);
    for (int i = 0; page->right.cons != page->right.prod && i < 1000000; i++) {
        while (read(fd, buf, sizeof(buf)) > 0)
            ;
        turn();
        now += BUDGET_PERIOD_MS;
    }
    assert_int_equal(page->right.cons, page->right.prod);
    close(fd);
    close(other);
}

/* A viewer in SLOT that is let in, as far as the daemon can see. */
static int view_well(unsigned int slot, unsigned int host)
{
    uint8_t said[64];
    int fd;

    arm(slot, 10, 11, 0);
    offer(slot, SLOT_REF(slot), 5);
    fd = view_from(host);
    server_writes(slot, (const uint8_t *)"RFB 003.008\n", 12);
    event(xen.next);
    assert_int_equal(write(fd, "RFB 003.008\n\1\1", 14), 14);
    turn();
    assert_int_equal(server_reads(slot, said), 14);
    return fd;
}

static void close_all(const int *fds, unsigned int count)
{
    for (unsigned int i = 0; i < count; i++)
        close(fds[i]);
    turn();
    for (unsigned int i = 0; i < MESSAGE_MAX_SLOTS; i++)
        assert_int_equal(server.viewers[i].stream.io.fd, -1);
}

static void test_more_viewers_than_slots(void **state)
{
    int fds[MESSAGE_MAX_SLOTS + 1];

    for (unsigned int i = 0; i < MESSAGE_MAX_SLOTS; i++)
        fds[i] = view_well(i, 1 + i);
    fds[MESSAGE_MAX_SLOTS] = view_from(99);
    assert_true(is_closed(fds[MESSAGE_MAX_SLOTS]));
    assert_false(is_closed(fds[0]) && is_closed(fds[7]));
    close_all(fds, MESSAGE_MAX_SLOTS + 1);
}

static void test_one_address_has_not_all_places(void **state)
{
    int fds[MESSAGE_MAX_SLOTS];

    for (unsigned int i = 0; i < MESSAGE_MAX_SLOTS - 2; i++)
        fds[i] = view_well(i, 1);
    fds[6] = view();
    assert_true(is_closed(fds[6]));
    fds[7] = view_well(6, 2);
    assert_false(is_closed(fds[7]));
    close_all(fds, MESSAGE_MAX_SLOTS);
}

/* A client that opens connections and sends nothing does not block others. */
static void test_silent_ones_make_room(void **state)
{
    int fds[40], well = view_well(0, 1), other;

    for (int i = 0; i < 40; i++) {
        now++;
        fds[i] = view_from(i < 20 ? 2 : 3 + i);
    }
    for (int i = 0; i < 16; i++)
        assert_true(is_closed(fds[i])); /* replaced by the next connection from the same address */
    other = view();
    assert_false(is_closed(other));
    assert_false(is_closed(well));
    assert_true(is_closed(fds[32]));
    assert_false(is_closed(fds[39]));
    close(other);
    close(well);
    close_all(fds, 40);
}

static void test_a_handshake_has_an_end(void **state)
{
    int fds[3], well = view_well(3, 1);

    for (unsigned int i = 0; i < 3; i++) {
        arm(i, 10, 11, 0);
        offer(i, SLOT_REF(i), 5);
        fds[i] = view();
        if (i == 2) /* nothing has come from its server */
            break;
        server_writes(i, (const uint8_t *)"RFB 003.008\n", 12);
        event(xen.next);
    }
    assert_int_equal(write(fds[1], "RFB 003.008\n", 12), 12); /* it may be asking for a password */
    turn();
    now += 9000;
    turn();
    assert_false(is_closed(fds[0]));
    now += 2000;
    turn();
    recv(fds[0], (char[64]){ 0 }, 64, 0);
    assert_true(is_closed(fds[0]));
    now += 47000;
    turn();
    assert_int_equal(recv(fds[1], (char[64]){ 0 }, 64, 0), 12);
    assert_false(is_closed(fds[1]));
    now += 3000;
    turn();
    assert_true(is_closed(fds[1]));
    assert_false(is_closed(fds[2]));
    now += 1000000;
    turn();
    assert_int_equal(recv(well, (char[64]){ 0 }, 64, 0), 12);
    assert_false(is_closed(well));
    close(well);
    close_all(fds, 3);
}

static void test_wrong_offers(void **state)
{
    int fd = view();

    offer(0, 999, 5);
    offer(0, 0, 0);
    offer(0, SLOT_REF(0), 0);
    assert_int_equal(xen.mapped + xen.bound, 0);
    arm(0, 12, 12, 0);
    memset(pages[0].bytes + sizeof(struct vchan_interface) + 4, 7, 4); /* the second grant reference */
    offer(0, SLOT_REF(0), 5);
    assert_int_equal(xen.mapped + xen.bound, 0);
    assert_false(is_closed(fd));
    close(fd);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)
    const struct CMUnitTest tests[] = {
        TEST(test_listens_where_told),
        TEST(test_a_look_disturbs_nobody),
        TEST(test_viewer_is_asked_whether_it_is_there),
        TEST(test_bytes_at_every_ring_size),
        TEST(test_wrong_orders_are_refused),
        TEST(test_lies_close_only_their_viewer),
        TEST(test_viewer_waits_for_an_offer),
        TEST(test_patience_ends),
        TEST(test_slot_is_used_once_until_offered_again),
        TEST(test_offer_while_connected_is_for_the_next_viewer),
        TEST(test_waiting_viewers_take_any_slot),
        TEST(test_stalled_viewer_stalls_only_its_slot),
        TEST(test_more_viewers_than_slots),
        TEST(test_one_address_has_not_all_places),
        TEST(test_silent_ones_make_room),
        TEST(test_a_handshake_has_an_end),
        TEST(test_wrong_offers),
    };

    return cmocka_run_group_tests_name("dm-vnc", tests, NULL, NULL);
}
