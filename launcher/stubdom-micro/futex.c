/*
 * Futexes: which tasks wait at which address. Processes share no memory that a futex could be in, so a futex is named
 * by its address and the process's space.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "task.h"

#include <linux/futex.h>

struct waiter { struct space *space; uintptr_t address; uint32_t bits; struct pv_thread *thread; bool woken;
    struct waiter *next; };
static struct waiter *first, **last = &first;

static void append(struct waiter *waiter)
{
    waiter->next = NULL;
    *last = waiter;
    last = &waiter->next;
}

static void take_out(struct waiter *waiter)
{
    struct waiter **at = &first;

    while (*at != waiter)
        at = &(*at)->next;
    *at = waiter->next;
    if (last == &waiter->next)
        last = at;
}

static long wake(uintptr_t address, long count, uint32_t bits)
{
    struct space *space = task_self()->process->space;
    long done = 0;

    for (struct waiter *w = first; w && done < count; w = w->next) {
        if (w->space != space || w->address != address || w->woken || !(w->bits & bits))
            continue;
        w->woken = true;
        pv_wake(w->thread);
        done++;
    }
    return done;
}

void futex_wake_all(uintptr_t address)
{
    wake(address, TASKS_MAX, FUTEX_BITSET_MATCH_ANY);
}

static long wait(uintptr_t address, uint32_t value, uint64_t until, uint32_t bits)
{
    struct waiter waiter = { .space = task_self()->process->space, .address = address, .bits = bits,
                             .thread = pv_thread_self() };
    uint32_t now;
    long rc = 0;

    if (!bits || address & 3)
        return -PV_EINVAL;
    if (user_read(&now, address, sizeof(now)))
        return -PV_EFAULT;
    if (now != value)
        return -PV_EAGAIN;
    append(&waiter);
    while (!waiter.woken && !rc) {
        if (task_signalled())
            rc = -PV_EINTR;
        else if (pv_sleep(until) && !waiter.woken)
            rc = -PV_ETIMEDOUT;
    }
    take_out(&waiter);
    return waiter.woken ? 0 : rc;
}

static long requeue(uintptr_t from, long wakes, uintptr_t to, long moves)
{
    struct space *space = task_self()->process->space;
    long woken = wake(from, wakes, FUTEX_BITSET_MATCH_ANY), moved = 0;

    for (struct waiter *w = first; w && moved < moves; w = w->next)
        if (w->space == space && w->address == from && !w->woken) {
            w->address = to;
            moved++;
        }
    return woken + moved;
}

/* Turns an absolute time of either clock into one of pv_clock(). */
static uint64_t absolute(uintptr_t timespec, bool realtime, int *rc)
{
    int64_t at[2];
    uint64_t time, epoch = realtime ? pv_clock_epoch() : 0;

    if (!timespec)
        return PV_FOREVER;
    if (user_read(at, timespec, sizeof(at))) {
        *rc = -PV_EFAULT;
        return 0;
    }
    if (at[0] < 0 || at[1] < 0 || at[1] >= (int64_t)PV_SECOND) {
        *rc = -PV_EINVAL;
        return 0;
    }
    if ((uint64_t)at[0] > PV_FOREVER / PV_SECOND / 2)
        return PV_FOREVER;
    time = (uint64_t)at[0] * PV_SECOND + (uint64_t)at[1];
    return time > epoch ? time - epoch : 0;
}

long sys_futex(const unsigned long a[6])
{
    unsigned int op = (unsigned int)a[1] & (unsigned int)FUTEX_CMD_MASK;
    uint32_t value = (uint32_t)a[2], now;
    uint64_t until;
    int rc = 0;

    switch (op) {
    case FUTEX_WAIT:
        until = time_from_user(a[3], &rc);
        return rc ? rc : wait(a[0], value, until, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAIT_BITSET:
        until = absolute(a[3], a[1] & FUTEX_CLOCK_REALTIME, &rc);
        return rc ? rc : wait(a[0], value, until, (uint32_t)a[5]);
    case FUTEX_WAKE:
        return wake(a[0], (int32_t)value, FUTEX_BITSET_MATCH_ANY);
    case FUTEX_WAKE_BITSET:
        return a[5] ? wake(a[0], (int32_t)value, (uint32_t)a[5]) : -PV_EINVAL;
    case FUTEX_CMP_REQUEUE:
        if (user_read(&now, a[0], sizeof(now)))
            return -PV_EFAULT;
        if (now != (uint32_t)a[5])
            return -PV_EAGAIN;
        /* fall through */
    case FUTEX_REQUEUE:
        return requeue(a[0], (int32_t)value, a[4], (int32_t)a[3]);
    default:
        return -PV_ENOSYS;
    }
}
