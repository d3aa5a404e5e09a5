/*
 * What the rump kernel needs of its host besides locks and files: memory, clock, threads, exit (rumpuser.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "rumpuser.h"

#include "host.h"

/* NetBSD's own kernel stacks are 12 KiB; a page fault of Xen's needs some of it. */
#define STACK_PAGES 6

static struct rumpuser_hyperup kernel;

void host_unschedule(int *locks, void *interlock)
{
    kernel.hyp_backend_unschedule(0, locks, interlock);
}

void host_schedule(int locks, void *interlock)
{
    kernel.hyp_backend_schedule(locks, interlock);
}

int rumpuser_init(int version, const struct rumpuser_hyperup *hyp)
{
    if (version != RUMPUSER_VERSION)
        pv_panic("the rump kernel's interface is version %d, ours %d", version, RUMPUSER_VERSION);
    kernel = *hyp;
    return 0;
}

/* ---- what it wants to know ---- */

static int give_number(char *value, size_t size, uint64_t number)
{
    return (size_t)pv_format(value, size, "%lu", number) < size ? 0 : BSD_E2BIG;
}

int rumpuser_getparam(const char *name, void *value, size_t size)
{
    if (pv_streq(name, RUMPUSER_PARAM_NCPU))
        return give_number(value, size, 1);
    if (pv_streq(name, RUMPUSER_PARAM_HOSTNAME))
        return (size_t)pv_format(value, size, "stubdom") < size ? 0 : BSD_E2BIG;
    /* The kernel sizes its caches and pools by this. The rest of the memory is for QEMU. */
    if (pv_streq(name, "RUMP_MEMLIMIT"))
        return give_number(value, size, pv_pages_total() * PV_PAGE / 4);
    return BSD_ENOENT;
}

/* The kernel keys its generator with them, and cannot go on without. */
int rumpuser_getrandom(void *to, size_t size, int flags, size_t *done)
{
    int rc = pv_random(to, size);

    if (rc)
        pv_panic("no random numbers: %d", rc);
    *done = size;
    return 0;
}

/* ---- memory ---- */

/* A piece of a page or more, or aligned to more than the heap aligns, is a run of whole pages. */
int rumpuser_malloc(size_t size, int align, void **p)
{
    size_t pages = (size + PV_PAGE - 1) / PV_PAGE;

    if (size < PV_PAGE && align <= 16)
        *p = pv_alloc(size ? size : 1);
    else
        *p = pv_pages_alloc(pages ? pages : 1, (size_t)align > PV_PAGE ? (size_t)align / PV_PAGE : 1);
    return *p ? 0 : BSD_ENOMEM;
}

void rumpuser_free(void *p, size_t size)
{
    pv_free(p);
}

/* For kernel modules and for memory of processes: neither exists here. */
int rumpuser_anonmmap(void *where, size_t size, int align_bit, int exec, void **p)
{
    return BSD_ENOSYS;
}

void rumpuser_unmap(void *p, size_t size)
{
    pv_panic("the rump kernel unmaps what nobody mapped");
}

/* ---- clock ---- */

int rumpuser_clock_gettime(int which, int64_t *sec, long *nsec)
{
    uint64_t now = pv_clock();

    if (which == RUMPUSER_CLOCK_RELWALL)
        now += pv_clock_epoch();
    *sec = (int64_t)(now / PV_SECOND);
    *nsec = (long)(now % PV_SECOND);
    return 0;
}

int rumpuser_clock_sleep(int which, int64_t sec, long nsec)
{
    uint64_t until = (uint64_t)sec * PV_SECOND + (uint64_t)nsec;
    int locks;

    if (which == RUMPUSER_CLOCK_RELWALL)
        until += pv_clock();
    host_unschedule(&locks, NULL);
    while (!pv_sleep(until))
        ;
    host_schedule(locks, NULL);
    return 0;
}

/* The time base of librumpkern_bmktc. */
uint64_t bmk_platform_cpu_clock_monotonic(void);

uint64_t bmk_platform_cpu_clock_monotonic(void)
{
    return pv_clock();
}

/* ---- threads ---- */

int rumpuser_thread_create(void *(*fn)(void *), void *arg, const char *name, int joinable, int priority,
                           int cpu, void **thread)
{
    /* fn ends by rumpuser_thread_exit() and never returns, so the type of its result does not matter. */
    struct host_thread *new = host_thread_create(name, (void (*)(void *))(uintptr_t)fn, arg, STACK_PAGES, joinable);

    if (!new)
        return BSD_ENOMEM;
    if (thread)
        *thread = new;
    return 0;
}

void rumpuser_thread_exit(void)
{
    host_thread_exit();
}

int rumpuser_thread_join(void *thread)
{
    int locks;

    host_unschedule(&locks, NULL);
    host_thread_join(thread);
    host_schedule(locks, NULL);
    return 0;
}

void rumpuser_curlwpop(int op, struct lwp *lwp)
{
    if (op == RUMPUSER_LWP_SET)
        host_thread_self()->kernel_lwp = lwp;
    else if (op == RUMPUSER_LWP_CLEAR)
        host_thread_self()->kernel_lwp = NULL;
}

struct lwp *rumpuser_curlwp(void)
{
    return host_thread_self()->kernel_lwp;
}

void rumpuser_seterrno(int error)
{
    host_thread_self()->error = error;
}

/* ---- words, and the end ---- */

void rumpuser_putchar(int c)
{
    char byte = (char)c;

    pv_log_bytes(&byte, 1);
}

void rumpuser_dprintf(const char *format, ...)
{
    char line[256];
    va_list args;
    int n;

    va_start(args, format);
    n = pv_vformat(line, sizeof(line), format, args);
    va_end(args);
    pv_log_bytes(line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

void rumpuser_exit(int status)
{
    pv_panic(status == RUMPUSER_PANIC ? "the rump kernel panics" : "the rump kernel ends, status %d", status);
}

/* ---- what a host with processes and a linker would have ---- */

int rumpuser_kill(int64_t pid, int signal)
{
    return BSD_ENOSYS;
}

void rumpuser_dl_bootstrap(rump_modinit_fn init, rump_symload_fn symbols, rump_compload_fn component)
{
}

int rumpuser_daemonize_begin(void)
{
    return BSD_ENOSYS;
}

int rumpuser_daemonize_done(int error)
{
    return BSD_ENOSYS;
}
