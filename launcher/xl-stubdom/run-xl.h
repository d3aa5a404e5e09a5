/*
 * run-xl: runs the real xl, in our place or as a child whose fate we share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_RUN_XL_H
#define XL_STUBDOM_RUN_XL_H

#include "fault.h"
#include "stub-watch.h"

/*
 * Finds xl: `override` when given, else the first "xl" in $PATH (or the usual places) that is not
 * this program itself, else `diverted`: where a package that puts us in xl's place has moved it.
 * *path is malloc'd. Returns 0, or a negative errno with the fault described.
 */
int xl_find(const char *override, const char *diverted, char **path, struct fault *fault);

/* Becomes xl. Returns only on failure: a negative errno with the fault described. */
int xl_exec(const char *path, char **argv, struct fault *fault);

/* How a run ended. */
struct xl_run {
    int status;          /* of waitpid */
    bool given_up;       /* we ended it: the stub domain had, before its device model was ready */
    unsigned int reason; /* then: why, for stub_reason_text */
};

/*
 * Runs xl as a child in the same process group and session, so that the terminal treats both alike,
 * passes on signals that are meant for it, and waits. `watch` may be NULL. When the watched stub
 * domain ends too early, xl is terminated; when the timer (a timerfd, or -1) has expired, killed.
 * Afterwards those signals are ignored, by us and by every later xl: what has to be cleaned up then
 * must be. Returns 0, or a negative errno with the fault described: xl was not started.
 */
int xl_run(const char *path, char **argv, struct stub_watch *watch, int timer, struct xl_run *run,
           struct fault *fault);

/* Exits, or dies by a signal, as a child with this waitpid status did. */
void xl_mirror_status(int status) __attribute__((noreturn));

#endif
