// sources: launcher/xen-layer/text.c
// cflags: -Ilauncher/stubdom-micro -Ilauncher/xen-layer
/*
 * How the micro kernel accesses a program's memory: addresses that are not the program's, pages that do not exist, and
 * the ends of copies, strings and buffers. The copy is the kernel's own code; a signal handler plays the page fault.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "launcher/stubdom-micro/user-memory.c"

__asm__(".include \"launcher/stubdom-micro/user-copy.S\"\n.text");

/* ---- the program's memory: pages in a row, some of which do not exist ---- */

#define PAGES 6
enum { HOLE = 2, READ_ONLY = 4, BEYOND = PAGES };
/* Below PV_USER_END, and below ASan's own memory. */
static char *const pages = (char *)0x20000000;

static uintptr_t at(unsigned int page, size_t offset) { return (uintptr_t)pages + page * PV_PAGE + offset; }

static struct space space;
static struct process process = { .space = &space };
static struct task task = { .process = &process };
static struct vma vma;
static bool has_vma, makes_pages;
static unsigned int prot, users, faults, touched; /* touched: faults in a copy */
static struct vma_ops device;

/* As trap.c and task.c handle an exception. */
static void fault(int number, siginfo_t *info, void *context)
{
    greg_t *regs = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct pv_frame frame = { .rip = regs[REG_RIP] };

    if (!user_memory_fault(&frame, (uintptr_t)info->si_addr))
        abort();
    touched++;
    regs[REG_RIP] = frame.rip;
}

struct task *task_self(void) { return &task; }
struct vma *vma_find(uintptr_t va) { return has_vma ? &vma : NULL; }
void *pv_page_of(uint64_t frame) { return (void *)(frame * PV_PAGE); }
void pv_pages_get(void *page) { users++; }

bool pv_mapped(pv_root *root, uintptr_t va, uint64_t *frame, unsigned int *to)
{
    if (!prot)
        return false;
    *frame = va / PV_PAGE;
    *to = prot;
    return true;
}

bool space_fault(struct space *of, uintptr_t va, bool write, bool exec)
{
    assert_ptr_equal(of, &space);
    assert_false(exec);
    faults++;
    if (makes_pages)
        prot = PV_PROT_USER | (write ? PV_PROT_WRITE : 0);
    return makes_pages;
}

/* Called by each test, because cmocka installs a handler of its own before. */
static void begin(void)
{
    struct sigaction action = { .sa_sigaction = fault, .sa_flags = SA_SIGINFO };

    sigaction(SIGSEGV, &action, NULL);
    assert_ptr_equal(mmap(pages, (PAGES + 1) * PV_PAGE, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0), pages);
    for (size_t i = 0; i < PAGES * PV_PAGE; i++)
        pages[i] = (char)(i * 7 + 1) ?: 1;
    assert_int_equal(mprotect(pages + HOLE * PV_PAGE, PV_PAGE, PROT_NONE), 0);
    assert_int_equal(mprotect(pages + READ_ONLY * PV_PAGE, PV_PAGE, PROT_READ), 0);
    assert_int_equal(mprotect(pages + BEYOND * PV_PAGE, PV_PAGE, PROT_NONE), 0);
    has_vma = makes_pages = true;
    prot = users = faults = touched = 0;
    vma.ops = NULL;
}

static int end(void **state)
{
    return munmap(pages, (PAGES + 1) * PV_PAGE);
}

/* Copies of every size and from every alignment. A copy that reaches a missing page fails. */
static void test_copies(void **state)
{
    char to[64], *from = pages + 2 * PV_PAGE - 40;

    begin();
    for (size_t offset = 0; offset < 16; offset++)
        for (size_t n = 0; n < 48; n++) {
            memset(to, 0, sizeof(to));
            assert_int_equal(user_read(to, (uintptr_t)from + offset, n), offset + n <= 40 ? 0 : -PV_EFAULT);
            if (offset + n <= 40)
                assert_memory_equal(to, from + offset, n);
            for (size_t i = n; i < sizeof(to); i++)
                assert_int_equal(to[i], 0);
        }
}

static void test_writes(void **state)
{
    static const char text[32] = "what the kernel writes";

    begin();
    assert_int_equal(user_write(at(0, 5), text, sizeof(text)), 0);
    assert_memory_equal(pages + 5, text, sizeof(text));
    assert_int_equal(pages[5 + sizeof(text)], (char)((5 + sizeof(text)) * 7 + 1));
    assert_int_equal(user_write(at(READ_ONLY, 0), text, 1), -PV_EFAULT);
    assert_int_equal(user_write(at(READ_ONLY, 0) - 8, text, 16), -PV_EFAULT);
    assert_int_equal(user_write(at(READ_ONLY, 0) - 8, text, 8), 0);
}

/* Addresses of the kernel's, and ranges that reach into these: they must not be accessed at all. */
static void test_not_the_programs(void **state)
{
    static const struct { uintptr_t from; size_t n; } rows[] = {
        { PV_USER_END, 1 }, { PV_USER_END - 1, 2 }, { UINTPTR_MAX, 1 }, { UINTPTR_MAX - 7, 8 }, { 4096, SIZE_MAX },
        { 4096, PV_USER_END }, { PV_USER_END, 0 }, { 0xffff800000000000, 8 },
    };
    char byte[8] = "";

    begin();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (user_read(byte, rows[i].from, rows[i].n) != -PV_EFAULT ||
            user_write(rows[i].from, byte, rows[i].n) != -PV_EFAULT)
            fail_msg("row %zu", i);
    assert_int_equal(touched, 0);
    assert_int_equal(user_read(byte, 0, 1), -PV_EFAULT);
    assert_int_equal(touched, 1);
}

/* A fault outside of the copy is not handled. */
static void test_whose_fault(void **state)
{
    const struct { uintptr_t rip, cr2; bool ours; } rows[] = {
        { (uintptr_t)user_copy_begin, 8, true }, { (uintptr_t)user_copy_end - 1, PV_USER_END - 1, true },
        { (uintptr_t)user_copy_begin - 1, 8, false }, { (uintptr_t)user_copy_end, 8, false },
        { (uintptr_t)user_copy_begin, PV_USER_END, false }, { (uintptr_t)test_copies, 8, false },
    };

    begin();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct pv_frame frame = { .rip = rows[i].rip };

        assert_int_equal(user_memory_fault(&frame, rows[i].cr2), rows[i].ours);
        assert_int_equal(frame.rip, rows[i].ours ? (uintptr_t)user_copy_fault : rows[i].rip);
    }
}

static void test_strings(void **state)
{
    char to[600], *end = pages + 2 * PV_PAGE;

    begin();
    /* A string that ends with the last existing byte. */
    for (size_t n = 1; n < 200; n++) {
        end[-1] = '\0';
        assert_int_equal(user_string(to, (uintptr_t)end - n, sizeof(to)), n - 1);
        assert_string_equal(to, end - n);
        end[-1] = 'x';
        assert_int_equal(user_string(to, (uintptr_t)end - n, sizeof(to)), -PV_EFAULT);
    }
    /* Across a page's end; as long as the buffer allows, and longer. */
    pages[PV_PAGE + 90] = '\0';
    assert_int_equal(user_string(to, at(1, 0) - 90, sizeof(to)), 180);
    assert_int_equal(user_string(to, at(1, 0) - 90, 181), 180);
    assert_int_equal(user_string(to, at(1, 0) - 90, 180), -PV_ENAMETOOLONG);
    assert_int_equal(user_string(to, PV_USER_END - 3, sizeof(to)), -PV_EFAULT);
    assert_int_equal(user_string(to, PV_USER_END, sizeof(to)), -PV_EFAULT);
}

static void test_pin(void **state)
{
    void *page = NULL;

    begin();
    /* A page that exists; one that is allocated; one that is allocated for writing. */
    prot = PV_PROT_USER;
    assert_int_equal(user_pin(at(1, 77), false, &page), 0);
    assert_ptr_equal(page, pages + PV_PAGE);
    assert_int_equal(faults, 0);
    assert_int_equal(user_pin(at(1, 77), true, &page), 0);
    assert_int_equal(faults, 1);
    prot = 0;
    assert_int_equal(user_pin(at(1, 77), false, &page), 0);
    assert_int_equal(faults, 2);
    assert_int_equal(users, 3);
    /* A device's mapping, an address that is not the program's, no memory, a read-only page. */
    vma.ops = &device;
    assert_int_equal(user_pin(at(1, 0), false, &page), -PV_EFAULT);
    vma.ops = NULL;
    prot = PV_PROT_WRITE;
    assert_int_equal(user_pin(at(1, 0), false, &page), -PV_EFAULT);
    makes_pages = false;
    prot = 0;
    assert_int_equal(user_pin(at(1, 0), false, &page), -PV_EFAULT);
    prot = PV_PROT_USER;
    assert_int_equal(user_pin(at(1, 0), true, &page), -PV_EFAULT);
    has_vma = false;
    assert_int_equal(user_pin(at(1, 0), false, &page), -PV_EFAULT);
    has_vma = true;
    assert_int_equal(user_pin(PV_USER_END, false, &page), -PV_EFAULT);
    assert_int_equal(users, 3);
}

/* Buffers with empty ones between them, in steps of every size. */
static void test_buffers(void **state)
{
    begin();
    for (size_t step = 1; step < 40; step++) {
        const struct user_vec vecs[] = {
            { at(0, 3), 10 }, { 0, 0 }, { PV_USER_END, 0 }, { at(1, 0) - 4, 9 }, { at(3, 1), 20 }, { at(HOLE, 0), 0 },
        };
        struct user_iter in = { .vecs = vecs, .count = ARRAY_LEN(vecs), .left = 39 }, out = in;
        char expected[39], got[40] = "";

        memcpy(expected, pages + 3, 10);
        memcpy(expected + 10, pages + PV_PAGE - 4, 9);
        memcpy(expected + 19, pages + 3 * PV_PAGE + 1, 20);
        for (size_t done = 0; done < 39;) {
            size_t n = 39 - done < step ? 39 - done : step;

            assert_int_equal(iter_get(&in, got + done, n), 0);
            done += n;
            assert_int_equal(in.left, 39 - done);
        }
        assert_memory_equal(got, expected, 39);
        assert_int_equal(iter_get(&in, got, 1), -PV_EFAULT);
        for (size_t i = 0; i < 39; i++)
            got[i] ^= 0x55;
        assert_int_equal(iter_put(&out, got, 39), 0);
        assert_memory_equal(pages + 3, got, 10);
        assert_memory_equal(pages + PV_PAGE - 4, got + 10, 9);
        assert_memory_equal(pages + 3 * PV_PAGE + 1, got + 19, 20);
        assert_int_equal(iter_put(&out, got, 1), -PV_EFAULT);
    }
}

/* The first buffer exists, the next one does not. */
static void test_bad_buffers(void **state)
{
    const struct user_vec vecs[] = { { at(1, 0), 8 }, { at(HOLE, 0), 8 } };
    struct user_iter in = { .vecs = vecs, .count = 2, .left = 16 }, out = in;
    char bytes[16] = "";

    begin();
    assert_int_equal(iter_get(&in, bytes, 16), -PV_EFAULT);
    assert_int_equal(in.left, 8);
    assert_int_equal(iter_put(&out, bytes, 9), -PV_EFAULT);
    assert_int_equal(out.left, 8);
}

/* Pieces that do not cross a page. */
static void test_pinned_buffers(void **state)
{
    const struct user_vec vecs[] = { { at(0, 4000), 200 }, { at(3, 0), 2 * PV_PAGE } };
    static const struct { unsigned int page; size_t offset, size; } rows[] = {
        { 0, 4000, 96 }, { 1, 0, 104 }, { 3, 0, PV_PAGE }, { 4, 0, PV_PAGE },
    };
    struct user_iter iter = { .vecs = vecs, .count = 2, .left = 200 + 2 * PV_PAGE };
    size_t offset, size;
    void *page;

    begin();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(iter_pin(&iter, true, &page, &offset, &size), 0);
        assert_ptr_equal(page, pages + rows[i].page * PV_PAGE);
        assert_int_equal(offset, rows[i].offset);
        assert_int_equal(size, rows[i].size);
    }
    assert_int_equal(iter.left, 0);
    assert_int_equal(iter_pin(&iter, true, &page, &offset, &size), -PV_EFAULT);
    assert_int_equal(users, ARRAY_LEN(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_copies, end),
        cmocka_unit_test_teardown(test_writes, end),
        cmocka_unit_test_teardown(test_not_the_programs, end),
        cmocka_unit_test_teardown(test_whose_fault, end),
        cmocka_unit_test_teardown(test_strings, end),
        cmocka_unit_test_teardown(test_pin, end),
        cmocka_unit_test_teardown(test_buffers, end),
        cmocka_unit_test_teardown(test_bad_buffers, end),
        cmocka_unit_test_teardown(test_pinned_buffers, end),
    };

    return cmocka_run_group_tests_name("micro-user-memory", tests, NULL, NULL);
}
