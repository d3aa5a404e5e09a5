/*
 * Two threads that poll the same descriptor. When something happens to it, the rump kernel wakes all that sleep in
 * poll(), and until they run it holds them to be asleep still: l_mutex is what says so. Whatever happened to another
 * descriptor of one of them meanwhile woke it a second time, and took it off its queue twice, or ended the kernel by an
 * assertion in selnotify(). NetBSD proper gives a thread that is woken another l_mutex; so does this.
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

/* The caller has the kernel's CPU, and so the l_mutex that they will have, too. */
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
