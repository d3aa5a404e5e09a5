// sources: launcher/stubdom-init/linux-sandbox.c
/*
 * What QEMU may do in the sandbox, tried in a child. Entering the sandbox needs root, as in the stub domain; without it
 * the tests are skipped.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "linux.h"
#include "log.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <time.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static struct loop loop;
static struct linux_platform platform;
static char logged[2048];

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void keep_log(void *data, enum log_level level, const char *line)
{
    strcat(strcat(logged, line), "\n");
}

/* Runs a child in the sandbox and answers for each refused call, as the launcher does, until the child ends. */
static int in_sandbox(int (*what)(void))
{
    int status, socket;
    pid_t pid;

    logged[0] = '\0';
    log_set_sink(keep_log, NULL);
    memset(&platform, 0, sizeof(platform));
    platform.loop = &loop;
    loop_init(&loop, now_ms);
    assert_int_equal(linux_sandbox_prepare(&platform, &socket), 0);
    pid = fork();
    if (!pid)
        _exit(linux_sandbox_enter(socket) ? 99 : what());
    close(socket);
    while (!waitpid(pid, &status, WNOHANG))
        assert_int_equal(loop_turn(&loop, 20), 0);
    /* The child has ended, so the descriptor gets closed. */
    for (int i = 0; i < 50 && platform.refusals.fd >= 0; i++)
        assert_int_equal(loop_turn(&loop, 20), 0);
    assert_int_equal(platform.refusals.fd, -1);
    assert_false(platform.refusals.added);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void needs_root(void)
{
    if (geteuid() != 0)
        skip();
}

/* musl uses open(), glibc openat(). */
static int open_as_musl(const char *path, int flags)
{
    return syscall(SYS_open, path, flags, 0);
}

static int nobody(void)
{
    char status[4096] = "", ids[64];
    int fd = open_as_musl("/proc/self/status", O_RDONLY);

    if (fd < 0 || read(fd, status, sizeof(status) - 1) <= 0)
        return 1;
    snprintf(ids, sizeof(ids), "\nUid:\t%d\t%d\t%d\t%d\n", QEMU_UID, QEMU_UID, QEMU_UID, QEMU_UID);
    if (!strstr(status, ids) || (!strstr(status, "\nGroups:\t \n") && !strstr(status, "\nGroups:\t\n")))
        return 2;
    snprintf(ids, sizeof(ids), "\nGid:\t%d\t%d\t%d\t%d\n", QEMU_UID, QEMU_UID, QEMU_UID, QEMU_UID);
    if (!strstr(status, ids) || !strstr(status, "\nCapBnd:\t0000000000000000\n"))
        return 3;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_SECCOMP) != 2)
        return 4;
    return setuid(0) == 0 ? 5 : 0;
}

static void drops_everything(void **state)
{
    needs_root();
    assert_int_equal(in_sandbox(nobody), 0);
}

static bool is_refused(long result)
{
    return result == -1 && errno == ENOSYS;
}

/* Dangerous calls, harmless ones, one that no kernel has, and clone() for a process; each twice. */
static int other_calls(void)
{
    static const int calls[] = {
        SYS_mount, SYS_ptrace, SYS_io_uring_setup, SYS_bpf, SYS_unshare, SYS_userfaultfd, SYS_reboot, SYS_getsid,
        SYS_fork, SYS_vfork, SYS_clone3, SYS_kill, SYS_mkdir, 500, 100000,
    };

    for (size_t i = 0; i < 2 * ARRAY_LEN(calls); i++)
        if (!is_refused(syscall(calls[i / 2], 0, 0, 0, 0, 0)))
            return 1 + i / 2;
    return is_refused(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0)) ? 0 : 90;
}

static unsigned int lines(void)
{
    unsigned int n = 0;

    for (const char *p = logged; (p = strchr(p, '\n')); p++)
        n++;
    return n;
}

static void refuses_the_rest(void **state)
{
    char line[96];

    needs_root();
    assert_int_equal(in_sandbox(other_calls), 0);
    snprintf(line, sizeof(line), "QEMU has made system call %d, which is not one of its own; refused\n", SYS_bpf);
    assert_non_null(strstr(logged, line));
    assert_int_equal(lines(), 16); /* each number once, and clone() */
}

/* Allowed by the filter; the kernel itself refuses, since a thread must share its memory. */
static int makes_a_thread(void)
{
    return syscall(SYS_clone, CLONE_THREAD, 0, 0, 0, 0) != -1 || errno != EINVAL;
}

static void allows_threads(void **state)
{
    needs_root();
    assert_int_equal(in_sandbox(makes_a_thread), 0);
}

/* A child that ends before it has sent the descriptor. */
static void a_child_that_dies(void **state)
{
    int socket;

    memset(&platform, 0, sizeof(platform));
    platform.loop = &loop;
    loop_init(&loop, now_ms);
    assert_int_equal(linux_sandbox_prepare(&platform, &socket), 0);
    close(socket);
    assert_int_equal(loop_turn(&loop, 1000), 0);
    assert_int_equal(platform.refusals.fd, -1);
    assert_false(platform.refusals.added);
}

/* A raw socket would bypass the firewall, which is in traffic control. */
static int network_calls(void)
{
    struct {
        struct nlmsghdr header;
        struct tcmsg tc;
    } remove = {
        .header = { .nlmsg_len = sizeof(remove), .nlmsg_type = RTM_DELQDISC,
                    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
        .tc = { .tcm_ifindex = 1, .tcm_parent = TC_H_CLSACT },
    };
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
    } answer;
    int netlink = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);

    if (socket(AF_PACKET, SOCK_RAW, 0) != -1 || errno != EPERM)
        return 1;
    if (netlink < 0 || send(netlink, &remove, sizeof(remove), 0) < 0 ||
        recv(netlink, &answer, sizeof(answer), 0) < (ssize_t)sizeof(answer))
        return 2;
    return answer.error.error == -EPERM ? 0 : 3;
}

static void leaves_the_network_alone(void **state)
{
    needs_root();
    assert_int_equal(in_sandbox(network_calls), 0);
}

static int usual_calls(void)
{
    int fd = open_as_musl("/dev/null", O_RDWR), pair[2];
    void *memory = malloc(1 << 20);

    free(memory);
    return fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) || close(fd) ? 1 : 0;
}

static void leaves_the_rest(void **state)
{
    needs_root();
    assert_int_equal(in_sandbox(usual_calls), 0);
}

static int x32_call(void)
{
    syscall(0x40000000 | SYS_getpid);
    return 0;
}

static void kills_foreign_calls(void **state)
{
    needs_root();
    assert_int_equal(in_sandbox(x32_call), -31); /* SIGSYS */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drops_everything),
        cmocka_unit_test(refuses_the_rest),
        cmocka_unit_test(allows_threads),
        cmocka_unit_test(a_child_that_dies),
        cmocka_unit_test(leaves_the_network_alone),
        cmocka_unit_test(leaves_the_rest),
        cmocka_unit_test(kills_foreign_calls),
    };

    return cmocka_run_group_tests_name("init-sandbox", tests, NULL, NULL);
}
