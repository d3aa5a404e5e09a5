/*
 * makecontext() and its kind, which the C library of this toolchain lacks, as far as QEMU's coroutines need them: a
 * context is entered once, by swapcontext().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <stdarg.h>
#include <stdint.h>
#include <ucontext.h>

/* The deepest coroutine that was seen used 20 KiB. Pages of a stack must exist before they are used (host.h). */
#define DEPTH (64UL * 1024)

void host_stack_prepare(void *stack, size_t size, size_t depth);
void context_switch(void **save_sp, void *load_sp);
void context_begin(void);

__asm__(".text\n"
        "context_switch:\n"
        "    pushq %rbp; pushq %rbx; pushq %r12; pushq %r13; pushq %r14; pushq %r15\n"
        "    movq %rsp, (%rdi)\n"
        "    movq %rsi, %rsp\n"
        "    popq %r15; popq %r14; popq %r13; popq %r12; popq %rbx; popq %rbp\n"
        "    ret\n"
        "context_begin:\n"
        "    xorl %ebp, %ebp\n"
        "    movq %r13, %rdi\n"
        "    movq %r14, %rsi\n"
        "    call *%r12\n"
        "    ud2\n");

/* A context keeps its stack pointer in a register of ucontext_t that nothing else uses. */
static void **sp_of(const ucontext_t *context)
{
    return (void **)(uintptr_t)&context->uc_mcontext.__gregs[0];
}

int getcontext(ucontext_t *context)
{
    context->uc_link = 0;
    return 0;
}

void makecontext(ucontext_t *context, void (*fn)(void), int count, ...)
{
    uintptr_t top = (uintptr_t)context->uc_stack.ss_sp + context->uc_stack.ss_size;
    uint64_t *sp = (uint64_t *)(top & ~(uintptr_t)15), first, second;
    va_list args;

    va_start(args, count);
    first = count > 0 ? va_arg(args, unsigned int) : 0;
    second = count > 1 ? va_arg(args, unsigned int) : 0;
    va_end(args);
    host_stack_prepare(context->uc_stack.ss_sp, context->uc_stack.ss_size, DEPTH);
    *--sp = 0;
    *--sp = 0;
    *--sp = (uintptr_t)context_begin;
    *--sp = 0;      /* rbp */
    *--sp = 0;      /* rbx */
    *--sp = (uintptr_t)fn;
    *--sp = first;
    *--sp = second;
    *--sp = 0;      /* r15 */
    *sp_of(context) = sp;
}

int swapcontext(ucontext_t *from, const ucontext_t *to)
{
    context_switch(sp_of(from), *sp_of(to));
    return 0;
}
