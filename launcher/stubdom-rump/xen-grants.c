/*
 * Memory shared with other domains, and theirs mapped here (xen/backend.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "host.h"
#include "xen/backend.h"

#define COUNT_MAX 1024
#define NONE UINT32_MAX

/* How the peer is told of the end: a byte is set to 0, an event is sent (NONE: not). */
struct notice { uint32_t offset, port; };

static void tell(const struct notice *notice, void *pages, uint32_t count)
{
    if (notice->offset < count * PV_PAGE)
        ((volatile char *)pages)[notice->offset] = 0;
    pv_barrier();
    if (notice->port != NONE)
        pv_event_notify(notice->port);
}

/* ---- ours ---- */

struct share { struct share *next; int handle; char *pages; uint32_t count; struct notice notice; uint32_t refs[]; };
static struct share *shares;
static struct share *held; /* shares that have ended here, but whose peers still have pages mapped */

/* Ends the grants of the first `count` pages. True: all have ended. */
static bool take_back(struct share *share, uint32_t count)
{
    bool free = true;

    for (uint32_t i = 0; i < count; i++)
        if (share->refs[i] != NONE && pv_grant_end(share->refs[i]))
            free = false;
        else
            share->refs[i] = NONE;
    return free;
}

static bool free_if_possible(struct share *share)
{
    if (!take_back(share, share->count))
        return false;
    pv_pages_put(share->pages);
    pv_free(share);
    return true;
}

/* Frees held shares whose peers have unmapped the pages meanwhile. */
static void look_at_held(void)
{
    for (struct share **at = &held; *at;) {
        struct share *share = *at, *next = share->next;

        if (free_if_possible(share))
            *at = next;
        else
            at = &share->next;
    }
}

static int grant_all(struct share *share, const struct host_xen_share *wanted)
{
    for (uint32_t i = 0; i < share->count; i++) {
        int rc = pv_grant(wanted->domain, pv_frame_of(share->pages + i * PV_PAGE), !wanted->writable,
                          &share->refs[i]);

        if (rc) {
            take_back(share, i);
            return rc;
        }
    }
    return 0;
}

long host_xen_share(int handle, const struct host_xen_share *wanted, void **pages)
{
    struct share *share = NULL;
    int rc = -PV_ENOMEM;

    if (!wanted->count || wanted->count > COUNT_MAX)
        return -PV_EINVAL;
    look_at_held();
    share = pv_alloc(sizeof(*share) + wanted->count * sizeof(share->refs[0]));
    if (share)
        share->pages = host_xen_pages(wanted->count);
    if (share && share->pages) {
        share->handle = handle;
        share->count = wanted->count;
        share->notice = (struct notice){ .offset = wanted->notify_offset, .port = wanted->notify_port };
        rc = grant_all(share, wanted);
    }
    if (rc) {
        if (share && share->pages)
            pv_pages_put(share->pages);
        pv_free(share);
        return rc;
    }
    share->next = shares;
    shares = share;
    pv_copy(wanted->refs, share->refs, share->count * sizeof(share->refs[0]));
    *pages = share->pages;
    return 0;
}

static void end_share(struct share *share)
{
    tell(&share->notice, share->pages, share->count);
    look_at_held();
    if (free_if_possible(share))
        return;
    share->next = held;
    held = share;
}

long host_xen_unshare(void *pages)
{
    for (struct share **at = &shares; *at; at = &(*at)->next) {
        struct share *share = *at;

        if (share->pages != pages)
            continue;
        *at = share->next;
        end_share(share);
        return 0;
    }
    return -PV_EINVAL;
}

/* ---- theirs ---- */

struct mapping { struct mapping *next; int handle; uintptr_t va; uint32_t count; struct notice notice;
    uint32_t grants[]; };
static struct mapping *mappings;

/* Unmaps the first `count` pages. If Xen refuses one, the address space stays in use. */
static long undo(struct mapping *mapping, uint32_t count)
{
    int rc = 0;

    for (uint32_t i = 0; i < count; i++)
        if (pv_grant_unmap(mapping->va + i * PV_PAGE, mapping->grants[i]))
            rc = -PV_EBUSY;
    return rc ? rc : space_unmap(mapping->va, mapping->count);
}

static int map_all(struct mapping *mapping, const struct host_xen_grants *wanted)
{
    int rc = pv_map_prepare(NULL, mapping->va, mapping->count);

    for (uint32_t i = 0; !rc && i < mapping->count; i++) {
        rc = pv_grant_map(mapping->va + i * PV_PAGE, (uint16_t)wanted->domains[wanted->one_domain ? 0 : i],
                          wanted->refs[i], wanted->writable ? PV_PROT_WRITE : 0, &mapping->grants[i]);
        if (rc)
            undo(mapping, i);
    }
    return rc;
}

long host_xen_grants_map(int handle, const struct host_xen_grants *wanted, void **where)
{
    struct mapping *mapping;
    int rc;

    if (!wanted->count || wanted->count > COUNT_MAX)
        return -PV_EINVAL;
    mapping = pv_alloc(sizeof(*mapping) + wanted->count * sizeof(mapping->grants[0]));
    if (!mapping)
        return -PV_ENOMEM;
    mapping->handle = handle;
    mapping->count = wanted->count;
    mapping->notice = (struct notice){ .offset = wanted->notify_offset, .port = wanted->notify_port };
    mapping->va = space_map(wanted->count, SPACE_FOREIGN);
    rc = mapping->va ? map_all(mapping, wanted) : -PV_ENOMEM;
    if (rc) {
        pv_free(mapping);
        return rc;
    }
    mapping->next = mappings;
    mappings = mapping;
    *where = (void *)mapping->va;
    return 0;
}

static long end_mapping(struct mapping *mapping)
{
    long rc;

    tell(&mapping->notice, (void *)mapping->va, mapping->count);
    rc = undo(mapping, mapping->count);
    pv_free(mapping);
    return rc;
}

long host_xen_grants_unmap(void *where)
{
    for (struct mapping **at = &mappings; *at; at = &(*at)->next) {
        struct mapping *mapping = *at;

        if (mapping->va != (uintptr_t)where)
            continue;
        *at = mapping->next;
        return end_mapping(mapping);
    }
    return -PV_EINVAL;
}

/* ---- closing a handle ---- */

void host_xen_grants_close(int handle)
{
    for (struct share **at = &shares; *at;) {
        struct share *share = *at;

        if (share->handle != handle) {
            at = &share->next;
            continue;
        }
        *at = share->next;
        end_share(share);
    }
    for (struct mapping **at = &mappings; *at;) {
        struct mapping *mapping = *at;

        if (mapping->handle != handle) {
            at = &mapping->next;
            continue;
        }
        *at = mapping->next;
        end_mapping(mapping);
    }
}
