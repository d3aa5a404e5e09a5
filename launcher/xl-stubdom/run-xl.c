/*
 * run-xl: runs the real xl, in our place or as a child whose fate we share. See run-xl.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "run-xl.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"

extern char **environ;

/*
 * How long a stub domain must be seen to have ended: long enough for dom0's side to write the last
 * of its log, and for libxl to destroy the domain if that is what is going on.
 */
#define ENDED_GRACE_MS 1000

static bool is_usable(const char *path, const struct stat *self)
{
    struct stat st;

    return !access(path, X_OK) && !stat(path, &st) && S_ISREG(st.st_mode) &&
           (st.st_dev != self->st_dev || st.st_ino != self->st_ino);
}

static int take(const char *xl, char **path, struct fault *fault)
{
    *path = strdup(xl);
    return *path ? 0 : fault_set(fault, -ENOMEM, "out of memory");
}

int xl_find(const char *override, const char *diverted, char **path, struct fault *fault)
{
    const char *dir = getenv("PATH");
    struct stat self = {0};

    if (override && *override)
        return take(override, path, fault);
    /* An admin may have put a link named xl to this program before the real one. */
    if (stat("/proc/self/exe", &self))
        memset(&self, 0, sizeof(self));
    if (!dir || !*dir)
        dir = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    while (*dir) {
        int len = strcspn(dir, ":");

        if (asprintf(path, "%.*s/xl", len, dir) < 0)
            return fault_set(fault, -ENOMEM, "out of memory");
        if (len && is_usable(*path, &self))
            return 0;
        free(*path);
        dir += len + (dir[len] == ':');
    }
    if (is_usable(diverted, &self))
        return take(diverted, path, fault);
    *path = NULL;
    return fault_set(fault, -ENOENT, "xl is not installed: there is none in PATH");
}

int xl_exec(const char *path, char **argv, struct fault *fault)
{
    execv(path, argv);
    return fault_set(fault, -errno, "%s: %s", path, strerror(errno));
}

/* The signals that somebody may send to us and that are meant for xl. */
static const int forwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

static void forwarded_signals(sigset_t *set)
{
    sigemptyset(set);
    for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
        sigaddset(set, forwarded[i]);
}

/* One that is pending is dropped. */
static void ignore_signals(void)
{
    for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
        signal(forwarded[i], SIG_IGN);
}

static int spawn(const char *path, char **argv, const sigset_t *mask, pid_t *pid)
{
    posix_spawnattr_t attr;
    int e = posix_spawnattr_init(&attr);

    if (e)
        return -e;
    posix_spawnattr_setsigmask(&attr, mask);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
    e = posix_spawn(pid, path, NULL, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    return -e;
}

/* The terminal sends its own signals to the whole process group: xl has those already. */
static void forward_signals(int fd, pid_t pid)
{
    struct signalfd_siginfo info;

    while (read(fd, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo != SIGCHLD && info.ssi_code != SI_KERNEL)
            kill(pid, info.ssi_signo);
    }
}

/* Looks at the stub domain. If it has ended, and still has after the grace, xl is ended. */
static void check_stub(struct stub_watch *watch, pid_t pid, bool *suspected, struct xl_run *run)
{
    struct stub_sight sight = stub_watch_look(watch);

    if (sight.state == STUB_ENDED && *suspected) {
        run->given_up = true;
        run->reason = sight.reason;
        kill(pid, SIGTERM);
    }
    *suspected = sight.state == STUB_ENDED && !run->given_up;
}

static void supervise(pid_t pid, int signals, int timer, struct stub_watch *watch,
                      struct xl_run *run)
{
    struct pollfd fds[] = {
        {.fd = signals, .events = POLLIN},
        {.fd = watch ? stub_watch_fd(watch) : -1, .events = POLLIN},
        {.fd = timer, .events = POLLIN},
    };
    bool suspected = false;

    while (waitpid(pid, &run->status, WNOHANG) != pid) {
        int ready = poll(fds, 3, suspected ? ENDED_GRACE_MS : -1);

        if (ready < 0)
            continue; /* only EINTR can be: look again */
        if (fds[0].revents)
            forward_signals(signals, pid);
        if (fds[2].revents) {
            kill(pid, SIGKILL);
            fds[2].fd = -1;
        }
        if (fds[1].revents & (POLLERR | POLLHUP | POLLNVAL))
            fds[1].fd = -1;
        else if (fds[1].revents)
            stub_watch_drain(watch);
        if (run->given_up)
            continue;
        if (!ready || (fds[1].revents && !suspected))
            check_stub(watch, pid, &suspected, run);
    }
}

int xl_run(const char *path, char **argv, struct stub_watch *watch, int timer, struct xl_run *run,
           struct fault *fault)
{
    cleanup_close int signals = -1;
    sigset_t set, before;
    pid_t pid;
    int rc;

    memset(run, 0, sizeof(*run));
    signal(SIGCHLD, SIG_DFL); /* ignored, a child's status would be lost */
    forwarded_signals(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, &before);
    signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    rc = signals < 0 ? -errno : spawn(path, argv, &before, &pid);
    if (rc)
        fault_set(fault, rc, "%s: %s", path, strerror(-rc));
    else
        supervise(pid, signals, timer, watch, run);
    ignore_signals();
    sigprocmask(SIG_SETMASK, &before, NULL);
    return rc;
}

void xl_mirror_status(int status)
{
    const struct rlimit no_core = {0, 0};
    sigset_t set;

    if (WIFEXITED(status))
        exit(WEXITSTATUS(status));
    /* The core, if there is one, is xl's. */
    fflush(NULL);
    setrlimit(RLIMIT_CORE, &no_core);
    signal(WTERMSIG(status), SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, WTERMSIG(status));
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    raise(WTERMSIG(status));
    exit(128 + WTERMSIG(status));
}
