/*
 * The domain's pages, and its page tables (pv.h). All pages are mapped one to one from PV_BASE, in the
 * order of the domain's own page numbers. Page tables are read-only there, as Xen wants
 * them, and are changed by hypercall.
 *
 * Xen forces its own bits onto entries: an entry without PV_PROT_USER is the kernel's and
 * leaves the TLB at each change between kernel and user mode.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer.h"

#include <xen/memory.h>

#define PRESENT 1UL
#define WRITABLE 2UL
#define USER 4UL
#define ACCESSED 0x20UL
#define DIRTY 0x40UL
#define NOTED 0x200UL /* for software: a frame that is not PRESENT, PV_PROT_NONE */
#define NO_EXEC (1UL << 63)
#define FRAME_MASK 0x000ffffffffff000UL
#define TABLE (PRESENT | WRITABLE | USER | ACCESSED | DIRTY)
#define TABLE_ENTRIES 512
#define BATCH 128

static uint64_t *const m2p = (uint64_t *)MACH2PHYS_VIRT_START;

pv_root *pv_kernel_root;
static pv_root *current_root;
static uint64_t *p2m;
static size_t page_count, free_count;

/* For each page: the length of the run that begins here, and how many use it. */
struct page { uint32_t run, users; };
#define INNER UINT32_MAX /* as `run`: a later page of a run, or a page that is never given out */
static struct page *pages;
static size_t lowest_free; /* no page below this one is free */

static size_t number_of(const void *page)
{
    return ((uintptr_t)page - PV_BASE) >> PV_PAGE_SHIFT;
}

static void *page_at(size_t number)
{
    return (void *)(PV_BASE + (number << PV_PAGE_SHIFT));
}

uint64_t pv_frame_of(const void *page)
{
    return p2m ? p2m[number_of(page)] : ((uint64_t *)pv_start_info->mfn_list)[number_of(page)];
}

void *pv_page_of(uint64_t frame)
{
    uint64_t number = m2p[frame];

    if (number >= pv_start_info->nr_pages || pv_frame_of(page_at(number)) != frame)
        return NULL;
    return page_at(number);
}

/* ---- page tables ---- */

static uint64_t *table_of(uint64_t entry)
{
    return pv_page_of((entry & FRAME_MASK) >> PV_PAGE_SHIFT);
}

/* The update of an entry. Xen finds it by its machine address, whichever tree it is in. */
static struct mmu_update update_of(const uint64_t *entry, uint64_t value)
{
    return (struct mmu_update){
        .ptr = (pv_frame_of((void *)((uintptr_t)entry & ~(PV_PAGE - 1))) << PV_PAGE_SHIFT) |
               ((uintptr_t)entry & (PV_PAGE - 1)) | MMU_NORMAL_PT_UPDATE,
        .val = value,
    };
}

static int update(const uint64_t *entry, uint64_t value, uint16_t owner)
{
    struct mmu_update request = update_of(entry, value);

    return (int)HYPERCALL4(mmu_update, &request, 1, NULL, owner);
}

static int protect(void *page, uint64_t flags)
{
    return (int)HYPERCALL3(update_va_mapping, page, pv_frame_of(page) << PV_PAGE_SHIFT | flags, UVMF_INVLPG);
}

/* Makes a zeroed page the table that entry points to. */
static int hook(const uint64_t *entry, void *table)
{
    int rc = protect(table, PRESENT | ACCESSED | NO_EXEC);

    if (!rc)
        rc = update(entry, pv_frame_of(table) << PV_PAGE_SHIFT | TABLE, DOMID_SELF);
    return rc;
}

static int make_table(const uint64_t *entry)
{
    void *table = pv_pages_alloc(1, 1);
    int rc;

    if (!table)
        return -PV_ENOMEM;
    pv_zero(table, PV_PAGE);
    rc = hook(entry, table);
    if (rc)
        pv_panic("Xen refuses a page table: %d", rc);
    return 0;
}

/* The entry for va; NULL: there is no table, or (make) no memory for it. */
static uint64_t *find_entry(pv_root *root, uintptr_t va, bool make)
{
    uint64_t *table = root ? root : current_root;

    for (unsigned int shift = 39; shift > PV_PAGE_SHIFT; shift -= 9) {
        uint64_t *entry = &table[va >> shift & (TABLE_ENTRIES - 1)];

        if (!(*entry & PRESENT) && (!make || make_table(entry)))
            return NULL;
        table = table_of(*entry);
    }
    return &table[va >> PV_PAGE_SHIFT & (TABLE_ENTRIES - 1)];
}

static uint64_t leaf(uint64_t frame, unsigned int prot)
{
    if (prot & PV_PROT_NONE)
        return frame << PV_PAGE_SHIFT | NOTED;
    return frame << PV_PAGE_SHIFT | PRESENT | ACCESSED | DIRTY | (prot & PV_PROT_WRITE ? WRITABLE : 0) |
           (prot & PV_PROT_USER ? USER : 0) | (prot & PV_PROT_EXEC ? 0 : NO_EXEC);
}

static bool is_current(pv_root *root, uintptr_t va)
{
    return !root || root == current_root || va >= PV_USER_END;
}

static void flush(uintptr_t va)
{
    struct mmuext_op op = { .cmd = MMUEXT_INVLPG_LOCAL, .arg1.linear_addr = va };

    HYPERCALL4(mmuext_op, &op, 1, NULL, DOMID_SELF);
}

static void flush_all(void)
{
    struct mmuext_op op = { .cmd = MMUEXT_TLB_FLUSH_LOCAL };

    HYPERCALL4(mmuext_op, &op, 1, NULL, DOMID_SELF);
}

int pv_map(pv_root *root, uintptr_t va, uint64_t frame, unsigned int prot, uint16_t owner)
{
    uint64_t *entry = find_entry(root, va, true);
    bool was;
    int rc;

    if (!entry)
        return -PV_ENOMEM;
    was = *entry & PRESENT;
    rc = update(entry, leaf(frame, prot), owner);
    if (was && !rc && is_current(root, va))
        flush(va);
    return rc;
}

/* Xen stops at the first update that it refuses, so we go on behind that one. */
static void update_batch(struct mmu_update *requests, size_t n, uint16_t owner, int *errors)
{
    for (size_t at = 0; at < n;) {
        unsigned int done = 0;
        int rc = (int)HYPERCALL4(mmu_update, requests + at, n - at, &done, owner);

        if (done > n - at)
            done = (unsigned int)(n - at);
        for (unsigned int i = 0; i < done; i++)
            errors[at++] = 0;
        if (rc && at < n)
            errors[at++] = rc;
    }
}

void pv_map_batch(pv_root *root, uintptr_t va, const uint64_t *frames, size_t n, unsigned int prot,
                  uint16_t owner, int *errors)
{
    struct mmu_update requests[BATCH];
    bool replaced = false;

    while (n) {
        size_t count = 0;

        for (; count < BATCH && count < n; count++) {
            uint64_t *entry = find_entry(root, va + count * PV_PAGE, true);

            if (!entry)
                break;
            replaced |= *entry & PRESENT;
            requests[count] = update_of(entry, leaf(frames[count], prot));
        }
        update_batch(requests, count, owner, errors);
        if (!count)
            errors[count++] = -PV_ENOMEM;
        va += count * PV_PAGE;
        frames += count;
        errors += count;
        n -= count;
    }
    if (replaced && is_current(root, va - PV_PAGE))
        flush_all();
}

/* The first address behind the hole that va is in: a table is missing there, at some level. */
static uintptr_t skip_hole(pv_root *root, uintptr_t va)
{
    uint64_t *table = root ? root : current_root;

    for (unsigned int shift = 39; shift > PV_PAGE_SHIFT; shift -= 9) {
        uint64_t entry = table[va >> shift & (TABLE_ENTRIES - 1)];

        if (!(entry & PRESENT))
            return ((va >> shift) + 1) << shift;
        table = table_of(entry);
    }
    return va + PV_PAGE;
}

void pv_unmap(pv_root *root, uintptr_t va, size_t count)
{
    struct mmu_update requests[BATCH];
    uintptr_t end = va + count * PV_PAGE;
    size_t n = 0, total = 0;
    uintptr_t last = va;
    int errors[BATCH];

    while (va < end) {
        uint64_t *entry = find_entry(root, va, false);

        if (!entry) {
            va = skip_hole(root, va);
            continue;
        }
        if (*entry & (PRESENT | NOTED)) {
            requests[n++] = update_of(entry, 0);
            last = va;
            total++;
        }
        if (n == BATCH) {
            update_batch(requests, n, DOMID_SELF, errors);
            n = 0;
        }
        va += PV_PAGE;
    }
    if (n)
        update_batch(requests, n, DOMID_SELF, errors);
    if (total == 1 && is_current(root, last))
        flush(last);
    else if (total && is_current(root, last))
        flush_all();
}

bool pv_mapped(pv_root *root, uintptr_t va, uint64_t *frame, unsigned int *prot)
{
    uint64_t *entry = find_entry(root, va, false);

    if (!entry || !(*entry & (PRESENT | NOTED)))
        return false;
    if (frame)
        *frame = (*entry & FRAME_MASK) >> PV_PAGE_SHIFT;
    if (prot && *entry & NOTED)
        *prot = PV_PROT_NONE;
    else if (prot)
        *prot = (*entry & WRITABLE ? PV_PROT_WRITE : 0) | (*entry & NO_EXEC ? 0 : PV_PROT_EXEC) |
                (*entry & USER ? PV_PROT_USER : 0);
    return true;
}

uintptr_t pv_next_mapped(pv_root *root, uintptr_t va, uintptr_t end)
{
    while (va < end && !pv_mapped(root, va, NULL, NULL))
        va = skip_hole(root, va);
    return va < end ? va : end;
}

int pv_map_prepare(pv_root *root, uintptr_t va, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!find_entry(root, va + i * PV_PAGE, true))
            return -PV_ENOMEM;
    return 0;
}

/* ---- trees for user mode ---- */

static int pin(void *table, unsigned int command)
{
    struct mmuext_op op = { .cmd = command, .arg1.mfn = pv_frame_of(table) };

    return (int)HYPERCALL4(mmuext_op, &op, 1, NULL, DOMID_SELF);
}

static void make_writable(void *table)
{
    if (protect(table, PRESENT | WRITABLE | ACCESSED | DIRTY | NO_EXEC))
        pv_panic("a page table stays one");
}

static void free_table(void *table)
{
    make_writable(table);
    pv_pages_put(table);
}

/*
 * Frees a table that Xen does not use as one any more, and those below it. Level 3: the table of a slot of the top one.
 */
static void free_tree(uint64_t *table, unsigned int level)
{
    for (unsigned int i = 0; level > 1 && i < TABLE_ENTRIES; i++)
        if (table[i] & PRESENT)
            free_tree(table_of(table[i]), level - 1);
    free_table(table);
}

int pv_root_create(pv_root **root, pv_root **user)
{
    uint64_t *tops[2] = { pv_pages_alloc(1, 1), pv_pages_alloc(1, 1) }, *slot = pv_pages_alloc(1, 1);

    if (!tops[0] || !tops[1] || !slot) {
        for (unsigned int i = 0; i < 2; i++)
            if (tops[i])
                pv_pages_put(tops[i]);
        if (slot)
            pv_pages_put(slot);
        return -PV_ENOMEM;
    }
    pv_zero(slot, PV_PAGE);
    if (protect(slot, PRESENT | ACCESSED | NO_EXEC))
        pv_panic("Xen refuses a page table");
    for (unsigned int i = 0; i < 2; i++) {
        pv_zero(tops[i], PV_PAGE);
        if (!i)
            pv_copy(tops[i] + TABLE_ENTRIES / 2, pv_kernel_root + TABLE_ENTRIES / 2, PV_PAGE / 2);
        /* Xen's own slots are filled in by Xen, and must be empty here. */
        for (unsigned int s = 256; s < 272; s++)
            tops[i][s] = 0;
        tops[i][0] = pv_frame_of(slot) << PV_PAGE_SHIFT | TABLE;
        if (protect(tops[i], PRESENT | ACCESSED | NO_EXEC) || pin(tops[i], MMUEXT_PIN_L4_TABLE))
            pv_panic("Xen refuses a tree of page tables");
    }
    *root = tops[0];
    *user = tops[1];
    return 0;
}

void pv_root_free(pv_root *root, pv_root *user)
{
    uint64_t *slot = table_of(root[0]);

    PV_ASSERT(root != current_root);
    update(&root[0], 0, DOMID_SELF);
    update(&user[0], 0, DOMID_SELF);
    if (pin(root, MMUEXT_UNPIN_TABLE) || pin(user, MMUEXT_UNPIN_TABLE))
        pv_panic("Xen keeps a tree of page tables");
    free_tree(slot, 3);
    free_table(root);
    free_table(user);
}

void pv_root_use(pv_root *root, pv_root *user)
{
    struct mmuext_op ops[2] = {
        { .cmd = MMUEXT_NEW_BASEPTR, .arg1.mfn = pv_frame_of(root) },
        { .cmd = MMUEXT_NEW_USER_BASEPTR, .arg1.mfn = user ? pv_frame_of(user) : 0 },
    };

    if (HYPERCALL4(mmuext_op, ops, 2, NULL, DOMID_SELF))
        pv_panic("Xen refuses to use a tree of page tables");
    current_root = root;
}

/* ---- pages ---- */

static bool is_free(size_t number)
{
    return pages[number].run == 0;
}

/* The first run of n free pages from `from` on, aligned; page_count: none. */
static size_t find_free(size_t from, size_t n, size_t align)
{
    while (from + n <= page_count) {
        size_t first = (from + align - 1) & ~(align - 1), at = first;

        while (at < page_count && at < first + n && is_free(at))
            at++;
        if (at == first + n)
            return first;
        /* Go on behind the runs that are in the way. */
        from = at;
        while (from < page_count && !is_free(from))
            from += pages[from].run == INNER ? 1 : pages[from].run;
    }
    return page_count;
}

void *pv_pages_alloc(size_t n, size_t align)
{
    size_t first;

    if (n == 0 || n > free_count)
        return NULL;
    while (lowest_free < page_count && !is_free(lowest_free))
        lowest_free += pages[lowest_free].run == INNER ? 1 : pages[lowest_free].run;
    first = find_free(lowest_free, n, align ? align : 1);
    if (first >= page_count)
        return NULL;
    pages[first] = (struct page){ .run = (uint32_t)n, .users = 1 };
    for (size_t i = 1; i < n; i++)
        pages[first + i] = (struct page){ .run = INNER };
    free_count -= n;
    return page_at(first);
}

static struct page *page_of(const void *page)
{
    size_t number = number_of(page);

    PV_ASSERT(number < page_count && pages[number].run && pages[number].run != INNER);
    return &pages[number];
}

void pv_pages_get(void *page)
{
    page_of(page)->users++;
}

void pv_pages_put(void *page)
{
    struct page *p = page_of(page);
    size_t n = p->run;

    if (--p->users)
        return;
    for (size_t i = 0; i < n; i++)
        p[i] = (struct page){ 0 };
    free_count += n;
    if (number_of(page) < lowest_free)
        lowest_free = number_of(page);
}

size_t pv_pages_in_run(const void *page)
{
    size_t number = number_of(page);

    return number >= page_count || pages[number].run == INNER ? 0 : pages[number].run;
}

size_t pv_pages_free(void)
{
    return free_count;
}

size_t pv_pages_total(void)
{
    return page_count;
}

/* The entries of n pages that the domain's builder used; nobody can have allocated them. */
static struct page *reserved(void *first, size_t n)
{
    size_t number = number_of(first);

    PV_ASSERT(number + n <= page_count);
    for (size_t i = 0; i < n; i++)
        PV_ASSERT(pages[number + i].run == INNER);
    return &pages[number];
}

void pv_pages_add(void *first, size_t n)
{
    struct page *p = reserved(first, n);

    for (size_t i = 0; i < n; i++)
        p[i] = (struct page){ 0 };
    free_count += n;
    if (number_of(first) < lowest_free)
        lowest_free = number_of(first);
}

void pv_pages_adopt(void *first, size_t n)
{
    struct page *p = reserved(first, n);

    for (size_t i = 0; i < n; i++)
        p[i] = (struct page){ .run = 1, .users = 1 };
}

/* ---- the beginning ---- */

static size_t boot_next; /* the next page for tables, while there is no allocator */

/* How many pages the builder mapped: the image, ramdisk, page list, tables and stack, and at least 512 KiB more. */
static size_t mapped_at_start(void)
{
    size_t number = boot_next;
    uint64_t *entry;

    while (number < page_count && (entry = find_entry(NULL, PV_BASE + number * PV_PAGE, false)) && *entry & PRESENT)
        number++;
    return number;
}

static void *boot_table(void)
{
    void *table = page_at(boot_next++);

    pv_zero(table, PV_PAGE);
    return table;
}

/* Maps the pages from this one on that share its table, at most 512. Returns the number behind the last. */
static size_t map_table(size_t number)
{
    uintptr_t va = PV_BASE + number * PV_PAGE;
    uint64_t *table = pv_kernel_root, *entry = NULL;
    size_t end = (number | (TABLE_ENTRIES - 1)) + 1;
    uint64_t *lowest;

    if (end > page_count)
        end = page_count;
    /* The builder made this table, and filled in its beginning. */
    if ((entry = find_entry(NULL, va, false))) {
        for (; number < end; number++, entry++)
            if (update(entry, leaf(p2m[number], PV_PROT_WRITE), DOMID_SELF))
                pv_panic("cannot map page %lu", number);
        return end;
    }
    for (unsigned int shift = 39; shift > 21; shift -= 9) {
        entry = &table[va >> shift & (TABLE_ENTRIES - 1)];
        if (!(*entry & PRESENT) && hook(entry, boot_table()))
            pv_panic("Xen refuses a page table");
        table = table_of(*entry);
    }
    lowest = boot_table();
    for (size_t i = number; i < end; i++)
        lowest[i & (TABLE_ENTRIES - 1)] = leaf(p2m[i], PV_PROT_WRITE);
    if (hook(&table[va >> 21 & (TABLE_ENTRIES - 1)], lowest))
        pv_panic("Xen refuses a page table");
    return end;
}

/* All trees share one table for areas. It must exist before the second tree is made. */
static void prepare_areas(void)
{
    uint64_t *entry = &pv_kernel_root[PV_AREAS_BEGIN >> 39 & (TABLE_ENTRIES - 1)];

    if (!(*entry & PRESENT) && hook(entry, boot_table()))
        pv_panic("Xen refuses a page table");
}

static void protect_text(void)
{
    extern char pv_text_begin[], pv_text_end[];

    for (char *page = pv_text_begin; page < pv_text_end; page += PV_PAGE)
        if (protect(page, PRESENT | ACCESSED))
            pv_panic("Xen refuses to protect the text");
}

void pv_memory_init(void)
{
    extern char pv_image_begin[];
    size_t tables_end, list_end, mapped;

    page_count = pv_start_info->nr_pages;
    p2m = (uint64_t *)pv_start_info->mfn_list;
    pv_kernel_root = current_root = (uint64_t *)pv_start_info->pt_base;
    /* The builder's boot stack is the page behind its tables. */
    tables_end = number_of((void *)pv_start_info->pt_base) + pv_start_info->nr_pt_frames + 1;
    list_end = number_of((void *)(pv_start_info->mfn_list + page_count * sizeof(*p2m) + PV_PAGE - 1));
    boot_next = tables_end > list_end ? tables_end : list_end;
    mapped = mapped_at_start();
    while (mapped < page_count)
        mapped = map_table(mapped);
    prepare_areas();

    pages = page_at(boot_next);
    boot_next += (page_count * sizeof(*pages) + PV_PAGE - 1) / PV_PAGE;
    for (size_t i = 0; i < page_count; i++)
        pages[i].run = i < boot_next ? INNER : 0;
    free_count = page_count - boot_next;
    lowest_free = boot_next;
    /* What lies below the image is ordinary memory, except page 0: where PV_BASE is 0, NULL points there. */
    pv_pages_add(page_at(1), number_of(pv_image_begin) - 1);
    if (HYPERCALL3(update_va_mapping, page_at(0), 0, UVMF_INVLPG))
        pv_panic("page 0 stays");
    protect_text();
}

/* ---- areas ---- */

struct area { uintptr_t first; size_t pages; struct area *next; };
static struct area *areas; /* by address */

uintptr_t pv_area_alloc(size_t count)
{
    struct area **at = &areas, *area = pv_alloc(sizeof(*area));
    uintptr_t first = PV_AREAS_BEGIN;

    if (!area || !count || count > (PV_AREAS_END - PV_AREAS_BEGIN) / PV_PAGE) {
        pv_free(area);
        return 0;
    }
    for (; *at && (*at)->first - first < (count + 1) * PV_PAGE; at = &(*at)->next)
        first = (*at)->first + ((*at)->pages + 1) * PV_PAGE;
    if (PV_AREAS_END - first < (count + 1) * PV_PAGE) {
        pv_free(area);
        return 0;
    }
    *area = (struct area){ .first = first, .pages = count, .next = *at };
    *at = area;
    return first;
}

void pv_area_free(uintptr_t first)
{
    struct area **at, *area;

    for (at = &areas; *at && (*at)->first != first; at = &(*at)->next)
        ;
    area = *at;
    PV_ASSERT(area);
    *at = area->next;
    pv_free(area);
}

bool pv_area_find(uintptr_t va, uintptr_t *first, size_t *count)
{
    for (struct area *area = areas; area && area->first <= va; area = area->next)
        if (va - area->first < area->pages * PV_PAGE) {
            *first = area->first;
            *count = area->pages;
            return true;
        }
    return false;
}
