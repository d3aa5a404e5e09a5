/*
 * /dev/xen/gntdev: pages that other domains grant, mapped into a program. What one call
 * named is mapped and unmapped as a whole.
 *
 * Xen itself writes and clears the entries in the page tables. It finds them through the current root. That is mostly
 * the root of the process that has the mapping. When a process ends or gets another program it is not, so the root is
 * changed for the unmapping.
 *
 * SET_MAX_GRANTS is missing, as in today's Linux; libxengnttab does without. QEMU asks at its start whether there is
 * GRANT_COPY, and would use it for disks that it serves itself. In a stub domain it serves none, so speed does not
 * matter: each piece is a hypercall.
 *
 * Source: Linux's xen/gntdev.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dev-xen.h"
#include "task.h"

#include <linux/errno.h>
#include <linux/ioctl.h>
#include <linux/mman.h>
#include <xen/grant_table.h>
#include <xen/sys/gntdev.h>

/* Of all programs together. */
#define GRANTS_MAX 1024

/* What one call named. */
struct grants {
    struct grants *next;    /* of its file */
    uint64_t index;         /* its offset in the file */
    unsigned int users;     /* the file is one, the mapping another */
    bool mapped, readonly;
    uint32_t count;
    struct unmap_notify notify;
    struct { uint32_t domid, ref, handle; } pages[];
};

/* An open file. */
struct gntdev {
    struct grants *grants;
    uint64_t index;         /* of the next call's grants */
};

static uint32_t grants_used;

static struct grants *grants_new(uint32_t count)
{
    struct grants *grants = pv_alloc(sizeof(*grants) + count * sizeof(grants->pages[0]));

    if (!grants)
        return NULL;
    grants->users = 1;
    grants->count = count;
    grants_used += count;
    return grants;
}

static void grants_put(struct grants *grants)
{
    if (--grants->users)
        return;
    notify_send(&grants->notify);
    grants_used -= grants->count;
    pv_free(grants);
}

/* The link to the grants that have this offset of the file; at the list's end if there are none. */
static struct grants **grants_find(struct gntdev *gntdev, uint64_t index)
{
    struct grants **at = &gntdev->grants;

    while (*at && (index < (*at)->index || index - (*at)->index >= (*at)->count * PV_PAGE))
        at = &(*at)->next;
    return at;
}

/* The link to the grants with exactly this offset and count; at the list's end if there are none. */
static struct grants **grants_find_whole(struct gntdev *gntdev, uint64_t index, uint64_t count)
{
    static struct grants *none;
    struct grants **at = grants_find(gntdev, index);

    return *at && (*at)->index == index && (*at)->count == count ? at : &none;
}

/* ---- ioctl ---- */

static int grants_read(struct grants *grants, uintptr_t from)
{
    for (uint32_t i = 0; i < grants->count; i++) {
        struct ioctl_gntdev_grant_ref ref;

        if (user_read(&ref, from + i * sizeof(ref), sizeof(ref)))
            return -PV_EFAULT;
        if (!domain_is_other(ref.domid))
            return -PV_EINVAL;
        grants->pages[i].domid = ref.domid;
        grants->pages[i].ref = ref.ref;
    }
    return 0;
}

static long map_grant_ref(struct gntdev *gntdev, uintptr_t arg)
{
    struct ioctl_gntdev_map_grant_ref op;
    struct grants *grants;
    int rc;

    if (user_read(&op, arg, offsetof(struct ioctl_gntdev_map_grant_ref, refs)))
        return -PV_EFAULT;
    if (!op.count)
        return -PV_EINVAL;
    if (op.count > GRANTS_MAX - grants_used)
        return -PV_ENOSPC;
    grants = grants_new(op.count);
    if (!grants)
        return -PV_ENOMEM;
    grants->index = gntdev->index;
    rc = grants_read(grants, arg + offsetof(struct ioctl_gntdev_map_grant_ref, refs));
    if (!rc)
        rc = user_write(arg + offsetof(struct ioctl_gntdev_map_grant_ref, index), &grants->index,
                        sizeof(grants->index));
    if (rc) {
        grants_put(grants);
        return rc;
    }
    gntdev->index += grants->count * PV_PAGE;
    grants->next = gntdev->grants;
    gntdev->grants = grants;
    return 0;
}

/* A mapping that is still there keeps the grants until it goes. */
static long unmap_grant_ref(struct gntdev *gntdev, uintptr_t arg)
{
    struct ioctl_gntdev_unmap_grant_ref op;
    struct grants **at, *grants;

    if (user_read(&op, arg, sizeof(op)))
        return -PV_EFAULT;
    at = grants_find_whole(gntdev, op.index, op.count);
    grants = *at;
    if (!grants)
        return -PV_ENOENT;
    *at = grants->next;
    grants_put(grants);
    return 0;
}

static const struct vma_ops gntdev_vma_ops;

static long get_offset(struct file *file, uintptr_t arg)
{
    struct ioctl_gntdev_get_offset_for_vaddr op;
    struct grants *grants;
    struct vma *vma;

    if (user_read(&op, arg, sizeof(op)))
        return -PV_EFAULT;
    vma = vma_find(op.vaddr);
    if (!vma || vma->ops != &gntdev_vma_ops || vma->file != file || vma->start != op.vaddr)
        return -PV_EINVAL;
    grants = vma->data;
    op.offset = grants->index;
    op.count = grants->count;
    return user_write(arg, &op, sizeof(op));
}

static long set_notify(struct gntdev *gntdev, uintptr_t arg)
{
    struct ioctl_gntdev_unmap_notify op;
    struct grants *grants;

    if (user_read(&op, arg, sizeof(op)))
        return -PV_EFAULT;
    grants = *grants_find(gntdev, op.index);
    if (!grants)
        return -PV_ENOENT;
    if (op.action & UNMAP_NOTIFY_CLEAR_BYTE && grants->readonly)
        return -PV_EINVAL;
    return notify_set(&grants->notify, op.action, op.index - grants->index, op.event_channel_port);
}

/* As much of a segment as lies in one page of the program's own memory. */
static int copy_piece(const struct ioctl_gntdev_grant_copy_segment *segment, uint32_t done, uint32_t *size)
{
    bool to_remote = segment->flags & GNTCOPY_dest_gref;
    uintptr_t va = (uintptr_t)(to_remote ? segment->source.virt : segment->dest.virt) + done;
    uint16_t domid = to_remote ? segment->dest.foreign.domid : segment->source.foreign.domid;
    uint32_t ref = to_remote ? segment->dest.foreign.ref : segment->source.foreign.ref;
    uint16_t offset = to_remote ? segment->dest.foreign.offset : segment->source.foreign.offset;
    void *page;
    int rc = user_pin(va, !to_remote, &page);

    if (rc)
        return rc;
    *size = segment->len - done;
    if (*size > PV_PAGE - va % PV_PAGE)
        *size = (uint32_t)(PV_PAGE - va % PV_PAGE);
    rc = pv_grant_copy(to_remote, domid, ref, (uint16_t)(offset + done), pv_frame_of(page), va % PV_PAGE,
                       (uint16_t)*size);
    pv_pages_put(page);
    return rc;
}

/* Xen's error becomes the segment's status. A segment that makes no sense is an error of the call. */
static long copy_segment(uintptr_t at)
{
    struct ioctl_gntdev_grant_copy_segment segment;
    const __typeof__(segment.source) *theirs;
    uint32_t size = 0;
    int rc = 0;

    if (user_read(&segment, at, sizeof(segment)))
        return -PV_EFAULT;
    if (segment.flags != GNTCOPY_source_gref && segment.flags != GNTCOPY_dest_gref)
        return -PV_EINVAL;
    theirs = segment.flags == GNTCOPY_dest_gref ? &segment.dest : &segment.source;
    if (theirs->foreign.offset + segment.len > (int)PV_PAGE || !domain_is_other(theirs->foreign.domid))
        return -PV_EINVAL;
    for (uint32_t done = 0; !rc && done < segment.len; done += size)
        rc = copy_piece(&segment, done, &size);
    if (rc == -PV_EFAULT)
        return rc;
    segment.status = rc ? GNTST_general_error : GNTST_okay;
    return user_write(at + offsetof(__typeof__(segment), status), &segment.status, sizeof(segment.status));
}

static long grant_copy(uintptr_t arg)
{
    struct ioctl_gntdev_grant_copy op;
    long rc = 0;

    if (user_read(&op, arg, sizeof(op)))
        return -PV_EFAULT;
    if (op.count > GRANTS_MAX)
        return -PV_E2BIG;
    for (unsigned int i = 0; !rc && i < op.count; i++)
        rc = copy_segment((uintptr_t)(op.segments + i));
    return rc;
}

static long gntdev_ioctl(struct file *file, unsigned int command, uintptr_t arg)
{
    switch (command) {
    case IOCTL_GNTDEV_MAP_GRANT_REF:
        return map_grant_ref(file->data, arg);
    case IOCTL_GNTDEV_UNMAP_GRANT_REF:
        return unmap_grant_ref(file->data, arg);
    case IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR:
        return get_offset(file, arg);
    case IOCTL_GNTDEV_SET_UNMAP_NOTIFY:
        return set_notify(file->data, arg);
    case IOCTL_GNTDEV_GRANT_COPY:
        return grant_copy(arg);
    default:
        return -ENOTTY;
    }
}

/* ---- mappings ---- */

/* Not user_write(): the process may have ended. A page that is mapped read-only is left alone. */
static void clear_byte(struct vma *vma, uint64_t offset)
{
    unsigned int prot;
    uint64_t frame;

    if (pv_mapped(space_root(vma->space), vma->start + (offset & ~(PV_PAGE - 1)), &frame, &prot) &&
        prot & PV_PROT_WRITE)
        *(volatile char *)(vma->start + offset) = 0;
}

/*
 * Xen refuses if the page table's entry is not as Xen made it. Then the page must at least be unmapped from the
 * program.
 */
static void unmap_page(struct vma *vma, uintptr_t va, uint32_t handle)
{
    int rc = pv_grant_unmap(va, handle);

    if (!rc)
        return;
    pv_log("gntdev: a granted page stays mapped: error %d", -rc);
    pv_unmap(space_root(vma->space), va, 1);
}

static void vma_unmap(struct vma *vma, uintptr_t from, size_t pages)
{
    struct grants *grants = vma->data;
    struct space *current = task_self() ? task_self()->process->space : NULL;
    size_t first = (from - vma->start) / PV_PAGE;

    PV_ASSERT(first <= grants->count && pages <= grants->count - first);
    if (current != vma->space)
        task_use_space(vma->space);
    for (size_t i = first; i < first + pages; i++) {
        if (grants->notify.action & UNMAP_NOTIFY_CLEAR_BYTE && grants->notify.offset / PV_PAGE == i)
            clear_byte(vma, grants->notify.offset);
        unmap_page(vma, vma->start + i * PV_PAGE, grants->pages[i].handle);
    }
    if (current != vma->space)
        task_use_space(current);
}

static void vma_close(struct vma *vma)
{
    struct grants *grants = vma->data;

    grants->mapped = false;
    grants_put(grants);
}

static const struct vma_ops gntdev_vma_ops = {
    .unmap = vma_unmap,
    .close = vma_close,
    .whole = true,
};

static int map_pages(struct vma *vma, struct grants *grants)
{
    unsigned int prot = PV_PROT_USER | (vma->prot & PROT_WRITE ? PV_PROT_WRITE : 0);
    int rc = pv_map_prepare(space_root(vma->space), vma->start, grants->count);
    uint32_t done = 0;

    while (!rc && done < grants->count) {
        rc = pv_grant_map(vma->start + done * PV_PAGE, (uint16_t)grants->pages[done].domid,
                          grants->pages[done].ref, prot, &grants->pages[done].handle);
        if (!rc)
            done++;
    }
    while (rc && done--)
        unmap_page(vma, vma->start + done * PV_PAGE, grants->pages[done].handle);
    return rc;
}

/* -EAGAIN is Xen's, for a page that is swapped out; libxengnttab tries again. */
static int gntdev_mmap(struct file *file, struct vma *vma)
{
    size_t pages = (vma->end - vma->start) / PV_PAGE;
    struct grants *grants = *grants_find_whole(file->data, vma->offset, pages);
    int rc;

    if (!(vma->flags & MAP_SHARED))
        return -PV_EINVAL;
    if (!(vma->prot & (PROT_READ | PROT_WRITE)) || vma->prot & PROT_EXEC)
        return -PV_EACCES;
    if (!grants || grants->mapped)
        return -PV_EINVAL;
    rc = map_pages(vma, grants);
    if (rc)
        return rc;
    grants->users++;
    grants->mapped = true;
    grants->readonly = !(vma->prot & PROT_WRITE);
    vma->data = grants;
    vma->ops = &gntdev_vma_ops;
    return 0;
}

static void gntdev_close(struct file *file)
{
    struct gntdev *gntdev = file->data;

    while (gntdev->grants) {
        struct grants *grants = gntdev->grants;

        gntdev->grants = grants->next;
        grants_put(grants);
    }
    pv_free(gntdev);
}

static const struct file_ops gntdev_ops = {
    .ioctl = gntdev_ioctl,
    .mmap = gntdev_mmap,
    .close = gntdev_close,
};

static int gntdev_open(void *arg, int flags, struct file **file)
{
    struct gntdev *gntdev = pv_alloc(sizeof(*gntdev));

    *file = gntdev ? file_new(&gntdev_ops, flags, gntdev) : NULL;
    if (*file)
        return 0;
    pv_free(gntdev);
    return -PV_ENOMEM;
}

int dev_gntdev_init(void)
{
    return device_add("/dev/xen/gntdev", S_IFCHR | 0600, XEN_DEVICE(3), gntdev_open, NULL);
}
