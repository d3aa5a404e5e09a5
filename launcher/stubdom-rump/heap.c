/*
 * The C library's heap: the layer's pieces and pages; large ones get their pages when they
 * are touched, and so need no run of free pages.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host.h"

/* From here on a piece is address space of its own. */
#define LARGE (128UL * 1024)

void *malloc(size_t size);
void free(void *p);
void *calloc(size_t n, size_t size);
void *realloc(void *p, size_t size);
int posix_memalign(void **p, size_t align, size_t size);

static void *no_memory(void)
{
    host_thread_self()->error = BSD_ENOMEM;
    return NULL;
}

static size_t pages_of(size_t size)
{
    return size / PV_PAGE + (size % PV_PAGE != 0);
}

static void *allocate(size_t size)
{
    void *p = size < LARGE ? pv_alloc(size) : NULL;

    /* Of something in between there may be no run; a small one that fails, fails. */
    if (!p && size > PV_PAGE / 2)
        p = (void *)space_map(pages_of(size), SPACE_LAZY);
    return p ? p : no_memory();
}

/* Both kinds are zeroed. */
void *malloc(size_t size)
{
    return allocate(size ? size : 1);
}

void free(void *p)
{
    uintptr_t first;
    size_t pages;

    if (!space_contains(p)) {
        pv_free(p);
        return;
    }
    PV_ASSERT(space_find((uintptr_t)p, &first, &pages) && first == (uintptr_t)p);
    PV_ASSERT(space_unmap(first, pages) == 0);
}

void *calloc(size_t n, size_t size)
{
    size_t all;

    return __builtin_mul_overflow(n, size, &all) ? no_memory() : malloc(all);
}

static size_t size_of(const void *p)
{
    uintptr_t first;
    size_t pages;

    if (!space_contains(p))
        return pv_alloc_size(p);
    PV_ASSERT(space_find((uintptr_t)p, &first, &pages));
    return pages * PV_PAGE;
}

/*
 * A piece that became much too large moves, too. What is address space of its own and stays that is not copied: both
 * would be there at once, with pages that nobody had touched.
 */
void *realloc(void *p, size_t size)
{
    size_t old;
    void *moved;

    if (!p)
        return malloc(size);
    old = size_of(p);
    if (size <= old && size > old / 2)
        return p;
    if (space_contains(p) && size >= LARGE && (moved = (void *)space_resize((uintptr_t)p, pages_of(size))))
        return moved;
    moved = malloc(size);
    if (!moved)
        return size <= old ? p : NULL;
    pv_copy(moved, p, old < size ? old : size);
    free(p);
    return moved;
}

int posix_memalign(void **p, size_t align, size_t size)
{
    void *aligned;

    if (align & (align - 1) || align < sizeof(void *))
        return BSD_EINVAL;
    if (align <= 16)
        aligned = malloc(size);
    else if (align <= PV_PAGE)
        /* A piece of at least a page begins at one. */
        aligned = malloc(size > PV_PAGE ? size : PV_PAGE);
    else
        aligned = pv_pages_alloc(pages_of(size ? size : 1), align / PV_PAGE);
    if (!aligned)
        return BSD_ENOMEM;
    *p = aligned;
    return 0;
}
