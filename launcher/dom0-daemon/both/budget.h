/*
 * How much of our time a peer may take: so many bytes and so many events in each
 * period. What is over it waits for the next period. A budget may be a part of a larger
 * one, that of all sources together: it is spent when either is.
 *
 * And tokens, for what is rare but comes in bursts: so many at once, then so many a second.
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
    struct budget *all; /* NULL: it is no part of another one */
};

static inline void budget_init(struct budget *budget, uint32_t bytes, uint32_t events)
{
    *budget = (struct budget){ .max_bytes = bytes, .max_events = events };
}

/* Starts a new period when the old one is over. */
static inline void budget_refresh_one(struct budget *budget, int64_t now)
{
    if (budget->period && now - budget->period < BUDGET_PERIOD_MS)
        return;
    budget->period = now;
    budget->bytes = budget->max_bytes;
    budget->events = budget->max_events;
}

static inline void budget_refresh(struct budget *budget, int64_t now)
{
    budget_refresh_one(budget, now);
    if (budget->all)
        budget_refresh_one(budget->all, now);
}

static inline void budget_take_event(struct budget *budget)
{
    if (budget->events)
        budget->events--;
    if (budget->all && budget->all->events)
        budget->all->events--;
}

static inline void budget_take_bytes(struct budget *budget, size_t bytes)
{
    budget->bytes -= bytes < budget->bytes ? bytes : budget->bytes;
    if (budget->all)
        budget->all->bytes -= bytes < budget->all->bytes ? bytes : budget->all->bytes;
}

static inline bool budget_is_spent(const struct budget *budget)
{
    return budget->bytes == 0 || budget->events == 0 ||
           (budget->all && (budget->all->bytes == 0 || budget->all->events == 0));
}

struct tokens {
    uint32_t left, max, a_second;
    int64_t filled; /* ms */
};

static inline void tokens_init(struct tokens *tokens, uint32_t max, uint32_t a_second, int64_t now)
{
    *tokens = (struct tokens){ .left = max, .max = max, .a_second = a_second, .filled = now };
}

static inline bool tokens_take(struct tokens *tokens, int64_t now)
{
    int64_t more = (now - tokens->filled) * tokens->a_second / 1000;

    if (more > 0) {
        tokens->left = more < tokens->max - tokens->left ? tokens->left + more : tokens->max;
        tokens->filled = now;
    }
    if (tokens->left == 0)
        return false;
    tokens->left--;
    return true;
}

#endif
