/*
 * Plays the thread of launcher/xen-layer/console.c, since unit tests have no threads: its code between two sleeps runs
 * when the code under test sleeps. To be included behind console.c and fake-pv-store.h.
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

    /* The thread was asleep: here it wakes up, maybe without a reason. */
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
