// sources: launcher/xen-layer/text.c
// cflags: -D__XEN_INTERFACE_VERSION__=0x00040e00
/*
 * Event channels by polling: which functions are called and when; the timer; what the domain waits for. The test plays
 * Xen: it writes the shared page, and records hypercalls.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "launcher/xen-layer/events.c"

static shared_info_t shared;
shared_info_t *pv_shared_info = &shared;
static uint64_t now;
static jmp_buf panicked;

uint64_t pv_clock(void) { return now; }
uint64_t pv_clock_to_xen(uint64_t time) { return time + 5000; }
void pv_panic(const char *format, ...) { longjmp(panicked, 1); }

/* ---- Xen ---- */

static struct {
    int error;                  /* the result of the next operation on event channels */
    uint32_t next_port, closed, sent, remote_port;
    uint16_t remote;
    unsigned int virq, periodic_stops, stops, sets;
    uint64_t timer;             /* Xen's time */
    unsigned int polled;
    evtchn_port_t ports[PV_EVENT_PORTS];
    uint64_t poll_until;
} xen;

static long event_channel_op(unsigned int op, void *arg)
{
    struct evtchn_alloc_unbound *alloc = arg;
    struct evtchn_bind_interdomain *connect = arg;
    struct evtchn_bind_virq *virq = arg;

    switch (op) {
    case EVTCHNOP_close:
        xen.closed = ((struct evtchn_close *)arg)->port;
        return 0;
    case EVTCHNOP_send:
        xen.sent = ((struct evtchn_send *)arg)->port;
        return 0;
    case EVTCHNOP_alloc_unbound:
        assert_int_equal(alloc->dom, DOMID_SELF);
        xen.remote = alloc->remote_dom;
        alloc->port = xen.next_port;
        return xen.error;
    case EVTCHNOP_bind_interdomain:
        xen.remote = connect->remote_dom;
        xen.remote_port = connect->remote_port;
        connect->local_port = xen.next_port;
        return xen.error;
    case EVTCHNOP_bind_virq:
        assert_int_equal(virq->vcpu, 0);
        xen.virq = virq->virq;
        virq->port = xen.next_port;
        return xen.error;
    }
    fail_msg("event_channel_op %u", op);
    return 0;
}

static long vcpu_op(unsigned int op, unsigned long vcpu_id, const struct vcpu_set_singleshot_timer *timer)
{
    assert_int_equal(vcpu_id, 0);
    if (op == VCPUOP_stop_periodic_timer)
        xen.periodic_stops++;
    else if (op == VCPUOP_stop_singleshot_timer)
        xen.stops++;
    else if (op == VCPUOP_set_singleshot_timer) {
        xen.sets++;
        xen.timer = timer->timeout_abs_ns;
        assert_int_equal(timer->flags, 0); /* without the flag, a time in the past fires, too */
    } else
        fail_msg("vcpu_op %u", op);
    return 0;
}

static long poll_op(const struct sched_poll *poll)
{
    assert_true(poll->nr_ports <= 128);
    xen.polled = poll->nr_ports;
    memcpy(xen.ports, poll->ports.p, poll->nr_ports * sizeof(xen.ports[0]));
    xen.poll_until = poll->timeout;
    return 0;
}

long pv_hypercall(unsigned int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d, unsigned long e)
{
    switch (op) {
    case __HYPERVISOR_event_channel_op: return event_channel_op((unsigned int)a, (void *)b);
    case __HYPERVISOR_vcpu_op: return vcpu_op((unsigned int)a, b, (void *)c);
    case __HYPERVISOR_sched_op:
        assert_int_equal(a, SCHEDOP_poll);
        return poll_op((void *)b);
    }
    fail_msg("hypercall %u", op);
    return 0;
}

/* Marks a port as pending, as Xen does. */
static void xen_sends(uint32_t port)
{
    unsigned int word = port / 64;

    shared.evtchn_pending[word] |= 1UL << (port & 63);
    if (shared.evtchn_mask[word] >> (port & 63) & 1)
        return;
    shared.vcpu_info[0].evtchn_pending_sel |= 1UL << word;
    shared.vcpu_info[0].evtchn_upcall_pending = 1;
}

/* ---- the functions of ports ---- */

static unsigned int calls[PV_EVENT_PORTS];
static void (*during)(uint32_t port);

static void called(void *arg, uint32_t port)
{
    assert_ptr_equal(arg, &calls[port]);
    calls[port]++;
    if (during)
        during(port);
}

static int listen_to(uint32_t port) { return pv_event_listen(port, called, &calls[port]); }

#define TIMER 3

static int begin(void **state)
{
    memset(&shared, 0, sizeof(shared));
    memset(&xen, 0, sizeof(xen));
    memset(ports, 0, sizeof(ports));
    memset(calls, 0, sizeof(calls));
    bound_count = 0;
    armed = PV_FOREVER;
    during = NULL;
    now = 100;
    xen.next_port = TIMER;
    pv_events_init();
    return 0;
}

static void test_start(void **state)
{
    assert_int_equal(shared.vcpu_info[0].evtchn_upcall_mask, 1);
    for (size_t i = 0; i < ARRAY_LEN(shared.evtchn_mask); i++)
        assert_int_equal(shared.evtchn_mask[i], i ? ~0UL : ~(1UL << TIMER));
    assert_int_equal(xen.periodic_stops, 1);
    assert_int_equal(xen.virq, VIRQ_TIMER);
    xen.error = -PV_ENOSPC;
    if (!setjmp(panicked)) {
        pv_events_init();
        fail();
    }
}

static void test_listen(void **state)
{
    static const uint32_t wrong[] = { 0, PV_EVENT_PORTS, UINT32_MAX, TIMER };

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_int_equal(pv_event_listen(wrong[i], called, NULL), -PV_EINVAL);
    assert_int_equal(listen_to(70), 0);
    assert_int_equal(listen_to(70), -PV_EINVAL);
    assert_false(pv_events_dispatch());
    xen_sends(70);
    xen_sends(71); /* a port without a function */
    assert_true(pv_events_dispatch());
    assert_int_equal(calls[70], 1);
    assert_int_equal(shared.evtchn_pending[1], 1UL << (71 - 64));
    assert_false(pv_events_dispatch());
    assert_int_equal(calls[70], 1);
}

static void test_new_ports(void **state)
{
    uint32_t port = 0;

    xen.next_port = 20;
    assert_int_equal(pv_event_alloc(9, called, &calls[20], &port), 0);
    assert_int_equal(port, 20);
    assert_int_equal(xen.remote, 9);
    xen.next_port = 21;
    assert_int_equal(pv_event_connect(8, 77, called, &calls[21], &port), 0);
    assert_int_equal(port, 21);
    assert_int_equal(xen.remote, 8);
    assert_int_equal(xen.remote_port, 77);
    pv_event_notify(21);
    assert_int_equal(xen.sent, 21);
    xen_sends(20);
    xen_sends(21);
    pv_events_dispatch();
    assert_int_equal(calls[20] + calls[21], 2);
    /* A port with too high a number is closed again. */
    xen.next_port = PV_EVENT_PORTS;
    assert_int_equal(pv_event_alloc(9, called, NULL, &port), -PV_ENOSPC);
    assert_int_equal(xen.closed, PV_EVENT_PORTS);
    assert_int_equal(port, 21);
    xen.error = -PV_ESRCH;
    xen.closed = 0;
    assert_int_equal(pv_event_connect(8, 77, called, NULL, &port), -PV_ESRCH);
    assert_int_equal(xen.closed, 0);
}

/* An event that came while the port was masked is not lost, and no hypercall is needed. */
static void test_masked(void **state)
{
    listen_to(130);
    pv_event_mask(130);
    xen_sends(130);
    assert_false(pv_events_dispatch());
    pv_event_unmask(130);
    assert_true(pv_events_dispatch());
    assert_int_equal(calls[130], 1);
    pv_event_mask(130);
    pv_event_unmask(130);
    assert_false(pv_events_dispatch());
    /* The port is pending before it is masked. */
    xen_sends(130);
    pv_event_mask(130);
    assert_true(pv_events_dispatch());
    assert_int_equal(calls[130], 1);
}

static void test_close(void **state)
{
    listen_to(130);
    listen_to(131);
    xen_sends(130);
    pv_event_close(130);
    assert_int_equal(xen.closed, 130);
    assert_true(shared.evtchn_mask[130 / 64] >> (130 & 63) & 1);
    pv_events_dispatch();
    assert_int_equal(calls[130], 0);
    /* A new port with this number is not affected. */
    assert_int_equal(listen_to(130), 0);
    assert_false(pv_events_dispatch());
    xen_sends(130);
    xen_sends(131);
    pv_events_dispatch();
    assert_int_equal(calls[130], 1);
    assert_int_equal(calls[131], 1);
    pv_event_close(130);
    if (!setjmp(panicked)) {
        pv_event_close(130);
        fail();
    }
}

static void closes_and_sends(uint32_t port)
{
    during = NULL;
    pv_event_close(65);
    xen_sends(200);
}

/* A function may close another port that is pending, and events that are sent meanwhile are not lost. */
static void test_from_a_function(void **state)
{
    listen_to(64);
    listen_to(65);
    listen_to(200);
    xen_sends(64);
    xen_sends(65);
    during = closes_and_sends;
    assert_true(pv_events_dispatch());
    assert_int_equal(calls[64], 1);
    assert_int_equal(calls[65], 0);
    assert_int_equal(calls[200], 1);
}

static void test_timer(void **state)
{
    pv_timer_arm(PV_FOREVER);
    assert_int_equal(xen.stops + xen.sets, 0); /* the timer has this time already */
    pv_timer_arm(900);
    pv_timer_arm(900);
    assert_int_equal(xen.sets, 1);
    assert_int_equal(xen.timer, 5900);
    pv_timer_arm(PV_FOREVER);
    assert_int_equal(xen.stops, 1);
    /* After it has fired it can be armed again for the same time. */
    pv_timer_arm(1000);
    xen_sends(TIMER);
    pv_events_dispatch();
    pv_timer_arm(1000);
    assert_int_equal(xen.sets, 3);
}

static void test_wait(void **state)
{
    pv_events_wait(PV_FOREVER);
    assert_int_equal(xen.polled, 1);
    assert_int_equal(xen.ports[0], TIMER);
    assert_int_equal(xen.poll_until, 0);
    listen_to(70);
    listen_to(71);
    pv_event_mask(70);
    pv_events_wait(300);
    assert_int_equal(xen.polled, 2);
    assert_int_equal(xen.ports[0] + xen.ports[1], TIMER + 71);
    assert_int_equal(xen.poll_until, 5300);
    pv_event_close(71);
    pv_events_wait(300);
    assert_int_equal(xen.polled, 1);
}

/* With more ports than Xen accepts it waits at most a millisecond. */
static void test_wait_for_many(void **state)
{
    for (uint32_t port = 10; port < 10 + 127; port++)
        listen_to(port);
    pv_events_wait(PV_FOREVER);
    assert_int_equal(xen.polled, 128);
    assert_int_equal(xen.poll_until, 0);
    listen_to(140);
    pv_events_wait(PV_FOREVER);
    assert_int_equal(xen.polled, 128);
    assert_int_equal(xen.poll_until, now + PV_MS + 5000);
    pv_events_wait(now + 5);
    assert_int_equal(xen.poll_until, now + 5 + 5000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_start, begin),
        cmocka_unit_test_setup(test_listen, begin),
        cmocka_unit_test_setup(test_new_ports, begin),
        cmocka_unit_test_setup(test_masked, begin),
        cmocka_unit_test_setup(test_close, begin),
        cmocka_unit_test_setup(test_from_a_function, begin),
        cmocka_unit_test_setup(test_timer, begin),
        cmocka_unit_test_setup(test_wait, begin),
        cmocka_unit_test_setup(test_wait_for_many, begin),
    };

    return cmocka_run_group_tests_name("pv-events", tests, NULL, NULL);
}
