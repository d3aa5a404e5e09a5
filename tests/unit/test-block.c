// sources: launcher/block/sharing.c launcher/block/xen-lock.c launcher/hotplug/stock.c launcher/hotplug/hotplug.c
// sources: tests/unit/fake-xs.c
// wrap: execv ioctl stat fstat
/*
 * The hotplug script of disks: what it does for libxl's arguments, xenstore's nodes and the disk. The test plays loop
 * devices, block devices and execv().
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-xs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

static char folder[] = "/tmp/test-block-XXXXXX";

#define XEN_SCRIPT_DIR folder
#define XEN_LOCK_DIR "lock"
#define MOUNTS "mounts"
#define STOCK_FILES { "block", 0xaf63dc4c8601ec8c }, { "block-common.sh", 0xaf63df4c8601f1a5 }
#define LOOP_CONTROL "loop-control"
#define LOOP_DEVICE "loop"
#define LOOPS_IN_USE "sys/loop*/loop"
#define main block_main
#include "../../launcher/block/loop.c"
#include "../../launcher/block/main.c"
#undef main

#define BACK "/local/domain/0/backend/vbd/7/768/"
#define LOOPS 4

/* The kernel's loop devices; inode: of the file; 0: the device is free */
static struct { ino_t inode; dev_t device; bool read_only; } loops[LOOPS];
static int stolen; /* so many free devices are taken by somebody else just before we configure them */
static char calls[1024];

struct xs_handle *xs_open(unsigned long flags)
{
    return fake_xs_open();
}

int __wrap_execv(const char *path, char *const argv[])
{
    assert_string_equal(path, argv[0]);
    snprintf(calls, sizeof(calls), "run %s %s script=%s", path, argv[1], getenv("script"));
    errno = ENOENT;
    return -1;
}

int __real_fstat(int fd, struct stat *st);
int __real_stat(const char *path, struct stat *st);

/* The number in "loop3": -1: it is something else. */
static int loop_number(const char *path)
{
    const char *slash = strrchr(path, '/');
    int number, used = -1;

    return sscanf(slash ? slash + 1 : path, "loop%d%n", &number, &used) == 1 &&
           !(slash ? slash + 1 : path)[used] ? number : -1;
}

/* loopN is 7:N, and NAME-MAJOR-MINOR.blk is a block device. */
static void play_device(const char *path, struct stat *st)
{
    unsigned int major, minor;
    const char *dash = strchr(path, '-');

    if (strstr(path, ".blk") && (dash = strstr(path, "disk-")) && sscanf(dash, "disk-%u-%u", &major, &minor) == 2) {
        st->st_mode = S_IFBLK | 0600;
        st->st_rdev = makedev(major, minor);
    } else if (loop_number(path) >= 0) {
        st->st_mode = S_IFBLK | 0600;
        st->st_rdev = makedev(7, loop_number(path));
    }
}

int __wrap_stat(const char *path, struct stat *st)
{
    int rc = __real_stat(path, st);

    if (!rc)
        play_device(path, st);
    return rc;
}

static void path_of(int fd, char path[256])
{
    char link[64];
    ssize_t len;

    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    len = readlink(link, path, 255);
    assert_true(len > 0);
    path[len] = '\0';
}

int __wrap_fstat(int fd, struct stat *st)
{
    int rc = __real_fstat(fd, st);
    char path[256];

    path_of(fd, path);
    if (!rc)
        play_device(path, st);
    return rc;
}

static int fail_with(int error)
{
    errno = error;
    return -1;
}

static void mark(int number, bool used)
{
    char name[64];

    snprintf(name, sizeof(name), "sys/loop%d/loop", number);
    if (used)
        assert_true(!mkdir(name, 0700) || errno == EEXIST);
    else
        rmdir(name);
}

static int play_configure(int number, const struct loop_config *config)
{
    struct stat st;

    if (stolen > 0) {
        stolen--;
        loops[number].inode = 1;
        return fail_with(EBUSY);
    }
    if (loops[number].inode)
        return fail_with(EBUSY);
    assert_int_equal(__real_fstat(config->fd, &st), 0);
    loops[number].inode = st.st_ino;
    loops[number].device = st.st_dev;
    loops[number].read_only = config->info.lo_flags & LO_FLAGS_READ_ONLY;
    assert_int_equal(fcntl(config->fd, F_GETFL) & O_ACCMODE, loops[number].read_only ? O_RDONLY : O_RDWR);
    mark(number, true);
    return 0;
}

static int play_free(void)
{
    for (int i = 0; i < LOOPS; i++)
        if (!loops[i].inode)
            return i;
    return fail_with(ENOSPC);
}

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    char path[256];
    void *argument;
    va_list args;
    int number;

    va_start(args, request);
    argument = va_arg(args, void *);
    va_end(args);
    path_of(fd, path);
    if (request == LOOP_CTL_GET_FREE)
        return play_free();
    number = loop_number(path);
    assert_in_range(number, 0, LOOPS - 1);
    if (request == LOOP_CONFIGURE)
        return play_configure(number, argument);
    if (!loops[number].inode)
        return fail_with(ENXIO);
    if (request == LOOP_GET_STATUS64) {
        ((struct loop_info64 *)argument)->lo_inode = loops[number].inode;
        ((struct loop_info64 *)argument)->lo_device = loops[number].device;
    } else {
        assert_int_equal(request, LOOP_CLR_FD);
        memset(&loops[number], 0, sizeof(loops[number]));
        mark(number, false);
    }
    return 0;
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* The absolute path of a file of the test's. */
static const char *at(const char *name)
{
    static char path[4][128];
    static int turn;

    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof(path[turn]), "%s/%s", folder, name);
    return path[turn];
}

static int setup(void **state)
{
    fake_xs_reset(0);
    memset(loops, 0, sizeof(loops));
    for (int i = 0; i < LOOPS; i++)
        mark(i, false);
    stolen = 0;
    setenv("XENBUS_PATH", "backend/vbd/7/768", 1);
    put("block", "a");
    put("block-common.sh", "b");
    put("mounts", "proc /proc proc rw 0 0\n");
    put("disk.img", "x");
    chmod("disk.img", 0600);
    fake_xs_set(BACK "params", at("disk.img"));
    fake_xs_set(BACK "mode", "w");
    fake_xs_set(BACK "state", "2");
    fake_xs_set("/local/domain/7/vm", "/vm/guest");
    return 0;
}

static int run_as(const char *action)
{
    char program[] = "/usr/libexec/xen-stubdom/stubdom-block", verb[16], *argv[] = {program, verb, NULL};
    int status;

    snprintf(verb, sizeof(verb), "%s", action);
    calls[0] = '\0';
    status = block_main(2, argv);
    assert_int_equal(fake_xs_open_handles(), 0);
    /* The lock was released. */
    assert_int_equal(access("lock/block", F_OK), -1);
    return status;
}

static void assert_connected(const char *physical, const char *path)
{
    assert_int_equal(run_as("add"), 0);
    assert_string_equal(fake_xs_get(BACK "physical-device"), physical);
    assert_string_equal(fake_xs_get(BACK "physical-device-path"), path);
    assert_string_equal(fake_xs_get(BACK "hotplug-status"), "connected");
    assert_null(fake_xs_get(BACK "hotplug-error"));
    assert_string_equal(calls, "");
}

static void assert_refused(const char *error)
{
    assert_int_equal(run_as("add"), 1);
    assert_string_equal(fake_xs_get(BACK "hotplug-status"), "error");
    assert_non_null(strstr(fake_xs_get(BACK "hotplug-error"), error));
    assert_null(fake_xs_get(BACK "physical-device"));
    assert_null(fake_xs_get(BACK "node"));
    assert_string_equal(calls, "");
}

static void a_file(void **state)
{
    stolen = 1;
    assert_connected("7:1", "loop1");
    assert_string_equal(fake_xs_get(BACK "node"), "loop1");
    assert_false(loops[1].read_only);
    /* A second "add" changes nothing. */
    assert_int_equal(run_as("add"), 0);
    assert_int_equal(loops[2].inode, 0);
    /* The loop device is removed even if its file is gone. */
    unlink("disk.img");
    assert_int_equal(run_as("remove"), 0);
    assert_int_equal(loops[1].inode, 0);
}

static void a_file_to_read(void **state)
{
    chmod("disk.img", 0400);
    fake_xs_set(BACK "mode", "r");
    assert_connected("7:0", "loop0");
    assert_true(loops[0].read_only);
    assert_int_equal(run_as("remove"), 0);
    assert_int_equal(loops[0].inode, 0);
}

static void a_device(void **state)
{
    unlink("link");
    put("disk-253-18.blk", "");
    assert_int_equal(symlink("disk-253-18.blk", "link"), 0);
    fake_xs_set(BACK "params", at("link"));
    assert_connected("fd:12", at("disk-253-18.blk"));
    assert_null(fake_xs_get(BACK "node"));
    assert_int_equal(run_as("remove"), 0);
}

/* Domain 8 has the file's loop device 0 already. */
static void other_has(const char *mode, const char *vm)
{
    struct stat st;

    assert_int_equal(__real_stat("disk.img", &st), 0);
    loops[0].inode = st.st_ino;
    loops[0].device = st.st_dev;
    mark(0, true);
    fake_xs_set("/local/domain/0/backend/vbd/8/51712/physical-device", "7:0");
    fake_xs_set("/local/domain/0/backend/vbd/8/51712/mode", mode);
    fake_xs_set("/local/domain/8/vm", vm);
}

static void shared_with_a_guest(void **state)
{
    static const struct {
        const char *mine, *theirs;
        bool refused;
    } cases[] = {
        { "w", "w", true }, { "w", "r", true }, { "w", "w!", true }, { "r", "w", true }, { "r", "r", false },
        { "r", "w!", false }, { "w!", "w", false }, { "w!", "r", false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        setup(state);
        other_has(cases[i].theirs, "/vm/other");
        fake_xs_set(BACK "mode", cases[i].mine);
        if (cases[i].refused)
            assert_refused("another guest has it");
        else
            assert_connected("7:1", "loop1");
    }
}

/*
 * These may share a disk: a guest and its stub domain, the same guest while it is migrated, and a domain of which only
 * the disk's folder is left.
 */
static void shared_with_itself(void **state)
{
    other_has("w", "/vm/stub");
    fake_xs_set("/local/domain/8/target", "7");
    assert_connected("7:1", "loop1");
    setup(state);
    other_has("w", "/vm/guest");
    assert_connected("7:1", "loop1");
    setup(state);
    other_has("w", NULL);
    assert_connected("7:1", "loop1");
    setup(state);
    other_has("w", "/vm/guest");
    fake_xs_set("/local/domain/7/vm", "/vm/stub");
    fake_xs_set("/local/domain/7/target", "8");
    assert_connected("7:1", "loop1");
    /* Stub domains of one guest; of two. */
    setup(state);
    other_has("w", "/vm/stub-8");
    fake_xs_set("/local/domain/8/target", "5");
    fake_xs_set("/local/domain/7/vm", "/vm/stub-7");
    fake_xs_set("/local/domain/7/target", "6");
    fake_xs_set("/local/domain/5/vm", "/vm/guest");
    fake_xs_set("/local/domain/6/vm", "/vm/guest");
    assert_connected("7:1", "loop1");
    setup(state);
    other_has("w", "/vm/stub-8");
    fake_xs_set("/local/domain/8/target", "5");
    fake_xs_set("/local/domain/5/vm", "/vm/a-guest");
    assert_refused("another guest has it");
}

/* Another file's loop device does not count, nor does a malformed number. */
static void not_shared(void **state)
{
    other_has("w", "/vm/other");
    loops[0].inode++;
    assert_connected("7:1", "loop1");
    setup(state);
    other_has("w", "/vm/other");
    loops[0].device++;
    assert_connected("7:1", "loop1");
    setup(state);
    other_has("w", "/vm/other");
    fake_xs_set("/local/domain/0/backend/vbd/8/51712/physical-device", "7:0 ro");
    assert_connected("7:1", "loop1");
}

static void devices_are_shared_likewise(void **state)
{
    put("disk-253-18.blk", "");
    fake_xs_set(BACK "params", at("disk-253-18.blk"));
    fake_xs_set("/local/domain/0/backend/vbd/8/51712/physical-device", "fd:12");
    fake_xs_set("/local/domain/8/vm", "/vm/other");
    assert_refused("another guest has it, so a guest cannot have it for writing");
    fake_xs_set("/local/domain/0/backend/vbd/8/51712/physical-device", "fd:13");
    fake_xs_set(BACK "hotplug-error", NULL);
    assert_connected("fd:12", at("disk-253-18.blk"));
}

static void mounted_in_dom0(void **state)
{
    char line[256];

    put("disk-253-18.blk", "");
    fake_xs_set(BACK "params", at("disk-253-18.blk"));
    snprintf(line, sizeof(line), "proc /proc proc rw 0 0\n%s /mnt ext4 ro,relatime 0 0\n", at("disk-253-18.blk"));
    put("mounts", line);
    assert_refused("dom0 has mounted it, so a guest cannot have it for writing");
    fake_xs_set(BACK "hotplug-error", NULL);
    fake_xs_set(BACK "mode", "r");
    assert_connected("fd:12", at("disk-253-18.blk"));
    setup(state);
    fake_xs_set(BACK "params", at("disk-253-18.blk"));
    fake_xs_set(BACK "mode", "r");
    snprintf(line, sizeof(line), "%s /mnt ext4 rw,errors=remount-ro 0 0\n", at("disk-253-18.blk"));
    put("mounts", line);
    assert_refused("dom0 has mounted it for writing");
    unlink("mounts");
    assert_refused("cannot find out whether it is in use");
}

static void what_is_no_disk(void **state)
{
    fake_xs_set(BACK "params", at("nothing"));
    assert_refused("nothing: No such file or directory");
    fake_xs_set(BACK "params", folder);
    assert_refused("neither a file nor a block device");
    fake_xs_set(BACK "params", at("disk.img"));
    chmod("disk.img", 0400);
    assert_refused("Read-only file system");
    chmod("disk.img", 0600);
    memset(loops, 1, sizeof(loops));
    assert_refused("no loop device: No space left on device");
    setup(state);
    stolen = 1000;
    assert_refused("no loop device");
    setup(state);
    fake_xs_set(BACK "state", "5");
    assert_refused("not wanted any more");
    fake_xs_set(BACK "state", NULL);
    assert_refused("not wanted any more");
}

/* Cases in which Xen's own script runs, because ours might not do the same. */
static void the_stock_script(void **state)
{
    static const char *const params[] = { "", "sda", "iqn.2001-05.com.equallogic:0" };
    char expected[256];

    snprintf(expected, sizeof(expected), "run %s add script=%s", at("block"), at("block"));
    for (size_t i = 0; i < ARRAY_LEN(params); i++) {
        fake_xs_set(BACK "params", params[i]);
        assert_int_equal(run_as("add"), 1);
        assert_string_equal(calls, expected);
        assert_non_null(strstr(fake_xs_get(BACK "hotplug-error"), "block: No such file or directory"));
    }
}

static void another_stock_script(void **state)
{
    char expected[256];

    put("block-common.sh", "changed");
    for (int i = 0; i < 2; i++) {
        snprintf(expected, sizeof(expected), "run %s %s script=%s", at("block"), i ? "remove" : "add", at("block"));
        assert_int_equal(run_as(i ? "remove" : "add"), 1);
        assert_string_equal(calls, expected);
    }
    unlink("block-common.sh");
    assert_int_equal(run_as("add"), 1);
    assert_string_equal(calls + strlen(calls) - 5, "block");
}

static void only_loop_devices_are_detached(void **state)
{
    static const char *const nodes[] = { "sda", "loop", "loop1/../../sda", "loop-1", "loop1x", "" };

    put("sda", "");
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++) {
        fake_xs_set(BACK "node", nodes[i]);
        assert_int_equal(run_as("remove"), 1);
        assert_non_null(strstr(fake_xs_get(BACK "hotplug-error"), "cannot detach"));
    }
}

/* Calls that cannot be libxl's are refused before xenstore is read. */
static void strange_callers(void **state)
{
    static const char *const paths[] = { "", "backend/vbd/", "backend/vbd/7", "backend/vbd/7/", "backend/vif/7/0",
                                         "backend/vbd/7/768/x", "backend/vbd/-7/0", "/backend/vbd/7/768" };
    char *alone[] = {(char *)"stubdom-block", NULL};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        setenv("XENBUS_PATH", paths[i], 1);
        assert_int_equal(run_as("add"), 1);
    }
    unsetenv("XENBUS_PATH");
    assert_int_equal(run_as("add"), 1);
    setup(state);
    assert_int_equal(run_as("online"), 1);
    assert_int_equal(block_main(1, alone), 1);
    assert_null(fake_xs_get(BACK "hotplug-status"));
    fake_xs_fail(EIO);
    assert_int_equal(run_as("add"), 1);
    fake_xs_fail(0);
    assert_int_equal(loops[0].inode, 0);
}

/* Xen's scripts hold the lock by flock(), and remove the file before they release it. */
static void the_lock_of_xen(void **state)
{
    int fd, status, pipes[2];
    pid_t child;
    char byte;

    assert_true(!mkdir("lock", 0700) || errno == EEXIST);
    fd = open("lock/block", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_int_equal(pipe(pipes), 0);
    child = fork();
    if (!child) {
        int taken;

        close(fd);
        taken = xen_lock_take("lock", "block");
        _exit(taken >= 0 && write(pipes[1], "x", 1) == 1 && !access("lock/block", F_OK) ? 0 : 1);
    }
    assert_int_equal(fcntl(pipes[0], F_SETFL, O_NONBLOCK), 0);
    usleep(50000);
    assert_int_equal(read(pipes[0], &byte, 1), -1);
    unlink("lock/block");
    close(fd);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    unlink("lock/block");
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(xen_lock_take("no/such/folder", "block"), -ENOENT);
}

static int begin(void **state)
{
    char name[64];

    if (!mkdtemp(folder) || chdir(folder) || mkdir("sys", 0700))
        return -1;
    put("loop-control", "");
    for (int i = 0; i < LOOPS; i++) {
        snprintf(name, sizeof(name), "sys/loop%d", i);
        if (mkdir(name, 0700))
            return -1;
        put(strchr(name, '/') + 1, "");
    }
    return 0;
}

static int end(void **state)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_file, setup),
        cmocka_unit_test_setup(a_file_to_read, setup),
        cmocka_unit_test_setup(a_device, setup),
        cmocka_unit_test_setup(shared_with_a_guest, setup),
        cmocka_unit_test_setup(shared_with_itself, setup),
        cmocka_unit_test_setup(not_shared, setup),
        cmocka_unit_test_setup(devices_are_shared_likewise, setup),
        cmocka_unit_test_setup(mounted_in_dom0, setup),
        cmocka_unit_test_setup(what_is_no_disk, setup),
        cmocka_unit_test_setup(the_stock_script, setup),
        cmocka_unit_test_setup(another_stock_script, setup),
        cmocka_unit_test_setup(only_loop_devices_are_detached, setup),
        cmocka_unit_test_setup(strange_callers, setup),
        cmocka_unit_test_setup(the_lock_of_xen, setup),
    };

    return cmocka_run_group_tests_name("block", tests, begin, end);
}
