// sources: tests/unit/fake-xs.c tests/unit/fake-vchan.c
/*
 * The stub domain fetches boot files, and dom0's end does anything: it announces any length, sends any bytes in any
 * pieces, goes away and comes back. At times no vchan, no memory or no file can be had. The transfer ends once, in
 * done() or in failed(). It is done as soon as all files have been sent, and then every file has the announced length
 * and the bytes that were sent.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "boot-files.h"
#include "fake-vchan.h"
#include "log.h"
#include "util.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define FOLDER "/local/domain/3/device-model/7/files"
#define MAX_OPERATIONS 100 /* the fake has a bounded number of vchans */

static struct loop loop;
static struct boot_files files;
static struct dm_file wanted[DM_FILES];
static struct libxenvchan *client;
static struct { uint64_t length; size_t sent; } claim[DM_FILES];
static uint64_t available, room[DM_FILES];
static int create_rc, ends, kept[DM_FILES];

static uint64_t fake_available(struct platform *p) { return available; }

static int fake_create(struct platform *p, unsigned int n, uint64_t bytes, char *path, size_t size)
{
    MUST(n < DM_FILES);
    if (create_rc)
        return create_rc;
    if (kept[n] >= 0)
        close(kept[n]);
    kept[n] = memfd_create("boot-file", MFD_CLOEXEC);
    MUST(kept[n] >= 0);
    room[n] = bytes;
    return format_text(path, size, "/run/files/%u", n);
}

static int fake_write(struct platform *p, unsigned int n, const void *bytes, size_t size)
{
    MUST(n < DM_FILES && kept[n] >= 0 && size <= room[n]);
    room[n] -= size;
    MUST(write(kept[n], bytes, size) == (ssize_t)size);
    return 0;
}

static const struct platform_ops ops = { .memory_available = fake_available,
                                         .file_create = fake_create, .file_write = fake_write };

static uint8_t value_of(size_t at, int kind) { return at * 7 + at / 256 + kind; }

static void check_file(int kind)
{
    uint8_t bytes[4096];
    uint64_t at = 0;
    ssize_t got;

    MUST(kept[kind] >= 0 && !strncmp(wanted[kind].path, "/run/files/", 11));
    while ((got = pread(kept[kind], bytes, sizeof(bytes), at)) > 0)
        for (ssize_t i = 0; i < got; i++)
            MUST(bytes[i] == value_of(at++, kind));
    MUST(at == claim[kind].length);
}

static void all_done(void *data)
{
    ends++;
    for (int i = 0; i < DM_FILES; i++)
        if (wanted[i].name)
            check_file(i);
}

static void has_failed(void *data, const char *why)
{
    ends++;
    MUST(why[0] && strlen(why) < LOG_LINE_MAX);
}

static int kind_of_client;

/* After a turn of the loop: a client that has sent a whole file is no longer connected. */
static void settle(void)
{
    for (int i = 0; i < 4; i++)
        MUST(!loop_turn(&loop, 0));
    MUST(ends <= 1 && fake_vchan_servers() <= !ends && loop.timer_count <= 1);
    if (client && fake_vchan_server_alive(client))
        MUST(claim[kind_of_client].sent < BOOT_FILE_HEADER ||
             claim[kind_of_client].sent - BOOT_FILE_HEADER < claim[kind_of_client].length);
}

static void client_comes(struct input *in)
{
    char path[128];

    for (int kind = 0; kind < DM_FILES; kind++) {
        struct libxenvchan *now;

        snprintf(path, sizeof(path), FOLDER "/%d", kind);
        now = fake_vchan_connect(path);
        if (!now || now == client)
            continue;
        MUST(wanted[kind].name);
        client = now;
        kind_of_client = kind;
        claim[kind].length = (uint64_t)take(in, 4) << take(in, 1) % 40;
        if (claim[kind].length % 2)
            claim[kind].length %= 4096;
        claim[kind].sent = 0;
    }
}

static void client_sends(size_t size)
{
    uint8_t header[BOOT_FILE_HEADER], bytes[1024];
    size_t sent = claim[kind_of_client].sent;

    boot_file_pack(header, claim[kind_of_client].length);
    for (size_t i = 0; i < size; i++, sent++)
        bytes[i] = sent < BOOT_FILE_HEADER ? header[sent] :
                   value_of(sent - BOOT_FILE_HEADER, kind_of_client);
    claim[kind_of_client].sent += fake_vchan_client_write(client, bytes, size);
}

static void operate(struct input *in)
{
    unsigned int what = take(in, 1);

    switch (what % 8) {
    case 0: client_comes(in); break;
    case 1:
    case 2: if (client) client_sends(take(in, 2) % 1025); break;
    case 3: if (client) fake_vchan_leave(client); break;
    case 4: available = (uint64_t)take(in, 4) << 10; break;
    case 5: create_rc = take(in, 1) % 2 ? -ENOSPC : 0; break;
    case 6: fake_vchan_fail(take(in, 1) % 4); break;
    case 7: clock_ms += 1000; break;
    }
    if (what < 128) /* otherwise the next operation comes first */
        settle();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    struct platform platform = { .ops = &ops };
    unsigned int which = take(&in, 1);

    log_set_sink(no_log, NULL);
    fake_vchan_reset(3);
    loop_init(&loop, now_ms);
    memset(wanted, 0, sizeof(wanted));
    memset(claim, 0, sizeof(claim));
    client = NULL;
    ends = create_rc = 0;
    available = 64 << 20;
    for (int i = 0; i < DM_FILES; i++) {
        kept[i] = -1;
        wanted[i].name = which >> i & 1 ? "/boot/a-file" : NULL;
    }
    MUST(!boot_files_init(&files, &(struct boot_files_config){
        .loop = &loop, .platform = &platform, .wanted = wanted, .folder = FOLDER,
        .done = all_done, .failed = has_failed }));
    boot_files_start(&files);
    for (int i = 0; i < MAX_OPERATIONS && in.size; i++)
        operate(&in);
    settle();
    boot_files_stop(&files);
    MUST(!fake_vchan_servers() && !loop.timer_count);
    for (int i = 0; i < DM_FILES; i++)
        if (kept[i] >= 0)
            close(kept[i]);
    fake_vchan_reset(3);
    return 0;
}
