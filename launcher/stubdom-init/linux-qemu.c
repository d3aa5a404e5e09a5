/*
 * QEMU as a child process: started, listened to, reaped, confined (platform.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "linux.h"
#include "log.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>

static void read_output(struct linux_platform *platform)
{
    char bytes[1024];
    ssize_t got;

    /* Reads once, not until the pipe is empty: a QEMU that never stops writing must not keep us here. */
    got = read(platform->output.fd, bytes, sizeof(bytes));
    if (got > 0) {
        device_model_qemu_said(platform->base.model, bytes, got);
    } else if (got == 0 || errno != EAGAIN) {
        loop_remove_fd(platform->loop, &platform->output);
        close(platform->output.fd);
        platform->output.fd = -1;
    }
}

static void output_ready(void *data, short revents)
{
    read_output(data);
}

static void reap(void *data, short revents)
{
    struct linux_platform *platform = data;
    struct signalfd_siginfo info;
    pid_t pid;
    int status;

    if (read(platform->child_signal.fd, &info, sizeof(info)) < 0)
        return;
    /* PID 1 is the parent of all orphans, and one SIGCHLD may stand for several children. */
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct qemu_end end = { .signalled = WIFSIGNALED(status) };

        if (pid != platform->qemu_pid)
            continue;
        end.code = end.signalled ? WTERMSIG(status) : WEXITSTATUS(status);
        platform->qemu_pid = 0;
        /* QEMU's last output is still in the pipe, which holds at most 64 KiB. */
        for (int i = 0; i < 64 && platform->output.fd >= 0; i++)
            read_output(platform);
        device_model_qemu_ended(platform->base.model, &end);
    }
}

int linux_qemu_init(struct linux_platform *platform)
{
    sigset_t child;
    int fd;

    platform->output = (struct loop_fd){ .fd = -1, .events = POLLIN, .ready = output_ready,
                                         .data = platform };
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL);
    fd = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    platform->child_signal = (struct loop_fd){ .fd = fd, .events = POLLIN, .ready = reap,
                                               .data = platform };
    return loop_add_fd(platform->loop, &platform->child_signal);
}

/* In the child. Errors go to the pipe, like QEMU's output. */
static void run_qemu(struct linux_platform *platform, char *const argv[], int output, int sandbox)
{
    static char *const environment[] = { "PATH=/usr/bin", NULL };
    sigset_t none;
    int null = open("/dev/null", O_RDWR), rc;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(null, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        _exit(126);
    /* All descriptors close at exec, also those that libraries opened, except those that QEMU inherits. */
    syscall(SYS_close_range, 3, ~0U, CLOSE_RANGE_CLOEXEC);
    for (unsigned int i = 0; i < platform->passed_count; i++)
        fcntl(platform->passed_fds[i], F_SETFD, 0);
    rc = linux_sandbox_enter(sandbox);
    if (rc)
        dprintf(2, "cannot drop privileges: %s\n", strerror(-rc));
    if (!rc) {
        execve(argv[0], argv, environment);
        dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
    }
    _exit(127);
}

/* Gives QEMU the devices that it opens itself. Disks and consoles were given to it when they appeared. */
static void give_devices(void)
{
    static const char *const paths[] = {
        "/dev/xen/privcmd", "/dev/xen/hypercall", "/dev/xen/evtchn", "/dev/xen/xenbus",
        "/dev/xen/gntdev", "/run",
    };

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        if (chown(paths[i], QEMU_UID, QEMU_UID) < 0)
            log_warning("cannot give %s to QEMU: %s", paths[i], strerror(errno));
}

int linux_qemu_start(struct platform *base, char *const argv[])
{
    struct linux_platform *platform = (struct linux_platform *)base;
    cleanup_close int output = -1, said = -1, sandbox = -1;
    int ends[2], rc;
    pid_t pid;

    give_devices();
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    output = ends[0];
    said = ends[1];
    rc = linux_sandbox_prepare(platform, &sandbox);
    if (rc)
        return rc;
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        run_qemu(platform, argv, said, sandbox);
    for (unsigned int i = 0; i < platform->passed_count; i++)
        close(platform->passed_fds[i]);
    platform->passed_count = 0;
    platform->qemu_pid = pid;
    fcntl(output, F_SETFL, O_NONBLOCK);
    platform->output.fd = steal_fd(&output);
    return loop_add_fd(platform->loop, &platform->output);
}

/*
 * QEMU has its Xen handles open now. So nobody needs to open these devices again, or to write to the root file system.
 */
int linux_qemu_confine(struct platform *base)
{
    static const char *const paths[] = {
        "/dev/xen/privcmd", "/dev/xen/hypercall", "/dev/xen/evtchn", "/dev/xen/xenbus",
        "/dev/xen/gntdev",
    };
    int rc = 0;

    for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
        if (chown(paths[i], 0, 0) < 0 || chmod(paths[i], 0600) < 0)
            rc = -errno;
    if (mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY, NULL) < 0)
        rc = -errno;
    return rc;
}

int linux_qemu_connect(struct platform *base, enum qemu_socket which)
{
    const char *path = which == QEMU_SOCKET_QMP ? base->qmp_path : base->vnc_path;
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = format_text(address.sun_path, sizeof(address.sun_path), "%s", path);

    if (fd < 0)
        return -errno;
    if (rc)
        return rc;
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    return steal_fd(&fd);
}
