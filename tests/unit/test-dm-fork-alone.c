// sources: launcher/dom0-daemon/root/fork-alone.c
// wrap: fork setns
/*
 * A child in a PID namespace of its own; its parent is not in it. Needs root; without it fork_alone() fails, and there
 * is no child.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fork-alone.h"

#include <fcntl.h>
#include <signal.h>
#include <sched.h>
#include <sys/wait.h>

static bool no_fork, no_return;
pid_t __real_fork(void);
int __real_setns(int fd, int type);

pid_t __wrap_fork(void)
{
    if (!no_fork)
        return __real_fork();
    errno = ENOMEM;
    return -1;
}

int __wrap_setns(int fd, int type)
{
    if (!no_return)
        return __real_setns(fd, type);
    errno = EPERM;
    return -1;
}

static int status_of(pid_t pid)
{
    int status;

    assert_true(pid > 1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int first_free_fd(void)
{
    int fd = open("/dev/null", O_RDONLY);

    close(fd);
    return fd;
}

/* The child does not see its parent, so it cannot kill it. It cannot enter the parent's namespace either. */
static void test_a_child_is_alone(void **state)
{
    int free_fd = first_free_fd();
    pid_t pid = fork_alone();

    if (pid == 0)
        _exit(getpid() == 1 && getppid() == 0 && kill(2, 0) < 0 && errno == ESRCH &&
              first_free_fd() == free_fd ? 7 : 8);
    assert_int_equal(status_of(pid), 7);
    assert_int_equal(first_free_fd(), free_fd);
}

static void test_the_next_one_is_not_in_it(void **state)
{
    pid_t first = fork_alone(), second, heir, parent = getpid();

    if (first == 0)
        for (;;)
            pause();
    second = fork_alone();
    if (second == 0)
        _exit(getpid());
    heir = fork();
    if (heir == 0)
        _exit(getppid() == parent ? 7 : 8);
    assert_int_equal(status_of(second), 1);
    assert_int_equal(status_of(heir), 7);
    /* As the supervisor does. Process 1 of a namespace is protected only from signals within it. */
    assert_int_equal(kill(first, SIGKILL), 0);
    assert_int_equal(status_of(first), -SIGKILL);
}

/* A fault of the child's own still ends it. */
static void test_it_can_abort(void **state)
{
    pid_t pid = fork_alone();

    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        signal(SIGSEGV, SIG_DFL);
        abort();
    }
    assert_true(status_of(pid) < 0);
}

static void test_no_child(void **state)
{
    pid_t pid;

    no_fork = true;
    assert_int_equal(fork_alone(), -ENOMEM);
    no_fork = false;
    /* The next child works, and is not in the first one's namespace. */
    test_a_child_is_alone(state);
    pid = fork();
    if (pid == 0)
        _exit(getppid() != 0 ? 7 : 8);
    assert_int_equal(status_of(pid), 7);
}

static void test_no_way_back(void **state)
{
    int own = open("/proc/self/ns/pid", O_RDONLY);
    pid_t pid;

    no_return = true;
    pid = fork_alone();
    if (pid == 0)
        for (;;)
            pause();
    no_return = false;
    assert_int_equal(setns(own, CLONE_NEWPID), 0);
    close(own);
    assert_int_equal(pid, -EPERM);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_a_child_is_alone, root_only),
        cmocka_unit_test_setup(test_the_next_one_is_not_in_it, root_only),
        cmocka_unit_test_setup(test_it_can_abort, root_only),
        cmocka_unit_test_setup(test_no_child, root_only),
        cmocka_unit_test_setup(test_no_way_back, root_only),
    };

    return cmocka_run_group_tests_name("dm-fork-alone", tests, NULL, NULL);
}
