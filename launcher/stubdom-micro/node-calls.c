/*
 * System calls about names: what a node is, making and removing, owners and modes, where a
 * process is.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "files.h"

#include <asm/statfs.h>
#include <linux/magic.h>

static bool is_folder(const struct node *node)
{
    return (node->mode & S_IFMT) == S_IFDIR;
}

/* ---- what it is ---- */

/* With AT_EMPTY_PATH, an empty path means the descriptor. *file is set then, else found. */
static int find_any(int dirfd, uintptr_t path, unsigned int flags, struct file **file,
                    struct found *found)
{
    char first;
    int rc = 0;

    *file = NULL;
    if (flags & AT_EMPTY_PATH) {
        rc = path ? user_read(&first, path, 1) : 0;
        if (rc)
            return rc;
        if (!path || !first) {
            *file = dirfd == AT_FDCWD ? NULL : fd_file((unsigned int)dirfd);
            if (*file)
                return 0;
            return dirfd == AT_FDCWD ? node_walk(AT_FDCWD, ".", 0, found) : -EBADF;
        }
    }
    return node_find(dirfd, path, flags & AT_SYMLINK_NOFOLLOW ? 0 : WALK_FOLLOW, found);
}

static int stat_any(int dirfd, uintptr_t path, unsigned int flags, struct stat *st)
{
    struct found found;
    struct file *file;
    int rc;

    pv_zero(st, sizeof(*st));
    rc = find_any(dirfd, path, flags, &file, &found);
    if (rc)
        return rc;
    if (!file || file->node)
        node_stat(file ? file->node : found.node, st);
    else if (file->ops->stat)
        file->ops->stat(file, st);
    return 0;
}

static long do_stat(int dirfd, uintptr_t path, uintptr_t to, unsigned int flags)
{
    struct stat st;
    int rc;

    if (flags & ~(unsigned int)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT))
        return -EINVAL;
    rc = stat_any(dirfd, path, flags, &st);
    return rc ? rc : user_write(to, &st, sizeof(st));
}

long sys_stat(const unsigned long a[6]) { return do_stat(AT_FDCWD, a[0], a[1], 0); }
long sys_lstat(const unsigned long a[6])
{
    return do_stat(AT_FDCWD, a[0], a[1], AT_SYMLINK_NOFOLLOW);
}

long sys_newfstatat(const unsigned long a[6])
{
    return do_stat((int)a[0], a[1], a[2], (unsigned int)a[3]);
}

static struct statx_timestamp statx_time(unsigned long s, unsigned long ns)
{
    return (struct statx_timestamp){ .tv_sec = (int64_t)s, .tv_nsec = (uint32_t)ns };
}

long sys_statx(const unsigned long a[6])
{
    unsigned int flags = (unsigned int)a[2] & ~(unsigned int)AT_STATX_SYNC_TYPE;
    struct statx x;
    struct stat st;
    int rc;

    if (flags & ~(unsigned int)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT))
        return -EINVAL;
    rc = stat_any((int)a[0], a[1], flags, &st);
    if (rc)
        return rc;
    pv_zero(&x, sizeof(x));
    x.stx_mask = STATX_BASIC_STATS;
    x.stx_blksize = (uint32_t)st.st_blksize;
    x.stx_nlink = (uint32_t)st.st_nlink;
    x.stx_uid = st.st_uid;
    x.stx_gid = st.st_gid;
    x.stx_mode = (uint16_t)st.st_mode;
    x.stx_ino = st.st_ino;
    x.stx_size = (uint64_t)st.st_size;
    x.stx_blocks = (uint64_t)st.st_blocks;
    x.stx_rdev_major = (uint32_t)(st.st_rdev >> 8) & 0xfff;
    x.stx_rdev_minor = (uint32_t)(st.st_rdev & 0xff);
    x.stx_dev_minor = (uint32_t)st.st_dev;
    x.stx_atime = statx_time(st.st_atime, st.st_atime_nsec);
    x.stx_mtime = statx_time(st.st_mtime, st.st_mtime_nsec);
    x.stx_ctime = statx_time(st.st_ctime, st.st_ctime_nsec);
    return user_write(a[4], &x, sizeof(x));
}

static long do_access(int dirfd, uintptr_t path, unsigned int what, unsigned int flags)
{
    struct found found;
    struct file *file;
    struct node *node;
    int rc;

    if ((what & ~7U) ||
        (flags & ~(unsigned int)(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)))
        return -EINVAL;
    rc = find_any(dirfd, path, flags, &file, &found);
    if (rc)
        return rc;
    node = file ? file->node : found.node;
    if (!node)
        return 0;
    if ((what & MAY_WRITE) && !node->open && node_frozen(node))
        return -EROFS;
    return node_may(node, what);
}

long sys_access(const unsigned long a[6]) { return do_access(AT_FDCWD, a[0], (unsigned int)a[1], 0); }
long sys_faccessat(const unsigned long a[6])
{
    return do_access((int)a[0], a[1], (unsigned int)a[2], 0);
}
long sys_faccessat2(const unsigned long a[6])
{
    return do_access((int)a[0], a[1], (unsigned int)a[2], (unsigned int)a[3]);
}

static long do_readlink(int dirfd, uintptr_t path, uintptr_t to, int size)
{
    struct found found;
    size_t n;
    int rc;

    if (size <= 0)
        return -EINVAL;
    rc = node_find(dirfd, path, 0, &found);
    if (rc)
        return rc;
    if (!found.node->target)
        return -EINVAL;
    n = pv_strlen(found.node->target);
    if (n > (size_t)size)
        n = (size_t)size;
    rc = user_write(to, found.node->target, n);
    return rc ? rc : (long)n;
}

long sys_readlink(const unsigned long a[6]) { return do_readlink(AT_FDCWD, a[0], a[1], (int)a[2]); }
long sys_readlinkat(const unsigned long a[6])
{
    return do_readlink((int)a[0], a[1], a[2], (int)a[3]);
}

static long fill_statfs(uintptr_t to)
{
    struct statfs st;

    pv_zero(&st, sizeof(st));
    st.f_type = TMPFS_MAGIC;
    st.f_bsize = st.f_frsize = PV_PAGE;
    st.f_blocks = (long)pv_pages_total();
    st.f_bfree = st.f_bavail = (long)pv_pages_free();
    st.f_namelen = MICRO_NAME;
    return user_write(to, &st, sizeof(st));
}

long sys_statfs(const unsigned long a[6])
{
    struct found found;
    int rc = node_find(AT_FDCWD, a[0], WALK_FOLLOW, &found);

    return rc ? rc : fill_statfs(a[1]);
}

long sys_fstatfs(const unsigned long a[6])
{
    return fd_file(a[0]) ? fill_statfs(a[1]) : -EBADF;
}

/* ---- making ---- */

static long do_mkdir(int dirfd, uintptr_t path, unsigned int mode)
{
    char text[MICRO_PATH];
    struct found found;
    struct node *node;
    long rc = user_string(text, path, sizeof(text));

    if (rc >= 0)
        rc = node_walk(dirfd, text, 0, &found);
    if (rc)
        return rc;
    if (found.node)
        return -EEXIST;
    return node_make(&found, S_IFDIR | (mode & 01777 & ~task_fs()->umask), &node);
}

long sys_mkdir(const unsigned long a[6]) { return do_mkdir(AT_FDCWD, a[0], (unsigned int)a[1]); }
long sys_mkdirat(const unsigned long a[6]) { return do_mkdir((int)a[0], a[1], (unsigned int)a[2]); }

long sys_symlink(const unsigned long a[6])
{
    char target[MICRO_PATH], text[MICRO_PATH];
    struct found found;
    struct node *node;
    long n = user_string(target, a[0], sizeof(target)), rc;

    rc = n < 0 ? n : user_string(text, a[1], sizeof(text));
    if (rc >= 0)
        rc = n ? node_walk(AT_FDCWD, text, 0, &found) : -ENOENT;
    if (rc)
        return rc;
    if (found.node)
        return -EEXIST;
    if (found.slash)
        return -ENOENT;
    rc = node_make(&found, S_IFLNK | 0777, &node);
    if (rc)
        return rc;
    node->target = pv_alloc((size_t)n + 1);
    if (!node->target) {
        node_unlink(node);
        return -ENOMEM;
    }
    pv_copy(node->target, target, (size_t)n);
    return 0;
}

/* ---- removing and renaming ---- */

static int remove_allowed(const struct found *found)
{
    const struct node *folder = found->folder, *node = found->node;
    unsigned int uid = task_uid();
    int rc = node_frozen(folder);

    if (!rc)
        rc = node_may(folder, MAY_WRITE | MAY_EXEC);
    if (rc)
        return rc;
    if (node->mounted)
        return -EBUSY;
    if ((folder->mode & S_ISVTX) && uid != MICRO_ROOT && uid != folder->uid && uid != node->uid)
        return -EPERM;
    return 0;
}

/* "." and ".." lead to a folder, but are no names that could be removed. */
static bool is_dots(const struct found *found)
{
    return pv_streq(found->last, ".") || pv_streq(found->last, "..");
}

static long do_unlink(int dirfd, uintptr_t path)
{
    struct found found;
    int rc = node_find(dirfd, path, 0, &found);

    if (rc)
        return rc;
    if (is_folder(found.node))
        return -EISDIR;
    rc = remove_allowed(&found);
    if (!rc)
        node_unlink(found.node);
    return rc;
}

static long do_rmdir(int dirfd, uintptr_t path)
{
    struct found found;
    int rc = node_find(dirfd, path, 0, &found);

    if (rc)
        return rc;
    if (found.node == node_root())
        return -EBUSY;
    if (pv_streq(found.last, "."))
        return -EINVAL;
    if (!is_folder(found.node))
        return -ENOTDIR;
    if (is_dots(&found))
        return -ENOTEMPTY;
    rc = remove_allowed(&found);
    if (!rc && found.node->children)
        rc = -ENOTEMPTY;
    if (!rc)
        node_unlink(found.node);
    return rc;
}

long sys_unlink(const unsigned long a[6]) { return do_unlink(AT_FDCWD, a[0]); }
long sys_rmdir(const unsigned long a[6]) { return do_rmdir(AT_FDCWD, a[0]); }
long sys_unlinkat(const unsigned long a[6])
{
    if (a[2] & ~(unsigned long)AT_REMOVEDIR)
        return -EINVAL;
    return a[2] ? do_rmdir((int)a[0], a[1]) : do_unlink((int)a[0], a[1]);
}

static bool lies_in(const struct node *node, const struct node *folder)
{
    for (; node; node = node->parent)
        if (node == folder)
            return true;
    return false;
}

/* Whether `to`, if it exists, may be replaced: it must be of the same kind, and a folder must be empty. */
static int replace_allowed(const struct found *from, const struct found *to)
{
    int rc = remove_allowed(to);

    if (rc)
        return rc;
    if (is_folder(to->node) && !is_folder(from->node))
        return -EISDIR;
    if (!is_folder(to->node) && is_folder(from->node))
        return -ENOTDIR;
    return to->node->children ? -ENOTEMPTY : 0;
}

static int rename_allowed(const struct found *from, const struct found *to)
{
    int rc;

    if (from->node == node_root() || to->node == node_root() || is_dots(from) || is_dots(to))
        return -EBUSY;
    if (to->folder != node_root() && !to->folder->parent)
        return -ENOENT;
    if (to->slash && !is_folder(from->node))
        return -ENOTDIR;
    if (lies_in(to->folder, from->node))
        return -EINVAL;
    rc = remove_allowed(from);
    if (!rc)
        rc = node_frozen(to->folder);
    if (!rc)
        rc = node_may(to->folder, MAY_WRITE | MAY_EXEC);
    if (!rc && to->node)
        rc = replace_allowed(from, to);
    return rc;
}

/* The mount that a node is in: the nearest marked folder above it, or the root. */
static const struct node *mount_of(const struct node *node)
{
    while (!node->mounted && node->parent)
        node = node->parent;
    return node;
}

/* Allocates the new name first, so that nothing has changed if there is no memory. */
static int rename_found(const struct found *from, const struct found *to)
{
    struct node *node = from->node;
    char *name = pv_alloc(to->length + 1);

    if (!name)
        return -ENOMEM;
    pv_copy(name, to->last, to->length);
    node_get(node);
    if (to->node)
        node_unlink(to->node);
    node_unlink(node);
    node_link_as(to->folder, name, node);
    node_put(node);
    return 0;
}

long sys_rename(const unsigned long a[6])
{
    char text[MICRO_PATH];
    struct found from, to;
    long rc = node_find(AT_FDCWD, a[0], 0, &from);

    if (!rc)
        rc = user_string(text, a[1], sizeof(text));
    if (rc >= 0)
        rc = node_walk(AT_FDCWD, text, 0, &to);
    if (rc)
        return rc;
    if (from.node == to.node)
        return 0;
    rc = rename_allowed(&from, &to);
    if (rc)
        return rc;
    if (mount_of(from.folder) != mount_of(to.folder))
        return -EXDEV;
    return rename_found(&from, &to);
}

/* ---- owners and modes ---- */

static int change_allowed(const struct node *node)
{
    int rc = node->open ? 0 : node_frozen(node);

    if (rc)
        return rc;
    return task_uid() == MICRO_ROOT || task_uid() == node->uid ? 0 : -EPERM;
}

static long node_chmod(struct node *node, unsigned int mode)
{
    int rc = node ? change_allowed(node) : -EPERM;

    if (rc)
        return rc;
    node->mode = (node->mode & S_IFMT) | (mode & 07777);
    node_touch(node);
    return 0;
}

/* Only root can change the owner. An owner may "change" it to himself. */
static long node_chown(struct node *node, unsigned int uid, unsigned int gid)
{
    int rc = node ? change_allowed(node) : -EPERM;

    if (rc)
        return rc;
    if (task_uid() != MICRO_ROOT &&
        ((uid != ~0U && uid != node->uid) || (gid != ~0U && gid != node->gid)))
        return -EPERM;
    if (uid != ~0U)
        node->uid = uid;
    if (gid != ~0U)
        node->gid = gid;
    node_touch(node);
    return 0;
}

static long chmod_path(int dirfd, uintptr_t path, unsigned int mode)
{
    struct found found;
    int rc = node_find(dirfd, path, WALK_FOLLOW, &found);

    return rc ? rc : node_chmod(found.node, mode);
}

long sys_chmod(const unsigned long a[6]) { return chmod_path(AT_FDCWD, a[0], (unsigned int)a[1]); }
long sys_fchmodat(const unsigned long a[6])
{
    return chmod_path((int)a[0], a[1], (unsigned int)a[2]);
}

long sys_fchmod(const unsigned long a[6])
{
    struct file *file = fd_file(a[0]);

    return file ? node_chmod(file->node, (unsigned int)a[1]) : -EBADF;
}

static long chown_path(int dirfd, uintptr_t path, unsigned int uid, unsigned int gid,
                       unsigned int flags)
{
    struct found found;
    struct file *file;
    int rc = find_any(dirfd, path, flags, &file, &found);

    return rc ? rc : node_chown(file ? file->node : found.node, uid, gid);
}

long sys_chown(const unsigned long a[6])
{
    return chown_path(AT_FDCWD, a[0], (unsigned int)a[1], (unsigned int)a[2], 0);
}

long sys_lchown(const unsigned long a[6])
{
    return chown_path(AT_FDCWD, a[0], (unsigned int)a[1], (unsigned int)a[2], AT_SYMLINK_NOFOLLOW);
}

long sys_fchownat(const unsigned long a[6])
{
    unsigned int flags = (unsigned int)a[4];

    if (flags & ~(unsigned int)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH))
        return -EINVAL;
    return chown_path((int)a[0], a[1], (unsigned int)a[2], (unsigned int)a[3], flags);
}

long sys_fchown(const unsigned long a[6])
{
    struct file *file = fd_file(a[0]);

    return file ? node_chown(file->node, (unsigned int)a[1], (unsigned int)a[2]) : -EBADF;
}

/* ---- where a process is ---- */

long sys_umask(const unsigned long a[6])
{
    struct fs_state *fs = task_fs();
    unsigned int old = fs->umask;

    fs->umask = (unsigned int)a[0] & 0777;
    return old;
}

static long change_folder(struct node *node)
{
    struct fs_state *fs = task_fs();
    int rc = !node || !is_folder(node) ? -ENOTDIR : node_may(node, MAY_EXEC);

    if (rc)
        return rc;
    node_get(node);
    fs_state_close(fs);
    fs->folder = node;
    return 0;
}

long sys_chdir(const unsigned long a[6])
{
    struct found found;
    int rc = node_find(AT_FDCWD, a[0], WALK_FOLLOW, &found);

    return rc ? rc : change_folder(found.node);
}

long sys_fchdir(const unsigned long a[6])
{
    struct file *file = fd_file(a[0]);

    return file ? change_folder(file->node) : -EBADF;
}

/* Builds the path from its end. */
long sys_getcwd(const unsigned long a[6])
{
    char path[MICRO_PATH];
    const struct node *node = task_fs()->folder;
    size_t at = sizeof(path) - 1;
    int rc;

    path[at] = '\0';
    for (; node && node != node_root(); node = node->parent) {
        size_t n = pv_strlen(node->name);

        if (!node->parent)
            return -ENOENT;
        if (n + 1 > at)
            return -ENAMETOOLONG;
        at -= n;
        pv_copy(path + at, node->name, n);
        path[--at] = '/';
    }
    if (at == sizeof(path) - 1)
        path[--at] = '/';
    if (sizeof(path) - at > a[1])
        return -ERANGE;
    rc = user_write(a[0], path + at, sizeof(path) - at);
    return rc ? rc : (long)(sizeof(path) - at);
}
