// sources: launcher/dom0-daemon/confined/qmp-server.c launcher/dom0-daemon/confined/qmp-session.c
// libs: json-c
/*
 * The QMP sockets with real clients: several at once and one after another; clients that vanish, flood or never read;
 * sockets that we make, and sockets that we are given.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "clock.h"
#include "log.h"
#include "qmp-server.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

static struct loop loop;
static struct qmp_server server;
static struct options options;
static char dir[64];
static int changes;

static void count_change(void *data)
{
    changes++;
}

static int start(void **state)
{
    signal(SIGPIPE, SIG_IGN);
    loop_init(&loop, clock_now_ms);
    log_set_sink(NULL, NULL);
    strcpy(dir, "/tmp/dm-qmp-XXXXXX");
    assert_non_null(mkdtemp(dir));
    memset(&server, 0, sizeof(server));
    server.changed = count_change;
    options = (struct options){ .monitor_count = 1, .monitors = { { .id = "a", .fd = -1 } } };
    snprintf(options.monitors[0].path, sizeof(options.monitors[0].path), "%s/s", dir);
    return 0;
}

static int finish(void **state)
{
    qmp_server_close(&server);
    qmp_server_close(&server);
    unlink(options.monitors[0].path);
    return rmdir(dir);
}

static void turn(void)
{
    for (int i = 0; i < 4; i++)
        assert_int_equal(loop_turn(&loop, 0), 0);
}

static int client(void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    strcpy(addr.sun_path, options.monitors[0].path);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    turn();
    return fd;
}

static void say(int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    turn();
}

static const char *hear(int fd)
{
    static char buf[70000];
    ssize_t n = read(fd, buf, sizeof(buf) - 1);

    if (n <= 0)
        return n == 0 ? "END" : "NOTHING";
    buf[n] = '\0';
    return buf;
}

static void test_several_clients(void **state)
{
    int a, b;

    assert_int_equal(qmp_server_open(&server, &loop, &options), 0);
    a = client();
    b = client();
    assert_non_null(strstr(hear(a), "\"QMP\""));
    assert_non_null(strstr(hear(b), "\"QMP\""));
    say(a, "{\"execute\":\"qmp_capabilities\",\"id\":1}\r\n");
    assert_string_equal(hear(a), "{\"return\":{},\"id\":1}\r\n");
    say(b, "{\"execute\":\"query-status\",\"id\":1}\r\n");
    assert_non_null(strstr(hear(b), "CommandNotFound"));
    say(a, "{\"execute\":\"quit\",\"id\":2}\r\n");
    assert_string_equal(hear(a), "{\"return\":{},\"id\":2}\r\n");
    assert_true(server.facts.quit && changes > 0);
    close(a);
    close(b);
    turn();
    for (int i = 0; i < 50; i++) {
        a = client();
        assert_non_null(strstr(hear(a), "\"QMP\""));
        close(a);
        turn();
    }
}

static void test_too_many(void **state)
{
    int fds[QMP_MAX_CLIENTS + 1];

    assert_int_equal(qmp_server_open(&server, &loop, &options), 0);
    for (int i = 0; i <= QMP_MAX_CLIENTS; i++)
        fds[i] = client();
    assert_non_null(strstr(hear(fds[0]), "\"QMP\""));
    assert_string_equal(hear(fds[QMP_MAX_CLIENTS]), "END");
    for (int i = 0; i <= QMP_MAX_CLIENTS; i++)
        close(fds[i]);
}

static void test_babbler_is_told_and_closed(void **state)
{
    int a;

    assert_int_equal(qmp_server_open(&server, &loop, &options), 0);
    a = client();
    hear(a);
    say(a, "hello?\r\n");
    assert_non_null(strstr(hear(a), "Invalid JSON"));
    assert_string_equal(hear(a), "END");
    close(a);
}

static void test_client_that_never_reads_is_not_served(void **state)
{
    static char requests[60000];
    int a, b;

    assert_int_equal(qmp_server_open(&server, &loop, &options), 0);
    a = client();
    say(a, "{\"execute\":\"qmp_capabilities\"}");
    for (size_t i = 0; i + 31 < sizeof(requests); i += 31)
        memcpy(requests + i, "{\"execute\":\"query-commands\"}    ", 31);
    for (int i = 0; i < 200; i++) {
        (void)!write(a, requests, sizeof(requests) - sizeof(requests) % 31);
        turn();
    }
    b = client();
    assert_non_null(strstr(hear(b), "\"QMP\""));
    close(a);
    close(b);
    turn();
}

static void test_our_socket_is_roots_and_replaces_an_old_one(void **state)
{
    struct stat st;

    close(open(options.monitors[0].path, O_CREAT, 0666));
    assert_int_equal(qmp_server_open(&server, &loop, &options), 0);
    assert_int_equal(stat(options.monitors[0].path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void test_socket_that_cannot_be_made(void **state)
{
    snprintf(options.monitors[0].path, sizeof(options.monitors[0].path), "%s/no/s", dir);
    assert_int_equal(qmp_server_open(&server, &loop, &options), -ENOENT);
}

static void test_passed_descriptor(void **state)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int pipe_ends[2], fd = socket(AF_UNIX, SOCK_STREAM, 0), a;

    strcpy(addr.sun_path, options.monitors[0].path);
    assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    options.monitors[0].fd = fd;
    assert_int_equal(qmp_server_open(&server, &loop, &options), -EINVAL);
    assert_int_equal(listen(fd, 1), 0);
    assert_int_equal(qmp_server_open(&server, &loop, &options), 0);
    a = client();
    assert_non_null(strstr(hear(a), "\"QMP\""));
    close(a);
    qmp_server_close(&server);

    assert_int_equal(pipe(pipe_ends), 0);
    options.monitors[0].fd = pipe_ends[0];
    assert_int_equal(qmp_server_open(&server, &loop, &options), -ENOTSOCK);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)
    const struct CMUnitTest tests[] = {
        TEST(test_several_clients),
        TEST(test_too_many),
        TEST(test_babbler_is_told_and_closed),
        TEST(test_client_that_never_reads_is_not_served),
        TEST(test_our_socket_is_roots_and_replaces_an_old_one),
        TEST(test_socket_that_cannot_be_made),
        TEST(test_passed_descriptor),
    };

    return cmocka_run_group_tests_name("dm-qmp-server", tests, NULL, NULL);
}
