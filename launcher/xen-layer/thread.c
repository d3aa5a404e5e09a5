/*
 * Cooperative threads on one CPU (pv.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer.h"

enum state { READY, SLEEPING, DEAD };

struct pv_thread {
    void *sp;
    enum state state;
    bool late;                  /* its time came before anybody woke it */
    uint64_t until;
    struct pv_thread *next, *previous; /* in the list of its state */
    struct pv_thread *other, **link;   /* in the list of all */
    void *data;
    uintptr_t stack_top, area;  /* area 0: the stack is the caller's */
    size_t stack_pages;
    void (*ended)(void *arg);
    void *arg;
    char name[16];
};

struct list { struct pv_thread *first, *last; };

void (*pv_on_switch)(struct pv_thread *from, struct pv_thread *to);
static struct pv_thread boot_thread = { .name = "boot" };
static struct pv_thread *current, *corpse, *all;
static struct list ready, timed; /* timed: sleepers with a deadline, earliest first */
void pv_context_switch(void **save_sp, void *load_sp);
void pv_thread_entry(void);

struct pv_thread *pv_thread_self(void) { return current; }
void **pv_thread_data(struct pv_thread *thread) { return &thread->data; }
uintptr_t pv_thread_stack_top(struct pv_thread *thread) { return thread->stack_top; }
const char *pv_thread_name(struct pv_thread *thread) { return thread->name; }

static void insert_before(struct list *list, struct pv_thread *next, struct pv_thread *thread)
{
    struct pv_thread *previous = next ? next->previous : list->last;

    thread->next = next;
    thread->previous = previous;
    *(previous ? &previous->next : &list->first) = thread;
    *(next ? &next->previous : &list->last) = thread;
}

static void take_out(struct list *list, struct pv_thread *thread)
{
    *(thread->previous ? &thread->previous->next : &list->first) = thread->next;
    *(thread->next ? &thread->next->previous : &list->last) = thread->previous;
}

void pv_wake(struct pv_thread *thread)
{
    if (thread->state != SLEEPING)
        return;
    if (thread->until != PV_FOREVER)
        take_out(&timed, thread);
    thread->state = READY;
    insert_before(&ready, NULL, thread);
}

static void free_stack(struct pv_thread *thread)
{
    if (!thread->area)
        return;
    for (size_t i = 0; i < thread->stack_pages; i++) {
        uint64_t frame;

        if (pv_mapped(pv_kernel_root, thread->area + i * PV_PAGE, &frame, NULL))
            pv_pages_put(pv_page_of(frame));
    }
    pv_unmap(pv_kernel_root, thread->area, thread->stack_pages);
    pv_area_free(thread->area);
}

/* The thread that runs next frees a dead thread: nobody runs on its stack any more. */
static void bury(void)
{
    struct pv_thread *thread = corpse;

    if (!thread || thread == current)
        return;
    corpse = NULL;
    *thread->link = thread->other;
    if (thread->other)
        thread->other->link = thread->link;
    free_stack(thread);
    if (thread->ended)
        thread->ended(thread->arg);
    pv_free(thread);
}

static void wake_late(void)
{
    uint64_t now;

    if (!timed.first)
        return;
    for (now = pv_clock(); timed.first && timed.first->until <= now;) {
        timed.first->late = true;
        pv_wake(timed.first);
    }
}

/* While a thread is ready, the clock is read only every 16th time, because rdtsc may trap to Xen. */
static void look_around(void)
{
    static unsigned int calls;

    pv_events_dispatch();
    if (!ready.first || !(++calls & 15))
        wake_late();
}

static void schedule(void)
{
    struct pv_thread *self = current, *next;

    for (look_around(); !(next = ready.first); look_around())
        pv_events_wait(timed.first ? timed.first->until : PV_FOREVER);
    take_out(&ready, next);
    if (next != self) {
        if (pv_on_switch)
            pv_on_switch(self, next);
        current = next;
        pv_context_switch(&self->sp, next->sp);
        bury();
    }
}

bool pv_sleep(uint64_t until)
{
    struct pv_thread *self = current, *later;

    self->late = false;
    self->until = until;
    self->state = SLEEPING;
    if (until != PV_FOREVER) {
        for (later = timed.first; later && later->until <= until; later = later->next)
            ;
        insert_before(&timed, later, self);
    }
    schedule();
    return self->late;
}

void pv_yield(void)
{
    insert_before(&ready, NULL, current);
    schedule();
}

bool pv_others_ready(void)
{
    return ready.first;
}

uint64_t pv_next_deadline(void)
{
    return timed.first ? timed.first->until : PV_FOREVER;
}

/* The stack's guard page is the hole behind the area below it; below the first area nothing is mapped. */
static int make_stack(struct pv_thread *thread, size_t count)
{
    thread->area = pv_area_alloc(count);
    if (!thread->area)
        return -PV_ENOMEM;
    thread->stack_pages = count;
    for (size_t i = 0; i < count; i++) {
        void *page = pv_pages_alloc(1, 1);

        if (!page)
            return -PV_ENOMEM;
        if (pv_map(pv_kernel_root, thread->area + i * PV_PAGE, pv_frame_of(page), PV_PROT_WRITE, PV_SELF)) {
            pv_pages_put(page);
            return -PV_ENOMEM;
        }
    }
    thread->stack_top = thread->area + count * PV_PAGE;
    return 0;
}

static void prepare(struct pv_thread *thread, const char *name, pv_thread_fn *fn, void *arg)
{
    void **sp = (void **)(thread->stack_top & ~15UL);

    for (size_t i = 0; i < sizeof(thread->name) - 1 && name[i]; i++)
        thread->name[i] = name[i];
    *--sp = NULL;
    *--sp = NULL;
    *--sp = (void *)pv_thread_entry; /* where pv_context_switch() returns to */
    *--sp = NULL;                    /* rbp */
    *--sp = NULL;                    /* rbx */
    *--sp = (void *)fn;              /* r12 */
    *--sp = arg;                     /* r13 */
    *--sp = NULL;                    /* r14 */
    *--sp = NULL;                    /* r15 */
    thread->sp = sp;
    thread->other = all;
    thread->link = &all;
    if (all)
        all->link = &thread->other;
    all = thread;
    thread->state = READY;
    insert_before(&ready, NULL, thread);
}

struct pv_thread *pv_thread_create(const char *name, pv_thread_fn *fn, void *arg, size_t stack_pages)
{
    struct pv_thread *thread = pv_alloc(sizeof(*thread));

    if (!thread)
        return NULL;
    if (make_stack(thread, stack_pages)) {
        free_stack(thread);
        pv_free(thread);
        return NULL;
    }
    prepare(thread, name, fn, arg);
    return thread;
}

struct pv_thread *pv_thread_create_on(const char *name, pv_thread_fn *fn, void *arg, void *stack,
                                      size_t stack_size, void (*ended)(void *arg))
{
    struct pv_thread *thread = pv_alloc(sizeof(*thread));

    if (!thread)
        return NULL;
    thread->stack_top = (uintptr_t)stack + stack_size;
    thread->ended = ended;
    thread->arg = arg;
    prepare(thread, name, fn, arg);
    return thread;
}

void pv_thread_exit(void)
{
    bury(); /* an earlier dead thread that is not freed yet */
    corpse = current;
    current->state = DEAD;
    schedule();
    pv_panic("a dead thread runs");
}

/* Return addresses of each thread. The domain may be about to end, and the log is slow. */
#define SHOWN 8

void pv_threads_show(void)
{
    for (const struct pv_thread *thread = all; thread; thread = thread->other) {
        if (thread == current || thread->state == DEAD)
            continue;
        pv_log("thread %s", thread->name);
        pv_backtrace(0, (uintptr_t)thread->sp, SHOWN);
    }
}

void pv_threads_begin(pv_thread_fn *fn)
{
    current = &boot_thread;
    if (!pv_thread_create("first", (pv_thread_fn *)fn, NULL, 4))
        pv_panic("no memory for the first thread");
    boot_thread.state = DEAD; /* its stack is part of the image: nothing of it is freed */
    schedule();
    pv_panic("the boot stack runs again");
}
