// sources: launcher/xen-layer/grant.c launcher/xen-layer/text.c
// cflags: -D__XEN_INTERFACE_VERSION__=0x00040e00
/*
 * The grant table, with a Xen that the test plays: a grant is valid, it ends atomically or not at all, and an entry is
 * used again only after that.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "launcher/xen-layer/layer.h"

#include <xen/grant_table.h>

#define FRAMES 4
#define PER_FRAME (PV_PAGE / sizeof(grant_entry_v1_t))
#define FIRST_FRAME 0x1000

static _Alignas(4096) char area[64 * PV_PAGE];
static size_t area_pages;
static unsigned int xen_frames, xen_frames_max; /* Xen's table: how many frames it has, and may have */
static unsigned int mapped;
static int map_error, hypercall_error, op_status;
static struct gnttab_map_grant_ref map_op;
static struct gnttab_unmap_grant_ref unmap_op;
static struct gnttab_copy copy_op;

uint16_t pv_guest;

void pv_panic(const char *format, ...)
{
    mock_assert(0, format, __FILE__, __LINE__);
    abort();
}

uintptr_t pv_area_alloc(size_t pages)
{
    area_pages = pages;
    assert_true(pages * PV_PAGE <= sizeof(area));
    return (uintptr_t)area;
}

int pv_map(pv_root *root, uintptr_t va, uint64_t frame, unsigned int prot, uint16_t owner)
{
    if (map_error)
        return map_error;
    assert_null(root);
    assert_int_equal(prot, PV_PROT_WRITE);
    assert_int_equal(owner, DOMID_SELF);
    assert_int_equal(va, (uintptr_t)area + mapped * PV_PAGE);
    assert_int_equal(frame, FIRST_FRAME + mapped);
    memset((void *)va, 0, PV_PAGE);
    mapped++;
    return 0;
}

static void setup(struct gnttab_setup_table *op)
{
    op->status = (int16_t)op_status;
    if (op_status)
        return;
    assert_true(op->nr_frames <= xen_frames_max);
    if (op->nr_frames > xen_frames)
        xen_frames = op->nr_frames;
    for (unsigned int i = 0; i < op->nr_frames; i++)
        op->frame_list.p[i] = FIRST_FRAME + i;
}

long pv_hypercall(unsigned int op, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
                  unsigned long e)
{
    assert_int_equal(op, __HYPERVISOR_grant_table_op);
    assert_int_equal(c, 1);
    if (hypercall_error)
        return hypercall_error;
    if (a == GNTTABOP_query_size) {
        struct gnttab_query_size *query = (void *)b;

        assert_int_equal(query->dom, DOMID_SELF);
        query->status = (int16_t)op_status;
        query->nr_frames = xen_frames;
        query->max_nr_frames = xen_frames_max;
    } else if (a == GNTTABOP_setup_table) {
        setup((void *)b);
    } else if (a == GNTTABOP_map_grant_ref) {
        map_op = *(struct gnttab_map_grant_ref *)b;
        ((struct gnttab_map_grant_ref *)b)->status = (int16_t)op_status;
        ((struct gnttab_map_grant_ref *)b)->handle = 77;
    } else if (a == GNTTABOP_unmap_grant_ref) {
        unmap_op = *(struct gnttab_unmap_grant_ref *)b;
        ((struct gnttab_unmap_grant_ref *)b)->status = (int16_t)op_status;
    } else if (a == GNTTABOP_copy) {
        copy_op = *(struct gnttab_copy *)b;
        ((struct gnttab_copy *)b)->status = (int16_t)op_status;
    } else {
        fail_msg("operation %lu", a);
    }
    return 0;
}

static volatile grant_entry_v1_t *entry(uint32_t ref)
{
    assert_true(ref < mapped * PER_FRAME);
    return (grant_entry_v1_t *)area + ref;
}

/* There is only one table, so each test goes on with that of the test before. */
static void test_init(void **state)
{
    op_status = GNTST_permission_denied;
    assert_int_equal(pv_grants_init(), -PV_EACCES);
    op_status = 0;
    hypercall_error = -PV_ENOSYS;
    assert_int_equal(pv_grants_init(), -PV_ENOSYS);
    hypercall_error = 0;
    xen_frames_max = 0;
    assert_int_equal(pv_grants_init(), -PV_ENOSPC);
    xen_frames_max = FRAMES;
    map_error = -PV_ENOMEM;
    assert_int_equal(pv_grants_init(), -PV_ENOMEM);
    map_error = 0;
    assert_int_equal(pv_grants_init(), 0);
    assert_int_equal(area_pages, FRAMES);
    assert_int_equal(xen_frames, 1);
    for (uint32_t ref = 0; ref < PER_FRAME; ref++)
        assert_int_equal(entry(ref)->flags, 0);
}

static void test_grant_says_what_was_asked(void **state)
{
    uint32_t a, b;

    assert_int_equal(pv_grant(5, 0x1234, false, &a), 0);
    assert_int_equal(pv_grant(6, 0xffffffff, true, &b), 0);
    assert_true(a >= GNTTAB_NR_RESERVED_ENTRIES && b >= GNTTAB_NR_RESERVED_ENTRIES && a != b);
    assert_int_equal(entry(a)->flags, GTF_permit_access);
    assert_int_equal(entry(a)->domid, 5);
    assert_int_equal(entry(a)->frame, 0x1234);
    assert_int_equal(entry(b)->flags, GTF_permit_access | GTF_readonly);
    assert_int_equal(entry(b)->domid, 6);
    assert_int_equal(entry(b)->frame, 0xffffffff);
    assert_int_equal(pv_grant(5, 0x100000000, false, &a), -PV_ERANGE);
    assert_int_equal(pv_grant_end(a), 0);
    assert_int_equal(pv_grant_end(b), 0);
    assert_int_equal(entry(a)->flags, 0);
    assert_int_equal(entry(b)->flags, 0);
}

static void test_end_while_held(void **state)
{
    uint32_t ref, other;

    assert_int_equal(pv_grant(5, 1, false, &ref), 0);
    entry(ref)->flags |= GTF_reading;
    assert_int_equal(pv_grant_end(ref), -PV_EBUSY);
    assert_int_equal(entry(ref)->flags, GTF_permit_access | GTF_reading);
    entry(ref)->flags |= GTF_writing;
    assert_int_equal(pv_grant_end(ref), -PV_EBUSY);
    assert_int_equal(pv_grant(5, 2, false, &other), 0);
    assert_int_not_equal(other, ref);
    entry(ref)->flags &= ~(GTF_reading | GTF_writing);
    assert_int_equal(pv_grant_end(ref), 0);
    assert_int_equal(pv_grant_end(other), 0);
}

/* Ending a reference that is not in use is a bug of the caller's, and panics. */
static void test_end_twice(void **state)
{
    uint32_t ref;

    assert_int_equal(pv_grant(5, 1, false, &ref), 0);
    assert_int_equal(pv_grant_end(ref), 0);
    expect_assert_failure(pv_grant_end(ref));
    expect_assert_failure(pv_grant_end(0));
    expect_assert_failure(pv_grant_end(7));
    expect_assert_failure(pv_grant_end(mapped * PER_FRAME));
    expect_assert_failure(pv_grant_end(UINT32_MAX));
}

static void test_grows_to_the_limit(void **state)
{
    static uint32_t refs[FRAMES * PER_FRAME];
    static bool seen[FRAMES * PER_FRAME];
    size_t n = 0, room = FRAMES * PER_FRAME - GNTTAB_NR_RESERVED_ENTRIES;
    uint32_t ref;

    while (n < PER_FRAME - GNTTAB_NR_RESERVED_ENTRIES)
        assert_int_equal(pv_grant(1, n, false, &refs[n]), 0), n++;
    assert_int_equal(mapped, 1);
    /* If Xen or the layer refuses, nothing has changed. */
    op_status = GNTST_general_error;
    assert_int_equal(pv_grant(1, 0, false, &ref), -PV_EINVAL);
    op_status = 0;
    map_error = -PV_ENOMEM;
    assert_int_equal(pv_grant(1, 0, false, &ref), -PV_ENOMEM);
    map_error = 0;
    while (n < room)
        assert_int_equal(pv_grant(1, n, false, &refs[n]), 0), n++;
    assert_int_equal(mapped, FRAMES);
    assert_int_equal(pv_grant(1, 0, false, &ref), -PV_ENOSPC);
    for (size_t i = 0; i < n; i++) {
        assert_true(refs[i] >= GNTTAB_NR_RESERVED_ENTRIES && refs[i] < FRAMES * PER_FRAME);
        assert_false(seen[refs[i]]);
        seen[refs[i]] = true;
        assert_int_equal(entry(refs[i])->frame, i);
    }
    assert_int_equal(pv_grant_end(refs[9]), 0);
    assert_int_equal(pv_grant(1, 0, false, &ref), 0);
    assert_int_equal(ref, refs[9]);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(pv_grant_end(refs[i]), 0);
    for (uint32_t i = 0; i < GNTTAB_NR_RESERVED_ENTRIES; i++)
        assert_int_equal(entry(i)->flags | entry(i)->domid | entry(i)->frame, 0);
}

static void test_map(void **state)
{
    uint32_t handle = 0;

    assert_int_equal(pv_grant_map(0x5000, 3, 9, PV_PROT_WRITE | PV_PROT_USER, &handle), 0);
    assert_int_equal(handle, 77);
    assert_int_equal(map_op.host_addr, 0x5000);
    assert_int_equal(map_op.dom, 3);
    assert_int_equal(map_op.ref, 9);
    assert_int_equal(map_op.flags, GNTMAP_host_map | GNTMAP_application_map);
    assert_int_equal(pv_grant_map(0x6000, 3, 9, 0, &handle), 0);
    assert_int_equal(map_op.flags, GNTMAP_host_map | GNTMAP_readonly);
    assert_int_equal(pv_grant_unmap(0x6000, 77), 0);
    assert_int_equal(unmap_op.host_addr, 0x6000);
    assert_int_equal(unmap_op.handle, 77);
    assert_int_equal(unmap_op.dev_bus_addr, 0);
}

static void test_map_errors(void **state)
{
    static const struct { int status, error; } cases[] = {
        { GNTST_general_error, -PV_EINVAL }, { GNTST_bad_domain, -PV_ESRCH },
        { GNTST_bad_gntref, -PV_ENOENT }, { GNTST_permission_denied, -PV_EACCES },
        { GNTST_eagain, -PV_EAGAIN }, { GNTST_no_space, -PV_ENOSPC },
        { -14, -PV_EINVAL }, { -32768, -PV_EINVAL },
    };
    uint32_t handle = 5;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        op_status = cases[i].status;
        assert_int_equal(pv_grant_map(0x5000, 3, 9, 0, &handle), cases[i].error);
        assert_int_equal(pv_grant_unmap(0x5000, 1), cases[i].error);
    }
    op_status = 0;
    hypercall_error = -PV_EFAULT;
    assert_int_equal(pv_grant_map(0x5000, 3, 9, 0, &handle), -PV_EFAULT);
    hypercall_error = 0;
    assert_int_equal(handle, 5);
}

static void test_copy(void **state)
{
    assert_int_equal(pv_grant_copy(true, 3, 9, 100, 0x77, 200, 50), 0);
    assert_int_equal(copy_op.flags, GNTCOPY_dest_gref);
    assert_int_equal(copy_op.source.u.gmfn, 0x77);
    assert_int_equal(copy_op.source.domid, DOMID_SELF);
    assert_int_equal(copy_op.source.offset, 200);
    assert_int_equal(copy_op.dest.u.ref, 9);
    assert_int_equal(copy_op.dest.domid, 3);
    assert_int_equal(copy_op.dest.offset, 100);
    assert_int_equal(copy_op.len, 50);
    assert_int_equal(pv_grant_copy(false, 3, 9, 100, 0x77, 200, 50), 0);
    assert_int_equal(copy_op.flags, GNTCOPY_source_gref);
    assert_int_equal(copy_op.source.u.ref, 9);
    assert_int_equal(copy_op.source.offset, 100);
    assert_int_equal(copy_op.dest.u.gmfn, 0x77);
    assert_int_equal(copy_op.dest.offset, 200);
    op_status = GNTST_bad_gntref;
    assert_int_equal(pv_grant_copy(false, 3, 9, 100, 0x77, 200, 50), -PV_ENOENT);
    op_status = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_grant_says_what_was_asked),
        cmocka_unit_test(test_end_while_held),
        cmocka_unit_test(test_end_twice),
        cmocka_unit_test(test_grows_to_the_limit),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_map_errors),
        cmocka_unit_test(test_copy),
    };

    return cmocka_run_group_tests_name("pv-grant", tests, NULL, NULL);
}
