/*
 * From the layer's first thread to main(): starts the rump kernel and its C library, and mounts the image's files.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include <sys/types.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/exec.h>
#include <sys/exec_elf.h>
#include <sys/mount.h>

#include <fs/tmpfs/tmpfs_args.h>
#include <rump/rump.h>
#include <rump/rump_syscalls.h>

#include "host.h"
#include "lwp.h"
#include "rump-threads.h"

#define MAIN_STACK_PAGES 16    /* of the thread that starts it all */
#define LAUNCHER_STACK (96UL * 1024)
#define SERVANT_STACK (40UL * 1024)

int main(int argc, char **argv);
void _libc_init(void);

/* The C library's start-up code would set these. */
extern char **environ;
extern char *__progname;
extern struct ps_strings *__ps_strings;
void *__dso_handle;
typedef void init_fn(void);
extern init_fn *const __init_array_start[], *const __init_array_end[];

/* ---- the rump kernel ---- */

/* A memory file system for the files of QEMU and the launcher: sockets, saved screens. */
static void mount_memory(void)
{
    struct tmpfs_args args = { .ta_version = TMPFS_ARGS_VERSION, .ta_root_mode = 01777 };

    if (rump_sys_mkdir("/tmp", 0777) && errno != EEXIST)
        pv_panic("cannot make /tmp: %d", errno);
    if (rump_sys_mount("tmpfs", "/tmp", 0, &args, sizeof(args)))
        pv_panic("cannot mount /tmp: %d", errno);
}

/*
 * QEMU's firmware and keymaps, read in place. They are published under another name, with a link to it: the rump kernel
 * takes each path that begins with a published folder's name for that folder, and QEMU asks for qemu-firmware, too.
 */
static void publish_archive(void)
{
    extern const char host_archive_begin[], host_archive_end[];
    int count = archive_init(host_archive_begin, (size_t)(host_archive_end - host_archive_begin)), error;

    if (count < 0)
        pv_panic("the image's files are no archive: %d", count);
    error = rump_pub_etfs_register("/archive", "archive", RUMP_ETFS_DIR_SUBDIRS);
    if (!error)
        error = rump_pub_etfs_register("/boot", "boot", RUMP_ETFS_DIR_SUBDIRS);
    if (!error)
        error = rump_pub_etfs_register("/dev/fdset", "fdset", RUMP_ETFS_DIR_SUBDIRS);
    if (!error)
        error = rump_pub_etfs_register("/proc/meminfo", "meminfo", RUMP_ETFS_REG);
    if (error)
        pv_panic("cannot publish the image's files: %d", error);
    if (rump_sys_mkdir("/usr", 0755) || rump_sys_mkdir("/usr/share", 0755) ||
        rump_sys_symlink("/archive/usr/share/qemu", "/usr/share/qemu"))
        pv_panic("cannot link the image's files: %d", errno);
}

static void start_kernel(void)
{
    int error;

    rump_boot_setsigmodel(RUMP_SIGMODEL_IGNORE);
    error = rump_init();
    if (error)
        pv_panic("the rump kernel does not start: %d", error);
    mount_memory();
    publish_archive();
}

/* ---- the C library ---- */

static void start_library(void)
{
    /* As a program finds it on its stack: arguments, environment, auxiliary vector. */
    static struct { char *argv, *env; AuxInfo aux[2]; } info;
    static struct ps_strings strings;
    static char *environment[] = { "PTHREAD_STACKSIZE=192", "TMPDIR=/tmp", NULL };

    info.aux[0].a_type = AT_STACKBASE;
    info.aux[0].a_v = pv_thread_stack_top(pv_thread_self());
    strings.ps_argvstr = &info.argv;
    __ps_strings = &strings;
    environ = environment;
    _libc_init();
    for (init_fn *const *fn = __init_array_start; fn < __init_array_end; fn++)
        (*fn)();
    __progname = (char *)"stubdom";
}

static int start_thread(void *(*run)(void *arg), void *arg, size_t stack)
{
    pthread_attr_t attr;
    pthread_t thread;
    int error = pthread_attr_init(&attr);

    if (!error)
        error = pthread_attr_setstacksize(&attr, stack);
    if (!error)
        error = pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    if (!error)
        error = pthread_create(&thread, &attr, run, arg);
    return error;
}

int rump_thread_start(void *(*run)(void *arg), void *arg)
{
    return start_thread(run, arg, SERVANT_STACK);
}

/* ---- from there on ---- */

static void *run_pump(void *arg)
{
    pump_run();
}

static void *run_main(void *arg)
{
    static char *argv[] = { "stubdom", NULL };

    exit(main(1, argv));
}

static void first_thread(void *arg)
{
    uint64_t began = pv_clock();

    start_kernel();
    lwp_init();
    start_library();
    pv_log("rump kernel and C library up in %lu us, %lu KiB free", (pv_clock() - began) / 1000,
           pv_pages_free() * PV_PAGE / 1024);
    if (rump_thread_start(run_pump, NULL) || start_thread(run_main, NULL, LAUNCHER_STACK))
        pv_panic("no memory for the launcher");
    /* The C library takes this thread for the process's main one, so it must not end. It has nothing more to do. */
    for (;;)
        pv_sleep(PV_FOREVER);
}

void pv_main(void)
{
    static struct host_thread boot;

    space_init();
    host_threads_init(&boot);
    if (!host_thread_create("main", first_thread, NULL, MAIN_STACK_PAGES, false))
        pv_panic("no memory for the first thread");
    host_thread_exit();
}
