/*
 * Starts keeper and worker, and ends them (see supervisor.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "supervisor.h"

#include "clock.h"
#include "log.h"
#include "util.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

/* How long a child may take to end before it is killed. */
#define GOODBYE_MS 2000
/* One that fails sooner than this after the start would do so again. */
#define MIN_LIFE_MS 1000

enum { KEEPER, WORKER, CHILDREN };

struct child {
    pid_t pid; /* 0: has ended */
    int status;
};

static const char *const names[CHILDREN] = { "keeper", "worker" };

static enum child_status (*run_of(const struct supervisor_job *job, int which))(void *, int)
{
    return which == KEEPER ? job->run_keeper : job->run_worker;
}

/* 0 in the parent, 1 in a child with its run function's result in *RESULT, or -errno. */
static int start_children(const struct supervisor_job *job, struct child children[CHILDREN],
                          int *result)
{
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
        return -errno;
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = (struct child){ .pid = fork() };
        if (children[i].pid == 0) {
            close(pair[!i]);
            *result = run_of(job, i)(job->data, pair[i]);
            return 1;
        }
        if (children[i].pid < 0) {
            children[i].pid = 0;
            children[i].status = W_EXITCODE(CHILD_FAILED, 0);
            log_error("cannot fork: %s", strerror(errno));
        }
    }
    close(pair[0]);
    close(pair[1]);
    return 0;
}

static void reap(struct child children[CHILDREN])
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        for (int i = 0; i < CHILDREN; i++) {
            if (children[i].pid != pid)
                continue;
            children[i] = (struct child){ .status = status };
            if (WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM)
                log_error("the %s was killed by signal %d", names[i], WTERMSIG(status));
        }
}

/* Waits until N children have ended, for so long; returns whether they have. */
static bool wait_for(struct child children[CHILDREN], int n, int64_t ms)
{
    int64_t until = clock_now_ms() + ms;

    for (;;) {
        reap(children);
        if (!children[KEEPER].pid + !children[WORKER].pid >= n)
            return true;
        if (clock_now_ms() >= until)
            return false;
        poll(NULL, 0, 5);
    }
}

static void end_children(struct child children[CHILDREN])
{
    static const int signals[] = { SIGTERM, SIGKILL };

    for (size_t s = 0; s < ARRAY_SIZE(signals); s++) {
        for (int i = 0; i < CHILDREN; i++)
            if (children[i].pid)
                kill(children[i].pid, signals[s]);
        if (wait_for(children, CHILDREN, GOODBYE_MS))
            return;
        log_error("a process does not end: killed");
    }
}

/* What the end of a child means for the whole; the other one may still run. */
static enum child_status judge(struct child children[CHILDREN])
{
    enum child_status verdict = CHILD_ALONE;

    for (int i = 0; i < CHILDREN; i++) {
        int status = children[i].status;

        if (children[i].pid)
            continue;
        if (!WIFEXITED(status) ||
            (WEXITSTATUS(status) != CHILD_DONE && WEXITSTATUS(status) != CHILD_ALONE))
            return CHILD_FAILED;
        if (WEXITSTATUS(status) == CHILD_DONE)
            verdict = CHILD_DONE;
    }
    return verdict;
}

struct wait {
    const struct supervisor_job *job;
    struct child *children;
    bool told; /* by a signal */
};

static void signal_ready(void *data, short revents)
{
    struct wait *wait = data;
    struct signalfd_siginfo info;

    while (read(wait->job->signal_fd, &info, sizeof(info)) == sizeof(info))
        wait->told |= info.ssi_signo != SIGCHLD;
    reap(wait->children);
    if (wait->told || !wait->children[KEEPER].pid || !wait->children[WORKER].pid)
        loop_stop(wait->job->loop);
}

/* Until a child ends or we are told to. */
static enum child_status wait_for_end(const struct supervisor_job *job,
                                      struct child children[CHILDREN])
{
    struct wait wait = { .job = job, .children = children };
    struct loop_fd signals = { .fd = job->signal_fd, .events = POLLIN, .ready = signal_ready,
                               .data = &wait };
    enum child_status verdict;
    int rc = loop_add_fd(job->loop, &signals);

    /* One that could not even be forked sends no signal. */
    if (!rc && children[KEEPER].pid && children[WORKER].pid)
        rc = loop_run(job->loop);
    loop_remove_fd(job->loop, &signals);
    if (rc)
        log_error("cannot wait: %s", strerror(-rc));
    if (wait.told)
        return CHILD_DONE;
    verdict = judge(children);
    /* One that was left alone may be seen before the one that counts. */
    if (verdict == CHILD_ALONE) {
        wait_for(children, CHILDREN, GOODBYE_MS);
        verdict = judge(children);
    }
    return verdict == CHILD_DONE ? CHILD_DONE : CHILD_FAILED;
}

int supervise(const struct supervisor_job *job, int *in_child)
{
    enum child_status verdict = CHILD_FAILED;
    struct child children[CHILDREN];
    int rc, result = CHILD_FAILED;

    *in_child = 0;
    for (int restarts = 0;; restarts++) {
        int64_t started = clock_now_ms();

        rc = start_children(job, children, &result);
        if (rc == 1) {
            *in_child = 1;
            return result;
        }
        if (rc) {
            log_error("cannot start keeper and worker: %s", strerror(-rc));
            job->given_up(job->data);
            break;
        }
        verdict = wait_for_end(job, children);
        end_children(children);
        if (verdict == CHILD_DONE)
            break;
        if (restarts == SUPERVISOR_MAX_RESTARTS ||
            (restarts == 0 && clock_now_ms() - started < MIN_LIFE_MS)) {
            log_error("given up after %d restarts", restarts);
            job->given_up(job->data);
            break;
        }
        log_error("starting keeper and worker anew");
    }
    for (size_t i = 0; i < SUPERVISOR_MAX_FILES && job->files[i]; i++)
        unlink(job->files[i]);
    return verdict == CHILD_DONE ? 0 : 1;
}
