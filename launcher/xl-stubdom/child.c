/*
 * child: a command that we wait for beside other things. See child.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "child.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static int spawn(pid_t *pid, const char *path, char **argv, char **env, const sigset_t *mask, int out)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int e = posix_spawnattr_init(&attr);

    if (e)
        return -e;
    e = posix_spawn_file_actions_init(&actions);
    if (!e) {
        posix_spawnattr_setsigmask(&attr, mask);
        posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
        if (out >= 0)
            e = posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
        e = e ? e : posix_spawn(pid, path, &actions, &attr, argv, env);
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&attr);
    return -e;
}

int child_start(struct child *child, const char *path, char **argv, char **env, const sigset_t *mask, int out,
                struct fault *fault)
{
    int rc = spawn(&child->pid, path, argv, env, mask, out);

    child->fd = -1;
    if (rc)
        return fault_set(fault, rc, "%s: %s", path, strerror(-rc));
    child->fd = syscall(SYS_pidfd_open, child->pid, 0);
    if (child->fd >= 0)
        return 0;
    rc = fault_set(fault, -errno, "%s: %s", path, strerror(errno));
    kill(child->pid, SIGTERM);
    child_reap(child);
    return rc;
}

int child_reap(struct child *child)
{
    int status = 0;

    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (child->fd >= 0)
        close(child->fd);
    child->fd = -1;
    return status;
}

char **environ_with(char *entry)
{
    size_t count = 0, len = strcspn(entry, "=") + 1;
    char **env, **p;

    for (p = environ; *p; p++)
        count++;
    env = calloc(count + 2, sizeof(*env));
    if (!env)
        return NULL;
    count = 0;
    for (p = environ; *p; p++)
        if (strncmp(*p, entry, len))
            env[count++] = *p;
    env[count] = entry;
    return env;
}
