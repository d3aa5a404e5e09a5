// sources: launcher/xen-layer/text.c
// cflags: -Ilauncher/stubdom-micro -Ilauncher/xen-layer
/*
 * Loading programs on the micro kernel. The test makes ELF files, good ones and ones with a broken field. The address
 * space is a table of mappings, with a page for each address that was touched.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "unit.h"

#include "launcher/stubdom-micro/exec.c"

/* ---- the file ---- */

#define FILE_PAGES 3
static _Alignas(4096) char content[FILE_PAGES * PV_PAGE];
static unsigned int page_users;
static size_t pages_there;

static void *file_page(struct file *file, uint64_t index, bool write)
{
    assert_false(write);
    if (index >= pages_there)
        return NULL;
    page_users++;
    return content + index * PV_PAGE;
}

static struct file_ops file_ops = { .page = file_page };
static struct file file = { .ops = &file_ops };

/* ---- the space ---- */

#define AREAS 8
#define TOUCHED 16
static struct { uintptr_t where; size_t size; unsigned int prot, flags; bool of_file; uint64_t offset; } areas[AREAS];
static size_t area_count;
static struct { uintptr_t va; char *page; } touched[TOUCHED];
static int new_error, map_error_at;
static bool no_pages;
static struct space space;
static int spaces, pieces;

struct space *space_new(void)
{
    spaces += !new_error;
    return new_error ? NULL : &space;
}

void space_free(struct space *of)
{
    assert_ptr_equal(of, &space);
    spaces--;
}

long space_map(struct space *of, uintptr_t where, size_t size, unsigned int prot, unsigned int flags,
               struct file *from, uint64_t offset)
{
    if (map_error_at && !--map_error_at)
        return -PV_ENOMEM;
    assert_true(area_count < AREAS);
    assert_int_equal(where % PV_PAGE, 0);
    areas[area_count].where = where;
    areas[area_count].size = size;
    areas[area_count].prot = prot;
    areas[area_count].flags = flags;
    areas[area_count].of_file = from;
    areas[area_count++].offset = offset;
    return where;
}

static size_t touch_of(uintptr_t va)
{
    size_t i = 0;

    while (i < TOUCHED && touched[i].va != (va & ~(PV_PAGE - 1)))
        i++;
    return i;
}

/* A later mapping replaces an earlier one, as with MAP_FIXED. */
bool space_fault(struct space *of, uintptr_t va, bool write, bool exec)
{
    size_t i = touch_of(0);

    assert_true(write && !exec);
    for (size_t n = area_count; n-- && !no_pages;)
        if (va >= areas[n].where && va - areas[n].where < ((areas[n].size + PV_PAGE - 1) & ~(PV_PAGE - 1)) &&
            areas[n].prot & PROT_WRITE) {
            uint64_t at = (va - areas[n].where) / PV_PAGE + areas[n].offset / PV_PAGE;

            assert_true(i < TOUCHED);
            touched[i].va = va & ~(PV_PAGE - 1);
            touched[i].page = aligned_alloc(PV_PAGE, PV_PAGE);
            if (areas[n].of_file)
                memcpy(touched[i].page, content + at * PV_PAGE, PV_PAGE);
            else
                memset(touched[i].page, 0, PV_PAGE);
            return true;
        }
    return false;
}

bool pv_mapped(pv_root *root, uintptr_t va, uint64_t *frame, unsigned int *prot)
{
    size_t i = touch_of(va);

    if (i == TOUCHED)
        return false;
    *frame = (uintptr_t)touched[i].page / PV_PAGE;
    return true;
}

void *pv_page_of(uint64_t frame) { return (void *)(frame * PV_PAGE); }
void pv_pages_put(void *page) { page_users--; }
struct task *task_self(void) { return NULL; }
unsigned int task_uid(void) { return 100; }
static long alloc_fails; /* the n-th from now on fails; 0: none */

void *pv_alloc(size_t size)
{
    if (alloc_fails && !--alloc_fails)
        return NULL;
    pieces++;
    return calloc(1, size);
}

void pv_free(void *p)
{
    pieces -= p != NULL;
    free(p);
}

static uint32_t random_word;

int pv_random(void *to, size_t size)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)to)[i] = (uint8_t)(random_word >> 8 * (i % 4));
    return 0;
}

/* ---- a program: code at 0x400000, data that ends in the middle of a page, memory behind it ---- */

#define CODE 0x400000UL
#define DATA 0x401000UL
#define DATA_END (DATA + 0x800)   /* the end of the file's part */
#define END (DATA + 2 * PV_PAGE + 5)

static Elf64_Ehdr *header(void) { return (Elf64_Ehdr *)content; }
static Elf64_Phdr *segment(size_t n) { return (Elf64_Phdr *)(content + sizeof(Elf64_Ehdr)) + n; }

static void make_program(void)
{
    memset(content, 'x', sizeof(content));
    *header() = (Elf64_Ehdr){
        .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64 }, .e_type = ET_EXEC, .e_machine = EM_X86_64,
        .e_entry = CODE + 0x900, .e_phoff = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 3,
    };
    *segment(0) = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = CODE, .p_filesz = 0xa00,
                                .p_memsz = 0xa00 };
    *segment(1) = (Elf64_Phdr){ .p_type = PT_LOAD, .p_flags = PF_R | PF_W, .p_offset = PV_PAGE, .p_vaddr = DATA,
                                .p_filesz = DATA_END - DATA, .p_memsz = END - DATA };
    *segment(2) = (Elf64_Phdr){ .p_type = PT_GNU_STACK };
}

static const char *const argv[] = { "qemu", "-x", NULL };
static const char *const envp[] = { "A=b", NULL };
static struct pv_frame frame;

static int load(void)
{
    struct space *loaded = NULL;
    int rc = exec_load(&file, "/bin/qemu", argv, envp, &loaded, &frame);

    assert_int_equal(page_users, 0);
    assert_int_equal(pieces, 0);
    if (rc)
        assert_int_equal(spaces, 0);
    else
        assert_ptr_equal(loaded, &space);
    return rc;
}

static int begin(void **state)
{
    make_program();
    memset(areas, 0, sizeof(areas));
    area_count = 0;
    memset(&space, 0, sizeof(space));
    spaces = pieces = new_error = map_error_at = 0;
    alloc_fails = 0;
    page_users = 0;
    pages_there = FILE_PAGES;
    no_pages = false;
    random_word = 0;
    file_ops.page = file_page;
    return 0;
}

static void forget_pages(void)
{
    for (size_t i = 0; i < TOUCHED; i++)
        free(touched[i].page);
    memset(touched, 0, sizeof(touched));
}

static int end(void **state)
{
    forget_pages();
    return 0;
}

/* ---- reading memory as the program would ---- */

static void peek(uintptr_t va, void *to, size_t n)
{
    for (size_t i = 0; i < n; i++, va++) {
        size_t t = touch_of(va);

        assert_true(t < TOUCHED);
        ((char *)to)[i] = touched[t].page[va & (PV_PAGE - 1)];
    }
}

static uint64_t word(uintptr_t va)
{
    uint64_t value;

    peek(va, &value, sizeof(value));
    return value;
}

static void assert_text(uintptr_t va, const char *expected)
{
    char text[32];

    peek(va, text, strlen(expected) + 1);
    assert_string_equal(text, expected);
}

static void assert_area(size_t n, uintptr_t where, size_t size, unsigned int prot, bool of_file, uint64_t offset)
{
    assert_true(n < area_count);
    if (areas[n].where != where || areas[n].size != size || areas[n].prot != prot || areas[n].of_file != of_file ||
        areas[n].offset != offset ||
        areas[n].flags != (MAP_PRIVATE | MAP_FIXED | (of_file ? 0 : MAP_ANONYMOUS)))
        fail_msg("area %zu: %lx, %zx bytes, prot %u, flags %x, offset %lx", n, areas[n].where, areas[n].size,
                 areas[n].prot, areas[n].flags, areas[n].offset);
}

static void test_segments(void **state)
{
    char data[0x800], rest[0x800];

    assert_int_equal(load(), 0);
    assert_int_equal(frame.rip, CODE + 0x900);
    assert_int_equal(frame.number, PV_TRAP_EVENT);
    assert_int_equal(area_count, 4);
    assert_area(0, CODE, PV_PAGE, PROT_READ | PROT_EXEC, true, 0);
    assert_area(1, DATA, PV_PAGE, PROT_READ | PROT_WRITE, true, PV_PAGE);
    assert_area(2, DATA + PV_PAGE, PV_PAGE + 5, PROT_READ | PROT_WRITE, false, 0);
    assert_area(3, STACK_TOP - STACK_SIZE, STACK_SIZE, PROT_READ | PROT_WRITE, false, 0);
    /* Behind the file's part the data is zero. The file has not changed. */
    peek(DATA, data, sizeof(data));
    peek(DATA_END, rest, sizeof(rest));
    for (size_t i = 0; i < sizeof(rest); i++)
        assert_true(data[i] == 'x' && !rest[i] && content[PV_PAGE + 0x800 + i] == 'x');
}

/* Data that ends within a page: only the rest of that page is cleared, and nothing is mapped behind. */
static void test_small_data(void **state)
{
    char rest[0x200];

    segment(1)->p_memsz = segment(1)->p_filesz + 0x100;
    assert_int_equal(load(), 0);
    assert_int_equal(area_count, 3);
    peek(DATA_END, rest, sizeof(rest));
    for (size_t i = 0; i < sizeof(rest); i++)
        assert_int_equal(rest[i], i < 0x100 ? 0 : 'x');
    area_count = 0;
    segment(1)->p_memsz = PV_PAGE;
    assert_int_equal(load(), 0);
    assert_int_equal(area_count, 3);
}

/* A segment without a part in the file: mapped from the page on in which it begins. */
static void test_memory_alone(void **state)
{
    segment(1)->p_filesz = 0;
    segment(1)->p_vaddr += 0x800;
    segment(1)->p_offset += 0x800;
    assert_int_equal(load(), 0);
    assert_area(1, DATA, END + 0x800 - DATA, PROT_READ | PROT_WRITE, false, 0);
}

static void test_position_independent(void **state)
{
    header()->e_type = ET_DYN;
    random_word = 0x12345;
    assert_int_equal(load(), 0);
    assert_int_equal(space.base, PROGRAM_BASE + 0x2345UL * 16 * PV_PAGE);
    assert_int_equal(frame.rip, space.base + CODE + 0x900);
    assert_int_equal(areas[0].where, space.base + CODE);
}

/* What Linux leaves on the stack of a program (System V ABI): argc, pointers, the auxiliary vector. */
static void test_stack(void **state)
{
    static const struct { uint64_t type, value; } rows[] = {
        { AT_PHDR, CODE + sizeof(Elf64_Ehdr) }, { AT_PHENT, sizeof(Elf64_Phdr) }, { AT_PHNUM, 3 },
        { AT_PAGESZ, PV_PAGE }, { AT_BASE, 0 }, { AT_ENTRY, CODE + 0x900 }, { AT_SECURE, 0 },
        { AT_SYSINFO_EHDR, VDSO_AT },
    };

    for (random_word = 0; random_word < 0x20000; random_word += 0x1231) {
        uintptr_t sp, aux;
        size_t seen = 0;

        forget_pages();
        area_count = 0;
        assert_int_equal(load(), 0);
        sp = frame.rsp;
        assert_int_equal(sp % 16, 0);
        assert_true(sp < STACK_TOP && sp > STACK_TOP - STACK_SIZE);
        assert_int_equal(word(sp), 2);
        assert_text(word(sp + 8), "qemu");
        assert_text(word(sp + 16), "-x");
        assert_int_equal(word(sp + 24), 0);
        assert_text(word(sp + 32), "A=b");
        assert_int_equal(word(sp + 40), 0);
        for (aux = sp + 48; word(aux) != AT_NULL; aux += 16) {
            for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                if (rows[i].type == word(aux)) {
                    assert_int_equal(word(aux + 8), rows[i].value);
                    seen++;
                }
            if (word(aux) == AT_EXECFN)
                assert_text(word(aux + 8), "/bin/qemu");
            if (word(aux) != AT_RANDOM)
                continue;
            assert_int_equal((uint32_t)word(word(aux + 8)), random_word);
            assert_int_equal(word(aux + 8), STACK_TOP - (random_word & 0xfff0) - 16); /* its place is random */
        }
        assert_int_equal(seen, ARRAY_LEN(rows));
    }
}

/* Each row breaks one thing: refused, and nothing is left. */
static void test_broken(void **state)
{
    static const struct { const char *what; size_t at, size; uint64_t value; } rows[] = {
#define HEADER(field, wrong) { #field, offsetof(Elf64_Ehdr, field), sizeof(((Elf64_Ehdr *)0)->field), wrong }
#define SEGMENT(n, field, wrong) \
    { #n " " #field, sizeof(Elf64_Ehdr) + n * sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, field), \
      sizeof(((Elf64_Phdr *)0)->field), wrong }
        { "magic", 0, 1, 0 }, { "class", EI_CLASS, 1, ELFCLASS32 },
        HEADER(e_machine, EM_AARCH64), HEADER(e_type, ET_CORE), HEADER(e_phentsize, 1), HEADER(e_phentsize, 57),
        HEADER(e_phnum, HEADERS_MAX + 1), HEADER(e_phnum, UINT16_MAX), HEADER(e_phoff, FILE_PAGES * PV_PAGE - 8),
        HEADER(e_phoff, UINT64_MAX), HEADER(e_phoff, UINT64_MAX - 4095), HEADER(e_phnum, 0),
        HEADER(e_entry, PV_USER_END), HEADER(e_entry, UINT64_MAX),
        SEGMENT(0, p_filesz, 0xa01), SEGMENT(0, p_filesz, UINT64_MAX), SEGMENT(0, p_memsz, 0x9ff),
        SEGMENT(0, p_offset, 1), SEGMENT(0, p_vaddr, CODE + 1), SEGMENT(0, p_vaddr, PROGRAM_BASE * 2),
        SEGMENT(0, p_vaddr, 1UL << 47), SEGMENT(0, p_vaddr, UINT64_MAX & ~(PV_PAGE - 1)),
        SEGMENT(1, p_memsz, UINT64_MAX), SEGMENT(1, p_memsz, PROGRAM_BASE * 2), SEGMENT(2, p_type, PT_INTERP),
        /* No segment contains the program headers: the program could not find them. */
        SEGMENT(0, p_type, PT_NOTE),
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        begin(NULL);
        forget_pages();
        memcpy(content + rows[i].at, &rows[i].value, rows[i].size);
        if (load() != -ENOEXEC_)
            fail_msg("%s = %lx: not refused", rows[i].what, rows[i].value);
    }
    begin(NULL);
    pages_there = 0;
    assert_int_equal(load(), -ENOEXEC_);
    file_ops.page = NULL;
    assert_int_equal(load(), -ENOEXEC_);
}

/* Each allocation fails in turn. */
static void test_no_memory(void **state)
{
    for (int n = 1; n <= 4; n++) {
        area_count = 0;
        forget_pages();
        map_error_at = n;
        assert_int_equal(load(), -PV_ENOMEM);
        map_error_at = 0;
    }
    for (alloc_fails = 1; alloc_fails <= 2; alloc_fails++) {
        long n = alloc_fails;

        area_count = 0;
        forget_pages();
        assert_int_equal(load(), -PV_ENOMEM);
        alloc_fails = n;
    }
    alloc_fails = 0;
    new_error = 1;
    assert_int_equal(load(), -PV_ENOMEM);
    new_error = 0;
    area_count = 0;
    forget_pages();
    no_pages = true;
    assert_int_equal(load(), -PV_ENOMEM);
    /* Also while the stack is made; without data that must be cleared. */
    segment(1)->p_filesz = 0;
    area_count = 0;
    assert_int_equal(load(), -PV_ENOMEM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_segments, begin, end),
        cmocka_unit_test_setup_teardown(test_small_data, begin, end),
        cmocka_unit_test_setup_teardown(test_memory_alone, begin, end),
        cmocka_unit_test_setup_teardown(test_position_independent, begin, end),
        cmocka_unit_test_setup_teardown(test_stack, begin, end),
        cmocka_unit_test_setup_teardown(test_broken, begin, end),
        cmocka_unit_test_setup_teardown(test_no_memory, begin, end),
    };

    return cmocka_run_group_tests_name("micro-exec", tests, NULL, NULL);
}
