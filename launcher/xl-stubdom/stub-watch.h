/*
 * stub-watch: the guest that a running xl is making, and whether its stub domain is still alive.
 *
 * libxl waits 30 s for a stub domain's device model and does not notice that the domain has ended
 * (libxl_dm.c, stubdom_xswait_cb). Xen says so at once; docs/toolstack.md says what is made of it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef XL_STUBDOM_STUB_WATCH_H
#define XL_STUBDOM_STUB_WATCH_H

#include <stdbool.h>
#include <stdint.h>

#include "fault.h"

#define STUB_WATCH_DOMIDS 0x7ff0 /* DOMID_FIRST_RESERVED */

struct xs_handle;
struct xc_interface_core;

enum stub_state {
    STUB_ABSENT,   /* there is no new guest of that name with a stub domain */
    STUB_STARTING, /* its stub domain lives, its device model is not ready */
    STUB_READY,    /* the device model said `running` */
    STUB_ENDED,    /* the stub domain shut down before that, and nobody is destroying it */
};

struct stub_watch {
    struct xs_handle *xs; /* NULL: there is no Xen here, every answer is STUB_ABSENT */
    struct xc_interface_core *xc;
    char *guest; /* the guest's name */
    char *stub;  /* that of its stub domain, which libxl makes of it */
    char *uuid;  /* the guest's; NULL: not known, its name must do */
    int32_t guest_seen; /* the guest that our xl has made, or 0 */
    uint8_t before[STUB_WATCH_DOMIDS / 8]; /* a bit for each domain that Xen had already */
};

/* What was found by the last look. */
struct stub_sight {
    enum stub_state state;
    int32_t guest; /* the new guest's domid, or -1 */
    int32_t stub;  /* that of its stub domain; may be there alone after a failure */
    unsigned int reason; /* STUB_ENDED: SHUTDOWN_* of xen/sched.h */
};

/*
 * For the guest of that name and UUID (NULL: any) that is made from now on: one of another uuid is somebody
 * else's. Returns 0 or -ENOMEM. Without a Xen to ask it sees nothing. Does not block long.
 */
int stub_watch_init(struct stub_watch *watch, const char *guest, const char *uuid);
void stub_watch_dispose(struct stub_watch *watch);

/* Becomes readable when any domain shuts down or ends; -1: never. */
int stub_watch_fd(const struct stub_watch *watch);

/* Drops what made the descriptor readable. */
void stub_watch_drain(struct stub_watch *watch);

struct stub_sight stub_watch_look(struct stub_watch *watch);

/* It is there, paused, and has had no processor yet: a guest that was paused later has run. */
bool stub_watch_never_ran(struct stub_watch *watch, int32_t domid);

/*
 * libxl makes a domain, and a moment later its nodes in xenstore: an xl that was killed in between leaves one without a
 * name. Destroys it: the guest is known by its UUID; its stub domain, whose uuid libxl invents, by being new and empty,
 * and by being so five seconds later, since another xl may be about to name it. Without one does not block.
 * 0, or a negative errno with the fault described.
 */
int stub_watch_end_nameless(struct stub_watch *watch, struct fault *fault);

/*
 * libxl names a stub domain first and says later whose it is, and forgets it when it fails between the two. The domid
 * of one that is so, and still is five seconds later; or -1. Another xl may be making it: then it has made a guest of
 * that name before. Our own guest must be gone. Without such a stub domain this does not block.
 */
int32_t stub_watch_find_untied(struct stub_watch *watch);

/* "powered off", "crashed"…: for messages. */
const char *stub_reason_text(unsigned int reason);

#endif
