/*
 * The memory of a process: what is mapped where (struct vma), pages that are allocated when they are touched, and
 * Linux's calls for it. Each page has a count of users (pv.h): a mapping is one, a file another, and a request under
 * way a third. So unmapping a page takes it from nobody else.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "task.h"

#include <linux/mman.h>

#define MMAP_LOWEST 0x10000UL
#define MMAP_TOP 0x7000000000UL
#define VMAS_MAX 4096
#define AROUND 16 /* one fault maps at most so many pages of a file, up to a multiple of so many */

static size_t vma_count;

static unsigned int hardware_prot(unsigned int prot)
{
    if (!(prot & (PROT_READ | PROT_WRITE | PROT_EXEC)))
        return PV_PROT_NONE;
    return PV_PROT_USER | (prot & PROT_WRITE ? PV_PROT_WRITE : 0) | (prot & PROT_EXEC ? PV_PROT_EXEC : 0);
}

static uintptr_t round_up(size_t size)
{
    return (size + PV_PAGE - 1) & ~(PV_PAGE - 1);
}

/* ---- the list ---- */

static struct vma *find_from(struct space *space, uintptr_t va)
{
    struct vma *vma = space->vmas;

    while (vma && vma->end <= va)
        vma = vma->next;
    return vma; /* it holds va, or is the first one behind */
}

struct vma *space_vma(struct space *space, uintptr_t va)
{
    struct vma *vma = find_from(space, va);

    return vma && vma->start <= va ? vma : NULL;
}

struct vma *vma_find(uintptr_t va)
{
    return space_vma(task_self()->process->space, va);
}

pv_root *space_root(struct space *space)
{
    return space->root;
}

static void insert(struct space *space, struct vma *vma)
{
    struct vma **at = &space->vmas;

    while (*at && (*at)->start < vma->start)
        at = &(*at)->next;
    vma->next = *at;
    *at = vma;
    vma_count++;
}

static void drop(struct space *space, struct vma *vma)
{
    struct vma **at = &space->vmas;

    while (*at != vma)
        at = &(*at)->next;
    *at = vma->next;
    vma_count--;
    if (vma->ops && vma->ops->close)
        vma->ops->close(vma);
    if (vma->file)
        file_put(vma->file);
    pv_free(vma);
}

/* From the top down, with an unmapped page between two mappings. */
static uintptr_t find_room(struct space *space, size_t size)
{
    uintptr_t best = 0, low = MMAP_LOWEST;

    for (struct vma *vma = space->vmas;; vma = vma->next) {
        uintptr_t high = vma && vma->start < space->mmap_top ? vma->start : space->mmap_top;

        if (high > low && high - low >= size + PV_PAGE)
            best = high - size;
        if (!vma || vma->start >= space->mmap_top)
            return best;
        low = vma->end;
    }
}

/* The part of vma from `at` on becomes a vma of its own. */
static int split(struct vma *vma, uintptr_t at)
{
    struct vma *behind = pv_alloc(sizeof(*behind));

    if (!behind)
        return -PV_ENOMEM;
    *behind = *vma;
    behind->start = at;
    behind->offset += at - vma->start;
    if (behind->file)
        file_get(behind->file);
    vma->end = at;
    vma->next = behind;
    vma_count++;
    if (vma->ops && vma->ops->split)
        vma->ops->split(vma, behind);
    return 0;
}

/* Afterwards no vma crosses start or end. */
static int cut(struct space *space, uintptr_t start, uintptr_t end)
{
    uintptr_t edges[2] = { start, end };

    for (unsigned int i = 0; i < 2; i++) {
        struct vma *vma = space_vma(space, edges[i]);

        if (!vma || vma->start == edges[i])
            continue;
        if (vma->ops && vma->ops->whole)
            return -PV_EINVAL;
        if (split(vma, edges[i]))
            return -PV_ENOMEM;
    }
    return 0;
}

/* ---- pages ---- */

static void put_pages(struct space *space, uintptr_t from, uintptr_t end)
{
    void *held[64];
    size_t n = 0;
    uint64_t frame;

    for (uintptr_t va = pv_next_mapped(space->root, from, end); va < end;
         va = pv_next_mapped(space->root, va + PV_PAGE, end)) {
        if (pv_mapped(space->root, va, &frame, NULL))
            held[n++] = pv_page_of(frame);
        if (n < sizeof(held) / sizeof(held[0]))
            continue;
        pv_unmap(space->root, from, (va + PV_PAGE - from) / PV_PAGE);
        from = va + PV_PAGE;
        while (n)
            pv_pages_put(held[--n]);
    }
    if (n)
        pv_unmap(space->root, from, (end - from) / PV_PAGE);
    while (n)
        pv_pages_put(held[--n]);
}

static void unmap_pages(struct vma *vma, uintptr_t from, uintptr_t end)
{
    if (!vma->ops)
        put_pages(vma->space, from, end);
    else if (vma->ops->unmap)
        vma->ops->unmap(vma, from, (end - from) / PV_PAGE);
    else
        pv_unmap(vma->space->root, from, (end - from) / PV_PAGE);
}

static int unmap(struct space *space, uintptr_t start, uintptr_t end)
{
    struct vma *vma;
    int rc = cut(space, start, end);

    if (rc)
        return rc;
    while ((vma = find_from(space, start)) && vma->start < end) {
        unmap_pages(vma, vma->start, vma->end);
        drop(space, vma);
    }
    return 0;
}

static void *files_page(struct vma *vma, uintptr_t va)
{
    return vma->file->ops->page(vma->file, (vma->offset + (va - vma->start)) / PV_PAGE,
                                vma->flags & MAP_SHARED && vma->prot & PROT_WRITE);
}

/* Whether a private mapping needs its own copy of the page. It shows the file's pages until they are written. */
static bool is_copied(const struct vma *vma, bool write)
{
    return !vma->file || (write && !(vma->flags & MAP_SHARED));
}

/* The page for va, with one more user. NULL: no memory, or va is behind the file's end. */
static void *make_page(struct vma *vma, uintptr_t va, bool write)
{
    void *page, *source = NULL;

    if (vma->file) {
        source = files_page(vma, va);
        if (!source || !is_copied(vma, write))
            return source;
    }
    page = pv_pages_alloc(1, 1);
    if (page && source)
        pv_copy(page, source, PV_PAGE);
    else if (page)
        pv_zero(page, PV_PAGE);
    if (source)
        pv_pages_put(source);
    return page;
}

static bool back(struct vma *vma, uintptr_t va, bool write)
{
    void *page = make_page(vma, va, write);
    unsigned int prot = vma->prot;

    if (!page)
        return false;
    if (!is_copied(vma, write) && !(vma->flags & MAP_SHARED))
        prot &= ~(unsigned int)PROT_WRITE;
    if (!pv_map(vma->space->root, va, pv_frame_of(page), hardware_prot(prot), PV_SELF))
        return true;
    pv_pages_put(page);
    return false;
}

/*
 * For files mapped without write access, a program's text for example: their pages exist already, so a fault also maps
 * some behind it.
 */
static void map_behind(struct vma *vma, uintptr_t va)
{
    uintptr_t from = va + PV_PAGE, end = (va | (AROUND * PV_PAGE - 1)) + 1;
    uint64_t frames[AROUND];
    int errors[AROUND];
    void *held[AROUND];
    size_t n = 0;

    for (end = end < vma->end ? end : vma->end; from + n * PV_PAGE < end; n++) {
        uintptr_t at = from + n * PV_PAGE;

        if (pv_mapped(vma->space->root, at, NULL, NULL) || !(held[n] = make_page(vma, at, false)))
            break;
        frames[n] = pv_frame_of(held[n]);
    }
    if (!n)
        return;
    pv_map_batch(vma->space->root, from, frames, n, hardware_prot(vma->prot), PV_SELF, errors);
    for (size_t i = 0; i < n; i++)
        if (errors[i])
            pv_pages_put(held[i]);
}

bool space_allows(struct space *space, uintptr_t va, bool write, bool exec)
{
    struct vma *vma = va < PV_USER_END ? space_vma(space, va) : NULL;

    return vma && vma->prot & (write ? PROT_WRITE : exec ? PROT_EXEC : PROT_READ);
}

bool space_fault(struct space *space, uintptr_t va, bool write, bool exec)
{
    struct vma *vma = va < PV_USER_END ? space_vma(space, va) : NULL;
    unsigned int mapped;

    va &= ~(PV_PAGE - 1);
    if (!vma || vma->ops || !space_allows(space, va, write, exec))
        return false;
    if (pv_mapped(space->root, va, NULL, &mapped)) {
        if (!write || mapped & PV_PROT_WRITE) /* the mapping allows this access already: nothing to mend */
            return false;
        put_pages(space, va, va + PV_PAGE); /* drops the file's page; a copy replaces it */
    }
    if (!back(vma, va, write))
        return false;
    if (vma->file && !(vma->prot & PROT_WRITE))
        map_behind(vma, va);
    return true;
}

/* ---- mapping ---- */

static int check_file(const struct file *file, unsigned int prot, unsigned int flags)
{
    int mode = file->flags & O_ACCMODE;

    if (mode == O_WRONLY || ((flags & MAP_SHARED) && (prot & PROT_WRITE) && mode != O_RDWR))
        return -PV_EACCES;
    return file->ops->page || file->ops->mmap ? 0 : -PV_ENODEV;
}

static int attach(struct vma *vma)
{
    int rc = 0;

    if (vma->file && vma->file->ops->mmap)
        rc = vma->file->ops->mmap(vma->file, vma);
    /* Shared with children, so all pages are allocated at once. */
    else if (!vma->file && vma->flags & MAP_SHARED)
        for (uintptr_t va = vma->start; !rc && va < vma->end; va += PV_PAGE)
            rc = back(vma, va, true) ? 0 : -PV_ENOMEM;
    return rc;
}

long space_map(struct space *space, uintptr_t where, size_t size, unsigned int prot, unsigned int flags,
               struct file *file, uint64_t offset)
{
    struct vma *vma;
    int rc;

    size = round_up(size);
    if (!size || size >= PV_USER_END || offset & (PV_PAGE - 1) || offset + size < offset)
        return -PV_EINVAL;
    rc = file ? check_file(file, prot, flags) : 0;
    if (!rc && where && (where & (PV_PAGE - 1) || where < MMAP_LOWEST || where > PV_USER_END - size))
        rc = -PV_EINVAL;
    if (!rc && where)
        rc = unmap(space, where, where + size);
    if (rc)
        return rc;
    if (!where && !(where = find_room(space, size)))
        return -PV_ENOMEM;
    vma = vma_count < VMAS_MAX ? pv_alloc(sizeof(*vma)) : NULL;
    if (!vma)
        return -PV_ENOMEM;
    *vma = (struct vma){ .space = space, .start = where, .end = where + size, .prot = prot, .flags = flags,
                         .file = file, .offset = offset };
    if (file)
        file_get(file);
    insert(space, vma);
    rc = attach(vma);
    if (rc) {
        if (!vma->ops)
            put_pages(space, vma->start, vma->end);
        vma->ops = NULL;
        drop(space, vma);
        return rc;
    }
    return (long)where;
}

long space_map_anonymous(size_t size, unsigned int prot)
{
    return space_map(task_self()->process->space, 0, size, prot, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
}

long space_unmap(uintptr_t va, size_t size)
{
    uintptr_t end = va + round_up(size);

    if (va & (PV_PAGE - 1) || !size || end < va || end > PV_USER_END)
        return -PV_EINVAL;
    return unmap(task_self()->process->space, va, end);
}

/* ---- whole spaces ---- */

struct space *space_new(void)
{
    struct space *space = pv_alloc(sizeof(*space));
    uint32_t shift = 0;

    if (!space)
        return NULL;
    if (pv_root_create(&space->root, &space->user)) {
        pv_free(space);
        return NULL;
    }
    pv_random(&shift, sizeof(shift)); /* without random numbers the place is always the same */
    space->mmap_top = MMAP_TOP - (uintptr_t)(shift & 0xfffff) * PV_PAGE;
    if (vdso_map(space)) {
        space_free(space);
        return NULL;
    }
    return space;
}

void space_free(struct space *space)
{
    while (space->vmas) {
        unmap_pages(space->vmas, space->vmas->start, space->vmas->end);
        drop(space, space->vmas);
    }
    pv_root_free(space->root, space->user);
    pv_free(space);
}

/* Copies a page of a private mapping that may be written; shares any other page. */
static int copy_page(struct vma *to, uintptr_t va, uint64_t frame, unsigned int prot)
{
    void *page = pv_page_of(frame), *copy = page;
    int rc;

    if (to->flags & MAP_SHARED || (to->file && !(to->prot & PROT_WRITE))) {
        pv_pages_get(page);
    } else {
        copy = pv_pages_alloc(1, 1);
        if (!copy)
            return -PV_ENOMEM;
        pv_copy(copy, page, PV_PAGE);
    }
    rc = pv_map(to->space->root, va, pv_frame_of(copy), prot, PV_SELF);
    if (rc)
        pv_pages_put(copy);
    return rc;
}

static int copy_vma(struct space *to, const struct vma *from)
{
    struct vma *vma = pv_alloc(sizeof(*vma));
    uint64_t frame;
    unsigned int prot;

    if (!vma)
        return -PV_ENOMEM;
    *vma = *from;
    vma->space = to;
    if (vma->file)
        file_get(vma->file);
    insert(to, vma);
    for (uintptr_t va = pv_next_mapped(from->space->root, from->start, from->end); va < from->end;
         va = pv_next_mapped(from->space->root, va + PV_PAGE, from->end))
        if (!pv_mapped(from->space->root, va, &frame, &prot) || copy_page(vma, va, frame, prot))
            return -PV_ENOMEM;
    return 0;
}

/* For fork. Mappings of devices are not copied. */
struct space *space_copy(struct space *from)
{
    struct space *space = space_new();

    if (!space)
        return NULL;
    space->mmap_top = from->mmap_top;
    space->base = from->base;
    for (struct vma *vma = from->vmas; vma; vma = vma->next)
        if (!vma->ops && copy_vma(space, vma)) {
            space_free(space);
            return NULL;
        }
    return space;
}

/* ---- system calls ---- */

static struct space *own(void)
{
    return task_self()->process->space;
}

long sys_mmap(const unsigned long a[6])
{
    unsigned int prot = (unsigned int)a[2], flags = (unsigned int)a[3];
    struct file *file = NULL;
    uintptr_t where = flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) ? a[0] : 0;

    if (!a[1] || (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE) && !where))
        return -PV_EINVAL;
    if (!(flags & MAP_ANONYMOUS) && !(file = fd_file(a[4])))
        return -PV_EBADF;
    if (!(flags & (MAP_SHARED | MAP_PRIVATE)))
        return -PV_EINVAL;
    if (flags & MAP_FIXED_NOREPLACE) {
        struct vma *vma = find_from(own(), where);

        if (vma && vma->start < where + round_up(a[1]))
            return -PV_EEXIST;
    }
    return space_map(own(), where, a[1], prot & (PROT_READ | PROT_WRITE | PROT_EXEC),
                     flags & (MAP_SHARED | MAP_PRIVATE | MAP_ANONYMOUS), file, file ? a[5] : 0);
}

long sys_munmap(const unsigned long a[6])
{
    return space_unmap(a[0], a[1]);
}

/* Whether a private mapping still shares this page with its file. */
static bool is_files_page(struct vma *vma, uintptr_t va, const void *page)
{
    void *source;

    if (!vma->file || vma->flags & MAP_SHARED)
        return false;
    source = files_page(vma, va);
    if (source)
        pv_pages_put(source);
    return source == page;
}

static int protect_vma(struct vma *vma, unsigned int prot)
{
    pv_root *root = vma->space->root;
    uint64_t frame;

    if (vma->ops)
        return prot == vma->prot ? 0 : -PV_EACCES;
    if (vma->file && vma->flags & MAP_SHARED && prot & PROT_WRITE && (vma->file->flags & O_ACCMODE) != O_RDWR)
        return -PV_EACCES;
    vma->prot = prot;
    for (uintptr_t va = pv_next_mapped(root, vma->start, vma->end); va < vma->end;
         va = pv_next_mapped(root, va + PV_PAGE, vma->end)) {
        pv_mapped(root, va, &frame, NULL);
        if (prot & PROT_WRITE && is_files_page(vma, va, pv_page_of(frame)))
            put_pages(vma->space, va, va + PV_PAGE);
        else if (pv_map(root, va, frame, hardware_prot(prot), PV_SELF))
            return -PV_ENOMEM;
    }
    return 0;
}

long sys_mprotect(const unsigned long a[6])
{
    uintptr_t start = a[0], end = start + round_up(a[1]);
    unsigned int prot = (unsigned int)a[2] & (PROT_READ | PROT_WRITE | PROT_EXEC);
    uintptr_t at = start;
    int rc;

    if (start & (PV_PAGE - 1) || end < start || end > PV_USER_END)
        return -PV_EINVAL;
    rc = cut(own(), start, end);
    for (struct vma *vma = find_from(own(), start); !rc && at < end; vma = vma->next) {
        if (!vma || vma->start > at)
            return -PV_ENOMEM; /* a hole */
        at = vma->end;
        rc = protect_vma(vma, prot);
    }
    return rc;
}

static int move_pages(struct space *space, uintptr_t from, uintptr_t to, size_t size)
{
    uint64_t frame;
    unsigned int prot;

    for (uintptr_t va = pv_next_mapped(space->root, from, from + size); va < from + size;
         va = pv_next_mapped(space->root, va + PV_PAGE, from + size)) {
        pv_mapped(space->root, va, &frame, &prot);
        if (pv_map(space->root, to + (va - from), frame, prot, PV_SELF))
            return -PV_ENOMEM;
        pv_pages_get(pv_page_of(frame));
    }
    return 0;
}

/* Grows and shrinks anonymous memory, as realloc() does. */
long sys_mremap(const unsigned long a[6])
{
    struct space *space = own();
    uintptr_t old = a[0];
    size_t size = round_up(a[1]), wanted = round_up(a[2]);
    struct vma *vma = space_vma(space, old);
    unsigned int prot;
    long to;

    if (old & (PV_PAGE - 1) || !size || !wanted || a[3] & ~(unsigned long)MREMAP_MAYMOVE || old + size < old)
        return -PV_EINVAL;
    if (!vma || vma->end < old + size)
        return -PV_EFAULT;
    if (vma->file || vma->ops || vma->flags & MAP_SHARED)
        return -PV_EINVAL;
    if (wanted <= size)
        return wanted == size ? (long)old : unmap(space, old + wanted, old + size) ?: (long)old;
    if (vma->end == old + size && (!vma->next || vma->next->start - old > wanted) && old + wanted <= space->mmap_top) {
        vma->end = old + wanted;
        return (long)old;
    }
    prot = vma->prot;
    if (!(a[3] & MREMAP_MAYMOVE))
        return -PV_ENOMEM;
    to = space_map(space, 0, wanted, prot, MAP_PRIVATE | MAP_ANONYMOUS, NULL, 0);
    if (to < 0)
        return to;
    if (move_pages(space, old, (uintptr_t)to, size)) {
        unmap(space, (uintptr_t)to, (uintptr_t)to + wanted);
        return -PV_ENOMEM;
    }
    unmap(space, old, old + size);
    return to;
}

long sys_madvise(const unsigned long a[6])
{
    uintptr_t start = a[0], end = start + round_up(a[1]);
    struct vma *vma;

    if (start & (PV_PAGE - 1) || end < start || end > PV_USER_END)
        return -PV_EINVAL;
    if (a[2] != MADV_DONTNEED && a[2] != MADV_FREE)
        return a[2] <= MADV_WILLNEED || (a[2] >= MADV_DONTFORK && a[2] <= MADV_DODUMP) ? 0 : -PV_EINVAL;
    for (vma = find_from(own(), start); vma && vma->start < end; vma = vma->next)
        if (!vma->ops && !(vma->flags & MAP_SHARED))
            put_pages(vma->space, start > vma->start ? start : vma->start, end < vma->end ? end : vma->end);
    return 0;
}

/* Never grows the heap: then the C library uses mmap(). */
long sys_brk(const unsigned long a[6])
{
    return 0;
}

/* Nothing is ever swapped, so locking only allocates the pages. */
long sys_mlock(const unsigned long a[6])
{
    uintptr_t end = a[0] + a[1];

    if (end < a[0] || end > PV_USER_END)
        return -PV_EINVAL;
    for (uintptr_t va = a[0] & ~(PV_PAGE - 1); va < end; va += PV_PAGE)
        if (!pv_mapped(own()->root, va, NULL, NULL) && !space_fault(own(), va, false, false))
            return -PV_ENOMEM;
    return 0;
}

long sys_munlock(const unsigned long a[6])
{
    return 0;
}

/* Files exist in memory only, so there is nothing to write back. */
long sys_msync(const unsigned long a[6])
{
    return 0;
}

/* membarrier(): offers no commands. With one CPU they are not needed. */
long sys_membarrier(const unsigned long a[6])
{
    return a[0] ? -PV_EINVAL : 0;
}
