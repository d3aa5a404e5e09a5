// sources: launcher/xen-layer/xenstore.c launcher/xen-layer/xenstore-client.c launcher/xen-layer/xenstore-ring.c
// sources: launcher/xen-layer/text.c tests/unit/fake-pv.c
// libs: cmocka
// cflags: -I../unit
/*
 * xenstore in a PV domain: an xenstored that writes anything at any time, and clients that request anything. Each input
 * byte is an operation; some take more from the input. The kernel's own requests sleep until they are answered:
 * meanwhile the operations go on. At the input's end everything is closed, and nothing may be left.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "input.h"
#include "fake-pv.h"
#include "layer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLIENTS 3
#define SEEN 64

static struct input in;
static struct xenstore_domain_interface *page;
static uint32_t port;
static struct pv_store_client *clients[CLIENTS];
static struct pv_watch *watch;
static unsigned int depth;

/* Headers of requests that were seen in the ring. */
static struct xsd_sockmsg seen[SEEN];
static size_t seen_count, skip, got_header;
static struct xsd_sockmsg header;

static void take_requests(void)
{
    while (page->req_cons != page->req_prod) {
        char c = page->req[MASK_XENSTORE_IDX(page->req_cons++)];

        if (skip) {
            skip--;
            continue;
        }
        ((char *)&header)[got_header++] = c;
        if (got_header < sizeof(header))
            continue;
        got_header = 0;
        skip = header.len % 8192;
        seen[seen_count++ % SEEN] = header;
    }
}

static void put(const void *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        page->rsp[MASK_XENSTORE_IDX(page->rsp_prod++)] = ((const char *)bytes)[i];
}

static void put_input(size_t size)
{
    while (size-- && in.size) {
        char c = (char)take(&in, 1);

        put(&c, 1);
    }
}

/* Writes an answer of the right form. */
static void answer(void)
{
    static const char *const words[] = { "OK", "ENOENT", "EAGAIN", "7", "4294967295" };
    struct xsd_sockmsg message = seen[take(&in, 1) % SEEN];
    const char *word = words[take(&in, 1) % 5];

    if (take(&in, 1) & 1)
        message.type = XS_ERROR;
    message.len = (uint32_t)strlen(word) + 1;
    put(&message, sizeof(message));
    put(word, message.len);
}

static void event(void)
{
    struct xsd_sockmsg message = { XS_WATCH_EVENT, 0, 0, 0 };
    char body[64];

    message.len = (uint32_t)snprintf(body, sizeof(body), "path%u", take(&in, 1)) + 1;
    message.len += (uint32_t)snprintf(body + message.len, sizeof(body) - message.len, "%08x", take(&in, 1)) + 1;
    put(&message, sizeof(message));
    put(body, message.len);
}

static void got(void *arg, const struct xsd_sockmsg *message, const void *body)
{
    struct pv_store_client **client = arg;
    volatile unsigned char sum = 0;

    MUST(*client && message->len <= XENSTORE_PAYLOAD_MAX && message->type <= XS_TYPE_COUNT);
    for (uint32_t i = 0; i < message->len; i++)
        sum = (unsigned char)(sum + ((const unsigned char *)body)[i]);
    if (take(&in, 1) == 200) {
        struct pv_store_client *closing = *client;

        *client = NULL;
        pv_store_client_close(closing);
    }
}

static void client_send(void)
{
    struct pv_store_client **client = &clients[take(&in, 1) % CLIENTS];
    struct xsd_sockmsg message = { take(&in, 1) % (XS_TYPE_COUNT + 1), take(&in, 1), take(&in, 1) % 8, 0 };
    size_t size = take(&in, 1);
    char *body;

    if (!*client)
        *client = pv_store_client_open(got, client);
    if (size == 255)
        size = take(&in, 2) % (XENSTORE_PAYLOAD_MAX + 2);
    body = malloc(size + 1);
    for (size_t i = 0; i < size; i++)
        body[i] = (char)(in.size && size < 64 ? take(&in, 1) : 'b');
    message.len = (uint32_t)size;
    pv_store_client_send(*client, &message, body);
    free(body);
}

static void client_close(void)
{
    struct pv_store_client **client = &clients[take(&in, 1) % CLIENTS];
    struct pv_store_client *closing = *client;

    *client = NULL;
    if (closing)
        pv_store_client_close(closing);
}

static void fired(void *arg, const char *path)
{
    MUST(strlen(path) < XENSTORE_PAYLOAD_MAX);
}

static void own_request(void)
{
    static char text[600];
    uint64_t value;
    int n;

    if (depth)
        return;
    depth++;
    switch (take(&in, 1) % 5) {
    case 0:
        n = pv_store_read("a", text, take(&in, 2) % sizeof(text));
        MUST(n < (int)sizeof(text));
        break;
    case 1: pv_store_read_uint("a", 100, &value); break;
    case 2: pv_store_list("a", text, sizeof(text)); break;
    case 3: pv_store_write("a", "%u", 7); break;
    default:
        if (watch)
            pv_unwatch(watch);
        watch = NULL;
        pv_watch("w", fired, NULL, &watch);
    }
    depth--;
}

static void operation(void)
{
    switch (take(&in, 1) % 12) {
    case 0: put_input(take(&in, 1)); break;
    case 1: answer(); break;
    case 2: answer(); break;
    case 3: event(); break;
    case 4: client_send(); break;
    case 5: client_send(); break;
    case 6: client_close(); break;
    case 7: own_request(); break;
    case 8: page->rsp_prod += (uint32_t)(int8_t)take(&in, 1) << take(&in, 1) % 24; break;
    case 9: page->connection = take(&in, 1) % 3; break;
    case 10: fake_alloc_fails = take(&in, 1) % 8; break;
    default: take_requests();
    }
    fake_event_fire(port);
    fake_alloc_fails = -1;
}

/* Closes the connection: every wait ends. */
static void end_xenstore(void)
{
    page->connection = 0;
    page->server_features = XENSTORE_SERVER_FEATURE_ERROR;
    page->error = XENSTORE_ERROR_COMM;
    fake_event_fire(port);
}

static bool on_sleep(void)
{
    if (in.size)
        operation();
    else
        end_xenstore();
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    in = (struct input){ data, size };
    fake_pv_reset();
    fake_on_sleep = on_sleep;
    page = calloc(1, sizeof(*page));
    page->req_cons = page->req_prod = page->rsp_cons = page->rsp_prod = take(&in, 1) * 0x1010101;
    port = fake_event_port();
    seen_count = skip = got_header = 0;
    pv_store_init(page, port);
    while (in.size)
        operation();
    for (size_t i = 0; i < CLIENTS; i++) {
        struct pv_store_client *closing = clients[i];

        clients[i] = NULL;
        if (closing)
            pv_store_client_close(closing);
    }
    if (watch)
        pv_unwatch(watch);
    watch = NULL;
    end_xenstore();
    free(page);
    fake_pv_reset();
    return 0;
}
