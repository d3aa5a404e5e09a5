// sources: launcher/xen-layer/xenstore-ring.c launcher/xen-layer/text.c
/*
 * The xenstore ring, compared with a queue of bytes, from every start offset and across the wrap of the indices; and
 * with a xenstored that lies.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "xenstore-ring.h"

#define SIZE XENSTORE_RING_SIZE
#define STARTS (3 * SIZE)

static struct xenstore_domain_interface page;

static uint32_t start_of(unsigned int i)
{
    return i < SIZE ? i : UINT32_MAX - 2 * SIZE + i;
}

static void set_start(struct pv_store_ring *ring, uint32_t start)
{
    memset(&page, 0xee, sizeof(page));
    page.req_cons = page.req_prod = page.rsp_cons = page.rsp_prod = start;
    page.server_features = page.connection = 0;
    pv_store_ring_init(ring, &page);
}

static void test_requests_from_every_start(void **state)
{
    static const size_t sizes[] = { 1, SIZE, 3, SIZE - 1, 777, 2 * SIZE };
    struct pv_store_ring ring;
    uint8_t data[2 * SIZE];

    for (unsigned int i = 0; i < STARTS; i++) {
        uint8_t next = (uint8_t)i, expected = (uint8_t)i;
        size_t queued = 0;

        set_start(&ring, start_of(i));
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            size_t want = sizes[s], room = SIZE - queued, take;
            long n;

            for (size_t b = 0; b < want; b++)
                data[b] = (uint8_t)(next + b);
            n = pv_store_ring_put(&ring, data, want);
            assert_int_equal(n, want < room ? want : room);
            next += (uint8_t)n;
            queued += (size_t)n;
            assert_int_equal(page.req_prod - page.req_cons, queued);
            take = s % 2 ? queued : queued / 2;
            for (size_t b = 0; b < take; b++)
                if ((uint8_t)page.req[page.req_cons++ % SIZE] != expected++)
                    fail_msg("start %u: wrong byte", start_of(i));
            queued -= take;
        }
    }
}

static void test_answers_from_every_start(void **state)
{
    static const size_t sizes[] = { 1, SIZE, 3, SIZE - 1, 777 };
    struct pv_store_ring ring;
    uint8_t data[SIZE + 8];

    for (unsigned int i = 0; i < STARTS; i++) {
        uint8_t next = (uint8_t)i, expected = (uint8_t)i;

        set_start(&ring, start_of(i));
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            size_t left = sizes[s], part = 1 + (i + s * 311) % (SIZE + 8);

            for (size_t b = 0; b < left; b++)
                page.rsp[page.rsp_prod++ % SIZE] = (char)next++;
            while (left) {
                long n = pv_store_ring_get(&ring, data, part);

                assert_int_equal(n, left < part ? left : part);
                for (long b = 0; b < n; b++)
                    if (data[b] != expected++)
                        fail_msg("start %u: wrong byte", start_of(i));
                left -= (size_t)n;
                assert_int_equal(page.rsp_prod - page.rsp_cons, left);
            }
            assert_int_equal(pv_store_ring_get(&ring, data, part), 0);
        }
    }
}

/* A distance of more than the ring's size is impossible, from any place. Then nothing is read or written. */
static void test_impossible_indices(void **state)
{
    static const uint32_t distances[] = { SIZE + 1, 4096, 1u << 31, UINT32_MAX - 1, UINT32_MAX };
    struct xenstore_domain_interface before;
    struct pv_store_ring ring;
    char data[16];

    for (unsigned int i = 0; i < STARTS; i += 61)
        for (size_t d = 0; d < ARRAY_LEN(distances); d++) {
            set_start(&ring, start_of(i));
            page.rsp_prod += distances[d];
            page.req_cons -= distances[d];
            before = page;
            assert_int_equal(pv_store_ring_get(&ring, data, sizeof(data)), -PV_EPROTO);
            assert_int_equal(pv_store_ring_put(&ring, data, sizeof(data)), -PV_EPROTO);
            assert_memory_equal(&before, &page, sizeof(page));
        }
}

static void test_our_indices_are_private(void **state)
{
    struct pv_store_ring ring;
    char data[8];

    set_start(&ring, 100);
    page.req_prod = page.rsp_cons = 0xdeadbeef;
    memcpy(page.rsp + 100, "hello", 5);
    page.rsp_prod = 105;
    assert_int_equal(pv_store_ring_get(&ring, data, sizeof(data)), 5);
    assert_memory_equal(data, "hello", 5);
    assert_int_equal(page.rsp_cons, 105);
    assert_int_equal(pv_store_ring_put(&ring, "abc", 3), 3);
    assert_int_equal(page.req_prod, 103);
    assert_memory_equal(page.req + 100, "abc", 3);
}

static void test_connection_and_error(void **state)
{
    struct pv_store_ring ring;
    char data[8];

    set_start(&ring, 5);
    page.rsp_prod = 7;
    page.connection = XENSTORE_RECONNECT;
    assert_int_equal(pv_store_ring_get(&ring, data, sizeof(data)), 0);
    assert_int_equal(pv_store_ring_put(&ring, "abc", 3), 0);
    page.connection = XENSTORE_CONNECTED;
    assert_int_equal(pv_store_ring_get(&ring, data, sizeof(data)), 2);
    /* The field is ignored unless xenstored announces it. */
    page.error = XENSTORE_ERROR_PROTO;
    assert_int_equal(pv_store_ring_put(&ring, "abc", 3), 3);
    page.server_features = XENSTORE_SERVER_FEATURE_ERROR;
    assert_int_equal(pv_store_ring_put(&ring, "abc", 3), -PV_EIO);
    assert_int_equal(pv_store_ring_get(&ring, data, sizeof(data)), -PV_EIO);
    page.error = XENSTORE_ERROR_NONE;
    assert_int_equal(pv_store_ring_put(&ring, "abc", 3), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests_from_every_start),
        cmocka_unit_test(test_answers_from_every_start),
        cmocka_unit_test(test_impossible_indices),
        cmocka_unit_test(test_our_indices_are_private),
        cmocka_unit_test(test_connection_and_error),
    };

    return cmocka_run_group_tests_name("pv-xenstore-ring", tests, NULL, NULL);
}
