// sources: launcher/xl-stubdom/disk-snapshot.c
// wrap: ioctl open stat
/*
 * Which disks are snapshots, with a device mapper that the test plays.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "disk-snapshot.h"

#define DM 253

/* The devices of the device mapper, by their minor numbers. */
static const struct device {
    const char *target[3]; /* the types of its parts */
    uint32_t flags;        /* of the answer */
    int error;
    bool snapshot;
} devices[] = {
    {{"snapshot"}, DM_ACTIVE_PRESENT_FLAG, 0, true},
    {{"linear"}, DM_ACTIVE_PRESENT_FLAG, 0, false},
    /* Writes to these reach the original, now or later. */
    {{"snapshot-origin"}, DM_ACTIVE_PRESENT_FLAG, 0, false},
    {{"snapshot-merge"}, DM_ACTIVE_PRESENT_FLAG, 0, false},
    {{"thin"}, DM_ACTIVE_PRESENT_FLAG, 0, false},
    {{"snap"}, DM_ACTIVE_PRESENT_FLAG, 0, false},
    {{"snapshot", "linear"}, DM_ACTIVE_PRESENT_FLAG, 0, false},
    {{NULL}, 0, 0, false},
    {{"snapshot"}, DM_BUFFER_FULL_FLAG, 0, false},
    {{"snapshot"}, 0, EACCES, false},
};
static bool no_control;

int __real_open(const char *path, int flags, mode_t mode);
int __real_stat(const char *path, struct stat *st);

int __wrap_open(const char *path, int flags, ...)
{
    va_list args;
    mode_t mode;

    va_start(args, flags);
    mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
    va_end(args);
    if (strcmp(path, "/dev/mapper/control"))
        return __real_open(path, flags, mode);
    assert_int_equal(flags & O_ACCMODE, O_RDONLY);
    return __real_open(no_control ? "/nothing" : "/dev/null", flags, mode);
}

/* /dev/MAJOR-MINOR is a block device, as is vg/MAJOR-MINOR. */
int __wrap_stat(const char *path, struct stat *st)
{
    unsigned int major, minor;
    int rc;

    if (sscanf(path, "/dev/%u-%u", &major, &minor) != 2 && sscanf(path, "vg/%u-%u", &major, &minor) != 2)
        return __real_stat(path, st);
    rc = __real_stat("/dev/null", st);
    st->st_mode = S_IFBLK | 0600;
    st->st_rdev = makedev(major, minor);
    return rc;
}

int __wrap_ioctl(int fd, unsigned long request, struct dm_ioctl *head)
{
    struct dm_target_spec spec = {0};
    const struct device *device;

    assert_true(request == DM_TABLE_STATUS);
    assert_int_equal(head->version[0], DM_VERSION_MAJOR);
    assert_int_equal(head->version[1], 0);
    assert_true(head->flags == DM_STATUS_TABLE_FLAG && !head->name[0] && !head->uuid[0]);
    assert_true(head->data_size >= sizeof(*head) + sizeof(spec));
    errno = ENXIO;
    if (major(head->dev) != DM || minor(head->dev) >= ARRAY_LEN(devices))
        return -1;
    device = &devices[minor(head->dev)];
    errno = device->error;
    if (errno)
        return -1;
    head->flags |= device->flags;
    /* The kernel puts the answer right behind the fields, where the struct has padding. */
    head->data_start = offsetof(struct dm_ioctl, data) + 7;
    for (head->target_count = 0; device->target[head->target_count]; head->target_count++) {
        /* As in the kernel, a name of the full length has no NUL. */
        strncpy(spec.target_type, device->target[head->target_count], sizeof(spec.target_type));
        memcpy((char *)head + head->data_start + head->target_count * sizeof(spec), &spec, sizeof(spec));
    }
    return 0;
}

static void test_devices(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(devices); i++) {
        char path[40];

        snprintf(path, sizeof(path), "/dev/%d-%zu", DM, i);
        if (disk_is_snapshot(path) != devices[i].snapshot)
            fail_msg("%s: %s", path, devices[i].target[0]);
    }
}

/* 253-0 is a snapshot; these are not it. */
static void test_others(void **state)
{
    static const char *const paths[] = {"/dev/8-0", "/dev/7-0", "/dev/253-300", "vg/253-0", "/dev/null", "/nothing", "",
                                        "/etc/hosts"};

    for (size_t i = 0; i < ARRAY_LEN(paths); i++)
        if (disk_is_snapshot(paths[i]))
            fail_msg("%s", paths[i]);
    no_control = true;
    assert_false(disk_is_snapshot("/dev/253-0"));
    no_control = false;
    assert_true(disk_is_snapshot("/dev/253-0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_others),
    };

    return cmocka_run_group_tests_name("xl-disk-snapshot", tests, NULL, NULL);
}
