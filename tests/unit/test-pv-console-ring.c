// sources: launcher/xen-layer/console-ring.c launcher/xen-layer/text.c
/*
 * The frontend's end of a console ring, compared with a queue of bytes, from every start offset and across the wrap of
 * the indices; and with a backend that lies.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "launcher/xen-layer/console-ring.h"

#define IN 1024U
#define OUT 2048U
#define STARTS (3 * OUT)

static struct xencons_interface page;

static uint32_t start_of(unsigned int i)
{
    return i < OUT ? i : UINT32_MAX - 2 * OUT + i;
}

static void set_start(struct pv_console_ring *ring, uint32_t start)
{
    memset(&page, 0xee, sizeof(page));
    page.in_cons = page.in_prod = page.out_cons = page.out_prod = start;
    pv_console_ring_init(ring, &page);
}

static void test_output_from_every_start(void **state)
{
    static const size_t sizes[] = { 1, OUT, 3, OUT - 1, 777, OUT + 100 };
    struct pv_console_ring ring;
    uint8_t data[OUT + 100];

    for (unsigned int i = 0; i < STARTS; i++) {
        uint8_t next = (uint8_t)i, expected = (uint8_t)i;
        size_t queued = 0;

        set_start(&ring, start_of(i));
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            size_t want = sizes[s], room = OUT - queued, take;
            long n;

            for (size_t b = 0; b < want; b++)
                data[b] = (uint8_t)(next + b);
            n = pv_console_ring_write(&ring, data, want);
            assert_int_equal(n, want < room ? want : room);
            next += (uint8_t)n;
            queued += (size_t)n;
            assert_int_equal(pv_console_ring_unsent(&ring), queued);
            assert_int_equal(page.out_prod - page.out_cons, queued);
            take = s % 2 ? queued : queued / 2;
            for (size_t b = 0; b < take; b++)
                if ((uint8_t)page.out[page.out_cons++ % OUT] != expected++)
                    fail_msg("start %u: wrong byte", start_of(i));
            queued -= take;
        }
    }
}

static void test_input_from_every_start(void **state)
{
    static const size_t sizes[] = { 1, IN, 3, IN - 1, 777 };
    struct pv_console_ring ring;
    uint8_t data[IN + 8];

    for (unsigned int i = 0; i < STARTS; i++) {
        uint8_t next = (uint8_t)i, expected = (uint8_t)i;

        set_start(&ring, start_of(i));
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            size_t left = sizes[s], part = 1 + (i + s * 311) % (IN + 8);

            for (size_t b = 0; b < left; b++)
                page.in[page.in_prod++ % IN] = (char)next++;
            while (left) {
                long n;

                assert_int_equal(pv_console_ring_readable(&ring), left);
                n = pv_console_ring_read(&ring, data, part);
                assert_int_equal(n, left < part ? left : part);
                for (long b = 0; b < n; b++)
                    if (data[b] != expected++)
                        fail_msg("start %u: wrong byte", start_of(i));
                left -= (size_t)n;
                assert_int_equal(page.in_prod - page.in_cons, left);
            }
            assert_int_equal(pv_console_ring_read(&ring, data, part), 0);
        }
    }
}

/* A distance of more than the ring's size is impossible, from any place. Then nothing is read or written. */
static void test_impossible_indices(void **state)
{
    static const uint32_t distances[] = { OUT + 1, 4096, 1u << 31, UINT32_MAX - 1, UINT32_MAX };
    static const uint32_t in_distances[] = { IN + 1, OUT, 4096, 1u << 31, UINT32_MAX };
    struct xencons_interface before;
    struct pv_console_ring ring;
    char data[16];

    for (unsigned int i = 0; i < STARTS; i += 61)
        for (size_t d = 0; d < ARRAY_LEN(distances); d++) {
            set_start(&ring, start_of(i));
            page.in_prod += in_distances[d];
            page.out_cons -= distances[d];
            before = page;
            assert_int_equal(pv_console_ring_read(&ring, data, sizeof(data)), -PV_EPROTO);
            assert_int_equal(pv_console_ring_write(&ring, data, sizeof(data)), -PV_EPROTO);
            assert_int_equal(pv_console_ring_readable(&ring), -PV_EPROTO);
            assert_int_equal(pv_console_ring_unsent(&ring), -PV_EPROTO);
            assert_memory_equal(&before, &page, sizeof(page));
        }
}

static void test_our_indices_are_private(void **state)
{
    struct pv_console_ring ring;
    char data[8];

    set_start(&ring, 100);
    page.out_prod = page.in_cons = 0xdeadbeef;
    memcpy(page.in + 100, "hello", 5);
    page.in_prod = 105;
    assert_int_equal(pv_console_ring_read(&ring, data, sizeof(data)), 5);
    assert_memory_equal(data, "hello", 5);
    assert_int_equal(page.in_cons, 105);
    assert_int_equal(pv_console_ring_write(&ring, "abc", 3), 3);
    assert_int_equal(page.out_prod, 103);
    assert_memory_equal(page.out + 100, "abc", 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_from_every_start),
        cmocka_unit_test(test_input_from_every_start),
        cmocka_unit_test(test_impossible_indices),
        cmocka_unit_test(test_our_indices_are_private),
    };

    return cmocka_run_group_tests_name("pv-console-ring", tests, NULL, NULL);
}
