/*
 * The rump kernel's hypercall interface, version 17: its names, types and numbers (rumpuser(3); rump/rumpuser.h of a
 * toolchain). It is written anew here so that the host can be compiled and tested without a toolchain. rumpuser-check.c
 * has the compiler compare the two.
 *
 * Results are 0 or NetBSD's error numbers.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef RUMPUSER_H
#define RUMPUSER_H

#include <stddef.h>
#include <stdint.h>

struct lwp;
struct modinfo;
struct rump_component;
struct rumpuser_mtx;
struct rumpuser_rw;
struct rumpuser_cv;

/* The functions of the kernel that the host may call. */
struct rumpuser_hyperup {
    void (*hyp_schedule)(void);
    void (*hyp_unschedule)(void);
    void (*hyp_backend_unschedule)(int cpu, int *locks, void *interlock);
    void (*hyp_backend_schedule)(int locks, void *interlock);
    void (*hyp_lwproc_switch)(struct lwp *lwp);
    void (*hyp_lwproc_release)(void);
    int (*hyp_lwproc_rfork)(void *private, int flags, const char *name);
    int (*hyp_lwproc_newlwp)(int32_t pid);
    struct lwp *(*hyp_lwproc_curlwp)(void);
    int (*hyp_syscall)(int number, void *args, long *result);
    void (*hyp_lwpexit)(void);
    void (*hyp_execnotify)(const char *name);
    int32_t (*hyp_getpid)(void);
    void *hyp__extra[8];
};

struct rumpuser_iovec { void *iov_base; size_t iov_len; };

typedef void (*rump_biodone_fn)(void *arg, size_t done, int error);
typedef void (*rump_modinit_fn)(const struct modinfo *const *modules, size_t count);
typedef int (*rump_symload_fn)(void *symbols, uint64_t size, char *strings, uint64_t strings_size);
typedef void (*rump_compload_fn)(const struct rump_component *component);

int rumpuser_init(int version, const struct rumpuser_hyperup *hyp);
int rumpuser_malloc(size_t size, int align, void **p);
void rumpuser_free(void *p, size_t size);
int rumpuser_anonmmap(void *where, size_t size, int align_bit, int exec, void **p);
void rumpuser_unmap(void *p, size_t size);
int rumpuser_open(const char *name, int flags, int *fd);
int rumpuser_close(int fd);
int rumpuser_getfileinfo(const char *name, uint64_t *size, int *type);
void rumpuser_bio(int fd, int op, void *data, size_t size, int64_t offset, rump_biodone_fn done, void *arg);
int rumpuser_iovread(int fd, struct rumpuser_iovec *iov, size_t count, int64_t offset, size_t *done);
int rumpuser_iovwrite(int fd, const struct rumpuser_iovec *iov, size_t count, int64_t offset, size_t *done);
int rumpuser_syncfd(int fd, int flags, uint64_t start, uint64_t size);
int rumpuser_clock_gettime(int which, int64_t *sec, long *nsec);
int rumpuser_clock_sleep(int which, int64_t sec, long nsec);
int rumpuser_getparam(const char *name, void *value, size_t size);
void rumpuser_seterrno(int error);
int rumpuser_kill(int64_t pid, int signal);
void rumpuser_exit(int status) __attribute__((noreturn));
void rumpuser_putchar(int c);
void rumpuser_dprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));
int rumpuser_getrandom(void *to, size_t size, int flags, size_t *done);
int rumpuser_thread_create(void *(*fn)(void *), void *arg, const char *name, int joinable, int priority,
                           int cpu, void **thread);
void rumpuser_thread_exit(void) __attribute__((noreturn));
int rumpuser_thread_join(void *thread);
void rumpuser_curlwpop(int op, struct lwp *lwp);
struct lwp *rumpuser_curlwp(void);
void rumpuser_mutex_init(struct rumpuser_mtx **mutex, int flags);
void rumpuser_mutex_enter(struct rumpuser_mtx *mutex);
void rumpuser_mutex_enter_nowrap(struct rumpuser_mtx *mutex);
int rumpuser_mutex_tryenter(struct rumpuser_mtx *mutex);
void rumpuser_mutex_exit(struct rumpuser_mtx *mutex);
void rumpuser_mutex_destroy(struct rumpuser_mtx *mutex);
void rumpuser_mutex_owner(struct rumpuser_mtx *mutex, struct lwp **owner);
void rumpuser_rw_init(struct rumpuser_rw **lock);
void rumpuser_rw_enter(int how, struct rumpuser_rw *lock);
int rumpuser_rw_tryenter(int how, struct rumpuser_rw *lock);
int rumpuser_rw_tryupgrade(struct rumpuser_rw *lock);
void rumpuser_rw_downgrade(struct rumpuser_rw *lock);
void rumpuser_rw_exit(struct rumpuser_rw *lock);
void rumpuser_rw_destroy(struct rumpuser_rw *lock);
void rumpuser_rw_held(int how, struct rumpuser_rw *lock, int *held);
void rumpuser_cv_init(struct rumpuser_cv **cv);
void rumpuser_cv_destroy(struct rumpuser_cv *cv);
void rumpuser_cv_wait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex);
void rumpuser_cv_wait_nowrap(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex);
int rumpuser_cv_timedwait(struct rumpuser_cv *cv, struct rumpuser_mtx *mutex, int64_t sec, int64_t nsec);
void rumpuser_cv_signal(struct rumpuser_cv *cv);
void rumpuser_cv_broadcast(struct rumpuser_cv *cv);
void rumpuser_cv_has_waiters(struct rumpuser_cv *cv, int *has);
void rumpuser_dl_bootstrap(rump_modinit_fn init, rump_symload_fn symbols, rump_compload_fn component);
int rumpuser_daemonize_begin(void);
int rumpuser_daemonize_done(int error);

/* rumpuser-check.c brings the toolchain's names for these instead. */
#ifndef RUMPUSER_DECLARATIONS_ONLY
#define RUMPUSER_VERSION 17
#define RUMPUSER_PANIC (-1)
#define RUMPUSER_PARAM_NCPU "_RUMPUSER_NCPU"
#define RUMPUSER_PARAM_HOSTNAME "_RUMPUSER_HOSTNAME"
enum { RUMPUSER_OPEN_RDONLY, RUMPUSER_OPEN_WRONLY, RUMPUSER_OPEN_RDWR, RUMPUSER_OPEN_ACCMODE };
enum { RUMPUSER_FT_OTHER, RUMPUSER_FT_DIR, RUMPUSER_FT_REG, RUMPUSER_FT_BLK, RUMPUSER_FT_CHR };
enum { RUMPUSER_BIO_READ = 1, RUMPUSER_BIO_WRITE = 2, RUMPUSER_BIO_SYNC = 4 };
enum { RUMPUSER_CLOCK_RELWALL, RUMPUSER_CLOCK_ABSMONO };
enum { RUMPUSER_LWP_CREATE, RUMPUSER_LWP_DESTROY, RUMPUSER_LWP_SET, RUMPUSER_LWP_CLEAR };
enum { RUMPUSER_MTX_SPIN = 1, RUMPUSER_MTX_KMUTEX = 2 };
enum { RUMPUSER_RW_READER, RUMPUSER_RW_WRITER };
#endif

#endif
