// sources: tests/unit/fake-xs.c tests/unit/fake-vchan.c
/*
 * The vchan bridge, with clients that talk, stall, flood, vanish and come back.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-vchan.h"
#include "fake-xs.h"
#include "log.h"
#include "util.h"
#include "vchan-bridge.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <xenstore.h>

#define PATH "/local/domain/3/device-model/7/qmp-vchan"

static struct loop loop;
static struct vchan_bridge bridge;
static struct xs_handle *xs;
static int64_t clock_ms;
static int qemu, connects, connect_error, errors_logged;

static int64_t now_ms(void)
{
    return clock_ms;
}

static void count_errors(void *data, enum log_level level, const char *line)
{
    errors_logged += level == LOG_ERROR;
}

/* In place of QEMU's accept(). `qemu` is the test's end. */
static int connect_qemu(void *data)
{
    int ends[2];

    if (connect_error)
        return -connect_error;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    if (qemu >= 0)
        close(qemu);
    qemu = ends[0];
    connects++;
    return ends[1];
}

/* Turns the loop until nothing more can happen. */
static void settle(void)
{
    for (int i = 0; i < 50; i++)
        assert_int_equal(loop_turn(&loop, 0), 0);
}

static int setup(void **state)
{
    clock_ms = 1000;
    qemu = -1;
    connects = connect_error = errors_logged = 0;
    fake_vchan_reset(3);
    xs = fake_xs_open();
    loop_init(&loop, now_ms);
    log_set_sink(count_errors, NULL);
    assert_int_equal(vchan_bridge_init(&bridge, &(struct vchan_bridge_config){
        .loop = &loop, .xs = xs, .path = PATH, .name = "QMP", .connect = connect_qemu }), 0);
    vchan_bridge_start(&bridge);
    return 0;
}

static int teardown(void **state)
{
    vchan_bridge_stop(&bridge);
    vchan_bridge_stop(&bridge);
    assert_int_equal(fake_vchan_servers(), 0);
    if (qemu >= 0)
        close(qemu);
    xs_close(xs);
    fake_vchan_reset(3);
    return 0;
}

static struct libxenvchan *client_connects(void)
{
    struct libxenvchan *client = fake_vchan_connect(PATH);

    assert_non_null(client);
    settle();
    assert_int_equal(bridge.state, VCHAN_BRIDGE_OPEN);
    return client;
}

static void assert_qemu_gets(const char *text)
{
    char got[64] = "";

    assert_int_equal(read(qemu, got, sizeof(got) - 1), strlen(text));
    assert_string_equal(got, text);
}

static void assert_client_gets(struct libxenvchan *client, const char *text)
{
    char got[64] = "";

    assert_int_equal(fake_vchan_client_read(client, got, sizeof(got) - 1), strlen(text));
    assert_string_equal(got, text);
}

static void carries_both_ways(void **state)
{
    struct libxenvchan *client = client_connects();

    assert_int_equal(write(qemu, "greeting", 8), 8);
    fake_vchan_client_write(client, "command", 7);
    settle();
    assert_qemu_gets("command");
    assert_client_gets(client, "greeting");
}

/* While a client is served nobody else can connect. The next client gets empty rings. */
static void one_at_a_time(void **state)
{
    struct libxenvchan *first = client_connects(), *second;

    assert_null(fake_vchan_connect(PATH));
    assert_int_equal(write(qemu, "left over", 9), 9);
    settle();
    fake_vchan_leave(first);
    settle();
    second = client_connects();
    assert_ptr_not_equal(first, second);
    assert_int_equal(connects, 2);
    assert_int_equal(write(qemu, "fresh", 5), 5);
    settle();
    assert_client_gets(second, "fresh");
}

static void last_command_arrives(void **state)
{
    struct libxenvchan *client = client_connects();
    int old = dup(qemu);
    char got[16] = "";

    fake_vchan_client_write(client, "quit", 4);
    fake_vchan_leave(client);
    settle();
    assert_int_equal(read(old, got, sizeof(got)), 4);
    assert_string_equal(got, "quit");
    assert_int_equal(read(old, got, sizeof(got)), 0);
    close(old);
    assert_int_equal(bridge.state, VCHAN_BRIDGE_WAITING);
}

static void last_answer_arrives(void **state)
{
    struct libxenvchan *client = client_connects();

    assert_int_equal(write(qemu, "bye", 3), 3);
    close(qemu);
    qemu = -1;
    settle();
    assert_client_gets(client, "bye");
    settle();
    assert_false(fake_vchan_server_alive(client));
    assert_int_equal(bridge.state, VCHAN_BRIDGE_WAITING);
}

/* A client that came and left before we polled. */
static void came_and_went(void **state)
{
    fake_vchan_leave(fake_vchan_connect(PATH));
    settle();
    assert_int_equal(connects, 0);
    assert_int_equal(bridge.state, VCHAN_BRIDGE_WAITING);
    client_connects();
}

static void woken_for_nothing(void **state)
{
    struct libxenvchan *client = fake_vchan_connect(PATH);
    char byte;

    /* An event without a client. */
    settle();
    fake_vchan_leave(client);
    settle();
    client = client_connects();
    for (int i = 0; i < 10; i++) {
        fake_vchan_client_read(client, &byte, 1);
        settle();
    }
    assert_int_equal(bridge.state, VCHAN_BRIDGE_OPEN);
}

/* All bytes come out, in order, whatever the pieces are. */
static void flood(void **state)
{
    struct libxenvchan *client = client_connects();
    unsigned int sent = 0, got = 0, back_sent = 0, back_got = 0;
    const unsigned int total = 100000;

    for (unsigned int round = 0; got < total || back_got < total; round++) {
        unsigned char piece[3000];
        size_t size = 1 + round * 37 % sizeof(piece), n;
        ssize_t done;

        assert_true(round < 100000);
        for (n = 0; n < size; n++)
            piece[n] = (sent + n) * 7;
        sent += sent < total ? fake_vchan_client_write(client, piece, MIN(size, total - sent)) : 0;
        for (n = 0; n < size; n++)
            piece[n] = (back_sent + n) * 13;
        done = back_sent < total ? write(qemu, piece, MIN(size, total - back_sent)) : 0;
        back_sent += done > 0 ? done : 0;
        loop_turn(&loop, 0);
        done = read(qemu, piece, sizeof(piece));
        for (ssize_t i = 0; i < done; i++, got++)
            assert_int_equal(piece[i], (unsigned char)(got * 7));
        n = fake_vchan_client_read(client, piece, 1 + round % 700);
        for (size_t i = 0; i < n; i++, back_got++)
            assert_int_equal(piece[i], (unsigned char)(back_got * 13));
    }
}

/* A client that never reads takes one buffer, and causes no busy loop. */
static void client_stalls(void **state)
{
    char bytes[4096] = "";
    ssize_t total = 0, put;

    client_connects();
    for (int i = 0; i < 200; i++) {
        put = write(qemu, bytes, sizeof(bytes));
        total += put > 0 ? put : 0;
        settle();
    }
    assert_true(total < 2 * 1024 * 1024);
    assert_false(bridge.stream_fd.added);
}

/* The same, and then QEMU hangs up: nothing to do until the client reads or leaves. */
static void stalled_and_hung_up(void **state)
{
    struct libxenvchan *client = client_connects();
    char bytes[16384] = "";

    assert_true(write(qemu, bytes, sizeof(bytes)) > 0);
    settle();
    close(qemu);
    qemu = -1;
    settle();
    assert_false(bridge.stream_fd.added);
    fake_vchan_leave(client);
    settle();
    assert_int_equal(bridge.state, VCHAN_BRIDGE_WAITING);
}

static void qemu_stalls(void **state)
{
    struct libxenvchan *client = client_connects();
    char bytes[1024] = "";
    size_t total = 0;

    for (int i = 0; i < 2000; i++) {
        total += fake_vchan_client_write(client, bytes, sizeof(bytes));
        loop_turn(&loop, 0);
    }
    assert_true(total < 1024 * 1024);
    assert_int_equal(bridge.state, VCHAN_BRIDGE_OPEN);
}

static void qemu_does_not_answer(void **state)
{
    struct libxenvchan *client;

    connect_error = ECONNREFUSED;
    client = fake_vchan_connect(PATH);
    settle();
    assert_false(fake_vchan_server_alive(client));
    assert_int_equal(bridge.state, VCHAN_BRIDGE_RETRY);
    connect_error = 0;
    clock_ms += VCHAN_BRIDGE_RETRY_MS;
    settle();
    client_connects();
}

static void cannot_publish(void **state)
{
    vchan_bridge_stop(&bridge);
    fake_vchan_fail(3);
    vchan_bridge_start(&bridge);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(bridge.state, VCHAN_BRIDGE_RETRY);
        clock_ms += VCHAN_BRIDGE_RETRY_MS;
        settle();
    }
    assert_int_equal(bridge.state, VCHAN_BRIDGE_WAITING);
    assert_int_equal(errors_logged, 1); /* not one for each attempt */
}

static void too_long_a_path(void **state)
{
    struct vchan_bridge other;
    char path[300];

    memset(path, 'p', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    assert_int_equal(vchan_bridge_init(&other, &(struct vchan_bridge_config){ .path = path }),
                     -ENAMETOOLONG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(carries_both_ways, setup, teardown),
        cmocka_unit_test_setup_teardown(one_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(last_command_arrives, setup, teardown),
        cmocka_unit_test_setup_teardown(last_answer_arrives, setup, teardown),
        cmocka_unit_test_setup_teardown(came_and_went, setup, teardown),
        cmocka_unit_test_setup_teardown(woken_for_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(flood, setup, teardown),
        cmocka_unit_test_setup_teardown(client_stalls, setup, teardown),
        cmocka_unit_test_setup_teardown(stalled_and_hung_up, setup, teardown),
        cmocka_unit_test_setup_teardown(qemu_stalls, setup, teardown),
        cmocka_unit_test_setup_teardown(qemu_does_not_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(cannot_publish, setup, teardown),
        cmocka_unit_test_setup_teardown(too_long_a_path, setup, teardown),
    };

    return cmocka_run_group_tests_name("vchan-bridge", tests, NULL, NULL);
}
