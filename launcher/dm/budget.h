/*
 * How much of our time a peer may take: so many bytes and so many events in each
 * period. What is over it waits for the next period.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_BUDGET_H
#define DM_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUDGET_PERIOD_MS 10

struct budget {
    int64_t period; /* when the current one began, ms */
    uint32_t bytes, events; /* left in it */
    uint32_t max_bytes, max_events;
};

static inline void budget_init(struct budget *budget, uint32_t bytes, uint32_t events)
{
    *budget = (struct budget){ .max_bytes = bytes, .max_events = events };
}

/* Starts a new period when the old one is over. */
static inline void budget_refresh(struct budget *budget, int64_t now)
{
    if (budget->period && now - budget->period < BUDGET_PERIOD_MS)
        return;
    budget->period = now;
    budget->bytes = budget->max_bytes;
    budget->events = budget->max_events;
}

static inline void budget_take_event(struct budget *budget)
{
    if (budget->events)
        budget->events--;
}

static inline void budget_take_bytes(struct budget *budget, size_t bytes)
{
    budget->bytes -= bytes < budget->bytes ? bytes : budget->bytes;
}

static inline bool budget_is_spent(const struct budget *budget)
{
    return budget->bytes == 0 || budget->events == 0;
}

#endif
