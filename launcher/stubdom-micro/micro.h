/*
 * The micro flavour's kernel: for programs in user mode it has Linux's system calls, as far as the launcher and a
 * static QEMU use them. It is built on the Xen layer (../xen-layer/pv.h). This header has what its files share. It is
 * freestanding, like the layer; structures and numbers of the ABI come from Linux's own headers (linux-libc-dev).
 *
 * Conventions: as in pv.h. Errors are negative numbers, and the program gets the same ones: Xen's error numbers are
 * Linux's. There is one CPU, and the kernel is cooperative: other threads run only during a call that says "sleeps".
 * User mode is preempted, the kernel is not.
 *
 * A user address is a uintptr_t, never a pointer. Only user_*() and iter_*() access user memory. Whatever a program
 * passes may be hostile.
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

/* 0 or -PV_EFAULT. They never sleep. A page that does not exist yet is allocated. */
int user_read(void *to, uintptr_t from, size_t n);
int user_write(uintptr_t to, const void *from, size_t n);
/* Copies a string with its NUL. Its length without NUL; -PV_EFAULT, -PV_ENAMETOOLONG. */
long user_string(char *to, uintptr_t from, size_t size);
/*
 * Finds the page at a user address, allocates it if need be, and adds a user (pv_pages_put() when done): the page stays
 * even if the program unmaps it. -PV_EFAULT: nothing is there, it is not allowed, or it is another domain's memory.
 */
int user_pin(uintptr_t va, bool write, void **page);

/* The buffers of a call like readv() or writev(), and how far it has come. */
struct user_vec { uintptr_t base; size_t size; };  /* struct iovec */
#define USER_VECS_MAX 1024
struct user_iter { const struct user_vec *vecs; size_t count, offset; size_t left; /* bytes */ };
/* Moves n bytes (at most iter->left) between user memory and p, and advances. 0 or -PV_EFAULT. */
int iter_get(struct user_iter *iter, void *p, size_t n);       /* from the program */
int iter_put(struct user_iter *iter, const void *p, size_t n); /* to the program */
/* Pins the page of the next piece, which lies within one page; its offset and size. Advances behind it. */
int iter_pin(struct user_iter *iter, bool write, void **page, size_t *offset, size_t *size);

/* ---- open files (file.c) ---- */

struct file;
struct vma;

/* If an operation is NULL, the call fails with Linux's error (-EINVAL, -ENOTTY, -ESPIPE, -ENODEV). */
struct file_ops {
    /*
     * Move as much as possible: at least one byte, or 0 at the end. -PV_EAGAIN: nothing can be moved now; the caller
     * waits, unless O_NONBLOCK. The iterator is never empty. pos: the position, if the file is seekable; the caller
     * advances it. Only operations of seekable files may sleep. If write() takes a part, the caller writes the rest
     * when there is room, unless O_NONBLOCK, or write() has set left to 0 because the rest is to be dropped.
     */
    long (*read)(struct file *file, struct user_iter *to, uint64_t pos);
    long (*write)(struct file *file, struct user_iter *from, uint64_t pos);
    /* What is ready: POLLIN | POLLOUT | POLLHUP | POLLERR | POLLRDHUP. NULL: always in and out, and not for epoll. */
    unsigned int (*poll)(struct file *file);
    long (*ioctl)(struct file *file, unsigned int command, uintptr_t arg);
    /* Fills in st_mode, st_size…; the rest is zero. */
    void (*stat)(struct file *file, struct stat *st);
    /* The file's page number `index`, for mmap(), with one more user. NULL: there is none, or no memory. */
    void *(*page)(struct file *file, uint64_t index, bool write);
    /* For a device that maps pages itself. vma is new and empty; the device sets vma->ops. */
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
    void *data;        /* for the operations' own use */
    struct node *node; /* the node that was opened; NULL: it has none */
    unsigned int watched; /* by how many sleepers (poll.c) */
    struct epoll_item *epolls; /* lists that have it (epoll.c) */
};

/* A new file with one user. NULL: no memory. flags: those that fcntl() shows. */
struct file *file_new(const struct file_ops *ops, int flags, void *data);
void file_get(struct file *file);
void file_put(struct file *file);
/* The result of its poll() may have changed: wakes those who wait for the file. */
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
/* Adds no user: a caller that sleeps must take one before. NULL: -EBADF. */
struct file *fd_file(unsigned long fd);
/*
 * Takes the lowest free descriptor, not below `from`, and takes over the file's user, which it drops on failure:
 * -EMFILE.
 */
int fd_install(struct file *file, unsigned int from, bool cloexec);
/* For fork, exec, exit. */
void fd_table_copy(struct fd_table *to, const struct fd_table *from);
void fd_table_close(struct fd_table *table, bool only_cloexec);

/* ---- names (node.c): a tree in memory, unpacked from the ramdisk; devices are nodes, too ---- */

struct node;
/* Opens a device: a new file with one user. 0 or an error. May sleep. */
typedef int device_open_fn(void *arg, int flags, struct file **file);
/* mode: S_IFCHR or S_IFBLK, and permissions. Makes missing folders of the path. The owner is root. */
int device_add(const char *path, unsigned int mode, uint64_t rdev, device_open_fn *open, void *arg);
void device_remove(const char *path);
/* Unpacks a cpio archive (newc). Page-aligned contents of files stay in place; the rest of the archive is freed. */
int nodes_unpack(void *archive, size_t size);
/*
 * Opens a file for the kernel itself, for exec, without a check of permissions. The file must have ops->page. 0 or an
 * error.
 */
int node_open(const char *path, int flags, struct file **file);
/* A process's current folder (NULL: the root) and umask. Copied in a fork, freed at its end. */
struct fs_state { struct node *folder; unsigned int umask; };
void fs_state_copy(struct fs_state *to, const struct fs_state *from);
void fs_state_close(struct fs_state *state);
/* Sends a uevent to all who listen (AF_NETLINK, NETLINK_KOBJECT_UEVENT). */
void uevent_send(const char *text);

/* ---- memory of a process (space.c) ---- */

struct space;
struct vma_ops {
    /* Unmaps these pages from vma's space. NULL: pv_unmap() does. */
    void (*unmap)(struct vma *vma, uintptr_t from, size_t pages);
    /* split: the part behind a point has become a vma of its own, `behind`. close: this vma is gone. */
    void (*split)(struct vma *vma, struct vma *behind);
    void (*close)(struct vma *vma);
    /* True: it can only be unmapped as a whole, and not be moved. */
    bool whole;
};
struct vma {
    struct space *space;
    uintptr_t start, end;
    unsigned int prot;          /* PROT_* */
    unsigned int flags;         /* MAP_SHARED or MAP_PRIVATE, MAP_NORESERVE… */
    struct file *file;          /* a user of it; NULL: anonymous */
    uint64_t offset;            /* in the file, where start is */
    const struct vma_ops *ops;  /* NULL: ordinary memory */
    void *data;
    struct vma *next;           /* by address */
};
/* The calling process's vma that holds va, or NULL. */
struct vma *vma_find(uintptr_t va);
/* Makes an anonymous mapping in the calling process. Its address, or an error. */
long space_map_anonymous(size_t size, unsigned int prot);
long space_unmap(uintptr_t va, size_t size);
/* The page tables of a space, for devices that map pages themselves (with PV_PROT_USER). */
pv_root *space_root(struct space *space);

/* ---- tasks and processes (task.c) ---- */

struct task;
struct process;
struct task *task_self(void);          /* NULL on a kernel thread */
unsigned int task_uid(void);           /* of the calling task's process */
int task_pid(void);                    /* likewise */
struct fd_table *task_fds(void);
struct fs_state *task_fs(void);
/* Sleeps. 0: woken, so look again at what you wait for; -PV_EINTR: a signal is pending; -PV_ETIMEDOUT. */
int task_wait(struct pv_queue *queue, uint64_t until);
bool task_signalled(void);
/* Sends the calling task a signal (SIGPIPE). */
void task_raise(int signal);
/* The calling task's mask of blocked signals: *old gets it, *mask replaces it (each may be NULL). */
int task_swap_sigmask(const uint64_t *mask, uint64_t *old);
/* For a call that ends with -PV_EINTR: the mask `old` is put back only after the signals were delivered. */
void task_restore_sigmask_later(uint64_t old);

/* ---- eventfd.c ---- */

/* Adds to an eventfd's count, up to its limit. May be called from callbacks. 0; -PV_EINVAL: it is no eventfd. */
int eventfd_add(struct file *file, uint64_t n);
bool eventfd_is(const struct file *file);

/* ---- system calls: a function for each, in the file of its topic ---- */

typedef long syscall_fn(const unsigned long args[6]);
/* syscalls.def names all system calls; syscalls.c makes the table of it. */
/*
 * Turns the relative time in a struct timespec of the program into one of pv_clock(); PV_FOREVER for address 0. An
 * error is in *rc.
 */
uint64_t time_from_user(uintptr_t timespec, int *rc);

/* Each of these adds its devices' nodes. 0 or an error. Called once, on the first thread. */
int dev_misc_init(void);      /* /dev/null, zero, random, urandom; /proc/cmdline, meminfo… */
int dev_console_init(void);   /* /dev/hvcN */
int dev_disk_init(void);      /* /dev/xvdX */
int dev_tap_init(void);       /* /dev/net/tun */
int dev_evtchn_init(void);    /* /dev/xen/evtchn */
int dev_privcmd_init(void);   /* /dev/xen/privcmd, hypercall */
int dev_gnttab_init(void);    /* /dev/xen/gntdev, gntalloc */
int dev_xenbus_init(void);    /* /dev/xen/xenbus */

#endif
