/*
 * tap-queue.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "tap-queue.h"

#define SIZE (TAP_QUEUE_PAGES * PV_PAGE)

static size_t record_size(size_t octets)
{
    return (sizeof(struct tap_frame) + octets + 7) & ~7UL;
}

int tap_queue_init(struct tap_queue *queue)
{
    *queue = (struct tap_queue){ .memory = pv_pages_alloc(TAP_QUEUE_PAGES, 1) };
    return queue->memory ? 0 : -PV_ENOMEM;
}

void tap_queue_dispose(struct tap_queue *queue)
{
    if (queue->memory)
        pv_pages_put(queue->memory);
    *queue = (struct tap_queue){ 0 };
}

static bool fits(const struct tap_queue *queue, size_t need)
{
    if (queue->wrapped)
        return queue->head - queue->tail >= need;
    return SIZE - queue->tail >= need || queue->head >= need;
}

bool tap_queue_has_room(const struct tap_queue *queue)
{
    return fits(queue, record_size(PV_FRAME_MAX));
}

bool tap_queue_put(struct tap_queue *queue, const struct pv_frame_info *info, const void *octets,
                   size_t size)
{
    size_t need = record_size(size);
    struct tap_frame *frame;

    if (size > PV_FRAME_MAX || !fits(queue, need))
        return false;
    if (!queue->wrapped && SIZE - queue->tail < need) {
        queue->end = queue->tail;
        queue->tail = 0;
        queue->wrapped = true;
    }
    frame = (struct tap_frame *)(queue->memory + queue->tail);
    frame->info = *info;
    frame->size = (uint32_t)size;
    pv_copy(frame->octets, octets, size);
    queue->tail += need;
    return true;
}

struct tap_frame *tap_queue_first(const struct tap_queue *queue)
{
    bool empty = !queue->wrapped && queue->head == queue->tail;

    return empty ? NULL : (struct tap_frame *)(queue->memory + queue->head);
}

void tap_queue_drop_first(struct tap_queue *queue)
{
    queue->head += record_size(tap_queue_first(queue)->size);
    if (queue->wrapped && queue->head == queue->end) {
        queue->head = 0;
        queue->wrapped = false;
    }
    if (!queue->wrapped && queue->head == queue->tail)
        queue->head = queue->tail = 0;
}
