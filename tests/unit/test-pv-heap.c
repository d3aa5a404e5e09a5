// sources: launcher/xen-layer/heap.c launcher/xen-layer/text.c
// cflags: -D__XEN_INTERFACE_VERSION__=0x00040e00
/*
 * The heap, on pages that the test counts and may refuse: pieces do not overlap, are zeroed, and leave no page behind.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "launcher/xen-layer/pv.h"

/* ---- pages ---- */

#define RUNS 512
static struct { char *first; size_t pages; } runs[RUNS];
static size_t used; /* pages */
static long fails;  /* so many more pages can be allocated; -1: any number */

static size_t run_of(const void *page)
{
    size_t i = 0;

    while (i < RUNS && runs[i].first != page)
        i++;
    return i;
}

void *pv_pages_alloc(size_t n, size_t align)
{
    size_t i = run_of(NULL);

    if (fails >= 0 && (size_t)fails < n)
        return NULL;
    if (fails >= 0)
        fails -= n;
    assert_true(i < RUNS && align == 1);
    runs[i].first = aligned_alloc(PV_PAGE, n * PV_PAGE);
    runs[i].pages = n;
    memset(runs[i].first, 0xa5, n * PV_PAGE);
    used += n;
    return runs[i].first;
}

void pv_pages_put(void *page)
{
    size_t i = run_of(page);

    assert_true(page && i < RUNS);
    used -= runs[i].pages;
    free(runs[i].first);
    runs[i].first = NULL;
}

size_t pv_pages_in_run(const void *page)
{
    size_t i = run_of(page);

    return page && i < RUNS ? runs[i].pages : 0;
}

static jmp_buf panicked;

void pv_panic(const char *format, ...) { longjmp(panicked, 1); }

/* ---- pieces in use: each is filled with its own number ---- */

#define PIECES 2000
static struct { uint16_t *p; size_t size; } pieces[PIECES];

static void take(size_t i, size_t size)
{
    uint8_t *p = pv_alloc(size);

    assert_non_null(p);
    assert_int_equal((uintptr_t)p & 15, 0);
    assert_true(pv_alloc_size(p) >= size);
    size = pv_alloc_size(p) & ~1UL;
    for (size_t at = 0; at < size; at++)
        assert_int_equal(p[at], 0);
    pieces[i].p = (uint16_t *)p;
    pieces[i].size = size;
    for (size_t at = 0; at < size / 2; at++)
        pieces[i].p[at] = (uint16_t)i;
}

static void give(size_t i)
{
    for (size_t at = 0; at < pieces[i].size / 2; at++)
        assert_int_equal(pieces[i].p[at], i);
    pv_free(pieces[i].p);
    pieces[i].p = NULL;
}

static unsigned int number; /* a pseudo-random sequence, the same in each run */

static unsigned int next_number(void)
{
    number = number * 1103515245 + 12345;
    return number >> 8;
}

static int begin(void **state)
{
    fails = -1;
    number = 1;
    memset(pieces, 0, sizeof(pieces));
    return 0;
}

static int end(void **state)
{
    assert_int_equal(used, 0);
    return 0;
}

/* Sizes of parts of a page, and of whole pages. */
static void test_every_size(void **state)
{
    for (size_t size = 0; size < 3 * PV_PAGE; size += size < 2100 ? 1 : 97) {
        take(0, size);
        take(1, size);
        give(0);
        give(1);
        assert_int_equal(used, 0);
    }
    pv_free(NULL);
}

static void test_any_order(void **state)
{
    for (size_t turn = 0; turn < 30000; turn++) {
        size_t i = next_number() % PIECES;

        if (pieces[i].p)
            give(i);
        else
            take(i, next_number() % 8 ? next_number() % 200 : next_number() % 2100);
    }
    for (size_t i = 0; i < PIECES; i++)
        if (pieces[i].p)
            give(i);
}

/* When a piece of a full page is freed, that page is used before a new one. */
static void test_room_is_used_again(void **state)
{
    size_t n = 0, full;

    do
        take(n, 400);
    while (used == 1 && ++n);
    full = n; /* the last piece was the first of the second page */
    give(1);
    take(1, 400);
    assert_int_equal(used, 2);
    give(full);
    assert_int_equal(used, 1);
    give(0);
    take(0, 400);
    assert_int_equal(used, 1);
    for (size_t i = 0; i < full; i++)
        give(i);
}

static void test_no_memory(void **state)
{
    size_t n = 0;

    fails = 1;
    assert_null(pv_alloc(PV_PAGE + 1));
    for (uint8_t *p; (p = pv_alloc(1000)); n++)
        pieces[n].p = (uint16_t *)p;
    assert_int_equal(n, 4);
    assert_int_equal(used, 1);
    while (n--)
        pv_free(pieces[n].p);
}

/* Freeing a piece twice, or one that was never allocated, panics. */
static void test_not_ours(void **state)
{
    static _Alignas(4096) uint8_t page[4096];
    void *kept = pv_alloc(48), *gone = pv_alloc(2000);

    pv_free(gone);
    memset(page, 0x55, sizeof(page));
    if (!setjmp(panicked)) {
        pv_free(page + 64);
        fail();
    }
    if (!setjmp(panicked)) {
        pv_alloc_size(page + 64);
        fail();
    }
    pv_free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_every_size, begin, end),
        cmocka_unit_test_setup_teardown(test_any_order, begin, end),
        cmocka_unit_test_setup_teardown(test_room_is_used_again, begin, end),
        cmocka_unit_test_setup_teardown(test_no_memory, begin, end),
        cmocka_unit_test_setup_teardown(test_not_ours, begin, end),
    };

    return cmocka_run_group_tests_name("pv-heap", tests, NULL, NULL);
}
