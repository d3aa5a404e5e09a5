/*
 * Confines QEMU on the micro kernel: it is not root. That kernel has no capabilities and no seccomp, because they would
 * take nothing away: it has only the system calls of its table (stubdom-micro/syscalls.def), no program gains rights by
 * exec, and root's only privilege is the devices that it owns.
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
