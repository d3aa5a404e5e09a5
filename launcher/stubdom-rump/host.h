/*
 * The rump flavour's host: what NetBSD's rump kernel and C library stand on, above the Xen
 * layer (../xen-layer/pv.h). What its files share. The files that include this one and no
 * header of NetBSD's are freestanding, and so can be compiled and tested without a
 * rumprun toolchain.
 *
 * QEMU, the launcher, the rump kernel and the layer share one address space and one
 * privilege: nothing here defends one against the other. Other domains are hostile.
 *
 * Error numbers: those of the layer are negative and Xen's; NetBSD's are others. Only
 * host_errno() knows both.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HOST_H
#define HOST_H

#include "pv.h"

struct lwp;
struct rumpuser_iovec; /* rumpuser.h; it is struct iovec */

/* NetBSD's error numbers (sys/errno.h), as far as the host says them. */
enum {
    BSD_EPERM = 1, BSD_ENOENT = 2, BSD_ESRCH = 3, BSD_EINTR = 4, BSD_EIO = 5, BSD_ENXIO = 6,
    BSD_E2BIG = 7, BSD_EBADF = 9, BSD_ENOMEM = 12, BSD_EACCES = 13, BSD_EFAULT = 14,
    BSD_EBUSY = 16, BSD_EEXIST = 17, BSD_ENODEV = 19, BSD_EINVAL = 22, BSD_EMFILE = 24,
    BSD_ENOSPC = 28, BSD_EROFS = 30, BSD_EPIPE = 32, BSD_ERANGE = 34, BSD_EAGAIN = 35,
    BSD_EOPNOTSUPP = 45, BSD_ENOBUFS = 55, BSD_ENOTCONN = 57, BSD_ETIMEDOUT = 60,
    BSD_ENAMETOOLONG = 63, BSD_ENOSYS = 78, BSD_EOVERFLOW = 84, BSD_EPROTO = 96,
};

/* NetBSD's number for a result of the layer's or of Xen's (negative; 0 stays 0). errno.c. */
int host_errno(long result);

/* ---- thread.c: threads with errno and thread-local memory ---- */

/*
 * What belongs to a thread besides the layer's own: its thread-local block (tcb: what FS
 * points to), errno, and what the files above keep for it. Threads of the layer
 * itself have none of this: callbacks of the layer may run on them, and must not
 * touch errno, thread-local variables or the rump kernel.
 */
struct host_thread {
    struct pv_thread *thread;   /* NULL: it has ended */
    void *tcb;
    bool own_tcb;               /* made here, freed at its end */
    int error;                  /* errno */
    /*
     * poll-calls.c: a sleep in the rump kernel with a time ends at this one at the latest; 0: when it says. Who
     * moves it while the thread sleeps wakes the thread.
     */
    uint64_t deadline;
    /* lwp.c: struct lwpctl of libpthread's, kept up to date here; NULL: none. */
    volatile int *lwpctl;
    void *lwp;                  /* lwp.c's own record */
    struct lwp *kernel_lwp;     /* what it is to the rump kernel */
    void (*start)(void *arg);
    void *arg;
    struct pv_thread *joiner;
    bool joinable, ended;
};

#define HOST_AT_ONCE 1 /* a deadline that has passed */

/* Called on a thread that has none: makes it one. Before any thread of the kind is made. */
void host_threads_init(struct host_thread *first);
/*
 * A thread on a stack of its own. joinable: somebody calls host_thread_join(), which frees
 * it. NULL: no memory.
 */
struct host_thread *host_thread_create(const char *name, void (*start)(void *arg), void *arg,
                                       size_t stack_pages, bool joinable);
/*
 * The same in a record, on a stack and with a tcb of the caller's. ended(arg of it) is called, not on a
 * thread of the kind, when nothing uses the stack any more. 0 or -PV_ENOMEM.
 */
int host_thread_start(struct host_thread *thread, const char *name, void *stack, size_t stack_size,
                      void (*ended)(void *arg));
void host_thread_exit(void) __attribute__((noreturn));
void host_thread_join(struct host_thread *thread);
struct host_thread *host_thread_self(void);
/* A tcb for a new thread, zeroed behind its self pointer; NULL: no memory. */
void *host_tcb_alloc(void);
void host_tcb_free(void *tcb);

/* ---- space.c: address space above the one-to-one memory ---- */

enum space_kind {
    SPACE_LAZY,    /* zeroed memory of ours, a page when it is touched */
    SPACE_FOREIGN, /* empty; whoever asked for it maps other domains' pages there */
    SPACE_GUARD,   /* nothing, and nothing may touch it */
};
/* New address space, as many pages; 0: there is none. */
uintptr_t space_map(size_t pages, enum space_kind kind);
/* What is at va becomes anew of this kind; all of it lies in what one space_map() gave. 0 or an error. */
int space_remap(uintptr_t va, size_t pages, enum space_kind kind);
/* Any part of what space_map() gave. 0, -PV_EINVAL, -PV_ENOMEM. */
int space_unmap(uintptr_t va, size_t pages);
/*
 * A piece of lazy memory, all of it, gets another length: where it is now, with the same pages, of which none
 * is touched. 0: no memory, or no such piece; it is as it was.
 */
uintptr_t space_resize(uintptr_t va, size_t pages);
/* Gives lazy memory its pages now: stacks need that. 0, -PV_EINVAL, -PV_ENOMEM. */
int space_back(uintptr_t va, size_t pages);
/* The piece that holds va: where it begins, how long it is; false: none. */
bool space_find(uintptr_t va, uintptr_t *first, size_t *pages);
/* Is va guarded? */
bool space_is_guard(uintptr_t va);
/* Is this an address that space_map() could have given? */
bool space_contains(const void *p);
/* Takes over pv_on_fault. */
void space_init(void);

/* ---- rumpuser.c and its kind ---- */

/* Let go of the rump kernel's one CPU while this thread sleeps, and take it again. */
void host_unschedule(int *locks, void *interlock);
void host_schedule(int locks, void *interlock);

/* archive.c: the files that came with the image, read in place. */
struct archive_file { const char *name; const uint8_t *data; size_t size; bool folder; };
/* Indexes a cpio archive (newc). How many files, or -PV_EINVAL, -PV_ENOMEM. */
int archive_init(const void *archive, size_t size);
/* By name, without a leading slash; NULL: there is none. Lasts for ever. */
const struct archive_file *archive_find(const char *name);

/* boot-file.c: the guest's kernel and ramdisk, until QEMU has them. n: below BOOT_FILES. */
#define BOOT_FILES 2
/* An empty file n, with room for so many bytes; an old one is gone. 0, -PV_EINVAL, -PV_ENOMEM. */
int host_boot_create(unsigned int n, uint64_t bytes);
/* All of them at its end, or 0 bytes and -PV_EINVAL (no file, no room) or -PV_ENOMEM. */
int host_boot_append(unsigned int n, const void *bytes, size_t size);
/* By its number as text; NULL: there is none (any more). */
const struct archive_file *host_boot_find(const char *name);
/*
 * All of the file's memory becomes the caller's, for space_unmap(), and there is no such file any more. NULL: it is
 * none of these, or has another size.
 */
void *host_boot_take(const struct archive_file *file, size_t size);
void host_boot_drop(void);

/* rumpuser-file.c: what the last read was of; NULL: none since the last call, or not of a file of the host's. */
const struct archive_file *host_file_read_last(void);

/* bio.c: disks, by the names "xvda" to "xvdz". -PV_ENOENT: not connected. */
int bio_open(const char *name, int *handle);
int bio_close(int handle);
/* Of an open handle. */
struct pv_disk *bio_disk(int handle);
int bio_size(const char *name, uint64_t *size);
/* Reads or writes whole sectors of 512 bytes, size bytes of what iov has; sleeps. 0 or an error. */
int bio_transfer(int handle, bool write, const struct rumpuser_iovec *iov, size_t size, uint64_t offset);
/* What was written is on the medium. Sleeps. 0 or an error. */
int bio_flush(int handle);

/* ---- pump.c: work for a thread that may use the rump kernel ---- */

/* run() is called once after each pump_post(), soon, on the pump's thread. */
struct pump_job { struct pump_job *next; bool queued; void (*run)(struct pump_job *job); };
/* From anywhere, callbacks too. */
void pump_post(struct pump_job *job);
/* Not called any more, and not running. Sleeps. Not from run(). */
void pump_cancel(struct pump_job *job);
/* The pump's thread: never returns. */
void pump_run(void) __attribute__((noreturn));

/* ---- end.c ---- */

/*
 * QEMU's end, said by the thread that ends it (or by a fault of it): the launcher hears it
 * and crashes the guest. Never returns.
 */
void host_program_ended(bool signalled, int code) __attribute__((noreturn));

#endif
