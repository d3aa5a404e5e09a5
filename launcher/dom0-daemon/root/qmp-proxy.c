/*
 * Starts vchan-socket-proxy anew when it dies (see qmp-proxy.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qmp-proxy.h"

#include "log.h"
#include "oom-score.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NAME "vchan-socket-proxy"
/* libxl kills it just before the stub domain goes; and what dies at once must not keep us busy. */
#define RESTART_MS 1000
/* What the stub domain sends can end it, too. */
#define MAX_RESTARTS 100
#define RESTART_FAILED 111

static int open_pid(pid_t pid)
{
    int fd = syscall(SYS_pidfd_open, pid, 0);

    return fd < 0 ? -errno : fd;
}

static int read_exe(struct qmp_proxy *proxy, pid_t pid)
{
    char path[64];
    const char *slash;
    ssize_t len;

    snprintf(path, sizeof(path), "/proc/%d/exe", pid);
    len = readlink(path, proxy->exe, sizeof(proxy->exe) - 1);
    if (len < 0)
        return -errno;
    proxy->exe[len] = '\0';
    slash = strrchr(proxy->exe, '/');
    return slash && !strcmp(slash + 1, NAME) ? 0 : -EINVAL;
}

/*
 * --state-path= is left out: it says "running" to a libxl that waits no longer, in a
 * folder that may just be going.
 */
static int read_args(struct qmp_proxy *proxy, pid_t pid)
{
    cleanup_close int fd = -1;
    char path[64];
    ssize_t len;
    int count = 0;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    len = fd < 0 ? -1 : read(fd, proxy->text, sizeof(proxy->text));
    if (len < 0)
        return -errno;
    if (len == 0 || len == sizeof(proxy->text) || proxy->text[len - 1])
        return -EINVAL;
    for (char *arg = proxy->text; arg < proxy->text + len; arg += strlen(arg) + 1) {
        if (!strncmp(arg, "--state-path=", 13))
            continue;
        if (count == QMP_PROXY_ARGS)
            return -E2BIG;
        proxy->args[count++] = arg;
    }
    /* NAME DOMID NODE SOCKET: the socket must be one that can be made anew. */
    return count == 4 && proxy->args[3][0] == '/' ? 0 : -EINVAL;
}

static int open_log(struct qmp_proxy *proxy, pid_t pid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/fd/2", pid);
    proxy->log_fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC | O_NOCTTY);
    return proxy->log_fd < 0 ? -errno : 0;
}

/* -------- the new process -------- */

static void default_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
}

/* Where libxl looks for whom to kill. No node: the stub domain is gone, or going. */
static int write_pid(struct qmp_proxy *proxy)
{
    struct store store;
    int rc = store_open(&store, proxy->domid);

    rc = rc ?: store_write_proxy_pid(&store, getpid());
    store_close(&store);
    return rc;
}

static void become_proxy(struct qmp_proxy *proxy)
{
    int rc = write_pid(proxy);

    if (rc == -ENOENT)
        _exit(0);
    if (rc || (unlink(proxy->args[3]) && errno != ENOENT) || dup2(proxy->log_fd, STDERR_FILENO) < 0)
        _exit(RESTART_FAILED);
    oom_score_set(OOM_SCORE_CHILD);
    setsid();
    default_signals();
    close_range(3, ~0u, 0);
    execv(proxy->exe, proxy->args);
    _exit(RESTART_FAILED);
}

static void watch_pid(struct qmp_proxy *proxy, pid_t pid)
{
    int fd = open_pid(pid);

    cleanup_closep(&proxy->io.fd);
    proxy->io.fd = fd;
    if (fd < 0 || loop_add_fd(proxy->loop, &proxy->io))
        log_warning(NAME ": its end will not be noticed");
}

static void start_later(struct qmp_proxy *proxy)
{
    if (proxy->restarts++ == MAX_RESTARTS)
        log_error(NAME ": given up after %d restarts", MAX_RESTARTS);
    else
        loop_start_timer(proxy->loop, &proxy->again, RESTART_MS);
}

static void start_again(void *data)
{
    struct qmp_proxy *proxy = data;
    pid_t pid = fork();

    if (pid == 0)
        become_proxy(proxy);
    if (pid < 0) {
        log_error(NAME ": cannot fork: %s", strerror(errno));
        start_later(proxy);
        return;
    }
    watch_pid(proxy, pid);
}

static void has_ended(void *data, short revents)
{
    struct qmp_proxy *proxy = data;

    loop_remove_fd(proxy->loop, &proxy->io);
    log_warning(NAME " has ended; if the stub domain stays, it is started anew");
    start_later(proxy);
}

/* -------- life -------- */

static int find(struct qmp_proxy *proxy, pid_t pid)
{
    int rc;

    /* First the descriptor: what is read afterwards is about that process, or it is readable. */
    proxy->io.fd = open_pid(pid);
    if (proxy->io.fd < 0)
        return proxy->io.fd;
    rc = read_exe(proxy, pid) ?: read_args(proxy, pid) ?: open_log(proxy, pid);
    return rc ?: loop_add_fd(proxy->loop, &proxy->io);
}

int qmp_proxy_find(struct qmp_proxy *proxy, struct loop *loop, struct store *store)
{
    unsigned int pid;
    int rc = store_read_proxy_pid(store, &pid);

    *proxy = (struct qmp_proxy){ .domid = store->domid, .log_fd = -1, .io.fd = -1 };
    if (rc == -ENOENT)
        return 0;
    if (!rc) {
        proxy->loop = loop;
        proxy->io = (struct loop_fd){ .events = POLLIN, .ready = has_ended, .data = proxy };
        proxy->again = (struct loop_timer){ .fired = start_again, .data = proxy };
        rc = find(proxy, pid);
    }
    if (rc) {
        log_warning(NAME ": will not be started anew if it ends: %s", strerror(-rc));
        qmp_proxy_forget(proxy);
    }
    return rc;
}

/* Whether PID has the command line that we know: anybody may read that. */
static bool is_proxy(const struct qmp_proxy *proxy, pid_t pid)
{
    struct qmp_proxy other = { .log_fd = -1 };

    if (read_args(&other, pid))
        return false;
    for (int i = 0; other.args[i]; i++)
        if (strcmp(other.args[i], proxy->args[i]))
            return false;
    return true;
}

void qmp_proxy_follow(struct qmp_proxy *proxy, struct store *store)
{
    unsigned int pid;
    int rc, fd;

    if (!proxy->loop)
        return;
    loop_remove_fd(proxy->loop, &proxy->io);
    loop_stop_timer(proxy->loop, &proxy->again);
    cleanup_closep(&proxy->io.fd);
    rc = store_read_proxy_pid(store, &pid);
    fd = rc ? rc : open_pid(pid);
    if (fd >= 0 && !is_proxy(proxy, pid)) {
        close(fd);
        fd = -ESRCH;
    }
    proxy->io.fd = fd;
    if (fd < 0)
        loop_start_timer(proxy->loop, &proxy->again, RESTART_MS);
    else if (loop_add_fd(proxy->loop, &proxy->io))
        log_warning(NAME ": its end will not be noticed");
}

void qmp_proxy_forget(struct qmp_proxy *proxy)
{
    if (!proxy->loop)
        return;
    loop_remove_fd(proxy->loop, &proxy->io);
    loop_stop_timer(proxy->loop, &proxy->again);
    cleanup_closep(&proxy->io.fd);
    cleanup_closep(&proxy->log_fd);
    proxy->io.fd = proxy->log_fd = -1;
    proxy->loop = NULL;
}

void qmp_proxy_stop(struct qmp_proxy *proxy)
{
    /* One that has ended, libxl ended: its socket may be the next stub domain's by now. */
    if (proxy->loop && proxy->io.fd >= 0 && !syscall(SYS_pidfd_send_signal, proxy->io.fd, SIGKILL, NULL, 0))
        unlink(proxy->args[3]);
    qmp_proxy_forget(proxy);
}
