/*
 * When a signal ends a program, logs where its tasks are. The addresses are those of the program's file: addr2line
 * finds names and lines in the file with symbols. The image has no names, since QEMU alone has 20000.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "task.h"

#include <linux/mman.h>

#define WORDS_MAX 512
/* How far above an unmapped stack pointer the stack is looked for. */
#define OVERFLOW_MAX (64 * PV_PAGE)
#define SHOWN 16

/* Is it an address in the program's code, behind a call? */
static bool is_return_address(struct space *space, uint64_t value)
{
    const struct vma *vma = value < PV_USER_END ? space_vma(space, value) : NULL;
    uint8_t before[PV_CALL_BYTES];

    return vma && vma->file && vma->prot & PROT_EXEC && value - vma->start >= sizeof(before) &&
        !user_read(before, value - sizeof(before), sizeof(before)) && pv_follows_call(before);
}

/* If the stack has overflowed, sp is in an unmapped or guard page: the first address above it that can be read. */
static uintptr_t stack_above(const struct space *space, uintptr_t sp)
{
    uintptr_t at = sp & ~(PV_PAGE - 1), end = at + OVERFLOW_MAX;
    unsigned int prot = PV_PROT_NONE;

    while (at < end && prot == PV_PROT_NONE) {
        at = pv_next_mapped(space->root, at + PV_PAGE, end);
        pv_mapped(space->root, at, NULL, &prot);
    }
    return at;
}

static void trace_task(const struct task *task)
{
    const struct process *process = task->process;
    uint64_t value, sp = task->frame->rsp, base = process->space->base;
    unsigned int found = 0;

    pv_log("  task %d at %s+0x%lx", task->tid, process->name, task->frame->rip - base);
    if (sp < PV_USER_END - OVERFLOW_MAX && user_read(&value, sp, sizeof(value)))
        sp = stack_above(process->space, sp);
    for (unsigned int i = 0; i < WORDS_MAX && found < SHOWN && !user_read(&value, sp, sizeof(value)); i++, sp += 8)
        if (is_return_address(process->space, value)) {
            pv_log("  from %s+0x%lx", process->name, value - base);
            found++;
        }
}

void program_trace(const struct task *first)
{
    trace_task(first);
    for (const struct task *task = first->process->tasks; task; task = task->next)
        if (task != first)
            trace_task(task);
}
