/*
 * disk-snapshot: asks the kernel's device mapper. See disk-snapshot.h.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "disk-snapshot.h"

#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

#define CONTROL "/dev/" DM_DIR "/" DM_CONTROL_NODE

/* The kernel's answer: which parts of the device are what. */
struct table {
    struct dm_ioctl head;
    char data[4096];
};

/* False, too, for a device that is not the device mapper's: the kernel looks at its major number. */
static bool table_read(struct table *table, dev_t device)
{
    cleanup_close int control = open(CONTROL, O_RDONLY | O_CLOEXEC);

    memset(table, 0, sizeof(*table));
    table->head.version[0] = DM_VERSION_MAJOR; /* and minor 0: each kernel that has this major takes it */
    table->head.data_size = sizeof(*table);
    table->head.dev = device;
    table->head.flags = DM_STATUS_TABLE_FLAG;
    return control >= 0 && !ioctl(control, DM_TABLE_STATUS, table) && !(table->head.flags & DM_BUFFER_FULL_FLAG);
}

bool disk_is_snapshot(const char *path)
{
    struct dm_target_spec target;
    struct table table;
    struct stat st;

    /* Xen's script looks for a relative path in /dev, stat() in the working directory. */
    if (*path != '/' || stat(path, &st) || !S_ISBLK(st.st_mode) || !table_read(&table, st.st_rdev))
        return false;
    /* With several targets a part of the device might be the original. */
    if (table.head.target_count != 1 || table.head.data_start > sizeof(table) - sizeof(target))
        return false;
    memcpy(&target, (char *)&table + table.head.data_start, sizeof(target));
    return !strncmp(target.target_type, "snapshot", sizeof(target.target_type));
}
