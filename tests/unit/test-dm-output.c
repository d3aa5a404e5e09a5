// sources: launcher/dom0-daemon/outputs/output.c launcher/dom0-daemon/outputs/output-pty.c
// sources: launcher/dom0-daemon/outputs/output-peer.c launcher/dom0-daemon/outputs/output-state.c
// sources: launcher/dom0-daemon/both/save-opener.c launcher/dom0-daemon/outputs/log-file.c
// sources: launcher/dom0-daemon/outputs/output-spec.c
/*
 * Outputs with real files, ptys and sockets: what a reader gets; and that no reader who is slow, absent or gone can
 * hold up the console.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "clock.h"
#include "log.h"
#include "output.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

static struct loop loop;
static struct output output;
static int calls;
static char dir[64], path[128], last_line[LOG_LINE_MAX + 1];

static void keep_line(void *data, enum log_level level, const char *line)
{
    strcpy(last_line, line);
}

static void ready(void *data)
{
    calls++;
}

static int start(void **state)
{
    loop_init(&loop, clock_now_ms);
    log_set_sink(keep_line, NULL);
    strcpy(dir, "/tmp/dm-output-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/file", dir);
    memset(&output, 0, sizeof(output));
    calls = 0;
    last_line[0] = '\0';
    return 0;
}

static int finish(void **state)
{
    output_dispose(&output);
    output_dispose(&output);
    unlink(path);
    return rmdir(dir);
}

static int open_text(const char *format, enum output_role role)
{
    char text[256], error[400];
    struct output_spec spec;

    snprintf(text, sizeof(text), format, path);
    assert_int_equal(output_spec_parse(&spec, text, error, sizeof(error)), 0);
    return output_open(&output, &loop, &spec, 3, role, ready, NULL);
}

static void turn(void)
{
    assert_int_equal(loop_turn(&loop, 20), 0);
}

static void expect_read(int fd, const char *text)
{
    char buf[256];
    ssize_t n = read(fd, buf, sizeof(buf));

    assert_int_equal(n, strlen(text));
    assert_memory_equal(buf, text, n);
}

static void test_null(void **state)
{
    char buf[8];

    assert_int_equal(open_text("null", OUTPUT_ROLE_RESTORE), 0);
    assert_int_equal(output_write(&output, "abc", 3), 3);
    assert_int_equal(output_read(&output, buf, 8), 0);
    output_want(&output, true, true);
    turn();
    assert_int_equal(calls, 0);
}

static void test_log_file(void **state)
{
    struct stat st;

    assert_int_equal(open_text("file:%s", OUTPUT_ROLE_LOG), 0);
    assert_int_equal(output_write(&output, "abc", 3), 3);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 3);
    assert_int_equal(st.st_mode & 07, 0);
    assert_int_equal(output.file.max, OUTPUT_LOG_MAX);
}

static int follow(enum output_kind kind)
{
    struct output_spec spec = { .kind = kind };

    strcpy(spec.path, path);
    return output_follow(&output, &spec);
}

/* Only a file is opened again, and only if it is not at its path any more. */
static void test_only_what_was_renamed_is_followed(void **state)
{
    char old[140];
    int fd;

    snprintf(old, sizeof(old), "%s.1", path);
    assert_int_equal(open_text("null", OUTPUT_ROLE_LOG), 0);
    assert_int_equal(follow(OUTPUT_NULL), 0);
    assert_int_equal(open_text("file:%s", OUTPUT_ROLE_LOG), 0);
    assert_int_equal(output_write(&output, "abc", 3), 3);
    assert_int_equal(follow(OUTPUT_FILE), 0);
    assert_int_equal(rename(path, old), 0);
    assert_int_equal(symlink("/nonexistent/file", path), 0);
    assert_int_equal(follow(OUTPUT_FILE), -ENOENT);
    assert_non_null(strstr(last_line, "anew"));
    assert_int_equal(output_write(&output, "d", 1), 1);
    assert_int_equal(unlink(path), 0);
    fd = follow(OUTPUT_FILE);
    assert_true(fd > 0);
    assert_int_equal(fd, output.file.fd);
    assert_int_equal(output.file.size, 0);
    assert_int_equal(output.file.max, OUTPUT_LOG_MAX);
    assert_int_equal(follow(OUTPUT_FILE), 0);
    unlink(old);
}

/* The supervisor has no capability to look into a user's folder. It must not complain at every start. */
static void test_where_nobody_can_look_nothing_is_renamed(void **state)
{
    if (geteuid())
        skip();
    assert_int_equal(open_text("file:%s", OUTPUT_ROLE_LOG), 0);
    assert_int_equal(seteuid(65534), 0);
    assert_int_equal(follow(OUTPUT_FILE), 0);
    assert_int_equal(seteuid(0), 0);
    assert_string_equal(last_line, "");
}

static void test_missing_file_is_named(void **state)
{
    assert_int_equal(open_text("pipe:%s", OUTPUT_ROLE_RESTORE), -ENOENT);
    assert_non_null(strstr(last_line, path));
    assert_null(output.ops);
}

static void test_pipe_that_is_no_file_is_refused(void **state)
{
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(open_text("pipe:%s", OUTPUT_ROLE_SERIAL), -ENOTSUP);
}

static void test_full_fifo_is_waited_for(void **state)
{
    static char chunk[4096];
    ssize_t n = 1;
    int fd;

    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(open_text("file:%s", OUTPUT_ROLE_SERIAL), 0);
    for (int i = 0; i < 1000 && n > 0; i++)
        n = output_write(&output, chunk, sizeof(chunk));
    assert_int_equal(n, 0);
    output_want(&output, true, true);
    turn();
    assert_int_equal(calls, 0);
    fd = open(path, O_RDONLY | O_NONBLOCK);
    while (read(fd, chunk, sizeof(chunk)) > 0)
        ;
    turn();
    assert_int_equal(calls, 1);
    close(fd);
}

static int open_tty(void)
{
    int fd = open(output.tty, O_RDWR | O_NOCTTY | O_NONBLOCK);

    assert_true(fd >= 0);
    return fd;
}

/* Turns the loop until it has noticed that the pty was opened. */
static void turn_until_seen(void)
{
    for (int i = 0; i < 100 && output.fd < 0; i++)
        turn();
    assert_true(output.fd >= 0);
}

static void test_pty_both_ways(void **state)
{
    char buf[16];
    int fd;

    assert_int_equal(open_text("pty", OUTPUT_ROLE_SERIAL), 0);
    output_start(&output);
    output_want(&output, true, false);
    fd = open_tty();
    turn_until_seen();
    assert_int_equal(calls, 1);
    assert_int_equal(output_write(&output, "hello\n", 6), 6);
    expect_read(fd, "hello\n");
    assert_int_equal(write(fd, "typed\r", 6), 6);
    turn();
    assert_int_equal(calls, 2);
    assert_int_equal(output_read(&output, buf, sizeof(buf)), 6);
    assert_memory_equal(buf, "typed\r", 6);
    close(fd);
}

static void test_pty_keeps_the_last_output_for_a_late_viewer(void **state)
{
    static char seen[OUTPUT_BACKLOG + 4096];
    char line[32];
    size_t len = 0;
    ssize_t n;
    int fd;

    assert_int_equal(open_text("pty", OUTPUT_ROLE_SERIAL), 0);
    output_start(&output);
    output_want(&output, true, false);
    for (int i = 0; i < 5000; i++) {
        snprintf(line, sizeof(line), "line %05d\n", i);
        assert_int_equal(output_write(&output, line, 11), 11);
    }
    assert_int_equal(output.backlog_len, OUTPUT_BACKLOG);
    fd = open_tty();
    for (int i = 0; i < 100; i++) {
        turn();
        output_want(&output, true, output_write(&output, "", 0) == 0 && output.backlog_len);
        while (len < sizeof(seen) && (n = read(fd, seen + len, sizeof(seen) - len)) > 0)
            len += n;
    }
    assert_int_equal(len, OUTPUT_BACKLOG);
    assert_memory_equal(seen + len - 11, "line 04999\n", 11);
    close(fd);
}

static void test_pty_nobody_there_never_blocks_nor_spins(void **state)
{
    int fd, before;

    assert_int_equal(open_text("pty", OUTPUT_ROLE_SERIAL), 0);
    output_start(&output);
    output_want(&output, true, false);
    for (int i = 0; i < 3; i++) {
        fd = open_tty();
        turn_until_seen();
        assert_true(output.fd >= 0);
        close(fd);
        turn();
        turn();
        assert_int_equal(output.fd, -1);
        before = calls;
        turn();
        assert_int_equal(calls, before);
        for (int j = 0; j < 100; j++)
            assert_int_equal(output_write(&output, "0123456789", 10), 10);
    }
}

/* As `echo reboot >/dev/pts/3`: it has closed the pty before the daemon polls. */
static void test_pty_quick_visitor_is_heard(void **state)
{
    char buf[16];
    int fd;

    assert_int_equal(open_text("pty", OUTPUT_ROLE_SERIAL), 0);
    output_start(&output);
    output_want(&output, true, false);
    fd = open_tty();
    assert_int_equal(write(fd, "typed\r", 6), 6);
    close(fd);
    turn_until_seen();
    turn();
    assert_int_equal(output_read(&output, buf, sizeof(buf)), 6);
    assert_memory_equal(buf, "typed\r", 6);
    for (int i = 0; i < 5; i++) {
        turn();
        assert_int_equal(output_read(&output, buf, sizeof(buf)), 0);
    }
    assert_int_equal(output.fd, -1);
}

/* root can have 128 inotify instances on a host, and others need them, too. */
static void test_pty_takes_no_inotify(void **state)
{
    char link[64], target[64];

    assert_int_equal(open_text("pty", OUTPUT_ROLE_SERIAL), 0);
    output_start(&output);
    for (int fd = 0; fd < 64; fd++) {
        ssize_t len;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        len = readlink(link, target, sizeof(target) - 1);
        target[len < 0 ? 0 : len] = '\0';
        assert_null(strstr(target, "inotify"));
    }
}

static void test_pty_slow_viewer_is_back_pressure(void **state)
{
    char chunk[1024] = "";
    size_t taken = 0;
    ssize_t n = 1;
    int fd;

    assert_int_equal(open_text("pty", OUTPUT_ROLE_SERIAL), 0);
    output_start(&output);
    output_want(&output, true, false);
    fd = open_tty();
    turn_until_seen();
    for (int i = 0; i < 1000 && n > 0; i++) {
        n = output_write(&output, chunk, sizeof(chunk));
        assert_true(n >= 0);
        taken += n;
    }
    assert_int_equal(n, 0);
    assert_true(taken < 200000);
    output_want(&output, true, true);
    calls = 0;
    while (read(fd, chunk, sizeof(chunk)) > 0)
        ;
    turn();
    assert_true(calls > 0);
    assert_true(output_write(&output, chunk, sizeof(chunk)) > 0);
    close(fd);
}

static int connect_unix(void)
{
    struct sockaddr_un addr = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    strcpy(addr.sun_path, path);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

static void test_unix_server_one_peer_at_a_time(void **state)
{
    char buf[16];
    int first, second;

    assert_int_equal(open_text("unix:%s,server,nowait", OUTPUT_ROLE_SERIAL), 0);
    output_want(&output, true, false);
    assert_int_equal(output_write(&output, "lost", 4), 4);
    first = connect_unix();
    turn();
    second = connect_unix();
    turn();
    assert_int_equal(read(second, buf, sizeof(buf)), 0);
    close(second);
    assert_int_equal(output_write(&output, "to first", 8), 8);
    expect_read(first, "to first");
    assert_int_equal(write(first, "back", 4), 4);
    turn();
    assert_int_equal(output_read(&output, buf, sizeof(buf)), 4);
    close(first);
    assert_int_equal(output_read(&output, buf, sizeof(buf)), 0);
    assert_int_equal(output.fd, -1);
    assert_int_equal(output_write(&output, "lost", 4), 4);

    first = connect_unix();
    turn();
    assert_int_equal(output_write(&output, "again", 5), 5);
    expect_read(first, "again");
    close(first);
}

/* A client has sent bytes that nobody wanted yet, and has left. The next one is served. */
static void test_a_peer_that_is_gone_unnoticed(void **state)
{
    char buf[16];
    int first, second;

    assert_int_equal(open_text("unix:%s,server,nowait", OUTPUT_ROLE_SERIAL), 0);
    first = connect_unix();
    turn();
    assert_int_equal(write(first, "old", 3), 3);
    close(first);
    calls = 0;
    second = connect_unix();
    turn();
    assert_int_equal(calls, 2); /* the first client's bytes could be read, and then the second one's */
    assert_int_equal(write(second, "new", 3), 3);
    assert_int_equal(output_read(&output, buf, sizeof(buf)), 3);
    assert_memory_equal(buf, "new", 3);
    close(second);
}

/* The same over TCP, where a closed connection is only half closed until something is sent to it. */
static void test_a_tcp_peer_that_is_gone_unnoticed(void **state)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(addr);
    int first, second, probe = socket(AF_INET, SOCK_STREAM, 0);
    char text[64], buf[16];

    assert_int_equal(bind(probe, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(getsockname(probe, (struct sockaddr *)&addr, &len), 0);
    close(probe);
    snprintf(text, sizeof(text), "tcp:127.0.0.1:%u,server,nowait", ntohs(addr.sin_port));
    assert_int_equal(open_text(text, OUTPUT_ROLE_SERIAL), 0);
    first = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(first, (struct sockaddr *)&addr, len), 0);
    turn();
    assert_int_equal(write(first, "old", 3), 3);
    close(first);
    second = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(second, (struct sockaddr *)&addr, len), 0);
    turn();
    assert_int_equal(write(second, "new", 3), 3);
    assert_int_equal(output_read(&output, buf, sizeof(buf)), 3);
    assert_memory_equal(buf, "new", 3);
    close(second);
}

static void test_only_a_socket_makes_room_for_a_socket(void **state)
{
    struct stat st;
    int fd = open(path, O_WRONLY | O_CREAT, 0600);

    close(fd);
    assert_int_equal(open_text("unix:%s,server,nowait", OUTPUT_ROLE_SERIAL), -EEXIST);
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISREG(st.st_mode));
    unlink(path);
    assert_int_equal(open_text("unix:%s,server,nowait", OUTPUT_ROLE_SERIAL), 0);
    output_dispose(&output);
    assert_int_equal(open_text("unix:%s,server,nowait", OUTPUT_ROLE_SERIAL), 0);
}

static void test_peer_that_never_reads(void **state)
{
    char chunk[4096] = "";
    ssize_t n = 1;
    int fd;

    assert_int_equal(open_text("unix:%s,server,nowait", OUTPUT_ROLE_SERIAL), 0);
    fd = connect_unix();
    turn();
    for (int i = 0; i < 10000 && n > 0; i++)
        n = output_write(&output, chunk, sizeof(chunk));
    assert_int_equal(n, 0);
    close(fd);
    assert_int_equal(output_write(&output, chunk, sizeof(chunk)), sizeof(chunk));
    assert_int_equal(output.fd, -1);
}

static void test_tcp_client(void **state)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(addr);
    int server = socket(AF_INET, SOCK_STREAM, 0), peer, alive = 0;
    struct output_spec spec;
    char text[64], error[400];

    assert_int_equal(bind(server, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(server, 1), 0);
    assert_int_equal(getsockname(server, (struct sockaddr *)&addr, &len), 0);
    snprintf(text, sizeof(text), "tcp:127.0.0.1:%d", ntohs(addr.sin_port));
    assert_int_equal(output_spec_parse(&spec, text, error, sizeof(error)), 0);
    assert_int_equal(output_open(&output, &loop, &spec, 3, OUTPUT_ROLE_SERIAL, ready, NULL), 0);
    peer = accept(server, NULL, NULL);
    assert_int_equal(getsockopt(output.fd, SOL_SOCKET, SO_KEEPALIVE, &alive, &(socklen_t){ 4 }), 0);
    assert_int_equal(alive, 1);
    assert_int_equal(output_write(&output, "hi", 2), 2);
    expect_read(peer, "hi");
    close(peer);
    close(server);
    output_dispose(&output);
    assert_int_equal(output_open(&output, &loop, &spec, 3, OUTPUT_ROLE_SERIAL, ready, NULL),
                     -ECONNREFUSED);
    assert_non_null(strstr(last_line, text));
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)
    const struct CMUnitTest tests[] = {
        TEST(test_null),
        TEST(test_log_file),
        TEST(test_only_what_was_renamed_is_followed),
        TEST(test_where_nobody_can_look_nothing_is_renamed),
        TEST(test_missing_file_is_named),
        TEST(test_pipe_that_is_no_file_is_refused),
        TEST(test_full_fifo_is_waited_for),
        TEST(test_pty_both_ways),
        TEST(test_pty_keeps_the_last_output_for_a_late_viewer),
        TEST(test_pty_nobody_there_never_blocks_nor_spins),
        TEST(test_pty_quick_visitor_is_heard),
        TEST(test_pty_takes_no_inotify),
        TEST(test_pty_slow_viewer_is_back_pressure),
        TEST(test_unix_server_one_peer_at_a_time),
        TEST(test_a_peer_that_is_gone_unnoticed),
        TEST(test_a_tcp_peer_that_is_gone_unnoticed),
        TEST(test_only_a_socket_makes_room_for_a_socket),
        TEST(test_peer_that_never_reads),
        TEST(test_tcp_client),
    };

    return cmocka_run_group_tests_name("dm-output", tests, NULL, NULL);
}
