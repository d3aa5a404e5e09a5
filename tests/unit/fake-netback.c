/*
 * fake-netback.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#define mb() __sync_synchronize()
#define rmb() __sync_synchronize()
#define wmb() __sync_synchronize()

#include "fake-netback.h"

#include "unit.h"

#define BACKEND "/local/domain/0/backend/vif/7/%u"

struct netback_features netback_features;
bool netback_silent, netback_no_thread;
struct netif_tx_sring *netback_tx;
struct netif_rx_sring *netback_rx;
uint32_t netback_port;
struct netback_frame netback_frames[NETBACK_FRAMES];
size_t netback_count;

static struct netif_tx_back_ring tx;
static struct netif_rx_back_ring rx;

/* ---- xenstore ---- */

static void backend_set(unsigned int n, const char *key, unsigned int value)
{
    char path[96];

    snprintf(path, sizeof(path), BACKEND "/%s", n, key);
    fake_store_set(path, "%u", value);
}

static const char *frontend_get(unsigned int n, const char *key)
{
    char path[96];

    snprintf(path, sizeof(path), "device/vif/%u/%s", n, key);
    return fake_store_get(path);
}

static uint32_t frontend_number(unsigned int n, const char *key)
{
    const char *text = frontend_get(n, key);

    if (!text)
        fail_msg("the frontend has no %s", key);
    return strtoul(text, NULL, 10);
}

void netback_set_state(unsigned int n, unsigned int state) { backend_set(n, "state", state); }

unsigned int netback_frontend_state(unsigned int n)
{
    return frontend_get(n, "state") ? frontend_number(n, "state") : 0;
}

void netback_add(unsigned int n)
{
    char path[96], backend[96];

    snprintf(backend, sizeof(backend), BACKEND, n);
    snprintf(path, sizeof(path), "device/vif/%u/backend", n);
    fake_store_set(path, "%s", backend);
    snprintf(path, sizeof(path), "device/vif/%u/backend-id", n);
    fake_store_set(path, "0");
    snprintf(path, sizeof(path), "device/vif/%u/mac", n);
    fake_store_set(path, NETBACK_MAC);
    snprintf(path, sizeof(path), "device/vif/%u/state", n);
    fake_store_set(path, "1");
    backend_set(n, "feature-sg", netback_features.sg);
    backend_set(n, "feature-gso-tcpv4", netback_features.gso4);
    backend_set(n, "feature-gso-tcpv6", netback_features.gso6);
    backend_set(n, "feature-rx-copy", netback_features.rx_copy);
    if (netback_features.no_csum4)
        backend_set(n, "feature-no-csum-offload", 1);
    if (netback_features.csum6)
        backend_set(n, "feature-ipv6-csum-offload", 1);
    netback_set_state(n, XenbusStateInitWait);
}

void netback_remove(unsigned int n)
{
    char path[96];

    snprintf(path, sizeof(path), BACKEND, n);
    fake_store_remove(path);
    snprintf(path, sizeof(path), "device/vif/%u", n);
    fake_store_remove(path);
}

static void connect(unsigned int n)
{
    static const char *const wanted[] = { "request-rx-copy", "feature-rx-notify", "feature-sg", "feature-gso-tcpv4",
                                          "feature-gso-tcpv6", "feature-ipv6-csum-offload" };

    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        assert_int_equal(frontend_number(n, wanted[i]), 1);
    netback_map(frontend_number(n, "tx-ring-ref"), frontend_number(n, "rx-ring-ref"),
                frontend_number(n, "event-channel"));
    netback_set_state(n, XenbusStateConnected);
}

/* What Linux's netback does when the frontend's state changes. */
static void changed(const char *path, const char *value)
{
    unsigned int n;
    int end = 0;

    sscanf(path, "device/vif/%u/state%n", &n, &end);
    if (!end || path[end] || !value || netback_silent)
        return;
    switch (atoi(value)) {
    case XenbusStateInitialising: netback_set_state(n, XenbusStateInitWait); break;
    case XenbusStateConnected: connect(n); break;
    case XenbusStateClosing: netback_set_state(n, XenbusStateClosing); break;
    case XenbusStateClosed: netback_set_state(n, XenbusStateClosed); break;
    default: fail_msg("frontend in state %s", value);
    }
}

void netback_reset(void)
{
    netback_forget();
    netback_features = (struct netback_features){ .sg = true, .gso4 = true, .gso6 = true, .csum6 = true,
                                                  .rx_copy = true };
    netback_silent = netback_no_thread = false;
    netback_tx = NULL;
    netback_rx = NULL;
    fake_store_on_change = changed;
}

/* ---- rings ---- */

void netback_map(uint32_t tx_ref, uint32_t rx_ref, uint32_t port)
{
    netback_tx = fake_grant_page(tx_ref);
    netback_rx = fake_grant_page(rx_ref);
    netback_port = port;
    assert_true(netback_tx && netback_rx && fake_event_open(port));
    assert_false(fake_grant_readonly(tx_ref) || fake_grant_readonly(rx_ref));
    BACK_RING_INIT(&tx, netback_tx, PV_PAGE);
    BACK_RING_INIT(&rx, netback_rx, PV_PAGE);
}

void netback_start_at(uint32_t index)
{
    tx.req_cons = tx.rsp_prod_pvt = rx.req_cons = rx.rsp_prod_pvt = index;
}

static void take_extras(struct netback_frame *frame)
{
    struct netif_extra_info extra;

    do {
        assert_true(RING_HAS_UNCONSUMED_REQUESTS(&tx));
        memcpy(&extra, RING_GET_REQUEST(&tx, tx.req_cons++), sizeof(extra));
        frame->extras++;
        assert_int_equal(extra.type, XEN_NETIF_EXTRA_TYPE_GSO);
        assert_true(extra.u.gso.size > 0);
        frame->gso = extra.u.gso.type;
        frame->gso_size = extra.u.gso.size;
        assert_in_range(frame->gso, XEN_NETIF_GSO_TYPE_TCPV4, XEN_NETIF_GSO_TYPE_TCPV6);
    } while (extra.flags & XEN_NETIF_EXTRA_FLAG_MORE);
}

static void take_data(struct netback_frame *frame, const struct netif_tx_request *req, size_t at, size_t size)
{
    const uint8_t *page = fake_grant_page(req->gref);

    assert_non_null(page);
    assert_true(fake_grant_readonly(req->gref));
    assert_int_equal(fake_grant_remote(req->gref), 0);
    assert_true(size > 0 && req->offset + size <= PV_PAGE && at + size <= frame->size);
    assert_true(frame->requests < ARRAY_LEN(frame->ids));
    memcpy(frame->data + at, page + req->offset, size);
    frame->ids[frame->requests++] = req->id;
}

/* The first request has the size of the whole frame. Its own part is that minus the other requests' sizes. */
static void take_frame(struct netback_frame *frame)
{
    struct netif_tx_request first = *RING_GET_REQUEST(&tx, tx.req_cons++), req[18] = { first };
    size_t count = 1, own = first.size, at;

    *frame = (struct netback_frame){ .flags = first.flags, .size = first.size, .data = malloc(first.size + 1) };
    assert_true(first.size >= 14);
    if (first.flags & NETTXF_extra_info)
        take_extras(frame);
    while (req[count - 1].flags & NETTXF_more_data) {
        assert_true(count < ARRAY_LEN(req) && RING_HAS_UNCONSUMED_REQUESTS(&tx));
        req[count] = *RING_GET_REQUEST(&tx, tx.req_cons++);
        assert_true(req[count].size < own);
        own -= req[count++].size;
    }
    take_data(frame, &first, 0, own);
    at = own;
    for (size_t i = 1; i < count; at += req[i++].size)
        take_data(frame, &req[i], at, req[i].size);
    assert_int_equal(at, frame->size);
}

size_t netback_take(void)
{
    int more;

    do {
        while (RING_HAS_UNCONSUMED_REQUESTS(&tx)) {
            assert_true(netback_count < NETBACK_FRAMES);
            take_frame(&netback_frames[netback_count++]);
        }
        RING_FINAL_CHECK_FOR_REQUESTS(&tx, more);
    } while (more);
    return netback_count;
}

void netback_say_tx(uint16_t id, int16_t status)
{
    *RING_GET_RESPONSE(&tx, tx.rsp_prod_pvt++) = (struct netif_tx_response){ .id = id, .status = status };
}

void netback_answer(size_t i, int status)
{
    struct netback_frame *frame = &netback_frames[i];

    assert_true(i < netback_count && !frame->answered);
    frame->answered = true;
    for (unsigned int n = 0; n < frame->requests; n++) {
        netback_say_tx(frame->ids[n], status);
        for (unsigned int extra = 0; !n && extra < frame->extras; extra++)
            netback_say_tx(0xffff, NETIF_RSP_NULL);
    }
}

void netback_answer_all(void)
{
    for (size_t i = 0; i < netback_count; i++)
        if (!netback_frames[i].answered)
            netback_answer(i, NETIF_RSP_OKAY);
}

void netback_forget(void)
{
    while (netback_count)
        free(netback_frames[--netback_count].data);
}

/* ---- towards the frontend ---- */

uint32_t netback_rx_free(void)
{
    return netback_rx->req_prod - rx.req_cons;
}

void *netback_rx_page(void)
{
    struct netif_rx_request *req = RING_GET_REQUEST(&rx, rx.req_cons);
    void *page = fake_grant_page(req->gref);

    assert_true(netback_rx_free() > 0);
    assert_non_null(page);
    assert_false(fake_grant_readonly(req->gref));
    assert_int_equal(fake_grant_remote(req->gref), 0);
    return page;
}

void netback_say_rx(uint16_t offset, uint16_t flags, int16_t status)
{
    uint16_t id = RING_GET_REQUEST(&rx, rx.req_cons++)->id;

    *RING_GET_RESPONSE(&rx, rx.rsp_prod_pvt++) =
        (struct netif_rx_response){ .id = id, .offset = offset, .flags = flags, .status = status };
}

void netback_say_extra(struct netif_extra_info extra)
{
    memcpy(RING_GET_RESPONSE(&rx, rx.rsp_prod_pvt++), &extra, sizeof(extra));
    rx.req_cons++;
}

bool netback_give(const void *frame, size_t size, unsigned int flags, uint8_t gso, uint16_t gso_size)
{
    size_t needed = (size + PV_PAGE - 1) / PV_PAGE + !!gso;

    if (netback_rx_free() < needed) {
        netback_rx->req_event = netback_rx->req_prod + 1;
        return false;
    }
    for (size_t at = 0, piece; at < size; at += piece) {
        piece = size - at < PV_PAGE ? size - at : PV_PAGE;
        memcpy(netback_rx_page(), (const uint8_t *)frame + at, piece);
        netback_say_rx(0, (at + piece < size ? NETRXF_more_data : 0) |
                          (at ? 0 : flags | (gso ? NETRXF_extra_info : 0)), piece);
        if (!at && gso)
            netback_say_extra((struct netif_extra_info){ .type = XEN_NETIF_EXTRA_TYPE_GSO,
                                                         .u.gso = { .size = gso_size, .type = gso } });
    }
    return true;
}

bool netback_push(void)
{
    int notify_tx, notify_rx;

    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&tx, notify_tx);
    RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&rx, notify_rx);
    if (notify_tx || notify_rx)
        fake_event_fire(netback_port);
    return notify_tx || notify_rx;
}

/* ---- the thread: its function is left by a jump where it waits, and called again ---- */

static pv_thread_fn *thread_fn;
static void *thread_arg;
static jmp_buf thread_left;
static bool thread_waited;

struct pv_thread *pv_thread_create(const char *name, pv_thread_fn *fn, void *arg, size_t stack_pages)
{
    assert_true(stack_pages > 0 && strlen(name) < 16);
    if (netback_no_thread)
        return NULL;
    thread_fn = fn;
    thread_arg = arg;
    return pv_thread_self();
}

static bool thread_waits(void)
{
    if (thread_waited)
        longjmp(thread_left, 1);
    thread_waited = true;
    return true;
}

void netback_run_thread(void)
{
    bool (*on_sleep)(void) = fake_on_sleep;

    fake_store_fire();
    if (!thread_fn)
        return;
    thread_waited = false;
    fake_on_sleep = thread_waits;
    if (!setjmp(thread_left))
        thread_fn(thread_arg);
    fake_on_sleep = on_sleep;
}
