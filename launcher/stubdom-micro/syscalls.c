/*
 * The table of system calls. syscalls.def names them; each is a function sys_NAME in the file of its topic. Any other
 * one returns -ENOSYS, and is logged once.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "task.h"

#define SYSCALL(name) long sys_##name(const unsigned long a[6]);
#include "syscalls.def"
#undef SYSCALL

#define SYSCALL(name) [__NR_##name] = sys_##name,
static syscall_fn *const table[] = {
#include "syscalls.def"
};
#undef SYSCALL

#define TABLE_SIZE (sizeof(table) / sizeof(table[0]))

static long unknown(uint64_t number)
{
    static uint64_t said[8];

    if (number < 512 && !(said[number / 64] >> (number % 64) & 1)) {
        said[number / 64] |= 1UL << (number % 64);
        pv_log("%s (%d) wants system call %lu, which is not here", task_self()->process->name,
               task_self()->process->pid, number);
    }
    return -PV_ENOSYS;
}

long syscall_dispatch(struct pv_frame *frame)
{
    const unsigned long args[6] = { frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9 };
    uint64_t number = frame->rax;

    frame->error = number; /* signal.c needs it to restart the call */
    if (number >= TABLE_SIZE || !table[number])
        return unknown(number);
    return table[number](args);
}
