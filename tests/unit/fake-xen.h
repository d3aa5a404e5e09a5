/*
 * Event channels and grants without Xen: a descriptor that delivers the ports that the test fires, and pages that the
 * test provides.
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
    uint32_t ref, remote;        /* of the last request */
    uint32_t notify_at;          /* the offset of the byte that is cleared when the mapping ends */
    evtchn_port_t next;          /* the local port given out last: 1, 2, … */
    bool fail_map, fail_bind;
    /* Returns the COUNT pages of REFS, one after another. NULL: there are no such grants. */
    void *(*pages)(const uint32_t *refs, uint32_t count);
};

extern struct fake_xen xen;
static const struct grants no_grants; /* for code that needs a struct grants: grants_map() is a fake, too */

/* Resets everything except pages(). */
void fake_xen_reset(void);
/* An event for that local port. */
void fake_xen_fire(evtchn_port_t port);

#endif
