/*
 * Threads and signals for libpthread and the C library: NetBSD's LWPs. Each has a token, so that a wake before the
 * sleep is not lost.
 *
 * Sources: _lwp_create(2), _lwp_park(2), _lwp_ctl(2) of NetBSD; libpthread's own use of them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _lwp_park ___lwp_park60 /* the call's name since NetBSD has 64-bit times */
#include <sys/types.h>

#include <errno.h>
#include <lwp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/lwpctl.h>
#include <sys/queue.h>
#include <sys/tls.h>
#include <time.h>
#include <unistd.h>

#include <rump/rump.h>

#include "host.h"
#include "lwp.h"

struct lwp_record {
    struct host_thread own;     /* not used for the first thread */
    struct host_thread *thread; /* NULL: it has ended, its stack is free */
    lwpid_t id;
    void (*start)(void *);
    void *arg;
    void *stack;
    struct lwp *kernel_lwp;
    struct lwpctl ctl;          /* libpthread reads it even after the thread's end */
    bool token;                 /* woken: the next sleep ends at once */
    bool parked;
    sigset_t pending;           /* signals sent to it that no sigwait() has taken yet */
    struct pv_queue signalled;
    TAILQ_ENTRY(lwp_record) link;
};
/* All records ever made. libpthread keeps the stack of a thread that has ended for a new one; so is the record. */
static TAILQ_HEAD(, lwp_record) records = TAILQ_HEAD_INITIALIZER(records);
static struct lwp_record first_record = { .id = 1 };

static struct lwp_record *self(void)
{
    return host_thread_self()->lwp;
}

static void bind(struct lwp_record *record, struct host_thread *thread)
{
    record->thread = thread;
    record->ctl.lc_curcpu = LWPCTL_CPU_NONE;
    thread->lwp = record;
    thread->lwpctl = &record->ctl.lc_curcpu;
}

void lwp_init(void)
{
    TAILQ_INSERT_TAIL(&records, &first_record, link);
    bind(&first_record, host_thread_self());
    first_record.ctl.lc_curcpu = 0;
}

static struct lwp_record *find(lwpid_t id)
{
    struct lwp_record *record;

    TAILQ_FOREACH(record, &records, link)
        if (record->id == id && record->thread)
            return record;
    return NULL;
}

static int fail(int error)
{
    errno = error;
    return -1;
}

/* ---- begin and end ---- */

static void run(void *arg)
{
    struct lwp_record *record = arg;

    rump_pub_lwproc_switch(record->kernel_lwp);
    record->start(record->arg);
}

/* Runs on a thread of the layer: no errno, no thread-local variable. */
static void ended(void *arg)
{
    struct host_thread *thread = arg;
    struct lwp_record *record = thread->lwp;

    record->ctl.lc_curcpu = LWPCTL_CPU_EXITED;
    record->thread = NULL;
}

/* The record that had this stack before, or a new one. */
static struct lwp_record *record_for(void *stack)
{
    struct lwp_record *record;

    TAILQ_FOREACH(record, &records, link)
        if (record->stack == stack && !record->thread)
            return record;
    record = calloc(1, sizeof(*record));
    if (record)
        TAILQ_INSERT_TAIL(&records, record, link);
    return record;
}

/* Makes a new LWP in the rump kernel, in our process. The calling thread keeps its own. */
static int make_kernel_lwp(struct lwp_record *record)
{
    struct lwp *caller = rump_pub_lwproc_curlwp();
    int error = rump_pub_lwproc_newlwp(getpid());

    if (error)
        return error;
    record->kernel_lwp = rump_pub_lwproc_curlwp();
    rump_pub_lwproc_switch(caller);
    return 0;
}

static void drop_kernel_lwp(struct lwp_record *record)
{
    struct lwp *caller = rump_pub_lwproc_curlwp();

    rump_pub_lwproc_switch(record->kernel_lwp);
    rump_pub_lwproc_releaselwp();
    rump_pub_lwproc_switch(caller);
}

/* Xen pushes exceptions onto the stack, so its pages must exist. */
static int make_thread(struct lwp_record *record, void *tls, size_t size)
{
    memset(&record->own, 0, sizeof(record->own));
    record->own.tcb = tls;
    record->own.start = run;
    record->own.arg = record;
    bind(record, &record->own);
    if (space_contains(record->stack) && space_back((uintptr_t)record->stack, size / PV_PAGE))
        return ENOMEM;
    return host_thread_start(&record->own, "lwp", record->stack, size, ended) ? ENOMEM : 0;
}

/* libpthread reads the error from errno. */
int rumprun_makelwp(void (*start)(void *), void *arg, void *tls, void *stack, size_t size,
                    unsigned long flags, lwpid_t *id)
{
    static lwpid_t last_id = 1;
    struct lwp_record *record = record_for(stack);
    int error = record ? make_kernel_lwp(record) : ENOMEM;

    if (error)
        return errno = error;
    record->start = start;
    record->arg = arg;
    record->stack = stack;
    record->token = record->parked = false;
    sigemptyset(&record->pending);
    record->id = ++last_id;
    error = make_thread(record, tls, size);
    if (error) {
        record->thread = NULL;
        drop_kernel_lwp(record);
        return errno = error;
    }
    *id = record->id;
    return 0;
}

int _lwp_exit(void)
{
    rump_pub_lwproc_releaselwp();
    host_thread_exit();
}

/* ---- sleeping ---- */

int _lwp_unpark(lwpid_t id, const void *hint)
{
    struct lwp_record *record = find(id);

    if (!record)
        return fail(ESRCH);
    record->token = true;
    if (record->parked)
        pv_wake(record->thread->thread);
    return 0;
}

ssize_t _lwp_unpark_all(const lwpid_t *ids, size_t count, const void *hint)
{
    ssize_t woken = 0;

    if (!ids)
        return 1024; /* how many threads one call can wake */
    for (size_t i = 0; i < count; i++)
        woken += !_lwp_unpark(ids[i], hint);
    return woken;
}

/* The time of pv_clock() at which a sleep by this clock ends. */
static uint64_t wake_time(clockid_t clock, int flags, const struct timespec *ts)
{
    uint64_t time, epoch = clock == CLOCK_REALTIME ? pv_clock_epoch() : 0;

    if (!ts)
        return PV_FOREVER;
    time = (uint64_t)ts->tv_sec * PV_SECOND + (uint64_t)ts->tv_nsec;
    if (!(flags & TIMER_ABSTIME))
        return pv_clock() + time;
    return time > epoch ? time - epoch : 0;
}

int _lwp_park(clockid_t clock, int flags, const struct timespec *ts, lwpid_t unpark, const void *hint,
              const void *unparkhint)
{
    struct lwp_record *record = self();
    uint64_t until = wake_time(clock, flags, ts);
    bool late = false;

    if (unpark)
        _lwp_unpark(unpark, unparkhint);
    record->parked = true;
    while (!record->token && !late)
        late = pv_sleep(until);
    record->parked = false;
    if (!record->token)
        return fail(ETIMEDOUT);
    record->token = false;
    return 0;
}

int _lwp_wakeup(lwpid_t id)
{
    return _lwp_unpark(id, NULL);
}

int _sys_sched_yield(void);

int _sys_sched_yield(void)
{
    pv_yield();
    return 0;
}
__weak_alias(sched_yield, _sys_sched_yield);

/* ---- what they are ---- */

lwpid_t _lwp_self(void)
{
    return self()->id;
}

int _lwp_ctl(int features, struct lwpctl **ctl)
{
    *ctl = &self()->ctl;
    return 0;
}

/* Sets the rump kernel's name of the thread. The layer's thread keeps the name that it was created with. */
int _lwp_setname(lwpid_t id, const char *name)
{
    return 0;
}

int _lwp_suspend(lwpid_t id)
{
    return fail(ENOSYS);
}

int _lwp_continue(lwpid_t id)
{
    return fail(ENOSYS);
}

void *_lwp_getprivate(void)
{
    return host_thread_self()->tcb;
}

struct tls_tcb *_rtld_tls_allocate(void)
{
    return host_tcb_alloc();
}

void _rtld_tls_free(struct tls_tcb *tcb)
{
    host_tcb_free(tcb);
}

int *__errno(void)
{
    return &host_thread_self()->error;
}

/* ---- signals: a deadly one ends QEMU; others only end a sigwait() ---- */

static bool is_deadly(int number)
{
    static const uint8_t deadly[] = { SIGILL, SIGTRAP, SIGABRT, SIGFPE, SIGKILL, SIGBUS, SIGSEGV, SIGSYS, SIGTERM };

    return memchr(deadly, number, sizeof(deadly)) != NULL;
}

/* QEMU wakes a thread that waits for one. */
int _lwp_kill(lwpid_t id, int number)
{
    struct lwp_record *record = find(id);

    if (!record)
        return fail(ESRCH);
    if (is_deadly(number))
        host_program_ended(true, number);
    if (number) {
        sigaddset(&record->pending, number);
        pv_queue_wake(&record->signalled);
    }
    return 0;
}

/* No thread waits for a signal that is sent to the process. */
int kill(pid_t pid, int number)
{
    if (pid != getpid())
        return fail(ESRCH);
    if (is_deadly(number))
        host_program_ended(true, number);
    return 0;
}

int __sigaction14(int number, const struct sigaction *action, struct sigaction *old);

int __sigaction14(int number, const struct sigaction *action, struct sigaction *old)
{
    if (old)
        memset(old, 0, sizeof(*old));
    return 0;
}

int _sys___sigprocmask14(int how, const sigset_t *set, sigset_t *old);

int _sys___sigprocmask14(int how, const sigset_t *set, sigset_t *old)
{
    if (old)
        memset(old, 0, sizeof(*old));
    return 0;
}

static int take_signal(struct lwp_record *record, const sigset_t *set)
{
    for (int number = 1; number < NSIG; number++)
        if (sigismember(&record->pending, number) == 1 && sigismember(set, number) == 1) {
            sigdelset(&record->pending, number);
            return number;
        }
    return 0;
}

/* sigwait() and its kind. */
int ____sigtimedwait50(const sigset_t *set, siginfo_t *info, struct timespec *timeout);

int ____sigtimedwait50(const sigset_t *set, siginfo_t *info, struct timespec *timeout)
{
    uint64_t until = wake_time(CLOCK_MONOTONIC, 0, timeout);
    struct lwp_record *record = self();
    bool late = false;
    int number;

    while (!(number = take_signal(record, set))) {
        if (late)
            return fail(EAGAIN);
        late = pv_queue_wait(&record->signalled, until);
    }
    if (info) {
        memset(info, 0, sizeof(*info));
        info->si_signo = number;
    }
    return number;
}
