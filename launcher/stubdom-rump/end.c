/*
 * How the program ends (host.h). When QEMU calls exit() or abort(), or gets a deadly signal, the launcher is told; it
 * crashes the guest and then ends the domain. Errors of the launcher itself, and faults, end in pv_panic(), which
 * crashes the guest, too. After an unexpected end the log has return addresses (addr2line -e build/rump/image.debug).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/types.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host.h"
#include "rump-qemu.h"

void host_program_ended(bool signalled, int code)
{
    if (signalled || code)
        pv_backtrace((uintptr_t)__builtin_return_address(0), (uintptr_t)__builtin_frame_address(0),
                     PV_BACKTRACE);
    rump_qemu_ended(signalled, code);
    for (;;)
        pv_sleep(PV_FOREVER);
}

void _exit(int status)
{
    host_program_ended(false, status);
}

/* ---- processes: there is one ---- */

/* The C library and libpthread call these names; no header declares them. */
#define NO_CALL(name) long name(void); long name(void) { errno = ENOSYS; return -1; }
NO_CALL(__fork)
NO_CALL(__vfork14)
NO_CALL(_sys___wait450)
NO_CALL(_sys___sigsuspend14)
NO_CALL(_sys___mq_timedreceive50)
NO_CALL(_sys___mq_timedsend50)
NO_CALL(_sys_mq_receive)
NO_CALL(_sys_mq_send)
NO_CALL(_sys_msgrcv)
NO_CALL(_sys_msgsnd)

int execve(const char *path, char *const argv[], char *const environment[])
{
    errno = ENOSYS;
    return -1;
}

int posix_spawn(void);

int posix_spawn(void)
{
    return ENOSYS;
}

/* libpthread calls these at its start, or for a scheduling policy that nobody sets. They succeed. */
#define YES(name) int name(void); int name(void) { return 0; }
YES(__libc_static_tls_setup)
YES(_sched_getaffinity)
YES(_sched_getparam)
YES(_sched_protect)
YES(_sched_setaffinity)
YES(_sched_setparam)

int rasctl(void *address, size_t size, int op);

int rasctl(void *address, size_t size, int op)
{
    errno = EOPNOTSUPP;
    return -1;
}

int __getrusage50(int who, struct rusage *usage);

int __getrusage50(int who, struct rusage *usage)
{
    errno = ENOSYS;
    return -1;
}

void _sys_setcontext(void);

void _sys_setcontext(void)
{
    pv_panic("setcontext() is not there");
}
