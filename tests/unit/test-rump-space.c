// sources: launcher/stubdom-rump/space.c launcher/xen-layer/text.c tests/unit/fake-pv.c
// cflags: -Ilauncher/stubdom-rump -Ilauncher/xen-layer
/*
 * Address space and the heap of the rump flavour, with a list in place of page tables.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "launcher/stubdom-rump/host.h"
#include "tests/unit/fake-pv.h"

/* The heap's functions have the C library's names. Here they get others. */
#define malloc host_malloc
#define free host_free
#define calloc host_calloc
#define realloc host_realloc
#define posix_memalign host_posix_memalign
#include "launcher/stubdom-rump/heap.c"
#undef malloc
#undef free
#undef calloc
#undef realloc
#undef posix_memalign

/* ---- page tables and areas ---- */

#define AREAS_BEGIN 0x1000000000UL
#define MAPPED 1024
#define AREAS 64
#define AREA_MOST (1UL << 34) /* in pages: more than the layer has */

bool (*pv_on_fault)(uintptr_t va, bool write, bool exec);
static struct { uintptr_t va; uint64_t frame; } mapped[MAPPED];
static size_t mapped_count;
static struct { uintptr_t first; size_t pages; } areas[AREAS];
static size_t area_count;

static long find_mapping(uintptr_t va)
{
    for (size_t i = 0; i < mapped_count; i++)
        if (mapped[i].va == (va & ~(PV_PAGE - 1)))
            return (long)i;
    return -1;
}

int pv_map(pv_root *root, uintptr_t va, uint64_t frame, unsigned int prot, uint16_t owner)
{
    assert_true(find_mapping(va) < 0 && mapped_count < MAPPED);
    mapped[mapped_count].va = va;
    mapped[mapped_count++].frame = frame;
    return 0;
}

int pv_map_prepare(pv_root *root, uintptr_t va, size_t pages)
{
    return fake_alloc_fails == 0 ? -PV_ENOMEM : 0;
}

void pv_unmap(pv_root *root, uintptr_t va, size_t pages)
{
    for (size_t i = 0; i < pages; i++) {
        long at = find_mapping(va + i * PV_PAGE);

        if (at >= 0)
            mapped[at] = mapped[--mapped_count];
    }
}

bool pv_mapped(pv_root *root, uintptr_t va, uint64_t *frame, unsigned int *prot)
{
    long at = find_mapping(va);

    if (at >= 0 && frame)
        *frame = mapped[at].frame;
    return at >= 0;
}

/* Each area comes behind the last one, so that none is adjacent to another by chance. */
uintptr_t pv_area_alloc(size_t pages)
{
    static uintptr_t next = AREAS_BEGIN;

    if (area_count == AREAS || pages > AREA_MOST)
        return 0;
    areas[area_count].first = next;
    areas[area_count++].pages = pages;
    next += (pages + 1) * PV_PAGE;
    return areas[area_count - 1].first;
}

void pv_area_free(uintptr_t first)
{
    for (size_t i = 0; i < area_count; i++)
        if (areas[i].first == first) {
            areas[i] = areas[--area_count];
            return;
        }
    fail_msg("not an area");
}

bool pv_area_find(uintptr_t va, uintptr_t *first, size_t *pages)
{
    for (size_t i = 0; i < area_count; i++)
        if (va >= areas[i].first && va < areas[i].first + areas[i].pages * PV_PAGE) {
            *first = areas[i].first;
            *pages = areas[i].pages;
            return true;
        }
    return false;
}

static struct host_thread thread;
struct host_thread *host_thread_self(void) { return &thread; }

static bool touch(uintptr_t va)
{
    return pv_on_fault(va, true, false);
}

static int begin(void **state)
{
    fake_pv_reset();
    space_init();
    return 0;
}

static int end(void **state)
{
    assert_int_equal(mapped_count, 0);
    assert_int_equal(area_count, 0);
    fake_pv_reset();
    return 0;
}

/* ---- space ---- */

static void pages_come_when_they_are_touched(void **state)
{
    uintptr_t va = space_map(4, SPACE_LAZY);
    uint64_t frame;

    assert_int_equal(fake_pages_used, 0);
    assert_true(touch(va + PV_PAGE + 123));
    assert_int_equal(fake_pages_used, 1);
    assert_true(pv_mapped(NULL, va + PV_PAGE, &frame, NULL));
    for (size_t i = 0; i < PV_PAGE; i++)
        assert_int_equal(((char *)pv_page_of(frame))[i], 0);
    assert_false(touch(va + PV_PAGE));      /* the page exists: this fault has another cause */
    assert_false(touch(va + 4 * PV_PAGE));  /* the hole behind the area */
    assert_false(touch(va - 1));
    assert_false(pv_on_fault(va, false, true)); /* code there cannot be executed */
    assert_int_equal(space_unmap(va, 4), 0);
    assert_int_equal(fake_pages_used, 0);
}

static void other_domains_pages_are_not_ours(void **state)
{
    uintptr_t va = space_map(2, SPACE_FOREIGN);

    assert_false(touch(va));
    assert_int_equal(pv_map(NULL, va, 1234, 0, 5), 0);
    assert_int_equal(space_back(va, 1), -PV_EINVAL);
    assert_int_equal(space_unmap(va, 2), 0); /* the foreign frame 1234 is not freed */
}

static void any_part_can_go(void **state)
{
    uintptr_t va = space_map(8, SPACE_LAZY), first;
    size_t pages;

    assert_int_equal(space_back(va, 8), 0);
    assert_int_equal(fake_pages_used, 8);
    assert_int_equal(space_unmap(va + 2 * PV_PAGE, 3), 0);
    assert_int_equal(fake_pages_used, 5);
    assert_false(touch(va + 2 * PV_PAGE));
    assert_true(space_find(va + PV_PAGE, &first, &pages));
    assert_true(first == va && pages == 2);
    assert_true(space_find(va + 7 * PV_PAGE, &first, &pages));
    assert_true(first == va + 5 * PV_PAGE && pages == 3);
    assert_int_equal(space_unmap(va + 2 * PV_PAGE, 3), 0); /* nothing is there any more */
    assert_int_equal(space_unmap(va, 5), 0);
    assert_int_equal(area_count, 1);
    assert_int_equal(space_unmap(va + 5 * PV_PAGE, 3), 0);
    assert_int_equal(area_count, 0);
}

static void what_is_not_ours_is_refused(void **state)
{
    uintptr_t va = space_map(4, SPACE_LAZY);

    assert_int_equal(space_unmap(va, 5), -PV_EINVAL);
    assert_int_equal(space_unmap(va + 1, 1), -PV_EINVAL);
    assert_int_equal(space_unmap(va, 0), -PV_EINVAL);
    assert_int_equal(space_unmap(va - PV_PAGE, 2), -PV_EINVAL);
    assert_int_equal(space_unmap(va + PV_PAGE, SIZE_MAX / PV_PAGE), -PV_EINVAL);
    assert_int_equal(space_remap(va + 3 * PV_PAGE, 2, SPACE_LAZY), -PV_EINVAL);
    assert_int_equal(space_back(va, 5), -PV_EINVAL);
    assert_int_equal(space_unmap(va, 4), 0);
    assert_int_equal(fake_pages_used, 0);
}

static void a_part_can_become_something_else(void **state)
{
    uintptr_t va = space_map(6, SPACE_LAZY);

    assert_int_equal(space_back(va, 6), 0);
    assert_int_equal(space_remap(va, 1, SPACE_GUARD), 0);
    assert_true(space_is_guard(va) && !space_is_guard(va + PV_PAGE));
    assert_false(touch(va));
    assert_int_equal(space_remap(va + 2 * PV_PAGE, 2, SPACE_FOREIGN), 0);
    assert_int_equal(fake_pages_used, 3);
    assert_int_equal(space_remap(va, 6, SPACE_LAZY), 0);
    assert_int_equal(fake_pages_used, 0);
    assert_true(touch(va));
    assert_int_equal(space_unmap(va, 6), 0);
}

static void without_memory_nothing_changes(void **state)
{
    for (long i = 0; i < 3; i++) {
        uintptr_t va = space_map(6, SPACE_LAZY);

        assert_int_equal(space_back(va, 6), 0);
        fake_alloc_fails = i;
        assert_int_equal(space_remap(va + PV_PAGE, 2, SPACE_LAZY), -PV_ENOMEM);
        fake_alloc_fails = -1;
        assert_int_equal(fake_pages_used, 6);
        assert_int_equal(space_unmap(va, 6), 0);
    }
    fake_alloc_fails = 0;
    assert_int_equal(space_map(1, SPACE_LAZY), 0);
}

static void a_piece_gets_another_length(void **state)
{
    uintptr_t va = space_map(4, SPACE_LAZY), to;
    uint64_t second, last, frame;

    assert_true(touch(va + PV_PAGE) && touch(va + 3 * PV_PAGE));
    assert_true(pv_mapped(NULL, va + PV_PAGE, &second, NULL) && pv_mapped(NULL, va + 3 * PV_PAGE, &last, NULL));
    to = space_resize(va, 9);
    assert_true(to && to != va);
    assert_int_equal(fake_pages_used, 2);
    assert_false(touch(va));
    assert_true(pv_mapped(NULL, to + PV_PAGE, &frame, NULL) && frame == second);
    assert_true(pv_mapped(NULL, to + 3 * PV_PAGE, &frame, NULL) && frame == last);
    assert_true(touch(to + 8 * PV_PAGE));
    assert_int_equal(space_resize(to, 2), to);
    assert_int_equal(fake_pages_used, 1);
    assert_false(touch(to + 2 * PV_PAGE));
    assert_int_equal(space_resize(to + PV_PAGE, 1), 0); /* no piece begins there */
    for (long i = 0; i < 2; i++) {
        fake_alloc_fails = i;
        assert_int_equal(space_resize(to, 4), 0);
        assert_true(pv_mapped(NULL, to + PV_PAGE, &frame, NULL) && frame == second);
    }
    fake_alloc_fails = -1;
    assert_int_equal(space_unmap(to, 2), 0);
    va = space_map(2, SPACE_FOREIGN);
    assert_int_equal(space_resize(va, 4), 0);
    assert_int_equal(space_unmap(va, 2), 0);
}

/* ---- the heap ---- */

static void large_pieces_are_lazy(void **state)
{
    char *p = host_malloc(1 << 20);
    uintptr_t first;
    size_t pages;

    assert_true(space_contains(p));
    assert_int_equal(fake_pages_used, 0);
    assert_true(space_find((uintptr_t)p, &first, &pages) && pages == 256);
    host_free(p);
    p = host_malloc(100);
    assert_false(space_contains(p));
    host_free(p);
    host_free(NULL);
}

static void too_much_is_refused(void **state)
{
    thread.error = 0;
    assert_null(host_calloc(SIZE_MAX / 2, 3));
    assert_int_equal(thread.error, BSD_ENOMEM);
    fake_alloc_fails = 0;
    assert_null(host_malloc(10));
    assert_null(host_realloc(NULL, SIZE_MAX - PV_PAGE));
}

static void realloc_keeps_what_fits(void **state)
{
    char *p = host_malloc(32), *q;

    memcpy(p, "thirty-one characters and a NUL", 32);
    q = host_realloc(p, 5000);
    assert_string_equal(q, "thirty-one characters and a NUL");
    p = host_realloc(q, 40);
    assert_string_equal(p, "thirty-one characters and a NUL");
    fake_alloc_fails = 0;
    assert_null(host_realloc(p, 2000));     /* p is unchanged */
    assert_string_equal(p, "thirty-one characters and a NUL");
    fake_alloc_fails = 0;
    assert_ptr_equal(host_realloc(p, 1), p); /* a smaller size never fails */
    fake_alloc_fails = -1;
    host_free(p);
}

static void realloc_touches_nothing_of_a_large_piece(void **state)
{
    uintptr_t p = (uintptr_t)host_malloc(1 << 20), q;

    assert_true(touch(p + 5 * PV_PAGE));
    q = (uintptr_t)host_realloc((void *)p, 4 << 20);
    assert_true(q && q != p);
    assert_true(pv_mapped(NULL, q + 5 * PV_PAGE, NULL, NULL));
    assert_int_equal(fake_pages_used, 1);
    assert_ptr_equal(host_realloc((void *)q, 256 << 10), (void *)q);
    assert_int_equal(fake_pages_used, 1);
    host_free((void *)q);
}

static void alignment_is_checked(void **state)
{
    void *p;

    assert_int_equal(host_posix_memalign(&p, 3, 10), BSD_EINVAL);
    assert_int_equal(host_posix_memalign(&p, 4, 10), BSD_EINVAL);
    assert_int_equal(host_posix_memalign(&p, 2 * PV_PAGE, 10), 0);
    assert_int_equal((uintptr_t)p % (2 * PV_PAGE), 0);
    pv_pages_put(p);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        TEST(pages_come_when_they_are_touched), TEST(other_domains_pages_are_not_ours), TEST(any_part_can_go),
        TEST(what_is_not_ours_is_refused), TEST(a_part_can_become_something_else),
        TEST(without_memory_nothing_changes), TEST(large_pieces_are_lazy), TEST(too_much_is_refused),
        TEST(realloc_keeps_what_fits), TEST(alignment_is_checked), TEST(a_piece_gets_another_length),
        TEST(realloc_touches_nothing_of_a_large_piece),
    };

    return cmocka_run_group_tests_name("space and heap", tests, NULL, NULL);
}
