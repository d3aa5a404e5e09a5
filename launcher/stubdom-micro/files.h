/*
 * What the files about files share: the tree of names, memory files, byte queues, sockets.
 * For the rest of the kernel micro.h is enough.
 *
 * Errors that pv.h has no name for are Linux's (asm/errno.h); one family of names is used here.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef FILES_H
#define FILES_H

#include "micro.h"

#include <asm/errno.h>
#include <linux/stat.h>

/* Where there is a C library beside (the unit tests), Linux's header leaves these to it. */
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
#define MICRO_NAME 255          /* bytes of one name, without */
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

/* Installs two new files (users taken over) and tells the program their numbers. 0 or an error. */
long fd_install_pair(struct file *a, struct file *b, bool cloexec, uintptr_t to);

/* ---- poll.c, epoll.c ---- */

/* What its poll() says, and that as "normal data", too. */
unsigned int file_ready(struct file *file);
/* A call with a mask of signals (user address; size): sets it; 0 or an error. Its end: returns what was done. */
int poll_mask_set(uintptr_t mask, size_t size, uint64_t *old);
long poll_mask_end(long done, uint64_t old);
/* Who waits for a list that has this file looks again; no list has it any more. */
void epoll_changed(struct file *file);
void epoll_forget(struct file *file);

/* ---- node.c: the tree ---- */

struct socket;

struct node {
    struct node *parent;            /* NULL: the root, or it has no name any more */
    struct node *next, *children;   /* children: in the order in which they came */
    char *name;
    unsigned int refs;              /* its name is one */
    unsigned int mode, uid, gid;
    uint64_t rdev, ino, order;      /* order: of coming into its folder, for getdents64() */
    uint64_t changed;               /* UTC, ns */
    bool mounted;                   /* a mount of its own: not read-only with the root */
    /* S_IFREG */
    uint64_t size;
    void ***leaves;                 /* memory.c: of NODE_LEAF pages each */
    size_t leaf_count;
    unsigned int seals;
    /* S_IFLNK */
    char *target;
    /* A device, or a file that is made when it is opened */
    device_open_fn *open;
    void *open_arg;
    /* S_IFSOCK: who is bound to it */
    struct socket *socket;
};

/* A new node without a name: one user, mode, the caller's owner. NULL: no memory. */
struct node *node_new(unsigned int mode);
struct node *node_get(struct node *node);
void node_put(struct node *node);
struct node *node_root(void);
/* Gives node its name in folder, which takes a user of it; the name must be free. 0 or -ENOMEM. */
int node_link(struct node *folder, const char *name, size_t length, struct node *node);
/* The same with a name of the heap's, which is taken over: cannot fail. */
void node_link_as(struct node *folder, char *name, struct node *node);
/* Takes the name away, and with it a user. */
void node_unlink(struct node *node);
struct node *node_child(const struct node *folder, const char *name, size_t length);
/* The folder of this path of the kernel's own, made if need be; *last: the name in it. NULL: no memory. */
struct node *node_make_folders(const char *path, const char **last);
void node_stat(const struct node *node, struct stat *st);
void node_touch(struct node *node);

/* May the caller do this: R_OK, W_OK, X_OK together. 0 or -EACCES. */
#define MAY_READ 4U
#define MAY_WRITE 2U
#define MAY_EXEC 1U
int node_may(const struct node *node, unsigned int what);
/* -EROFS: it lies in the root's file system, which is read-only now. */
int node_frozen(const struct node *node);
void nodes_freeze(bool readonly);

/*
 * Finds what a path means, for the caller: with its permissions, from its folder, or dirfd.
 * found NULL: there is no such thing, but folder and last say where it would be. Without
 * a user more.
 */
struct found { struct node *folder, *node; char last[MICRO_NAME + 1]; size_t length; bool slash; };
#define WALK_FOLLOW 1U    /* the last name, too, if it is a symbolic link */
#define WALK_KERNEL 2U    /* without looking at permissions */
int node_walk(int dirfd, const char *path, unsigned int flags, struct found *found);
/* The same for a path of the program's; when there is no such thing: -ENOENT. */
int node_find(int dirfd, uintptr_t path, unsigned int flags, struct found *found);
/* A new node at found, which has none: the caller must be allowed to. */
int node_make(const struct found *found, unsigned int mode, struct node **node);
/* Opens a node for the caller, who is allowed to. 0 or an error. */
int node_file(struct node *node, int flags, struct file **file);

/* ---- memory-file.c: regular files ---- */

#define NODE_LEAF 512U
#define NODE_SIZE_MAX (16ULL << 30)
/* Pages that files leave to everybody else. */
#define NODE_RESERVE 128U
extern const struct file_ops memory_file_ops;
void memory_free(struct node *node);
/* How many pages the file has, holes not counted. */
uint64_t memory_pages(const struct node *node);
/* Gives the file this page of its own (a user of it); NULL: makes one. The page, or NULL: no memory. */
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
/* Zeroed: empty. Pages come and go with the bytes. in, out: bytes since the start. */
struct fifo { uint64_t in, out; char *pages[FIFO_PAGES]; };
static inline size_t fifo_used(const struct fifo *fifo) { return (size_t)(fifo->in - fifo->out); }
static inline size_t fifo_room(const struct fifo *fifo) { return FIFO_SIZE - fifo_used(fifo); }
/* As many as fit, at most n: how many; -ENOMEM or -EFAULT if none. */
long fifo_write(struct fifo *fifo, struct user_iter *from, size_t n);
/* As many as there are, at most n: how many; -EFAULT if none. peek: they stay. */
long fifo_read(struct fifo *fifo, struct user_iter *to, size_t n, bool peek);
void fifo_free(struct fifo *fifo);

/* ---- pipe.c ---- */

long pipe_size(struct file *file, bool set, unsigned long size);

#endif
