/*
 * What random numbers are made of.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#ifndef PV_ENTROPY_H
#define PV_ENTROPY_H

#include "layer.h"

#define PV_CHACHA_BLOCK 64

/* ChaCha20's block function (RFC 8439, 2.3) with a nonce of zeros. */
void pv_chacha_block(const uint32_t key[8], uint32_t counter, uint8_t block[PV_CHACHA_BLOCK]);

/* entropy-cpu.c: a word of the CPU's generator, the seeds' (RDSEED) if it has one. False: it gives none. */
bool pv_cpu_random(uint64_t *word);

#endif
