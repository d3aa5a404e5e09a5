/*
 * Runs work that callbacks of the layer cannot do themselves, on a thread that may use the rump kernel (host.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host.h"

static struct pump_job *first, **last = &first, *running;
static struct pv_thread *pump;
static struct pv_queue idle; /* those who wait until the running job is done */

void pump_post(struct pump_job *job)
{
    if (job->queued)
        return;
    job->queued = true;
    job->next = NULL;
    *last = job;
    last = &job->next;
    if (pump)
        pv_wake(pump);
}

static void take_out(struct pump_job *job)
{
    struct pump_job **at = &first;

    while (*at != job)
        at = &(*at)->next;
    *at = job->next;
    if (!job->next)
        last = at;
    job->queued = false;
}

void pump_cancel(struct pump_job *job)
{
    while (running == job)
        pv_queue_wait(&idle, PV_FOREVER);
    if (job->queued)
        take_out(job);
}

void pump_run(void)
{
    pump = pv_thread_self();
    for (;;) {
        while (!first)
            pv_sleep(PV_FOREVER);
        running = first;
        take_out(running);
        running->run(running);
        running = NULL;
        pv_queue_wake(&idle);
    }
}
