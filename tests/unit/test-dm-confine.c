// sources: launcher/dom0-daemon/root/confine.c
// wrap: fopen
/*
 * What a confined worker can still do, tried in a child process that has given up its privileges. Needs root: without
 * it the tests are skipped.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "confine.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <asm/sockios.h>
#include <xen/sys/gntdev.h>

enum { FINE = 0, CONFINE_FAILED = 9, WRONG = 10 };

/* Runs ACT in a confined child. Returns the signal that killed it, negated, or its status. */
static int confined(int (*lock_up)(void), int (*act)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        /* Not exit(): the address sanitizer's calls at exit would be refused. */
        syscall(SYS_exit_group, lock_up() ? CONFINE_FAILED : act());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static int worker(void) { return confine(CONFINE_WORKER); }
static int supervised_worker(void) { return confine_supervisor() ?: confine(CONFINE_WORKER); }
static int probe(void) { return confine(CONFINE_PROBE); }
static int keeper(void) { return confine(CONFINE_KEEPER); }
static int viewer(void) { return confine(CONFINE_VIEWER); }

static int ordinary_work(void)
{
    struct pollfd p = { .fd = 1, .events = POLLOUT };
    char *memory = malloc(1 << 20);

    if (!memory || poll(&p, 1, 0) < 0)
        return WRONG;
    free(memory);
    return FINE;
}

static int large_file = -1;

static int fill_the_disk(void)
{
    if (pwrite(large_file, "x", 1, (64 << 20) - 1) != 1)
        return WRONG;
    return pwrite(large_file, "x", 1, 64 << 20) < 0 && errno == EFBIG ? FINE : WRONG;
}

static int give_a_file_away(void)
{
    /* As root without CAP_CHOWN: a file cannot be given away. */
    return chown("/", 1, 1) ? FINE : WRONG;
}

static int open_a_file(void) { return open("/etc/passwd", O_RDONLY) < 0 ? FINE : WRONG; }
static int make_a_process(void) { return fork() < 0 ? FINE : WRONG; }
static int make_a_socket(void) { return socket(AF_INET, SOCK_STREAM, 0) < 0 ? FINE : WRONG; }
static int become_root(void) { return syscall(SYS_setuid, 0) ? FINE : WRONG; }
static int trace(void) { return syscall(SYS_ptrace, 0, 0, 0, 0) ? FINE : WRONG; }
static int signal_others(void) { return kill(1, 0) ? FINE : WRONG; }

static int change_a_flag(void) { return fcntl(1, F_SETFL, 0) ? FINE : WRONG; }
/* An option of a listening socket, a filter for example, would affect the next worker, too. */
static int set_an_option(void) { return setsockopt(1, SOL_SOCKET, SO_ATTACH_FILTER, "", 0) ? FINE : WRONG; }
static int end_a_socket(void) { return shutdown(1, SHUT_RDWR) ? FINE : WRONG; }

/* In reality other processes have other users. The filter does not look at that. */
static pid_t another; /* set before, because getpid() is not allowed when confined */
static int kill_another(void) { return syscall(SYS_tgkill, another, another, 0) ? FINE : WRONG; }

static int signal_itself(void)
{
    signal(SIGUSR1, SIG_IGN);
    return syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1) ? WRONG : FINE;
}

static int take_a_signal_over(void) { return fcntl(1, F_SETOWN, another) ? FINE : WRONG; }
static int ask_for_signals(void) { return fcntl(1, F_SETFL, O_ASYNC) ? FINE : WRONG; }
static int do_not_block(void) { return fcntl(1, F_SETFL, fcntl(1, F_GETFL) | O_NONBLOCK) ? WRONG : FINE; }
static int type_for_others(void) { return ioctl(1, TIOCSTI, "x") ? FINE : WRONG; }
static int own_a_socket(void) { return ioctl(1, FIOSETOWN, &(int){ 1 }) ? FINE : WRONG; }

static int wipe_the_log(void) { return ftruncate(2, 0) ? FINE : WRONG; }
/* A new log, after a rotation, has another descriptor. */
static int wipe_a_new_log(void) { return ftruncate(99, 0) ? FINE : WRONG; }
static int shorten_a_new_log(void) { return ftruncate(99, CONFINE_SHORTEST - 1) ? FINE : WRONG; }
/* The call is allowed, and fails because there is no such descriptor. */
static int cut_a_file(void) { return ftruncate(99, CONFINE_SHORTEST) < 0 && errno == EBADF ? FINE : WRONG; }

/* The call is allowed, and fails because 1 is no such device. */
static int find_a_page(void)
{
    return ioctl(1, IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, NULL) < 0 && errno != ENOSYS ? FINE : WRONG;
}

/* It could map any domain's grant. Only the broker may do that. */
static int map_a_grant(void) { return ioctl(1, IOCTL_GNTDEV_MAP_GRANT_REF, NULL) < 0 ? FINE : WRONG; }
static int forget_a_grant(void) { return ioctl(1, IOCTL_GNTDEV_UNMAP_GRANT_REF, NULL) < 0 ? FINE : WRONG; }
static int notify_anybody(void) { return ioctl(1, IOCTL_GNTDEV_SET_UNMAP_NOTIFY, NULL) < 0 ? FINE : WRONG; }
static int copy_a_grant(void) { return ioctl(1, IOCTL_GNTDEV_GRANT_COPY, NULL) < 0 ? FINE : WRONG; }

static int for_seven(void) { confine_for_domain(7); return confine(CONFINE_KEEPER); }
static int for_too_many(void) { confine_for_domain(0x7ff0); return confine(CONFINE_KEEPER); }

static int run_code(void)
{
    void *p = (void *)syscall(SYS_mmap, NULL, 4096, 7, 0x22, -1, 0);

    return p == (void *)-1 ? FINE : WRONG;
}

static int make_code(void)
{
    void *p = (void *)syscall(SYS_mmap, NULL, 4096, 3, 0x22, -1, 0);

    return syscall(SYS_mprotect, p, 4096, 5) ? FINE : WRONG;
}

static int old_abi(void)
{
    /* A 32-bit call. The filter must not take its number for a 64-bit call's. */
    int rc;

    __asm__ volatile("int $0x80" : "=a"(rc) : "a"(20) : "memory");
    return rc > 0 ? WRONG : FINE;
}

static const char *const namespaces[] = { "/proc/self/ns/net", "/proc/self/ns/ipc", "/proc/self/ns/uts" };
static char hosts[ARRAY_LEN(namespaces)][64];

static int look_at_namespaces(void)
{
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++) {
        char own[64] = "";

        if (readlink(namespaces[i], own, sizeof(own) - 1) <= 0 || !strcmp(own, hosts[i]))
            return WRONG;
    }
    return FINE;
}

static void test_work_goes_on(void **state)
{
    assert_int_equal(confined(worker, ordinary_work), FINE);
    assert_int_equal(confined(probe, ordinary_work), FINE);
    assert_int_equal(confined(supervised_worker, ordinary_work), FINE);
    assert_int_equal(confined(confine_supervisor, give_a_file_away), FINE);
    for (size_t i = 0; i < ARRAY_LEN(namespaces); i++)
        assert_true(readlink(namespaces[i], hosts[i], sizeof(hosts[i]) - 1) > 0);
    assert_int_equal(confined(confine_supervisor, look_at_namespaces), FINE);
    assert_int_equal(confined(keeper, ordinary_work), FINE);
    assert_int_equal(confined(viewer, ordinary_work), FINE);
    assert_int_equal(confined(worker, signal_itself), FINE);
    assert_int_equal(confined(keeper, signal_itself), FINE);
    assert_int_equal(confined(worker, find_a_page), FINE);
    assert_int_equal(confined(worker, cut_a_file), FINE);
    assert_int_equal(confined(viewer, do_not_block), FINE);
    large_file = memfd_create("large", 0);
    assert_int_equal(confined(worker, fill_the_disk), FINE);
    close(large_file);
}

static void test_the_rest_is_death(void **state)
{
    static const struct {
        int (*lock_up)(void), (*act)(void);
    } rows[] = {
        { worker, open_a_file },   { worker, make_a_process }, { worker, make_a_socket },
        { worker, become_root },   { worker, trace },          { worker, signal_others },
        { worker, kill_another },  { keeper, kill_another },   { viewer, kill_another },
        { probe, kill_another },   { viewer, take_a_signal_over }, { viewer, ask_for_signals },
        { worker, wipe_a_new_log },  { worker, shorten_a_new_log },
        { worker, wipe_the_log },  { keeper, wipe_the_log },
        { worker, type_for_others }, { worker, own_a_socket }, { keeper, map_a_grant },
        { worker, map_a_grant },   { worker, forget_a_grant }, { worker, copy_a_grant }, { worker, notify_anybody },
        { worker, set_an_option }, { keeper, set_an_option },  { viewer, set_an_option },
        { keeper, find_a_page },
        { probe, map_a_grant },    { viewer, map_a_grant },
        { worker, change_a_flag }, { worker, end_a_socket },   { keeper, change_a_flag },
        { worker, run_code },      { worker, old_abi },        { keeper, open_a_file },
        { worker, make_code },     { keeper, make_code },      { viewer, make_code },
        { keeper, make_a_process }, { keeper, run_code },      { keeper, make_a_socket },
        { keeper, signal_others }, { viewer, make_a_process }, { viewer, make_a_socket },
        { viewer, become_root },   { viewer, trace },          { viewer, signal_others },
        { viewer, run_code },       { viewer, open_a_file },
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (confined(rows[i].lock_up, rows[i].act) != -SIGSYS)
            fail_msg("row %zu: not killed by the filter", i);
}

/* /etc/passwd with an additional line. */
FILE *__real_fopen(const char *path, const char *mode);
static const char *passwd;

FILE *__wrap_fopen(const char *path, const char *mode)
{
    return __real_fopen(passwd && !strcmp(path, "/etc/passwd") ? passwd : path, mode);
}

/* Calls LOOK with each line of /proc/PID/NAME (a pattern) of a confined process. False: it could not be confined. */
static bool look_at(int (*lock_up)(void), const char *name, void (*look)(const char *line))
{
    bool confined = false;
    int ends[2], status;
    char command[60], line[200];
    pid_t pid;
    FILE *f;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        if (lock_up() == 0 && write(ends[1], "x", 1) == 1)
            poll(NULL, 0, 10000);
        syscall(SYS_exit_group, 0);
    }
    close(ends[1]);
    if (read(ends[0], line, 1) == 1) {
        confined = true;
        snprintf(command, sizeof(command), "cat /proc/%d/%s", pid, name);
        f = popen(command, "r");
        while (f && fgets(line, sizeof(line), f))
            look(line);
        pclose(f);
    }
    close(ends[0]);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return confined;
}

static unsigned int uid, gid;

static void see_user(const char *line)
{
    if (sscanf(line, "Uid: %u", &uid) != 1)
        sscanf(line, "Gid: %u", &gid);
}

/* User and group of a confined process, as one number. -1: it could not be confined. */
static int64_t user_of(int (*lock_up)(void))
{
    return look_at(lock_up, "status", see_user) ? (int64_t)uid << 32 | gid : -1;
}

static struct { unsigned int files, core, file_size; int processes; } limits;

static void see_limit(const char *line)
{
    sscanf(line, "Max processes %d", &limits.processes);
    sscanf(line, "Max open files %u", &limits.files);
    sscanf(line, "Max core file size %u", &limits.core);
    sscanf(line, "Max file size %u", &limits.file_size);
}

/* Limits without a control group; and no core dumps, which could contain a guest's secrets. */
static void test_limits(void **state)
{
    int (*const roles[])(void) = { worker, keeper, viewer, probe };

    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        memset(&limits, 0xff, sizeof(limits));
        assert_true(look_at(roles[i], "limits", see_limit));
        if (limits.processes || limits.files != 96 || limits.core || limits.file_size != 64 << 20)
            fail_msg("role %zu: %d processes, %u files, core of %u, files of %u bytes", i, limits.processes,
                     limits.files, limits.core, limits.file_size);
    }
}

static struct { int count, empty; } mounts;

static void see_mount(const char *line)
{
    mounts.count++;
    mounts.empty += strstr(line, " / / ro,nosuid,nodev,noexec") && strstr(line, " - tmpfs ");
}

/* As under systemd: mounts are shared between namespaces, and pivot_root() fails. */
static int share_mounts(void)
{
    return unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
           mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL);
}

static int where_mounts_are_shared(void)
{
    return share_mounts() || confine(CONFINE_KEEPER);
}

#define PLAIN_ROOT "/tmp/dm-confine-root"

/* As in a dom0 that runs from its initramfs: pivot_root() fails, because the root's parent mount is shared. */
static int where_the_root_stays(void)
{
    return share_mounts() || mount(PLAIN_ROOT, PLAIN_ROOT, NULL, MS_BIND, NULL) || chroot(PLAIN_ROOT) || chdir("/") ||
           supervised_worker();
}

static void make_plain_root(void)
{
    FILE *f;

    mkdir(PLAIN_ROOT, 0755);
    mkdir(PLAIN_ROOT "/run", 0755);
    mkdir(PLAIN_ROOT "/etc", 0755);
    f = __real_fopen(PLAIN_ROOT "/etc/passwd", "w");
    fputs("nobody:x:65534:65534::/:\n", f);
    fclose(f);
}

static void remove_plain_root(void)
{
    unlink(PLAIN_ROOT "/etc/passwd");
    rmdir(PLAIN_ROOT "/etc");
    rmdir(PLAIN_ROOT "/run");
    assert_int_equal(rmdir(PLAIN_ROOT), 0);
}

/* None of the host's file systems is left. The only one has no room for a file. */
static void test_an_empty_file_system(void **state)
{
    int (*const roles[])(void) = { worker, keeper, viewer, probe, where_the_root_stays };

    make_plain_root();
    for (size_t i = 0; i < ARRAY_LEN(roles); i++) {
        memset(&mounts, 0, sizeof(mounts));
        assert_true(look_at(roles[i], "mountinfo", see_mount));
        if (mounts.count != 1 || mounts.empty != 1)
            fail_msg("role %zu: %d mounts, of which %d are the empty one", i, mounts.count, mounts.empty);
    }
    remove_plain_root();
    assert_int_equal(confined(where_mounts_are_shared, ordinary_work), FINE);
}

static int started[2];

static void *sleep_on(void *unused)
{
    /* The C library interrupts the thread to change its user. */
    while (write(started[1], "x", 1) == 1)
        poll(NULL, 0, 10000);
    return NULL;
}

/* Waits until the thread has started, because the sanitizer's calls at its start would be refused. */
static int start_thread(void)
{
    pthread_t thread;
    char byte;

    return pipe(started) || pthread_create(&thread, NULL, sleep_on, NULL) || read(started[0], &byte, 1) != 1;
}

static int with_a_thread(void) { return start_thread() ?: confine(CONFINE_KEEPER); }
static int before_a_thread(void) { return confine_files() ?: start_thread() ?: confine(CONFINE_KEEPER); }

/* Each thread has a mount namespace of its own: a thread that existed before would keep the host's. */
static void test_each_thread_is_confined(void **state)
{
    assert_int_equal(confined(with_a_thread, ordinary_work), CONFINE_FAILED);
    assert_int_equal(confined(before_a_thread, ordinary_work), FINE);
    memset(&mounts, 0, sizeof(mounts));
    assert_true(look_at(before_a_thread, "task/*/mountinfo", see_mount));
    assert_int_equal(mounts.count, 2);
    assert_int_equal(mounts.empty, 2);
}

#define USER(id) (INT64_C(id) << 32 | (id))

static void put_passwd(const char *line)
{
    FILE *f = __real_fopen("/tmp/dm-confine-passwd", "w");

    fprintf(f, "root:x:0:0::/:\nnobody:x:65534:65534::/:\n%s", line);
    fclose(f);
    passwd = "/tmp/dm-confine-passwd";
}

/* The processes of each stub domain have a user of their own, if there is a range of users for them. */
static void test_a_user_for_each(void **state)
{
    put_passwd("");
    assert_int_equal(user_of(for_seven), USER(65534));
    put_passwd("xen-stubdom-range-base:x:70000:70000::/:\n");
    assert_int_equal(user_of(for_seven), USER(70007));
    assert_int_equal(user_of(viewer), USER(70000));
    assert_int_equal(user_of(for_too_many), -1);
    /* Ranges that would contain root (0), or the number that stands for "no user". */
    put_passwd("xen-stubdom-range-base:x:4294967289:70000::/:\n");
    assert_int_equal(user_of(for_seven), -1);
    put_passwd("xen-stubdom-range-base:x:70000:4294967290::/:\n");
    assert_int_equal(user_of(for_seven), -1);
    passwd = NULL;
    unlink("/tmp/dm-confine-passwd");
}

/* A worker ends with its supervisor: then the pipe that it holds open ends. */
static void test_ends_with_its_parent(void **state)
{
    struct pollfd p = { .events = POLLIN };
    int ends[2], status;
    pid_t parent;

    assert_int_equal(pipe(ends), 0);
    parent = fork();
    if (parent == 0) {
        if (fork() == 0) {
            if (!worker() && write(ends[1], "", 1) == 1)
                poll(NULL, 0, 20000);
            syscall(SYS_exit_group, WRONG);
        }
        pause();
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &status, 1), 1);
    kill(parent, SIGKILL);
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    p.fd = ends[0];
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(read(ends[0], &status, 1), 0);
    close(ends[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_work_goes_on, root_only),
        cmocka_unit_test_setup(test_the_rest_is_death, root_only),
        cmocka_unit_test_setup(test_a_user_for_each, root_only),
        cmocka_unit_test_setup(test_limits, root_only),
        cmocka_unit_test_setup(test_an_empty_file_system, root_only),
        cmocka_unit_test_setup(test_each_thread_is_confined, root_only),
        cmocka_unit_test_setup(test_ends_with_its_parent, root_only),
    };

    another = getpid();
    return cmocka_run_group_tests_name("dm-confine", tests, NULL, NULL);
}
