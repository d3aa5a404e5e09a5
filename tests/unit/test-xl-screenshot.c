// sources: launcher/dom0-daemon/root/fork-alone.c
// sources: launcher/xl-stubdom/screenshot.c launcher/xl-stubdom/viewer.c launcher/xl-stubdom/child.c
// sources: launcher/xl-stubdom/fault.c launcher/xl-stubdom/xs-get.c
// cflags: -DSCREENSHOT_SECONDS=2 -DCONNECT_MS=500
// wrap: xs_open xs_close xs_read xs_get_permissions
// libs: xenstore
/*
 * Scripts in place of the viewer, which may have been taken over: what such a viewer can do to the command that has
 * started it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <xenstore.h>

#include "domains.h"
#include "screenshot.h"
#include "viewer.h"

static char handle, dir[] = "/tmp/test-xl-screenshot-XXXXXX", port[16];
static int server;

int domains_find(const char *name, uint32_t *guest, uint32_t *stub, struct fault *fault)
{
    *guest = 4;
    *stub = 5;
    return 0;
}

struct xs_handle *__wrap_xs_open(unsigned long flags) { return (struct xs_handle *)&handle; }
void __wrap_xs_close(struct xs_handle *xs) { }

struct xs_permissions *__wrap_xs_get_permissions(struct xs_handle *xs, xs_transaction_t t, const char *path,
                                                 unsigned int *count)
{
    *count = 1;
    return calloc(1, sizeof(struct xs_permissions));
}

void *__wrap_xs_read(struct xs_handle *xs, xs_transaction_t t, const char *path, unsigned int *len)
{
    char *text = strdup(strstr(path, "vnc-port") ? port : strstr(path, "vnc-listen") ? "127.0.0.1" : "secret");

    *len = strlen(text);
    return text;
}

static int take(const char *script, struct fault *fault)
{
    FILE *f = fopen("viewer", "w");

    fprintf(f, "#!/bin/sh\n%s\n", script);
    fclose(f);
    chmod("viewer", 0755);
    unlink("picture");
    fault->text[0] = '\0';
    return screenshot_take("g", "picture", "./viewer", fault);
}

static void test_picture(void **state)
{
    struct fault fault;
    char text[64] = "";
    int fd;

    assert_int_equal(take("cat <&3 >password; printf PNG", &fault), 0);
    fd = open("picture", O_RDONLY);
    assert_int_equal(read(fd, text, sizeof(text)), 3);
    close(fd);
    fd = open("password", O_RDONLY);
    assert_int_equal(read(fd, text, sizeof(text)), 6);
    close(fd);
}

/* The viewer has only four descriptors, and none of them is our terminal. */
static void test_what_it_has(void **state)
{
    struct fault fault;
    char text[400] = "";
    int fd, leak = open("/dev/null", O_RDONLY);

    assert_int_equal(take("for fd in 2 4 5 6 7 8 9; do readlink /proc/self/fd/$fd; done >seen; printf PNG", &fault), 0);
    fd = open("seen", O_RDONLY);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    close(leak);
    assert_int_equal(strncmp(text, "pipe:[", 6), 0);
    assert_null(strstr(text, "/dev/null"));
    assert_null(strstr(text, "socket:"));
    assert_null(strstr(text, "memfd:"));
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

static void test_it_ends(void **state)
{
    int64_t begin = now_ms();
    struct fault fault;

    assert_int_equal(take("trap '' ALRM TERM HUP; exec sleep 20", &fault), -ETIMEDOUT);
    assert_in_range(now_ms() - begin, 1900, 6000);
    assert_non_null(strstr(fault.text, "no picture within"));
    assert_int_equal(access("picture", F_OK), -1);
}

/* The viewer's own time limit has passed while we were stopped. */
static void test_it_had_no_time_left(void **state)
{
    struct fault fault;
    char script[20];

    snprintf(script, sizeof(script), "exit %d", SCREENSHOT_LATE);
    assert_int_equal(take(script, &fault), -ETIMEDOUT);
    assert_non_null(strstr(fault.text, "no picture within"));
    assert_int_equal(access("picture", F_OK), -1);
}

static void test_nobody_is_left_behind(void **state)
{
    struct fault fault;

    assert_int_equal(take("printf PNG; (sleep 0.5; echo >changed) & ", &fault), 0);
    poll(NULL, 0, 1000);
    assert_int_equal(access("changed", F_OK), -1);
}

/* Opens the picture of the viewer, whose pid is in a file. */
static int steal_picture(void)
{
    char path[64], text[16] = "";
    int fd = -1, pid = 0;

    for (int i = 0; i < 200 && !pid; i++) {
        poll(NULL, 0, 10);
        fd = open("number", O_RDONLY);
        if (fd >= 0 && read(fd, text, sizeof(text) - 1) > 0)
            pid = atoi(text);
        if (fd >= 0)
            close(fd);
    }
    snprintf(path, sizeof(path), "/proc/%d/fd/1", pid);
    return open(path, O_RDWR);
}

/* Another process that has the picture's memory open cannot change it while it is copied: it is sealed. */
static void test_the_picture_is_sealed(void **state)
{
    struct fault fault;
    int status;
    pid_t thief = fork();

    if (thief == 0) {
        int picture = steal_picture();

        if (picture < 0 || write(picture, "PNX", 3) != 3)
            _exit(1); /* before the seal it could be changed */
        for (int i = 0; i < 200 && access("picture", F_OK); i++)
            poll(NULL, 0, 10);
        _exit(pwrite(picture, "X", 1, 0) < 0 && errno == EPERM ? 7 : 2);
    }
    assert_int_equal(take("read n x </proc/self/stat; echo $n >number.new; mv number.new number; sleep 0.5; printf PNG",
                          &fault), 0);
    assert_int_equal(waitpid(thief, &status, 0), thief);
    assert_int_equal(WEXITSTATUS(status), 7);
}

/* A viewer that writes endlessly: only the beginning is used, as a line of the fault. */
static void test_words(void **state)
{
    struct fault fault;

    assert_int_equal(take("echo 'cannot load \033]0;x' >&2; echo more >&2; exit 99", &fault), -EIO);
    assert_non_null(strstr(fault.text, "cannot load"));
    assert_null(strstr(fault.text, "more"));
    assert_int_equal(take("head -c 1000000 /dev/zero >&2; exit 99", &fault), -EIO);
    assert_true(strlen(fault.text) < 400);
}

static void test_no_viewer(void **state)
{
    struct fault fault;

    unlink("viewer");
    assert_int_equal(screenshot_take("g", "picture", "./viewer", &fault), -EIO);
    assert_non_null(strstr(fault.text, "No such file or directory"));
}

/* A full queue of connections: Linux drops further ones, as a firewall does, so there is no answer. */
static void test_no_answer(void **state)
{
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int full = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), waiting[4];
    int64_t begin = now_ms();
    socklen_t len = sizeof(addr);
    struct fault fault;
    char old[sizeof(port)];

    assert_int_equal(bind(full, (struct sockaddr *)&addr, len), 0);
    assert_int_equal(listen(full, 0), 0);
    assert_int_equal(getsockname(full, (struct sockaddr *)&addr, &len), 0);
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
        waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        connect(waiting[i], (struct sockaddr *)&addr, len);
    }
    strcpy(old, port);
    snprintf(port, sizeof(port), "%u", ntohs(addr.sin_port));
    assert_int_equal(take("printf PNG", &fault), -ETIMEDOUT);
    assert_in_range(now_ms() - begin, 400, 10000);
    assert_non_null(strstr(fault.text, "g: its VNC port, 127.0.0.1"));
    strcpy(port, old);
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
        close(waiting[i]);
    close(full);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, root_only)
    struct sockaddr_in addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(addr);
    const struct CMUnitTest tests[] = {
        TEST(test_picture),
        TEST(test_what_it_has),
        TEST(test_it_ends),
        TEST(test_it_had_no_time_left),
        TEST(test_nobody_is_left_behind),
        TEST(test_the_picture_is_sealed),
        TEST(test_words),
        TEST(test_no_viewer),
        TEST(test_no_answer),
    };
    static const char *const names[] = { "viewer", "picture", "password", "seen", "number", "changed" };
    int failed;

    server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server < 0 || bind(server, (struct sockaddr *)&addr, sizeof(addr)) || listen(server, 16) ||
        getsockname(server, (struct sockaddr *)&addr, &len) || !mkdtemp(dir) || chdir(dir))
        return 1;
    snprintf(port, sizeof(port), "%u", ntohs(addr.sin_port));
    failed = cmocka_run_group_tests_name("xl-screenshot", tests, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlink(names[i]);
    close(server);
    return chdir("/") || rmdir(dir) || failed;
}
