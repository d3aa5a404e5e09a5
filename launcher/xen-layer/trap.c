/*
 * Exceptions, and events that interrupt user mode (head.S, trap.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "trap.h"

#include "layer.h"

#include <xen/callback.h>

bool (*pv_on_fault)(uintptr_t va, bool write, bool exec);
void (*pv_on_user)(struct pv_frame *frame, uint64_t cr2);
bool (*pv_on_kernel_fault)(struct pv_frame *frame, uint64_t cr2);

#define EACH_TRAP(t) \
    t(0) t(1) t(2) t(3) t(4) t(5) t(6) t(7) t(10) t(11) t(12) t(13) t(14) t(16) t(17) t(18) t(19)
#define DECLARE(n) extern char pv_trap_##n[];
EACH_TRAP(DECLARE)
extern char pv_entry_event[], pv_entry_syscall[], pv_failsafe[];
void pv_trap_kernel(struct pv_frame *frame);
void pv_trap_user(struct pv_frame *frame);

#define TRAP_MASKS_EVENTS 4 /* xen/xen.h: trap_info.flags */

static void register_callback(uint16_t type, void *address)
{
    struct callback_register callback = {
        .type = type, .flags = CALLBACKF_mask_events, .address = (unsigned long)address,
    };

    if (HYPERCALL2(callback_op, CALLBACKOP_register, &callback))
        pv_panic("Xen refuses callback %u", type);
}

void pv_traps_init(void)
{
    /* Breakpoint and overflow are instructions that user mode may execute. */
#define ENTRY(n) { n, (n == 3 || n == 4 ? 3 : 0) | TRAP_MASKS_EVENTS, FLAT_KERNEL_CS, (unsigned long)pv_trap_##n },
    static trap_info_t table[] = { EACH_TRAP(ENTRY) { 0, 0, 0, 0 } };

    if (HYPERCALL1(set_trap_table, table))
        pv_panic("Xen refuses the trap table");
    register_callback(CALLBACKTYPE_event, pv_entry_event);
    register_callback(CALLBACKTYPE_failsafe, pv_failsafe);
    register_callback(CALLBACKTYPE_syscall, pv_entry_syscall);
}

static void show_frame(const struct pv_frame *f, uint64_t cr2)
{
    pv_log("exception %lu, error %lx, at %lx, address %lx, thread %s", f->number, f->error, f->rip, cr2,
           pv_thread_self() ? pv_thread_name(pv_thread_self()) : "none");
    pv_log("  rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx rbp %lx rsp %lx", f->rax, f->rbx, f->rcx,
           f->rdx, f->rsi, f->rdi, f->rbp, f->rsp);
    pv_log("  r8 %lx r9 %lx r10 %lx r11 %lx r12 %lx r13 %lx r14 %lx r15 %lx", f->r8, f->r9, f->r10, f->r11,
           f->r12, f->r13, f->r14, f->r15);
    pv_backtrace(f->rip, f->rsp, PV_BACKTRACE);
}

void pv_trap_kernel(struct pv_frame *frame)
{
    uint64_t cr2 = pv_shared_info->vcpu_info[0].arch.cr2;

    /* Events are masked while the kernel runs. But Xen may deliver one that it had decided on before. */
    if (frame->number == PV_TRAP_EVENT)
        return;
    if (frame->number == PV_TRAP_PAGE_FAULT) {
        if (pv_on_fault && pv_on_fault(cr2, frame->error & PV_FAULT_WRITE, frame->error & PV_FAULT_EXEC))
            return;
        if (pv_on_kernel_fault && pv_on_kernel_fault(frame, cr2))
            return;
    }
    show_frame(frame, cr2);
    pv_panic("exception %lu in the kernel", frame->number);
}

void pv_trap_user(struct pv_frame *frame)
{
    uint64_t cr2 = pv_shared_info->vcpu_info[0].arch.cr2;

    if (!pv_on_user)
        pv_panic("user mode without a kernel for it");
    pv_on_user(frame, cr2);
}
