/*
 * /dev/xen/privcmd: the guest's memory, the operations of its device model, and the few
 * hypercalls that QEMU makes at its start.
 *
 * Hypercalls are allowed if they are in the table below, name another domain than ours, and come through a handle that
 * is not restricted. The handle decides, not the user, because QEMU opens its handles as its own user and restricts
 * them before the guest runs. Other hypercalls could change the kernel's own page tables, grants and event channels.
 * Xen itself allows no other domain than our guest.
 *
 * Xen gets no user addresses: arguments are copied in both directions.
 *
 * Source: Linux's xen/privcmd.h, as libxen-dev has it.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "dev-xen.h"

#include <linux/errno.h>
#include <linux/ioctl.h>
#include <linux/mman.h>
#include <xen/hvm/dm_op.h>
#include <xen/hvm/hvm_op.h>
#include <xen/memory.h>
#include <xen/sys/privcmd.h>

/* Frames in one piece of a batch. */
#define PIECE 512
/* The most extents of one populate_physmap: 256 MiB, more than any ROM or video RAM of QEMU's. */
#define EXTENTS_MAX 65536
/* As on Linux: buffers of one dm_op, and bytes of each. */
#define DM_BUFFERS_MAX 16
#define DM_BUFFER_SIZE_MAX 4096U
/* A dm_op of up to so many bytes needs no allocation. That covers all that set an interrupt line. */
#define DM_SMALL 256

/* An open file; DOMID_INVALID: not restricted. */
struct privcmd { uint16_t domid; };

static bool may_touch(const struct privcmd *privcmd, unsigned int domid)
{
    return privcmd->domid == DOMID_INVALID || privcmd->domid == domid;
}

/* ---- hypercalls ---- */

/* A structure at arg[1] that Xen reads and writes. */
static long hvm_param(unsigned long op, uintptr_t arg)
{
    struct xen_hvm_param param;
    long rc;

    if (user_read(&param, arg, sizeof(param)))
        return -PV_EFAULT;
    if (!domain_is_other(param.domid))
        return -PV_EPERM;
    rc = pv_hypercall(__HYPERVISOR_hvm_op, op, (unsigned long)&param, 0, 0, 0);
    if (!rc && user_write(arg, &param, sizeof(param)))
        return -PV_EFAULT;
    return rc;
}

/* A populate_physmap, in pieces. How many extents were done; or an error, if none was. */
static long populate(unsigned long op, uintptr_t arg)
{
    static xen_pfn_t extents[PIECE]; /* nothing below sleeps */
    struct xen_memory_reservation all, piece;
    size_t done = 0;
    uintptr_t list;

    if (user_read(&all, arg, sizeof(all)))
        return -PV_EFAULT;
    if (!domain_is_other(all.domid))
        return -PV_EPERM;
    if (all.nr_extents > EXTENTS_MAX)
        return -PV_E2BIG;
    list = (uintptr_t)all.extent_start.p;
    piece = all;
    set_xen_guest_handle(piece.extent_start, extents);
    while (done < all.nr_extents) {
        size_t n = all.nr_extents - done < PIECE ? all.nr_extents - done : PIECE;
        long rc = user_read(extents, list + done * sizeof(extents[0]), n * sizeof(extents[0]));

        piece.nr_extents = n;
        if (!rc)
            rc = pv_hypercall(__HYPERVISOR_memory_op, op, (unsigned long)&piece, 0, 0, 0);
        if (rc < 0)
            return done ? (long)done : rc;
        done += (size_t)rc;
        if ((size_t)rc != n)
            break;
    }
    return (long)done;
}

static const struct {
    unsigned int call, op;
    long (*run)(unsigned long op, uintptr_t arg);
} hypercalls[] = {
    { __HYPERVISOR_hvm_op, HVMOP_get_param, hvm_param },
    { __HYPERVISOR_hvm_op, HVMOP_set_param, hvm_param },
    { __HYPERVISOR_memory_op, XENMEM_populate_physmap, populate },
};

static long run_hypercall(uint64_t call, unsigned long op, uintptr_t arg)
{
    for (size_t i = 0; i < sizeof(hypercalls) / sizeof(hypercalls[0]); i++)
        if (call == hypercalls[i].call && op == hypercalls[i].op)
            return hypercalls[i].run(op, arg);
    return -PV_EPERM;
}

/* libxenctrl puts a single call into a multicall if its result may not fit into an int. */
static long multicall_of_one(uintptr_t list, unsigned long count)
{
    struct multicall_entry entry;

    if (count != 1)
        return -PV_EPERM;
    if (user_read(&entry, list, sizeof(entry)))
        return -PV_EFAULT;
    entry.result = (unsigned long)run_hypercall(entry.op, entry.args[0], entry.args[1]);
    return user_write(list, &entry, sizeof(entry));
}

static long hypercall(struct privcmd *privcmd, uintptr_t arg)
{
    struct privcmd_hypercall call;

    if (privcmd->domid != DOMID_INVALID)
        return -PV_EPERM;
    if (user_read(&call, arg, sizeof(call)))
        return -PV_EFAULT;
    if (call.op == __HYPERVISOR_multicall)
        return multicall_of_one(call.arg[0], call.arg[1]);
    return run_hypercall(call.op, call.arg[0], call.arg[1]);
}

/* ---- operations of the device model ---- */

/*
 * Copies the program's buffers to memory, one behind another. to: Xen's description of them, with their addresses
 * there.
 */
static int dm_buffers_read(const struct privcmd_dm_op_buf *from, unsigned int n, char *memory,
                           struct xen_dm_op_buf *to)
{
    for (unsigned int i = 0; i < n; i++) {
        if (user_read(memory, (uintptr_t)from[i].uptr, from[i].size))
            return -PV_EFAULT;
        set_xen_guest_handle(to[i].h, memory);
        to[i].size = from[i].size;
        memory += from[i].size;
    }
    return 0;
}

static int dm_buffers_write(const struct privcmd_dm_op_buf *to, unsigned int n, const char *memory)
{
    for (unsigned int i = 0; i < n; i++) {
        if (user_write((uintptr_t)to[i].uptr, memory, to[i].size))
            return -PV_EFAULT;
        memory += to[i].size;
    }
    return 0;
}

static long dm_op_run(uint16_t domid, const struct privcmd_dm_op_buf *buffers, unsigned int n,
                      char *memory)
{
    struct xen_dm_op_buf xen_buffers[DM_BUFFERS_MAX];
    long rc = dm_buffers_read(buffers, n, memory, xen_buffers);

    if (!rc)
        rc = pv_hypercall(__HYPERVISOR_dm_op, domid, n, (unsigned long)xen_buffers, 0, 0);
    if (rc >= 0 && dm_buffers_write(buffers, n, memory))
        rc = -PV_EFAULT;
    return rc;
}

static long dm_op(struct privcmd *privcmd, uintptr_t arg)
{
    struct privcmd_dm_op_buf buffers[DM_BUFFERS_MAX];
    struct privcmd_dm_op op;
    char small[DM_SMALL], *memory = small;
    size_t size = 0;
    long rc;

    if (user_read(&op, arg, sizeof(op)))
        return -PV_EFAULT;
    if (!may_touch(privcmd, op.dom))
        return -PV_EPERM;
    /* libxendevicemodel asks in this way, for a domain that cannot exist, whether there are dm_ops at all. */
    if (!op.num)
        return 0;
    if (!domain_is_other(op.dom))
        return -PV_EPERM;
    if (op.num > DM_BUFFERS_MAX)
        return -PV_E2BIG;
    if (user_read(buffers, (uintptr_t)op.ubufs, op.num * sizeof(buffers[0])))
        return -PV_EFAULT;
    for (unsigned int i = 0; i < op.num; i++) {
        if (buffers[i].size > DM_BUFFER_SIZE_MAX)
            return -PV_E2BIG;
        size += buffers[i].size;
    }
    if (size > sizeof(small))
        memory = pv_alloc(size);
    if (!memory)
        return -PV_ENOMEM;
    rc = dm_op_run(op.dom, buffers, op.num, memory);
    if (memory != small)
        pv_free(memory);
    return rc;
}

/* ---- the guest's memory ---- */

/* The same as for ordinary mappings. That a vma has these ops says that its pages are not ours. */
static const struct vma_ops privcmd_vma_ops = { .unmap = NULL };

/* Maps nothing yet: MMAPBATCH_V2 does. Never executable, since the guest writes there. */
static int privcmd_mmap(struct file *file, struct vma *vma)
{
    if (!(vma->flags & MAP_SHARED))
        return -PV_EINVAL;
    if (!(vma->prot & (PROT_READ | PROT_WRITE)) || vma->prot & PROT_EXEC)
        return -PV_EACCES;
    vma->ops = &privcmd_vma_ops;
    return 0;
}

/* A larger frame number would reach into other bits of the page table's entry. */
#define FRAME_MAX ((1UL << 40) - 1)

/* Maps up to PIECE frames, with an error for each. An impossible frame number becomes one that Xen refuses. */
static void map_piece(struct vma *vma, uintptr_t va, uint16_t domid, uint64_t *frames, size_t n,
                      int *errors)
{
    for (size_t i = 0; i < n; i++)
        if (frames[i] > FRAME_MAX)
            frames[i] = FRAME_MAX;
    pv_map_batch(space_root(vma->space), va, frames, n,
                 PV_PROT_USER | (vma->prot & PROT_WRITE ? PV_PROT_WRITE : 0), domid, errors);
}

/* The program's mapping of this device that has n pages at va. NULL: there is none. */
static struct vma *vma_for(uintptr_t va, size_t n)
{
    struct vma *vma = va % PV_PAGE ? NULL : vma_find(va);

    return vma && vma->ops == &privcmd_vma_ops && n <= (vma->end - va) / PV_PAGE ? vma : NULL;
}

/*
 * As on Linux: each frame's error goes to the program's array. The call's result is -ENOENT if one of them is that
 * (paged out).
 */
static long map_batch(struct privcmd *privcmd, uintptr_t arg)
{
    static uint64_t frames[PIECE]; /* nothing below sleeps */
    static int errors[PIECE];
    struct privcmd_mmapbatch_v2 batch;
    struct vma *vma;
    long rc = 0;

    if (user_read(&batch, arg, sizeof(batch)))
        return -PV_EFAULT;
    if (!may_touch(privcmd, batch.dom) || !domain_is_other(batch.dom))
        return -PV_EPERM;
    vma = vma_for(batch.addr, batch.num);
    if (!vma || !batch.num)
        return -PV_EINVAL;
    for (size_t at = 0, n; at < batch.num; at += n) {
        n = batch.num - at < PIECE ? batch.num - at : PIECE;
        if (user_read(frames, (uintptr_t)batch.arr + at * sizeof(frames[0]),
                      n * sizeof(frames[0])))
            return -PV_EFAULT;
        map_piece(vma, batch.addr + at * PV_PAGE, batch.dom, frames, n, errors);
        if (user_write((uintptr_t)batch.err + at * sizeof(errors[0]), errors,
                       n * sizeof(errors[0])))
            return -PV_EFAULT;
        for (size_t i = 0; i < n; i++)
            if (errors[i] == -PV_ENOENT)
                rc = -PV_ENOENT;
    }
    return rc;
}

/* Restricts the handle for good. The guest that it names is the one whose device model we are. */
static long restrict_to(struct privcmd *privcmd, uintptr_t arg)
{
    uint16_t domid;

    if (user_read(&domid, arg, sizeof(domid)))
        return -PV_EFAULT;
    if (!may_touch(privcmd, domid) || !domain_is_other(domid))
        return -PV_EINVAL;
    privcmd->domid = domid;
    if (!pv_guest)
        pv_guest = domid;
    return 0;
}

/*
 * The most frequent one first. Three are missing, because the libraries do without: MMAP and MMAPBATCH (they try
 * MMAPBATCH_V2 first), and MMAP_RESOURCE (without it QEMU maps the frames that Xen names).
 */
static const struct {
    unsigned int command;
    long (*run)(struct privcmd *privcmd, uintptr_t arg);
} commands[] = {
    { IOCTL_PRIVCMD_DM_OP, dm_op },
    { IOCTL_PRIVCMD_MMAPBATCH_V2, map_batch },
    { IOCTL_PRIVCMD_HYPERCALL, hypercall },
    { IOCTL_PRIVCMD_RESTRICT, restrict_to },
};

static long privcmd_ioctl(struct file *file, unsigned int command, uintptr_t arg)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (commands[i].command == command)
            return commands[i].run(file->data, arg);
    return -ENOTTY;
}

static void privcmd_close(struct file *file)
{
    pv_free(file->data);
}

static const struct file_ops privcmd_ops = {
    .ioctl = privcmd_ioctl,
    .mmap = privcmd_mmap,
    .close = privcmd_close,
};

static int privcmd_open(void *arg, int flags, struct file **file)
{
    struct privcmd *privcmd = pv_alloc(sizeof(*privcmd));

    *file = privcmd ? file_new(&privcmd_ops, flags, privcmd) : NULL;
    if (!*file) {
        pv_free(privcmd);
        return -PV_ENOMEM;
    }
    privcmd->domid = DOMID_INVALID;
    return 0;
}

/*
 * /dev/xen/hypercall exists so that the launcher can give it to QEMU. Opening it fails, from which libxencall knows
 * that ordinary memory does for the arguments of hypercalls. That is so here, since they are copied.
 */
static int hypercall_open(void *arg, int flags, struct file **file)
{
    return -PV_ENOENT;
}

int dev_privcmd_init(void)
{
    const unsigned int mode = S_IFCHR | 0600;
    int rc = device_add("/dev/xen/privcmd", mode, XEN_DEVICE(1), privcmd_open, NULL);

    return rc ? rc : device_add("/dev/xen/hypercall", mode, XEN_DEVICE(2), hypercall_open, NULL);
}
