/*
 * Frames that wait to be read from a tap: in a fixed piece of memory, each in one piece.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef TAP_QUEUE_H
#define TAP_QUEUE_H

#include "pv.h"

/*
 * 128 KiB: there must be room for the largest frame (64 KiB) before a NIC is asked for any,
 * and as much again to read from meanwhile: 42 ordinary ones.
 */
#define TAP_QUEUE_PAGES 32U

struct tap_frame {
    struct pv_frame_info info;
    uint32_t size;
    uint8_t octets[];
};

/* [head, end) comes before [0, tail) when it is wrapped; else there is [head, tail) only. */
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
