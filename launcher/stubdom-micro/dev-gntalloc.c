/*
 * /dev/xen/gntalloc: pages of ours for other domains, mapped by the program that asked for
 * them. What one call allocated is mapped, notified and freed as a whole: libxengnttab
 * wants nothing else.
 *
 * A page is used again only when its grant has ended. That fails while the peer has it mapped. Such pages are kept and
 * count in the limit. Each time that a program allocates or frees pages their grants are tried again.
 *
 * Source: Linux's xen/gntalloc.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dev-xen.h"

#include <linux/errno.h>
#include <linux/ioctl.h>
#include <linux/mman.h>
#include <xen/sys/gntalloc.h>

/* Pages of all programs together, including those that a peer keeps mapped. Linux has the same limit. */
#define PAGES_MAX 1024

/* What one call allocated. */
struct share {
    struct share *next;     /* in the list of its file, or of those that are kept */
    uint64_t index;         /* its offset in the file */
    unsigned int users;     /* the file is one, each mapping another; 0: kept, because the peer has a page mapped */
    uint32_t count;
    struct unmap_notify notify;
    struct { void *page; uint32_t ref; } pages[]; /* page NULL: this grant has ended */
};

/* An open file. */
struct gntalloc {
    struct share *shares;
    uint64_t index;         /* of the next share */
};

static struct share *kept;
static uint32_t pages_used;

/* Ends the grants that the peer does not use. True: all have ended. */
static bool share_end(struct share *share)
{
    bool all = true;

    for (uint32_t i = 0; i < share->count; i++) {
        if (!share->pages[i].page)
            continue;
        if (pv_grant_end(share->pages[i].ref)) {
            all = false;
            continue;
        }
        pv_pages_put(share->pages[i].page);
        share->pages[i].page = NULL;
        pages_used--;
    }
    return all;
}

static void kept_retry(void)
{
    for (struct share **at = &kept, *share = kept; share; share = *at) {
        if (!share_end(share)) {
            at = &share->next;
            continue;
        }
        *at = share->next;
        pv_free(share);
    }
}

static void clear_byte(struct share *share)
{
    char *page = share->pages[share->notify.offset / PV_PAGE].page;

    PV_WRITE_ONCE(page[share->notify.offset % PV_PAGE], 0);
}

static void share_put(struct share *share)
{
    if (--share->users)
        return;
    if (share->notify.action & UNMAP_NOTIFY_CLEAR_BYTE)
        clear_byte(share);
    notify_send(&share->notify);
    if (share_end(share)) {
        pv_free(share);
        return;
    }
    share->next = kept;
    kept = share;
}

static int share_add_page(struct share *share, uint16_t domid, bool readonly)
{
    void *page = pv_pages_alloc(1, 1);
    int rc;

    if (!page)
        return -PV_ENOMEM;
    pv_zero(page, PV_PAGE);
    rc = pv_grant(domid, pv_frame_of(page), readonly, &share->pages[share->count].ref);
    if (rc) {
        pv_pages_put(page);
        return rc;
    }
    share->pages[share->count++].page = page;
    pages_used++;
    return 0;
}

/*
 * A new share with one user. If it fails half-way, the peer may have guessed a reference and mapped a page: then the
 * share is kept.
 */
static struct share *share_new(uint16_t domid, bool readonly, uint32_t count, int *rc)
{
    struct share *share = pv_alloc(sizeof(*share) + count * sizeof(share->pages[0]));

    *rc = share ? 0 : -PV_ENOMEM;
    if (!share)
        return NULL;
    share->users = 1;
    while (!*rc && share->count < count)
        *rc = share_add_page(share, domid, readonly);
    if (*rc) {
        share_put(share);
        return NULL;
    }
    return share;
}

/* The link to the share that has this offset of the file; at the list's end if there is none. */
static struct share **share_find(struct gntalloc *gntalloc, uint64_t index)
{
    struct share **at = &gntalloc->shares;

    while (*at && (index < (*at)->index || index - (*at)->index >= (*at)->count * PV_PAGE))
        at = &(*at)->next;
    return at;
}

/* ---- ioctl ---- */

/* Tells the program where to map it, and the references: they follow the structure's fixed part. */
static int share_tell(const struct share *share, uintptr_t arg)
{
    const size_t refs = offsetof(struct ioctl_gntalloc_alloc_gref, gref_ids);

    if (user_write(arg + offsetof(struct ioctl_gntalloc_alloc_gref, index), &share->index,
                   sizeof(share->index)))
        return -PV_EFAULT;
    for (uint32_t i = 0; i < share->count; i++)
        if (user_write(arg + refs + i * sizeof(uint32_t), &share->pages[i].ref, sizeof(uint32_t)))
            return -PV_EFAULT;
    return 0;
}

static long alloc(struct gntalloc *gntalloc, uintptr_t arg)
{
    struct ioctl_gntalloc_alloc_gref op;
    struct share *share;
    int rc;

    if (user_read(&op, arg, offsetof(struct ioctl_gntalloc_alloc_gref, gref_ids)))
        return -PV_EFAULT;
    if (!op.count || op.flags & ~GNTALLOC_FLAG_WRITABLE || !domain_is_other(op.domid))
        return -PV_EINVAL;
    kept_retry();
    if (op.count > PAGES_MAX - pages_used)
        return -PV_ENOSPC;
    share = share_new(op.domid, !(op.flags & GNTALLOC_FLAG_WRITABLE), op.count, &rc);
    if (!share)
        return rc;
    share->index = gntalloc->index;
    rc = share_tell(share, arg);
    if (rc) {
        share_put(share);
        return rc;
    }
    gntalloc->index += share->count * PV_PAGE;
    share->next = gntalloc->shares;
    gntalloc->shares = share;
    return 0;
}

static long dealloc(struct gntalloc *gntalloc, uintptr_t arg)
{
    struct ioctl_gntalloc_dealloc_gref op;
    struct share **at, *share;

    if (user_read(&op, arg, sizeof(op)))
        return -PV_EFAULT;
    at = share_find(gntalloc, op.index);
    share = *at;
    if (!share || share->index != op.index || share->count != op.count)
        return -PV_EINVAL;
    *at = share->next;
    share_put(share);
    kept_retry();
    return 0;
}

static long set_notify(struct gntalloc *gntalloc, uintptr_t arg)
{
    struct ioctl_gntalloc_unmap_notify op;
    struct share *share;

    if (user_read(&op, arg, sizeof(op)))
        return -PV_EFAULT;
    share = *share_find(gntalloc, op.index);
    if (!share)
        return -PV_ENOENT;
    return notify_set(&share->notify, op.action, op.index - share->index, op.event_channel_port);
}

static long gntalloc_ioctl(struct file *file, unsigned int command, uintptr_t arg)
{
    switch (command) {
    case IOCTL_GNTALLOC_ALLOC_GREF:
        return alloc(file->data, arg);
    case IOCTL_GNTALLOC_DEALLOC_GREF:
        return dealloc(file->data, arg);
    case IOCTL_GNTALLOC_SET_UNMAP_NOTIFY:
        return set_notify(file->data, arg);
    default:
        return -ENOTTY;
    }
}

/* ---- mappings ---- */

static void vma_close(struct vma *vma)
{
    share_put(vma->data);
}

static const struct vma_ops gntalloc_vma_ops = { .close = vma_close, .whole = true };

static int map_pages(struct vma *vma, struct share *share)
{
    unsigned int prot = PV_PROT_USER | (vma->prot & PROT_WRITE ? PV_PROT_WRITE : 0);

    for (uint32_t i = 0; i < share->count; i++) {
        int rc = pv_map(space_root(vma->space), vma->start + i * PV_PAGE,
                        pv_frame_of(share->pages[i].page), prot, PV_SELF);

        if (rc) {
            pv_unmap(space_root(vma->space), vma->start, i);
            return rc;
        }
    }
    return 0;
}

static int gntalloc_mmap(struct file *file, struct vma *vma)
{
    struct share *share = *share_find(file->data, vma->offset);
    int rc;

    if (!(vma->flags & MAP_SHARED))
        return -PV_EINVAL;
    if (!(vma->prot & (PROT_READ | PROT_WRITE)) || vma->prot & PROT_EXEC)
        return -PV_EACCES;
    if (!share || share->index != vma->offset || vma->end - vma->start != share->count * PV_PAGE)
        return -PV_ENOENT;
    rc = map_pages(vma, share);
    if (rc)
        return rc;
    share->users++;
    vma->data = share;
    vma->ops = &gntalloc_vma_ops;
    return 0;
}

static void gntalloc_close(struct file *file)
{
    struct gntalloc *gntalloc = file->data;

    while (gntalloc->shares) {
        struct share *share = gntalloc->shares;

        gntalloc->shares = share->next;
        share_put(share);
    }
    pv_free(gntalloc);
    kept_retry();
}

static const struct file_ops gntalloc_ops = {
    .ioctl = gntalloc_ioctl,
    .mmap = gntalloc_mmap,
    .close = gntalloc_close,
};

static int gntalloc_open(void *arg, int flags, struct file **file)
{
    struct gntalloc *gntalloc = pv_alloc(sizeof(*gntalloc));

    *file = gntalloc ? file_new(&gntalloc_ops, flags, gntalloc) : NULL;
    if (*file)
        return 0;
    pv_free(gntalloc);
    return -PV_ENOMEM;
}

int dev_gntalloc_init(void)
{
    return device_add("/dev/xen/gntalloc", S_IFCHR | 0600, XEN_DEVICE(4), gntalloc_open, NULL);
}
