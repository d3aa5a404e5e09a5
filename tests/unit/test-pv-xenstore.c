// sources: launcher/xen-layer/xenstore.c launcher/xen-layer/xenstore-client.c launcher/xen-layer/xenstore-ring.c
// sources: launcher/xen-layer/text.c tests/unit/fake-pv.c
/*
 * xenstore: our own requests, watches, and clients. The test plays xenstored, which answers at once, late, wrongly or
 * never.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-pv.h"
#include "layer.h"

#define BODY XENSTORE_PAYLOAD_MAX

static struct xenstore_domain_interface *page;
static uint32_t port;

struct message { struct xsd_sockmsg header; char body[BODY]; };

/* -------- xenstored -------- */

static struct { char bytes[1 << 16]; size_t size; } requests; /* taken from the ring, not parsed yet */
static size_t pieces = XENSTORE_RING_SIZE;                       /* how much an answer puts into the ring at once */

static void take_requests(void)
{
    for (;;) {
        uint32_t n = page->req_prod - page->req_cons;

        assert_true(n <= XENSTORE_RING_SIZE);
        if (!n)
            return;
        for (; n; n--) {
            assert_true(requests.size < sizeof(requests.bytes));
            requests.bytes[requests.size++] = page->req[MASK_XENSTORE_IDX(page->req_cons++)];
        }
        fake_event_fire(port);
    }
}

/* Takes the next complete request. False: there is none. */
static bool next_request(struct message *message)
{
    size_t size;

    take_requests();
    if (requests.size < sizeof(message->header))
        return false;
    memcpy(&message->header, requests.bytes, sizeof(message->header));
    assert_true(message->header.len <= BODY);
    size = sizeof(message->header) + message->header.len;
    if (requests.size < size)
        return false;
    memcpy(message->body, requests.bytes + sizeof(message->header), message->header.len);
    requests.size -= size;
    memmove(requests.bytes, requests.bytes + size, requests.size);
    return true;
}

static void push(const void *bytes, size_t size)
{
    const char *at = bytes;

    while (size) {
        size_t n = pieces < size ? pieces : size;

        for (size_t i = 0; i < n; i++)
            page->rsp[MASK_XENSTORE_IDX(page->rsp_prod++)] = *at++;
        assert_true(page->rsp_prod - page->rsp_cons <= XENSTORE_RING_SIZE);
        size -= n;
        fake_event_fire(port);
    }
}

static void answer(const struct xsd_sockmsg *to, uint32_t type, const void *body, size_t size)
{
    struct xsd_sockmsg header = { type, to->req_id, to->tx_id, (uint32_t)size };

    push(&header, sizeof(header));
    push(body, size);
}

static void answer_error(const struct xsd_sockmsg *to, const char *word)
{
    answer(to, XS_ERROR, word, strlen(word) + 1);
}

static void answer_ok(const struct message *request)
{
    answer(&request->header, request->header.type, "OK", 3);
}

static void event(const char *path, const char *token)
{
    struct xsd_sockmsg none = { 0 };
    char body[BODY];
    size_t n = strlen(path) + 1, m = strlen(token) + 1;

    memcpy(body, path, n);
    memcpy(body + n, token, m);
    answer(&none, XS_WATCH_EVENT, body, n + m);
}

#define expect_request(request, type, text) expect_request_(request, type, text, sizeof(text) - 1)
/* Checks that the next request is this one. */
static void expect_request_(struct message *request, uint32_t type, const char *body, size_t size)
{
    assert_true(next_request(request));
    assert_int_equal(request->header.type, type);
    assert_int_equal(request->header.len, size);
    assert_memory_equal(request->body, body, size);
}

static void expect_no_request(void)
{
    struct message request;

    assert_false(next_request(&request));
    assert_int_equal(requests.size, 0);
}

/* Answers the request of a thread that sleeps. */
static void (*serve)(const struct message *request);

static bool on_sleep(void)
{
    struct message request;
    bool any = false;

    while (serve && next_request(&request)) {
        serve(&request);
        any = true;
    }
    return any;
}

static uint32_t start_index = 0xfffffe00u; /* so that the indices wrap soon */

static int setup(void **state)
{
    fake_pv_reset();
    fake_on_sleep = on_sleep;
    requests.size = 0;
    pieces = XENSTORE_RING_SIZE;
    serve = NULL;
    page = calloc(1, sizeof(*page));
    page->req_cons = page->req_prod = page->rsp_cons = page->rsp_prod = start_index;
    port = fake_event_port();
    pv_store_init(page, port);
    return 0;
}

static int teardown(void **state)
{
    fake_pv_reset();
    free(page);
    return 0;
}

/* -------- our own requests -------- */

static const char *served_body;
static size_t served_size;
static struct message served;

static void serve_body(const struct message *request)
{
    served = *request;
    answer(&request->header, request->header.type, served_body, served_size);
}

static void serve_error(const struct message *request)
{
    served = *request;
    answer_error(&request->header, served_body);
}

static void serves(const char *body, size_t size)
{
    serve = serve_body;
    served_body = body;
    served_size = size;
}

static void test_read(void **state)
{
    char value[8];

    serves("hello", 5);
    memset(value, 'x', sizeof(value));
    assert_int_equal(pv_store_read("a/b", value, sizeof(value)), 5);
    assert_string_equal(value, "hello");
    assert_int_equal(served.header.type, XS_READ);
    assert_int_equal(served.header.tx_id, 0);
    assert_int_equal(served.header.len, 4);
    assert_memory_equal(served.body, "a/b", 4);

    assert_int_equal(pv_store_read("a/b", value, 6), 5);
    assert_int_equal(pv_store_read("a/b", value, 5), -PV_ERANGE);
    assert_int_equal(pv_store_read("a/b", value, 0), -PV_ERANGE);
    serves("", 0);
    assert_int_equal(pv_store_read("a/b", value, 1), 0);
    assert_int_equal(value[0], '\0');
}

/* xenstored sends its bytes in pieces of any size. */
static void test_pieces(void **state)
{
    char body[3000], value[3001];

    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (char)(i * 7 + 1);
    serves(body, sizeof(body));
    for (pieces = 1; pieces <= XENSTORE_RING_SIZE; pieces += pieces < 40 ? 1 : 97) {
        assert_int_equal(pv_store_read("x", value, sizeof(value)), sizeof(body));
        assert_memory_equal(value, body, sizeof(body));
    }
}

static void test_read_uint(void **state)
{
    static const struct { const char *text; size_t size; int rc; uint64_t value; } cases[] = {
        { "0", 1, 0, 0 }, { "65535", 5, 0, 65535 }, { "65536", 5, -PV_EINVAL, 0 }, { "", 0, -PV_EINVAL, 0 },
        { "1x", 2, -PV_EINVAL, 0 }, { "1\0002", 3, -PV_EINVAL, 0 }, { "-1", 2, -PV_EINVAL, 0 },
        { "00000000000000000000000000000001", 32, -PV_EINVAL, 0 },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t value = 0;

        serves(cases[i].text, cases[i].size);
        assert_int_equal(pv_store_read_uint("n", 65535, &value), cases[i].rc);
        assert_int_equal(value, cases[i].value);
    }
}

static void test_write_and_remove(void **state)
{
    char *large = malloc(5000);

    serves("OK", 3);
    assert_int_equal(pv_store_write("device/x/state", "%u-%s", 4, "up"), 0);
    assert_int_equal(served.header.type, XS_WRITE);
    assert_int_equal(served.header.len, 15 + 4);
    assert_memory_equal(served.body, "device/x/state\0004-up", 19);
    assert_int_equal(pv_store_remove("device/x"), 0);
    assert_int_equal(served.header.type, XS_RM);
    assert_int_equal(served.header.len, 9);

    /* The longest value that the protocol allows, and one byte more. */
    memset(large, 'v', 5000);
    large[BODY - 2] = '\0';
    assert_int_equal(pv_store_write("p", "%s", large), 0);
    assert_int_equal(served.header.len, BODY);
    large[BODY - 2] = 'v';
    large[BODY - 1] = '\0';
    assert_int_equal(pv_store_write("p", "%s", large), -PV_E2BIG);
    large[BODY - 1] = 'v';
    large[4999] = '\0';
    assert_int_equal(pv_store_write(large, "x"), -PV_E2BIG);
    assert_int_equal(pv_store_remove(large), -PV_E2BIG);
    assert_int_equal(pv_store_read(large, large, 5000), -PV_E2BIG);
    free(large);
}

static void test_list(void **state)
{
    char names[8];

    serves("a\0bcd\0", 6);
    assert_int_equal(pv_store_list("d", names, sizeof(names)), 6);
    assert_memory_equal(names, "a\0bcd\0", 6);
    assert_int_equal(pv_store_list("d", names, 6), 6);
    assert_int_equal(pv_store_list("d", names, 5), -PV_ERANGE);
    serves("", 0);
    assert_int_equal(pv_store_list("d", names, sizeof(names)), 0);
    serves("a\0b", 3);
    assert_int_equal(pv_store_list("d", names, sizeof(names)), -PV_EPROTO);
}

static void test_errors(void **state)
{
    static const struct { const char *word; int number; } cases[] = {
        { "ENOENT", ENOENT }, { "EACCES", EACCES }, { "EINVAL", EINVAL }, { "EEXIST", EEXIST },
        { "EISDIR", EISDIR }, { "ENOMEM", ENOMEM }, { "ENOSPC", ENOSPC }, { "EIO", EIO },
        { "ENOTEMPTY", ENOTEMPTY }, { "ENOSYS", ENOSYS }, { "EROFS", EROFS }, { "EBUSY", EBUSY },
        { "EAGAIN", EAGAIN }, { "EISCONN", EISCONN }, { "E2BIG", E2BIG }, { "EPERM", EPERM },
        { "EQUOTA", ENOSPC }, { "Eunknown", EINVAL }, { "", EINVAL },
    };
    char value[8];

    serve = serve_error;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        served_body = cases[i].word;
        assert_int_equal(pv_store_read("a", value, sizeof(value)), -cases[i].number);
        assert_int_equal(pv_store_write("a", "b"), -cases[i].number);
        assert_int_equal(pv_store_remove("a"), -cases[i].number);
        assert_int_equal(pv_store_list("a", value, sizeof(value)), -cases[i].number);
    }
}

static void serve_wrong_type(const struct message *request)
{
    answer(&request->header, XS_RM, "OK", 3);
}

/* Answers with unknown numbers, before the right one. */
static void serve_strays(const struct message *request)
{
    struct xsd_sockmsg stray = request->header;

    for (uint32_t other = 1; other < 5; other++) {
        stray.req_id = request->header.req_id + other;
        answer(&stray, XS_READ, "stray", 5);
        stray.req_id = request->header.req_id - other;
        answer(&stray, XS_READ, "stray", 5);
    }
    stray.req_id = 0;
    answer(&stray, XS_ERROR, "EIO", 4);
    answer(&request->header, XS_READ, "right", 5);
    answer(&request->header, XS_READ, "again", 5);
}

static void test_wrong_answers(void **state)
{
    char value[8];

    serve = serve_wrong_type;
    assert_int_equal(pv_store_read("a", value, sizeof(value)), -PV_EIO);
    serve = serve_strays;
    assert_int_equal(pv_store_read("a", value, sizeof(value)), 5);
    assert_string_equal(value, "right");
    assert_int_equal(pv_store_read("a", value, sizeof(value)), 5);
    assert_string_equal(value, "right");
}

static void test_no_memory(void **state)
{
    struct pv_watch *watch;
    char value[8];

    fake_alloc_fails = 0;
    assert_int_equal(pv_store_read("a", value, sizeof(value)), -PV_ENOMEM);
    fake_alloc_fails = 0;
    assert_int_equal(pv_store_write("a", "b"), -PV_ENOMEM);
    for (long i = 0; i < 3; i++) {
        fake_alloc_fails = i;
        assert_int_equal(pv_watch("a", NULL, NULL, &watch), -PV_ENOMEM);
        assert_int_equal(fake_heap_used, 0);
    }
    fake_alloc_fails = -1;
    expect_no_request();
}

/* -------- a xenstored that breaks the protocol -------- */

static void serve_too_long(const struct message *request)
{
    struct xsd_sockmsg header = { XS_READ, request->header.req_id, 0, BODY + 1 };

    push(&header, sizeof(header));
}

static void serve_index(const struct message *request)
{
    page->rsp_prod += XENSTORE_RING_SIZE + 1;
    fake_event_fire(port);
}

static void serve_request_index(const struct message *request)
{
    page->req_cons += 1;
    fake_event_fire(port);
}

static void serve_error_field(const struct message *request)
{
    page->server_features = XENSTORE_SERVER_FEATURE_ERROR;
    page->error = XENSTORE_ERROR_COMM;
    fake_event_fire(port);
}

static void test_dead(void **state)
{
    void (*const cases[])(const struct message *) = { serve_too_long, serve_index, serve_error_field };
    struct pv_watch *watch;
    char value[8];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        serve = cases[i];
        assert_int_equal(pv_store_read("a", value, sizeof(value)), -PV_EIO);
        assert_non_null(strstr(fake_log, "given up"));
        serve = NULL; /* nothing is sent any more */
        assert_int_equal(pv_store_read("a", value, sizeof(value)), -PV_EIO);
        assert_int_equal(pv_store_write("a", "b"), -PV_EIO);
        assert_int_equal(pv_watch("a", NULL, NULL, &watch), -PV_EIO);
        assert_null(watch);
        assert_int_equal(fake_heap_used, 0);
        fake_event_fire(port); /* its bytes are ignored now */
        fake_event_notified(port);
        teardown(NULL);
        setup(NULL);
    }
}

/* The impossible index is noticed when the next request is written. */
static void test_dead_when_writing(void **state)
{
    char value[8];

    serve = serve_request_index;
    page->req_cons -= XENSTORE_RING_SIZE + 1;
    assert_int_equal(pv_store_read("a", value, sizeof(value)), -PV_EIO);
}

/* A body of the greatest length is accepted, and an empty one. */
static void test_longest(void **state)
{
    static char body[BODY], value[BODY + 1];

    memset(body, 'b', BODY);
    serves(body, BODY);
    assert_int_equal(pv_store_read("a", value, sizeof(value)), BODY);
    assert_memory_equal(value, body, BODY);
    assert_int_equal(pv_store_read("a", value, BODY), -PV_ERANGE);
}

static void got_nothing(void *arg, const struct xsd_sockmsg *message, const void *body) { }

/* While xenstored resets the ring no bytes move. */
static void test_reconnect(void **state)
{
    struct pv_store_client *client;
    struct message request;
    struct xsd_sockmsg header = { XS_READ, 9, 0, 2 };

    client = pv_store_client_open(got_nothing, NULL);
    page->connection = XENSTORE_RECONNECT;
    assert_int_equal(pv_store_client_send(client, &header, "a"), 0);
    expect_no_request();
    page->connection = XENSTORE_CONNECTED;
    fake_event_fire(port);
    expect_request(&request, XS_READ, "a\0");
    answer(&request.header, XS_READ, "v", 1);
    pv_store_client_close(client);
}

/* -------- our own watches -------- */

static char fired[256];
static struct pv_watch *the_watch;
static bool ends_itself;

static void watch_fired(void *arg, const char *path)
{
    snprintf(fired + strlen(fired), sizeof(fired) - strlen(fired), "%s:%s ", (const char *)arg, path);
    if (ends_itself)
        pv_unwatch(the_watch);
}

static char token[16];

static void serve_watch(const struct message *request)
{
    size_t path = strlen(request->body) + 1;

    assert_in_range(request->header.type, XS_WATCH, XS_UNWATCH);
    assert_int_equal(request->header.len, path + 9);
    assert_int_equal(request->body[path + 8], '\0');
    strcpy(token, request->body + path);
    answer_ok(request);
    if (request->header.type == XS_WATCH)
        event(request->body, token);
}

static void test_watch(void **state)
{
    char first[16];
    struct pv_watch *second;
    struct message request;

    serve = serve_watch;
    fired[0] = '\0';
    ends_itself = false;
    assert_int_equal(pv_watch("device", watch_fired, "A", &the_watch), 0);
    strcpy(first, token);
    assert_int_equal(pv_watch("/local/domain/0/x", watch_fired, "B", &second), 0);
    assert_string_not_equal(token, first);
    assert_string_equal(fired, "A:device B:/local/domain/0/x ");
    fired[0] = '\0';
    event("device/vif", first);
    event("/local/domain/0/x/state", token);
    assert_string_equal(fired, "A:device/vif B:/local/domain/0/x/state ");

    serve = NULL;
    fired[0] = '\0';
    pv_unwatch(the_watch);
    event("device/vif", first); /* an event that was under way */
    assert_string_equal(fired, "");
    assert_true(next_request(&request));
    assert_int_equal(request.header.type, XS_UNWATCH);
    assert_memory_equal(request.body, "device", 7);
    assert_string_equal(request.body + 7, first);
    answer_ok(&request);
    event("/local/domain/0/x", token);
    assert_string_equal(fired, "B:/local/domain/0/x ");
    pv_unwatch(second);
    fired[0] = '\0';
    event("/local/domain/0/x", token);
    assert_string_equal(fired, "");
}

static void test_watch_that_ends_itself(void **state)
{
    serve = serve_watch;
    fired[0] = '\0';
    ends_itself = true;
    assert_int_equal(pv_watch("device", watch_fired, "A", &the_watch), 0);
    assert_string_equal(fired, "A:device ");
    event("device", token);
    assert_string_equal(fired, "A:device ");
}

static void serve_event_then_error(const struct message *request)
{
    if (request->header.type != XS_WATCH)
        return;
    strcpy(token, request->body + strlen(request->body) + 1);
    event("device", token);
    answer_error(&request->header, "ENOSPC");
}

static void test_watch_refused(void **state)
{
    serve = serve_event_then_error;
    for (int i = 0; i < 2; i++) {
        fired[0] = '\0';
        ends_itself = i;
        assert_int_equal(pv_watch("device", watch_fired, "A", &the_watch), -PV_ENOSPC);
        assert_null(the_watch);
        assert_string_equal(fired, "A:device ");
        event("device", token);
        assert_string_equal(fired, "A:device ");
    }
}

/* Malformed events are dropped. */
static void test_events_of_nonsense(void **state)
{
    static const struct { const char *body; size_t size; } cases[] = {
        { "", 0 }, { "device", 6 }, { "device\0", 7 }, { "device\0\0", 8 }, { "device\00000000001", 15 },
        { "device\0000000001\0", 15 }, { "device\000000000001\0", 17 }, { "device\0ffffffff\0", 16 },
        { "device\0 0000001\0", 16 }, { "device\0zzzzzzzz\0", 16 }, { "device\00000000001\0x\0", 18 },
        { "device\0" "000000012", 16 },
    };
    struct xsd_sockmsg none = { 0 };

    serve = serve_watch;
    ends_itself = false;
    assert_int_equal(pv_watch("device", watch_fired, "A", &the_watch), 0);
    assert_string_equal(token, "00000001");
    fired[0] = '\0';
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        answer(&none, XS_WATCH_EVENT, cases[i].body, cases[i].size);
    assert_string_equal(fired, "");
    answer(&none, XS_WATCH_EVENT, "device\00000000001\0", 16);
    assert_string_equal(fired, "A:device ");
    pv_unwatch(the_watch);
}

/* -------- clients -------- */

/* What a client got: the last message, and the number of messages. */
struct got { struct message last; unsigned int count; struct pv_store_client *close; };

static void got(void *arg, const struct xsd_sockmsg *message, const void *body)
{
    struct got *g = arg;

    g->last.header = *message;
    assert_true(message->len <= BODY);
    memcpy(g->last.body, body, message->len);
    g->count++;
    if (g->close) {
        struct pv_store_client *client = g->close;

        g->close = NULL;
        pv_store_client_close(client);
    }
}

#define send_text(client, type, id, tx, text) send_bytes(client, type, id, tx, text, sizeof(text) - 1)
static int send_bytes(struct pv_store_client *client, uint32_t type, uint32_t id, uint32_t tx, const void *body,
                      size_t size)
{
    struct xsd_sockmsg header = { type, id, tx, (uint32_t)size };
    void *copy = malloc(size ? size : 1); /* of exactly its size, for ASan */
    int rc;

    memcpy(copy, body, size);
    rc = pv_store_client_send(client, &header, copy);
    free(copy);
    return rc;
}

#define expect_got(g, type, id, tx, text) expect_got_(g, type, id, tx, text, sizeof(text) - 1)
static void expect_got_(struct got *g, uint32_t type, uint32_t id, uint32_t tx, const char *body, size_t size)
{
    assert_int_equal(g->count, 1);
    assert_int_equal(g->last.header.type, type);
    assert_int_equal(g->last.header.req_id, id);
    assert_int_equal(g->last.header.tx_id, tx);
    assert_int_equal(g->last.header.len, size);
    assert_memory_equal(g->last.body, body, size);
    g->count = 0;
}

/* Two clients use the same numbers. Answers come in another order, with our own requests in between. */
static void test_numbers_are_translated(void **state)
{
    struct got a = { .count = 0 }, b = { .count = 0 };
    struct pv_store_client *first = pv_store_client_open(got, &a), *second = pv_store_client_open(got, &b);
    struct message one, two;
    char value[8];

    assert_int_equal(send_text(first, XS_READ, 77, 0, "a\0"), 0);
    assert_int_equal(send_text(second, XS_DIRECTORY, 77, 0, "b\0"), 0);
    expect_request(&one, XS_READ, "a\0");
    expect_request(&two, XS_DIRECTORY, "b\0");
    assert_int_not_equal(one.header.req_id, two.header.req_id);
    serves("mine", 4);
    assert_int_equal(pv_store_read("c", value, sizeof(value)), 4);
    answer(&two.header, XS_DIRECTORY, "x\0y\0", 4);
    expect_got(&b, XS_DIRECTORY, 77, 0, "x\0y\0");
    assert_int_equal(a.count, 0);
    answer(&one.header, XS_READ, "v", 1);
    expect_got(&a, XS_READ, 77, 0, "v");
    /* The same answer again is dropped. */
    answer(&one.header, XS_READ, "v", 1);
    assert_int_equal(a.count + b.count, 0);

    assert_int_equal(send_text(first, XS_READ, 0, 0, "a\0"), 0);
    expect_request(&one, XS_READ, "a\0");
    answer_error(&one.header, "ENOENT");
    expect_got(&a, XS_ERROR, 0, 0, "ENOENT\0");
    assert_int_equal(send_text(first, XS_READ, 0xffffffff, 0, "a\0"), 0);
    expect_request(&one, XS_READ, "a\0");
    answer(&one.header, XS_WRITE, "OK", 3);
    expect_got(&a, XS_ERROR, 0xffffffff, 0, "EIO\0");
    pv_store_client_close(first);
    pv_store_client_close(second);
}

static void test_refusals(void **state)
{
    struct got g = { .count = 0 };
    struct pv_store_client *client = pv_store_client_open(got, &g);
    static const uint32_t forbidden[] = { XS_CONTROL, XS_INTRODUCE, XS_RELEASE, XS_WATCH_EVENT, XS_ERROR, XS_RESUME,
                                          XS_SET_TARGET, XS_RESET_WATCHES, XS_SET_TARGET + 1 };
    struct xsd_sockmsg header = { XS_READ, 1, 0, BODY + 1 };
    static char longest[BODY];

    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
        assert_int_equal(send_text(client, forbidden[i], 5, 0, "a\0"), 0);
        expect_got(&g, XS_ERROR, 5, 0, "EACCES\0");
    }
    assert_int_equal(send_text(client, XS_TYPE_COUNT, 5, 0, ""), -PV_EINVAL);
    assert_int_equal(send_text(client, XS_INVALID, 5, 0, ""), -PV_EINVAL);
    assert_int_equal(send_text(client, UINT32_MAX, 5, 0, ""), -PV_EINVAL);
    assert_int_equal(pv_store_client_send(client, &header, longest), -PV_EINVAL);

    static const struct { const char *body; size_t size; } nonsense[] = {
        { "", 0 }, { "path", 4 }, { "path\0", 5 }, { "path\0token", 10 }, { "path\0token\0x", 12 },
        { "path\0token\0\0", 12 }, { "\0\0\0", 3 },
    };
    for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
        assert_int_equal(send_bytes(client, XS_WATCH, 6, 0, nonsense[i].body, nonsense[i].size), 0);
        expect_got(&g, XS_ERROR, 6, 0, "EINVAL\0");
        assert_int_equal(send_bytes(client, XS_UNWATCH, 6, 0, nonsense[i].body, nonsense[i].size), 0);
        expect_got(&g, XS_ERROR, 6, 0, "EINVAL\0");
    }
    assert_int_equal(send_text(client, XS_UNWATCH, 6, 0, "path\0token\0"), 0);
    expect_got(&g, XS_ERROR, 6, 0, "ENOENT\0");
    memset(longest, 't', sizeof(longest));
    longest[4] = '\0';
    longest[4 + 513] = '\0';
    assert_int_equal(send_bytes(client, XS_WATCH, 6, 0, longest, 4 + 514), 0);
    expect_got(&g, XS_ERROR, 6, 0, "E2BIG\0");
    memset(longest, 't', sizeof(longest));
    longest[3073] = '\0';
    longest[3075] = '\0';
    assert_int_equal(send_bytes(client, XS_WATCH, 6, 0, longest, 3076), 0);
    expect_got(&g, XS_ERROR, 6, 0, "E2BIG\0");
    expect_no_request();
    pv_store_client_close(client);
}

/* Answers XS_WATCH with "OK". wire: its token on the ring. */
static void accept_watch(const char *path, char wire[9])
{
    struct message request;

    assert_true(next_request(&request));
    assert_int_equal(request.header.type, XS_WATCH);
    assert_string_equal(request.body, path);
    assert_int_equal(request.header.len, strlen(path) + 1 + 9);
    memcpy(wire, request.body + strlen(path) + 1, 9);
    answer_ok(&request);
}

static void test_tokens_are_translated(void **state)
{
    struct got a = { .count = 0 }, b = { .count = 0 };
    struct pv_store_client *first = pv_store_client_open(got, &a), *second = pv_store_client_open(got, &b);
    struct message request;
    char one[9], two[9], three[9];

    assert_int_equal(send_text(first, XS_WATCH, 1, 0, "path\0token\0"), 0);
    accept_watch("path", one);
    expect_got(&a, XS_WATCH, 1, 0, "OK\0");
    assert_int_equal(send_text(second, XS_WATCH, 1, 0, "path\0token\0"), 0);
    accept_watch("path", two);
    expect_got(&b, XS_WATCH, 1, 0, "OK\0");
    /* A token can be empty, or look like one of ours. */
    assert_int_equal(send_bytes(first, XS_WATCH, 1, 0, "path\0" "00000002", 14), 0);
    accept_watch("path", three);
    expect_got(&a, XS_WATCH, 1, 0, "OK\0");
    assert_string_not_equal(one, two);
    assert_string_not_equal(one, three);

    event("path/below", one);
    expect_got(&a, XS_WATCH_EVENT, 0, 0, "path/below\0token\0");
    assert_int_equal(b.count, 0);
    event("path", two);
    expect_got(&b, XS_WATCH_EVENT, 0, 0, "path\0token\0");
    event("path", three);
    expect_got(&a, XS_WATCH_EVENT, 0, 0, "path\0" "00000002\0");

    /* The same path and token once more are refused, as xenstored would do. */
    assert_int_equal(send_text(first, XS_WATCH, 2, 0, "path\0token\0"), 0);
    expect_got(&a, XS_ERROR, 2, 0, "EEXIST\0");
    expect_no_request();

    /* Only the client that has the watch can remove it. Events come until the answer. */
    assert_int_equal(send_text(second, XS_UNWATCH, 3, 0, "path\0token\0"), 0);
    assert_true(next_request(&request));
    assert_int_equal(request.header.type, XS_UNWATCH);
    assert_memory_equal(request.body, "path", 5);
    assert_memory_equal(request.body + 5, two, 9);
    event("path", two);
    expect_got(&b, XS_WATCH_EVENT, 0, 0, "path\0token\0");
    assert_int_equal(send_text(second, XS_UNWATCH, 4, 0, "path\0token\0"), 0);
    expect_got(&b, XS_ERROR, 4, 0, "ENOENT\0");
    answer_ok(&request);
    expect_got(&b, XS_UNWATCH, 3, 0, "OK\0");
    event("path", two);
    event("path", one);
    assert_int_equal(b.count, 0);
    expect_got(&a, XS_WATCH_EVENT, 0, 0, "path\0token\0");

    /* A watch that xenstored refuses does not exist. */
    assert_int_equal(send_text(second, XS_WATCH, 5, 0, "other\0t\0"), 0);
    assert_true(next_request(&request));
    memcpy(two, request.body + 6, 9);
    answer_error(&request.header, "EACCES");
    expect_got(&b, XS_ERROR, 5, 0, "EACCES\0");
    event("other", two);
    assert_int_equal(b.count, 0);

    /* Closing a client removes its watches, and drops the answers. */
    pv_store_client_close(second);
    expect_no_request();
    pv_store_client_close(first);
    for (int i = 0; i < 2; i++) {
        assert_true(next_request(&request));
        assert_int_equal(request.header.type, XS_UNWATCH);
        assert_true(!strcmp(request.body + 5, one) || !strcmp(request.body + 5, three));
        answer_ok(&request);
    }
    expect_no_request();
    event("path", one);
    assert_int_equal(a.count, 0);
    assert_int_equal(fake_heap_used, 0);
}

/* An event with a longer path than xenstore allows: path and token may not fit into a message. */
static void test_event_too_long(void **state)
{
    struct got g = { .count = 0 };
    struct pv_store_client *client = pv_store_client_open(got, &g);
    char body[5 + 512], path[BODY - 9 + 1], wire[9];

    memset(body, 't', sizeof(body));
    body[4] = body[sizeof(body) - 1] = '\0';
    assert_int_equal(send_bytes(client, XS_WATCH, 1, 0, body, sizeof(body)), 0);
    accept_watch("tttt", wire);
    g.count = 0;
    memset(path, 'p', sizeof(path));
    path[BODY - 10] = '\0';
    event(path, wire);
    assert_int_equal(g.count, 0);
    path[BODY - 512] = '\0'; /* one byte less fits */
    event(path, wire);
    assert_int_equal(g.count, 0);
    path[BODY - 512 - 1] = '\0';
    event(path, wire);
    assert_int_equal(g.count, 1);
    assert_int_equal(g.last.header.len, BODY);
    pv_store_client_close(client);
    take_requests();
}

/* The client goes while a watch is being added, or being removed. */
static void test_close_with_watches_under_way(void **state)
{
    struct got g = { .count = 0 };
    struct message watch, unwatch, other;
    char wire[9];

    for (int refused = 0; refused < 2; refused++) {
        struct pv_store_client *client = pv_store_client_open(got, &g);

        assert_int_equal(send_text(client, XS_WATCH, 1, 0, "path\0token\0"), 0);
        assert_true(next_request(&watch));
        memcpy(wire, watch.body + 5, 9);
        pv_store_client_close(client);
        assert_true(next_request(&unwatch));
        assert_int_equal(unwatch.header.type, XS_UNWATCH);
        assert_memory_equal(unwatch.body + 5, wire, 9);
        if (refused)
            answer_error(&watch.header, "ENOSPC");
        else
            answer_ok(&watch);
        event("path", wire);
        if (refused)
            answer_error(&unwatch.header, "ENOENT");
        else
            answer_ok(&unwatch);
        assert_int_equal(fake_heap_used, 0);
    }
    struct pv_store_client *client = pv_store_client_open(got, &g);

    assert_int_equal(send_text(client, XS_WATCH, 1, 0, "path\0token\0"), 0);
    accept_watch("path", wire);
    expect_got(&g, XS_WATCH, 1, 0, "OK\0");
    assert_int_equal(send_text(client, XS_UNWATCH, 2, 0, "path\0token\0"), 0);
    pv_store_client_close(client);
    assert_true(next_request(&unwatch));
    assert_false(next_request(&other)); /* once is enough */
    event("path", wire);
    answer_ok(&unwatch);
    assert_int_equal(g.count, 0);
    assert_int_equal(fake_heap_used, 0);
}

/* -------- transactions -------- */

static void begin(struct pv_store_client *client, struct got *g, const char *id)
{
    struct message request;

    assert_int_equal(send_text(client, XS_TRANSACTION_START, 1, 0, "\0"), 0);
    expect_request(&request, XS_TRANSACTION_START, "\0");
    answer(&request.header, XS_TRANSACTION_START, id, strlen(id) + 1);
    expect_got_(g, XS_TRANSACTION_START, 1, 0, id, strlen(id) + 1);
}

static void expect_abort(uint32_t tx)
{
    struct message request;

    expect_request(&request, XS_TRANSACTION_END, "F\0");
    assert_int_equal(request.header.tx_id, tx);
    answer_ok(&request);
}

static void test_transactions(void **state)
{
    struct got a = { .count = 0 }, b = { .count = 0 };
    struct pv_store_client *first = pv_store_client_open(got, &a), *second = pv_store_client_open(got, &b);
    struct message request;

    begin(first, &a, "5");
    begin(first, &a, "6");
    begin(second, &b, "4294967295");
    assert_int_equal(send_text(first, XS_READ, 2, 6, "a\0"), 0);
    expect_request(&request, XS_READ, "a\0");
    assert_int_equal(request.header.tx_id, 6);
    answer(&request.header, XS_READ, "v", 1);
    expect_got(&a, XS_READ, 2, 6, "v");

    /* A client cannot use another client's transaction. */
    assert_int_equal(send_text(second, XS_READ, 2, 6, "a\0"), 0);
    expect_got(&b, XS_ERROR, 2, 6, "ENOENT\0");
    assert_int_equal(send_text(second, XS_TRANSACTION_END, 2, 6, "F\0"), 0);
    expect_got(&b, XS_ERROR, 2, 6, "ENOENT\0");
    assert_int_equal(send_text(second, XS_TRANSACTION_END, 2, 0, "F\0"), 0);
    expect_got(&b, XS_ERROR, 2, 0, "ENOENT\0");

    static const struct { const char *body; size_t size; } nonsense[] = {
        { "", 0 }, { "T", 1 }, { "X\0", 2 }, { "TT", 2 }, { "T\0\0", 3 },
    };
    for (size_t i = 0; i < ARRAY_LEN(nonsense); i++) {
        assert_int_equal(send_bytes(first, XS_TRANSACTION_END, 2, 6, nonsense[i].body, nonsense[i].size), 0);
        expect_got(&a, XS_ERROR, 2, 6, "EINVAL\0");
    }
    assert_int_equal(send_text(first, XS_TRANSACTION_END, 3, 6, "T\0"), 0);
    expect_request(&request, XS_TRANSACTION_END, "T\0");
    assert_int_equal(request.header.tx_id, 6);
    /* From here on the transaction cannot be used, whatever the answer is. */
    assert_int_equal(send_text(first, XS_READ, 4, 6, "a\0"), 0);
    expect_got(&a, XS_ERROR, 4, 6, "ENOENT\0");
    answer_error(&request.header, "EAGAIN");
    expect_got(&a, XS_ERROR, 3, 6, "EAGAIN\0");

    pv_store_client_close(first);
    expect_abort(5);
    expect_no_request();
    pv_store_client_close(second);
    expect_abort(UINT32_MAX);
    expect_no_request();
}

static void test_transactions_under_way_at_close(void **state)
{
    struct got g = { .count = 0 };
    struct pv_store_client *client = pv_store_client_open(got, &g);
    struct message start, failing, end;

    begin(client, &g, "7");
    assert_int_equal(send_text(client, XS_TRANSACTION_START, 1, 0, "\0"), 0);
    assert_int_equal(send_text(client, XS_TRANSACTION_START, 2, 0, "\0"), 0);
    assert_int_equal(send_text(client, XS_TRANSACTION_END, 3, 7, "T\0"), 0);
    assert_true(next_request(&start));
    assert_true(next_request(&failing));
    assert_true(next_request(&end));
    pv_store_client_close(client);
    expect_no_request(); /* 7 is being ended, 8 has no number yet */
    answer(&start.header, XS_TRANSACTION_START, "8", 2);
    expect_abort(8);
    answer_error(&failing.header, "ENOSPC");
    answer_ok(&end);
    expect_no_request();
    assert_int_equal(g.count, 0);
    assert_int_equal(fake_heap_used, 0);
}

static void test_transaction_ids_of_nonsense(void **state)
{
    static const char *const ids[] = { "", "0", "-1", "4294967296", "x", "1 " };
    struct got g = { .count = 0 };
    struct pv_store_client *client = pv_store_client_open(got, &g);
    struct message request;

    for (size_t round = 0; round < 3; round++) /* failed transactions do not use up the quota */
        for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
            assert_int_equal(send_text(client, XS_TRANSACTION_START, 1, 0, "\0"), 0);
            expect_request(&request, XS_TRANSACTION_START, "\0");
            answer(&request.header, XS_TRANSACTION_START, ids[i], strlen(ids[i]) + 1);
            expect_got(&g, XS_ERROR, 1, 0, "EIO\0");
        }
    pv_store_client_close(client);
    expect_no_request();
}

static void test_quotas(void **state)
{
    static struct message under_way[16];
    struct pv_store_client *clients[17];
    struct got g = { .count = 0 };
    struct message request;
    char body[32];

    for (size_t i = 0; i < 16; i++) {
        clients[i] = pv_store_client_open(got, &g);
        assert_non_null(clients[i]);
    }
    assert_null(pv_store_client_open(got, &g));

    for (uint32_t i = 0; i < 16; i++) {
        assert_int_equal(send_text(clients[0], XS_READ, i, 0, "a\0"), 0);
        assert_true(next_request(&under_way[i]));
    }
    assert_int_equal(send_text(clients[0], XS_READ, 99, 0, "a\0"), -PV_ENOBUFS);
    assert_int_equal(send_text(clients[1], XS_READ, 99, 0, "a\0"), 0); /* the other clients still can */
    assert_true(next_request(&request));
    answer(&under_way[3].header, XS_READ, "v", 1);
    expect_got(&g, XS_READ, 3, 0, "v");
    assert_int_equal(send_text(clients[0], XS_READ, 99, 0, "a\0"), 0);
    assert_true(next_request(&request));

    for (int i = 1; i <= 8; i++) {
        snprintf(body, sizeof(body), "%d", i);
        begin(clients[2], &g, body);
    }
    assert_int_equal(send_text(clients[2], XS_TRANSACTION_START, 1, 0, "\0"), 0);
    expect_got(&g, XS_ERROR, 1, 0, "ENOSPC\0");
    assert_int_equal(send_text(clients[2], XS_TRANSACTION_END, 1, 8, "F\0"), 0);
    expect_request(&request, XS_TRANSACTION_END, "F\0");
    answer_ok(&request);
    expect_got(&g, XS_TRANSACTION_END, 1, 8, "OK\0");
    begin(clients[2], &g, "9");

    for (int i = 0; i < 256; i++) {
        char wire[9];
        int n = snprintf(body, sizeof(body), "p%d", i) + 1;

        body[n] = '\0';
        assert_int_equal(send_bytes(clients[3 + i % 4], XS_WATCH, 1, 0, body, (size_t)n + 1), 0);
        body[n - 1] = '\0';
        accept_watch(body, wire);
    }
    g.count = 0;
    assert_int_equal(send_text(clients[3], XS_WATCH, 1, 0, "more\0t\0"), 0);
    expect_got(&g, XS_ERROR, 1, 0, "ENOSPC\0");
    pv_store_client_close(clients[3]);
    clients[3] = pv_store_client_open(got, &g);
    while (next_request(&request))
        answer_ok(&request);
    assert_int_equal(send_text(clients[3], XS_WATCH, 1, 0, "more\0t\0"), 0);
    assert_true(next_request(&request));
    answer_ok(&request);

    for (size_t i = 0; i < 16; i++)
        pv_store_client_close(clients[i]);
    /* Requests under way end when xenstore is dead. */
    page->rsp_prod += XENSTORE_RING_SIZE + 1;
    fake_event_fire(port);
    assert_int_equal(fake_heap_used, 0);
}

/* Several requests that are larger than the ring: each arrives complete. */
static void test_full_ring(void **state)
{
    struct got g = { .count = 0 };
    struct pv_store_client *client = pv_store_client_open(got, &g);
    static char bodies[10][BODY];
    struct message request;

    for (uint32_t i = 0; i < 10; i++) {
        size_t size = i % 3 ? BODY : 11 + i;

        for (size_t b = 0; b < BODY; b++)
            bodies[i][b] = (char)(b * 13 + i * 31 + 1);
        assert_int_equal(send_bytes(client, XS_WRITE, i, 0, bodies[i], size), 0);
        assert_true(page->req_prod - page->req_cons <= XENSTORE_RING_SIZE);
    }
    assert_int_equal(page->req_prod - page->req_cons, XENSTORE_RING_SIZE);
    for (uint32_t i = 0; i < 10; i++) {
        size_t size = i % 3 ? BODY : 11 + i;

        assert_true(next_request(&request));
        assert_int_equal(request.header.len, size);
        assert_memory_equal(request.body, bodies[i], size);
        answer_ok(&request);
        expect_got(&g, XS_WRITE, i, 0, "OK\0");
    }
    expect_no_request();

    /* A client goes while its request is half in the ring: the rest is still sent. */
    assert_int_equal(send_bytes(client, XS_WRITE, 1, 0, bodies[0], BODY), 0);
    pv_store_client_close(client);
    assert_true(next_request(&request));
    assert_memory_equal(request.body, bodies[0], BODY);
    answer_ok(&request);
    assert_int_equal(g.count, 0);
    assert_int_equal(fake_heap_used, 0);
}

/* An answer to a request that was not sent yet is dropped. */
static void test_answer_before_the_request(void **state)
{
    struct got g = { .count = 0 };
    struct pv_store_client *client = pv_store_client_open(got, &g);
    static char body[BODY];
    struct message request;
    struct xsd_sockmsg early = { XS_WRITE, 1, 0, 0 };

    assert_int_equal(send_bytes(client, XS_WRITE, 1, 0, body, BODY), 0);
    for (early.req_id = 0; early.req_id < 10; early.req_id++)
        answer(&early, XS_WRITE, "OK", 3);
    assert_int_equal(g.count, 0);
    assert_true(next_request(&request));
    answer_ok(&request);
    expect_got(&g, XS_WRITE, 1, 0, "OK\0");
    pv_store_client_close(client);
}

/* When xenstore is dead, each request under way gets an answer, and later ones are refused. */
static void test_clients_of_a_dead_xenstore(void **state)
{
    struct got a = { .count = 0 }, b = { .count = 0 };
    struct pv_store_client *first = pv_store_client_open(got, &a), *second = pv_store_client_open(got, &b);
    static char body[BODY];
    char wire[9];

    begin(first, &a, "5");
    assert_int_equal(send_text(first, XS_WATCH, 1, 0, "path\0token\0"), 0);
    accept_watch("path", wire);
    expect_got(&a, XS_WATCH, 1, 0, "OK\0");
    assert_int_equal(send_text(first, XS_WATCH, 2, 0, "other\0token\0"), 0);
    assert_int_equal(send_text(first, XS_UNWATCH, 3, 0, "path\0token\0"), 0);
    assert_int_equal(send_text(first, XS_TRANSACTION_START, 4, 0, "\0"), 0);
    assert_int_equal(send_text(first, XS_TRANSACTION_END, 5, 5, "T\0"), 0);
    assert_int_equal(send_bytes(first, XS_WRITE, 6, 0, body, BODY), 0); /* half in the ring */
    assert_int_equal(send_text(second, XS_READ, 7, 0, "a\0"), 0);
    b.close = second; /* closes when it gets the error */
    page->rsp_prod += XENSTORE_RING_SIZE + 1;
    fake_event_fire(port);
    assert_int_equal(a.count, 5);
    a.count = 1;
    expect_got(&a, XS_ERROR, 6, 0, "EIO\0");
    expect_got(&b, XS_ERROR, 7, 0, "EIO\0");
    for (int i = 0; i < 20; i++)
        assert_int_equal(send_text(first, XS_READ, 8, 0, "a\0"), -PV_EIO);
    assert_int_equal(send_text(first, XS_WATCH, 8, 0, "a\0b\0"), -PV_EIO);
    assert_int_equal(send_text(first, XS_TRANSACTION_START, 8, 0, "\0"), -PV_EIO);
    assert_int_equal(a.count, 0);
    pv_store_client_close(first);
    assert_int_equal(fake_heap_used, 0);
}

/* A client may be closed from within got(). */
static void test_close_when_got(void **state)
{
    struct got g = { .count = 0 };
    struct message request, other;
    char wire[9];

    struct pv_store_client *client = pv_store_client_open(got, &g);
    assert_int_equal(send_text(client, XS_WATCH, 1, 0, "path\0token\0"), 0);
    accept_watch("path", wire);
    assert_int_equal(send_text(client, XS_READ, 2, 0, "a\0"), 0);
    assert_true(next_request(&request));
    g.close = client;
    g.count = 0;
    event("path", wire);
    assert_int_equal(g.count, 1);
    assert_true(next_request(&other));
    assert_int_equal(other.header.type, XS_UNWATCH);
    answer(&request.header, XS_READ, "v", 1);
    assert_int_equal(g.count, 1);

    g.close = client = pv_store_client_open(got, &g);
    assert_int_equal(send_text(client, XS_RESET_WATCHES, 2, 0, ""), 0); /* answered by a call of got() from within */
    assert_int_equal(g.count, 2);
    assert_int_equal(fake_heap_used, 0);
}

static void test_clients_without_memory(void **state)
{
    struct got g = { .count = 0 };
    struct pv_store_client *client;
    struct message request;
    size_t before;

    fake_alloc_fails = 0;
    assert_null(pv_store_client_open(got, &g));
    client = pv_store_client_open(got, &g);
    begin(client, &g, "3");
    before = fake_heap_used;
    fake_alloc_fails = 0;
    assert_int_equal(send_text(client, XS_READ, 1, 0, "a\0"), -PV_ENOMEM);
    fake_alloc_fails = 0;
    assert_int_equal(send_text(client, XS_TRANSACTION_END, 1, 3, "F\0"), -PV_ENOMEM);
    for (long i = 0; i < 2; i++) {
        fake_alloc_fails = i;
        assert_int_equal(send_text(client, XS_TRANSACTION_START, 1, 0, "\0"), -PV_ENOMEM);
        assert_int_equal(fake_heap_used, before);
    }
    for (long i = 0; i < 4; i++) {
        fake_alloc_fails = i;
        assert_int_equal(send_text(client, XS_WATCH, 1, 0, "path\0token\0"), -PV_ENOMEM);
        assert_int_equal(fake_heap_used, before);
    }
    fake_alloc_fails = -1;
    expect_no_request();
    assert_int_equal(g.count, 0);
    /* Failed requests do not count in the quota. */
    for (int i = 0; i < 7; i++)
        begin(client, &g, "9");
    assert_int_equal(send_text(client, XS_WATCH, 1, 0, "path\0token\0"), 0);
    assert_true(next_request(&request));
    /* Closing needs no memory. */
    fake_alloc_fails = 0;
    pv_store_client_close(client);
    assert_int_equal(fake_alloc_fails, 0);
    for (int i = 0; i < 9; i++)
        assert_true(next_request(&request));
    expect_no_request();
    answer_ok(&request);
    fake_alloc_fails = -1;
    /* The answer to the watch is still missing. */
    page->rsp_prod += XENSTORE_RING_SIZE + 1;
    fake_event_fire(port);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_read), TEST(test_pieces), TEST(test_read_uint), TEST(test_write_and_remove), TEST(test_list),
        TEST(test_errors), TEST(test_wrong_answers), TEST(test_no_memory), TEST(test_dead),
        TEST(test_dead_when_writing), TEST(test_longest), TEST(test_reconnect), TEST(test_watch),
        TEST(test_watch_that_ends_itself), TEST(test_watch_refused), TEST(test_events_of_nonsense),
        TEST(test_numbers_are_translated), TEST(test_refusals), TEST(test_tokens_are_translated),
        TEST(test_event_too_long), TEST(test_close_with_watches_under_way), TEST(test_transactions),
        TEST(test_transactions_under_way_at_close), TEST(test_transaction_ids_of_nonsense), TEST(test_quotas),
        TEST(test_full_ring), TEST(test_answer_before_the_request), TEST(test_clients_of_a_dead_xenstore),
        TEST(test_close_when_got), TEST(test_clients_without_memory),
    };

    return cmocka_run_group_tests_name("pv-xenstore", tests, NULL, NULL);
}
