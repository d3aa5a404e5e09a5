/*
 * The tree of names: nodes, what may be done to them, and how a path leads to one.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "files.h"

#define SYMLINKS_MAX 8

static struct node root = { .refs = 1, .mode = S_IFDIR | 0755, .ino = 1, .mounted = true };
static uint64_t last_number = 2; /* of inodes and of `order`; 1 and 2 are "." and ".." */
static bool frozen;

struct node *node_root(void)
{
    return &root;
}

/* ---- life ---- */

void node_touch(struct node *node)
{
    node->changed = pv_clock() + pv_clock_epoch();
}

struct node *node_new(unsigned int mode)
{
    struct node *node = pv_alloc(sizeof(*node));

    if (!node)
        return NULL;
    node->refs = 1;
    node->mode = mode;
    node->uid = node->gid = task_self() ? task_uid() : MICRO_ROOT;
    node->ino = ++last_number;
    node_touch(node);
    return node;
}

struct node *node_get(struct node *node)
{
    node->refs++;
    return node;
}

void node_put(struct node *node)
{
    PV_ASSERT(node->refs);
    if (--node->refs)
        return;
    memory_free(node);
    pv_free(node->target);
    pv_free(node->name);
    pv_free(node);
}

/* name: from pv_alloc(), taken over. */
void node_link_as(struct node *folder, char *name, struct node *node)
{
    struct node **end = &folder->children;

    pv_free(node->name);
    node->name = name;
    while (*end)
        end = &(*end)->next;
    *end = node_get(node);
    node->next = NULL;
    node->parent = folder;
    node->order = ++last_number;
    node_touch(folder);
}

int node_link(struct node *folder, const char *name, size_t length, struct node *node)
{
    char *copy = pv_alloc(length + 1);

    if (!copy)
        return -ENOMEM;
    pv_copy(copy, name, length);
    node_link_as(folder, copy, node);
    return 0;
}

void node_unlink(struct node *node)
{
    struct node **link = &node->parent->children;

    while (*link != node)
        link = &(*link)->next;
    *link = node->next;
    node_touch(node->parent);
    node->parent = node->next = NULL;
    node_put(node);
}

static bool name_is(const char *name, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (name[i] != text[i]) /* also unequal at name's end, since text has no NUL there */
            return false;
    return !name[length];
}

struct node *node_child(const struct node *folder, const char *name, size_t length)
{
    for (struct node *node = folder->children; node; node = node->next)
        if (name_is(node->name, name, length))
            return node;
    return NULL;
}

void node_stat(const struct node *node, struct stat *st)
{
    st->st_dev = 1;
    st->st_ino = node->ino;
    st->st_mode = node->mode;
    st->st_uid = node->uid;
    st->st_gid = node->gid;
    st->st_rdev = node->rdev;
    st->st_nlink = node->parent || node == &root;
    st->st_size = (long)(node->target ? pv_strlen(node->target) : node->size);
    st->st_blksize = PV_PAGE;
    st->st_blocks = (long)(memory_pages(node) * (PV_PAGE / 512));
    st->st_atime = st->st_mtime = st->st_ctime = node->changed / PV_SECOND;
    st->st_atime_nsec = st->st_mtime_nsec = st->st_ctime_nsec = node->changed % PV_SECOND;
    if ((node->mode & S_IFMT) != S_IFDIR)
        return;
    st->st_nlink += st->st_nlink;
    for (const struct node *child = node->children; child; child = child->next)
        st->st_nlink += (child->mode & S_IFMT) == S_IFDIR;
}

/* ---- permissions ---- */

/*
 * Each user has a group of his own, so the bits of the owner or of others count. Root may do all, except run a file
 * that nobody may.
 */
int node_may(const struct node *node, unsigned int what)
{
    unsigned int uid = task_uid(), bits = node->mode;

    if (uid == MICRO_ROOT) {
        bool folder = (node->mode & S_IFMT) == S_IFDIR;

        return !(what & MAY_EXEC) || folder || (node->mode & 0111) ? 0 : -EACCES;
    }
    if (uid == node->uid)
        bits >>= 6;
    return what & ~bits ? -EACCES : 0;
}

void nodes_freeze(bool readonly)
{
    frozen = readonly;
}

/* A node without a name is a memfd, which is in no file system, or was removed after it was opened. */
int node_frozen(const struct node *node)
{
    if (!frozen)
        return 0;
    for (; node; node = node->parent) {
        if (node == &root)
            return -EROFS;
        if (node->mounted)
            return 0;
    }
    return 0;
}

/* ---- paths ---- */

struct walk {
    struct node *at;
    const char *rest;
    char *text;            /* from pv_alloc(), if `rest` points into it; else NULL */
    unsigned int links;
};

/* Replaces a symbolic link by its target: the path is now the target, followed by the rest. */
static int walk_link(struct walk *walk, const struct node *link)
{
    size_t n = pv_strlen(link->target), rest = pv_strlen(walk->rest);
    char *text;

    if (++walk->links > SYMLINKS_MAX)
        return -ELOOP;
    if (n + rest + 1 > MICRO_PATH)
        return -ENAMETOOLONG;
    text = pv_alloc(n + rest + 1);
    if (!text)
        return -ENOMEM;
    pv_copy(text, link->target, n);
    pv_copy(text + n, walk->rest, rest);
    pv_free(walk->text);
    walk->rest = walk->text = text;
    if (*text == '/')
        walk->at = &root;
    return 0;
}

static const char *after_slashes(const char *text)
{
    while (*text == '/')
        text++;
    return text;
}

/* Takes the next name off the path: "" at its end. */
static int walk_name(struct walk *walk, struct found *found)
{
    size_t n = 0;

    walk->rest = after_slashes(walk->rest);
    for (; walk->rest[n] && walk->rest[n] != '/'; n++)
        if (n == MICRO_NAME)
            return -ENAMETOOLONG;
    pv_copy(found->last, walk->rest, n);
    found->last[n] = '\0';
    found->length = n;
    found->slash = walk->rest[n] == '/';
    walk->rest += n;
    return 0;
}

/* An empty name: the path ended with the slash of a link's target. */
static struct node *walk_child(struct node *folder, const struct found *found)
{
    if (!found->length || pv_streq(found->last, "."))
        return folder;
    if (pv_streq(found->last, ".."))
        return folder->parent ? folder->parent : folder;
    return node_child(folder, found->last, found->length);
}

/* Goes on by one name. *done: it was the last. */
static int walk_step(struct walk *walk, unsigned int flags, struct found *found, bool *done)
{
    struct node *node;
    int rc = (walk->at->mode & S_IFMT) == S_IFDIR ? 0 : -ENOTDIR;

    if (!rc && !(flags & WALK_KERNEL))
        rc = node_may(walk->at, MAY_EXEC);
    if (!rc)
        rc = walk_name(walk, found);
    if (rc)
        return rc;
    *done = !*after_slashes(walk->rest);
    node = walk_child(walk->at, found);
    found->folder = walk->at;
    found->node = node;
    if (!node)
        return *done ? 0 : -ENOENT;
    if (node->target && (!*done || (flags & WALK_FOLLOW) || found->slash)) {
        *done = false;
        return walk_link(walk, node);
    }
    walk->at = node;
    return *done && found->slash && (node->mode & S_IFMT) != S_IFDIR ? -ENOTDIR : 0;
}

static int walk_start(int dirfd, const char *path, struct walk *walk)
{
    struct file *file;

    *walk = (struct walk){ .at = &root, .rest = path };
    if (*path == '/' || !task_self())
        return 0;
    if (dirfd == AT_FDCWD) {
        struct node *folder = task_fs()->folder;

        walk->at = folder ? folder : &root;
        return 0;
    }
    file = fd_file((unsigned int)dirfd);
    if (!file)
        return -EBADF;
    if (!file->node)
        return -ENOTDIR;
    walk->at = file->node;
    return 0;
}

int node_walk(int dirfd, const char *path, unsigned int flags, struct found *found)
{
    struct walk walk;
    bool done = false;
    int rc = *path ? walk_start(dirfd, path, &walk) : -ENOENT;

    if (rc)
        return rc;
    *found = (struct found){ .folder = walk.at, .node = walk.at };
    if (*path == '/' && !*after_slashes(path)) {
        found->slash = true; /* the path is the root, which has no name and no folder that it is in */
        return 0;
    }
    while (!rc && !done)
        rc = walk_step(&walk, flags, found, &done);
    pv_free(walk.text);
    return rc;
}

int node_find(int dirfd, uintptr_t path, unsigned int flags, struct found *found)
{
    char text[MICRO_PATH];
    long n = user_string(text, path, sizeof(text));
    int rc = n < 0 ? (int)n : node_walk(dirfd, text, flags, found);

    return rc || found->node ? rc : -ENOENT;
}

/* ---- what the kernel itself puts in ---- */

struct node *node_make_folders(const char *path, const char **last)
{
    struct node *at = &root;

    for (;;) {
        size_t n = 0;
        struct node *node;

        path = after_slashes(path);
        while (path[n] && path[n] != '/')
            n++;
        *last = path;
        if (!path[n])
            return at;
        node = node_child(at, path, n);
        if (!node) {
            node = node_new(S_IFDIR | 0755);
            if (!node)
                return NULL;
            if (node_link(at, path, n, node)) {
                node_put(node);
                return NULL;
            }
            node_put(node);
        }
        at = node;
        path += n;
    }
}

int device_add(const char *path, unsigned int mode, uint64_t rdev, device_open_fn *open, void *arg)
{
    const char *name;
    struct node *folder = node_make_folders(path, &name), *node;
    int rc;

    if (!folder)
        return -ENOMEM;
    if (node_child(folder, name, pv_strlen(name)))
        return -EEXIST;
    node = node_new(mode);
    if (!node)
        return -ENOMEM;
    node->uid = node->gid = MICRO_ROOT;
    node->rdev = rdev;
    node->open = open;
    node->open_arg = arg;
    rc = node_link(folder, name, pv_strlen(name), node);
    node_put(node);
    return rc;
}

void device_remove(const char *path)
{
    const char *name;
    struct node *folder = node_make_folders(path, &name);
    struct node *node = folder ? node_child(folder, name, pv_strlen(name)) : NULL;

    if (node)
        node_unlink(node);
}

void fs_state_copy(struct fs_state *to, const struct fs_state *from)
{
    *to = *from;
    if (to->folder)
        node_get(to->folder);
}

void fs_state_close(struct fs_state *state)
{
    if (state->folder)
        node_put(state->folder);
    state->folder = NULL;
}
