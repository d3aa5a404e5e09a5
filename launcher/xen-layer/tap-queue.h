/*
 * Frames that wait to be read from a tap, in a ring buffer of fixed size. No frame wraps around its end.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TAP_QUEUE_H
#define TAP_QUEUE_H

#include "pv.h"

/*
 * 128 KiB. A NIC is asked for frames only while there is room for the largest one (64 KiB). The other half holds 42
 * ordinary frames, which can be read meanwhile.
 */
#define TAP_QUEUE_PAGES 32U

struct tap_frame {
    struct pv_frame_info info;
    uint32_t size;
    uint8_t octets[];
};

/* The frames are in [head, tail), or, when the queue has wrapped, in [head, end) and then in [0, tail). */
struct tap_queue {
    uint8_t *memory;
    size_t head, tail, end;
    bool wrapped;
};

int tap_queue_init(struct tap_queue *queue); /* 0 or -PV_ENOMEM */
void tap_queue_dispose(struct tap_queue *queue);
/* Would a frame of any size fit? */
bool tap_queue_has_room(const struct tap_queue *queue);
/* Appends a copy; false: it does not fit. */
bool tap_queue_put(struct tap_queue *queue, const struct pv_frame_info *info, const void *octets,
                   size_t size);
/* The first one, which may be changed in place; NULL: there is none. */
struct tap_frame *tap_queue_first(const struct tap_queue *queue);
void tap_queue_drop_first(struct tap_queue *queue);

#endif
