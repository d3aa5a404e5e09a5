/*
 * An event channel with a budget (see throttle.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "throttle.h"

static void resume(void *data)
{
    struct throttle *throttle = data;

    throttle->pump(throttle->data);
}

static void event(void *data)
{
    struct throttle *throttle = data;

    throttle_refresh(throttle);
    budget_take_event(&throttle->budget);
    throttle->masked = true;
    throttle->pump(throttle->data);
}

void throttle_init(struct throttle *throttle, struct loop *loop, uint32_t bytes, uint32_t events,
                   void (*pump)(void *data), void *data)
{
    *throttle = (struct throttle){ .loop = loop, .pump = pump, .data = data };
    throttle->resume = (struct loop_timer){ .fired = resume, .data = throttle };
    budget_init(&throttle->budget, bytes, events);
}

void throttle_start(struct throttle *throttle, struct xen_handles *xen, struct xen_port *port)
{
    throttle->xen = xen;
    throttle->port = port;
    throttle->budget.all = &xen->all;
    throttle->masked = true;
    *port = (struct xen_port){ .fired = event, .data = throttle };
}

void throttle_stop(struct throttle *throttle)
{
    if (throttle->loop)
        loop_stop_timer(throttle->loop, &throttle->resume);
    throttle->masked = false;
}

void throttle_refresh(struct throttle *throttle)
{
    budget_refresh(&throttle->budget, throttle->loop->now_ms());
}

bool throttle_rests(struct throttle *throttle)
{
    if (!budget_is_spent(&throttle->budget))
        return false;
    loop_start_timer(throttle->loop, &throttle->resume, BUDGET_PERIOD_MS);
    return true;
}

void throttle_listen(struct throttle *throttle)
{
    if (throttle->masked)
        xen_port_unmask(throttle->xen, throttle->port);
    throttle->masked = false;
}
