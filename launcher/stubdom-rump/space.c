/*
 * Address space above the one-to-one memory (host.h): for large pieces of the heap and
 * mmap(), which get their pages when they are touched, and for other domains' pages.
 *
 * A fault may come between any two instructions of code that uses vector registers, so
 * this file and what it calls are compiled without them. It never sleeps.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host.h"

/* A piece of an area. A partial munmap() leaves several pieces of one area. */
struct piece { uintptr_t first; size_t pages; enum space_kind kind; struct piece *next; };
static struct piece *pieces; /* by address */

static uintptr_t end_of(const struct piece *piece)
{
    return piece->first + piece->pages * PV_PAGE;
}

static struct piece *piece_of(uintptr_t va)
{
    for (struct piece *piece = pieces; piece && piece->first <= va; piece = piece->next)
        if (va < end_of(piece))
            return piece;
    return NULL;
}

static void insert(struct piece *piece)
{
    struct piece **at = &pieces;

    while (*at && (*at)->first < piece->first)
        at = &(*at)->next;
    piece->next = *at;
    *at = piece;
}

uintptr_t space_map(size_t pages, enum space_kind kind)
{
    struct piece *piece = pv_alloc(sizeof(*piece));
    uintptr_t first = piece ? pv_area_alloc(pages) : 0;

    if (!first) {
        pv_free(piece);
        return 0;
    }
    *piece = (struct piece){ .first = first, .pages = pages, .kind = kind };
    insert(piece);
    return first;
}

/* Splits the piece that va is within, so that one begins at va. */
static int cut(uintptr_t va)
{
    struct piece *piece = piece_of(va), *upper;

    if (!piece || piece->first == va)
        return 0;
    upper = pv_alloc(sizeof(*upper));
    if (!upper)
        return -PV_ENOMEM;
    *upper = (struct piece){ .first = va, .pages = (end_of(piece) - va) / PV_PAGE, .kind = piece->kind,
                             .next = piece->next };
    piece->pages = (va - piece->first) / PV_PAGE;
    piece->next = upper;
    return 0;
}

/* Are these whole pages, all within one area? */
static bool valid(uintptr_t va, size_t pages, uintptr_t *area)
{
    size_t count;

    return !(va & (PV_PAGE - 1)) && pages && pv_area_find(va, area, &count) &&
           pages <= count - (va - *area) / PV_PAGE;
}

static void empty(const struct piece *piece)
{
    for (size_t i = 0; piece->kind == SPACE_LAZY && i < piece->pages; i++) {
        uintptr_t va = piece->first + i * PV_PAGE;
        uint64_t frame;
        void *page;

        if (!pv_mapped(NULL, va, &frame, NULL))
            continue;
        page = pv_page_of(frame);
        pv_unmap(NULL, va, 1);
        pv_pages_put(page);
    }
    if (piece->kind == SPACE_FOREIGN)
        pv_unmap(NULL, piece->first, piece->pages);
}

static void remove_between(uintptr_t first, uintptr_t end)
{
    struct piece **at = &pieces;

    while (*at && (*at)->first < end) {
        struct piece *piece = *at;

        if (piece->first < first) {
            at = &piece->next;
            continue;
        }
        *at = piece->next;
        empty(piece);
        pv_free(piece);
    }
}

static void free_area_if_empty(uintptr_t area)
{
    uintptr_t first;
    size_t count;

    if (!pv_area_find(area, &first, &count))
        return;
    for (struct piece *piece = pieces; piece; piece = piece->next)
        if (piece->first >= first && piece->first < first + count * PV_PAGE)
            return;
    pv_area_free(first);
}

int space_unmap(uintptr_t va, size_t pages)
{
    uintptr_t area;

    if (!valid(va, pages, &area))
        return -PV_EINVAL;
    if (cut(va) || cut(va + pages * PV_PAGE))
        return -PV_ENOMEM;
    remove_between(va, va + pages * PV_PAGE);
    free_area_if_empty(area);
    return 0;
}

int space_remap(uintptr_t va, size_t pages, enum space_kind kind)
{
    struct piece *piece = pv_alloc(sizeof(*piece));
    uintptr_t area;
    int rc = -PV_ENOMEM;

    if (!valid(va, pages, &area))
        rc = -PV_EINVAL;
    else if (piece && !cut(va) && !cut(va + pages * PV_PAGE))
        rc = 0;
    if (rc) {
        pv_free(piece);
        return rc;
    }
    remove_between(va, va + pages * PV_PAGE);
    *piece = (struct piece){ .first = va, .pages = pages, .kind = kind };
    insert(piece);
    return 0;
}

/* Moves the page at `from`, if there is one. The page tables for `to` must exist. */
static void move_page(uintptr_t from, uintptr_t to)
{
    uint64_t frame;

    if (!pv_mapped(NULL, from, &frame, NULL))
        return;
    PV_ASSERT(pv_map(NULL, to, frame, PV_PROT_WRITE, PV_SELF) == 0);
    pv_unmap(NULL, from, 1);
}

uintptr_t space_resize(uintptr_t va, size_t pages)
{
    struct piece *piece = piece_of(va);
    size_t kept = piece && piece->pages < pages ? piece->pages : pages;
    uintptr_t to;

    if (!piece || piece->first != va || piece->kind != SPACE_LAZY)
        return 0;
    if (pages < piece->pages)
        return space_unmap(va + pages * PV_PAGE, piece->pages - pages) ? 0 : va;
    to = space_map(pages, SPACE_LAZY);
    if (!to)
        return 0;
    if (pv_map_prepare(NULL, to, kept)) {
        space_unmap(to, pages);
        return 0;
    }
    for (size_t i = 0; i < kept; i++)
        move_page(va + i * PV_PAGE, to + i * PV_PAGE);
    PV_ASSERT(space_unmap(va, kept) == 0);
    return to;
}

static int back_page(uintptr_t va)
{
    void *page = pv_pages_alloc(1, 1);
    int rc;

    if (!page)
        return -PV_ENOMEM;
    pv_zero(page, PV_PAGE);
    rc = pv_map(NULL, va, pv_frame_of(page), PV_PROT_WRITE, PV_SELF);
    if (rc)
        pv_pages_put(page);
    return rc;
}

int space_back(uintptr_t va, size_t pages)
{
    for (va &= ~(PV_PAGE - 1); pages; pages--, va += PV_PAGE) {
        struct piece *piece = piece_of(va);
        int rc;

        if (!piece || piece->kind != SPACE_LAZY)
            return -PV_EINVAL;
        rc = pv_mapped(NULL, va, NULL, NULL) ? 0 : back_page(va);
        if (rc)
            return rc;
    }
    return 0;
}

bool space_find(uintptr_t va, uintptr_t *first, size_t *pages)
{
    struct piece *piece = piece_of(va);

    if (!piece)
        return false;
    *first = piece->first;
    *pages = piece->pages;
    return true;
}

bool space_is_guard(uintptr_t va)
{
    struct piece *piece = piece_of(va);

    return piece && piece->kind == SPACE_GUARD;
}

bool space_contains(const void *p)
{
    uintptr_t first;
    size_t count;

    /* Memory that is mapped one to one ends far below the first area. */
    return (uintptr_t)p >> PV_PAGE_SHIFT >= pv_pages_total() && pv_area_find((uintptr_t)p, &first, &count);
}

static bool on_fault(uintptr_t va, bool write, bool exec)
{
    struct piece *piece = piece_of(va);

    if (!piece || piece->kind != SPACE_LAZY || exec || pv_mapped(NULL, va, NULL, NULL))
        return false;
    if (back_page(va & ~(PV_PAGE - 1)))
        pv_panic("out of memory: stubdom_memory is %zu MiB, it needs more: no page for %lx",
                 pv_pages_total() >> (20 - PV_PAGE_SHIFT), va);
    return true;
}

void space_init(void)
{
    pv_on_fault = on_fault;
}
