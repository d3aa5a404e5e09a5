// sources: launcher/stubdom-init/linux-sandbox.c
/*
 * What QEMU may do once it is in the sandbox, tried in a child. Entering needs root,
 * as in the stub domain; without, the test is skipped.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "linux.h"

#include <fcntl.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static int in_sandbox(int (*what)(void))
{
    int status;
    pid_t pid = fork();

    if (!pid)
        _exit(linux_sandbox_enter() ? 99 : what());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void needs_root(void)
{
    if (geteuid() != 0)
        skip();
}

static int nobody(void)
{
    uid_t real, effective, saved;

    if (getresuid(&real, &effective, &saved) || real != QEMU_UID || effective != QEMU_UID ||
        saved != QEMU_UID || getgid() != QEMU_UID || getgroups(0, NULL) != 0)
        return 1;
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_SECCOMP) != 2)
        return 2;
    for (int cap = 0; cap < 38; cap++)
        if (prctl(PR_CAPBSET_READ, cap) > 0)
            return 3;
    return setuid(0) == 0 ? 4 : 0;
}

static void drops_everything(void **state)
{
    needs_root();
    assert_int_equal(in_sandbox(nobody), 0);
}

static int denied_calls(void)
{
    if (mount("none", "/mnt", "tmpfs", 0, NULL) != -1 || errno != EPERM)
        return 1;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != -1 || errno != EPERM)
        return 2;
    if (syscall(SYS_io_uring_setup, 1, NULL) != -1 || errno != EPERM)
        return 3;
    if (syscall(SYS_bpf, 0, NULL, 0) != -1 || errno != EPERM)
        return 4;
    return syscall(SYS_unshare, 0) != -1 || errno != EPERM ? 5 : 0;
}

static void denies(void **state)
{
    needs_root();
    assert_int_equal(in_sandbox(denied_calls), 0);
}

/* The firewall is traffic control's; a raw socket would go around it. */
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
    int fd = open("/dev/null", O_RDWR), pair[2];
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
        cmocka_unit_test(denies),
        cmocka_unit_test(leaves_the_network_alone),
        cmocka_unit_test(leaves_the_rest),
        cmocka_unit_test(kills_foreign_calls),
    };

    return cmocka_run_group_tests_name("init-sandbox", tests, NULL, NULL);
}
