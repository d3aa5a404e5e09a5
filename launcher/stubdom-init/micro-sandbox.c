/*
 * What QEMU may do on the micro kernel: nothing as root. There are no capabilities, no bounding
 * set and no seccomp filter to drop, because there is nothing that they would take away: the
 * kernel has the system calls of its table (stubdom-micro/syscalls.def) and no others, no
 * program gets more rights by exec, and what is left to user 0 are the devices whose owner is
 * user 0.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "linux.h"

#include <errno.h>
#include <grp.h>
#include <unistd.h>

int linux_sandbox_prepare(struct linux_platform *platform, int *socket)
{
    *socket = -1;
    return 0;
}

int linux_sandbox_enter(int socket)
{
    if (setgroups(0, NULL) < 0 || setresgid(QEMU_UID, QEMU_UID, QEMU_UID) < 0 ||
        setresuid(QEMU_UID, QEMU_UID, QEMU_UID) < 0)
        return -errno;
    return 0;
}
