/*
 * Event channels and grants without Xen: one descriptor that delivers the ports a
 * test fires, and pages that the test has.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FAKE_XEN_H
#define FAKE_XEN_H

#include "grants.h"

#include <stdbool.h>
#include <stdint.h>
#include <xenevtchn.h>

struct fake_xen {
    int mapped, bound, notified; /* pages, ports, calls */
    int masked;                  /* deliveries since the last unmask */
    int pending;                 /* the descriptor */
    uint32_t domid;              /* of the last bind */
    uint32_t ref, remote;        /* what was asked for last */
    uint32_t notify_at;          /* the offset that is cleared when we end */
    evtchn_port_t next;          /* the local port given out last: 1, 2, … */
    bool fail_map, fail_bind;
    /* COUNT pages that REFS stand for, one after another; NULL: there are none. */
    void *(*pages)(const uint32_t *refs, uint32_t count);
};

extern struct fake_xen xen;
static const struct grants no_grants; /* grants_map() is ours, too */

/* Forgets everything but the function. */
void fake_xen_reset(void);
/* An event for that local port. */
void fake_xen_fire(evtchn_port_t port);

#endif
