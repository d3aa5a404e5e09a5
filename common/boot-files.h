/*
 * The guest's kernel and ramdisk for direct kernel boot: files of dom0, fetched one after the other before QEMU is
 * started (boot-file-wire.h), and removed when QEMU has read them.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef BOOT_FILES_H
#define BOOT_FILES_H

#include "boot-file-wire.h"
#include "dm-argv.h"
#include "loop.h"
#include "platform.h"

/*
 * Memory that QEMU takes at its start besides these files. If it were not kept free, the kernel would kill QEMU or us.
 */
#define BOOT_FILES_RESERVE (10u << 20)

struct libxenvchan;

struct boot_files {
    struct loop *loop;
    struct platform *platform;
    struct dm_file *wanted;    /* DM_FILES of them */
    char folder[96];           /* in xenstore */
    void (*done)(void *data);
    void (*failed)(void *data, const char *reason);
    void *data;

    int kind;                  /* the one that is being fetched; DM_FILES: no more */
    struct libxenvchan *vchan;
    struct loop_fd vchan_fd;
    struct loop_timer retry;
    uint8_t header[BOOT_FILE_HEADER];
    uint64_t received, size;   /* received counts the header, size does not; size is 0 until the header is there */
    uint64_t kernel_size;
    bool failure_logged;
};

struct boot_files_config {
    struct loop *loop;
    struct platform *platform;
    struct dm_file *wanted;    /* names filled in; gets the paths */
    const char *folder;        /* absolute */
    void (*done)(void *data);  /* all files are there; called at once if none is wanted */
    void (*failed)(void *data, const char *reason);
    void *data;
};

/* 0, or -ENAMETOOLONG. */
int boot_files_init(struct boot_files *files, const struct boot_files_config *config);

/* Calls done() or failed(), now or later, unless boot_files_stop() comes first. */
void boot_files_start(struct boot_files *files);
/* Idempotent. Does nothing before boot_files_init(). */
void boot_files_stop(struct boot_files *files);

/* Text for the log: which file is being fetched, and how much of it is here. */
void boot_files_describe(const struct boot_files *files, char *text, size_t size);

#endif
