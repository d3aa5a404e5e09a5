// sources: launcher/xen-layer/backtrace.c launcher/xen-layer/text.c
// cflags: -D__XEN_INTERFACE_VERSION__=0x00040e00
/*
 * Backtraces: which words of a stack are shown, and under which names.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "launcher/xen-layer/layer.h"

/* ---- an image: a page of code, in which the tests put the ends of calls ---- */

__asm__(".data; .balign 4096; .globl pv_text_begin, pv_text_end; pv_text_begin: .fill 4096; pv_text_end: .text");
extern uint8_t pv_text_begin[], pv_text_end[];

static char said[2048];
static uint64_t stack[600];
static size_t stack_words;

void pv_log(const char *format, ...)
{
    size_t at = strlen(said);
    va_list args;

    va_start(args, format);
    vsnprintf(said + at, sizeof(said) - at, format, args);
    va_end(args);
    strcat(said, "\n");
}

bool pv_mapped(pv_root *root, uintptr_t va, uint64_t *frame, unsigned int *prot)
{
    return va >= (uintptr_t)stack && va < (uintptr_t)(stack + stack_words);
}

static size_t lines(void)
{
    size_t n = 0;

    for (const char *at = said; (at = strchr(at, '\n')); at++)
        n++;
    return n;
}

static int start(void **state)
{
    memset(pv_text_begin, 0x90, PV_PAGE);
    memset(stack, 0, sizeof(stack));
    stack_words = ARRAY_LEN(stack);
    said[0] = '\0';
    return 0;
}

static uint64_t text(size_t offset) { return (uintptr_t)pv_text_begin + offset; }
static void call_before(size_t offset) { pv_text_begin[offset - 5] = 0xe8; }

static void test_calls(void **state)
{
    static const struct { uint8_t bytes[PV_CALL_BYTES]; bool call; } cases[] = {
        { { 0, 0, 0xe8, 1, 2, 3, 4 }, true },       /* call somewhere */
        { { 0, 0, 0, 0, 0, 0xff, 0xd0 }, true },    /* call *%rax */
        { { 0, 0, 0, 0, 0x41, 0xff, 0xd4 }, true }, /* call *%r12 */
        { { 0, 0, 0, 0, 0xff, 0x50, 8 }, true },    /* call *8(%rax) */
        { { 0, 0, 0, 0xff, 0x54, 0x24, 8 }, true }, /* call *8(%rsp) */
        { { 0, 0xff, 0x15, 1, 2, 3, 4 }, true },    /* call *x(%rip) */
        { { 0xff, 0x94, 0xc0, 1, 2, 3, 4 }, true }, /* call *x(%rax,%rax,8) */
        { { 0, 0, 0, 0, 0, 0xff, 0xe0 }, false },   /* jmp *%rax */
        { { 0, 0xff, 0x25, 1, 2, 3, 4 }, false },   /* jmp *x(%rip) */
        { { 0, 0, 0, 0xe8, 2, 3, 4 }, false }, { { 0xe8, 1, 2, 3, 4, 0x90, 0x90 }, false }, { { 0 }, false },
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(pv_follows_call(cases[i].bytes), cases[i].call);
}

/* Without a table of symbols addresses are shown. A word that is no code address, or does not follow a call, is not. */
static void test_stack(void **state)
{
    char expected[256];

    call_before(100);
    call_before(200);
    stack[0] = text(100);
    stack[1] = text(101);
    stack[2] = text(PV_PAGE);
    stack[3] = text(0);
    stack[4] = 5;
    stack[399] = text(200);
    stack[400] = text(200);
    pv_backtrace(0x1234, (uintptr_t)stack, 24);
    snprintf(expected, sizeof(expected), "  at 1234\n  from %lx\n  from %lx\n", text(100), text(200));
    assert_string_equal(said, expected);
    said[0] = '\0';
    pv_backtrace(0, (uintptr_t)stack, 1);
    assert_int_equal(lines(), 1);
    said[0] = '\0';
    stack_words = 1; /* nothing is read beyond the stack's end */
    pv_backtrace(0, (uintptr_t)stack, 24);
    pv_backtrace(0, (uintptr_t)stack + 4, 24);
    pv_backtrace(0, (uintptr_t)(stack + 1), 24);
    assert_int_equal(lines(), 1);
}

static const char *find(const uint32_t *table, size_t words, uint64_t where, uint64_t *offset)
{
    return pv_symbol_in(table, table + words, where, offset);
}

static void test_names(void **state)
{
    static const union { struct { uint32_t count, at[3]; char names[16]; } in; uint32_t words[8]; } table = {
        { 3, { 0x10, 0x20, 0x120 }, "one\0two\0three" },
    };
    uint64_t offset = 99;

    assert_null(find(table.words, 8, 0xf, &offset));
    assert_string_equal(find(table.words, 8, 0x10, &offset), "one");
    assert_int_equal(offset, 0);
    assert_string_equal(find(table.words, 8, 0x1f, &offset), "one");
    assert_int_equal(offset, 0xf);
    assert_string_equal(find(table.words, 8, 0x20, &offset), "two");
    assert_string_equal(find(table.words, 8, 0x11f, &offset), "two");
    assert_int_equal(offset, 0xff);
    assert_string_equal(find(table.words, 8, 0x5000, &offset), "three");
    assert_int_equal(offset, 0x5000 - 0x120);
    /* No table, one without functions, one with a wrong length. */
    assert_null(find(NULL, 0, 0x10, &offset));
    assert_null(find((uint32_t[]){ 0, 0 }, 2, 0x10, &offset));
    assert_null(find((uint32_t[]){ 2, 0x10 }, 2, 0x10, &offset));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_calls, start),
        cmocka_unit_test_setup(test_stack, start),
        cmocka_unit_test_setup(test_names, start),
    };

    return cmocka_run_group_tests_name("pv backtrace", tests, NULL, NULL);
}
