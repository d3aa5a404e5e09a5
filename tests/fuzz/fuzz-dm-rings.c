// sources: launcher/dom0-daemon/confined/console-ring.c launcher/dom0-daemon/confined/vchan-client.c
// sources: launcher/dom0-daemon/confined/xen-handles.c
/*
 * A frontend and a vchan server that write anything to their shared pages at any
 * time. Each input byte is an operation; some take what they write from the input.
 * Nothing beside the rings may be written to, and the sanitizers find other errors.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "console-ring.h"
#include "util.h"
#include "vchan-client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096
#define LARGE_PAGES 128

static uint8_t *console_page, *vchan_page, *large;
static bool mapping_page; /* the next page to be mapped is a vchan's first */

/* -------- just enough Xen -------- */

int xenevtchn_close(xenevtchn_handle *xce) { return 0; }
int xenevtchn_fd(xenevtchn_handle *xce) { return 0; }
int xenevtchn_restrict(xenevtchn_handle *xce, domid_t domid) { return 0; }
int xenevtchn_unbind(xenevtchn_handle *xce, evtchn_port_t port) { return 0; }
int xenevtchn_unmask(xenevtchn_handle *xce, evtchn_port_t port) { return 0; }
int xenevtchn_notify(xenevtchn_handle *xce, evtchn_port_t port) { return 0; }
void grants_unmap(const struct grants *grants, void *pages, uint32_t count) { }
xenevtchn_port_or_error_t xenevtchn_pending(xenevtchn_handle *xce) { return -1; }

xenevtchn_handle *xenevtchn_open(struct xentoollog_logger *logger, unsigned int flags)
{
    return NULL;
}

xenevtchn_port_or_error_t xenevtchn_bind_interdomain(xenevtchn_handle *xce, uint32_t domid,
                                                     evtchn_port_t remote)
{
    return 1;
}

int grants_notify(const struct grants *grants, const void *page, size_t offset, uint32_t port)
{
    MUST(page == vchan_page);
    return 0;
}

/*
 * Left rings are put at the start of the buffer and right ones at its end, so that an access beyond either end is seen.
 */
int grants_map(const struct grants *grants, const uint32_t *refs, uint32_t count, int prot, void **pages)
{
    MUST(count >= 1 && count <= LARGE_PAGES / 2);
    if (mapping_page)
        *pages = vchan_page;
    else
        *pages = prot & PROT_WRITE ? large : large + (LARGE_PAGES - count) * PAGE;
    mapping_page = false;
    return 0;
}

/* -------- the operations -------- */

static void scribble(struct input *in, uint8_t *page)
{
    uint32_t at = take(in, 2) % (PAGE - 4), value = take(in, 4);

    memcpy(page + at, &value, 4);
}

static void set_index(struct input *in, uint8_t *page, size_t base, size_t count)
{
    uint32_t *index = (uint32_t *)(page + base) + take(in, 1) % count;

    *index += (int8_t)take(in, 1) * (1 << take(in, 1) % 24);
}

static void check(ssize_t n, size_t len)
{
    MUST(n == -EPROTO || (n >= 0 && (size_t)n <= len));
}

static void use_console(struct input *in, struct console_ring *ring, char *buf)
{
    size_t len = take(in, 2) % 4096;
    ssize_t n = console_ring_peek(ring, buf, len);

    check(n, MIN(len, CONSOLE_RING_OUT));
    if (n > 0)
        console_ring_consume(ring, take(in, 2) % (n + 1));
    check(console_ring_room(ring), CONSOLE_RING_IN);
    check(console_ring_produce(ring, buf, len), MIN(len, CONSOLE_RING_IN));
}

static void use_vchan(struct input *in, struct vchan_client *vchan, char *buf)
{
    size_t len = take(in, 2) % 4096;
    ssize_t n = vchan_client_peek(vchan, buf, len);

    check(n, MIN(len, vchan->read.size));
    if (n > 0)
        vchan_client_consume(vchan, take(in, 2) % (n + 1));
    check(vchan_client_room(vchan), vchan->write.size);
    check(vchan_client_produce(vchan, buf, len), len);
}

static void open_vchan(struct input *in, struct vchan_client *vchan, struct xen_handles *xen)
{
    struct vchan_interface *page = (struct vchan_interface *)vchan_page;

    vchan_client_close(vchan);
    page->left_order = 8 + take(in, 1) % 12;
    page->right_order = 8 + take(in, 1) % 12;
    page->cli_live = 2;
    page->srv_live = 1;
    mapping_page = true;
    if (vchan_client_open(vchan, xen, 1, 1))
        MUST(!vchan->page);
    else
        MUST(vchan->read.bytes != vchan->write.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = { data, size };
    struct xen_handles xen = { .domid = 7 };
    struct console_ring ring;
    struct vchan_client vchan = { .page = NULL };
    char *buf = calloc(1, 4096);

    console_page = calloc(1, sizeof(struct xencons_interface));
    vchan_page = calloc(1, PAGE);
    large = calloc(LARGE_PAGES, PAGE);
    console_ring_init(&ring, (struct xencons_interface *)console_page);
    while (in.size) {
        switch (take(&in, 1) % 8) {
        case 0: use_console(&in, &ring, buf); break;
        case 1: set_index(&in, console_page, CONSOLE_RING_IN + CONSOLE_RING_OUT, 4); break;
        case 2: console_ring_init(&ring, (struct xencons_interface *)console_page); break;
        case 3: open_vchan(&in, &vchan, &xen); break;
        case 4: set_index(&in, vchan_page, 0, 4); break;
        case 5: scribble(&in, vchan_page); break;
        default:
            if (vchan.page)
                use_vchan(&in, &vchan, buf);
        }
    }
    vchan_client_close(&vchan);
    free(console_page);
    free(vchan_page);
    free(large);
    free(buf);
    return 0;
}
