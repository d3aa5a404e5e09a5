/*
 * Event channels (pv.h). Nothing interrupts the kernel: the mask of upcalls stays set while
 * it runs, and the scheduler looks at the pending bits. So no wake-up can be lost, and no interrupt can find data half
 * changed.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer.h"

#include <xen/event_channel.h>
#include <xen/sched.h>
#include <xen/vcpu.h>

static struct { pv_event_fn *fn; void *arg; } ports[PV_EVENT_PORTS];
static uint32_t timer_port;
static uint64_t armed = PV_FOREVER; /* when the timer will fire */

static struct vcpu_info *vcpu(void)
{
    return &pv_shared_info->vcpu_info[0];
}

static bool valid(uint32_t port)
{
    return port > 0 && port < PV_EVENT_PORTS;
}

static int evtchn_op(unsigned int op, void *arg)
{
    return (int)HYPERCALL2(event_channel_op, op, arg);
}

/* The ports that have a function, in no order. */
static uint16_t bound_ports[PV_EVENT_PORTS];
static unsigned int bound_count;

static void timer_fired(void *arg, uint32_t port)
{
    armed = PV_FOREVER;
}

void pv_events_init(void)
{
    vcpu()->evtchn_upcall_mask = 1;
    for (size_t i = 0; i < sizeof(pv_shared_info->evtchn_mask) / sizeof(pv_shared_info->evtchn_mask[0]); i++)
        pv_shared_info->evtchn_mask[i] = ~0UL;
    HYPERCALL3(vcpu_op, VCPUOP_stop_periodic_timer, 0, NULL);
    if (pv_event_virq(VIRQ_TIMER, timer_fired, NULL, &timer_port))
        pv_panic("no timer");
}

static void forget(uint32_t port)
{
    for (unsigned int i = 0; i < bound_count; i++)
        if (bound_ports[i] == port) {
            bound_ports[i] = bound_ports[--bound_count];
            return;
        }
}

int pv_event_listen(uint32_t port, pv_event_fn *fn, void *arg)
{
    if (!valid(port) || ports[port].fn)
        return -PV_EINVAL;
    ports[port].fn = fn;
    ports[port].arg = arg;
    bound_ports[bound_count++] = (uint16_t)port;
    pv_event_unmask(port);
    return 0;
}

static int close_port(uint32_t port)
{
    struct evtchn_close close = { .port = port };

    return evtchn_op(EVTCHNOP_close, &close);
}

static int bound(int rc, uint32_t new_port, pv_event_fn *fn, void *arg, uint32_t *port)
{
    if (rc)
        return rc;
    rc = pv_event_listen(new_port, fn, arg);
    if (rc) {
        close_port(new_port);
        return -PV_ENOSPC;
    }
    *port = new_port;
    return 0;
}

int pv_event_alloc(uint16_t remote, pv_event_fn *fn, void *arg, uint32_t *port)
{
    struct evtchn_alloc_unbound op = { .dom = DOMID_SELF, .remote_dom = remote };
    int rc = evtchn_op(EVTCHNOP_alloc_unbound, &op);

    return bound(rc, op.port, fn, arg, port);
}

int pv_event_connect(uint16_t remote, uint32_t remote_port, pv_event_fn *fn, void *arg, uint32_t *port)
{
    struct evtchn_bind_interdomain op = { .remote_dom = remote, .remote_port = remote_port };
    int rc = evtchn_op(EVTCHNOP_bind_interdomain, &op);

    return bound(rc, op.local_port, fn, arg, port);
}

int pv_event_virq(unsigned int virq, pv_event_fn *fn, void *arg, uint32_t *port)
{
    struct evtchn_bind_virq op = { .virq = virq };
    int rc = evtchn_op(EVTCHNOP_bind_virq, &op);

    return bound(rc, op.port, fn, arg, port);
}

void pv_event_close(uint32_t port)
{
    PV_ASSERT(valid(port) && ports[port].fn);
    pv_event_mask(port);
    ports[port].fn = NULL;
    forget(port);
    close_port(port);
    __atomic_fetch_and(&pv_shared_info->evtchn_pending[port / 64], ~(1UL << (port & 63)), __ATOMIC_SEQ_CST);
}

void pv_event_notify(uint32_t port)
{
    struct evtchn_send send = { .port = port };

    evtchn_op(EVTCHNOP_send, &send);
}

void pv_event_mask(uint32_t port)
{
    __atomic_fetch_or(&pv_shared_info->evtchn_mask[port / 64], 1UL << (port & 63), __ATOMIC_SEQ_CST);
}

/* Does without the hypercall: an event that came while the port was masked is marked pending here, as Xen would do. */
void pv_event_unmask(uint32_t port)
{
    __atomic_fetch_and(&pv_shared_info->evtchn_mask[port / 64], ~(1UL << (port & 63)), __ATOMIC_SEQ_CST);
    if (PV_READ_ONCE(pv_shared_info->evtchn_pending[port / 64]) >> (port & 63) & 1) {
        __atomic_fetch_or(&vcpu()->evtchn_pending_sel, 1UL << (port / 64), __ATOMIC_SEQ_CST);
        PV_WRITE_ONCE(vcpu()->evtchn_upcall_pending, 1);
    }
}

static void dispatch_word(unsigned int word)
{
    uint64_t bits = __atomic_load_n(&pv_shared_info->evtchn_pending[word], __ATOMIC_SEQ_CST) &
                    ~PV_READ_ONCE(pv_shared_info->evtchn_mask[word]);

    while (bits) {
        unsigned int bit = (unsigned int)__builtin_ctzl(bits);
        uint32_t port = word * 64 + bit;

        bits &= bits - 1;
        __atomic_fetch_and(&pv_shared_info->evtchn_pending[word], ~(1UL << bit), __ATOMIC_SEQ_CST);
        if (valid(port) && ports[port].fn)
            ports[port].fn(ports[port].arg, port);
    }
}

bool pv_events_dispatch(void)
{
    bool any = false;

    while (PV_READ_ONCE(vcpu()->evtchn_upcall_pending)) {
        uint64_t words;

        PV_WRITE_ONCE(vcpu()->evtchn_upcall_pending, 0);
        words = __atomic_exchange_n(&vcpu()->evtchn_pending_sel, 0, __ATOMIC_SEQ_CST);
        any = true;
        for (; words; words &= words - 1)
            dispatch_word((unsigned int)__builtin_ctzl(words));
    }
    return any;
}

void pv_timer_arm(uint64_t until)
{
    struct vcpu_set_singleshot_timer timer = { 0 };

    if (until == armed)
        return;
    armed = until;
    if (until == PV_FOREVER) {
        HYPERCALL3(vcpu_op, VCPUOP_stop_singleshot_timer, 0, NULL);
        return;
    }
    timer.timeout_abs_ns = pv_clock_to_xen(until);
    HYPERCALL3(vcpu_op, VCPUOP_set_singleshot_timer, 0, &timer);
}

/*
 * Xen looks at the pending bits of the ports that it is given, whether they are masked or
 * not: those that are masked must not be among them.
 */
static unsigned int list_unmasked(evtchn_port_t *list, unsigned int size)
{
    unsigned int n = 0;

    for (unsigned int i = 0; i < bound_count; i++) {
        unsigned int port = bound_ports[i];

        if (pv_shared_info->evtchn_mask[port / 64] >> (port & 63) & 1)
            continue;
        if (n < size)
            list[n] = port;
        n++;
    }
    return n;
}

#define POLL_MAX 128 /* Xen's limit */

void pv_events_wait(uint64_t until)
{
    static evtchn_port_t list[POLL_MAX];
    struct sched_poll poll = { .nr_ports = list_unmasked(list, POLL_MAX) };

    /* The other ports are looked at once a millisecond. */
    if (poll.nr_ports > POLL_MAX) {
        uint64_t soon = pv_clock() + PV_MS;

        poll.nr_ports = POLL_MAX;
        until = soon < until ? soon : until;
    }
    poll.timeout = until == PV_FOREVER ? 0 : pv_clock_to_xen(until);
    set_xen_guest_handle(poll.ports, list);
    HYPERCALL2(sched_op, SCHEDOP_poll, &poll);
}
