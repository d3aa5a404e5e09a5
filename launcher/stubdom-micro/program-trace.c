/*
 * Where a program's tasks are when a signal ends it: addresses as its file has them, so that addr2line
 * and the file with symbols say the rest. The names are not in the image: QEMU's alone are 20000.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "task.h"

#include <linux/mman.h>

#define WORDS_MAX 512
#define SHOWN 16

/* Of the program's own code, behind a call? */
static bool is_return_address(uint64_t value)
{
    const struct vma *vma = value < PV_USER_END ? vma_find(value) : NULL;
    uint8_t before[PV_CALL_BYTES];

    return vma && vma->file && vma->prot & PROT_EXEC && value - vma->start >= sizeof(before) &&
        !user_read(before, value - sizeof(before), sizeof(before)) && pv_follows_call(before);
}

static void trace_task(const struct task *task)
{
    const struct process *process = task->process;
    uint64_t value, sp = task->frame->rsp, base = process->space->base;
    unsigned int found = 0;

    pv_log("  task %d at %s+0x%lx", task->tid, process->name, task->frame->rip - base);
    for (unsigned int i = 0; i < WORDS_MAX && found < SHOWN && !user_read(&value, sp, sizeof(value)); i++, sp += 8)
        if (is_return_address(value)) {
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
