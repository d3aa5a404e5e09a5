// sources: launcher/dom0-daemon/root/qmp-proxy.c
/*
 * libxl's vchan-socket-proxy, played by a copy of this program. The daemon finds it by its pid in xenstore, and ends
 * it. Other programs are left alone.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "log.h"
#include "qmp-proxy.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* -------- xenstore: the proxy's pid, or no such node -------- */

static unsigned int named;

int store_read_proxy_pid(struct store *store, unsigned int *pid)
{
    *pid = named;
    return named ? 0 : -ENOENT;
}

int store_write_proxy_pid(struct store *store, unsigned int pid)
{
    named = pid;
    return 0;
}

/* -------- the proxy: reports that it runs, and waits -------- */

static char dir[64], program[100], socket_path[100];

static _Noreturn void play_proxy(const char *ready)
{
    close(open(ready, O_CREAT | O_WRONLY, 0600));
    for (;;)
        pause();
}

static pid_t start_proxy(const char *domid, const char *socket, const char *more)
{
    char ready[120];
    pid_t pid;

    snprintf(ready, sizeof(ready), "%s/ready", dir);
    setenv("READY", ready, 1);
    pid = fork();
    if (pid == 0) {
        execl(program, "/usr/lib/xen/bin/vchan-socket-proxy", "--state-path=/state", domid, "/node", socket,
              more, NULL);
        _exit(1);
    }
    while (access(ready, F_OK))
        usleep(1000);
    unlink(ready);
    named = pid;
    return pid;
}

static bool runs(pid_t pid)
{
    return waitpid(pid, NULL, WNOHANG) == 0;
}

static void copy_self(void)
{
    char buf[65536];
    int from = open("/proc/self/exe", O_RDONLY), to = open(program, O_CREAT | O_WRONLY, 0700);
    ssize_t n;

    while ((n = read(from, buf, sizeof(buf))) > 0)
        assert_int_equal(write(to, buf, n), n);
    close(from);
    close(to);
}

static struct store store = { .domid = 7 };
static char path[QMP_PROXY_PATH];

static int begin(void **state)
{
    log_set_sink(NULL, NULL);
    strcpy(dir, "/tmp/dm-proxy-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(program, sizeof(program), "%s/vchan-socket-proxy", dir);
    snprintf(socket_path, sizeof(socket_path), "%s/socket", dir);
    copy_self();
    named = 0;
    memset(path, 'x', sizeof(path));
    return 0;
}

static int end(void **state)
{
    unlink(program);
    return rmdir(dir);
}

static void kill_and_reap(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_replaced(void **state)
{
    pid_t proxy = start_proxy("7", socket_path, NULL);
    int status;

    assert_int_equal(qmp_proxy_replace(&store, path), 0);
    assert_string_equal(path, socket_path);
    assert_int_equal(waitpid(proxy, &status, WNOHANG), proxy);
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_int_equal(named, getpid());
}

static void test_there_is_none(void **state)
{
    assert_int_equal(qmp_proxy_replace(&store, path), 0);
    assert_string_equal(path, "");
    assert_int_equal(named, 0);
}

/* The start fails, because an unknown process may read the stub domain's bytes. */
static void test_the_number_is_another_programs(void **state)
{
    named = getpid();
    assert_true(qmp_proxy_replace(&store, path) < 0);
    assert_int_equal(named, getpid());
    named = 0x7ffffff0;
    assert_true(qmp_proxy_replace(&store, path) < 0);
}

/* A proxy for another stub domain, without a socket, or with unknown arguments. */
static void test_it_serves_something_else(void **state)
{
    const struct { const char *domid, *socket, *more; } rows[] = {
        { "8", socket_path, NULL }, { "7", "3", NULL }, { "7", socket_path, "more" }, { "7", NULL, NULL },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        pid_t proxy = start_proxy(rows[i].domid, rows[i].socket, rows[i].more);

        assert_true(qmp_proxy_replace(&store, path) < 0);
        assert_true(runs(proxy));
        assert_int_equal(named, proxy);
        kill_and_reap(proxy);
    }
}

/* A program whose name only begins like the proxy's is another one; so is one in a folder of that name. */
static void test_its_whole_name_counts(void **state)
{
    static const char *const names[] = { "vchan-socket-proxy.old", "vchan-socket-proxy/other" };
    char folder[100], was[200];

    snprintf(folder, sizeof(folder), "%s/vchan-socket-proxy", dir);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        pid_t proxy;

        strcpy(was, program);
        snprintf(program, sizeof(program), "%.60s/%s", dir, names[i]);
        if (i)
            mkdir(folder, 0700);
        assert_int_equal(rename(was, program), 0);
        proxy = start_proxy("7", socket_path, NULL);
        assert_true(qmp_proxy_replace(&store, path) < 0);
        assert_true(runs(proxy));
        kill_and_reap(proxy);
    }
    unlink(program);
    rmdir(folder);
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_replaced),
        TEST(test_there_is_none),
        TEST(test_the_number_is_another_programs),
        TEST(test_it_serves_something_else),
        TEST(test_its_whole_name_counts),
    };

    if (strstr(argv[0], "vchan-socket-proxy"))
        play_proxy(getenv("READY"));
    return cmocka_run_group_tests_name("dm-qmp-proxy", tests, NULL, NULL);
}
