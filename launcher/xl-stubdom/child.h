/*
 * child: a command that we wait for beside other things.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_CHILD_H
#define XL_STUBDOM_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

#include "fault.h"

struct child {
    pid_t pid;
    int fd; /* a pidfd: readable when it has ended; -1: there is no child */
};

/*
 * Starts PATH with these arguments, ENV, signal mask, and OUT as its standard output (-1: ours). 0, or a negative errno
 * with the fault described.
 */
int child_start(struct child *child, const char *path, char **argv, char **env, const sigset_t *mask, int out,
                struct fault *fault);

/* It has ended, or will at once: its status as of waitpid(). */
int child_reap(struct child *child);

/* Ours and ENTRY in place of one of the same name; malloc'd, its strings are not. NULL: no memory. */
char **environ_with(char *entry);

#endif
