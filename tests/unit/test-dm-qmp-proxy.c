// sources: launcher/dom0-daemon/root/qmp-proxy.c common/loop.c common/util.c common/log.c
// wrap: fork
/*
 * libxl's proxy, played by a copy of this program: it is found by what xenstore
 * says, and started anew with its own command line when it dies.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "clock.h"
#include "log.h"
#include "qmp-proxy.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

static struct shared {
    unsigned int pid; /* what xenstore says; 0: no node */
    int opened;
} *shared;

/* -------- xenstore -------- */

int store_open(struct store *store, int domid)
{
    shared->opened++;
    return 0;
}

void store_close(struct store *store) { shared->opened--; }

int store_read_proxy_pid(struct store *store, unsigned int *pid)
{
    *pid = shared->pid;
    return shared->pid ? 0 : -ENOENT;
}

int store_write_proxy_pid(struct store *store, unsigned int pid)
{
    if (!shared->pid)
        return -ENOENT;
    shared->pid = pid;
    return 0;
}

/* -------- no memory for a process, for a while -------- */

static bool no_forks;
pid_t __real_fork(void);

pid_t __wrap_fork(void)
{
    errno = ENOMEM;
    return no_forks ? -1 : __real_fork();
}

/* -------- the proxy: leaves its command line in its socket's place, and waits -------- */

static char dir[] = "/tmp/dm-proxy-XXXXXX", program[64], socket_path[64];

static _Noreturn void play_proxy(int argc, char **argv)
{
    int fd = open(argv[argc - 1], O_CREAT | O_EXCL | O_WRONLY, 0600);

    for (int i = 1; i + 1 < argc; i++)
        dprintf(fd, "%s ", argv[i]);
    dprintf(fd, "%s\n", fcntl(50, F_GETFD) < 0 ? "clean" : "has what it should not");
    fprintf(stderr, "proxy\n");
    for (;;)
        pause();
}

static pid_t start_proxy(const char *name, const char *state_path)
{
    pid_t pid = fork();
    int log;

    if (pid == 0) {
        log = open("/dev/null", O_WRONLY);
        dup2(log, STDERR_FILENO);
        if (state_path)
            execl(program, name, state_path, "7", "/node", socket_path, NULL);
        execl(program, name, "7", "/node", socket_path, NULL);
        _exit(1);
    }
    while (access(socket_path, F_OK))
        usleep(1000);
    return pid;
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

static struct loop loop;
static struct qmp_proxy proxy;
static struct store store = { .domid = 7 };

static int begin(void **state)
{
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    log_set_sink(NULL, NULL);
    loop_init(&loop, clock_now_ms);
    memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
    assert_non_null(mkdtemp(dir));
    snprintf(program, sizeof(program), "%s/vchan-socket-proxy", dir);
    snprintf(socket_path, sizeof(socket_path), "%s/socket", dir);
    copy_self();
    return 0;
}

static int end(void **state)
{
    qmp_proxy_forget(&proxy);
    unlink(program);
    unlink(socket_path);
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(shared->opened, 0);
    return munmap(shared, 4096);
}

static void turn_for(int ms)
{
    int64_t until = clock_now_ms() + ms;

    while (clock_now_ms() < until)
        loop_turn(&loop, 10);
}

static void kill_and_reap(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_started_anew(void **state)
{
    pid_t first = start_proxy("vchan-socket-proxy", "--state-path=/state");
    char text[64] = "";
    int fd;

    shared->pid = first;
    assert_int_equal(qmp_proxy_find(&proxy, &loop, &store), 0);
    assert_int_equal(dup2(STDERR_FILENO, 50), 50);
    kill_and_reap(first);
    turn_for(500);
    assert_int_equal(shared->pid, first); /* not at once: the stub domain may be going */
    unlink(socket_path);
    turn_for(1500);
    close(50);
    assert_int_not_equal(shared->pid, first);
    fd = open(socket_path, O_RDONLY);
    assert_true(read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    assert_string_equal(text, "7 /node clean\n");
    qmp_proxy_stop(&proxy);
    assert_int_equal(waitpid(shared->pid, NULL, 0), shared->pid);
}

static void test_a_shortage_passes(void **state)
{
    pid_t first = start_proxy("vchan-socket-proxy", NULL);

    shared->pid = first;
    assert_int_equal(qmp_proxy_find(&proxy, &loop, &store), 0);
    kill_and_reap(first);
    no_forks = true;
    turn_for(1500);
    assert_int_equal(shared->pid, first);
    no_forks = false;
    turn_for(1500);
    assert_int_not_equal(shared->pid, first);
    qmp_proxy_stop(&proxy);
    assert_int_equal(waitpid(shared->pid, NULL, 0), shared->pid);
}

static void test_stopped(void **state)
{
    pid_t first = start_proxy("vchan-socket-proxy", NULL);
    int status;

    shared->pid = first;
    assert_int_equal(qmp_proxy_find(&proxy, &loop, &store), 0);
    qmp_proxy_stop(&proxy);
    assert_int_equal(waitpid(first, &status, 0), first);
    assert_true(WIFSIGNALED(status));
    assert_int_not_equal(access(socket_path, F_OK), 0);
    shared->pid = 0;
    turn_for(1500);
    assert_int_equal(shared->pid, 0);
    qmp_proxy_stop(&proxy);
}

/* What is in its place by then is another's. */
static void test_socket_stays_that_another_may_have(void **state)
{
    pid_t first = start_proxy("vchan-socket-proxy", NULL);

    shared->pid = first;
    assert_int_equal(qmp_proxy_find(&proxy, &loop, &store), 0);
    kill_and_reap(first);
    qmp_proxy_stop(&proxy);
    assert_int_equal(access(socket_path, F_OK), 0);
}

static void test_not_when_the_stub_domain_is_gone(void **state)
{
    pid_t first = start_proxy("vchan-socket-proxy", NULL);

    shared->pid = first;
    assert_int_equal(qmp_proxy_find(&proxy, &loop, &store), 0);
    kill_and_reap(first);
    shared->pid = 0;
    turn_for(1500);
    assert_true(waitpid(-1, NULL, 0) > 0);
    assert_int_equal(shared->pid, 0);
    /* The old socket is as it was: nobody took its place. */
    assert_int_equal(access(socket_path, F_OK), 0);
}

/* Another process has taken over: it finds the one that runs by now, and its end. */
static void test_followed(void **state)
{
    pid_t first = start_proxy("vchan-socket-proxy", "--state-path=/state"), second;

    shared->pid = first;
    assert_int_equal(qmp_proxy_find(&proxy, &loop, &store), 0);
    kill_and_reap(first);
    unlink(socket_path);
    second = start_proxy("vchan-socket-proxy", NULL);
    shared->pid = second;
    qmp_proxy_follow(&proxy, &store);
    turn_for(1200);
    assert_int_equal(shared->pid, second);
    kill_and_reap(second);
    turn_for(1500);
    assert_int_not_equal(shared->pid, second);
    kill_and_reap(shared->pid);
}

static void test_followed_when_it_died_unseen(void **state)
{
    pid_t first = start_proxy("vchan-socket-proxy", NULL);

    shared->pid = first;
    assert_int_equal(qmp_proxy_find(&proxy, &loop, &store), 0);
    kill_and_reap(first);
    shared->pid = getpid(); /* its number is another program's by now */
    qmp_proxy_follow(&proxy, &store);
    assert_true(proxy.io.fd < 0);
    turn_for(1500);
    assert_int_not_equal(shared->pid, getpid());
    kill_and_reap(shared->pid);
}

static void test_not_for_ever(void **state)
{
    pid_t first = start_proxy("vchan-socket-proxy", NULL);

    shared->pid = first;
    assert_int_equal(qmp_proxy_find(&proxy, &loop, &store), 0);
    proxy.restarts = 100;
    kill_and_reap(first);
    turn_for(1500);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void test_nothing_to_look_after(void **state)
{
    assert_int_equal(qmp_proxy_find(&proxy, &loop, &store), 0);
    assert_null(proxy.loop);
    /* Some other program has the number. */
    shared->pid = getpid();
    assert_true(qmp_proxy_find(&proxy, &loop, &store) < 0);
    assert_null(proxy.loop);
    shared->pid = 0x7ffffff0;
    assert_true(qmp_proxy_find(&proxy, &loop, &store) < 0);
    assert_int_equal(loop.fd_count, 0);
}

/* A name that only begins like it is another program's; so is a folder's. */
static void test_its_whole_name_counts(void **state)
{
    static const char *const names[] = { "vchan-socket-proxy.old", "vchan-socket-proxy/other" };
    char folder[100], was[200];

    snprintf(folder, sizeof(folder), "%s/vchan-socket-proxy", dir);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        pid_t first;

        strcpy(was, program);
        snprintf(program, sizeof(program), "%s/%s", dir, names[i]);
        if (i)
            mkdir(folder, 0700);
        assert_int_equal(rename(was, program), 0);
        first = start_proxy("vchan-socket-proxy", NULL);
        shared->pid = first;
        assert_true(qmp_proxy_find(&proxy, &loop, &store) < 0);
        kill_and_reap(first);
        unlink(socket_path);
    }
    unlink(program);
    rmdir(folder);
}

int main(int argc, char **argv)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(test_started_anew),
        TEST(test_a_shortage_passes),
        TEST(test_stopped),
        TEST(test_socket_stays_that_another_may_have),
        TEST(test_not_when_the_stub_domain_is_gone),
        TEST(test_followed),
        TEST(test_followed_when_it_died_unseen),
        TEST(test_not_for_ever),
        TEST(test_nothing_to_look_after),
        TEST(test_its_whole_name_counts),
    };

    if (!strcmp(argv[0], "vchan-socket-proxy"))
        play_proxy(argc, argv);
    return cmocka_run_group_tests_name("dm-qmp-proxy", tests, NULL, NULL);
}
