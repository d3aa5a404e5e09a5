/*
 * Opening what has a name, and reading folders.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "files.h"

#include <linux/fs.h>

static unsigned int kind_of(const struct node *node)
{
    return node->mode & S_IFMT;
}

/* ---- folders as files ---- */

static long folder_read(struct file *file, struct user_iter *to, uint64_t pos)
{
    return -EISDIR;
}

static void folder_stat(struct file *file, struct stat *st)
{
    node_stat(file->node, st);
}

static int folder_sync(struct file *file)
{
    return 0;
}

static const struct file_ops folder_ops = {
    .read = folder_read,
    .stat = folder_stat,
    .sync = folder_sync,
    .seekable = true,
};

/* struct linux_dirent64, which Linux's headers for programs do not have. */
struct entry {
    uint64_t ino;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[MICRO_NAME + 1 + 8];
};
#define ENTRY_HEAD offsetof(struct entry, name)

struct entries { uintptr_t to; size_t left, done; };

/* Writes one entry: 0; -EINVAL: no room; -EFAULT. next: the position behind it. */
static int entry_put(struct entries *entries, const char *name, const struct node *node,
                     uint64_t next)
{
    size_t n = pv_strlen(name) + 1, size = (ENTRY_HEAD + n + 7) & ~7UL;
    struct entry entry;
    int rc;

    if (size > entries->left)
        return -EINVAL;
    pv_zero(&entry, sizeof(entry));
    entry.ino = node->ino;
    entry.next = (int64_t)next;
    entry.size = (uint16_t)size;
    entry.type = (uint8_t)(kind_of(node) >> 12);
    pv_copy(entry.name, name, n);
    rc = user_write(entries->to + entries->done, &entry, size);
    if (rc)
        return rc;
    entries->left -= size;
    entries->done += size;
    return 0;
}

/*
 * The position is the `order` of the entry that was returned last. It stays right when entries come and go. 1 and 2 are
 * "." and "..".
 */
static int entries_fill(struct entries *entries, struct file *folder)
{
    const struct node *node = folder->node, *up = node->parent ? node->parent : node;
    int rc = 0;

    if (folder->pos < 1) {
        rc = entry_put(entries, ".", node, 1);
        if (!rc)
            folder->pos = 1;
    }
    if (!rc && folder->pos < 2) {
        rc = entry_put(entries, "..", up, 2);
        if (!rc)
            folder->pos = 2;
    }
    for (const struct node *child = node->children; !rc && child; child = child->next) {
        if (child->order <= folder->pos)
            continue;
        rc = entry_put(entries, child->name, child, child->order);
        if (!rc)
            folder->pos = child->order;
    }
    return rc;
}

long sys_getdents64(const unsigned long a[6])
{
    struct file *file = fd_file(a[0]);
    struct entries entries = { .to = a[1], .left = (unsigned int)a[2] };
    int rc;

    if (!file)
        return -EBADF;
    if (file->ops != &folder_ops)
        return -ENOTDIR;
    rc = entries_fill(&entries, file);
    return entries.done ? (long)entries.done : rc;
}

/* ---- opening ---- */

static int plain_file(struct node *node, const struct file_ops *ops, int flags, struct file **file)
{
    *file = file_new(ops, flags, node);
    if (!*file)
        return -ENOMEM;
    (*file)->node = node_get(node);
    return 0;
}

static int device_file(struct node *node, int flags, struct file **file)
{
    int rc;

    node_get(node); /* opening may sleep, and the device may be removed meanwhile */
    rc = node->open(node->open_arg, flags, file);
    if (!rc)
        (*file)->node = node_get(node);
    node_put(node);
    return rc;
}

int node_file(struct node *node, int flags, struct file **file)
{
    if (node->open)
        return device_file(node, flags, file);
    switch (kind_of(node)) {
    case S_IFDIR:
        return plain_file(node, &folder_ops, flags, file);
    case S_IFREG:
        return plain_file(node, &memory_file_ops, flags, file);
    case S_IFLNK:
        return -ELOOP;
    default:
        return -ENXIO;
    }
}

static bool for_writing(int flags)
{
    return (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
}

static int open_allowed(const struct node *node, int flags)
{
    unsigned int what = (flags & O_ACCMODE) == O_WRONLY ? 0 : MAY_READ;
    int rc;

    if (for_writing(flags))
        what |= MAY_WRITE;
    if (kind_of(node) == S_IFDIR && ((what & MAY_WRITE) || (flags & O_CREAT)))
        return -EISDIR;
    if (kind_of(node) != S_IFDIR && (flags & O_DIRECTORY))
        return -ENOTDIR;
    rc = node_may(node, what);
    if (!rc && (what & MAY_WRITE) && !node->open)
        rc = node_frozen(node);
    return rc;
}

int node_make(const struct found *found, unsigned int mode, struct node **node)
{
    int rc;

    if (found->folder != node_root() && !found->folder->parent)
        return -ENOENT; /* the folder was removed */
    rc = node_frozen(found->folder);
    if (!rc)
        rc = node_may(found->folder, MAY_WRITE | MAY_EXEC);
    if (rc)
        return rc;
    if (pv_pages_free() <= NODE_RESERVE)
        return -ENOSPC;
    *node = node_new(mode);
    if (!*node)
        return -ENOMEM;
    rc = node_link(found->folder, found->last, found->length, *node);
    node_put(*node); /* its name in the folder is a user */
    return rc;
}

/* Whoever creates a file may write to it, whatever its mode. */
static int open_new(const struct found *found, int flags, unsigned int mode, struct file **file)
{
    struct node *node;
    int rc;

    if (!(flags & O_CREAT))
        return -ENOENT;
    if (found->slash)
        return -EISDIR;
    rc = node_make(found, S_IFREG | (mode & 07777 & ~task_fs()->umask), &node);
    if (rc)
        return rc;
    rc = node_file(node, flags, file);
    if (rc)
        node_unlink(node);
    return rc;
}

static int open_found(struct node *node, int flags, struct file **file)
{
    int rc;

    if ((flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
        return -EEXIST;
    if (node->target)
        return -ELOOP;
    rc = open_allowed(node, flags);
    if (!rc && (flags & O_TRUNC) && kind_of(node) == S_IFREG && !node->open)
        rc = memory_truncate(node, 0);
    return rc ? rc : node_file(node, flags, file);
}

/* Flags that are not supported. To ignore them would tell the program that they work. */
#define OPEN_REFUSED (O_PATH | (O_TMPFILE & ~O_DIRECTORY) | FASYNC)

static long do_open(int dirfd, uintptr_t path, int flags, unsigned int mode)
{
    bool follow = !(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL);
    char text[MICRO_PATH];
    struct found found;
    struct file *file;
    long rc = user_string(text, path, sizeof(text));

    if (rc < 0)
        return rc;
    if (flags & OPEN_REFUSED)
        return -EOPNOTSUPP;
    if ((flags & O_ACCMODE) == O_ACCMODE)
        return -EINVAL;
    if ((flags & (O_CREAT | O_DIRECTORY)) == (O_CREAT | O_DIRECTORY))
        return -EINVAL;
    rc = node_walk(dirfd, text, follow ? WALK_FOLLOW : 0, &found);
    if (rc)
        return rc;
    rc = found.node ? open_found(found.node, flags, &file) : open_new(&found, flags, mode, &file);
    return rc ? rc : fd_install(file, 0, flags & O_CLOEXEC);
}

long sys_open(const unsigned long a[6])
{
    return do_open(AT_FDCWD, a[0], (int)a[1], (unsigned int)a[2]);
}

long sys_openat(const unsigned long a[6])
{
    return do_open((int)a[0], a[1], (int)a[2], (unsigned int)a[3]);
}

int node_open(const char *path, int flags, struct file **file)
{
    struct found found;
    int rc = node_walk(AT_FDCWD, path, WALK_FOLLOW | WALK_KERNEL, &found);

    if (!rc && !found.node)
        rc = -ENOENT;
    return rc ? rc : node_file(found.node, flags, file);
}
