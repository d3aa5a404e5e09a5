/*
 * A filter of Linux's system calls (seccomp(2)), built of a few instructions. It is for x86-64: a process that uses
 * another table of calls is killed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef SYSCALL_FILTER_H
#define SYSCALL_FILTER_H

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef __x86_64__
#error "The system call numbers of our filters are x86-64's only."
#endif

#define SYSCALL_FILTER_MAX 256
/* The low half of an argument. The upper half of those that we look at is not used. */
#define SYSCALL_FILTER_ARG(n) offsetof(struct seccomp_data, args[n])

struct syscall_filter {
    struct sock_filter code[SYSCALL_FILTER_MAX];
    unsigned short len; /* SYSCALL_FILTER_MAX: too long */
};

static inline void syscall_filter_add(struct syscall_filter *filter, struct sock_filter instruction)
{
    if (filter->len < SYSCALL_FILTER_MAX)
        filter->code[filter->len++] = instruction;
}

/* Skips YES instructions if OPERATION is true of the loaded value and K, else NO. */
static inline void syscall_filter_jump(struct syscall_filter *filter, uint16_t operation, uint32_t k, uint8_t yes,
                                       uint8_t no)
{
    syscall_filter_add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | operation | BPF_K, k, yes, no));
}

static inline void syscall_filter_load(struct syscall_filter *filter, uint32_t offset)
{
    syscall_filter_add(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset));
}

static inline void syscall_filter_return(struct syscall_filter *filter, uint32_t action)
{
    syscall_filter_add(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, action));
}

/* Allows the call if the loaded value is VALUE. */
static inline void syscall_filter_allow(struct syscall_filter *filter, uint32_t value)
{
    syscall_filter_jump(filter, BPF_JEQ, value, 0, 1);
    syscall_filter_return(filter, SECCOMP_RET_ALLOW);
}

/* Begins a filter. Afterwards the call's number is loaded. */
static inline void syscall_filter_begin(struct syscall_filter *filter)
{
    filter->len = 0;
    syscall_filter_load(filter, offsetof(struct seccomp_data, arch));
    syscall_filter_jump(filter, BPF_JEQ, AUDIT_ARCH_X86_64, 1, 0);
    syscall_filter_return(filter, SECCOMP_RET_KILL_PROCESS);
    syscall_filter_load(filter, offsetof(struct seccomp_data, nr));
}

/* Installs the filter by seccomp() with FLAGS. 0, a descriptor, or -errno. */
static inline int syscall_filter_install(const struct syscall_filter *filter, unsigned int flags)
{
    struct sock_fprog program = { .len = filter->len, .filter = (struct sock_filter *)filter->code };
    long rc;

    if (filter->len == SYSCALL_FILTER_MAX)
        return -E2BIG;
    rc = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
    return rc < 0 ? -errno : (int)rc;
}

#endif
