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
/* Device numbers: major 10, with minors that Linux does not use. */
#define XEN_DEVICE(n) (10 << 8 | (50 + (n)))

/* A domain that a program may name to Xen: a real one, and not ours. */
static inline bool domain_is_other(unsigned int domid)
{
    return domid < DOMID_FIRST_RESERVED && domid != pv_domid();
}

/* ---- dev-evtchn.c ---- */

/*
 * Keeps a port that a program has bound open until evtchn_release(). So an event that is due when a page is unmapped
 * can be sent even if the program's descriptors were closed before. 0; -PV_EINVAL: no program has this port.
 */
int evtchn_hold(uint32_t port);
void evtchn_release(uint32_t port);

/* ---- dev-gnttab.c ---- */

/* What to do when a mapping or a page ends, so that the peer learns of it. Zeroed: nothing. */
struct unmap_notify {
    uint32_t action;  /* UNMAP_NOTIFY_* */
    uint32_t port;    /* of the event; held (evtchn_hold()) if action has UNMAP_NOTIFY_SEND_EVENT */
    uint64_t offset;  /* of the byte to clear, from the first page */
};
/* Replaces what is to be done by what the program asks for. 0; -PV_EINVAL. */
int notify_set(struct unmap_notify *notify, uint32_t action, uint64_t offset, uint32_t port);
/* Sends the event, if one is wanted. *notify is empty then. */
void notify_send(struct unmap_notify *notify);

int dev_gntdev_init(void);
int dev_gntalloc_init(void);

#endif
