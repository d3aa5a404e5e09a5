/*
 * The rump flavour's host: the layer between NetBSD's rump kernel with its C library and the Xen layer
 * (../xen-layer/pv.h). This header has what its files share. A file that includes it and no header of NetBSD's is
 * freestanding, and so can be compiled and tested without a rumprun toolchain.
 *
 * QEMU, the launcher, the rump kernel and the layer share one address space and one privilege, so none is protected
 * from another. Other domains may be hostile.
 *
 * Errors of the layer are Xen's numbers, negative. NetBSD's numbers differ; host_errno() translates.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef HOST_H
#define HOST_H

#include "pv.h"

struct lwp;
struct rumpuser_iovec; /* rumpuser.h; it is struct iovec */

/* NetBSD's error numbers (sys/errno.h), as far as the host uses them. */
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
 * What a thread of the C library or of the rump kernel has besides the layer's struct: its thread-local block (tcb, to
 * which FS points), errno, and what other files keep for it. The layer's own threads have none of this. Callbacks of
 * the layer may run on such threads, so they must not use errno, thread-local variables or the rump kernel.
 */
struct host_thread {
    struct pv_thread *thread;   /* NULL: it has ended */
    void *tcb;
    bool own_tcb;               /* the tcb was allocated here, and is freed at the thread's end */
    int error;                  /* errno */
    /*
     * poll-calls.c: a timed sleep in the rump kernel ends at this time at the latest; 0: it has no effect. Who changes
     * it while the thread sleeps must wake the thread.
     */
    uint64_t deadline;
    /* lwp.c: struct lwpctl of libpthread's, kept up to date here; NULL: none. */
    volatile int *lwpctl;
    void *lwp;                  /* lwp.c's own record */
    struct lwp *kernel_lwp;     /* the rump kernel's struct for the thread */
    void (*start)(void *arg);
    void *arg;
    struct pv_thread *joiner;
    bool joinable, ended;
};

#define HOST_AT_ONCE 1 /* a deadline that has passed */

/* Makes the calling thread of the layer such a thread. Must be called before any other one is created. */
void host_threads_init(struct host_thread *first);
/*
 * Creates a thread with a stack of its own. joinable: host_thread_join() will be called, and frees it. NULL: no memory.
 */
struct host_thread *host_thread_create(const char *name, void (*start)(void *arg), void *arg,
                                       size_t stack_pages, bool joinable);
/*
 * The same with the caller's struct, stack and tcb. ended() is called with the struct's arg when nothing uses the stack
 * any more; it runs on a thread of the layer. 0 or -PV_ENOMEM.
 */
int host_thread_start(struct host_thread *thread, const char *name, void *stack, size_t stack_size,
                      void (*ended)(void *arg));
void host_thread_exit(void) __attribute__((noreturn));
void host_thread_join(struct host_thread *thread);
struct host_thread *host_thread_self(void);
/* A tcb for a new thread: it points to itself, and the rest is zero. NULL: no memory. */
void *host_tcb_alloc(void);
void host_tcb_free(void *tcb);

/* ---- space.c: address space above the one-to-one memory ---- */

enum space_kind {
    SPACE_LAZY,    /* zeroed memory of ours, a page when it is touched */
    SPACE_FOREIGN, /* unmapped at first; the caller maps other domains' pages there */
    SPACE_GUARD,   /* unmapped; an access is a fault */
};
/* New address space of so many pages. 0: there is none left. */
uintptr_t space_map(size_t pages, enum space_kind kind);
/*
 * Drops these pages, and makes the range one of this kind. It must lie within what one space_map() returned. 0 or an
 * error.
 */
int space_remap(uintptr_t va, size_t pages, enum space_kind kind);
/* Frees any part of what space_map() returned. 0, -PV_EINVAL, -PV_ENOMEM. */
int space_unmap(uintptr_t va, size_t pages);
/*
 * Gives a whole piece of lazy memory another length. Returns its new address; its pages are moved without being
 * touched. 0: no memory, or no such piece; nothing has changed then.
 */
uintptr_t space_resize(uintptr_t va, size_t pages);
/* Allocates the pages of lazy memory now. Stacks need that. 0, -PV_EINVAL, -PV_ENOMEM. */
int space_back(uintptr_t va, size_t pages);
/* The piece that va is in: its first address and its length. False: there is none. */
bool space_find(uintptr_t va, uintptr_t *first, size_t *pages);
/* Is va in a SPACE_GUARD? */
bool space_is_guard(uintptr_t va);
/* Is this an address that space_map() could have given? */
bool space_contains(const void *p);
/* Sets pv_on_fault. */
void space_init(void);

/* ---- rumpuser.c and its kind ---- */

/* Release the rump kernel's one virtual CPU before this thread sleeps, and take it again afterwards. */
void host_unschedule(int *locks, void *interlock);
void host_schedule(int locks, void *interlock);

/* archive.c: the files that came with the image, read in place. */
struct archive_file { const char *name; const uint8_t *data; size_t size; bool folder; };
/* Indexes a cpio archive (newc). How many files, or -PV_EINVAL, -PV_ENOMEM. */
int archive_init(const void *archive, size_t size);
/* Finds a file by its name, without a leading slash. NULL: there is none. The result stays valid. */
const struct archive_file *archive_find(const char *name);

/* boot-file.c: the guest's kernel and ramdisk, until QEMU has them. n: below BOOT_FILES. */
#define BOOT_FILES 2
/* Makes an empty file n, with room for so many bytes, in place of an old one. 0, -PV_EINVAL, -PV_ENOMEM. */
int host_boot_create(unsigned int n, uint64_t bytes);
/* Appends all bytes, or none and returns -PV_EINVAL (no file, no room) or -PV_ENOMEM. */
int host_boot_append(unsigned int n, const void *bytes, size_t size);
/* Finds a file by its number as text. NULL: there is none, or it was taken or dropped. */
const struct archive_file *host_boot_find(const char *name);
/*
 * Gives the file's memory to the caller, who frees it by space_unmap(). The file does not exist any more. NULL: it is
 * no boot file, or has another size.
 */
void *host_boot_take(const struct archive_file *file, size_t size);
void host_boot_drop(void);

/*
 * rumpuser-file.c: the file of the host that was read last. NULL: nothing was read since the last call, or another file
 * was.
 */
const struct archive_file *host_file_read_last(void);

/* bio.c: disks, by the names "xvda" to "xvdz". -PV_ENOENT: not connected. */
int bio_open(const char *name, int *handle);
int bio_close(int handle);
/* Of an open handle. */
struct pv_disk *bio_disk(int handle);
int bio_size(const char *name, uint64_t *size);
/* Reads or writes whole sectors of 512 bytes, size bytes of what iov has; sleeps. 0 or an error. */
int bio_transfer(int handle, bool write, const struct rumpuser_iovec *iov, size_t size, uint64_t offset);
/* Flushes: all that was written is on the medium then. Sleeps. 0 or an error. */
int bio_flush(int handle);

/* ---- pump.c: work for a thread that may use the rump kernel ---- */

/* The pump's thread calls run() soon after a pump_post(). Several posts before that make one call. */
struct pump_job { struct pump_job *next; bool queued; void (*run)(struct pump_job *job); };
/* From anywhere, callbacks too. */
void pump_post(struct pump_job *job);
/* After this run() is not running, and is not called any more. Sleeps. Must not be called from run(). */
void pump_cancel(struct pump_job *job);
/* The pump's thread: never returns. */
void pump_run(void) __attribute__((noreturn));

/* ---- end.c ---- */

/*
 * QEMU ends: called by the thread that ends it, or that has faulted. Tells the launcher, which crashes the guest. Never
 * returns.
 */
void host_program_ended(bool signalled, int code) __attribute__((noreturn));

#endif
