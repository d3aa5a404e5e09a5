// sources: launcher/dom0-daemon/confined/console-ring.c
/*
 * The console ring, compared with a queue of bytes, from every start offset and across the wrap of the indices; and
 * with a frontend that lies.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "console-ring.h"

static struct xencons_interface page;

/* Start values of the free-running indices: every place in the larger ring, on both sides of 2^32. */
static uint32_t start_of(unsigned int i)
{
    return i < CONSOLE_RING_OUT ? i : UINT32_MAX - 2 * CONSOLE_RING_OUT + i;
}
#define STARTS (3 * CONSOLE_RING_OUT)

static void set_start(struct console_ring *ring, uint32_t start)
{
    memset(&page, 0xee, sizeof(page));
    page.in_cons = page.in_prod = page.out_cons = page.out_prod = start;
    console_ring_init(ring, &page);
}

/* An honest frontend. */
static void guest_writes(uint8_t *next, size_t len)
{
    uint32_t prod = page.out_prod;

    while (len--)
        page.out[prod++ % sizeof(page.out)] = (*next)++;
    page.out_prod = prod;
}

static void guest_reads(uint8_t *next, size_t len)
{
    uint32_t cons = page.in_cons;

    while (len--)
        assert_int_equal((uint8_t)page.in[cons++ % sizeof(page.in)], (*next)++);
    page.in_cons = cons;
}

static void test_output_from_every_start(void **state)
{
    static const size_t sizes[] = { 1, 2047, 2048, 3, 1024, 777 };
    struct console_ring ring;
    char buf[CONSOLE_RING_OUT];

    for (unsigned int i = 0; i < STARTS; i++) {
        uint8_t written = i, expected = i;

        set_start(&ring, start_of(i));
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            size_t left = sizes[s], part = 1 + (i + s) % 1500;

            guest_writes(&written, left);
            while (left) {
                ssize_t n = console_ring_peek(&ring, buf, part);

                assert_int_equal(n, left < part ? left : part);
                for (ssize_t b = 0; b < n; b++)
                    if ((uint8_t)buf[b] != expected++)
                        fail_msg("start %u: wrong byte", start_of(i));
                console_ring_consume(&ring, n);
                left -= n;
            }
            assert_int_equal(console_ring_peek(&ring, buf, sizeof(buf)), 0);
            assert_int_equal(page.out_cons, page.out_prod);
        }
    }
}

static void test_input_from_every_start(void **state)
{
    uint8_t data[CONSOLE_RING_IN + 100];
    struct console_ring ring;

    for (unsigned int i = 0; i < STARTS; i++) {
        uint8_t sent = i, seen = i;
        size_t queued = 0;

        set_start(&ring, start_of(i));
        for (size_t round = 0; round < 6; round++) {
            size_t want = round == 3 ? sizeof(data) : 1 + (i * 7 + round * 311) % 900, take;
            ssize_t room = console_ring_room(&ring), n;

            assert_int_equal(room, CONSOLE_RING_IN - queued);
            for (size_t b = 0; b < want; b++)
                data[b] = sent + b;
            n = console_ring_produce(&ring, data, want);
            assert_int_equal(n, want < (size_t)room ? want : (size_t)room);
            sent += n;
            queued += n;
            take = queued - round % 2 * queued / 2;
            guest_reads(&seen, take);
            queued -= take;
        }
    }
}

static void test_output_that_was_there_before_us(void **state)
{
    struct console_ring ring;
    uint8_t next = 0;
    char buf[16];

    memset(&page, 0, sizeof(page));
    guest_writes(&next, 10);
    console_ring_init(&ring, &page);
    assert_int_equal(console_ring_peek(&ring, buf, sizeof(buf)), 10);
}

/* A distance of more than the ring's size is impossible, from any place. Then nothing is read or written. */
static void test_impossible_indices(void **state)
{
    static const uint32_t distances[] = { CONSOLE_RING_OUT + 1, 4096, 1u << 31, UINT32_MAX - 1,
                                          UINT32_MAX };
    static const uint32_t in_distances[] = { CONSOLE_RING_IN + 1, 2048, 1u << 31, UINT32_MAX };
    struct console_ring ring;
    char buf[CONSOLE_RING_OUT];
    struct xencons_interface before;

    for (unsigned int i = 0; i < STARTS; i += 61) {
        for (size_t d = 0; d < ARRAY_LEN(distances); d++) {
            set_start(&ring, start_of(i));
            page.out_prod = start_of(i) + distances[d];
            before = page;
            assert_int_equal(console_ring_peek(&ring, buf, sizeof(buf)), -EPROTO);
            assert_memory_equal(&before, &page, sizeof(page));
        }
        for (size_t d = 0; d < ARRAY_LEN(in_distances); d++) {
            set_start(&ring, start_of(i));
            page.in_cons = start_of(i) - in_distances[d];
            before = page;
            assert_int_equal(console_ring_room(&ring), -EPROTO);
            assert_int_equal(console_ring_produce(&ring, buf, 10), -EPROTO);
            assert_memory_equal(&before, &page, sizeof(page));
        }
    }
}

/* Our two indices are private: changes by the frontend in the page have no effect. */
static void test_our_indices_are_private(void **state)
{
    struct console_ring ring;
    uint8_t next = 0;
    char buf[64];

    set_start(&ring, 100);
    guest_writes(&next, 20);
    page.out_cons = 0xdeadbeef;
    page.in_prod = 0xdeadbeef;
    assert_int_equal(console_ring_peek(&ring, buf, sizeof(buf)), 20);
    console_ring_consume(&ring, 20);
    assert_int_equal(page.out_cons, 120);
    assert_int_equal(console_ring_room(&ring), CONSOLE_RING_IN);
    assert_int_equal(console_ring_produce(&ring, "abc", 3), 3);
    assert_int_equal(page.in_prod, 103);
    assert_memory_equal(page.in + 100, "abc", 3);
}

static void test_full_rings(void **state)
{
    struct console_ring ring;
    uint8_t next = 0;
    char buf[CONSOLE_RING_OUT];

    set_start(&ring, UINT32_MAX - 5);
    guest_writes(&next, CONSOLE_RING_OUT);
    assert_int_equal(console_ring_peek(&ring, buf, sizeof(buf)), CONSOLE_RING_OUT);
    assert_int_equal(console_ring_produce(&ring, buf, sizeof(buf)), CONSOLE_RING_IN);
    assert_int_equal(console_ring_room(&ring), 0);
    assert_int_equal(console_ring_produce(&ring, buf, 1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_from_every_start),
        cmocka_unit_test(test_input_from_every_start),
        cmocka_unit_test(test_output_that_was_there_before_us),
        cmocka_unit_test(test_impossible_indices),
        cmocka_unit_test(test_our_indices_are_private),
        cmocka_unit_test(test_full_rings),
    };

    return cmocka_run_group_tests_name("dm-console-ring", tests, NULL, NULL);
}
