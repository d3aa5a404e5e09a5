/*
 * Mends a bug of the rump kernel. Two threads poll the same descriptor. When it becomes ready, the kernel wakes both.
 * But until they run, their l_mutex says that they still sleep. If another descriptor of one of them became ready
 * meanwhile, the kernel woke that thread a second time: it took it off its queue twice, or failed an assertion in
 * selnotify(). NetBSD proper gives a thread that is woken another l_mutex. So does this function.
 *
 * The linker has the call wrapped (--wrap). Source: sys/sleepq.h, sys/lwp.h of the toolchain.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define _KMEMUSER /* struct lwp */
#include <sys/types.h>
#include <sys/param.h>
#include <sys/lwp.h>
#include <sys/queue.h>

struct lwp *rumpuser_curlwp(void);
TAILQ_HEAD(sleepers, lwp);
void __real_rumpns_sleepq_wake(struct sleepers *queue, const volatile void *channel, u_int expected, kmutex_t *lock);
void __wrap_rumpns_sleepq_wake(struct sleepers *queue, const volatile void *channel, u_int expected, kmutex_t *lock);

/* The calling thread runs, so its l_mutex is the one that the woken threads must get. */
void __wrap_rumpns_sleepq_wake(struct sleepers *queue, const volatile void *channel, u_int expected, kmutex_t *lock)
{
    kmutex_t *running = rumpuser_curlwp()->l_mutex;
    u_int left = expected;
    struct lwp *l;

    TAILQ_FOREACH(l, queue, l_sleepchain) {
        if (l->l_wchan != channel)
            continue;
        l->l_mutex = running;
        if (!--left)
            break;
    }
    __real_rumpns_sleepq_wake(queue, channel, expected, lock);
}
