/*
 * Programs: static ELF files, position-independent or not, laid out in a new space, with the
 * stack that Linux gives a program.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "task.h"
#include "vdso/vdso.h"

#include <linux/mman.h>
#include <linux/auxvec.h>
#include <linux/elf.h>

#define PROGRAM_BASE 0x1000000000UL
#define STACK_TOP 0x7f00000000UL
#define STACK_SIZE (1UL << 20)
#define HEADERS_MAX 32

struct program {
    struct space *space;
    struct file *file;
    Elf64_Ehdr header;
    Elf64_Phdr headers[HEADERS_MAX];
    uintptr_t base, entry, headers_at;
};

/* Reads from the file's pages, the same that will be mapped. */
static int read_at(struct file *file, void *to, uint64_t at, size_t n)
{
    while (n) {
        size_t offset = at & (PV_PAGE - 1), piece = PV_PAGE - offset;
        char *page = file->ops->page(file, at / PV_PAGE, false);

        if (!page)
            return -PV_EIO;
        if (piece > n)
            piece = n;
        pv_copy(to, page + offset, piece);
        pv_pages_put(page);
        to = (char *)to + piece;
        at += piece;
        n -= piece;
    }
    return 0;
}

#define ENOEXEC_ 8

static int read_headers(struct program *p)
{
    const Elf64_Ehdr *h = &p->header;

    if (!p->file->ops->page || read_at(p->file, &p->header, 0, sizeof(p->header)))
        return -ENOEXEC_;
    if (pv_compare(h->e_ident, ELFMAG, SELFMAG) || h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_machine != EM_X86_64 ||
        (h->e_type != ET_EXEC && h->e_type != ET_DYN) || h->e_phentsize != sizeof(Elf64_Phdr) ||
        h->e_phnum > HEADERS_MAX)
        return -ENOEXEC_;
    return read_at(p->file, p->headers, h->e_phoff, h->e_phnum * sizeof(Elf64_Phdr)) ? -ENOEXEC_ : 0;
}

static unsigned int prot_of(const Elf64_Phdr *h)
{
    return (h->p_flags & PF_R ? PROT_READ : 0) |
        (h->p_flags & PF_W ? PROT_WRITE : 0) | (h->p_flags & PF_X ? PROT_EXEC : 0);
}

static int zero_tail(struct program *p, uintptr_t from, uintptr_t end)
{
    static const char zeros[256];

    /* The space is not in use, so it is written through its pages. */
    while (from < end) {
        uint64_t frame;
        size_t piece = end - from < sizeof(zeros) ? end - from : sizeof(zeros);

        if (!pv_mapped(p->space->root, from, &frame, NULL) && !space_fault(p->space, from, true, false))
            return -PV_ENOMEM;
        if (!pv_mapped(p->space->root, from, &frame, NULL))
            return -PV_ENOMEM;
        pv_zero((char *)pv_page_of(frame) + (from & (PV_PAGE - 1)), piece);
        from += piece;
    }
    return 0;
}

/* Behind the file's part the last page is zeroed. The pages that follow are anonymous. */
static int map_segment(struct program *p, const Elf64_Phdr *h)
{
    uintptr_t start = p->base + h->p_vaddr, page = start & ~(PV_PAGE - 1);
    uintptr_t file_end = start + h->p_filesz, end = start + h->p_memsz;
    uintptr_t mapped = (file_end + PV_PAGE - 1) & ~(PV_PAGE - 1);
    unsigned int flags = MAP_PRIVATE | MAP_FIXED;
    long rc = 0;

    if (h->p_filesz > h->p_memsz || end < start || end > PROGRAM_BASE * 2 ||
        (h->p_offset & (PV_PAGE - 1)) != (h->p_vaddr & (PV_PAGE - 1)))
        return -ENOEXEC_;
    if (h->p_filesz)
        rc = space_map(p->space, page, mapped - page, prot_of(h), flags, p->file, h->p_offset & ~(PV_PAGE - 1));
    else
        mapped = page;
    if (rc >= 0 && end > mapped)
        rc = space_map(p->space, mapped, end - mapped, prot_of(h), flags | MAP_ANONYMOUS, NULL, 0);
    if (rc >= 0 && h->p_flags & PF_W && end > file_end && h->p_filesz)
        rc = zero_tail(p, file_end, end < mapped ? end : mapped);
    return rc < 0 ? (int)rc : 0;
}

static int map_program(struct program *p)
{
    uint32_t shift = 0;

    if (p->header.e_type == ET_DYN) {
        pv_random(&shift, sizeof(shift));
        p->base = PROGRAM_BASE + (uintptr_t)(shift & 0xffff) * PV_PAGE * 16;
    }
    for (unsigned int i = 0; i < p->header.e_phnum; i++) {
        const Elf64_Phdr *h = &p->headers[i];
        int rc;

        if (h->p_type == PT_INTERP)
            return -ENOEXEC_; /* static programs only */
        if (h->p_type != PT_LOAD)
            continue;
        if (p->header.e_phoff >= h->p_offset && p->header.e_phoff < h->p_offset + h->p_filesz)
            p->headers_at = p->base + h->p_vaddr + (p->header.e_phoff - h->p_offset);
        rc = map_segment(p, h);
        if (rc)
            return rc;
    }
    p->space->base = p->base;
    p->entry = p->base + p->header.e_entry;
    return p->entry < PV_USER_END && p->headers_at ? 0 : -ENOEXEC_;
}

/* ---- the first stack: strings at the top, the vectors below, rsp at argc ---- */

struct stack { struct space *space; uintptr_t sp; int error; };

static void put(struct stack *s, uintptr_t at, const void *from, size_t n)
{
    while (n && !s->error) {
        uint64_t frame;
        size_t offset = at & (PV_PAGE - 1), piece = PV_PAGE - offset < n ? PV_PAGE - offset : n;

        if (!pv_mapped(s->space->root, at, &frame, NULL) &&
            (!space_fault(s->space, at, true, false) || !pv_mapped(s->space->root, at, &frame, NULL))) {
            s->error = -PV_ENOMEM;
            return;
        }
        pv_copy((char *)pv_page_of(frame) + offset, from, piece);
        at += piece;
        from = (const char *)from + piece;
        n -= piece;
    }
}

static uintptr_t push(struct stack *s, const void *from, size_t n)
{
    s->sp -= n;
    put(s, s->sp, from, n);
    return s->sp;
}

static size_t count(const char *const *list)
{
    size_t n = 0;

    while (list[n])
        n++;
    return n;
}

static void push_strings(struct stack *s, const char *const *list, size_t n, uint64_t *pointers)
{
    for (size_t i = 0; i < n; i++)
        pointers[i] = push(s, list[i], pv_strlen(list[i]) + 1);
    pointers[n] = 0;
}

static int make_stack(struct program *p, const char *name, const char *const *argv, const char *const *envp,
                      uintptr_t *sp)
{
    struct stack s = { .space = p->space };
    size_t argc = count(argv), envc = count(envp), at = 0;
    uint64_t *vector = pv_alloc((argc + envc + 3 + 2 * 20) * sizeof(*vector));
    uint8_t random[16] = { 0 };
    uint32_t shift = 0;
    uintptr_t random_at, name_at;

    if (!vector)
        return -PV_ENOMEM;
    pv_random(random, sizeof(random));
    pv_random(&shift, sizeof(shift));
    s.sp = STACK_TOP - (shift & 0xfff0);
    random_at = push(&s, random, sizeof(random));
    name_at = push(&s, name, pv_strlen(name) + 1);
    vector[at++] = argc;
    push_strings(&s, argv, argc, vector + at);
    at += argc + 1;
    push_strings(&s, envp, envc, vector + at);
    at += envc + 1;
    const uint64_t aux[] = {
        AT_PHDR, p->headers_at, AT_PHENT, sizeof(Elf64_Phdr), AT_PHNUM, p->header.e_phnum, AT_PAGESZ, PV_PAGE,
        AT_BASE, 0, AT_ENTRY, p->entry, AT_UID, task_self() ? task_uid() : 0, AT_EUID, task_self() ? task_uid() : 0,
        AT_GID, 0, AT_EGID, 0, AT_SECURE, 0, AT_CLKTCK, 100, AT_RANDOM, random_at, AT_EXECFN, name_at,
        AT_SYSINFO_EHDR, VDSO_AT, AT_NULL, 0,
    };
    _Static_assert(sizeof(aux) <= 2 * 20 * sizeof(*vector), "room for the auxiliary vector");
    pv_copy(vector + at, aux, sizeof(aux));
    at += sizeof(aux) / sizeof(aux[0]);
    s.sp = (s.sp - at * sizeof(*vector)) & ~15UL;
    put(&s, s.sp, vector, at * sizeof(*vector));
    pv_free(vector);
    *sp = s.sp;
    return s.error;
}

int exec_load(struct file *program, const char *name, const char *const *argv, const char *const *envp,
              struct space **space, struct pv_frame *frame)
{
    struct program *p = pv_alloc(sizeof(*p));
    uintptr_t sp = 0;
    long rc = -PV_ENOMEM;

    if (!p)
        return -PV_ENOMEM;
    p->file = program;
    rc = read_headers(p);
    if (!rc && !(p->space = space_new()))
        rc = -PV_ENOMEM;
    if (!rc)
        rc = map_program(p);
    if (!rc)
        rc = space_map(p->space, STACK_TOP - STACK_SIZE, STACK_SIZE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, NULL, 0);
    if (rc >= 0)
        rc = make_stack(p, name, argv, envp, &sp);
    if (!rc) {
        *space = p->space;
        *frame = (struct pv_frame){ .number = PV_TRAP_EVENT, .rip = p->entry, .rsp = sp };
    } else if (p->space) {
        space_free(p->space);
    }
    pv_free(p);
    return (int)rc;
}
