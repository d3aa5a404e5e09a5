// sources: launcher/dom0-daemon/confined/throttle.c launcher/dom0-daemon/confined/file-server.c
// sources: launcher/dom0-daemon/confined/vchan-client.c launcher/dom0-daemon/confined/xen-handles.c
// sources: tests/unit/fake-xen.c
// cflags: -I../unit
/*
 * A stub domain fetches its two boot files by arbitrary vchans, some of which have honest servers, while the files
 * become shorter. An honest server gets the length of its file and the file's bytes from the start, nothing of the
 * other file and never more than the length. At the end nothing may be mapped or bound.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "hostile-vchan.h"
#include "fake-xen.h"
#include "file-server.h"
#include "log.h"
#include "loop-rest.h"
#include "util.h"

#include <stdio.h>
#include <sys/mman.h>

#define MAX_OPERATIONS 200 /* limited because some are storms of events */

static const size_t sizes[MESSAGE_MAX_FILES] = { 100000, 300 };

static struct loop loop;
static struct xen_handles handles;
static struct file_server server;
static int files[MESSAGE_MAX_FILES];
/* Vchan N is for file N % MESSAGE_MAX_FILES. A server is honest if, since it was made, it has only read. */
static struct { bool honest; uint32_t got; } servers[VCHANS];

static uint8_t value_of(size_t at, unsigned int file) { return at * 7 + at / 256 + file; }

static void make_file(unsigned int n)
{
    static uint8_t bytes[100000];
    char path[32];

    for (size_t i = 0; i < sizes[n]; i++)
        bytes[i] = value_of(i, n);
    files[n] = memfd_create("file", MFD_CLOEXEC);
    MUST(write(files[n], bytes, sizes[n]) == (ssize_t)sizes[n]);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", files[n]);
    MUST(!file_server_add(&server, n, path));
}

static void shorten(int file, off_t length)
{
    MUST(length >= lseek(file, 0, SEEK_END) || !ftruncate(file, length));
}

static void offer(unsigned int vchan, uint32_t port, bool wrong)
{
    file_server_offer(&server, &(struct message){ .type = MESSAGE_FILE,
        .index = vchan % MESSAGE_MAX_FILES, .ring_ref = wrong ? 77 : vchan, .port = port });
}

/* Reads all that is in the ring of an honest server. */
static void fetch(unsigned int n)
{
    struct vchan_interface *page = vchan_pages[n];
    uint32_t size = 1u << page->left_order % 32, file = n % MESSAGE_MAX_FILES;
    const uint8_t *ring = page->left_order < 12 ? (uint8_t *)page + size : vchan_rings[n];

    if (!servers[n].honest || page->cli_live == 2)
        return;
    MUST(page->left.prod - page->left.cons <= size);
    for (; page->left.cons != page->left.prod; page->left.cons++, servers[n].got++) {
        uint8_t header[BOOT_FILE_HEADER], byte = ring[page->left.cons % size];
        size_t at = servers[n].got;

        boot_file_pack(header, sizes[file]);
        MUST(at < BOOT_FILE_HEADER + sizes[file]);
        MUST(byte == (at < BOOT_FILE_HEADER ? header[at] : value_of(at - BOOT_FILE_HEADER, file)));
    }
}

static void check(void)
{
    int connected = 0;

    for (unsigned int i = 0; i < MESSAGE_MAX_FILES; i++) {
        connected += server.senders[i].vchan.page != NULL;
        MUST(server.senders[i].vchan.page || !server.senders[i].throttle.resume.added);
    }
    MUST(xen.bound == connected && xen.mapped >= connected);
}

static void obey(struct input *in)
{
    unsigned int what = take(in, 1), which = take(in, 1), vchan = which % VCHANS;

    switch (what % 10) {
    case 0: offer(vchan, take(in, 1), which > 250); break;
    case 1:
        vchan_arm(vchan, 9 + take(in, 1) % 9, 9 + take(in, 1) % 9, -take(in, 1));
        servers[vchan].honest = server.senders[vchan % MESSAGE_MAX_FILES].vchan.page !=
                                vchan_pages[vchan];
        servers[vchan].got = 0;
        break;
    case 2:
    case 3: fetch(vchan); break;
    case 4: vchan_set_index(in, vchan); servers[vchan].honest = false; break;
    case 5: vchan_scribble(in, vchan); servers[vchan].honest = false; break;
    case 6: clock_ms += which; break;
    case 7: xen.fail_bind = which % 4 == 0; xen.fail_map = which % 4 == 1; break;
    case 8: shorten(files[which % MESSAGE_MAX_FILES], take(in, 3)); break;
    default:
        for (int i = which > 250 ? 1200 : 1; i; i--) {
            fake_xen_fire(1 + which % (xen.next + 1));
            MUST(!loop_turn(&loop, 0));
        }
    }
    loop_rest(&loop);
    check();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };

    log_set_sink(no_log, NULL);
    fake_xen_reset();
    xen.pages = vchan_page_of;
    vchans_reset();
    memset(servers, 0, sizeof(servers));
    clock_ms = 1000;
    loop_init(&loop, now_ms);
    MUST(!xen_open(&handles, &loop, 7, &no_grants));
    file_server_init(&server, &loop);
    for (unsigned int i = 0; i < MESSAGE_MAX_FILES; i++)
        make_file(i);
    file_server_start(&server, &handles);
    for (int i = 0; i < MAX_OPERATIONS && in.size; i++)
        obey(&in);
    file_server_close(&server);
    MUST(xen.mapped == 0 && xen.bound == 0 && loop.timer_count == 0);
    xen_close(&handles);
    for (unsigned int i = 0; i < MESSAGE_MAX_FILES; i++)
        close(files[i]);
    return 0;
}
