/*
 * See fork-alone.h. clone() would do the same by one call; but only fork() keeps the C library's own numbers right.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "fork-alone.h"

#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

pid_t fork_alone(void)
{
    cleanup_close int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    int error;
    pid_t pid;

    if (own < 0 || unshare(CLONE_NEWPID))
        return -errno;
    pid = fork();
    if (pid == 0)
        return 0;
    error = pid < 0 ? errno : 0;
    /* Who is forked next is not to be in that namespace, which ends with its first process. */
    if (setns(own, CLONE_NEWPID) && !error) {
        error = errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return error ? -error : pid;
}
