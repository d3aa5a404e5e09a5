/*
 * One event channel of the stub domain's, and how much it may have us do: when the budget of a period is
 * spent, its port stays masked, and what it is about goes on in the next period.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DM_THROTTLE_H
#define DM_THROTTLE_H

#include "budget.h"
#include "loop.h"
#include "xen-handles.h"

struct throttle {
    struct loop *loop;
    struct xen_handles *xen;
    struct xen_port *port;
    struct budget budget;
    struct loop_timer resume;
    bool masked; /* the port, since its last event */
    void (*pump)(void *data); /* moves what can be moved, and ends with throttle_rests() */
    void *data;
};

/* So many bytes and events in a period; then all of the budget is there. */
void throttle_init(struct throttle *throttle, struct loop *loop, uint32_t bytes, uint32_t events,
                   void (*pump)(void *data), void *data);

/*
 * From now on PORT's events pump. It may have fired before: the caller pumps once. Sets the port's fired
 * and data, and is called before it is bound.
 */
void throttle_start(struct throttle *throttle, struct xen_handles *xen, struct xen_port *port);
void throttle_stop(struct throttle *throttle); /* idempotent */

/* At the beginning of a pump: a new period may have begun. */
void throttle_refresh(struct throttle *throttle);

/* At its end: true when the budget is spent, and the pump is called again when the next period begins. */
bool throttle_rests(struct throttle *throttle);

/* Nothing is left to do: the next event may come. */
void throttle_listen(struct throttle *throttle);

#endif
