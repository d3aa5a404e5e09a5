/*
 * Random numbers (pv.h): the output of ChaCha20. Its key is mixed from dom0's seed and from words of the CPU's
 * generator, new ones in each call. Each call replaces the key, so that nobody can compute earlier output from it. A
 * clock is no source: dom0, and the guest, know the time.
 *
 * The seed is a node of ours in xenstore, which dom0's daemon writes before we run (launcher/dom0-daemon/both/store.c).
 * The node is removed before any program runs, because programs may read xenstore. They may read the command line, too,
 * so the seed is not there.
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "entropy.h"

#include "../../common/stubdom-wire.h"

#define SEED_DIGITS_MIN 32 /* 128 bits; less is no seed */
#define SEED_DIGITS_MAX 1024
#define KEY_WORDS 8

static uint32_t key[KEY_WORDS];
static bool seeded; /* the key contains something that others do not know */

/* ---- ChaCha20 ---- */

static uint32_t rotate(uint32_t v, unsigned int n)
{
    return v << n | v >> (32 - n);
}

static void quarter_round(uint32_t *a, uint32_t *b, uint32_t *c, uint32_t *d)
{
    *a += *b; *d = rotate(*d ^ *a, 16);
    *c += *d; *b = rotate(*b ^ *c, 12);
    *a += *b; *d = rotate(*d ^ *a, 8);
    *c += *d; *b = rotate(*b ^ *c, 7);
}

void pv_chacha_block(const uint32_t with_key[8], uint32_t counter, uint8_t block[PV_CHACHA_BLOCK])
{
    uint32_t start[16] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, [12] = counter };
    uint32_t x[16];

    pv_copy(start + 4, with_key, KEY_WORDS * 4);
    pv_copy(x, start, sizeof(x));
    for (unsigned int round = 0; round < 20; round += 2) {
        for (unsigned int i = 0; i < 4; i++)
            quarter_round(&x[i], &x[i + 4], &x[i + 8], &x[i + 12]);
        for (unsigned int i = 0; i < 4; i++)
            quarter_round(&x[i], &x[(i + 1) % 4 + 4], &x[(i + 2) % 4 + 8], &x[(i + 3) % 4 + 12]);
    }
    for (unsigned int i = 0; i < 16; i++)
        x[i] += start[i];
    pv_copy(block, x, PV_CHACHA_BLOCK); /* little endian, as we are */
}

/* ---- the key ---- */

static void replace_key(void)
{
    uint8_t block[PV_CHACHA_BLOCK];

    pv_chacha_block(key, 0, block);
    pv_copy(key, block, sizeof(key));
    pv_zero(block, sizeof(block));
}

/* The new key depends on all of the old key and on all of the piece. */
static void mix(const uint32_t piece[KEY_WORDS])
{
    for (size_t i = 0; i < KEY_WORDS; i++)
        key[i] ^= piece[i];
    replace_key();
}

static bool gather(void)
{
    uint64_t words[KEY_WORDS / 2];
    uint32_t piece[KEY_WORDS];

    for (size_t i = 0; i < KEY_WORDS / 2; i++)
        if (!pv_cpu_random(&words[i]))
            return false;
    pv_copy(piece, words, sizeof(piece));
    mix(piece);
    return true;
}

/* ---- dom0's seed: hex digits ---- */

/* A digit's value; 16: it is none. */
static uint32_t digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0');
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10) : 16;
}

/* How many digits there were; 0: it is no seed. */
static size_t mix_seed(const char *seed)
{
    uint32_t piece[KEY_WORDS] = { 0 };
    size_t count = 0;

    while (digit_of(seed[count]) < 16)
        count++;
    if (count < SEED_DIGITS_MIN || seed[count])
        return 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = i % (KEY_WORDS * 8);

        piece[at / 8] |= digit_of(seed[i]) << at % 8 * 4;
        if (at == KEY_WORDS * 8 - 1 || i == count - 1) {
            mix(piece);
            pv_zero(piece, sizeof(piece));
        }
    }
    return count;
}

static bool take_seed(void)
{
    char seed[SEED_DIGITS_MAX + 1];
    int rc = pv_store_read(WIRE_SEED, seed, sizeof(seed)), gone;
    bool given = rc >= 0 && mix_seed(seed);

    pv_zero(seed, sizeof(seed));
    if (rc == -PV_ENOENT)
        return false;
    if (!given)
        pv_log("entropy: " WIRE_SEED " in xenstore is no seed: ignored");
    gone = pv_store_remove(WIRE_SEED);
    if (gone)
        pv_log("entropy: " WIRE_SEED " stays in xenstore, where programs can read it: error %d", -gone);
    return given;
}

void pv_entropy_init(void)
{
    bool given = take_seed(), drawn = gather();

    seeded = given || drawn;
    if (!drawn)
        pv_log("entropy: the CPU's generator gives nothing: %s", given ? "there is dom0's seed" :
                                                                         "no random numbers");
}

int pv_random(void *to, size_t size)
{
    uint8_t *at = to, block[PV_CHACHA_BLOCK];
    uint32_t counter = 1; /* block 0 becomes the next key */

    seeded |= gather();
    if (!seeded)
        return -PV_ENODEV;
    for (size_t n; size; size -= n, at += n) {
        n = size < sizeof(block) ? size : sizeof(block);
        pv_chacha_block(key, counter++, block);
        pv_copy(at, block, n);
    }
    pv_zero(block, sizeof(block));
    replace_key();
    return 0;
}
