/*
 * Return addresses, to the log, with the names of functions. The code keeps no frame pointers. So each word of the
 * stack that looks like an address in the image's code is taken for a return address if a call stands before that
 * address.
 *
 * The names are in a table. `symbols` makes it from a first link of the image, for a second link. A flavour that links
 * without the table gets addresses only.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "layer.h"

/* How many words of a stack are looked at. */
#define WORDS_MAX 400

extern char pv_text_begin[], pv_text_end[];
/*
 * The table: the number of functions; the offset of each from pv_text_begin, lowest first; their names, each ended by
 * NUL.
 */
extern const uint32_t pv_symbols_begin[] __attribute__((weak)), pv_symbols_end[] __attribute__((weak));

bool pv_follows_call(const uint8_t before[PV_CALL_BYTES])
{
    static const uint8_t lengths[] = { 2, 3, 4, 6, 7 }; /* of a call through a register or memory: opcode ff /2 */
    const uint8_t *end = before + PV_CALL_BYTES;

    if (end[-5] == 0xe8)
        return true;
    for (size_t i = 0; i < sizeof(lengths); i++)
        if (end[-lengths[i]] == 0xff && (end[1 - lengths[i]] & 0x38) == 0x10)
            return true;
    return false;
}

const char *pv_symbol_in(const uint32_t *table, const uint32_t *end, uint64_t where, uint64_t *offset)
{
    size_t words = (size_t)(end - table);
    uint32_t count = words ? table[0] : 0, at = 0;
    const char *name;

    if (count >= words || !count || where < table[1])
        return NULL;
    while (at + 1 < count && table[at + 2] <= where)
        at++;
    *offset = where - table[at + 1];
    name = (const char *)(table + 1 + count);
    while (at-- && name < (const char *)end)
        name += pv_strlen(name) + 1;
    return name < (const char *)end ? name : NULL;
}

static void show_address(const char *what, uint64_t address)
{
    uint64_t offset;
    const char *name = NULL;

    if (pv_symbols_begin)
        name = pv_symbol_in(pv_symbols_begin, pv_symbols_end, address - (uintptr_t)pv_text_begin, &offset);
    if (name)
        pv_log("  %s %lx %s+0x%lx", what, address, name, offset);
    else
        pv_log("  %s %lx", what, address);
}

static bool is_return_address(uint64_t address)
{
    return address >= (uintptr_t)pv_text_begin + PV_CALL_BYTES && address < (uintptr_t)pv_text_end &&
        pv_follows_call((const uint8_t *)address - PV_CALL_BYTES);
}

/* Whether a word of a kernel stack can be read there. Such a stack is in an area, or in the image. */
static bool is_readable(uint64_t address)
{
    uint64_t lowest = PV_BASE > PV_AREAS_BEGIN ? PV_AREAS_BEGIN : PV_BASE + PV_PAGE;

    return !(address & 7) && address >= lowest && pv_mapped(NULL, address, NULL, NULL);
}

void pv_backtrace(uint64_t rip, uint64_t rsp, unsigned int most)
{
    if (rip)
        show_address("at", rip);
    for (unsigned int i = 0; i < WORDS_MAX && most && is_readable(rsp); i++, rsp += 8) {
        uint64_t value = *(uint64_t *)rsp;

        if (is_return_address(value)) {
            show_address("from", value);
            most--;
        }
    }
}
