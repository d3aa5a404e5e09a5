/*
 * The first process: root, known to libxl by its pid. It starts keeper and worker, starts them anew when one of them
 * dies, and removes what they leave in the file system. A copy of it, the heir, waits beside it: when the supervisor
 * itself dies, keeper and worker die with it, and the heir goes on in its place. Both listen only to signals and to
 * one request of each child, which has no arguments: the keeper asks them to look at the stub domain (guard.h), the
 * worker asks for the file to save to (save-opener.h).
 *
 * A child may be taken over. So the supervisor shares no descriptor with it whose state it could change: the socket
 * between the two is new for each child and closed at its end, and each process gets its signals by a descriptor of
 * its own.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_SUPERVISOR_H
#define DM_SUPERVISOR_H

#include "loop.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/types.h>

#define SUPERVISOR_MAX_FILES 24 /* four monitors, nine serial ports, eight channels */
/* More in so long a time, and it gives up: something is wrong, or attacks. */
#define SUPERVISOR_MAX_RESTARTS 5
#ifndef SUPERVISOR_WINDOW_MS
#define SUPERVISOR_WINDOW_MS 3600000
#endif

/* What keeper and worker return. */
enum child_status {
    CHILD_DONE = 0,   /* nothing more is to be done: the stub domain is gone, or we were told to end */
    CHILD_FAILED = 1,
    CHILD_ALONE = 3,  /* the other one has ended; its status counts */
    CHILD_LATER = 4,  /* what it needs is not there now (memory, xenstore): no fault; a confined worker may lie */
};

/* What an -errno of a child's start is. */
static inline enum child_status child_status_of(int rc)
{
    switch (rc) {
    case 0:
        return CHILD_DONE;
    case -ENOMEM:
    case -EAGAIN:
    case -ENFILE:
    case -EMFILE:
    case -ENOBUFS:
    case -ENOSPC:
        return CHILD_LATER;
    default:
        return CHILD_FAILED;
    }
}

struct supervisor_job {
    /*
     * Each runs in a process of its own. PEER_FD leads to the other one, BOSS_FD to the supervisor: one
     * packet is one request. signal_fd is closed there.
     */
    enum child_status (*run_keeper)(void *data, int peer_fd, int boss_fd);
    enum child_status (*run_worker)(void *data, int peer_fd, int boss_fd);
    /* The supervisor's side: asked, many times or once, but 20 times a second at most. */
    void (*keeper_asks)(void *data, int fd); /* may answer at fd */
    void (*worker_asks)(void *data, int fd); /* likewise */
    /* What root serves a pair with is new for each pair. In root: */
    int (*open_services)(void *data);   /* before the forks: 0 or -errno after logging a line */
    void (*run_services)(void *data);   /* after them: what is the children's is closed here */
    void (*close_services)(void *data); /* all of it, idempotent; before the pair is ended, and in the heir */
    bool (*must_end)(void *data); /* a signal came that may tell us to end: does it? */
    bool (*is_over)(void *data);  /* a child, which may be taken over, says so: is it? */
    void (*given_up)(void *data); /* they die over and over: nobody will serve any more */
    void (*inherit)(void *data);  /* in the heir: it is the supervisor from now on */
    void *data;
    int signal_fd; /* HUP, INT, TERM and CHLD are blocked and come here; no child keeps it */
    struct loop *loop; /* the supervisor's own; may have other things to wait for */
    struct supervisor_file { const char *path; dev_t device; ino_t inode; } files[SUPERVISOR_MAX_FILES];
    size_t file_count;
};

/*
 * PATH, which is there, and whose text stays, is removed at the end if it is the same file still: on the host that a
 * guest migrates within, its successor has made a socket of the same name by then.
 */
void supervisor_add_file(struct supervisor_job *job, const char *path);

/*
 * Returns an exit status when all is over, perhaps in the heir; in a child process that is
 * to end now, its exit status, what its run function returned: *IN_CHILD tells.
 */
int supervise(const struct supervisor_job *job, int *in_child);

#endif
