/*
 * The consoles' thread (launcher/xen-layer/console.c) where there are no threads: what it does
 * between two sleeps is done when somebody else sleeps. Included behind console.c and
 * fake-pv-store.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FAKE_CONSOLE_THREAD_H
#define FAKE_CONSOLE_THREAD_H

#include <setjmp.h>

static char the_thread[64] __attribute__((aligned(16)));
static bool in_thread;
static unsigned int sleeps;
static jmp_buf back;

static void run_thread(void)
{
    if (!setjmp(back)) {
        in_thread = true;
        sleeps = 0;
        thread_main(NULL);
    }
    in_thread = false;
}

/* For fake_on_sleep. */
static bool on_sleep(void)
{
    size_t events;

    /* It was asleep: this is where it wakes, maybe for nothing. */
    if (in_thread && sleeps++)
        longjmp(back, 1);
    if (in_thread)
        return true;
    run_thread();
    events = fake_store_fire();
    run_thread();
    return events;
}

#endif
