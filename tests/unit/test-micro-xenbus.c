// sources: launcher/stubdom-micro/dev-xenbus.c launcher/xen-layer/text.c tests/unit/fake-micro.c tests/unit/fake-pv.c
/*
 * /dev/xen/xenbus: requests and answers in pieces of any size, and programs that write nonsense, ask too much, or read
 * too little.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "fake-micro.h"

/* -------- the layer's client -------- */

struct pv_store_client { bool open; };

static struct pv_store_client the_client;
static pv_store_got_fn *got;
static void *got_arg;
static struct { struct xsd_sockmsg header; char body[XENSTORE_PAYLOAD_MAX]; } sent[32];
static unsigned int sends;
static int send_says;
static const char *refusal; /* answered by a call of got() from within the request */

struct pv_store_client *pv_store_client_open(pv_store_got_fn *fn, void *arg)
{
    void *memory = pv_alloc(1);

    if (!memory)
        return NULL;
    pv_free(memory);
    assert_false(the_client.open);
    the_client.open = true;
    got = fn;
    got_arg = arg;
    return &the_client;
}

int pv_store_client_send(struct pv_store_client *client, const struct xsd_sockmsg *message, const void *body)
{
    assert_ptr_equal(client, &the_client);
    assert_true(client->open);
    if (send_says)
        return send_says;
    assert_true(message->len <= XENSTORE_PAYLOAD_MAX && sends < ARRAY_LEN(sent));
    sent[sends].header = *message;
    memcpy(sent[sends++].body, body, message->len);
    if (refusal) {
        struct xsd_sockmsg answer = { XS_ERROR, message->req_id, 0, (uint32_t)strlen(refusal) + 1 };

        got(got_arg, &answer, refusal);
    }
    return 0;
}

void pv_store_client_close(struct pv_store_client *client)
{
    assert_true(client->open);
    client->open = false;
}

static void tell(uint32_t type, uint32_t id, const void *body, size_t size)
{
    struct xsd_sockmsg header = { type, id, 0, (uint32_t)size };

    got(got_arg, &header, body);
}

/* -------- the file -------- */

static struct file *file;
static unsigned int changes;

void file_changed(struct file *changed)
{
    assert_ptr_equal(changed, file);
    changes++;
}

static unsigned int poll_file(void) { return file->ops->poll(file); }

static int setup(void **state)
{
    fake_pv_reset();
    fake_micro_reset();
    sends = changes = 0;
    send_says = 0;
    refusal = NULL;
    assert_int_equal(dev_xenbus_init(), 0);
    assert_int_equal(fake_device_open("/dev/xen/xenbus", O_RDWR, &file), 0);
    return 0;
}

static int teardown(void **state)
{
    if (file)
        file_put(file);
    file = NULL;
    assert_false(the_client.open);
    fake_micro_reset();
    fake_pv_reset();
    return 0;
}

/* Writes a request's bytes. Returns how many. */
static size_t request(char *to, uint32_t id, const char *body, size_t size)
{
    struct xsd_sockmsg header = { XS_WRITE, id, 5, (uint32_t)size };

    memcpy(to, &header, sizeof(header));
    memcpy(to + sizeof(header), body, size);
    return sizeof(header) + size;
}

/* -------- -------- */

/* Three requests, cut at any place. */
static void test_requests_in_pieces(void **state)
{
    char bytes[300];
    size_t size = request(bytes, 1, "path\0value", 10);

    size += request(bytes + size, 2, "", 0);
    size += request(bytes + size, 3, "x", 1);
    for (size_t piece = 1; piece <= size; piece++) {
        setup(NULL);
        for (size_t at = 0; at < size; at += piece) {
            size_t n = piece < size - at ? piece : size - at;

            assert_int_equal(fake_write(file, bytes + at, n), n);
        }
        assert_int_equal(sends, 3);
        assert_int_equal(sent[0].header.type, XS_WRITE);
        assert_int_equal(sent[0].header.req_id, 1);
        assert_int_equal(sent[0].header.tx_id, 5);
        assert_int_equal(sent[0].header.len, 10);
        assert_memory_equal(sent[0].body, "path\0value", 10);
        assert_int_equal(sent[1].header.req_id, 2);
        assert_int_equal(sent[1].header.len, 0);
        assert_int_equal(sent[2].header.req_id, 3);
        assert_int_equal(sent[2].body[0], 'x');
        teardown(NULL);
    }
    setup(NULL);
}

static void test_answers_in_pieces(void **state)
{
    char expected[100], bytes[100];
    size_t size = 0;

    for (size_t piece = 1; piece <= 60; piece++) {
        setup(NULL);
        assert_int_equal(fake_read(file, bytes, piece), -EAGAIN);
        assert_int_equal(poll_file(), POLLOUT);
        tell(XS_WATCH_EVENT, 0, "path\0token", 11);
        tell(XS_WATCH_EVENT, 0, "", 0);
        assert_int_equal(changes, 2);
        size = 2 * sizeof(struct xsd_sockmsg) + 11;
        memcpy(expected, &(struct xsd_sockmsg){ XS_WATCH_EVENT, 0, 0, 11 }, 16);
        memcpy(expected + 16, "path\0token", 11);
        memcpy(expected + 27, &(struct xsd_sockmsg){ XS_WATCH_EVENT, 0, 0, 0 }, 16);
        for (size_t at = 0; at < size;) {
            long n;

            assert_int_equal(poll_file(), POLLIN | POLLOUT);
            n = fake_read(file, bytes + at, piece);
            assert_int_equal(n, piece < size - at ? piece : size - at);
            at += (size_t)n;
        }
        assert_memory_equal(bytes, expected, size);
        assert_int_equal(fake_read(file, bytes, piece), -EAGAIN);
        teardown(NULL);
    }
    setup(NULL);
}

static void test_longest_and_longer(void **state)
{
    static char bytes[XENSTORE_PAYLOAD_MAX + 100], body[XENSTORE_PAYLOAD_MAX];
    struct xsd_sockmsg header = { XS_WRITE, 1, 0, XENSTORE_PAYLOAD_MAX + 1 };
    size_t size;

    memset(body, 'b', sizeof(body));
    size = request(bytes, 1, body, sizeof(body));
    assert_int_equal(fake_write(file, bytes, size), size);
    assert_int_equal(sends, 1);
    assert_memory_equal(sent[0].body, body, sizeof(body));

    assert_int_equal(fake_write(file, &header, sizeof(header)), -EINVAL);
    header.len = UINT32_MAX;
    assert_int_equal(fake_write(file, &header, sizeof(header)), -EINVAL);
    /* The bad request is forgotten, and the next one works. */
    size = request(bytes, 2, "x", 1);
    assert_int_equal(fake_write(file, bytes, size), size);
    assert_int_equal(sends, 2);
}

/* Nonsense behind a good part cannot be reported by this call, so the connection ends. */
static void test_nonsense_in_the_middle(void **state)
{
    struct xsd_sockmsg header = { XS_WRITE, 1, 0, XENSTORE_PAYLOAD_MAX + 1 };
    char bytes[100];
    size_t size = request(bytes, 1, "x", 1);

    memcpy(bytes + size, &header, sizeof(header));
    assert_int_equal(fake_write(file, bytes, size + sizeof(header)), size);
    assert_int_equal(sends, 1);
    assert_false(the_client.open);
    assert_int_equal(fake_write(file, bytes, size), -EIO);
    assert_int_equal(fake_read(file, bytes, 10), -EIO);
    assert_int_equal(poll_file(), POLLIN | POLLOUT | POLLERR | POLLHUP);
}

static void test_errors_of_the_layer(void **state)
{
    char bytes[100];
    size_t size = request(bytes, 1, "x", 1);

    send_says = -PV_EIO;
    for (int i = 0; i < 20; i++) /* requests that were not sent do not count as under way */
        assert_int_equal(fake_write(file, bytes, sizeof(struct xsd_sockmsg)), sizeof(struct xsd_sockmsg)),
        assert_int_equal(fake_write(file, bytes + sizeof(struct xsd_sockmsg), 1), -EIO);
    send_says = 0;
    assert_int_equal(fake_write(file, bytes, size), size);
    fake_alloc_fails = 0;
    assert_int_equal(fake_write(file, bytes, size), -ENOMEM);
    assert_int_equal(fake_write(file, bytes, size), size);
    assert_int_equal(sends, 2);
}

static void test_bad_memory(void **state)
{
    char bytes[100];
    size_t size = request(bytes, 1, "xyz", 3);

    assert_int_equal(fake_write(file, (void *)FAKE_USER_BAD, 5), -EFAULT);
    assert_int_equal(fake_write(file, bytes, 10), 10);
    assert_int_equal(fake_write(file, (void *)FAKE_USER_BAD, 5), -EFAULT);
    assert_int_equal(fake_write(file, bytes + 10, size - 10), size - 10); /* the part before the bad address stays */
    assert_int_equal(sends, 1);
    assert_memory_equal(sent[0].body, "xyz", 3);
    tell(XS_WRITE, 1, "OK", 3);
    assert_int_equal(fake_read(file, (void *)FAKE_USER_BAD, 5), -EFAULT);
    assert_int_equal(fake_read(file, bytes, sizeof(bytes)), 19); /* nothing is lost */
}

static void test_pauses_with_many_under_way(void **state)
{
    char bytes[100], got_bytes[100];
    size_t size = request(bytes, 1, "x", 1);

    for (int i = 0; i < 8; i++)
        assert_int_equal(fake_write(file, bytes, size), size);
    assert_int_equal(fake_write(file, bytes, size), -EAGAIN);
    assert_int_equal(poll_file(), 0);
    tell(XS_WATCH_EVENT, 0, "p\0t", 4); /* an event is no answer */
    assert_int_equal(poll_file(), POLLIN);
    changes = 0;
    tell(XS_WRITE, 1, "OK", 3);
    assert_int_equal(changes, 1);
    assert_int_equal(poll_file(), POLLIN | POLLOUT);
    assert_int_equal(fake_write(file, bytes, size), size);
    assert_int_equal(sends, 9);
    assert_int_equal(fake_write(file, bytes, size), -EAGAIN);
    assert_int_equal(fake_read(file, got_bytes, sizeof(got_bytes)), 20 + 19);

    /* Two requests in one call, but only one may be under way: the second waits. */
    tell(XS_WRITE, 1, "OK", 3);
    memcpy(bytes + size, bytes, size);
    assert_int_equal(fake_write(file, bytes, 2 * size), size);
}

/* Unread answers hold back requests. Reading lets them go on. */
static void test_pauses_with_much_unread(void **state)
{
    static char body[XENSTORE_PAYLOAD_MAX], bytes[5000];
    size_t size = request(bytes, 1, "x", 1);

    for (int i = 0; i < 4; i++) {
        assert_int_equal(fake_write(file, bytes, size), size);
        tell(XS_READ, 1, body, sizeof(body));
    }
    assert_int_equal(poll_file(), POLLIN);
    assert_int_equal(fake_write(file, bytes, size), -EAGAIN);
    changes = 0;
    assert_int_equal(fake_read(file, bytes, sizeof(bytes)), sizeof(bytes));
    assert_true(changes);
    assert_int_equal(poll_file(), POLLIN | POLLOUT);
}

static void test_events_that_nobody_reads(void **state)
{
    static char body[XENSTORE_PAYLOAD_MAX], all[256 << 10];
    unsigned int told = 0;
    long n;

    while (the_client.open) {
        tell(XS_WATCH_EVENT, 0, body, sizeof(body));
        told++;
    }
    assert_true(told > 16 && told < 64);
    assert_non_null(strstr(fake_log, "closed"));
    /* Earlier answers can be read, then comes the error. */
    assert_int_equal(poll_file(), POLLIN | POLLOUT | POLLERR | POLLHUP);
    n = fake_read(file, all, sizeof(all));
    assert_int_equal(n, (told - 1) * (sizeof(struct xsd_sockmsg) + sizeof(body)));
    assert_int_equal(fake_read(file, all, sizeof(all)), -EIO);
}

static void test_no_memory(void **state)
{
    char bytes[100];

    fake_alloc_fails = 0;
    tell(XS_WATCH_EVENT, 0, "p\0t", 4);
    assert_false(the_client.open);
    assert_int_equal(fake_read(file, bytes, 10), -EIO);
    file_put(file);
    for (long i = 0; i < 3; i++) {
        fake_alloc_fails = i;
        assert_int_equal(fake_device_open("/dev/xen/xenbus", O_RDWR, &file), -ENOMEM);
        assert_false(the_client.open);
        file = NULL;
        assert_int_equal(fake_heap_used, 0);
    }
    fake_alloc_fails = -1;
}

/* An answer from within a request; and one that ends the connection there. */
static void test_answers_from_within(void **state)
{
    static char body[XENSTORE_PAYLOAD_MAX];
    char bytes[100];
    size_t size = request(bytes, 1, "x", 1);

    refusal = "EACCES";
    for (int i = 0; i < 20; i++)
        assert_int_equal(fake_write(file, bytes, size), size);
    assert_int_equal(poll_file(), POLLIN | POLLOUT);
    while (fake_read(file, body, sizeof(body)) > 0)
        ;
    memcpy(bytes + size, bytes, size);
    fake_alloc_fails = 1; /* the allocation for the answer, after the one for the body */
    assert_int_equal(fake_write(file, bytes, 2 * size), size);
    assert_false(the_client.open);
    assert_int_equal(fake_write(file, bytes, size), -EIO);
}

/* Closed while requests and answers are incomplete. */
static void test_close(void **state)
{
    char bytes[100];

    request(bytes, 1, "xyz", 3);
    assert_int_equal(fake_write(file, bytes, 18), 18);
    tell(XS_WATCH_EVENT, 0, "p\0t", 4);
    assert_int_equal(fake_read(file, bytes, 3), 3);
    file_put(file);
    file = NULL;
    assert_int_equal(fake_heap_used, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
/* For tests that open and close the file several times, and leave it open. */
#define TEST_OF_MANY(name) cmocka_unit_test_teardown(name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST_OF_MANY(test_requests_in_pieces), TEST_OF_MANY(test_answers_in_pieces), TEST(test_longest_and_longer),
        TEST(test_nonsense_in_the_middle), TEST(test_errors_of_the_layer), TEST(test_bad_memory),
        TEST(test_pauses_with_many_under_way), TEST(test_pauses_with_much_unread),
        TEST(test_events_that_nobody_reads), TEST(test_no_memory), TEST(test_answers_from_within), TEST(test_close),
    };

    return cmocka_run_group_tests_name("micro-xenbus", tests, NULL, NULL);
}
