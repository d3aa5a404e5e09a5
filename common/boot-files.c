/*
 * Fetching dom0's boot files (boot-files.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "boot-files.h"

#include "log.h"
#include "util.h"

#include <errno.h>
#include <libxenvchan.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RING 65536
#define RETRY_MS 200
#define MIB(bytes) ((unsigned int)(((bytes) + (1 << 20) - 1) >> 20))

/* libxenvchan_is_open() of a server without a client. */
#define VCHAN_NOT_YET 2

TABLE_BEGINS(words);
static const char *const words[] = {
    TABLE_ROW(DM_FILE_KERNEL) = "kernel",
    TABLE_ROW(DM_FILE_INITRD) = "ramdisk",
};
TABLE_ENDS(words, DM_FILES);

static void close_all(struct boot_files *files)
{
    loop_stop_timer(files->loop, &files->retry);
    loop_remove_fd(files->loop, &files->vchan_fd);
    libxenvchan_close(files->vchan);
    files->vchan = NULL;
}

static void failed(struct boot_files *files, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void failed(struct boot_files *files, const char *fmt, ...)
{
    const char *name = files->wanted[files->kind].name;
    char why[128], reason[LOG_LINE_MAX];
    va_list args;

    va_start(args, fmt);
    vsnprintf(why, sizeof(why), fmt, args);
    va_end(args);
    snprintf(reason, sizeof(reason), "the guest's %s, dom0's %.200s: %s", words[files->kind], name,
             why);
    close_all(files);
    files->kind = DM_FILES;
    files->failed(files->data, reason);
}

/* Offers the vchan of the next file; tries again later if that fails. */
static void offer(void *data)
{
    struct boot_files *files = data;
    char path[112];

    snprintf(path, sizeof(path), "%s/%d", files->folder, files->kind);
    files->received = files->size = 0;
    files->vchan = libxenvchan_server_init(NULL, 0, path, RING, 1024);
    if (files->vchan) {
        files->vchan->blocking = 0; /* libxenvchan leaves it unset */
        files->vchan_fd.fd = libxenvchan_fd_for_select(files->vchan);
        if (!loop_add_fd(files->loop, &files->vchan_fd))
            return;
        close_all(files);
    }
    if (!files->failure_logged)
        log_error("cannot offer a vchan for the guest's %s: %s; trying again", words[files->kind],
                  strerror(errno));
    files->failure_logged = true;
    loop_start_timer(files->loop, &files->retry, RETRY_MS);
}

static void fetch_next(struct boot_files *files)
{
    do
        files->kind++;
    while (files->kind < DM_FILES && !files->wanted[files->kind].name);
    if (files->kind < DM_FILES)
        offer(files);
    else
        files->done(files->data);
}

/* QEMU copies the kernel into its own memory, while our copy still exists. It maps the ramdisk. */
static uint64_t memory_needed(const struct boot_files *files)
{
    uint64_t twice = files->kind == DM_FILE_KERNEL ? files->size : files->kernel_size;

    return files->size + twice + BOOT_FILES_RESERVE;
}

/* Makes the file, now that its length is known, if there is memory for it. 0, or -errno after failed(). */
static int open_file(struct boot_files *files)
{
    struct dm_file *file = &files->wanted[files->kind];
    uint64_t available = files->platform->ops->memory_available(files->platform);
    int rc;

    files->size = boot_file_unpack(files->header);
    log_debug("the guest's %s: %llu bytes to come, %llu KiB of memory are available",
              words[files->kind], (unsigned long long)files->size,
              (unsigned long long)available >> 10);
    if (files->size > BOOT_FILE_MAX) {
        failed(files, "dom0 says that it has %llu bytes", (unsigned long long)files->size);
        return -EFBIG;
    }
    if (files->kind == DM_FILE_KERNEL)
        files->kernel_size = files->size;
    if (memory_needed(files) > available) {
        failed(files, "too big for the stub domain: it takes %u MiB, %u MiB are free "
               "(stubdom_memory)", MIB(memory_needed(files)), MIB(available));
        return -ENOMEM;
    }
    rc = files->platform->ops->file_create(files->platform, files->kind, files->size, file->path,
                                           sizeof(file->path));
    if (rc)
        failed(files, "cannot make a file: %s", strerror(-rc));
    return rc;
}

/* Takes bytes of the header. How many; 0: none are there; or -errno after failed(). */
static int take_header(struct boot_files *files)
{
    int got = libxenvchan_read(files->vchan, files->header + files->received,
                               BOOT_FILE_HEADER - files->received);

    if (got <= 0)
        return 0;
    files->received += got;
    if (files->received == BOOT_FILE_HEADER) {
        int rc = open_file(files);

        return rc ? rc : got;
    }
    return got;
}

static int take_bytes(struct boot_files *files)
{
    static char buffer[RING]; /* static: too large for a small stack, and only one thread runs this */
    uint64_t left = files->size + BOOT_FILE_HEADER - files->received;
    int got = libxenvchan_read(files->vchan, buffer, MIN(left, sizeof(buffer)));
    int rc;

    if (got <= 0)
        return 0;
    rc = files->platform->ops->file_write(files->platform, files->kind, buffer, got);
    if (rc) {
        failed(files, "cannot keep it: %s", strerror(-rc));
        return rc;
    }
    files->received += got;
    return got;
}

/* Drops what has come of a file: it will come again, and needs the memory. */
static void empty_file(struct boot_files *files)
{
    struct dm_file *file = &files->wanted[files->kind];
    int rc;

    if (files->received < BOOT_FILE_HEADER)
        return;
    rc = files->platform->ops->file_create(files->platform, files->kind, 0, file->path, sizeof(file->path));
    if (rc)
        log_warning("cannot drop what came: %s", strerror(-rc));
}

static bool is_complete(const struct boot_files *files)
{
    return files->received >= BOOT_FILE_HEADER &&
           files->received == files->size + BOOT_FILE_HEADER;
}

static void file_arrived(struct boot_files *files)
{
    log_info("the guest's %s, dom0's %.200s: %llu bytes", words[files->kind],
             files->wanted[files->kind].name, (unsigned long long)files->size);
    close_all(files);
    fetch_next(files);
}

/*
 * Reads until the ring is empty, because only a read that finds too little asks dom0 for an event. dom0 is trusted, and
 * there is nothing else to do before QEMU runs.
 */
static void vchan_ready(void *data, short revents)
{
    struct boot_files *files = data;
    int got = 1, open;

    if (libxenvchan_wait(files->vchan) < 0) {
        failed(files, "cannot read the event channel: %s", strerror(errno));
        return;
    }
    open = libxenvchan_is_open(files->vchan);
    if (open == VCHAN_NOT_YET)
        return;
    while (got > 0 && !is_complete(files))
        got = files->received < BOOT_FILE_HEADER ? take_header(files) : take_bytes(files);
    if (got < 0)
        return;
    if (is_complete(files)) {
        file_arrived(files);
    } else if (!open && got == 0) {
        log_warning("the guest's %s: dom0's side went away after %llu bytes; again",
                    words[files->kind], (unsigned long long)files->received);
        empty_file(files);
        close_all(files);
        offer(files);
    }
}

int boot_files_init(struct boot_files *files, const struct boot_files_config *config)
{
    *files = (struct boot_files){
        .loop = config->loop, .platform = config->platform,
        .wanted = config->wanted, .done = config->done, .failed = config->failed,
        .data = config->data, .kind = -1,
    };
    files->vchan_fd = (struct loop_fd){ .fd = -1, .events = POLLIN, .ready = vchan_ready,
                                        .data = files };
    files->retry = (struct loop_timer){ .fired = offer, .data = files };
    return format_text(files->folder, sizeof(files->folder), "%s", config->folder);
}

void boot_files_start(struct boot_files *files)
{
    fetch_next(files);
}

void boot_files_stop(struct boot_files *files)
{
    if (files->loop)
        close_all(files);
}

void boot_files_describe(const struct boot_files *files, char *text, size_t size)
{
    if (files->kind < 0 || files->kind >= DM_FILES)
        snprintf(text, size, "the guest's kernel");
    else
        snprintf(text, size, "the guest's %s, dom0's %.200s, of which %u KiB are here",
                 words[files->kind], files->wanted[files->kind].name,
                 (unsigned int)(files->received >> 10));
}
