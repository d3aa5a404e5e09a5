/*
 * loop: Linux's loop devices, which make a block device of a file.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef LOOP_H
#define LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define LOOP_NAME_SIZE 32

/* Block devices; grows by devices_add(), its memory is freed by the caller. */
struct devices {
    dev_t *list;
    size_t count;
};

/* 0, or -ENOMEM. */
int devices_add(struct devices *devices, dev_t device);
bool devices_have(const struct devices *devices, dev_t device);

/*
 * Makes a free loop device one of an open file (`path` is what losetup shows of it); "/dev/loopN" in name.
 * 0, or -errno.
 */
int loop_attach(int file, const char *path, bool read_only, char name[LOOP_NAME_SIZE]);

/* 0, or -errno. A device that somebody has open goes as soon as nobody has. */
int loop_detach(const char *name);

/* Adds all loop devices of this file. 0, or -errno. */
int loop_find(dev_t device, ino_t inode, struct devices *found);

#endif
