/*
 * The ring between a block frontend and its backend (xen/io/blkif.h): requests onto it, answers
 * from it, and the grants of what is under way. Knows nothing of xenstore and event channels.
 *
 * Ownership: while a page is granted, the ring counts as one of its users (pv_pages_get()). So a page that the backend
 * does not let go of stays allocated, whatever became of the request. Where the backend keeps pages mapped
 * (persistent), all are of disk_ring_page_get(), and granted until the ring is buried.
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
 * Segments of a large request, in a page that the backend may read. Their frames are beside them:
 * the ring needs them at the end, and the backend learns nothing that the grants do not say.
 */
struct disk_indirect {
    struct blkif_request_segment segments[DISK_INDIRECT_MAX];
    uint64_t frames[DISK_INDIRECT_MAX];
};

/* What one entry of the ring stands for. Only here: the backend writes to the ring's own page. */
struct disk_slot {
    struct pv_disk_request *request; /* NULL: nobody waits for it any more */
    uint64_t id;
    uint8_t op;                      /* BLKIF_OP_*, of what is to be done: never INDIRECT */
    uint16_t grants;                 /* how many of the segments' are left */
    uint32_t refs[BLKIF_MAX_SEGMENTS_PER_REQUEST];
    uint64_t frames[BLKIF_MAX_SEGMENTS_PER_REQUEST];
    struct disk_indirect *indirect;  /* instead of those two; NULL: them */
    uint32_t indirect_ref;
    struct pv_disk_page *kept;       /* the indirect page, where the ring is persistent */
};

struct disk_ring {
    struct blkif_sring *shared;
    uint16_t remote, handle;
    unsigned int max_indirect; /* segments; 0: the backend knows no such requests */
    uint8_t flush_op;          /* BLKIF_OP_*; 0: it cannot */
    bool broken;               /* the backend broke the rules: nothing it says counts any more */
    bool stopped;              /* nothing new is put onto it */
    bool persistent;           /* the backend keeps what it has mapped; set before the first request */
    struct pv_disk_page *spare; /* granted, and used by nobody */
    unsigned int kept;         /* pages that are granted, spare or not */
    uint32_t produced, consumed;
    uint32_t busy;             /* a bit for each slot */
    uint32_t serial;           /* makes ids differ */
    struct disk_slot slots[DISK_RING_SLOTS];
    /* Not or not completely on the ring, in order; sectors of the first one that are. */
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
/* Takes the answers that are there. Sets broken when they cannot be; then none of them is trusted. */
void disk_ring_take(struct disk_ring *ring, struct pv_disk_request **finished);
/* From now on nothing is issued: what was not begun fails. */
void disk_ring_stop(struct disk_ring *ring, struct pv_disk_request **finished);
/*
 * The backend has gone, or is not trusted: takes grants back, as far as it let go of them. A request
 * without grants has failed; give_up: so have all others. Returns whether no grant is left, and no page is in use.
 */
bool disk_ring_bury(struct disk_ring *ring, bool give_up, struct pv_disk_request **finished);

#endif
