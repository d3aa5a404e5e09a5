/*
 * Giving up privileges (see confine.h). The filters are written as plain tables
 * of system calls; a call that is in no table kills the process.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "confine.h"

#include "log.h"
#include "syscall-filter.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <xen/xen.h>
#include <xen/sys/evtchn.h>
#include <xen/sys/gntdev.h>

/* Each stub domain's user and group are this one's and its number, as libxl's xen-qemuuser-range-base. */
#define RANGE_USER "xen-stubdom-range-base"
#define OWN_USER "xen-stubdom" /* one for all, if the administrator made it */
#define FALLBACK_USER "nobody"
#define MAX_DOMID 0x7fefu
#define MAX_FILES 96
#define MAX_MEMORY (64u << 20)
#define MAX_VIEWER_MEMORY (256u << 20) /* its libraries, and a large screen */
#define MIN_FILE_SIZE (64u << 20) /* a serial port's file */

/*
 * What both do: read, write, wait, allocate, end. Neither fcntl() nor shutdown() nor setsockopt(): listening sockets
 * and ptys are the next worker's, too.
 */
#define COMMON_CALLS                                                                              \
    SYS_read, SYS_write, SYS_writev, SYS_close, SYS_poll, SYS_recvfrom, SYS_sendto, SYS_recvmsg,  \
    SYS_sendmsg, SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_futex, SYS_rt_sigreturn,       \
    SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_restart_syscall, SYS_clock_gettime, SYS_getrandom,  \
    SYS_getpid, SYS_gettid, SYS_exit, SYS_exit_group

/* Only reached by names that glibc or the kernel headers of Debian 12 and 13 know. */
static const uint32_t worker_calls[] = {
    COMMON_CALLS, SYS_pread64, SYS_pwrite64, SYS_lseek, SYS_accept4, SYS_fstat, SYS_newfstatat,
};

static const uint32_t keeper_calls[] = { COMMON_CALLS };

static const uint32_t viewer_calls[] = {
    COMMON_CALLS, SYS_select, SYS_pselect6, SYS_lseek, SYS_fstat, SYS_newfstatat,
};

/*
 * What happens when a ring comes or goes; nothing on a terminal or socket. Which grant is mapped, and who hears of its
 * end, is the grant broker's matter.
 */
static const uint32_t worker_requests[] = {
    IOCTL_EVTCHN_BIND_INTERDOMAIN, IOCTL_EVTCHN_UNBIND, IOCTL_EVTCHN_NOTIFY, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR,
};

TABLE_BEGINS(roles);
static const struct {
    const uint32_t *calls;
    size_t count;
    rlim_t memory;
    bool xen;   /* those requests */
    bool flags; /* fcntl(), for a socket that libvncclient makes not to block */
} roles[] = {
    TABLE_ROW(CONFINE_PROBE) = { worker_calls, ARRAY_SIZE(worker_calls), MAX_MEMORY, false, false },
    TABLE_ROW(CONFINE_WORKER) = { worker_calls, ARRAY_SIZE(worker_calls), MAX_MEMORY, true, false },
    TABLE_ROW(CONFINE_KEEPER) = { keeper_calls, ARRAY_SIZE(keeper_calls), MAX_MEMORY, false, false },
    TABLE_ROW(CONFINE_VIEWER) = { viewer_calls, ARRAY_SIZE(viewer_calls), MAX_VIEWER_MEMORY, false, true },
};
TABLE_ENDS(roles, CONFINE_ROLES);

/* mmap() and mprotect() are for memory that is not executable. */
static void allow_no_exec(struct syscall_filter *filter, uint32_t call)
{
    syscall_filter_jump(filter, BPF_JEQ, call, 0, 4);
    syscall_filter_load(filter, SYSCALL_FILTER_ARG(2));
    syscall_filter_jump(filter, BPF_JSET, PROT_EXEC, 0, 1);
    syscall_filter_return(filter, SECCOMP_RET_KILL_PROCESS);
    syscall_filter_return(filter, SECCOMP_RET_ALLOW);
}

/* CALL with one of these as argument ARG; with another one it is death. */
static void allow_values(struct syscall_filter *filter, uint32_t call, int arg, const uint32_t *values, size_t count)
{
    syscall_filter_jump(filter, BPF_JEQ, call, 0, 2 * count + 2);
    syscall_filter_load(filter, SYSCALL_FILTER_ARG(arg));
    for (size_t i = 0; i < count; i++)
        syscall_filter_allow(filter, values[i]);
    syscall_filter_return(filter, SECCOMP_RET_KILL_PROCESS);
}

/*
 * Not of the daemon's own log, which is standard output and error: what stands there stays. When that was renamed, the
 * new one has any number (log-rotation.h): so nothing becomes shorter than a log whose middle was cut out (log-file.c).
 */
static void allow_truncation(struct syscall_filter *filter)
{
    syscall_filter_jump(filter, BPF_JEQ, SYS_ftruncate, 0, 6);
    syscall_filter_load(filter, SYSCALL_FILTER_ARG(0));
    syscall_filter_jump(filter, BPF_JGT, STDERR_FILENO, 0, 3);
    syscall_filter_load(filter, SYSCALL_FILTER_ARG(1));
    syscall_filter_jump(filter, BPF_JGE, CONFINE_SHORTEST, 0, 1);
    syscall_filter_return(filter, SECCOMP_RET_ALLOW);
    syscall_filter_return(filter, SECCOMP_RET_KILL_PROCESS);
}

/* No F_SETOWN and no O_ASYNC: who has both sends signals to others. */
static void allow_flags(struct syscall_filter *filter)
{
    syscall_filter_jump(filter, BPF_JEQ, SYS_fcntl, 0, 8);
    syscall_filter_load(filter, SYSCALL_FILTER_ARG(1));
    syscall_filter_allow(filter, F_GETFL);
    syscall_filter_jump(filter, BPF_JEQ, F_SETFL, 0, 3);
    syscall_filter_load(filter, SYSCALL_FILTER_ARG(2));
    syscall_filter_jump(filter, BPF_JSET, O_ASYNC, 1, 0);
    syscall_filter_return(filter, SECCOMP_RET_ALLOW);
    syscall_filter_return(filter, SECCOMP_RET_KILL_PROCESS);
}

static int install_filter(enum confine_role role)
{
    /* abort() signals itself. */
    const uint32_t self = getpid();
    struct syscall_filter filter;
    int rc;

    syscall_filter_begin(&filter);
    for (size_t i = 0; i < roles[role].count; i++)
        syscall_filter_allow(&filter, roles[role].calls[i]);
    allow_values(&filter, SYS_tgkill, 0, &self, 1);
    if (roles[role].xen) {
        allow_values(&filter, SYS_ioctl, 1, worker_requests, ARRAY_SIZE(worker_requests));
        allow_truncation(&filter);
    }
    if (roles[role].flags)
        allow_flags(&filter);
    allow_no_exec(&filter, SYS_mmap);
    allow_no_exec(&filter, SYS_mprotect);
    syscall_filter_return(&filter, SECCOMP_RET_KILL_PROCESS);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -errno;
    /* TSYNC: libxenstore's reader thread, in the keeper, is covered too. */
    rc = syscall_filter_install(&filter, SECCOMP_FILTER_FLAG_TSYNC);
    return rc > 0 ? -ESRCH : rc; /* the thread that it could not be for */
}

/* No network, no System V IPC: what is open stays open. */
static int leave_namespaces(void)
{
    return unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) ? -errno : 0;
}

/* The folder that we are in, which has an empty file system. */
static int put_root_here(void)
{
    /* The old root is put above the new one, and taken away. */
    if (!syscall(SYS_pivot_root, ".", "."))
        return umount2(".", MNT_DETACH) ? -errno : 0;
    /* A dom0 that runs from its initramfs: that root cannot be taken away. It stays below, where no path leads. */
    if (errno != EINVAL || mount(".", "/", NULL, MS_MOVE, NULL) || chroot("."))
        return -errno;
    return 0;
}

/*
 * A namespace of mounts with one: an empty file system that cannot be written to. The host's are no longer in it. Its
 * place until then is any folder that is there. Linux gives the namespace to the thread that asks: CLONE_THREAD makes
 * it an error if there is another one, which would keep the host's.
 */
static int enter_empty_root(void)
{
    if (unshare(CLONE_NEWNS | CLONE_THREAD) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
        mount("none", "/run", "tmpfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=1,mode=555") ||
        chdir("/run"))
        return -errno;
    return put_root_here() ?: (chdir("/") ? -errno : 0);
}

/*
 * Straight from the file: a name service module could start anything, and ask
 * anyone, in a process that is root and about to lock itself up.
 */
static int find_user(const char *name, uid_t *uid, gid_t *gid)
{
    FILE *file = fopen("/etc/passwd", "re");
    const struct passwd *user;
    int rc = -ENOENT;

    if (!file)
        return -errno;
    while (rc && (user = fgetpwent(file))) {
        if (strcmp(user->pw_name, name) || user->pw_uid == 0)
            continue;
        *uid = user->pw_uid;
        *gid = user->pw_gid;
        rc = 0;
    }
    fclose(file);
    return rc;
}

static unsigned int domain;

void confine_for_domain(unsigned int domid)
{
    domain = domid;
}

static int choose_user(uid_t *uid, gid_t *gid)
{
    int rc = find_user(RANGE_USER, uid, gid);

    if (rc == -ENOENT)
        return find_user(OWN_USER, uid, gid) ? find_user(FALLBACK_USER, uid, gid) : 0;
    if (rc)
        return rc;
    /* The sum neither wraps round to root, nor is it the number that stands for no user. */
    if (*uid > UINT32_MAX - 1 - MAX_DOMID || *gid > UINT32_MAX - 1 - MAX_DOMID || domain > MAX_DOMID)
        return -ERANGE;
    *uid += domain;
    *gid += domain;
    return 0;
}

/* Who to become: it is read from a file. */
static struct {
    bool chosen;
    uid_t uid;
    gid_t gid;
} user;

int confine_files(void)
{
    int rc;

    if (user.chosen)
        return 0;
    rc = choose_user(&user.uid, &user.gid) ?: enter_empty_root();
    user.chosen = !rc;
    if (rc)
        log_error("cannot leave dom0's file system for an unprivileged user: %s", strerror(-rc));
    return rc;
}

static int become_user(void)
{
    if (setgroups(0, NULL) || setresgid(user.gid, user.gid, user.gid) || setresuid(user.uid, user.uid, user.uid))
        return -errno;
    return 0;
}

static rlim_t max_file_size = MIN_FILE_SIZE;

void confine_limit_files(uint64_t size)
{
    max_file_size = size > MIN_FILE_SIZE ? size : MIN_FILE_SIZE;
}

static int limit(int resource, rlim_t max)
{
    struct rlimit both = { max, max };

    return setrlimit(resource, &both) ? -errno : 0;
}

/*
 * Its heir cannot serve before we are gone. Linux forgets this when the user changes. That the parent was gone before
 * does not show here, its number is 0 in our namespace all the same: worker, keeper and viewer see it by what it had
 * open.
 */
static int end_with_parent(void)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL) ? -errno : 0;
}

int confine(enum confine_role role)
{
    /* Worker and keeper have the supervisor's. */
    int rc = role == CONFINE_VIEWER ? leave_namespaces() : 0;

    if (rc)
        log_error("cannot leave dom0's network: %s", strerror(-rc));
    rc = rc ?: confine_files();
    if (rc)
        return rc;
    rc = become_user();
    if (rc) {
        log_error("cannot become an unprivileged user: %s", strerror(-rc));
        return rc;
    }
    if (role != CONFINE_PROBE)
        rc = end_with_parent();
    if (rc) {
        log_error("cannot end with the supervisor: %s", strerror(-rc));
        return rc;
    }
    rc = limit(RLIMIT_NPROC, 0) ?: limit(RLIMIT_NOFILE, MAX_FILES) ?: limit(RLIMIT_CORE, 0) ?:
         limit(RLIMIT_FSIZE, max_file_size);
#ifndef __SANITIZE_ADDRESS__
    rc = rc ?: limit(RLIMIT_AS, roles[role].memory);
#endif
    if (rc) {
        log_error("cannot limit resources: %s", strerror(-rc));
        return rc;
    }
    /* Going over RLIMIT_FSIZE is an error of write(), not the end. */
    signal(SIGXFSZ, SIG_IGN);
    rc = install_filter(role);
    if (rc)
        log_error("cannot install the system call filter: %s", strerror(-rc));
    return rc;
}

int confine_supervisor(void)
{
    const uint32_t kept = 1u << CAP_KILL | 1u << CAP_SETGID | 1u << CAP_SETUID |
                          1u << CAP_SYS_ADMIN | 1u << CAP_SYS_CHROOT;
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { { .effective = kept, .permitted = kept } };
    int rc = leave_namespaces();

    for (int cap = 0; cap <= CAP_LAST_CAP && !rc; cap++)
        if ((cap >= 32 || !(kept & 1u << cap)) && prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) &&
            errno != EINVAL)
            rc = -errno;
    if (!rc && syscall(SYS_capset, &header, data))
        rc = -errno;
    if (rc)
        log_error("cannot give up network and capabilities: %s", strerror(-rc));
    return rc;
}
