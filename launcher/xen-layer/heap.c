/*
 * Small pieces of memory (pv.h). Each page is cut into pieces of one size; larger ones are runs of whole pages.
 * pv_free() tells the two apart by the address: a run begins at a page's start, a piece never does, since its page has
 * a head.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer.h"

#define SLAB_MAGIC 0x51ab5aedU

struct slab { uint32_t magic; uint16_t class, used; struct slab *next, **link; void *free; };
#define HEAD ((sizeof(struct slab) + 15) & ~15UL)

static const uint16_t sizes[] = { 16, 32, 48, 64, 80, 96, 112, 128, 160, 192, 240, 288, 336, 400, 496, 576, 672,
    800, 1008, 1344, 2016 };
#define CLASSES (sizeof(sizes) / sizeof(sizes[0]))
#define LARGEST 2016U
static struct slab *with_room[CLASSES];

static unsigned int class_of(size_t size)
{
    unsigned int c = 0;

    while (sizes[c] < size)
        c++;
    return c;
}

static void link_slab(struct slab *slab)
{
    struct slab **head = &with_room[slab->class];

    slab->next = *head;
    slab->link = head;
    if (*head)
        (*head)->link = &slab->next;
    *head = slab;
}

static void unlink_slab(struct slab *slab)
{
    *slab->link = slab->next;
    if (slab->next)
        slab->next->link = slab->link;
}

static struct slab *make_slab(unsigned int class)
{
    struct slab *slab = pv_pages_alloc(1, 1);

    if (!slab)
        return NULL;
    *slab = (struct slab){ .magic = SLAB_MAGIC, .class = (uint16_t)class };
    for (size_t at = HEAD; at + sizes[class] <= PV_PAGE; at += sizes[class]) {
        void **piece = (void **)((char *)slab + at);

        *piece = slab->free;
        slab->free = piece;
    }
    link_slab(slab);
    return slab;
}

static struct slab *slab_of(const void *p)
{
    struct slab *slab = (struct slab *)((uintptr_t)p & ~(PV_PAGE - 1));

    PV_ASSERT(slab->magic == SLAB_MAGIC && slab->used);
    return slab;
}

static bool is_run(const void *p)
{
    return !((uintptr_t)p & (PV_PAGE - 1));
}

void *pv_alloc(size_t size)
{
    struct slab *slab;
    void *p;

    if (size > LARGEST) {
        p = pv_pages_alloc((size + PV_PAGE - 1) / PV_PAGE, 1);
        if (p)
            pv_zero(p, (size + PV_PAGE - 1) & ~(PV_PAGE - 1));
        return p;
    }
    slab = with_room[class_of(size)];
    if (!slab && !(slab = make_slab(class_of(size))))
        return NULL;
    p = slab->free;
    slab->free = *(void **)p;
    slab->used++;
    if (!slab->free)
        unlink_slab(slab);
    pv_zero(p, sizes[slab->class]);
    return p;
}

size_t pv_alloc_size(const void *p)
{
    return is_run(p) ? pv_pages_in_run(p) * PV_PAGE : sizes[slab_of(p)->class];
}

void pv_free(void *p)
{
    struct slab *slab;

    if (!p)
        return;
    if (is_run(p)) {
        pv_pages_put(p);
        return;
    }
    slab = slab_of(p);
    if (!slab->free)
        link_slab(slab);
    *(void **)p = slab->free;
    slab->free = p;
    if (--slab->used)
        return;
    unlink_slab(slab);
    slab->magic = 0;
    pv_pages_put(slab);
}
