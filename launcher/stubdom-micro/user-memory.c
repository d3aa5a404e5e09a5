/*
 * How the kernel touches a program's memory (micro.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "task.h"

int user_copy(void *to, const void *from, size_t n);
extern char user_copy_begin[], user_copy_end[], user_copy_fault[];

static bool is_users(uintptr_t va, size_t n)
{
    return va < PV_USER_END && n <= PV_USER_END - va;
}

int user_read(void *to, uintptr_t from, size_t n)
{
    return is_users(from, n) && !user_copy(to, (const void *)from, n) ? 0 : -PV_EFAULT;
}

int user_write(uintptr_t to, const void *from, size_t n)
{
    return is_users(to, n) && !user_copy((void *)to, from, n) ? 0 : -PV_EFAULT;
}

/* In pieces that do not cross a page: the page behind the string may not exist. */
long user_string(char *to, uintptr_t from, size_t size)
{
    size_t at = 0;

    while (at < size) {
        size_t piece = PV_PAGE - ((from + at) & (PV_PAGE - 1));

        if (piece > size - at)
            piece = size - at;
        if (piece > 64)
            piece = 64;
        if (user_read(to + at, from + at, piece))
            return -PV_EFAULT;
        for (size_t end = at + piece; at < end; at++)
            if (!to[at])
                return (long)at;
    }
    return -PV_ENAMETOOLONG;
}

bool user_memory_fault(struct pv_frame *frame, uint64_t cr2)
{
    if (cr2 >= PV_USER_END || frame->rip < (uintptr_t)user_copy_begin || frame->rip >= (uintptr_t)user_copy_end)
        return false;
    frame->rip = (uintptr_t)user_copy_fault;
    return true;
}

int user_pin(uintptr_t va, bool write, void **page)
{
    struct space *space = task_self()->process->space;
    struct vma *vma = va < PV_USER_END ? vma_find(va) : NULL;
    uint64_t frame;
    unsigned int prot;

    /* A device's mapping may be another domain's memory. */
    if (!vma || vma->ops)
        return -PV_EFAULT;
    if ((!pv_mapped(space->root, va, &frame, &prot) || (write && !(prot & PV_PROT_WRITE))) &&
        (!space_fault(space, va, write, false) || !pv_mapped(space->root, va, &frame, &prot)))
        return -PV_EFAULT;
    if (!(prot & PV_PROT_USER) || (write && !(prot & PV_PROT_WRITE)))
        return -PV_EFAULT;
    *page = pv_page_of(frame);
    pv_pages_get(*page);
    return 0;
}

/* The next piece of the iterator, at most n bytes, within one buffer and one page. Steps over finished buffers. */
static size_t piece_of(struct user_iter *iter, size_t n, uintptr_t *va)
{
    size_t size;

    while (iter->count && iter->offset == iter->vecs->size) {
        iter->vecs++;
        iter->count--;
        iter->offset = 0;
    }
    if (!iter->count)
        return 0;
    *va = iter->vecs->base + iter->offset;
    size = iter->vecs->size - iter->offset;
    return size < n ? size : n;
}

static void step(struct user_iter *iter, size_t n)
{
    iter->offset += n;
    iter->left -= n;
}

int iter_get(struct user_iter *iter, void *p, size_t n)
{
    for (uintptr_t va = 0; n;) {
        size_t piece = piece_of(iter, n, &va);

        if (!piece || user_read(p, va, piece))
            return -PV_EFAULT;
        step(iter, piece);
        p = (char *)p + piece;
        n -= piece;
    }
    return 0;
}

int iter_put(struct user_iter *iter, const void *p, size_t n)
{
    for (uintptr_t va = 0; n;) {
        size_t piece = piece_of(iter, n, &va);

        if (!piece || user_write(va, p, piece))
            return -PV_EFAULT;
        step(iter, piece);
        p = (const char *)p + piece;
        n -= piece;
    }
    return 0;
}

int iter_pin(struct user_iter *iter, bool write, void **page, size_t *offset, size_t *size)
{
    uintptr_t va = 0;
    size_t piece = piece_of(iter, PV_PAGE, &va), at = va & (PV_PAGE - 1);
    int rc;

    if (piece > PV_PAGE - at)
        piece = PV_PAGE - at;
    rc = piece ? user_pin(va, write, page) : -PV_EFAULT;
    if (rc)
        return rc;
    *offset = at;
    *size = piece;
    step(iter, piece);
    return 0;
}
