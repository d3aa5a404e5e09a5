// sources: launcher/dm/confine.c common/util.c common/log.c
/*
 * What a confined worker can still do, tried in a child process that has given up
 * its privileges. Needs root; as a user there is nothing to give up, and it skips.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "confine.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { FINE = 0, CONFINE_FAILED = 9, WRONG = 10 };

/* Runs DO confined, without the sanitizer's exit code: what killed it, or its status. */
static int confined(int (*lock_up)(void), int (*act)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        /* The address sanitizer's own calls at exit are not the daemon's. */
        syscall(SYS_exit_group, lock_up() ? CONFINE_FAILED : act());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int worker(void) { return confine(CONFINE_WORKER); }
static int supervised_worker(void) { return confine_supervisor() ?: confine(CONFINE_WORKER); }
static int probe(void) { return confine(CONFINE_PROBE); }
static int keeper(void) { return confine(CONFINE_KEEPER); }
static int viewer(void) { return confine(CONFINE_VIEWER); }

static int ordinary_work(void)
{
    struct pollfd p = { .fd = 1, .events = POLLOUT };
    char *memory = malloc(1 << 20);

    if (!memory || poll(&p, 1, 0) < 0)
        return WRONG;
    free(memory);
    return FINE;
}

static int large_file = -1;

static int fill_the_disk(void)
{
    if (pwrite(large_file, "x", 1, (64 << 20) - 1) != 1)
        return WRONG;
    return pwrite(large_file, "x", 1, 64 << 20) < 0 && errno == EFBIG ? FINE : WRONG;
}

static int give_a_file_away(void)
{
    /* As root without CAP_CHOWN: a file cannot be given away. */
    return chown("/", 1, 1) ? FINE : WRONG;
}

static int open_a_file(void) { return open("/etc/passwd", O_RDONLY) < 0 ? FINE : WRONG; }
static int make_a_process(void) { return fork() < 0 ? FINE : WRONG; }
static int make_a_socket(void) { return socket(AF_INET, SOCK_STREAM, 0) < 0 ? FINE : WRONG; }
static int become_root(void) { return syscall(SYS_setuid, 0) ? FINE : WRONG; }
static int trace(void) { return syscall(SYS_ptrace, 0, 0, 0, 0) ? FINE : WRONG; }
static int signal_others(void) { return kill(1, 0) ? FINE : WRONG; }

static int change_a_flag(void) { return fcntl(1, F_SETFL, 0) ? FINE : WRONG; }
static int end_a_socket(void) { return shutdown(1, SHUT_RDWR) ? FINE : WRONG; }

static int run_code(void)
{
    void *p = (void *)syscall(SYS_mmap, NULL, 4096, 7, 0x22, -1, 0);

    return p == (void *)-1 ? FINE : WRONG;
}

static int old_abi(void)
{
    /* A 32-bit call by its number: the filter must not take it for a 64-bit one. */
    int rc;

    __asm__ volatile("int $0x80" : "=a"(rc) : "a"(20) : "memory");
    return rc > 0 ? WRONG : FINE;
}

static void test_work_goes_on(void **state)
{
    assert_int_equal(confined(worker, ordinary_work), FINE);
    assert_int_equal(confined(probe, ordinary_work), FINE);
    assert_int_equal(confined(supervised_worker, ordinary_work), FINE);
    assert_int_equal(confined(confine_supervisor, give_a_file_away), FINE);
    assert_int_equal(confined(keeper, ordinary_work), FINE);
    assert_int_equal(confined(viewer, ordinary_work), FINE);
    large_file = memfd_create("large", 0);
    assert_int_equal(confined(worker, fill_the_disk), FINE);
    close(large_file);
}

static void test_the_rest_is_death(void **state)
{
    static const struct {
        int (*lock_up)(void), (*act)(void);
    } rows[] = {
        { worker, open_a_file },   { worker, make_a_process }, { worker, make_a_socket },
        { worker, become_root },   { worker, trace },          { worker, signal_others },
        { worker, change_a_flag }, { worker, end_a_socket },   { keeper, change_a_flag },
        { worker, run_code },      { worker, old_abi },        { keeper, open_a_file },
        { keeper, make_a_process }, { keeper, run_code },      { keeper, make_a_socket },
        { keeper, signal_others }, { viewer, make_a_process }, { viewer, make_a_socket },
        { viewer, become_root },   { viewer, trace },          { viewer, signal_others },
        { viewer, run_code },       { viewer, open_a_file },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (confined(rows[i].lock_up, rows[i].act) != -SIGSYS)
            fail_msg("row %zu: not killed by the filter", i);
}

/* A worker is not left behind by its supervisor: the pipe that it holds open ends. */
static void test_ends_with_its_parent(void **state)
{
    struct pollfd p = { .events = POLLIN };
    int ends[2], status;
    pid_t parent;

    assert_int_equal(pipe(ends), 0);
    parent = fork();
    if (parent == 0) {
        if (fork() == 0) {
            if (!worker() && write(ends[1], "", 1) == 1)
                poll(NULL, 0, 20000);
            syscall(SYS_exit_group, WRONG);
        }
        pause();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &status, 1), 1);
    kill(parent, SIGKILL);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    p.fd = ends[0];
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(read(ends[0], &status, 1), 0);
    close(ends[0]);
}

static int root_only(void **state)
{
    if (geteuid() != 0)
        skip();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_work_goes_on, root_only),
        cmocka_unit_test_setup(test_the_rest_is_death, root_only),
        cmocka_unit_test_setup(test_ends_with_its_parent, root_only),
    };

    return cmocka_run_group_tests_name("dm-confine", tests, NULL, NULL);
}
