/*
 * What the sources of the file layer share: the tree of names, memory files, byte queues, sockets. The rest of the
 * kernel needs micro.h only.
 *
 * Errors have Linux's names here (asm/errno.h), since pv.h does not have all of them. The numbers are the same.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FILES_H
#define FILES_H

#include "micro.h"

#include <asm/errno.h>
#include <linux/stat.h>

/* linux/stat.h does not define these where there is a C library, as in the unit tests. */
#ifndef S_IFMT
#define S_IFMT 0170000
#define S_IFSOCK 0140000
#define S_IFLNK 0120000
#define S_IFREG 0100000
#define S_IFDIR 0040000
#define S_IFCHR 0020000
#define S_IFIFO 0010000
#define S_ISVTX 0001000
#endif

#define MICRO_PATH 512          /* bytes of a path, with its NUL */
#define MICRO_NAME 255          /* bytes of one name, without NUL */
#define IO_MAX 0x7ffff000UL     /* bytes that one call moves at most, as on Linux */
#define OPEN_KEPT (O_ACCMODE | O_NONBLOCK | O_APPEND | O_DIRECT | O_DSYNC | O_NOATIME)

static inline bool file_readable(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_WRONLY;
}

static inline bool file_writable(const struct file *file)
{
    return (file->flags & O_ACCMODE) != O_RDONLY;
}

/* ---- file.c ---- */

/* The buffers of a readv() or writev(), copied from user memory. */
struct io_buffers { struct user_vec few[8], *vecs; struct user_iter iter; };
int io_buffers_get(struct io_buffers *buffers, uintptr_t vec, unsigned long count);
void io_buffers_put(struct io_buffers *buffers);
/* Sets up one buffer; the size is cut to IO_MAX. */
void io_buffers_one(struct io_buffers *buffers, uintptr_t base, size_t size);

/* Installs two new files, takes over their users, and writes both descriptors to the program. 0 or an error. */
long fd_install_pair(struct file *a, struct file *b, bool cloexec, uintptr_t to);

/* ---- poll.c, epoll.c ---- */

/* What the file's poll() returns, with POLLRDNORM and POLLWRNORM added where they apply. */
unsigned int file_ready(struct file *file);
/*
 * For calls with a mask of signals, as ppoll(). Begin: sets the mask at that user address; 0 or an error. End: puts the
 * old mask back and returns `done`.
 */
int poll_mask_set(uintptr_t mask, size_t size, uint64_t *old);
long poll_mask_end(long done, uint64_t old);
/* epoll_changed: wakes those who wait for a list that has this file. epoll_forget: removes the file from all lists. */
void epoll_changed(struct file *file);
void epoll_forget(struct file *file);

/* ---- node.c: the tree ---- */

struct socket;

struct node {
    struct node *parent;            /* NULL: it is the root, or has no name */
    struct node *next, *children;   /* children: in the order in which they came */
    char *name;
    unsigned int refs;              /* its name in a folder is one */
    unsigned int mode, uid, gid;
    uint64_t rdev, ino, order;      /* order: its place in its folder, for getdents64() */
    uint64_t changed;               /* UTC, ns */
    bool mounted;                   /* a mount of its own: stays writable when the root becomes read-only */
    /* S_IFREG */
    uint64_t size;
    void ***leaves;                 /* memory-file.c: tables of NODE_LEAF pages each */
    size_t leaf_count;
    unsigned int seals;
    /* S_IFLNK */
    char *target;
    /* A device, or a file of /proc */
    device_open_fn *open;
    void *open_arg;
    /* S_IFSOCK: the socket that is bound to it */
    struct socket *socket;
};

/* A new node without a name, with one user, owned by the caller. NULL: no memory. */
struct node *node_new(unsigned int mode);
struct node *node_get(struct node *node);
void node_put(struct node *node);
struct node *node_root(void);
/* Gives node a name in folder, which must be free there. The name is a user of the node. 0 or -ENOMEM. */
int node_link(struct node *folder, const char *name, size_t length, struct node *node);
/* The same with a name from pv_alloc(), which is taken over. It cannot fail. */
void node_link_as(struct node *folder, char *name, struct node *node);
/* Removes the name, which was a user. */
void node_unlink(struct node *node);
struct node *node_child(const struct node *folder, const char *name, size_t length);
/*
 * The folder that this path of the kernel's is in; it is made if it does not exist. *last: the name in the folder.
 * NULL: no memory.
 */
struct node *node_make_folders(const char *path, const char **last);
void node_stat(const struct node *node, struct stat *st);
void node_touch(struct node *node);

/* May the caller do this: R_OK, W_OK, X_OK together. 0 or -EACCES. */
#define MAY_READ 4U
#define MAY_WRITE 2U
#define MAY_EXEC 1U
int node_may(const struct node *node, unsigned int what);
/* -EROFS: the node is in the root's file system, and that is read-only. */
int node_frozen(const struct node *node);
void nodes_freeze(bool readonly);

/*
 * Finds the node of a path, with the caller's permissions, from the caller's folder or dirfd. found->node NULL: there
 * is no such node; folder and last say where it would be. Takes no users.
 */
struct found { struct node *folder, *node; char last[MICRO_NAME + 1]; size_t length; bool slash; };
#define WALK_FOLLOW 1U    /* the last name, too, if it is a symbolic link */
#define WALK_KERNEL 2U    /* without looking at permissions */
int node_walk(int dirfd, const char *path, unsigned int flags, struct found *found);
/* The same for a path in the program's memory. -ENOENT: there is no such node. */
int node_find(int dirfd, uintptr_t path, unsigned int flags, struct found *found);
/* Makes a node where found has none, if the caller may. */
int node_make(const struct found *found, unsigned int mode, struct node **node);
/* Opens a node. Permissions were checked before. 0 or an error. */
int node_file(struct node *node, int flags, struct file **file);

/* ---- memory-file.c: regular files ---- */

#define NODE_LEAF 512U
#define NODE_SIZE_MAX (16ULL << 30)
/* A file takes no page when so few are free: they are for everything else. */
#define NODE_RESERVE 128U
extern const struct file_ops memory_file_ops;
void memory_free(struct node *node);
/* How many pages the file has, holes not counted. */
uint64_t memory_pages(const struct node *node);
/*
 * Makes page (NULL: a new one) the file's page of this index; a user of it is taken over. The page, or NULL: no memory.
 */
void *memory_page_set(struct node *node, uint64_t index, void *page);
int memory_truncate(struct node *node, uint64_t size);
/* SEEK_DATA, SEEK_HOLE: the position or an error. */
long memory_seek(const struct node *node, uint64_t offset, bool hole);
long memory_seals(struct file *file, bool add, unsigned long seals);
/* The node of a memory file; NULL: another kind of file. */
struct node *memory_node(const struct file *file);

/* ---- fifo.c: bytes on their way ---- */

#define FIFO_PAGES 16U
#define FIFO_SIZE (FIFO_PAGES * PV_PAGE)
/* Zeroed: empty. in, out: how many bytes were written and read since the start. */
struct fifo { uint64_t in, out; char *pages[FIFO_PAGES]; };
static inline size_t fifo_used(const struct fifo *fifo) { return (size_t)(fifo->in - fifo->out); }
static inline size_t fifo_room(const struct fifo *fifo) { return FIFO_SIZE - fifo_used(fifo); }
/* Writes as many bytes as fit, at most n. How many; -ENOMEM or -EFAULT if none. */
long fifo_write(struct fifo *fifo, struct user_iter *from, size_t n);
/* Reads as many bytes as there are, at most n. How many; -EFAULT if none. peek: the bytes stay. */
long fifo_read(struct fifo *fifo, struct user_iter *to, size_t n, bool peek);
void fifo_free(struct fifo *fifo);

/* ---- pipe.c ---- */

long pipe_size(struct file *file, bool set, unsigned long size);

#endif
