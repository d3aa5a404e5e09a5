/*
 * The C library's heap. Small pieces come from the layer's heap. Large ones get a page when it is touched, and so need
 * no run of free pages.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host.h"

/* A piece of this size or more has address space of its own. */
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

    /*
     * If there is no run of pages for a middle-sized piece, it gets address space of its own. For a small one there is
     * no other way.
     */
    if (!p && size > PV_PAGE / 2)
        p = (void *)space_map(pages_of(size), SPACE_LAZY);
    return p ? p : no_memory();
}

/* calloc() relies on it: both kinds of pieces are zeroed. */
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
 * A piece that is much too large afterwards moves, too. A piece that has address space of its own, and still has it
 * afterwards, is not copied: the copy would touch all of its pages, and both pieces would exist at the same time.
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
        /* A piece of a page or more begins at a page. */
        aligned = malloc(size > PV_PAGE ? size : PV_PAGE);
    else
        aligned = pv_pages_alloc(pages_of(size ? size : 1), align / PV_PAGE);
    if (!aligned)
        return BSD_ENOMEM;
    *p = aligned;
    return 0;
}
