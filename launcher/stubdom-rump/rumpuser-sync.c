/*
 * The rump kernel's locks and conditions (rumpuser.h). There is one CPU and no preemption, so other threads run only
 * where a thread sleeps.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "rumpuser.h"

#include "host.h"

/* Sleepers, first come first. Zeroed: none. */
struct waiter { struct pv_thread *thread; struct waiter *next; bool queued; };
struct waiters { struct waiter *first; };

static struct waiter **find(struct waiters *list, const struct waiter *waiter)
{
    struct waiter **at = &list->first;

    while (*at != waiter)
        at = &(*at)->next;
    return at;
}

static void leave(struct waiters *list, struct waiter *waiter)
{
    *find(list, waiter) = waiter->next;
    waiter->queued = false;
}

/*
 * Sleeps until woken as the first of the list (true) or until that time (false). *deadline, unless 0, is an earlier
 * time; it may change during the sleep, if the thread is woken then.
 */
static bool wait_before(struct waiters *list, uint64_t until, const uint64_t *deadline)
{
    struct waiter self = { .thread = pv_thread_self(), .queued = true };

    *find(list, NULL) = &self;
    while (self.queued) {
        if (*deadline && *deadline < until)
            until = *deadline;
        if ((until <= HOST_AT_ONCE || pv_sleep(until)) && self.queued) {
            leave(list, &self);
            return false;
        }
    }
    return true;
}

static void wait_in(struct waiters *list)
{
    static const uint64_t none;

    wait_before(list, PV_FOREVER, &none);
}

static void wake_first(struct waiters *list)
{
    struct waiter *waiter = list->first;

    if (!waiter)
        return;
    leave(list, waiter);
    pv_wake(waiter->thread);
}

static void wake_all(struct waiters *list)
{
    while (list->first)
        wake_first(list);
}

/* The kernel cannot go on without its locks, and the interface cannot return an error. */
static void *need(void *p)
{
    if (!p)
        pv_panic("no memory for a lock");
    return p;
}

/* ---- mutexes ---- */

struct rumpuser_mtx { struct waiters waiters; struct pv_thread *holder; struct lwp *lwp; int flags; };

void rumpuser_mutex_init(struct rumpuser_mtx **mutex, int flags)
{
    *mutex = need(pv_alloc(sizeof(**mutex)));
    (*mutex)->flags = flags;
}

void rumpuser_mutex_destroy(struct rumpuser_mtx *mutex)
{
    PV_ASSERT(!mutex->holder && !mutex->waiters.first);
    pv_free(mutex);
}

int rumpuser_mutex_tryenter(struct rumpuser_mtx *mutex)
{
    if (mutex->holder)
        return BSD_EBUSY;
    mutex->holder = pv_thread_self();
    mutex->lwp = rumpuser_curlwp();
    return 0;
}

void rumpuser_mutex_enter_nowrap(struct rumpuser_mtx *mutex)
{
    PV_ASSERT(mutex->holder != pv_thread_self());
    while (rumpuser_mutex_tryenter(mutex))
        wait_in(&mutex->waiters);
}

void rumpuser_mutex_enter(struct rumpuser_mtx *mutex)
{
    int locks;

    if (!rumpuser_mutex_tryenter(mutex))
        return;
    host_unschedule(&locks, NULL);
    rumpuser_mutex_enter_nowrap(mutex);
    host_schedule(locks, NULL);
}

void rumpuser_mutex_exit(struct rumpuser_mtx *mutex)
{
    PV_ASSERT(mutex->holder);
    mutex->holder = NULL;
    mutex->lwp = NULL;
    wake_first(&mutex->waiters);
}

void rumpuser_mutex_owner(struct rumpuser_mtx *mutex, struct lwp **owner)
{
    *owner = mutex->lwp;
}

/* ---- reader/writer locks: writers go first ---- */

struct rumpuser_rw { struct waiters readers, writers; unsigned int nreaders; bool written; struct lwp *writer; };

void rumpuser_rw_init(struct rumpuser_rw **lock)
{
    *lock = need(pv_alloc(sizeof(**lock)));
}

void rumpuser_rw_destroy(struct rumpuser_rw *lock)
{
    PV_ASSERT(!lock->written && !lock->nreaders && !lock->readers.first && !lock->writers.first);
    pv_free(lock);
}

static bool may_write(const struct rumpuser_rw *lock)
{
    return !lock->written && !lock->nreaders;
}

static void take(int how, struct rumpuser_rw *lock)
{
    if (how == RUMPUSER_RW_READER) {
        lock->nreaders++;
        return;
    }
    lock->written = true;
    lock->writer = rumpuser_curlwp();
}

int rumpuser_rw_tryenter(int how, struct rumpuser_rw *lock)
{
    if (how == RUMPUSER_RW_WRITER ? !may_write(lock) : lock->written || lock->writers.first)
        return BSD_EBUSY;
    take(how, lock);
    return 0;
}

/* A reader that was woken enters even if writers still wait: otherwise it could wait for ever. */
static void wait_turn(int how, struct rumpuser_rw *lock)
{
    struct waiters *list = how == RUMPUSER_RW_WRITER ? &lock->writers : &lock->readers;

    do
        wait_in(list);
    while (how == RUMPUSER_RW_WRITER ? !may_write(lock) : lock->written);
}

void rumpuser_rw_enter(int how, struct rumpuser_rw *lock)
{
    struct lwp *self = rumpuser_curlwp();
    int locks;

    if (!rumpuser_rw_tryenter(how, lock))
        return;
    host_unschedule(&locks, NULL);
    wait_turn(how, lock);
    take(how, lock);
    if (how == RUMPUSER_RW_WRITER)
        lock->writer = self;
    host_schedule(locks, NULL);
}

static void pass_on(struct rumpuser_rw *lock)
{
    if (lock->nreaders)
        return;
    if (lock->writers.first)
        wake_first(&lock->writers);
    else
        wake_all(&lock->readers);
}

void rumpuser_rw_exit(struct rumpuser_rw *lock)
{
    PV_ASSERT(lock->written || lock->nreaders);
    if (lock->written) {
        lock->written = false;
        lock->writer = NULL;
    } else {
        lock->nreaders--;
    }
    pass_on(lock);
}

int rumpuser_rw_tryupgrade(struct rumpuser_rw *lock)
{
    if (lock->nreaders != 1)
        return BSD_EBUSY;
    lock->nreaders = 0;
    take(RUMPUSER_RW_WRITER, lock);
    return 0;
}

void rumpuser_rw_downgrade(struct rumpuser_rw *lock)
{
    PV_ASSERT(lock->written);
    lock->written = false;
    lock->writer = NULL;
    lock->nreaders = 1;
    if (!lock->writers.first)
        wake_all(&lock->readers);
}

void rumpuser_rw_held(int how, struct rumpuser_rw *lock, int *held)
{
    *held = how == RUMPUSER_RW_WRITER ? lock->written && lock->writer == rumpuser_curlwp() : lock->nreaders > 0;
}

/* ---- conditions ---- */

struct rumpuser_cv { struct waiters waiters; };

void rumpuser_cv_init(struct rumpuser_cv **cv)
{
    *cv = need(pv_alloc(sizeof(**cv)));
}

void rumpuser_cv_destroy(struct rumpuser_cv *cv)
{
    PV_ASSERT(!cv->waiters.first);
    pv_free(cv);
}

/*
 * Takes the mutex and the kernel's CPU again. The CPU comes first for a spin mutex, whose holder never sleeps
 * (rumpuser(3)).
 */
static void reenter(struct rumpuser_mtx *mutex, int locks)
{
    int spin = RUMPUSER_MTX_KMUTEX | RUMPUSER_MTX_SPIN;

    if ((mutex->flags & spin) == spin) {
        host_schedule(locks, mutex);
        rumpuser_mutex_enter_nowrap(mutex);
    } else {
        rumpuser_mutex_enter_nowrap(mutex);
        host_schedule(locks, mutex);
    }
}

static bool wait_condition(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex, uint64_t until, const uint64_t *deadline)
{
    bool woken;
    int locks;

    host_unschedule(&locks, mutex);
    rumpuser_mutex_exit(mutex);
    woken = wait_before(&cv->waiters, until, deadline);
    reenter(mutex, locks);
    return woken;
}

void rumpuser_cv_wait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex)
{
    static const uint64_t none;

    wait_condition(cv, mutex, PV_FOREVER, &none);
}

void rumpuser_cv_wait_nowrap(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex)
{
    rumpuser_mutex_exit(mutex);
    wait_in(&cv->waiters);
    rumpuser_mutex_enter_nowrap(mutex);
}

/* The kernel's timeout is in ticks of 10 ms; the thread's deadline may be more exact (poll-calls.c). */
int rumpuser_cv_timedwait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex, int64_t sec, int64_t nsec)
{
    uint64_t until = pv_clock() + (uint64_t)sec * PV_SECOND + (uint64_t)nsec;

    return wait_condition(cv, mutex, until, &host_thread_self()->deadline) ? 0 : BSD_ETIMEDOUT;
}

void rumpuser_cv_signal(struct rumpuser_cv *cv)
{
    wake_first(&cv->waiters);
}

void rumpuser_cv_broadcast(struct rumpuser_cv *cv)
{
    wake_all(&cv->waiters);
}

void rumpuser_cv_has_waiters(struct rumpuser_cv *cv, int *has)
{
    *has = cv->waiters.first != NULL;
}
