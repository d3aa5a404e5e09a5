/*
 * Who waits for what (pv.h). A waiter's entry is on the waiter's stack. Who wakes it takes it out of the queue; after a
 * timeout the waiter does so itself.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "pv.h"

static void append(struct pv_queue *queue, struct pv_wait *wait)
{
    struct pv_wait **at = &queue->first;

    while (*at)
        at = &(*at)->next;
    *at = wait;
}

static void take_out(struct pv_queue *queue, const struct pv_wait *wait)
{
    struct pv_wait **at = &queue->first;

    while (*at != wait)
        at = &(*at)->next;
    *at = wait->next;
}

/* Sleeps once, without a loop: pv_wake(), for a signal to the thread, say, ends the wait as well. */
bool pv_queue_wait(struct pv_queue *queue, uint64_t until)
{
    struct pv_wait wait = { .thread = pv_thread_self() };
    bool late;

    append(queue, &wait);
    late = pv_sleep(until);
    if (wait.woken)
        return false;
    take_out(queue, &wait);
    return late;
}

void pv_queue_wake(struct pv_queue *queue)
{
    struct pv_wait *wait = queue->first, *next;

    queue->first = NULL;
    for (; wait; wait = next) {
        next = wait->next;
        wait->woken = true;
        pv_wake(wait->thread);
    }
}
