// sources: launcher/xen-layer/frame-program.c
// libs: pcap
/*
 * The Xen layer's interpreter with the firewall's programs: for every frame of frame-filter-cases.h, whole, cut and
 * damaged, it has the same result as libpcap. And the programs that it refuses to run.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "frame-filter-cases.h"
#include "launcher/xen-layer/frame-program.h"

struct bpf_insn;
unsigned int bpf_filter(const struct bpf_insn *program, const unsigned char *frame, unsigned int wire_len,
                        unsigned int len);

static struct frame_filter filter;

static void build(const char *ip)
{
    struct frame_filter_rules rules;

    assert_int_equal(frame_filter_rules_init(&rules, MAC, ip), 0);
    assert_int_equal(frame_filter_build(&rules, false, &filter), 0);
    assert_true(frame_program_valid(filter.insns, filter.count));
}

/* The frame is in memory of exactly its size, so that ASan sees a load beyond its end. */
static bool run(const uint8_t *octets, size_t size)
{
    uint8_t *frame = malloc(size ? size : 1);
    bool pass;

    memcpy(frame, octets, size);
    pass = frame_program_passes(filter.insns, frame, size);
    assert_int_equal(pass, bpf_filter((struct bpf_insn *)filter.insns, frame, size, size) != 0);
    free(frame);
    return pass;
}

static void for_each(void (*check)(const struct expectation *expected, uint8_t *frame, size_t size))
{
    for (size_t i = 0; i < ARRAY_LEN(filter_cases); i++) {
        build(filter_cases[i].ip);
        for (size_t j = 0; j < filter_cases[i].count; j++) {
            uint8_t frame[2048];

            check(&filter_cases[i].list[j], frame, make_frame(filter_cases[i].list[j].frame, frame));
        }
    }
}

static void check_whole(const struct expectation *expected, uint8_t *frame, size_t size)
{
    if (run(frame, size) != expected->pass)
        fail_msg("%s: %s", expected->what, expected->pass ? "was dropped" : "was let through");
}

static void check_cut(const struct expectation *expected, uint8_t *frame, size_t size)
{
    for (size_t n = 0; n < size; n++)
        run(frame, n);
}

/* Inverts each bit of each octet: the result is the same as libpcap's. */
static void check_damaged(const struct expectation *expected, uint8_t *frame, size_t size)
{
    for (size_t i = 0; i < 8 * size; i++) {
        frame[i / 8] ^= 1 << i % 8;
        run(frame, size);
        frame[i / 8] ^= 1 << i % 8;
    }
}

static void whole(void **state) { for_each(check_whole); }
static void cut(void **state) { for_each(check_cut); }
static void damaged(void **state) { for_each(check_damaged); }

static void open_one(void **state)
{
    frame_filter_build_open(&filter);
    assert_true(frame_program_valid(filter.insns, filter.count));
    assert_true(run((const uint8_t *)"", 0));
}

static void largest(void **state)
{
    char text[1024] = "";

    for (int i = 1; i < FRAME_FILTER_MAX_ADDRESSES; i++)
        sprintf(text + strlen(text), " 2001:db8:1:2:3:4:5:%x/127", 16 * i);
    build(text);
}

#define RET { .code = 0x06, .k = 1 }

/* Programs for Linux's VLAN tags kept aside, or with other instructions of classic BPF, are refused. */
static void refused(void **state)
{
    static const struct { const char *what; struct frame_filter_insn insns[3]; unsigned int count; } list[] = {
        { "empty", { RET }, 0 },
        { "no end", { { .code = 0x00 } }, 1 },
        { "the end is a jump", { RET, { .code = 0x05 } }, 2 },
        { "jump to behind the end", { { .code = 0x05, .k = 1 }, RET }, 2 },
        { "jump far behind", { { .code = 0x05, .k = 0xffffffff }, RET }, 2 },
        { "true branch behind the end", { { .code = 0x15, .jt = 1 }, RET }, 2 },
        { "false branch behind the end", { { .code = 0x1d, .jf = 1 }, RET }, 2 },
        { "memory word 16, load", { { .code = 0x60, .k = 16 }, RET }, 2 },
        { "memory word 16, store", { { .code = 0x02, .k = 16 }, RET }, 2 },
        { "shift by 32", { { .code = 0x64, .k = 32 }, RET }, 2 },
        { "VLAN tag aside", { { .code = 0x20, .k = -0x1000 + 48 }, RET }, 2 },
        { "relative to something", { { .code = 0x40, .k = 0x80000000 }, RET }, 2 },
        { "division", { { .code = 0x34, .k = 1 }, RET }, 2 },
        { "RET A", { { .code = 0x16 } }, 1 },
        { "unknown", { { .code = 0xffff }, RET }, 2 },
    };
    static struct frame_filter_insn long_one[FRAME_FILTER_MAX_INSNS + 1];

    for (size_t i = 0; i < ARRAY_LEN(list); i++)
        if (frame_program_valid(list[i].insns, list[i].count))
            fail_msg("%s: is taken", list[i].what);
    for (size_t i = 0; i < ARRAY_LEN(long_one); i++)
        long_one[i] = (struct frame_filter_insn)RET;
    assert_true(frame_program_valid(long_one, FRAME_FILTER_MAX_INSNS));
    assert_false(frame_program_valid(long_one, FRAME_FILTER_MAX_INSNS + 1));
}

/* An offset that overflows does not wrap into the frame, and a load outside of it ends the program. */
static void loads_outside(void **state)
{
    static const struct frame_filter_insn wraps[] = {
        { .code = 0x01, .k = 0xffffffff }, { .code = 0x50, .k = 1 }, RET,
    };
    static const struct frame_filter_insn last[] = { { .code = 0x28, .k = 2 }, RET };

    assert_true(frame_program_valid(wraps, ARRAY_LEN(wraps)));
    assert_false(frame_program_passes(wraps, (const uint8_t *)"abcd", 4));
    assert_true(frame_program_passes(last, (const uint8_t *)"abcd", 4));
    assert_false(frame_program_passes(last, (const uint8_t *)"abc", 3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole), cmocka_unit_test(cut), cmocka_unit_test(damaged), cmocka_unit_test(open_one),
        cmocka_unit_test(largest), cmocka_unit_test(refused), cmocka_unit_test(loads_outside),
    };

    return cmocka_run_group_tests_name("micro-frame-program", tests, NULL, NULL);
}
