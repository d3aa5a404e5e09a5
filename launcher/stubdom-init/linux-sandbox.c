/*
 * Confines QEMU, so that a guest that takes it over can do little: it is not root, gets no new privileges, has no
 * capabilities, and can make only those system calls that its code is known to make.
 *
 * A call that is not in the list gets ENOSYS, and the log names it, once: it is a sign of an attack, or of a QEMU with
 * new code. The kernel asks us about each such call (seccomp_unotify(2)), through a descriptor that the child sends
 * before it becomes QEMU.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fd-passing.h"
#include "linux.h"
#include "log.h"
#include "syscall-filter.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

/* clone() has a rule of its own below. */
#define REFUSED(call)
#define ALLOWED(call) SYS_##call,
static const int allowed[] = {
#include "qemu-calls.def"
};
#undef ALLOWED
#undef REFUSED

#define X32_BIT 0x40000000

/* The descriptor through which the kernel asks, or -errno. */
static int install_filter(void)
{
    struct syscall_filter filter;

    syscall_filter_begin(&filter);
    /* x32 calls are the same calls with other numbers. */
    syscall_filter_jump(&filter, BPF_JGE, X32_BIT, 0, 1);
    syscall_filter_return(&filter, SECCOMP_RET_KILL_PROCESS);
    /* Only threads are allowed. All flags are in the lower 32 bits; without CLONE_THREAD it would be a process. */
    syscall_filter_jump(&filter, BPF_JEQ, SYS_clone, 0, 4);
    syscall_filter_load(&filter, SYSCALL_FILTER_ARG(0));
    syscall_filter_jump(&filter, BPF_JSET, CLONE_THREAD, 0, 1);
    syscall_filter_return(&filter, SECCOMP_RET_ALLOW);
    syscall_filter_return(&filter, SECCOMP_RET_USER_NOTIF);
    for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
        syscall_filter_allow(&filter, allowed[i]);
    syscall_filter_return(&filter, SECCOMP_RET_USER_NOTIF);
    return syscall_filter_install(&filter, SECCOMP_FILTER_FLAG_NEW_LISTENER);
}

int linux_sandbox_enter(int socket)
{
    int listener, rc;

    for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
        if (prctl(PR_CAPBSET_DROP, cap) < 0 && errno != EINVAL)
            return -errno;
    if (setgroups(0, NULL) < 0 || setresgid(QEMU_UID, QEMU_UID, QEMU_UID) < 0 ||
        setresuid(QEMU_UID, QEMU_UID, QEMU_UID) < 0)
        return -errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    listener = install_filter();
    if (listener < 0)
        return listener;
    rc = fd_send(socket, "", 1, listener, MSG_NOSIGNAL);
    close(listener);
    return rc;
}

static void stop_watching(struct linux_platform *platform)
{
    loop_remove_fd(platform->loop, &platform->refusals);
    close(platform->refusals.fd);
    platform->refusals.fd = -1;
}

/* Logs a call that was refused, each number once: QEMU may have been taken over, and must not flood the log. */
static void refuse(void *data, short revents)
{
    struct linux_platform *platform = data;
    struct seccomp_notif call = {0};
    struct seccomp_notif_resp answer = { .error = -ENOSYS };
    unsigned int n;

    if (!(revents & POLLIN)) {
        stop_watching(platform); /* QEMU has ended */
        return;
    }
    if (ioctl(platform->refusals.fd, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
        return;
    answer.id = call.id;
    ioctl(platform->refusals.fd, SECCOMP_IOCTL_NOTIF_SEND, &answer);
    n = call.data.nr < 0 || (unsigned int)call.data.nr >= LINUX_CALLS ? LINUX_CALLS - 1 : call.data.nr;
    if (platform->refused[n])
        return;
    platform->refused[n] = true;
    log_warning("QEMU has made system call %d, which is not one of its own; refused", call.data.nr);
}

/* The child has sent the descriptor, or has ended before. */
static void take_listener(void *data, short revents)
{
    struct linux_platform *platform = data;
    char octet;
    int listener;
    ssize_t got = fd_receive(platform->refusals.fd, &octet, 1, &listener, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

    if (got == -EAGAIN || got == -EINTR)
        return;
    stop_watching(platform);
    if (got != 1 || listener < 0) {
        cleanup_closep(&listener);
        return;
    }
    platform->refusals.fd = listener;
    platform->refusals.ready = refuse;
    if (loop_add_fd(platform->loop, &platform->refusals)) {
        close(platform->refusals.fd);
        platform->refusals.fd = -1;
    }
}

int linux_sandbox_prepare(struct linux_platform *platform, int *socket)
{
    int ends[2], rc;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    platform->refusals = (struct loop_fd){ .fd = ends[0], .events = POLLIN, .ready = take_listener,
                                           .data = platform };
    rc = loop_add_fd(platform->loop, &platform->refusals);
    if (rc) {
        close(ends[0]);
        close(ends[1]);
        platform->refusals.fd = -1;
        return rc;
    }
    *socket = ends[1];
    return 0;
}
