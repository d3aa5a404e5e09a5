// sources: launcher/dom0-daemon/root/cgroup.c
/*
 * The daemon's control group, in a folder of plain files: what is written to which file. rmdir() of a cgroup removes
 * its files, but here it fails if there are files. So a folder with files stands for a group in use.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "cgroup.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static char root[64];

static char *path_of(const char *file)
{
    static char path[160];

    snprintf(path, sizeof(path), "%s/%s", root, file);
    return path;
}

static void put(const char *file)
{
    close(open(path_of(file), O_CREAT | O_WRONLY, 0600));
}

static const char *text_of(const char *file)
{
    static char text[100];
    int fd = open(path_of(file), O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd >= 0)
        close(fd);
    text[n < 0 ? 0 : n] = '\0';
    return n < 0 ? "no file" : text;
}

static void put_group(const char *group)
{
    static const char *const files[] = { "memory.max", "pids.max", "io.max", "cgroup.procs" };
    char file[100];

    mkdir(path_of(group), 0700);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(file, sizeof(file), "%s/%s", group, files[i]);
        put(file);
    }
}

static int start(void **state)
{
    strcpy(root, "/tmp/dm-cgroup-XXXXXX");
    assert_non_null(mkdtemp(root));
    put("cgroup.procs");
    put("cgroup.subtree_control");
    mkdir(path_of("xen-stubdom"), 0700);
    put("xen-stubdom/cgroup.subtree_control");
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    return remove(path);
}

static int finish(void **state)
{
    return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void test_entered_and_left(void **state)
{
    put_group("xen-stubdom/7");
    assert_int_equal(cgroup_enter(root, 7), 0);
    assert_string_equal(text_of("xen-stubdom/7/memory.max"), "134217728");
    assert_string_equal(text_of("xen-stubdom/7/pids.max"), "16");
    assert_string_equal(text_of("xen-stubdom/7/cgroup.procs"), "0");
    /* Each controller is written at the beginning of the file, over the one before: "+memory" first, "+io" last. */
    assert_string_equal(text_of("cgroup.subtree_control"), "+iousry");
    assert_string_equal(text_of("xen-stubdom/cgroup.subtree_control"), "+iousry");
    cgroup_leave(root, 7);
    assert_string_equal(text_of("cgroup.procs"), "0");
}

static void test_old_groups_are_removed(void **state)
{
    put_group("xen-stubdom/7");
    put_group("xen-stubdom/8");
    mkdir(path_of("xen-stubdom/9"), 0700);
    mkdir(path_of("xen-stubdom/of-somebody"), 0700);
    assert_int_equal(cgroup_enter(root, 7), 0);
    assert_int_equal(access(path_of("xen-stubdom/8"), F_OK), 0);
    assert_int_equal(access(path_of("xen-stubdom/9"), F_OK), -1);
    assert_int_equal(access(path_of("xen-stubdom/of-somebody"), F_OK), 0);
}

static void test_there_is_no_such_thing(void **state)
{
    assert_int_equal(cgroup_enter("/no/such/folder", 7), -ENOENT);
    cgroup_leave("/no/such/folder", 7);
    /* If the limits cannot be set, there is no group. */
    mkdir(path_of("xen-stubdom/7"), 0700);
    assert_int_equal(cgroup_enter(root, 7), -ENOENT);
    assert_string_equal(text_of("cgroup.procs"), "");
}

static void put_text(const char *file, const char *text)
{
    FILE *f = fopen(path_of(file), "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* As in sysfs, links in dev/block lead to the folders of a disk and its first partition. */
static void test_disks(void **state)
{
    char sysfs[100];

    put_group("xen-stubdom/7");
    snprintf(sysfs, sizeof(sysfs), "%s", path_of("sys"));
    mkdir(sysfs, 0700);
    mkdir(path_of("sys/dev"), 0700);
    mkdir(path_of("sys/dev/block"), 0700);
    mkdir(path_of("sys/sda"), 0700);
    mkdir(path_of("sys/sda/sda1"), 0700);
    put_text("sys/sda/dev", "8:0\n");
    put_text("sys/sda/sda1/dev", "8:1\n");
    put_text("sys/sda/sda1/partition", "1\n");
    assert_int_equal(symlink("../../sda", path_of("sys/dev/block/8:0")), 0);
    assert_int_equal(symlink("../../sda/sda1", path_of("sys/dev/block/8:1")), 0);
    assert_int_equal(cgroup_limit_disk(root, sysfs, 7, makedev(8, 0)), 0);
    assert_string_equal(text_of("xen-stubdom/7/io.max"), "8:0 rbps=67108864 wbps=67108864 riops=4096 wiops=4096");
    put_text("xen-stubdom/7/io.max", "");
    assert_int_equal(cgroup_limit_disk(root, sysfs, 7, makedev(8, 1)), 0);
    assert_string_equal(text_of("xen-stubdom/7/io.max"), "8:0 rbps=67108864 wbps=67108864 riops=4096 wiops=4096");
    /* Not on a block device, no sysfs; a kernel without the controller, or no group. */
    assert_int_equal(cgroup_limit_disk(root, sysfs, 7, makedev(0, 42)), -ENODEV);
    assert_int_equal(cgroup_limit_disk(root, "/no/such/folder", 7, makedev(8, 0)), -ENODEV);
    assert_int_equal(cgroup_limit_disk(root, sysfs, 8, makedev(8, 0)), -ENOENT);
    put_text("sys/sda/dev", "none\n");
    assert_int_equal(cgroup_limit_disk(root, sysfs, 7, makedev(8, 0)), -EINVAL);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, start, finish)
    const struct CMUnitTest tests[] = {
        TEST(test_entered_and_left),
        TEST(test_old_groups_are_removed),
        TEST(test_there_is_no_such_thing),
        TEST(test_disks),
    };

    return cmocka_run_group_tests_name("dm-cgroup", tests, NULL, NULL);
}
