/*
 * Takes vchan-socket-proxy's place (see qmp-proxy.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qmp-proxy.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME "vchan-socket-proxy"
#define MAX_ARGS 1024
#define ENDS_MS 2000

/* Whether it is that program: another one may have got the number. */
static int check_exe(pid_t pid)
{
    char link[64], exe[256];
    const char *slash;
    ssize_t len;

    snprintf(link, sizeof(link), "/proc/%d/exe", pid);
    len = readlink(link, exe, sizeof(exe) - 1);
    if (len < 0)
        return -errno;
    exe[len] = '\0';
    slash = strrchr(exe, '/');
    return slash && !strcmp(slash + 1, NAME) ? 0 : -EINVAL;
}

/* NAME [--state-path=NODE] DOMID NODE SOCKET, of this stub domain; the socket is one that can be made anew. */
static int read_socket(const struct store *store, pid_t pid, char path[QMP_PROXY_PATH])
{
    char file[64], text[MAX_ARGS], domid[16];
    cleanup_close int fd = -1;
    const char *args[4];
    ssize_t len;
    int count = 0;

    snprintf(file, sizeof(file), "/proc/%d/cmdline", pid);
    fd = open(file, O_RDONLY | O_CLOEXEC);
    len = fd < 0 ? -1 : read(fd, text, sizeof(text));
    if (len < 0)
        return -errno;
    if (len == 0 || len == sizeof(text) || text[len - 1])
        return -EINVAL;
    for (const char *arg = text; arg < text + len; arg += strlen(arg) + 1) {
        if (!strncmp(arg, "--state-path=", 13))
            continue;
        if (count == ARRAY_SIZE(args))
            return -E2BIG;
        args[count++] = arg;
    }
    snprintf(domid, sizeof(domid), "%d", store->domid);
    if (count != ARRAY_SIZE(args) || strcmp(args[1], domid) || args[3][0] != '/')
        return -EINVAL;
    return format_text(path, QMP_PROXY_PATH, "%s", args[3]);
}

static int end_process(int pidfd)
{
    struct pollfd p = { .fd = pidfd, .events = POLLIN };

    if (syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0) && errno != ESRCH)
        return -errno;
    return poll(&p, 1, ENDS_MS) == 1 ? 0 : -ETIMEDOUT;
}

static int replace(struct store *store, pid_t pid, char path[QMP_PROXY_PATH])
{
    /* First the descriptor: what is read afterwards is about that process, or it has ended. */
    cleanup_close int pidfd = syscall(SYS_pidfd_open, pid, 0);
    int rc = pidfd < 0 ? -errno : 0;

    rc = rc ?: check_exe(pid);
    rc = rc ?: read_socket(store, pid, path);
    rc = rc ?: end_process(pidfd);
    return rc ?: store_write_proxy_pid(store, getpid());
}

int qmp_proxy_replace(struct store *store, char path[QMP_PROXY_PATH])
{
    unsigned int pid;
    int rc = store_read_proxy_pid(store, &pid);

    path[0] = '\0';
    if (rc == -ENOENT)
        return 0;
    rc = rc ?: replace(store, pid, path);
    if (rc)
        log_error(NAME ": cannot take its place: %s", strerror(-rc));
    return rc;
}
