/*
 * Starts keeper, worker and heir, and ends them (see supervisor.h).
 *
 * The heir waits for the end of a pipe that supervisor, keeper and worker hold open and
 * nobody writes to: when it ends, all three are gone, and what they had (the stub domain's
 * event channels) is free. Keeper and worker ask Linux to be killed with their parent.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "supervisor.h"

#include "clock.h"
#include "fork-alone.h"
#include "log.h"
#include "message.h"
#include "signals.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* How long a child may take to end before it is killed. */
#define GOODBYE_MS 2000
/* One that fails by itself sooner than this after the start would do so again. */
#ifndef MIN_LIFE_MS
#define MIN_LIFE_MS 1000
#endif
#define MAX_HEIRS 100
/* After a child's request, none is taken for so long. */
#define LINE_REST_MS 50

enum { KEEPER, WORKER, HEIR, CHILDREN };
#define PAIR HEIR /* keeper and worker: the first two */

struct child {
    pid_t pid; /* 0: has ended, or there is none */
    int status;
    bool confined; /* had given up its user when it ended: what it says may be an attacker's word */
};

/* Where one of the pair says something to the supervisor. */
struct line {
    const struct supervisor_job *job;
    int which;
    struct loop_fd io; /* the supervisor's end; fd -1: none */
    struct loop_timer rest;
};

struct team {
    struct child children[CHILDREN];
    struct line lines[PAIR];
    int lifeline[2]; /* the pipe: the heir's end, the others' end */
    int heirs;
};

static const char *const names[CHILDREN] = { "keeper", "worker", "stand-by" };

static enum child_status (*run_of(const struct supervisor_job *job, int which))(void *, int, int)
{
    return which == KEEPER ? job->run_keeper : job->run_worker;
}

/* Deaths of late. */
struct window {
    int64_t times[SUPERVISOR_MAX_RESTARTS + 1]; /* ms; 0: none */
    unsigned int next;
};

/* One more; whether they are too many. */
static bool window_is_full(struct window *window)
{
    int64_t now = clock_now_ms();
    unsigned int recent = 0;

    window->times[window->next] = now;
    window->next = (window->next + 1) % ARRAY_SIZE(window->times);
    for (size_t i = 0; i < ARRAY_SIZE(window->times); i++)
        recent += window->times[i] && now - window->times[i] < SUPERVISOR_WINDOW_MS;
    return recent > SUPERVISOR_MAX_RESTARTS;
}

/* PID, which a fork has returned, becomes CHILD. */
static pid_t note_child(struct child *child, pid_t pid)
{
    *child = (struct child){ .pid = pid < 0 ? 0 : pid };
    return pid;
}

/* -------- what the pair asks for -------- */

static void line_close(struct line *line)
{
    loop_stop_timer(line->job->loop, &line->rest);
    loop_remove_fd(line->job->loop, &line->io);
    fd_close(&line->io.fd);
}

static void line_ready(void *data, short revents)
{
    struct line *line = data;
    int asked = message_take_requests(line->io.fd);

    if (asked > 0 && line->which == KEEPER)
        line->job->keeper_asks(line->job->data, line->io.fd);
    else if (asked > 0)
        line->job->worker_asks(line->job->data, line->io.fd);
    loop_remove_fd(line->job->loop, &line->io);
    /* A socket that has ended, or that a child makes look so, must not be polled for ever. */
    if (asked < 0 || loop_start_timer(line->job->loop, &line->rest, LINE_REST_MS))
        line_close(line);
}

static void line_rested(void *data)
{
    struct line *line = data;

    if (loop_add_fd(line->job->loop, &line->io))
        line_close(line);
}

/* The child's end, or -errno. */
static int line_open(struct line *line, const struct supervisor_job *job, int which)
{
    int ends[2], rc;

    *line = (struct line){ .job = job, .which = which, .io.fd = -1 };
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends))
        return -errno;
    line->io = (struct loop_fd){ .fd = ends[0], .events = POLLIN, .ready = line_ready,
                                 .data = line };
    line->rest = (struct loop_timer){ .fired = line_rested, .data = line };
    rc = loop_add_fd(job->loop, &line->io);
    if (!rc)
        return ends[1];
    line_close(line);
    close(ends[1]);
    return rc;
}

static void close_lines(struct team *team)
{
    for (int i = 0; i < PAIR; i++)
        line_close(&team->lines[i]);
}

/* -------- children -------- */

/* What the pair speaks by, to each other and to us: new for each pair. */
struct pair_fds {
    int peer[PAIR], boss[PAIR];
};

static void close_pair_fds(const struct pair_fds *fds)
{
    for (int i = 0; i < PAIR; i++) {
        if (fds->peer[i] >= 0)
            close(fds->peer[i]);
        if (fds->boss[i] >= 0)
            close(fds->boss[i]);
    }
}

static int open_pair_fds(const struct supervisor_job *job, struct team *team, struct pair_fds *fds)
{
    int rc = 0;

    *fds = (struct pair_fds){ { -1, -1 }, { -1, -1 } };
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds->peer))
        return -errno;
    for (int i = 0; i < PAIR && rc >= 0; i++)
        rc = fds->boss[i] = line_open(&team->lines[i], job, i);
    rc = rc < 0 ? rc : job->open_services(job->data);
    if (!rc)
        return 0;
    close_pair_fds(fds);
    close_lines(team);
    return rc;
}

static enum child_status be_child(const struct supervisor_job *job, struct team *team, int which,
                                  const struct pair_fds *fds)
{
    close(job->signal_fd);
    close(fds->peer[!which]);
    close(fds->boss[!which]);
    close(team->lifeline[0]);
    close_lines(team);
    /*
     * confine() does so again: Linux forgets it when the user changes. If it is gone already, the sockets that it had
     * the other ends of say so.
     */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL))
        return CHILD_FAILED;
    return run_of(job, which)(job->data, fds->peer[which], fds->boss[which]);
}

static void reap(struct child children[CHILDREN])
{
    int status;

    for (;;) {
        siginfo_t end = { .si_pid = 0 };

        /* Whose user it was is known as long as it is not reaped. */
        if (waitid(P_ALL, 0, &end, WEXITED | WNOHANG | WNOWAIT) || !end.si_pid ||
            waitpid(end.si_pid, &status, WNOHANG) != end.si_pid)
            return;
        for (int i = 0; i < CHILDREN; i++) {
            if (children[i].pid != end.si_pid)
                continue;
            children[i] = (struct child){ .status = status, .confined = end.si_uid != getuid() };
            if (WIFSIGNALED(status) && WTERMSIG(status) != SIGTERM)
                log_error("the %s was killed by signal %d", names[i], WTERMSIG(status));
        }
    }
}

static bool have_ended(const struct child children[CHILDREN], int count)
{
    for (int i = 0; i < count; i++)
        if (children[i].pid)
            return false;
    return true;
}

/* Waits until the first COUNT children have ended, for so long; returns whether they have. */
static bool wait_for(struct child children[CHILDREN], int count, int64_t ms)
{
    int64_t until = clock_now_ms() + ms;

    for (;;) {
        reap(children);
        if (have_ended(children, count))
            return true;
        if (clock_now_ms() >= until)
            return false;
        poll(NULL, 0, 5);
    }
}

static void end_children(struct child children[CHILDREN], int count)
{
    for (int i = 0; i < count; i++)
        if (children[i].pid)
            signals_send_end(children[i].pid);
    if (wait_for(children, count, GOODBYE_MS))
        return;
    log_error("a process does not end: killed");
    for (int i = 0; i < count; i++)
        if (children[i].pid)
            kill(children[i].pid, SIGKILL);
    wait_for(children, count, GOODBYE_MS);
}

/* 0 in the parent, 1 in a child with its run function's result in *RESULT, or -errno. */
static int start_pair(const struct supervisor_job *job, struct team *team, int *result)
{
    struct pair_fds fds;
    int rc = open_pair_fds(job, team, &fds);

    if (rc)
        return rc;
    for (int i = 0; i < PAIR && rc >= 0; i++) {
        rc = note_child(&team->children[i], fork_alone());
        if (rc == 0) {
            *result = be_child(job, team, i, &fds);
            return 1;
        }
    }
    close_pair_fds(&fds);
    job->run_services(job->data);
    if (rc >= 0)
        return 0;
    job->close_services(job->data);
    end_children(team->children, PAIR);
    close_lines(team);
    return rc;
}

/*
 * What its exit status says, as far as it is believed. What dom0 lacks, a worker finds before it is confined;
 * the keeper, which asks xenstore, at any time.
 */
static enum child_status say_of(const struct child *child, int which)
{
    int said = WEXITSTATUS(child->status);

    if (!WIFEXITED(child->status) || said > CHILD_LATER)
        return CHILD_FAILED;
    return said == CHILD_LATER && which == WORKER && child->confined ? CHILD_FAILED : said;
}

/* What the end of a child means for the whole; the other one may still run. */
static enum child_status judge(struct child children[CHILDREN])
{
    enum child_status verdict = CHILD_ALONE;

    for (int i = 0; i < PAIR; i++) {
        enum child_status said;

        if (children[i].pid)
            continue;
        said = say_of(&children[i], i);
        if (said == CHILD_FAILED)
            return CHILD_FAILED;
        if (said != CHILD_ALONE && verdict != CHILD_DONE)
            verdict = said;
    }
    return verdict;
}

/* Somebody else killed it: a fault of its own ends it by another signal. */
static bool was_killed(const struct child children[CHILDREN])
{
    for (int i = 0; i < PAIR; i++)
        if (!children[i].pid && WIFSIGNALED(children[i].status) &&
            WTERMSIG(children[i].status) == SIGKILL)
            return true;
    return false;
}

/* -------- the heir -------- */

/* Until the supervisor is gone; false when it has told us to end instead. */
static bool wait_to_inherit(int lifeline, int signal_fd)
{
    /* We do not wait for POLLIN: a worker that was taken over could write to the pipe. */
    struct pollfd p[] = { { .fd = lifeline }, { .fd = signal_fd, .events = POLLIN } };

    for (;;) {
        if (poll(p, ARRAY_SIZE(p), -1) < 0 && errno != EINTR)
            return false;
        if (p[1].revents && signals_told_to_end(signal_fd))
            return false;
        if (p[0].revents & POLLHUP)
            return true;
    }
}

/* All is over with that exit status, or this process is a child, which may be to supervise. */
struct outcome {
    enum { OVER, IN_CHILD, INHERITED } what;
    int status;
    bool killed; /* the pair, or half of it, by somebody else */
};

/* Unless there is one. False in the heir, when its waiting is over: *OUT says how. */
static bool start_heir(const struct supervisor_job *job, struct team *team, struct outcome *out)
{
    bool inherits;
    pid_t rc;

    if (team->children[HEIR].pid || team->heirs == MAX_HEIRS)
        return true;
    rc = fork();
    rc = note_child(&team->children[HEIR], rc < 0 ? -errno : rc);
    team->heirs += rc >= 0;
    if (rc < 0)
        log_warning("cannot fork a stand-by: %s", strerror(-rc));
    if (rc)
        return true;
    close(team->lifeline[1]);
    close_lines(team);
    job->close_services(job->data);
    inherits = wait_to_inherit(team->lifeline[0], job->signal_fd);
    close(team->lifeline[0]);
    *out = (struct outcome){ inherits ? INHERITED : IN_CHILD, 0, false };
    return false;
}

/* -------- the supervisor -------- */

static bool was_told(const struct supervisor_job *job)
{
    return signals_told(job->signal_fd) && job->must_end(job->data);
}

struct wait {
    const struct supervisor_job *job;
    struct child *children;
    bool told; /* by a signal */
    bool has_heir;
};

static void signal_ready(void *data, short revents)
{
    struct wait *wait = data;

    wait->told |= was_told(wait->job);
    reap(wait->children);
    if (wait->told || !wait->children[KEEPER].pid || !wait->children[WORKER].pid ||
        (wait->has_heir && !wait->children[HEIR].pid))
        loop_stop(wait->job->loop);
}

/* There is no heir: there was no memory for one, say. */
static void heir_is_due(void *data)
{
    struct wait *wait = data;

    loop_stop(wait->job->loop);
}

/* Until keeper or worker ends or we are told to; CHILD_ALONE: only an heir is missing. */
static enum child_status wait_for_end(const struct supervisor_job *job,
                                      struct child children[CHILDREN], bool wants_heir)
{
    struct wait wait = { .job = job, .children = children,
                         .has_heir = children[HEIR].pid != 0 };
    struct loop_fd signals = { .fd = job->signal_fd, .events = POLLIN, .ready = signal_ready,
                               .data = &wait };
    enum child_status verdict;
    struct loop_timer due = { .fired = heir_is_due, .data = &wait };
    int rc = loop_add_fd(job->loop, &signals);

    if (!wait.has_heir && wants_heir)
        loop_start_timer(job->loop, &due, MIN_LIFE_MS);
    rc = rc ?: loop_run(job->loop);
    loop_stop_timer(job->loop, &due);
    loop_remove_fd(job->loop, &signals);
    if (rc)
        log_error("cannot wait: %s", strerror(-rc));
    if (wait.told)
        return CHILD_DONE;
    if (!rc && children[KEEPER].pid && children[WORKER].pid)
        return CHILD_ALONE;
    /* From here on we serve nobody, and nobody must wait for us. */
    job->close_services(job->data);
    verdict = judge(children);
    /* One that was left alone may be seen before the one that counts. */
    if (verdict == CHILD_ALONE) {
        wait_for(children, PAIR, GOODBYE_MS);
        verdict = judge(children);
    }
    if (verdict == CHILD_DONE && !job->is_over(job->data)) {
        log_error("keeper or worker has ended, and the stub domain has not");
        verdict = CHILD_FAILED;
    }
    return verdict == CHILD_DONE || verdict == CHILD_LATER ? verdict : CHILD_FAILED;
}

/* Until the pair has ended; false in a child, which *OUT then says. */
static bool lead_pair(const struct supervisor_job *job, struct team *team, struct outcome *out)
{
    enum child_status verdict;

    while ((verdict = wait_for_end(job, team->children, team->heirs < MAX_HEIRS)) == CHILD_ALONE)
        if (!start_heir(job, team, out))
            return false;
    *out = (struct outcome){ OVER, verdict, was_killed(team->children) };
    job->close_services(job->data);
    end_children(team->children, PAIR);
    close_lines(team);
    return true;
}

/* Before the next try; true when we were told to end meanwhile. */
static bool wait_a_moment(const struct supervisor_job *job)
{
    int64_t until = clock_now_ms() + MIN_LIFE_MS, left;
    struct pollfd p = { .fd = job->signal_fd, .events = POLLIN };

    while ((left = until - clock_now_ms()) > 0)
        if (poll(&p, 1, left) > 0 && was_told(job))
            return true;
    return false;
}

/* The pair has ended, and not because all is over. Whether it is to be started anew. */
static bool try_again(struct window *deaths, const struct outcome *out, bool first, bool at_once)
{
    if (out->status != CHILD_LATER && ((first && at_once) || window_is_full(deaths))) {
        log_error("given up: keeper and worker do not live");
        return false;
    }
    log_error("starting keeper and worker anew");
    return true;
}

static struct outcome lead(const struct supervisor_job *job, struct team *team)
{
    struct outcome out = { .what = OVER, .status = CHILD_FAILED };
    struct window deaths = { .next = 0 };
    bool at_once;

    for (bool first = true;; first = false) {
        int64_t started = clock_now_ms();
        int rc, result = CHILD_FAILED;

        if (!start_heir(job, team, &out))
            return out;
        rc = start_pair(job, team, &result);
        if (rc == 1)
            return (struct outcome){ IN_CHILD, result, false };
        if (rc) {
            log_error("cannot start keeper and worker: %s", strerror(-rc));
            out = (struct outcome){ OVER, CHILD_LATER, false };
        } else if (!lead_pair(job, team, &out) || out.status == CHILD_DONE) {
            return out;
        }
        at_once = !out.killed && clock_now_ms() - started < MIN_LIFE_MS;
        if (!try_again(&deaths, &out, first, at_once))
            break;
        /* They ran before: memory, say, may be short for a moment. */
        if (at_once && wait_a_moment(job))
            return (struct outcome){ OVER, CHILD_DONE, false };
        reap(team->children); /* the signal of a stand-by's end may have been taken there */
    }
    job->given_up(job->data);
    return (struct outcome){ OVER, CHILD_FAILED, false };
}

/* One supervisor's life: the first one's, then its heir's. */
static struct outcome reign(const struct supervisor_job *job)
{
    struct team team = { .heirs = 0 };
    struct outcome out;

    for (int i = 0; i < PAIR; i++)
        team.lines[i] = (struct line){ .job = job, .io.fd = -1 };
    if (pipe2(team.lifeline, O_CLOEXEC)) {
        log_error("cannot make a pipe: %s", strerror(errno));
        job->given_up(job->data);
        return (struct outcome){ OVER, 1, false };
    }
    out = lead(job, &team);
    if (out.what != OVER)
        return out; /* a child's; its descriptors are its own matter */
    end_children(team.children, CHILDREN);
    close(team.lifeline[0]);
    close(team.lifeline[1]);
    return out;
}

void supervisor_add_file(struct supervisor_job *job, const char *path)
{
    struct stat st;

    if (job->file_count < SUPERVISOR_MAX_FILES && !lstat(path, &st))
        job->files[job->file_count++] = (struct supervisor_file){ path, st.st_dev, st.st_ino };
}

static void remove_files(const struct supervisor_job *job)
{
    struct stat st;

    for (size_t i = 0; i < job->file_count; i++)
        if (!lstat(job->files[i].path, &st) && st.st_dev == job->files[i].device && st.st_ino == job->files[i].inode)
            unlink(job->files[i].path);
}

int supervise(const struct supervisor_job *job, int *in_child)
{
    struct window deaths = { .next = 0 };
    struct outcome out = reign(job);

    while (out.what == INHERITED) {
        log_error("the supervisor has died: its stand-by takes over");
        if (window_is_full(&deaths)) {
            log_error("given up: supervisors do not live");
            job->given_up(job->data);
            out = (struct outcome){ OVER, 1, false };
            break;
        }
        job->inherit(job->data);
        out = reign(job);
    }
    *in_child = out.what == IN_CHILD;
    if (*in_child)
        return out.status;
    remove_files(job);
    return out.status;
}
