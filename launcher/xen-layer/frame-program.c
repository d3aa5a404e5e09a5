/*
 * frame-program.h
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "frame-program.h"

#include "../../common/frame-filter-insn.h"

#define WORDS 16U /* of memory: BPF_MEMWORDS */

struct machine {
    const uint8_t *frame;
    size_t size;
    uint32_t a, x, words[WORDS];
    bool outside; /* a load was outside of the frame */
};

/* ---- what may be run ---- */

/* Offsets that look negative are Linux's ancillary data, which is not here. */
static bool valid_insn(const struct frame_filter_insn *insn, unsigned int left)
{
    switch (insn->code) {
    case LD_W_ABS: case LD_H_ABS: case LD_B_ABS:
    case LD_W_IND: case LD_H_IND: case LD_B_IND:
        return insn->k <= INT32_MAX;
    case LD_MEM: case ST:
        return insn->k < WORDS;
    case LSH_K:
        return insn->k < 32;
    case JA:
        return insn->k < left;
    case JEQ_K: case JGE_K: case JSET_K: case JEQ_X:
        return insn->jt < left && insn->jf < left;
    case LD_IMM: case LDX_IMM: case ADD_K: case ADD_X: case AND_K: case TAX: case TXA: case RET_K:
        return true;
    default:
        return false;
    }
}

bool frame_program_valid(const struct frame_filter_insn *insns, unsigned int count)
{
    if (!count || count > FRAME_FILTER_MAX_INSNS)
        return false;
    for (unsigned int i = 0; i < count; i++)
        if (!valid_insn(&insns[i], count - i - 1))
            return false;
    return insns[count - 1].code == RET_K;
}

/* ---- running it ---- */

static uint32_t load(struct machine *m, uint64_t at, unsigned int octets)
{
    uint32_t value = 0;

    if (at + octets > m->size) {
        m->outside = true;
        return 0;
    }
    for (unsigned int i = 0; i < octets; i++)
        value = value << 8 | m->frame[at + i];
    return value;
}

/* All but jumps and the end. */
static void step(struct machine *m, const struct frame_filter_insn *insn)
{
    uint32_t k = insn->k;

    switch (insn->code) {
    case LD_W_ABS: m->a = load(m, k, 4); break;
    case LD_H_ABS: m->a = load(m, k, 2); break;
    case LD_B_ABS: m->a = load(m, k, 1); break;
    case LD_W_IND: m->a = load(m, (uint64_t)m->x + k, 4); break;
    case LD_H_IND: m->a = load(m, (uint64_t)m->x + k, 2); break;
    case LD_B_IND: m->a = load(m, (uint64_t)m->x + k, 1); break;
    case LD_IMM: m->a = k; break;
    case LD_MEM: m->a = m->words[k]; break;
    case LDX_IMM: m->x = k; break;
    case ST: m->words[k] = m->a; break;
    case ADD_K: m->a += k; break;
    case ADD_X: m->a += m->x; break;
    case AND_K: m->a &= k; break;
    case LSH_K: m->a <<= k; break;
    case TAX: m->x = m->a; break;
    case TXA: m->a = m->x; break;
    }
}

/* How many instructions are skipped. */
static uint32_t jump(const struct machine *m, const struct frame_filter_insn *insn)
{
    switch (insn->code) {
    case JA: return insn->k;
    case JEQ_K: return m->a == insn->k ? insn->jt : insn->jf;
    case JGE_K: return m->a >= insn->k ? insn->jt : insn->jf;
    case JSET_K: return m->a & insn->k ? insn->jt : insn->jf;
    case JEQ_X: return m->a == m->x ? insn->jt : insn->jf;
    default: return 0;
    }
}

bool frame_program_passes(const struct frame_filter_insn *insns, const uint8_t *frame, size_t size)
{
    struct machine m = { .frame = frame, .size = size };

    for (; insns->code != RET_K && !m.outside; insns += 1 + jump(&m, insns))
        step(&m, insns);
    return !m.outside && insns->k;
}
