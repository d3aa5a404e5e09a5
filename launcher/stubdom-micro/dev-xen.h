/*
 * What the files of the Xen devices share.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DEV_XEN_H
#define DEV_XEN_H

#include "micro.h"

#ifndef S_IFCHR
#define S_IFCHR 0020000
#endif
/* Numbers of the devices: major 10, minors that Linux gives to nobody. */
#define XEN_DEVICE(n) (10 << 8 | (50 + (n)))

/* A domain that a program may name to Xen: a real one, and not ours. */
static inline bool domain_is_other(unsigned int domid)
{
    return domid < DOMID_FIRST_RESERVED && domid != pv_domid();
}

/* ---- dev-evtchn.c ---- */

/*
 * A port that a program has bound stays open until its holders have released it, too: what
 * shall be said when a page goes can be said after the program's descriptors have gone.
 * 0; -PV_EINVAL: no program has this port.
 */
int evtchn_hold(uint32_t port);
void evtchn_release(uint32_t port);

/* ---- dev-gnttab.c ---- */

/* What to do when a mapping or a page ends, so that the peer learns of it. Zeroed: nothing. */
struct unmap_notify {
    uint32_t action;  /* UNMAP_NOTIFY_* */
    uint32_t port;    /* held, with UNMAP_NOTIFY_SEND_EVENT */
    uint64_t offset;  /* of the byte to clear, from the first page */
};
/* The program's wish in place of the one before. 0; -PV_EINVAL. */
int notify_set(struct unmap_notify *notify, uint32_t action, uint64_t offset, uint32_t port);
/* Sends the event, if one is wanted; nothing is left to do then. */
void notify_send(struct unmap_notify *notify);

int dev_gntdev_init(void);
int dev_gntalloc_init(void);

#endif
