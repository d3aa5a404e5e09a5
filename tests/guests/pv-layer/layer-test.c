/*
 * The layer by itself, on a real Xen: threads and their timers, memory to the last page, random numbers,
 * and, against dom0's backends, a disk, a NIC and a vchan (layer-*.c). Lines on the console give the results. The
 * domain ends when dom0 writes data/end.
 *
 * Command line: a word makes the domain end in another way: panic, fault, overflow.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer-test.h"

#define THREADS 2000U
#define SLEEPS 4U

void test_says(const char *name, const char *why)
{
    if (why)
        pv_log("layer: %s: FAILED: %s", name, why);
    else
        pv_log("layer: %s: ok", name);
}

void test_thread(const char *name, pv_thread_fn *fn, void *arg)
{
    if (!pv_thread_create(name, fn, arg, 4))
        pv_panic("no memory for thread %s", name);
}

/* ---- threads and timers ---- */

static unsigned int ended, early, woken_for_nothing;
static struct pv_queue all_ended;

/* Each thread sleeps until times of its own, some of which are those of other threads. */
static void sleeper(void *arg)
{
    uintptr_t seed = (uintptr_t)arg;

    for (unsigned int i = 0; i < SLEEPS; i++) {
        uint64_t until;

        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        until = pv_clock() + (seed >> 33) % 50 * PV_MS;
        if (!pv_sleep(until))
            woken_for_nothing++;
        early += pv_clock() < until;
    }
    if (++ended == THREADS)
        pv_queue_wake(&all_ended);
}

static const char *run_threads(void)
{
    uint64_t until = pv_clock() + 30 * PV_SECOND;

    ended = early = woken_for_nothing = 0;
    for (uintptr_t i = 0; i < THREADS; i++)
        if (!pv_thread_create("sleeper", sleeper, (void *)i, 2))
            return "no memory for all threads";
    while (ended < THREADS)
        if (pv_queue_wait(&all_ended, until) && ended < THREADS)
            return "some sleep for ever";
    pv_yield(); /* the thread that runs next frees the stack of the last thread */
    return early ? "woken too early" : woken_for_nothing ? "woken for nothing" : NULL;
}

/* The page tables for the stacks are kept: the second run must take no more memory. */
static const char *test_threads(void)
{
    const char *why = run_threads();
    size_t before = pv_pages_free();

    why = why ? why : run_threads();
    return why ? why : pv_pages_free() != before ? "pages of stacks are lost" : NULL;
}

/* ---- memory ---- */

struct link { struct link *next; uint64_t number; };

static const char *check_pages(struct link *first, size_t count)
{
    size_t n = 0;

    for (struct link *link = first; link; link = link->next, n++)
        if (link->number != count - n || ((uint64_t *)link)[PV_PAGE / 8 - 1] != ~link->number)
            return "a page was given out twice";
    return n == count ? NULL : "pages are lost";
}

/* Takes all memory page by page, and gives it back in another order. */
static const char *take_all(size_t *count)
{
    struct link *first = NULL, *link;
    size_t before = pv_pages_free();
    const char *why;

    for (*count = 0; (link = pv_pages_alloc(1, 1)); ++*count) {
        link->next = first;
        link->number = *count + 1;
        ((uint64_t *)link)[PV_PAGE / 8 - 1] = ~link->number;
        first = link;
    }
    why = check_pages(first, *count);
    if (pv_pages_free() || *count != before)
        why = "not all could be had";
    if (pv_alloc(5000) || pv_thread_create("none", sleeper, NULL, 1) || pv_pages_alloc(2, 1))
        why = "there is memory where there is none";
    while (!why && first) {
        link = first->next ? first->next : first;
        *(first->next ? &first->next : &first) = link->next;
        pv_pages_put(link);
    }
    return why ? why : pv_pages_free() != before ? "not all came back" : NULL;
}

static const char *test_memory(void)
{
    size_t first, second;
    const char *why = take_all(&first);
    void *large;

    why = why ? why : take_all(&second);
    if (why || first != second)
        return why ? why : "less the second time";
    large = pv_pages_alloc(first / 2, 1);
    if (!large)
        return "in pieces afterwards";
    pv_pages_put(large);
    pv_log("layer: %lu pages", first);
    return NULL;
}

/* ---- random numbers: dom0's seed must be gone from xenstore ---- */

static const char *test_random(void)
{
    uint64_t a[4], b[4];
    char seed[8];

    if (pv_random(a, sizeof(a)) || pv_random(b, sizeof(b)))
        return "none";
    if (!pv_compare(a, b, sizeof(a)))
        return "twice the same";
    return pv_store_read("stubdom-seed", seed, sizeof(seed)) == -PV_ENOENT ? NULL : "the seed is still there";
}

/* ---- ends ---- */

static void __attribute__((noinline)) layer_test_deep(const char *how)
{
    if (pv_streq(how, "panic"))
        pv_panic("as was wished");
    __asm__ volatile("movl $1, 0x10");
    pv_log("layer: a fault is none");
}

/* The stack overflows before this returns. The compiler must not see that it never would. */
static unsigned int __attribute__((noinline)) layer_test_deeper(unsigned int depth)
{
    volatile char much[512];

    much[depth % sizeof(much)] = 1;
    return depth < UINT32_MAX ? layer_test_deeper(depth + 1) + (unsigned int)much[0] : 0;
}

static void wait_for_ever(void *arg)
{
    static struct pv_queue nobody;

    for (;;)
        pv_queue_wait(&nobody, PV_FOREVER);
}

static void end_otherwise(const char *how)
{
    test_thread("waits", wait_for_ever, NULL);
    pv_yield();
    if (pv_streq(how, "overflow"))
        layer_test_deeper(0);
    layer_test_deep(how);
}

static struct pv_queue watched;
static void store_changed(void *arg, const char *path) { pv_queue_wake(&watched); }

static void wait_for_end(void)
{
    struct pv_watch *watch;
    uint64_t end;

    if (pv_watch("data/end", store_changed, NULL, &watch))
        pv_panic("no watch");
    while (pv_store_read_uint("data/end", 1, &end))
        pv_queue_wait(&watched, PV_FOREVER);
    pv_unwatch(watch);
}

void pv_main(void)
{
    if (*pv_command_line())
        end_otherwise(pv_command_line());
    test_says("random", test_random());
    test_says("memory", test_memory());
    test_says("threads", test_threads());
    test_says("disks", test_disks());
    test_says("nic", test_nic());
    test_thread("vchan", test_vchan, NULL);
    pv_log("layer: all said");
    wait_for_end();
    pv_log("layer: the end");
    pv_sleep(pv_clock() + 200 * PV_MS); /* until the console has the line */
    pv_power_off();
}
