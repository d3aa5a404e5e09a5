/*
 * Grants (pv.h): the grant table, version 1, and other domains' pages mapped here. The table
 * is shared with Xen alone: Xen changes nothing in it but "reading" and "writing" of an entry
 * that is in use, so the free entries are linked through their frame fields.
 *
 * Source: xen/grant_table.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer.h"

#include <xen/grant_table.h>

#define ENTRIES_PER_FRAME (PV_PAGE / sizeof(grant_entry_v1_t))
/* 16384 grants; Xen's own limit is 64 frames unless the admin says otherwise. */
#define FRAMES_MAX 32

static grant_entry_v1_t *table; /* an area of frames_max pages, the first of them mapped */
static unsigned int frames, frames_max;
static uint32_t first_free; /* 0, which is reserved: none */

/* Our error for each of Xen's GNTST_* numbers, which are negative: -GNTST_* is the index. */
static const uint8_t status_errors[] = {
    [0] = 0,
    [-GNTST_general_error] = PV_EINVAL,
    [-GNTST_bad_domain] = PV_ESRCH,
    [-GNTST_bad_gntref] = PV_ENOENT,
    [-GNTST_bad_handle] = PV_EINVAL,
    [-GNTST_bad_virt_addr] = PV_EFAULT,
    [-GNTST_bad_dev_addr] = PV_EFAULT,
    [-GNTST_no_device_space] = PV_ENOSPC,
    [-GNTST_permission_denied] = PV_EACCES,
    [-GNTST_bad_page] = PV_EINVAL,
    [-GNTST_bad_copy_arg] = PV_EINVAL,
    [-GNTST_address_too_big] = PV_ERANGE,
    [-GNTST_eagain] = PV_EAGAIN,
    [-GNTST_no_space] = PV_ENOSPC,
};

static int status_error(int status)
{
    if (status >= 0)
        return 0;
    if (-status >= (int)(sizeof(status_errors) / sizeof(status_errors[0])))
        return -PV_EINVAL;
    return -status_errors[-status];
}

/* One operation; status points into it, where Xen writes. */
static int grant_op(unsigned int op, void *arg, const int16_t *status)
{
    int rc = (int)HYPERCALL3(grant_table_op, op, arg, 1);

    return rc < 0 ? rc : status_error(*status);
}

static void entry_free(uint32_t ref)
{
    table[ref].frame = first_free;
    first_free = ref;
}

/* Adds a frame to the table. Xen lists all of its frames; those that we have mapped stay what they were. */
static int table_grow(void)
{
    xen_pfn_t list[FRAMES_MAX];
    struct gnttab_setup_table op = { .dom = DOMID_SELF, .nr_frames = frames + 1 };
    int rc;

    if (frames == frames_max)
        return -PV_ENOSPC;
    set_xen_guest_handle(op.frame_list, list);
    rc = grant_op(GNTTABOP_setup_table, &op, &op.status);
    if (!rc)
        rc = pv_map(NULL, (uintptr_t)table + frames * PV_PAGE, list[frames], PV_PROT_WRITE,
                    PV_SELF);
    if (rc)
        return rc;
    frames++;
    for (uint32_t ref = frames * ENTRIES_PER_FRAME; ref-- > (frames - 1) * ENTRIES_PER_FRAME;)
        if (ref >= GNTTAB_NR_RESERVED_ENTRIES)
            entry_free(ref);
    return 0;
}

int pv_grants_init(void)
{
    struct gnttab_query_size op = { .dom = DOMID_SELF };
    int rc = grant_op(GNTTABOP_query_size, &op, &op.status);

    if (rc)
        return rc;
    frames_max = op.max_nr_frames < FRAMES_MAX ? op.max_nr_frames : FRAMES_MAX;
    if (!frames_max)
        return -PV_ENOSPC;
    table = (grant_entry_v1_t *)pv_area_alloc(frames_max);
    if (!table)
        return -PV_ENOMEM;
    return table_grow();
}

int pv_grant(uint16_t remote, uint64_t frame, bool readonly, uint32_t *ref)
{
    grant_entry_v1_t *entry;

    if (frame > UINT32_MAX)
        return -PV_ERANGE;
    if (!first_free) {
        int rc = table_grow();

        if (rc)
            return rc;
    }
    *ref = first_free;
    entry = &table[first_free];
    first_free = entry->frame;
    entry->domid = remote;
    entry->frame = (uint32_t)frame;
    pv_barrier(); /* the entry is valid from the moment its flags are set */
    PV_WRITE_ONCE(entry->flags, GTF_permit_access | (readonly ? GTF_readonly : 0));
    return 0;
}

/* Ends it by compare-and-exchange, as Xen sets "reading" and "writing": the peer may be mapping the page right now. */
int pv_grant_end(uint32_t ref)
{
    grant_entry_v1_t *entry = &table[ref];
    uint16_t flags;

    PV_ASSERT(ref >= GNTTAB_NR_RESERVED_ENTRIES && ref < frames * ENTRIES_PER_FRAME);
    flags = PV_READ_ONCE(entry->flags);
    do {
        PV_ASSERT((flags & GTF_type_mask) == GTF_permit_access);
        if (flags & (GTF_reading | GTF_writing))
            return -PV_EBUSY;
    } while (!__atomic_compare_exchange_n(&entry->flags, &flags, 0, false, __ATOMIC_SEQ_CST,
                                          __ATOMIC_SEQ_CST));
    entry_free(ref);
    return 0;
}

int pv_grant_map(uintptr_t va, uint16_t remote, uint32_t ref, unsigned int prot, uint32_t *handle)
{
    struct gnttab_map_grant_ref op = {
        .host_addr = va, .dom = remote, .ref = ref,
        .flags = GNTMAP_host_map | (prot & PV_PROT_WRITE ? 0 : GNTMAP_readonly) |
                 (prot & PV_PROT_USER ? GNTMAP_application_map : 0),
    };
    int rc = grant_op(GNTTABOP_map_grant_ref, &op, &op.status);

    if (!rc)
        *handle = op.handle;
    return rc;
}

int pv_grant_unmap(uintptr_t va, uint32_t handle)
{
    struct gnttab_unmap_grant_ref op = { .host_addr = va, .handle = handle };

    return grant_op(GNTTABOP_unmap_grant_ref, &op, &op.status);
}

int pv_grant_copy(bool to_remote, uint16_t remote, uint32_t ref, uint16_t offset, uint64_t frame,
                  uint16_t frame_offset, uint16_t size)
{
    struct gnttab_copy op = { .len = size, .flags = to_remote ? GNTCOPY_dest_gref : GNTCOPY_source_gref };
    __typeof__(op.source) theirs = { .u.ref = ref, .domid = remote, .offset = offset };
    __typeof__(op.source) ours = { .u.gmfn = frame, .domid = DOMID_SELF, .offset = frame_offset };

    pv_copy(&op.source, to_remote ? &ours : &theirs, sizeof(op.source));
    pv_copy(&op.dest, to_remote ? &theirs : &ours, sizeof(op.dest));
    return grant_op(GNTTABOP_copy, &op, &op.status);
}
