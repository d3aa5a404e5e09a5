/*
 * A vchan's server with one page: tests grants, event channels and xenstore against libxenvchan in dom0. It echoes what
 * the client writes. When the client has gone, the grant ends.
 *
 * Source: Xen's xen/io/libxenvchan.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer-test.h"

#define LEFT_ORDER 10  /* an order below 12 is the ring's offset in the page, too; the client writes to this ring */
#define RIGHT_ORDER 11
#define NOTIFY_ALL 3

struct ring { uint32_t cons, prod; };
struct vchan {
    struct ring left, right;
    uint16_t left_order, right_order;
    uint8_t cli_live, srv_live, cli_notify, srv_notify;
};

static struct pv_queue queue;
static void event(void *arg, uint32_t port) { pv_queue_wake(&queue); }

static uint8_t *octet(struct vchan *vchan, unsigned int order, uint32_t at)
{
    return (uint8_t *)vchan + (1U << order) + (at & ((1U << order) - 1));
}

/* Returns how many octets were echoed, or -1 if the client breaks the protocol. */
static long echo(struct vchan *vchan, struct ring *own)
{
    uint32_t used = PV_READ_ONCE(vchan->left.prod) - own->cons;
    uint32_t full = own->prod - PV_READ_ONCE(vchan->right.cons), n;

    if (used > 1U << LEFT_ORDER || full > 1U << RIGHT_ORDER)
        return -1;
    pv_barrier();
    n = used < (1U << RIGHT_ORDER) - full ? used : (1U << RIGHT_ORDER) - full;
    for (uint32_t i = 0; i < n; i++)
        *octet(vchan, RIGHT_ORDER, own->prod + i) = *octet(vchan, LEFT_ORDER, own->cons + i);
    own->cons += n;
    own->prod += n;
    pv_barrier();
    PV_WRITE_ONCE(vchan->left.cons, own->cons);
    PV_WRITE_ONCE(vchan->right.prod, own->prod);
    return n;
}

static const char *serve(struct vchan *vchan, uint32_t port)
{
    struct ring own = { 0, 0 };

    while (PV_READ_ONCE(vchan->cli_live)) {
        long moved;

        __atomic_store_n(&vchan->cli_notify, NOTIFY_ALL, __ATOMIC_SEQ_CST);
        moved = echo(vchan, &own);
        if (moved < 0)
            return "the client breaks the rules";
        if (moved)
            pv_event_notify(port);
        else
            pv_queue_wait(&queue, PV_FOREVER);
    }
    pv_log("layer: vchan: %u octets", own.prod);
    return NULL;
}

static const char *end_grant(struct vchan *vchan, uint32_t port, uint32_t ref)
{
    uint64_t until = pv_clock() + 10 * PV_SECOND;

    vchan->srv_live = 0;
    pv_event_notify(port);
    while (pv_grant_end(ref) == -PV_EBUSY) {
        if (pv_clock() > until)
            return "dom0 keeps the page";
        pv_sleep(pv_clock() + 10 * PV_MS);
    }
    pv_event_close(port);
    pv_pages_put(vchan);
    return NULL;
}

static const char *run(void)
{
    struct vchan *vchan = pv_pages_alloc(1, 1);
    uint32_t ref, port;
    const char *why;

    if (!vchan || pv_grant(0, pv_frame_of(vchan), false, &ref) || pv_event_alloc(0, event, NULL, &port))
        return "no page, grant or port";
    pv_zero(vchan, PV_PAGE);
    vchan->left_order = LEFT_ORDER;
    vchan->right_order = RIGHT_ORDER;
    vchan->cli_live = 2;
    vchan->srv_live = 1;
    if (pv_store_write("data/vchan/ring-ref", "%u", ref) || pv_store_write("data/vchan/event-channel", "%u", port))
        return "xenstore does not take it";
    why = serve(vchan, port);
    return why ? why : end_grant(vchan, port, ref);
}

void test_vchan(void *arg)
{
    test_says("vchan", run());
}
