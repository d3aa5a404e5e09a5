/*
 * Regular files: pages in memory, found through a table of two levels. A part that was never written has no page, and
 * reads as zeros.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "files.h"

#include <asm/ioctls.h>
#include <linux/memfd.h>

#define SEALS_KNOWN (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW)

/* ---- pages ---- */

static void **page_slot(const struct node *node, uint64_t index)
{
    uint64_t leaf = index / NODE_LEAF;

    if (leaf >= node->leaf_count || !node->leaves[leaf])
        return NULL;
    return &node->leaves[leaf][index % NODE_LEAF];
}

static void *page_at(const struct node *node, uint64_t index)
{
    void **slot = page_slot(node, index);

    return slot ? *slot : NULL;
}

static bool leaves_grow(struct node *node, uint64_t count)
{
    size_t wanted = node->leaf_count ? node->leaf_count : 1;
    void ***leaves;

    while (wanted < count)
        wanted *= 2;
    leaves = pv_alloc(wanted * sizeof(*leaves));
    if (!leaves)
        return false;
    pv_copy(leaves, node->leaves, node->leaf_count * sizeof(*leaves));
    pv_free(node->leaves);
    node->leaves = leaves;
    node->leaf_count = wanted;
    return true;
}

static void *zeroed_page(void)
{
    void *page = pv_pages_free() > NODE_RESERVE ? pv_pages_alloc(1, 1) : NULL;

    if (page)
        pv_zero(page, PV_PAGE);
    return page;
}

_Static_assert(NODE_LEAF * sizeof(void *) == PV_PAGE, "a leaf is a page");

void *memory_page_set(struct node *node, uint64_t index, void *page)
{
    uint64_t leaf = index / NODE_LEAF;
    void **slot;

    if (leaf >= node->leaf_count && !leaves_grow(node, leaf + 1))
        return NULL;
    if (!node->leaves[leaf])
        node->leaves[leaf] = zeroed_page();
    if (!node->leaves[leaf])
        return NULL;
    slot = page_slot(node, index);
    PV_ASSERT(!*slot);
    return *slot = page ? page : zeroed_page();
}

static void *page_make(struct node *node, uint64_t index)
{
    void *page = page_at(node, index);

    return page ? page : memory_page_set(node, index, NULL);
}

/* Drops the pages from `first` on, and tables that are empty then. */
static void pages_drop(struct node *node, uint64_t first)
{
    for (uint64_t leaf = first / NODE_LEAF; leaf < node->leaf_count; leaf++) {
        void **pages = node->leaves[leaf];
        unsigned int from = leaf == first / NODE_LEAF ? first % NODE_LEAF : 0;

        for (unsigned int i = from; pages && i < NODE_LEAF; i++) {
            if (pages[i])
                pv_pages_put(pages[i]);
            pages[i] = NULL;
        }
        if (pages && !from) {
            pv_pages_put(pages);
            node->leaves[leaf] = NULL;
        }
    }
}

uint64_t memory_pages(const struct node *node)
{
    uint64_t count = 0;

    for (size_t leaf = 0; leaf < node->leaf_count; leaf++)
        for (unsigned int i = 0; node->leaves[leaf] && i < NODE_LEAF; i++)
            count += node->leaves[leaf][i] != NULL;
    return count;
}

void memory_free(struct node *node)
{
    pages_drop(node, 0);
    pv_free(node->leaves);
    node->leaves = NULL;
    node->leaf_count = 0;
}

/* ---- content ---- */

static size_t piece_at(uint64_t pos, uint64_t n)
{
    uint64_t left = PV_PAGE - pos % PV_PAGE;

    return (size_t)(n < left ? n : left);
}

/* Holes are read from this page. */
static const char zeros[PV_PAGE] __attribute__((aligned(4096)));

static long memory_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    struct node *node = file->data;
    uint64_t n = pos < node->size ? node->size - pos : 0, done = 0;
    int rc = 0;

    if (n > to->left)
        n = to->left;
    while (done < n) {
        size_t piece = piece_at(pos, n - done);
        const char *page = page_at(node, pos / PV_PAGE);

        rc = iter_put(to, page ? page + pos % PV_PAGE : zeros, piece);
        if (rc)
            break;
        pos += piece;
        done += piece;
    }
    return done ? (long)done : rc;
}

static int write_refused(const struct node *node, uint64_t pos, size_t *n)
{
    if (pos >= NODE_SIZE_MAX)
        return -EFBIG;
    if (*n > NODE_SIZE_MAX - pos)
        *n = (size_t)(NODE_SIZE_MAX - pos);
    return (node->seals & F_SEAL_GROW) && pos + *n > node->size ? -EPERM : 0;
}

static long memory_write(struct file *file, struct user_iter *from, uint64_t pos)
{
    struct node *node = file->data;
    size_t n = from->left, done = 0;
    int rc = write_refused(node, pos, &n);

    while (!rc && done < n) {
        size_t piece = piece_at(pos, n - done);
        char *page = page_make(node, pos / PV_PAGE);

        rc = page ? iter_get(from, page + pos % PV_PAGE, piece) : -ENOSPC;
        if (rc)
            break;
        pos += piece;
        done += piece;
        if (pos > node->size)
            node->size = pos;
    }
    if (done)
        node_touch(node);
    return done ? (long)done : rc;
}

/* Pages that are mapped stay in the mapping, but are not the file's any more. */
int memory_truncate(struct node *node, uint64_t size)
{
    char *last;

    if (size > NODE_SIZE_MAX)
        return -EFBIG;
    if (((node->seals & F_SEAL_SHRINK) && size < node->size) ||
        ((node->seals & F_SEAL_GROW) && size > node->size))
        return -EPERM;
    if (size < node->size) {
        pages_drop(node, (size + PV_PAGE - 1) / PV_PAGE);
        last = size % PV_PAGE ? page_at(node, size / PV_PAGE) : NULL;
        if (last)
            pv_zero(last + size % PV_PAGE, PV_PAGE - size % PV_PAGE);
    }
    node->size = size;
    node_touch(node);
    return 0;
}

/* A hole is a page that does not exist. The end of the file counts as a hole, too. */
long memory_seek(const struct node *node, uint64_t offset, bool hole)
{
    uint64_t index = offset / PV_PAGE;

    if (offset >= node->size)
        return -ENXIO;
    if (!!page_at(node, index) != hole)
        return (long)offset;
    for (index++; index * PV_PAGE < node->size; index++) {
        if (!hole && !(index % NODE_LEAF) && !page_slot(node, index))
            index += NODE_LEAF - 1;
        else if (!!page_at(node, index) != hole)
            return (long)(index * PV_PAGE);
    }
    return hole ? (long)node->size : -ENXIO;
}

static int truncate_file(struct file *file, uint64_t size)
{
    return memory_truncate(file->data, size);
}

static void *mapped_page(struct file *file, uint64_t index, bool write)
{
    struct node *node = file->data;
    void *page;

    /* A hole gets a page even for reading: the file may be written through another mapping. */
    if (index >= (node->size + PV_PAGE - 1) / PV_PAGE)
        return NULL;
    page = page_make(node, index);
    if (page)
        pv_pages_get(page);
    return page;
}

static long memory_ioctl(struct file *file, unsigned int command, uintptr_t arg)
{
    struct node *node = file->data;
    int64_t left = (int64_t)(node->size - file->pos);
    int answer = left > INT32_MAX ? INT32_MAX : left < INT32_MIN ? INT32_MIN : (int)left;

    return command == FIONREAD ? user_write(arg, &answer, sizeof(answer)) : -ENOTTY;
}

static int memory_sync(struct file *file)
{
    return 0;
}

static void memory_stat(struct file *file, struct stat *st)
{
    node_stat(file->data, st);
}

/* file->data is the node; file->node holds the user for it. */
const struct file_ops memory_file_ops = {
    .read = memory_read,
    .write = memory_write,
    .ioctl = memory_ioctl,
    .stat = memory_stat,
    .page = mapped_page,
    .truncate = truncate_file,
    .sync = memory_sync,
    .seekable = true,
};

struct node *memory_node(const struct file *file)
{
    return file->ops == &memory_file_ops ? file->data : NULL;
}

/* ---- memfd and its seals, fallocate ---- */

long sys_memfd_create(const unsigned long a[6])
{
    unsigned int flags = (unsigned int)a[1];
    char name[250];
    long n = user_string(name, a[0], sizeof(name));
    struct node *node;
    struct file *file;

    if (n < 0)
        return n == -ENAMETOOLONG ? -EINVAL : n;
    if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC))
        return -EINVAL; /* huge pages do not exist here */
    node = node_new(S_IFREG | (flags & MFD_NOEXEC_SEAL ? 0666 : 0777));
    if (!node)
        return -ENOMEM;
    node->seals = flags & MFD_ALLOW_SEALING ? 0 : F_SEAL_SEAL;
    file = file_new(&memory_file_ops, O_RDWR, node);
    if (!file) {
        node_put(node);
        return -ENOMEM;
    }
    file->node = node;
    return fd_install(file, 0, flags & MFD_CLOEXEC);
}

/* Seals against writing are not supported: all mappings would have to be checked. */
long memory_seals(struct file *file, bool add, unsigned long seals)
{
    struct node *node = memory_node(file);

    if (!node || node->parent)
        return -EINVAL;
    if (!add)
        return node->seals;
    if (!file_writable(file))
        return -EPERM;
    if (seals & ~(unsigned long)SEALS_KNOWN)
        return -EINVAL;
    if (node->seals & F_SEAL_SEAL)
        return -EPERM;
    node->seals |= (unsigned int)seals;
    return 0;
}

#define FALLOC_FL_KEEP_SIZE 1U

/* Allocates pages. If memory runs out the pages so far stay; they read as zeros, or are behind the end. */
static int memory_fill(struct node *node, uint64_t from, uint64_t end)
{
    for (uint64_t index = from / PV_PAGE; index * PV_PAGE < end; index++)
        if (!page_make(node, index))
            return -ENOSPC;
    return 0;
}

long sys_fallocate(const unsigned long a[6])
{
    struct file *file = fd_file(a[0]);
    uint64_t from = a[2], size = a[3], end = from + size;
    struct node *node;
    int rc;

    if (!file || !file_writable(file))
        return -EBADF;
    if ((int64_t)from < 0 || (int64_t)size <= 0)
        return -EINVAL;
    node = memory_node(file);
    if (!node)
        return file->ops->seekable ? -ENODEV : -ESPIPE;
    if (a[1] & ~(unsigned long)FALLOC_FL_KEEP_SIZE)
        return -EOPNOTSUPP;
    if (end > NODE_SIZE_MAX)
        return -EFBIG;
    if ((node->seals & F_SEAL_GROW) && end > node->size)
        return -EPERM;
    rc = memory_fill(node, from, end);
    if (rc || (a[1] & FALLOC_FL_KEEP_SIZE) || end <= node->size)
        return rc;
    return memory_truncate(node, end);
}
