/*
 * The micro flavour's kernel: Linux's system calls, as far as the launcher and a static
 * QEMU use them, for programs in user mode, above the Xen layer (../xen-layer/pv.h).
 * What its files share. Freestanding, like the layer; ABI structures and numbers come
 * from Linux's own headers (linux-libc-dev).
 *
 * Conventions: as in pv.h. Errors are negative and are what the program gets: Linux's
 * numbers are Xen's. One CPU, cooperative in the kernel: state changes under nobody's hands
 * but in a call that says "sleeps". User mode is preempted, the kernel is not.
 *
 * A user address is a uintptr_t, never a pointer; user memory is touched by
 * user_*() and iter_*() alone. Whatever a program gives is hostile.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef MICRO_H
#define MICRO_H

#include "pv.h"

#include <asm/unistd.h>
#include <asm/stat.h>
#include <linux/fcntl.h>
#include <linux/poll.h>

#ifndef O_CLOEXEC
#define O_CLOEXEC 02000000
#endif

#define MICRO_ROOT 0 /* uid: may do anything */

/* ---- user memory (user-memory.c) ---- */

/* 0 or -PV_EFAULT. Sleep never; a page that is not there yet is made. */
int user_read(void *to, uintptr_t from, size_t n);
int user_write(uintptr_t to, const void *from, size_t n);
/* A string with its NUL: its length without; -PV_EFAULT, -PV_ENAMETOOLONG. */
long user_string(char *to, uintptr_t from, size_t size);
/*
 * The page of ours at a user address, made if need be, with one user more (pv_pages_put() when
 * done): it stays even if the program unmaps it. -PV_EFAULT: nothing there, or not allowed,
 * or not our memory (another domain's).
 */
int user_pin(uintptr_t va, bool write, void **page);

/* The buffers of one call of read() or write(), and how far it is. */
struct user_vec { uintptr_t base; size_t size; };  /* struct iovec */
#define USER_VECS_MAX 1024
struct user_iter { const struct user_vec *vecs; size_t count, offset; size_t left; /* bytes */ };
/* Moves n (at most left) bytes between user memory and p and goes on behind them. 0 or -PV_EFAULT. */
int iter_get(struct user_iter *iter, void *p, size_t n);       /* from the program */
int iter_put(struct user_iter *iter, const void *p, size_t n); /* to the program */
/* The next piece within one page: pinned, with its offset and size; goes on behind it. */
int iter_pin(struct user_iter *iter, bool write, void **page, size_t *offset, size_t *size);

/* ---- open files (file.c) ---- */

struct file;
struct vma;

/* A NULL operation is what Linux says then (-EINVAL, -ENOTTY, -ESPIPE, -ENODEV). */
struct file_ops {
    /*
     * As much as there is (at least one byte, or 0 at the end); -PV_EAGAIN when there is
     * nothing now: the caller waits, unless O_NONBLOCK. pos: where, for files that have
     * a position (seekable); the caller moves it. Those may sleep, others must not.
     * There is always something to move. What write() leaves over is written when there is
     * room, unless O_NONBLOCK; write() sets left to 0 where the rest is not wanted.
     */
    long (*read)(struct file *file, struct user_iter *to, uint64_t pos);
    long (*write)(struct file *file, struct user_iter *from, uint64_t pos);
    /* What is ready: POLLIN | POLLOUT | POLLHUP | POLLERR | POLLRDHUP. NULL: always in and out, and not for epoll. */
    unsigned int (*poll)(struct file *file);
    long (*ioctl)(struct file *file, unsigned int command, uintptr_t arg);
    /* Fills in st_mode, st_size…; the rest is zero. */
    void (*stat)(struct file *file, struct stat *st);
    /* The page of the file that holds byte index * PV_PAGE, for mmap(); a user more. NULL: none, or no memory. */
    void *(*page)(struct file *file, uint64_t index, bool write);
    /* A device maps by itself: vma is new and empty, and has the device's vma_ops from here on. */
    int (*mmap)(struct file *file, struct vma *vma);
    int (*truncate)(struct file *file, uint64_t size);
    int (*sync)(struct file *file);                  /* fsync, fdatasync; may sleep */
    /* The last descriptor is gone. */
    void (*close)(struct file *file);
    bool seekable;
};

struct file {
    const struct file_ops *ops;
    unsigned int refs;
    int flags;         /* O_ACCMODE | O_NONBLOCK | O_APPEND | O_DIRECT */
    uint64_t pos;
    void *data;        /* the operations' own */
    struct node *node; /* where it was opened; NULL: nowhere */
    unsigned int watched; /* by how many sleepers (poll.c) */
    struct epoll_item *epolls; /* lists that have it (epoll.c) */
};

/* One user, or NULL. flags: those that stay. */
struct file *file_new(const struct file_ops *ops, int flags, void *data);
void file_get(struct file *file);
void file_put(struct file *file);
/* What poll() says of it may have changed: who waits looks again. */
void file_changed(struct file *file);
/*
 * Sleeps until the file is ready for one of events (or has POLLHUP, POLLERR): 0, -PV_EINTR or
 * -PV_ETIMEDOUT. The caller holds a user.
 */
int file_wait(struct file *file, unsigned int events, uint64_t until);

/* Descriptors of the calling task's process. */
#define MICRO_FDS 256
struct fd_slot { struct file *file; bool cloexec; };
struct fd_table { struct fd_slot slots[MICRO_FDS]; };
/* Without a user more: the caller must not sleep and use it after, unless it takes one. NULL: -EBADF. */
struct file *fd_file(unsigned long fd);
/* The lowest free descriptor from `from` on; takes over the user. -PV_EMFILE (24): file_put() was done. */
int fd_install(struct file *file, unsigned int from, bool cloexec);
/* For fork, exec, exit. */
void fd_table_copy(struct fd_table *to, const struct fd_table *from);
void fd_table_close(struct fd_table *table, bool only_cloexec);

/* ---- names (node.c): a tree in memory, made of the ramdisk; devices are nodes, too ---- */

struct node;
/* Opens a device: a new file with one user. 0 or an error. May sleep. */
typedef int device_open_fn(void *arg, int flags, struct file **file);
/* mode: S_IFCHR or S_IFBLK and permissions. Makes the folders on the way. Owner: root. */
int device_add(const char *path, unsigned int mode, uint64_t rdev, device_open_fn *open, void *arg);
void device_remove(const char *path);
/* Unpacks the cpio archive (newc), page-aligned files in place. Frees what of it is not used. */
int nodes_unpack(void *archive, size_t size);
/*
 * Opens a path of the tree for the kernel itself (exec), without looking at permissions; a
 * file with ops->page. 0 or an error.
 */
int node_open(const char *path, int flags, struct file **file);
/* The folder that a process is in (NULL: the root) and its umask. For fork; for exit. */
struct fs_state { struct node *folder; unsigned int umask; };
void fs_state_copy(struct fs_state *to, const struct fs_state *from);
void fs_state_close(struct fs_state *state);
/* Something came or went: who listens for uevents (AF_NETLINK, NETLINK_KOBJECT_UEVENT) hears it. */
void uevent_send(const char *text);

/* ---- memory of a process (space.c) ---- */

struct space;
struct vma_ops {
    /* These pages are to go: unmap them from vma's space. NULL: pv_unmap(). */
    void (*unmap)(struct vma *vma, uintptr_t from, size_t pages);
    /* The last piece of it is gone. A vma that is split is two: split(new) says so. */
    void (*split)(struct vma *vma, struct vma *behind);
    void (*close)(struct vma *vma);
    /* True: pieces of it may not be unmapped or moved alone. */
    bool whole;
};
struct vma {
    struct space *space;
    uintptr_t start, end;
    unsigned int prot;          /* PROT_* */
    unsigned int flags;         /* MAP_SHARED or MAP_PRIVATE, MAP_NORESERVE… */
    struct file *file;          /* a user of it; NULL: anonymous */
    uint64_t offset;            /* in the file, of start */
    const struct vma_ops *ops;  /* NULL: ordinary memory */
    void *data;
    struct vma *next;           /* by address */
};
/* The calling process's; the one that holds va, or NULL. */
struct vma *vma_find(uintptr_t va);
/* A new anonymous mapping of the calling process's, where there is room; its address, or an error. */
long space_map_anonymous(size_t size, unsigned int prot);
long space_unmap(uintptr_t va, size_t size);
/* The tables of the calling process, for devices that map by themselves (PV_PROT_USER). */
pv_root *space_root(struct space *space);

/* ---- tasks and processes (task.c) ---- */

struct task;
struct process;
struct task *task_self(void);          /* NULL on a kernel thread */
unsigned int task_uid(void);           /* of the calling task's process */
int task_pid(void);                    /* likewise */
struct fd_table *task_fds(void);
struct fs_state *task_fs(void);
/* 0: woken; -PV_EINTR: a signal is there; -PV_ETIMEDOUT. Look again after 0. */
int task_wait(struct pv_queue *queue, uint64_t until);
bool task_signalled(void);
/* Sends the calling task a signal (SIGPIPE). */
void task_raise(int signal);
/* The calling task's mask of blocked signals: *old gets it, *mask replaces it (each may be NULL). */
int task_swap_sigmask(const uint64_t *mask, uint64_t *old);
/* For a call that ends with -PV_EINTR: old comes back when the signals are delivered, not before. */
void task_restore_sigmask_later(uint64_t old);

/* ---- eventfd.c ---- */

/* Adds to an eventfd's count, at most to its limit, from wherever: 0; -PV_EINVAL: another file. */
int eventfd_add(struct file *file, uint64_t n);
bool eventfd_is(const struct file *file);

/* ---- system calls: one function each, in the file of what it is about ---- */

typedef long syscall_fn(const unsigned long args[6]);
/* syscalls.c has the table; syscalls.def names them all. Times that programs give: */
/* Relative, of a struct timespec at a user address (0: none): a time of pv_clock(), or an error in *rc. */
uint64_t time_from_user(uintptr_t timespec, int *rc);

/* The devices; each adds its nodes. 0 or an error. Called once, on the first thread. */
int dev_misc_init(void);      /* /dev/null, zero, random, urandom; /proc/cmdline, meminfo… */
int dev_console_init(void);   /* /dev/hvcN */
int dev_disk_init(void);      /* /dev/xvdX */
int dev_tap_init(void);       /* /dev/net/tun */
int dev_evtchn_init(void);    /* /dev/xen/evtchn */
int dev_privcmd_init(void);   /* /dev/xen/privcmd, hypercall */
int dev_gnttab_init(void);    /* /dev/xen/gntdev, gntalloc */
int dev_xenbus_init(void);    /* /dev/xen/xenbus */

#endif
