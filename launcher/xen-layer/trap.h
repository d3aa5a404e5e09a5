/*
 * The frame that head.S makes of an exception, an event or a system call.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TRAP_H
#define TRAP_H

#include <stdbool.h>
#include <stdint.h>

enum { PV_TRAP_PAGE_FAULT = 14, PV_TRAP_EVENT = 256, PV_TRAP_SYSCALL = 257 };
/* The error code of a page fault. */
enum { PV_FAULT_PRESENT = 1, PV_FAULT_WRITE = 2, PV_FAULT_EXEC = 16 };

struct pv_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    uint64_t number, error;
    uint64_t rip, cs, rflags, rsp, ss;
};

/*
 * The flavour's handler of whatever interrupted user mode. It is called on the thread's kernel stack, with events
 * masked. When it returns, the program goes on with *frame. cr2 is the address of a page fault.
 */
extern void (*pv_on_user)(struct pv_frame *frame, uint64_t cr2);
/*
 * The flavour's handler of page faults in the kernel that pv_on_fault did not solve. True: it has changed the frame, so
 * that a copy from user memory ends with an error.
 */
extern bool (*pv_on_kernel_fault)(struct pv_frame *frame, uint64_t cr2);

/* Goes to user mode with this frame, for the first time. */
void pv_return_to_user(struct pv_frame *frame) __attribute__((noreturn));

#endif
