/*
 * The CPU's own generator (entropy.h).
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "entropy.h"

#include <xen/arch-x86/cpuid.h>

#define RDRAND_BIT (1u << 30) /* leaf 1, ecx */
#define RDSEED_BIT (1u << 18) /* leaf 7, ebx */
/* Intel's advice for RDRAND is 10; RDSEED may be drained for longer. */
#define TRIES 128

struct leaf { uint32_t a, b, c, d; };

/* CPUID as Xen emulates it for this domain. Without the prefix a PV domain may see the real CPU. */
static struct leaf cpuid(uint32_t number)
{
    struct leaf leaf;

    __asm__ volatile(XEN_CPUID : "=a"(leaf.a), "=b"(leaf.b), "=c"(leaf.c), "=d"(leaf.d)
                               : "a"(number), "c"(0));
    return leaf;
}

static bool rdrand(uint64_t *word)
{
    bool good;

    __asm__ volatile("rdrand %0; setc %1" : "=r"(*word), "=qm"(good) :: "cc");
    return good;
}

static bool rdseed(uint64_t *word)
{
    bool good;

    __asm__ volatile("rdseed %0; setc %1" : "=r"(*word), "=qm"(good) :: "cc");
    return good;
}

/* Some CPUs say "good" for ever to the same word, mostly all ones. */
static bool draw(bool (*generator)(uint64_t *word), uint64_t *word)
{
    static uint64_t last;

    for (unsigned int i = 0; i < TRIES; i++) {
        if (generator(word) && *word != last && *word != UINT64_MAX && *word) {
            last = *word;
            return true;
        }
        __asm__ volatile("pause");
    }
    return false;
}

bool pv_cpu_random(uint64_t *word)
{
    static bool known, has_rdrand, has_rdseed;

    if (!known) {
        has_rdrand = cpuid(1).c & RDRAND_BIT;
        has_rdseed = cpuid(0).a >= 7 && cpuid(7).b & RDSEED_BIT;
        known = true;
    }
    return (has_rdseed && draw(rdseed, word)) || (has_rdrand && draw(rdrand, word));
}
