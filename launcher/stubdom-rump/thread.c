/*
 * Threads with errno and thread-local memory, on the layer's (host.h).
 *
 * Thread-local memory follows the x86-64 ABI (variant II): FS points to the end of a copy of the linker's template, so
 * the variables lie below. image.lds pads the template to a multiple of TLS_ALIGN. NetBSD's struct tls_tcb lies above.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host.h"

#define TLS_ALIGN 64
/* It begins with a pointer to itself, as the ABI wants. The rest is libpthread's. */
#define TCB_SIZE 64

extern char host_tls_begin[], host_tls_data_end[], host_tls_end[];

static void *current_tcb;
static bool fsgsbase;

/* ---- thread-local memory ---- */

static size_t tls_size(void)
{
    return (size_t)(host_tls_end - host_tls_begin);
}

/* The block is aligned within a piece of the heap, which is aligned to 16 only. Its last word points to the piece. */
void *host_tcb_alloc(void)
{
    char *piece = pv_alloc(tls_size() + TCB_SIZE + sizeof(void *) + TLS_ALIGN), *block, *tcb;

    if (!piece)
        return NULL;
    block = (char *)(((uintptr_t)piece + TLS_ALIGN - 1) & ~(uintptr_t)(TLS_ALIGN - 1));
    pv_copy(block, host_tls_begin, (size_t)(host_tls_data_end - host_tls_begin));
    tcb = block + tls_size();
    *(void **)tcb = tcb;
    *(void **)(tcb + TCB_SIZE) = piece;
    return tcb;
}

void host_tcb_free(void *tcb)
{
    if (tcb)
        pv_free(*(void **)((char *)tcb + TCB_SIZE));
}

/* ---- FS: set by an instruction if the CPU has it and Xen allows it, else by a hypercall ---- */

#define CR4_FSGSBASE (1UL << 16)

static bool fsgsbase_enable(void)
{
    uint32_t eax = 7, ebx, ecx = 0, edx;
    uint64_t cr4;

    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    if (!(ebx & 1))
        return false;
    /* Xen emulates both instructions. It sets the bit only if the domain may have it. */
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4 | CR4_FSGSBASE));
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    return cr4 & CR4_FSGSBASE;
}

static void use_tcb(void *tcb)
{
    if (tcb == current_tcb)
        return;
    current_tcb = tcb;
    if (fsgsbase)
        __asm__ volatile("wrfsbase %0" : : "r"(tcb));
    else if (pv_hypercall(__HYPERVISOR_set_segment_base, SEGBASE_FS, (unsigned long)tcb, 0, 0, 0))
        pv_panic("Xen refuses a base for FS");
}

/* ---- switching ---- */

/* Fields of struct lwpctl: the CPU that the thread runs on, and how often it was scheduled (sys/lwpctl.h). */
enum { LWPCTL_CURCPU, LWPCTL_COUNT };
#define LWPCTL_NONE (-1)
#define LWPCTL_EXITED (-2)

static void switched(struct pv_thread *from, struct pv_thread *to)
{
    struct host_thread *old = *pv_thread_data(from), *new = *pv_thread_data(to);

    if (old && old->lwpctl && old->lwpctl[LWPCTL_CURCPU] != LWPCTL_EXITED)
        old->lwpctl[LWPCTL_CURCPU] = LWPCTL_NONE;
    if (!new)
        return;
    if (new->lwpctl) {
        new->lwpctl[LWPCTL_CURCPU] = 0;
        new->lwpctl[LWPCTL_COUNT]++;
    }
    use_tcb(new->tcb);
}

struct host_thread *host_thread_self(void)
{
    return *pv_thread_data(pv_thread_self());
}

/* ---- begin and end ---- */

void host_threads_init(struct host_thread *first)
{
    fsgsbase = fsgsbase_enable();
    first->tcb = host_tcb_alloc();
    if (!first->tcb)
        pv_panic("no memory for the first thread");
    first->thread = pv_thread_self();
    *pv_thread_data(first->thread) = first;
    use_tcb(first->tcb);
    pv_on_switch = switched;
}

static void thread_main(void *arg)
{
    struct host_thread *self = arg;

    self->start(self->arg);
    host_thread_exit();
}

struct host_thread *host_thread_create(const char *name, void (*start)(void *arg), void *arg,
                                       size_t stack_pages, bool joinable)
{
    struct host_thread *thread = pv_alloc(sizeof(*thread));

    if (!thread)
        return NULL;
    thread->start = start;
    thread->arg = arg;
    thread->joinable = joinable;
    thread->own_tcb = true;
    thread->tcb = host_tcb_alloc();
    if (thread->tcb)
        thread->thread = pv_thread_create(name, thread_main, thread, stack_pages);
    if (!thread->thread) {
        host_tcb_free(thread->tcb);
        pv_free(thread);
        return NULL;
    }
    *pv_thread_data(thread->thread) = thread;
    return thread;
}

int host_thread_start(struct host_thread *thread, const char *name, void *stack, size_t stack_size,
                      void (*ended)(void *arg))
{
    thread->thread = pv_thread_create_on(name, thread_main, thread, stack, stack_size, ended);
    if (!thread->thread)
        return -PV_ENOMEM;
    *pv_thread_data(thread->thread) = thread;
    return 0;
}

/* Frees what belongs to the thread. Nothing may use thread-local memory between this and the thread's end. */
static void forget(struct host_thread *self)
{
    *pv_thread_data(self->thread) = NULL;
    self->thread = NULL;
    if (!self->own_tcb)
        return;
    host_tcb_free(self->tcb);
    current_tcb = NULL;
    if (!self->joinable)
        pv_free(self);
}

void host_thread_exit(void)
{
    struct host_thread *self = host_thread_self();

    self->ended = true;
    if (self->joiner)
        pv_wake(self->joiner);
    forget(self);
    pv_thread_exit();
}

void host_thread_join(struct host_thread *thread)
{
    PV_ASSERT(thread->joinable && !thread->joiner);
    thread->joiner = pv_thread_self();
    while (!thread->ended)
        pv_sleep(PV_FOREVER);
    pv_free(thread);
}
