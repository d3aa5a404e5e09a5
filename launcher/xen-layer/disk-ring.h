/*
 * The ring between a block frontend and its backend (xen/io/blkif.h): requests onto it, answers
 * from it, and the grants of what is under way. Knows nothing of xenstore and event channels.
 *
 * Ownership: while a page is granted, the ring counts as one of its users (pv_pages_get()). So a page that the backend
 * keeps mapped stays allocated, whatever became of the request. On a persistent ring all pages come from
 * disk_ring_page_get(), and stay granted until disk_ring_bury().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef DISK_RING_H
#define DISK_RING_H

#include "pv.h"

#include <xen/io/blkif.h>

#define DISK_RING_SLOTS 32U
/* As many as fit into one page together with their frames (struct disk_indirect). */
#define DISK_INDIRECT_MAX 256U

/*
 * Segments of a large request, in a page that the backend may read. The page has their frames, too: the ring needs
 * these at the end, and the backend knows them from the grants anyway.
 */
struct disk_indirect {
    struct blkif_request_segment segments[DISK_INDIRECT_MAX];
    uint64_t frames[DISK_INDIRECT_MAX];
};

/* What one entry of the ring stands for. It is kept here, because the backend can write to the ring's page. */
struct disk_slot {
    struct pv_disk_request *request; /* NULL: nobody waits for it any more */
    uint64_t id;
    uint8_t op;                      /* BLKIF_OP_*, of what is to be done: never INDIRECT */
    uint16_t grants;                 /* grants of segments that have not been ended */
    uint32_t refs[BLKIF_MAX_SEGMENTS_PER_REQUEST];
    uint64_t frames[BLKIF_MAX_SEGMENTS_PER_REQUEST];
    struct disk_indirect *indirect;  /* in place of refs and frames, or NULL */
    uint32_t indirect_ref;
    struct pv_disk_page *kept;       /* the indirect page, where the ring is persistent */
};

struct disk_ring {
    struct blkif_sring *shared;
    uint16_t remote, handle;
    unsigned int max_indirect; /* segments; 0: the backend knows no such requests */
    uint8_t flush_op;          /* BLKIF_OP_*; 0: the backend has no flush */
    bool broken;               /* the backend broke the protocol: its answers are ignored from now on */
    bool stopped;              /* nothing new is put onto it */
    bool persistent;           /* the backend keeps what it has mapped; set before the first request */
    struct pv_disk_page *spare; /* granted, and used by nobody */
    unsigned int kept;         /* pages that are granted, spare or not */
    uint32_t produced, consumed;
    uint32_t busy;             /* a bit for each slot */
    uint32_t serial;           /* makes ids differ */
    struct disk_slot slots[DISK_RING_SLOTS];
    /* Requests that are not yet completely on the ring, in order. first_sectors: how much of the first one is on it. */
    struct pv_disk_request *first, **last;
    uint64_t first_sectors;
};

/* A spare page or a new one, granted where the ring is persistent; NULL: no memory, no grant. */
struct pv_disk_page *disk_ring_page_get(struct disk_ring *ring);
void disk_ring_page_put(struct disk_ring *ring, struct pv_disk_page *page);
/* shared: a page of ours. */
void disk_ring_init(struct disk_ring *ring, void *shared, uint16_t remote, uint16_t handle);
/* Queues a request that was checked; it goes onto the ring when there is room: disk_ring_issue(). */
void disk_ring_add(struct disk_ring *ring, struct pv_disk_request *request);
/*
 * Puts onto the ring what fits. Returns whether the backend wants to be notified. Requests
 * that cannot be done at all (no grants are left) go to *finished, chained by next, with their result.
 */
bool disk_ring_issue(struct disk_ring *ring, struct pv_disk_request **finished);
/* Takes the answers that are there. Sets broken at one that makes no sense, and takes no more then. */
void disk_ring_take(struct disk_ring *ring, struct pv_disk_request **finished);
/* From now on nothing is issued: requests that were not begun fail. */
void disk_ring_stop(struct disk_ring *ring, struct pv_disk_request **finished);
/*
 * The backend has gone, or is not trusted: ends the grants of all pages that it has unmapped. A request whose grants
 * are all ended fails. give_up: all other requests fail, too. Returns true if no grant is left and no page is in use.
 */
bool disk_ring_bury(struct disk_ring *ring, bool give_up, struct pv_disk_request **finished);

#endif
