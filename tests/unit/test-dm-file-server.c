// sources: launcher/dom0-daemon/confined/throttle.c launcher/dom0-daemon/confined/file-server.c
/*
 * Boot files on their way to the stub domain: which file is opened, what is sent through rings of several sizes, and
 * what happens when the stub domain goes, comes back, or cheats.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "file-server.h"
#include "log.h"

#include <fcntl.h>
#include <sys/stat.h>

/* -------- the other side -------- */

static struct {
    uint8_t bytes[20000];
    size_t used, room; /* room: how much the ring takes at once */
    int open_rc, opens, closes, unmasks, masks;
    bool alive;
    ssize_t lie; /* the result of room() if it is to lie; 0: it does not */
} peer;

int vchan_client_open(struct vchan_client *client, struct xen_handles *xen, uint32_t ref,
                      uint32_t port)
{
    static struct vchan_interface page;

    if (peer.open_rc)
        return peer.open_rc;
    client->xen = xen;
    client->page = &page;
    peer.opens++;
    peer.used = 0;
    return 0;
}

void vchan_client_close(struct vchan_client *client)
{
    peer.closes += client->page != NULL;
    client->page = NULL;
}

bool vchan_client_is_open(const struct vchan_client *client) { return peer.alive; }

ssize_t vchan_client_room(struct vchan_client *client)
{
    return peer.lie ? peer.lie : (ssize_t)peer.room;
}

ssize_t vchan_client_produce(struct vchan_client *client, const void *buf, size_t len)
{
    assert_true(len <= peer.room && peer.used + len <= sizeof(peer.bytes));
    memcpy(peer.bytes + peer.used, buf, len);
    peer.used += len;
    peer.room -= len;
    return len;
}

void xen_port_unmask(struct xen_handles *xen, struct xen_port *port) { peer.unmasks++; }

/* -------- */

static int64_t now = 1000;
static struct loop loop;
static struct xen_handles xen;
static struct file_server server;
static char path[64];

static int64_t fake_now(void) { return now; }

static int setup(void **state)
{
    memset(&peer, 0, sizeof(peer));
    peer.alive = true;
    strcpy(path, "/tmp/file-server-XXXXXX");
    close(mkstemp(path));
    loop_init(&loop, fake_now);
    log_set_sink(NULL, NULL);
    budget_init(&xen.all, XEN_ALL_BYTES, XEN_ALL_EVENTS);
    file_server_init(&server, &loop);
    file_server_start(&server, &xen);
    return 0;
}

static int teardown(void **state)
{
    file_server_close(&server);
    file_server_close(&server);
    unlink(path);
    return 0;
}

static void fill(size_t size)
{
    cleanup_close int fd = open(path, O_WRONLY | O_TRUNC);

    for (size_t i = 0; i < size; i++) {
        uint8_t byte = i * 7 + i / 256;

        assert_int_equal(write(fd, &byte, 1), 1);
    }
}

static void offer(unsigned int index)
{
    struct message message = { .type = MESSAGE_FILE, .index = index, .ring_ref = 9, .port = 4 };

    file_server_offer(&server, &message);
}

/* The stub domain takes all that is there, and sends an event. */
static void take(size_t room)
{
    struct xen_port *port = &server.senders[1].vchan.port;

    peer.room = room;
    port->fired(port->data);
}

static void assert_sent(size_t size)
{
    assert_int_equal(peer.used, size + BOOT_FILE_HEADER);
    assert_int_equal(boot_file_unpack(peer.bytes), size);
    for (size_t i = 0; i < size; i++)
        assert_int_equal(peer.bytes[BOOT_FILE_HEADER + i], (uint8_t)(i * 7 + i / 256));
}

static void whole_through_any_ring(void **state)
{
    static const size_t rings[] = { 1, 3, 8, 9, 1000, 70000 };

    fill(5000);
    for (size_t i = 0; i < ARRAY_LEN(rings); i++) {
        file_server_init(&server, &loop);
        file_server_start(&server, &xen);
        assert_int_equal(file_server_add(&server, 1, path), 0);
        assert_true(file_server_has_any(&server));
        peer.room = 0;
        offer(1);
        assert_int_equal(peer.used, 0);
        for (int n = 0; n < 5100 && peer.used < 5008; n++) {
            now += 20;
            take(rings[i]);
        }
        assert_sent(5000);
        peer.alive = false;
        take(10);
        assert_null(server.senders[1].vchan.page);
        peer.alive = true;
        file_server_close(&server);
    }
}

/* The file is sent from the start again, unless it was sent completely. */
static void offered_again(void **state)
{
    fill(3000);
    assert_int_equal(file_server_add(&server, 1, path), 0);
    peer.room = 1000;
    offer(1);
    assert_int_equal(peer.used, 1000);
    peer.alive = false;
    take(1000);
    assert_null(server.senders[1].vchan.page);
    peer.alive = true;
    peer.room = 70000;
    offer(1);
    assert_sent(3000);
    assert_int_equal(peer.opens, 2);
}

static void sent_once(void **state)
{
    fill(3000);
    assert_int_equal(file_server_add(&server, 1, path), 0);
    peer.room = 70000;
    offer(1);
    assert_sent(3000);
    for (unsigned int i = 0; i < 3; i++) {
        struct message another = { .type = MESSAGE_FILE, .index = 1, .ring_ref = 10 + i, .port = 5 + i };

        peer.room = 70000;
        offer(1);
        file_server_offer(&server, &another);
    }
    assert_int_equal(peer.opens, 1);
    assert_int_equal(peer.used, 3000 + BOOT_FILE_HEADER);
}

/* xenstore may report the same offer twice, while the file is being sent. */
static void an_offer_told_twice_is_one(void **state)
{
    fill(3000);
    assert_int_equal(file_server_add(&server, 1, path), 0);
    peer.room = 1000;
    offer(1);
    offer(1);
    assert_int_equal(peer.opens, 1);
    take(70000);
    assert_sent(3000);
}

static void begun_a_few_times(void **state)
{
    fill(3000);
    assert_int_equal(file_server_add(&server, 1, path), 0);
    for (unsigned int i = 0; i < 30; i++) {
        struct message message = { .type = MESSAGE_FILE, .index = 1, .ring_ref = 9 + i, .port = 4 };

        peer.room = 1000;
        file_server_offer(&server, &message);
    }
    assert_in_range(peer.opens, 2, 10);
}

/* Its own budget is not used up, but the others have used up the common one. */
static void others_count(void **state)
{
    fill(3000);
    assert_int_equal(file_server_add(&server, 1, path), 0);
    budget_refresh(&xen.all, now);
    budget_take_bytes(&xen.all, XEN_ALL_BYTES);
    peer.room = 70000;
    offer(1);
    assert_int_equal(peer.used, 0);
    now += BUDGET_PERIOD_MS;
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_sent(3000);
}

static void nothing_for_nobody(void **state)
{
    offer(0);
    offer(1);
    assert_int_equal(peer.opens, 0);
    assert_false(file_server_has_any(&server));
    fill(10);
    assert_int_equal(file_server_add(&server, 1, path), 0);
    peer.open_rc = -ESTALE;
    offer(1);
    file_server_offer(&server, &(struct message){ .type = MESSAGE_FILE, .index = 1 });
    assert_int_equal(peer.opens, 0);
}

static void wrong_files(void **state)
{
    char fifo[80];

    snprintf(fifo, sizeof(fifo), "%s.fifo", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(file_server_add(&server, 0, "/no/such/file"), -ENOENT);
    assert_int_equal(file_server_add(&server, 0, "/tmp"), -EINVAL);
    assert_int_equal(file_server_add(&server, 0, fifo), -EINVAL);
    assert_int_equal(truncate(path, (off_t)BOOT_FILE_MAX + 1), 0);
    assert_int_equal(file_server_add(&server, 0, path), -EFBIG);
    assert_false(file_server_has_any(&server));
    unlink(fifo);
}

/* An impossible index, or a file that has become shorter: it is closed, and not tried for ever. */
static void comes_to_an_end(void **state)
{
    fill(3000);
    assert_int_equal(file_server_add(&server, 1, path), 0);
    peer.room = 100;
    offer(1);
    assert_int_equal(truncate(path, 50), 0);
    take(1000);
    assert_null(server.senders[1].vchan.page);
    fill(3000);
    offer(1);
    peer.lie = -EPROTO;
    take(0);
    assert_null(server.senders[1].vchan.page);
    assert_int_equal(peer.closes, 2);
}

/* A stub domain that only sends events is left masked for 10 ms. */
static void events_are_limited(void **state)
{
    fill(3000);
    assert_int_equal(file_server_add(&server, 1, path), 0);
    offer(1);
    peer.unmasks = 0;
    for (int i = 0; i < 5000 && !server.senders[1].throttle.resume.added; i++)
        take(0);
    assert_true(server.senders[1].throttle.resume.added);
    assert_true(peer.unmasks < 2000);
    now += 20;
    assert_int_equal(loop_turn(&loop, 0), 0);
    assert_false(server.senders[1].throttle.resume.added);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(whole_through_any_ring), TEST(offered_again), TEST(sent_once),
        TEST(an_offer_told_twice_is_one), TEST(begun_a_few_times),
        TEST(others_count), TEST(nothing_for_nobody),
        TEST(wrong_files), TEST(comes_to_an_end), TEST(events_are_limited),
    };

    return cmocka_run_group_tests_name("dm-file-server", tests, NULL, NULL);
}
